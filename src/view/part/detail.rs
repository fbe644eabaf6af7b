//! One row in full: everything known about it, in labelled paragraphs.

use ratatui::text::Line;

use crate::app::rows::{feed_name, finding, placement, pod_state, ready_word, untold};
use crate::app::timeline::Entry;
use crate::app::{RowId, State};
use crate::base::{Text, Why};
use crate::check::{self, Finding};
use crate::model::kube::{Node, Pod};
use crate::model::placement::Placement;
use crate::model::quorum::{Health, MemberState};
use crate::model::{Fact, FeedId, KubeKind, ObjectKey};
use crate::view::part::{footer, labelled, members, nodes, pods, workloads};
use crate::view::theme::{Role, Theme};
use crate::view::{fresh, words};

type Paragraph = (&'static str, String, Role);

/// What a row is called.
pub fn title(state: &State, row: &RowId) -> String {
    match row {
        RowId::Node(name) => format!("node {name}"),
        RowId::Member(id) => match state.derived.quorum.member(*id) {
            Some(member) => format!("member {}", members::name(member)),
            None => format!("member {id}"),
        },
        RowId::Workload(kind, key) => format!("{} {key}", kind.word()),
        RowId::Pod(key) => format!("pod {key}"),
        RowId::Finding(check, _) => check.to_string(),
        RowId::Change(number) => format!("change {number}"),
        RowId::Untold(feed) | RowId::Feed(feed) => format!("feed {}", feed_name(state, *feed)),
    }
}

/// The paragraphs of a row, wrapped to `width`.
pub fn render(state: &State, theme: &Theme, row: &RowId, width: usize) -> Vec<Line<'static>> {
    let paragraphs = match row {
        RowId::Node(name) => state.snapshot.node(name).map(|node| of_node(state, theme, node)),
        RowId::Member(id) => state.derived.quorum.member(*id).map(|member| of_member(state, member)),
        RowId::Workload(kind, key) => placement(state, *kind, key).map(|placement| of_workload(state, placement)),
        RowId::Pod(key) => state.snapshot.kube.pods.get(key).map(|fact| of_pod(state, key, fact)),
        RowId::Finding(check, subject) => finding(state, *check, subject).map(of_finding),
        RowId::Untold(feed) => Some(of_untold(state, *feed)),
        RowId::Change(number) => state.timeline.entry(*number).map(of_change),
        RowId::Feed(id) => Some(of_feed(state, theme, *id)),
    };
    let gone = || vec![("", "it is gone".to_owned(), Role::Dim)];
    paragraphs
        .unwrap_or_else(gone)
        .into_iter()
        .flat_map(|(label, text, role)| labelled::render(label, &text, role, theme, width))
        .collect()
}

fn or_dash(text: Option<&Text>) -> String {
    text.map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn because(why: &Why) -> Vec<Paragraph> {
    let mut rows = vec![("why", why.text.to_string(), Role::Text)];
    rows.extend(why.hint.as_ref().map(|hint| ("try", hint.to_string(), Role::Text)));
    rows
}

fn of_finding(finding: &Finding) -> Vec<Paragraph> {
    let (_, role) = footer::severity(finding.severity);
    let mut rows = vec![
        (finding.severity.word(), finding.title.to_string(), role),
        ("subject", finding.subject.to_string(), Role::Text),
    ];
    let labels = std::iter::once("evidence").chain(std::iter::repeat(""));
    rows.extend(
        labels
            .zip(&finding.evidence)
            .map(|(label, text)| (label, format!("- {text}"), Role::Text)),
    );
    rows.push(("consequence", finding.consequence.to_string(), Role::Text));
    rows.push(("remedy", finding.remedy.to_string(), Role::Accent));
    rows
}

/// Every reason once, and under it the checks that it stops.
fn of_untold(state: &State, feed: FeedId) -> Vec<Paragraph> {
    let mut rows = Vec::new();
    let mut said: Option<&Why> = None;
    for (check, _, why) in untold(state).filter(|(_, own, _)| *own == feed) {
        if said.replace(why) != Some(why) {
            rows.extend(because(why));
        }
        let title = check::find(check).map_or("", |check| check.title);
        rows.push(("cannot tell", format!("{check}: {title}"), Role::Unknown));
    }
    rows
}

fn of_node(state: &State, theme: &Theme, node: &Node) -> Vec<Paragraph> {
    let ready = &node.ready;
    let role = if node.is_controller { "controller" } else { "worker" };
    let since = ready.changed.map(|at| words::age(state.snapshot.wall_age(at)));
    let mut condition = ready_word(node).to_owned();
    // The age of good news would only tick.
    if let Some(age) = since.filter(|_| ready.status != crate::model::kube::Tri::True) {
        condition = format!("{condition} for {age} (Ready={})", ready.status.word());
    }
    let beat = nodes::heartbeat(state, theme, node);
    let mut rows = vec![
        ("state", condition, Role::Text),
        ("reason", format!("{}: {}", ready.reason, ready.message), Role::Dim),
        ("heartbeat", beat.text.into_owned(), beat.role),
        ("address", or_dash(node.address.as_ref()), Role::Text),
        ("zone", or_dash(node.zone.as_ref()), Role::Text),
        ("role", role.to_owned(), Role::Text),
        ("kubelet", node.kubelet_version.to_string(), Role::Text),
    ];
    if node.unschedulable {
        rows.push(("cordoned", "no new pods".to_owned(), Role::Warning));
    }
    for taint in &node.taints {
        rows.push((
            "taint",
            format!("{}={}:{}", taint.key, taint.value, taint.effect),
            Role::Warning,
        ));
    }
    let amounts = node.allocatable;
    let memory = words::size(i64::try_from(amounts.memory_bytes).unwrap_or(i64::MAX));
    let cores = amounts.cpu_milli / 1000;
    rows.push((
        "allocatable",
        format!("{cores} cores, {memory}, {} pods", amounts.pods),
        Role::Dim,
    ));
    rows.push(("uid", node.uid.to_string(), Role::Dim));
    rows.extend(fresh::note(state, &fresh::kind(state, KubeKind::Nodes)).map(|(note, role)| ("seen", note, role)));
    rows
}

fn of_member(state: &State, of: &MemberState) -> Vec<Paragraph> {
    let urls: Vec<&str> = of.member.peer_urls.iter().map(Text::as_str).collect();
    let mut rows = vec![
        ("id", of.member.id.to_string(), Role::Text),
        ("peer URLs", urls.join(" "), Role::Text),
        ("role", members::part(of.role).text.into_owned(), Role::Text),
    ];
    match &of.health {
        Health::Healthy { .. } => rows.push(("health", "healthy: it answers now".to_owned(), Role::Ok)),
        Health::Dead { last_seen, why } => {
            let seen = last_seen.map_or_else(
                || "never seen alive".to_owned(),
                |at| format!("last sign of life {} ago", words::age(state.snapshot.now.since(at))),
            );
            rows.push(("health", format!("DEAD: {seen}"), Role::Critical));
            rows.extend(because(why));
        }
        Health::Unknown { why } => {
            rows.push((
                "health",
                "unknown: neither alive nor dead is proven".to_owned(),
                Role::Unknown,
            ));
            rows.extend(because(why));
        }
    }
    rows
}

fn of_workload(state: &State, placement: &Placement) -> Vec<Paragraph> {
    let workload = &placement.workload;
    let mut rows = vec![(
        "replicas",
        format!("{} of {} ready", workload.ready, workload.desired),
        Role::Text,
    )];
    for spread in &workload.spread {
        let hardness = if spread.hard { "DoNotSchedule" } else { "ScheduleAnyway" };
        let text = format!(
            "over {}, at most {} apart, {hardness}",
            spread.topology_key, spread.max_skew
        );
        rows.push(("spread", text, Role::Text));
    }
    if workload.hard_host_anti_affinity {
        rows.push((
            "spread",
            "never two on one host (required anti-affinity)".to_owned(),
            Role::Text,
        ));
    }
    for (node, tally) in &placement.nodes {
        rows.push((
            "on",
            format!(
                "{node}: {}, {} ready",
                words::count(tally.pods as usize, "pod"),
                tally.ready
            ),
            Role::Text,
        ));
    }
    if placement.unscheduled > 0 {
        rows.push((
            "pending",
            format!("{} not scheduled", placement.unscheduled),
            Role::Warning,
        ));
    }
    let feed = fresh::kind(state, workloads::kind(workload.kind));
    rows.extend(fresh::note(state, &feed).map(|(note, role)| ("seen", note, role)));
    rows
}

fn of_pod(state: &State, key: &ObjectKey, fact: &Fact<Pod>) -> Vec<Paragraph> {
    let pod = &fact.value;
    let ready = if pod.ready { "ready" } else { "not ready" };
    let owner = match (state.snapshot.workload_of(key, pod), &pod.owner) {
        (Some((kind, key)), _) => format!("{} {key}", kind.word()),
        (None, Some(owner)) => format!("{} {}", owner.kind, owner.name),
        (None, None) => "-".to_owned(),
    };
    let mut rows = vec![
        ("state", format!("{}, {ready}", pod_state(pod)), Role::Text),
        ("node", or_dash(pod.node.as_ref()), Role::Text),
        ("of", owner, Role::Text),
        ("restarts", pod.restarts.to_string(), Role::Text),
        (
            "stays",
            format!(
                "{} on an unreachable node, {} on one that is not ready",
                pods::tolerates(pod.tolerates_unreachable),
                pods::tolerates(pod.tolerates_not_ready)
            ),
            Role::Text,
        ),
    ];
    if let Some(age) = pod.created.map(|at| words::coarse_age(state.snapshot.wall_age(at))) {
        rows.push(("created", format!("{age} ago"), Role::Text));
    }
    if !pod.claims.is_empty() {
        let claims: Vec<&str> = pod.claims.iter().map(Text::as_str).collect();
        rows.push(("claims", claims.join(" "), Role::Text));
    }
    rows.push(("uid", pod.uid.to_string(), Role::Dim));
    rows.extend(fresh::note(state, &fresh::of(state, fact.feed)).map(|(note, role)| ("seen", note, role)));
    rows
}

fn of_change(entry: &Entry) -> Vec<Paragraph> {
    vec![
        (
            "noticed",
            entry.at.wall.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            Role::Text,
        ),
        (entry.topic.word(), entry.subject.to_string(), Role::Text),
        ("is now", entry.text.to_string(), Role::Text),
    ]
}

fn of_feed(state: &State, theme: &Theme, id: FeedId) -> Vec<Paragraph> {
    let feed = state.snapshot.feed(id);
    let (word, role) = words::feed(theme, &feed);
    let mut rows = vec![("id", id.to_string(), Role::Dim), ("state", word, role)];
    rows.extend(words::dated(&state.snapshot, &feed).map(|age| ("last answer", age, Role::Stale)));
    rows.extend(feed.why().map(because).unwrap_or_default());
    rows
}
