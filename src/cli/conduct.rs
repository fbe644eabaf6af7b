//! Runs, put together: the hands to act with, the journal, the lock of this host, the lock in the cluster, and the engine.
//! Console and command line begin and resume runs here. Start reading at [`Conductor::begin`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::observe::{Observing, Resolved};
use crate::base::{Clock, Text, Why, WhyKind};
use crate::live::Lookout;
use crate::live::act::Hands;
use crate::live::kube::lease::{self, ClusterLock, Taken, Wish};
use crate::model::Snapshot;
use crate::model::intent::Intent;
use crate::plan::event::Operator;
use crate::plan::{Entry, Input, Plan, RunEvent, RunId, RunView, Status};
use crate::port::act::Act;
use crate::run::engine::{Engine, INPUTS};
use crate::run::journal::{Archive, Journal};
use crate::run::lock::{Holder, Lock};
use crate::run::place::{self, Reality};

/// Begins and resumes runs.
pub struct Conductor {
    hands: Hands,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    clock: Clock,
    state: PathBuf,
    operator: Operator,
}

/// A run that goes on. Dropping it ends it between two lines; it can be resumed.
pub struct Running {
    /// How it stands.
    pub status: watch::Receiver<Status>,
    /// What a person tells it.
    pub inputs: mpsc::Sender<Input>,
    /// What a person should know about how it runs.
    pub notes: Vec<Text>,
    engine: JoinHandle<Result<RunView, Why>>,
    keeper: Option<JoinHandle<()>>,
    lease: Option<Arc<ClusterLock>>,
    _lock: Lock,
}

impl Conductor {
    /// For the cluster that is observed.
    pub fn new(observing: &Observing, resolved: &Resolved) -> Result<Self, Why> {
        let host = &observing.place.host;
        Ok(Self {
            hands: observing.hands(),
            snapshots: observing.observer.snapshots.clone(),
            clock: observing.clock.clone(),
            state: state_dir(resolved)?,
            operator: operator(&resolved.environment, host.name.clone()),
        })
    }

    /// What is known now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// The runs whose journals are on this host and can be read, the newest first.
    pub fn past(&self) -> Vec<RunView> {
        let stories = Archive::at(place::runs(&self.state)).runs().unwrap_or_default();
        stories.into_iter().filter_map(|story| Some(story.ok()?.view)).collect()
    }

    /// Begins a run of a plan that was shown and confirmed.
    pub async fn begin(&self, plan: Plan, take_over: bool) -> Result<Running, Why> {
        let run = crate::run::new_run(self.clock.now().wall);
        let mut notes = self.may(&plan).await?;
        let (lock, lease) = self.lock(&run, &plan, take_over, &mut notes).await?;
        let first = Entry {
            at: self.clock.now().wall,
            event: RunEvent::Begun {
                run,
                operator: self.operator.clone(),
                digest: plan.digest(),
                plan: Box::new(plan),
            },
        };
        let view = RunView::begin(&first).map_err(|illegal| Why::new(WhyKind::Garbage, illegal.to_string()))?;
        let journal = self.open_journal(&view.plan.intent, &mut notes, |archive| archive.begin(&first))?;
        Ok(self.start(journal, view, (lock, lease), notes))
    }

    /// Goes on with a run whose journal is on this host.
    pub async fn resume(&self, run: &RunId, take_over: bool) -> Result<Running, Why> {
        let archive = archive_of(&self.state, run);
        let story = archive.read(run)?;
        if story.view.ended.is_some() {
            return Err(Why::new(WhyKind::Config, format!("run {} has ended", run.0)).hint("make a new plan"));
        }
        let mut notes = self.may(&story.view.plan).await?;
        let locks = self.lock(run, &story.view.plan, take_over, &mut notes).await?;
        let cluster = self.snapshots.borrow().cluster_id();
        // Read again: until the lock was ours, another process could write.
        let (mut journal, story) = archive.resume(run, cluster)?;
        if story.torn_bytes > 0 {
            notes.push(Text::from(format!(
                "the journal's last line was torn ({} bytes) and was cut: nothing had been sent because of it",
                story.torn_bytes
            )));
        }
        let resumed = Entry {
            at: self.clock.now().wall,
            event: RunEvent::Resumed {
                operator: self.operator.clone(),
            },
        };
        let mut view = story.view;
        view.apply(&resumed)
            .map_err(|illegal| Why::new(WhyKind::Config, illegal.to_string()))?;
        journal.append(&resumed)?;
        Ok(self.start(journal, view, locks, notes))
    }

    /// Every right that the plan needs, asked before it begins. What a person may do instead is only noted.
    async fn may(&self, plan: &Plan) -> Result<Vec<Text>, Why> {
        let mut notes = Vec::new();
        for step in &plan.steps {
            let Some(action) = step.doing.sample() else { continue };
            match self.hands.may(&action).await {
                Ok(()) => {}
                Err(why) if action.can_be_done_by_hand() => {
                    notes.push(Text::from(format!("step {} has to be done by hand: {why}", step.id.0)));
                }
                Err(mut why) => {
                    why.text = Text::from(format!("step {} ({}): {}", step.id.0, step.title, why.text));
                    return Err(why);
                }
            }
        }
        Ok(notes)
    }

    /// The lock of this host, then the one in the cluster, where there is a way to it.
    async fn lock(
        &self,
        run: &RunId,
        plan: &Plan,
        take_over: bool,
        notes: &mut Vec<Text>,
    ) -> Result<(Lock, Option<ClusterLock>), Why> {
        let holder = Holder {
            run: run.clone(),
            operator: self.operator.clone(),
        };
        let cluster = plan.cluster.or_else(|| self.snapshots.borrow().cluster_id());
        let lock = match Lock::take(&self.state, cluster, &holder) {
            Err(why) if is_rescue(&plan.intent) && why.kind != WhyKind::Unavailable => {
                Lock::take(&place::volatile(), cluster, &holder)?
            }
            taken => taken?,
        };
        let wish = Wish {
            run: run.clone(),
            operator: self.operator.clone(),
            take_over,
        };
        match ClusterLock::take(self.hands.kube.clone(), wish).await {
            Taken::Ours(lease) => Ok((lock, Some(lease))),
            Taken::Theirs(why) => Err(why),
            Taken::NoWay(why) => {
                notes.push(Text::from(format!("no lock in the cluster, only on this host: {why}")));
                Ok((lock, None))
            }
        }
    }

    /// A journal that cannot be written forbids the run. Only k0s may be started with one in memory.
    fn open_journal(
        &self,
        intent: &Intent,
        notes: &mut Vec<Text>,
        open: impl Fn(&Archive) -> Result<Journal, Why>,
    ) -> Result<Journal, Why> {
        match open(&Archive::at(place::runs(&self.state))) {
            Err(why) if is_rescue(intent) => {
                let journal = open(&Archive::at(place::runs(&place::volatile())))?;
                notes.push(Text::from(format!(
                    "the journal is in memory ({}) and gone after a restart: {why}",
                    journal.path().display()
                )));
                Ok(journal)
            }
            opened => opened,
        }
    }

    fn start(
        &self,
        journal: Journal,
        view: RunView,
        (lock, lease): (Lock, Option<ClusterLock>),
        notes: Vec<Text>,
    ) -> Running {
        let parts = (self.hands.clone(), Lookout(self.snapshots.clone()));
        let (engine, status) = Engine::new(parts, self.clock.clone(), self.operator.clone(), journal, view);
        let (inputs, told) = mpsc::channel(INPUTS);
        let lease = lease.map(Arc::new);
        let keeper = lease
            .clone()
            .map(|lease| tokio::spawn(keep(lease, status.clone(), inputs.clone())));
        Running {
            status,
            inputs,
            notes,
            engine: tokio::spawn(engine.run(told)),
            keeper,
            lease,
            _lock: lock,
        }
    }
}

impl Running {
    /// Waits until the run has ended. An error says why the journal could not be written. May be dropped and called again.
    pub async fn ended(&mut self) -> Result<RunView, Why> {
        let broken = |_| Err(Why::new(WhyKind::Broken, "the run broke off").hint("`quorate resume` goes on with it"));
        let outcome = (&mut self.engine).await.unwrap_or_else(broken);
        self.stop_keeping();
        if outcome.is_err() {
            // It can be resumed, and nobody else may come between.
            self.lease = None;
        }
        outcome
    }

    /// Gives both locks back, that of this host at once. Only after a run has ended.
    pub async fn give_back(mut self) {
        let lease = self.lease.take();
        drop(self);
        if let Some(lease) = lease {
            lease.release().await;
        }
    }

    fn stop_keeping(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.engine.abort();
        self.stop_keeping();
    }
}

/// Renews the lock in the cluster. A run that lost it is paused; one that cannot reach it goes on: nobody else can either.
async fn keep(lease: Arc<ClusterLock>, mut status: watch::Receiver<Status>, inputs: mpsc::Sender<Input>) {
    loop {
        sleep(lease::RENEW).await;
        let step = {
            let status = status.borrow_and_update();
            let current = status.view.current();
            current.map_or_else(Text::default, |(step, _)| {
                Text::from(format!("{} ({})", step.id.0, step.title))
            })
        };
        if let Err(Some(taken)) = lease.renew(&step).await {
            let because = Text::from(format!("the lock in the cluster is not ours any more: {taken}"));
            if inputs.send(Input::Pause { because }).await.is_err() {
                return;
            }
        }
    }
}

/// The journals with this run: the usual ones, or those in memory.
pub fn archive_of(state: &Path, run: &RunId) -> Archive {
    let usual = Archive::at(place::runs(state));
    let volatile = Archive::at(place::runs(&place::volatile()));
    let is_elsewhere = |why: &Why| why.kind == WhyKind::NotFound && volatile.read(run).is_ok();
    match usual.read(run) {
        Err(why) if is_elsewhere(&why) => volatile,
        _ => usual,
    }
}

/// What must be possible on a disk that is full or dead.
const fn is_rescue(intent: &Intent) -> bool {
    matches!(intent, Intent::StartController { .. })
}

/// Where journals and locks are. Runs on simulated clusters have a place of their own.
pub fn state_dir(resolved: &Resolved) -> Result<PathBuf, Why> {
    let reality = if resolved.simulation.is_some() {
        Reality::Simulated
    } else {
        Reality::Real
    };
    let is_root = rustix::process::geteuid().is_root();
    place::state_dir(&resolved.environment, is_root, reality)
}

/// Who runs this, as far as the system tells: behind sudo, the one who called it.
pub fn operator(environment: &BTreeMap<String, String>, host: Text) -> Operator {
    let named = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| environment.get(*name).filter(|value| !value.is_empty()));
    let user = named.cloned().unwrap_or_else(|| {
        // A service manager and a container set none of these.
        let uid = rustix::process::getuid().to_string();
        name_of(&uid).unwrap_or_else(|| format!("uid {uid}"))
    });
    Operator {
        user: Text::from(user),
        host,
        pid: std::process::id(),
    }
}

/// The name of a user in `/etc/passwd`. Not by the C library: see `live::resolve`.
fn name_of(uid: &str) -> Option<String> {
    let passwd = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut users = passwd.lines().map(|line| line.split(':'));
    users.find_map(|mut fields| {
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    })
}

#[cfg(test)]
#[path = "conduct_tests.rs"]
mod tests;
