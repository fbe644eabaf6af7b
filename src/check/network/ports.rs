//! Do the controllers reach each other's ports? Tried from this host, and from the others where the operator lets quorate log
//! in there. Start reading at [`own`] and [`pairs`].

use core::net::IpAddr;

use super::super::look::{Looked, cannot_tell, evidence, host_subject, need, not_applicable, plural};
use super::super::{CheckId, Finding, Outcome, Severity};
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::feed::HostPart;
use crate::model::host::CONSOLE_PORT;
use crate::model::reach::from::{FromController, NodePort, Target, Way};
use crate::model::{FeedId, Snapshot};

/// From this host.
pub fn own(snapshot: &Snapshot) -> Looked {
    let Some(address) = snapshot.own_address() else {
        need(snapshot, FeedId::Host(HostPart::Status))?;
        let why = Why::new(
            WhyKind::NotYet,
            "this host's address among the controllers is not known",
        );
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    };
    let feed = FeedId::From(address);
    need(snapshot, feed)?;
    let seen = snapshot.from.get(&address);
    let seen = seen.ok_or_else(|| cannot_tell(feed, not_yet()))?;
    if !seen.ways.iter().any(is_between) {
        return Err(nobody(snapshot));
    }
    let subject = host_subject(snapshot);
    closed(snapshot, address, seen, CheckId::NetworkPorts, &subject)
}

/// From every other controller that is not dead.
pub fn pairs(snapshot: &Snapshot) -> Looked {
    let others = snapshot.neighbours();
    let living = others.iter().filter(|own| is_asked(snapshot, own.address));
    let (mut found, mut untold, mut count) = (Vec::new(), None, 0);
    for neighbour in living {
        count += 1;
        let feed = FeedId::From(neighbour.address);
        let seen = need(snapshot, feed).and_then(|()| {
            let seen = snapshot.from.get(&neighbour.address);
            seen.ok_or_else(|| cannot_tell(feed, not_yet()))
        });
        match seen {
            Ok(seen) if !seen.ways.iter().any(is_between) => {
                let text = format!(
                    "nothing was tried from {}: no other controller was known",
                    neighbour.name
                );
                untold.get_or_insert(cannot_tell(feed, Why::new(WhyKind::NotYet, text)));
            }
            Ok(seen) => {
                let subject = Text::from(format!("node/{}", neighbour.name));
                match closed(snapshot, neighbour.address, seen, CheckId::NetworkPairs, &subject) {
                    Ok(closed) => found.extend(closed),
                    Err(outcome) => drop(untold.get_or_insert(outcome)),
                }
            }
            Err(outcome) => drop(untold.get_or_insert(outcome)),
        }
    }
    match untold {
        Some(outcome) if found.is_empty() => Err(outcome),
        None if count == 0 => Err(nobody(snapshot)),
        Some(_) | None => Ok(found),
    }
}

/// Whether a controller is neither dead nor about to join: then it is known what it must reach.
pub(super) fn is_asked(snapshot: &Snapshot, address: IpAddr) -> bool {
    let joins = snapshot.member_at(address).is_some_and(|member| member.is_learner);
    !joins && snapshot.etcd_answers_at(address) != Some(false)
}

/// Whether it leads to a controller, not to a service outside the cluster.
const fn is_between(way: &Way) -> bool {
    matches!(way.target, Target::Controller { .. })
}

/// There is nobody to reach; or nobody has said who there is.
fn nobody(snapshot: &Snapshot) -> Outcome {
    if snapshot.membership().is_from_etcd() {
        return not_applicable("there is no other controller that lives");
    }
    let why = Why::new(WhyKind::NotYet, "no other controller is known");
    cannot_tell(FeedId::EtcdLocal, why)
}

fn not_yet() -> Why {
    Why::new(WhyKind::NotYet, "no answer yet")
}

/// One finding for all ways from one controller that are not open. What leads to a controller that died since is no news.
fn closed(snapshot: &Snapshot, from: IpAddr, seen: &FromController, check: CheckId, subject: &Text) -> Looked {
    let closed: Vec<(NodePort, IpAddr, &Way)> = seen
        .ways
        .iter()
        .filter(|way| !way.is_open())
        .filter_map(|way| match way.target {
            Target::Controller { port, at } => Some((port, at.ip(), way)),
            Target::Pod { .. } | Target::External { .. } => None,
        })
        .filter(|(_, to, _)| snapshot.etcd_answers_at(*to) != Some(false))
        .collect();
    let is_guessed = |port: NodePort| port == NodePort::Console && snapshot.host.console_port.is_none();
    let guessed = format!(
        "{CONSOLE_PORT} is the Admin Console's default port: ec.yaml on this host does not tell which one it is"
    );
    let Some((port, to, _)) = closed.iter().find(|(port, ..)| !is_guessed(*port)) else {
        if closed.is_empty() {
            return Ok(Vec::new());
        }
        let text = format!("{} does not reach it, but {guessed}", snapshot.controller_at(from));
        return Err(cannot_tell(FeedId::From(from), Why::new(WhyKind::Missing, text)));
    };
    let name = snapshot.controller_at(from);
    let more = closed.len() - 1;
    let more = if more == 0 {
        String::new()
    } else {
        format!(", and {} more", plural(more, "port"))
    };
    let age = Age(snapshot.now.since(seen.at));
    let lines = closed.iter().map(|(port, to, way)| {
        let (what, knock) = (port.word(), way.knock.word());
        format!(
            "{name} to {} of {} ({what}): {knock}",
            way.target,
            snapshot.controller_at(*to)
        )
    });
    let guessed = closed.iter().any(|(port, ..)| is_guessed(*port)).then_some(guessed);
    let tried = format!("tried {age} ago, with a TCP connect and nothing more");
    Ok(vec![Finding {
        check,
        severity: Severity::Warning,
        subject: subject.clone(),
        title: format!("{name} does not reach {} of {}{more}", port.word(), snapshot.controller_at(*to)).into(),
        evidence: evidence(lines.chain(guessed).chain([tried])),
        consequence: consequence(closed.iter().map(|(port, _, _)| *port)).into(),
        remedy: "open these ports between all controllers, in both directions; where one refuses, see whether k0s runs there"
            .into(),
    }])
}

/// Of the port whose loss costs most.
fn consequence(ports: impl Iterator<Item = NodePort>) -> &'static str {
    let meaning = |port| match port {
        NodePort::Etcd => (
            0,
            "the two members replicate only by way of the third: its loss costs the quorum",
        ),
        NodePort::Api => (
            1,
            "when the API server there is needed in place of another, it is not reached",
        ),
        NodePort::Kubelet => (2, "logs, exec and metrics of pods there fail through that API server"),
        NodePort::Join => (
            3,
            "a controller that joins through that host cannot fetch its certificates",
        ),
        NodePort::Bgp => (4, "pods on the two hosts do not reach each other"),
        NodePort::Console => (
            5,
            "an administrator who comes by that host does not get to the Admin Console",
        ),
    };
    ports.map(meaning).min().map_or("", |(_, words)| words)
}
