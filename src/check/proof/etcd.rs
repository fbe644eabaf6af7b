//! etcd's members, and the objects that stand for them.

use std::collections::BTreeSet;

use crate::check::etcd::{alarm::size_line, member_lines};
use crate::check::look::{called, names, plural};
use crate::model::Snapshot;
use crate::model::quorum::Quorum;

/// Nothing where etcd itself has not told who its members are.
fn votes(quorum: &Quorum) -> Option<String> {
    let spare = quorum.spare().map(|spare| format!(", spare {spare}"));
    let unknown = (quorum.unknown > 0).then(|| format!(", {} unknown", quorum.unknown));
    let (healthy, all, needed) = (quorum.healthy, plural(quorum.voters, "voter"), quorum.needed);
    let (spare, unknown) = (spare.unwrap_or_default(), unknown.unwrap_or_default());
    let told = quorum.membership.is_from_etcd();
    told.then(|| format!("{healthy} of {all} healthy{unknown}, {needed} needed{spare}"))
}

pub(super) fn quorum(snapshot: &Snapshot) -> Vec<String> {
    let quorum = snapshot.quorum();
    let reads = snapshot.etcd.linearizable.as_ref();
    let succeeds = reads.is_some_and(|reads| reads.last_ok.is_some() && reads.failing.is_none());
    let read = if succeeds {
        "a linearizable read succeeded"
    } else {
        "a consistent read of the API server succeeded"
    };
    let leader = quorum.leader.and_then(|id| quorum.member(id));
    let leader = leader.map(|state| format!("leader: {}", called(&state.member)));
    let votes = votes(&quorum).into_iter();
    votes.chain([read.to_owned()]).chain(leader).collect()
}

pub(super) fn spare(snapshot: &Snapshot) -> Vec<String> {
    votes(&snapshot.quorum()).into_iter().collect()
}

pub(super) fn members(snapshot: &Snapshot) -> Vec<String> {
    member_lines(snapshot, &snapshot.quorum()).collect()
}

/// The listed members by name.
fn listed(snapshot: &Snapshot) -> String {
    let members: BTreeSet<_> = snapshot.membership().members.iter().map(called).collect();
    names(members)
}

pub(super) fn learners(snapshot: &Snapshot) -> Vec<String> {
    let count = snapshot.membership().members.len();
    vec![format!(
        "{} listed, none of them a learner: {}",
        plural(count, "member"),
        listed(snapshot)
    )]
}

pub(super) fn views(snapshot: &Snapshot) -> Vec<String> {
    let local = snapshot.local_member();
    let views = snapshot.current_views();
    let speakers: BTreeSet<_> = views.iter().map(|view| view.speaker(local)).collect();
    let cluster = snapshot.cluster_id().map(|id| format!("etcd cluster {id}"));
    let told = format!(
        "{} tell the same list: {}",
        plural(speakers.len(), "member"),
        listed(snapshot)
    );
    std::iter::once(told).chain(cluster).collect()
}

pub(super) fn alarm(snapshot: &Snapshot) -> Vec<String> {
    let local = snapshot.etcd.local.iter().map(|fact| &fact.value);
    let lines = local.flat_map(|status| {
        let errors = status
            .errors
            .iter()
            .map(|error| format!("no alarm, but reported: {error}"));
        let none = status.errors.is_empty().then(|| "no alarm is raised".to_owned());
        std::iter::once(size_line(status)).chain(errors).chain(none)
    });
    lines.collect()
}

/// What stands for controllers, by kind.
fn counted(snapshot: &Snapshot) -> String {
    let kube = &snapshot.kube;
    format!(
        "{}, {}, {}",
        plural(kube.etcd_members.len(), "EtcdMember"),
        plural(kube.control_nodes.len(), "ControlNode"),
        plural(snapshot.controllers().count(), "controller Node")
    )
}

pub(super) fn leftovers(snapshot: &Snapshot) -> Vec<String> {
    vec![
        format!("{}: none left over from a removed member", counted(snapshot)),
        format!("etcd lists {}", listed(snapshot)),
    ]
}

pub(super) fn objects(snapshot: &Snapshot) -> Vec<String> {
    let members = snapshot.quorum().members;
    let members: BTreeSet<String> = members
        .iter()
        .filter_map(|state| {
            let (member, address) = (&state.member, state.member.peer_address()?);
            Some(format!("{}: member {} at {address}", called(member), member.id))
        })
        .collect();
    std::iter::once(counted(snapshot)).chain(members).collect()
}
