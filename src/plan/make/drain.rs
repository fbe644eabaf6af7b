//! `drain`: cordon a node, then evict its pods one by one, as far as their disruption budgets allow.

use std::time::Duration;

use super::Planned;
use super::build::{Draft, act, permitted};
use super::host::Host;
use super::node::{cordon_step, pin};
use crate::base::{Text, Why, WhyKind};
use crate::model::intent::Intent;
use crate::model::kube::{Pod, Tri};
use crate::model::{ObjectKey, Snapshot};
use crate::plan::action::{Action, ObjectKind, Target};
use crate::plan::condition::Condition;
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
    draft.warn(
        "what pods keep in emptyDir volumes is lost with them; whether they keep anything there is not seen from here",
    );
    Ok(draft.finish(name))
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
        .needs([Condition::ApiLive])
        .needs(arithmetic)
        .done([Condition::Gone { target: pod }])
        .within(BUDGET)
}

fn warn(draft: &mut Draft, snapshot: &Snapshot, key: &ObjectKey, pod: &Pod) {
    if pod.owner.is_none() {
        draft.warn(format!("{key} has no controller: once evicted it does not come back"));
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
