//! The host family: does the control plane on this host do its part, on a disk and by a clock that are good enough? What it
//! is when it does not is told by [`crate::model::dark`]. Start reading at [`control_plane`].

use std::time::Duration;

use super::look::{
    Looked, arg, called, cannot_tell, evidence, host_subject, member_subject, need, not_applicable, outcome, plural,
};
use super::{Check, CheckId, Finding, Group, Outcome, Profile, Severity};
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::dark::{Api, CLOCK_OFF_MS, Process, State};
use crate::model::etcd::{DiskTimes, MemberId};
use crate::model::feed::HostPart;
use crate::model::quorum::{Health, Quorum, Standing};
use crate::model::{FeedId, FeedState, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::HostControlPlane,
        group: Group::Now,
        profile: Profile::Any,
        title: "the control plane on this host serves",
        looks_at: "the health checks of this host's API server, its etcd's client port, and the processes that k0s runs",
        why: "a controller whose API server or etcd is down keeps its node and its kubelet, and serves nobody: the others carry \
              it, with one member fewer to lose",
        fix: "see what fails: `quorate status`, journalctl -u k0scontroller; then sudo systemctl restart k0scontroller on this \
              host, while all other members are healthy",
        statement: None,
        look: |snapshot, _| outcome(control_plane(snapshot)),
    },
    Check {
        id: CheckId::HostClock,
        group: Group::Now,
        profile: Profile::Any,
        title: "the clocks agree",
        looks_at: "the clock of every member that is not dead, as its peer port tells it, and whether this host's clock jumped",
        why: "leases of k0s and of Kubernetes' leaders are compared with other hosts' clocks, and certificates end by them",
        fix: "mend time synchronisation on the host whose clock differs: chronyc tracking, or timedatectl",
        statement: None,
        look: |snapshot, _| outcome(clock(snapshot)),
    },
    Check {
        id: CheckId::HostDisk,
        group: Group::Now,
        profile: Profile::Any,
        title: "there is room on the disk of this host",
        looks_at: "the free space of the file system that holds etcd",
        why: "on a full disk etcd stops; below 10 % the kubelet evicts pods and takes no new ones",
        fix: "find what fills it: old images, logs, backups; leave k0s's directory alone",
        statement: None,
        look: |snapshot, _| outcome(disk(snapshot)),
    },
    Check {
        id: CheckId::EtcdDisk,
        group: Group::Now,
        profile: Profile::Any,
        title: "the disk under etcd is fast enough",
        looks_at: "the times of fsync and commit in the metrics of this host's etcd member; fewer than 20 fsyncs tell nothing",
        why: "every write waits for the disks of a majority; a slow one causes elections and failing heartbeats",
        fix: "give etcd a disk of its own, or find what else writes to it; etcd asks for 10 ms for 99 of 100 fsyncs",
        statement: None,
        look: |snapshot, _| outcome(etcd_disk(snapshot)),
    },
];

fn control_plane(snapshot: &Snapshot) -> Looked {
    let here = snapshot.here();
    if here.api == Api::None {
        return Err(not_applicable("k0s is not installed on this host"));
    }
    let diagnosis = snapshot.diagnosis();
    let held = matches!(snapshot.quorum().standing, Standing::Held { .. });
    let has_other_api = snapshot.feed(FeedId::Api).is_current();
    let is_carried = match diagnosis.state {
        State::AllDeadHere | State::EtcdDeadHere => Some(held),
        State::ApiDeadHere | State::ApiRefuses { .. } => Some(has_other_api),
        _ => None,
    };
    if let Some(is_carried) = is_carried {
        let severity = if is_carried {
            Severity::Warning
        } else {
            Severity::Critical
        };
        let lines = diagnosis.evidence.iter().map(ToString::to_string);
        return Ok(vec![down(
            snapshot,
            severity,
            diagnosis.headline.clone(),
            lines.collect(),
        )]);
    }
    // Where the whole cluster is dark, that has a check of its own; and what is wrong here may be its consequence.
    let idle = idle(snapshot);
    if !idle.is_empty() {
        let title = format!("{} not running on this host", verb(&idle));
        let lines = idle.iter().map(|(name, state)| format!("{name}: {state}"));
        return Ok(vec![down(snapshot, Severity::Warning, title.into(), lines.collect())]);
    }
    match here.unknown() {
        Some(why) => Err(cannot_tell(unknown_feed(snapshot), why)),
        None if snapshot.feed(FeedId::Host(HostPart::Processes)).is_current() => Ok(Vec::new()),
        None => need(snapshot, FeedId::Host(HostPart::Processes)).map(|()| Vec::new()),
    }
}

/// The source that is missing: the first of the two that does not answer.
fn unknown_feed(snapshot: &Snapshot) -> FeedId {
    let feeds = [FeedId::EtcdLocal, FeedId::ApiLocal];
    let missing = feeds.into_iter().find(|feed| !snapshot.feed(*feed).is_current());
    missing.unwrap_or(FeedId::ApiLocal)
}

/// Processes of the control plane that are absent or stopped, and which. k0s itself is what starts the others.
fn idle(snapshot: &Snapshot) -> Vec<(&'static str, &'static str)> {
    let names = [
        "k0s",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
    ];
    let states = names.into_iter().map(|name| (name, Process::of(snapshot, name)));
    let told = states.filter_map(|(name, process)| match process {
        Process::Stopped => Some((name, "the process is stopped in its tracks (SIGSTOP)")),
        // A controller without workloads has no kubelet, and one whose API server has lost etcd no scheduler.
        Process::Absent if name == "k0s" || name == "etcd" || name == "kube-apiserver" => Some((name, "no process")),
        Process::Absent | Process::Running | Process::Unknown => None,
    });
    told.collect()
}

fn verb(idle: &[(&str, &str)]) -> String {
    let names: Vec<&str> = idle.iter().map(|(name, _)| *name).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

fn down(snapshot: &Snapshot, severity: Severity, title: Text, lines: Vec<String>) -> Finding {
    Finding {
        check: CheckId::HostControlPlane,
        severity,
        subject: host_subject(snapshot),
        title,
        evidence: evidence(lines),
        consequence:
            "this host does not do its part of the control plane; its pods go on, and its kubelet may lose its lease"
                .into(),
        remedy: "the page :recovery (`quorate status`) says what to do; reasons: journalctl -u k0scontroller -n 50"
            .into(),
    }
}

fn clock(snapshot: &Snapshot) -> Looked {
    let diagnosis = snapshot.diagnosis();
    if diagnosis.state == State::ClockOff {
        return Ok(vec![Finding {
            check: CheckId::HostClock,
            severity: Severity::Warning,
            subject: host_subject(snapshot),
            title: diagnosis.headline,
            evidence: diagnosis.evidence,
            consequence: "leases and certificates are judged by a wrong time here: leaders may change, valid certificates look \
                          ended"
                .into(),
            remedy: "mend time synchronisation on this host: chronyc tracking, or timedatectl; step the clock only while all \
                     members are healthy"
                .into(),
        }]);
    }
    let quorum = snapshot.quorum();
    let others = quorum.members.iter().filter(|state| !state.is_local);
    let told = others.filter_map(|state| Some((&state.member, skew(snapshot, state.member.id)?)));
    let off = told.filter(|(_, ms)| ms.abs() >= CLOCK_OFF_MS);
    let findings = off.map(|(member, ms)| {
        let by = Age(Duration::from_millis(ms.unsigned_abs()));
        let side = if ms > 0 { "ahead of" } else { "behind" };
        Finding {
            check: CheckId::HostClock,
            severity: Severity::Warning,
            subject: member_subject(member),
            title: format!("the clock of {} is {by} {side} ours", called(member)).into(),
            evidence: evidence([format!("its peer port told its time: {ms} ms against ours")]),
            consequence: "leases that it writes look old or are of the future; its certificates end at another time"
                .into(),
            remedy:
                "compare both with a third clock, then mend time synchronisation where it is wrong: chronyc tracking"
                    .into(),
        }
    });
    let findings: Vec<Finding> = findings.collect();
    if findings.is_empty() {
        need_clocks(snapshot, &quorum)?;
    }
    Ok(findings)
}

/// What the clock of a member is ahead of ours, where it is heard.
fn skew(snapshot: &Snapshot, id: MemberId) -> Option<i64> {
    let facts = snapshot.etcd.peers.get(&id)?;
    facts
        .clock_skew_ms
        .filter(|_| snapshot.feed(FeedId::EtcdPeer(id)).is_current())
}

/// Goes on only if every other member that is not dead tells its clock, and one does.
fn need_clocks(snapshot: &Snapshot, quorum: &Quorum) -> Result<(), Outcome> {
    let others: Vec<_> = quorum.members.iter().filter(|state| !state.is_local).collect();
    let Some(first) = others.first() else {
        if quorum.membership.is_from_etcd() {
            return Err(not_applicable("there is only one member"));
        }
        need(snapshot, FeedId::EtcdLocal)?;
        let why = Why::new(WhyKind::NotYet, "no etcd member has told who the members are");
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    };
    let mut is_one_told = false;
    for state in &others {
        let id = state.member.id;
        if skew(snapshot, id).is_some() {
            is_one_told = true;
            continue;
        }
        let feed = FeedId::EtcdPeer(id);
        match &state.health {
            Health::Dead { .. } => {}
            Health::Unknown { why } => return Err(cannot_tell(feed, why.clone())),
            Health::Healthy { .. } => {
                need(snapshot, feed)?;
                let text = format!("{} does not tell its clock", called(&state.member));
                return Err(cannot_tell(feed, Why::new(WhyKind::Missing, text)));
            }
        }
    }
    if is_one_told {
        return Ok(());
    }
    let feed = FeedId::EtcdPeer(first.member.id);
    need(snapshot, feed)?;
    let why = Why::new(WhyKind::Unreachable, "no other member answers");
    Err(cannot_tell(feed, why))
}

/// Below this part of the disk, in percent, the kubelet evicts pods (`nodefs.available`, Kubernetes' default).
const EVICTS_PERCENT: u64 = 10;
/// Below this one it is nearly full.
const FULL_PERCENT: u64 = 3;

fn disk(snapshot: &Snapshot) -> Looked {
    let feed = FeedId::Host(HostPart::Disk);
    need(snapshot, feed)?;
    let Some(fact) = &snapshot.host.disk else {
        return Err(cannot_tell(
            feed,
            Why::new(WhyKind::NotYet, "the disk was not read yet"),
        ));
    };
    let disk = &fact.value;
    let percent = disk
        .free_bytes
        .saturating_mul(100)
        .checked_div(disk.total_bytes)
        .unwrap_or(0);
    let severity = match percent {
        ..FULL_PERCENT => Severity::Critical,
        FULL_PERCENT..EVICTS_PERCENT => Severity::Warning,
        _ => return Ok(Vec::new()),
    };
    let age = snapshot.feed(feed).as_of().map(|at| Age(snapshot.now.since(at)));
    let age = age.map(|age| format!(" ({age} ago)")).unwrap_or_default();
    let mib = |bytes: u64| bytes >> 20;
    Ok(vec![Finding {
        check: CheckId::HostDisk,
        severity,
        subject: host_subject(snapshot),
        title: format!("{percent} % of the disk under etcd is free").into(),
        evidence: evidence([format!(
            "{}: {} MiB of {} MiB free{age}",
            disk.path,
            mib(disk.free_bytes),
            mib(disk.total_bytes)
        )]),
        consequence: "when it is full, etcd on this host stops; below 10 % the kubelet evicts pods".into(),
        remedy: format!(
            "find what fills it (sudo du -xh --max-depth=2 \"$(stat -c %m {})\" | sort -h | tail -n 40), and free that; remove nothing in k0s's \
             directory",
            arg(disk.path.as_str())
        )
        .into(),
    }])
}

/// etcd's own advice for 99 of 100 writes, in microseconds.
const FSYNC_US: u64 = 10_000;
const COMMIT_US: u64 = 25_000;
/// Fewer fsyncs than this tell nothing.
const ENOUGH: u64 = 20;

fn etcd_disk(snapshot: &Snapshot) -> Looked {
    match snapshot.feed(FeedId::EtcdDisk) {
        FeedState::Off { why } => return Err(cannot_tell(FeedId::EtcdDisk, why)),
        _ => need(snapshot, FeedId::EtcdDisk)?,
    }
    let Some(fact) = &snapshot.etcd.disk else {
        return Err(cannot_tell(
            FeedId::EtcdDisk,
            Why::new(WhyKind::NotYet, "no metrics were read yet"),
        ));
    };
    let times = &fact.value;
    if times.fsyncs < ENOUGH {
        let text = format!("only {} were counted", fsyncs(times.fsyncs));
        return Err(cannot_tell(FeedId::EtcdDisk, Why::new(WhyKind::NotYet, text)));
    }
    // The buckets double: one that ends above the limit but begins below it proves nothing.
    let is_slow = |p99: Option<u64>, limit: u64| p99.is_none_or(|end| end / 2 >= limit);
    if !is_slow(times.fsync_p99_us, FSYNC_US) && !is_slow(times.commit_p99_us, COMMIT_US) {
        return Ok(Vec::new());
    }
    Ok(vec![Finding {
        check: CheckId::EtcdDisk,
        severity: Severity::Warning,
        subject: host_subject(snapshot),
        title: "the disk under etcd is slow".into(),
        evidence: evidence(times_lines(snapshot, times)),
        consequence: "writes wait for it, leaders fall, and heartbeats of nodes come late: they may turn NotReady".into(),
        remedy: "see what else writes there (iostat -x 1), and whether the storage itself is slow; move backups and logs away"
            .into(),
    }])
}

pub(super) fn fsyncs(count: u64) -> String {
    plural(usize::try_from(count).unwrap_or(usize::MAX), "fsync")
}

fn times_lines(snapshot: &Snapshot, times: &DiskTimes) -> Vec<String> {
    let age = snapshot
        .feed(FeedId::EtcdDisk)
        .as_of()
        .map(|at| Age(snapshot.now.since(at)));
    let age = age.map(|age| format!(" ({age} ago)")).unwrap_or_default();
    let over = times
        .over_s
        .map_or_else(|| "since it started".to_owned(), |s| format!("in {s} s"));
    let line = |what: &str, p99: Option<u64>, limit: u64| {
        let told = p99.map_or_else(|| "more than 8 s".to_owned(), |us| format!("up to {} ms", us / 1000));
        format!(
            "99 of 100 {what} took {told} {over}; etcd asks for {} ms{age}",
            limit / 1000
        )
    };
    vec![
        line("fsyncs of the log", times.fsync_p99_us, FSYNC_US),
        line("commits of the database", times.commit_p99_us, COMMIT_US),
    ]
}

#[cfg(test)]
mod tests;
