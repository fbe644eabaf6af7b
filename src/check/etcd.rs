//! The etcd family: does it have quorum, what may still be lost, do its members agree. Start at [`quorum`].

use super::look::{
    Looked, arg, called, cannot_tell, evidence, health_line, host_subject, member_subject, names, outcome, plural,
};
use super::{Check, CheckId, Finding, Group, Profile, Severity};
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::quorum::{Contact, Health, MemberState, Quorum, Standing, needed};
use crate::model::{FeedId, Snapshot};

pub(super) mod alarm;
mod views;

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::EtcdQuorum,
        group: Group::Now,
        profile: Profile::Any,
        title: "etcd has quorum",
        looks_at: "linearizable reads of the local member, the API server's heartbeat, every member's peer port, this host's links",
        why: "without quorum nothing can be written: no scheduling, no failover, no change. Running pods go on",
        fix: "bring back enough of the dead members with their disks. When this host alone is cut off, mend its network",
        statement: Some("Three nodes, all registered as controllers, so etcd holds quorum."),
        look: |snapshot, _| outcome(quorum(snapshot)),
    },
    Check {
        id: CheckId::EtcdSpare,
        group: Group::Now,
        profile: Profile::Any,
        title: "one member may be lost",
        looks_at: "healthy voters against the votes needed; members that are neither proven healthy nor dead count both ways",
        why: "with no member to spare, the next loss stops the control plane",
        fix: "bring the dead member back or replace it; restart, drain and upgrade nothing until then",
        statement: Some(
            "Losing one leaves two of three - the cluster keeps running but has no remaining fault tolerance, so replace a lost node promptly.",
        ),
        look: |snapshot, _| outcome(spare(snapshot)),
    },
    Check {
        id: CheckId::EtcdMemberLost,
        group: Group::Now,
        profile: Profile::Any,
        title: "every member serves",
        looks_at: "each listed member's peer port, and the local member's client port",
        why: "a dead member still counts for the quorum until it is removed",
        fix: "start its host again, or replace it: `quorate plan replace-node NAME` shows every step, in the order that etcd and k0s ask for",
        statement: Some("Replace the failed node promptly."),
        look: |snapshot, _| outcome(member_lost(snapshot)),
    },
    Check {
        id: CheckId::EtcdLearner,
        group: Group::Now,
        profile: Profile::Any,
        title: "no member waits for its vote",
        looks_at: "learners in the member list, and for how long they have been there",
        why: "a learner has no vote, and while there is one no other controller can join",
        fix: "wait while it joins; remove a learner that is stuck, then join again",
        statement: None,
        look: |snapshot, policy| outcome(views::learner(snapshot, policy)),
    },
    Check {
        id: CheckId::EtcdViewsDiffer,
        group: Group::Now,
        profile: Profile::Any,
        title: "all members list the same members",
        looks_at: "the member list as every member tells it, those confirmed within the last seconds",
        why: "members that disagree for long are cut off from each other or belong to different clusters",
        fix: "find the member that is behind: its network, its disk, its data directory",
        statement: None,
        look: |snapshot, _| outcome(views::differ(snapshot)),
    },
    Check {
        id: CheckId::EtcdAlarm,
        group: Group::Now,
        profile: Profile::Any,
        title: "no alarm, and room in the database",
        looks_at: "errors and sizes in the local member's status",
        why: "NOSPACE stops all writes, node heartbeats included; CORRUPT means that a member's data cannot be trusted",
        fix: "NOSPACE: compact, defragment one member at a time, disarm. CORRUPT: replace that member",
        statement: None,
        look: |snapshot, _| outcome(alarm::alarm(snapshot)),
    },
];

fn quorum(snapshot: &Snapshot) -> Looked {
    let quorum = snapshot.quorum();
    match &quorum.standing {
        Standing::Held { .. } => Ok(Vec::new()),
        Standing::Lost => Ok(vec![lost(snapshot, &quorum)]),
        Standing::Alone { unplugged } => Ok(vec![alone(snapshot, &quorum, *unplugged)]),
        Standing::Unproven { why } if has_no_leader(snapshot, &quorum) => Ok(vec![leaderless(snapshot, &quorum, why)]),
        Standing::Unproven { why } => Err(cannot_tell(FeedId::EtcdLocal, why.clone())),
    }
}

/// Whether the local member has had no leader for two reads although others answer us.
fn has_no_leader(snapshot: &Snapshot, quorum: &Quorum) -> bool {
    let reads = snapshot.etcd.linearizable.as_ref();
    let fails = reads
        .and_then(|reads| reads.failing.as_ref())
        .is_some_and(|run| run.count >= 2);
    let answers = snapshot.feed(FeedId::EtcdLocal).is_current() && snapshot.etcd.local.is_some();
    answers && fails && quorum.leader.is_none() && quorum.contact == Contact::Works
}

fn lost(snapshot: &Snapshot, quorum: &Quorum) -> Finding {
    Finding {
        check: CheckId::EtcdQuorum,
        severity: Severity::Critical,
        subject: "cluster".into(),
        title: format!(
            "quorum lost: {} of {} members healthy, {} needed",
            quorum.healthy, quorum.voters, quorum.needed
        )
        .into(),
        evidence: evidence(member_lines(snapshot, quorum).chain(read_line(snapshot))),
        consequence: "the control plane has stopped: nothing is scheduled, evicted or changed. Running pods go on".into(),
        remedy: format!(
            "{}, each with its own disk: start the host, then there: sudo systemctl start k0scontroller. Without quorum no member can be removed or \
             added; never run reset on a controller now",
            bring_back(quorum)
        )
        .into(),
    }
}

/// `bring back one of nbe-2, nbe-3`
pub(super) fn bring_back(quorum: &Quorum) -> String {
    let dead = dead_names(quorum);
    match quorum.needed.saturating_sub(quorum.healthy) {
        1 => format!("bring back one of {}", names(dead)),
        missing => format!("bring back {missing} of {}", names(dead)),
    }
}

/// The voters proven dead, by name.
fn dead_names(quorum: &Quorum) -> Vec<Text> {
    let dead = quorum
        .members
        .iter()
        .filter(|state| !state.member.is_learner && state.health.is_dead());
    let mut names: Vec<Text> = dead.map(|state| called(&state.member)).collect();
    names.sort();
    names
}

fn alone(snapshot: &Snapshot, quorum: &Quorum, unplugged: bool) -> Finding {
    let (title, remedy) = if unplugged {
        (
            "this host is cut off: it is us",
            "mend this host's network (cable, switch port, interface), or look from another controller",
        )
    } else {
        (
            "no other controller answers: it is us, or all of them",
            "start quorate on another controller: if it works there, mend this host's network; if not, bring the others back",
        )
    };
    let links = snapshot.host.links.iter().flat_map(|links| &links.value);
    let down = links
        .filter(|_| unplugged)
        .map(|link| format!("link {} is down", link.name));
    Finding {
        check: CheckId::EtcdQuorum,
        severity: Severity::Critical,
        subject: host_subject(snapshot),
        title: title.into(),
        evidence: evidence(down.chain(member_lines(snapshot, quorum)).chain(read_line(snapshot))),
        consequence: "the cluster cannot be judged from here; what runs on this host may be replaced elsewhere".into(),
        remedy: remedy.into(),
    }
}

fn leaderless(snapshot: &Snapshot, quorum: &Quorum, why: &Why) -> Finding {
    Finding {
        check: CheckId::EtcdQuorum,
        severity: Severity::Critical,
        subject: "cluster".into(),
        title: format!(
            "etcd has no leader, though {} of {} members answer",
            quorum.healthy, quorum.voters
        )
        .into(),
        evidence: evidence(std::iter::once(why.text.to_string()).chain(member_lines(snapshot, quorum))),
        consequence: "nothing can be written until a leader is elected: no scheduling, no failover".into(),
        remedy: "look at the network between the members and at their disks: journalctl -u k0scontroller on each"
            .into(),
    }
}

pub(super) fn member_lines(snapshot: &Snapshot, quorum: &Quorum) -> impl Iterator<Item = String> {
    by_name(&quorum.members)
        .into_iter()
        .map(|state| health_line(snapshot, state))
}

/// etcd lists its members by id; people look for names.
fn by_name(members: &[MemberState]) -> Vec<&MemberState> {
    let mut members: Vec<&MemberState> = members.iter().collect();
    members.sort_by(|a, b| a.member.name.cmp(&b.member.name));
    members
}

/// How linearizable reads fare, where they fail.
fn read_line(snapshot: &Snapshot) -> Option<String> {
    let reads = snapshot.etcd.linearizable.as_ref()?;
    let run = reads.failing.as_ref()?;
    let age = Age(snapshot.now.since(run.since));
    Some(format!("linearizable reads fail for {age}: {}", run.why.text))
}

fn spare(snapshot: &Snapshot) -> Looked {
    let quorum = snapshot.quorum();
    let Some((low, high)) = quorum.spare_range else {
        let why = snapshot.etcd.no_access.clone();
        let why = why.unwrap_or_else(|| Why::new(WhyKind::NotYet, "no etcd member has told who the members are"));
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    };
    if low >= 1 {
        return Ok(Vec::new());
    }
    if high >= 1 {
        return Err(undecided(&quorum));
    }
    let severity = if high < 0 {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let (title, consequence) = if high < 0 {
        (
            "fewer members than needed",
            "the control plane cannot work until members come back",
        )
    } else {
        (
            "no member to spare",
            "the next loss of a controller stops the control plane: no scheduling, no failover, no change",
        )
    };
    let since = snapshot.no_spare(&quorum).map(|age| format!("no spare {age}"));
    let members = by_name(&quorum.members).into_iter();
    let missing = members.filter(|state| !state.health.is_healthy());
    let lines = missing.map(|state| health_line(snapshot, state));
    Ok(vec![Finding {
        check: CheckId::EtcdSpare,
        severity,
        subject: "cluster".into(),
        title: format!(
            "{title}: {} of {} healthy, {} needed",
            quorum.healthy, quorum.voters, quorum.needed
        )
        .into(),
        evidence: evidence(since.into_iter().chain(lines)),
        consequence: consequence.into(),
        remedy: spare_remedy(&quorum).into(),
    }])
}

/// Some voters are neither healthy nor dead, and it depends on them.
fn undecided(quorum: &Quorum) -> crate::check::Outcome {
    let voters = quorum.members.iter().filter(|state| !state.member.is_learner);
    let unknown = voters.filter_map(|state| match &state.health {
        Health::Unknown { why } => Some((state.member.clone(), why.clone())),
        Health::Healthy { .. } | Health::Dead { .. } => None,
    });
    let Some((member, why)) = unknown.into_iter().next() else {
        let why = Why::new(WhyKind::NotYet, "not all members were asked yet");
        return cannot_tell(FeedId::EtcdLocal, why);
    };
    let text = format!("{}: {}", called(&member), why.text);
    cannot_tell(
        FeedId::EtcdPeer(member.id),
        Why {
            text: text.into(),
            ..why
        },
    )
}

fn spare_remedy(quorum: &Quorum) -> String {
    let dead = dead_names(quorum);
    if quorum.spare().is_some_and(|spare| spare < 0) {
        return format!("{}; restart, drain and upgrade nothing until then", bring_back(quorum));
    }
    if quorum.voters < 3 {
        let learner = quorum.members.iter().any(|state| state.member.is_learner);
        let join = "join a controller: sudo netbox-enterprise join print-command shows how";
        let wait = "wait until the learner is promoted; it has no vote yet";
        let next = if learner { wait } else { join };
        return format!("{next}. Until then restart, drain and upgrade no controller");
    }
    if dead.is_empty() {
        return "see which members are unknown, and why; restart, drain and upgrade no controller".to_owned();
    }
    let dead = names(dead);
    format!("bring {dead} back or replace it; until then restart, drain and upgrade no other controller")
}

fn member_lost(snapshot: &Snapshot) -> Looked {
    let quorum = snapshot.quorum();
    if !quorum.membership.is_from_etcd() {
        let why = snapshot.etcd.no_access.clone();
        let why = why.unwrap_or_else(|| Why::new(WhyKind::NotYet, "no etcd member has told who the members are"));
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    }
    let dead: Vec<Finding> = by_name(&quorum.members)
        .into_iter()
        .filter(|state| state.health.is_dead())
        .map(|state| lost_member(snapshot, &quorum, state))
        .collect();
    let unknown = quorum.members.iter().find_map(|state| match &state.health {
        Health::Unknown { why } => Some(cannot_tell(FeedId::EtcdPeer(state.member.id), why.clone())),
        Health::Healthy { .. } | Health::Dead { .. } => None,
    });
    match unknown {
        Some(unknown) if dead.is_empty() => Err(unknown),
        _ => Ok(dead),
    }
}

fn lost_member(snapshot: &Snapshot, quorum: &Quorum, state: &MemberState) -> Finding {
    let member = &state.member;
    let name = called(member);
    let address = member.peer_address().unwrap_or("its address");
    let role = if member.is_learner { "learner" } else { "member" };
    let title = if member.has_started() {
        format!("{role} {name} is lost")
    } else {
        format!("{role} {name} at {address} is listed, but never started")
    };
    let listed = format!(
        "etcd lists {}; {} are needed",
        plural(quorum.voters, "voter"),
        quorum.needed
    );
    Finding {
        check: CheckId::EtcdMemberLost,
        severity: Severity::Warning,
        subject: member_subject(member),
        title: title.into(),
        evidence: evidence([health_line(snapshot, state), listed]),
        consequence: if member.is_learner {
            "a learner has no vote; while it is listed, no other controller can join".into()
        } else {
            "it counts for the quorum until it is removed: one loss fewer can be taken".into()
        },
        remedy: lost_member_remedy(snapshot, quorum, state).into(),
    }
}

/// What starts k0s, and what wakes one that hangs, which its unit calls active.
pub(super) const START: &str =
    "there: sudo systemctl start k0scontroller, or restart where it is active and does not answer";

fn lost_member_remedy(snapshot: &Snapshot, quorum: &Quorum, state: &MemberState) -> String {
    if state.is_local {
        return "on this host: `quorate status` shows what stopped and what to do; reasons: journalctl -u k0scontroller".to_owned();
    }
    let address = state.member.peer_address().unwrap_or("its address");
    let is_removable = state.member.is_learner || quorum.healthy >= needed(quorum.voters.saturating_sub(1));
    let leave = format!("sudo k0s etcd leave --peer-address {}", arg(address));
    match &quorum.standing {
        Standing::Held { .. } if !state.member.has_started() => format!(
            "if a controller is joining there now, let it finish; what a failed join left behind is removed on a healthy \
             controller: {leave}"
        ),
        Standing::Held { .. } if is_removable => {
            let instead = snapshot.node_at(address).map_or_else(
                || format!("on a healthy controller: {leave}; join the replacement only after that"),
                |node| format!("quorate plan replace-node {}", arg(node.name.as_str())),
            );
            format!(
                "if its host can come back with its disk, start it: etcd rejoins by itself ({START}). Otherwise make sure that \
                 it stays off, then {instead}"
            )
        }
        Standing::Held { .. } | Standing::Lost | Standing::Alone { .. } | Standing::Unproven { .. } => {
            format!(
                "bring it back with its disk: start its host ({START}). It cannot be removed or replaced while quorum is not \
                 proven, or too few others are seen healthy"
            )
        }
    }
}

#[cfg(test)]
mod tests;
