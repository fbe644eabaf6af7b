//! What is seen from each controller, once every few minutes: this host tries the ports of the others itself, and where the
//! operator wants it (`look_from_there`) each other one is asked through its sshd (`ssh -W`): which ports of the controllers,
//! which pods and which servers outside it reaches, and with which flags its control plane runs (`ps`). Nothing is installed there, and
//! nothing is sent on what is opened. Start reading at [`observe`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, future::join_all, stream};
use jiff::Timestamp;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::tasks::Tasks;
use super::{Numbers, PACE, connect, controllers};
use crate::base::{Text, Why, WhyKind};
use crate::live::external;
use crate::live::host::processes;
use crate::live::shell::{At, Shell, Trouble};
use crate::live::tls::{any_certificate, end_of};
use crate::model::external::ServiceId;
use crate::model::host::Process;
use crate::model::reach::from::{Arrival, FromController, NodePort, Target, Way};
use crate::model::{FeedId, FeedState, KubeKind, Snapshot};
use crate::port::{Closed, Observation, Report, Sink};

/// From one look to the next.
const EVERY: Duration = Duration::from_mins(5);
/// For Kubernetes to tell which controllers there are where etcd does not, whether there is an Admin Console and BGP, and
/// which pods are to be tried.
const HEAD_START: Duration = Duration::from_secs(3);
/// The same more where an API server answers: its lists are on their way.
const LISTS: Duration = Duration::from_secs(5);
/// What tells that.
const TOLD_BY: [KubeKind; 6] = [
    KubeKind::EtcdMembers,
    KubeKind::ClusterConfigs,
    KubeKind::Installations,
    KubeKind::Nodes,
    KubeKind::Pods,
    KubeKind::ReplicaSets,
];
/// From one look to the next at least: a host that comes and goes is not asked all the time.
const SETTLE: Duration = Duration::from_secs(5);
/// For one connect over there, the login included.
const CONNECT: Duration = Duration::from_secs(8);
/// sshd turns away more than ten logins at once (MaxStartups), and others log in, too.
const AT_ONCE: usize = 4;
/// The control plane's processes whose flags matter, by the name of their executable.
const PS: [&str; 6] = [
    "ps",
    "-ww",
    "-C",
    "kube-apiserver,kube-controller-manager",
    "-o",
    "pid=,args=",
];

/// TCP connections with what the kernel measured of them.
const SS: [&str; 4] = ["ss", "-Htin", "state", "established"];

/// What is needed to look.
#[derive(Debug, Clone)]
pub struct Watch {
    /// How other hosts are asked; None where the operator does not want it.
    pub shell: Option<Shell>,
    /// Ports that no snapshot tells.
    pub numbers: Numbers,
    /// The services outside; None where the operator does not want them asked.
    pub outside: Option<external::Wish>,
}

impl Watch {
    /// Every server outside that is to be reached from a controller.
    fn servers(&self, snapshot: &Snapshot) -> Vec<(ServiceId, Text)> {
        let told = self.outside.as_ref().map(|wish| wish.with(snapshot.services()));
        told.map(|wish| wish.servers()).unwrap_or_default()
    }
}

/// Looks until nobody reads any more, or no more snapshots come.
pub async fn observe(watch: Watch, sink: Sink, snapshots: watch::Receiver<Arc<Snapshot>>) {
    let _ = supervise(Arc::new(watch), &sink, snapshots).await;
    tracing::debug!("nobody looks from the controllers any more");
}

async fn supervise(
    watch: Arc<Watch>,
    sink: &Sink,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
) -> Result<(), Closed> {
    let mut tasks = Tasks::default();
    loop {
        let wanted = snapshots.borrow_and_update().standpoints();
        if tasks.keep(&wanted) {
            sink.send(Observation::Standpoints(wanted.clone())).await?;
        }
        for address in wanted {
            tasks.begin(address, || {
                let looking = Looking {
                    address,
                    watch: Arc::clone(&watch),
                    sink: sink.clone(),
                    snapshots: snapshots.clone(),
                };
                looking.run()
            });
        }
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return Ok(()) },
            closed = tasks.closed() => return Err(closed),
        }
    }
}

/// Looks from one controller.
struct Looking {
    address: IpAddr,
    watch: Arc<Watch>,
    sink: Sink,
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl Looking {
    async fn run(mut self) -> Result<(), Closed> {
        let feed = FeedId::From(self.address);
        self.sink.report(feed, Report::Begun).await?;
        let is_told = |snapshot: &Arc<Snapshot>| {
            let mut kinds = TOLD_BY.into_iter().map(|kind| snapshot.feeds.get(&FeedId::Kube(kind)));
            kinds.all(|state| state.is_some_and(|own| !matches!(own, FeedState::Syncing { .. })))
        };
        let told = timeout(HEAD_START, self.snapshots.wait_for(is_told)).await.is_ok();
        if !told && self.snapshots.borrow().feed(FeedId::Api).is_live() {
            let _ = timeout(LISTS, self.snapshots.wait_for(is_told)).await;
        }
        loop {
            let began = Instant::now();
            let snapshot = self.snapshots.borrow_and_update().clone();
            let is_here = snapshot.own_address() == Some(self.address);
            let is_dead = snapshot.etcd_answers_at(self.address) == Some(false);
            match (is_here, &self.watch.shell) {
                (true, _) => {
                    let look = self.here(&snapshot).await;
                    self.tell(look).await?;
                }
                (false, Some(_)) if is_dead => {}
                (false, Some(shell)) => match self.there(shell, &snapshot).await {
                    Ok(look) => self.tell(look).await?,
                    Err(trouble) => self.sink.report(feed, Report::Failed(trouble.into_why())).await?,
                },
                (false, None) => self.sink.report(feed, Report::Off(not_wanted())).await?,
            }
            self.pause(began, &snapshot).await;
        }
    }

    async fn tell(&self, look: FromController) -> Result<(), Closed> {
        let address = self.address;
        self.sink.send(Observation::From { address, look }).await
    }

    /// Waits for the next look: sooner where another controller came or answers again, or a node has a first pod to try.
    async fn pause(&mut self, began: Instant, then: &Snapshot) {
        let known = |snapshot: &Snapshot| -> BTreeSet<Text> {
            let all = controllers(snapshot, self.watch.numbers).into_iter();
            let nodes = snapshot.nodes_to_try().into_iter().cloned();
            all.map(|own| own.address.to_string().into()).chain(nodes).collect()
        };
        let before = known(then);
        let has_more = |snapshot: &Arc<Snapshot>| !known(snapshot).is_subset(&before);
        sleep(SETTLE).await;
        let _ = timeout_at(began + EVERY, self.snapshots.wait_for(has_more)).await;
    }

    /// Every port of every other controller that is not known to be dead, and a pod on every other node.
    fn inside(&self, snapshot: &Snapshot) -> Vec<Target> {
        let all = controllers(snapshot, self.watch.numbers).into_iter();
        let others = all.filter(|own| own.address != self.address);
        let ports = others.flat_map(|own| {
            let ports = own.ports.into_iter();
            ports.map(move |(port, number)| Target::Controller {
                port,
                at: (own.address, number).into(),
            })
        });
        ports.chain(snapshot.pods_to_try(self.address)).collect()
    }

    async fn here(&self, snapshot: &Snapshot) -> FromController {
        // Without it no certificate is seen.
        let tls = any_certificate().ok();
        let tries = self.inside(snapshot).into_iter().map(|target| {
            let tls = tls.clone();
            async move {
                let (port, at) = match &target {
                    Target::Controller { port, at } => (Some(*port), *at),
                    Target::Pod { at, .. } => (None, *at),
                    Target::External { .. } => return None,
                };
                // What this host itself lacks says nothing of the way.
                let (knock, stream) = connect(at, PACE.connect).await.ok()?;
                let asked = tls
                    .zip(stream)
                    .filter(|_| port.is_some_and(NodePort::shows_certificate));
                let end = match asked {
                    Some((tls, stream)) => certificate_end(tls, stream, at.ip()).await,
                    None => None,
                };
                Some((Way { target, knock }, end.map(|end| (at, end))))
            }
        });
        let told: Vec<_> = join_all(tries).await.into_iter().flatten().collect();
        let certificates = told.iter().filter_map(|(_, shown)| *shown).collect();
        FromController {
            at: self.sink.clock().now(),
            ways: told.into_iter().map(|(way, _)| way).collect(),
            certificates,
            round_trips_us: BTreeMap::new(),
            processes: None,
            arrival: None,
        }
    }

    async fn there(&self, shell: &Shell, snapshot: &Snapshot) -> Result<FromController, Trouble> {
        let host = Text::from(self.address.to_string());
        // Logs in, and so tells a way there that does not work from a port that is silent.
        let there = At::There(host.clone());
        let said = shell.run(&there, &PS).await?;
        let arrived = shell.run(&there, &["printenv", "SSH_CONNECTION"]).await?;
        let sockets = shell.run(&there, &SS).await?;
        let outside = self.watch.servers(snapshot).into_iter();
        let outside = outside.map(|(service, server)| Target::External { service, server });
        let asked = self.inside(snapshot).into_iter().chain(outside).map(|target| {
            let host = &host;
            async move {
                let to = target.to_string();
                let knock = shell.connect_from(host, &to, CONNECT).await?;
                Ok::<_, Trouble>(Way { target, knock })
            }
        });
        let ways: Vec<Result<Way, Trouble>> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        Ok(FromController {
            at: self.sink.clock().now(),
            ways: ways.into_iter().collect::<Result<_, _>>()?,
            certificates: BTreeMap::new(),
            round_trips_us: round_trips(&sockets.out, &peers(snapshot)),
            processes: shown(said.code, &said.out),
            arrival: Arrival::parse(&arrived.out),
        })
    }
}

/// The end of the certificate that a server shows; None where it speaks no TLS, or not in time. Nothing is sent on it.
async fn certificate_end(tls: Arc<ClientConfig>, stream: TcpStream, at: IpAddr) -> Option<Timestamp> {
    let handshake = TlsConnector::from(tls).connect(ServerName::from(at), stream);
    let mut stream = timeout(PACE.connect, handshake).await.ok()?.ok()?;
    let end = stream.get_ref().1.peer_certificates().and_then(end_of);
    // A server that is told the end does not log one that broke off.
    let _ = timeout(PACE.connect, stream.shutdown()).await;
    end
}

/// The peer listeners of all members.
fn peers(snapshot: &Snapshot) -> BTreeSet<SocketAddr> {
    let members = snapshot.membership().members;
    let listeners = members
        .iter()
        .filter_map(|member| member.peer_authority()?.parse().ok());
    listeners.collect()
}

/// By address, from what `ss -Htin` prints: a line for the two ends of a connection, then one that begins with white space and
/// has words such as `minrtt:0.061` (iproute2, `misc/ss.c`; milliseconds).
fn round_trips(out: &str, listeners: &BTreeSet<SocketAddr>) -> BTreeMap<IpAddr, u64> {
    let mut found = BTreeMap::new();
    let mut to = None;
    for line in out.lines() {
        if !line.starts_with(char::is_whitespace) {
            let mut words = line.split_whitespace().rev();
            to = words.find_map(|word| word.parse::<SocketAddr>().ok());
            to = to.filter(|at| listeners.contains(at));
        }
        let word = line.split_whitespace().find_map(|word| word.strip_prefix("minrtt:"));
        // Read as if it were seconds: then its thousandths are the microseconds.
        let measured = word
            .and_then(|word| word.parse::<f64>().ok())
            .map(Duration::try_from_secs_f64);
        if let (Some(to), Some(Ok(measured))) = (to, measured) {
            let us = u64::try_from(measured.as_millis()).unwrap_or(u64::MAX);
            let least = found.entry(to.ip()).or_insert(us);
            *least = us.min(*least);
        }
    }
    found
}

/// What ps shows; None where it does not work. It ends with 1 where it finds nothing, as with processes that are hidden.
fn shown(code: Option<i32>, out: &str) -> Option<Vec<Process>> {
    (code == Some(0)).then(|| out.lines().filter_map(processes::of_ps).collect())
}

fn not_wanted() -> Why {
    let why = Why::new(WhyKind::Config, "the other controllers are not asked what they reach");
    why.hint("set look_from_there = true: they are asked through your ssh")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::base::Clock;
    use crate::live::reach::stand_in::ssh;
    use crate::model::example;
    use crate::model::product::{Bucket, Services};
    use crate::model::reach::Knock;
    use crate::port::Observed;
    use tokio::sync::mpsc::Receiver;
    use tokio::task::JoinSet;

    fn bucket() -> external::Wish {
        let told = Services {
            s3: Some(Bucket {
                endpoint: "https://s3.example.com".into(),
                name: "netbox".into(),
                region: None,
                access_key: None,
                secret_key: None,
            }),
            ..Services::default()
        };
        external::Wish::default().with(&told)
    }

    fn looking(n: u8, script: &str) -> (Looking, Receiver<Observed>) {
        let (sink, observed) = Sink::channel(Clock::start());
        let mut snapshot = example::healthy();
        example::kill_member(&mut snapshot, 3, example::Death::Silent, 10);
        let (_, snapshots) = watch::channel(Arc::new(snapshot));
        let looking = Looking {
            address: example::address(n).as_str().parse().unwrap(),
            watch: Arc::new(Watch {
                shell: Some(ssh(script)),
                numbers: Numbers::default(),
                outside: Some(bucket()),
            }),
            sink,
            snapshots,
        };
        (looking, observed)
    }

    /// The first that is told of the feed: what was seen, or why not.
    async fn told(n: u8, script: &str) -> Result<FromController, Why> {
        let (looking, mut observed) = looking(n, script);
        let mut tasks = JoinSet::new();
        tasks.spawn(looking.run());
        loop {
            match observed.recv().await.unwrap().what {
                Observation::From { look, .. } => return Ok(look),
                Observation::Feed {
                    report: Report::Failed(why),
                    ..
                } => return Err(why),
                _ => {}
            }
        }
    }

    #[tokio::test]
    async fn every_way_to_what_lives_is_tried_from_there_and_what_runs_is_read() {
        let script = "case $to$cmd in
            *' ps '*) echo '  940 /x/bin/kube-apiserver --default-unreachable-toleration-seconds=300 --token-auth-file=/secret'
                      echo '  956 kube-controller-manager --node-monitor-grace-period=50s' ;;
            *SSH_CONNECTION) echo 10.99.0.1 51234 10.77.0.12 22 ;;
            *' ss '*) echo '0 0 10.77.0.12:38712 10.77.0.13:2380 '
                      echo '	 cubic rto:204 rtt:0.523/0.214 minrtt:0.061'
                      echo '0 0 10.77.0.12:38714 10.77.0.13:2380 '
                      echo '	 cubic rto:204 rtt:40.1/0.214 minrtt:0.354'
                      echo '0 0 10.77.0.12:22 10.77.0.11:51234 '
                      echo '	 cubic minrtt:0.001' ;;
            *:9443*) echo 'channel 0: open failed: connect failed: Connection timed out' >&2; exit 255 ;;
            *:443*) echo 'channel 0: open failed: connect failed: Connection refused' >&2; exit 255 ;;
        esac";
        let seen = told(2, script).await.unwrap();
        let closed: Vec<(String, Knock)> = seen
            .ways
            .iter()
            .filter(|way| !way.is_open())
            .map(|way| (way.target.to_string(), way.knock))
            .collect();
        let expected = [
            ("10.77.0.11:9443", Knock::Silent),
            ("s3.example.com:443", Knock::Refused),
        ];
        assert_eq!(closed, expected.map(|(to, knock)| (to.to_owned(), knock)));
        assert!(
            seen.ways.len() == 8,
            "the ports of host 3, which is dead, are not tried, nor those of host 2 itself: {:?}",
            seen.ways
        );
        assert_eq!(seen.arrival.unwrap().from.to_string(), "10.99.0.1");
        let third = example::address(3).as_str().parse().unwrap();
        assert_eq!(seen.round_trips_us, BTreeMap::from([(third, 61)]));
        let flags = |own: &Process| format!("{} {:?}", own.name, own.flags.values().collect::<Vec<_>>());
        let processes: Vec<String> = seen.processes.unwrap().iter().map(flags).collect();
        assert_eq!(
            processes,
            ["kube-apiserver [\"300\"]", "kube-controller-manager [\"50s\"]"]
        );
    }

    #[tokio::test]
    async fn without_ps_nothing_is_said_of_processes() {
        let seen = told(2, "case $cmd in *' ps '*) exit 127 ;; esac").await.unwrap();
        assert_eq!(seen.processes, None);
        assert!(seen.ways.iter().all(Way::is_open));
    }

    #[tokio::test]
    async fn a_way_there_that_does_not_work_says_nothing_of_what_is_reached() {
        let why = told(2, "echo 'root@x: Permission denied (publickey).' >&2; exit 255")
            .await
            .unwrap_err();
        assert_eq!(why.kind, WhyKind::Denied);
    }

    #[tokio::test]
    async fn nobody_is_asked_without_leave() {
        let (mut looking, mut observed) = looking(2, "exit 0");
        Arc::get_mut(&mut looking.watch).unwrap().shell = None;
        let mut tasks = JoinSet::new();
        tasks.spawn(looking.run());
        observed.recv().await.unwrap();
        let Observation::Feed {
            feed,
            report: Report::Off(why),
        } = observed.recv().await.unwrap().what
        else {
            panic!("it was asked");
        };
        assert_eq!((feed, why.kind), (example::from(2), WhyKind::Config));
        assert!(why.hint.unwrap().as_str().contains("look_from_there"));
    }
}
