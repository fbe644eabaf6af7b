//! `undo`: what a run has changed is taken back, last first, where a step has an inverse. A new plan with gates of its own:
//! nothing is ever rolled back by itself. Start reading at [`undo`].

use super::Planned;
use super::build::{Draft, act, pinned};
use crate::base::{Text, Why, WhyKind};
use crate::model::Snapshot;
use crate::model::intent::Intent;
use crate::plan::action::{Action, Target};
use crate::plan::condition::Condition;
use crate::plan::event::Sent;
use crate::plan::step::{Risk, Step};
use crate::plan::view::{RunView, Stage};

/// The plan that takes back what a run has done.
pub fn undo(view: &RunView, snapshot: &Snapshot) -> Planned {
    let run = view.run.0.clone();
    if view.ended.is_none() {
        let text = format!("run {run} is open: it cannot be taken back while it goes on");
        return Planned::refused(Why::new(WhyKind::Unavailable, text).hint("abandon it first, or let it end"));
    }
    if let (Some(theirs), Some(own)) = (view.plan.cluster, snapshot.cluster_id())
        && theirs != own
    {
        let text = format!("run {run} was in etcd cluster {theirs}, and here answers {own}");
        return Planned::refused(Why::new(WhyKind::Config, text).hint("take it back where that cluster is"));
    }
    let intent = Intent::Undo { run: run.clone() };
    let mut draft = Draft::new(&intent, snapshot);
    draft.warn(format!(
        "it takes back what {} did; what else came of it stays",
        view.plan.intent
    ));
    for (step, state) in view.plan.steps.iter().zip(&view.steps).rev() {
        if !has_changed(&state.stage) {
            continue;
        }
        match step.undo.as_ref().and_then(inverse) {
            Some(inverse) => draft.push(inverse),
            None if step.risk != Risk::Harmless => {
                draft.warn(format!("it cannot be taken back: {}", step.title));
            }
            None => {}
        }
    }
    if draft.steps.is_empty() {
        return Planned::nothing(format!("run {run} changed nothing that can be taken back"));
    }
    draft.finish(&run)
}

/// Whether the step may have changed something: it was seen done, or its request may have arrived.
const fn has_changed(stage: &Stage) -> bool {
    match stage {
        Stage::Done { already, .. } => !*already,
        Stage::Answered(sent) => !matches!(sent, Sent::Refused { .. }),
        Stage::InFlight | Stage::GivenUp => true,
        Stage::Ahead | Stage::Agreed | Stage::Attested { .. } => false,
    }
}

/// One step that does it, and what shows that it is done. None for what has no inverse that could be seen.
fn inverse(action: &Action) -> Option<Step> {
    let (node, title, command, done): (&Target, String, String, Vec<Condition>) = match action {
        Action::Label { node, set } => {
            let name = &node.key.name;
            let words = set.iter().map(|(label, value)| match value {
                Some(value) => format!("{label}={value}"),
                None => format!("{label}-"),
            });
            let words = words.collect::<Vec<_>>().join(" ");
            let done = set.iter().map(|(label, value)| Condition::Labelled {
                node: node.clone(),
                label: label.clone(),
                value: value.clone(),
            });
            let title = format!("give {name} back its labels: {words}");
            (
                node,
                title,
                format!("kubectl label node {name} --overwrite {words}"),
                done.collect(),
            )
        }
        Action::Cordon { node, on } => {
            let (name, verb) = (&node.key.name, if *on { "cordon" } else { "uncordon" });
            let done = Condition::Cordoned {
                node: node.clone(),
                on: *on,
            };
            (
                node,
                format!("{verb} {name} again"),
                format!("kubectl {verb} {name}"),
                vec![done],
            )
        }
        // Tainting anew would kill pods: that is a wish of its own, with its own gates.
        Action::OutOfService { node, on: false } => {
            let name = &node.key.name;
            let done = Condition::OutOfService {
                node: node.clone(),
                on: false,
            };
            let command = format!("kubectl taint node {name} {}-", crate::plan::request::OUT_OF_SERVICE);
            (
                node,
                format!("take the out-of-service taint off {name}"),
                command,
                vec![done],
            )
        }
        _ => return None,
    };
    let needs = pinned(node);
    Some(
        act(title, command, action.clone(), Risk::Reversible)
            .needs(needs)
            .done(done),
    )
}

/// Whether a run has anything that could be taken back.
pub fn is_reversible(view: &RunView) -> bool {
    let mut steps = view.plan.steps.iter().zip(&view.steps);
    view.ended.is_some()
        && steps.any(|(step, state)| has_changed(&state.stage) && step.undo.as_ref().and_then(inverse).is_some())
}

/// Why there is no plan without the run's journal.
pub(super) fn needs_journal(run: &Text) -> Why {
    Why::new(WhyKind::NotFound, format!("the journal of run {run} is not here"))
        .hint("`quorate journal` lists the runs of this host")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::model::etcd::ClusterId;
    use crate::model::{Policy, example};
    use crate::plan::event::{Entry, Operator, RunEvent, RunId};
    use crate::plan::step::Doing;

    fn operator() -> Operator {
        Operator {
            user: "ada".into(),
            host: "nbe-1".into(),
            pid: 7,
        }
    }

    /// A run that gave all nodes another zone, given up after two of them; the second was not seen done.
    fn given_up(snapshot: &Snapshot) -> RunView {
        let zones = (1..=3).map(|n| (example::name(n), "elsewhere".into())).collect();
        let intent = Intent::LabelZones { zones, region: None };
        let Planned::Plan(plan) = super::super::make(&intent, snapshot, &Policy::default()) else {
            panic!("no plan")
        };
        let at = |event| Entry {
            at: snapshot.now.wall,
            event,
        };
        let mut events = Vec::new();
        for step in plan.steps.iter().take(2) {
            let (step, Doing::Act { action }) = (step.id, step.doing.clone()) else {
                panic!("{step:?}")
            };
            let sent = Sent::Accepted;
            events.extend([RunEvent::Intended { step, action }, RunEvent::Answered { step, sent }]);
        }
        let (step, evidence) = (plan.steps[0].id, vec!["seen".into()]);
        let already = false;
        events.insert(
            2,
            RunEvent::Done {
                step,
                evidence,
                already,
            },
        );
        events.push(RunEvent::Abandoned {
            operator: operator(),
            reason: "enough".into(),
        });
        let mut view = RunView::begin(&at(RunEvent::Begun {
            run: RunId("20261125-abc".into()),
            operator: operator(),
            digest: plan.digest(),
            plan,
        }))
        .unwrap();
        for event in events {
            assert!(!is_reversible(&view), "it goes on");
            view.apply(&at(event)).unwrap();
        }
        view
    }

    #[test]
    fn a_run_is_taken_back_step_by_step_and_the_last_first() {
        let snapshot = example::healthy();
        let view = given_up(&snapshot);
        assert!(is_reversible(&view));
        let Planned::Plan(back) = undo(&view, &snapshot) else {
            panic!("no plan")
        };
        let titles: Vec<&str> = back.steps.iter().map(|step| step.title.as_str()).collect();
        let expected = [("nbe-2", "zone-b"), ("nbe-1", "zone-a")]
            .map(|(node, zone)| format!("give {node} back its labels: topology.kubernetes.io/zone={zone}"));
        assert_eq!(titles, expected);
        assert_eq!(
            (back.risk, back.intent.to_string().as_str()),
            (Risk::Reversible, "undo 20261125-abc")
        );
        let mut other = snapshot;
        other.etcd.local.as_mut().unwrap().value.cluster_id = ClusterId(7);
        for view in other.etcd.views.values_mut() {
            view.value.cluster_id = Some(ClusterId(7));
        }
        assert!(matches!(undo(&view, &other), Planned::Refused { .. }));
    }
}
