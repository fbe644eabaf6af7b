//! Ways to bend the healthy example: a host dies, quorum goes, this host is cut off, sources fail, names are hostile.

use std::sync::Arc;

use super::{add_pod, address, ago, change, healthy, lease, member_id, name, node, now, pod, put, wall_ago};
use crate::base::{Text, Why, WhyKind};
use crate::model::entry::{EntryId, Probed};
use crate::model::etcd::{MemberId, Vantage};
use crate::model::feed::{FeedId, FeedState, History, KubeKind};
use crate::model::kube::{ApiHealth, Checked, Owner, Taint, Tri};
use crate::model::reach::{HostReach, Knock, Port, Service};
use crate::model::{ObjectKey, Snapshot, Table};

/// What a dead host looks like from another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// The process is gone and the host still answers: connections are refused.
    Refused,
    /// Frozen, powered off or cut off: nothing comes back.
    Silent,
}

impl Death {
    fn why(self, n: u8) -> Why {
        let address = address(n);
        match self {
            Death::Refused => Why::new(WhyKind::Refused, format!("{address}:2380 refused the connection")),
            Death::Silent => Why::new(WhyKind::TimedOut, format!("{address}:2380 did not answer within 1 s")),
        }
    }
}

/// A source that answered last `seconds` ago and has failed about once a second since.
fn failing(seconds: u64, why: &Why) -> History {
    let mut history = History::begin(ago(590));
    history.ok(ago(seconds));
    for second in (0..seconds).rev() {
        history.failed(ago(second), why.clone());
    }
    history
}

fn lost(seconds: u64, why: Why) -> FeedState {
    FeedState::Lost {
        as_of: Some(ago(seconds)),
        why,
    }
}

/// Nothing is known: no source was even started.
pub fn empty() -> Snapshot {
    Snapshot::empty(now())
}

/// Every source was asked a moment ago, and none has answered.
pub fn syncing() -> Snapshot {
    let mut snapshot = empty();
    let started = healthy().feeds.into_keys();
    snapshot.feeds = started
        .filter(|id| {
            !matches!(
                id,
                FeedId::EtcdPeer(_) | FeedId::Ports(_) | FeedId::From(_) | FeedId::Entry(_) | FeedId::External(_)
            )
        })
        .map(|id| (id, FeedState::Syncing { since: ago(1) }))
        .collect();
    snapshot.host.name = name(1);
    snapshot.host.is_root = true;
    snapshot.etcd.serializable = Some(History::begin(ago(1)));
    snapshot.etcd.linearizable = Some(History::begin(ago(1)));
    snapshot
}

/// How the ports of a dead host are reached.
fn knock(snapshot: &mut Snapshot, n: u8, death: Death) {
    let Ok(address) = address(n).as_str().parse() else {
        return;
    };
    let port = |service, number, knock| {
        (
            service,
            Port {
                number,
                knock,
                at: ago(2),
            },
        )
    };
    let (dead, ssh) = match death {
        Death::Refused => (Knock::Refused, Knock::Connected),
        Death::Silent => (Knock::Silent, Knock::Silent),
    };
    for id in [EntryId::Users(address), EntryId::Console(address)] {
        fail(snapshot, id, death.why(n));
    }
    let ports = [
        port(Service::Etcd, 2_380, dead),
        port(Service::Api, 6_443, dead),
        port(Service::Kubelet, 10_250, dead),
        port(Service::Ssh, 22, ssh),
    ];
    snapshot.reach.insert(address, HostReach { ports: ports.into() });
}

/// The etcd member on host `n` (2 or 3) and k0s died `seconds` ago. Nothing else changes.
pub fn kill_member(snapshot: &mut Snapshot, n: u8, death: Death, seconds: u64) {
    knock(snapshot, n, death);
    let id = member_id(n);
    if let Some(peer) = snapshot.etcd.peers.get_mut(&id) {
        peer.history = failing(seconds, &death.why(n));
    }
    let state = lost(seconds, death.why(n));
    snapshot.feeds.insert(FeedId::EtcdPeer(id), state);
    // Nobody logs in at a dead host.
    snapshot.feeds.remove(&super::from(n));
    snapshot
        .from
        .retain(|address, _| FeedId::From(*address) != super::from(n));
    snapshot.etcd.spare_zero_since = Some(ago(seconds.saturating_sub(1)));
    snapshot.etcd.spare_seen = Some(ago(seconds));
}

/// Host 3 died 10 s ago; Kubernetes has not noticed.
pub fn node_just_died(death: Death) -> Snapshot {
    let mut snapshot = healthy();
    kill_member(&mut snapshot, 3, death, 10);
    stop_heartbeats(&mut snapshot, 3, 16);
    snapshot
}

/// Host 3 died two minutes ago: its node is unreachable, its pods are being deleted, a web replica is pending.
pub fn node_lost(death: Death) -> Snapshot {
    let mut snapshot = healthy();
    kill_member(&mut snapshot, 3, death, 120);
    stop_heartbeats(&mut snapshot, 3, 125);
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(3)), |node| {
        node.ready.status = Tri::Unknown;
        node.ready.reason = "NodeStatusUnknown".into();
        node.ready.message = "Kubelet stopped posting node status.".into();
        node.ready.changed = Some(wall_ago(95));
        for condition in &mut node.conditions {
            condition.status = Tri::Unknown;
            condition.reason.clone_from(&node.ready.reason);
            condition.message.clone_from(&node.ready.message);
            condition.changed = node.ready.changed;
        }
        node.taints = vec![Taint {
            key: "node.kubernetes.io/unreachable".into(),
            value: Text::default(),
            effect: "NoExecute".into(),
            added: Some(wall_ago(90)),
        }];
    });
    evict(&mut snapshot);
    snapshot
}

/// Marks the pods of host 3 as Kubernetes does after an eviction, and adds the web replica that finds no place.
fn evict(snapshot: &mut Snapshot) {
    for row in snapshot.kube.pods.rows_mut().values_mut() {
        let pod = &mut Arc::make_mut(row).value;
        if pod.node.as_ref() != Some(&name(3)) {
            continue;
        }
        pod.ready = false;
        let is_daemon = pod.owner.as_ref().is_some_and(|owner| owner.kind == "DaemonSet");
        if !is_daemon && !pod.is_static {
            pod.deleting = Some(wall_ago(60));
        }
    }
    let mut pending = pod(&name(3));
    pending.node = None;
    pending.phase = "Pending".into();
    pending.ready = false;
    pending.created = Some(wall_ago(75));
    pending.waiting = Some("0/3 nodes are available: 1 node(s) had untolerated taint, 2 node(s) didn't match pod topology spread constraints".into());
    pending.owner = Some(Owner {
        kind: "ReplicaSet".into(),
        name: "netbox-netbox-6d5f8".into(),
    });
    add_pod(&mut snapshot.kube, "kotsadm", "netbox-netbox-6d5f8-4", pending);
    for (table, key) in [
        (&mut snapshot.kube.deployments, "netbox-netbox"),
        (&mut snapshot.kube.stateful_sets, "kotsadm-rqlite"),
    ] {
        change(table, &ObjectKey::new("kotsadm", key), |workload| {
            workload.ready = 2;
            // Kubernetes' default: the lost node stays a domain, and keeps the replacement out.
            for spread in &mut workload.spread {
                spread.honors_taints = false;
            }
        });
    }
}

/// Host `n` renewed its leases last `seconds` ago.
fn stop_heartbeats(snapshot: &mut Snapshot, n: u8, seconds: u64) {
    let node = name(n);
    for lease in [node.clone(), Text::new(&format!("k0s-ctrl-{node}"))] {
        let key = ObjectKey::new("kube-node-lease", lease);
        if let Some(row) = snapshot.kube.leases.rows_mut().get_mut(&key) {
            let row = Arc::make_mut(row);
            row.changed_at = ago(seconds);
            row.value.renewed = Some(wall_ago(seconds));
        }
    }
}

/// Nothing that needs quorum has answered for `seconds`: no leader, no linearizable read, no API server.
fn lose_quorum_reads(snapshot: &mut Snapshot, seconds: u64) {
    let why = Why::new(WhyKind::TimedOut, "no answer within 2 s");
    snapshot.etcd.linearizable = Some(failing(seconds, &why));
    if let Some(local) = &mut snapshot.etcd.local {
        local.value.leader = None;
        local.value.errors = vec!["etcdserver: no leader".into()];
    }
    if let Some(local) = &mut snapshot.kube.local {
        let failed = |passed, names: &[&str]| Checked {
            passed,
            failed: names.iter().map(|name| Text::new(name)).collect(),
            refused: None,
        };
        local.value = ApiHealth {
            livez: failed(33, &["etcd"]),
            readyz: failed(34, &["etcd", "etcd-readiness"]),
        };
    }
    snapshot.feeds.insert(FeedId::Api, lost(seconds, why.clone()));
    for kind in KubeKind::ALL {
        snapshot.feeds.insert(FeedId::Kube(kind), lost(seconds, why.clone()));
    }
}

/// Hosts 2 and 3 were killed 40 s ago: both refuse, etcd here has no leader, the API server is gone.
pub fn quorum_lost() -> Snapshot {
    let mut snapshot = healthy();
    kill_member(&mut snapshot, 2, Death::Refused, 40);
    kill_member(&mut snapshot, 3, Death::Refused, 40);
    lose_quorum_reads(&mut snapshot, 40);
    snapshot.etcd.spare_zero_since = Some(ago(39));
    snapshot
}

/// This host alone was cut off 40 s ago. With `unplugged` its cable is out; otherwise packets just vanish.
pub fn cut_off(unplugged: bool) -> Snapshot {
    let mut snapshot = healthy();
    kill_member(&mut snapshot, 2, Death::Silent, 40);
    kill_member(&mut snapshot, 3, Death::Silent, 40);
    lose_quorum_reads(&mut snapshot, 40);
    (snapshot.etcd.spare_zero_since, snapshot.etcd.spare_seen) = (None, None);
    fail(&mut snapshot, EntryId::Balancer, Death::Silent.why(1));
    if let Some(links) = snapshot.host.links.as_mut().filter(|_| unplugged) {
        for link in &mut links.value {
            link.carrier = Some(false);
        }
    }
    snapshot
}

/// A way in is probed again, and does not serve; the next probe says the same.
fn fail(snapshot: &mut Snapshot, id: EntryId, why: Why) {
    if let Some(entry) = snapshot.entry.get_mut(&id) {
        let probed = Probed {
            why: Some(why),
            ..Probed::default()
        };
        entry.take(ago(2), probed.clone());
        entry.take(ago(1), probed);
    }
}

/// This host's login arrives at host 3 from another address: there is NAT between them.
pub fn translated() -> Snapshot {
    let mut snapshot = healthy();
    let arrivals = snapshot
        .from
        .iter_mut()
        .filter(|(address, _)| FeedId::From(**address) == super::from(3));
    for arrival in arrivals.filter_map(|(_, seen)| seen.arrival.as_mut()) {
        arrival.from = [192, 0, 2, 1].into();
    }
    snapshot
}

/// Switches a source off, as where it is not configured; etcd's sources take what they told with them.
pub fn turn_off(snapshot: &mut Snapshot, feed: FeedId) {
    let why = Why::new(WhyKind::Disabled, "switched off in this example");
    match feed {
        FeedId::EtcdLocal => {
            snapshot.etcd.local = None;
            snapshot.etcd.serializable = None;
            snapshot.etcd.linearizable = None;
            snapshot.etcd.views.remove(&Vantage::LocalLinearizable);
            snapshot.etcd.views.remove(&Vantage::LocalSerializable);
        }
        FeedId::EtcdPeer(id) => {
            snapshot.etcd.peers.remove(&id);
            snapshot.etcd.views.remove(&Vantage::Peer(id));
        }
        FeedId::Api
        | FeedId::ApiLocal
        | FeedId::Admission
        | FeedId::Kube(_)
        | FeedId::EtcdStore
        | FeedId::EtcdDisk
        | FeedId::Host(_)
        | FeedId::Ports(_)
        | FeedId::From(_)
        | FeedId::Entry(_)
        | FeedId::External(_) => {}
    }
    snapshot.feeds.insert(feed, FeedState::Off { why });
}

/// Loses a source: it answered last two minutes ago, what it told stays.
pub fn lose_feed(snapshot: &mut Snapshot, feed: FeedId) {
    let why = Why::new(WhyKind::TimedOut, "no answer");
    match feed {
        FeedId::EtcdLocal => {
            snapshot.etcd.serializable = Some(failing(120, &why));
            snapshot.etcd.linearizable = Some(failing(120, &why));
        }
        FeedId::EtcdPeer(id) => {
            if let Some(peer) = snapshot.etcd.peers.get_mut(&id) {
                peer.history = failing(120, &why);
            }
        }
        FeedId::Api
        | FeedId::ApiLocal
        | FeedId::Admission
        | FeedId::Kube(_)
        | FeedId::EtcdStore
        | FeedId::EtcdDisk
        | FeedId::Host(_)
        | FeedId::Ports(_)
        | FeedId::From(_)
        | FeedId::Entry(_)
        | FeedId::External(_) => {}
    }
    snapshot.feeds.insert(feed, lost(120, why));
}

/// The same etcd, beside an API server of another cluster: live, and with other members, names and addresses.
pub fn other_cluster(mut snapshot: Snapshot) -> Snapshot {
    let kube = &mut snapshot.kube;
    (kube.nodes, kube.etcd_members, kube.control_nodes) = (Table::default(), Table::default(), Table::default());
    kube.leases = Table::default();
    for n in 7..=9 {
        super::controller(kube, n);
    }
    snapshot
}

/// Names as an attacker, or a very creative administrator, would choose them, in every place that shows a name.
pub fn hostile() -> Snapshot {
    let mut snapshot = healthy();
    let evil = Text::new("\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}3-ebn \u{1f4a5}\u{200b}\r\n\tX");
    rename(&mut snapshot, &evil);
    let key = ObjectKey::new("kotsadm", "netbox");
    change(&mut snapshot.kube.netbox_enterprises, &key, |netbox| {
        netbox.ready = Some(false);
        netbox.message = evil.clone();
    });
    snapshot
}

/// Host 3 and one workload have names of 253 characters, and there are eighty more nodes, 400 pods and no zone.
pub fn huge() -> Snapshot {
    let mut snapshot = healthy();
    rename(&mut snapshot, &Text::new(&"n".repeat(253)));
    for n in 4..=83_u8 {
        let mut worker = node(n);
        worker.is_controller = false;
        worker.zone = None;
        put(
            &mut snapshot.kube.nodes,
            KubeKind::Nodes,
            ObjectKey::new("", name(n)),
            worker,
        );
        lease(&mut snapshot.kube, "kube-node-lease", &name(n), &name(n), 40);
        for replica in 0..5 {
            let pod_name = format!("{}-{n}-{replica}", "p".repeat(200));
            add_pod(&mut snapshot.kube, "default", &pod_name, pod(&name(n)));
        }
    }
    snapshot
}

/// Renames node 3 with its member, and the web Deployment.
fn rename(snapshot: &mut Snapshot, to: &Text) {
    let id: MemberId = member_id(3);
    for view in snapshot.etcd.views.values_mut() {
        for member in view.value.members.iter_mut().filter(|member| member.id == id) {
            member.name = to.clone();
        }
    }
    let nodes = snapshot.kube.nodes.rows_mut();
    if let Some(mut row) = nodes.remove(&ObjectKey::new("", name(3))) {
        Arc::make_mut(&mut row).value.name = to.clone();
        nodes.insert(ObjectKey::new("", to.clone()), row);
    }
    for row in snapshot.kube.pods.rows_mut().values_mut() {
        let pod = &mut Arc::make_mut(row).value;
        if pod.node.as_ref() == Some(&name(3)) {
            pod.node = Some(to.clone());
        }
    }
    rekey(&mut snapshot.kube.leases, "kube-node-lease", &name(3), to);
    let web = Text::from("netbox-netbox");
    rekey(&mut snapshot.kube.deployments, "kotsadm", &web, to);
    change(
        &mut snapshot.kube.replica_sets,
        &ObjectKey::new("kotsadm", "netbox-netbox-6d5f8"),
        |set| {
            set.owner = Some(Owner {
                kind: "Deployment".into(),
                name: to.clone(),
            });
        },
    );
}

fn rekey<T: Clone>(table: &mut Table<T>, namespace: &str, from: &Text, to: &Text) {
    let rows = table.rows_mut();
    if let Some(row) = rows.remove(&ObjectKey::new(namespace, from.clone())) {
        rows.insert(ObjectKey::new(namespace, to.clone()), row);
    }
}
