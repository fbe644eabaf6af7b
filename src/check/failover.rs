//! The failover family: how fast would the loss of a node be noticed, its pods be evicted, and do the controllers' certificates
//! last. Judged by what runs, not by a product page.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::look::{
    Looked, because, cannot_tell, evidence, host_subject, is_installed, names, need, need_kinds, outcome, plural,
};
use super::{Check, CheckId, Finding, Group, Outcome, Profile, Severity};
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::admission::Stamps;
use crate::model::detection::{GRACE_FLAG, Grace, TOLERATION_FLAG, go_duration};
use crate::model::feed::HostPart;
use crate::model::kube::{Pod, Tolerates};
use crate::model::leader::CONTROLLER_MANAGER;
use crate::model::{FeedId, KubeKind, ObjectKey, Policy, Snapshot};

pub(super) mod certificates;

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::FailoverEviction,
        group: Group::RecoverySpeed,
        profile: Profile::Any,
        title: "pods leave a dead node soon",
        looks_at: "the tolerations that every running pod really has, and what API servers give to new ones, of which every living one \
                   must tell; daemon sets' and static pods stay by their nature. And Embedded Cluster's Installations: whether it was upgraded in place",
        why: "a pod's replacement starts only after its toleration has run out: 30 s on a fresh install, 5 min by default",
        fix: "pods get the delay at their creation: where the API server's flag is short, restart the rollout of older ones",
        statement: Some(
            "Pod eviction: the faster eviction timeout is fixed when the cluster is first created and cannot be changed on an existing Embedded Cluster, so eviction stays at the Kubernetes default (about five minutes) until the cluster is reinstalled.",
        ),
        look: |snapshot, policy| outcome(eviction(snapshot, policy)),
    },
    Check {
        id: CheckId::FailoverDetection,
        group: Group::RecoverySpeed,
        profile: Profile::Any,
        title: "a dead node is noticed soon",
        looks_at: "node-monitor-grace-period of the kube-controller-manager on this host, and with look_from_there on the others, against \
                   ClusterConfig. Any of them may lead after the next loss: it holds only where those of all living controllers \
                   were seen",
        why: "until the grace period is over, the pods of a dead node count as running",
        fix: "restart k0scontroller on each node, one at a time, where the running value is not the configured one",
        statement: Some(
            "Node-down detection: run sudo systemctl restart k0scontroller on each node after the upgrade to apply the faster detection settings.",
        ),
        look: |snapshot, policy| outcome(detection(snapshot, policy)),
    },
    Check {
        id: CheckId::CertExpiry,
        group: Group::EntryPoint,
        profile: Profile::Any,
        title: "no certificate seen on the controllers ends soon",
        looks_at: "the certificates below this host's k0s directory; of every other controller those that its etcd (every 5 s), API \
                   server, kubelet and join API (every 5 min) show on TLS: those in its files are not seen from here",
        why: "with its certificates a controller loses etcd and the API server at once",
        fix: "k0s writes new ones when it starts: restart k0scontroller, one controller at a time. A CA is not renewed so",
        statement: None,
        look: |snapshot, policy| outcome(certificates::ending(snapshot, policy)),
    },
];

fn eviction(snapshot: &Snapshot, policy: &Policy) -> Looked {
    need_kinds(snapshot, &[KubeKind::Pods, KubeKind::ReplicaSets])?;
    let rows = snapshot.kube.pods.iter().map(|(key, fact)| (key, &fact.value));
    let pods: Vec<Row> = rows.filter(|(_, pod)| is_evicted_by_taint(pod)).collect();
    let limit = policy.eviction_slow.as_secs();
    let findings: Vec<Finding> = slow_eviction(snapshot, &pods, limit)
        .into_iter()
        .chain(no_eviction(snapshot, &pods))
        .chain(slow_admission(snapshot, &pods, limit))
        .collect();
    if findings.is_empty() {
        need_stamps(snapshot)?;
    }
    Ok(findings)
}

/// Goes on only if every API server that lives told what it gives to new pods.
fn need_stamps(snapshot: &Snapshot) -> Result<(), Outcome> {
    let running = "pods that run leave soon; what API servers give to new ones is not known";
    need(snapshot, FeedId::Admission).map_err(|outcome| because(outcome, running))?;
    let lives = |name: &Text| {
        let address = snapshot.node(name).and_then(|node| node.address.as_ref());
        let address = address.unwrap_or(name).as_str().parse().ok();
        address.and_then(|address| snapshot.etcd_answers_at(address)) != Some(false)
    };
    let stamps = snapshot.stamps().unwrap_or_default();
    let mut untold = stamps.iter().filter_map(|(name, told)| Some((*name, told.err()?)));
    match untold.find(|(name, _)| lives(name)) {
        Some((name, why)) => Err(not_asked(name, why)),
        None => Ok(()),
    }
}

/// An API server that did not tell what it gives to new pods.
pub(super) fn not_asked(name: &Text, why: &Why) -> Outcome {
    let text = format!("{name} could not be asked what it gives to new pods: {}", why.text);
    cannot_tell(
        FeedId::Admission,
        Why {
            text: text.into(),
            ..why.clone()
        },
    )
}

/// A pod with its name.
type Row<'a> = (&'a ObjectKey, &'a Pod);

/// Whether this host's k0s.yaml asks for at most so many seconds, and whatever API server is known gives more: then a restart of
/// k0s helps.
pub fn eviction_waits_for_restart(snapshot: &Snapshot, limit_s: u64) -> bool {
    let delays = Today::of(snapshot).delays();
    snapshot
        .configured_toleration_s()
        .is_some_and(|seconds| seconds <= limit_s)
        && !delays.is_empty()
        && delays.into_iter().all(|delay| delay > Tolerates::Seconds(limit_s))
}

/// Pods that leave a silent node late. Its taint is `unreachable`; `not-ready` is that of a kubelet which says so itself.
fn slow_eviction(snapshot: &Snapshot, pods: &[Row], limit: u64) -> Option<Finding> {
    let is_slow = |pod: &Pod| matches!(pod.tolerates_unreachable, Tolerates::Seconds(s) if s > limit);
    let slow: Vec<Row> = pods.iter().copied().filter(|(_, pod)| is_slow(pod)).collect();
    let slowest = slow.iter().map(|(_, pod)| pod.tolerates_unreachable).max()?;
    let mut delays: BTreeMap<Tolerates, usize> = BTreeMap::new();
    for (_, pod) in pods {
        *delays.entry(pod.tolerates_unreachable).or_default() += 1;
    }
    let is_fast = |(_, pod): &Row| pod.tolerates_unreachable <= Tolerates::Seconds(limit);
    let others = if pods.iter().any(is_fast) {
        ", others sooner"
    } else {
        ""
    };
    let spread = delays
        .iter()
        .map(|(delay, count)| format!("{} {}", plural(*count, "pod"), delay_words(*delay)));
    let owners = format!("slow: {}", owners(snapshot, &slow));
    let today = Today::of(snapshot);
    let asked_s = snapshot.configured_toleration_s();
    let asked = asked_s.map(|seconds| format!("k0s.yaml of this host asks for {seconds} s"));
    let remedy = if eviction_waits_for_restart(snapshot, limit) {
        "k0s does not run with its k0s.yaml yet: first quorate plan restart-controllers, and with all of them restarted, restart \
         the rollout of the slow ones"
    } else {
        today.remedy(limit, pods.iter().any(is_fast))
    };
    Some(Finding {
        check: CheckId::FailoverEviction,
        severity: Severity::Warning,
        subject: "cluster".into(),
        title: format!(
            "{} of {} are evicted only {}{others}",
            slow.len(),
            plural(pods.len(), "pod"),
            delay_words(slowest),
        )
        .into(),
        evidence: evidence(
            spread
                .chain([owners, origin(snapshot)])
                .chain(today.lines())
                .chain(asked),
        ),
        consequence: format!(
            "after the loss of a node their replacements start {} after its detection",
            delay_words(slowest).trim_start_matches("after ")
        )
        .into(),
        remedy: remedy.into(),
    })
}

/// No pod stays long, but an API server would let each new one stay long.
fn slow_admission(snapshot: &Snapshot, pods: &[Row], limit: u64) -> Option<Finding> {
    let is_slow = |delay: Tolerates| matches!(delay, Tolerates::Seconds(seconds) if seconds > limit);
    if pods.is_empty() || pods.iter().any(|(_, pod)| is_slow(pod.tolerates_unreachable)) {
        return None;
    }
    let stamps = snapshot.stamps()?;
    let told = stamps.iter().filter_map(|(name, told)| Some((*name, told.ok()?)));
    let slow: BTreeMap<&Text, Tolerates> = told
        .map(|(name, own)| (name, own.unreachable))
        .filter(|(_, delay)| is_slow(*delay))
        .collect();
    let slowest = delay_words(*slow.values().max()?);
    let whose = if slow.len() == stamps.len() {
        String::new()
    } else {
        format!(" of {}", names(slow.keys()))
    };
    let moved = pods.iter().map(|(_, pod)| pod.tolerates_unreachable);
    let today = moved.filter(|delay| *delay != Tolerates::Forever).max()?;
    Some(Finding {
        check: CheckId::FailoverEviction,
        severity: Severity::Warning,
        subject: "api/admission".into(),
        title: format!(
            "new pods{whose} are evicted only {slowest}; those that run now leave {}",
            delay_words(today)
        )
        .into(),
        evidence: evidence(
            stamp_lines(&stamps)
                .into_iter()
                .chain(snapshot.stale_controllers().into_iter().map(|own| own.because))
                .chain(snapshot.changed_config())
                .chain([origin(snapshot)]),
        ),
        consequence: "every pod that such an API server makes anew stays long on a dead node: after the next rollout, recovery \
                      is slow"
            .into(),
        remedy: "restart no rollout yet. An upgrade may have reverted default-unreachable-toleration-seconds: compare \
                 spec.api.extraArgs in /etc/k0s/k0s.yaml of each controller. Where it is short there: sudo systemctl restart \
                 k0scontroller, one at a time and while all members are healthy; else ask support how to set it"
            .into(),
    })
}

/// Whether the cluster was installed or upgraded, which decides what new pods get: by the Installations, of which Embedded
/// Cluster makes one at the installation and at every upgrade, named by their moment.
pub(super) fn origin(snapshot: &Snapshot) -> String {
    const UNTOLD: &str = "whether the cluster was installed fresh or upgraded cannot be told";
    if let Err(Outcome::CannotTell { why, .. } | Outcome::NotApplicable { why }) =
        need_kinds(snapshot, &[KubeKind::Installations])
    {
        return format!("{UNTOLD}: {}", why.text);
    }
    let mut all: Vec<(&Text, Option<&Text>)> = snapshot
        .kube
        .installations
        .iter()
        .map(|(key, fact)| (&key.name, fact.value.version.as_ref()))
        .collect();
    all.sort_unstable();
    let version = |version: Option<&Text>| version.map_or_else(String::new, |version| format!(" ({version})"));
    match all.as_slice() {
        [] => format!("{UNTOLD}: there is no Installation"),
        [(name, of)] => format!(
            "no upgrade in place is seen: Installation {name}{} is the only one",
            version(*of)
        ),
        [(first, of), .., (last, to)] => format!(
            "upgraded in place: {} Installations, from {first}{} to {last}{}",
            all.len(),
            version(*of),
            version(*to)
        ),
    }
}

/// Pods that a silent node keeps, though neither daemon set nor kubelet put them there.
fn no_eviction(snapshot: &Snapshot, pods: &[Row]) -> Option<Finding> {
    let never = |(_, pod): &Row| pod.tolerates_unreachable == Tolerates::Forever;
    let staying: Vec<Row> = pods.iter().copied().filter(never).collect();
    if staying.is_empty() {
        return None;
    }
    let (count, all) = (staying.len(), plural(pods.len(), "pod"));
    Some(Finding {
        check: CheckId::FailoverEviction,
        severity: Severity::Info,
        subject: "taint/unreachable".into(),
        title: format!("{count} of {all} never leave a silent node").into(),
        evidence: evidence([
            format!("of {}", owners(snapshot, &staying)),
            "they tolerate node.kubernetes.io/unreachable for ever".to_owned(),
            origin(snapshot),
        ]),
        consequence: "after the loss of their node they are not replaced until the Node is deleted or comes back"
            .into(),
        remedy: "mostly so by design of their chart; where it is not, give their toleration of \
                 node.kubernetes.io/unreachable tolerationSeconds"
            .into(),
    })
}

/// Whether a dead node's taint is what moves this pod: it runs on a node, and is neither static nor a daemon set's.
pub(super) fn is_evicted_by_taint(pod: &Pod) -> bool {
    let is_daemon = pod.owner.as_ref().is_some_and(|owner| owner.kind == "DaemonSet");
    let runs = pod.node.is_some() && !pod.is_finished() && pod.deleting.is_none();
    runs && !is_daemon && !pod.is_static
}

/// What these pods belong to, each once.
fn owners(snapshot: &Snapshot, pods: &[Row]) -> String {
    let owners: BTreeSet<String> = pods.iter().map(|(key, pod)| owner(snapshot, key, pod)).collect();
    names(owners)
}

pub(super) fn delay_words(delay: Tolerates) -> String {
    match delay {
        Tolerates::Seconds(0) => "at once".to_owned(),
        Tolerates::Seconds(seconds) => format!("after {}", Age(Duration::from_secs(seconds))),
        Tolerates::Forever => "never".to_owned(),
    }
}

fn owner(snapshot: &Snapshot, key: &ObjectKey, pod: &Pod) -> String {
    let workload = snapshot.workload_of(key, pod);
    workload.map_or_else(|| key.to_string(), |(_, workload)| workload.to_string())
}

/// What pods that are made today get.
enum Today<'a> {
    /// By a dry run on each API server.
    Stamped(BTreeMap<&'a Text, Result<Stamps, &'a Why>>),
    /// By the flag of this host's API server alone: its seconds.
    Flag(u64),
    /// Nobody tells.
    Untold,
}

impl<'a> Today<'a> {
    fn of(snapshot: &'a Snapshot) -> Self {
        if let Some(stamps) = snapshot.stamps() {
            return Today::Stamped(stamps);
        }
        let flag = snapshot
            .running("kube-apiserver")
            .map(|process| process.flags.get(TOLERATION_FLAG));
        match flag.map(|flag| flag.map_or(Ok(TOLERATION_DEFAULT), |flag| flag.as_str().parse())) {
            Some(Ok(seconds)) => Today::Flag(seconds),
            Some(Err(_)) | None => Today::Untold,
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Today::Stamped(stamps) => stamp_lines(stamps),
            Today::Flag(seconds) => vec![format!("this host's kube-apiserver gives new pods {seconds} s")],
            Today::Untold => Vec::new(),
        }
    }

    /// The delays that API servers are known to give.
    fn delays(&self) -> Vec<Tolerates> {
        match self {
            Today::Stamped(stamps) => stamps.values().flatten().map(|own| own.unreachable).collect(),
            Today::Flag(seconds) => vec![Tolerates::Seconds(*seconds)],
            Today::Untold => Vec::new(),
        }
    }

    /// Whether a restart of the rollout would help. `is_some_fast`: it could also do harm.
    fn remedy(&self, limit: u64, is_some_fast: bool) -> &'static str {
        let is_fast = |stamps: &Stamps| stamps.unreachable <= Tolerates::Seconds(limit);
        match self {
            Today::Stamped(stamps) if stamps.values().all(|told| told.as_ref().is_ok_and(is_fast)) => {
                "every API server gives new pods the short delay: restart the rollout of the slow ones"
            }
            Today::Stamped(_)
                if self
                    .delays()
                    .into_iter()
                    .any(|delay| delay <= Tolerates::Seconds(limit)) =>
            {
                "not every API server is known to give new pods the short delay: see failover.mixed-eviction first, then \
                 restart the rollout of the slow ones"
            }
            Today::Flag(seconds) if *seconds <= limit => {
                "new pods get the short delay from this host's API server: restart the rollout of the slow ones, and compare \
                 the flag on the other controllers"
            }
            Today::Stamped(_) | Today::Flag(_) if is_some_fast => {
                "restart no rollout: no API server is known to give new pods the short delay, and those that leave sooner now \
                 would lose it. An upgrade may have reverted it: compare default-unreachable-toleration-seconds in \
                 /etc/k0s/k0s.yaml of each controller"
            }
            Today::Stamped(_) | Today::Flag(_) | Today::Untold => {
                "the delay is fixed when the cluster is created: on an upgraded cluster it stays until the cluster is \
                 reinstalled, and a restart of the rollout does not help; plan for a recovery of minutes"
            }
        }
    }
}

/// What each API server gives to new pods, those that give the same together.
pub(super) fn stamp_lines(stamps: &BTreeMap<&Text, Result<Stamps, &Why>>) -> Vec<String> {
    let mut alike: BTreeMap<Stamps, Vec<&Text>> = BTreeMap::new();
    let mut untold = Vec::new();
    for (name, told) in stamps {
        match told {
            Ok(own) => alike.entry(*own).or_default().push(name),
            Err(why) => untold.push(format!("{name}: not known what it gives to new pods: {}", why.text)),
        }
    }
    let told = alike.iter().map(|(own, servers)| {
        let (silent, not_ready) = (delay_words(own.unreachable), delay_words(own.not_ready));
        let other = if own.unreachable == own.not_ready {
            String::new()
        } else {
            format!(", one that is not ready {not_ready}")
        };
        format!("new pods of {} leave a silent node {silent}{other}", names(servers))
    });
    told.chain(untold).collect()
}

/// Its default (Kubernetes, `plugin/pkg/admission/defaulttolerationseconds`).
const TOLERATION_DEFAULT: u64 = 300;

fn detection(snapshot: &Snapshot, policy: &Policy) -> Looked {
    let feed = FeedId::Host(HostPart::Processes);
    need(snapshot, feed)?;
    if snapshot.running("kube-controller-manager").is_none() {
        let why = Why::new(WhyKind::Missing, "kube-controller-manager does not run on this host");
        return Err(cannot_tell(feed, why));
    }
    let Some(grace) = snapshot.grace_period() else {
        let why = Why::new(
            WhyKind::Garbage,
            "the grace period of this host's kube-controller-manager cannot be read",
        );
        return Err(cannot_tell(feed, why));
    };
    let compares = is_installed(snapshot, KubeKind::ClusterConfigs);
    if compares {
        need_kinds(snapshot, &[KubeKind::ClusterConfigs])?;
    }
    let configured = configured(snapshot).filter(|_| compares);
    let wanted = configured.and_then(|value| go_duration(value.as_str()));
    let elsewhere = snapshot.grace_periods_elsewhere();
    let running = || std::iter::once(&grace).chain(elsewhere.values());
    let longest = running().map(|grace| grace.period).max().unwrap_or_default();
    let differs = running().any(|grace| wanted.is_some_and(|wanted| wanted != grace.period));
    if !differs && longest <= policy.detection_slow {
        return need_managers(snapshot).map(|()| Vec::new());
    }
    let configured = configured.map_or_else(
        || format!("ClusterConfig sets no {GRACE_FLAG}"),
        |value| format!("ClusterConfig sets {GRACE_FLAG}: {value}"),
    );
    let limit = format!("slow from {} on, by policy", Age(policy.detection_slow));
    let others = elsewhere
        .iter()
        .map(|(name, grace)| format!("{name}: kube-controller-manager {}", grace.source));
    let lines = [format!("kube-controller-manager {}", grace.source), configured, limit];
    let hint = snapshot.changed_config();
    let lines = lines
        .into_iter()
        .chain(hint)
        .chain(others)
        .chain(unseen(snapshot, &elsewhere));
    let is_not_here = differs && wanted == Some(grace.period);
    let not_in_force = differs.then_some(if is_not_here { "everywhere" } else { "on this host" });
    let lines = evidence(lines);
    Ok(vec![slow_detection(snapshot, longest, not_in_force, wanted, lines)])
}

/// The grace period that ClusterConfig asks for.
fn configured(snapshot: &Snapshot) -> Option<&Text> {
    let mut configs = snapshot.kube.cluster_configs.values();
    configs.find_map(|config| config.grace_period.as_ref())
}

/// Whether a kube-controller-manager runs with another grace period than ClusterConfig asks for: then a restart of k0s helps.
pub fn detection_waits_for_restart(snapshot: &Snapshot) -> bool {
    let Some(wanted) = configured(snapshot).and_then(|value| go_duration(value.as_str())) else {
        return false;
    };
    let elsewhere = snapshot.grace_periods_elsewhere();
    let own = snapshot.grace_period();
    own.iter().chain(elsewhere.values()).any(|grace| grace.period != wanted)
}

fn slow_detection(
    snapshot: &Snapshot,
    longest: Duration,
    not_in_force: Option<&str>,
    wanted: Option<Duration>,
    evidence: Vec<Text>,
) -> Finding {
    let period = Age(longest);
    let (title, remedy) = match (not_in_force, wanted) {
        (Some(place), _) => (
            format!("the configured detection time is not in force {place}"),
            "on each controller, one at a time and while all members are healthy: sudo systemctl restart k0scontroller",
        ),
        // What runs is what is configured.
        (None, Some(_)) => (
            format!("a dead node is noticed only after {period}"),
            "a restart changes nothing: this is what the ClusterConfig asks for. First change node-monitor-grace-period in its \
             spec.controllerManager.extraArgs; an upgrade to 2.2 or later should have done so: ask support why it did not",
        ),
        (None, None) => (
            format!("a dead node is noticed only after {period}"),
            "set node-monitor-grace-period in the ClusterConfig's spec.controllerManager.extraArgs, as an upgrade to 2.2 or later \
             should have done: ask support why it did not. Then: sudo systemctl restart k0scontroller on each controller, one \
             at a time and while all members are healthy",
        ),
    };
    Finding {
        check: CheckId::FailoverDetection,
        severity: if not_in_force.is_some() {
            Severity::Warning
        } else {
            Severity::Info
        },
        subject: host_subject(snapshot),
        title: title.into(),
        evidence,
        consequence: format!(
            "while the slowest kube-controller-manager leads, a dead node keeps its pods for {period} and more"
        )
        .into(),
        remedy: remedy.into(),
    }
}

/// Goes on only if the grace period of every living controller's kube-controller-manager is seen: any of them may lead after
/// the next loss.
pub(super) fn need_managers(snapshot: &Snapshot) -> Result<(), Outcome> {
    let elsewhere = snapshot.grace_periods_elsewhere();
    let is_seen = |name: &Text| elsewhere.contains_key(name) || *name == snapshot.host.name;
    let mut unseen = snapshot.neighbours();
    unseen.retain(|own| snapshot.etcd_answers_at(own.address) != Some(false) && !is_seen(&own.name));
    unseen.sort_by(|one, other| one.name.cmp(&other.name));
    let Some(first) = unseen.first() else {
        if snapshot.membership().is_from_etcd() {
            return Ok(());
        }
        let why = Why::new(WhyKind::NotYet, "no etcd member has told which controllers there are");
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    };
    let leader = need_kinds(snapshot, &[KubeKind::Leases])
        .ok()
        .and_then(|()| snapshot.leader_of(CONTROLLER_MANAGER))
        .filter(|leader| leader.is_valid && is_seen(&leader.host));
    let now = leader.map_or_else(String::new, |leader| {
        format!("that of {}, which leads now, is in order, but ", leader.host)
    });
    let text = format!(
        "{now}after a loss any kube-controller-manager may lead; not seen is what runs on {}",
        names(unseen.iter().map(|own| &own.name))
    );
    let feed = FeedId::From(first.address);
    match need(snapshot, feed) {
        Err(outcome) => Err(because(outcome, &text)),
        Ok(()) => Err(cannot_tell(feed, Why::new(WhyKind::Missing, text))),
    }
}

/// Whose running value is not seen.
fn unseen(snapshot: &Snapshot, seen: &BTreeMap<Text, Grace>) -> Option<String> {
    let is_unseen = |name: &Text| *name != snapshot.host.name && !seen.contains_key(name);
    let others = snapshot.controllers().filter(|node| is_unseen(&node.name));
    let others: Vec<&Text> = others.map(|node| &node.name).collect();
    (!others.is_empty()).then(|| format!("what runs on {} cannot be told from here: check there", names(others)))
}

#[cfg(test)]
mod tests;
