//! `quorate status`: nodes per zone, etcd, placement, verdict. The names in [`StatusDocument`] are a contract with other
//! programs; what is not proven is null.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::below::{self, HostDocument, ReachDocument};
use super::failover::{self, FailoverDocument};
use super::feeds::{FeedDocument, feeds, millis};
use super::scenario;
use crate::app::failover::at_one_look;
use crate::base::{Text, WhyKind};
use crate::check::Verdict;
use crate::model::etcd::{ClusterId, MemberId};
use crate::model::kube::{Node, WorkloadKind};
use crate::model::placement::Placement;
use crate::model::quorum::{Contact, Health, MemberState, MembershipSource, Quorum, Standing};
use crate::model::recovery::Recovery;
use crate::model::{FeedId, KubeKind, Policy, Snapshot};

/// The document's name.
pub const SCHEMA: &str = "quorate.status/v1";

/// The whole document.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct StatusDocument<'a> {
    pub schema: &'static str,
    pub taken_at: Timestamp,
    /// The scenario, where nothing of this is real.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<Text>,
    pub verdict: &'a Verdict,
    pub quorum: QuorumDocument,
    pub zones: Vec<ZoneDocument>,
    pub etcd: EtcdDocument,
    /// The namespace that was asked for, where `placement` is of that one alone; everything else is of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Text>,
    pub placement: Vec<PlacementDocument>,
    pub api: Option<ApiDocument>,
    /// Set while nodes, leases, pods and workloads are those of etcd's last committed state, for want of an API server.
    pub stored: Option<StoredDocument>,
    /// Nodes that were lost within the last minutes and whose failover goes on; null where the sources that tell it are not
    /// current.
    pub failover: Option<Vec<FailoverDocument>>,
    /// What is dark, and what to do about it.
    pub recovery: Recovery,
    /// What this host tells from below.
    pub host: HostDocument,
    /// How the ports of the other controllers are reached.
    pub reach: Vec<ReachDocument>,
    pub feeds: Vec<FeedDocument>,
}

/// Quorum arithmetic.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct QuorumDocument {
    pub voters: Option<usize>,
    /// Proven healthy; null while not one voter could be judged.
    pub healthy: Option<usize>,
    pub needed: Option<usize>,
    pub spare: Option<i64>,
    pub spare_range: Option<[i64; 2]>,
    pub leader: Option<MemberId>,
    /// held, lost, alone or unproven
    pub standing: &'static str,
    /// How this host stands to the others.
    pub contact: Contact,
    /// Where the member list comes from.
    pub membership: MembershipSource,
}

/// A zone; the last one has no name and holds the nodes without a label.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ZoneDocument {
    pub name: Option<Text>,
    pub nodes: Vec<NodeDocument>,
}

/// A node.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct NodeDocument {
    pub name: Text,
    pub ready: &'static str,
    pub ready_reason: Text,
    /// Of the last renewal that we saw, or by the writer's clock against ours: see `heartbeat_seen`.
    pub heartbeat_age_ms: Option<u64>,
    /// Whether we saw the renewal ourselves.
    pub heartbeat_seen: bool,
    pub address: Option<Text>,
    pub controller: bool,
    pub etcd_member_id: Option<MemberId>,
    pub kubelet_version: Text,
}

/// etcd.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct EtcdDocument {
    pub cluster_id: Option<ClusterId>,
    pub members: Vec<MemberDocument>,
}

/// An etcd member.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct MemberDocument {
    pub id: MemberId,
    pub name: Text,
    pub peer_address: Option<Text>,
    pub role: &'static str,
    pub state: &'static str,
    pub why: Option<Text>,
    /// Whether its peer port (or, on this host, its client port) answers; null while not asked.
    pub reachable: Option<bool>,
    /// Of the local member only: others do not tell it without walking their store.
    pub revision: Option<i64>,
    pub rtt_ms: Option<f64>,
    pub clock_skew_ms: Option<i64>,
    pub version: Option<Text>,
}

/// A workload.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PlacementDocument {
    pub namespace: Text,
    pub kind: &'static str,
    pub name: Text,
    pub desired: u32,
    /// By its pods, which know before its controller has counted them; null while they are not known.
    pub ready: Option<u32>,
    pub nodes: Option<BTreeMap<Text, u32>>,
    pub unscheduled: Option<u32>,
    pub hard_spread: bool,
    pub spread_ok: Option<bool>,
}

/// The API server in use.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ApiDocument {
    pub server: Text,
    pub version: Option<Text>,
    pub preferred: bool,
    /// live, lagging, lost, …
    pub state: &'static str,
}

/// etcd's last committed state, as the member on this host has it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct StoredDocument {
    /// etcd's revision: everything is of this one moment.
    pub revision: u64,
    /// When it was read, UTC.
    pub read_at: Timestamp,
    /// The newest renewal of a lease in it, by its holder's clock: the cluster wrote then, and hardly later.
    pub written_at: Option<Timestamp>,
    /// The age of that renewal, by our clock.
    pub written_age_ms: Option<u64>,
    /// The kinds that are shown from there.
    pub kinds: Vec<&'static str>,
    /// The kinds that cannot be shown, and why.
    pub unread: BTreeMap<&'static str, Text>,
}

fn stored(snapshot: &Snapshot) -> Option<StoredDocument> {
    let stored = snapshot.kube.stored.as_ref()?;
    let unread = stored.unread.iter();
    Some(StoredDocument {
        revision: stored.revision,
        read_at: stored.at.wall,
        written_at: stored.written,
        written_age_ms: stored.written.map(|written| millis(snapshot.wall_age(written))),
        kinds: stored.kinds.iter().map(|kind| kind.plural()).collect(),
        unread: unread.map(|(kind, why)| (kind.plural(), why.text.clone())).collect(),
    })
}

/// Makes the document.
pub fn document<'a>(
    snapshot: &Snapshot,
    verdict: &'a Verdict,
    policy: &Policy,
    namespace: Option<&Text>,
) -> StatusDocument<'a> {
    let quorum = snapshot.quorum();
    StatusDocument {
        schema: SCHEMA,
        taken_at: snapshot.now.wall,
        simulated: scenario(snapshot),
        verdict,
        zones: zones(snapshot, &quorum),
        etcd: EtcdDocument {
            cluster_id: quorum.membership.cluster_id,
            members: quorum.members.iter().map(|state| member(snapshot, state)).collect(),
        },
        namespace: namespace.cloned(),
        placement: snapshot
            .placements()
            .iter()
            .filter(|placement| namespace.is_none_or(|only| placement.key.namespace == *only))
            .map(|placement| placed(snapshot, placement))
            .collect(),
        api: snapshot.kube.endpoint.as_ref().map(|endpoint| ApiDocument {
            server: endpoint.server.clone(),
            version: endpoint.version.clone(),
            preferred: endpoint.is_preferred,
            state: snapshot.feed(FeedId::Api).word(),
        }),
        stored: stored(snapshot),
        failover: at_one_look(snapshot, policy).map(|all| {
            all.iter()
                .map(|own| failover::document(own, snapshot.now.wall))
                .collect()
        }),
        recovery: snapshot.recovery(),
        host: below::host(snapshot),
        reach: below::reach(snapshot),
        feeds: feeds(snapshot),
        quorum: arithmetic(&quorum),
    }
}

fn arithmetic(quorum: &Quorum) -> QuorumDocument {
    let is_known = quorum.voters > 0 && quorum.membership.is_from_etcd();
    let is_judged = quorum.unknown < quorum.voters;
    QuorumDocument {
        voters: is_known.then_some(quorum.voters),
        healthy: (is_known && is_judged).then_some(quorum.healthy),
        needed: is_known.then_some(quorum.needed),
        spare: quorum.spare(),
        spare_range: quorum.spare_range.map(|(low, high)| [low, high]),
        leader: quorum.leader,
        standing: match quorum.standing {
            Standing::Held { .. } => "held",
            Standing::Lost => "lost",
            Standing::Alone { .. } => "alone",
            Standing::Unproven { .. } => "unproven",
        },
        contact: quorum.contact,
        membership: quorum.membership.source,
    }
}

fn zones(snapshot: &Snapshot, quorum: &Quorum) -> Vec<ZoneDocument> {
    let zones = snapshot.zones().into_iter();
    zones
        .map(|(name, nodes)| ZoneDocument {
            name,
            nodes: nodes.into_iter().map(|row| node(snapshot, quorum, row)).collect(),
        })
        .collect()
}

fn node(snapshot: &Snapshot, quorum: &Quorum, node: &Node) -> NodeDocument {
    let member = node
        .address
        .as_ref()
        .and_then(|address| quorum.member_at(address.as_str()));
    let heartbeat = snapshot.heartbeat_age(node.name.as_str());
    NodeDocument {
        name: node.name.clone(),
        ready: node.ready.status.word(),
        ready_reason: node.ready.reason.clone(),
        heartbeat_age_ms: heartbeat.map(|heartbeat| millis(heartbeat.age)),
        heartbeat_seen: heartbeat.is_some_and(|heartbeat| heartbeat.seen),
        address: node.address.clone(),
        controller: node.is_controller,
        etcd_member_id: member.map(|state| state.member.id),
        kubelet_version: node.kubelet_version.clone(),
    }
}

fn member(snapshot: &Snapshot, state: &MemberState) -> MemberDocument {
    let is_heard = snapshot.feed(FeedId::EtcdPeer(state.member.id)).is_live();
    let peer = snapshot.etcd.peers.get(&state.member.id).filter(|_| is_heard);
    let is_local_heard = state.is_local && snapshot.feed(FeedId::EtcdLocal).is_current();
    let local = snapshot.etcd.local.as_ref().filter(|_| is_local_heard);
    let (reachable, why) = match &state.health {
        Health::Healthy { .. } => (Some(true), None),
        Health::Dead { why, .. } => (Some(false), Some(why)),
        Health::Unknown { why } => (is_silence(why.kind).then_some(false), Some(why)),
    };
    let version = peer.and_then(|facts| facts.version.clone());
    MemberDocument {
        id: state.member.id,
        name: state.member.name.clone(),
        peer_address: state.member.peer_address().map(Text::new),
        role: state.role.word(),
        state: state.health.word(),
        why: why.map(|why| why.text.clone()),
        reachable,
        revision: local.map(|fact| fact.value.revision),
        rtt_ms: peer.and_then(|facts| facts.rtt_us).map(milliseconds),
        clock_skew_ms: peer.and_then(|facts| facts.clock_skew_ms),
        version: version.or_else(|| local.map(|fact| fact.value.version.clone())),
    }
}

/// Whether somebody was asked and nothing came back.
const fn is_silence(kind: WhyKind) -> bool {
    matches!(
        kind,
        WhyKind::Refused | WhyKind::TimedOut | WhyKind::Unreachable | WhyKind::Broken
    )
}

#[allow(clippy::cast_precision_loss)] // a round trip in microseconds is far below 2^52
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1000.0
}

fn placed(snapshot: &Snapshot, placement: &Placement) -> PlacementDocument {
    let was_read = |kind| snapshot.rows_of(kind).as_of().is_some();
    let has_owners = placement.workload.kind != WorkloadKind::Deployment || was_read(KubeKind::ReplicaSets);
    let is_known = has_owners && was_read(KubeKind::Pods) && was_read(KubeKind::Nodes);
    let nodes = || {
        placement
            .nodes
            .iter()
            .map(|(name, tally)| (name.clone(), tally.pods))
            .collect()
    };
    PlacementDocument {
        namespace: placement.key.namespace.clone(),
        kind: placement.workload.kind.word(),
        name: placement.key.name.clone(),
        desired: placement.workload.desired,
        ready: is_known.then(|| placement.ready()),
        nodes: is_known.then(nodes),
        unscheduled: is_known.then_some(placement.unscheduled),
        hard_spread: placement.is_hard_spread(),
        spread_ok: placement.spread_ok.filter(|_| is_known),
    }
}
