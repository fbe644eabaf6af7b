//! How the product was set up: its store, its kind of installation, its upgrades, its operator.

use super::active_installation;
use crate::base::{Text, Why, WhyKind};
use crate::check::look::{Looked, arg, cannot_tell, evidence, need_kinds, not_applicable, plural};
use crate::check::placement::workload_subject;
use crate::check::{CheckId, Finding, Outcome, Severity};
use crate::model::kube::WorkloadKind;
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
        return Err(not_applicable("there is no StatefulSet kotsadm-rqlite"));
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
        consequence: "failover is not supported here, and nobody tests it".into(),
        remedy: "ask support whether your release covers it; do not count on failover until then".into(),
    }])
}

pub(super) fn upgrade(snapshot: &Snapshot) -> Looked {
    let (key, installation) = installation(snapshot)?;
    let state = installation.state.as_str();
    let (severity, title) = match state {
        "Installed" => return Ok(Vec::new()),
        "" => {
            let why = Why::new(WhyKind::Missing, format!("Installation {} has no state yet", key.name));
            return Err(cannot_tell(FeedId::Kube(KubeKind::Installations), why));
        }
        // States of embedded-cluster `kinds/apis/v1beta1/installation_types.go`.
        _ if state.contains("Fail") => (Severity::Warning, format!("an upgrade has failed: {state}")),
        _ => (
            Severity::Info,
            format!("an installation or upgrade is under way: {state}"),
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
        consequence: "controllers may restart one after the other: a loss meanwhile may cost the quorum".into(),
        remedy: "restart, drain and replace nothing until it is over; see the Admin Console's cluster management"
            .into(),
    }])
}

pub(super) fn operator(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Deployments])?;
    let mut deployments = snapshot.kube.deployments.iter();
    let Some((key, fact)) = deployments.find(|(key, _)| key.name.as_str().ends_with("nbe-operator")) else {
        return Err(not_applicable("there is no Deployment nbe-operator"));
    };
    let operator = &fact.value;
    if operator.ready >= operator.desired && operator.desired > 0 {
        return Ok(Vec::new());
    }
    let (wanted, ready) = (operator.desired, operator.ready);
    Ok(vec![Finding {
        check: CheckId::OperatorReplicas,
        severity: Severity::Info,
        subject: workload_subject(WorkloadKind::Deployment, key),
        title: format!(
            "{ready} of {} of the operator ready",
            plural(wanted as usize, "replica")
        )
        .into(),
        evidence: evidence([format!("{key}: {wanted} wanted, {ready} ready")]),
        consequence: if ready == 0 {
            "nothing is reconciled: changes of the NetBoxEnterprise wait. NetBox itself goes on".into()
        } else {
            "another replica reconciles; one loss more, and changes wait".into()
        },
        remedy: format!("kubectl -n {} describe pods shows why", arg(key.namespace.as_str())).into(),
    }])
}

#[cfg(test)]
mod tests;
