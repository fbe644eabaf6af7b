//! How the product was set up: its store, its kind of installation, its upgrades, its operator.

use super::active_installation;
use crate::base::{Age, Text, Why, WhyKind};
use crate::check::look::{Looked, arg, cannot_tell, evidence, need_kinds, not_applicable, plural};
use crate::check::placement::workload_subject;
use crate::check::{CheckId, Finding, Outcome, Severity};
use crate::model::kube::{Workload, WorkloadKind};
use crate::model::leader::OperatorLease;
use crate::model::product::Installation;
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot};

fn installation(snapshot: &Snapshot) -> Result<(&ObjectKey, &Installation), Outcome> {
    need_kinds(snapshot, &[KubeKind::Installations])?;
    active_installation(snapshot).ok_or_else(|| not_applicable("there is no Embedded Cluster Installation"))
}

fn subject(key: &ObjectKey) -> Text {
    Text::from(format!("installation/{}", key.name))
}

pub(super) fn store(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Installations, KubeKind::StatefulSets])?;
    let (_, installation) = installation(snapshot)?;
    if !installation.high_availability {
        return Err(not_applicable("HA is not enabled: see ha.enabled"));
    }
    let mut sets = snapshot.kube.stateful_sets.iter();
    let Some((key, fact)) = sets.find(|(key, _)| key.name == "kotsadm-rqlite") else {
        let why = Why::new(
            WhyKind::Missing,
            "HA is enabled, but there is no StatefulSet kotsadm-rqlite",
        );
        return Err(cannot_tell(FeedId::Kube(KubeKind::StatefulSets), why));
    };
    let store = &fact.value;
    if store.desired >= 3 && store.ready >= store.desired {
        return Ok(Vec::new());
    }
    // Like etcd, it needs the majority of its replicas.
    let has_majority = store.desired >= 3 && store.ready > store.desired / 2;
    let severity = if has_majority {
        Severity::Info
    } else {
        Severity::Warning
    };
    let (wanted, ready) = (store.desired, store.ready);
    Ok(vec![Finding {
        check: CheckId::HaStore,
        severity,
        subject: workload_subject(WorkloadKind::StatefulSet, key),
        title: format!("the admin console's store has {ready} of {} replicas", wanted.max(3)).into(),
        evidence: evidence([format!("{key}: {wanted} wanted, {ready} ready; 3 with HA")]),
        consequence: if has_majority {
            "it works, and the next loss may stop it: no console, no join command".into()
        } else {
            "the admin console may not work, and without it no controller can join".into()
        },
        remedy: if wanted < 3 {
            "on a controller, while all members are healthy: sudo netbox-enterprise enable-ha".into()
        } else {
            format!(
                "bring its node back; its words: kubectl -n {} describe pods",
                arg(key.namespace.as_str())
            )
            .into()
        },
    }])
}

pub(super) fn air_gap(snapshot: &Snapshot) -> Looked {
    let (key, installation) = installation(snapshot)?;
    if !(installation.air_gap && installation.high_availability) {
        return Ok(Vec::new());
    }
    Ok(vec![Finding {
        check: CheckId::HaAirGap,
        severity: Severity::Warning,
        subject: subject(key),
        title: "HA is enabled on an air-gapped installation".into(),
        evidence: evidence([format!(
            "Installation {}: airGap and highAvailability are true",
            key.name
        )]),
        consequence: "failover is not supported on an air gap yet: NetBox Labs may not help when it fails".into(),
        remedy: "ask support whether your release covers it; do not count on failover until then".into(),
    }])
}

pub(super) fn upgrade(snapshot: &Snapshot) -> Looked {
    let (key, installation) = installation(snapshot)?;
    let state = installation.state.as_str();
    let (severity, title, consequence, remedy) = match state {
        "Installed" => return Ok(Vec::new()),
        "" => {
            let why = Why::new(WhyKind::Missing, format!("Installation {} has no state yet", key.name));
            return Err(cannot_tell(FeedId::Kube(KubeKind::Installations), why));
        }
        // States of embedded-cluster `kinds/apis/v1beta1/installation_types.go`.
        _ if state.contains("Fail") => (
            Severity::Warning,
            format!("an upgrade has failed: {state}"),
            "a part of the cluster may be of the old release and a part of the new one",
            "see its message, and the Admin Console's cluster management; restart, drain and replace nothing until it is mended",
        ),
        _ => (
            Severity::Info,
            format!("an installation or upgrade is under way: {state}"),
            "controllers may restart one after the other: a loss meanwhile may cost the quorum",
            "restart, drain and replace nothing until it is over; see the Admin Console's cluster management",
        ),
    };
    let version = installation.version.as_ref().map_or("an unknown version", Text::as_str);
    let reason = (!installation.reason.is_empty()).then(|| installation.reason.to_string());
    Ok(vec![Finding {
        check: CheckId::ProductUpgrade,
        severity,
        subject: subject(key),
        title: title.into(),
        evidence: evidence(
            [format!("Installation {} of {version}: {state}", key.name)]
                .into_iter()
                .chain(reason),
        ),
        consequence: consequence.into(),
        remedy: remedy.into(),
    }])
}

pub(super) fn operator(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Deployments])?;
    let Some((key, operator)) = snapshot.operator() else {
        return Err(not_applicable("there is no Deployment nbe-operator"));
    };
    let leases = need_kinds(snapshot, &[KubeKind::Leases]);
    let lease = snapshot.operator_lease().filter(|_| leases.is_ok());
    let mut findings: Vec<Finding> = unready(key, operator, lease.as_ref()).into_iter().collect();
    if operator.desired > 1 {
        match leases {
            Ok(()) => findings.extend(leaderless(key, operator, lease.as_ref())),
            Err(untold) if findings.is_empty() => return Err(untold),
            Err(_) => {}
        }
    }
    Ok(findings)
}

fn unready(key: &ObjectKey, operator: &Workload, lease: Option<&OperatorLease>) -> Option<Finding> {
    if operator.ready >= operator.desired && operator.desired > 0 {
        return None;
    }
    let (wanted, ready) = (operator.desired, operator.ready);
    let namespace = arg(key.namespace.as_str());
    let (title, remedy) = if wanted == 0 {
        let name = arg(key.name.as_str());
        (
            "the operator is scaled to no replica".to_owned(),
            format!("once nothing speaks against it: kubectl -n {namespace} scale deployment {name} --replicas=1"),
        )
    } else {
        (
            format!(
                "{ready} of {} of the operator ready",
                plural(wanted as usize, "replica")
            ),
            format!("kubectl -n {namespace} describe pods shows why"),
        )
    };
    Some(Finding {
        check: CheckId::OperatorReplicas,
        severity: Severity::Info,
        subject: workload_subject(WorkloadKind::Deployment, key),
        title: title.into(),
        evidence: evidence(
            [format!("{key}: {wanted} wanted, {ready} ready")]
                .into_iter()
                .chain(lease.map(lease_line)),
        ),
        consequence: if ready == 0 {
            "nothing is reconciled: changes of the NetBoxEnterprise wait. NetBox itself goes on".into()
        } else {
            "another replica reconciles; one loss more, and changes wait".into()
        },
        remedy: remedy.into(),
    })
}

/// Several replicas, and for longer than a lease lasts nobody held it.
fn leaderless(key: &ObjectKey, operator: &Workload, lease: Option<&OperatorLease>) -> Option<Finding> {
    let (line, consequence) = match lease {
        // One duration until it is free, one more to be taken. An age that cannot be told proves nothing.
        Some(lease) if lease.age.is_none_or(|age| age.age <= 2 * lease.valid) => return None,
        Some(lease) => (
            lease_line(lease),
            "nothing is reconciled until one takes it: changes of the NetBoxEnterprise wait. NetBox itself goes on",
        ),
        None => (
            format!("no lease in {} is held by a pod of it", key.namespace),
            "if its replicas elect a leader, nothing is reconciled now; if they do not, each of them acts",
        ),
    };
    let namespace = arg(key.namespace.as_str());
    Some(Finding {
        check: CheckId::OperatorReplicas,
        severity: Severity::Info,
        subject: workload_subject(WorkloadKind::Deployment, key),
        title: "no replica of the operator is known to lead".into(),
        evidence: evidence([
            format!("{key}: {} wanted, {} ready", operator.desired, operator.ready),
            line,
        ]),
        consequence: consequence.into(),
        remedy: format!(
            "kubectl -n {namespace} get leases shows who should lead, kubectl -n {namespace} logs deployment/{} why it does not",
            arg(key.name.as_str())
        )
        .into(),
    })
}

fn lease_line(lease: &OperatorLease) -> String {
    let node = lease.node.map(|node| format!(" on {node}")).unwrap_or_default();
    let renewed = lease.age.map_or_else(
        || "renewed by a clock that is ahead of ours".to_owned(),
        |age| format!("renewed {} ago", Age(age.age)),
    );
    format!(
        "lease {}: held by {}{node}, {renewed}, good for {}",
        lease.key,
        lease.pod,
        Age(lease.valid)
    )
}

#[cfg(test)]
mod tests;
