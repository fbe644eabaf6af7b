//! The control plane on this host: does etcd answer, does the API server, do their processes run? Pure.

use super::not_yet;
use crate::base::{Age, Why, WhyKind};
use crate::model::feed::{FeedId, FeedState};
use crate::model::snapshot::Snapshot;

/// Whether a process is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// It runs.
    Running,
    /// It is stopped in its tracks.
    Stopped,
    /// It is not there.
    Absent,
    /// Processes cannot be read, or not all of them.
    Unknown,
}

impl Process {
    /// Of the executable `name` on this host.
    pub fn of(snapshot: &Snapshot, name: &str) -> Self {
        match snapshot.host.process(name) {
            _ if !snapshot
                .feed(FeedId::Host(crate::model::feed::HostPart::Processes))
                .is_current() =>
            {
                Process::Unknown
            }
            Some(process) if process.is_stopped => Process::Stopped,
            Some(_) => Process::Running,
            None if snapshot.sees_processes() => Process::Absent,
            None => Process::Unknown,
        }
    }
}

/// Whether etcd answers here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Etcd {
    /// It does.
    Answers,
    /// It does not.
    Dead,
    /// We cannot ask it, and why.
    Unknown(Why),
}

impl Etcd {
    /// Whether it does not answer.
    pub const fn is_dead(&self) -> bool {
        matches!(self, Etcd::Dead)
    }
}

/// How the API server here fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Api {
    /// It calls itself ready.
    Ready,
    /// It answers and says that checks fail.
    NotReady,
    /// It refuses with this status.
    Refuses(u16),
    /// It does not answer.
    Dead,
    /// We cannot ask it, and why.
    Unknown(Why),
    /// There is none on this host.
    None,
}

impl Api {
    /// Whether it does not answer.
    pub const fn is_dead(&self) -> bool {
        matches!(self, Api::Dead)
    }
}

/// The control plane on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// etcd.
    pub etcd: Etcd,
    /// The API server.
    pub api: Api,
}

impl Here {
    /// As a snapshot has it.
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            etcd: etcd(snapshot),
            api: api(snapshot),
        }
    }

    /// What is not known of it.
    pub fn unknown(&self) -> Option<Why> {
        match (&self.etcd, &self.api) {
            (Etcd::Unknown(why), _) | (_, Api::Unknown(why)) => Some(why.clone()),
            (Etcd::Answers | Etcd::Dead, _) => None,
        }
    }

    /// What was seen of it, with ages.
    pub fn lines(&self, snapshot: &Snapshot) -> Vec<String> {
        let mut lines = vec![
            line(snapshot, "etcd", FeedId::EtcdLocal),
            line(snapshot, "kube-apiserver", FeedId::ApiLocal),
        ];
        lines.extend(checks(snapshot));
        if Process::of(snapshot, "k0s") == Process::Absent {
            lines.push("k0s: no process; it starts the others, and systemd starts it".to_owned());
        }
        lines.extend(unit(snapshot));
        lines
    }
}

/// Whether a failure of this kind says that what we asked does not serve.
const fn is_death(kind: WhyKind) -> bool {
    matches!(
        kind,
        WhyKind::Refused | WhyKind::TimedOut | WhyKind::Broken | WhyKind::Unreachable | WhyKind::Unavailable
    )
}

fn etcd(snapshot: &Snapshot) -> Etcd {
    match snapshot.feed(FeedId::EtcdLocal) {
        FeedState::Live { .. } | FeedState::Lagging { .. } => Etcd::Answers,
        FeedState::Lost { why, .. } if is_death(why.kind) => Etcd::Dead,
        FeedState::Lost { why, .. } | FeedState::Off { why } => match Process::of(snapshot, "etcd") {
            Process::Absent | Process::Stopped if !snapshot.host.name.is_empty() && is_controller(snapshot) => {
                Etcd::Dead
            }
            _ => Etcd::Unknown(why),
        },
        FeedState::Syncing { .. } | FeedState::Stored { .. } => {
            Etcd::Unknown(not_yet("etcd on this host has not answered yet"))
        }
    }
}

/// Whether a control plane belongs here, by what was found of k0s: a host without it has no processes either.
fn is_controller(snapshot: &Snapshot) -> bool {
    let host = &snapshot.host;
    let has_k0s = host.k0s.is_some() || host.config.is_some() || host.unit.is_some();
    has_k0s && !matches!(snapshot.feed(FeedId::ApiLocal), FeedState::Off { .. })
}

fn api(snapshot: &Snapshot) -> Api {
    match snapshot.feed(FeedId::ApiLocal) {
        FeedState::Live { .. } | FeedState::Lagging { .. } => match &snapshot.kube.local {
            Some(fact) => match fact.value.readyz.refused {
                Some(code) => Api::Refuses(code),
                None if fact.value.readyz.failed.is_empty() => Api::Ready,
                None => Api::NotReady,
            },
            None => Api::Unknown(not_yet("the API server on this host has not answered yet")),
        },
        FeedState::Lost { why, .. } if is_death(why.kind) => Api::Dead,
        FeedState::Off { why } if why.kind == WhyKind::Disabled => Api::None,
        FeedState::Lost { why, .. } | FeedState::Off { why } => Api::Unknown(why),
        FeedState::Syncing { .. } | FeedState::Stored { .. } => {
            Api::Unknown(not_yet("the API server on this host has not answered yet"))
        }
    }
}

/// A process, and the answers of what it serves.
fn line(snapshot: &Snapshot, name: &str, feed: FeedId) -> String {
    let state = snapshot.feed(feed);
    let process = match Process::of(snapshot, name) {
        Process::Running => started(snapshot, name),
        Process::Stopped => "the process is stopped in its tracks (SIGSTOP)".to_owned(),
        Process::Absent => "no process".to_owned(),
        Process::Unknown => "process not known".to_owned(),
    };
    let answer = state.as_of().map_or_else(
        || "never answered us".to_owned(),
        |at| format!("answered {} ago", Age(snapshot.now.since(at))),
    );
    let why = state.why().map(|why| format!(": {}", why.text)).unwrap_or_default();
    format!("{name}: {process}; {answer}{why}")
}

/// Since when a process runs, and how often it was started anew.
fn started(snapshot: &Snapshot, name: &str) -> String {
    let process = snapshot.host.process(name);
    let since = process.and_then(|process| process.started);
    let since = since
        .map(|at| format!(" for {}", Age(snapshot.wall_age(at))))
        .unwrap_or_default();
    let restarts = snapshot.host.restarts.get(name);
    let restarts = restarts
        .map(|seen| format!(", started anew {} times while we looked", seen.count))
        .unwrap_or_default();
    format!("the process runs{since}{restarts}")
}

/// The checks that the API server says fail.
fn checks(snapshot: &Snapshot) -> Option<String> {
    let feed = snapshot.feed(FeedId::ApiLocal);
    let local = snapshot.kube.local.as_ref().filter(|_| feed.is_current())?;
    let failed = &local.value.readyz.failed;
    let names: Vec<&str> = failed.iter().take(4).map(crate::base::Text::as_str).collect();
    let age = Age(snapshot.now.since(feed.as_of()?));
    (!names.is_empty()).then(|| {
        let passed = local.value.readyz.passed;
        format!(
            "/readyz: {} of {} checks fail, {} ({age} ago)",
            failed.len(),
            passed + failed.len(),
            names.join(", ")
        )
    })
}

/// The unit, where it is not simply running.
fn unit(snapshot: &Snapshot) -> Option<String> {
    let feed = snapshot.feed(FeedId::Host(crate::model::feed::HostPart::Unit));
    let unit = &snapshot.host.unit.as_ref().filter(|_| feed.is_current())?.value;
    let restarts = unit.restarts.filter(|count| *count > 0);
    if unit.sub_state == "running" && restarts.is_none() {
        return None;
    }
    let age = Age(snapshot.now.since(feed.as_of()?));
    let restarts = restarts
        .map(|count| format!(", started {count} times again by systemd"))
        .unwrap_or_default();
    Some(format!(
        "unit k0scontroller: {} ({}){restarts} ({age} ago)",
        unit.active_state, unit.sub_state
    ))
}
