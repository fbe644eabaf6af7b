#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crate::check::testing::{assert_cannot_tell, assert_holds, assert_not_applicable, evidence, findings, one};
use crate::check::{CheckId, Severity};
use crate::model::example::{self, Death, change, name};
use crate::model::kube::Amounts;
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot};

fn web() -> ObjectKey {
    ObjectKey::new("kotsadm", "netbox-netbox")
}

/// The healthy example, whose pods ask for so much.
fn asking(cpu_milli: u64, memory_bytes: u64) -> Snapshot {
    let mut snapshot = example::healthy();
    for row in snapshot.kube.pods.rows_mut().values_mut() {
        let requests = &mut Arc::make_mut(row).value.requests;
        (requests.cpu_milli, requests.memory_bytes) = (cpu_milli, memory_bytes);
    }
    snapshot
}

#[test]
fn survivors_with_room_hold() {
    assert_holds(CheckId::PlacementHeadroom, &example::healthy());
}

#[test]
fn each_resource_may_be_short() {
    for snapshot in [asking(500, 1), asking(1, 2 << 30)] {
        let found = findings(CheckId::PlacementHeadroom, &snapshot);
        assert_eq!(found.len(), 3, "{found:#?}");
        assert_eq!(found[0].severity, Severity::Warning);
        assert!(evidence(&found[0]).contains("would move from nbe-1"), "{found:#?}");
    }
}

#[test]
fn a_pod_that_fits_nowhere_alone_is_found_although_the_sum_fits() {
    let mut snapshot = example::healthy();
    let key = ObjectKey::new("kotsadm", "nbe-operator-6d5f8-2");
    change(&mut snapshot.kube.pods, &key, |pod| pod.requests.cpu_milli = 6_000);
    let finding = one(CheckId::PlacementHeadroom, &snapshot, Severity::Warning, "node/nbe-2");
    assert!(
        evidence(&finding).contains("1 pod of them would fit on no node"),
        "{finding:#?}"
    );
}

#[test]
fn a_node_that_does_not_say_what_it_has_cannot_be_judged() {
    let mut snapshot = example::healthy();
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(2)), |node| {
        node.allocatable = Amounts::default();
    });
    assert_cannot_tell(CheckId::PlacementHeadroom, &snapshot, FeedId::Kube(KubeKind::Nodes));
}

#[test]
fn a_hard_spread_that_counts_dead_nodes_keeps_replacements_out() {
    let mut snapshot = example::healthy();
    assert_holds(CheckId::PlacementReplacement, &snapshot);
    let ignore = |taints: bool, skew: u32| {
        move |workload: &mut crate::model::kube::Workload| {
            for spread in &mut workload.spread {
                (spread.honors_taints, spread.max_skew) = (taints, skew);
            }
        }
    };
    change(&mut snapshot.kube.deployments, &web(), ignore(false, 2));
    assert_holds(CheckId::PlacementReplacement, &snapshot);
    change(&mut snapshot.kube.deployments, &web(), ignore(false, 1));
    let finding = one(
        CheckId::PlacementReplacement,
        &snapshot,
        Severity::Info,
        "deployment/kotsadm/netbox-netbox",
    );
    assert!(
        evidence(&finding).contains("maxSkew 1, nodeTaintsPolicy Ignore"),
        "{finding:#?}"
    );
    change(&mut snapshot.kube.deployments, &web(), |workload| {
        workload.spread.clear();
        workload.hard_host_anti_affinity = true;
    });
    assert_eq!(findings(CheckId::PlacementReplacement, &snapshot).len(), 1);
}

#[test]
fn a_hard_spread_over_zones_with_one_node_each_keeps_replacements_out_too() {
    let over_zones = |workload: &mut crate::model::kube::Workload| {
        workload.hard_host_anti_affinity = false;
        workload.spread = vec![crate::model::kube::Spread {
            topology_key: "topology.kubernetes.io/zone".into(),
            max_skew: 1,
            honors_taints: false,
            ..example::spread_hard()
        }];
    };
    let mut snapshot = example::healthy();
    change(&mut snapshot.kube.deployments, &web(), over_zones);
    let subject = "deployment/kotsadm/netbox-netbox";
    let finding = one(CheckId::PlacementReplacement, &snapshot, Severity::Info, subject);
    assert!(
        evidence(&finding).contains("DoNotSchedule over topology.kubernetes.io/zone"),
        "{finding:#?}"
    );
    let mut snapshot = example::healthy();
    let store = ObjectKey::new("kotsadm", "kotsadm-rqlite");
    change(&mut snapshot.kube.stateful_sets, &store, over_zones);
    let subject = "statefulset/kotsadm/kotsadm-rqlite";
    one(CheckId::PlacementReplacement, &snapshot, Severity::Info, subject);
    // The same zone takes what one of its nodes had.
    for n in 1..=3 {
        change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(n)), |node| {
            node.zone = Some("zone-a".into());
        });
    }
    assert_holds(CheckId::PlacementReplacement, &snapshot);
}

#[test]
fn after_a_loss_the_pending_pods_themselves_tell() {
    assert_not_applicable(CheckId::PlacementReplacement, &example::node_lost(Death::Silent));
}
