//! The reader of the store against an etcd that says what it is told to say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;

use super::read::{Bounds, Reader};
use super::*;
use crate::base::Clock;
use crate::live::dial::Target;
use crate::live::etcd::tests::controller;
use crate::live::etcd::tests::server::{FakeEtcd, Says};
use crate::live::test_pki::{TestCa, TestDir};
use crate::model::{KubeKind, example};
use crate::port::{Observed, StoredRead};

const PATIENT: Duration = Duration::from_secs(30);

fn claim(name: &str) -> (Vec<u8>, Vec<u8>) {
    let key = format!("/registry/etcd.k0sproject.io/etcdmembers/{name}");
    let value = format!(r#"{{"kind": "EtcdMember", "metadata": {{"name": "{name}"}}}}"#);
    (key.into_bytes(), value.into_bytes())
}

fn says(entries: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Says {
    Says {
        store: (entries.into_iter().collect(), 77),
        ..Says::default()
    }
}

/// One read of everything.
async fn read(etcd: &FakeEtcd, dir: &TestDir, bounds: Option<Bounds>) -> Result<StoredRead, Why> {
    let target = Target::parse(&etcd.url).unwrap();
    let identity = Loader::new(dir.pki.client_files(), connection::ALPN)
        .load()
        .await
        .unwrap();
    let mut hop = Hop::Files;
    let Connection { clients, driver, .. } = connection::open(&target, &identity, &mut hop).await.unwrap();
    let reader = Reader::new(&target, &clients, PATIENT);
    let reader = match bounds {
        Some(bounds) => reader.within(bounds),
        None => reader,
    };
    tokio::select! {
        read = reader.everything_after(None) => read.map(|read| read.expect("the first read is new")),
        () = driver => panic!("the connection was closed"),
    }
}

fn names(read: &StoredRead, kind: KubeKind) -> Result<Vec<String>, Why> {
    let (_, outcome) = read.kinds.iter().find(|(own, _)| *own == kind).unwrap();
    let rows = outcome.as_ref().map_err(Clone::clone)?;
    Ok(rows.iter().map(|(key, _)| key.to_string()).collect())
}

#[tokio::test]
async fn everything_is_read_page_by_page_at_one_revision_and_alone() {
    let ca = TestCa::new();
    let all: Vec<String> = (0..1_100).map(|n| format!("m-{n:04}")).collect();
    let etcd = FakeEtcd::start(&ca, says(all.iter().map(|name| claim(name)))).await;
    let read = read(&etcd, &controller(&ca), None).await.unwrap();
    assert_eq!(read.revision, 77);
    assert_eq!(names(&read, KubeKind::EtcdMembers).unwrap(), all);
    assert_eq!(read.kinds.len(), KubeKind::ALL.len());
    etcd.says(|says| {
        let (first, pages) = says.ranges.split_first().unwrap();
        assert!(first.count_only && first.serializable);
        assert_eq!(pages.len(), KubeKind::ALL.len() + 2, "three pages of one kind");
        assert!(
            pages
                .iter()
                .all(|page| page.serializable && page.limit == 500 && page.revision == 77)
        );
        let ends = pages
            .iter()
            .map(|page| String::from_utf8(page.range_end.clone()).unwrap());
        assert!(
            ends.into_iter()
                .all(|end| end.starts_with("/registry/") && end.ends_with('0'))
        );
    });
}

#[tokio::test]
async fn what_is_encrypted_or_too_much_is_said_and_counted_nowhere() {
    let ca = TestCa::new();
    let pod = (
        b"/registry/pods/n/p".to_vec(),
        b"k8s:enc:secretbox:v1:key:\x00".to_vec(),
    );
    let lease = (b"/registry/leases/kube-system/l".to_vec(), b"nonsense".to_vec());
    let members = ["a", "b", "c"].map(claim);
    let etcd = FakeEtcd::start(&ca, says(members.into_iter().chain([pod, lease]))).await;
    let dir = controller(&ca);
    let bounds = Bounds {
        rows: 2,
        bytes: usize::MAX,
    };
    let few = read(&etcd, &dir, Some(bounds)).await.unwrap();
    let why = names(&few, KubeKind::Pods).unwrap_err();
    assert_eq!(why.kind, WhyKind::Denied);
    assert!(why.to_string().contains("encrypted at rest (secretbox)"), "{why}");
    assert_eq!(names(&few, KubeKind::Leases).unwrap(), [""; 0], "left out");
    let why = names(&few, KubeKind::EtcdMembers).unwrap_err();
    assert!(why.text.as_str().contains("more than 2 etcdmembers"), "{why}");
    let short = Bounds { rows: 9, bytes: 100 };
    let short = read(&etcd, &dir, Some(short)).await.unwrap();
    assert!(names(&short, KubeKind::EtcdMembers).is_err());
}

/// Nothing to show at all is a failure of the source, not an empty cluster.
#[tokio::test]
async fn where_everything_is_encrypted_the_read_fails() {
    let ca = TestCa::new();
    let kinds = KubeKind::ALL.map(|kind| match kind {
        KubeKind::Nodes => "minions".to_owned(),
        _ if kind.is_custom() => format!("{}/{}", kind.group(), kind.plural()),
        _ => kind.plural().to_owned(),
    });
    let values = kinds.map(|kind| (format!("/registry/{kind}/x").into_bytes(), b"k8s:enc:kms:v2:x".to_vec()));
    let etcd = FakeEtcd::start(&ca, says(values)).await;
    let why = read(&etcd, &controller(&ca), None).await.unwrap_err();
    assert!(why.to_string().contains("encrypted at rest (kms)"), "{why}");
}

/// An observer at work, and the snapshots that tell it of the API. Ends with the test.
struct Observing {
    observed: Receiver<Observed>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    _tasks: JoinSet<()>,
}

impl Observing {
    fn begin(dir: &TestDir, url: &str, first: Snapshot) -> Self {
        let (sink, observed) = Sink::channel(Clock::start());
        let (snapshots, watched) = watch::channel(Arc::new(first));
        let mut tasks = JoinSet::new();
        tasks.spawn(observe(dir.pki.clone(), url.to_owned(), sink, watched));
        Self {
            observed,
            snapshots,
            _tasks: tasks,
        }
    }

    async fn next(&mut self) -> Observation {
        self.observed.recv().await.expect("the observer runs").what
    }
}

const fn report(report: Report) -> Observation {
    Observation::Feed {
        feed: FeedId::EtcdStore,
        report,
    }
}

fn off() -> Observation {
    report(Report::Off(Why::new(WhyKind::Disabled, NOT_NEEDED)))
}

#[tokio::test]
async fn it_reads_in_the_dark_and_rests_in_the_light() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, says([claim("a")])).await;
    let dir = controller(&ca);
    let mut observing = Observing::begin(&dir, &etcd.url, example::syncing());
    assert_eq!(observing.next().await, report(Report::Begun));
    assert!(
        matches!(observing.next().await, Observation::Stored(_)),
        "side by side with the API"
    );
    observing.snapshots.send_replace(Arc::new(example::healthy()));
    assert_eq!(observing.next().await, off());
    etcd.all_closed().await;
    observing.snapshots.send_replace(Arc::new(example::quorum_lost()));
    assert_eq!(observing.next().await, report(Report::Begun));
    let Observation::Stored(read) = observing.next().await else {
        panic!("not read again")
    };
    assert_eq!(read.revision, 77);
}

#[tokio::test]
async fn a_live_api_is_all_that_is_needed() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, says([claim("a")])).await;
    let dir = controller(&ca);
    let mut observing = Observing::begin(&dir, &etcd.url, example::healthy());
    assert_eq!(observing.next().await, report(Report::Begun));
    assert_eq!(observing.next().await, off());
    assert_eq!(etcd.connections(), 0);
}

#[tokio::test]
async fn a_member_that_is_not_there_is_a_failure_with_advice() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let url = etcd.url.clone();
    etcd.stop().await;
    let dir = controller(&ca);
    let mut observing = Observing::begin(&dir, &url, example::syncing());
    assert_eq!(observing.next().await, report(Report::Begun));
    let Observation::Feed {
        report: Report::Failed(why),
        ..
    } = observing.next().await
    else {
        panic!("no failure")
    };
    assert_eq!(why.kind, WhyKind::Refused);
    assert!(why.hint.is_some());
}
