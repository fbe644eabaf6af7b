//! What the tests of all families share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::{CheckId, Finding, Outcome, Scene, Severity, find};
use crate::model::{FeedId, FeedState, Policy, Snapshot};

/// What a check says by the default policy.
pub(super) fn look(id: CheckId, snapshot: &Snapshot) -> Outcome {
    let check = find(id).unwrap_or_else(|| panic!("{id} is in the table"));
    (check.look)(&Scene::of(snapshot), &Policy::default())
}

#[track_caller]
pub(super) fn assert_holds(id: CheckId, snapshot: &Snapshot) {
    assert_eq!(look(id, snapshot), Outcome::Holds, "{id}");
}

#[track_caller]
pub(super) fn findings(id: CheckId, snapshot: &Snapshot) -> Vec<Finding> {
    match look(id, snapshot) {
        Outcome::Broken { findings } => findings,
        other => panic!("{id} says {other:?}"),
    }
}

/// The only finding, with this severity and subject.
#[track_caller]
pub(super) fn one(id: CheckId, snapshot: &Snapshot, severity: Severity, subject: &str) -> Finding {
    let mut found = findings(id, snapshot);
    assert_eq!(found.len(), 1, "{found:#?}");
    let finding = found.remove(0);
    assert_eq!(
        (finding.severity, finding.subject.as_str()),
        (severity, subject),
        "{finding:#?}"
    );
    finding
}

#[track_caller]
pub(super) fn assert_cannot_tell(id: CheckId, snapshot: &Snapshot, wanted: FeedId) {
    match look(id, snapshot) {
        Outcome::CannotTell { feed, .. } => assert_eq!(feed, wanted, "{id}"),
        other => panic!("{id} says {other:?}"),
    }
}

#[track_caller]
pub(super) fn assert_not_applicable(id: CheckId, snapshot: &Snapshot) {
    let outcome = look(id, snapshot);
    assert!(
        matches!(outcome, Outcome::NotApplicable { .. }),
        "{id} says {outcome:?}"
    );
}

/// All evidence in one string.
pub(super) fn evidence(finding: &Finding) -> String {
    let lines: Vec<&str> = finding.evidence.iter().map(AsRef::as_ref).collect();
    lines.join("\n")
}

/// Switches a custom kind off as where its definition is not installed.
pub(super) fn uninstall(snapshot: &mut Snapshot, kind: crate::model::KubeKind) {
    let why = crate::base::Why::new(crate::base::WhyKind::NotFound, "no such kind");
    snapshot.feeds.insert(FeedId::Kube(kind), FeedState::Off { why });
}
