//! What the services outside the cluster told when they were asked from this host. Start reading at [`reached`].

use super::super::look::{Looked, cannot_tell, certificate_end, evidence, names, need};
use super::super::{CheckId, Finding, Outcome, Severity};
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::external::{Cache, External, Master, Secured, Seen, Server, ServiceId, Told, Watch, is_managed};
use crate::model::quorum::Contact;
use crate::model::reach::from::FromController;
use crate::model::{FeedId, FeedState, Policy, Snapshot};

/// What a service told, where that may be used as the truth of now.
pub(super) fn told(snapshot: &Snapshot, id: ServiceId) -> Result<&External, Outcome> {
    let feed = FeedId::External(id);
    need(snapshot, feed)?;
    let own = snapshot.external.get(&id);
    own.ok_or_else(|| cannot_tell(feed, Why::new(WhyKind::NotYet, "no answer yet")))
}

/// From where, and when.
pub(super) fn vantage(snapshot: &Snapshot, external: &External) -> String {
    let host = if snapshot.host.name.is_empty() {
        "this host"
    } else {
        snapshot.host.name.as_str()
    };
    let age = Age(snapshot.now.since(external.at));
    let elsewhere = snapshot.service_from_elsewhere(external.told.service());
    if elsewhere.is_empty() {
        return format!("asked from {host} only, {age} ago");
    }
    let others: Vec<String> = elsewhere
        .iter()
        .map(|(name, told)| format!("from {name}: {told}"))
        .collect();
    format!("asked from {host}, {age} ago; {}", others.join("; "))
}

pub(super) fn subject<T>(server: &Server<T>) -> Text {
    Text::from(format!("external/{}", server.target))
}

/// Whether nobody at all answers this host.
fn may_be_us(snapshot: &Snapshot) -> bool {
    matches!(snapshot.contact(), Contact::Unplugged | Contact::NobodyAnswers)
}

/// Whether every server of a service answers here.
pub fn reached(snapshot: &Snapshot, check: CheckId, id: ServiceId) -> Looked {
    let external = told(snapshot, id)?;
    let servers = external.told.servers();
    let silent: Vec<&Seen<'_>> = servers.iter().filter(|own| !own.is_reached).collect();
    if silent.is_empty() {
        return Ok(not_everywhere(snapshot, external, check).into_iter().collect());
    }
    // What this host itself lacks says nothing of the other side.
    let is_ours = |why: &Why| matches!(why.kind, WhyKind::Missing | WhyKind::Denied | WhyKind::Config);
    if let Some(why) = silent.iter().find_map(|own| own.why.filter(|why| is_ours(why))) {
        return Err(cannot_tell(FeedId::External(id), why.clone()));
    }
    // Who refuses proves that our network works.
    let is_refused = |own: &&&Seen<'_>| own.why.is_some_and(|why| why.kind == WhyKind::Refused);
    if may_be_us(snapshot) && silent.iter().find(is_refused).is_none() {
        let why = Why::new(WhyKind::Unreachable, "no other host answers: it is us, or all of them");
        return Err(cannot_tell(FeedId::External(id), why));
    }
    let own_way = is_reached_elsewhere(snapshot, id, &silent);
    let is_all = silent.len() == servers.len();
    let title = if own_way {
        format!("{} does not answer this host, and others reach it", id.title())
    } else if is_all {
        format!("{} does not answer", id.title())
    } else {
        format!(
            "{} of {} servers of {} do not answer",
            silent.len(),
            servers.len(),
            id.title()
        )
    };
    let lines = silent.iter().map(|own| own.words.clone());
    Ok(vec![Finding {
        check,
        severity: if is_all && !own_way && id != ServiceId::Sentinel {
            Severity::Critical
        } else {
            Severity::Warning
        },
        subject: Text::from(format!("external/{id}")),
        title: title.into(),
        evidence: evidence(lines.chain([vantage(snapshot, external)])),
        consequence: match id {
            _ if own_way => "what runs on this host does not get to it",
            ServiceId::Postgresql => "without its database NetBox serves nobody, however well the cluster is",
            ServiceId::Redis => "without Redis NetBox serves nobody, and no job runs",
            ServiceId::Sentinel => "with too few Sentinels nobody puts a replica in the place of a dead master",
            ServiceId::S3 => "media and scripts are not there for anybody",
        }
        .into(),
        remedy: if snapshot.service_from_elsewhere(id).is_empty() {
            "see whether it runs, and what firewalls between it and the nodes allow; ask it from the other nodes too"
        } else {
            "see whether it runs, and what firewalls between it and the nodes allow"
        }
        .into(),
    }])
}

/// Whether another controller reaches every server that turned this host away: then it is the way from here. One that
/// takes a connection and is silent may be silent to all.
fn is_reached_elsewhere(snapshot: &Snapshot, id: ServiceId, silent: &[&Seen<'_>]) -> bool {
    let own = snapshot.own_address();
    let open: Vec<String> = snapshot
        .seen_from()
        .filter(|(address, _)| Some(*address) != own)
        .flat_map(|(_, seen)| seen.to_service(id))
        .filter(|way| way.is_open())
        .map(|way| way.target.to_string())
        .collect();
    let is_turned_away = |why: &Why| matches!(why.kind, WhyKind::Refused | WhyKind::Unreachable);
    let is_own =
        |own: &Seen<'_>| own.why.is_some_and(is_turned_away) && open.iter().any(|target| own.target.as_str() == target);
    silent.iter().all(|own| is_own(own))
}

/// What answers this host, and another controller does not reach.
fn not_everywhere(snapshot: &Snapshot, external: &External, check: CheckId) -> Option<Finding> {
    let id = external.told.service();
    let own = snapshot.own_address();
    let closed = |seen: &FromController| seen.to_service(id).any(|way| !way.is_open());
    let names_of: Vec<Text> = snapshot
        .seen_from()
        .filter(|(address, seen)| Some(*address) != own && closed(seen))
        .map(|(address, _)| snapshot.controller_at(address))
        .collect();
    (!names_of.is_empty()).then(|| Finding {
        check,
        severity: Severity::Warning,
        subject: Text::from(format!("external/{id}")),
        title: format!("{} is not reached from {}", id.title(), names(&names_of)).into(),
        evidence: evidence([vantage(snapshot, external)]),
        consequence: "what runs there does not get to it, and what moves there after a loss will not either".into(),
        remedy: "open the way from every node to every server of it; see name resolution and firewalls there".into(),
    })
}

/// The servers that told something, or why none did.
pub(super) fn answers<T>(id: ServiceId, servers: &[Server<T>]) -> Result<Vec<(&Server<T>, &T)>, Outcome> {
    let told: Vec<_> = servers
        .iter()
        .filter_map(|own| Some((own, own.answer.as_ref().ok()?)))
        .collect();
    if told.is_empty() {
        return Err(untold(id, servers));
    }
    Ok(told)
}

/// Why a server that matters told nothing.
pub(super) fn untold<T>(id: ServiceId, servers: &[Server<T>]) -> Outcome {
    let why = servers.iter().find_map(|own| own.answer.as_ref().err().cloned());
    cannot_tell(
        FeedId::External(id),
        why.unwrap_or_else(|| Why::new(WhyKind::NotYet, "no answer yet")),
    )
}

/// Whether Redis is in order, as far as it tells itself.
pub fn redis(snapshot: &Snapshot) -> Looked {
    let found = reached(snapshot, CheckId::ExternalRedis, ServiceId::Redis)?;
    let external = told(snapshot, ServiceId::Redis)?;
    let Told::Redis(servers) = &external.told else {
        return Ok(found);
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let told = answers(ServiceId::Redis, servers)?;
    let has_master = told.iter().any(|(_, cache)| cache.role == "master");
    let replicas = told.into_iter().filter_map(|(server, cache)| {
        if cache.hears_master == Some(false) {
            Some(replica(server, cache, vantage(snapshot, external), &CUT_OFF))
        } else {
            // Beside a master that was named too, it is in its place.
            (cache.role == "slave" && !has_master)
                .then(|| replica(server, cache, vantage(snapshot, external), &FOLLOWS))
        }
    });
    Ok(replicas.collect())
}

/// What is said of a replica where a master is wanted.
struct Replica {
    title: &'static str,
    shown: &'static str,
    consequence: &'static str,
    remedy: &'static str,
}

const CUT_OFF: Replica = Replica {
    title: "the Redis that was asked is a replica cut off from its master",
    shown: "master_link_status is not up",
    consequence: "it takes no changes, and what it shows is old",
    remedy: "see whether a failover is under way, and what its Sentinels say",
};

const FOLLOWS: Replica = Replica {
    title: "the Redis that was asked is a replica: it takes no changes",
    shown: "it follows a master elsewhere",
    consequence: "if NetBox uses this address, its queue and cache take nothing",
    remedy: "see by which address NetBox reaches Redis; the master's belongs into external.redis, or the name that follows \
             it. After a failover, restart nothing before its Sentinels agree on the master",
};

fn replica(server: &Server<Cache>, cache: &Cache, vantage: String, words: &Replica) -> Finding {
    Finding {
        check: CheckId::ExternalRedis,
        severity: Severity::Warning,
        subject: subject(server),
        title: words.title.into(),
        evidence: evidence([
            format!("{}: role {}, {}", server.target, cache.role, words.shown),
            vantage,
        ]),
        consequence: words.consequence.into(),
        remedy: words.remedy.into(),
    }
}

/// Why nobody can tell, where no Sentinel is named because Redis is a managed service.
fn managed_redis(snapshot: &Snapshot) -> Option<Outcome> {
    if is_named(snapshot, ServiceId::Sentinel) {
        return None;
    }
    let servers = snapshot.external.get(&ServiceId::Redis)?.told.servers();
    let target = servers
        .iter()
        .map(|own| own.target)
        .find(|own| is_managed(own.as_str()))?;
    let text = format!(
        "no Sentinel is named, and {target} is a managed service: it shows nobody how it replaces a dead master"
    );
    let why = Why::new(WhyKind::NoOccasion, text).hint(
        "see in its console whether it has a replica in another zone; ask NetBox Labs whether that is enough for Diode's queue, \
         for which the HA document wants Sentinel",
    );
    Some(cannot_tell(FeedId::External(ServiceId::Sentinel), why))
}

/// Whether the Sentinels would replace a dead master.
pub fn sentinel(snapshot: &Snapshot) -> Looked {
    if let Some(outcome) = managed_redis(snapshot) {
        return Err(outcome);
    }
    let mut found = reached(snapshot, CheckId::ExternalRedisSentinel, ServiceId::Sentinel)?;
    let external = told(snapshot, ServiceId::Sentinel)?;
    let Told::Sentinel(servers) = &external.told else {
        return Ok(found);
    };
    let told = match answers(ServiceId::Sentinel, servers) {
        Ok(told) => told,
        Err(outcome) => return if found.is_empty() { Err(outcome) } else { Ok(found) },
    };
    let mut masters: Vec<&Text> = told
        .iter()
        .flat_map(|(_, watch)| watch.masters.iter().map(|own| &own.name))
        .collect();
    masters.extend(told.iter().flat_map(|(_, watch)| &watch.unknown));
    masters.sort_unstable();
    masters.dedup();
    if masters.is_empty() {
        found.push(of_master(
            snapshot,
            external,
            "none",
            &[(Hold::Stuck, "the Sentinels watch no master".to_owned())],
        ));
    }
    found.extend(masters.into_iter().filter_map(|name| {
        let wrong: Vec<_> = told
            .iter()
            .flat_map(|(server, watch)| wrong_with(server, watch, name))
            .collect();
        (!wrong.is_empty()).then(|| of_master(snapshot, external, name.as_str(), &wrong))
    }));
    // One that told nothing may see what the others do not.
    if found.is_empty() && told.len() < servers.len() {
        return Err(untold(ServiceId::Sentinel, servers));
    }
    Ok(found)
}

/// So many Sentinels are the least: of two, the loss of one leaves no majority (Redis, "High availability with Sentinel").
const SENTINELS: u64 = 3;

/// What may be held against a master, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    /// It is watched by few.
    Few,
    /// It would not be replaced.
    Stuck,
    /// It is down.
    Down,
}

/// What one Sentinel holds against a master.
fn wrong_with(server: &Server<Watch>, watch: &Watch, name: &Text) -> Vec<(Hold, String)> {
    let at = &server.target;
    let Some(master) = watch.masters.iter().find(|own| own.name == *name) else {
        return vec![(Hold::Stuck, format!("{at}: does not watch it"))];
    };
    let Master {
        address,
        replicas,
        replicas_down,
        sentinels,
        quorum,
        ..
    } = master;
    let mut wrong = Vec::new();
    if master.is_down {
        wrong.push((Hold::Down, format!("{at}: the master {address} is down")));
    }
    if let Some(words) = &master.no_quorum {
        let line = format!("{at}: {words} ({sentinels} Sentinels known, quorum {quorum})");
        wrong.push((Hold::Stuck, line));
    }
    if *replicas == 0 {
        let line = format!("{at}: no replica hears the master {address} ({replicas_down} down)");
        wrong.push((Hold::Stuck, line));
    }
    if *sentinels < SENTINELS {
        let line = format!(
            "{at}: {sentinels} Sentinels known, quorum {quorum}: with fewer than three, the loss of one machine can leave no majority"
        );
        wrong.push((Hold::Few, line));
    }
    wrong
}

fn of_master(snapshot: &Snapshot, external: &External, name: &str, wrong: &[(Hold, String)]) -> Finding {
    let worst = wrong.iter().map(|(hold, _)| *hold).max().unwrap_or(Hold::Stuck);
    let (severity, title, consequence, remedy) = match worst {
        Hold::Down => (
            Severity::Critical,
            format!("Redis master {name} is down"),
            "the Diode queue takes nothing until it is back, or a replica in its place",
            PROMOTE,
        ),
        Hold::Stuck => (
            Severity::Warning,
            format!("Sentinel could not replace Redis master {name}"),
            "when the master dies, the Diode queue stands still until somebody acts",
            COMPLETE,
        ),
        Hold::Few => (
            Severity::Warning,
            format!("fewer than three Sentinels watch Redis master {name}"),
            "when the master dies with a Sentinel's machine, the Diode queue stands still until somebody acts",
            COMPLETE,
        ),
    };
    let lines = wrong.iter().map(|(_, line)| line.clone());
    Finding {
        check: CheckId::ExternalRedisSentinel,
        severity,
        subject: Text::from(format!("external/sentinel/{name}")),
        title: title.into(),
        evidence: evidence(lines.chain([vantage(snapshot, external)])),
        consequence: consequence.into(),
        remedy: remedy.into(),
    }
}

const PROMOTE: &str = "the Sentinels should promote a replica by themselves: see SENTINEL MASTER there. If they do not, see \
                       SENTINEL CKQUORUM and SENTINEL REPLICAS: it takes enough Sentinels and a replica that lives; start what \
                       is down";

const COMPLETE: &str = "see SENTINEL CKQUORUM and SENTINEL REPLICAS there; start what is down; three Sentinels on three machines, \
                        and a replica, are the least";

/// Whether the bucket is there, and may be written where that was tried.
pub fn s3(snapshot: &Snapshot) -> Looked {
    let found = reached(snapshot, CheckId::ExternalS3, ServiceId::S3)?;
    let external = told(snapshot, ServiceId::S3)?;
    let Told::S3(servers) = &external.told else {
        return Ok(found);
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let told = answers(ServiceId::S3, servers)?;
    let found = told.into_iter().filter_map(|(server, bucket)| {
        let (title, line, remedy) = match (bucket.exists, &bucket.written) {
            (Some(false), _) => (
                format!("the bucket {} does not exist", bucket.name),
                format!("{}: HEAD of the bucket answers 404", server.target),
                "create it, or set external.s3_bucket as the product has it",
            ),
            (Some(true) | None, Some(Err(why))) => (
                format!("the bucket {} cannot be written", bucket.name),
                why.to_string(),
                "see the policy of the bucket and the rights of the key",
            ),
            (Some(true) | None, Some(Ok(())) | None) => return None,
        };
        Some(Finding {
            check: CheckId::ExternalS3,
            severity: Severity::Critical,
            subject: subject(server),
            title: title.into(),
            evidence: evidence([line, vantage(snapshot, external)]),
            consequence: "images, attachments and scripts are not there, or cannot be added".into(),
            remedy: remedy.into(),
        })
    });
    Ok(found.collect())
}

/// Whether anybody said where a service is.
fn is_named(snapshot: &Snapshot, id: ServiceId) -> bool {
    !matches!(snapshot.feed(FeedId::External(id)), FeedState::Off { why } if why.kind == WhyKind::Config)
}

/// Whether what was asked was asked through TLS, with certificates that are accepted and do not end soon.
pub fn tls(snapshot: &Snapshot, policy: &Policy) -> Looked {
    let mut wanted: Vec<ServiceId> = ServiceId::ALL
        .into_iter()
        .filter(|id| is_named(snapshot, *id))
        .collect();
    if wanted.is_empty() {
        wanted.push(ServiceId::Postgresql);
    }
    let (mut found, mut stale) = (Vec::new(), None);
    for id in wanted {
        let external = match told(snapshot, id) {
            Ok(external) => external,
            Err(outcome) => {
                stale.get_or_insert(outcome);
                continue;
            }
        };
        for server in external.told.servers() {
            match secured(snapshot, policy, external, &server) {
                Ok(own) => found.extend(own),
                Err(why) => drop(stale.get_or_insert(cannot_tell(FeedId::External(id), why))),
            }
        }
    }
    match stale {
        Some(outcome) if found.is_empty() => Err(outcome),
        Some(_) | None => Ok(found),
    }
}

/// What is wrong with one connection; or why that is not known.
fn secured(
    snapshot: &Snapshot,
    policy: &Policy,
    external: &External,
    server: &Seen<'_>,
) -> Result<Option<Finding>, Why> {
    let (service, target) = (external.told.service().title(), server.target);
    let (severity, title, line) = match (server.secured, server.why) {
        (Secured::Plain, _) => (
            Severity::Info,
            format!("{service} is asked without TLS"),
            format!("{target}: the settings say so"),
        ),
        (Secured::Tls { not_after }, _) => match certificate_end(snapshot, policy, *not_after) {
            None => return Ok(None),
            Some((severity, end)) => (
                severity,
                format!("the certificate of {service} {end}"),
                format!("{target}: not after {not_after}"),
            ),
        },
        (Secured::Unknown, Some(why)) if why.kind == WhyKind::Tls => (
            Severity::Warning,
            format!("the certificate of {service} is not accepted here"),
            why.to_string(),
        ),
        (Secured::Unknown, Some(why)) => return Err(why.clone()),
        (Secured::Unknown, None) => return Err(Why::new(WhyKind::NotYet, "no answer yet")),
    };
    Ok(Some(Finding {
        check: CheckId::ExternalTls,
        severity,
        subject: Text::from(format!("external/{target}")),
        title: title.into(),
        evidence: evidence([line, vantage(snapshot, external)]),
        consequence:
            "whoever is on the way may read and change what NetBox saves, or NetBox itself may refuse the connection"
                .into(),
        remedy:
            "switch TLS on there, with a certificate that names the host; external.ca_file names the CA that signed it"
                .into(),
    }))
}
