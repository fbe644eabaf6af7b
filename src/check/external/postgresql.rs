//! What PostgreSQL told: who takes changes, who would take over, and which databases there are. Start reading at [`primary`].

use super::super::look::{Looked, cannot_tell, evidence, names};
use super::super::{CheckId, Finding, Outcome, Severity};
use super::asked::{answers, subject, told, untold, vantage};
use crate::base::{Text, Why, WhyKind, plural};
use crate::model::external::{DATABASES, Database, External, Server, ServiceId, Told, is_managed};
use crate::model::{FeedId, Snapshot};

/// PostgreSQL's answer, whole and in part.
struct Postgres<'a> {
    external: &'a External,
    servers: &'a [Server<Database>],
    told: Vec<(&'a Server<Database>, &'a Database)>,
}

fn postgres(snapshot: &Snapshot) -> Result<Postgres<'_>, Outcome> {
    let external = told(snapshot, ServiceId::Postgresql)?;
    let Told::Postgresql(servers) = &external.told else {
        return Err(untold::<Database>(ServiceId::Postgresql, &[]));
    };
    Ok(Postgres {
        external,
        servers,
        told: answers(ServiceId::Postgresql, servers)?,
    })
}

fn state(server: &Server<Database>, own: &Database) -> String {
    let role = match (own.in_recovery, own.read_only) {
        (true, _) => "a standby (in recovery)",
        (false, true) => "no standby, but takes no changes (transaction_read_only is on)",
        (false, false) => "the primary, takes changes",
    };
    format!("{}: PostgreSQL {}, {role}", server.target, own.version)
}

/// Whether one server takes changes.
pub fn primary(snapshot: &Snapshot) -> Looked {
    let own = postgres(snapshot)?;
    let writable = own.told.iter().filter(|(_, database)| database.is_writable()).count();
    let is_whole = own.told.len() == own.servers.len();
    let (severity, title, consequence) = match writable {
        1 => return Ok(Vec::new()),
        // The primary may be the one that told nothing.
        0 if !is_whole => {
            return Err(untold(ServiceId::Postgresql, own.servers));
        }
        0 => (
            Severity::Critical,
            "no PostgreSQL server takes changes",
            "NetBox can show what it has, and save nothing",
        ),
        _ => (
            Severity::Warning,
            "more than one PostgreSQL server takes changes",
            "where they do not replicate to each other, what is saved is in one of them only",
        ),
    };
    let lines = own.told.iter().map(|(server, database)| state(server, database));
    Ok(vec![Finding {
        check: CheckId::ExternalPostgresqlPrimary,
        severity,
        subject: "external/postgresql".into(),
        title: title.into(),
        evidence: evidence(lines.chain([vantage(snapshot, own.external)])),
        consequence: consequence.into(),
        remedy: "see what the failover manager there (Patroni, pg_auto_failover, the provider) says, and whether external.postgresql \
                 names the servers that NetBox uses"
            .into(),
    }])
}

/// Whether the databases that the product needs exist.
pub fn databases(snapshot: &Snapshot) -> Looked {
    let own = postgres(snapshot)?;
    let best = own.told.iter().max_by_key(|(_, database)| database.is_writable());
    let Some((server, database)) = best else {
        return Ok(Vec::new());
    };
    let missing: Vec<&str> = DATABASES
        .into_iter()
        .filter(|name| !database.databases.iter().any(|own| own == name))
        .collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Finding {
        check: CheckId::ExternalPostgresqlDatabases,
        severity: Severity::Warning,
        subject: subject(server),
        title: format!("PostgreSQL lacks {}", names(&missing)).into(),
        evidence: evidence([
            format!("{}: pg_database lists {}", server.target, list(&database.databases)),
            vantage(snapshot, own.external),
        ]),
        consequence: "the parts of the product that keep their data there do not start".into(),
        remedy:
            "create it, owned by the user that the product logs in as; where other names were chosen, acknowledge this"
                .into(),
    }])
}

fn list(all: &[Text]) -> String {
    if all.is_empty() {
        "none of them".to_owned()
    } else {
        names(all)
    }
}

/// Whether a standby would take over.
pub fn standby(snapshot: &Snapshot) -> Looked {
    let own = postgres(snapshot)?;
    let feed = FeedId::External(ServiceId::Postgresql);
    let Some((server, database)) = own.told.iter().find(|(_, database)| database.is_writable()) else {
        let why = Why::new(
            WhyKind::Unavailable,
            "no primary was found that could name its standbys",
        );
        return Err(cannot_tell(feed, why));
    };
    if database.standbys.iter().any(|state| state == "streaming") {
        return Ok(Vec::new());
    }
    if is_managed(server.target.as_str()) {
        let why = Why::new(WhyKind::NoOccasion, "a managed service shows nobody its standbys");
        return Err(cannot_tell(
            feed,
            why.hint("see in its console whether it runs in several zones"),
        ));
    }
    // A row without a state is a standby whose state is not ours to see.
    if database.standbys.iter().any(Text::is_empty) {
        let why = Why::new(
            WhyKind::Forbidden,
            "pg_stat_replication hides the state of the standbys from this user",
        );
        return Err(cannot_tell(
            feed,
            why.hint("GRANT pg_monitor to the user of external.postgresql"),
        ));
    }
    Ok(vec![nobody_streams(snapshot, &own, server, database)])
}

/// The primary shows no standby that streams.
fn nobody_streams(snapshot: &Snapshot, own: &Postgres, server: &Server<Database>, database: &Database) -> Finding {
    let standbys = own.told.iter().filter(|(_, other)| other.in_recovery);
    let standbys: Vec<String> = standbys
        .map(|(other, _)| format!("{} is a standby and does not stream from it", other.target))
        .collect();
    let states = if database.standbys.is_empty() {
        "shows no standby".to_owned()
    } else {
        format!("has {}, none streaming", names(&database.standbys))
    };
    let is_alone = database.standbys.is_empty() && standbys.is_empty();
    let shown = format!("{}: pg_stat_replication {states}", server.target);
    let others = (database.other_receivers > 0).then(|| {
        let receivers = plural(database.other_receivers, "receiver");
        format!("not counted as standbys: {receivers} of WAL without replay, or with a logical slot")
    });
    let lines = std::iter::once(shown).chain(others).chain(standbys);
    Finding {
        check: CheckId::ExternalPostgresqlStandby,
        severity: Severity::Warning,
        subject: subject(server),
        title: "no PostgreSQL standby streams from the primary".into(),
        evidence: evidence(lines.chain([vantage(snapshot, own.external)])),
        consequence: "the loss of that one server is an outage, and the loss of what was saved since the last backup"
            .into(),
        remedy: if is_alone { BUILD } else { MEND }.into(),
    }
}

const MEND: &str = "see the log of the standby and its primary_conninfo, and what the failover manager there says";

/// A managed service that is named by a name of one's own cannot be told from a lone server.
const BUILD: &str = "build a standby (Patroni, pg_auto_failover). A managed service behind a name of your own may hide its \
                     standbys: see in its console whether it runs in several zones, and acknowledge this";
