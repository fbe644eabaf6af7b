//! The product family: is HA switched on, and what does NetBox Enterprise say about itself.

use super::look::{Looked, arg, evidence, need_kinds, not_applicable, outcome};
use super::{Check, CheckId, Finding, Group, Profile, Severity};
use crate::base::Text;
use crate::model::kube::{Condition, Tri};
use crate::model::product::{Installation, NetBoxEnterprise};
use crate::model::{KubeKind, ObjectKey, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::HaEnabled,
        group: Group::Cluster,
        profile: Profile::Any,
        title: "high availability is enabled",
        looks_at: "spec.highAvailability and spec.airGap of the newest Embedded Cluster Installation, and the number of controllers",
        why: "three controllers alone do not make the admin console's store (rqlite) survive a node",
        fix: "run enable-ha on a controller; where the installation is air-gapped ask support first: HA is not supported there yet",
        statement: Some(
            "If a cluster has 3 or more nodes but HA has not been enabled, NetBox Enterprise surfaces a warning condition and reports itself not-ready until HA setup is complete.",
        ),
        look: |snapshot, _| outcome(ha_enabled(snapshot)),
    },
    Check {
        id: CheckId::NbeReady,
        group: Group::Now,
        profile: Profile::Any,
        title: "NetBox Enterprise calls itself ready",
        looks_at: "status.ready, generations and conditions of every NetBoxEnterprise; unknown conditions are shown as they are",
        why: "its operator knows of faults that no other object shows",
        fix: "follow the message of the condition",
        statement: None,
        look: |snapshot, _| outcome(nbe_ready(snapshot)),
    },
    Check {
        id: CheckId::HaStore,
        group: Group::Cluster,
        profile: Profile::Any,
        title: "the admin console's store has three replicas",
        looks_at: "replicas of the StatefulSet kotsadm-rqlite, once HA is enabled",
        why: "with one replica, its node takes the console and the join commands with it",
        fix: "see why replicas are missing; where fewer are wanted, run enable-ha again on a controller",
        statement: Some("reports itself not-ready until HA setup is complete"),
        look: |snapshot, _| outcome(setup::store(snapshot)),
    },
    Check {
        id: CheckId::HaAirGap,
        group: Group::Cluster,
        profile: Profile::Any,
        title: "HA is not combined with an air gap",
        looks_at: "spec.airGap and spec.highAvailability of the newest Installation",
        why: "the HA document supports no failover on an air gap yet",
        fix: "ask support before relying on it",
        statement: Some("High availability on air-gapped installations is not yet supported."),
        look: |snapshot, _| outcome(setup::air_gap(snapshot)),
    },
    Check {
        id: CheckId::ProductUpgrade,
        group: Group::Cluster,
        profile: Profile::Any,
        title: "no upgrade is under way or failed",
        looks_at: "status.state of the newest Installation",
        why: "an upgrade restarts k0s on one controller after the other: a loss meanwhile may cost the quorum",
        fix: "let it finish before anything else; follow its message where it failed",
        statement: None,
        look: |snapshot, _| outcome(setup::upgrade(snapshot)),
    },
    Check {
        id: CheckId::OperatorReplicas,
        group: Group::Cluster,
        profile: Profile::Any,
        title: "the operator's replicas are ready, and one leads",
        looks_at: "the Deployment nbe-operator; one replica is the default, and several are opt-in: then the lease by which they elect \
                   their leader",
        why: "while the operator is gone nothing is reconciled; NetBox and the recovery of nodes do not depend on it",
        fix: "see why its replicas are not ready, or why none holds the lease",
        statement: Some(
            "The operator can run multiple replicas with leader election, so the loss of an operator pod does not pause reconciliation and operator upgrades can be zero-downtime.",
        ),
        look: |snapshot, _| outcome(setup::operator(snapshot)),
    },
];

mod setup;

/// The Installation in force: the one with the highest name, which is a time stamp.
pub(super) fn active_installation(snapshot: &Snapshot) -> Option<(&ObjectKey, &Installation)> {
    let last = snapshot.kube.installations.iter().last();
    last.map(|(key, fact)| (key, &fact.value))
}

fn ha_enabled(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Installations, KubeKind::Nodes])?;
    let Some((key, installation)) = active_installation(snapshot) else {
        return Err(not_applicable("there is no Embedded Cluster Installation"));
    };
    let controllers = snapshot.controllers().count();
    if controllers < 3 {
        return Err(not_applicable("HA can be enabled from three controllers on"));
    }
    if installation.high_availability {
        return Ok(Vec::new());
    }
    let lost = "the admin console's store has one replica: with its node, join commands and the console are gone";
    let (air_gap, consequence, remedy) = if installation.air_gap {
        (
            ", spec.airGap is true",
            format!("{lost}. But high availability on air-gapped installations is not yet supported"),
            "ask support before anything else, and run enable-ha only where they agree: it cannot be taken back. Until then \
             count on no failover, and acknowledge this: quorate ack ha.enabled --reason ...",
        )
    } else {
        ("", lost.to_owned(), "on a controller: sudo netbox-enterprise enable-ha")
    };
    Ok(vec![Finding {
        check: CheckId::HaEnabled,
        severity: Severity::Warning,
        subject: Text::from(format!("installation/{}", key.name)),
        title: format!("{controllers} controllers, but HA is not enabled").into(),
        evidence: evidence([format!(
            "Installation {}: spec.highAvailability is false, state {}{air_gap}",
            key.name, installation.state
        )]),
        consequence: consequence.into(),
        remedy: remedy.into(),
    }])
}

fn nbe_ready(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::NetBoxEnterprises])?;
    let objects = &snapshot.kube.netbox_enterprises;
    if objects.is_empty() {
        return Err(not_applicable("there is no NetBoxEnterprise"));
    }
    Ok(objects.iter().flat_map(|(key, fact)| judge(key, &fact.value)).collect())
}

fn judge(key: &ObjectKey, netbox: &NetBoxEnterprise) -> Vec<Finding> {
    let mut findings = unwell(key, netbox);
    if let (Some(wanted), Some(reached)) = (netbox.generation, netbox.converged_generation)
        && wanted != reached
    {
        let line = format!("metadata.generation {wanted}, status.convergedGeneration {reached}");
        let title = "NetBox Enterprise has not converged".to_owned();
        let meaning = "a rollout is under way, or stuck";
        findings.push(finding(key, Severity::Info, title, vec![line], meaning));
    }
    findings
}

fn unwell(key: &ObjectKey, netbox: &NetBoxEnterprise) -> Vec<Finding> {
    let bad: Vec<&Condition> = netbox
        .conditions
        .iter()
        .filter(|condition| !is_fine(condition))
        .collect();
    let is_degraded = bad
        .iter()
        .any(|condition| condition.kind == "Degraded" && condition.status == Tri::True);
    let (severity, title) = match netbox.ready {
        Some(false) => (Severity::Warning, "NetBox Enterprise is not ready"),
        Some(true) | None if is_degraded => (Severity::Warning, "NetBox Enterprise is degraded"),
        None => (Severity::Info, "NetBox Enterprise does not say whether it is ready"),
        Some(true) => {
            let single = |condition: &&Condition| {
                let title = format!("NetBox Enterprise: {} is {}", condition.kind, condition.status.word());
                let lines = vec![condition_line(condition)];
                finding(key, Severity::Info, title, lines, "see its message")
            };
            return bad.iter().map(single).collect();
        }
    };
    let ready = netbox
        .ready
        .map_or_else(|| "not set".to_owned(), |ready| ready.to_string());
    let status = format!("status.ready: {ready} {}", netbox.message);
    let lines = std::iter::once(status.trim_end().to_owned()).chain(bad.into_iter().map(condition_line));
    let meaning = "parts of NetBox may be down or unprotected: the message says which";
    vec![finding(key, severity, title.to_owned(), lines.collect(), meaning)]
}

fn finding(key: &ObjectKey, severity: Severity, title: String, lines: Vec<String>, consequence: &str) -> Finding {
    let (namespace, name) = (arg(key.namespace.as_str()), arg(key.name.as_str()));
    Finding {
        check: CheckId::NbeReady,
        severity,
        subject: Text::from(format!("netboxenterprise/{key}")),
        title: title.into(),
        evidence: evidence(lines),
        consequence: consequence.into(),
        remedy: format!("kubectl -n {namespace} describe netboxenterprises {name}, and the operator's log").into(),
    }
}

/// Whether a condition says that all is well. Of a condition that we do not know, True is taken for well unless its words
/// say otherwise; the HA warning's name is not public.
fn is_fine(condition: &Condition) -> bool {
    match (condition.kind.as_str(), condition.status) {
        ("Ready", status) => status == Tri::True,
        ("Progressing" | "Degraded" | "Suspended", status) => status == Tri::False,
        (kind, Tri::True) => !sounds_bad(kind) && !sounds_bad(condition.reason.as_str()),
        (_, Tri::False | Tri::Unknown) => false,
    }
}

fn sounds_bad(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    [
        "warn",
        "error",
        "fail",
        "degraded",
        "missing",
        "not",
        "disabled",
        "required",
        "unsupported",
    ]
    .iter()
    .any(|bad| word.contains(bad))
}

fn condition_line(condition: &Condition) -> String {
    let line = format!(
        "{}={} {}: {}",
        condition.kind,
        condition.status.word(),
        condition.reason,
        condition.message
    );
    line.trim_end_matches([' ', ':']).to_owned()
}

#[cfg(test)]
mod tests;
