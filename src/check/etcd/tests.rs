#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::base::{Text, Why, WhyKind};
use crate::check::testing::{assert_cannot_tell, assert_holds, assert_not_applicable, evidence, findings, look, one};
use crate::check::{CheckId, Outcome, Severity};
use crate::model::etcd::{EtcdFacts, Vantage};
use crate::model::example::{
    self, Death, OTHER_CLUSTER, ago, answered, healthy, kill_member, lose_feed, member_id, turn_off, view,
};
use crate::model::{FeedId, ObjectKey, Snapshot};

fn set_views(snapshot: &mut Snapshot, hosts: &[u8]) {
    for row in snapshot.etcd.views.values_mut() {
        row.value = view(hosts);
    }
}

/// Makes member 3 a learner, listed so for `seconds`.
fn make_learner(snapshot: &mut Snapshot, seconds: u64) {
    for row in snapshot.etcd.views.values_mut() {
        row.changed_at = ago(seconds);
        for member in &mut row.value.members {
            member.is_learner = member.id == member_id(3);
        }
    }
}

fn without_etcd() -> Snapshot {
    let mut snapshot = healthy();
    snapshot.etcd = EtcdFacts {
        no_access: Some(Why::new(WhyKind::Denied, "no certificate may be read")),
        ..EtcdFacts::default()
    };
    for feed in [
        FeedId::EtcdLocal,
        FeedId::EtcdPeer(member_id(2)),
        FeedId::EtcdPeer(member_id(3)),
    ] {
        turn_off(&mut snapshot, feed);
    }
    snapshot
}

#[test]
fn quorum_lost_names_whom_to_bring_back() {
    let finding = one(
        CheckId::EtcdQuorum,
        &example::quorum_lost(),
        Severity::Critical,
        "cluster",
    );
    assert_eq!(finding.title, "quorum lost: 1 of 3 members healthy, 2 needed");
    assert!(
        finding.remedy.as_str().starts_with("bring back one of nbe-2, nbe-3"),
        "{}",
        finding.remedy
    );
    assert!(evidence(&finding).contains("nbe-3: dead, last answer 40 s ago: 10.77.0.13:2380 refused the connection"));
    assert!(evidence(&finding).contains("linearizable reads fail for 39 s"));
}

#[test]
fn cut_off_is_us_and_never_a_lost_quorum() {
    for unplugged in [true, false] {
        let snapshot = example::cut_off(unplugged);
        let finding = one(CheckId::EtcdQuorum, &snapshot, Severity::Critical, "node/nbe-1");
        assert!(finding.title.as_str().contains("it is us"), "{}", finding.title);
        assert_eq!(evidence(&finding).contains("link eth0 is down"), unplugged);
        let json = serde_json::to_string(&finding).unwrap();
        assert!(!json.contains("quorum lost"), "{json}");
        assert_cannot_tell(CheckId::EtcdSpare, &snapshot, FeedId::EtcdPeer(member_id(3)));
        assert_cannot_tell(CheckId::EtcdMemberLost, &snapshot, FeedId::EtcdPeer(member_id(3)));
    }
}

#[test]
fn quorum_is_proven_by_either_reader() {
    let mut snapshot = healthy();
    lose_feed(&mut snapshot, FeedId::EtcdLocal);
    assert_holds(CheckId::EtcdQuorum, &snapshot);
    lose_feed(&mut snapshot, FeedId::Api);
    assert_cannot_tell(CheckId::EtcdQuorum, &snapshot, FeedId::EtcdLocal);
    assert_holds(CheckId::EtcdQuorum, &without_etcd());
}

#[test]
fn answers_without_a_leader_are_no_quorum() {
    let mut snapshot = healthy();
    lose_feed(&mut snapshot, FeedId::Api);
    snapshot.etcd.linearizable = example::quorum_lost().etcd.linearizable;
    assert_cannot_tell(CheckId::EtcdQuorum, &snapshot, FeedId::EtcdLocal);
    snapshot.etcd.local.as_mut().unwrap().value.leader = None;
    let finding = one(CheckId::EtcdQuorum, &snapshot, Severity::Critical, "cluster");
    assert_eq!(finding.title, "etcd has no leader, though 3 of 3 members answer");
}

#[test]
fn no_spare_says_since_when_and_what_the_next_loss_does() {
    let finding = one(
        CheckId::EtcdSpare,
        &example::node_lost(Death::Refused),
        Severity::Warning,
        "cluster",
    );
    assert_eq!(finding.title, "no member to spare: 2 of 3 healthy, 2 needed");
    assert_eq!(finding.evidence[0], "no spare for 1 min 59 s");
    assert!(
        finding
            .consequence
            .as_str()
            .contains("next loss of a controller stops the control plane")
    );
}

#[test]
fn less_than_no_spare_is_critical() {
    let finding = one(
        CheckId::EtcdSpare,
        &example::quorum_lost(),
        Severity::Critical,
        "cluster",
    );
    assert_eq!(finding.title, "fewer members than needed: 1 of 3 healthy, 2 needed");
}

#[test]
fn two_of_two_have_no_spare_and_need_a_third() {
    let mut snapshot = healthy();
    set_views(&mut snapshot, &[1, 2]);
    let finding = one(CheckId::EtcdSpare, &snapshot, Severity::Warning, "cluster");
    assert!(
        finding.remedy.as_str().contains("join print-command"),
        "{}",
        finding.remedy
    );
    make_learner(&mut snapshot, 10);
    set_views(&mut snapshot, &[1, 2, 3]);
    make_learner(&mut snapshot, 10);
    let finding = one(CheckId::EtcdSpare, &snapshot, Severity::Warning, "cluster");
    assert!(
        finding.remedy.as_str().contains("wait until the learner is promoted"),
        "{}",
        finding.remedy
    );
}

#[test]
fn an_unknown_voter_leaves_spare_open() {
    let mut snapshot = healthy();
    turn_off(&mut snapshot, FeedId::EtcdPeer(member_id(2)));
    assert_cannot_tell(CheckId::EtcdSpare, &snapshot, FeedId::EtcdPeer(member_id(2)));
    assert_cannot_tell(CheckId::EtcdMemberLost, &snapshot, FeedId::EtcdPeer(member_id(2)));
    // With one dead beside it there is none to spare at best.
    kill_member(&mut snapshot, 3, Death::Refused, 20);
    one(CheckId::EtcdSpare, &snapshot, Severity::Warning, "cluster");
    one(CheckId::EtcdMemberLost, &snapshot, Severity::Warning, "member/nbe-3");
}

#[test]
fn without_etcd_nothing_is_told_of_its_members() {
    let snapshot = without_etcd();
    for id in [
        CheckId::EtcdSpare,
        CheckId::EtcdMemberLost,
        CheckId::EtcdLearner,
        CheckId::EtcdAlarm,
    ] {
        assert_cannot_tell(id, &snapshot, FeedId::EtcdLocal);
    }
    let Outcome::CannotTell { why, .. } = look(CheckId::EtcdSpare, &snapshot) else {
        panic!("nothing is known");
    };
    assert_eq!(why.text, "no certificate may be read");
}

#[test]
fn a_lost_member_may_be_removed_only_while_quorum_is_proven() {
    let mut snapshot = example::node_just_died(Death::Silent);
    let nbe_3 = |snapshot: &Snapshot| one(CheckId::EtcdMemberLost, snapshot, Severity::Warning, "member/nbe-3");
    let finding = nbe_3(&snapshot);
    assert_eq!(finding.title, "member nbe-3 is lost");
    assert!(evidence(&finding).contains("last answer 10 s ago"));
    assert!(finding.remedy.as_str().ends_with("quorate plan replace-node nbe-3"));
    // Of a node that is gone already, the member alone is left.
    snapshot
        .kube
        .nodes
        .rows_mut()
        .remove(&ObjectKey::new("", example::name(3)));
    let rest = nbe_3(&snapshot).remedy;
    assert!(
        rest.as_str().contains("sudo k0s etcd leave --peer-address 10.77.0.13"),
        "{rest}"
    );
    for finding in findings(CheckId::EtcdMemberLost, &example::quorum_lost()) {
        assert!(!finding.remedy.as_str().contains("etcd leave"), "{}", finding.remedy);
        assert!(finding.remedy.as_str().contains("bring it back"), "{}", finding.remedy);
    }
}

#[test]
fn a_dead_local_member_is_started_here() {
    let mut snapshot = healthy();
    let mut refused = answered(30);
    refused.failed(ago(0), Why::new(WhyKind::Refused, "refused"));
    snapshot.etcd.serializable = Some(refused.clone());
    snapshot.etcd.peers.get_mut(&member_id(1)).unwrap().history = refused;
    let finding = one(CheckId::EtcdMemberLost, &snapshot, Severity::Warning, "member/nbe-1");
    assert!(
        finding.remedy.as_str().starts_with("on this host"),
        "{}",
        finding.remedy
    );
}

#[test]
fn an_unstarted_member_is_named_by_its_id() {
    let mut snapshot = healthy();
    for row in snapshot.etcd.views.values_mut() {
        for member in row.value.members.iter_mut().filter(|member| member.id == member_id(3)) {
            member.name = Text::default();
        }
    }
    kill_member(&mut snapshot, 3, Death::Refused, 20);
    let finding = one(
        CheckId::EtcdMemberLost,
        &snapshot,
        Severity::Warning,
        "member/1a0c4a9fe2222d3b",
    );
    assert!(finding.title.as_str().contains("listed, but never started"));
    assert!(finding.remedy.as_str().contains("what a failed join left behind"));
}

#[test]
fn a_learner_joins_then_is_stuck() {
    let mut snapshot = healthy();
    make_learner(&mut snapshot, 20);
    let finding = one(CheckId::EtcdLearner, &snapshot, Severity::Info, "member/nbe-3");
    assert_eq!(finding.title, "nbe-3 is joining as a learner");
    make_learner(&mut snapshot, 121);
    let finding = one(CheckId::EtcdLearner, &snapshot, Severity::Warning, "member/nbe-3");
    assert_eq!(finding.title, "nbe-3 is stuck as a learner");
    assert!(evidence(&finding).contains("for at least 2 min 1 s"));
}

#[test]
fn views_that_differ_name_who_says_what() {
    let mut snapshot = healthy();
    let row = snapshot.etcd.views.get_mut(&Vantage::Peer(member_id(2))).unwrap();
    row.value = view(&[1, 2]);
    row.changed_at = ago(30);
    let finding = one(CheckId::EtcdViewsDiffer, &snapshot, Severity::Warning, "cluster");
    assert!(
        evidence(&finding).contains("nbe-2 lists nbe-2, nbe-1; 1 s ago"),
        "{}",
        evidence(&finding)
    );
    assert!(evidence(&finding).contains("nbe-1 (linearizable) lists nbe-3, nbe-2, nbe-1; 1 s ago"));
    // A change that is on its way.
    snapshot
        .etcd
        .views
        .get_mut(&Vantage::Peer(member_id(2)))
        .unwrap()
        .changed_at = ago(1);
    one(CheckId::EtcdViewsDiffer, &snapshot, Severity::Info, "cluster");
}

#[test]
fn only_current_views_are_compared() {
    let mut snapshot = healthy();
    snapshot.etcd.views.get_mut(&Vantage::Peer(member_id(3))).unwrap().value = view(&[1, 3]);
    kill_member(&mut snapshot, 3, Death::Refused, 20);
    assert_holds(CheckId::EtcdViewsDiffer, &snapshot);
    kill_member(&mut snapshot, 2, Death::Refused, 20);
    assert_cannot_tell(CheckId::EtcdViewsDiffer, &snapshot, FeedId::EtcdPeer(member_id(3)));
}

#[test]
fn another_cluster_is_told_by_member() {
    let mut snapshot = healthy();
    let row = snapshot.etcd.views.get_mut(&Vantage::Peer(member_id(3))).unwrap();
    row.value.cluster_id = Some(OTHER_CLUSTER);
    let finding = one(CheckId::EtcdViewsDiffer, &snapshot, Severity::Warning, "member/nbe-3");
    assert!(evidence(&finding).contains("its cluster id is dd00dd00dd00dd0, ours is a7f3c36c4b26e66f"));
}

#[test]
fn a_single_member_cannot_disagree() {
    let mut snapshot = healthy();
    set_views(&mut snapshot, &[1]);
    snapshot
        .etcd
        .views
        .retain(|vantage, _| *vantage != Vantage::Peer(member_id(2)));
    snapshot
        .etcd
        .views
        .retain(|vantage, _| *vantage != Vantage::Peer(member_id(3)));
    assert_not_applicable(CheckId::EtcdViewsDiffer, &snapshot);
}

#[test]
fn alarms_name_the_member() {
    let mut snapshot = healthy();
    let status = &mut snapshot.etcd.local.as_mut().unwrap().value;
    status.errors = vec!["etcdserver: no leader".into()];
    assert_holds(CheckId::EtcdAlarm, &snapshot);
    let error = format!("memberID:{} alarm:NOSPACE ", member_id(2).0);
    snapshot.etcd.local.as_mut().unwrap().value.errors = vec![error.into()];
    let finding = one(CheckId::EtcdAlarm, &snapshot, Severity::Critical, "member/nbe-2");
    assert_eq!(finding.title, "etcd raises the alarm NOSPACE on nbe-2");
    snapshot.etcd.local.as_mut().unwrap().value.errors = vec!["alarm:CORRUPT".into()];
    let finding = one(CheckId::EtcdAlarm, &snapshot, Severity::Critical, "cluster");
    assert!(finding.remedy.as_str().contains("replace that member"));
}

#[test]
fn a_database_near_its_quota_is_a_warning() {
    let mut snapshot = healthy();
    let status = &mut snapshot.etcd.local.as_mut().unwrap().value;
    status.quota_bytes = Some(1_000 << 20);
    status.db_size_bytes = 799 << 20;
    assert_holds(CheckId::EtcdAlarm, &snapshot);
    snapshot.etcd.local.as_mut().unwrap().value.db_size_bytes = 800 << 20;
    let finding = one(CheckId::EtcdAlarm, &snapshot, Severity::Warning, "member/nbe-1");
    assert!(evidence(&finding).contains("database 800 MiB, of which 21 MiB in use; quota 1000 MiB"));
    snapshot.etcd.local.as_mut().unwrap().value.quota_bytes = None;
    assert_holds(CheckId::EtcdAlarm, &snapshot);
    snapshot.etcd.local.as_mut().unwrap().value.db_size_bytes = 1_700 << 20;
    let finding = one(CheckId::EtcdAlarm, &snapshot, Severity::Warning, "member/nbe-1");
    assert!(evidence(&finding).contains("quota 2048 MiB, etcd's default"));
}
