//! A workload: what it promises, where its replicas run, and each of them.

use super::chapter::{Chapter, Paragraph, findings};
use crate::app::rows::pod_state;
use crate::app::subject::pods_of;
use crate::app::{RowId, State};
use crate::base::Text;
use crate::model::kube::{Spread, Workload};
use crate::model::placement::{HOSTNAME, Placement, Tally, ZONE};
use crate::model::{FeedId, KubeKind};
use crate::view::part::workloads;
use crate::view::theme::{Role, Theme};
use crate::view::{fresh, words};

/// Everything known of a workload.
pub fn chapters(state: &State, theme: &Theme, of: &Placement) -> Vec<Chapter> {
    let mut chapters = vec![own(state, &of.workload)];
    chapters.extend(findings(state, &RowId::Workload(of.workload.kind, of.key.clone())));
    chapters.push(placed(state, theme, of));
    chapters.push(pods(state, theme, of));
    chapters
}

/// What its object says.
fn own(state: &State, of: &Workload) -> Chapter {
    let role = if of.ready >= of.desired {
        Role::Text
    } else {
        Role::Warning
    };
    let mut rows = vec![("replicas", format!("{} of {} ready", of.ready, of.desired), role)];
    rows.extend(leader(state, of));
    rows.extend(of.spread.iter().map(|spread| ("spread", in_words(spread), Role::Text)));
    if of.hard_host_anti_affinity {
        let text = "never two on one host (required anti-affinity): a pod without a free host waits";
        rows.push(("spread", text.to_owned(), Role::Text));
    }
    if of.spread.is_empty() && !of.hard_host_anti_affinity {
        rows.push(("spread", "no rule: all may run on one node".to_owned(), Role::Dim));
    }
    let containers: Vec<&str> = of.containers.iter().map(Text::as_str).collect();
    rows.push(("containers", containers.join(" "), Role::Dim));
    rows.extend(
        of.component
            .as_ref()
            .map(|component| ("component", component.to_string(), Role::Dim)),
    );
    rows.push(("uid", of.uid.to_string(), Role::Dim));
    Chapter::of_feed(state, of.kind.word(), FeedId::Kube(workloads::kind(of.kind)), rows)
}

/// Which of the operator's replicas leads.
fn leader(state: &State, of: &Workload) -> Option<Paragraph> {
    let (_, own) = state.snapshot.operator().filter(|(_, own)| own.uid == of.uid)?;
    let Some(lease) = state.snapshot.operator_lease() else {
        let text = "none is known: no lease names one of its pods";
        return (own.desired > 1).then(|| ("leader", text.to_owned(), Role::Unknown));
    };
    let node = lease.node.map(|node| format!(" on {node}")).unwrap_or_default();
    let (renewed, role) = match lease.age {
        None => (
            "its clock is ahead of ours: the age cannot be told".to_owned(),
            Role::Unknown,
        ),
        // The age of good news would only tick.
        Some(beat) if beat.age <= lease.valid => ("renewed on time".to_owned(), Role::Text),
        Some(beat) => (format!("not renewed for {}", words::age(beat.age)), Role::Warning),
    };
    let is_stale = fresh::is_stale(&fresh::of(state, FeedId::Kube(KubeKind::Leases)));
    let (renewed, role) = if is_stale {
        ("leases are not heard".to_owned(), Role::Unknown)
    } else {
        (renewed, role)
    };
    Some(("leader", format!("{}{node}, {renewed}", lease.pod), role))
}

/// What a constraint asks of the scheduler.
fn in_words(spread: &Spread) -> String {
    let (places, one) = match spread.topology_key.as_str() {
        HOSTNAME => ("nodes".to_owned(), "node".to_owned()),
        ZONE => ("zones".to_owned(), "zone".to_owned()),
        other => (format!("values of {other}"), "value".to_owned()),
    };
    let what_if = if spread.hard {
        "a pod that would break this waits (DoNotSchedule)"
    } else {
        "only tried (ScheduleAnyway)"
    };
    let least = spread
        .min_domains
        .map(|least| format!("; fewer than {least} {places} count as an empty one"));
    let taints = if spread.honors_taints {
        "; tainted nodes do not count"
    } else {
        ""
    };
    format!(
        "over {places}, at most {} more on one {one} than on another: {what_if}{}{taints}",
        spread.max_skew,
        least.unwrap_or_default()
    )
}

/// Where its replicas run.
fn placed(state: &State, theme: &Theme, of: &Placement) -> Chapter {
    let tally = |tally: &Tally| {
        let pods = words::count(tally.pods as usize, "pod");
        format!("{pods}, {} ready", tally.ready)
    };
    let mut rows: Vec<Paragraph> = Vec::new();
    for (node, on) in &of.nodes {
        rows.push(("on", format!("{node}: {}", tally(on)), Role::Text));
    }
    for (zone, there) in of.zones(&state.snapshot) {
        rows.push(("in zone", format!("{zone}: {}", tally(&there)), Role::Text));
    }
    if of.unscheduled > 0 {
        rows.push(("pending", format!("{} not scheduled", of.unscheduled), Role::Warning));
    }
    if rows.iter().any(|(label, ..)| *label == "in zone") {
        rows.push(("", "zones by the labels of kube.nodes".to_owned(), Role::Dim));
    }
    match of.spread_ok {
        Some(true) => rows.push(("as asked", "yes: they lie as the spread asks".to_owned(), Role::Ok)),
        Some(false) => rows.push((
            "as asked",
            "NO: they do not lie as the spread asks".to_owned(),
            Role::Warning,
        )),
        None => {}
    }
    Chapter::or_nothing(
        state,
        theme,
        "Placement",
        FeedId::Kube(KubeKind::Pods),
        "replicas",
        rows,
    )
}

/// Each of its pods.
fn pods(state: &State, theme: &Theme, of: &Placement) -> Chapter {
    let pods = pods_of(state, of.workload.kind, &of.key).map(|(key, pod)| {
        let ready = if pod.ready { "ready" } else { "not ready" };
        let node = pod.node.as_ref().map_or("no node", Text::as_str);
        let restarts = match pod.restarts {
            0 => String::new(),
            restarts => format!(", {}", words::count(restarts as usize, "restart")),
        };
        let is_well = pod.deleting.is_none() && (pod.ready || pod.is_finished());
        let role = if is_well { Role::Text } else { Role::Warning };
        let text = format!("{}: {}, {ready}{restarts}, on {node}", key.name, pod_state(pod));
        ("", text, role)
    });
    let rows = pods.collect();
    Chapter::or_nothing(state, theme, "Pods", FeedId::Kube(KubeKind::Pods), "pods", rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::*;
    use crate::model::example::{ago, fact, healthy, lose_feed};
    use crate::model::kube::Lease;
    use crate::model::{ObjectKey, Policy, Snapshot};
    use crate::view::part::detail::chapter;

    /// The page of the operator, whose lease was renewed so long ago.
    fn page(renewed_s: u64, bend: impl Fn(&mut Snapshot)) -> String {
        let mut snapshot = healthy();
        let lease = Lease {
            uid: "lease".into(),
            holder: Some("nbe-operator-6d5f8-2_0f3c2a51".into()),
            duration_s: 15,
            renewed: Some(ago(renewed_s).wall),
            transitions: 0,
        };
        let row = fact(FeedId::Kube(KubeKind::Leases), renewed_s, lease);
        let key = ObjectKey::new("kotsadm", "operator");
        snapshot.kube.leases.rows_mut().insert(key, Arc::new(row));
        bend(&mut snapshot);
        let state = State::new(Arc::new(snapshot), Policy::default());
        let placements = state.snapshot.placements();
        let own = placements.iter().find(|own| own.key.name == "nbe-operator").unwrap();
        let theme = Theme::marked();
        let lines = chapter::lines(chapters(&state, &theme, own), &theme, 120);
        let texts: Vec<String> = lines.iter().map(ToString::to_string).collect();
        texts.join("\n")
    }

    #[test]
    fn the_page_of_the_operator_names_its_leader() {
        for (renewed_s, said) in [(2, "renewed on time"), (40, "not renewed for 40 s")] {
            let page = page(renewed_s, |_| {});
            assert!(
                page.contains(&format!("nbe-operator-6d5f8-2 on nbe-2, {said}")),
                "{page}"
            );
        }
        let unheard = page(2, |snapshot| lose_feed(snapshot, FeedId::Kube(KubeKind::Leases)));
        assert!(unheard.contains("on nbe-2, leases are not heard"), "{unheard}");
    }
}
