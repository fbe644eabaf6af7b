//! Probers follow the membership.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use super::BRISK;
use super::controller;
use crate::base::Clock;
use crate::live::probe::{MAX_PROBERS, supervise, wanted};
use crate::live::test_pki::{TestCa, TestDir};
use crate::model::etcd::{Member, MemberId, MembershipView, Vantage};
use crate::model::feed::History;
use crate::model::{Fact, FeedId, Snapshot};
use crate::port::{Observation, Observed, Sink};

/// A snapshot in which the local member has just listed these.
fn listing(members: &[(u64, &str)]) -> Snapshot {
    let now = Clock::start().now();
    let mut snapshot = Snapshot::empty(now);
    let mut history = History::begin(now);
    history.ok(now);
    snapshot.etcd.serializable = Some(history);
    let members = members.iter().map(|(id, url)| Member {
        id: MemberId(*id),
        name: "nbe".into(),
        peer_urls: if url.is_empty() {
            Vec::new()
        } else {
            vec![(*url).into()]
        },
        client_urls: Vec::new(),
        is_learner: false,
    });
    let view = MembershipView {
        cluster_id: None,
        members: members.collect(),
    };
    let fact = Fact {
        value: view,
        feed: FeedId::EtcdLocal,
        changed_at: now,
        seen_changing: false,
    };
    snapshot.etcd.views.insert(Vantage::LocalSerializable, fact);
    snapshot
}

#[test]
fn members_without_a_url_and_beyond_the_bound_are_not_probed() {
    let url = "https://127.0.0.1:1";
    let many: Vec<(u64, &str)> = (1..=40).map(|id| (id, url)).collect();
    assert_eq!(wanted(&listing(&many)).len(), MAX_PROBERS);
    assert!(wanted(&listing(&[(1, "")])).is_empty());
    assert!(wanted(&Snapshot::empty(Clock::start().now())).is_empty());
}

struct Supervised {
    snapshots: watch::Sender<Arc<Snapshot>>,
    observed: mpsc::Receiver<Observed>,
    task: tokio::task::JoinHandle<()>,
}

fn start(dir: &TestDir, first: Snapshot) -> Supervised {
    let (sink, observed) = Sink::channel(Clock::start());
    let (snapshots, receiver) = watch::channel(Arc::new(first));
    let pki = dir.pki.clone();
    let task = tokio::spawn(async move { supervise(&pki, &sink, receiver, BRISK).await });
    Supervised {
        snapshots,
        observed,
        task,
    }
}

impl Supervised {
    async fn next(&mut self) -> MemberId {
        loop {
            if let Observation::EtcdPeer { id, .. } = self.observed.recv().await.expect("probers run").what {
                return id;
            }
        }
    }
}

/// Ports at which nobody listens.
async fn refusing<const N: usize>() -> [String; N] {
    let mut urls = Vec::new();
    for _ in 0..N {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        urls.push(format!("https://{}", listener.local_addr().unwrap()));
    }
    urls.try_into().unwrap()
}

#[tokio::test]
async fn probers_come_and_go_with_the_members() {
    let dir = controller(&TestCa::new());
    let [one, two, three] = refusing().await;
    let mut probing = start(&dir, listing(&[(1, &one), (2, &two)]));
    let mut seen = BTreeSet::new();
    while seen.len() < 2 {
        seen.insert(probing.next().await.0);
    }
    assert_eq!(seen, BTreeSet::from([1, 2]));

    probing
        .snapshots
        .send(Arc::new(listing(&[(2, &two), (3, &three)])))
        .unwrap();
    while probing.next().await != MemberId(3) {}
    // From here on nothing of member 1 may come: three more rounds of the others.
    for _ in 0..6 {
        assert_ne!(probing.next().await, MemberId(1));
    }
}

#[tokio::test]
async fn a_member_that_moved_is_dialled_at_its_new_address() {
    let dir = controller(&TestCa::new());
    let [old] = refusing().await;
    let mut probing = start(&dir, listing(&[(1, &old)]));
    probing.next().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let new = format!("https://{}", listener.local_addr().unwrap());
    probing.snapshots.send(Arc::new(listing(&[(1, &new)]))).unwrap();
    listener.accept().await.unwrap();
}

#[tokio::test]
async fn it_ends_with_its_reader_and_with_the_snapshots() {
    let dir = controller(&TestCa::new());
    let [one] = refusing().await;
    let probing = start(&dir, listing(&[(1, &one)]));
    drop(probing.observed);
    probing.task.await.unwrap();

    let probing = start(&dir, listing(&[(1, &one)]));
    drop(probing.snapshots);
    probing.task.await.unwrap();
}
