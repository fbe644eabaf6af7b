//! From settings to running sources, and from running sources to one snapshot that a headless command can print.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{self, WrapErr};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::args::Global;
use super::exit::Usage;
use super::log;
use super::place::{self, Place};
use super::settle::{Enough, is_settled};
use super::sim;
use crate::base::{Clock, Text};
use crate::config::{self, ConfigError, Settings, Sources};
use crate::live::act::{DEADLINES, Hands};
use crate::live::etcd::change::Hand;
use crate::live::kube::Changes;
use crate::live::{self, Observer};
use crate::model::Snapshot;
use crate::port::Sink;
use crate::sim::wire::Cluster;
use crate::tui::Clerk;

/// Everything that the command line, the environment and files say about what to do.
#[derive(Debug)]
pub struct Resolved {
    /// The settings in force.
    pub settings: Settings,
    /// What is wrong with them. What is wrong was passed over.
    pub problems: Vec<ConfigError>,
    /// The environment, as far as it is text.
    pub environment: BTreeMap<String, String>,
    /// The simulated cluster to look at, instead of the real one.
    pub simulation: Option<sim::Named>,
    /// The namespace that workloads and pods are listed of; None for all. Never the kubeconfig context's.
    pub namespace: Option<Text>,
    /// Whether the operator allows changes.
    pub may_write: bool,
}

/// Resolves the settings.
pub fn settings(global: &Global) -> Result<Resolved, Usage> {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let (settings, problems) = config::load(&Sources {
        flags: &flags(global),
        environment: &environment,
        config_file: global.config.as_deref(),
        system_file: Path::new(config::SYSTEM_FILE),
    });
    Ok(Resolved {
        settings,
        problems,
        environment,
        simulation: global.sim.as_deref().map(sim::find).transpose()?,
        // As in kubectl, -A outranks -n, wherever either stands.
        namespace: global.namespace.clone().filter(|_| !global.all_namespaces),
        may_write: global.write,
    })
}

/// The flags by the names of their settings.
fn flags(global: &Global) -> BTreeMap<&'static str, String> {
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    let level = match global.verbose {
        0 => None,
        1 => Some("debug"),
        _ => Some("trace"),
    };
    let flags = [
        ("kubeconfig", path(&global.kubeconfig)),
        ("context", global.context.clone()),
        ("cluster", global.cluster.clone()),
        ("user", global.user.clone()),
        ("as", global.act_as.clone()),
        (
            "as_group",
            Some(global.act_as_group.join(",")).filter(|groups| !groups.is_empty()),
        ),
        ("request_timeout", global.request_timeout.clone()),
        ("k0s_dir", path(&global.k0s_dir)),
        ("etcd_pki", path(&global.etcd_pki)),
        ("theme", global.theme.clone()),
        ("color", global.color.clone()),
        ("ascii", global.ascii.then(|| "true".to_owned())),
        ("linear", global.linear.then(|| "true".to_owned())),
        ("log_file", path(&global.log_file)),
        ("log_level", level.map(str::to_owned)),
    ];
    flags
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// A runtime for the sources.
pub fn runtime() -> eyre::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder
        .worker_threads(2)
        .enable_all()
        .build()
        .wrap_err("the runtime could not be started")
}

/// Running sources, and the simulated cluster that they look at, if it is one. Dropping it ends them all.
pub struct Observing {
    /// The sources.
    pub observer: Observer,
    /// Where they look.
    pub place: Place,
    /// The time in which they count.
    pub clock: Clock,
    /// The cluster, where it is a simulated one.
    pub cluster: Option<Cluster>,
    /// Where goes what no source tells.
    pub sink: Sink,
    changes: Changes,
}

impl Observing {
    /// What a run can act with, there.
    pub fn hands(&self) -> Hands {
        Hands {
            kube: self.changes.clone(),
            etcd: Hand {
                elsewhere: None,
                pki: self.place.pki(),
                endpoint: self.place.etcd_endpoint.clone(),
                deadlines: DEADLINES,
            },
            hosts: place::hosts(self.cluster.as_ref()),
            is_root: self.place.host.is_root,
            k0s_dir: self.place.layout().k0s_dir.clone(),
            root: self.place.root.clone(),
        }
    }
}

/// Starts every source; a simulated cluster first. Must be called inside a runtime.
pub async fn start(resolved: &Resolved) -> eyre::Result<Observing> {
    start_all(resolved, None).await
}

/// The same, and who answers the console's questions.
pub async fn start_answering(resolved: &Resolved, clerk: Clerk) -> eyre::Result<Observing> {
    start_all(resolved, Some(clerk)).await
}

async fn start_all(resolved: &Resolved, clerk: Option<Clerk>) -> eyre::Result<Observing> {
    let Some(simulation) = &resolved.simulation else {
        let place = Place::here(&resolved.settings, &resolved.environment);
        let clock = Clock::start();
        return Ok(observe(place, clock, None, clerk));
    };
    let clock = Clock::scalable();
    let cluster = Cluster::start(&simulation.scenario, clock.clone()).await;
    let cluster = cluster.wrap_err("the simulated cluster could not be started on loopback")?;
    let place = Place::simulated(&cluster, simulation.name.clone(), &resolved.settings);
    Ok(observe(place, clock, Some(cluster), clerk))
}

fn observe(place: Place, clock: Clock, cluster: Option<Cluster>, clerk: Option<Clerk>) -> Observing {
    let (mut observer, sink) = Observer::begin(&clock, place.simulated.clone());
    let snapshots = || observer.snapshots.clone();
    let (in_use, answering) = live::kube::in_use();
    let changes = in_use.changes();
    let answering = clerk.map(|clerk| answering.run(clerk.standing, clerk.answers, snapshots(), clock.clone()));
    let sources = (
        live::kube::observe(place.kube.clone(), sink.clone(), snapshots(), in_use),
        live::probe::observe(place.pki(), sink.clone(), snapshots()),
        live::etcd::observe(place.pki(), place.etcd_endpoint.clone(), sink.clone()),
        live::etcd::store::observe(place.pki(), place.etcd_endpoint.clone(), sink.clone(), snapshots()),
        live::host::observe(place.host.clone(), sink.clone()),
        live::kube::health::observe(place.own_kubeconfig(), sink.clone()),
        live::reach::observe(place.ports, sink.clone(), snapshots()),
        live::reach::there::observe(place.from_there.clone(), place.ports, sink.clone(), snapshots()),
        live::reach::from::observe(place.from_controllers(), sink.clone(), snapshots()),
        live::entry::observe(place.entry.clone(), sink.clone(), snapshots()),
        live::external::observe(place.external.clone(), sink.clone(), snapshots(), changes.clone()),
        live::kube::admission::observe(place.kube.clone(), place.admission, sink.clone(), snapshots()),
    );
    observer.add(sources.0);
    observer.add(sources.1);
    observer.add(sources.2);
    observer.add(sources.3);
    observer.add(sources.4);
    observer.add(sources.5);
    observer.add(sources.6);
    observer.add(sources.7);
    observer.add(sources.8);
    observer.add(sources.9);
    observer.add(sources.10);
    observer.add(sources.11);
    if let Some(answering) = answering {
        observer.add(answering);
    }
    Observing {
        observer,
        place,
        clock,
        cluster,
        sink,
        changes,
    }
}

/// What one look gave.
#[derive(Debug)]
pub struct Seen {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// What was found where.
    pub notes: Vec<Text>,
}

/// Observes until nothing more is to be expected, or until the time is up: then with what there is.
pub fn look(resolved: &Resolved, timeout: Option<Duration>) -> eyre::Result<Seen> {
    look_for(resolved, timeout, Enough::Everything)
}

/// The same, for as much as a command wants to have seen.
pub fn look_for(resolved: &Resolved, timeout: Option<Duration>, enough: Enough) -> eyre::Result<Seen> {
    let timeout = patience(resolved, timeout);
    warn_of(&resolved.problems);
    start_log(resolved)?;
    let runtime = runtime()?;
    let seen = runtime.block_on(async {
        let mut observing = start(resolved).await?;
        settle(&mut observing, timeout, enough).await;
        let snapshots = &mut observing.observer.snapshots;
        Ok::<_, eyre::Report>(Seen {
            snapshot: snapshots.borrow_and_update().clone(),
            notes: observing.place.layout().notes.clone(),
        })
    });
    runtime.shutdown_background();
    seen
}

/// Observes, and hands the snapshots over once nothing more is to be expected or the time is up; goes on until `then` ends.
pub fn watch<T, Then>(
    resolved: &Resolved,
    timeout: Option<Duration>,
    then: impl FnOnce(watch::Receiver<Arc<Snapshot>>) -> Then,
) -> eyre::Result<T>
where
    Then: Future<Output = eyre::Result<T>>,
{
    let timeout = patience(resolved, timeout);
    warn_of(&resolved.problems);
    start_log(resolved)?;
    let runtime = runtime()?;
    let done = runtime.block_on(async {
        let mut observing = start(resolved).await?;
        settle(&mut observing, timeout, Enough::Everything).await;
        then(observing.observer.snapshots.clone()).await
    });
    runtime.shutdown_background();
    done
}

/// How long to wait: `--timeout`, else as the settings say.
fn patience(resolved: &Resolved, flag: Option<Duration>) -> Duration {
    flag.unwrap_or(resolved.settings.timeout.value)
}

/// Waits until nothing more is to be expected. Late or not: what is known by then is the answer, and it says itself what is
/// missing.
pub async fn settle(observing: &mut Observing, timeout: Duration, enough: Enough) {
    let began = observing.clock.now();
    let deadline = Instant::now() + timeout;
    let snapshots = &mut observing.observer.snapshots;
    let settled = snapshots.wait_for(|snapshot| is_settled(snapshot, began, enough));
    let _ = timeout_at(deadline, settled).await;
}

/// Logs to the file that was asked for, or to stderr with `-v`.
pub fn start_log(resolved: &Resolved) -> eyre::Result<()> {
    let is_verbose = resolved.settings.log_level.origin == config::Origin::Flag;
    let stderr = is_verbose.then(|| Box::new(std::io::stderr()) as Box<dyn std::io::Write + Send>);
    if let Some(problem) = log::start(&resolved.settings, stderr)? {
        eprintln!("quorate: {}", problem.text);
    }
    Ok(())
}

/// Says on stderr what is wrong with the settings.
pub fn warn_of(problems: &[ConfigError]) {
    for problem in problems {
        eprintln!("quorate: {}", problem.why());
    }
}

#[cfg(test)]
#[path = "observe_tests.rs"]
mod tests;
