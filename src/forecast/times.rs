//! When it happens: `k0s-etcd-failover` C2, from `pkg/controller/nodelifecycle` and `pkg/controller/tainteviction`. All times
//! count from the lost node's last heartbeat, or, where the kube-controller-manager that counts them is lost too, from the
//! last renewal of its lease.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::vote::{self, QuorumAfter};
use super::{Fate, Loss, Move};
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::detection::go_duration;
use crate::model::kube::Tolerates;
use crate::model::{ObjectKey, Snapshot};

/// A moment that lies between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Band {
    /// Not before.
    pub from: Duration,
    /// Not after.
    pub to: Duration,
}

impl Band {
    fn later(self, least: Duration, most: Duration) -> Self {
        Self {
            from: self.from + least,
            to: self.to + most,
        }
    }
}

/// Pods that are evicted together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eviction {
    /// Their delay after the taint.
    pub delay: Duration,
    /// How many.
    pub pods: usize,
    /// When.
    pub at: Band,
}

/// When what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Times {
    /// From what they count.
    pub counted_from: Text,
    /// Whether kube-controller-manager is lost, too, so that they count from the last renewal of its lease.
    #[serde(default)]
    pub is_led_from_there: bool,
    /// The node is called Unknown: traffic leaves its pods.
    pub unknown: Band,
    /// It is tainted: pods' delays begin.
    pub tainted: Band,
    /// Pods are evicted and replaced.
    pub evicted: Vec<Eviction>,
    /// All that finds a place serves again; None where nothing does.
    #[serde(default)]
    pub replaced: Option<Band>,
    /// What the figures are made of.
    pub basis: Vec<Text>,
}

/// A lease of kube-controller-manager runs out (`--leader-elect-lease-duration`).
const LEASE: Duration = Duration::from_secs(15);
/// Candidates look every 2 to 4.4 s; each counts the lease from the look at which it saw it renewed, and takes it at its first
/// look after that (`client-go/tools/leaderelection`). Where quorum is held after a loss, two look at least: the first of two
/// takes it so much later, or 1 time in 2,000 after that (the 99.95 % of a simulation of their looks).
const TAKEOVER: Duration = Duration::from_millis(6_500);
/// Its caches fill before it counts: 2 to 4 s, on real servers of a busy machine.
const SYNC: Duration = Duration::from_secs(4);
/// One node of a zone is tainted at once, each further one 10 s later (`--node-eviction-rate` 0.1); and so is one that
/// kube-controller-manager, asking its own copy just before the Node's change arrives there, takes for ready. This is rare:
/// `doNoExecuteTaintingPass` looks ten times a second, the copy is milliseconds old.
pub const NEXT_TAINT: Duration = Duration::from_secs(10);
/// Passes and requests take their time, too: until a node is tainted, and until a pod's own delay is over.
const SLACK: Duration = Duration::from_secs(1);
/// NetBox's web takes so long from cold until it serves, by the vendor's word; nothing else is known to take longer.
pub const COLD_START: Band = Band {
    from: Duration::from_mins(2),
    to: Duration::from_mins(4),
};
/// Requests for each eviction (`addConditionAndDeletePod`: get, patch, delete) against those that kube-controller-manager's
/// client may make at once (`--kube-api-burst`) and then in a second (`--kube-api-qps`).
const REQUESTS: usize = 3;
const BURST: usize = 30;
const REQUEST: Duration = Duration::from_millis(50);

/// The times of a loss; what is missing where they cannot be told.
pub(super) fn of(
    snapshot: &Snapshot,
    loss: &Loss,
    moves: &[Move],
    quorum: &QuorumAfter,
    web: Option<&ObjectKey>,
) -> (Option<Times>, Vec<Why>) {
    if quorum.is_lost() {
        return (None, Vec::new());
    }
    let Some((grace, source)) = grace(snapshot) else {
        let text = "no kube-controller-manager is seen on this host, and no ClusterConfig sets its grace period";
        return (None, vec![Why::new(WhyKind::Missing, text)]);
    };
    let period = snapshot.monitor_period();
    let leader = vote::controller_manager(snapshot);
    let unsure = leader.is_none().then(|| {
        let text =
            "where kube-controller-manager leads is not known: if it is lost too, all of this comes about 20 s later";
        Why::new(WhyKind::Missing, text)
    });
    let is_led_from_there = leader.is_some_and(|leader| loss.nodes.contains(&leader));
    let silence = looks(grace, period);
    let (counted_from, first_look, latest) = if is_led_from_there {
        let from = "the last renewal of kube-controller-manager's lease";
        (from, LEASE, LEASE + TAKEOVER + SYNC)
    } else {
        ("the last heartbeat", Duration::ZERO, period)
    };
    let unknown = Band {
        from: first_look + silence,
        to: latest + silence + SLACK,
    };
    let further = u32::try_from(loss.nodes.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let [least, most] = snapshot.pause_before_taint();
    let tainted = unknown.later(least, most + NEXT_TAINT * further);
    let evicted = evictions(moves, tainted);
    let times = Times {
        counted_from: counted_from.into(),
        is_led_from_there,
        unknown,
        tainted,
        replaced: replaced(moves, &evicted, web),
        evicted,
        basis: vec![
            source,
            Text::from(format!("nodes are looked at every {}", Age(period))),
            Text::from(format!(
                "a taint that just misses its turn comes {} later, rarely",
                Age(NEXT_TAINT)
            )),
        ],
    };
    (Some(times), unsure.into_iter().collect())
}

/// How long after the look that saw the last heartbeat a node is called Unknown: whole looks, since the next one begins a period
/// after the end of the one before (`wait.UntilWithContext`), and so the first that is not earlier than the grace period finds
/// it over.
fn looks(grace: Duration, period: Duration) -> Duration {
    let looks = grace.as_millis().div_ceil(period.as_millis().max(1));
    period.saturating_mul(u32::try_from(looks).unwrap_or(u32::MAX))
}

/// As it runs on this host, or else as it is configured.
fn grace(snapshot: &Snapshot) -> Option<(Duration, Text)> {
    if let Some(grace) = snapshot.grace_period() {
        return Some((
            grace.period,
            Text::from(format!("kube-controller-manager {}", grace.source)),
        ));
    }
    let mut configs = snapshot.kube.cluster_configs.values();
    let raw = configs.find_map(|config| config.grace_period.as_ref())?;
    let text = format!("ClusterConfig sets a grace period of {raw}; whether it runs so is not seen from here");
    Some((go_duration(raw.as_str())?, Text::from(text)))
}

fn evictions(moves: &[Move], tainted: Band) -> Vec<Eviction> {
    let mut delays: BTreeMap<u64, usize> = BTreeMap::new();
    for own in moves {
        if let Tolerates::Seconds(seconds) = own.leaves {
            *delays.entry(seconds).or_default() += 1;
        }
    }
    let each = delays.into_iter().map(|(seconds, pods)| {
        let delay = Duration::from_secs(seconds);
        let queued = u32::try_from((pods * REQUESTS).saturating_sub(BURST)).unwrap_or(u32::MAX);
        Eviction {
            delay,
            pods,
            at: tainted.later(delay, delay + SLACK + REQUEST.saturating_mul(queued)),
        }
    });
    each.collect()
}

/// From the eviction of each pod that finds a place on: at most as long as NetBox's web takes, and the web itself no less.
fn replaced(moves: &[Move], evicted: &[Eviction], web: Option<&ObjectKey>) -> Option<Band> {
    let bands = moves.iter().filter_map(|own| {
        let (Fate::Moves { .. }, Tolerates::Seconds(delay)) = (&own.fate, own.leaves) else {
            return None;
        };
        let gone = evicted.iter().find(|all| all.delay.as_secs() == delay)?;
        let is_web = own.workload.as_ref().is_some_and(|(_, key)| Some(key) == web);
        let least = if is_web { COLD_START.from } else { Duration::ZERO };
        Some(gone.at.later(least, COLD_START.to))
    });
    bands.reduce(|all, own| Band {
        from: all.from.max(own.from),
        to: all.to.max(own.to),
    })
}
