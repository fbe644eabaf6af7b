//! What the host itself tells, without the API server and without etcd.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::find;
use crate::base::{Text, Why, WhyKind};
use crate::model::FeedId;
use crate::model::feed::HostPart;
use crate::model::host::{Device, Disk, K0sConfig, K0sStatus, Link, Process, Unit};
use crate::port::{HostFact, Observation, Report};
use crate::sim::scenario::Machine;
use crate::sim::world::World;
use crate::sim::world::flags::K0S_DIR;
use crate::sim::world::host::{CONFIGURED_S, Component, HostId, Run};

/// Host facts are read this often, in world milliseconds; links at every look.
pub(super) const EVERY_MS: u64 = 10_000;
/// Flags of the simulated processes that no check reads, and that the real reader drops too.
const DROPPED: [&str; 4] = [
    "advertise-client-urls",
    "client-cert-auth",
    "disable-components",
    "no-taints",
];
/// Flags of the API server that k0s.yaml sets.
const API_ARGS: [&str; 2] = [
    "default-not-ready-toleration-seconds",
    "default-unreachable-toleration-seconds",
];

/// Links at every look, the rest when it is due.
pub(super) fn look(world: &World, here: HostId, is_due: bool, seen: &mut Vec<Observation>) {
    let link = Link {
        name: "eth0".into(),
        carrier: Some(world.has_carrier(here)),
        up: true,
        speed_mbit: Some(10_000),
    };
    seen.push(Observation::HostFact(HostFact::Links(vec![link])));
    if !is_due {
        return;
    }
    seen.push(status(world, here));
    seen.push(Observation::HostFact(HostFact::Processes(processes(world, here))));
    seen.push(Observation::HostFact(HostFact::Config(config(world, here))));
    // Plenty: no plan looks at it.
    let (total_bytes, free_bytes) = Machine::default().disk_bytes();
    let drive = world.drive(here);
    seen.push(Observation::HostFact(HostFact::Disk(Disk {
        path: K0S_DIR.into(),
        total_bytes,
        free_bytes,
        device: Ok(Device {
            name: drive.name.into(),
            is_rotational: drive.rotates,
            is_virtual: false,
        }),
    })));
    let (active_state, sub_state) = match world.run(here, Component::K0s) {
        Run::Dead => ("inactive", "dead"),
        Run::Running | Run::Frozen => ("active", "running"),
    };
    seen.push(Observation::HostFact(HostFact::Unit(Unit {
        active_state: active_state.into(),
        sub_state: sub_state.into(),
        restarts: Some(0),
        errors: Vec::new(),
    })));
}

fn status(world: &World, here: HostId) -> Observation {
    let why = match world.run(here, Component::K0s) {
        Run::Running => {
            return Observation::HostFact(HostFact::Status(K0sStatus {
                version: Text::from(world.api_server(here).version),
                role: "controller".into(),
                pid: Some(Component::K0s.pid()),
                invocation_id: Some(Text::new(world.invocation_id(here))),
                data_dir: Some(K0S_DIR.into()),
            }));
        }
        Run::Dead => {
            let text = "k0s does not run here: nobody listens on /run/k0s/status.sock";
            Why::new(WhyKind::Refused, text).hint("systemctl status k0scontroller")
        }
        Run::Frozen => Why::new(WhyKind::TimedOut, "no answer for host status within 3 s"),
    };
    Observation::Feed {
        feed: FeedId::Host(HostPart::Status),
        report: Report::Failed(why),
    }
}

fn processes(world: &World, here: HostId) -> Vec<Process> {
    let running = Component::ALL
        .into_iter()
        .filter(|component| world.run(here, *component) != Run::Dead);
    let mut processes: Vec<Process> = running
        .map(|component| Process {
            name: component.name().into(),
            pid: component.pid(),
            started: Some(world.started_at(here, component)),
            flags: flags(world, here, component),
            is_stopped: world.run(here, component) == Run::Frozen,
        })
        .collect();
    processes.sort_by(|a, b| a.name.cmp(&b.name));
    processes
}

fn flags(world: &World, here: HostId, component: Component) -> BTreeMap<Text, Text> {
    let flags = world.flags(here, component).into_iter();
    flags
        .filter(|(name, _)| !DROPPED.contains(&name.as_str()))
        .map(|(name, value)| {
            let value = if value.is_empty() { "true".to_owned() } else { value };
            (Text::from(name), Text::from(value))
        })
        .collect()
}

fn config(world: &World, here: HostId) -> K0sConfig {
    let address = find(world, here).map(|host| Text::new(&host.address));
    let controllers = world.hosts().iter().filter(|host| host.is_controller);
    let flags = flags(world, here, Component::KubeApiserver).into_iter();
    K0sConfig {
        path: "/etc/k0s/k0s.yaml".into(),
        changed: Timestamp::from_second(CONFIGURED_S).ok(),
        api_address: address.clone(),
        api_port: Some(world.network().api_port),
        api_sans: controllers.map(|host| Text::new(&host.address)).collect(),
        peer_address: address,
        api_args: flags.filter(|(name, _)| API_ARGS.contains(&name.as_str())).collect(),
        controller_manager_args: BTreeMap::new(),
    }
}
