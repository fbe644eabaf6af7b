//! Faults strike: the one place where they change the world.

use super::World;
use super::etcd::EtcdError;
use super::fault::Fault;
use super::host::{Component, HostId, Run};
use super::machine::{Flap, Machine};

impl World {
    /// Something happens, now. The error is a sentence.
    pub fn inject(&mut self, fault: &Fault) -> Result<(), String> {
        self.strike(fault)?;
        // Connections break and leaders fall at once, not at the next step.
        self.run_etcd();
        Ok(())
    }

    /// Strikes what the scenario has planned for now.
    pub(super) fn strike_scheduled(&mut self) {
        while let Some(next) = self.plan.faults.get(self.plan.struck)
            && next.at_s.saturating_mul(1_000) <= self.now_ms
        {
            let fault = next.fault.clone();
            self.plan.struck += 1;
            // What a scenario asks for in vain is told when it is read, see `Scenario::parse`.
            let _ = self.inject(&fault);
        }
    }

    fn strike(&mut self, fault: &Fault) -> Result<(), String> {
        match fault {
            Fault::Kill { host } => self.kill(*host),
            Fault::PowerOff { host } => self.power_off(*host),
            Fault::Freeze { host, component } => self.freeze(*host, *component),
            Fault::Stop { host, component } => self.stop(*host, *component),
            Fault::StopUnit { host } => self.stop_unit(*host),
            Fault::StartUnit { host } => self.start_unit(*host),
            Fault::RestartUnit { host } => self.restart_unit(*host),
            Fault::Cut { a, b } => self.cut(*a, *b),
            Fault::Filter { from, to, port } => self.filter(*from, *to, *port),
            Fault::Flap { host, every_s, down_s } => self.flap(*host, *every_s, *down_s),
            Fault::Revive { host } => self.revive(*host),
            Fault::Join { zone } => self.join(zone.clone()),
            Fault::FailedJoin => self.failed_join(),
            Fault::Leave { host } => self.leave(*host),
            Fault::Reset { host } => self.reset(*host),
            Fault::EnableHa => self.enable_ha(),
            Fault::Defragment { host } => self.defragment(*host),
            Fault::FullQuota => self.fill_quota(),
            Fault::Refuse { host, code } => self.refuse(*host, *code),
            Fault::Unplug { host } => self.touch(*host, |machine| machine.is_unplugged = true),
            Fault::BlackHole { host } => self.touch(*host, |machine| machine.is_black_hole = true),
            Fault::SlowDisk { host, write_ms } => self.touch(*host, |machine| machine.write_ms = *write_ms),
            Fault::Skew { host, ahead_ms } => self.touch(*host, |machine| machine.skew_ms = *ahead_ms),
            Fault::SilentWatch { host } => self.touch(*host, |machine| machine.is_watch_silent = true),
            Fault::LoseReplies { host, count } => self.touch(*host, |machine| machine.lost_replies = *count),
            Fault::Outside { what } => {
                self.strike_outside(*what);
                Ok(())
            }
            Fault::StopGateway { host } => self.touch(*host, |machine| machine.is_gateway_down = true),
            Fault::ExpireCertificate { host } => self.touch(*host, |machine| machine.is_certificate_expired = true),
        }
    }

    pub(super) fn touch(&mut self, host: HostId, change: impl FnOnce(&mut Machine)) -> Result<(), String> {
        let machine = self
            .machine_mut(host)
            .ok_or_else(|| format!("there is no host {host}"))?;
        change(machine);
        self.etcd.is_stirred = true;
        Ok(())
    }

    /// Whether a machine is switched on, whatever runs there.
    pub fn is_on(&self, host: HostId) -> bool {
        let is_kept = |machine: &Machine| machine.is_unit_stopped || !machine.turns.is_empty();
        self.machine(host).is_some_and(is_kept) || self.runs_anything(host)
    }

    fn runs_anything(&self, host: HostId) -> bool {
        let mut all = Component::ALL.into_iter();
        all.any(|component| self.run(host, component) != Run::Dead)
    }

    pub(super) fn must_be_on(&self, host: HostId) -> Result<(), String> {
        if self.machine(host).is_none() {
            return Err(format!("there is no host {host}"));
        }
        if !self.is_on(host) {
            return Err(format!(
                "{} is switched off already; revive it first",
                self.name_of(host)
            ));
        }
        Ok(())
    }

    fn kill(&mut self, host: HostId) -> Result<(), String> {
        self.must_be_on(host)?;
        for component in Component::ALL {
            self.end_process(host, component);
        }
        self.touch(host, |machine| {
            machine.turns.clear();
            machine.is_unit_stopped = false;
        })
    }

    fn power_off(&mut self, host: HostId) -> Result<(), String> {
        self.kill(host)?;
        self.touch(host, |machine| machine.is_powered_off = true)
    }

    fn freeze(&mut self, host: HostId, component: Option<Component>) -> Result<(), String> {
        self.must_be_on(host)?;
        let all = Component::ALL
            .into_iter()
            .filter(|own| component.is_none_or(|only| only == *own));
        let running: Vec<Component> = all.filter(|component| self.is_running(host, *component)).collect();
        if running.is_empty() {
            let what = component.map_or("no process", Component::name);
            return Err(format!("{what} of {host} is running, so it cannot be frozen"));
        }
        self.touch(host, |machine| {
            for component in running {
                machine.set_run(component, Run::Frozen);
            }
        })
    }

    fn cut(&mut self, a: HostId, b: HostId) -> Result<(), String> {
        if a == b {
            return Err(format!("{a} cannot be cut off from itself"));
        }
        if self.machine(b).is_none() {
            return Err(format!("there is no host {b}"));
        }
        self.touch(a, |machine| {
            machine.cuts.insert(b);
        })
    }

    fn flap(&mut self, host: HostId, every_s: u32, down_s: u32) -> Result<(), String> {
        if every_s == 0 || down_s == 0 || down_s >= every_s {
            return Err(format!(
                "an outage of {down_s} s every {every_s} s is no flapping: the outage must be shorter than the interval"
            ));
        }
        let since_ms = self.now_ms;
        self.touch(host, |machine| {
            machine.flap = Some(Flap {
                since_ms,
                every_ms: u64::from(every_s) * 1_000,
                down_ms: u64::from(down_s) * 1_000,
            });
        })
    }

    fn defragment(&mut self, host: HostId) -> Result<(), String> {
        match self.etcd_defragment(host) {
            Ok(_) => Ok(()),
            Err(EtcdError::NoReply) => Err(format!("etcd on {host} does not answer")),
            Err(EtcdError::Refused { message, .. }) => Err(message.to_owned()),
        }
    }

    fn refuse(&mut self, host: HostId, code: u16) -> Result<(), String> {
        if ![0, 429, 503].contains(&code) {
            return Err(format!(
                "an API server refuses with 429 or 503 (0 ends it), not with {code}"
            ));
        }
        self.touch(host, |machine| machine.refuse = code)
    }

    /// Undoes every fault of a machine, and a full quota of all. What was dead starts with its data; what was frozen goes on.
    fn revive(&mut self, host: HostId) -> Result<(), String> {
        if self.machine(host).is_none() {
            return Err(format!("there is no host {host}"));
        }
        let others: Vec<HostId> = self.hosts.iter().map(|host| host.id).collect();
        for other in others {
            self.touch(other, |machine| {
                machine.cuts.remove(&host);
                machine.filters.retain(|(to, _)| *to != Some(host));
            })?;
        }
        let now = self.wall();
        let is_controller = self.controllers().any(|controller| controller == host);
        let was_off = !self.is_on(host);
        let invocation = self.new_invocation();
        let configured = self.configured_grace_s();
        self.touch(host, |machine| {
            machine.is_powered_off = false;
            machine.is_unplugged = false;
            machine.is_black_hole = false;
            machine.cuts.clear();
            machine.filters.clear();
            machine.flap = None;
            machine.skew_ms = 0;
            machine.write_ms = 0;
            machine.refuse = 0;
            machine.is_watch_silent = false;
            machine.lost_replies = 0;
            machine.is_certificate_expired = false;
            machine.is_gateway_down = false;
            machine.turns.clear();
            machine.is_unit_stopped = false;
            for component in Component::ALL {
                let belongs = is_controller || matches!(component, Component::K0s | Component::Kubelet);
                match machine.run(component) {
                    Run::Frozen => machine.set_run(component, Run::Running),
                    Run::Dead if belongs => {
                        machine.start(component, now);
                        if component == Component::K0s {
                            machine.invocation.clone_from(&invocation);
                        }
                        if component == Component::KubeControllerManager {
                            machine.grace_s = configured.unwrap_or(machine.grace_s);
                        }
                    }
                    Run::Dead | Run::Running => {}
                }
            }
        })?;
        self.make_room();
        if was_off {
            self.booted(host);
        }
        Ok(())
    }
}
