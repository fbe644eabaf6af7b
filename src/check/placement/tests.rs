#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::check::testing::{assert_holds, assert_not_applicable, evidence, findings, one};
use crate::check::{CheckId, Severity};
use crate::model::example::{Death, add_pod, change, healthy, name, node_lost, pod, put, wall_ago};
use crate::model::kube::{Claim, Pod, Workload};
use crate::model::{KubeKind, ObjectKey, Snapshot};

const WEB: &str = "deployment/kotsadm/netbox-netbox";

fn web_pod(snapshot: &mut Snapshot, n: u8, bend: impl FnOnce(&mut Pod)) {
    let key = ObjectKey::new("kotsadm", format!("netbox-netbox-6d5f8-{n}"));
    change(&mut snapshot.kube.pods, &key, bend);
}

fn web(snapshot: &mut Snapshot, bend: impl FnOnce(&mut Workload)) {
    change(
        &mut snapshot.kube.deployments,
        &ObjectKey::new("kotsadm", "netbox-netbox"),
        bend,
    );
}

#[test]
fn the_web_is_found_by_label_name_or_container() {
    let mut snapshot = healthy();
    web_pod(&mut snapshot, 3, |pod| pod.node = Some(name(1)));
    one(CheckId::PlacementWebSpread, &snapshot, Severity::Warning, WEB);
    web(&mut snapshot, |web| web.component = None);
    one(CheckId::PlacementWebSpread, &snapshot, Severity::Warning, WEB);
    web(&mut snapshot, |web| web.containers.clear());
    one(CheckId::PlacementWebSpread, &snapshot, Severity::Warning, WEB);
    let rows = snapshot.kube.deployments.rows_mut();
    let row = rows.remove(&ObjectKey::new("kotsadm", "netbox-netbox")).unwrap();
    rows.insert(ObjectKey::new("kotsadm", "netbox-enterprise"), row);
    assert_not_applicable(CheckId::PlacementWebSpread, &snapshot);
    let key = ObjectKey::new("kotsadm", "netbox-enterprise");
    change(&mut snapshot.kube.deployments, &key, |web| {
        web.containers = vec!["netbox".into()];
    });
    // Its pods are still the other name's, so it has none.
    one(
        CheckId::PlacementWebSpread,
        &snapshot,
        Severity::Critical,
        "deployment/kotsadm/netbox-enterprise",
    );
}

#[test]
fn no_ready_web_replica_is_critical() {
    let mut snapshot = healthy();
    for n in 1..=3 {
        web_pod(&mut snapshot, n, |pod| pod.ready = false);
    }
    let finding = one(CheckId::PlacementWebSpread, &snapshot, Severity::Critical, WEB);
    assert_eq!(finding.title, "no replica of netbox-netbox is ready");
}

#[test]
fn two_web_replicas_on_one_node() {
    let mut snapshot = healthy();
    web_pod(&mut snapshot, 3, |pod| pod.node = Some(name(1)));
    let finding = one(CheckId::PlacementWebSpread, &snapshot, Severity::Warning, WEB);
    assert_eq!(finding.title, "2 replicas of netbox-netbox on nbe-1");
    assert!(evidence(&finding).contains("nbe-1: 2 pods, 2 ready"));
    assert!(
        finding
            .remedy
            .as_str()
            .contains("quorate plan rebalance deployment/kotsadm/netbox-netbox")
    );
}

#[test]
fn more_replicas_than_nodes_must_share() {
    let mut snapshot = healthy();
    web(&mut snapshot, |web| web.desired = 4);
    let mut fourth = pod(&name(1));
    fourth.owner = snapshot
        .kube
        .pods
        .get(&ObjectKey::new("kotsadm", "netbox-netbox-6d5f8-1"))
        .unwrap()
        .value
        .owner
        .clone();
    add_pod(&mut snapshot.kube, "kotsadm", "netbox-netbox-6d5f8-4", fourth);
    assert_holds(CheckId::PlacementWebSpread, &snapshot);
}

#[test]
fn a_soft_spread_is_not_enough_for_the_web() {
    let mut snapshot = healthy();
    web(&mut snapshot, |web| web.spread[0].hard = false);
    let finding = one(CheckId::PlacementWebSpread, &snapshot, Severity::Warning, WEB);
    assert_eq!(finding.title, "netbox-netbox has no hard spread");
    web(&mut snapshot, |web| web.hard_host_anti_affinity = true);
    assert_holds(CheckId::PlacementWebSpread, &snapshot);
}

#[test]
fn the_last_ready_web_replica_is_named() {
    let mut snapshot = node_lost(Death::Refused);
    assert_holds(CheckId::PlacementWebSpread, &snapshot);
    web_pod(&mut snapshot, 2, |pod| pod.ready = false);
    let finding = one(CheckId::PlacementWebSpread, &snapshot, Severity::Warning, WEB);
    assert_eq!(finding.title, "all ready replicas of netbox-netbox are on nbe-1");
    assert!(finding.remedy.as_str().starts_with("bring the other replicas back"));
    web(&mut snapshot, |web| web.desired = 1);
    let finding = one(CheckId::PlacementWebSpread, &snapshot, Severity::Warning, WEB);
    assert!(finding.remedy.as_str().starts_with("one replica is wanted"));
}

#[test]
fn what_a_volume_holds_is_not_to_be_rebalanced() {
    let mut snapshot = healthy();
    web_pod(&mut snapshot, 3, |pod| {
        pod.node = Some(name(1));
        pod.claims = vec!["media".into()];
    });
    let claim = Claim {
        phase: "Bound".into(),
        provisioner: Some("openebs.io/local".into()),
        node: Some(name(1)),
        volume: None,
    };
    let key = ObjectKey::new("kotsadm", "media");
    put(&mut snapshot.kube.claims, KubeKind::Claims, key, claim);
    let finding = one(CheckId::PlacementWebSpread, &snapshot, Severity::Warning, WEB);
    assert!(
        finding.remedy.as_str().contains("its volumes hold its pods"),
        "{}",
        finding.remedy
    );
}

#[test]
fn a_web_scaled_to_zero_is_wanted_so() {
    let mut snapshot = healthy();
    web(&mut snapshot, |web| web.desired = 0);
    assert_not_applicable(CheckId::PlacementWebSpread, &snapshot);
}

#[test]
fn all_replicas_on_one_node_or_in_one_zone() {
    let mut snapshot = healthy();
    let key = ObjectKey::new("kube-system", "coredns-6d5f8-2");
    change(&mut snapshot.kube.pods, &key, |pod| pod.node = Some(name(1)));
    let subject = "deployment/kube-system/coredns";
    let finding = one(CheckId::PlacementSingleDomain, &snapshot, Severity::Warning, subject);
    assert_eq!(finding.title, "all 2 ready replicas of coredns are in node nbe-1");

    let mut snapshot = healthy();
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(2)), |node| {
        node.zone = Some("zone-a".into());
    });
    let finding = one(CheckId::PlacementSingleDomain, &snapshot, Severity::Warning, subject);
    assert_eq!(finding.title, "all 2 ready replicas of coredns are in zone zone-a");
    // One zone for all is no zone at all.
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(3)), |node| {
        node.zone = Some("zone-a".into());
    });
    assert_holds(CheckId::PlacementSingleDomain, &snapshot);
}

#[test]
fn one_ready_replica_of_several_is_no_spread_either() {
    let id = CheckId::PlacementSingleDomain;
    let subject = "deployment/kube-system/coredns";
    let coredns = |n: u8| ObjectKey::new("kube-system", format!("coredns-6d5f8-{n}"));
    let bent = |bend: &dyn Fn(&mut Pod)| {
        let mut snapshot = healthy();
        change(&mut snapshot.kube.pods, &coredns(2), |pod| {
            pod.ready = false;
            bend(pod);
        });
        snapshot
    };
    let mut crashes = bent(&|_| {});
    let one_left = one(id, &crashes, Severity::Warning, subject);
    assert_eq!(one_left.title, "one ready replica of coredns left");
    assert!(evidence(&one_left).contains("2 wanted, 1 ready"), "{one_left:?}");
    change(&mut crashes.kube.pods, &coredns(1), |pod| pod.ready = false);
    let none = one(id, &crashes, Severity::Warning, subject);
    assert_eq!(none.title, "no ready replica of coredns");
    // Where a pod is not even made, nobody else tells.
    let mut missing = healthy();
    missing.kube.pods.rows_mut().remove(&coredns(2));
    one(id, &missing, Severity::Warning, subject);
    // A stateful set's pod stays for ever where its node does not answer for its end.
    let stuck = bent(&|pod| pod.deleting = Some(wall_ago(3_600)));
    one(id, &stuck, Severity::Warning, subject);
}

#[test]
fn what_others_tell_of_a_workload_is_not_told_twice() {
    let id = CheckId::PlacementSingleDomain;
    let key = ObjectKey::new("kube-system", "coredns-6d5f8-2");
    let bends: [fn(&mut Pod); 3] = [
        |pod| pod.created = Some(wall_ago(200)),
        |pod| pod.deleting = Some(wall_ago(200)),
        |pod| pod.phase = "Pending".into(),
    ];
    for bend in bends {
        let mut snapshot = healthy();
        change(&mut snapshot.kube.pods, &key, |pod| {
            pod.ready = false;
            bend(pod);
        });
        assert_holds(id, &snapshot);
    }
    let mut lost = node_lost(Death::Refused);
    change(&mut lost.kube.pods, &key, |pod| {
        (pod.ready, pod.node) = (false, Some(name(3)));
    });
    assert_holds(id, &lost);
    let mut store = healthy();
    for n in 0..2 {
        let key = ObjectKey::new("kotsadm", format!("kotsadm-rqlite-{n}"));
        change(&mut store.kube.pods, &key, |pod| pod.ready = false);
    }
    assert_holds(id, &store);
    let mut web = healthy();
    for n in 2..=3 {
        web_pod(&mut web, n, |pod| pod.ready = false);
    }
    one(CheckId::PlacementWebSpread, &web, Severity::Warning, WEB);
    assert_holds(id, &web);
}

#[test]
fn a_single_replica_or_a_daemon_set_is_not_single_domain() {
    let mut snapshot = node_lost(Death::Silent);
    for daemon in ["calico-node", "kube-proxy", "gateway"] {
        for n in 1..=2 {
            let key = ObjectKey::new("kube-system", format!("{daemon}-{n}"));
            change(&mut snapshot.kube.pods, &key, |pod| pod.node = Some(name(1)));
        }
    }
    assert_holds(CheckId::PlacementSingleDomain, &snapshot);
}

#[test]
fn one_node_has_nothing_to_spread_over() {
    let mut snapshot = healthy();
    for n in 2..=3 {
        snapshot.kube.nodes.rows_mut().remove(&ObjectKey::new("", name(n)));
    }
    assert_not_applicable(CheckId::PlacementWebSpread, &snapshot);
    assert_not_applicable(CheckId::PlacementSingleDomain, &snapshot);
}

#[test]
fn pending_pods_speak_with_the_schedulers_words() {
    let snapshot = node_lost(Death::Refused);
    let finding = one(CheckId::PlacementPending, &snapshot, Severity::Warning, WEB);
    assert_eq!(finding.title, "1 pod of netbox-netbox pending");
    let lines = evidence(&finding);
    assert!(
        lines.contains("pending for 1 min 15 s: 0/3 nodes are available"),
        "{lines}"
    );
}

#[test]
fn a_pod_may_be_pending_for_a_moment() {
    let mut snapshot = node_lost(Death::Refused);
    web_pod(&mut snapshot, 4, |pod| pod.created = Some(wall_ago(60)));
    assert_holds(CheckId::PlacementPending, &snapshot);
    web_pod(&mut snapshot, 4, |pod| {
        pod.created = Some(wall_ago(600));
        pod.deleting = Some(wall_ago(1));
    });
    assert_holds(CheckId::PlacementPending, &snapshot);
}

#[test]
fn a_pending_pod_without_a_workload_stands_for_itself() {
    let mut snapshot = healthy();
    let mut lonely = pod(&name(1));
    lonely.phase = "Pending".into();
    lonely.waiting = Some("ImagePullBackOff".into());
    add_pod(&mut snapshot.kube, "default", "lonely", lonely);
    let found = findings(CheckId::PlacementPending, &snapshot);
    assert_eq!(found[0].subject, "pod/default/lonely");
    assert!(evidence(&found[0]).contains("ImagePullBackOff"));
}
