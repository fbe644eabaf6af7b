//! The members family: do k0s's and Kubernetes' objects match etcd's member list? Etcd's list is the truth; objects are
//! joined to it by member id, then by address, leases through EtcdMember's label or the Node's name. Start at [`zombie`].

use std::collections::BTreeMap;
use std::time::Duration;

use super::look::{
    Looked, arg, called, cannot_tell, evidence, is_installed, member_subject, names, need, need_kinds, need_own_api,
    not_applicable, outcome,
};
use super::{Check, CheckId, Finding, Group, Outcome, Profile, Severity};
use crate::base::{Text, Why, WhyKind};
use crate::model::etcd::Member;
use crate::model::quorum::{Membership, MembershipSource, PROOF_FRESH};
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::MembersZombie,
        group: Group::Now,
        profile: Profile::Any,
        title: "no objects of removed members",
        looks_at: "EtcdMember, ControlNode, controller Node and k0s-ctrl lease of every controller, against etcd's member list",
        why: "leftovers mislead: a join token may name a dead node, an upgrade waits for a controller that is gone, spread \
              constraints count a node that will not come back",
        fix: "delete them once etcd no longer lists the member, the lease last",
        statement: None,
        look: |snapshot, _| outcome(zombie(snapshot)),
    },
    Check {
        id: CheckId::MembersStranger,
        group: Group::Now,
        profile: Profile::Any,
        title: "every member has its objects",
        looks_at: "etcd's member list, against EtcdMember, ControlNode and Node",
        why: "a member without objects is invisible to k0s: it cannot be told to leave, nor be upgraded",
        fix: "k0s writes them when a controller starts: restart k0scontroller there, one controller at a time",
        statement: None,
        look: |snapshot, _| outcome(stranger(snapshot)),
    },
];

/// Where kubelets and k0s's controllers renew their leases.
const LEASES: &str = "kube-node-lease";

/// k0s names a controller's lease after its node.
const LEASE_PREFIX: &str = "k0s-ctrl-";

/// What is left of one removed controller.
#[derive(Default)]
struct Remains {
    /// Each object, as people see it.
    objects: Vec<String>,
    /// What deletes it, in a good order.
    commands: Vec<String>,
}

/// Remains by the node's name: only to group what belongs together, nothing is judged by it.
type Graves = BTreeMap<Text, Remains>;

fn zombie(snapshot: &Snapshot) -> Looked {
    need_objects(snapshot)?;
    need_kinds(snapshot, &[KubeKind::Nodes, KubeKind::Leases])?;
    let membership = proven_membership(snapshot)?;
    let mut graves = Graves::new();
    dead_etcd_members(snapshot, &membership, &mut graves);
    dead_control_nodes(snapshot, &membership, &mut graves);
    dead_nodes(snapshot, &membership, &mut graves);
    dead_leases(snapshot, &membership, &mut graves);
    Ok(graves
        .iter()
        .map(|(name, remains)| buried(snapshot, &membership, name, remains))
        .collect())
}

/// Both of k0s's own kinds, where they are installed.
fn need_objects(snapshot: &Snapshot) -> Result<(), Outcome> {
    need_own_api(snapshot)?;
    let kinds = [KubeKind::EtcdMembers, KubeKind::ControlNodes];
    let installed: Vec<KubeKind> = kinds.into_iter().filter(|kind| is_installed(snapshot, *kind)).collect();
    if installed.is_empty() {
        return Err(not_applicable(
            "k0s's objects are not installed: this is no k0s cluster with its own etcd",
        ));
    }
    need_kinds(snapshot, &installed)
}

/// The member list, if it is proven: read through consensus, or told alike by two members at least.
fn proven_membership(snapshot: &Snapshot) -> Result<Membership, Outcome> {
    let membership = snapshot.membership();
    let is_current = membership
        .as_of
        .is_some_and(|at| snapshot.now.waited_since(at) < PROOF_FRESH);
    if is_current && membership.source == MembershipSource::Linearizable {
        return Ok(membership);
    }
    let views = snapshot.current_views();
    let local = snapshot.local_member();
    let voices: std::collections::BTreeSet<_> = views.iter().map(|view| view.speaker(local)).collect();
    let agreed = views.iter().all(|view| view.view.members == membership.members);
    if is_current && membership.is_from_etcd() && voices.len() >= 2 && agreed {
        return Ok(membership);
    }
    let why = snapshot.etcd.no_access.clone();
    let why = why.unwrap_or_else(|| Why::new(WhyKind::NotYet, "etcd's member list is not proven at this moment"));
    Err(cannot_tell(FeedId::EtcdLocal, why))
}

fn dead_etcd_members(snapshot: &Snapshot, membership: &Membership, graves: &mut Graves) {
    for (key, fact) in snapshot.kube.etcd_members.iter() {
        let object = &fact.value;
        let address = object.peer_address.as_ref();
        let is_listed = match object.member_id {
            // A replacement may reuse the address, never the id.
            Some(id) => membership.lists(id),
            None => address.is_none_or(|address| membership.lists_address(address.as_str())),
        };
        if is_listed {
            continue;
        }
        let node = object
            .lease
            .as_ref()
            .and_then(leaseholder)
            .unwrap_or_else(|| key.name.clone());
        if lives(snapshot, &node) {
            continue;
        }
        let id = object.member_id.map(|id| format!(" (member {id})")).unwrap_or_default();
        let grave = graves.entry(node).or_default();
        grave.objects.push(format!("EtcdMember {}{id}", key.name));
        grave
            .commands
            .push(format!("kubectl delete etcdmember {}", arg(key.name.as_str())));
    }
}

/// The node's name in the name of a controller's lease.
fn leaseholder(lease: &Text) -> Option<Text> {
    lease.as_str().strip_prefix(LEASE_PREFIX).map(Text::new)
}

fn dead_control_nodes(snapshot: &Snapshot, membership: &Membership, graves: &mut Graves) {
    for (key, fact) in snapshot.kube.control_nodes.iter() {
        let object = &fact.value;
        let node = object.node.clone().unwrap_or_else(|| key.name.clone());
        let of_node = || snapshot.node(&node).and_then(|node| node.address.as_ref());
        let address = object.address.as_ref().or_else(of_node);
        // One that names no address at all cannot be joined, so it is not judged.
        if address.is_none_or(|address| membership.lists_address(address.as_str()))
            || has_lease(snapshot, membership, &node)
            || lives(snapshot, &node)
        {
            continue;
        }
        let at = address.map(|address| format!(" at {address}")).unwrap_or_default();
        let grave = graves.entry(node).or_default();
        grave.objects.push(format!("ControlNode {}{at}", key.name));
        grave
            .commands
            .push(format!("kubectl delete controlnode {}", arg(key.name.as_str())));
    }
}

/// Whether the EtcdMember of a listed member names the lease of this node: hosts with several addresses are joined so.
fn has_lease(snapshot: &Snapshot, membership: &Membership, node: &Text) -> bool {
    let mut objects = snapshot.kube.etcd_members.values();
    objects.any(|object| {
        let is_listed = object.member_id.is_some_and(|id| membership.lists(id));
        is_listed && object.lease.as_ref().and_then(leaseholder).as_ref() == Some(node)
    })
}

fn dead_nodes(snapshot: &Snapshot, membership: &Membership, graves: &mut Graves) {
    for node in snapshot.controllers() {
        let Some(address) = &node.address else { continue };
        let is_listed = membership.lists_address(address.as_str()) || has_lease(snapshot, membership, &node.name);
        // A node that lives is no leftover, whatever its etcd does.
        if is_listed || lives(snapshot, &node.name) {
            continue;
        }
        let claims = snapshot.kube.claims.iter();
        let bound: Vec<String> = claims
            .filter(|(key, _)| snapshot.kube.pinned(key) == Some(&node.name))
            .map(|(key, _)| key.to_string())
            .collect();
        let grave = graves.entry(node.name.clone()).or_default();
        grave.objects.push(format!("Node {} at {address}", node.name));
        if !snapshot.kind(KubeKind::Claims).is_current() {
            grave
                .objects
                .push("which volumes go with the Node is not known now".to_owned());
        }
        if !bound.is_empty() {
            let claims = names(&bound);
            grave
                .objects
                .push(format!("deleting the Node destroys its local volumes: {claims}"));
        }
        grave
            .commands
            .push(format!("kubectl delete node {}", arg(node.name.as_str())));
    }
}

/// Whether the kubelet or the controller of this name still renews its lease.
fn lives(snapshot: &Snapshot, node: &Text) -> bool {
    is_renewed(snapshot, node.as_str()) || is_renewed(snapshot, &format!("{LEASE_PREFIX}{node}"))
}

/// Whether a lease in kube-node-lease is valid. One from the future is, until we have watched it in vain for as long as it lasts.
fn is_renewed(snapshot: &Snapshot, name: &str) -> bool {
    let Some(lease) = snapshot.kube.leases.get(&ObjectKey::new(LEASES, name)) else {
        return false;
    };
    let lasts = Duration::from_secs(u64::from(lease.value.duration_s));
    let age = if snapshot.is_ahead(lease) {
        Some(snapshot.now.since(lease.changed_at))
    } else {
        snapshot.lease_age(LEASES, name).map(|beat| beat.age)
    };
    age.is_some_and(|age| age < lasts)
}

fn dead_leases(snapshot: &Snapshot, membership: &Membership, graves: &mut Graves) {
    for (key, _) in snapshot.kube.leases.iter() {
        let Some(node) = leaseholder(&key.name).filter(|_| key.namespace == LEASES) else {
            continue;
        };
        let address = address_of(snapshot, &node);
        let is_listed = address.is_some_and(|address| membership.lists_address(address.as_str()));
        if is_listed || has_lease(snapshot, membership, &node) || lives(snapshot, &node) {
            continue;
        }
        let grave = graves.entry(node).or_default();
        grave.objects.push(format!("Lease kube-node-lease/{}", key.name));
        grave.commands.push(format!(
            "kubectl -n kube-node-lease delete lease {}",
            arg(key.name.as_str())
        ));
    }
}

/// The address of the controller that a lease is named after: its Node's, or its ControlNode's where it runs no kubelet.
fn address_of<'a>(snapshot: &'a Snapshot, node: &Text) -> Option<&'a Text> {
    let by_node = snapshot.node(node).and_then(|node| node.address.as_ref());
    by_node.or_else(|| {
        let mut controls = snapshot.kube.control_nodes.values();
        controls
            .find(|control| control.node.as_ref() == Some(node))?
            .address
            .as_ref()
    })
}

fn buried(snapshot: &Snapshot, membership: &Membership, name: &Text, remains: &Remains) -> Finding {
    let listed = names(membership.members.iter().map(called));
    let listed = format!("etcd lists {listed}{}", read_how(snapshot, membership));
    Finding {
        check: CheckId::MembersZombie,
        severity: Severity::Info,
        subject: Text::from(format!("member/{name}")),
        title: format!("objects of {name} are left, though etcd no longer lists it").into(),
        evidence: evidence(remains.objects.iter().cloned().chain([listed])),
        consequence:
            "a join token may name the dead node, an upgrade plan waits for it, and spread constraints count it".into(),
        remedy: format!(
            "make sure that its host stays off, then: {}",
            remains.commands.join("; ")
        )
        .into(),
    }
}

fn read_how(snapshot: &Snapshot, membership: &Membership) -> String {
    match membership.source {
        MembershipSource::Linearizable => " (linearizable read)".to_owned(),
        MembershipSource::Local | MembershipSource::Peer(_) => {
            format!(" ({} views agree)", snapshot.current_views().len())
        }
        MembershipSource::Objects | MembershipSource::Nobody => String::new(),
    }
}

fn stranger(snapshot: &Snapshot) -> Looked {
    need_objects(snapshot)?;
    need(snapshot, FeedId::Kube(KubeKind::Nodes))?;
    let membership = proven_membership(snapshot)?;
    let started = membership.members.iter().filter(|member| member.has_started());
    Ok(started
        .filter_map(|member| incomplete(snapshot, &membership, member))
        .collect())
}

fn incomplete(snapshot: &Snapshot, membership: &Membership, member: &Member) -> Option<Finding> {
    let address = member.peer_address()?;
    let missing = missing_objects(snapshot, membership, member, address);
    if missing.is_empty() {
        return None;
    }
    let name = called(member);
    let missing = missing.join(" and no ");
    Some(Finding {
        check: CheckId::MembersStranger,
        severity: Severity::Info,
        subject: member_subject(member),
        title: format!("{name} has no {missing}").into(),
        evidence: evidence([format!("etcd lists {name} as member {} at {address}", member.id)]),
        consequence: "k0s and Embedded Cluster do not see this controller: it cannot be told to leave, nor be upgraded".into(),
        remedy: format!(
            "if {name} is joining, wait. Otherwise restart k0scontroller there while all members are healthy: it writes its \
             objects at its start"
        )
        .into(),
    })
}

/// The kinds of which a member has no object.
fn missing_objects(snapshot: &Snapshot, membership: &Membership, member: &Member, address: &str) -> Vec<&'static str> {
    let mut annotations = snapshot.kube.etcd_members.values();
    let annotation = annotations.find(|object| match object.member_id {
        Some(id) => id == member.id,
        None => object.peer_address.as_ref().is_some_and(|own| own == address),
    });
    // Hosts with several addresses: the node that the annotation's lease is named after.
    let node_name = annotation
        .and_then(|object| object.lease.as_ref())
        .and_then(leaseholder);
    let is_own = |name: Option<&Text>, own: Option<&Text>| {
        own.is_some_and(|own| own == address) || (name.is_some() && name == node_name.as_ref())
    };
    let mut controls = snapshot.kube.control_nodes.values();
    let has_control_node = controls.any(|control| is_own(control.node.as_ref(), control.address.as_ref()));
    let mut nodes = snapshot.kube.nodes.values();
    let has_node = nodes.any(|node| is_own(Some(&node.name), node.address.as_ref()));
    // Controllers need not run a kubelet; judged only where other members have a Node.
    let mut addresses = membership.members.iter().filter_map(Member::peer_address);
    let others_have = addresses.any(|address| snapshot.node_at(address).is_some());
    let kinds = [
        (
            "EtcdMember",
            annotation.is_none() && is_installed(snapshot, KubeKind::EtcdMembers),
        ),
        (
            "ControlNode",
            !has_control_node && is_installed(snapshot, KubeKind::ControlNodes),
        ),
        ("Node", !has_node && others_have),
    ];
    kinds
        .into_iter()
        .filter_map(|(kind, is_missing)| is_missing.then_some(kind))
        .collect()
}

#[cfg(test)]
mod tests;
