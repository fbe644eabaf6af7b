//! Learners, and whether the members agree on who they are.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::{Age, Stamp, Text, Why, WhyKind};
use crate::check::look::{Looked, arg, called, cannot_tell, evidence, member_subject, names, not_applicable};
use crate::check::{CheckId, Finding, Severity};
use crate::model::etcd::{Member, MemberId, Vantage};
use crate::model::quorum::{DatedView, FRESH};
use crate::model::{FeedId, Policy, Snapshot};

pub(super) fn learner(snapshot: &Snapshot, policy: &Policy) -> Looked {
    let membership = snapshot.membership();
    let views = snapshot.current_views();
    if !membership.is_from_etcd() || views.is_empty() {
        let why = snapshot.etcd.no_access.clone();
        let why = why.unwrap_or_else(|| Why::new(WhyKind::NotYet, "no current member list"));
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    }
    let learners = membership.members.iter().filter(|member| member.is_learner);
    Ok(learners
        .map(|member| waiting(snapshot, policy, member, &views))
        .collect())
}

fn waiting(snapshot: &Snapshot, policy: &Policy, member: &Member, views: &[DatedView]) -> Finding {
    // A view changes with every change of any member, so this is a lower bound of the learner's age.
    let listed = views.iter().filter(|view| view.view.members.contains(member));
    let age = listed
        .map(|view| snapshot.now.since(view.changed_at))
        .max()
        .unwrap_or(Duration::ZERO);
    let is_stuck = age > policy.learner_stuck;
    let address = member.peer_address().unwrap_or("its address");
    let (severity, state) = if is_stuck {
        (Severity::Warning, "is stuck as a learner")
    } else {
        (Severity::Info, "is joining as a learner")
    };
    let remedy = if is_stuck {
        format!(
            "look at journalctl -u k0scontroller on its host. If its join failed, on a healthy controller: sudo k0s etcd leave \
             --peer-address {}; then join again",
            arg(address)
        )
    } else {
        "wait: k0s's leader promotes a learner that has caught up, about every 10 s".to_owned()
    };
    Finding {
        check: CheckId::EtcdLearner,
        severity,
        subject: member_subject(member),
        title: format!("{} {state}", called(member)).into(),
        evidence: evidence([format!("listed as a learner at {address} for at least {}", Age(age))]),
        consequence: "it has no vote, so it adds no spare; no other controller can join meanwhile".into(),
        remedy: remedy.into(),
    }
}

pub(super) fn differ(snapshot: &Snapshot) -> Looked {
    let views = snapshot.current_views();
    let local = snapshot.local_member();
    let speakers: BTreeSet<Option<MemberId>> = views.iter().map(|view| view.speaker(local)).collect();
    let membership = snapshot.membership();
    let is_single = membership.is_from_etcd() && membership.members.len() == 1;
    if speakers.len() == 1 && is_single {
        return Err(not_applicable("there is only one member"));
    }
    if speakers.len() < 2 {
        let why = snapshot.etcd.no_access.clone();
        let why = why.unwrap_or_else(|| Why::new(WhyKind::NotYet, "fewer than two members tell their member list"));
        let silent = membership
            .members
            .iter()
            .find(|member| !speakers.contains(&Some(member.id)));
        let feed = silent.map_or(FeedId::EtcdLocal, |member| FeedId::EtcdPeer(member.id));
        return Err(cannot_tell(feed, why));
    }
    let ours = snapshot.cluster_id();
    let is_foreign =
        |view: &&DatedView| view.view.cluster_id.is_some() && ours.is_some() && view.view.cluster_id != ours;
    let (foreign, own): (Vec<&DatedView>, Vec<&DatedView>) = views.iter().partition(is_foreign);
    let mut findings: Vec<Finding> = foreign
        .into_iter()
        .map(|view| another_cluster(snapshot, view))
        .collect();
    let lists: BTreeSet<&Vec<Member>> = own.iter().map(|view| &view.view.members).collect();
    if lists.len() > 1 {
        findings.push(disagreement(snapshot, &own));
    }
    Ok(findings)
}

fn another_cluster(snapshot: &Snapshot, view: &DatedView) -> Finding {
    let theirs = view.view.cluster_id.map(|id| id.to_string()).unwrap_or_default();
    let ours = snapshot.cluster_id().map(|id| id.to_string()).unwrap_or_default();
    Finding {
        check: CheckId::EtcdViewsDiffer,
        severity: Severity::Warning,
        subject: Text::from(format!("member/{}", voice(snapshot, view.vantage))),
        title: format!("{} answers for another etcd cluster", voice(snapshot, view.vantage)).into(),
        evidence: evidence([
            format!("its cluster id is {theirs}, ours is {ours}"),
            said(snapshot, view),
        ]),
        consequence: "it replicates nothing of this cluster and has no vote here".into(),
        remedy: "its host was installed or restored as a cluster of its own: see k0scontroller's journal there, then re-join \
                 it with an empty data directory"
            .into(),
    }
}

fn disagreement(snapshot: &Snapshot, views: &[&DatedView]) -> Finding {
    // A change reaches all members within a moment; until the newest form is older than that, it may be on its way.
    let newest = views
        .iter()
        .filter(|view| view.seen_changing)
        .map(|view| view.changed_at)
        .max();
    let is_settled = newest.is_none_or(|at: Stamp| snapshot.now.waited_since(at) >= FRESH);
    Finding {
        check: CheckId::EtcdViewsDiffer,
        severity: if is_settled { Severity::Warning } else { Severity::Info },
        subject: "cluster".into(),
        title: "the members list different members".into(),
        evidence: evidence(views.iter().map(|view| said(snapshot, view))),
        consequence: "a member that is behind is slow or cut off from the others; its list is not the truth".into(),
        remedy:
            "change no membership now. See network, disk and journalctl -u k0scontroller of the member that is behind"
                .into(),
    }
}

/// What one view says, and how old that is.
fn said(snapshot: &Snapshot, view: &DatedView) -> String {
    let how = match view.vantage {
        Vantage::LocalLinearizable => " (linearizable)",
        Vantage::LocalSerializable => " (own copy)",
        Vantage::Peer(_) => "",
    };
    let listed = names(view.view.members.iter().map(|member| {
        let learner = if member.is_learner { " as learner" } else { "" };
        format!("{}{learner}", called(member))
    }));
    let age = Age(snapshot.now.since(view.as_of));
    format!("{}{how} lists {listed}; {age} ago", voice(snapshot, view.vantage))
}

fn voice(snapshot: &Snapshot, vantage: Vantage) -> Text {
    let id = match vantage {
        Vantage::LocalLinearizable | Vantage::LocalSerializable => snapshot.local_member(),
        Vantage::Peer(id) => Some(id),
    };
    let Some(id) = id else {
        return "the local member".into();
    };
    let members = snapshot.membership().members;
    let member = members.iter().find(|member| member.id == id);
    member.map_or_else(|| Text::from(id.to_string()), called)
}
