//! `ok-to` over the examples.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::model::example::{self, Death, healthy, name};

fn verdict(verb: Verb, n: u8, snapshot: &Snapshot) -> Option<bool> {
    ok_to(verb, &name(n), snapshot).unwrap().verdict()
}

#[test]
fn three_healthy_controllers_spare_one() {
    let snapshot = healthy();
    assert_eq!(verdict(Verb::Stop, 2, &snapshot), Some(true));
    assert_eq!(
        verdict(Verb::Remove, 2, &snapshot),
        Some(false),
        "a fourth must join first"
    );
    assert_eq!(verdict(Verb::Add, 4, &snapshot), Some(true));
    assert_eq!(verdict(Verb::Add, 3, &snapshot), Some(false), "the name is taken");
}

#[test]
fn with_one_lost_only_the_lost_one_may_go() {
    let snapshot = example::node_lost(Death::Silent);
    assert_eq!(verdict(Verb::Stop, 2, &snapshot), Some(false));
    assert_eq!(verdict(Verb::Remove, 3, &snapshot), Some(true));
    assert_eq!(verdict(Verb::Remove, 2, &snapshot), Some(false));
    assert_eq!(
        verdict(Verb::Add, 4, &snapshot),
        Some(false),
        "etcd refuses a join while a voter is down"
    );
}

#[test]
fn a_death_of_a_moment_ago_is_not_sure_yet() {
    let snapshot = example::node_just_died(Death::Silent);
    let answer = ok_to(Verb::Remove, &name(3), &snapshot).unwrap();
    assert_eq!(answer.verdict(), Some(false));
    let closed: Vec<&str> = answer
        .reasons
        .iter()
        .filter(|reason| reason.truth.is_unmet())
        .map(|reason| reason.claim.as_str())
        .collect();
    assert_eq!(closed.len(), 1, "{closed:?}");
    assert!(closed[0].contains("has not served"), "{closed:?}");
}

#[test]
fn a_blind_observer_cannot_tell() {
    let snapshot = example::cut_off(false);
    assert_eq!(verdict(Verb::Add, 4, &snapshot), None);
    assert_eq!(verdict(Verb::Stop, 2, &snapshot), None);
}

#[test]
fn who_is_not_there_is_an_error() {
    assert!(ok_to(Verb::Stop, &"nbe-9".into(), &healthy()).is_err());
    assert!(ok_to(Verb::Remove, &"nbe-9".into(), &example::empty()).is_err());
}
