//! What this host tells about itself, without the API server and without quorum. Each part is read on its own, with its
//! own rhythm and a deadline, so that one that hangs or is forbidden hides no other. Knows no cluster.
//! Start reading at [`observe`], then one part, such as [`status`].

pub mod certificates;
pub mod containers;
pub mod device;
pub mod disk;
pub mod files;
pub mod journal;
pub mod k0s_yaml;
pub mod links;
pub mod processes;
pub mod redact;
pub mod status;
pub mod unit;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::base::{Text, Why, WhyKind};
use crate::live::layout::Layout;
use crate::model::FeedId;
use crate::model::feed::HostPart;
use crate::port::{Closed, HostFact, Observation, Report, Sink};

/// How long one reading of a part may take.
const DEADLINE: Duration = Duration::from_secs(3);

/// How often a part is read, and a part that failed is tried again.
const EVERY: Duration = Duration::from_secs(10);

/// How often a part is read that read well the last time.
const fn period(part: HostPart) -> Duration {
    match part {
        HostPart::Certificates => Duration::from_mins(10),
        // Tells "it is us" while other sources still wait for their deadlines.
        HostPart::Links => Duration::from_secs(2),
        HostPart::Status
        | HostPart::Processes
        | HostPart::Config
        | HostPart::Disk
        | HostPart::Unit
        | HostPart::Containers => EVERY,
    }
}

/// What one reading of a part gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// All of it.
    Fact(HostFact),
    /// What could be read, and why not all of it. The feed then lags: what it says is true, and not complete.
    Partial(HostFact, Why),
    /// Nothing, and why.
    Failed(Why),
    /// It does not apply to this host.
    Off(Why),
}

impl Reading {
    fn from<T>(read: Result<T, Why>, fact: fn(T) -> HostFact) -> Self {
        read.map_or_else(Reading::Failed, |value| Reading::Fact(fact(value)))
    }
}

/// A host: who it is, and where its parts are read.
#[derive(Debug, Clone)]
pub struct Places {
    /// The host's name.
    pub name: Text,
    /// Whether we may read everything on it.
    pub is_root: bool,
    /// Where k0s keeps things.
    pub layout: Layout,
    /// `/proc`
    pub proc: PathBuf,
    /// `/var/log/pods`
    pub pod_logs: PathBuf,
    /// `/sys/class/net`
    pub net: PathBuf,
    /// Exists where systemd is the init system, see `sd_booted(3)`.
    pub systemd: PathBuf,
    /// `/sys/dev/block`
    pub devices: PathBuf,
    /// A file that tells what statvfs(3) and stat(2) would, where the host is not this one.
    pub statvfs: Option<PathBuf>,
    /// systemctl and journalctl.
    pub programs: unit::Programs,
}

impl Places {
    /// This host.
    pub fn here(layout: Layout) -> Self {
        Self {
            name: rustix::system::uname().nodename().to_string_lossy().as_ref().into(),
            is_root: rustix::process::geteuid().is_root(),
            layout,
            proc: PathBuf::from("/proc"),
            pod_logs: PathBuf::from("/var/log/pods"),
            net: PathBuf::from("/sys/class/net"),
            devices: PathBuf::from("/sys/dev/block"),
            systemd: PathBuf::from("/run/systemd/system"),
            statvfs: None,
            programs: unit::Programs::default(),
        }
    }

    /// A host whose files and programs lie below a directory as they would lie below `/`, the programs in `bin`.
    pub fn below(root: &Path, name: Text, layout: Layout) -> Self {
        let script = |name: &str| vec!["sh".to_owned(), root.join("bin").join(name).display().to_string()];
        Self {
            name,
            is_root: true,
            layout,
            proc: root.join("proc"),
            pod_logs: root.join("var/log/pods"),
            net: root.join("sys/class/net"),
            devices: root.join("sys/dev/block"),
            systemd: root.join("run/systemd/system"),
            // Of a directory that is not there, a kernel would tell nothing.
            statvfs: Some(root.join("run/statvfs")).filter(|told| told.exists()),
            programs: unit::Programs {
                systemctl: script("systemctl"),
                journalctl: script("journalctl"),
            },
        }
    }
}

/// Observes a host until nobody reads any more. Dropping the future ends everything but a blocking read that hangs
/// in the kernel; there is at most one of these for each part.
pub async fn observe(places: Places, sink: Sink) {
    // An error only says that the reader is gone.
    let _ = observe_places(places, sink).await;
}

async fn observe_places(places: Places, sink: Sink) -> Result<(), Closed> {
    let introduction = Observation::Host {
        name: places.name.clone(),
        is_root: places.is_root,
        console_port: places.layout.console_port,
    };
    sink.send(introduction).await?;
    for part in HostPart::ALL {
        sink.report(FeedId::Host(part), Report::Begun).await?;
    }
    let places = Arc::new(places);
    let mut parts = JoinSet::new();
    for part in HostPart::ALL {
        parts.spawn(watch(part, Arc::clone(&places), sink.clone()));
    }
    while let Some(ended) = parts.join_next().await {
        if matches!(ended, Ok(Err(Closed))) {
            return Err(Closed);
        }
    }
    Ok(())
}

/// Reads one part again and again.
async fn watch(part: HostPart, places: Arc<Places>, sink: Sink) -> Result<(), Closed> {
    let mut lane = Lane::new(DEADLINE);
    loop {
        let reading = read(part, &places, &mut lane).await;
        let pause = match &reading {
            Reading::Fact(_) | Reading::Partial(..) => period(part),
            Reading::Failed(_) | Reading::Off(_) => period(part).min(EVERY),
        };
        send(part, reading, &sink).await?;
        tokio::time::sleep(pause).await;
    }
}

async fn send(part: HostPart, reading: Reading, sink: &Sink) -> Result<(), Closed> {
    let feed = FeedId::Host(part);
    match reading {
        Reading::Fact(fact) => sink.send(Observation::HostFact(fact)).await,
        Reading::Partial(fact, why) => {
            sink.send(Observation::HostFact(fact)).await?;
            sink.report(feed, Report::Failed(why)).await
        }
        Reading::Failed(why) => sink.report(feed, Report::Failed(why)).await,
        Reading::Off(why) => sink.report(feed, Report::Off(why)).await,
    }
}

/// Reads one part once, within deadlines.
async fn read(part: HostPart, places: &Arc<Places>, lane: &mut Lane) -> Reading {
    let here = Arc::clone(places);
    match lane.run(part, move || look(part, &here)).await {
        Look::Done(reading) => reading,
        Look::AskK0s => {
            let asking = async { Reading::from(status::read(&places.layout.status_socket).await, HostFact::Status) };
            within(part, asking).await
        }
        Look::AskSystemd => within(part, unit::read(&places.programs)).await,
    }
}

async fn within(part: HostPart, asking: impl Future<Output = Reading>) -> Reading {
    timeout(DEADLINE, asking)
        .await
        .unwrap_or_else(|_| Reading::Failed(late(part)))
}

fn late(part: HostPart) -> Why {
    let text = format!("no answer for host {} within {} s", part.name(), DEADLINE.as_secs());
    Why::new(WhyKind::TimedOut, text)
}

/// What looking at the file system gave.
enum Look {
    Done(Reading),
    /// The rest is said over k0s's socket.
    AskK0s,
    /// The rest is said by systemctl and journalctl.
    AskSystemd,
}

/// Looks at the file system: this may block.
fn look(part: HostPart, places: &Places) -> Look {
    if let Some(why) = off(part, places) {
        return Look::Done(Reading::Off(why));
    }
    let layout = &places.layout;
    Look::Done(match part {
        HostPart::Status => return Look::AskK0s,
        HostPart::Unit => return Look::AskSystemd,
        HostPart::Processes => processes::read(&places.proc),
        HostPart::Config => Reading::from(k0s_yaml::read(&layout.k0s_yaml), HostFact::Config),
        HostPart::Certificates => certificates::read(layout),
        HostPart::Disk => Reading::from(
            disk::read(&layout.k0s_dir, places.statvfs.as_deref(), &places.devices),
            HostFact::Disk,
        ),
        HostPart::Containers => containers::read(&places.proc, &places.pod_logs),
        HostPart::Links => Reading::from(links::read(&places.net), HostFact::Links),
    })
}

/// Why a part does not apply here, as on an operator's laptop.
fn off(part: HostPart, places: &Places) -> Option<Why> {
    let needs_k0s = part != HostPart::Links;
    if needs_k0s && !places.layout.has_k0s() {
        return Some(Why::new(WhyKind::Disabled, "k0s is not installed on this host"));
    }
    let has_systemd = || places.systemd.try_exists().unwrap_or(true);
    if part == HostPart::Unit && !has_systemd() {
        return Some(Why::new(WhyKind::Disabled, "this host does not run systemd"));
    }
    None
}

/// Runs the blocking looks of one part, one at a time and with a deadline. A look that hangs (a dead disk) is not
/// started again until it ends, so that hung threads do not pile up.
struct Lane {
    deadline: Duration,
    hung: Option<JoinHandle<Look>>,
}

impl Lane {
    fn new(deadline: Duration) -> Self {
        Self { deadline, hung: None }
    }

    async fn run(&mut self, part: HostPart, look: impl FnOnce() -> Look + Send + 'static) -> Look {
        if self.hung.as_ref().is_some_and(|hung| !hung.is_finished()) {
            return Look::Done(Reading::Failed(late(part)));
        }
        // What a hung look brought in the end is old by now.
        self.hung = None;
        let mut running = tokio::task::spawn_blocking(look);
        match timeout(self.deadline, &mut running).await {
            Ok(Ok(look)) => look,
            Ok(Err(_)) => {
                let text = format!("reading host {} broke off", part.name());
                Look::Done(Reading::Failed(Why::new(WhyKind::Broken, text)))
            }
            Err(_) => {
                self.hung = Some(running);
                Look::Done(Reading::Failed(late(part)))
            }
        }
    }
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
