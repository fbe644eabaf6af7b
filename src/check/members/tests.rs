#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::check::testing::{
    assert_cannot_tell, assert_holds, assert_not_applicable, evidence, findings, one, uninstall,
};
use crate::check::{CheckId, Severity};
use crate::model::etcd::{MemberId, Vantage};
use crate::model::example::{self, Death, change, healthy, member_id, name, node_lost, view};
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot, Table};

/// Member 3 died and was removed from etcd; nobody has cleaned up.
fn removed() -> Snapshot {
    let mut snapshot = node_lost(Death::Refused);
    unlist(&mut snapshot);
    snapshot
}

fn unlist(snapshot: &mut Snapshot) {
    for (vantage, row) in &mut snapshot.etcd.views {
        if *vantage != Vantage::Peer(member_id(3)) {
            row.value = view(&[1, 2]);
        }
    }
}

fn node_key(n: u8) -> ObjectKey {
    ObjectKey::new("", name(n))
}

#[test]
fn while_etcd_lists_a_dead_member_its_objects_are_right() {
    assert_holds(CheckId::MembersZombie, &node_lost(Death::Refused));
    assert_holds(CheckId::MembersStranger, &node_lost(Death::Refused));
}

#[test]
fn after_its_removal_they_are_leftovers() {
    let finding = one(CheckId::MembersZombie, &removed(), Severity::Info, "member/nbe-3");
    let lines = evidence(&finding);
    for object in [
        "EtcdMember nbe-3 (member 1a0c4a9fe2222d3b)",
        "ControlNode nbe-3 at 10.77.0.13",
        "Node nbe-3 at 10.77.0.13",
        "Lease kube-node-lease/k0s-ctrl-nbe-3",
        "destroys its local volumes: kotsadm/kotsadm-rqlite-kotsadm-rqlite-2",
        "etcd lists nbe-2, nbe-1 (linearizable read)",
    ] {
        assert!(lines.contains(object), "{object} in {lines}");
    }
    let remedy = finding.remedy.as_str();
    let etcdmember = remedy.find("kubectl delete etcdmember nbe-3").unwrap();
    let node = remedy.find("kubectl delete node nbe-3").unwrap();
    let lease = remedy.find("delete lease k0s-ctrl-nbe-3").unwrap();
    assert!(etcdmember < node && node < lease, "the lease last: {remedy}");
}

#[test]
fn a_replacement_may_reuse_the_dead_hosts_address() {
    let mut snapshot = node_lost(Death::Refused);
    // Host 3 was rebuilt with a new member id; an old object still names the old id at the same address.
    let new = MemberId(77);
    for row in snapshot.etcd.views.values_mut() {
        for member in row.value.members.iter_mut().filter(|member| member.id == member_id(3)) {
            member.id = new;
        }
    }
    let key = ObjectKey::new("", "old-3");
    let mut old = snapshot.kube.etcd_members.get(&node_key(3)).unwrap().value.clone();
    old.lease = Some("k0s-ctrl-old-3".into());
    example::put(&mut snapshot.kube.etcd_members, KubeKind::EtcdMembers, key, old);
    change(&mut snapshot.kube.etcd_members, &node_key(3), |object| {
        object.member_id = Some(new);
    });
    let finding = one(CheckId::MembersZombie, &snapshot, Severity::Info, "member/old-3");
    assert!(
        !evidence(&finding).contains("ControlNode"),
        "the address is listed: {}",
        evidence(&finding)
    );
    assert_holds(CheckId::MembersStranger, &snapshot);
}

#[test]
fn hosts_with_several_addresses_are_joined_by_their_lease() {
    let mut snapshot = healthy();
    for n in 1..=3 {
        change(&mut snapshot.kube.nodes, &node_key(n), |node| {
            node.address = Some(format!("192.0.2.{n}").into());
        });
        change(&mut snapshot.kube.control_nodes, &node_key(n), |control| {
            control.address = Some(format!("192.0.2.{n}").into());
        });
    }
    let lease = snapshot.kube.leases.values().next().unwrap().clone();
    let elsewhere = ObjectKey::new("kube-system", "k0s-ctrl-elsewhere");
    example::put(&mut snapshot.kube.leases, KubeKind::Leases, elsewhere, lease);
    assert_holds(CheckId::MembersZombie, &snapshot);
    assert_holds(CheckId::MembersStranger, &snapshot);
}

#[test]
fn what_lives_is_no_leftover() {
    // Removed from etcd a moment ago, with its kubelet and k0s still there.
    let mut snapshot = healthy();
    unlist(&mut snapshot);
    assert_holds(CheckId::MembersZombie, &snapshot);
    // Its clock is ahead of ours, and we have not yet seen it renew: for as long as a lease lasts it may live.
    for lease in ["nbe-3", "k0s-ctrl-nbe-3"] {
        let key = ObjectKey::new("kube-node-lease", lease);
        let row = snapshot.kube.leases.rows_mut().get_mut(&key).unwrap();
        let row = std::sync::Arc::make_mut(row);
        row.seen_changing = false;
        row.value.renewed = Some(example::now().plus(std::time::Duration::from_mins(5)).wall);
    }
    assert_holds(CheckId::MembersZombie, &snapshot);
    for row in snapshot.kube.leases.rows_mut().values_mut() {
        std::sync::Arc::make_mut(row).changed_at = example::ago(60);
    }
    one(CheckId::MembersZombie, &snapshot, Severity::Info, "member/nbe-3");
}

#[test]
fn objects_of_another_cluster_are_no_leftovers() {
    let snapshot = example::other_cluster(healthy());
    for id in [CheckId::MembersZombie, CheckId::MembersStranger] {
        assert_cannot_tell(id, &snapshot, FeedId::Api);
        let crate::check::Outcome::CannotTell { why, .. } = crate::check::testing::look(id, &snapshot) else {
            panic!("{id} cannot tell");
        };
        assert_eq!(why.text, "the kubeconfig is of another cluster");
        assert!(why.hint.unwrap().as_str().contains("--kubeconfig"));
    }
}

#[test]
fn either_lease_shows_that_a_host_lives() {
    for (stops, remains) in [("nbe-3", "k0s-ctrl-nbe-3"), ("k0s-ctrl-nbe-3", "nbe-3")] {
        let mut snapshot = healthy();
        unlist(&mut snapshot);
        let key = ObjectKey::new("kube-node-lease", stops);
        let row = snapshot.kube.leases.rows_mut().get_mut(&key).unwrap();
        std::sync::Arc::make_mut(row).changed_at = example::ago(300);
        assert_holds(CheckId::MembersZombie, &snapshot);
        let key = ObjectKey::new("kube-node-lease", remains);
        snapshot.kube.leases.rows_mut().remove(&key);
        one(CheckId::MembersZombie, &snapshot, Severity::Info, "member/nbe-3");
    }
}

#[test]
fn leases_of_controllers_without_a_kubelet_are_joined_by_control_node() {
    let mut snapshot = healthy();
    for n in 1..=3 {
        snapshot.kube.nodes.rows_mut().remove(&node_key(n));
        change(&mut snapshot.kube.etcd_members, &node_key(n), |object| {
            object.lease = None;
        });
        let key = ObjectKey::new("kube-node-lease", format!("k0s-ctrl-nbe-{n}"));
        let row = snapshot.kube.leases.rows_mut().get_mut(&key).unwrap();
        std::sync::Arc::make_mut(row).changed_at = example::ago(300);
    }
    assert_holds(CheckId::MembersZombie, &snapshot);
    assert_holds(CheckId::MembersStranger, &snapshot);
}

#[test]
fn only_a_proven_list_calls_anything_left_over() {
    let mut snapshot = removed();
    // Two members agree: proven.
    snapshot.etcd.linearizable = None;
    let finding = one(CheckId::MembersZombie, &snapshot, Severity::Info, "member/nbe-3");
    assert!(evidence(&finding).contains("views agree"), "{}", evidence(&finding));
    // They disagree, or only one speaks: not proven.
    let row = snapshot.etcd.views.get_mut(&Vantage::Peer(member_id(2))).unwrap();
    row.value = view(&[1, 2, 3]);
    assert_cannot_tell(CheckId::MembersZombie, &snapshot, FeedId::EtcdLocal);
    let mut snapshot = removed();
    snapshot.etcd.linearizable = None;
    snapshot.etcd.peers.clear();
    assert_cannot_tell(CheckId::MembersZombie, &snapshot, FeedId::EtcdLocal);
    assert_cannot_tell(CheckId::MembersStranger, &snapshot, FeedId::EtcdLocal);
}

#[test]
fn a_member_without_objects_is_a_stranger() {
    let mut snapshot = healthy();
    snapshot.kube.etcd_members.rows_mut().remove(&node_key(3));
    snapshot.kube.control_nodes.rows_mut().remove(&node_key(3));
    let finding = one(CheckId::MembersStranger, &snapshot, Severity::Info, "member/nbe-3");
    assert_eq!(finding.title, "nbe-3 has no EtcdMember and no ControlNode");
    snapshot.kube.nodes.rows_mut().remove(&node_key(3));
    let found = findings(CheckId::MembersStranger, &snapshot);
    assert_eq!(found[0].title, "nbe-3 has no EtcdMember and no ControlNode and no Node");
}

#[test]
fn an_unstarted_member_has_no_objects_yet() {
    let mut snapshot = healthy();
    snapshot.kube.etcd_members.rows_mut().remove(&node_key(3));
    for row in snapshot.etcd.views.values_mut() {
        for member in row.value.members.iter_mut().filter(|member| member.id == member_id(3)) {
            member.name = crate::base::Text::default();
        }
    }
    assert_holds(CheckId::MembersStranger, &snapshot);
}

#[test]
fn kinds_that_are_not_installed_are_not_judged() {
    let mut snapshot = healthy();
    uninstall(&mut snapshot, KubeKind::ControlNodes);
    snapshot.kube.control_nodes = Table::default();
    assert_holds(CheckId::MembersZombie, &snapshot);
    assert_holds(CheckId::MembersStranger, &snapshot);
    uninstall(&mut snapshot, KubeKind::EtcdMembers);
    assert_not_applicable(CheckId::MembersZombie, &snapshot);
    assert_not_applicable(CheckId::MembersStranger, &snapshot);
}
