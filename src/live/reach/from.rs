//! What is seen from each controller, once every few minutes: this host tries the ports of the others itself, and where the
//! operator wants it (`look_from_there`) each other one is asked through its sshd (`ssh -W`): which ports of the controllers and
//! which servers outside it reaches, and with which flags its control plane runs (`ps`). Nothing is installed there, and
//! nothing is sent on what is opened. Start reading at [`observe`].

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, future::join_all, stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::tasks::Tasks;
use super::{Numbers, PACE, controllers, knock};
use crate::base::{Text, Why, WhyKind};
use crate::live::external;
use crate::live::host::processes;
use crate::live::shell::{At, Shell, Trouble};
use crate::model::external::ServiceId;
use crate::model::host::Process;
use crate::model::reach::from::{Arrival, FromController, Target, Way};
use crate::model::{FeedId, KubeKind, Snapshot};
use crate::port::{Closed, Observation, Report, Sink};

/// From one look to the next.
const EVERY: Duration = Duration::from_mins(5);
/// For Kubernetes to tell whether there is an Admin Console.
const HEAD_START: Duration = Duration::from_secs(2);
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
        let is_told = |snapshot: &Arc<Snapshot>| snapshot.kind(KubeKind::Installations).is_current();
        let _ = timeout(HEAD_START, self.snapshots.wait_for(is_told)).await;
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

    /// Waits for the next look: sooner where another controller came or answers again.
    async fn pause(&mut self, began: Instant, then: &Snapshot) {
        let known = |snapshot: &Snapshot| -> BTreeSet<IpAddr> {
            controllers(snapshot, self.watch.numbers)
                .into_iter()
                .map(|own| own.address)
                .collect()
        };
        let before = known(then);
        let has_more = |snapshot: &Arc<Snapshot>| !known(snapshot).is_subset(&before);
        sleep(SETTLE).await;
        let _ = timeout_at(began + EVERY, self.snapshots.wait_for(has_more)).await;
    }

    /// Every port of every other controller that is not known to be dead.
    fn ports(&self, snapshot: &Snapshot) -> Vec<Target> {
        let all = controllers(snapshot, self.watch.numbers).into_iter();
        let others = all.filter(|own| own.address != self.address);
        others
            .flat_map(|own| {
                own.ports
                    .into_iter()
                    .map(move |(port, number)| (port, (own.address, number).into()))
            })
            .map(|(port, at)| Target::Controller { port, at })
            .collect()
    }

    async fn here(&self, snapshot: &Snapshot) -> FromController {
        let knocks = self.ports(snapshot).into_iter().map(|target| async move {
            let Target::Controller { at, .. } = &target else {
                return None;
            };
            // What this host itself lacks says nothing of the way.
            let knock = knock(*at, PACE.connect).await.ok()?;
            Some(Way { target, knock })
        });
        FromController {
            at: self.sink.clock().now(),
            ways: join_all(knocks).await.into_iter().flatten().collect(),
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
        let outside = self.watch.servers(snapshot).into_iter();
        let outside = outside.map(|(service, server)| Target::External { service, server });
        let asked = self.ports(snapshot).into_iter().chain(outside).map(|target| {
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
            processes: shown(said.code, &said.out),
            arrival: Arrival::parse(&arrived.out),
        })
    }
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
            seen.ways.len() == 6,
            "host 3 is dead, and nobody dials himself: {:?}",
            seen.ways
        );
        assert_eq!(seen.arrival.unwrap().from.to_string(), "10.99.0.1");
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
