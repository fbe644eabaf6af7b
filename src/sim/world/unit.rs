//! Who starts and ends processes: systemd the unit of k0s (`k0scontroller`, on a worker `k0sworker`), k0s its children. Start
//! reading at [`World::run_units`].

use super::World;
use super::host::{Component, HostId, Run};
use super::lease::Office;
use super::read::set;
use super::resource::Resource;
use super::store::Key;

/// k0s starts a child that has ended again after this time, however often (`TimeoutRespawn`, k0s `pkg/supervisor`).
const RESPAWN_MS: u64 = 5_000;
/// systemd starts a k0s that has ended again after this time (`RestartSec` of the unit, k0s `pkg/install`).
const RESTART_MS: u64 = 10_000;
/// Until a child that was asked to end has done so and its successor runs.
const REPLACE_MS: u64 = 1_000;
/// When each has ended after `systemctl stop`: k0s stops what it started last first. How long each takes is typical of
/// small clusters, not from a source.
const ENDS_MS: [(Component, u64); 6] = [
    (Component::Kubelet, 500),
    (Component::KubeScheduler, 800),
    (Component::KubeControllerManager, 1_000),
    (Component::KubeApiserver, 3_000),
    (Component::Etcd, 4_000),
    (Component::K0s, 4_500),
];
/// When each is started after k0s itself, which waits until the one before is ready. As above.
const STARTS_MS: [(Component, u64); 6] = [
    (Component::K0s, 0),
    (Component::Etcd, 1_500),
    (Component::KubeApiserver, 3_500),
    (Component::KubeControllerManager, 6_000),
    (Component::KubeScheduler, 6_500),
    (Component::Kubelet, 9_000),
];
/// `--node-monitor-grace-period` where nobody sets it.
const DEFAULT_GRACE_S: u32 = 50;

/// What becomes of a process, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    due_ms: u64,
    component: Component,
    /// It starts, in the place of one that runs; otherwise it ends.
    is_start: bool,
}

impl Turn {
    pub const fn is_due(self, now_ms: u64) -> bool {
        self.due_ms <= now_ms
    }
}

impl World {
    /// Lets systemd and every k0s do what is due.
    pub(super) fn run_units(&mut self) {
        for n in 0..self.hosts.len() {
            let due = self.machines.get_mut(n).map(|machine| machine.take_due(self.now_ms));
            let host = self.hosts.get(n).map(|host| host.id);
            for turn in due.into_iter().flatten() {
                if let Some(host) = host {
                    self.take_turn(host, turn);
                }
            }
        }
    }

    fn take_turn(&mut self, host: HostId, turn: Turn) {
        let component = turn.component;
        if !turn.is_start {
            self.end_process(host, component);
            return;
        }
        match self.run(host, Component::K0s) {
            _ if component == Component::K0s => {
                let invocation = self.new_invocation();
                if let Some(machine) = self.machine_mut(host) {
                    machine.invocation = invocation;
                }
            }
            Run::Running => {}
            Run::Frozen => {
                let due_ms = self.now_ms + REPLACE_MS;
                self.plan_turns(host, [Turn { due_ms, ..turn }]);
                return;
            }
            // Nobody is there to start it.
            Run::Dead => return,
        }
        self.end_process(host, component);
        let (at, now_ms, grace_s) = (self.wall(), self.now_ms, self.configured_grace_s());
        let toleration_s = self.plan.cluster.toleration_s;
        // The host exists: it has turns.
        let _ = self.touch(host, |machine| {
            machine.start(component, at);
            match component {
                Component::KubeControllerManager => machine.grace_s = grace_s.unwrap_or(machine.grace_s),
                Component::KubeApiserver => machine.toleration_s = toleration_s,
                Component::Kubelet => machine.kubelet.next_lease_ms = now_ms,
                _ => {}
            }
        });
    }

    /// A process ends. What it held is free for others once its lease has run out.
    pub(super) fn end_process(&mut self, host: HostId, component: Component) {
        if self.run(host, component) == Run::Dead {
            return;
        }
        // The host exists: something of it runs.
        let _ = self.touch(host, |machine| machine.set_run(component, Run::Dead));
        self.leave_office(host, component);
    }

    fn plan_turns(&mut self, host: HostId, turns: impl IntoIterator<Item = Turn>) {
        if let Some(machine) = self.machine_mut(host) {
            machine.turns.extend(turns);
            machine.turns.sort_by_key(|turn| turn.due_ms);
        }
    }

    /// The turns of a host's own components, so many milliseconds from now.
    fn turns(&self, host: HostId, after_ms: u64, is_start: bool) -> Vec<Turn> {
        let is_controller = self.controllers().any(|controller| controller == host);
        let all = if is_start { STARTS_MS } else { ENDS_MS };
        all.into_iter()
            .filter(|(component, _)| is_controller || matches!(component, Component::K0s | Component::Kubelet))
            .map(|(component, ms)| Turn {
                due_ms: self.now_ms + after_ms + ms,
                component,
                is_start,
            })
            .collect()
    }

    /// One process is killed. Its supervisor starts it again, unless it is gone itself.
    pub(super) fn stop(&mut self, host: HostId, component: Component) -> Result<(), String> {
        self.must_be_on(host)?;
        if self.run(host, component) == Run::Dead {
            return Err(format!("{} does not run on {}", component.name(), self.name_of(host)));
        }
        self.end_process(host, component);
        let again = if component == Component::K0s {
            // It finds its old children by their pid files, and replaces them.
            self.turns(host, RESTART_MS, true)
        } else {
            vec![Turn {
                due_ms: self.now_ms + RESPAWN_MS,
                component,
                is_start: true,
            }]
        };
        self.plan_turns(host, again);
        Ok(())
    }

    /// `systemctl stop` of the unit of k0s.
    pub(super) fn stop_unit(&mut self, host: HostId) -> Result<(), String> {
        self.must_be_settled(host)?;
        if self.run(host, Component::K0s) != Run::Running {
            return Err(format!(
                "k0s does not run on {}, so its unit cannot be stopped",
                self.name_of(host)
            ));
        }
        self.release_lease(host);
        let ends = self.turns(host, 0, false);
        self.plan_turns(host, ends);
        self.touch(host, |machine| machine.is_unit_stopped = true)
    }

    /// `systemctl start` of the unit of k0s.
    pub(super) fn start_unit(&mut self, host: HostId) -> Result<(), String> {
        self.must_be_settled(host)?;
        if self.run(host, Component::K0s) != Run::Dead {
            return Err(format!("the unit of k0s is active on {} already", self.name_of(host)));
        }
        let starts = self.turns(host, 0, true);
        self.plan_turns(host, starts);
        self.touch(host, |machine| machine.is_unit_stopped = false)
    }

    /// `systemctl restart` of the unit of k0s.
    pub(super) fn restart_unit(&mut self, host: HostId) -> Result<(), String> {
        if self.run(host, Component::K0s) == Run::Running {
            self.stop_unit(host)?;
        } else {
            self.must_be_settled(host)?;
        }
        let after_ms = ENDS_MS.last().map_or(0, |(_, ms)| *ms);
        let starts = self.turns(host, after_ms, true);
        self.plan_turns(host, starts);
        self.touch(host, |machine| machine.is_unit_stopped = false)
    }

    fn must_be_settled(&self, host: HostId) -> Result<(), String> {
        self.must_be_on(host)?;
        let machine = self.machine(host);
        if self.is_joining(host) || machine.is_some_and(|machine| !machine.turns.is_empty()) {
            return Err(format!(
                "processes of {} are starting or stopping; wait for them",
                self.name_of(host)
            ));
        }
        Ok(())
    }

    /// Whether somebody asked a host's k0s to end.
    pub(super) fn is_stopping(&self, host: HostId) -> bool {
        let ends = |turn: &Turn| turn.component == Component::K0s && !turn.is_start;
        self.machine(host).is_some_and(|machine| machine.turns.iter().any(ends))
    }

    /// A k0s that is asked to end gives its lease and its office back.
    fn release_lease(&mut self, host: HostId) {
        if !self.may_write(host, Component::K0s) {
            return;
        }
        let mut leases = vec![self.controller_lease(host)];
        if self.in_office(Office::K0s) == Some(host) {
            leases.push(Office::K0s.lease());
            self.resign(Office::K0s, host);
        }
        for lease in leases {
            self.store
                .change(&lease, |lease| set(lease, &["spec", "holderIdentity"], "".into()));
        }
    }

    /// ClusterConfig has changed: every k0s that hears of it replaces a kube-controller-manager whose arguments differ.
    pub(super) fn reconcile_config(&mut self) {
        let Some(grace_s) = self.configured_grace_s() else {
            return;
        };
        let hosts: Vec<HostId> = self.controllers().collect();
        for host in hosts {
            let differs = self.machine(host).is_some_and(|machine| machine.grace_s != grace_s);
            if differs && self.may_write(host, Component::K0s) && !self.is_joining(host) {
                let due_ms = self.now_ms + REPLACE_MS;
                let turn = Turn {
                    due_ms,
                    component: Component::KubeControllerManager,
                    is_start: true,
                };
                self.plan_turns(host, [turn]);
            }
        }
    }

    /// The grace period that ClusterConfig asks for, in whole seconds; None where there is none or nobody can read it.
    pub(super) fn configured_grace_s(&self) -> Option<u32> {
        let config = self
            .store
            .get(&Key::new(Resource::ClusterConfigs, "kube-system", "k0s"))?;
        let arguments = config.pointer("/spec/controllerManager/extraArgs");
        let told = arguments.and_then(|arguments| arguments.get("node-monitor-grace-period"));
        told.map_or(Some(DEFAULT_GRACE_S), |told| told.as_str().and_then(seconds_of))
    }
}

/// A duration as Go writes it, in whole seconds: `20s`, `1m30s`.
fn seconds_of(text: &str) -> Option<u32> {
    let (minutes, rest) = text.split_once('m').unwrap_or(("0", text));
    let seconds = if rest.is_empty() { "0" } else { rest.strip_suffix('s')? };
    let (minutes, seconds): (u32, u32) = (minutes.parse().ok()?, seconds.parse().ok()?);
    minutes
        .checked_mul(60)?
        .checked_add(seconds)
        .filter(|seconds| *seconds > 0)
}

#[cfg(test)]
mod tests;
