//! Snapshots for the tests of the view: one cluster in several states.

pub mod states;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::base::{Stamp, Text, Why, WhyKind};
use crate::model::etcd::{ClusterId, LocalStatus, Member, MemberId, MembershipView, PeerFacts, Vantage};
use crate::model::fact::{Fact, ObjectKey};
use crate::model::feed::{Failing, History, HostPart};
use crate::model::kube::{
    Amounts, Condition, Endpoint, Lease, Node, Owner, Pod, ReplicaSet, Spread, Taint, Tolerates, Tri, Workload,
    WorkloadKind,
};
use crate::model::{FeedId, FeedState, KubeKind, Snapshot};

/// Seconds after the start at which the snapshots are taken.
const NOW: u64 = 600;

pub fn at(seconds: u64) -> Stamp {
    Stamp {
        mono_ms: 0,
        wall: Timestamp::from_second(1_795_400_000).unwrap_or_default(),
    }
    .plus(Duration::from_secs(seconds))
}

fn fact<T>(value: T, feed: FeedId, seconds: u64) -> Fact<T> {
    Fact {
        value,
        feed,
        changed_at: at(seconds),
        seen_changing: true,
    }
}

fn answered(seconds: u64) -> History {
    let mut history = History::begin(at(0));
    history.ok(at(seconds));
    history
}

fn failing(last: u64, count: u32, why: Why) -> History {
    let mut history = answered(last);
    history.failing = Some(Failing {
        since: at(last + 1),
        latest: at(last + u64::from(count)),
        count,
        why,
    });
    history
}

const IDS: [MemberId; 3] = [
    MemberId(0x1a0c_4a9f_e222_2d3b),
    MemberId(0x2b1d_5ba0_f333_3e4c),
    MemberId(0x3c2e_6cb1_0444_4f5d),
];

fn members(names: &[&str; 3]) -> Vec<Member> {
    (11..)
        .zip(IDS.into_iter().zip(names))
        .map(|(host, (id, name))| Member {
            id,
            name: Text::new(name),
            peer_urls: vec![Text::new(&format!("https://10.77.0.{host}:2380"))],
            is_learner: false,
        })
        .collect()
}

fn condition(status: Tri, reason: &str, message: &str, changed: u64) -> Condition {
    Condition {
        kind: "Ready".into(),
        status,
        reason: reason.into(),
        message: message.into(),
        changed: Some(at(changed).wall),
    }
}

fn node(name: &str, zone: Option<&str>, host: usize) -> Node {
    Node {
        name: name.into(),
        uid: Text::new(&format!("6f1c2a54-0000-4000-8000-0000000000{host}")),
        address: Some(Text::new(&format!("10.77.0.{host}"))),
        zone: zone.map(Text::from),
        region: None,
        is_controller: true,
        ready: condition(Tri::True, "KubeletReady", "kubelet is posting ready status", 10),
        unschedulable: false,
        taints: Vec::new(),
        capacity: Amounts::default(),
        allocatable: Amounts {
            cpu_milli: 8000,
            memory_bytes: 31 << 30,
            pods: 110,
        },
        kubelet_version: "v1.35.2+k0s.0".into(),
        labels: std::collections::BTreeMap::new(),
    }
}

fn workload(kind: WorkloadKind, desired: u32, hard: Option<bool>) -> Workload {
    let spread = hard.map(|hard| Spread {
        topology_key: "kubernetes.io/hostname".into(),
        max_skew: 1,
        hard,
        min_domains: None,
        honors_taints: false,
    });
    Workload {
        kind,
        uid: "w".into(),
        desired,
        ready: desired,
        spread: spread.into_iter().collect(),
        hard_host_anti_affinity: false,
        component: None,
        containers: Vec::new(),
    }
}

fn pod(owner: (&str, &str), node: Option<&str>, ready: bool) -> Pod {
    Pod {
        uid: "p".into(),
        node: node.map(Text::from),
        phase: if ready { "Running" } else { "Pending" }.into(),
        ready,
        deleting: None,
        created: None,
        owner: Some(Owner {
            kind: owner.0.into(),
            name: owner.1.into(),
        }),
        is_static: false,
        tolerates_unreachable: Tolerates::Seconds(30),
        tolerates_not_ready: Tolerates::Seconds(30),
        requests: Amounts::default(),
        waiting: None,
        restarts: 0,
        claims: Vec::new(),
    }
}

fn add_workload(snapshot: &mut Snapshot, namespace: &str, name: &str, workload: &Workload, on: &[&str]) {
    let key = ObjectKey::new(namespace, name);
    let (table, kind, owner) = match workload.kind {
        WorkloadKind::Deployment => (&mut snapshot.kube.deployments, KubeKind::Deployments, "ReplicaSet"),
        WorkloadKind::StatefulSet => (&mut snapshot.kube.stateful_sets, KubeKind::StatefulSets, "StatefulSet"),
        WorkloadKind::DaemonSet => (&mut snapshot.kube.daemon_sets, KubeKind::DaemonSets, "DaemonSet"),
    };
    let row = Arc::new(fact(workload.clone(), FeedId::Kube(kind), 20));
    table.rows_mut().insert(key.clone(), row);
    let set = ReplicaSet {
        owner: Some(Owner {
            kind: "Deployment".into(),
            name: name.into(),
        }),
    };
    let sets = snapshot.kube.replica_sets.rows_mut();
    sets.insert(key, Arc::new(fact(set, FeedId::Kube(KubeKind::ReplicaSets), 20)));
    for (number, node) in on.iter().enumerate() {
        let key = ObjectKey::new(namespace, format!("{name}-{number}"));
        let pod = pod((owner, name), Some(node), true);
        let row = Arc::new(fact(pod, FeedId::Kube(KubeKind::Pods), 20));
        snapshot.kube.pods.rows_mut().insert(key, row);
    }
}

fn add_nodes(snapshot: &mut Snapshot, names: &[&str; 3]) {
    for ((host, zone), name) in (11..).zip(["a", "b", "c"]).zip(names) {
        let node = node(name, Some(&format!("zone-{zone}")), host);
        let row = Arc::new(fact(node, FeedId::Kube(KubeKind::Nodes), 10));
        snapshot.kube.nodes.rows_mut().insert(ObjectKey::new("", *name), row);
        let lease = Lease {
            holder: Some(Text::new(name)),
            duration_s: 40,
            renewed: Some(at(NOW - 5).wall),
            transitions: 0,
        };
        let row = Arc::new(fact(lease, FeedId::Kube(KubeKind::Leases), NOW - 5));
        let leases = snapshot.kube.leases.rows_mut();
        leases.insert(ObjectKey::new("kube-node-lease", *name), row);
    }
}

fn add_etcd(snapshot: &mut Snapshot, names: &[&str; 3]) {
    let view = MembershipView {
        cluster_id: Some(ClusterId(0xa7f3_c36c_4b26_e66f)),
        members: members(names),
    };
    let etcd = &mut snapshot.etcd;
    etcd.local = Some(fact(
        LocalStatus {
            cluster_id: ClusterId(0xa7f3_c36c_4b26_e66f),
            member_id: IDS[0],
            version: "3.6.16".into(),
            leader: Some(IDS[1]),
            term: 4,
            raft_index: 7000,
            applied_index: 7000,
            revision: 6200,
            db_size_bytes: 25 << 20,
            db_in_use_bytes: 11 << 20,
            quota_bytes: Some(8 << 30),
            is_learner: false,
            errors: Vec::new(),
        },
        FeedId::EtcdLocal,
        NOW - 1,
    ));
    etcd.serializable = Some(answered(NOW - 1));
    etcd.linearizable = Some(answered(NOW - 1));
    for vantage in [Vantage::LocalLinearizable, Vantage::LocalSerializable] {
        etcd.views.insert(vantage, fact(view.clone(), FeedId::EtcdLocal, 1));
    }
    for (id, rtt_us) in IDS.into_iter().zip([180, 640, 2_300]) {
        etcd.views
            .insert(Vantage::Peer(id), fact(view.clone(), FeedId::EtcdPeer(id), 1));
        let peer = PeerFacts {
            history: answered(NOW - 1),
            rtt_us: Some(rtt_us),
            clock_skew_ms: Some(12),
            version: Some("3.6.16".into()),
        };
        etcd.peers.insert(id, peer);
    }
}

fn live_feeds(snapshot: &mut Snapshot) {
    let peers = IDS.map(FeedId::EtcdPeer);
    let kinds = KubeKind::ALL.map(FeedId::Kube);
    let parts = HostPart::ALL.map(FeedId::Host);
    for id in [FeedId::Api, FeedId::EtcdLocal]
        .into_iter()
        .chain(peers)
        .chain(kinds)
        .chain(parts)
    {
        snapshot.feeds.insert(id, FeedState::Live { as_of: at(NOW - 1) });
    }
    let off = Why::new(WhyKind::NotFound, "the cluster has no kind NetBoxEnterprise");
    snapshot
        .feeds
        .insert(FeedId::Kube(KubeKind::NetBoxEnterprises), FeedState::Off { why: off });
}

fn lose(snapshot: &mut Snapshot, feed: FeedId, last: u64, why: &Why) {
    let as_of = Some(at(last));
    snapshot.feeds.insert(
        feed,
        FeedState::Lost {
            as_of,
            why: why.clone(),
        },
    );
}

fn named(names: &[&str; 3]) -> Snapshot {
    let mut snapshot = Snapshot::empty(at(NOW));
    live_feeds(&mut snapshot);
    snapshot.host.name = Text::new(names[0]);
    snapshot.host.is_root = true;
    snapshot.kube.endpoint = Some(Endpoint {
        server: "https://10.77.0.11:6443".into(),
        epoch: 1,
        is_preferred: true,
        since: at(0),
        version: Some("v1.35.2+k0s".into()),
    });
    add_nodes(&mut snapshot, names);
    add_etcd(&mut snapshot, names);
    let [a, b, c] = *names;
    let deployment = |desired, hard| workload(WorkloadKind::Deployment, desired, hard);
    add_workload(
        &mut snapshot,
        "netbox",
        "netbox-web",
        &deployment(3, Some(true)),
        &[a, b, c],
    );
    add_workload(
        &mut snapshot,
        "netbox",
        "netbox-worker",
        &deployment(2, Some(false)),
        &[a, b],
    );
    add_workload(&mut snapshot, "kotsadm", "kotsadm", &deployment(1, None), &[b]);
    let rqlite = workload(WorkloadKind::StatefulSet, 3, Some(true));
    add_workload(&mut snapshot, "kotsadm", "kotsadm-rqlite", &rqlite, &[a, b, c]);
    add_workload(
        &mut snapshot,
        "kube-system",
        "coredns",
        &deployment(2, Some(false)),
        &[a, c],
    );
    let router = workload(WorkloadKind::DaemonSet, 3, None);
    add_workload(&mut snapshot, "kube-system", "kube-router", &router, &[a, b, c]);
    snapshot
}

/// Three of three, everything live.
pub fn healthy() -> Snapshot {
    named(&["nbe-1", "nbe-2", "nbe-3"])
}

fn kill(snapshot: &mut Snapshot, number: usize, last: u64, why: &Why) {
    let id = IDS[number];
    if let Some(peer) = snapshot.etcd.peers.get_mut(&id) {
        peer.history = failing(last, 20, why.clone());
    }
    lose(snapshot, FeedId::EtcdPeer(id), last, why);
}

fn refused(host: usize) -> Why {
    Why::new(
        WhyKind::Refused,
        format!("10.77.0.{host}:2380 refused the connection: etcd does not run there"),
    )
    .hint("look at `systemctl status k0scontroller` on that host")
}

fn not_ready(snapshot: &mut Snapshot, name: &str, since: u64) {
    for (key, row) in snapshot.kube.nodes.rows_mut() {
        if key.name == name {
            let row = Arc::make_mut(row);
            row.value.ready = condition(
                Tri::Unknown,
                "NodeStatusUnknown",
                "Kubelet stopped posting node status.",
                since,
            );
            row.value.taints.push(Taint {
                key: "node.kubernetes.io/unreachable".into(),
                value: Text::default(),
                effect: "NoExecute".into(),
                added: None,
            });
        }
    }
    for (key, row) in snapshot.kube.leases.rows_mut() {
        if key.name == name {
            Arc::make_mut(row).changed_at = at(since - 30);
        }
    }
}

/// Host 3 is off; etcd and Kubernetes both noticed.
pub fn node_lost() -> Snapshot {
    let mut snapshot = healthy();
    kill(&mut snapshot, 2, NOW - 75, &refused(13));
    not_ready(&mut snapshot, "nbe-3", NOW - 40);
    snapshot.etcd.spare_zero_since = Some(at(NOW - 74));
    for (key, row) in snapshot.kube.pods.rows_mut() {
        let pod = &mut Arc::make_mut(row).value;
        if pod.node.as_ref().is_some_and(|node| *node == "nbe-3") {
            pod.ready = false;
            if key.name.as_str().starts_with("netbox-web") {
                pod.node = None;
            }
        }
    }
    count_ready(&mut snapshot);
    snapshot
}

/// Writes the workloads' ready counts as their controllers would.
fn count_ready(snapshot: &mut Snapshot) {
    for placement in snapshot.placements() {
        let ready = placement.nodes.values().map(|tally| tally.ready).sum();
        let tables = [
            &mut snapshot.kube.deployments,
            &mut snapshot.kube.stateful_sets,
            &mut snapshot.kube.daemon_sets,
        ];
        for row in tables
            .into_iter()
            .filter_map(|table| table.rows_mut().get_mut(&placement.key))
        {
            Arc::make_mut(row).value.ready = ready;
        }
    }
}

/// Hosts 2 and 3 are off; the API server here answers no more.
pub fn quorum_lost() -> Snapshot {
    let mut snapshot = node_lost();
    kill(&mut snapshot, 1, NOW - 20, &refused(12));
    let why = Why::new(WhyKind::TimedOut, "10.77.0.11:6443 did not answer within 2 s");
    for id in KubeKind::ALL.map(FeedId::Kube).into_iter().chain([FeedId::Api]) {
        lose(&mut snapshot, id, NOW - 20, &why);
    }
    if let Some(local) = &mut snapshot.etcd.local {
        local.value.leader = None;
        local.value.errors = vec!["etcdserver: no leader".into()];
    }
    let late = Why::new(WhyKind::TimedOut, "no answer within 2 s");
    snapshot.etcd.linearizable = Some(failing(NOW - 20, 9, late));
    snapshot
}

/// This host alone is off the network.
pub fn cut_off() -> Snapshot {
    let mut snapshot = healthy();
    let why = Why::new(WhyKind::Unreachable, "no route to host");
    kill(&mut snapshot, 1, NOW - 30, &why);
    kill(&mut snapshot, 2, NOW - 30, &why);
    for id in KubeKind::ALL.map(FeedId::Kube).into_iter().chain([FeedId::Api]) {
        lose(&mut snapshot, id, NOW - 30, &why);
    }
    if let Some(local) = &mut snapshot.etcd.local {
        local.value.leader = None;
    }
    snapshot.etcd.linearizable = Some(failing(NOW - 30, 9, why));
    snapshot
}

/// Everything was asked, nothing has answered.
pub fn syncing() -> Snapshot {
    let mut snapshot = empty();
    let kinds = KubeKind::ALL.map(FeedId::Kube);
    for id in kinds.into_iter().chain([FeedId::Api, FeedId::EtcdLocal]) {
        snapshot.feeds.insert(id, FeedState::Syncing { since: at(NOW - 1) });
    }
    snapshot
}

/// Before anything was asked.
pub fn empty() -> Snapshot {
    Snapshot::empty(at(NOW))
}

/// Names as long as Kubernetes allows, and as hostile as a person can be.
pub fn huge_names() -> Snapshot {
    let long = format!(
        "{}-rack-seventeen.dc1.example.com",
        "very-long-controller-name-".repeat(8)
    );
    named(&[&long, "\u{1b}[2J\u{202e}evil\u{7}\u{1f600}", "controller-zürich-北京"])
}
