//! k0s's own objects of a host: notes that may be old, and so never mixed with what etcd says.

use super::chapter::{Chapter, Paragraph};
use crate::app::State;
use crate::base::Text;
use crate::model::etcd::MemberId;
use crate::model::k0s::{ControlNode, EtcdMemberObject};
use crate::model::{FeedId, KubeKind, ObjectKey};
use crate::view::theme::Role;
use crate::view::words;

/// What k0s noted of the host with a name, an address and a member id, as far as they are known. Nothing where k0s noted
/// nothing, as of a worker.
pub fn chapters(state: &State, name: &Text, address: Option<&str>, id: Option<MemberId>) -> Vec<Chapter> {
    let kube = &state.snapshot.kube;
    let is_at = |own: Option<&Text>| own.is_some_and(|own| Some(own.as_str()) == address);
    let mut chapters = Vec::new();
    for (key, fact) in kube.etcd_members.iter() {
        let of = &fact.value;
        let is_meant = key.name == *name || is_at(of.peer_address.as_ref()) || (id.is_some() && of.member_id == id);
        if is_meant {
            let title = format!("EtcdMember {key}");
            chapters.push(Chapter::of_feed(
                state,
                title,
                FeedId::Kube(KubeKind::EtcdMembers),
                member(state, of),
            ));
        }
    }
    for (key, fact) in kube.control_nodes.iter() {
        let of = &fact.value;
        if key.name == *name || of.node.as_ref() == Some(name) || is_at(of.address.as_ref()) {
            let title = format!("ControlNode {key}");
            chapters.push(Chapter::of_feed(
                state,
                title,
                FeedId::Kube(KubeKind::ControlNodes),
                control(of),
            ));
        }
    }
    chapters.extend(lease(state, name));
    chapters
}

fn or_dash(text: Option<&Text>) -> String {
    text.map_or_else(|| "-".to_owned(), ToString::to_string)
}

fn member(state: &State, of: &EtcdMemberObject) -> Vec<Paragraph> {
    let id = of.member_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    let joined = of.joined.as_ref().map_or_else(
        || "not told".to_owned(),
        |condition| {
            let age = condition
                .changed
                .map(|at| words::coarse_age(state.snapshot.wall_age(at)));
            let age = age.map(|age| format!(" for {age}")).unwrap_or_default();
            format!("Joined={}{age}", condition.status.word())
        },
    );
    let mut rows = vec![
        (
            "noted",
            format!("{joined}; k0s writes it at its start and may leave it when a member goes"),
            Role::Text,
        ),
        ("member id", id, Role::Dim),
        ("address", or_dash(of.peer_address.as_ref()), Role::Dim),
    ];
    if of.leave {
        rows.push(("leave", "it was asked to leave (spec.leave)".to_owned(), Role::Warning));
    }
    if !of.reconcile_status.is_empty() {
        let role = if of.reconcile_status == "Success" {
            Role::Dim
        } else {
            Role::Warning
        };
        rows.push(("reconcile", format!("{} {}", of.reconcile_status, of.message), role));
    }
    rows
}

fn control(of: &ControlNode) -> Vec<Paragraph> {
    vec![
        ("k0s", or_dash(of.k0s_version.as_ref()), Role::Text),
        ("address", or_dash(of.address.as_ref()), Role::Dim),
    ]
}

/// The lease that tells that k0s's controller runs.
fn lease(state: &State, name: &Text) -> Option<Chapter> {
    let key = ObjectKey::new("kube-node-lease", Text::from(format!("k0s-ctrl-{name}")));
    let fact = state.snapshot.kube.leases.get(&key)?;
    let late = state.policy.heartbeat_late;
    let renewed = match state.snapshot.lease_age(key.namespace.as_str(), key.name.as_str()) {
        None => (
            "its clock is ahead of ours: the age cannot be told".to_owned(),
            Role::Unknown,
        ),
        Some(beat) if beat.age <= late => ("on time".to_owned(), Role::Ok),
        Some(beat) => {
            let doubt = if beat.seen { "" } else { "?" };
            (format!("silent {}{doubt}", words::age(beat.age)), Role::Critical)
        }
    };
    let feed = FeedId::Kube(KubeKind::Leases);
    let is_stale = crate::view::fresh::is_stale(&crate::view::fresh::of(state, feed));
    let (text, role) = if is_stale {
        ("not heard".to_owned(), Role::Unknown)
    } else {
        renewed
    };
    let rows = vec![
        ("controller", text, role),
        ("holder", or_dash(fact.value.holder.as_ref()), Role::Dim),
    ];
    Some(Chapter::of_feed(
        state,
        format!("k0s controller: lease {key}"),
        feed,
        rows,
    ))
}
