//! The ways in: the gateway and the Admin Console's port on each host, and the load balancer before the gateways, a machine of
//! its own that looks after its pool with health checks. Start reading at [`World::balance`].

use std::collections::BTreeMap;

use super::World;
use super::host::{HostId, Path, Run};
use super::pod;
use super::resource::Resource;
use super::store::str_at;

/// From one health check to the next.
const EVERY_MS: u64 = 5_000;
/// So many failed health checks in a row take a host out of the pool; one that is passed brings it back, and lets a new one in.
const FALL: u32 = 2;
/// How the pods are called: the gateway's, those of the Admin Console's port, and the web replicas'.
const GATEWAY: &str = "traefik-";
const CONSOLE: &str = "kurl-proxy-kotsadm-";
const WEB: &str = "netbox-netbox-";
/// Whom the certificate of the gateways and of the Admin Console is made for: the name that users go to, then every host.
pub const CERTIFICATE_NAMES: [&str; 2] = ["netbox.example.com", "*.example.com"];

/// What the load balancer knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Balancer {
    /// Health checks that failed in a row, by host.
    failed: BTreeMap<HostId, u32>,
    checked_ms: Option<u64>,
    /// Requests so far.
    requests: usize,
}

impl World {
    /// How the gateway on a host fares: its container runs on when k0s is gone.
    pub fn gateway_run(&self, host: HostId) -> Run {
        let name = self.name_of(host);
        let is_down = || {
            let is_stopped = self.machine(host).is_some_and(|machine| machine.is_gateway_down);
            is_stopped || !self.nodes_of(GATEWAY).any(|node| node == name)
        };
        match self.machine_run(host) {
            Run::Running if is_down() => Run::Dead,
            run => run,
        }
    }

    /// How the Admin Console's port on a host fares: every host leads to the one pod behind it.
    pub fn console_run(&self, host: HostId) -> Run {
        match self.machine_run(host) {
            Run::Running if !self.reaches(host, CONSOLE) => Run::Dead,
            run => run,
        }
    }

    /// Whether the gateway on a host finds a web replica.
    pub fn has_web(&self, host: HostId) -> bool {
        self.reaches(host, WEB)
    }

    /// What becomes of packets between the load balancer and a host: it stands where the other hosts are.
    pub fn path_to_balancer(&self, host: HostId) -> Path {
        let mut others = self.controllers().filter(|other| *other != host);
        if others.any(|other| self.path(host, other) == Path::Open) {
            Path::Open
        } else {
            Path::Silent
        }
    }

    /// One request through the load balancer: whether a page comes of it.
    pub fn balance(&mut self) -> bool {
        let pool: Vec<HostId> = self.controllers().filter(|host| self.is_in_pool(*host)).collect();
        let turn = self.balancer.requests.checked_rem(pool.len());
        self.balancer.requests = self.balancer.requests.wrapping_add(1);
        turn.and_then(|turn| pool.get(turn))
            .is_some_and(|host| self.serves_users(*host))
    }

    /// The load balancer's health checks.
    pub(super) fn check_pool(&mut self) {
        let now_ms = self.now_ms;
        if self
            .balancer
            .checked_ms
            .is_some_and(|last| now_ms.saturating_sub(last) < EVERY_MS)
        {
            return;
        }
        self.balancer.checked_ms = Some(now_ms);
        let checked: Vec<(HostId, bool)> = self.controllers().map(|host| (host, self.serves_users(host))).collect();
        for (host, serves) in checked {
            let failed = self.balancer.failed.entry(host).or_insert(FALL);
            *failed = if serves { 0 } else { failed.saturating_add(1) };
        }
    }

    fn is_in_pool(&self, host: HostId) -> bool {
        !self.plan.cluster.entry.health_checks || self.has_passed(host)
    }

    fn has_passed(&self, host: HostId) -> bool {
        self.balancer.failed.get(&host).is_some_and(|failed| *failed < FALL)
    }

    /// Whether a request that the load balancer sends to a host is served.
    fn serves_users(&self, host: HostId) -> bool {
        self.path_to_balancer(host) == Path::Open && self.gateway_run(host) == Run::Running && self.has_web(host)
    }

    /// Whether a pod whose name begins so runs on a machine that a host reaches.
    fn reaches(&self, from: HostId, pods: &'static str) -> bool {
        let is_up = |host: HostId| self.path(from, host) == Path::Open && self.machine_run(host) == Run::Running;
        let hosts = || self.hosts().iter();
        self.nodes_of(pods)
            .any(|node| hosts().any(|host| host.name == node && is_up(host.id)))
    }

    /// Where pods whose names begin so run, by what the store says.
    fn nodes_of(&self, pods: &'static str) -> impl Iterator<Item = &str> {
        let named = self.store.named(Resource::Pods, "kotsadm", pods);
        let running = named.filter(|(_, object)| str_at(object, "/status/phase") == Some("Running"));
        running.filter_map(|(_, object)| pod::node(object))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::sim::world::fault::Fault;
    use crate::sim::world::tests::{host, until, world_of};

    #[test]
    fn no_request_is_lost_while_a_machine_joins_and_until_it_serves() {
        let mut world = world_of("");
        until(&mut world, 60, |world| world.is_in_pool(host(1)));
        world.inject(&Fault::Join { zone: None }).unwrap();
        while !world.is_in_pool(host(4)) {
            assert!(world.now_ms() < 600_000, "the new machine never serves");
            let next = world.now_ms() + 500;
            world.advance(next);
            assert!(world.balance(), "at {} ms", world.now_ms());
        }
    }

    #[test]
    fn a_killed_machine_loses_requests_until_two_health_checks_have_failed() {
        let mut world = world_of("");
        until(&mut world, 60, |world| world.is_in_pool(host(3)));
        world.inject(&Fault::Kill { host: host(3) }).unwrap();
        assert!((0..3).any(|_| !world.balance()));
        until(&mut world, 11, |world| !world.is_in_pool(host(3)));
        assert!((0..3).all(|_| world.balance()));
    }
}
