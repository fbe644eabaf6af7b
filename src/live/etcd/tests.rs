//! The observer against etcd's own services, played on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod changing;
pub mod server;

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use self::server::{FakeEtcd, Says};
use super::{PACE, Pace, run};
use crate::base::{Clock, Why, WhyKind};
use crate::live::test_pki::{TestCa, TestDir};
use crate::model::FeedId;
use crate::model::etcd::{LocalStatus, MemberId, MembershipView};
use crate::port::{Observation, Observed, Report, Sink};

/// Rounds and connections follow each other at once; deadlines are beyond any slowness of the machine.
const BRISK: Pace = Pace {
    local: (Duration::from_millis(1), Duration::from_secs(30)),
    linearizable: (Duration::from_millis(1), Duration::from_secs(30)),
    disk: (Duration::from_secs(30), Duration::from_secs(30)),
    connect: Duration::from_secs(30),
    pause: (Duration::from_millis(1), Duration::from_millis(1)),
    no_access: Duration::from_millis(1),
};

/// An observer at work. Ends with the test.
struct Observing {
    observed: Receiver<Observed>,
    _tasks: JoinSet<()>,
}

fn observe(dir: &TestDir, endpoint: &str, pace: Pace) -> Observing {
    let (sink, observed) = Sink::channel(Clock::start());
    let (pki, endpoint) = (dir.pki.clone(), endpoint.to_owned());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let _ = run(&pki, &endpoint, &sink, pace).await;
    });
    Observing {
        observed,
        _tasks: tasks,
    }
}

impl Observing {
    async fn next(&mut self) -> Observation {
        self.observed.recv().await.expect("the observer runs").what
    }

    async fn status(&mut self) -> Result<LocalStatus, Why> {
        loop {
            match self.next().await {
                Observation::EtcdStatus(status) => return Ok(status),
                Observation::Feed {
                    feed: FeedId::EtcdLocal,
                    report: Report::Failed(why),
                } => return Err(why),
                _ => {}
            }
        }
    }

    async fn members(&mut self, wanted: bool) -> Result<MembershipView, Why> {
        loop {
            match self.next().await {
                Observation::EtcdRead { linearizable, outcome } if linearizable == wanted => return outcome,
                _ => {}
            }
        }
    }

    async fn no_access(&mut self) -> Why {
        loop {
            if let Observation::EtcdNoAccess(why) = self.next().await {
                return why;
            }
        }
    }
}

pub fn controller(ca: &TestCa) -> TestDir {
    let client = ca.issue(&["apiserver-etcd-client"]);
    ca.controller(&client, &client)
}

fn assert_says(why: &Why, kind: WhyKind, words: &[&str]) {
    assert_eq!(why.kind, kind, "{why}");
    for word in words {
        assert!(why.to_string().contains(word), "{word:?} in {why}");
    }
}

#[tokio::test]
async fn a_healthy_member() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let mut observing = observe(&dir, &etcd.url, BRISK);
    let begun = Observation::Feed {
        feed: FeedId::EtcdLocal,
        report: Report::Begun,
    };
    assert_eq!(observing.next().await, begun);

    let status = observing.status().await.unwrap();
    assert_eq!(status.leader, Some(MemberId(10_077_765_369_785_300_531)));
    assert_eq!(
        (status.version.as_str(), status.quota_bytes),
        ("3.6.16", Some(2_147_483_648))
    );
    for linearizable in [false, true] {
        let view = observing.members(linearizable).await.unwrap();
        let ids: Vec<u64> = view.members.iter().map(|member| member.id.0).collect();
        assert_eq!(ids, [2_677_674_080_080_550_774, 10_077_765_369_785_300_531], "sorted");
    }
    observing.status().await.unwrap();
    assert_eq!(etcd.connections(), 1);
}

#[tokio::test]
async fn without_a_leader_the_member_says_so_itself() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    etcd.says(|says| {
        let status = says.status.as_mut().unwrap();
        status.leader = 0;
        status.errors = vec!["etcdserver: no leader".into()];
        // etcd 3.5 does not know its quota.
        status.db_size_quota = 0;
    });
    let dir = controller(&ca);
    let status = observe(&dir, &etcd.url, BRISK).status().await.unwrap();
    assert_eq!((status.leader, status.quota_bytes), (None, None));
    assert_eq!(status.errors, ["etcdserver: no leader"]);
}

#[tokio::test]
async fn a_hanging_linearizable_read_delays_nothing() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    etcd.says(|says| says.linearizable_hangs = true);
    let dir = controller(&ca);
    let mut observing = observe(&dir, &etcd.url, BRISK);
    for _ in 0..10 {
        observing.status().await.unwrap();
        observing.members(false).await.unwrap();
    }
    assert_eq!(etcd.linearizable_reads(), 1, "one in flight");

    let impatient = Pace {
        linearizable: (Duration::from_millis(1), Duration::from_millis(20)),
        ..BRISK
    };
    let mut observing = observe(&dir, &etcd.url, impatient);
    let why = observing.members(true).await.unwrap_err();
    assert_says(
        &why,
        WhyKind::TimedOut,
        &["linearizable MemberList", "no answer within 20ms"],
    );
}

#[tokio::test]
async fn etcd_s_own_errors() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let cases = [
        (
            Code::Unavailable,
            "etcdserver: no leader",
            WhyKind::Unavailable,
            "no leader",
        ),
        (
            Code::FailedPrecondition,
            "etcdserver: rpc not supported for learner",
            WhyKind::Unavailable,
            "is a learner",
        ),
        (
            Code::PermissionDenied,
            "etcdserver: permission denied",
            WhyKind::Forbidden,
            "permission",
        ),
        (
            Code::ResourceExhausted,
            "etcdserver: too many requests",
            WhyKind::Throttled,
            "too many",
        ),
    ];
    for (code, message, kind, words) in cases {
        etcd.says(|says| says.members = Err(Status::new(code, message)));
        let why = observe(&dir, &etcd.url, BRISK).members(false).await.unwrap_err();
        assert_says(&why, kind, &[words, "MemberList", "127.0.0.1:"]);
    }
    etcd.says(|says| says.status.as_mut().unwrap().header = None);
    let why = observe(&dir, &etcd.url, BRISK).status().await.unwrap_err();
    assert_says(&why, WhyKind::Garbage, &["Status", "no header"]);
}

#[tokio::test]
async fn nobody_listens_and_all_three_questions_fail() {
    let ca = TestCa::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let dir = controller(&ca);
    let mut observing = observe(&dir, &format!("https://{address}"), BRISK);
    for why in [
        observing.status().await.unwrap_err(),
        observing.members(false).await.unwrap_err(),
        observing.members(true).await.unwrap_err(),
    ] {
        assert_says(
            &why,
            WhyKind::Refused,
            &[&address.to_string(), "TCP connect", "k0scontroller"],
        );
    }
}

#[tokio::test]
async fn a_member_that_comes_back_is_found_again_with_new_certificates() {
    let old = TestCa::named("old");
    let new = TestCa::named("new");
    let dir = controller(&old);
    let etcd = FakeEtcd::start(&old, Says::default()).await;
    let mut observing = observe(&dir, &etcd.url, BRISK);
    observing.status().await.unwrap();

    let address = etcd.stop().await;
    while observing.status().await.is_ok() {}
    let rotated = controller(&new);
    for (from, to) in [
        (&rotated.pki.ca, &dir.pki.ca),
        (&rotated.pki.client_cert, &dir.pki.client_cert),
        (&rotated.pki.client_key, &dir.pki.client_key),
    ] {
        std::fs::copy(from, to).unwrap();
    }
    let _etcd = FakeEtcd::start_at(address, &new, Says::default());
    while observing.status().await.is_err() {}
}

#[tokio::test]
async fn a_frozen_member_is_noticed_and_its_connection_closed() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    etcd.says(|says| says.everything_hangs = true);
    let dir = controller(&ca);
    let mut observing = observe(&dir, &etcd.url, PACE);
    etcd.was_asked().await;
    tokio::time::pause();
    assert_says(
        &observing.status().await.unwrap_err(),
        WhyKind::TimedOut,
        &["Status", "1s"],
    );
    assert_says(
        &observing.members(false).await.unwrap_err(),
        WhyKind::TimedOut,
        &["MemberList", "1s"],
    );
    tokio::time::resume();
    etcd.all_closed().await;
}

#[tokio::test]
async fn a_black_hole_hangs_in_the_handshake() {
    let ca = TestCa::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dir = controller(&ca);
    let mut observing = observe(&dir, &format!("https://{}", listener.local_addr().unwrap()), PACE);
    let (tcp, _) = listener.accept().await.unwrap();
    while tcp.peek(&mut [0; 1]).await.unwrap() == 0 {}
    tokio::time::pause();
    assert_says(
        &observing.status().await.unwrap_err(),
        WhyKind::TimedOut,
        &["TLS handshake"],
    );
}

#[tokio::test]
async fn tls_that_does_not_fit() {
    let ours = TestCa::new();
    let dir = controller(&ours);
    let another = TestCa::named("another");
    let cases = [
        (ours.server(&another.issue(&["127.0.0.1"]), b"h2"), "CA that we trust"),
        (ours.server(&ours.issue(&["nbe-1"]), b"h2"), "not made for 127.0.0.1"),
        (ours.server(&ours.issue_until(&["127.0.0.1"], 2020), b"h2"), "expired"),
        (
            ours.server(&ours.issue(&["127.0.0.1"]), b"http/1.1"),
            "does not speak the protocol",
        ),
        (
            another.server(&ours.issue(&["127.0.0.1"]), b"h2"),
            "does not trust the CA",
        ),
    ];
    for (config, words) in cases {
        let etcd = FakeEtcd::with(config, Says::default()).await;
        let why = observe(&dir, &etcd.url, BRISK).status().await.unwrap_err();
        assert_says(&why, WhyKind::Tls, &[words]);
    }
}

#[tokio::test]
async fn without_certificates_there_is_no_access_until_they_come() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let key = std::fs::read(&dir.pki.client_key).unwrap();
    std::fs::remove_file(&dir.pki.client_key).unwrap();
    let mut observing = observe(&dir, &etcd.url, BRISK);
    assert_says(
        &observing.no_access().await,
        WhyKind::Missing,
        &["client.key", "--etcd-pki"],
    );
    assert_eq!(observing.status().await.unwrap_err().kind, WhyKind::Missing);
    std::fs::write(&dir.pki.client_key, key).unwrap();
    while observing.status().await.is_err() {}
}

#[tokio::test]
async fn an_endpoint_that_is_none() {
    let dir = controller(&TestCa::new());
    let why = observe(&dir, "127.0.0.1:2379", BRISK).no_access().await;
    assert_says(&why, WhyKind::Config, &["127.0.0.1:2379"]);
}

#[tokio::test]
async fn it_ends_with_its_reader() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let (sink, observed) = Sink::channel(Clock::start());
    drop(observed);
    super::observe(dir.pki.clone(), etcd.url.clone(), sink).await;
}
