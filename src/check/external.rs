//! The external services: does NetBox keep its data outside the cluster, and are those who keep it in order? The object says
//! the first; the services themselves are asked for the second, from this host. Start reading at [`both`].

mod asked;
mod inside;
mod postgresql;
pub(super) mod storage;

use super::look::{Looked, arg, cannot_tell, evidence, need_kinds, not_applicable, outcome};
use super::{Check, CheckId, Finding, Group, Outcome, Profile, Severity};
use crate::base::{Text, Why, WhyKind};
use crate::model::external::ServiceId;
use crate::model::product::NetBoxEnterprise;
use crate::model::{FeedId, KubeKind, Snapshot};

const POSTGRESQL_STATEMENT: &str = "External, highly available PostgreSQL configured and reachable from all nodes";
const REDIS_STATEMENT: &str =
    "External, highly available Redis (with Sentinel) configured and reachable from all nodes";

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::ExternalPostgresql,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "PostgreSQL is external and reachable",
        looks_at: "spec.postgresql.external of every NetBoxEnterprise; and, each server that external.postgresql names: TCP, \
                   TLS and a login from this host every 5 min, and a TCP connect from the other controllers with look_from_there",
        why: "a database inside the cluster has its data on one node, and is lost or waits with it; one that is not reached is lost \
              to everybody",
        fix: "move to an external, highly available PostgreSQL with the databases netbox, diode and hydra; open the way to it \
              from every node",
        statement: Some(POSTGRESQL_STATEMENT),
        look: |snapshot, _| outcome(both(snapshot, &POSTGRESQL)),
    },
    Check {
        id: CheckId::ExternalPostgresqlPrimary,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "one PostgreSQL server takes changes",
        looks_at: "pg_is_in_recovery() and transaction_read_only of each server that external.postgresql names, from this host",
        why: "NetBox saves nothing while its database only reads",
        fix: "see what the failover manager there says: a failover may be under way, or stuck",
        statement: Some(POSTGRESQL_STATEMENT),
        look: |snapshot, _| outcome(postgresql::primary(snapshot)),
    },
    Check {
        id: CheckId::ExternalPostgresqlStandby,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "a PostgreSQL standby streams",
        looks_at: "pg_stat_replication of the primary, from this host. Who streams with a logical slot, or reports no replay \
                   (pg_receivewal, a backup), is no standby. A managed service shows nobody its standbys: where it is known \
                   by its name, this cannot be told",
        why: "the cluster survives the loss of a node; the database must survive that of its own",
        fix: "build or mend a streaming standby, with something that fails over to it",
        statement: Some("The external database, Redis, and object storage must themselves be highly available"),
        look: |snapshot, _| outcome(postgresql::standby(snapshot)),
    },
    Check {
        id: CheckId::ExternalPostgresqlDatabases,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "the databases netbox, diode and hydra exist",
        looks_at: "pg_database of the primary, from this host",
        why: "a part of the product whose database is missing does not start",
        fix: "create what is missing",
        statement: Some("Requires three databases: netbox, diode, hydra"),
        look: |snapshot, _| outcome(postgresql::databases(snapshot)),
    },
    Check {
        id: CheckId::ExternalRedis,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "Redis is external and reachable",
        looks_at: "spec.redis.external of every NetBoxEnterprise; and, the server that external.redis names: TCP, TLS, a \
                   login and INFO replication from this host every 5 min, and a TCP connect from the other controllers with \
                   look_from_there",
        why: "a queue inside the cluster has its data on one node, and is lost or waits with it; one that is not reached is lost to \
              everybody",
        fix: "move to an external, highly available Redis; Diode's queue needs one with Sentinel; open the way to it from every node",
        statement: Some(REDIS_STATEMENT),
        look: |snapshot, _| outcome(both(snapshot, &REDIS)),
    },
    Check {
        id: CheckId::ExternalRedisSentinel,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "Sentinel could replace a dead Redis master",
        looks_at: "SENTINEL MASTERS, REPLICAS and CKQUORUM of each Sentinel that external.sentinel names, from this host. Where \
                   none is named and Redis is a managed service by its name, this cannot be told",
        why: "without a quorum of Sentinels and a replica, a dead master stays dead, and Diode's queue with it",
        fix: "start the Sentinels and replicas that are down; three Sentinels on three machines are the least",
        statement: Some("Sentinel-based Redis is required for durable workloads (the Diode ingestion queue)"),
        look: |snapshot, _| outcome(asked::sentinel(snapshot)),
    },
    Check {
        id: CheckId::ExternalS3,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "the bucket is reachable",
        looks_at: "HEAD of the bucket that external.s3_bucket names, from this host; with external.s3_may_write a small object \
                   is written and removed, too; and a TCP connect from the other controllers with look_from_there",
        why: "media on a node's disk pin NetBox to that node; media in a bucket that is not reached are not there",
        fix: "create the bucket, or mend its policy; open the way to it from every node",
        statement: Some("External S3-compatible storage configured and reachable from all nodes"),
        look: |snapshot, _| outcome(asked::s3(snapshot)),
    },
    Check {
        id: CheckId::ExternalS3Availability,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "object storage survives the loss of a machine",
        looks_at: "the addresses of the endpoint that external.s3_endpoint names, as this host looks them up, against those of the \
                   nodes; whether its name is that of a managed service; and of MinIO whether it can spare the server that answers. \
                   S3 itself tells nobody how many copies it keeps, or where",
        why: "the cluster survives the loss of a node; media and scripts must survive that of a machine on which they lie",
        fix: "use object storage that keeps copies on several machines, none of them a node of this cluster",
        statement: Some("The external database, Redis, and object storage must themselves be highly available"),
        look: |snapshot, _| outcome(storage::availability(snapshot)),
    },
    Check {
        id: CheckId::ExternalTls,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "the external services are asked through TLS",
        looks_at: "the connections from this host to all external services that are set, and the ends of their certificates",
        why: "what goes to a database over a plain connection, anybody on the way can read",
        fix: "switch TLS on at the service, with a certificate that names its host",
        statement: None,
        look: |snapshot, policy| outcome(asked::tls(snapshot, policy)),
    },
];

struct Service {
    check: CheckId,
    id: ServiceId,
    name: &'static str,
    field: &'static str,
    read: fn(&NetBoxEnterprise) -> Option<bool>,
    needs: &'static str,
    /// What the service itself tells.
    asked: fn(&Snapshot) -> Looked,
}

const POSTGRESQL: Service = Service {
    check: CheckId::ExternalPostgresql,
    id: ServiceId::Postgresql,
    name: "PostgreSQL",
    field: "spec.postgresql.external",
    read: |netbox| netbox.external_postgresql,
    needs: "with streaming replication or managed, and with the databases netbox, diode and hydra",
    asked: |snapshot| asked::reached(snapshot, CheckId::ExternalPostgresql, ServiceId::Postgresql),
};

const REDIS: Service = Service {
    check: CheckId::ExternalRedis,
    id: ServiceId::Redis,
    name: "Redis",
    field: "spec.redis.external",
    read: |netbox| netbox.external_redis,
    needs: "with Sentinel or managed",
    asked: asked::redis,
};

/// What the object says, and what the service itself says.
fn both(snapshot: &Snapshot, service: &Service) -> Looked {
    let said = external(snapshot, service);
    if said.as_ref().is_ok_and(|findings| !findings.is_empty()) {
        return said;
    }
    let asked = (service.asked)(snapshot).map(|found| {
        if !found.is_empty() {
            return found;
        }
        let told = snapshot.external.get(&service.id);
        told.map_or_else(Vec::new, |told| inside::on_nodes(snapshot, service.check, told))
    });
    match (said, asked) {
        (_, Ok(findings)) if !findings.is_empty() => Ok(findings),
        (Err(outcome), _) => Err(outcome),
        (Ok(_), Err(Outcome::CannotTell { feed, why, .. })) => {
            let text = format!("{} is true, but {}", service.field, why.text);
            Err(cannot_tell(
                feed,
                Why {
                    text: text.into(),
                    ..why
                },
            ))
        }
        (Ok(_), asked) => asked,
    }
}

fn external(snapshot: &Snapshot, service: &Service) -> Looked {
    need_kinds(snapshot, &[KubeKind::NetBoxEnterprises])?;
    let objects = &snapshot.kube.netbox_enterprises;
    if objects.is_empty() {
        return Err(not_applicable("there is no NetBoxEnterprise"));
    }
    let inside = objects
        .iter()
        .filter(|(_, fact)| (service.read)(&fact.value) == Some(false));
    let findings: Vec<Finding> = inside
        .map(|(key, _)| Finding {
            check: service.check,
            severity: Severity::Warning,
            subject: Text::from(format!("netboxenterprise/{key}")),
            title: format!("{} runs inside the cluster", service.name).into(),
            evidence: evidence([format!("{key}: {} is false", service.field)]),
            consequence: "its data are on a node's disk: the loss of that node is an outage, not a failover".into(),
            remedy: format!(
                "move to an external {}, {}; see kubectl -n {} get netboxenterprises {} -o yaml",
                service.name,
                service.needs,
                arg(key.namespace.as_str()),
                arg(key.name.as_str())
            )
            .into(),
        })
        .collect();
    let silent = objects.iter().find(|(_, fact)| (service.read)(&fact.value).is_none());
    match silent {
        Some((key, _)) if findings.is_empty() => {
            let why = Why::new(WhyKind::Missing, format!("{key} does not say {}", service.field));
            Err(cannot_tell(FeedId::Kube(KubeKind::NetBoxEnterprises), why))
        }
        Some(_) | None => Ok(findings),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
