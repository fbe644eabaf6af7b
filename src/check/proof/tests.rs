use super::*;
use crate::base::{Why, WhyKind};
use crate::check::Outcome;
use crate::check::testing::{assert_holds, look};
use crate::model::entry::{EntryId, Trial};
use crate::model::example::{self, Death};
use crate::model::reach::Knock;
use crate::model::reach::from::Target;
use crate::model::{FeedState, ObjectKey};

fn lines(id: CheckId, snapshot: &Snapshot) -> Vec<String> {
    let lines = of(id, snapshot, &Policy::default());
    lines.iter().map(ToString::to_string).collect()
}

#[test]
fn every_check_that_holds_says_by_what() {
    for (name, make) in example::NAMED {
        let snapshot = make();
        let holds = |id: &CheckId| look(*id, &snapshot) == Outcome::Holds;
        for id in CheckId::ALL.into_iter().filter(holds) {
            let lines = lines(id, &snapshot);
            assert!((1..=8).contains(&lines.len()), "{name}: {id}: {lines:?}");
            let is_whole = |line: &String| !line.is_empty() && !line.ends_with([' ', ':', '.']);
            assert!(lines.iter().all(is_whole), "{name}: {id}: {lines:?}");
        }
    }
}

#[test]
fn the_balancer_that_routes_around_is_counted() {
    // It holds only by what was seen while a node did not serve.
    let mut snapshot = example::healthy();
    let (since, until) = (example::ago(90), example::ago(20));
    snapshot.entry.get_mut(&EntryId::Balancer).unwrap().trial = Some(Trial {
        since,
        until,
        served: 32,
        failed: 0,
    });
    let said = [
        "https://netbox.example.com:443/login/ as netbox.example.com: HTTP 200",
        "while a node did not serve, up to 20 s ago: 32 of the last 32 requests served",
    ];
    assert_eq!(lines(CheckId::EntryBalancer, &snapshot), said);
}

#[test]
fn figures_come_with_names() {
    let snapshot = example::healthy();
    let said = |id, wanted: &[&str]| assert_eq!(lines(id, &snapshot), wanted, "{id}");
    said(
        CheckId::EtcdQuorum,
        &[
            "3 of 3 voters healthy, 2 needed, spare 1",
            "a linearizable read succeeded",
            "leader: nbe-2",
        ],
    );
    said(
        CheckId::NodesSize,
        &[
            "nbe-1: 8 CPUs, 25 GB of memory, 107 GB of disk",
            "nbe-2: 8 CPUs, 25 GB of memory, 107 GB of disk",
            "nbe-3: 8 CPUs, 25 GB of memory, 107 GB of disk",
        ],
    );
    said(
        CheckId::NodesSwap,
        &[
            "nbe-1: its kubelet (v1.37.2+k0s) reports no swap",
            "nbe-2: its kubelet (v1.37.2+k0s) reports no swap",
            "nbe-3: its kubelet (v1.37.2+k0s) reports no swap",
        ],
    );
    said(
        CheckId::ZoneLabels,
        &["zone-a: nbe-1", "zone-b: nbe-2", "zone-c: nbe-3"],
    );
    said(
        CheckId::ZoneThree,
        &[
            "zone-a: nbe-1",
            "zone-b: nbe-2",
            "zone-c: nbe-3",
            "zone-a: etcd member nbe-1",
            "zone-b: etcd member nbe-2",
            "zone-c: etcd member nbe-3",
            "region: no label on nbe-1, nbe-2, nbe-3, so not compared; round trips to peer ports: nbe-2 0.9 ms, nbe-3 1.0 ms",
        ],
    );
    said(
        CheckId::FailoverTime,
        &[
            "about 58 s: detection up to 28 s (grace period 20 s, a look every 5 s), eviction 30 s",
            "20 s on nbe-1: kube-controller-manager runs with --node-monitor-grace-period=20s",
            "20 s on nbe-2: kube-controller-manager runs with --node-monitor-grace-period=20s",
            "20 s on nbe-3: kube-controller-manager runs with --node-monitor-grace-period=20s",
        ],
    );
    said(
        CheckId::ExternalPostgresql,
        &[
            "kotsadm/netbox: spec.postgresql.external is true",
            "asked from nbe-1; also reached from nbe-2, nbe-3",
            "db-1.example.com:5432: PostgreSQL 16.4, primary, 1 streaming, has netbox diode hydra",
            "db-2.example.com:5432: PostgreSQL 16.4, standby, 0 streaming, has netbox diode hydra",
        ],
    );
    said(
        CheckId::PlacementWebSpread,
        &[
            "kotsadm/netbox-netbox: 3 of 3 ready on nbe-1, nbe-2, nbe-3",
            "hard spread over kubernetes.io/hostname",
        ],
    );
    said(
        CheckId::EntryNames,
        &["CN=netbox.example.com is made for netbox.example.com, nbe-1, nbe-2, nbe-3"],
    );
    said(
        CheckId::NetworkPorts,
        &[
            "nbe-1 reaches nbe-2 at 2380, 6443, 9443, 10250, 30000",
            "nbe-1 reaches nbe-3 at 2380, 6443, 9443, 10250, 30000",
        ],
    );
}

#[test]
fn what_was_asked_says_from_where_and_from_where_not() {
    let said = |snapshot: &Snapshot| lines(CheckId::ExternalRedisSentinel, snapshot)[0].clone();
    let why = Why::new(WhyKind::Config, "nobody asked them");
    let mut snapshot = example::healthy();
    for n in [2, 3] {
        let off = FeedState::Off { why: why.clone() };
        snapshot.feeds.insert(example::from(n), off);
    }
    let off = "asked from nbe-1; not from nbe-2, nbe-3 (look_from_there is off)";
    assert_eq!(said(&snapshot), off);
    let mut snapshot = example::healthy();
    example::lose_feed(&mut snapshot, example::from(2));
    let FeedState::Lost { why, .. } = snapshot.feed(example::from(2)) else {
        panic!("it is lost");
    };
    let nbe_3 = example::address(3).as_str().parse().unwrap();
    let seen = snapshot.from.get_mut(&nbe_3).unwrap();
    seen.ways.retain(|way| !matches!(way.target, Target::External { .. }));
    let some = format!(
        "asked from nbe-1; not from nbe-2 ({}); not from nbe-3 (not tried there)",
        why.text
    );
    assert_eq!(said(&snapshot), some);
    let mut snapshot = example::healthy();
    let seen = snapshot.from.get_mut(&nbe_3).unwrap();
    for way in &mut seen.ways {
        way.knock = Knock::Silent;
    }
    let closed = said(&snapshot);
    assert!(
        closed.starts_with("asked from nbe-1; also reached from nbe-2; not from nbe-3 (10.77.9.21:26379 silent"),
        "{closed}"
    );
    // Of a dead one nobody expects it.
    let lost = said(&example::node_lost(Death::Refused));
    assert_eq!(lost, "asked from nbe-1; also reached from nbe-2");
}

#[test]
fn other_facts_make_other_lines() {
    let mut snapshot = example::healthy();
    let nodes = &mut snapshot.kube.nodes;
    example::change(nodes, &ObjectKey::new("", "nbe-2"), |node| {
        node.machine.machine_id = None;
        node.disk_bytes = Some(500_000_000_000);
    });
    assert_holds(CheckId::NodesMachines, &snapshot);
    let machines = lines(CheckId::NodesMachines, &snapshot);
    assert!(machines[0].ends_with("machine id …00000001"), "{machines:?}");
    assert!(!machines[1].contains("machine id"), "{machines:?}");
    assert_holds(CheckId::NodesSize, &snapshot);
    let sizes = lines(CheckId::NodesSize, &snapshot);
    assert_eq!(sizes[1], "nbe-2: 8 CPUs, 25 GB of memory, 500 GB of disk");
}

#[test]
fn what_is_not_of_now_proves_nothing() {
    let mut snapshot = example::healthy();
    example::lose_feed(&mut snapshot, FeedId::Entry(EntryId::Balancer));
    let users = lines(CheckId::EntryUsers, &snapshot);
    assert!(
        users.iter().all(|line| !line.starts_with("https://netbox.example.com")),
        "{users:?}"
    );
    let lost = example::node_lost(Death::Refused);
    let quorum = lines(CheckId::EtcdQuorum, &lost);
    assert_eq!(quorum[0], "2 of 3 voters healthy, 2 needed, spare 0");
}

#[test]
fn where_etcd_tells_nothing_no_votes_are_counted() {
    let mut snapshot = example::healthy();
    snapshot.etcd = crate::model::etcd::EtcdFacts::default();
    assert_holds(CheckId::EtcdQuorum, &snapshot);
    let said = ["a consistent read of the API server succeeded"];
    assert_eq!(lines(CheckId::EtcdQuorum, &snapshot), said);
}

#[test]
fn nothing_ticks_while_nothing_happens() {
    let before = example::healthy();
    let mut after = before.clone();
    after.now.mono_ms += 1000;
    after.now.wall += jiff::SignedDuration::from_secs(1);
    for id in CheckId::ALL {
        assert_eq!(lines(id, &before), lines(id, &after), "{id}");
    }
}
