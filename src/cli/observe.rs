//! From settings to running sources, and from running sources to one snapshot that a headless command can print.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{self, WrapErr};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, timeout_at};

use super::args::Global;
use super::log;
use super::settle::is_settled;
use crate::base::Clock;
use crate::config::{self, ConfigError, Settings, Sources};
use crate::live::etcd::EtcdPki;
use crate::live::kube::KubeSource;
use crate::live::layout::{self, Layout, Overrides};
use crate::live::{self, Observer};
use crate::model::Snapshot;

/// The local etcd member's client port, as k0s sets it (`--listen-client-urls`, k0s `pkg/component/controller/etcd.go`).
const ETCD_ENDPOINT: &str = "https://127.0.0.1:2379";

/// Everything that the command line, the environment, files and this host say about what to do.
#[derive(Debug)]
pub struct Resolved {
    /// The settings in force.
    pub settings: Settings,
    /// What is wrong with them. What is wrong was passed over.
    pub problems: Vec<ConfigError>,
    /// Where k0s keeps things.
    pub layout: Layout,
    /// The environment, as far as it is text.
    pub environment: BTreeMap<String, String>,
}

/// Resolves the settings and finds out where things are.
pub fn settings(global: &Global) -> Resolved {
    let environment: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let (settings, problems) = config::load(&Sources {
        flags: &flags(global),
        environment: &environment,
        config_file: global.config.as_deref(),
        system_file: Path::new(config::SYSTEM_FILE),
    });
    let overrides = Overrides {
        k0s_dir: settings.k0s_dir.value.clone(),
        etcd_pki: settings.etcd_pki.value.clone(),
        kubeconfig: settings.kubeconfig_override().to_vec(),
    };
    Resolved {
        layout: layout::discover(&overrides, Path::new("/"), &environment),
        settings,
        problems,
        environment,
    }
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

/// Starts every source. Must be called inside a runtime.
pub fn start(resolved: &Resolved, clock: Clock) -> Observer {
    let (mut observer, sink) = Observer::begin(clock);
    let layout = &resolved.layout;
    let kube = kube_source(resolved);
    let paths = layout.etcd_pki.clone();
    let pki = EtcdPki {
        ca: paths.ca,
        client_cert: paths.client_cert,
        client_key: paths.client_key,
        peer_cert: paths.peer_cert,
        peer_key: paths.peer_key,
    };
    let snapshots = || observer.snapshots.clone();
    let sources = (
        live::kube::observe(kube, sink.clone(), snapshots()),
        live::probe::observe(pki.clone(), sink.clone(), snapshots()),
        live::etcd::observe(pki, ETCD_ENDPOINT.to_owned(), sink.clone()),
        live::host::observe(layout.clone(), sink),
    );
    observer.add(sources.0);
    observer.add(sources.1);
    observer.add(sources.2);
    observer.add(sources.3);
    observer
}

/// One named file stands alone; several, or those of `KUBECONFIG`, are merged as kubectl does; otherwise the usual places.
fn kube_source(resolved: &Resolved) -> KubeSource {
    let mut named = resolved.settings.kubeconfig.value.clone();
    let is_one = named.len() == 1 && resolved.settings.kubeconfig_override().len() == 1;
    KubeSource {
        kubeconfig: if is_one { named.pop() } else { None },
        merged: named,
        candidates: resolved.layout.kubeconfigs.clone(),
        context: resolved.settings.context.value.clone(),
    }
}

/// Observes until nothing more is to be expected, or until the time is up: then with what there is.
pub fn look(resolved: &Resolved, timeout: Option<Duration>) -> eyre::Result<Arc<Snapshot>> {
    let timeout = timeout.unwrap_or(resolved.settings.timeout.value);
    warn_of(&resolved.problems);
    start_log(resolved)?;
    let runtime = runtime()?;
    let snapshot = runtime.block_on(async {
        let clock = Clock::start();
        let began = clock.now();
        let deadline = Instant::now() + timeout;
        let mut observer = start(resolved, clock);
        let settled = observer.snapshots.wait_for(|snapshot| is_settled(snapshot, began));
        // Late or not: what is known by then is the answer, and it says itself what is missing.
        let _ = timeout_at(deadline, settled).await;
        observer.snapshots.borrow_and_update().clone()
    });
    runtime.shutdown_background();
    Ok(snapshot)
}

/// Logs to the file that was asked for, or to stderr with `-v`.
fn start_log(resolved: &Resolved) -> eyre::Result<()> {
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
