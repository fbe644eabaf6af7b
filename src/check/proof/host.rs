//! This host, and the sources.

use std::collections::BTreeMap;

use super::{here, is_current};
use crate::check::host::fsyncs;
use crate::check::look::{called, names, plural};
use crate::model::feed::HostPart;
use crate::model::{FeedId, FeedState, Snapshot};

pub(super) fn processes(snapshot: &Snapshot) -> Vec<String> {
    let host = &snapshot.host;
    let processes = host.processes.iter().flat_map(|fact| &fact.value);
    let mut running: Vec<&str> = processes
        .filter(|own| !own.is_stopped)
        .map(|own| own.name.as_str())
        .collect();
    running.dedup();
    let running = (!running.is_empty()).then(|| format!("running on {}: {}", here(snapshot), names(running)));
    let unit = host
        .unit
        .as_ref()
        .filter(|_| is_current(snapshot, FeedId::Host(HostPart::Unit)));
    let unit = unit.map(|fact| &fact.value);
    let unit = unit.map(|unit| format!("k0scontroller is {} ({})", unit.active_state, unit.sub_state));
    running.into_iter().chain(unit).collect()
}

pub(super) fn clocks(snapshot: &Snapshot) -> Vec<String> {
    let members = snapshot.quorum().members;
    let others = members.iter().filter(|state| !state.is_local);
    let mut lines: Vec<String> = others
        .filter_map(|state| {
            let id = state.member.id;
            let facts = snapshot
                .etcd
                .peers
                .get(&id)
                .filter(|_| is_current(snapshot, FeedId::EtcdPeer(id)))?;
            Some(format!(
                "{}: {} ms against ours",
                called(&state.member),
                facts.clock_skew_ms?
            ))
        })
        .collect();
    lines.sort();
    lines
}

pub(super) fn disk(snapshot: &Snapshot) -> Vec<String> {
    let disk = snapshot.host.disk.iter().map(|fact| &fact.value);
    let gib = |bytes: u64| bytes >> 30;
    disk.map(|disk| {
        format!(
            "{}: {} of {} GiB free",
            disk.path,
            gib(disk.free_bytes),
            gib(disk.total_bytes)
        )
    })
    .collect()
}

pub(super) fn device(snapshot: &Snapshot) -> Vec<String> {
    let disk = snapshot.host.disk.as_ref().map(|fact| &fact.value);
    let line = disk.and_then(|disk| {
        let device = disk.device.as_ref().ok()?;
        let name = &device.name;
        let path = &disk.path;
        (!device.is_rotational).then(|| format!("{path} lies on {name}, which the kernel calls not rotational"))
    });
    line.into_iter().collect()
}

pub(super) fn writes(snapshot: &Snapshot) -> Vec<String> {
    let Some(times) = snapshot.etcd.disk.as_ref().map(|fact| &fact.value) else {
        return Vec::new();
    };
    let counted = format!("{} of the log counted", fsyncs(times.fsyncs));
    let fsync = times.fsync_p99_us.map(|us| ("fsyncs of the log", us));
    let commit = times.commit_p99_us.map(|us| ("commits of the database", us));
    let told = fsync.into_iter().chain(commit);
    let lines = told.map(|(what, us)| format!("99 of 100 {what} took up to {} ms", us / 1000));
    lines.chain([counted]).collect()
}

pub(super) fn sources(snapshot: &Snapshot) -> Vec<String> {
    let words = snapshot.feeds.values().map(FeedState::word);
    let counted: BTreeMap<&str, usize> = words.fold(BTreeMap::new(), |mut counted, word| {
        *counted.entry(word).or_default() += 1;
        counted
    });
    let counted = counted.iter().map(|(word, count)| format!("{count} {word}"));
    let all = plural(snapshot.feeds.len(), "source");
    vec![format!("{all}: {}", names(counted))]
}
