//! The TCP ports of the other controllers, from here: is it the process, the host or the network? A connect and nothing more;
//! no byte is sent. While etcd of a host answers on its peer port, its other ports are asked once a minute and ssh not at all,
//! because servers log such connections; when it does not, all are asked every few seconds. Knows the hosts only from the
//! snapshots that it is given. Start reading at [`observe`].

pub mod from;
pub mod newcomer;
#[cfg(test)]
mod stand_in;
mod tasks;
pub mod there;

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use self::tasks::Tasks;
use crate::base::{Clock, Text, Why, WhyKind};
use crate::model::reach::from::NodePort;
use crate::model::reach::{HostReach, Knock, Neighbour, Port, Service};
use crate::model::{FeedId, Snapshot};
use crate::port::{Closed, Observation, Report, Sink};

/// k0s's etcd listens for its peers here (k0s `docs/networking.md`) where no member list tells another port.
const ETCD: u16 = crate::model::etcd::K0S_PEER_PORT;
/// The API server's port where k0s.yaml names none (k0s `pkg/apis/k0s/v1beta1/api.go`).
const API: u16 = 6443;
/// BGP's (RFC 4271, section 8.2.1): Calico's, where it does not tunnel.
const BGP: u16 = 179;

/// Ports that nothing on this host tells of another one.
#[derive(Debug, Clone, Copy)]
pub struct Numbers {
    /// The kubelet's.
    pub kubelet: u16,
    /// sshd's.
    pub ssh: u16,
    /// k0s's API for joining (k0s `docs/networking.md`).
    pub join: u16,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            kubelet: 10250,
            ssh: 22,
            join: 9443,
        }
    }
}

/// A controller that is not known to be dead, and what others need of it.
#[derive(Debug, Clone)]
struct Controller {
    name: Text,
    address: IpAddr,
    ports: Vec<(NodePort, u16)>,
}

/// Every such controller, this host among them.
fn controllers(snapshot: &Snapshot, numbers: Numbers) -> Vec<Controller> {
    let config = snapshot.host.config.as_ref().map(|fact| &fact.value);
    let api = config.and_then(|config| config.api_port).unwrap_or(API);
    // From there Embedded Cluster's installer fetches what it installs.
    let console = snapshot.host.console_port_or_default();
    let is_product = !snapshot.kube.installations.is_empty();
    let has_bgp = snapshot.kube.cluster_configs.values().any(|config| config.has_bgp);
    let membership = snapshot.membership();
    // One that joins opens its ports one after the other.
    let members = membership
        .members
        .iter()
        .filter(|member| member.has_started() && !member.is_learner);
    let living = members.filter_map(|member| {
        let address: IpAddr = member.peer_address()?.parse().ok()?;
        let etcd = member.peer_authority()?.rsplit_once(':')?.1.parse().unwrap_or(ETCD);
        (snapshot.etcd_answers_at(address) != Some(false)).then(|| (member.name.clone(), address, etcd))
    });
    let with_ports = |(name, address, etcd): (Text, IpAddr, u16)| {
        let mut ports = vec![
            (NodePort::Api, api),
            (NodePort::Join, numbers.join),
            (NodePort::Etcd, etcd),
            (NodePort::Kubelet, numbers.kubelet),
        ];
        ports.extend(is_product.then_some((NodePort::Console, console)));
        ports.extend(has_bgp.then_some((NodePort::Bgp, BGP)));
        Controller { name, address, ports }
    };
    living.map(with_ports).collect()
}

/// How often to ask, and how long to wait.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// One connect: long enough for a second try of the kernel, which comes after 1 s.
    connect: Duration,
    /// From one round to the next while etcd there does not answer.
    troubled: Duration,
    /// The same while it answers.
    calm: Duration,
    /// For the first answer of the probe of its peer port.
    head_start: Duration,
}

const PACE: Pace = Pace {
    connect: Duration::from_millis(1200),
    troubled: Duration::from_secs(3),
    calm: Duration::from_mins(1),
    head_start: Duration::from_millis(500),
};

/// Asks until nobody reads any more, or no more snapshots come.
pub async fn observe(numbers: Numbers, sink: Sink, snapshots: watch::Receiver<Arc<Snapshot>>) {
    let _ = supervise(numbers, &sink, snapshots, PACE).await;
    tracing::debug!("ports of other hosts are no longer asked");
}

async fn supervise(
    numbers: Numbers,
    sink: &Sink,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    pace: Pace,
) -> Result<(), Closed> {
    let mut tasks = Tasks::default();
    loop {
        let neighbours = snapshots.borrow_and_update().neighbours();
        let wanted: BTreeSet<IpAddr> = neighbours.iter().map(|neighbour| neighbour.address).collect();
        if tasks.keep(&wanted) {
            sink.send(Observation::Neighbours(wanted)).await?;
        }
        for Neighbour { address, .. } in neighbours {
            tasks.begin(address, || {
                let asking = Asking {
                    address,
                    numbers,
                    sink: sink.clone(),
                    snapshots: snapshots.clone(),
                    pace,
                };
                asking.run()
            });
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return Ok(()) },
            closed = tasks.closed() => return Err(closed),
        }
    }
}

/// Asks one host.
struct Asking {
    address: IpAddr,
    numbers: Numbers,
    sink: Sink,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    pace: Pace,
}

impl Asking {
    async fn run(mut self) -> Result<(), Closed> {
        let feed = FeedId::Ports(self.address);
        self.sink.report(feed, Report::Begun).await?;
        // The probe of a host that is well decides at once which ports are worth asking.
        let first = Instant::now() + self.pace.head_start;
        let address = self.address;
        let decided = self
            .snapshots
            .wait_for(|snapshot| snapshot.etcd_answers_at(address).is_some());
        let _ = timeout_at(first, decided).await;
        loop {
            match self.round().await {
                Ok(reach) => self.sink.send(Observation::Ports { address, reach }).await?,
                Err(why) => self.sink.report(feed, Report::Failed(why)).await?,
            }
            self.pause().await;
        }
    }

    /// Waits for the next round: short while etcd there does not answer, and as soon as it no longer does.
    async fn pause(&mut self) {
        let address = self.address;
        let calm = Instant::now() + self.pace.calm;
        sleep(self.pace.troubled).await;
        let is_troubled = |snapshot: &Arc<Snapshot>| snapshot.etcd_answers_at(address) != Some(true);
        let troubled = self.snapshots.wait_for(is_troubled);
        let _ = timeout_at(calm, troubled).await;
    }

    async fn round(&self) -> Result<HostReach, Why> {
        let ports = ports(&self.snapshots.borrow(), self.address, self.numbers);
        let knocks = ports.into_iter().map(|(service, number)| async move {
            let knock = knock(SocketAddr::new(self.address, number), self.pace.connect).await;
            (service, number, knock)
        });
        let clock: &Clock = self.sink.clock();
        let mut reach = HostReach::default();
        let mut failure = None;
        for (service, number, knock) in join_all(knocks).await {
            match knock {
                Ok(knock) => drop(reach.ports.insert(
                    service,
                    Port {
                        number,
                        knock,
                        at: clock.now(),
                    },
                )),
                Err(why) => failure = Some(why),
            }
        }
        match failure {
            Some(why) if reach.ports.is_empty() => Err(why),
            Some(_) | None => Ok(reach),
        }
    }
}

/// Which ports are asked now, by what is known of them.
fn ports(snapshot: &Snapshot, address: IpAddr, numbers: Numbers) -> Vec<(Service, u16)> {
    let config = snapshot.host.config.as_ref().map(|fact| &fact.value);
    let flag = |process: &str, flag: &str| snapshot.host.process(process)?.flags.get(flag)?.as_str().parse().ok();
    let api = config
        .and_then(|config| config.api_port)
        .or_else(|| flag("kube-apiserver", "secure-port"));
    let neighbours = snapshot.neighbours();
    let listed = neighbours.iter().find(|neighbour| neighbour.address == address);
    let mut ports = vec![
        (Service::Etcd, listed.and_then(|own| own.peer_port).unwrap_or(ETCD)),
        (Service::Api, api.unwrap_or(API)),
        (Service::Kubelet, numbers.kubelet),
    ];
    if snapshot.etcd_answers_at(address) != Some(true) {
        ports.push((Service::Ssh, numbers.ssh));
    }
    ports
}

/// Connects and hangs up. An error is this host's own.
async fn knock(address: SocketAddr, limit: Duration) -> Result<Knock, Why> {
    connect(address, limit).await.map(|(knock, _)| knock)
}

/// Connects. An error is this host's own.
async fn connect(address: SocketAddr, limit: Duration) -> Result<(Knock, Option<TcpStream>), Why> {
    let Ok(connected) = timeout(limit, TcpStream::connect(address)).await else {
        return Ok((Knock::Silent, None));
    };
    match connected {
        Ok(stream) => Ok((Knock::Connected, Some(stream))),
        Err(error) => judge(&error)
            .map(|knock| (knock, None))
            .ok_or_else(|| Why::new(WhyKind::Missing, format!("{address}: this host: {error}"))),
    }
}

fn judge(error: &io::Error) -> Option<Knock> {
    match error.kind() {
        // A reset in the handshake comes from a firewall that refuses, or from the host.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => Some(Knock::Refused),
        io::ErrorKind::HostUnreachable => Some(Knock::Unreachable),
        io::ErrorKind::TimedOut => Some(Knock::Silent),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::example;
    use tokio::net::TcpListener;
    use tokio::task::JoinSet;

    #[tokio::test]
    async fn a_listener_connects_and_a_closed_port_refuses() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        assert_eq!(knock(at, PACE.connect).await.unwrap(), Knock::Connected);
        drop(listener);
        assert_eq!(knock(at, PACE.connect).await.unwrap(), Knock::Refused);
    }

    #[test]
    fn what_this_host_cannot_do_says_nothing_of_another() {
        for kind in [
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::NetworkDown,
            io::ErrorKind::PermissionDenied,
        ] {
            assert_eq!(judge(&kind.into()), None, "{kind:?}");
        }
        assert_eq!(judge(&io::ErrorKind::HostUnreachable.into()), Some(Knock::Unreachable));
    }

    #[test]
    fn ssh_is_asked_only_where_etcd_does_not_answer() {
        let mut snapshot = example::healthy();
        let address: IpAddr = example::address(2).as_str().parse().unwrap();
        let asked = |snapshot: &Snapshot| ports(snapshot, address, Numbers::default());
        let calm = [(Service::Etcd, 2380), (Service::Api, 6443), (Service::Kubelet, 10250)];
        assert_eq!(asked(&snapshot), calm);
        example::kill_member(&mut snapshot, 2, example::Death::Silent, 10);
        snapshot.host.config.as_mut().unwrap().value.api_port = Some(9443);
        let troubled = [
            (Service::Etcd, 2380),
            (Service::Api, 9443),
            (Service::Kubelet, 10250),
            (Service::Ssh, 22),
        ];
        assert_eq!(asked(&snapshot), troubled);
    }

    #[tokio::test]
    async fn a_round_tells_every_port_and_then_waits() {
        let (sink, mut observed) = Sink::channel(Clock::start());
        let mut snapshot = example::healthy();
        snapshot.feeds.clear();
        let listener = TcpListener::bind("127.0.0.9:0").await.unwrap();
        let number = listener.local_addr().unwrap().port();
        let numbers = Numbers {
            kubelet: number,
            ssh: number,
            ..Numbers::default()
        };
        for fact in snapshot.etcd.views.values_mut() {
            for member in fact.value.members.iter_mut().filter(|member| member.name == "nbe-2") {
                member.peer_urls = vec!["https://127.0.0.9:1".into()];
            }
        }
        let (_sender, snapshots) = watch::channel(Arc::new(snapshot));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            supervise(
                numbers,
                &sink,
                snapshots,
                Pace {
                    head_start: Duration::ZERO,
                    ..PACE
                },
            )
            .await
        });
        let wanted: IpAddr = "127.0.0.9".parse().unwrap();
        let found = loop {
            match observed.recv().await.unwrap().what {
                Observation::Ports { address, reach } if address == wanted => break reach,
                _ => {}
            }
        };
        let knocks: Vec<_> = found
            .ports
            .iter()
            .map(|(service, port)| (*service, port.knock))
            .collect();
        assert!(knocks.contains(&(Service::Etcd, Knock::Refused)), "{knocks:?}");
        assert!(knocks.contains(&(Service::Kubelet, Knock::Connected)), "{knocks:?}");
    }
}
