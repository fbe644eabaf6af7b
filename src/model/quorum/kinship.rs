//! Whether the API server and etcd are of one cluster: a kubeconfig may name any. Start at
//! [`Snapshot::api_is_of_this_cluster`].

use super::Membership;
use crate::base::{Text, WhyKind};
use crate::model::feed::{FeedState, KubeKind};
use crate::model::{ObjectKey, Snapshot};

impl Snapshot {
    /// Whether the API server speaks of the cluster whose members etcd lists: some EtcdMember's id, or some address of a Node,
    /// ControlNode or EtcdMember, is in etcd's own member list. None while either side is unknown, or where objects could not
    /// show it.
    pub fn api_is_of_this_cluster(&self) -> Option<bool> {
        let membership = self.membership();
        if !membership.is_from_etcd() || membership.members.is_empty() {
            return None;
        }
        if self.objects_name_a_member(&membership) {
            return Some(true);
        }
        let kinds = [KubeKind::Nodes, KubeKind::EtcdMembers, KubeKind::ControlNodes];
        let is_syncing = |kind: &KubeKind| matches!(self.kind(*kind), FeedState::Syncing { .. });
        if kinds.iter().any(|kind| is_syncing(kind) || self.is_stored(*kind)) {
            return None;
        }
        self.objects_can_tell(&membership).then_some(false)
    }

    fn objects_name_a_member(&self, membership: &Membership) -> bool {
        let kube = &self.kube;
        // What was read from etcd is of etcd's cluster, whatever the API server is of.
        let told = |kind| !self.is_stored(kind);
        let members = || kube.etcd_members.values().filter(|_| told(KubeKind::EtcdMembers));
        let mut ids = members().filter_map(|object| object.member_id);
        let of_members = members().map(|object| &object.peer_address);
        let nodes = kube.nodes.values().filter(|_| told(KubeKind::Nodes));
        let of_nodes = nodes.map(|node| &node.address);
        let controls = kube.control_nodes.values().filter(|_| told(KubeKind::ControlNodes));
        let of_controls = controls.map(|control| &control.address);
        let mut addresses = of_nodes.chain(of_controls).chain(of_members).flatten();
        ids.any(|id| membership.lists(id)) || addresses.any(|address| membership.lists_address(address.as_str()))
    }

    /// Whether our own cluster's objects would name a member. EtcdMembers do. Without them there are addresses only, and
    /// etcd's may be of another network: there, a node that is called like a member leaves it open.
    fn objects_can_tell(&self, membership: &Membership) -> bool {
        if self.kube.etcd_members.values().any(|object| object.member_id.is_some()) {
            return true;
        }
        let off = self.kind(KubeKind::EtcdMembers);
        let is_not_installed = matches!(off, FeedState::Off { why } if why.kind == WhyKind::NotFound);
        let is_node = |name: &Text| self.kube.nodes.get(&ObjectKey::new("", name.clone())).is_some();
        let mut members = membership.members.iter();
        is_not_installed && !self.kube.nodes.is_empty() && !members.any(|member| is_node(&member.name))
    }
}
