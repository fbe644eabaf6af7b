//! `enable-ha`: Embedded Cluster's own command, with what must hold before it and what shows that it worked.

use super::Planned;
use super::build::{Draft, PODS, by_hand, watch};
use crate::base::{Why, WhyKind};
use crate::model::intent::Intent;
use crate::model::kube::{Tri, WorkloadKind};
use crate::model::{ObjectKey, Snapshot};
use crate::plan::condition::Condition;
use crate::plan::step::Risk;

/// Controllers that Embedded Cluster wants for it (`CanEnableHA`).
const CONTROLLERS: usize = 3;

pub(super) fn plan(intent: &Intent, snapshot: &Snapshot) -> Result<Planned, Why> {
    let Some((key, row)) = snapshot.kube.installations.iter().last() else {
        let text = "there is no Installation: this is no Embedded Cluster, or it was not read";
        return Err(Why::new(WhyKind::NotFound, text));
    };
    let installation = &row.value;
    if installation.high_availability {
        return Ok(Planned::nothing(format!(
            "Installation {key} records high availability already"
        )));
    }
    if installation.state != "Installed" {
        let text = format!(
            "Installation {key} is {}, not Installed: {}",
            installation.state, installation.reason
        );
        return Err(Why::new(WhyKind::Unavailable, text).hint("wait until it has settled"));
    }
    let ready = snapshot
        .controllers()
        .filter(|node| node.ready.status == Tri::True)
        .count();
    if ready < CONTROLLERS {
        let text = format!("{ready} controllers are Ready, {CONTROLLERS} are needed");
        return Err(Why::new(WhyKind::Unavailable, text).hint("join another controller first"));
    }
    let mut draft = Draft::new(intent, snapshot);
    draft.count_now(&snapshot.quorum());
    draft.warn("it cannot be taken back: Embedded Cluster has no command that turns high availability off");
    draft.warn("it moves the admin console's database to three replicas; etcd has been replicated since each controller joined");
    let mut step = by_hand(
        "turn high availability on",
        "sudo netbox-enterprise enable-ha",
        Risk::Irreversible,
    )
    .needs([
        Condition::QuorumProven,
        Condition::ApiLive,
        Condition::ControllersReady { at_least: CONTROLLERS },
        Condition::NothingPending,
        Condition::NoUpgrade,
    ])
    .done([Condition::HighlyAvailable])
    .within(PODS);
    if installation.air_gap {
        draft.warn("air-gapped: it also moves the registry's data, and NetBox Enterprise 2.2 does not support that");
        step = step.needs([Condition::NotAirGapped]);
    }
    draft.push(step);
    let rqlite = ObjectKey::new("kotsadm", "kotsadm-rqlite");
    draft.push(
        watch(
            "three replicas of the admin console's database",
            "kubectl -n kotsadm get statefulset kotsadm-rqlite",
        )
        .done([Condition::ReadyElsewhere {
            kind: WorkloadKind::StatefulSet,
            workload: rqlite,
            node: None,
            at_least: 3,
        }])
        .within(PODS),
    );
    Ok(draft.finish(&"enable-ha".into()))
}
