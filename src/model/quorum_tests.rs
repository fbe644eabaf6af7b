#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::health::{SILENT, SILENT_TOO, judge};
use super::*;
use crate::base::{Text, WhyKind};
use crate::model::KubeKind;
use crate::model::etcd::Vantage;
use crate::model::example::{
    self, Death, OTHER_CLUSTER, ago, answered, fact, healthy, kill_member, lose_feed, member_id, now, view,
};
use crate::model::feed::{History, HostPart};
use crate::model::kube::Tri;

fn why(kind: WhyKind) -> Why {
    Why::new(kind, "so it was")
}

/// Answered last at `last_ok` s ago, and failed at each of `failures` s ago.
fn history(last_ok: Option<u64>, failures: &[u64], kind: WhyKind) -> History {
    let mut history = History::begin(ago(300));
    if let Some(seconds) = last_ok {
        history.ok(ago(seconds));
    }
    for seconds in failures {
        history.failed(ago(*seconds), why(kind));
    }
    history
}

fn set_peer(snapshot: &mut Snapshot, n: u8, history: History) {
    snapshot.etcd.peers.get_mut(&member_id(n)).unwrap().history = history;
}

fn fail_reads(snapshot: &mut Snapshot, last_ok: u64) {
    snapshot.etcd.linearizable = Some(history(Some(last_ok), &[1, 0], WhyKind::TimedOut));
    snapshot.feeds.insert(
        FeedId::Api,
        FeedState::Lost {
            as_of: Some(ago(last_ok)),
            why: why(WhyKind::TimedOut),
        },
    );
}

fn set_views(snapshot: &mut Snapshot, hosts: &[u8]) {
    for row in snapshot.etcd.views.values_mut() {
        row.value = view(hosts);
    }
}

fn lose_local_etcd(snapshot: &mut Snapshot) {
    let refused = history(Some(30), &[2, 1, 0], WhyKind::Refused);
    snapshot.etcd.serializable = Some(refused.clone());
    snapshot.etcd.linearizable = Some(refused.clone());
    set_peer(snapshot, 1, refused);
    snapshot.feeds.insert(
        FeedId::EtcdLocal,
        FeedState::Lost {
            as_of: Some(ago(30)),
            why: why(WhyKind::Refused),
        },
    );
}

#[path = "quorum/judging_tests.rs"]
mod judging;
#[path = "quorum/kinship_tests.rs"]
mod kinship;
#[path = "quorum/membership_tests.rs"]
mod membership;

#[test]
fn three_of_three_have_one_to_spare() {
    let quorum = healthy().quorum();
    assert_eq!((quorum.voters, quorum.healthy, quorum.needed), (3, 3, 2));
    assert_eq!(quorum.spare(), Some(1));
    assert_eq!(quorum.leader, Some(member_id(2)));
    assert_eq!(quorum.contact, Contact::Works);
    assert!(matches!(quorum.standing, Standing::Held { .. }));
    assert_eq!(quorum.membership.source, MembershipSource::Linearizable);
    let local: Vec<MemberId> = quorum
        .members
        .iter()
        .filter(|m| m.is_local)
        .map(|m| m.member.id)
        .collect();
    assert_eq!(local, [member_id(1)]);
}

#[test]
fn a_killed_host_is_dead_at_the_first_refusal() {
    let mut snapshot = healthy();
    set_peer(&mut snapshot, 3, history(Some(1), &[0], WhyKind::Refused));
    let quorum = snapshot.quorum();
    assert_eq!((quorum.healthy, quorum.dead(), quorum.spare()), (2, 1, Some(0)));
}

/// Asks every second with a deadline of a second, as the probe does, and returns when host 3 is dead.
#[test]
fn a_frozen_host_is_dead_within_five_seconds() {
    for phase_ms in [0_u64, 300, 600, 999] {
        let mut snapshot = healthy();
        let start = now();
        let at = |ms: u64| start.plus(Duration::from_millis(ms));
        // Host 3's last answer came `phase_ms` before it froze at `start` + `phase_ms`.
        let mut frozen = answered(0);
        let mut found = None;
        for ms in (0..=8_000).step_by(100) {
            snapshot.now = at(ms);
            if ms >= 2_000 && (ms - 2_000) % 2_000 == 0 {
                frozen.failed(at(ms), why(WhyKind::TimedOut));
            }
            set_peer(&mut snapshot, 3, frozen.clone());
            let mut alive = answered(0);
            alive.ok(at(ms / 1_000 * 1_000));
            set_peer(&mut snapshot, 2, alive.clone());
            snapshot.etcd.serializable = Some(alive.clone());
            snapshot.etcd.linearizable = Some(alive);
            if snapshot.quorum().spare() == Some(0) {
                found = Some(ms - phase_ms);
                break;
            }
        }
        let ms = found.expect("found dead");
        assert!(
            ms <= 5_000,
            "froze {phase_ms} ms after its last answer, found dead after {ms} ms"
        );
    }
}

/// What this host sees while packets vanish on its own doorstep: never a dead member, never a lost quorum.
#[test]
fn a_host_that_is_cut_off_blames_nobody_at_any_moment() {
    let start = now();
    let at = |ms: u64| start.plus(Duration::from_millis(ms));
    let mut snapshot = healthy();
    // Host 3's probe failed once just before the cut, by chance; host 2 answered after that.
    let mut early = answered(1);
    early.failed(ago(0), why(WhyKind::Broken));
    let (mut two, mut three, mut reads) = (answered(0), early, answered(0));
    for ms in (0..=60_000).step_by(100) {
        snapshot.now = at(ms);
        if ms % 1_000 == 0 && ms > 0 {
            two.failed(at(ms), why(WhyKind::TimedOut));
            three.failed(at(ms), why(WhyKind::TimedOut));
            reads.failed(at(ms), why(WhyKind::TimedOut));
        }
        set_peer(&mut snapshot, 2, two.clone());
        set_peer(&mut snapshot, 3, three.clone());
        let mut local = answered(0);
        local.ok(at(ms));
        snapshot.etcd.serializable = Some(local);
        snapshot.etcd.linearizable = Some(reads.clone());
        snapshot.feeds.insert(
            FeedId::Api,
            FeedState::Lost {
                as_of: Some(start),
                why: why(WhyKind::TimedOut),
            },
        );
        let quorum = snapshot.quorum();
        assert_eq!(quorum.dead(), 0, "after {ms} ms: {:?}", quorum.members);
        assert_ne!(quorum.standing, Standing::Lost, "after {ms} ms");
        if ms > 5_000 {
            assert_eq!(quorum.standing, Standing::Alone { unplugged: false }, "after {ms} ms");
        }
    }
}

#[test]
fn an_unplugged_host_knows_that_it_is_the_one() {
    let quorum = example::cut_off(true).quorum();
    assert_eq!(quorum.standing, Standing::Alone { unplugged: true });
    assert_eq!(quorum.contact, Contact::Unplugged);
    assert_eq!(quorum.spare(), None);
    // Link facts that are old tell nothing about now.
    let mut snapshot = example::cut_off(true);
    lose_feed(&mut snapshot, FeedId::Host(HostPart::Links));
    assert_eq!(snapshot.quorum().standing, Standing::Alone { unplugged: false });
}

#[test]
fn two_silent_hosts_may_be_us() {
    let quorum = example::cut_off(false).quorum();
    assert_eq!(quorum.standing, Standing::Alone { unplugged: false });
    assert_eq!((quorum.healthy, quorum.dead(), quorum.unknown), (1, 0, 2));
    assert_eq!(quorum.spare_range, Some((-1, 1)));
}

#[test]
fn two_killed_hosts_are_a_lost_quorum() {
    let quorum = example::quorum_lost().quorum();
    assert_eq!(quorum.standing, Standing::Lost);
    assert_eq!((quorum.healthy, quorum.dead(), quorum.spare()), (1, 2, Some(-1)));
}

#[test]
fn a_refusal_beside_a_silence_proves_that_our_network_works() {
    let mut snapshot = example::quorum_lost();
    kill_member(&mut snapshot, 3, Death::Silent, 40);
    assert_eq!(snapshot.quorum().standing, Standing::Lost);
}

#[test]
fn a_quorum_that_was_lost_before_we_came_is_seen_at_the_first_silence() {
    let mut snapshot = example::quorum_lost();
    let mut silent = History::begin(ago(1));
    silent.failed(ago(0), why(WhyKind::TimedOut));
    set_peer(&mut snapshot, 3, silent);
    snapshot.etcd.linearizable = None;
    snapshot.feeds.remove(&FeedId::Api);
    assert!(matches!(snapshot.quorum().standing, Standing::Unproven { .. }));
    let mut written = |seconds: u64| {
        let stored = FeedState::Stored {
            as_of: ago(0),
            revision: 1,
            written: Some(ago(seconds).wall),
            why: None,
        };
        snapshot.feeds.insert(FeedId::EtcdStore, stored);
        snapshot.quorum().standing
    };
    assert!(matches!(written(12), Standing::Unproven { .. }));
    assert_eq!(written(40), Standing::Lost);
}

#[test]
fn silence_to_us_alone_is_no_lost_quorum_while_our_own_etcd_is_down() {
    // k0s is stopped here, host 2 answers, host 3 is silent to us: 2 and 3 may well hold quorum.
    let mut snapshot = healthy();
    lose_local_etcd(&mut snapshot);
    kill_member(&mut snapshot, 3, Death::Silent, 40);
    fail_reads(&mut snapshot, 30);
    snapshot.etcd.linearizable = Some(history(Some(30), &[2, 1, 0], WhyKind::Refused));
    let quorum = snapshot.quorum();
    assert!(
        matches!(quorum.standing, Standing::Unproven { .. }),
        "{:?}",
        quorum.standing
    );
    assert_eq!((quorum.healthy, quorum.dead(), quorum.unknown), (1, 1, 1));
    assert_eq!(quorum.spare_range, Some((-1, 0)));
    let Health::Unknown { why } = &quorum.member(member_id(3)).unwrap().health else {
        panic!("silent to us only");
    };
    assert!(why.text.as_str().contains("may hold quorum"), "{}", why.text);
    // A refusal is more than silence.
    kill_member(&mut snapshot, 3, Death::Refused, 40);
    assert_eq!(snapshot.quorum().standing, Standing::Lost);
}

#[test]
fn silence_is_a_lost_quorum_where_our_own_member_answers_without_a_leader() {
    // Hosts 2 and 3 are frozen; a learner on host 4 shows that our network works.
    let mut snapshot = example::quorum_lost();
    for n in [2, 3] {
        kill_member(&mut snapshot, n, Death::Silent, 40);
    }
    set_views(&mut snapshot, &[1, 2, 3, 4]);
    for row in snapshot.etcd.views.values_mut() {
        for member in &mut row.value.members {
            member.is_learner = member.id == member_id(4);
        }
    }
    let answers = snapshot.etcd.peers[&member_id(1)].clone();
    snapshot.etcd.peers.insert(member_id(4), answers);
    assert_eq!(snapshot.quorum().standing, Standing::Lost);
    // Not while it has a leader, or what it said is old.
    let mut led = snapshot.clone();
    led.etcd.local.as_mut().unwrap().value.leader = Some(member_id(2));
    assert!(matches!(led.quorum().standing, Standing::Unproven { .. }));
    snapshot.etcd.serializable = Some(history(Some(30), &[2, 1, 0], WhyKind::TimedOut));
    assert!(matches!(snapshot.quorum().standing, Standing::Unproven { .. }));
}

#[test]
fn quorum_is_not_lost_while_a_leader_is_known() {
    let mut snapshot = example::quorum_lost();
    snapshot.etcd.local.as_mut().unwrap().value.leader = Some(member_id(2));
    assert!(matches!(snapshot.quorum().standing, Standing::Unproven { .. }));
}

#[test]
fn a_proof_outranks_silent_probes() {
    let mut snapshot = healthy();
    kill_member(&mut snapshot, 2, Death::Silent, 40);
    kill_member(&mut snapshot, 3, Death::Silent, 40);
    let quorum = snapshot.quorum();
    assert!(matches!(quorum.standing, Standing::Held { .. }));
    assert_eq!((quorum.healthy, quorum.dead(), quorum.unknown), (1, 0, 2));
    assert_eq!(quorum.spare_range, Some((0, 1)));
    assert_eq!(quorum.spare(), None);
}

#[test]
fn a_proof_is_not_contradicted_by_one_death() {
    let mut snapshot = healthy();
    kill_member(&mut snapshot, 3, Death::Silent, 40);
    let quorum = snapshot.quorum();
    assert_eq!((quorum.healthy, quorum.dead(), quorum.spare()), (2, 1, Some(0)));
}

#[test]
fn local_etcd_dead_while_the_others_answer() {
    let mut snapshot = healthy();
    lose_local_etcd(&mut snapshot);
    let quorum = snapshot.quorum();
    assert!(
        matches!(quorum.standing, Standing::Held { .. }),
        "by the API server of another host"
    );
    assert_eq!((quorum.healthy, quorum.dead(), quorum.spare()), (2, 1, Some(0)));
    assert_eq!(quorum.leader, None);
    assert!(matches!(quorum.membership.source, MembershipSource::Peer(_)));

    fail_reads(&mut snapshot, 30);
    let quorum = snapshot.quorum();
    assert!(
        matches!(quorum.standing, Standing::Unproven { .. }),
        "peers prove processes, not quorum"
    );
    assert_eq!(quorum.contact, Contact::Works);
}

#[test]
fn a_dead_local_member_does_not_vouch_for_the_network() {
    // Its own peer port refuses; whose it is, is known by the certificate alone.
    let mut snapshot = example::cut_off(false);
    lose_local_etcd(&mut snapshot);
    snapshot.etcd.local = None;
    snapshot.host.config = None;
    assert_eq!(snapshot.local_member(), Some(member_id(1)));
    assert_eq!(snapshot.quorum().standing, Standing::Alone { unplugged: false });
    snapshot.host.certificates = None;
    assert_eq!(snapshot.local_member(), Some(member_id(1)), "by the host's name");
}

#[test]
fn without_etcd_certificates_the_api_proves_quorum_and_spare_is_open() {
    let mut snapshot = healthy();
    snapshot.etcd = crate::model::etcd::EtcdFacts {
        no_access: Some(why(WhyKind::Denied)),
        ..Default::default()
    };
    let quorum = snapshot.quorum();
    assert!(matches!(quorum.standing, Standing::Held { .. }));
    assert_eq!(quorum.membership.source, MembershipSource::Objects);
    assert_eq!((quorum.voters, quorum.unknown, quorum.spare_range), (3, 3, None));
    fail_reads(&mut snapshot, 30);
    let Standing::Unproven { why } = snapshot.quorum().standing else {
        panic!("nothing is proven");
    };
    assert_eq!(why.kind, WhyKind::Denied);
}

#[test]
fn a_single_controller_has_none_to_spare_and_nobody_to_ask() {
    let mut snapshot = healthy();
    set_views(&mut snapshot, &[1]);
    snapshot.etcd.peers.retain(|id, _| *id == member_id(1));
    let quorum = snapshot.quorum();
    assert_eq!((quorum.voters, quorum.needed, quorum.spare()), (1, 1, Some(0)));
    assert_eq!(quorum.contact, Contact::NotTried);
    lose_local_etcd(&mut snapshot);
    fail_reads(&mut snapshot, 30);
    assert_eq!(snapshot.quorum().standing, Standing::Lost);
}

#[test]
fn at_the_start_nothing_is_claimed() {
    for snapshot in [example::empty(), example::syncing()] {
        let quorum = snapshot.quorum();
        assert_eq!((quorum.voters, quorum.needed, quorum.spare_range), (0, 0, None));
        assert_eq!(quorum.contact, Contact::NotTried);
        assert!(matches!(quorum.standing, Standing::Unproven { .. }));
        assert_eq!(quorum.membership.source, MembershipSource::Nobody);
    }
}

#[test]
fn a_peer_that_refuses_our_certificate_still_shows_that_the_network_works() {
    let mut snapshot = example::cut_off(false);
    set_peer(&mut snapshot, 2, history(Some(40), &[1, 0], WhyKind::Forbidden));
    let quorum = snapshot.quorum();
    assert_eq!(quorum.contact, Contact::Works);
    assert!(quorum.member(member_id(3)).unwrap().health.is_dead());
    assert!(quorum.member(member_id(2)).unwrap().health.is_unknown());
    assert!(matches!(quorum.standing, Standing::Unproven { .. }));
}

#[test]
fn five_members_two_to_spare() {
    let mut snapshot = healthy();
    set_views(&mut snapshot, &[1, 2, 3, 4, 5]);
    let template = snapshot.etcd.peers[&member_id(3)].clone();
    let peers: BTreeMap<_, _> = [4, 5].map(|n| (member_id(n), template.clone())).into();
    snapshot.etcd.peers.extend(peers);
    assert_eq!(snapshot.quorum().spare(), Some(2));
    let row = fact(FeedId::EtcdPeer(member_id(4)), 100, view(&[1, 2, 3, 4, 5]));
    snapshot.etcd.views.insert(Vantage::Peer(member_id(4)), row);
    kill_member(&mut snapshot, 4, Death::Refused, 20);
    kill_member(&mut snapshot, 5, Death::Refused, 20);
    assert_eq!(snapshot.quorum().spare(), Some(0));
}

fn any_history() -> impl Strategy<Value = History> {
    let kinds = prop_oneof![
        Just(WhyKind::Refused),
        Just(WhyKind::TimedOut),
        Just(WhyKind::Unreachable),
        Just(WhyKind::Broken),
        Just(WhyKind::Tls),
        Just(WhyKind::Unavailable),
    ];
    (proptest::option::of(0_u64..30), 0_usize..4, kinds).prop_map(|(last_ok, failures, kind)| {
        let failures: Vec<u64> = (0..failures as u64).rev().collect();
        history(last_ok, &failures, kind)
    })
}

proptest! {
    #[test]
    fn the_arithmetic_is_sound_whatever_was_seen(
        peers in proptest::array::uniform3(any_history()),
        local in any_history(),
        reads in any_history(),
        api_lost in any::<bool>(),
        leader in any::<bool>(),
    ) {
        let mut snapshot = healthy();
        for (n, history) in (1..).zip(peers) {
            set_peer(&mut snapshot, n, history);
        }
        snapshot.etcd.serializable = Some(local);
        snapshot.etcd.linearizable = Some(reads);
        snapshot.etcd.local.as_mut().unwrap().value.leader = leader.then(|| member_id(2));
        if api_lost {
            snapshot.feeds.insert(FeedId::Api, FeedState::Lost { as_of: None, why: why(WhyKind::TimedOut) });
        }
        let quorum = snapshot.quorum();
        let counted = quorum.healthy + quorum.unknown + quorum.dead();
        prop_assert_eq!(counted, quorum.voters);
        if let Some((low, high)) = quorum.spare_range {
            prop_assert!(low <= high);
            if matches!(quorum.standing, Standing::Held { .. }) {
                prop_assert!(low >= 0, "a held quorum is not below zero");
            }
        }
        if quorum.standing == Standing::Lost {
            prop_assert!(quorum.dead() > quorum.voters - quorum.needed);
            prop_assert_eq!(quorum.contact, Contact::Works);
            prop_assert!(!leader);
        }
        if quorum.contact != Contact::Works {
            let others_dead = quorum.members.iter().any(|m| !m.is_local && m.health.is_dead());
            prop_assert!(!others_dead, "nothing is known about the others when none of them answers");
        }
    }
}

mod roles {
    use super::*;

    fn roles(snapshot: &Snapshot) -> [Role; 3] {
        let quorum = snapshot.quorum();
        [1, 2, 3].map(|n| quorum.member(member_id(n)).unwrap().role)
    }

    #[test]
    fn a_member_that_does_not_serve_is_no_follower() {
        assert_eq!(roles(&healthy()), [Role::Follower, Role::Leader, Role::Follower]);
        let mut snapshot = healthy();
        kill_member(&mut snapshot, 3, Death::Refused, 10);
        assert_eq!(roles(&snapshot), [Role::Follower, Role::Leader, Role::Unknown]);
        // Until the local member gives its leader up, it is the leader, dead or not.
        kill_member(&mut snapshot, 2, Death::Refused, 1);
        assert_eq!(roles(&snapshot)[1], Role::Leader);
        snapshot.etcd.local.as_mut().unwrap().value.leader = None;
        assert_eq!(roles(&snapshot), [Role::Unknown; 3]);
    }
}
