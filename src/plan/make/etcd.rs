//! `remove-remnant`, `etcd-backup` and `etcd-space`: what is asked of this host's etcd member.

use std::time::Duration;

use super::Planned;
use super::build::{Draft, SOON, act, permitted};
use crate::base::{Stamp, Text, Why, WhyKind};
use crate::model::etcd::{LocalStatus, MemberId};
use crate::model::feed::FeedId;
use crate::model::intent::Intent;
use crate::model::quorum::{MemberState, Quorum};
use crate::model::{Policy, Snapshot};
use crate::plan::action::Action;
use crate::plan::condition::{Condition, is_alarm};
use crate::plan::gate;
use crate::plan::step::{Risk, Step};

/// How long reading or rewriting the whole database may take; 2 GiB at 20 MB/s.
const WHOLE_DATABASE: Duration = Duration::from_mins(5);
/// Less than this is not worth an interruption: 64 MiB.
const WORTH_BYTES: i64 = 64 << 20;

pub(super) fn remove_remnant(
    intent: &Intent,
    snapshot: &Snapshot,
    policy: &Policy,
    id: MemberId,
) -> Result<Planned, Why> {
    let quorum = snapshot.quorum();
    let Some(state) = quorum.member(id) else {
        return Ok(Planned::nothing(format!("etcd does not list member {id}")));
    };
    let permitted = permitted(gate::Act::RemoveRemnant { member: id }, snapshot)?;
    let address = address_of(state)?;
    let mut draft = Draft::new(intent, snapshot);
    draft.count_now(&quorum);
    let voters = quorum.voters - usize::from(!state.member.is_learner);
    draft.count("after step 1", voters, quorum.healthy);
    draft.warn(format!(
        "if {address} is joining just now, this ends the join: k0s promotes a learner within seconds, so wait {} s first",
        policy.learner_stuck.as_secs()
    ));
    draft.warn(format!(
        "afterwards run systemctl restart k0scontroller on {address} to join again"
    ));
    draft.push(remove_member(id, &address, permitted));
    Ok(draft.finish(&address))
}

pub(super) fn address_of(state: &MemberState) -> Result<Text, Why> {
    let address = state.member.peer_address().map(Text::new);
    address.ok_or_else(|| {
        Why::new(
            WhyKind::Garbage,
            format!("etcd lists no address for {}", state.member.id),
        )
    })
}

/// The removal, by id, of the member that is still at this address.
pub(super) fn remove_member(id: MemberId, address: &Text, permitted: Condition) -> Step {
    let action = Action::RemoveMember {
        id,
        address: address.clone(),
    };
    let command = format!("k0s etcd leave --peer-address {address}   (MemberRemove {id})");
    act(
        format!("remove member {id} at {address} from etcd"),
        command,
        action,
        Risk::Irreversible,
    )
    .needs([
        Condition::QuorumProven,
        Condition::MemberListed {
            id,
            address: address.clone(),
        },
        Condition::NotHere { id },
        permitted,
        Condition::NoUpgrade,
    ])
    .done([Condition::MemberAbsent { id }])
    .within(SOON * 2)
}

pub(super) fn backup(intent: &Intent, snapshot: &Snapshot, file: &Text) -> Result<Planned, Why> {
    let mut draft = Draft::new(intent, snapshot);
    for step in backup_steps(snapshot, file)? {
        draft.push(step);
    }
    draft.warn(format!(
        "both files hold every secret of the cluster: copy them off this host, and keep them private ({file})"
    ));
    draft.warn("volumes are not in it, and Embedded Cluster does not support a restore from it: it is the last net");
    Ok(draft.finish(file))
}

/// Where a snapshot goes when nobody names a place: a name of this moment, because nothing is overwritten.
pub fn backup_file(now: Stamp) -> Text {
    let stamp = now.wall.strftime("%Y%m%d-%H%M%S");
    Text::from(format!("/var/lib/quorate/etcd-{stamp}.db"))
}

/// etcd's snapshot and k0s's keys.
pub(super) fn backup_steps(snapshot: &Snapshot, file: &Text) -> Result<[Step; 2], Why> {
    let status = local(snapshot)?;
    let size = u64::try_from(status.db_size_bytes).unwrap_or(0);
    let pki = Text::from(format!("{file}.pki.tar"));
    Ok([
        act(
            "save a snapshot of etcd, and check it",
            format!("etcdctl snapshot save {file}"),
            Action::SaveSnapshot { file: file.clone() },
            Risk::Harmless,
        )
        // What is written, and as much again for what etcd writes meanwhile.
        .needs([Condition::DiskFree { bytes: 2 * size }])
        .within(WHOLE_DATABASE),
        act(
            "save the cluster's keys and certificates",
            format!("tar -C <k0s>/pki -cf {pki} ."),
            Action::SavePki { file: pki },
            Risk::Harmless,
        )
        .within(SOON),
    ])
}

/// What the local member says, while it answers.
fn local(snapshot: &Snapshot) -> Result<&LocalStatus, Why> {
    let feed = snapshot.feed(FeedId::EtcdLocal);
    let status = snapshot.etcd.local.as_ref().filter(|_| feed.is_current());
    status.map(|row| &row.value).ok_or_else(|| {
        let why = feed.why().map_or_else(String::new, |why| format!(": {}", why.text));
        Why::new(WhyKind::Unavailable, format!("etcd on this host does not answer{why}"))
            .hint("run quorate on a controller whose etcd runs")
    })
}

pub(super) fn space(intent: &Intent, snapshot: &Snapshot) -> Result<Planned, Why> {
    let status = local(snapshot)?;
    let quorum = snapshot.quorum();
    let is_full = status.errors.iter().any(|error| is_alarm(error.as_str()));
    let free = status.db_size_bytes - status.db_in_use_bytes;
    if !is_full && free < WORTH_BYTES {
        return Ok(Planned::nothing(format!(
            "no alarm, and less than {} MiB of etcd's file are unused",
            WORTH_BYTES >> 20
        )));
    }
    let disturb = permitted(gate::Act::Disturb, snapshot)?;
    let mut draft = Draft::new(intent, snapshot);
    draft.count_now(&quorum);
    let revision = status.revision;
    draft.push(
        act(
            format!("forget what was before revision {revision}"),
            format!("etcdctl compact {revision}"),
            Action::Compact { revision },
            Risk::Irreversible,
        )
        .needs([Condition::QuorumProven])
        .within(SOON),
    );
    for state in here_first(&quorum) {
        draft.push(defragment(state).needs([Condition::QuorumProven, disturb.clone()]));
    }
    if is_full {
        draft.push(
            act(
                "take writes again",
                "etcdctl alarm disarm",
                Action::Disarm,
                Risk::Reversible,
            )
            .needs([Condition::QuorumProven])
            .done([Condition::NoAlarm])
            .within(SOON),
        );
    }
    draft.warn("a member does not serve while its file is rewritten: seconds for each GiB; watches from older revisions begin anew");
    draft.warn("on other controllers through ssh: their etcd answers on their own loopback alone; by hand it takes an etcdctl, which k0s does not ship");
    Ok(draft.finish(&"etcd-space".into()))
}

/// This host's member, whose way is the shortest, then the others.
fn here_first(quorum: &Quorum) -> impl Iterator<Item = &MemberState> {
    let own = quorum.members.iter().filter(|state| state.is_local);
    own.chain(quorum.members.iter().filter(|state| !state.is_local))
}

fn defragment(state: &MemberState) -> Step {
    let node = state.member.name.clone();
    let address = state.member.peer_address().filter(|_| !state.is_local).map(Text::new);
    let (place, command) = match &address {
        None => ("this host".to_owned(), "etcdctl defrag".to_owned()),
        Some(address) => (node.to_string(), format!("ssh root@{address} etcdctl defrag")),
    };
    let action = Action::Defragment { node, address };
    let title = format!("rewrite etcd's file on {place}");
    act(title, command, action, Risk::Reversible).within(WHOLE_DATABASE)
}
