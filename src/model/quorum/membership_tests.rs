//! Which member list is believed, and what leaves it.

use super::*;

#[test]
fn objects_name_each_member_once_and_not_those_that_left() {
    let mut snapshot = healthy();
    snapshot.etcd = crate::model::etcd::EtcdFacts::default();
    let objects = &mut snapshot.kube.etcd_members;
    let mut twin = objects.values().next().unwrap().clone();
    let key = crate::model::ObjectKey::new("", "nbe-1.example.org");
    example::put(objects, KubeKind::EtcdMembers, key, twin.clone());
    twin.member_id = Some(MemberId(99));
    twin.joined.as_mut().unwrap().status = Tri::False;
    let key = crate::model::ObjectKey::new("", "nbe-0");
    example::put(objects, KubeKind::EtcdMembers, key, twin);
    assert_eq!(snapshot.membership().members.len(), 3);
}

#[test]
fn a_removed_member_leaves_the_list() {
    let mut snapshot = healthy();
    kill_member(&mut snapshot, 3, Death::Refused, 60);
    for (vantage, row) in &mut snapshot.etcd.views {
        if *vantage != Vantage::Peer(member_id(3)) {
            row.value = view(&[1, 2]);
        }
    }
    let quorum = snapshot.quorum();
    assert_eq!(
        (quorum.voters, quorum.healthy, quorum.needed, quorum.spare()),
        (2, 2, 2, Some(0))
    );
    assert!(quorum.member(member_id(3)).is_none());
    assert!(quorum.member_at("10.77.0.13").is_none());
}

#[test]
fn what_a_removed_member_said_last_is_no_contact() {
    let mut snapshot = example::cut_off(false);
    set_views(&mut snapshot, &[1, 2]);
    set_peer(&mut snapshot, 3, history(Some(500), &[400, 0], WhyKind::Refused));
    assert_eq!(snapshot.contact(), Contact::NobodyAnswers);
}

#[test]
fn an_unstarted_voter_counts_and_does_not_serve() {
    let mut snapshot = healthy();
    for row in snapshot.etcd.views.values_mut() {
        for member in &mut row.value.members {
            if member.id == member_id(3) {
                member.name = Text::default();
            }
        }
    }
    set_peer(&mut snapshot, 3, history(None, &[1, 0], WhyKind::Refused));
    let quorum = snapshot.quorum();
    assert_eq!(
        (quorum.voters, quorum.healthy, quorum.dead(), quorum.spare()),
        (3, 2, 1, Some(0))
    );
    // It answers, a moment before it publishes its name.
    set_peer(&mut snapshot, 3, answered(0));
    assert_eq!(snapshot.quorum().unknown, 1);
}

#[test]
fn a_learner_has_no_vote() {
    let mut snapshot = healthy();
    for row in snapshot.etcd.views.values_mut() {
        for member in &mut row.value.members {
            member.is_learner = member.id == member_id(3);
        }
    }
    let quorum = snapshot.quorum();
    assert_eq!(
        (quorum.voters, quorum.healthy, quorum.needed, quorum.spare()),
        (2, 2, 2, Some(0))
    );
    assert_eq!(quorum.member(member_id(3)).unwrap().role, Role::Learner);
    assert_eq!(quorum.members.len(), 3);
}

#[test]
fn views_that_differ_the_better_vantage_wins_then_the_majority() {
    let mut snapshot = healthy();
    let views = &mut snapshot.etcd.views;
    views.get_mut(&Vantage::Peer(member_id(2))).unwrap().value = view(&[1, 2]);
    assert_eq!(snapshot.membership().source, MembershipSource::Linearizable);
    assert_eq!(snapshot.membership().members.len(), 3);

    // Without the local member, the list that two of three agree on.
    lose_local_etcd(&mut snapshot);
    set_peer(&mut snapshot, 1, answered(1));
    assert_eq!(snapshot.membership().members.len(), 3);
    // Once the linearizable view is dated, the member's own copy.
    let mut snapshot = healthy();
    fail_reads(&mut snapshot, 8);
    assert_eq!(snapshot.membership().source, MembershipSource::Local);
}

#[test]
fn when_nobody_answers_the_newest_list_stays_dated() {
    let mut snapshot = healthy();
    lose_local_etcd(&mut snapshot);
    kill_member(&mut snapshot, 2, Death::Refused, 20);
    kill_member(&mut snapshot, 3, Death::Refused, 25);
    fail_reads(&mut snapshot, 30);
    let quorum = snapshot.quorum();
    assert_eq!(quorum.membership.source, MembershipSource::Peer(member_id(2)));
    assert_eq!(quorum.membership.as_of, Some(ago(20)));
    assert_eq!((quorum.standing, quorum.healthy), (Standing::Lost, 0));
}

#[test]
fn another_cluster_at_a_members_address_is_not_our_member() {
    let mut snapshot = healthy();
    let row = snapshot.etcd.views.get_mut(&Vantage::Peer(member_id(3))).unwrap();
    row.value.cluster_id = Some(OTHER_CLUSTER);
    row.value.members.retain(|member| member.id == member_id(3));
    let quorum = snapshot.quorum();
    let Health::Dead { why, .. } = &quorum.member(member_id(3)).unwrap().health else {
        panic!("not ours");
    };
    assert!(why.text.as_str().contains("another etcd cluster"));
    assert_eq!(quorum.spare(), Some(0));
    // Nor is its list believed when the local member is gone.
    lose_local_etcd(&mut snapshot);
    snapshot.etcd.local = None;
    assert_eq!(snapshot.membership().members.len(), 3);
}

#[test]
fn after_a_restore_the_members_that_answer_say_which_cluster_it_is() {
    // Quorum was restored on hosts 2 and 3 while etcd here was down: new cluster id, new member ids.
    let mut snapshot = healthy();
    lose_local_etcd(&mut snapshot);
    fail_reads(&mut snapshot, 30);
    let mut restored = view(&[1, 2, 3]);
    restored.cluster_id = Some(OTHER_CLUSTER);
    let first = restored.members.iter_mut().find(|member| member.id == member_id(1));
    first.unwrap().id = MemberId(77);
    for n in [2, 3] {
        let row = snapshot.etcd.views.get_mut(&Vantage::Peer(member_id(n))).unwrap();
        row.value = restored.clone();
    }
    assert_eq!(snapshot.cluster_id(), Some(OTHER_CLUSTER));
    let quorum = snapshot.quorum();
    assert_eq!(quorum.membership.members, restored.members);
    assert_eq!(quorum.healthy, 2, "{:?}", quorum.members);
    assert_eq!(snapshot.local_member(), Some(MemberId(77)), "by this host's address");
    // One against one: what our own member said last decides.
    let row = snapshot.etcd.views.get_mut(&Vantage::Peer(member_id(3))).unwrap();
    row.value = view(&[1, 2, 3]);
    assert_eq!(snapshot.cluster_id(), Some(example::CLUSTER));
    // While our own member answers, it knows best.
    assert_eq!(healthy().cluster_id(), Some(example::CLUSTER));
}
