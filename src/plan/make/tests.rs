//! Every planner over the examples, and what must hold of every plan.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::*;
use crate::model::etcd::MemberId;
use crate::model::example::{self, Death, address, change, healthy, kill_member, member_id, name};
use crate::model::kube::{Tolerates, WorkloadKind};
use crate::model::placement::ZONE;
use crate::model::{FeedId, ObjectKey};
use crate::plan::action::{Action, ObjectKind};
use crate::plan::condition::{Class, Condition};
use crate::plan::step::{Doing, Risk};
use crate::plan::{request, rights};

fn made(intent: &Intent, snapshot: &Snapshot) -> Planned {
    make(intent, snapshot, &Policy::default())
}

fn plan(intent: &Intent, snapshot: &Snapshot) -> Plan {
    match made(intent, snapshot) {
        Planned::Plan(plan) => *plan,
        other => panic!("{other:?}"),
    }
}

fn refusal(intent: &Intent, snapshot: &Snapshot) -> String {
    match made(intent, snapshot) {
        Planned::Refused { because } => because.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        other => panic!("{other:?}"),
    }
}

fn nothing(intent: &Intent, snapshot: &Snapshot) -> String {
    match made(intent, snapshot) {
        Planned::Nothing { why } => why.to_string(),
        other => panic!("{other:?}"),
    }
}

/// A plan as a person would note it down.
fn told(plan: &Plan) -> String {
    let mut out = format!(
        "{} risk {:?} confirm {:?}\n",
        plan.intent.word(),
        plan.risk,
        plan.confirm
    );
    for step in &plan.steps {
        let by = match &step.doing {
            Doing::Act { .. } | Doing::LabelNew { .. } | Doing::MoveOne { .. } => "act",
            Doing::ByHand => "by hand",
            Doing::Attest { .. } => "attest",
            Doing::Watch => "watch",
        };
        let _ = writeln!(
            out,
            "{}. {} ({by}, {:?}, {} s)",
            step.id.0,
            step.title,
            step.risk,
            step.deadline_ms / 1000
        );
        let _ = writeln!(out, "   $ {}", step.command);
        let lists = [
            ("needs", &step.needs),
            ("stop if", &step.stop_when),
            ("done if", &step.done_when),
        ];
        for (word, conditions) in lists {
            for condition in conditions {
                let _ = writeln!(out, "   {word}: {}", condition.claim());
            }
        }
    }
    for line in &plan.arithmetic {
        let _ = writeln!(
            out,
            "= {}: {} of {} voters, spare {}",
            line.moment, line.healthy, line.voters, line.spare
        );
    }
    for warning in &plan.warnings {
        let _ = writeln!(out, "! {warning}");
    }
    out
}

fn replace(n: u8) -> Intent {
    Intent::ReplaceNode { node: name(n) }
}

fn restart(hosts: &[u8]) -> Intent {
    Intent::RestartControllers {
        nodes: hosts.iter().map(|n| name(*n)).collect(),
    }
}

fn label(zones: &[(u8, &str)]) -> Intent {
    Intent::LabelZones {
        zones: zones.iter().map(|(n, zone)| (name(*n), Text::new(zone))).collect(),
        region: None,
    }
}

fn every_intent() -> Vec<Intent> {
    let node = || name(3);
    vec![
        label(&[]),
        label(&[(1, "a"), (2, "b"), (3, "c")]),
        replace(2),
        replace(3),
        restart(&[]),
        restart(&[3]),
        Intent::StartController { node: node() },
        Intent::Cordon { node: node() },
        Intent::Uncordon { node: node() },
        Intent::Drain { node: node() },
        Intent::OutOfService {
            node: node(),
            undo: false,
        },
        Intent::OutOfService {
            node: node(),
            undo: true,
        },
        Intent::Rebalance { workload: None },
        Intent::EnableHa,
        Intent::RemoveRemnant { member: member_id(3) },
        Intent::EtcdBackup {
            file: "/root/etcd.db".into(),
        },
        Intent::EtcdSpace,
    ]
}

/// Host `n`'s Node is as `bend` makes it.
fn bend_node(snapshot: &mut Snapshot, n: u8, bend: impl FnOnce(&mut crate::model::kube::Node)) {
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(n)), bend);
}

fn unlabelled() -> Snapshot {
    let mut snapshot = healthy();
    for n in 1..=3 {
        bend_node(&mut snapshot, n, |node| {
            node.zone = None;
            node.labels = [("kubernetes.io/hostname".into(), node.name.clone())]
                .into_iter()
                .collect();
        });
    }
    snapshot
}

#[test]
fn every_plan_keeps_the_rules() {
    let mut plans = 0;
    for (example, snapshot) in example::NAMED {
        let snapshot = snapshot();
        for intent in every_intent() {
            let Planned::Plan(plan) = made(&intent, &snapshot) else {
                continue;
            };
            plans += 1;
            let which = format!("{} on {example}", intent.word());
            let json = serde_json::to_string(&plan).unwrap();
            let back: Plan = serde_json::from_str(&json).unwrap();
            assert_eq!((&back, back.digest()), (&*plan, plan.digest()), "{which}");
            assert_eq!(
                made(&intent, &snapshot),
                Planned::Plan(plan.clone()),
                "{which}: made twice"
            );
            assert_eq!(plan.confirm.is_some(), plan.risk == Risk::Irreversible, "{which}");
            for (n, step) in plan.steps.iter().enumerate() {
                let which = format!("{which}, step {}", n + 1);
                assert_eq!(usize::from(step.id.0), n + 1, "{which}");
                assert!(!step.command.is_empty() && !step.title.is_empty(), "{which}");
                let is_seen = !step.done_when.is_empty() || !matches!(step.doing, Doing::ByHand | Doing::Watch);
                assert!(is_seen, "{which}: nothing shows that it is done");
                if let Doing::Act { action } = &step.doing {
                    keeps_identity(action, &step.needs, &step.done_when, &which);
                }
            }
        }
    }
    assert!(plans > 20, "only {plans} plans");
}

/// What a request is to RBAC: verb, group, resource.
fn right(call: &request::Call) -> (&'static str, String, String) {
    let asked = rights::change(call.method, &call.path).unwrap();
    (asked.verb, asked.group.clone(), asked.resource())
}

#[test]
fn plans_ask_what_the_table_of_rights_names_and_nothing_else() {
    let mut asked = BTreeSet::new();
    for (_, snapshot) in example::NAMED {
        let snapshot = snapshot();
        let workloads = snapshot
            .placements()
            .into_iter()
            .map(|placed| (placed.workload.kind, placed.key));
        let rebalance = workloads.map(|workload| Intent::Rebalance {
            workload: Some(workload),
        });
        for intent in every_intent().into_iter().chain(rebalance) {
            let Planned::Plan(plan) = made(&intent, &snapshot) else {
                continue;
            };
            let done = plan.steps.iter().filter_map(|step| step.doing.sample());
            let undone = plan.steps.iter().filter_map(|step| step.undo.clone());
            let calls = done
                .chain(undone)
                .filter_map(|action| request::call(&action, Some(&serde_json::Value::Null)));
            asked.extend(calls.map(|call| right(&call)));
        }
    }
    let named: BTreeSet<_> = rights::deeds().iter().map(|deed| right(&deed.call)).collect();
    assert_eq!(asked, named);
}

/// What is sent cannot hit another object than the one that was shown.
fn keeps_identity(action: &Action, needs: &[Condition], done_when: &[Condition], which: &str) {
    let is_there = |wanted: fn(&Condition) -> bool| needs.iter().any(wanted);
    match action {
        Action::RemoveMember { .. } => {
            for wanted in [
                (|need| matches!(need, Condition::QuorumProven)) as fn(&Condition) -> bool,
                |need| matches!(need, Condition::MemberListed { .. }),
                |need| matches!(need, Condition::NotHere { .. }),
                |need| matches!(need, Condition::Permitted { .. }),
            ] {
                assert!(is_there(wanted), "{which}");
            }
            assert!(matches!(done_when, [Condition::MemberAbsent { .. }]), "{which}");
        }
        // Pinned by the uid in the request itself.
        Action::Delete { target } | Action::Evict { pod: target } => {
            assert!(!target.uid.is_empty(), "{which}");
            assert!(matches!(done_when, [Condition::Gone { .. }]), "{which}");
        }
        Action::Service { verb, .. } if *verb == crate::plan::action::ServiceVerb::Restart => {
            assert!(needs.iter().any(|need| need.class() == Class::Arithmetic), "{which}");
            assert!(needs.iter().any(|need| need.class() == Class::Identity), "{which}");
        }
        _ => {}
    }
}

#[test]
fn nothing_is_planned_on_nothing() {
    for snapshot in [example::empty(), example::syncing()] {
        for intent in every_intent() {
            let made = made(&intent, &snapshot);
            let is_plan = matches!(made, Planned::Plan(_));
            assert!(!is_plan, "{}: {made:?}", intent.word());
        }
    }
}

#[test]
fn without_quorum_only_what_needs_none() {
    let snapshot = example::quorum_lost();
    for intent in every_intent() {
        let Planned::Plan(plan) = made(&intent, &snapshot) else {
            continue;
        };
        let touches_votes = plan.steps.iter().any(|step| match &step.doing {
            Doing::Act { action } => matches!(
                action,
                Action::RemoveMember { .. }
                    | Action::Service {
                        verb: crate::plan::action::ServiceVerb::Restart | crate::plan::action::ServiceVerb::Stop,
                        ..
                    }
            ),
            _ => false,
        });
        assert!(!touches_votes, "{}", told(&plan));
    }
    let start = plan(&Intent::StartController { node: name(2) }, &snapshot);
    assert!(
        start.steps[0].needs.is_empty(),
        "a dead member is started without asking"
    );
    assert!(refusal(&replace(3), &snapshot).contains("start-controller"));
    plan(
        &Intent::EtcdBackup {
            file: "/root/etcd.db".into(),
        },
        &snapshot,
    );
}

#[test]
fn a_lost_node_is_replaced_in_the_forced_order() {
    let plan = plan(&replace(3), &example::node_lost(Death::Silent));
    insta::assert_snapshot!(told(&plan));
}

#[test]
fn a_healthy_node_is_replaced_the_other_way_round() {
    let plan = plan(&replace(3), &healthy());
    insta::assert_snapshot!(told(&plan));
}

#[test]
fn whom_replacing_is_refused() {
    assert!(refusal(&replace(1), &healthy()).contains("this host"));
    let mut snapshot = example::node_lost(Death::Silent);
    assert!(
        refusal(&replace(2), &snapshot).contains("does not allow"),
        "a second one while one is lost"
    );
    kill_member(&mut snapshot, 2, Death::Silent, 1);
    refusal(&replace(2), &snapshot);
    assert!(refusal(&Intent::ReplaceNode { node: "nbe-9".into() }, &healthy()).contains("no controller"));
}

#[test]
fn what_is_left_of_a_removed_node_is_tidied() {
    let mut snapshot = example::node_lost(Death::Silent);
    for row in snapshot.etcd.views.values_mut() {
        row.value = example::view(&[1, 2]);
    }
    snapshot.etcd.peers.remove(&member_id(3));
    let plan = plan(&replace(3), &snapshot);
    let acts = plan.steps.iter().filter_map(|step| match &step.doing {
        Doing::Act { action } => Some(action),
        _ => None,
    });
    let kinds: Vec<ObjectKind> = acts
        .filter_map(|action| match action {
            Action::Delete { target } => Some(target.kind),
            Action::RemoveMember { .. } => panic!("there is no such member any more"),
            _ => None,
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ObjectKind::Node,
            ObjectKind::ControlNode,
            ObjectKind::EtcdMember,
            ObjectKind::Lease
        ]
    );
}

#[test]
fn controllers_restart_one_by_one_and_the_leader_last() {
    let plan = plan(&restart(&[2, 3]), &healthy());
    insta::assert_snapshot!(told(&plan));
    let lost = example::node_lost(Death::Refused);
    assert!(refusal(&restart(&[2]), &lost).contains("does not allow"));
    assert!(refusal(&restart(&[3]), &lost).contains("start-controller"));
}

#[test]
fn after_an_upgrade_those_that_need_it_restart() {
    let mut snapshot = healthy();
    change(&mut snapshot.kube.control_nodes, &ObjectKey::new("", name(2)), |node| {
        node.k0s_version = Some("v1.37.10+k0s.0".into());
    });
    let all: Vec<Text> = plan(&restart(&[]), &snapshot)
        .steps
        .iter()
        .map(|step| step.title.clone())
        .collect();
    assert_eq!(all, ["restart k0s on nbe-1", "restart k0s on nbe-3"]);
}

#[test]
fn an_api_server_that_stamps_what_is_not_configured_restarts() {
    let mut snapshot = healthy();
    let servers = &mut snapshot.kube.admission.as_mut().unwrap().servers;
    servers.get_mut(&address(3)).unwrap().as_mut().unwrap().unreachable = Tolerates::Seconds(300);
    let planned = plan(&restart(&[]), &snapshot);
    let titles: Vec<&Text> = planned.steps.iter().map(|step| &step.title).collect();
    assert_eq!(titles, ["restart k0s on nbe-3"]);
    let warned = planned
        .warnings
        .iter()
        .any(|line| line.as_str().contains("gives new pods 300 s"));
    assert!(warned, "{:?}", planned.warnings);
}

#[test]
fn zones_are_labelled_in_one_batch() {
    let plan = plan(&label(&[(1, "fra-a"), (2, "fra-b"), (3, "fra-b")]), &unlabelled());
    insta::assert_snapshot!(told(&plan));
    assert_eq!(nothing(&label(&[]), &healthy()), "every node carries its label already");
    assert!(refusal(&label(&[]), &unlabelled()).contains("label-zones nbe-1=ZONE"));
    assert!(refusal(&label(&[(1, "no good")]), &healthy()).contains("label"));
    assert!(refusal(&label(&[(9, "a")]), &healthy()).contains("no node nbe-9"));
}

#[test]
fn a_region_is_labelled_with_the_zones() {
    let intent = Intent::LabelZones {
        zones: std::collections::BTreeMap::new(),
        region: Some("eu".into()),
    };
    let plan = plan(&intent, &healthy());
    assert_eq!(plan.steps[0].title, "label nbe-1: region none -> eu");
    let Some(Action::Label { set, .. }) = &plan.steps[0].undo else {
        panic!("labels can be taken back")
    };
    assert_eq!(set.values().collect::<Vec<_>>(), [&None]);
}

#[test]
fn pods_that_will_not_follow_their_zones_are_named() {
    let mut snapshot = unlabelled();
    let key = ObjectKey::new("kotsadm", "netbox-worker");
    change(&mut snapshot.kube.deployments, &key, |worker| {
        worker.spread[0].topology_key = ZONE.into();
    });
    let warned = |snapshot: &Snapshot| {
        let plan = plan(&label(&[(1, "a"), (2, "b"), (3, "c")]), snapshot);
        plan.warnings
            .iter()
            .any(|warning| warning.as_str().contains("kotsadm/netbox-worker"))
    };
    assert!(!warned(&snapshot));
    let pod = ObjectKey::new("kotsadm", "netbox-worker-6d5f8-3");
    assert!(snapshot.kube.pods.get(&pod).is_some());
    change(&mut snapshot.kube.pods, &pod, |pod| pod.node = Some(name(1)));
    assert!(warned(&snapshot));
}

#[test]
fn a_worker_is_no_controller() {
    let mut snapshot = healthy();
    let mut worker = example::node(4);
    worker.is_controller = false;
    let key = ObjectKey::new("", name(4));
    example::put(&mut snapshot.kube.nodes, crate::model::KubeKind::Nodes, key, worker);
    assert!(refusal(&replace(4), &snapshot).contains("worker"));
}

#[test]
fn a_node_is_drained_pod_by_pod() {
    let intent = Intent::Drain { node: name(3) };
    let plan = plan(&intent, &healthy());
    insta::assert_snapshot!(told(&plan));
    let dead = refusal(&intent, &example::node_lost(Death::Silent));
    assert!(dead.contains("out-of-service"), "{dead}");
    let mut weak = healthy();
    kill_member(&mut weak, 2, Death::Refused, 60);
    assert!(refusal(&intent, &weak).contains("does not allow"));
}

#[test]
fn a_dead_nodes_pods_are_freed() {
    let intent = Intent::OutOfService {
        node: name(3),
        undo: false,
    };
    insta::assert_snapshot!(told(&plan(&intent, &example::node_lost(Death::Silent))));
    assert!(refusal(&intent, &healthy()).contains("Ready"));
}

#[test]
fn cordon_and_back() {
    let cordon = Intent::Cordon { node: name(2) };
    let uncordon = Intent::Uncordon { node: name(2) };
    let plan = plan(&cordon, &healthy());
    assert_eq!(plan.steps.len(), 1);
    assert!(matches!(plan.steps[0].undo, Some(Action::Cordon { on: false, .. })));
    assert!(nothing(&uncordon, &healthy()).contains("not cordoned"));
    let mut snapshot = healthy();
    bend_node(&mut snapshot, 2, |node| node.unschedulable = true);
    assert!(nothing(&cordon, &snapshot).contains("cordoned already"));
}

#[test]
fn what_sits_badly_is_moved() {
    let none = Intent::Rebalance { workload: None };
    let mut snapshot = healthy();
    assert!(nothing(&none, &snapshot).contains("evenly"));
    let key = ObjectKey::new("kotsadm", "netbox-netbox-6d5f8-3");
    assert!(snapshot.kube.pods.get(&key).is_some());
    change(&mut snapshot.kube.pods, &key, |pod| pod.node = Some(name(1)));
    insta::assert_snapshot!(told(&plan(&none, &snapshot)));
    let named = |name: &str| Intent::Rebalance {
        workload: Some((WorkloadKind::Deployment, ObjectKey::new("kotsadm", name))),
    };
    assert!(nothing(&named("netbox-worker"), &healthy()).contains("lie evenly: nbe-1: 1"));
    assert!(refusal(&named("nothing"), &healthy()).contains("no Deployment"));
}

#[test]
fn high_availability_wants_three_ready_controllers() {
    assert!(nothing(&Intent::EnableHa, &healthy()).contains("already"));
    let mut snapshot = healthy();
    let key = ObjectKey::new("", "20261001120000");
    change(&mut snapshot.kube.installations, &key, |row| {
        row.high_availability = false;
    });
    insta::assert_snapshot!(told(&plan(&Intent::EnableHa, &snapshot)));
    change(&mut snapshot.kube.installations, &key, |row| row.air_gap = true);
    let step = &plan(&Intent::EnableHa, &snapshot).steps[0];
    let closed: Vec<&Condition> = step
        .needs
        .iter()
        .filter(|gate| gate.preview(&snapshot).is_unmet())
        .collect();
    assert_eq!(closed, [&Condition::NotAirGapped], "only somebody's reason opens it");
    assert!(Condition::NotAirGapped.may_be_overridden());
    bend_node(&mut snapshot, 3, |node| {
        node.ready.status = crate::model::kube::Tri::False;
    });
    assert!(refusal(&Intent::EnableHa, &snapshot).contains("2 controllers"));
}

#[test]
fn a_remnant_is_removed_and_a_voter_is_not() {
    let remove = |n| Intent::RemoveRemnant { member: member_id(n) };
    assert!(refusal(&remove(3), &healthy()).contains("no remnant"));
    let absent = Intent::RemoveRemnant { member: MemberId(7) };
    assert!(nothing(&absent, &healthy()).contains("does not list"));
    let mut snapshot = healthy();
    for row in snapshot.etcd.views.values_mut() {
        for member in row.value.members.iter_mut().filter(|member| member.id == member_id(3)) {
            member.is_learner = true;
        }
    }
    insta::assert_snapshot!(told(&plan(&remove(3), &snapshot)));
}

#[test]
fn etcd_is_backed_up_while_it_answers() {
    let backup = Intent::EtcdBackup {
        file: "/root/etcd.db".into(),
    };
    insta::assert_snapshot!(told(&plan(&backup, &healthy())));
    let mut snapshot = healthy();
    example::lose_feed(&mut snapshot, FeedId::EtcdLocal);
    assert!(refusal(&backup, &snapshot).contains("does not answer"));
}

#[test]
fn room_in_etcd() {
    let mut snapshot = healthy();
    assert!(nothing(&Intent::EtcdSpace, &snapshot).contains("no alarm"));
    snapshot.etcd.local.as_mut().unwrap().value.errors = vec!["memberID:1 alarm:NOSPACE ".into()];
    insta::assert_snapshot!(told(&plan(&Intent::EtcdSpace, &snapshot)));
    kill_member(&mut snapshot, 3, Death::Refused, 60);
    assert!(refusal(&Intent::EtcdSpace, &snapshot).contains("does not allow"));
}

#[test]
fn a_controller_that_is_down_is_started() {
    let start = |n| Intent::StartController { node: name(n) };
    assert!(nothing(&start(2), &healthy()).contains("serves"));
    let mut snapshot = example::node_lost(Death::Refused);
    insta::assert_snapshot!(told(&plan(&start(3), &snapshot)));
    for row in snapshot.etcd.views.values_mut() {
        row.value = example::view(&[1, 2]);
    }
    assert!(refusal(&start(3), &snapshot).contains("of the past"));
}
