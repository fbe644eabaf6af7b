//! The table, by every small cluster there is.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::base::{Text, Why, WhyKind};
use crate::model::etcd::Member;
use crate::model::example::{ago, now};
use crate::model::quorum::{Contact, Membership, Role};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Healthy,
    Dead,
    Unknown,
    Learner,
    Unstarted,
}

const ALL: [Is; 5] = [Is::Healthy, Is::Dead, Is::Unknown, Is::Learner, Is::Unstarted];

fn member(n: usize, is: Is) -> MemberState {
    let silence = Why::new(WhyKind::TimedOut, "silent");
    MemberState {
        member: Member {
            id: MemberId(n as u64),
            name: if is == Is::Unstarted {
                Text::default()
            } else {
                Text::from(format!("m{n}"))
            },
            peer_urls: vec![Text::from(format!("https://10.0.0.{n}:2380"))],
            client_urls: Vec::new(),
            is_learner: is == Is::Learner,
        },
        role: Role::Unknown,
        health: match is {
            Is::Healthy | Is::Learner => Health::Healthy { as_of: ago(0) },
            Is::Dead | Is::Unstarted => Health::Dead {
                last_seen: None,
                why: silence,
            },
            Is::Unknown => Health::Unknown { why: silence },
        },
        is_local: false,
    }
}

fn quorum(members: &[Is], proven: bool) -> Quorum {
    let members: Vec<MemberState> = members.iter().enumerate().map(|(n, is)| member(n, *is)).collect();
    let votes = |wanted: fn(&Health) -> bool| {
        let voters = members.iter().filter(|state| !state.member.is_learner);
        voters.filter(|state| wanted(&state.health)).count()
    };
    let why = Why::new(WhyKind::NotYet, "not read");
    Quorum {
        membership: Membership {
            members: members.iter().map(|state| state.member.clone()).collect(),
            source: MembershipSource::Linearizable,
            as_of: Some(ago(0)),
            cluster_id: None,
        },
        voters: votes(|_| true),
        needed: needed(votes(|_| true)),
        healthy: votes(Health::is_healthy),
        unknown: votes(Health::is_unknown),
        spare_range: None,
        leader: None,
        standing: if proven {
            Standing::Held { as_of: ago(0) }
        } else {
            Standing::Unproven { why }
        },
        contact: Contact::Works,
        members,
    }
}

/// Every cluster of up to five members.
fn clusters() -> Vec<Vec<Is>> {
    let mut all = vec![Vec::new()];
    let mut longest = all.clone();
    for _ in 0..5 {
        longest = longest
            .iter()
            .flat_map(|members| {
                ALL.map(|is| {
                    let mut more = members.clone();
                    more.push(is);
                    more
                })
            })
            .collect();
        all.extend(longest.clone());
    }
    all
}

fn acts(n: usize) -> Vec<Act> {
    let targets = (0..n).map(|n| MemberId(n as u64));
    let mut acts = vec![Act::Add, Act::Disturb];
    for member in targets {
        acts.extend([
            Act::Stop { member },
            Act::RemoveDead { member },
            Act::RemoveHealthy { member },
            Act::RemoveRemnant { member },
        ]);
    }
    acts
}

/// Voters after the act, and those of them that are healthy even if every unknown one is dead.
fn after(act: Act, members: &[Is]) -> (usize, usize) {
    let count = |wanted: fn(&Is) -> bool| members.iter().filter(|is| wanted(is)).count();
    let (voters, healthy) = (count(|is| *is != Is::Learner), count(|is| *is == Is::Healthy));
    let is = |member: MemberId| members[usize::try_from(member.0).unwrap()];
    let has_vote = |member| usize::from(is(member) != Is::Learner);
    let serves = |member| usize::from(is(member) == Is::Healthy);
    match act {
        Act::Stop { member } => (voters, healthy - serves(member)),
        Act::RemoveDead { member } | Act::RemoveHealthy { member } | Act::RemoveRemnant { member } => {
            (voters - has_vote(member), healthy - serves(member))
        }
        Act::Add => (voters + 1, healthy),
        Act::Disturb => (voters, healthy),
    }
}

#[test]
fn what_is_allowed_never_costs_the_quorum() {
    let mut allowed = 0;
    for members in clusters() {
        for proven in [false, true] {
            let quorum = quorum(&members, proven);
            for act in acts(members.len()) {
                if !judge(act, &quorum, ago(1)).is_met() {
                    continue;
                }
                allowed += 1;
                let (voters, healthy) = after(act, &members);
                // A remnant is removed on the word of etcd alone: its removal takes no healthy vote away.
                if let Act::RemoveRemnant { .. } = act {
                    assert!(proven, "{members:?} {act:?}");
                    assert!(needed(voters) <= quorum.needed, "{members:?} {act:?}");
                    assert_eq!(healthy, quorum.healthy, "{members:?} {act:?}");
                } else {
                    assert!(healthy >= needed(voters), "{members:?} {act:?}: {healthy} of {voters}");
                }
            }
        }
    }
    assert!(allowed > 1_000, "only {allowed}: the table refuses everything");
}

#[test]
fn old_answers_allow_nothing() {
    for members in clusters() {
        let quorum = quorum(&members, true);
        for act in acts(members.len()) {
            assert!(!judge(act, &quorum, now()).is_met(), "{members:?} {act:?}");
        }
    }
}

#[test]
fn changes_of_membership_want_a_proven_quorum() {
    for members in clusters() {
        let quorum = quorum(&members, false);
        for act in acts(members.len()) {
            let is_change = !matches!(act, Act::Stop { .. } | Act::Disturb);
            assert!(
                !(is_change && judge(act, &quorum, ago(1)).is_met()),
                "{members:?} {act:?}"
            );
        }
    }
}

/// The answer for the first member, in one word.
fn word(act: Act, members: &[Is]) -> &'static str {
    judge(act, &quorum(members, true), ago(1)).word()
}

#[test]
fn the_table_of_three() {
    use Is::{Dead, Healthy, Learner, Unknown, Unstarted};
    let member = MemberId(0);
    let stop = Act::Stop { member };
    assert_eq!(word(stop, &[Healthy, Healthy, Healthy]), "yes");
    assert_eq!(word(stop, &[Healthy, Healthy, Dead]), "no");
    assert_eq!(word(stop, &[Healthy, Healthy, Unknown]), "cannot tell");
    assert_eq!(word(stop, &[Dead, Healthy, Healthy]), "yes");
    let dead = Act::RemoveDead { member };
    assert_eq!(word(dead, &[Dead, Healthy, Healthy]), "yes");
    assert_eq!(word(dead, &[Dead, Healthy, Dead]), "no");
    assert_eq!(word(dead, &[Dead, Healthy, Unknown]), "cannot tell");
    assert_eq!(word(dead, &[Healthy, Healthy, Healthy]), "no");
    assert_eq!(word(dead, &[Unknown, Healthy, Healthy]), "cannot tell");
    assert_eq!(word(dead, &[Learner, Healthy, Healthy]), "no");
    let healthy = Act::RemoveHealthy { member };
    assert_eq!(word(healthy, &[Healthy, Healthy, Healthy]), "no");
    assert_eq!(word(healthy, &[Healthy, Healthy, Healthy, Healthy]), "yes");
    assert_eq!(word(healthy, &[Healthy, Healthy, Healthy, Dead]), "no");
    let remnant = Act::RemoveRemnant { member };
    assert_eq!(word(remnant, &[Learner, Healthy, Healthy]), "yes");
    assert_eq!(word(remnant, &[Unstarted, Healthy, Healthy]), "yes");
    assert_eq!(word(remnant, &[Dead, Healthy, Healthy]), "no");
    assert_eq!(word(Act::Add, &[Healthy, Healthy]), "yes");
    assert_eq!(word(Act::Add, &[Healthy, Healthy, Healthy]), "yes");
    assert_eq!(word(Act::Add, &[Healthy, Healthy, Dead]), "no");
    assert_eq!(word(Act::Add, &[Healthy, Healthy, Learner]), "no");
    assert_eq!(word(Act::Add, &[Healthy, Healthy, Unstarted]), "no");
    assert_eq!(word(Act::Disturb, &[Healthy, Healthy, Healthy]), "yes");
    assert_eq!(word(Act::Disturb, &[Healthy, Healthy, Dead]), "no");
}

#[test]
fn what_does_not_run_may_be_stopped() {
    let mut cluster = quorum(&[Is::Dead, Is::Healthy, Is::Dead], false);
    let stop = Act::Stop { member: MemberId(0) };
    assert_eq!(judge(stop, &cluster, ago(1)).word(), "no");
    cluster.members[0].health = Health::Dead {
        last_seen: None,
        why: Why::new(WhyKind::Refused, "refused"),
    };
    assert_eq!(judge(stop, &cluster, ago(1)).word(), "yes");
}

#[test]
fn objects_are_no_arithmetic() {
    let mut cluster = quorum(&[Is::Healthy; 3], true);
    cluster.membership.source = MembershipSource::Objects;
    assert_eq!(judge(Act::Add, &cluster, ago(1)).word(), "cannot tell");
    cluster.membership.source = MembershipSource::Local;
    assert_eq!(judge(Act::Add, &cluster, ago(1)).word(), "cannot tell");
}
