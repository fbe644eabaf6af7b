//! What is seen from a controller: which ports of the others it reaches, which servers outside, and what its control plane
//! runs with.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::chapter::{Chapter, Paragraph, labelled};
use crate::app::State;
use crate::base::Text;
use crate::model::FeedId;
use crate::model::host::Process;
use crate::model::kube::Node;
use crate::model::reach::from::{Target, Way};
use crate::view::theme::Role;
use crate::view::words;

/// The chapter of a node; None where nothing is known of it.
pub fn chapter(state: &State, node: &Node) -> Option<Chapter> {
    let address: IpAddr = node.address.as_ref()?.as_str().parse().ok()?;
    let id = FeedId::From(address);
    state.snapshot.feeds.get(&id)?;
    Some(Chapter::of_feed(state, "Reaches", id, rows(state, address)))
}

/// What is seen from the controller at an address.
pub fn rows(state: &State, address: IpAddr) -> Vec<Paragraph> {
    let Some(seen) = state.snapshot.from.get(&address) else {
        return Vec::new();
    };
    let mut by_target: BTreeMap<Text, Vec<&Way>> = BTreeMap::new();
    for way in &seen.ways {
        let name = match &way.target {
            Target::Controller { at, .. } => state.snapshot.controller_at(at.ip()),
            Target::Pod { node, .. } => node.clone(),
            Target::External { service, .. } => service.title().into(),
        };
        by_target.entry(name).or_default().push(way);
    }
    let ways = by_target.into_iter().map(|(name, ways)| line(&name, &ways));
    let mut rows: Vec<Paragraph> = labelled("reaches", ways).collect();
    let age = words::coarse_age(state.snapshot.now.since(seen.at));
    rows.push(("tried", format!("{age} ago, by TCP connects"), Role::Dim));
    rows.push((
        "4789/UDP",
        "VXLAN answers nobody; that a pod there is reached shows that it passes (network.overlay)".to_owned(),
        Role::Dim,
    ));
    let loopback = "not asked: k0s's etcd listens for clients on loopback only (network.etcd-client)";
    rows.push(("2379", loopback.to_owned(), Role::Dim));
    rows.extend(
        seen.arrival
            .map(|own| ("our login", format!("comes from {} to {}", own.from, own.at), Role::Dim)),
    );
    rows.extend(labelled("runs there", seen.processes.iter().flatten().map(running)));
    rows
}

/// What is open by number, what is not by name, too.
fn line(name: &Text, ways: &[&Way]) -> (String, Role) {
    let what = |way: &Way| match &way.target {
        Target::Controller { at, .. } if way.is_open() => at.port().to_string(),
        Target::Controller { port, at } => format!("{} ({}) is {}", at.port(), port.word(), way.knock.word()),
        Target::Pod { at, .. } if way.is_open() => format!("pod {at}"),
        Target::Pod { at, .. } => format!("pod {at} is {}", way.knock.word()),
        Target::External { server, .. } if way.is_open() => server.to_string(),
        Target::External { server, .. } => format!("{server} is {}", way.knock.word()),
    };
    let told = |wanted: bool| -> Vec<String> {
        let ways = ways.iter().filter(|way| way.is_open() == wanted);
        ways.map(|way| what(way)).collect()
    };
    let (open, closed) = (told(true).join(", "), told(false).join(", "));
    match (open.as_str(), closed.as_str()) {
        (_, "") => (format!("{name}: {open}"), Role::Text),
        ("", _) => (format!("{name}: {closed}"), Role::Warning),
        _ => (format!("{name}: {open}; {closed}"), Role::Warning),
    }
}

fn running(process: &Process) -> (String, Role) {
    let flags = process.flags.iter().map(|(flag, value)| format!(" --{flag}={value}"));
    (format!("{}{}", process.name, flags.collect::<String>()), Role::Dim)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::reach::Knock;
    use crate::model::{Policy, example};

    #[test]
    fn what_is_closed_is_told_by_name() {
        let mut snapshot = example::healthy();
        let address = example::address(2).as_str().parse().unwrap();
        let seen = snapshot.from.get_mut(&address).unwrap();
        for (to, knock) in [
            ("10.77.0.13:9443", Knock::Silent),
            ("s3.example.com:443", Knock::Refused),
        ] {
            let mut ways = seen.ways.iter_mut();
            ways.find(|way| way.target.to_string() == to).unwrap().knock = knock;
        }
        let rows = rows(&State::new(Arc::new(snapshot), Policy::default()), address);
        let warned: Vec<&str> = rows
            .iter()
            .filter(|(_, _, role)| *role == Role::Warning)
            .map(|(_, text, _)| text.as_str())
            .collect();
        let expected = [
            "nbe-3: 6443, 2380, 10250, 30000, pod 10.244.3.7:8080; 9443 (k0s's join API) is silent",
            "object storage: s3.example.com:443 is refused",
        ];
        assert_eq!(warned, expected);
    }
}
