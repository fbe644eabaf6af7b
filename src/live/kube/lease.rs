//! The lock that colleagues on other hosts see: the Lease `kube-system/quorate-run`. It names the run, the step, the host and
//! the user, is renewed while a run goes on, and can be taken over from a process that ended. Start reading at
//! [`ClusterLock::take`].

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::change::Changes;
use super::session::Undone;
use crate::base::{Text, Why, WhyKind};
use crate::plan::RunId;
use crate::plan::event::Operator;
use crate::plan::request::{Call, Method};

/// Its namespace.
pub const NAMESPACE: &str = "kube-system";
/// Its name.
pub const NAME: &str = "quorate-run";

/// Where it is made.
pub const COLLECTION: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const RUN: &str = "quorate/run";
const STEP: &str = "quorate/step";
/// How long a holder may be silent before it counts as gone.
const EXPIRES: Duration = Duration::from_secs(30);
/// How often the holder renews it.
pub const RENEW: Duration = Duration::from_secs(8);
/// How long giving it back is tried: a run often ends because the cluster lost its quorum, which may be just coming back.
const GIVE_BACK: Duration = Duration::from_secs(20);
/// The pause between two tries.
const AGAIN: Duration = Duration::from_millis(500);

/// Who wants it.
#[derive(Debug, Clone)]
pub struct Wish {
    /// With which run.
    pub run: RunId,
    /// Who.
    pub operator: Operator,
    /// Take it from whoever holds it: a person said that the other run is abandoned.
    pub take_over: bool,
}

impl Wish {
    fn identity(&self) -> String {
        let Operator { user, host, pid } = &self.operator;
        format!("{user} on {host}, process {pid}, run {}", self.run.0)
    }

    /// The process of this host that a holder is.
    fn process(&self, holder: &str) -> Option<u32> {
        let (_, after) = holder.split_once(&format!(" on {}, process ", self.operator.host))?;
        after.split(',').next()?.parse().ok()
    }

    /// What is to be done about a holder.
    fn stance(&self, held: &Held, now: Timestamp, has_ended: impl Fn(u32) -> bool) -> Stance {
        let process = self.process(&held.holder);
        let is_ours = process.is_some_and(|own| own == self.operator.pid || held.run == self.run.0.as_str());
        if held.holder.is_empty() || is_ours || self.take_over {
            Stance::Take
        } else if !held.seems_alive(now) || process.is_some_and(has_ended) {
            Stance::Watch
        } else {
            Stance::Leave
        }
    }
}

/// What is to be done about whoever holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stance {
    /// It is nobody's, or ours: a process conducts one run at a time, and the lock of this host proves that whoever conducted
    /// our own run has ended.
    Take,
    /// The holder seems gone. Clocks differ, and a process can be out of our sight in a container: it is watched.
    Watch,
    /// The holder is alive.
    Leave,
}

/// Whether the kernel knows no such process.
fn has_ended(process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// What became of a wish for the lock.
pub enum Taken {
    /// It is ours.
    Ours(ClusterLock),
    /// Somebody else holds it.
    Theirs(Why),
    /// There is no way to it: the API does not work, or we may not.
    NoWay(Why),
}

/// Why a request about the lock did not succeed.
enum Denied {
    /// Somebody else holds it, or was faster.
    Theirs(Why),
    NoWay(Why),
}

/// The lock, ours.
pub struct ClusterLock {
    changes: Changes,
    wish: Wish,
}

/// What the Lease says.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    holder: String,
    run: String,
    step: String,
    renewed: Option<Timestamp>,
    version: Value,
}

impl Held {
    fn read(lease: &Value) -> Self {
        let text = |pointer: &str| {
            lease
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            holder: text("/spec/holderIdentity"),
            run: text("/metadata/annotations/quorate~1run"),
            step: text("/metadata/annotations/quorate~1step"),
            renewed: text("/spec/renewTime").parse().ok(),
            version: lease.pointer("/metadata/resourceVersion").cloned().unwrap_or_default(),
        }
    }

    /// Whether the holder can be alive, by its own time stamp.
    fn seems_alive(&self, now: Timestamp) -> bool {
        let age = self.renewed.map(|renewed| now.duration_since(renewed));
        age.is_some_and(|age| age < SignedDuration::try_from(EXPIRES).unwrap_or(SignedDuration::MAX))
    }

    fn refusal(&self, now: Timestamp) -> Why {
        let age = self.renewed.map_or_else(String::new, |renewed| {
            format!(", renewed {} s ago", now.duration_since(renewed).as_secs().max(0))
        });
        let step = if self.step.is_empty() {
            String::new()
        } else {
            format!(", at step {}", self.step)
        };
        let text = format!("{} acts on this cluster{step}{age}", self.holder);
        Why::new(WhyKind::Unavailable, text).hint(
            "one run at a time: wait until it has ended; if its process is gone for good, `--take-over` or `:take-over` takes its lock",
        )
    }
}

impl ClusterLock {
    /// Takes the lock, or says who holds it. A holder that seems gone is watched for as long as two renewals take before the
    /// lock is taken from it.
    pub async fn take(changes: Changes, wish: Wish) -> Taken {
        let lock = Self { changes, wish };
        match lock.try_take().await {
            Ok(()) => Taken::Ours(lock),
            Err(Denied::Theirs(why)) => Taken::Theirs(why),
            Err(Denied::NoWay(why)) => Taken::NoWay(why),
        }
    }

    async fn try_take(&self) -> Result<(), Denied> {
        let Some(held) = self.look().await? else {
            return self.create().await;
        };
        match self.wish.stance(&held, Timestamp::now(), has_ended) {
            Stance::Take => {}
            Stance::Leave => return Err(Denied::Theirs(held.refusal(Timestamp::now()))),
            Stance::Watch => {
                sleep(RENEW * 2).await;
                if self.look().await?.is_none_or(|now| now.version != held.version) {
                    return Err(Denied::Theirs(held.refusal(Timestamp::now())));
                }
            }
        }
        self.write(&held.version, &self.wish.identity(), "").await
    }

    /// Says that we are still there, and where. An error says who has the lock now; None where that cannot be told.
    pub async fn renew(&self, step: &Text) -> Result<(), Option<Why>> {
        let renewed = async {
            match self.look().await? {
                Some(held) if held.holder == self.wish.identity() => {
                    self.write(&held.version, &self.wish.identity(), step.as_str()).await
                }
                Some(held) => Err(Denied::Theirs(held.refusal(Timestamp::now()))),
                // Deleted: whoever did that wanted no lock, and nobody has it.
                None => self.create().await,
            }
        };
        renewed.await.map_err(|denied| match denied {
            Denied::Theirs(why) => Some(why),
            Denied::NoWay(_) => None,
        })
    }

    /// Gives it back, if it is ours. Where that fails for too long, it runs out.
    pub async fn release(&self) {
        let released = async {
            while let Err(Denied::NoWay(_)) = self.try_release().await {
                sleep(AGAIN).await;
            }
        };
        let _ = timeout(GIVE_BACK, released).await;
    }

    async fn try_release(&self) -> Result<(), Denied> {
        match self.look().await? {
            Some(held) if held.holder == self.wish.identity() => self.write(&held.version, "", "").await,
            Some(_) | None => Ok(()),
        }
    }

    async fn look(&self) -> Result<Option<Held>, Denied> {
        match self.changes.read(&format!("{COLLECTION}/{NAME}")).await {
            Ok(lease) => Ok(Some(Held::read(&lease))),
            Err(why) if why.kind == WhyKind::NotFound => Ok(None),
            Err(why) => Err(Denied::NoWay(why)),
        }
    }

    async fn create(&self) -> Result<(), Denied> {
        let mut lease = self.body(&self.wish.identity(), "");
        lease["apiVersion"] = "coordination.k8s.io/v1".into();
        lease["kind"] = "Lease".into();
        lease["metadata"]["name"] = NAME.into();
        lease["metadata"]["namespace"] = NAMESPACE.into();
        let call = Call {
            method: Method::Post,
            path: COLLECTION.to_owned(),
            content_type: "application/json",
            body: lease,
        };
        self.send(&call).await
    }

    /// Writes over the version that was read: whoever else writes meanwhile makes it a conflict.
    async fn write(&self, version: &Value, holder: &str, step: &str) -> Result<(), Denied> {
        let mut patch = self.body(holder, step);
        patch["metadata"]["resourceVersion"] = version.clone();
        let call = Call {
            method: Method::Patch,
            path: format!("{COLLECTION}/{NAME}"),
            content_type: "application/merge-patch+json",
            body: patch,
        };
        self.send(&call).await
    }

    fn body(&self, holder: &str, step: &str) -> Value {
        json!({
            "metadata": {"annotations": {RUN: self.wish.run.0, STEP: step}},
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": EXPIRES.as_secs(),
                "renewTime": format!("{:.6}", Timestamp::now()),
            },
        })
    }

    async fn send(&self, call: &Call) -> Result<(), Denied> {
        match self.changes.ask(call).await {
            Ok(_) => Ok(()),
            Err(Undone::Refused(fault)) if fault.status.is_some_and(|status| status.as_u16() == 409) => {
                self.beaten().await
            }
            Err(Undone::Refused(fault) | Undone::Unknown(fault)) => Err(Denied::NoWay(fault.why)),
        }
    }

    /// Somebody wrote at the same moment: who? It can be us, by a request whose answer was lost.
    async fn beaten(&self) -> Result<(), Denied> {
        match self.look().await? {
            Some(held) if held.holder == self.wish.identity() => Ok(()),
            Some(held) if !held.holder.is_empty() => Err(Denied::Theirs(held.refusal(Timestamp::now()))),
            Some(_) | None => {
                let text = "somebody else took the lock in the cluster at the same moment, and gave it back";
                Err(Denied::Theirs(Why::new(WhyKind::Unavailable, text).hint("try again")))
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "lease_tests.rs"]
mod tests;
