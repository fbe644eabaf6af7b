//! A pod: how it is, what it asks for, how long it would stay on a lost node, its claims, its node.

use super::chapter::{Chapter, Paragraph, findings};
use crate::app::rows::{pod_state, ready_word};
use crate::app::{RowId, State};
use crate::base::Text;
use crate::model::kube::{Pod, Tri};
use crate::model::{FeedId, KubeKind, ObjectKey};
use crate::view::part::pods;
use crate::view::theme::{Role, Theme};
use crate::view::words;

/// Everything known of a pod.
pub fn chapters(state: &State, theme: &Theme, key: &ObjectKey, pod: &Pod) -> Vec<Chapter> {
    let mut chapters = vec![own(state, key, pod)];
    chapters.extend(findings(state, &RowId::Pod(key.clone())));
    chapters.extend(node(state, pod));
    chapters.extend(claims(state, theme, key, pod));
    chapters
}

/// What its object says.
fn own(state: &State, key: &ObjectKey, pod: &Pod) -> Chapter {
    let mut rows = status(state, pod);
    let owner = match (state.snapshot.workload_of(key, pod), &pod.owner) {
        (Some((kind, key)), _) => format!("{} {key}", kind.word()),
        (None, Some(owner)) => format!("{} {}", owner.kind, owner.name),
        (None, None) => "nobody: nothing would replace it".to_owned(),
    };
    let stays = format!(
        "{} on an unreachable node, {} on one that is not ready",
        pods::tolerates(pod.tolerates_unreachable),
        pods::tolerates(pod.tolerates_not_ready)
    );
    let containers: Vec<&str> = pod.containers.iter().map(Text::as_str).collect();
    let requests = format!(
        "{}, {} memory",
        words::cores(pod.requests.cpu_milli),
        words::memory(pod.requests.memory_bytes)
    );
    rows.extend([
        (
            "node",
            pod.node.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            Role::Text,
        ),
        ("of", owner, Role::Text),
        ("stays", stays, Role::Text),
        ("containers", containers.join(" "), Role::Text),
        ("asks for", requests, Role::Text),
    ]);
    if pod.is_static {
        rows.push((
            "static",
            "a kubelet runs it from a file; the API only mirrors it".to_owned(),
            Role::Dim,
        ));
    }
    rows.push(("uid", pod.uid.to_string(), Role::Dim));
    Chapter::of_feed(state, "Pod", FeedId::Kube(KubeKind::Pods), rows)
}

/// How it is.
fn status(state: &State, pod: &Pod) -> Vec<Paragraph> {
    let ready = if pod.ready { "ready" } else { "not ready" };
    let role = if pod.ready || pod.is_finished() {
        Role::Text
    } else {
        Role::Warning
    };
    let mut rows = vec![("state", format!("{}, {ready}", pod_state(pod)), role)];
    if pod_state(pod) != pod.phase.as_str() {
        rows.push(("phase", pod.phase.to_string(), Role::Text));
    }
    rows.extend(
        pod.waiting
            .as_ref()
            .filter(|_| pod.deleting.is_some())
            .map(|why| ("waits", why.to_string(), Role::Warning)),
    );
    if let Some(at) = pod.deleting {
        let age = words::age(state.snapshot.wall_age(at));
        let text = format!("asked for {age} ago; it is there until its kubelet says that it ended");
        rows.push(("deletion", text, Role::Warning));
    }
    rows.push(("restarts", pod.restarts.to_string(), Role::Text));
    let age = pod.created.map(|at| words::coarse_age(state.snapshot.wall_age(at)));
    rows.extend(age.map(|age| ("created", format!("{age} ago"), Role::Text)));
    rows
}

/// Its node's state: a pod on a lost node keeps its last status.
fn node(state: &State, pod: &Pod) -> Option<Chapter> {
    let node = state.snapshot.node(pod.node.as_ref()?)?;
    let is_ready = node.ready.status == Tri::True;
    let text = if is_ready {
        format!("{}: {}", node.name, ready_word(node))
    } else {
        format!(
            "{}: {}, so what the pod says may be of before",
            node.name,
            ready_word(node)
        )
    };
    let role = if is_ready { Role::Text } else { Role::Critical };
    let rows = vec![("state", text, role)];
    Some(Chapter::of_feed(state, "Its node", FeedId::Kube(KubeKind::Nodes), rows))
}

/// The claims that it mounts.
fn claims(state: &State, theme: &Theme, key: &ObjectKey, pod: &Pod) -> Option<Chapter> {
    let rows: Vec<Paragraph> = pod.claims.iter().map(|name| claim(state, key, name)).collect();
    let feed = FeedId::Kube(KubeKind::Claims);
    (!rows.is_empty()).then(|| Chapter::or_nothing(state, theme, "Claims", feed, "claims", rows))
}

fn claim(state: &State, pod: &ObjectKey, name: &Text) -> Paragraph {
    let key = ObjectKey::new(pod.namespace.clone(), name.clone());
    let Some(fact) = state.snapshot.kube.claims.get(&key) else {
        return ("claim", format!("{name}: not known"), Role::Unknown);
    };
    let claim = &fact.value;
    let node = state
        .snapshot
        .kube
        .pinned(&key)
        .map(|node| format!(", on node {node} alone"));
    let provisioner = claim.provisioner.as_ref().map(|by| format!(", made by {by}"));
    let role = if claim.phase == "Bound" {
        Role::Text
    } else {
        Role::Warning
    };
    let text = format!(
        "{name}: {}{}{}",
        claim.phase,
        node.unwrap_or_default(),
        provisioner.unwrap_or_default()
    );
    ("claim", text, role)
}
