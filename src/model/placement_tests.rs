#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::model::KubeKind;
use crate::model::example::{Death, add_pod, change, healthy, name, node_lost, pod, put, spread_hard, workload};
use crate::model::kube::{Owner, Spread};

fn find(snapshot: &Snapshot, wanted: &str) -> Placement {
    let placements = snapshot.placements();
    let mut found = placements.into_iter().filter(|placement| placement.key.name == wanted);
    let first = found.next().expect("a placement of that name");
    assert!(found.next().is_none(), "one only");
    first
}

fn counts(placement: &Placement) -> Vec<(&str, u32, u32)> {
    let nodes = placement.nodes.iter();
    nodes
        .map(|(node, tally)| (node.as_str(), tally.pods, tally.ready))
        .collect()
}

/// A stateful set `set` in `default` with one pod per entry of `hosts`.
fn with_set(snapshot: &mut Snapshot, spread: Vec<Spread>, hosts: &[u8]) {
    let replicas = u32::try_from(hosts.len()).unwrap();
    let set = Workload {
        spread,
        ..workload(WorkloadKind::StatefulSet, replicas)
    };
    let key = ObjectKey::new("default", "set");
    put(&mut snapshot.kube.stateful_sets, KubeKind::StatefulSets, key, set);
    for (index, host) in hosts.iter().enumerate() {
        let mut replica = pod(&name(*host));
        replica.owner = Some(Owner {
            kind: "StatefulSet".into(),
            name: "set".into(),
        });
        add_pod(&mut snapshot.kube, "default", &format!("set-{index}"), replica);
    }
}

fn over(topology_key: &str) -> Vec<Spread> {
    vec![Spread {
        topology_key: topology_key.into(),
        ..spread_hard()
    }]
}

#[test]
fn a_deployments_pods_are_found_through_its_replica_set() {
    let web = find(&healthy(), "netbox-netbox");
    assert_eq!(counts(&web), [("nbe-1", 1, 1), ("nbe-2", 1, 1), ("nbe-3", 1, 1)]);
    assert_eq!((web.ready(), web.unscheduled), (3, 0));
    assert!(web.is_hard_spread() && web.survives_any_loss());
    assert_eq!(web.spread_ok, Some(true));
}

#[test]
fn every_workload_once_in_order() {
    let placements = healthy().placements();
    let keys: Vec<String> = placements.iter().map(|placement| placement.key.to_string()).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    assert_eq!(placements.len(), 13);
    let daemons = placements.iter().filter(|p| p.workload.kind == WorkloadKind::DaemonSet);
    assert_eq!(daemons.count(), 3);
}

#[test]
fn pods_that_go_or_wait_are_not_placed() {
    let snapshot = node_lost(Death::Silent);
    let web = find(&snapshot, "netbox-netbox");
    assert_eq!(counts(&web), [("nbe-1", 1, 1), ("nbe-2", 1, 1)]);
    assert_eq!(web.unscheduled, 1);
    let daemon = find(&snapshot, "calico-node");
    assert_eq!(
        counts(&daemon)[2],
        ("nbe-3", 1, 0),
        "a daemon set's pod stays, not ready"
    );
}

#[test]
fn finished_pods_do_not_count() {
    let mut snapshot = healthy();
    let key = ObjectKey::new("kotsadm", "netbox-netbox-6d5f8-1");
    change(&mut snapshot.kube.pods, &key, |pod| pod.phase = "Failed".into());
    assert_eq!(find(&snapshot, "netbox-netbox").ready(), 2);
}

#[test]
fn the_same_name_in_another_namespace_is_another_workload() {
    let mut snapshot = healthy();
    let mut stranger = pod(&name(1));
    stranger.owner = Some(Owner {
        kind: "ReplicaSet".into(),
        name: "netbox-netbox-6d5f8".into(),
    });
    add_pod(&mut snapshot.kube, "default", "stranger", stranger);
    assert_eq!(find(&snapshot, "netbox-netbox").ready(), 3);
}

#[test]
fn two_on_one_node_break_a_spread_over_nodes() {
    let mut snapshot = healthy();
    with_set(&mut snapshot, over(HOSTNAME), &[1, 1, 2]);
    let set = find(&snapshot, "set");
    assert_eq!(set.spread_ok, Some(false), "2, 1, 0");
    assert!(set.survives_any_loss());
    with_set(&mut snapshot, over(HOSTNAME), &[1, 2]);
    change(&mut snapshot.kube.pods, &ObjectKey::new("default", "set-2"), |pod| {
        pod.node = Some(name(3));
    });
    assert_eq!(find(&snapshot, "set").spread_ok, Some(true));
}

#[test]
fn what_has_to_move_goes_from_the_fullest_place() {
    let surplus = |label: &str, hosts: &[u8]| {
        let mut snapshot = healthy();
        with_set(
            &mut snapshot,
            if label.is_empty() { Vec::new() } else { over(label) },
            hosts,
        );
        // Nodes 1 and 2 in one zone, 3 in another.
        change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(1)), |node| {
            node.zone = Some("zone-b".into());
        });
        let surplus = find(&snapshot, "set").surplus(&snapshot);
        let nodes: Vec<String> = surplus.nodes.iter().map(ToString::to_string).collect();
        (surplus.moves, nodes.join(" "))
    };
    let none = (0, String::new());
    assert_eq!(surplus(HOSTNAME, &[1, 2, 3]), none);
    assert_eq!(surplus(HOSTNAME, &[1, 2]), none);
    assert_eq!(surplus(HOSTNAME, &[1, 1, 2]), (1, "nbe-1".to_owned()));
    assert_eq!(
        surplus("", &[3, 3, 3]),
        (2, "nbe-3".to_owned()),
        "without a constraint over the nodes"
    );
    assert_eq!(surplus(ZONE, &[1, 1, 3]), none, "two and one");
    assert_eq!(surplus(ZONE, &[1, 1, 2]), (1, "nbe-1".to_owned()), "three against none");
    assert_eq!(surplus(ZONE, &[1, 2, 1, 2]), (2, "nbe-1 nbe-2".to_owned()));
    assert_eq!(surplus("example.com/rack", &[1, 1, 1]), none, "not judged");
}

#[test]
fn zones_are_judged_once_nodes_are_labeled() {
    let mut snapshot = healthy();
    with_set(&mut snapshot, over(ZONE), &[1, 2, 2]);
    let set = find(&snapshot, "set");
    assert_eq!(set.zones(&snapshot).len(), 2);
    assert_eq!(set.spread_ok, Some(false));
    // Nodes 1 and 2 in one zone, 3 in another: 3 against 0.
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(1)), |node| {
        node.zone = Some("zone-b".into());
    });
    assert_eq!(set.zones(&snapshot)["zone-b"], Tally { pods: 3, ready: 3 });
    for n in 1..=3 {
        change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(n)), |node| {
            node.zone = None;
        });
    }
    assert_eq!(set.zones(&snapshot), BTreeMap::new());
    assert_eq!(find(&snapshot, "set").spread_ok, None, "no zone, nothing to judge");
}

#[test]
fn anti_affinity_allows_one_per_node() {
    let mut snapshot = healthy();
    with_set(&mut snapshot, Vec::new(), &[1, 1]);
    assert_eq!(find(&snapshot, "set").spread_ok, None);
    assert!(!find(&snapshot, "set").is_hard_spread());
    let key = ObjectKey::new("default", "set");
    change(&mut snapshot.kube.stateful_sets, &key, |set| {
        set.hard_host_anti_affinity = true;
    });
    assert_eq!(find(&snapshot, "set").spread_ok, Some(false));
    assert!(find(&snapshot, "set").is_hard_spread());
    assert!(!find(&snapshot, "set").survives_any_loss());
}

#[test]
fn a_hard_spread_counts_over_nodes_and_over_several_zones() {
    let mut snapshot = healthy();
    for (key, zoned, bare) in [(HOSTNAME, true, true), (ZONE, true, false), ("rack", false, false)] {
        with_set(&mut snapshot, over(key), &[1, 2]);
        assert_eq!(find(&snapshot, "set").is_hard_spread(), zoned, "{key}");
        let mut one_zone = snapshot.clone();
        for n in 1..=3 {
            change(&mut one_zone.kube.nodes, &ObjectKey::new("", name(n)), |node| {
                node.zone = None;
            });
        }
        assert_eq!(find(&one_zone, "set").is_hard_spread(), bare, "{key}");
    }
}

#[test]
fn what_is_not_ready_survives_nothing() {
    let mut snapshot = healthy();
    with_set(&mut snapshot, Vec::new(), &[]);
    assert!(!find(&snapshot, "set").survives_any_loss());
    with_set(&mut snapshot, Vec::new(), &[1, 2]);
    for index in 0..2 {
        let key = ObjectKey::new("default", format!("set-{index}"));
        change(&mut snapshot.kube.pods, &key, |pod| pod.ready = false);
    }
    assert!(!find(&snapshot, "set").survives_any_loss());
}
