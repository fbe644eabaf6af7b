//! Where a simulated cluster is on loopback: a prefix of its own, so that several simulators run side by side, and ports
//! that are free there. Start reading at [`Addresses::claim`].

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::net::TcpListener;

use crate::sim::world::Network;
use crate::sim::world::host::HostId;
use crate::sim::world::outside::OutsideService;

/// The API server's, etcd's peer, etcd's client, the kubelet's, the ssh, the gateway's and k0s's join port, and those
/// of PostgreSQL, Redis, Sentinel and object storage outside the cluster: the real
/// ones (but for ssh and the gateway, which take root), and others for a machine on which somebody already listens on all addresses (a real controller).
const PORTS: [[u16; 11]; 3] = [
    [6443, 2380, 2379, 10250, 2222, 8443, 9443, 5432, 6379, 26379, 9000],
    [
        16443, 12380, 12379, 20250, 12222, 18443, 19443, 15432, 16379, 36379, 19000,
    ],
    [
        26443, 22380, 22379, 30250, 22222, 28443, 29443, 25432, 26380, 46379, 29000,
    ],
];
/// How many prefixes are tried with each set of ports.
const TRIES: u32 = 16;
/// Prefixes 127.X.Y with X from 16 to 127.
const PREFIXES: u32 = PODS as u32 * 256;
/// So much is added to X for the prefix of pods.
const PODS: u8 = 112;

/// Claims of this process so far, so that its simulators do not try the same prefix.
static CLAIMS: AtomicU32 = AtomicU32::new(0);

/// A claimed prefix with its ports.
#[derive(Debug)]
pub struct Addresses {
    /// As the world knows it.
    pub network: Network,
    /// Of every etcd's client listener.
    pub client_port: u16,
    /// Of every kubelet.
    pub kubelet_port: u16,
    /// Of every host's sshd.
    pub ssh_port: u16,
    /// Of the gateway on every host.
    pub users_port: u16,
    /// Of k0s's join API on every host.
    pub join_port: u16,
    /// Of PostgreSQL, Redis, Sentinel and object storage.
    pub outside_ports: [u16; 4],
    /// Held while the prefix is ours.
    _claim: TcpListener,
}

impl Addresses {
    /// Finds a prefix and ports that nobody uses; the Admin Console's is the wanted one, or one of the next two.
    pub async fn claim(console_port: u16) -> io::Result<Self> {
        let mut failure = io::Error::from(io::ErrorKind::AddrInUse);
        for (nth, [api_port, peer_port, others @ ..]) in (0..).zip(PORTS) {
            let [
                client_port,
                kubelet_port,
                ssh_port,
                users_port,
                join_port,
                outside_ports @ ..,
            ] = others;
            for _ in 0..TRIES {
                let prefix = next_prefix();
                let [a, b, c] = prefix;
                let network = Network {
                    prefix,
                    pods: [a, b + PODS, c],
                    api_port,
                    peer_port,
                    console_port: console_port.saturating_add(nth),
                };
                match hold(&network, others).await {
                    Ok(claim) => {
                        return Ok(Self {
                            network,
                            client_port,
                            kubelet_port,
                            ssh_port,
                            users_port,
                            join_port,
                            outside_ports,
                            _claim: claim,
                        });
                    }
                    Err(error) => failure = error,
                }
            }
        }
        Err(failure)
    }

    /// Of the load balancer: the address of the network itself, on which no host is.
    pub fn balancer(&self) -> SocketAddr {
        (self.beside(), self.users_port).into()
    }

    /// Of the services outside the cluster: the same address.
    pub fn outside(&self, service: OutsideService) -> SocketAddr {
        let [postgresql, redis, sentinel, s3] = self.outside_ports;
        let port = match service {
            OutsideService::Postgresql => postgresql,
            OutsideService::Redis => redis,
            OutsideService::Sentinel => sentinel,
            OutsideService::S3 => s3,
        };
        (self.beside(), port).into()
    }

    /// The address of the network itself.
    pub fn beside(&self) -> Ipv4Addr {
        let [a, b, c] = self.network.prefix;
        Ipv4Addr::new(a, b, c, 10)
    }

    /// The host at an address. The system's own loopback address is whoever runs quorate: `here`.
    pub fn host(&self, address: IpAddr, here: HostId) -> HostId {
        match address {
            IpAddr::V4(ip) if ip.octets()[..3] == self.network.prefix => {
                HostId(u16::from(ip.octets()[3]).saturating_sub(10))
            }
            IpAddr::V4(_) | IpAddr::V6(_) => here,
        }
    }
}

/// The address of the network itself, on which no host is: whoever listens there has the prefix. All ports must be free; one
/// of them is held.
async fn hold(network: &Network, others: [u16; 9]) -> io::Result<TcpListener> {
    let [a, b, c] = network.prefix;
    let at = |port| SocketAddr::from((Ipv4Addr::new(a, b, c, 10), port));
    let claim = TcpListener::bind(at(network.api_port)).await?;
    TcpListener::bind(at(network.peer_port)).await?;
    TcpListener::bind(at(network.console_port)).await?;
    for port in others {
        TcpListener::bind(at(port)).await?;
    }
    Ok(claim)
}

fn next_prefix() -> [u8; 3] {
    let start = std::process::id().wrapping_mul(251);
    let index = start.wrapping_add(CLAIMS.fetch_add(1, Ordering::Relaxed).wrapping_mul(7)) % PREFIXES;
    let [_, _, high, low] = index.to_be_bytes();
    [127, high + 16, low]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_claims_differ_and_hosts_are_known_by_address() {
        let (one, two) = (
            Addresses::claim(30_000).await.unwrap(),
            Addresses::claim(30_000).await.unwrap(),
        );
        assert_ne!(one.network.prefix, two.network.prefix);
        let [a, b, c] = one.network.prefix;
        let host = |last| one.host(Ipv4Addr::new(a, b, c, last).into(), HostId(2));
        assert_eq!((host(11), host(13)), (HostId(1), HostId(3)));
        assert_eq!(one.host(Ipv4Addr::LOCALHOST.into(), HostId(2)), HostId(2));
        let [postgresql, redis, sentinel, s3] = one.outside_ports;
        let others = [
            one.client_port,
            one.kubelet_port,
            one.ssh_port,
            one.users_port,
            one.join_port,
            postgresql,
            redis,
            sentinel,
            s3,
        ];
        assert!(hold(&one.network, others).await.is_err());
    }
}
