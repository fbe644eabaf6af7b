//! One listening socket of a host. It is there while its process is, lets connections in by who dials, and closes them all
//! when the process dies. Start reading at [`Door::open`].

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::addresses::Addresses;
use super::gated::{Flow, Gated};
use super::plug::Plug;
use super::{Shared, api, entry, member, outside, peer};
use crate::sim::world::World;
use crate::sim::world::filter::Filtered;
use crate::sim::world::host::{Component, HostId, Path, Run};
use crate::sim::world::outside::OutsideService;

/// What listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The API server.
    Api,
    /// etcd, for clients.
    Client,
    /// etcd, for other members.
    Peer,
    /// The kubelet: it lets in and says nothing.
    Kubelet,
    /// sshd: it greets, and nobody can log in.
    Ssh,
    /// k0s's API for joining: it lets in and says nothing.
    Join,
    /// The gateway: users' way in.
    Users,
    /// The Admin Console's node port.
    Console,
    /// The load balancer, which is a machine of its own: whoever knocks, its door knows only its own host.
    Balancer,
    /// A pod at an address of its own: it lets in and says nothing.
    Pod,
    /// A service outside the cluster, on a machine of its own.
    Outside(OutsideService),
}

impl Service {
    /// Every service of a controller.
    pub const ALL: [Service; 8] = [
        Service::Api,
        Service::Client,
        Service::Peer,
        Service::Kubelet,
        Service::Ssh,
        Service::Join,
        Service::Users,
        Service::Console,
    ];

    /// How what listens fares on a host.
    fn run(self, world: &World, host: HostId) -> Run {
        match self {
            Service::Api => world.run(host, Component::KubeApiserver),
            Service::Client | Service::Peer => world.run(host, Component::Etcd),
            Service::Kubelet => world.run(host, Component::Kubelet),
            Service::Ssh | Service::Pod => world.machine_run(host),
            Service::Join => world.run(host, Component::K0s),
            Service::Users => world.gateway_run(host),
            Service::Console => world.console_run(host),
            Service::Balancer => Run::Running,
            Service::Outside(service) => world.outside_run(service),
        }
    }

    /// What becomes of packets from a host to what listens on another.
    fn path(self, world: &World, from: HostId, to: HostId) -> Path {
        let filtered = |to, port, path| {
            if world.is_filtered(from, to, port) {
                Path::Silent
            } else {
                path
            }
        };
        match self {
            // They stand where the load balancer stands.
            Service::Balancer => world.path_to_balancer(from),
            Service::Outside(service) => filtered(None, service.into(), world.path_to_balancer(from)),
            Service::Pod => world.path_to_pods(from, to),
            Service::Kubelet => filtered(Some(to), Filtered::Kubelet, world.path(from, to)),
            Service::Join => filtered(Some(to), Filtered::Join, world.path(from, to)),
            Service::Console => filtered(Some(to), Filtered::Console, world.path(from, to)),
            Service::Api | Service::Client | Service::Peer | Service::Ssh | Service::Users => world.path(from, to),
        }
    }
}

/// What every door of a cluster needs.
#[derive(Debug, Clone)]
pub struct Street {
    /// The world.
    pub shared: Arc<Shared>,
    /// Who is where.
    pub addresses: Arc<Addresses>,
    /// The host that quorate runs on.
    pub here: HostId,
    /// Changes when the world may have changed.
    pub ticks: watch::Receiver<u64>,
}

/// A listening socket and its connections.
pub struct Door {
    street: Street,
    host: HostId,
    service: Service,
    address: SocketAddr,
    /// Certificates are taken anew for each connection.
    tls: watch::Receiver<Arc<ServerConfig>>,
    listener: Option<TcpListener>,
    /// While packets from the host that quorate runs on are lost.
    plug: Option<Plug>,
    connections: JoinSet<()>,
    gates: Vec<(HostId, watch::Sender<Flow>, AbortHandle)>,
}

impl Door {
    /// Listens at once, if the process runs; then serves until the task is dropped.
    pub async fn open(
        street: Street,
        host: HostId,
        service: Service,
        address: SocketAddr,
        tls: watch::Receiver<Arc<ServerConfig>>,
    ) -> impl Future<Output = ()> + Send {
        let mut door = Self {
            street,
            host,
            service,
            address,
            tls,
            listener: None,
            plug: None,
            connections: JoinSet::new(),
            gates: Vec::new(),
        };
        door.follow_world().await;
        door.keep()
    }

    async fn keep(mut self) {
        let mut ticks = self.street.ticks.clone();
        loop {
            tokio::select! {
                ticked = ticks.changed() => {
                    if ticked.is_err() {
                        return;
                    }
                    self.follow_world().await;
                }
                accepted = accept(self.listener.as_ref()) => {
                    // An error concerns one connection, or this machine's file descriptors; the next tick tries again.
                    if let Ok((tcp, from)) = accepted {
                        self.let_in(tcp, from);
                    }
                }
            }
        }
    }

    /// Opens and closes with the process, and holds connections up as the network does.
    async fn follow_world(&mut self) {
        let (host, service, here) = (self.host, self.service, self.street.here);
        let (run, path) = self
            .street
            .shared
            .with(|world| (service.run(world, host), service.path(world, here, host)));
        if run == Run::Dead {
            self.gates.clear();
            self.connections.shutdown().await;
        }
        // Only quorate dials in: where its packets are lost, they are lost for all.
        if path == Path::Silent {
            self.listener = None;
            if self.plug.is_none() {
                self.plug = Plug::into(self.address)
                    .await
                    .inspect_err(|error| tracing::warn!("simulator: {} cannot be made silent: {error}", self.address))
                    .ok();
            }
        } else {
            self.plug = None;
        }
        if run == Run::Dead {
            self.listener = None;
            return;
        }
        if self.listener.is_none() && self.plug.is_none() {
            self.listener = TcpListener::bind(self.address)
                .await
                .inspect_err(|error| tracing::warn!("simulator: {} cannot be listened on: {error}", self.address))
                .ok();
        }
        while self.connections.try_join_next().is_some() {}
        self.gates.retain(|(_, _, task)| !task.is_finished());
        self.street.shared.with(|world| {
            for (from, gate, _) in &self.gates {
                let flow = flow(world, *from, host, service);
                gate.send_if_modified(|old| std::mem::replace(old, flow) != flow);
            }
        });
    }

    fn let_in(&mut self, tcp: TcpStream, from: SocketAddr) {
        // Where it fails, answers are slower.
        let _ = tcp.set_nodelay(true);
        let (host, service) = (self.host, self.service);
        let source = self.street.addresses.host(from.ip(), self.street.here);
        let now = self.street.shared.with(|world| flow(world, source, host, service));
        let (gate, watching) = watch::channel(now);
        let tls = TlsAcceptor::from(Arc::clone(&self.tls.borrow()));
        let shared = Arc::clone(&self.street.shared);
        let mut stream = Gated::new(tcp, watching);
        let task = self.connections.spawn(async move {
            if service == Service::Ssh {
                return greet(stream).await;
            }
            if let Service::Outside(service) = service {
                if shared.with(|world| world.is_plain(service)) {
                    return outside::converse(stream, shared, service).await;
                }
                if outside::before_tls(&mut stream, service).await.is_err() {
                    return;
                }
            }
            // Whoever has no certificate of the right authority is sent away by TLS itself.
            let Ok(stream) = tls.accept(stream).await else { return };
            match service {
                Service::Api => api::converse(stream, shared, host).await,
                Service::Client => member::converse(stream, shared, host).await,
                Service::Peer => peer::converse(stream, from.ip(), shared, host).await,
                Service::Users | Service::Console | Service::Balancer => {
                    entry::converse(stream, shared, host, service).await;
                }
                Service::Outside(service) => outside::converse(stream, shared, service).await,
                Service::Kubelet | Service::Ssh | Service::Join | Service::Pod => {}
            }
        });
        self.gates.push((source, gate, task));
    }
}

/// Says what an sshd says first (RFC 4253, 4.2), and no more.
async fn greet(mut stream: Gated) {
    // Whether anybody reads it is the client's affair.
    let _ = stream.write_all(b"SSH-2.0-simulated\r\n").await;
}

/// Waits for ever where nothing listens.
async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// A frozen process accepts, because the kernel does it, and says nothing.
fn flow(world: &World, from: HostId, to: HostId, service: Service) -> Flow {
    let is_silent = service.path(world, from, to) == Path::Silent;
    if is_silent || service.run(world, to) == Run::Frozen {
        Flow::Stalled
    } else {
        Flow::Open
    }
}
