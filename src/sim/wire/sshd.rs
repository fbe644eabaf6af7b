//! What a stand-in for ssh answers: what the sshd of another controller would connect to for us, and what `ps` shows there. The
//! script reads files that follow the world. Start reading at [`Seen::of`].

use std::fmt::Write;
use std::net::SocketAddr;

use super::addresses::Addresses;
use crate::sim::world::World;
use crate::sim::world::filter::Filtered;
use crate::sim::world::host::{Component, Host, HostId, Path, Run};
use crate::sim::world::outside::OutsideService;

/// Below a controller's root.
pub const FOLDER: &str = "run/sshd";
/// Which ways there do not work, and how: a line is `FROM TO WORDS`.
pub const WAYS: &str = "run/sshd/ways";

/// Where a host comes from behind a translation of addresses (RFC 5737: an address for documents).
const TRANSLATED: &str = "192.0.2.1";

/// What the other controllers' sshds would tell a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The lines of [`WAYS`].
    pub ways: String,
    /// What ps prints of the control plane, by address.
    pub processes: Vec<(String, String)>,
    /// What ss prints of the connections to other members, by address.
    pub sockets: Vec<(String, String)>,
}

impl Seen {
    /// As the world has it now.
    pub fn of(world: &World, addresses: &Addresses, here: HostId) -> Self {
        let mut seen = Self::default();
        let controllers: Vec<Host> = world
            .hosts()
            .iter()
            .filter(|host| host.is_controller)
            .cloned()
            .collect();
        let pods = world.listening_pods();
        for from in controllers.iter().filter(|host| host.id != here) {
            if world.machine_run(from.id) != Run::Running || world.path(here, from.id) == Path::Silent {
                seen.closed(from, "login", "Connection timed out");
                continue;
            }
            for to in controllers.iter().filter(|host| host.id != from.id) {
                seen.between(world, addresses, from, to);
            }
            for (host, at) in pods.iter().filter(|(host, _)| *host != from.id) {
                let is_lost = world.path_to_pods(from.id, *host) == Path::Silent;
                seen.judge(from, *at, is_lost, world.machine_run(*host));
            }
            for service in OutsideService::ALL {
                let is_silent =
                    world.path_to_balancer(from.id) == Path::Silent || world.is_filtered(from.id, None, service.into());
                seen.judge(from, addresses.outside(service), is_silent, world.outside_run(service));
            }
            seen.processes.push((from.address.clone(), processes(world, from.id)));
            let others = controllers.iter().filter(|to| to.id != from.id);
            let sockets = others.map(|to| socket(world, from, to)).collect();
            seen.sockets.push((from.address.clone(), sockets));
        }
        seen
    }

    fn between(&mut self, world: &World, addresses: &Addresses, from: &Host, to: &Host) {
        let network = &addresses.network;
        let run = |component| world.run(to.id, component);
        let is_cut = world.path(from.id, to.id) == Path::Silent;
        let is_filtered = |port| is_cut || world.is_filtered(from.id, Some(to.id), port);
        for (port, is_silent, run) in [
            (addresses.ssh_port, is_cut, world.machine_run(to.id)),
            (network.api_port, is_cut, run(Component::KubeApiserver)),
            (network.peer_port, is_cut, run(Component::Etcd)),
            (
                addresses.kubelet_port,
                is_filtered(Filtered::Kubelet),
                run(Component::Kubelet),
            ),
            (addresses.join_port, is_filtered(Filtered::Join), run(Component::K0s)),
            (
                network.console_port,
                is_filtered(Filtered::Console),
                world.console_run(to.id),
            ),
        ] {
            if let Ok(ip) = to.address.parse() {
                self.judge(from, SocketAddr::new(ip, port), is_silent, run);
            }
        }
    }

    fn judge(&mut self, from: &Host, to: SocketAddr, is_silent: bool, run: Run) {
        match (is_silent, run) {
            (true, _) => self.closed(from, &to.to_string(), "Connection timed out"),
            (false, Run::Dead) => self.closed(from, &to.to_string(), "Connection refused"),
            // A frozen process accepts: its kernel does.
            (false, Run::Running | Run::Frozen) => {}
        }
    }

    fn closed(&mut self, from: &Host, to: &str, words: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.ways, "{} {to} {words}", from.address);
    }
}

/// As `ss -Htin` prints the connection to a member's peer port. Nothing where the network has no length.
fn socket(world: &World, from: &Host, to: &Host) -> String {
    let port = world.network().peer_port;
    let far = world.round_trip_ms(from.id).max(world.round_trip_ms(to.id));
    if far == 0 || world.path(from.id, to.id) == Path::Silent {
        return String::new();
    }
    let (from, to) = (&from.address, &to.address);
    format!("0 0 {from}:40000 {to}:{port}\n\t cubic rtt:{far}.5/0.1 minrtt:{far}.0\n")
}

/// As `ps -o pid=,args=` prints them.
fn processes(world: &World, host: HostId) -> String {
    let mut lines = String::new();
    for component in [Component::KubeApiserver, Component::KubeControllerManager] {
        if world.run(host, component) == Run::Dead {
            continue;
        }
        let flags = world.flags(host, component).into_iter();
        let flags: Vec<String> = flags.map(|(name, value)| format!("--{name}={value}")).collect();
        let _ = writeln!(lines, "{} {} {}", component.pid(), component.name(), flags.join(" "));
    }
    lines
}

/// The script that stands for ssh of the host at an address: `-W TO` and `-- HOST [COMMAND]` count, options do not.
/// Hosts at the addresses in `translated` see it at another one.
pub fn script(root: &std::path::Path, here: &str, translated: &[String]) -> String {
    let (ways, folder) = (root.join(WAYS), root.join(FOLDER));
    let mut behind = String::new();
    for address in translated {
        // Writing to a String cannot fail.
        let _ = writeln!(behind, "[ \"$host\" = {address} ] && here={TRANSLATED}");
    }
    format!(
        "to=login host= before= here={here}\nfor word; do\n  case $before in -W) to=$word ;; --) host=${{word#*@}} ;; esac\n  before=$word\ndone\n\
         while read -r from target words; do\n  [ \"$from\" = \"$host\" ] || continue\n  [ \"$target\" = login ] && \
         {{ echo \"ssh: connect to host $host port 22: $words\" >&2; exit 255; }}\n  [ \"$target\" = \"$to\" ] && \
         {{ echo \"channel 0: open failed: connect failed: $words\" >&2; exit 255; }}\ndone < '{ways}'\n\
         {behind}case $word in\n  *' ps '*) exec cat \"{folder}/$host\" ;;\n  *' ss '*) exec cat \"{folder}/$host.ss\" ;;\n  *SSH_CONNECTION) echo \"$here 51234 $host 22\" ;;\nesac\nexit 0\n",
        ways = ways.display(),
        folder = folder.display()
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sim::scenario::Scenario;
    use crate::sim::world::fault::Fault;

    #[tokio::test]
    async fn a_host_that_is_off_answers_no_other_host_on_any_port() {
        let addresses = Addresses::claim(30_000).await.unwrap();
        let scenario = Scenario::named("healthy").unwrap().unwrap();
        let mut world = World::new(&scenario, &addresses.network, "2026-11-30T12:00:00Z".parse().unwrap());
        let ways = |world: &World| Seen::of(world, &addresses, HostId(1)).ways;
        assert_eq!(ways(&world), "");
        world.inject(&Fault::PowerOff { host: HostId(3) }).unwrap();
        let [a, b, c] = addresses.network.prefix;
        let (from, to) = (format!("{a}.{b}.{c}.12"), format!("{a}.{b}.{c}.13"));
        for port in [
            addresses.ssh_port,
            addresses.network.api_port,
            addresses.network.peer_port,
            addresses.kubelet_port,
            addresses.join_port,
            addresses.network.console_port,
        ] {
            let line = format!("{from} {to}:{port} Connection timed out\n");
            assert!(ways(&world).contains(&line), "{}", ways(&world));
        }
    }
}
