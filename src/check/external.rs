//! The external services: does NetBox keep its data outside the cluster? Whether the services themselves are reachable and
//! highly available is not seen here.

use super::look::{Looked, arg, cannot_tell, evidence, need_kinds, not_applicable, outcome};
use super::{Check, CheckId, Finding, Group, Profile, Severity};
use crate::base::{Text, Why, WhyKind};
use crate::model::product::NetBoxEnterprise;
use crate::model::{FeedId, KubeKind, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::ExternalPostgresql,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "PostgreSQL is external",
        looks_at: "spec.postgresql.external of every NetBoxEnterprise; the server itself is not asked",
        why: "a database inside the cluster has its data on one node, and is lost or waits with it",
        fix: "move to an external, highly available PostgreSQL with the databases netbox, diode and hydra",
        statement: Some("External, highly available PostgreSQL configured and reachable from all nodes"),
        look: |snapshot, _| outcome(external(snapshot, &POSTGRESQL)),
    },
    Check {
        id: CheckId::ExternalRedis,
        group: Group::ExternalServices,
        profile: Profile::Any,
        title: "Redis is external",
        looks_at: "spec.redis.external of every NetBoxEnterprise; the server itself is not asked",
        why: "a queue inside the cluster has its data on one node, and is lost or waits with it",
        fix: "move to an external, highly available Redis; Diode's queue needs one with Sentinel",
        statement: Some("External, highly available Redis (with Sentinel) configured and reachable from all nodes"),
        look: |snapshot, _| outcome(external(snapshot, &REDIS)),
    },
];

struct Service {
    check: CheckId,
    name: &'static str,
    field: &'static str,
    read: fn(&NetBoxEnterprise) -> Option<bool>,
    needs: &'static str,
}

const POSTGRESQL: Service = Service {
    check: CheckId::ExternalPostgresql,
    name: "PostgreSQL",
    field: "spec.postgresql.external",
    read: |netbox| netbox.external_postgresql,
    needs: "with streaming replication or managed, and with the databases netbox, diode and hydra",
};

const REDIS: Service = Service {
    check: CheckId::ExternalRedis,
    name: "Redis",
    field: "spec.redis.external",
    read: |netbox| netbox.external_redis,
    needs: "with Sentinel or managed",
};

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
mod tests {
    use super::*;
    use crate::check::testing::{assert_cannot_tell, assert_holds, one};
    use crate::model::ObjectKey;
    use crate::model::example::{change, healthy};

    fn with(external: Option<bool>) -> Snapshot {
        let mut snapshot = healthy();
        let key = ObjectKey::new("kotsadm", "netbox");
        change(&mut snapshot.kube.netbox_enterprises, &key, |netbox| {
            (netbox.external_postgresql, netbox.external_redis) = (external, external);
        });
        snapshot
    }

    #[test]
    fn data_inside_the_cluster_are_a_finding_and_silence_is_none() {
        for id in [CheckId::ExternalPostgresql, CheckId::ExternalRedis] {
            assert_holds(id, &with(Some(true)));
            one(
                id,
                &with(Some(false)),
                Severity::Warning,
                "netboxenterprise/kotsadm/netbox",
            );
            assert_cannot_tell(id, &with(None), FeedId::Kube(KubeKind::NetBoxEnterprises));
        }
    }
}
