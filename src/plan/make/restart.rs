//! `restart-controllers` and `start-controller`: k0s's unit on one controller after the other.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Planned;
use super::build::{Draft, act, millis, permitted, watch};
use super::host::Host;
use crate::base::{Text, Why, WhyKind};
use crate::model::Snapshot;
use crate::model::intent::Intent;
use crate::model::quorum::{Health, Quorum};
use crate::plan::action::ServiceVerb;
use crate::plan::condition::Condition;
use crate::plan::gate;
use crate::plan::step::{Risk, Step};

/// How long the new holder of a lease must stay the same: a crash loop changes it too.
const STABLE: Duration = Duration::from_mins(1);
/// How long an election is seen for: it begins the wait for [`STABLE`] anew.
const ELECTION: Duration = Duration::from_secs(10);
/// How long k0s may take to come up with all that it starts: two minutes for each component.
const UP: Duration = Duration::from_mins(10);

pub(super) fn plan(intent: &Intent, snapshot: &Snapshot, wanted: &[Text]) -> Result<Planned, Why> {
    let quorum = snapshot.quorum();
    let mut draft = Draft::new(intent, snapshot);
    let mut names: Vec<Text> = wanted.to_vec();
    if names.is_empty() {
        names = stale(snapshot, &mut draft);
    }
    let unique: BTreeSet<Text> = names.into_iter().collect();
    let mut hosts = Vec::new();
    for name in &unique {
        hosts.push(Host::find(snapshot, &quorum, name)?);
    }
    // The leader last: each restart of it costs an election.
    hosts.sort_by_key(|host| (host.id().is_some() && host.id() == quorum.leader, host.name.clone()));
    draft.count_now(&quorum);
    for (n, host) in hosts.iter().enumerate() {
        let step = restart(host, snapshot)?;
        draft.push(step);
        draft.count(
            format!("during step {}", n + 1),
            quorum.voters,
            quorum.healthy.saturating_sub(1),
        );
    }
    draft.count("after", quorum.voters, quorum.voters);
    draft.warn("the kubelet stops with k0s, its pods go on: after the grace period Kubernetes takes the node for dead and evicts them");
    draft.warn("while one controller restarts, no other may fail");
    if hosts.iter().any(Host::is_here) {
        draft.warn("this host is among them: its API server and its etcd are away for a while; the run goes on");
    }
    Ok(draft.finish(&"restart-controllers".into()))
}

fn restart(host: &Host, snapshot: &Snapshot) -> Result<Step, Why> {
    let name = &host.name;
    let Some(state) = host.member else {
        let text = format!("etcd lists no member on {name}: it cannot be told whether it came back");
        return Err(Why::new(WhyKind::NotFound, text));
    };
    if let Health::Dead { why, .. } = &state.health {
        let text = format!("etcd on {name} does not serve: {}", why.text);
        return Err(Why::new(why.kind, text).hint(format!("start-controller {name}")));
    }
    let (lease, from) = host.own_lease();
    if from.is_none() {
        let text = format!(
            "nobody holds the lease {}: a restart of {name} could not be proven",
            lease.name
        );
        return Err(Why::new(WhyKind::NotFound, text).hint("start-controller where k0s is down"));
    }
    let id = state.member.id;
    let permitted = permitted(gate::Act::Stop { member: id }, snapshot)?;
    let address = super::etcd::address_of(state)?;
    let (action, command) = host.service(ServiceVerb::Restart);
    let listed = Condition::MemberListed {
        id,
        address: address.clone(),
    };
    Ok(act(format!("restart k0s on {name}"), command, action, Risk::Reversible)
        .needs([Condition::QuorumProven, listed, permitted])
        .needs(host.pause_needs())
        .done([
            Condition::HolderChanged { lease, from },
            Condition::Voter {
                address: Some(address),
                known: Vec::new(),
            },
            Condition::NodeReady {
                node: Some(name.clone()),
                known: Vec::new(),
            },
            Condition::ApiLive,
            Condition::TermSteady {
                for_ms: millis(ELECTION),
            },
        ])
        .hold(STABLE)
        .within(UP))
}

/// Controllers that are known to need it; where nothing tells, all of them.
fn stale(snapshot: &Snapshot, draft: &mut Draft) -> Vec<Text> {
    let stale = snapshot.stale_controllers();
    if stale.is_empty() {
        draft.warn("no controller is known to need it: all are restarted; name them to restart fewer");
        return snapshot.controllers().map(|node| node.name.clone()).collect();
    }
    for own in &stale {
        draft.warn(own.because.clone());
    }
    stale.into_iter().map(|own| own.node).collect()
}

pub(super) fn start(intent: &Intent, snapshot: &Snapshot, name: &Text) -> Result<Planned, Why> {
    let quorum = snapshot.quorum();
    let host = Host::find(snapshot, &quorum, name)?;
    match host.member.map(|state| &state.health) {
        Some(Health::Healthy { .. }) => return Ok(Planned::nothing(format!("etcd on {name} serves"))),
        None if quorum.membership.is_from_etcd() => {
            let text = format!("etcd does not list a member on {name}: what its data directory holds is of the past");
            let hint = "on that host: sudo netbox-enterprise reset --force, then join it anew";
            return Err(Why::new(WhyKind::NotFound, text).hint(hint));
        }
        _ => {}
    }
    let mut draft = Draft::new(intent, snapshot);
    count_start(&mut draft, &quorum);
    let ready = Condition::NodeReady {
        node: Some(name.clone()),
        known: Vec::new(),
    };
    let serves = host.id().map_or_else(|| ready.clone(), |id| Condition::Serves { id });
    let (action, command) = host.service(ServiceVerb::Start);
    draft.push(
        act(format!("start k0s on {name}"), command, action, Risk::Reversible)
            .done([serves])
            .hold(Duration::from_secs(10))
            .within(UP),
    );
    draft.push(
        watch(format!("node {name} is Ready"), format!("kubectl get node {name} -w"))
            .done([ready])
            .within(UP),
    );
    draft.warn("allowed without quorum: to start a member that is down never costs a vote");
    Ok(draft.finish(name))
}

fn count_start(draft: &mut Draft, quorum: &Quorum) {
    draft.count_now(quorum);
    if quorum.membership.is_from_etcd() {
        draft.count("after step 1", quorum.voters, (quorum.healthy + 1).min(quorum.voters));
    }
}
