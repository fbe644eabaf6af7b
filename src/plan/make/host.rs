//! Who a controller is, by every name that it has: its Node, its etcd member, k0s's objects and its leases. Joined by
//! address and member id, never by name where etcd tells more.

use crate::base::{Text, Why, WhyKind};
use crate::model::etcd::MemberId;
use crate::model::kube::WorkloadKind;
use crate::model::quorum::{MemberState, Quorum};
use crate::model::{ObjectKey, Snapshot};
use crate::plan::action::{Action, ObjectKind, ServiceVerb, Target};
use crate::plan::condition::Condition;

/// Where k0s's and the kubelets' leases are.
pub(in crate::plan) const LEASES: &str = "kube-node-lease";
/// How long a member must have been silent to be taken for dead: as long as the lease of its k0s lasts, so that whoever
/// looks at the lease comes to the same opinion.
pub(in crate::plan) const SILENT_MS: u64 = 60_000;

/// One controller.
pub(in crate::plan) struct Host<'a> {
    snapshot: &'a Snapshot,
    /// The Node's name, or the one that was asked for.
    pub(in crate::plan) name: Text,
    /// Its Node, pinned.
    pub(in crate::plan) node: Option<Target>,
    /// Its peer address.
    pub(in crate::plan) address: Option<Text>,
    /// Its member.
    pub(in crate::plan) member: Option<&'a MemberState>,
}

impl<'a> Host<'a> {
    /// The controller of this name: of a Node, or of what is left of one.
    pub(in crate::plan) fn find(snapshot: &'a Snapshot, quorum: &'a Quorum, name: &Text) -> Result<Self, Why> {
        let node = snapshot.node(name);
        let object = |object: &&crate::model::k0s::ControlNode| object.node.as_ref() == Some(name);
        let left = snapshot.kube.control_nodes.values().find(object);
        let by_name = |state: &&MemberState| state.member.name == *name;
        let address = node
            .and_then(|node| node.address.clone())
            .or_else(|| left.and_then(|left| left.address.clone()));
        let member = match &address {
            Some(address) => quorum.member_at(address.as_str()),
            None => quorum.members.iter().find(by_name),
        };
        let of_member = || member.and_then(|state| state.member.peer_address()).map(Text::new);
        if node.is_none() && left.is_none() && member.is_none() {
            let text = format!("there is no controller {name}: no node, no etcd member, no ControlNode");
            return Err(Why::new(WhyKind::NotFound, text));
        }
        Ok(Self {
            snapshot,
            name: name.clone(),
            node: Target::pin(&snapshot.kube, ObjectKind::Node, ObjectKey::new("", name.clone())),
            address: address.or_else(of_member),
            member,
        })
    }

    /// Its member's id.
    pub(in crate::plan) fn id(&self) -> Option<MemberId> {
        self.member.map(|state| state.member.id)
    }

    /// Whether quorate runs on it.
    pub(in crate::plan) fn is_here(&self) -> bool {
        self.member
            .map_or(self.name == self.snapshot.host.name, |state| state.is_local)
    }

    /// The lease that k0s on it renews, and its holder.
    pub(in crate::plan) fn own_lease(&self) -> (ObjectKey, Option<Text>) {
        let key = ObjectKey::new(LEASES, format!("k0s-ctrl-{}", self.name));
        let row = self.snapshot.kube.leases.get(&key);
        let holder = row
            .and_then(|row| row.value.holder.clone())
            .filter(|holder| !holder.is_empty());
        (key, holder)
    }

    /// What it left in Kubernetes beside its Node, pinned.
    pub(in crate::plan) fn remains(&self) -> Vec<Target> {
        let kube = &self.snapshot.kube;
        let nodes = kube.control_nodes.iter().filter(|(key, row)| {
            let is_named = row.value.node.as_ref().unwrap_or(&key.name) == &self.name;
            is_named && (row.value.address.is_none() || self.address.is_none() || row.value.address == self.address)
        });
        let nodes = nodes.map(|(key, _)| (ObjectKind::ControlNode, key.clone()));
        let members = kube
            .etcd_members
            .iter()
            .filter(|(_, row)| match (self.id(), row.value.member_id) {
                (Some(own), Some(id)) => own == id,
                _ => self.address.is_some() && row.value.peer_address == self.address,
            });
        let members = members.map(|(key, _)| (ObjectKind::EtcdMember, key.clone()));
        // The leases last: k0s takes a member whose lease is missing for one that never was.
        let leases = std::iter::once((ObjectKind::Lease, self.own_lease().0));
        let all = nodes.chain(members).chain(leases);
        all.filter_map(|(kind, key)| Target::pin(kube, kind, key)).collect()
    }

    /// It is back.
    pub(in crate::plan) fn answers(&self) -> Condition {
        Condition::HostAnswers {
            id: self.id(),
            node: self.name.clone(),
        }
    }

    /// The request to its service manager, and the command for it.
    pub(in crate::plan) fn service(&self, verb: ServiceVerb) -> (Action, String) {
        let command = format!("systemctl {} k0scontroller", verb.word());
        let address = (!self.is_here()).then(|| self.address.clone().unwrap_or_else(|| self.name.clone()));
        let command = match &address {
            Some(address) => format!("ssh root@{address} {command}"),
            None => command,
        };
        let node = self.name.clone();
        (Action::Service { node, address, verb }, command)
    }

    /// What makes a pause of this controller safe beside the arithmetic: no change of membership under way, and what runs
    /// on it runs elsewhere too. The kubelet stops with k0s, so that a slow restart evicts pods.
    pub(in crate::plan) fn pause_needs(&self) -> Vec<Condition> {
        let mut needs = vec![
            Condition::MembershipQuiet,
            Condition::NothingPending,
            Condition::NoUpgrade,
        ];
        needs.extend(product_needs(self.snapshot, Some(&self.name)));
        needs
    }
}

/// Another ready web replica, and enough of rqlite to have a leader, not counting those on `beside`.
pub(in crate::plan) fn product_needs(snapshot: &Snapshot, beside: Option<&Text>) -> Vec<Condition> {
    let placements = snapshot.placements();
    let mut needs = Vec::new();
    for placed in &placements {
        let component = placed.workload.component.as_ref().map_or("", Text::as_str);
        let at_least = match placed.workload.kind {
            WorkloadKind::Deployment if component == "netbox" && placed.workload.desired > 1 => 1,
            WorkloadKind::StatefulSet if placed.key.name == "kotsadm-rqlite" && placed.workload.desired > 2 => 2,
            _ => continue,
        };
        needs.push(Condition::ReadyElsewhere {
            kind: placed.workload.kind,
            workload: placed.key.clone(),
            node: beside.cloned(),
            at_least,
        });
    }
    needs
}
