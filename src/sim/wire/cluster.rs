//! A running simulated cluster: it advances the world with the clock, and keeps sockets and files as the world has them.
//! Start reading at [`Cluster::start`].

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use rustls::ServerConfig;
use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::addresses::Addresses;
use super::door::{Door, Service, Street};
use super::pki::{Authorities, HostPki};
use super::pods::PodDoors;
use super::root::{Facts, Root};
use super::{Shared, status};
use crate::base::Clock;
use crate::sim::scenario::{self, Scenario};
use crate::sim::world::World;
use crate::sim::world::fault::Fault;
use crate::sim::world::host::{Host, HostId};
use crate::sim::world::outside::OutsideService;
use crate::sim::world::resource::Resource;
use crate::sim::world::store::Key;

/// How often world, files and sockets follow the clock.
const TICK: Duration = Duration::from_millis(100);
/// The longest path of a unix socket is 107 bytes: what comes after the temporary directory has fewer than 40.
const MAX_FOLDER_BYTES: usize = 60;

/// A simulated cluster on loopback. Dropping it ends everything and removes its files.
#[derive(Debug)]
pub struct Cluster {
    handle: Handle,
    built: scenario::Cluster,
    here: Host,
    root: PathBuf,
    etcd_endpoint: String,
    kubelet_port: u16,
    ssh_port: u16,
    users_port: u16,
    balancer: SocketAddr,
    addresses: Arc<Addresses>,
    _tasks: JoinSet<()>,
    _folder: TempDir,
}

impl Cluster {
    /// Builds the world of a scenario and starts its servers. Its time is the clock's. Must be called inside a runtime.
    pub async fn start(scenario: &Scenario, clock: Clock) -> io::Result<Self> {
        let addresses = Arc::new(Addresses::claim(scenario.cluster.console_port).await?);
        let begins_ms = scenario.begins_at_s.saturating_mul(1000);
        let began = clock.now();
        let shared = {
            let (scenario, network) = (scenario.clone(), addresses.network.clone());
            let before = SignedDuration::from_millis(i64::try_from(begins_ms).unwrap_or(i64::MAX));
            let start = began.wall.checked_sub(before).unwrap_or(began.wall);
            let build = move || {
                let mut world = World::new(&scenario, &network, start);
                world.advance(begins_ms);
                Arc::new(Shared::new(world))
            };
            tokio::task::spawn_blocking(build).await.map_err(io::Error::other)?
        };
        let here = shared.with(|world| world.hosts().iter().find(|host| host.id == scenario.here).cloned());
        let here = here.ok_or_else(|| io::Error::other(format!("the scenario has no host {}", scenario.here)))?;
        let folder = folder()?;
        let (tick, ticks) = watch::channel(0);
        let authorities = Authorities::new()?;
        let now_s = began.wall.as_second().unsigned_abs();
        let (_, entry_tls) = watch::channel(authorities.entry_server(&scenario.cluster.entry, now_s)?);
        let mut keeper = Keeper {
            built: scenario.cluster.clone(),
            clock,
            offset_ms: begins_ms.saturating_sub(began.mono_ms),
            entry_tls,
            authorities,
            folder: folder.path().to_owned(),
            street: Street {
                shared: Arc::clone(&shared),
                addresses: Arc::clone(&addresses),
                here: here.id,
                ticks,
            },
            tick,
            controllers: BTreeMap::new(),
            doors: JoinSet::new(),
            pods: PodDoors::default(),
        };
        keeper.step().await?;
        keeper.open_balancer().await;
        keeper.open_outside().await?;
        let hurry = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(keeper.run(Arc::clone(&hurry)));
        Ok(Self {
            built: scenario.cluster.clone(),
            root: root_of(folder.path(), here.id),
            etcd_endpoint: format!("https://{}:{}", here.address, addresses.client_port),
            kubelet_port: addresses.kubelet_port,
            ssh_port: addresses.ssh_port,
            users_port: addresses.users_port,
            balancer: addresses.balancer(),
            addresses,
            here,
            handle: Handle { shared, hurry },
            _tasks: tasks,
            _folder: folder,
        })
    }

    /// The world that the servers show.
    pub const fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// How it was built.
    pub const fn built(&self) -> &scenario::Cluster {
        &self.built
    }

    /// The directory that stands for `/` on the host that quorate runs on.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The name of the host that quorate runs on.
    pub fn host_name(&self) -> &str {
        &self.here.name
    }

    /// The client port of that host's etcd.
    pub fn etcd_endpoint(&self) -> String {
        self.etcd_endpoint.clone()
    }

    /// Of every kubelet.
    pub const fn kubelet_port(&self) -> u16 {
        self.kubelet_port
    }

    /// Of every host's sshd.
    pub const fn ssh_port(&self) -> u16 {
        self.ssh_port
    }

    /// Of the gateway on every host.
    pub const fn users_port(&self) -> u16 {
        self.users_port
    }

    /// Of k0s's join API on every host.
    pub fn join_port(&self) -> u16 {
        self.addresses.join_port
    }

    /// What stands for ssh on the host that quorate runs on.
    pub fn ssh(&self) -> PathBuf {
        self.root.join("bin/ssh")
    }

    /// The load balancer before the gateways.
    pub const fn balancer(&self) -> SocketAddr {
        self.balancer
    }

    /// A service outside the cluster. Its certificate is made for the address, by the authority of Kubernetes.
    pub fn outside(&self, service: OutsideService) -> SocketAddr {
        self.addresses.outside(service)
    }

    /// A way to change it, which may outlive it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

/// A way to change a simulated cluster.
#[derive(Debug, Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    /// Wakes the keeper before its time.
    hurry: Arc<Notify>,
}

impl Handle {
    /// Something happens, now. The error is a sentence.
    pub fn inject(&self, fault: &Fault) -> Result<(), String> {
        let done = self.shared.with(|world| world.inject(fault));
        self.hurry.notify_one();
        done
    }

    /// Every machine.
    pub fn hosts(&self) -> Vec<Host> {
        self.shared.with(|world| world.hosts().to_vec())
    }

    /// The machines whose nodes have a zone's label.
    pub fn hosts_of_zone(&self, zone: &str) -> Vec<Host> {
        let is_in_zone = |world: &World, host: &Host| {
            let node = world.store().get(&Key::new(Resource::Nodes, "", &*host.name));
            let label = node.and_then(|node| node.pointer("/metadata/labels/topology.kubernetes.io~1zone"));
            label.and_then(serde_json::Value::as_str) == Some(zone)
        };
        self.shared.with(|world| {
            let hosts = world.hosts().iter();
            hosts.filter(|host| is_in_zone(world, host)).cloned().collect()
        })
    }
}

/// A directory for this user alone, with a path that is short enough for sockets in it.
fn folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder
        .prefix("quorate-")
        .permissions(std::fs::Permissions::from_mode(0o700));
    let folder = builder.tempdir()?;
    if folder.path().as_os_str().len() <= MAX_FOLDER_BYTES {
        return Ok(folder);
    }
    builder.tempdir_in("/tmp")
}

fn root_of(folder: &Path, host: HostId) -> PathBuf {
    folder.join(host.0.to_string())
}

/// What the keeper has for each controller.
struct Controller {
    root: Root,
    facts: Option<Facts>,
    peer_tls: watch::Sender<Arc<ServerConfig>>,
}

/// Makes the outside follow the world.
struct Keeper {
    /// How the cluster was built.
    built: scenario::Cluster,
    clock: Clock,
    /// World time minus the clock's.
    offset_ms: u64,
    authorities: Authorities,
    /// What users and administrators are shown.
    entry_tls: watch::Receiver<Arc<ServerConfig>>,
    folder: PathBuf,
    street: Street,
    tick: watch::Sender<u64>,
    controllers: BTreeMap<HostId, Controller>,
    doors: JoinSet<()>,
    pods: PodDoors,
}

impl Keeper {
    async fn run(mut self, hurry: Arc<Notify>) {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = hurry.notified() => {}
            }
            if let Err(error) = self.step().await {
                tracing::warn!("simulator: {error}");
            }
        }
    }

    /// Advances the world to now, and everything else after it.
    async fn step(&mut self) -> io::Result<()> {
        let now_ms = self.clock.now().mono_ms.saturating_add(self.offset_ms);
        let is_new = |controllers: &BTreeMap<HostId, Controller>, host: &Host| {
            host.is_controller && !controllers.contains_key(&host.id)
        };
        let fresh: Vec<Host> = self.street.shared.with(|world| {
            world.advance(now_ms);
            let hosts = world.hosts().iter();
            hosts.filter(|host| is_new(&self.controllers, host)).cloned().collect()
        });
        for host in fresh {
            self.add(host).await?;
        }
        self.pods.follow(&self.street, &self.entry_tls).await;
        self.refresh()?;
        self.tick.send_replace(now_ms);
        Ok(())
    }

    /// A controller appears.
    async fn add(&mut self, host: Host) -> io::Result<()> {
        let addresses = Arc::clone(&self.street.addresses);
        let network = &addresses.network;
        let pki = HostPki::issue(&self.authorities, &host.address, &host.name)?;
        let path = root_of(&self.folder, host.id);
        let mut root = Root::create(path, host.clone(), network, &self.built)?;
        root.write_pki(&self.authorities, &pki)?;
        let (peer_tls, peer) = watch::channel(self.authorities.peer_server(&pki.peer)?);
        let (_, api) = watch::channel(pki.api_tls(&self.authorities)?);
        let (_, client) = watch::channel(pki.etcd_tls(&self.authorities)?);
        let address = host.address.parse().map_err(io::Error::other)?;
        for service in Service::ALL {
            let (port, tls) = match service {
                Service::Api => (network.api_port, &api),
                Service::Client => (addresses.client_port, &client),
                Service::Peer => (network.peer_port, &peer),
                Service::Kubelet => (addresses.kubelet_port, &api),
                Service::Ssh => (addresses.ssh_port, &api),
                Service::Join => (addresses.join_port, &api),
                Service::Users => (addresses.users_port, &self.entry_tls),
                Service::Console => (network.console_port, &self.entry_tls),
                Service::Balancer | Service::Pod | Service::Outside(_) => continue,
            };
            let at = SocketAddr::new(address, port);
            let door = Door::open(self.street.clone(), host.id, service, at, tls.clone()).await;
            self.doors.spawn(door);
        }
        let (shared, ticks) = (Arc::clone(&self.street.shared), self.street.ticks.clone());
        self.doors
            .spawn(status::keep(root.status_socket(), shared, host.id, ticks));
        let controller = Controller {
            root,
            facts: None,
            peer_tls,
        };
        self.controllers.insert(host.id, controller);
        Ok(())
    }

    /// The load balancer is there from the beginning, and knows no host of its own.
    async fn open_balancer(&mut self) {
        let (street, at) = (self.street.clone(), self.street.addresses.balancer());
        let here = street.here;
        let door = Door::open(street, here, Service::Balancer, at, self.entry_tls.clone()).await;
        self.doors.spawn(door);
    }

    /// So are the services outside.
    async fn open_outside(&mut self) -> io::Result<()> {
        let addresses = Arc::clone(&self.street.addresses);
        let (_, tls) = watch::channel(self.authorities.outside_server(&addresses.beside().to_string())?);
        for service in OutsideService::ALL {
            let (street, at) = (self.street.clone(), addresses.outside(service));
            let here = street.here;
            let door = Door::open(street, here, Service::Outside(service), at, tls.clone()).await;
            self.doors.spawn(door);
        }
        Ok(())
    }

    fn refresh(&mut self) -> io::Result<()> {
        for (host, controller) in &mut self.controllers {
            let is_here = *host == self.street.here;
            let addresses = is_here.then_some(&*self.street.addresses);
            let read = |world: &mut World| (Facts::of(world, *host, addresses), world.wall());
            let (facts, now) = self.street.shared.with(read);
            if controller.facts.as_ref() == Some(&facts) {
                continue;
            }
            let was_expired = controller.facts.as_ref().is_some_and(Facts::is_certificate_expired);
            if facts.is_certificate_expired() != was_expired {
                let address = controller.root.address();
                let peer = self.authorities.peer(address, facts.is_certificate_expired())?;
                controller.root.write_peer(&peer)?;
                controller.peer_tls.send_replace(self.authorities.peer_server(&peer)?);
            }
            controller.root.refresh(&facts, now)?;
            controller.facts = Some(facts);
        }
        Ok(())
    }
}
