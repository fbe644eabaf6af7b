//! A controller that serves is replaced by adding first: with a fourth voter, one may leave and three remain. Chosen by
//! observation; the other order is `replace`.

use std::time::Duration;

use super::Planned;
use super::build::{Draft, by_hand, known_members, known_nodes, permitted, watch};
use super::etcd::{backup_file, backup_steps};
use super::host::Host;
use super::replace::{join, outside, spread_again};
use crate::base::{Text, Why, WhyKind};
use crate::model::Snapshot;
use crate::model::intent::Intent;
use crate::model::quorum::Quorum;
use crate::plan::condition::Condition;
use crate::plan::gate;
use crate::plan::step::Risk;

/// How long Embedded Cluster's reset may take: it drains for a minute, leaves etcd, wipes and reboots.
const RESET: Duration = Duration::from_mins(30);

pub(super) fn plan(
    intent: &Intent,
    snapshot: &Snapshot,
    quorum: &Quorum,
    host: &Host,
    zone: Option<&Text>,
) -> Result<Planned, Why> {
    let name = &host.name;
    let Some(member) = host.id() else {
        return Err(Why::new(WhyKind::NotFound, format!("etcd lists no member on {name}")));
    };
    // With a dead voter elsewhere etcd refuses the join, and the reset would end in the loss of quorum.
    permitted(gate::Act::Disturb, snapshot)?;
    permitted(gate::Act::Add, snapshot)?;
    let mut draft = Draft::new(intent, snapshot);
    draft.count_now(quorum);
    for step in backup_steps(snapshot, &backup_file(snapshot.now))? {
        draft.push(step);
    }
    let voters = quorum.voters;
    let join_at = draft.steps.len() + 1;
    join(
        &mut draft,
        snapshot,
        &known_members(quorum),
        &known_nodes(snapshot),
        zone,
    );
    draft.count(format!("while step {join_at} joins"), voters + 1, quorum.healthy);
    draft.count("with the new voter", voters + 1, quorum.healthy + 1);
    draft.push(
        by_hand(
            format!("reset {name}, on {name} itself"),
            reset_command(snapshot),
            Risk::Irreversible,
        )
        .needs([
            Condition::QuorumProven,
            Condition::MembershipQuiet,
            Condition::Permitted {
                act: gate::Act::RemoveHealthy { member },
            },
        ])
        .done([Condition::MemberAbsent { id: member }])
        .within(RESET),
    );
    draft.count(format!("after step {}", draft.steps.len()), voters, quorum.healthy);
    let gone: Vec<Condition> = host
        .node
        .iter()
        .cloned()
        .chain(
            host.remains()
                .into_iter()
                .filter(|target| target.kind == crate::plan::ObjectKind::ControlNode),
        )
        .map(|target| Condition::Gone { target })
        .collect();
    draft.push(
        watch(
            format!("{name} is gone from Kubernetes"),
            "kubectl get nodes,controlnodes",
        )
        .done(gone)
        .within(RESET),
    );
    spread_again(&mut draft, snapshot);
    draft.warn(format!(
        "{name} serves: the new controller joins first, then {name} leaves. One at a time, never both together"
    ));
    draft.warn(format!(
        "reset wipes {name} and destroys its local volumes; it must run on {name} itself"
    ));
    draft.warn("while four members vote, two may not fail: no spare is gained before the old one has left");
    outside(&mut draft, snapshot, &known_nodes(snapshot), name);
    Ok(draft.finish(name))
}

/// The product's own where it is installed; what it does, for plain k0s.
fn reset_command(snapshot: &Snapshot) -> &'static str {
    if snapshot.kube.installations.is_empty() {
        "k0s etcd leave && k0s stop && k0s reset; then here: kubectl delete its node and controlnode"
    } else {
        "sudo netbox-enterprise reset"
    }
}
