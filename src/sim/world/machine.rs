//! What a machine is like behind its [`Host`](super::host::Host): its processes, cables, clock and disk.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::World;
use super::filter::Filtered;
use super::host::{Component, Drive, HostId, Path, Run};
use super::k0s::Join;
use super::kubelet::Kubelet;
use super::unit::Turn;

/// One machine.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // Each is a fault of its own.
pub(super) struct Machine {
    runs: [Run; Component::ALL.len()],
    started: [Timestamp; Component::ALL.len()],
    /// Of its k0s: new at every start.
    pub invocation: String,
    /// Nothing of it answers, its kernel neither.
    pub is_powered_off: bool,
    pub is_unplugged: bool,
    pub is_black_hole: bool,
    pub cuts: BTreeSet<HostId>,
    pub filters: BTreeSet<(Option<HostId>, Filtered)>,
    pub flap: Option<Flap>,
    pub skew_ms: i64,
    pub write_ms: u32,
    /// 0 where its API server does not refuse.
    pub refuse: u16,
    pub is_watch_silent: bool,
    /// Since when its API server has had no quorum behind it.
    pub without_etcd_since_ms: Option<u64>,
    pub lost_replies: u32,
    pub is_certificate_expired: bool,
    /// Its gateway does not answer.
    pub is_gateway_down: bool,
    /// The end of its etcd peer certificate while that holds; None where it is not known.
    pub certificate_ends: Option<Timestamp>,
    /// What its kube-controller-manager was started with.
    pub grace_s: u32,
    /// What its API server was started with.
    pub toleration_s: u32,
    pub kubelet: Kubelet,
    /// When its API server was seen to serve last.
    pub served_ms: Option<u64>,
    /// What is left to do until it is a controller.
    pub join: Option<Join>,
    /// What its systemd and its k0s are about to do, in that order.
    pub turns: Vec<Turn>,
    /// Somebody stopped the unit of k0s: the machine is on all the same.
    pub is_unit_stopped: bool,
}

/// A cable that comes out again and again.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_field_names)] // The unit belongs to the name.
pub(super) struct Flap {
    pub since_ms: u64,
    pub every_ms: u64,
    pub down_ms: u64,
}

/// The end of k0s's certificates, in seconds since 1970: the beginning of 2070. They hold longer than any demonstration lasts.
pub const CERTIFICATES_END_S: u64 = 3_155_760_000;

impl Machine {
    /// A machine whose processes all have the same state.
    pub fn new(run: Run, started: Timestamp, invocation: String) -> Self {
        Self {
            runs: [run; Component::ALL.len()],
            started: [started; Component::ALL.len()],
            invocation,
            is_powered_off: false,
            is_unplugged: false,
            is_black_hole: false,
            cuts: BTreeSet::new(),
            filters: BTreeSet::new(),
            flap: None,
            skew_ms: 0,
            write_ms: 0,
            refuse: 0,
            is_watch_silent: false,
            without_etcd_since_ms: None,
            lost_replies: 0,
            is_certificate_expired: false,
            is_gateway_down: false,
            certificate_ends: Timestamp::from_second(CERTIFICATES_END_S.cast_signed()).ok(),
            grace_s: 0,
            toleration_s: 0,
            kubelet: Kubelet::default(),
            served_ms: None,
            join: None,
            turns: Vec::new(),
            is_unit_stopped: false,
        }
    }

    /// What is due of [`Machine::turns`].
    pub fn take_due(&mut self, now_ms: u64) -> Vec<Turn> {
        let due = self.turns.partition_point(|turn| turn.is_due(now_ms));
        self.turns.drain(..due).collect()
    }

    pub fn run(&self, component: Component) -> Run {
        self.runs.get(component as usize).copied().unwrap_or(Run::Dead)
    }

    pub fn set_run(&mut self, component: Component, run: Run) {
        if let Some(slot) = self.runs.get_mut(component as usize) {
            *slot = run;
        }
    }

    /// A process is started anew.
    pub fn start(&mut self, component: Component, at: Timestamp) {
        self.set_run(component, Run::Running);
        if let Some(slot) = self.started.get_mut(component as usize) {
            *slot = at;
        }
    }

    pub fn started_at(&self, component: Component) -> Timestamp {
        self.started.get(component as usize).copied().unwrap_or_default()
    }

    fn has_carrier(&self, now_ms: u64) -> bool {
        let is_flapped = self.flap.is_some_and(|flap| {
            let since = now_ms.saturating_sub(flap.since_ms);
            flap.every_ms > 0 && since % flap.every_ms < flap.down_ms
        });
        !self.is_unplugged && !is_flapped
    }
}

impl World {
    pub(super) fn machine(&self, host: HostId) -> Option<&Machine> {
        self.machines.get(usize::from(host.0).checked_sub(1)?)
    }

    pub(super) fn machine_mut(&mut self, host: HostId) -> Option<&mut Machine> {
        self.machines.get_mut(usize::from(host.0).checked_sub(1)?)
    }

    /// How a component of a host fares.
    pub fn run(&self, host: HostId, component: Component) -> Run {
        self.machine(host).map_or(Run::Dead, |machine| machine.run(component))
    }

    pub(super) fn is_running(&self, host: HostId, component: Component) -> bool {
        self.run(host, component) == Run::Running
    }

    /// How a machine as a whole fares: as its liveliest process.
    pub fn machine_run(&self, host: HostId) -> Run {
        let runs = Component::ALL.map(|component| self.run(host, component));
        let any = |wanted| runs.contains(&wanted);
        if any(Run::Running) {
            Run::Running
        } else if any(Run::Frozen) {
            Run::Frozen
        } else {
            Run::Dead
        }
    }

    /// What becomes of packets between two hosts. A host always reaches itself.
    pub fn path(&self, from: HostId, to: HostId) -> Path {
        if from == to {
            return Path::Open;
        }
        let (Some(a), Some(b)) = (self.machine(from), self.machine(to)) else {
            return Path::Silent;
        };
        let is_linked =
            |machine: &Machine| !machine.is_powered_off && !machine.is_black_hole && machine.has_carrier(self.now_ms);
        if is_linked(a) && is_linked(b) && !a.cuts.contains(&to) && !b.cuts.contains(&from) {
            Path::Open
        } else {
            Path::Silent
        }
    }

    /// Whether a host's network interface has a carrier.
    pub fn has_carrier(&self, host: HostId) -> bool {
        self.machine(host)
            .is_some_and(|machine| machine.has_carrier(self.now_ms))
    }

    /// How far a host's clock is ahead of the true one, in milliseconds; negative: behind.
    pub fn skew_ms(&self, host: HostId) -> i64 {
        self.machine(host).map_or(0, |machine| machine.skew_ms)
    }

    /// How long a write to a host's disk takes beyond the usual, in milliseconds.
    pub fn write_ms(&self, host: HostId) -> u32 {
        self.machine(host).map_or(0, |machine| machine.write_ms)
    }

    /// A host's disk.
    pub fn drive(&self, host: HostId) -> Drive {
        Drive::new(self.plan.cluster.hard_disks.contains(&host))
    }

    /// How long a round trip from the host that quorate runs on to a controller takes, in milliseconds.
    pub fn round_trip_ms(&self, host: HostId) -> u32 {
        let all = &self.plan.cluster.round_trip_ms;
        let own = all.get(usize::from(host.0).wrapping_sub(1));
        own.copied().unwrap_or(0)
    }

    /// Whether a host's etcd peer certificate is expired.
    pub fn is_certificate_expired(&self, host: HostId) -> bool {
        self.machine(host).is_some_and(|machine| machine.is_certificate_expired)
    }

    /// The end of the peer certificate that a host's etcd shows.
    pub fn certificate_ends(&self, host: HostId) -> Option<Timestamp> {
        self.machine(host)?.certificate_ends
    }

    /// When a component of a host was started last, on the true clock.
    pub fn started_at(&self, host: HostId, component: Component) -> Timestamp {
        self.machine(host)
            .map_or(self.start, |machine| machine.started_at(component))
    }

    /// What a host's k0s calls its present run: the holder of its lease.
    pub fn invocation_id(&self, host: HostId) -> &str {
        self.machine(host).map_or("", |machine| &machine.invocation)
    }

    /// Whether the API server of a host says nothing on its watches.
    pub fn is_watch_silent(&self, host: HostId) -> bool {
        self.machine(host).is_some_and(|machine| machine.is_watch_silent)
    }

    /// Whether the reply to the change that was just made through a host is to be lost; counts down.
    pub fn loses_reply(&mut self, host: HostId) -> bool {
        let Some(machine) = self.machine_mut(host) else {
            return false;
        };
        let loses = machine.lost_replies > 0;
        machine.lost_replies = machine.lost_replies.saturating_sub(1);
        loses
    }

    /// The name of a host; empty for one that does not exist.
    pub(super) fn name_of(&self, host: HostId) -> &str {
        self.hosts
            .get(usize::from(host.0).wrapping_sub(1))
            .map_or("", |host| &host.name)
    }

    /// The host of a Node's name.
    pub(super) fn host_named(&self, name: &str) -> Option<HostId> {
        self.hosts.iter().find(|host| host.name == name).map(|host| host.id)
    }
}
