//! What each condition takes for an answer, over the examples.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::base::{Why, WhyKind};
use crate::model::entry::EntryId;
use crate::model::etcd::Vantage;
use crate::model::example::{self, Death, address, ago, change, healthy, kill_member, member_id, name, now};
use crate::model::feed::{FeedId, FeedState};
use crate::model::kube::Pod;

fn node(n: u8) -> Target {
    Target::pin(&healthy().kube, ObjectKind::Node, ObjectKey::new("", name(n))).unwrap()
}

fn lease(n: u8) -> ObjectKey {
    ObjectKey::new("kube-node-lease", format!("k0s-ctrl-{}", name(n)))
}

fn word(condition: &Condition, snapshot: &Snapshot) -> &'static str {
    condition.preview(snapshot).word()
}

/// One of each, about host 3.
fn all() -> Vec<Condition> {
    let id = member_id(3);
    let workload = || ObjectKey::new("kotsadm", "netbox-netbox");
    let kind = WorkloadKind::Deployment;
    vec![
        Condition::QuorumProven,
        Condition::Permitted {
            act: gate::Act::Stop { member: id },
        },
        Condition::MemberListed {
            id,
            address: address(3),
        },
        Condition::MemberAbsent { id },
        Condition::NotHere { id },
        Condition::Voter {
            address: Some(address(3)),
            known: Vec::new(),
        },
        Condition::Serves { id },
        Condition::NewMember { known: Vec::new() },
        Condition::MembershipQuiet,
        Condition::NoAlarm,
        Condition::Silent { id, for_ms: 60_000 },
        Condition::HostAnswers {
            id: Some(id),
            node: name(3),
        },
        Condition::Same { target: node(3) },
        Condition::Gone { target: node(3) },
        Condition::Labelled {
            node: node(3),
            label: "topology.kubernetes.io/zone".into(),
            value: Some("zone-c".into()),
        },
        Condition::NewNodeLabelled {
            known: vec![name(1), name(2)],
            label: "topology.kubernetes.io/zone".into(),
            value: "zone-c".into(),
        },
        Condition::NodeReady {
            node: Some(name(3)),
            known: Vec::new(),
        },
        Condition::NewNodeAlike {
            known: vec![name(1), name(2)],
        },
        Condition::NewNodeServes {
            known: vec![name(1), name(2)],
        },
        Condition::NewNodeNamed {
            known: vec![name(1), name(2)],
        },
        Condition::Cordoned {
            node: node(3),
            on: false,
        },
        Condition::OutOfService {
            node: node(3),
            on: false,
        },
        Condition::NodeDown { node: node(3) },
        Condition::HolderChanged {
            lease: lease(3),
            from: Some("another".into()),
        },
        Condition::ReadyElsewhere {
            kind,
            workload: workload(),
            node: Some(name(3)),
            at_least: 2,
        },
        Condition::NothingPending,
        Condition::SpreadEvenly {
            kind,
            workload: workload(),
            but: 0,
        },
        Condition::HighlyAvailable,
        Condition::ControllersReady { at_least: 3 },
        Condition::DiskFree { bytes: 1 << 30 },
        Condition::ApiLive,
        Condition::Evictable {
            pod: Target {
                kind: ObjectKind::Pod,
                key: ObjectKey::new("kotsadm", "gone"),
                uid: "gone".into(),
            },
        },
        Condition::NoUpgrade,
        Condition::NotAirGapped,
        Condition::TermSteady { for_ms: 10_000 },
    ]
}

#[test]
fn a_healthy_cluster_answers_everything() {
    let snapshot = healthy();
    let no: Vec<Text> = all()
        .iter()
        .filter(|condition| word(condition, &snapshot) == "no")
        .map(Condition::name)
        .collect();
    assert_eq!(
        no,
        [
            "member-absent:1a0c4a9fe2222d3b",
            "silent:1a0c4a9fe2222d3b",
            "gone:Node nbe-3",
            "node-down:nbe-3"
        ]
    );
    let rest = all().into_iter().filter(|condition| !no.contains(&condition.name()));
    for condition in rest {
        let truth = condition.preview(&snapshot);
        assert!(truth.is_met(), "{}: {truth:?}", condition.name());
    }
}

#[test]
fn facts_of_before_the_question_prove_nothing() {
    let snapshot = healthy();
    for condition in all() {
        // What does not change, and what only ever stops a run, needs no fresher fact.
        let is_steady = matches!(
            condition,
            Condition::NotHere { .. } | Condition::DiskFree { .. } | Condition::HostAnswers { .. }
        );
        let truth = condition.eval(&snapshot, now());
        assert!(is_steady || !truth.is_met(), "{}: {truth:?}", condition.name());
    }
}

#[test]
fn a_blind_observer_is_told_nothing() {
    let snapshot = example::empty();
    for condition in all() {
        let truth = condition.preview(&snapshot);
        assert!(!truth.is_met(), "{}: {truth:?}", condition.name());
    }
}

#[test]
fn names_tell_conditions_apart_and_hold_still() {
    let mut names: Vec<Text> = all().iter().map(Condition::name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    for condition in all() {
        assert!(!condition.claim().is_empty());
        assert!(!condition.claim().as_str().ends_with('.'), "{}", condition.claim());
    }
}

#[test]
fn a_new_node_that_does_not_fit_is_told() {
    let known = || vec![name(1), name(2)];
    let mut snapshot = healthy();
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(3)), |node| {
        node.kubelet_version = "v1.36.1".into();
    });
    let truth = Condition::NewNodeAlike { known: known() }.preview(&snapshot);
    assert_eq!(truth.word(), "no");
    assert!(
        truth.text().as_str().contains("runs v1.36.1, the others v1.37.2"),
        "{truth:?}"
    );

    let way = snapshot
        .entry
        .get_mut(&EntryId::Users(address(3).as_str().parse().unwrap()))
        .unwrap();
    way.last.certificate.as_mut().unwrap().names = vec!["netbox.example.com".into()];
    way.last.status = Some(503);
    for condition in [
        Condition::NewNodeServes { known: known() },
        Condition::NewNodeNamed { known: known() },
    ] {
        assert_eq!(word(&condition, &snapshot), "no", "{}", condition.name());
    }
    snapshot.entry.clear();
    for condition in [
        Condition::NewNodeServes { known: known() },
        Condition::NewNodeNamed { known: known() },
    ] {
        assert_eq!(word(&condition, &snapshot), "cannot tell", "{}", condition.name());
    }
}

#[test]
fn in_the_middle_of_a_rollout_no_replicas_lie_evenly() {
    let evenly = |but| Condition::SpreadEvenly {
        kind: WorkloadKind::Deployment,
        workload: ObjectKey::new("kotsadm", "netbox-netbox"),
        but,
    };
    let mut snapshot = healthy();
    assert_eq!(word(&evenly(0), &snapshot), "yes");
    let pod = |n: u8| ObjectKey::new("kotsadm", format!("netbox-netbox-6d5f8-{n}"));
    change(&mut snapshot.kube.pods, &pod(3), |pod| pod.node = Some(name(1)));
    assert_eq!(
        (word(&evenly(0), &snapshot), word(&evenly(1), &snapshot)),
        ("no", "yes")
    );
    // The surge of a rollout lies where a pod was missing, and an old one is about to go.
    let surge = snapshot.kube.pods.get(&pod(3)).unwrap().value.clone();
    let surge = Pod {
        node: Some(name(3)),
        ..surge
    };
    example::add_pod(&mut snapshot.kube, "kotsadm", "netbox-netbox-6d5f8-4", surge);
    assert_eq!(word(&evenly(0), &snapshot), "no");
    let Truth::Unmet { because } = evenly(0).preview(&snapshot) else {
        panic!("not even")
    };
    assert_eq!(because.text, "4 pods of kotsadm/netbox-netbox, 3 wanted");
}

#[test]
fn a_removal_is_proven_by_the_other_survivor_too() {
    let absent = Condition::MemberAbsent { id: member_id(3) };
    let mut snapshot = example::node_lost(Death::Silent);
    let views = &mut snapshot.etcd.views;
    views.get_mut(&Vantage::LocalLinearizable).unwrap().value = example::view(&[1, 2]);
    assert_eq!(word(&absent, &snapshot), "no", "host 2 still lists it");
    snapshot.etcd.views.get_mut(&Vantage::Peer(member_id(2))).unwrap().value = example::view(&[1, 2]);
    assert_eq!(word(&absent, &snapshot), "yes");
    // Host 2 answered before the question.
    assert_eq!(absent.eval(&snapshot, ago(1)).word(), "cannot tell");
    // Only the local copy lacks it: that may be behind or ahead.
    example::lose_feed(&mut snapshot, FeedId::EtcdLocal);
    assert_eq!(word(&absent, &snapshot), "cannot tell");
}

#[test]
fn silence_must_last() {
    let silent = Condition::Silent {
        id: member_id(3),
        for_ms: 60_000,
    };
    assert_eq!(word(&silent, &example::node_just_died(Death::Silent)), "no");
    assert_eq!(word(&silent, &example::node_lost(Death::Silent)), "yes");
    assert_eq!(word(&silent, &example::node_lost(Death::Refused)), "yes");
    // It is us: nobody answers.
    assert_ne!(word(&silent, &example::cut_off(false)), "yes");
}

#[test]
fn a_host_is_back_by_its_member_or_by_its_leases() {
    let answers = Condition::HostAnswers {
        id: Some(member_id(3)),
        node: name(3),
    };
    let mut snapshot = example::node_lost(Death::Silent);
    assert_eq!(word(&answers, &snapshot), "no");
    let key = ObjectKey::new("kube-node-lease", name(3));
    let lease = snapshot.kube.leases.get(&key).unwrap().value.clone();
    example::put(&mut snapshot.kube.leases, crate::model::KubeKind::Leases, key, lease);
    assert_eq!(word(&answers, &snapshot), "yes", "its kubelet renewed 4 s ago");
}

#[test]
fn a_joining_member_says_what_is_missing() {
    let voter = Condition::Voter {
        address: None,
        known: vec![member_id(1), member_id(2)],
    };
    let mut snapshot = healthy();
    let set = |snapshot: &mut Snapshot, learner: bool, name: &str| {
        for view in snapshot.etcd.views.values_mut() {
            for member in view.value.members.iter_mut().filter(|member| member.id == member_id(3)) {
                member.is_learner = learner;
                member.name = name.into();
            }
        }
    };
    set(&mut snapshot, true, "nbe-3");
    let learner = voter.preview(&snapshot).text();
    assert!(learner.as_str().contains("no vote yet"), "{learner}");
    set(&mut snapshot, false, "");
    let unstarted = voter.preview(&snapshot).text();
    assert!(unstarted.as_str().contains("remove-remnant"), "{unstarted}");
    set(&mut snapshot, false, "nbe-3");
    assert_eq!(word(&voter, &snapshot), "yes");
    kill_member(&mut snapshot, 3, Death::Refused, 20);
    assert_eq!(word(&voter, &snapshot), "no");
}

#[test]
fn a_new_holder_must_renew() {
    let mut snapshot = healthy();
    let from = snapshot.kube.leases.get(&lease(3)).unwrap().value.holder.clone();
    let changed = Condition::HolderChanged { lease: lease(3), from };
    assert_eq!(word(&changed, &snapshot), "no");
    change(&mut snapshot.kube.leases, &lease(3), |lease| {
        lease.holder = Some("anew".into());
    });
    assert_eq!(word(&changed, &snapshot), "yes");
    let rows = snapshot.kube.leases.rows_mut();
    std::sync::Arc::make_mut(rows.get_mut(&lease(3)).unwrap()).changed_at = ago(61);
    assert_eq!(word(&changed, &snapshot), "no", "it crashed again");
    change(&mut snapshot.kube.leases, &lease(3), |lease| {
        lease.holder = Some(Text::default());
    });
    assert_eq!(word(&changed, &snapshot), "no", "released");
}

#[test]
fn a_dead_api_proves_nothing_of_its_objects() {
    let mut snapshot = healthy();
    let why = Why::new(WhyKind::TimedOut, "no answer");
    let api = FeedState::Lost {
        as_of: Some(ago(60)),
        why,
    };
    snapshot.feeds.insert(FeedId::Api, api);
    for kind in crate::model::KubeKind::ALL {
        snapshot
            .feeds
            .insert(FeedId::Kube(kind), FeedState::Live { as_of: ago(60) });
    }
    assert_eq!(word(&Condition::Same { target: node(3) }, &snapshot), "cannot tell");
    assert_eq!(word(&Condition::ApiLive, &snapshot), "no");
}

#[test]
fn an_upgrade_under_way_is_named_until_it_has_ended() {
    let with = |state: &str| {
        let mut snapshot = healthy();
        let plan = crate::model::k0s::Upgrade { state: state.into() };
        let key = ObjectKey::new("", "autopilot");
        example::put(&mut snapshot.kube.upgrades, crate::model::KubeKind::Upgrades, key, plan);
        Condition::NoUpgrade.preview(&snapshot)
    };
    assert!(Condition::NoUpgrade.preview(&healthy()).is_met());
    for state in ["", "Schedulable", "SchedulableWait"] {
        let truth = with(state);
        assert!(
            truth.is_unmet() && truth.text().as_str().contains("autopilot plan autopilot"),
            "{truth:?}"
        );
    }
    assert!(with("Completed").is_met() && with("ApplyFailed").is_met());
    let feed = FeedId::Kube(crate::model::KubeKind::Upgrades);
    let mut snapshot = healthy();
    let off = |kind| FeedState::Off {
        why: Why::new(kind, "off"),
    };
    snapshot.feeds.insert(feed, off(WhyKind::NotFound));
    assert!(
        Condition::NoUpgrade.preview(&snapshot).is_met(),
        "plain k0s without autopilot"
    );
    snapshot.feeds.insert(feed, off(WhyKind::Forbidden));
    assert_eq!(word(&Condition::NoUpgrade, &snapshot), "cannot tell");
}

#[test]
fn an_election_shows_for_a_while() {
    let steady = Condition::TermSteady { for_ms: 10_000 };
    let mut snapshot = healthy();
    assert!(steady.preview(&snapshot).is_met());
    snapshot.etcd.term = Some(example::fact(FeedId::EtcdLocal, 3, 5));
    let truth = steady.preview(&snapshot);
    assert!(
        truth.is_unmet() && truth.text().as_str().contains("term 5"),
        "{truth:?}"
    );
    snapshot.etcd.term = None;
    assert_eq!(word(&steady, &snapshot), "cannot tell");
}
