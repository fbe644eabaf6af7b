//! What the checks share: asking for a source before judging by it, and saying things the same way everywhere.

use std::time::Duration;

use jiff::Timestamp;

use super::{Finding, Outcome, Severity};
pub(super) use crate::base::plural;
use crate::base::{Age, Stamp, Text, Why, WhyKind};
use crate::model::etcd::{Member, MemberId};
use crate::model::quorum::{Health, MemberState};
use crate::model::{FeedId, FeedState, KubeKind, Policy, Snapshot};

/// Findings, or why nothing can be found.
pub(super) type Looked = Result<Vec<Finding>, Outcome>;

/// No more lines of evidence than this.
const EVIDENCE_LINES: usize = 8;

pub(super) fn outcome(looked: Looked) -> Outcome {
    looked.map_or_else(|outcome| outcome, Outcome::from_findings)
}

pub(super) const fn cannot_tell(feed: FeedId, why: Why) -> Outcome {
    Outcome::CannotTell {
        feed,
        why,
        stored: None,
    }
}

/// The same answer where it cannot tell, with what that means before the reason.
pub(super) fn because(outcome: Outcome, text: &str) -> Outcome {
    match outcome {
        Outcome::CannotTell { feed, why, stored } => Outcome::CannotTell {
            feed,
            why: Why {
                text: Text::from(format!("{text}: {}", why.text)),
                ..why
            },
            stored,
        },
        Outcome::Holds | Outcome::Broken { .. } | Outcome::NotApplicable { .. } => outcome,
    }
}

pub(super) fn not_applicable(text: &str) -> Outcome {
    Outcome::NotApplicable {
        why: Why::new(WhyKind::Disabled, text),
    }
}

/// Goes on only if what a source said may be used as the truth of now.
pub(super) fn need(snapshot: &Snapshot, feed: FeedId) -> Result<(), Outcome> {
    match snapshot.feed(feed) {
        FeedState::Live { .. } | FeedState::Lagging { .. } => Ok(()),
        FeedState::Lost { why, .. } | FeedState::Off { why } => Err(cannot_tell(feed, why)),
        FeedState::Syncing { .. } => Err(cannot_tell(feed, Why::new(WhyKind::NotYet, "no answer yet"))),
        FeedState::Stored { .. } => {
            let why = Why::new(WhyKind::Unavailable, "only etcd's last committed state is known");
            Err(cannot_tell(feed, why))
        }
    }
}

/// Goes on only if the API server is not known to be another cluster's: what it tells would be said of this one.
pub(super) fn need_own_api(snapshot: &Snapshot) -> Result<(), Outcome> {
    if snapshot.api_is_of_this_cluster() == Some(false) {
        let why = Why::new(WhyKind::Config, OTHER_CLUSTER).hint(OWN_KUBECONFIG);
        return Err(cannot_tell(FeedId::Api, why));
    }
    Ok(())
}

pub(super) const OTHER_CLUSTER: &str = "the kubeconfig is of another cluster";

pub(super) const OWN_KUBECONFIG: &str =
    "name this cluster's with --kubeconfig; a KUBECONFIG that sudo kept may have named the other";

/// Goes on only if the objects of these kinds may be used: they are this cluster's, and fresh. A silent watch looks alive for most of a minute, so the API
/// server must answer too. A custom resource that is not installed does not concern this cluster.
pub(super) fn need_kinds(snapshot: &Snapshot, kinds: &[KubeKind]) -> Result<(), Outcome> {
    need_own_api(snapshot)?;
    for kind in kinds {
        if !is_installed(snapshot, *kind) {
            return Err(not_applicable(&format!(
                "{}.{} is not installed",
                kind.plural(),
                kind.group()
            )));
        }
    }
    need(snapshot, FeedId::Api)?;
    kinds.iter().try_for_each(|kind| need(snapshot, FeedId::Kube(*kind)))
}

/// Whether a kind exists in this cluster, as far as is known.
pub(super) fn is_installed(snapshot: &Snapshot, kind: KubeKind) -> bool {
    match snapshot.kind(kind) {
        FeedState::Off { why } => !(kind.is_custom() && why.kind == WhyKind::NotFound),
        FeedState::Syncing { .. }
        | FeedState::Live { .. }
        | FeedState::Lagging { .. }
        | FeedState::Stored { .. }
        | FeedState::Lost { .. } => true,
    }
}

/// A member as people call it: its name, or its id until it has one.
pub(super) fn called(member: &Member) -> Text {
    if member.has_started() {
        member.name.clone()
    } else {
        Text::from(member.id.to_string())
    }
}

pub(super) fn member_subject(member: &Member) -> Text {
    Text::from(format!("member/{}", called(member)))
}

/// The subject of what concerns this host.
pub(super) fn host_subject(snapshot: &Snapshot) -> Text {
    if snapshot.host.name.is_empty() {
        return "node/this-host".into();
    }
    Text::from(format!("node/{}", snapshot.host.name))
}

/// A member's health with its age and reason.
pub(super) fn health_line(snapshot: &Snapshot, state: &MemberState) -> String {
    let name = called(&state.member);
    let here = if state.is_local { " (this host)" } else { "" };
    match &state.health {
        Health::Healthy { .. } => format!("{name}{here}: healthy"),
        Health::Dead { last_seen, why } => {
            format!(
                "{name}{here}: dead, {}: {}",
                last_answer(snapshot, state.member.id, *last_seen),
                why.text
            )
        }
        Health::Unknown { why } => format!("{name}{here}: unknown: {}", why.text),
    }
}

fn last_answer(snapshot: &Snapshot, id: MemberId, at: Option<Stamp>) -> String {
    let age = |at| Age(snapshot.now.since(at));
    match (at, snapshot.etcd.peers.get(&id)) {
        (Some(at), _) => format!("last answer {} ago", age(at)),
        // Dead before we came: for how long it was, nobody here knows.
        (None, Some(peer)) => format!("no answer in {}", age(peer.history.since)),
        (None, None) => "no answer yet".to_owned(),
    }
}

/// Evidence of bounded length: the first lines, and how many more there are.
pub(super) fn evidence(lines: impl IntoIterator<Item = String>) -> Vec<Text> {
    let mut lines: Vec<Text> = lines.into_iter().map(Text::from).collect();
    if lines.len() > EVIDENCE_LINES {
        let more = lines.len() - (EVIDENCE_LINES - 1);
        lines.truncate(EVIDENCE_LINES - 1);
        lines.push(Text::from(format!("and {more} more")));
    }
    lines
}

/// Names in a row, bounded like evidence.
pub(super) fn names<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<T> = names.into_iter().collect();
    let shown: Vec<&str> = names.iter().take(EVIDENCE_LINES).map(AsRef::as_ref).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// A round trip as people read it: `2.1 ms`.
pub(super) fn millis(us: u64) -> String {
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}

/// An argument of a shell command that people may copy: quoted unless it is plain.
pub(super) fn arg(raw: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:/".contains(c);
    if !raw.is_empty() && raw.chars().all(is_plain) {
        return raw.to_owned();
    }
    format!("'{}'", raw.replace('\'', r"'\''"))
}

/// How bad the end of a certificate is, and `ends in 3 d` or `ended 2 h ago`; None while it is far.
pub(super) fn certificate_end(
    snapshot: &Snapshot,
    policy: &Policy,
    not_after: Timestamp,
) -> Option<(Severity, String)> {
    if snapshot.now.wall >= not_after {
        let ago = Age(snapshot.wall_age(not_after));
        return Some((Severity::Critical, format!("ended {ago} ago")));
    }
    let left = Duration::try_from(not_after.duration_since(snapshot.now.wall)).unwrap_or_default();
    let severity = if left <= policy.certificate_critical {
        Severity::Critical
    } else if left <= policy.certificate_warning {
        Severity::Warning
    } else {
        return None;
    };
    Some((severity, format!("ends in {}", Age(left))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_cannot_leave_their_place() {
        assert_eq!(arg("10.77.0.13"), "10.77.0.13");
        assert_eq!(arg("a; rm -rf /"), "'a; rm -rf /'");
        assert_eq!(arg("it's $(x)"), r"'it'\''s $(x)'");
        assert_eq!(arg(""), "''");
    }

    #[test]
    fn evidence_is_bounded() {
        let lines = evidence((0..100).map(|n| n.to_string()));
        assert_eq!(lines.len(), EVIDENCE_LINES);
        assert_eq!(lines[EVIDENCE_LINES - 1], "and 93 more");
        assert_eq!(evidence((0..8).map(|n| n.to_string())).len(), 8);
        assert_eq!(
            names((0..10).map(|n| n.to_string())),
            "0, 1, 2, 3, 4, 5, 6, 7 and 2 more"
        );
    }
}
