//! `drain`: cordon a node, then evict its pods one by one, as far as their disruption budgets allow.

use std::time::Duration;

use super::Planned;
use super::build::{Draft, act, permitted};
use super::host::Host;
use super::node::{cordon_step, pin};
use crate::base::{Text, Why, WhyKind};
use crate::forecast::{Fate, Forecaster, Loss, tell};
use crate::model::intent::Intent;
use crate::model::kube::{Pod, Tri};
use crate::model::{ObjectKey, Snapshot};
use crate::plan::action::{Action, ObjectKind, Target};
use crate::plan::condition::{Condition, budgets_of};
use crate::plan::gate;
use crate::plan::step::{Risk, Step};

/// How long a disruption budget may hold one pod back.
const BUDGET: Duration = Duration::from_mins(10);

pub(super) fn plan(intent: &Intent, snapshot: &Snapshot, name: &Text) -> Result<Planned, Why> {
    let (node, target) = pin(snapshot, name)?;
    if node.ready.status != Tri::True {
        let text = format!(
            "{name} is not Ready ({}): no kubelet would end its pods, and Kubernetes evicts them by itself",
            node.ready.reason
        );
        return Err(Why::new(WhyKind::Unavailable, text)
            .hint("out-of-service frees its pods and volumes; replace-node where it is lost"));
    }
    let quorum = snapshot.quorum();
    let member = Host::find(snapshot, &quorum, name).ok().and_then(|host| host.id());
    // Whoever drains a controller is about to stop it.
    let arithmetic = match member {
        Some(member) => Some(permitted(gate::Act::Stop { member }, snapshot)?),
        None => None,
    };
    let pods: Vec<(&ObjectKey, &Pod)> = snapshot.pods_on(name).filter(|(_, pod)| is_evicted(pod)).collect();
    if pods.is_empty() && node.unschedulable {
        return Ok(Planned::nothing(format!(
            "{name} is cordoned, and no pod on it can be evicted"
        )));
    }
    let mut draft = Draft::new(intent, snapshot);
    draft.count_now(&quorum);
    draft.push(cordon_step(&target, true).needs(arithmetic.clone()));
    for (key, pod) in &pods {
        let pinned = Target::pin(&snapshot.kube, ObjectKind::Pod, (*key).clone());
        draft
            .steps
            .extend(pinned.map(|target| evict(target, arithmetic.clone())));
        warn(&mut draft, snapshot, key, pod);
    }
    warn_of_pending(&mut draft, snapshot, name);
    Ok(draft.finish(name))
}

/// What finds no place elsewhere: hard spread counts a cordoned node as it counts a lost one.
fn warn_of_pending(draft: &mut Draft, snapshot: &Snapshot, name: &Text) {
    let Ok(forecaster) = Forecaster::new(snapshot) else {
        draft.warn("whether the pods find a place elsewhere cannot be told: not all feeds are current");
        return;
    };
    for outlook in forecaster.what_if(&[Loss::of([name.clone()])]) {
        for own in outlook.pending() {
            let Fate::Pending { obstacles, .. } = &own.fate else {
                continue;
            };
            let elsewhere: Vec<_> = obstacles.iter().filter(|(node, _)| node != name).cloned().collect();
            draft.warn(format!(
                "what replaces {} stays Pending until {name} is uncordoned; elsewhere: {}",
                own.pod,
                tell::reasons(&elsewhere)
            ));
        }
    }
}

/// What `kubectl drain --ignore-daemonsets` evicts.
fn is_evicted(pod: &Pod) -> bool {
    let is_daemon = pod.owner.as_ref().is_some_and(|owner| owner.kind == "DaemonSet");
    !pod.is_static && !is_daemon && pod.deleting.is_none()
}

fn evict(pod: Target, arithmetic: Option<Condition>) -> Step {
    let key = &pod.key;
    let command = format!(
        "kubectl create --raw /api/v1/namespaces/{}/pods/{}/eviction -f -",
        key.namespace, key.name
    );
    let action = Action::Evict { pod: pod.clone() };
    act(format!("evict {key}"), command, action, Risk::Reversible)
        .needs([Condition::ApiLive, Condition::NoUpgrade])
        .needs(arithmetic)
        .needs([Condition::Evictable { pod: pod.clone() }])
        .done([Condition::Gone { target: pod }])
        .within(BUDGET)
}

fn warn(draft: &mut Draft, snapshot: &Snapshot, key: &ObjectKey, pod: &Pod) {
    if pod.owner.is_none() {
        draft.warn(format!("{key} has no controller: once evicted it does not come back"));
    }
    if !pod.scratch.is_empty() {
        let volumes = pod.scratch.iter().map(Text::as_str).collect::<Vec<_>>().join(", ");
        draft.warn(format!("{key} loses what it keeps in its emptyDir volumes: {volumes}"));
    }
    let guards: Vec<_> = budgets_of(snapshot, key, pod).collect();
    for (budget, counts) in guards.iter().filter(|(_, budget)| !budget.allows(pod)) {
        draft.warn(format!(
            "{key} must wait for its PodDisruptionBudget {}: {} healthy, {} must stay, {} evictions allowed now",
            budget.name, counts.healthy, counts.desired, counts.allowed
        ));
    }
    let mut claims = pod.claims.iter().filter(|claim| {
        let key = ObjectKey::new(key.namespace.clone(), (*claim).clone());
        let pinned = snapshot.kube.pinned(&key);
        pinned.is_some() && pinned == pod.node.as_ref()
    });
    if let Some(claim) = claims.next() {
        draft.warn(format!(
            "{key} keeps its data on this node ({claim}): it stays Pending until the node is back"
        ));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::model::example::{self, change, healthy, name};
    use crate::model::kube::DisruptionBudget;
    use crate::model::labels::Selector;
    use crate::model::{KubeKind, Policy};

    #[test]
    fn a_drain_says_what_is_lost_and_which_budget_it_waits_for() {
        let mut snapshot = healthy();
        let third = name(3);
        let (key, labels) = {
            let (key, pod) = snapshot.pods_on(&third).find(|(_, pod)| is_evicted(pod)).unwrap();
            (key.clone(), pod.labels.clone())
        };
        let budget = |allowed| DisruptionBudget {
            pods: Selector::All(Vec::new()),
            allowed,
            healthy: 2,
            desired: 2,
            is_counted: true,
            spares_unready: false,
        };
        example::put(
            &mut snapshot.kube.disruption_budgets,
            KubeKind::DisruptionBudgets,
            ObjectKey::new(key.namespace.clone(), "web"),
            budget(0),
        );
        assert!(Selector::All(Vec::new()).selects(&labels) && !Selector::Nothing.selects(&labels));
        change(&mut snapshot.kube.pods, &key, |pod| {
            pod.scratch = vec!["cache".into(), "tmp".into()];
        });
        let intent = Intent::Drain { node: third };
        let Planned::Plan(plan) = super::super::make(&intent, &snapshot, &Policy::default()) else {
            panic!("no plan")
        };
        let shown: Vec<&str> = plan.warnings.iter().map(Text::as_str).collect();
        let lost = format!("{key} loses what it keeps in its emptyDir volumes: cache, tmp");
        assert!(shown.contains(&lost.as_str()), "{shown:#?}");
        let waits =
            format!("{key} must wait for its PodDisruptionBudget web: 2 healthy, 2 must stay, 0 evictions allowed now");
        assert!(shown.contains(&waits.as_str()), "{shown:#?}");
        let pod = Target::pin(&snapshot.kube, ObjectKind::Pod, key.clone()).unwrap();
        let evictable = Condition::Evictable { pod };
        let closed = evictable.preview(&snapshot);
        assert!(
            closed.is_unmet() && closed.text().as_str().contains("PodDisruptionBudget web allows 0"),
            "{closed:?}"
        );
        // A pod that is not ready disrupts nobody, as long as the others are enough.
        change(&mut snapshot.kube.pods, &key, |pod| pod.ready = false);
        assert!(evictable.preview(&snapshot).is_met());
        change(&mut snapshot.kube.pods, &key, |pod| pod.ready = true);
        let mut second = snapshot.clone();
        example::put(
            &mut second.kube.disruption_budgets,
            KubeKind::DisruptionBudgets,
            ObjectKey::new(key.namespace.clone(), "all"),
            budget(1),
        );
        assert!(
            evictable.preview(&second).is_unmet(),
            "the API refuses a pod with two budgets"
        );
    }

    #[test]
    fn a_drain_says_what_would_find_no_place() {
        let planned = |snapshot: &Snapshot| {
            let intent = Intent::Drain { node: name(3) };
            let Planned::Plan(plan) = super::super::make(&intent, snapshot, &Policy::default()) else {
                panic!("no plan")
            };
            let warnings = plan
                .warnings
                .iter()
                .filter(|text| text.as_str().contains("what replaces"));
            warnings.map(Text::to_string).collect::<Vec<_>>()
        };
        let mut snapshot = healthy();
        assert_eq!(planned(&snapshot), Vec::<String>::new());
        let web = ObjectKey::new("kotsadm", "netbox-netbox");
        change(&mut snapshot.kube.deployments, &web, |web| {
            web.spread[0].honors_taints = false;
        });
        let said = planned(&snapshot);
        assert!(
            matches!(&said[..], [one] if one.contains("what replaces kotsadm/netbox-netbox-")
                && one.ends_with("elsewhere: 2 node(s) didn't match pod topology spread constraints")),
            "{said:#?}"
        );
    }
}
