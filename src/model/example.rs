//! Example snapshots for tests of every layer and for pictures: a healthy three-controller NetBox Enterprise cluster, and
//! ways to bend it. Not observed anywhere: made up here, after `k0s-observed` and a real cluster's shape. Start at
//! [`healthy`], then see the functions of [`bend`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::etcd::{ClusterId, EtcdFacts, LocalStatus, Member, MemberId, MembershipView, PeerFacts, Vantage};
use super::fact::{Fact, ObjectKey, Table};
use super::feed::{FeedId, FeedState, History, HostPart, KubeKind};
use super::k0s::{ClusterConfig, ControlNode, EtcdMemberObject};
use super::kube::{Amounts, Condition, Endpoint, KubeFacts, Lease, Machine, Node, Tri};
use super::past::Past;
use super::product::{Installation, NetBoxEnterprise, Services};
use super::snapshot::Snapshot;
use crate::base::{Stamp, Text};

mod bend;
mod external;
mod from;
mod host;
mod workloads;

pub use bend::{
    Death, cut_off, empty, hostile, huge, kill_member, lose_feed, node_just_died, node_lost, other_cluster,
    quorum_lost, syncing, translated, turn_off,
};
pub use workloads::{add_pod, pod, spread_hard, workload};

/// An example's name, and what makes it.
pub type Example = (&'static str, fn() -> Snapshot);

/// The examples by name, for pictures and for tests of all of them.
pub const NAMED: [Example; 9] = [
    ("healthy", healthy),
    ("just-died", || node_just_died(Death::Silent)),
    ("node-lost", || node_lost(Death::Refused)),
    ("quorum-lost", quorum_lost),
    ("cut-off", || cut_off(false)),
    ("syncing", syncing),
    ("empty", empty),
    ("hostile", hostile),
    ("huge", huge),
];

/// The etcd cluster of the examples.
pub const CLUSTER: ClusterId = ClusterId(0xa7f3_c36c_4b26_e66f);
/// Another etcd cluster.
pub const OTHER_CLUSTER: ClusterId = ClusterId(0x0dd0_0dd0_0dd0_0dd0);

/// The moment of every example: quorate has run for ten minutes.
pub fn now() -> Stamp {
    Stamp {
        mono_ms: 600_000,
        ahead_ms: 0,
        wall: Timestamp::from_second(1_795_428_000).unwrap_or_default(),
    }
}

/// The moment `seconds` before [`now`], on both clocks.
pub fn ago(seconds: u64) -> Stamp {
    let now = now();
    Stamp {
        mono_ms: now.mono_ms.saturating_sub(seconds * 1000),
        ahead_ms: 0,
        wall: wall_ago(seconds),
    }
}

/// The wall clock `seconds` before [`now`].
pub fn wall_ago(seconds: u64) -> Timestamp {
    now().wall - Duration::from_secs(seconds)
}

/// The etcd member on host `n` (1 to 3).
pub const fn member_id(n: u8) -> MemberId {
    MemberId(match n {
        1 => 0x8f2a_77b1_c0de_0001,
        2 => 0x5b1e_9d40_c0de_0002,
        3 => 0x1a0c_4a9f_e222_2d3b,
        n => 0xface_0000_0000_0000 + n as u64,
    })
}

/// The name of host `n`: of its node, its member and its objects.
pub fn name(n: u8) -> Text {
    Text::new(&format!("nbe-{n}"))
}

/// The address of host `n`.
pub fn address(n: u8) -> Text {
    Text::new(&format!("10.77.0.{}", 10 + u16::from(n)))
}

/// The listed member on host `n`.
pub fn member(n: u8) -> Member {
    Member {
        id: member_id(n),
        name: name(n),
        peer_urls: vec![Text::new(&format!("https://{}:2380", address(n)))],
        client_urls: vec!["https://127.0.0.1:2379".into()],
        is_learner: false,
    }
}

/// A member list of hosts, sorted by id as etcd's is.
pub fn view(hosts: &[u8]) -> MembershipView {
    let mut members: Vec<Member> = hosts.iter().map(|n| member(*n)).collect();
    members.sort();
    MembershipView {
        cluster_id: Some(CLUSTER),
        members,
    }
}

/// A value that a feed reported, unchanged since `seconds` ago.
pub fn fact<T>(feed: FeedId, seconds: u64, value: T) -> Fact<T> {
    Fact {
        value,
        feed,
        changed_at: ago(seconds),
        seen_changing: true,
    }
}

/// Puts a row into a table, in the place of one with the same key.
pub fn put<T: Clone>(table: &mut Table<T>, kind: KubeKind, key: ObjectKey, value: T) {
    let row = fact(FeedId::Kube(kind), 4, value);
    table.rows_mut().insert(key, Arc::new(row));
}

/// Changes a row, if it is there.
pub fn change<T: Clone>(table: &mut Table<T>, key: &ObjectKey, change: impl FnOnce(&mut T)) {
    if let Some(row) = table.rows_mut().get_mut(key) {
        change(&mut Arc::make_mut(row).value);
    }
}

/// A source that answered `seconds` ago.
pub fn answered(seconds: u64) -> History {
    let mut history = History::begin(ago(590));
    history.ok(ago(seconds));
    history
}

/// A condition that has stood for an hour.
pub fn condition(kind: &str, status: Tri, reason: &str, message: &str) -> Condition {
    Condition {
        kind: kind.into(),
        status,
        reason: reason.into(),
        message: message.into(),
        changed: Some(wall_ago(3_600)),
    }
}

/// Three controllers in three zones, three members, one to spare; NetBox Enterprise as a fresh 2.2 install runs it. Every
/// source is live, and every check holds. quorate runs as root on host 1.
pub fn healthy() -> Snapshot {
    let mut snapshot = Snapshot {
        simulated: None,
        now: now(),
        feeds: feeds(),
        kube: KubeFacts {
            endpoint: Some(Endpoint {
                server: "https://10.77.0.11:6443".into(),
                epoch: 1,
                is_preferred: true,
                since: ago(600),
                version: Some("v1.37.2+k0s.0".into()),
                cluster: None,
            }),
            local: Some(fact(FeedId::ApiLocal, 590, host::api_health())),
            admission: Some(host::admission()),
            ..KubeFacts::default()
        },
        etcd: etcd(),
        host: host::facts(),
        reach: [2, 3]
            .into_iter()
            .filter_map(|n| Some((address(n).as_str().parse().ok()?, host::reach())))
            .collect(),
        there: BTreeMap::new(),
        from: from::controllers(),
        entry: host::entries(),
        external: external::services(),
        past: Past::default(),
    };
    for n in 1..=3 {
        controller(&mut snapshot.kube, n);
    }
    product(&mut snapshot.kube);
    workloads::deploy(&mut snapshot.kube);
    snapshot
}

/// The feed of what is seen from a controller.
pub fn from(n: u8) -> FeedId {
    from::controllers()
        .into_keys()
        .nth(usize::from(n) - 1)
        .map_or(FeedId::Api, FeedId::From)
}

fn feeds() -> BTreeMap<FeedId, FeedState> {
    let fixed = [
        FeedId::Api,
        FeedId::ApiLocal,
        FeedId::Admission,
        FeedId::EtcdLocal,
        FeedId::EtcdDisk,
    ];
    let peers = (1..=3).map(|n| FeedId::EtcdPeer(member_id(n)));
    let kinds = KubeKind::ALL.map(FeedId::Kube);
    let parts = HostPart::ALL.map(FeedId::Host);
    let reached = [2, 3]
        .into_iter()
        .filter_map(|n| address(n).as_str().parse().ok().map(FeedId::Ports));
    let seen_from = from::controllers().into_keys().map(FeedId::From);
    let entries = host::entries().into_keys().map(FeedId::Entry);
    let services = external::services().into_keys().map(FeedId::External);
    let ids = fixed
        .into_iter()
        .chain(peers)
        .chain(kinds)
        .chain(parts)
        .chain(reached)
        .chain(seen_from)
        .chain(entries)
        .chain(services);
    ids.map(|id| (id, FeedState::Live { as_of: ago(0) })).collect()
}

fn etcd() -> EtcdFacts {
    let vantages = [Vantage::LocalLinearizable, Vantage::LocalSerializable]
        .into_iter()
        .map(|vantage| (vantage, FeedId::EtcdLocal));
    let peers = (1..=3).map(|n| (Vantage::Peer(member_id(n)), FeedId::EtcdPeer(member_id(n))));
    EtcdFacts {
        local: Some(fact(FeedId::EtcdLocal, 590, local_status())),
        term: Some(fact(FeedId::EtcdLocal, 590, local_status().term)),
        disk: Some(fact(FeedId::EtcdDisk, 5, host::disk_times())),
        serializable: Some(answered(1)),
        linearizable: Some(answered(1)),
        views: vantages
            .chain(peers)
            .map(|(vantage, feed)| (vantage, fact(feed, 590, view(&[1, 2, 3]))))
            .collect(),
        peers: (1..=3).map(|n| (member_id(n), peer(n))).collect(),
        spare_zero_since: None,
        spare_seen: None,
        no_access: None,
    }
}

fn local_status() -> LocalStatus {
    LocalStatus {
        cluster_id: CLUSTER,
        member_id: member_id(1),
        version: "3.6.16".into(),
        leader: Some(member_id(2)),
        term: 4,
        raft_index: 182_340,
        applied_index: 182_340,
        revision: 160_112,
        db_size_bytes: 48 << 20,
        db_in_use_bytes: 21 << 20,
        quota_bytes: Some(2 << 30),
        is_learner: false,
        errors: Vec::new(),
    }
}

fn peer(n: u8) -> PeerFacts {
    PeerFacts {
        history: answered(1),
        rtt_us: Some(700 + 100 * u64::from(n)),
        clock_skew_ms: Some(i64::from(n) - 1),
        version: Some("3.6.16".into()),
        certificate_ends: Some(ago(0).plus(Duration::from_hours(330 * 24)).wall),
    }
}

/// Node, heartbeat and k0s's objects of host `n`.
fn controller(kube: &mut KubeFacts, n: u8) {
    put(&mut kube.nodes, KubeKind::Nodes, ObjectKey::new("", name(n)), node(n));
    lease(kube, "kube-node-lease", &name(n), &name(n), 40);
    let own = Text::new(&format!("k0s-ctrl-{}", name(n)));
    lease(kube, "kube-node-lease", &own, &Text::new(&format!("{n:032x}")), 60);
    let object = EtcdMemberObject {
        uid: Text::new(&format!("etcdmember-{n}")),
        member_id: Some(member_id(n)),
        peer_address: Some(address(n)),
        joined: Some(condition("Joined", Tri::True, "", "Member joined")),
        reconcile_status: "Success".into(),
        message: Text::default(),
        leave: false,
        lease: Some(own),
    };
    let key = ObjectKey::new("", name(n));
    put(&mut kube.etcd_members, KubeKind::EtcdMembers, key.clone(), object);
    let object = ControlNode {
        uid: Text::new(&format!("controlnode-{n}")),
        address: Some(address(n)),
        node: Some(name(n)),
        k0s_version: Some("v1.37.2+k0s.0".into()),
    };
    put(&mut kube.control_nodes, KubeKind::ControlNodes, key, object);
}

/// The node of host `n`, in a zone of its own.
pub fn node(n: u8) -> Node {
    let zone = Text::new(&format!("zone-{}", char::from(b'a' + n.saturating_sub(1))));
    let labels = [
        ("kubernetes.io/hostname".into(), name(n)),
        ("node-role.kubernetes.io/control-plane".into(), "true".into()),
        ("topology.kubernetes.io/zone".into(), zone.clone()),
    ];
    Node {
        name: name(n),
        uid: Text::new(&format!("node-{n}")),
        address: Some(address(n)),
        zone: Some(zone),
        region: None,
        is_controller: true,
        ready: condition("Ready", Tri::True, "KubeletReady", "kubelet is posting ready status"),
        conditions: vec![condition(
            "DiskPressure",
            Tri::False,
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
        )],
        unschedulable: false,
        taints: Vec::new(),
        machine: Machine {
            machine_id: Some(Text::new(&format!("{n:032x}"))),
            system_uuid: Some(Text::new(&format!("00000000-0000-0000-0000-{n:012}"))),
            boot_id: Some(Text::new(&format!("b007b007-0000-4000-8000-{n:012}"))),
            swap_bytes: None,
        },
        disk_bytes: Some(100 << 30),
        capacity: amounts(8_000, 24),
        allocatable: amounts(7_900, 23),
        kubelet_version: "v1.37.2+k0s".into(),
        labels: labels.into_iter().collect(),
    }
}

const fn amounts(cpu_milli: u64, memory_gib: u64) -> Amounts {
    Amounts {
        cpu_milli,
        memory_bytes: memory_gib << 30,
        pods: 110,
    }
}

fn lease(kube: &mut KubeFacts, namespace: &str, name: &Text, holder: &Text, duration_s: u32) {
    let lease = Lease {
        uid: Text::new(&format!("lease-{name}")),
        holder: Some(holder.clone()),
        duration_s,
        renewed: Some(wall_ago(4)),
        transitions: 0,
    };
    let key = ObjectKey::new(namespace, name.clone());
    put(&mut kube.leases, KubeKind::Leases, key, lease);
}

fn product(kube: &mut KubeFacts) {
    lease(
        kube,
        "kube-system",
        &"kube-controller-manager".into(),
        &"nbe-2_7f".into(),
        15,
    );
    lease(
        kube,
        "kube-node-lease",
        &"k0s-endpoint-reconciler".into(),
        &"2".into(),
        60,
    );
    let config = ClusterConfig {
        grace_period: Some("20s".into()),
        monitor_period: Some("5s".into()),
        network_provider: Some("calico".into()),
        has_bgp: false,
        wireguard: true,
    };
    let key = ObjectKey::new("kube-system", "k0s");
    put(&mut kube.cluster_configs, KubeKind::ClusterConfigs, key, config);
    let installation = Installation {
        state: "Installed".into(),
        reason: Text::default(),
        high_availability: true,
        air_gap: false,
        version: Some("2.19.4+k8s-1.37".into()),
        conditions: Vec::new(),
    };
    let key = ObjectKey::new("", "20261001120000");
    put(&mut kube.installations, KubeKind::Installations, key, installation);
    let netbox = NetBoxEnterprise {
        api_version: "netboxlabs.com/v1alpha1".into(),
        ready: Some(true),
        message: "All components ready".into(),
        generation: Some(7),
        converged_generation: Some(7),
        conditions: vec![
            condition("Ready", Tri::True, "AllComponentsReady", "All components ready"),
            condition("Progressing", Tri::False, "ReconcileComplete", ""),
            condition("Degraded", Tri::False, "", ""),
        ],
        external_postgresql: Some(true),
        external_redis: Some(true),
        diode: Some(true),
        urls: vec!["https://netbox.example.com".into()],
        services: Services::default(),
    };
    let key = ObjectKey::new("kotsadm", "netbox");
    put(&mut kube.netbox_enterprises, KubeKind::NetBoxEnterprises, key, netbox);
}
