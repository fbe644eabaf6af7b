//! The recovery family: how long users would wait after a loss, by what runs now, and what would make it uneven.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::failover::{self, is_evicted_by_taint};
use super::look::{Looked, cannot_tell, evidence, need, need_kinds, outcome, plural};
use super::{Check, CheckId, Finding, Group, Outcome, Profile, Scene, Severity};
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::admission::Stamps;
use crate::model::feed::HostPart;
use crate::model::kube::Tolerates;
use crate::model::{FeedId, KubeKind, ObjectKey, Policy, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::FailoverTime,
        group: Group::RecoverySpeed,
        profile: Profile::Any,
        title: "a loss is made good in about a minute",
        looks_at: "the longest grace period of the kube-controller-managers, of which any may lead then: on this host, and with \
                   look_from_there on the others, or it cannot tell; how often they look; and the longest toleration of a pod that \
                   a dead node loses. Not in it: the start of a new pod, and about 20 s more where the one that leads is lost too",
        why: "until then as many replicas are missing as the dead node carried",
        fix: "see failover.detection and failover.eviction: each is one part of it",
        statement: Some(
            "About one minute - up to ~28 seconds to detect the node is down, then ~30 seconds to evict and reschedule its pods",
        ),
        look: |snapshot, policy| outcome(time(snapshot, policy)),
    },
    Check {
        id: CheckId::FailoverMixed,
        group: Group::RecoverySpeed,
        profile: Profile::Any,
        title: "replicas of a workload leave a dead node alike",
        looks_at: "the tolerations of the pods of each workload: the API server that admits a pod stamps them; and what each API \
                   server gives to a new pod, in a dry run, which is sent only where you may create pods and persists nothing",
        why: "API servers with different flags make recovery depend on which of them admitted a pod",
        fix: "compare default-unreachable-toleration-seconds in /etc/k0s/k0s.yaml of all controllers, then restart the rollout",
        statement: Some(
            "Upgraded from a pre-2.2 release: about five minutes - the faster eviction timeout can only be applied at fresh install",
        ),
        look: |snapshot, _| outcome(mixed(snapshot)),
    },
    Check {
        id: CheckId::FailoverHeartbeat,
        group: Group::RecoverySpeed,
        profile: Profile::Any,
        title: "heartbeats are frequent enough for the detection",
        looks_at: "the kubelets' leases: a kubelet renews after a quarter of their duration; and the shortest grace period, of this \
                   host and with look_from_there of the others: it holds only where those of all living controllers were seen",
        why: "where the grace period is not twice the interval, one lost heartbeat counts as a dead node",
        fix: "set nodeLeaseDurationSeconds of the worker profile alike on all nodes, and no longer than twice the grace period",
        statement: Some("Node-down detection is tuned aggressively to favor fast recovery."),
        look: |snapshot, _| outcome(heartbeat(snapshot)),
    },
    Check {
        id: CheckId::FailoverFlapping,
        group: Group::RecoverySpeed,
        profile: Profile::Any,
        title: "no node was nearly taken for dead",
        looks_at: "pauses between the renewals of a kubelet's lease, by its own clock, while quorate watched: in this session, and in those \
                   of the last 7 days that this host has on record; 10 min in all are the least that it holds by",
        why: "a pause near the grace period is a false failover that has just not happened",
        fix: "look at the node's network and disk at those times; see the timeline",
        statement: Some(
            "A network interruption lasting more than ~20 seconds on a node is enough to trigger pod eviction, which can cause false-positive failovers on links with intermittent connectivity.",
        ),
        look: |snapshot, _| outcome(flapping(snapshot)),
    },
];

/// What kube-controller-manager needs for taint and queue: the HA document's 28 s with a grace period of 20 s and a look every
/// 5 s.
const TAINT: Duration = Duration::from_secs(3);

/// How long a loss takes at most until the last pod is evicted, by what runs.
pub(super) struct Recovery {
    /// The longest grace period of those that are seen: any kube-controller-manager may lead after the next loss.
    pub grace: Duration,
    /// Until the node is tainted.
    pub detection: Duration,
    /// From then on, for the pods that stay longest.
    pub eviction: Duration,
}

impl Recovery {
    pub(super) fn of(snapshot: &Snapshot) -> Result<Self, Outcome> {
        let feed = FeedId::Host(HostPart::Processes);
        need(snapshot, feed)?;
        need_kinds(snapshot, &[KubeKind::Pods, KubeKind::ReplicaSets])?;
        let Some(own) = snapshot.grace_period() else {
            let why = Why::new(WhyKind::Missing, "no kube-controller-manager is seen on this host");
            return Err(cannot_tell(feed, why));
        };
        let moved = snapshot.kube.pods.values().filter(|pod| is_evicted_by_taint(pod));
        let eviction = moved.filter_map(|pod| match pod.tolerates_unreachable {
            Tolerates::Seconds(seconds) => Some(Duration::from_secs(seconds)),
            // By design of their chart: they wait for their node.
            Tolerates::Forever => None,
        });
        let Some(eviction) = eviction.max() else {
            let why = Why::new(WhyKind::Missing, "no running pod would be moved");
            return Err(cannot_tell(FeedId::Kube(KubeKind::Pods), why));
        };
        let elsewhere = snapshot.grace_periods_elsewhere().into_values();
        let grace = elsewhere.map(|grace| grace.period).fold(own.period, Duration::max);
        Ok(Self {
            grace,
            detection: grace + snapshot.monitor_period() + TAINT,
            eviction,
        })
    }

    pub(super) fn total(&self) -> Duration {
        self.detection + self.eviction
    }
}

fn time(snapshot: &Snapshot, policy: &Policy) -> Looked {
    let recovery = Recovery::of(snapshot)?;
    if recovery.total() <= policy.recovery_slow {
        return failover::need_managers(snapshot).map(|()| Vec::new());
    }
    let parts = [
        format!(
            "detection: up to {} (grace period {}, a look every {})",
            Age(recovery.detection),
            Age(recovery.grace),
            Age(snapshot.monitor_period())
        ),
        format!("eviction: {} for the pods that stay longest", Age(recovery.eviction)),
    ];
    Ok(vec![Finding {
        check: CheckId::FailoverTime,
        severity: Severity::Warning,
        subject: "cluster".into(),
        title: format!("a loss is made good only after about {}", Age(recovery.total())).into(),
        evidence: evidence(parts.into_iter().chain(history(snapshot))),
        consequence: "until then the replicas of the lost node are missing; those on other nodes serve".into(),
        remedy: "failover.detection and failover.eviction say which part can be made faster, and how".into(),
    }])
}

/// Whether the cluster was installed fresh or upgraded, by Embedded Cluster's own records, one for each.
fn history(snapshot: &Snapshot) -> Option<String> {
    let installations = &snapshot.kube.installations;
    if !snapshot.kind(KubeKind::Installations).is_current() {
        return None;
    }
    let version = |(key, fact): (&ObjectKey, &crate::model::Fact<crate::model::product::Installation>)| {
        let version = fact.value.version.as_ref().map_or("an unknown version", Text::as_str);
        format!("{version} ({})", key.name)
    };
    let first = installations.iter().next().map(version)?;
    Some(match installations.len() {
        1 => format!("installed once, as {first}"),
        all => format!("installed as {first}, then upgraded {}", plural(all - 1, "time")),
    })
}

fn mixed(scene: &Scene) -> Looked {
    need_kinds(scene, &[KubeKind::Pods, KubeKind::ReplicaSets])?;
    let mut findings: Vec<Finding> = mixed_pods(scene).into_iter().collect();
    match mixed_servers(scene) {
        Ok(found) => findings.extend(found),
        // What pods show needs nobody else's word.
        Err(untold) if findings.is_empty() => return Err(untold),
        Err(_) => {}
    }
    Ok(findings)
}

fn mixed_pods(scene: &Scene) -> Option<Finding> {
    let mut delays = Vec::new();
    for ((_, key), pods) in &scene.pods {
        let mut own: BTreeMap<Tolerates, usize> = BTreeMap::new();
        for (_, pod) in pods.iter().filter(|(_, pod)| is_evicted_by_taint(pod)) {
            *own.entry(pod.tolerates_unreachable).or_default() += 1;
        }
        if own.len() > 1 {
            delays.push((key, own));
        }
    }
    if delays.is_empty() {
        return None;
    }
    let lines = delays.iter().map(|(key, own)| {
        let each = own
            .iter()
            .map(|(delay, pods)| format!("{} {}", plural(*pods, "pod"), failover::delay_words(*delay)));
        format!("{key}: {}", each.collect::<Vec<_>>().join(", "))
    });
    let title = format!("{} with mixed eviction delays", plural(delays.len(), "workload"));
    Some(mixed_finding("cluster", title, evidence(lines)))
}

/// Whether the API servers give new pods different delays.
fn mixed_servers(snapshot: &Snapshot) -> Looked {
    need(snapshot, FeedId::Admission)?;
    let stamps = snapshot.stamps().unwrap_or_default();
    let different: BTreeSet<Stamps> = stamps.values().filter_map(|told| told.ok()).collect();
    if different.len() > 1 {
        let title = "API servers give new pods different eviction delays".to_owned();
        let stale = snapshot.stale_controllers().into_iter().map(|own| own.because);
        let lines = failover::stamp_lines(&stamps)
            .into_iter()
            .chain(stale)
            .chain(snapshot.changed_config());
        return Ok(vec![mixed_finding("api/admission", title, evidence(lines))]);
    }
    let untold = stamps.iter().find_map(|(name, told)| Some((name, told.err()?)));
    match untold {
        Some((name, why)) => Err(failover::not_asked(name, why)),
        None => Ok(Vec::new()),
    }
}

fn mixed_finding(subject: &str, title: String, evidence: Vec<Text>) -> Finding {
    Finding {
        check: CheckId::FailoverMixed,
        severity: Severity::Warning,
        subject: subject.into(),
        title: title.into(),
        evidence,
        consequence: "how soon a replica is replaced depends on which API server admitted it, and when".into(),
        remedy: "compare default-unreachable-toleration-seconds of the API servers (spec.api.extraArgs in /etc/k0s/k0s.yaml of \
                 each controller); a replaced controller may have got a newer one. Where they are alike: sudo systemctl restart \
                 k0scontroller where the API server gives another one, one at a time and while all members are healthy. Then \
                 restart the rollout"
            .into(),
    }
}

fn heartbeat(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes, KubeKind::Leases])?;
    need(snapshot, FeedId::Host(HostPart::Processes))?;
    let lease_of = |node: &Text| {
        let key = ObjectKey::new("kube-node-lease", node.clone());
        snapshot.kube.leases.get(&key).map(|fact| fact.value.duration_s)
    };
    let nodes = snapshot.kube.nodes.values();
    let durations: BTreeMap<&Text, u32> = nodes
        .filter_map(|node| Some((&node.name, lease_of(&node.name)?)))
        .collect();
    let lines = || {
        durations
            .iter()
            .map(|(node, seconds)| format!("{node}: lease of {seconds} s, renewed after {} s", seconds / 4))
    };
    let finding = |severity: Severity, title: String, consequence: &str| {
        Finding {
        check: CheckId::FailoverHeartbeat,
        severity,
        subject: "cluster".into(),
        title: title.into(),
        evidence: evidence(lines()),
        consequence: consequence.into(),
        remedy: "set nodeLeaseDurationSeconds in the worker profile alike for all nodes, then restart k0scontroller on each, \
                 one at a time and while all members are healthy"
            .into(),
    }
    };
    let mut findings = Vec::new();
    let different: BTreeSet<u32> = durations.values().copied().collect();
    if different.len() > 1 {
        let title = "kubelets renew their leases at different intervals".to_owned();
        findings.push(finding(Severity::Info, title, "nodes are noticed at different speed"));
    }
    let elsewhere = snapshot.grace_periods_elsewhere();
    let grace = snapshot.grace_period().into_iter().chain(elsewhere.into_values());
    let grace = grace.map(|grace| grace.period).min();
    let longest = different
        .last()
        .map(|seconds| Duration::from_secs(u64::from(*seconds)) / 4);
    if let (Some(interval), Some(grace)) = (longest, grace)
        && interval * 2 > grace
    {
        let (every, within) = (Age(interval), Age(grace));
        findings.push(if interval >= grace {
            finding(
                Severity::Warning,
                format!("heartbeats every {every} come later than the grace period of {within}"),
                "healthy nodes are counted as dead although no heartbeat is lost, and their pods are evicted",
            )
        } else {
            finding(
                Severity::Info,
                format!("heartbeats every {every} are too few for a grace period of {within}"),
                "one lost heartbeat is enough to count a living node as dead",
            )
        });
    }
    if findings.is_empty() {
        need_heartbeats(snapshot, &durations)?;
    }
    Ok(findings)
}

/// Goes on only if every node's lease and the grace period that counts are known.
fn need_heartbeats(snapshot: &Snapshot, durations: &BTreeMap<&Text, u32>) -> Result<(), Outcome> {
    let mut nodes = snapshot.kube.nodes.values().map(|node| &node.name);
    if let Some(name) = nodes.find(|name| !durations.contains_key(name)) {
        let why = Why::new(
            WhyKind::Missing,
            format!("the kubelet of {name} has no lease in kube-node-lease"),
        );
        return Err(cannot_tell(FeedId::Kube(KubeKind::Leases), why));
    }
    if snapshot.grace_period().is_none() {
        let why = Why::new(WhyKind::Missing, "the grace period of this host is not known");
        return Err(cannot_tell(FeedId::Host(HostPart::Processes), why));
    }
    failover::need_managers(snapshot)
}

/// From this part of the grace period on, a pause was a near miss.
const NEAR: (u32, u32) = (3, 4);
/// What is near where the grace period is not seen: 3/4 of 20 s.
const NEAR_DEFAULT: Duration = Duration::from_secs(15);
/// A shorter watch proves nothing: some sixty heartbeats of each node.
const WATCHED: Duration = Duration::from_mins(10);

fn flapping(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes, KubeKind::Leases])?;
    let grace = snapshot.grace_period().map(|grace| grace.period);
    let near = grace.map_or(NEAR_DEFAULT, |grace| grace * NEAR.0 / NEAR.1);
    let nodes = snapshot.kube.nodes.values();
    let found: Vec<Finding> = nodes
        .filter_map(|node| nearly_dead(snapshot, &node.name, near))
        .collect();
    let session = snapshot.kube.endpoint.as_ref();
    let session = session.map_or(Duration::ZERO, |endpoint| snapshot.now.since(endpoint.since));
    if found.is_empty() && snapshot.past.watched + session < WATCHED {
        let text = format!(
            "no pause yet, but the heartbeats were watched for less than {}",
            Age(WATCHED)
        );
        let why = Why::new(WhyKind::NoOccasion, text).hint(
            "leave the console or `quorate check --watch` open for ten minutes; what a session saw, the next one knows",
        );
        return Err(cannot_tell(FeedId::Kube(KubeKind::Leases), why));
    }
    Ok(found)
}

fn nearly_dead(snapshot: &Snapshot, node: &Text, near: Duration) -> Option<Finding> {
    let past = snapshot.past.pauses.get(node).into_iter().flatten();
    let past = past.map(|pause| (pause.lasted, snapshot.wall_age(pause.ended)));
    let now = snapshot.kube.pauses.get(node).into_iter().flatten();
    let now = now.map(|pause| (pause.lasted, snapshot.now.since(pause.ended)));
    let close: Vec<_> = past.chain(now).filter(|(lasted, _)| *lasted >= near).collect();
    let longest = close.iter().map(|(lasted, _)| *lasted).max()?;
    let lines = close
        .iter()
        .rev()
        .map(|(lasted, ago)| format!("no heartbeat for {}, until {} ago", Age(*lasted), Age(*ago)));
    Some(Finding {
        check: CheckId::FailoverFlapping,
        severity: if close.len() >= 3 {
            Severity::Warning
        } else {
            Severity::Info
        },
        subject: Text::from(format!("node/{node}")),
        title: format!(
            "{node}'s heartbeat paused: {}, the longest {}",
            plural(close.len(), "pause"),
            Age(longest)
        )
        .into(),
        evidence: evidence(lines.chain(watched(snapshot))),
        consequence: "a pause longer than the grace period evicts its pods although it lives".into(),
        remedy: format!("look at the network, the disk and the load of {node} at these times").into(),
    })
}

/// For how long somebody looked, before this session began.
fn watched(snapshot: &Snapshot) -> Option<String> {
    let (past, since) = (&snapshot.past, snapshot.past.since?);
    Some(format!(
        "watched for {} of the {} before this session",
        Age(past.watched),
        Age(snapshot.wall_age(since))
    ))
}

#[cfg(test)]
mod tests;
