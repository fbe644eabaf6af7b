//! How soon a loss is noticed and made good, and how long this host's certificates last.

use std::collections::BTreeMap;

use super::{day, here};
use crate::base::{Age, Text};
use crate::check::failover::certificates::elsewhere;
use crate::check::failover::{delay_words, is_evicted_by_taint, origin, stamp_lines};
use crate::check::look::{names, plural};
use crate::check::recovery::Recovery;
use crate::model::detection::{GRACE_FLAG, Grace};
use crate::model::kube::Tolerates;
use crate::model::{ObjectKey, Snapshot};

/// How many pods leave a silent node after which delay.
fn delays(snapshot: &Snapshot) -> BTreeMap<Tolerates, usize> {
    let pods = snapshot.kube.pods.values().filter(|pod| is_evicted_by_taint(pod));
    pods.fold(BTreeMap::new(), |mut counted, pod| {
        *counted.entry(pod.tolerates_unreachable).or_default() += 1;
        counted
    })
}

/// What API servers give to new pods, where that was tried.
fn stamps(snapshot: &Snapshot) -> Vec<String> {
    snapshot.stamps().map(|stamps| stamp_lines(&stamps)).unwrap_or_default()
}

pub(super) fn eviction(snapshot: &Snapshot) -> Vec<String> {
    let delays = delays(snapshot).into_iter();
    let lines = delays.map(|(delay, pods)| format!("{} evicted {}", plural(pods, "pod"), delay_words(delay)));
    lines.chain(stamps(snapshot)).chain([origin(snapshot)]).collect()
}

pub(super) fn alike(snapshot: &Snapshot) -> Vec<String> {
    let pods = delays(snapshot).into_values().sum();
    let count = format!("{} looked at: those of one workload leave alike", plural(pods, "pod"));
    std::iter::once(count).chain(stamps(snapshot)).collect()
}

pub(super) fn detection(snapshot: &Snapshot) -> Vec<String> {
    let configs = snapshot.kube.cluster_configs.values();
    let configured = configs.filter_map(|config| config.grace_period.as_ref());
    let configured = configured.map(|value| format!("ClusterConfig sets {GRACE_FLAG}: {value}"));
    graces(snapshot).into_iter().chain(configured).collect()
}

pub(super) fn certificates(snapshot: &Snapshot) -> Vec<String> {
    let all = snapshot.host.certificates.as_ref().map(|fact| &fact.value);
    let line = all.and_then(|all| {
        let first = all.iter().min_by_key(|own| own.not_after)?;
        let (count, until) = (plural(all.len(), "certificate"), day(first.not_after));
        Some(format!(
            "{count} on {}; the first ends on {until}: {} ({})",
            here(snapshot),
            first.path,
            first.subject
        ))
    });
    line.into_iter().chain(elsewhere(snapshot)).collect()
}

pub(super) fn time(snapshot: &Snapshot) -> Vec<String> {
    let line = Recovery::of(snapshot).ok().map(|recovery| {
        format!(
            "about {}: detection up to {} (grace period {}, a look every {}), eviction {}",
            Age(recovery.total()),
            Age(recovery.detection),
            Age(recovery.grace),
            Age(snapshot.monitor_period()),
            Age(recovery.eviction)
        )
    });
    line.into_iter().chain(graces(snapshot)).collect()
}

/// The grace period of each kube-controller-manager that is seen.
fn graces(snapshot: &Snapshot) -> Vec<String> {
    let line = |host: &str, grace: &Grace| {
        let period = Age(grace.period);
        format!("{period} on {host}: kube-controller-manager {}", grace.source)
    };
    let own = snapshot.grace_period().map(|grace| line(here(snapshot), &grace));
    let others = snapshot.grace_periods_elsewhere().into_iter();
    let others = others.map(|(name, grace)| line(name.as_str(), &grace));
    own.into_iter().chain(others).collect()
}

pub(super) fn leases(snapshot: &Snapshot) -> Vec<String> {
    let mut alike: BTreeMap<u32, Vec<&Text>> = BTreeMap::new();
    for node in snapshot.kube.nodes.values() {
        let key = ObjectKey::new("kube-node-lease", node.name.clone());
        if let Some(lease) = snapshot.kube.leases.get(&key) {
            alike.entry(lease.value.duration_s).or_default().push(&node.name);
        }
    }
    let lines = alike.iter().map(|(seconds, nodes)| {
        format!(
            "lease of {seconds} s, renewed after {} s: {}",
            seconds / 4,
            names(nodes)
        )
    });
    lines.chain(graces(snapshot)).collect()
}

pub(super) fn pauses(snapshot: &Snapshot) -> Vec<String> {
    let now = snapshot.kube.pauses.iter();
    let now = now.flat_map(|(node, all)| all.iter().map(move |pause| (pause.lasted, node)));
    let past = snapshot.past.pauses.iter();
    let past = past.flat_map(|(node, all)| all.iter().map(move |pause| (pause.lasted, node)));
    let longest = now.chain(past).max().map_or_else(
        || "no pause on record".to_owned(),
        |(lasted, node)| format!("the longest pause on record: {} on {node}", Age(lasted)),
    );
    let nodes = plural(snapshot.kube.nodes.len(), "node");
    let earlier = snapshot.past.since.map(|at| {
        let watched = Age(snapshot.past.watched);
        format!("earlier sessions watched for {watched} since {}", day(at))
    });
    std::iter::once(format!("{nodes} watched: {longest}"))
        .chain(earlier)
        .collect()
}
