//! A node: what Kubernetes, its leases, etcd and k0s each say of it, and what runs there.

use std::collections::BTreeMap;

use super::chapter::{Chapter, Paragraph, findings, labelled};
use super::{entry, from, k0s};
use crate::app::failover::Failover;
use crate::app::rows::ready_word;
use crate::app::{RowId, State};
use crate::base::Text;
use crate::model::feed::HostPart;
use crate::model::kube::{Amounts, Condition, Node, Taint, Tri};
use crate::model::placement::Tally;
use crate::model::{FeedId, KubeKind, ObjectKey};
use crate::view::part::{failover, members, nodes, quorum};
use crate::view::theme::{Role, Theme};
use crate::view::{fresh, words};

/// Everything known of a node.
pub fn chapters(state: &State, theme: &Theme, node: &Node) -> Vec<Chapter> {
    let address = node.address.as_ref().map(Text::as_str);
    let mut chapters = vec![own(state, node)];
    chapters.extend(state.failovers.of(&node.name).map(|own| lost(state, own)));
    chapters.extend(findings(state, &RowId::Node(node.name.clone())));
    chapters.push(heartbeat(state, theme, node));
    chapters.extend(disk(state, node));
    chapters.extend(member(state, theme, node));
    chapters.extend(entry::chapters(state, node));
    chapters.extend(state.failovers.of(&node.name).map(|own| evictions(state, own)));
    chapters.push(pods(state, theme, node));
    chapters.extend(from::chapter(state, node));
    chapters.extend(k0s::chapters(state, &node.name, address, None));
    chapters
}

/// How its failover is told.
const BESIDE: &str = "counted from the last heartbeat, beside what was foretold";

/// How far its loss is made good.
fn lost(state: &State, own: &Failover) -> Chapter {
    let rows = labelled("", failover::story(own, state).into_iter());
    Chapter::of("Failover", BESIDE.to_owned(), rows.collect())
}

/// When each of its pods was told to go.
fn evictions(state: &State, own: &Failover) -> Chapter {
    let rows = labelled("", failover::pods(own, state));
    Chapter::of("Evictions", BESIDE.to_owned(), rows.collect())
}

/// What the Node object says.
fn own(state: &State, node: &Node) -> Chapter {
    let mut rows = vec![ready(state, node)];
    if node.ready.status != Tri::True {
        rows.push((
            "reason",
            format!("{}: {}", node.ready.reason, node.ready.message),
            Role::Dim,
        ));
    }
    if node.unschedulable {
        rows.push(("cordoned", "no new pods".to_owned(), Role::Warning));
    }
    rows.extend(node.taints.iter().map(|taint| tainted(state, taint)));
    rows.extend(labelled(
        "conditions",
        node.conditions.iter().map(|of| condition(state, of)),
    ));
    let or_dash = |text: Option<&Text>| text.map_or_else(|| "-".to_owned(), ToString::to_string);
    let role = if node.is_controller { "controller" } else { "worker" };
    let region = node.region.as_ref().map(|region| format!(" in region {region}"));
    let zone = format!("{}{}", or_dash(node.zone.as_ref()), region.unwrap_or_default());
    rows.extend([
        ("address", or_dash(node.address.as_ref()), Role::Text),
        ("zone", zone, Role::Text),
        ("role", role.to_owned(), Role::Text),
        ("kubelet", node.kubelet_version.to_string(), Role::Text),
        ("machine has", amounts(&node.capacity), Role::Dim),
        ("for pods", amounts(&node.allocatable), Role::Text),
        ("uid", node.uid.to_string(), Role::Dim),
    ]);
    Chapter::of_feed(state, "Node", FeedId::Kube(KubeKind::Nodes), rows)
}

fn ready(state: &State, node: &Node) -> Paragraph {
    let ready = &node.ready;
    let since = ready.changed.map(|at| words::age(state.snapshot.wall_age(at)));
    let word = ready_word(node);
    match (ready.status, since) {
        // The age of good news would only tick.
        (Tri::True, _) | (_, None) => ("state", word.to_owned(), Role::Text),
        (status, Some(age)) => (
            "state",
            format!("{word} for {age} (Ready={})", status.word()),
            Role::Critical,
        ),
    }
}

fn condition(state: &State, of: &Condition) -> (String, Role) {
    let since = of.changed.map(|at| words::coarse_age(state.snapshot.wall_age(at)));
    let since = since.map(|age| format!(" for {age}")).unwrap_or_default();
    // All conditions of a node but Ready tell of trouble.
    let role = match of.status {
        Tri::True => Role::Warning,
        Tri::False => Role::Dim,
        Tri::Unknown => Role::Unknown,
    };
    let why = if of.status == Tri::False {
        String::new()
    } else {
        format!(", {}: {}", of.reason, of.message)
    };
    (format!("{}={}{since}{why}", of.kind, of.status.word()), role)
}

fn tainted(state: &State, taint: &Taint) -> Paragraph {
    let value = if taint.value.is_empty() {
        String::new()
    } else {
        format!("={}", taint.value)
    };
    let age = taint.added.map(|at| words::age(state.snapshot.wall_age(at)));
    let age = age.map(|age| format!(", for {age}")).unwrap_or_default();
    (
        "taint",
        format!("{}{value}:{}{age}", taint.key, taint.effect),
        Role::Warning,
    )
}

/// Amounts that a machine has.
pub fn amounts(of: &Amounts) -> String {
    format!(
        "{}, {} memory, {} pods",
        words::cores(of.cpu_milli),
        words::memory(of.memory_bytes),
        of.pods
    )
}

/// What the kubelet's lease says, and how that is known.
fn heartbeat(state: &State, theme: &Theme, node: &Node) -> Chapter {
    let id = FeedId::Kube(KubeKind::Leases);
    let key = ObjectKey::new("kube-node-lease", node.name.clone());
    let Some(fact) = state.snapshot.kube.leases.get(&key) else {
        return Chapter::or_nothing(state, theme, "Heartbeat", id, "lease of its kubelet", Vec::new());
    };
    let beat = nodes::heartbeat(state, theme, node);
    let how = if state.snapshot.is_ahead(fact) {
        "its clock is ahead of ours: how old the last renewal is cannot be told"
    } else if fact.seen_changing {
        "renewals were seen from here, so no other clock counts"
    } else {
        "no renewal was seen from here yet: by the kubelet's own clock"
    };
    let rows = vec![
        ("kubelet", beat.text.into_owned(), beat.role),
        ("how known", how.to_owned(), Role::Dim),
        (
            "valid for",
            format!("{} s after a renewal", fact.value.duration_s),
            Role::Dim,
        ),
    ];
    Chapter::of_feed(state, format!("Heartbeat: lease {key}"), id, rows)
}

/// What etcd lies on, of the host that we run on.
fn disk(state: &State, node: &Node) -> Option<Chapter> {
    let host = &state.snapshot.host;
    let disk = &host.disk.as_ref().filter(|_| host.name == node.name)?.value;
    let kind = match &disk.device {
        Ok(device) => match device.rotates() {
            Some(false) => (format!("{}, no hard disk", device.name), Role::Text),
            Some(true) => (format!("{}, a hard disk", device.name), Role::Warning),
            None => (
                format!("{}, virtual or a volume: what it lies on cannot be told", device.name),
                Role::Unknown,
            ),
        },
        Err(why) => (why.text.to_string(), Role::Unknown),
    };
    let rows = vec![
        ("path", disk.path.to_string(), Role::Dim),
        (
            "free",
            format!(
                "{} of {}",
                words::memory(disk.free_bytes),
                words::memory(disk.total_bytes)
            ),
            Role::Text,
        ),
        ("disk", kind.0, kind.1),
    ];
    let title = "Disk under etcd: this host";
    Some(Chapter::of_feed(state, title, FeedId::Host(HostPart::Disk), rows))
}

/// The etcd member at its address.
fn member(state: &State, theme: &Theme, node: &Node) -> Option<Chapter> {
    let address = node.address.as_ref()?;
    let of_all = &state.derived.quorum;
    let source = format!(
        "member list {}, joined by address",
        quorum::membership(state, &of_all.membership)
    );
    let Some(member) = of_all.member_at(address.as_str()) else {
        let text = format!("no member has the address {address}");
        return node
            .is_controller
            .then(|| Chapter::of("etcd member", source, vec![("", text, Role::Warning)]));
    };
    let health = nodes::health(theme, &member.health);
    let part = members::part(member.role);
    let rows = vec![
        ("health", health.text.into_owned(), health.role),
        ("role", part.text.into_owned(), part.role),
        ("id", member.member.id.to_string(), Role::Dim),
    ];
    Some(Chapter::of("etcd member", source, rows))
}

/// What runs there, and what that asks for.
fn pods(state: &State, theme: &Theme, node: &Node) -> Chapter {
    let id = FeedId::Kube(KubeKind::Pods);
    let snapshot = &state.snapshot;
    let mut asked = Amounts::default();
    let mut counts: BTreeMap<String, Tally> = BTreeMap::new();
    for (key, pod) in snapshot.pods_on(&node.name) {
        asked.cpu_milli = asked.cpu_milli.saturating_add(pod.requests.cpu_milli);
        asked.memory_bytes = asked.memory_bytes.saturating_add(pod.requests.memory_bytes);
        asked.pods += 1;
        let of = snapshot.workload_of(key, pod).map_or_else(
            || format!("pod {key}, of no workload"),
            |(kind, key)| format!("{} {key}", kind.word()),
        );
        let tally = counts.entry(of).or_default();
        tally.pods += 1;
        tally.ready += u32::from(pod.ready);
    }
    let mut rows = Vec::new();
    if fresh::of(state, id).as_of().is_some() {
        rows.push(("asked for", requested(&asked, &node.allocatable), Role::Text));
    }
    let workloads = counts.into_iter().map(|(of, tally)| {
        let role = if tally.ready == tally.pods {
            Role::Text
        } else {
            Role::Warning
        };
        (format!("{of}: {} of {} ready", tally.ready, tally.pods), role)
    });
    rows.extend(labelled("runs", workloads));
    Chapter::or_nothing(state, theme, "Pods", id, "pods", rows)
}

/// What pods ask for, as a part of what there is.
fn requested(asked: &Amounts, of: &Amounts) -> String {
    let part = |asked: u64, of: u64| match asked.saturating_mul(100).checked_div(of) {
        Some(percent) => format!(" ({percent} %)"),
        None => String::new(),
    };
    format!(
        "{} of {}{}, {} of {} memory{}, {} of {} pods",
        words::cores(asked.cpu_milli),
        words::cores(of.cpu_milli),
        part(asked.cpu_milli, of.cpu_milli),
        words::memory(asked.memory_bytes),
        words::memory(of.memory_bytes),
        part(asked.memory_bytes, of.memory_bytes),
        asked.pods,
        of.pods
    )
}
