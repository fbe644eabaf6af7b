//! The failover of a lost node, as one look tells it. The names are a contract with other programs; what is not known is null.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::feeds::millis;
use crate::app::failover::tell::{self, Step};
use crate::app::failover::{Failover, Refilled, Users};
use crate::base::Text;

/// A lost node, and how far its failover is.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct FailoverDocument {
    pub node: Text,
    /// By our clock, UTC.
    pub last_heartbeat: Timestamp,
    /// Since then. All other times of this document count from there, too.
    pub elapsed_ms: u64,
    /// silent, unknown, tainted, evicting or replacing
    pub stage: &'static str,
    /// Where it stands and what comes next, in one line.
    pub summary: String,
    /// Why no times are foretold; null where they are.
    pub not_foretold: Option<Text>,
    /// In their order: Unknown, taint, the eviction of the pods by their tolerations, workloads ready elsewhere.
    pub steps: Vec<StepDocument>,
    /// Pods that are on the node still, and how many of them were told to go. Those that are gone already are not counted.
    pub pods: usize,
    pub evicted: usize,
    /// Each pod that leaves and is there still, as `namespace/name`: when it is told to go.
    pub evictions: Vec<StepDocument>,
    /// Workloads with pods there.
    pub workloads: Vec<RefillDocument>,
    /// Whether users are served meanwhile, by the name that they go to, and the longest time in which they were not, as probed
    /// from this host since the last heartbeat; null where nothing was.
    pub users: Option<Users>,
    /// Everything in sentences, for people.
    #[serde(skip)]
    story: Vec<String>,
}

/// One step of it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct StepDocument {
    pub what: String,
    /// Not before and not after; null where it is not foretold. Where kube-controller-manager led from the node and another one
    /// leads by now, it all comes later than that, which one look cannot tell.
    pub foretold_ms: Option<[u64; 2]>,
    /// When it happened, by whoever wrote it; of workloads, when this look found them ready. Null before.
    pub seen_ms: Option<u64>,
    /// Whether it was later than foretold, or is by now.
    pub late: bool,
    pub notes: Vec<String>,
}

/// A workload that the node had pods of.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct RefillDocument {
    pub namespace: Text,
    pub kind: &'static str,
    pub name: Text,
    pub desired: u32,
    /// On other nodes.
    pub ready_elsewhere: u32,
    /// New pods on other nodes that are not ready.
    pub starting: u32,
    /// New pods without a node.
    pub pending: u32,
    /// Why a new pod waits, in the scheduler's or a container's words.
    pub waits: Option<Text>,
}

/// Makes the document.
pub fn document(of: &Failover, now: Timestamp) -> FailoverDocument {
    let elapsed = Duration::try_from(now.duration_since(of.began)).unwrap_or_default();
    let story = tell::story(of, now).into_iter();
    FailoverDocument {
        node: of.node.clone(),
        last_heartbeat: of.began,
        elapsed_ms: millis(elapsed),
        stage: of.stage().word(),
        summary: tell::line(of, now),
        not_foretold: of.foretold.as_ref().err().map(|why| why.text.clone()),
        steps: tell::steps(of).into_iter().map(|own| step(own, elapsed)).collect(),
        pods: of.pods.len(),
        evicted: of.evicted(),
        evictions: tell::pods(of).map(|own| step(own, elapsed)).collect(),
        workloads: of.workloads.iter().map(refill).collect(),
        users: of.users,
        story: story.map(|(what, text, _)| format!("{what}: {text}")).collect(),
    }
}

fn step(of: Step, elapsed: Duration) -> StepDocument {
    StepDocument {
        late: of.is_late(elapsed),
        foretold_ms: of.foretold.map(|band| [millis(band.from), millis(band.to)]),
        seen_ms: of.seen.map(millis),
        what: of.what,
        notes: of.notes,
    }
}

fn refill(of: &Refilled) -> RefillDocument {
    RefillDocument {
        namespace: of.key.namespace.clone(),
        kind: of.kind.word(),
        name: of.key.name.clone(),
        desired: of.before,
        ready_elsewhere: of.elsewhere,
        starting: of.starting,
        pending: of.pending,
        waits: of.waits.clone(),
    }
}

/// Lost nodes for people.
pub fn text(all: &[FailoverDocument]) -> String {
    let each = all.iter().map(|own| {
        let steps: Vec<String> = own.story.iter().map(|step| format!("         {step}\n")).collect();
        format!("lost     {}\n{}", own.summary, steps.concat())
    });
    each.collect()
}
