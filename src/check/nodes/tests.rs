#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use crate::check::testing::{assert_cannot_tell, assert_holds, assert_not_applicable, evidence, findings, look, one};
use crate::check::{CheckId, Outcome, Severity};
use crate::model::etcd::EtcdFacts;
use crate::model::example::{self, Death, ago, change, healthy, name, node_just_died, node_lost, put, wall_ago};
use crate::model::policy::Site;
use crate::model::{FeedId, FeedState, KubeKind, ObjectKey, Policy, Snapshot};

fn key(n: u8) -> ObjectKey {
    ObjectKey::new("", name(n))
}

fn set_zone(snapshot: &mut Snapshot, n: u8, zone: Option<&str>) {
    change(&mut snapshot.kube.nodes, &key(n), |node| {
        node.zone = zone.map(Into::into);
    });
}

/// The heartbeat of host 3: seen `watched` s ago, written `written` s ago.
fn beat(watched: u64, written: u64, seen_changing: bool) -> Snapshot {
    let mut snapshot = healthy();
    let rows = snapshot.kube.leases.rows_mut();
    let row = rows.get_mut(&ObjectKey::new("kube-node-lease", name(3))).unwrap();
    let row = Arc::make_mut(row);
    row.changed_at = ago(watched);
    row.seen_changing = seen_changing;
    row.value.renewed = Some(wall_ago(written));
    snapshot
}

#[test]
fn a_heartbeat_is_late_before_kubernetes_says_so() {
    let finding = one(
        CheckId::NodeHeartbeat,
        &node_just_died(Death::Silent),
        Severity::Warning,
        "node/nbe-3",
    );
    assert_eq!(finding.evidence[0], "no renewal seen for 16 s; due every 10 s");
    assert!(
        finding.consequence.as_str().contains("no sooner than 20 s"),
        "{}",
        finding.consequence
    );
    assert_holds(CheckId::NodeNotReady, &node_just_died(Death::Silent));
    assert_holds(CheckId::NodeHeartbeat, &node_lost(Death::Silent));
}

#[test]
fn another_hosts_clock_alone_is_no_warning() {
    // Its clock is an hour behind, and we have seen it renew.
    assert_holds(CheckId::NodeHeartbeat, &beat(4, 3_600, true));
    assert_holds(CheckId::NodeHeartbeat, &beat(14, 14, true));
    let finding = one(
        CheckId::NodeHeartbeat,
        &beat(2, 40, false),
        Severity::Info,
        "node/nbe-3",
    );
    assert!(evidence(&finding).contains("renewed 40 s ago by the node's own clock; watched from here for 2 s only"));
    one(
        CheckId::NodeHeartbeat,
        &beat(15, 15, false),
        Severity::Warning,
        "node/nbe-3",
    );
}

#[test]
fn a_renewal_in_the_future_tells_nothing_until_we_see_one() {
    let ahead = |watched, seen_changing| {
        let mut snapshot = beat(watched, 0, seen_changing);
        let rows = snapshot.kube.leases.rows_mut();
        let row = rows.get_mut(&ObjectKey::new("kube-node-lease", name(3))).unwrap();
        Arc::make_mut(row).value.renewed = Some(ago(0).plus(std::time::Duration::from_mins(2)).wall);
        snapshot
    };
    let unseen = ahead(5, false);
    assert_cannot_tell(CheckId::NodeHeartbeat, &unseen, FeedId::Kube(KubeKind::Leases));
    assert_eq!(unseen.heartbeat_age("nbe-3"), None);
    // Seen to renew, its clock does not matter; watched for long in vain, it is late.
    assert_holds(CheckId::NodeHeartbeat, &ahead(5, true));
    one(
        CheckId::NodeHeartbeat,
        &ahead(15, false),
        Severity::Warning,
        "node/nbe-3",
    );
    // Clocks differ by a little everywhere.
    let mut snapshot = beat(5, 0, false);
    let rows = snapshot.kube.leases.rows_mut();
    let row = rows.get_mut(&ObjectKey::new("kube-node-lease", name(3))).unwrap();
    Arc::make_mut(row).value.renewed = Some(ago(0).plus(std::time::Duration::from_secs(1)).wall);
    assert_holds(CheckId::NodeHeartbeat, &snapshot);
}

#[test]
fn a_silent_watch_makes_no_node_late() {
    let mut snapshot = beat(16, 16, true);
    let live = |seconds| FeedState::Live { as_of: ago(seconds) };
    snapshot.feeds.insert(FeedId::Kube(KubeKind::Leases), live(2));
    assert_holds(CheckId::NodeHeartbeat, &snapshot);
    snapshot.feeds.insert(FeedId::Kube(KubeKind::Leases), live(15));
    assert_cannot_tell(CheckId::NodeHeartbeat, &snapshot, FeedId::Kube(KubeKind::Leases));
}

#[test]
fn a_node_without_a_lease_has_no_heartbeat() {
    let mut snapshot = healthy();
    let lease = ObjectKey::new("kube-node-lease", name(2));
    snapshot.kube.leases.rows_mut().remove(&lease);
    let finding = one(CheckId::NodeHeartbeat, &snapshot, Severity::Warning, "node/nbe-2");
    assert_eq!(finding.title, "nbe-2 has no heartbeat");
}

#[test]
fn a_node_that_is_not_ready_says_why_and_since_when() {
    let finding = one(
        CheckId::NodeNotReady,
        &node_lost(Death::Refused),
        Severity::Warning,
        "node/nbe-3",
    );
    assert_eq!(finding.title, "nbe-3 is not ready (Unknown)");
    let lines = evidence(&finding);
    assert!(
        lines.contains("Ready is Unknown for 1 min 35 s: NodeStatusUnknown Kubelet stopped"),
        "{lines}"
    );
    assert!(lines.contains("last heartbeat 2 min 5 s ago"), "{lines}");
}

#[test]
fn three_nodes_that_are_controllers_and_no_others() {
    let mut snapshot = healthy();
    change(&mut snapshot.kube.nodes, &key(3), |node| node.is_controller = false);
    let finding = one(CheckId::NodesThreeControllers, &snapshot, Severity::Warning, "cluster");
    assert_eq!(finding.title, "2 of 3 controllers");
    assert!(evidence(&finding).contains("no controllers: nbe-3"));
    let mut snapshot = healthy();
    put(&mut snapshot.kube.nodes, KubeKind::Nodes, key(4), example::node(4));
    one(CheckId::NodesThreeControllers, &snapshot, Severity::Info, "cluster");
    put(&mut snapshot.kube.nodes, KubeKind::Nodes, key(5), example::node(5));
    let finding = one(CheckId::NodesThreeControllers, &snapshot, Severity::Info, "cluster");
    assert_eq!(finding.title, "5 controllers instead of 3");
    for n in [4, 5] {
        change(&mut snapshot.kube.nodes, &key(n), |node| node.is_controller = false);
    }
    let finding = one(CheckId::NodesThreeControllers, &snapshot, Severity::Info, "cluster");
    assert_eq!(finding.title, "3 controllers, and 2 nodes beside them");
    assert!(
        evidence(&finding).contains("no controllers: nbe-4, nbe-5"),
        "{finding:#?}"
    );
    assert_holds(CheckId::NodesThreeControllers, &healthy());
}

#[test]
fn labels_on_some_nodes_name_those_that_lack_one() {
    let mut snapshot = healthy();
    set_zone(&mut snapshot, 3, None);
    let finding = one(CheckId::ZoneLabels, &snapshot, Severity::Warning, "node/nbe-3");
    assert_eq!(finding.title, "no zone label on nbe-3");
    assert!(
        finding
            .remedy
            .as_str()
            .starts_with("kubectl label node nbe-3 topology.kubernetes.io/zone=")
    );
    set_zone(&mut snapshot, 2, None);
    let finding = one(CheckId::ZoneLabels, &snapshot, Severity::Warning, "cluster");
    assert_eq!(finding.title, "no zone label on nbe-2, nbe-3");
}

#[test]
fn no_label_at_all_is_a_single_location() {
    let mut snapshot = healthy();
    for n in 1..=3 {
        set_zone(&mut snapshot, n, None);
    }
    assert_not_applicable(CheckId::ZoneLabels, &snapshot);
    assert_not_applicable(CheckId::ZoneThree, &snapshot);
    let policy = Policy {
        site: Site::MultiZone,
        ..Policy::default()
    };
    let report = crate::check::run(&snapshot, &policy);
    let titles = |id| {
        let found = report.outcome(id).unwrap().findings().iter();
        found
            .map(|own| (own.severity, own.title.to_string()))
            .collect::<Vec<_>>()
    };
    let warning = |title: &str| vec![(Severity::Warning, title.to_owned())];
    assert_eq!(titles(CheckId::ZoneLabels), warning("no node carries a zone label"));
    let outcome = report.outcome(CheckId::ZoneThree);
    assert!(matches!(outcome, Some(Outcome::NotApplicable { .. })), "{outcome:?}");
}

#[test]
fn two_zones_are_decided_by_one() {
    let mut snapshot = healthy();
    set_zone(&mut snapshot, 3, Some("zone-b"));
    let found = findings(CheckId::ZoneThree, &snapshot);
    let titles: Vec<&str> = found.iter().map(|finding| finding.title.as_str()).collect();
    assert_eq!(
        titles,
        ["2 zones instead of 3", "zone zone-b holds 2 of 3 etcd members"]
    );
    assert_eq!(found[1].subject, "zone/zone-b");
}

#[test]
fn more_than_three_zones_are_too_many() {
    let mut snapshot = healthy();
    put(&mut snapshot.kube.nodes, KubeKind::Nodes, key(4), example::node(4));
    let finding = one(CheckId::ZoneThree, &snapshot, Severity::Warning, "cluster");
    assert_eq!(finding.title, "4 zones instead of 3");
}

#[test]
fn half_labeled_zones_wait_for_their_labels() {
    let mut snapshot = healthy();
    set_zone(&mut snapshot, 3, None);
    assert_not_applicable(CheckId::ZoneThree, &snapshot);
}

#[test]
fn zones_of_two_regions_are_too_far_apart() {
    let mut snapshot = healthy();
    let place = |snapshot: &mut Snapshot, n: u8, region: &str| {
        change(&mut snapshot.kube.nodes, &key(n), |node| {
            node.region = Some(region.into());
        });
    };
    place(&mut snapshot, 1, "eu-1");
    assert_holds(CheckId::ZoneThree, &snapshot);
    place(&mut snapshot, 2, "eu-2");
    let finding = one(CheckId::ZoneThree, &snapshot, Severity::Warning, "cluster");
    assert_eq!(finding.title, "the nodes stand in 2 regions: eu-1, eu-2");
    assert_eq!(
        evidence(&finding),
        "nbe-1: zone-a, region eu-1\nnbe-2: zone-b, region eu-2\nnbe-3: zone-c, no region label"
    );
}

#[test]
fn without_region_labels_the_way_to_every_member_must_be_short() {
    let id = CheckId::ZoneThree;
    assert_holds(id, &healthy());
    let far = |bend: fn(&mut Option<u64>)| {
        let mut snapshot = healthy();
        bend(&mut snapshot.etcd.peers.get_mut(&example::member_id(3)).unwrap().rtt_us);
        snapshot
    };
    let feed = FeedId::EtcdPeer(example::member_id(3));
    let mut distant = far(|rtt_us| *rtt_us = Some(80_000));
    assert_cannot_tell(id, &distant, feed);
    let Outcome::CannotTell { why, .. } = look(id, &distant) else {
        panic!("it cannot tell");
    };
    assert_eq!(
        why.text,
        "no region label on nbe-1, nbe-2, nbe-3, and nbe-3 is 80.0 ms away: it may stand in another region"
    );
    assert_cannot_tell(id, &far(|rtt_us| *rtt_us = None), feed);
    // Where all carry the same region, that says it.
    for n in 1..=3 {
        change(&mut distant.kube.nodes, &key(n), |node| {
            node.region = Some("eu-1".into());
        });
    }
    assert_holds(id, &distant);
    // A dead member is nowhere.
    let mut lost = example::node_lost(Death::Refused);
    lost.etcd.peers.get_mut(&example::member_id(3)).unwrap().rtt_us = None;
    assert_holds(id, &lost);
}

#[test]
fn a_member_without_a_known_zone_may_stand_in_any() {
    let mut snapshot = healthy();
    put(&mut snapshot.kube.nodes, KubeKind::Nodes, key(4), example::node(4));
    set_zone(&mut snapshot, 4, Some("zone-c"));
    set_zone(&mut snapshot, 3, None);
    assert_cannot_tell(CheckId::ZoneThree, &snapshot, FeedId::Kube(KubeKind::Nodes));
}

#[test]
fn zones_need_etcds_own_list() {
    let mut snapshot = healthy();
    snapshot.etcd = EtcdFacts::default();
    assert_cannot_tell(CheckId::ZoneThree, &snapshot, FeedId::EtcdLocal);
}
