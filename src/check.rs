//! The checks: one table, from which the findings, `check`, `explain` and the documents are made. A check looks at a
//! snapshot and a policy and at nothing else. Start reading at [`TABLE`], then one family, such as [`etcd`].

pub mod etcd;
pub mod failover;
pub mod feeds;
pub mod finding;
pub mod id;
mod look;
pub mod members;
pub mod nodes;
pub mod placement;
pub mod product;
pub mod verdict;

pub use finding::{Finding, Outcome, Severity};
pub use id::CheckId;
pub use verdict::{Level, Verdict};

use serde::{Deserialize, Serialize};

use crate::model::{Policy, Snapshot};

/// One thing that must hold. Serializes as `explain` prints it.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Its name.
    pub id: CheckId,
    /// What must hold, in one line.
    pub title: &'static str,
    /// What it looks at.
    pub looks_at: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do when it is broken.
    pub fix: &'static str,
    /// The statement of the HA document that it implements, word for word, where there is one.
    pub statement: Option<&'static str>,
    /// Looks.
    #[serde(skip)]
    pub look: fn(&Snapshot, &Policy) -> Outcome,
}

/// Every check, family by family.
pub const TABLE: &[&[Check]] = &[
    etcd::CHECKS,
    members::CHECKS,
    nodes::CHECKS,
    product::CHECKS,
    placement::CHECKS,
    failover::CHECKS,
    feeds::CHECKS,
];

/// Every check in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Check> {
    TABLE.iter().copied().flatten()
}

/// The check with an id.
pub fn find(id: CheckId) -> Option<&'static Check> {
    all().find(|check| check.id == id)
}

/// What all checks found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The one line that stands above everything.
    pub verdict: Verdict,
    /// Every check with its outcome, in the order of the table.
    pub outcomes: Vec<(CheckId, Outcome)>,
}

impl Report {
    /// Every finding, worst first; findings of equal severity in the order of the table.
    pub fn findings(&self) -> Vec<&Finding> {
        let mut findings: Vec<&Finding> = self
            .outcomes
            .iter()
            .filter_map(|(_, outcome)| match outcome {
                Outcome::Broken { findings } => Some(findings),
                Outcome::Holds | Outcome::CannotTell { .. } | Outcome::NotApplicable { .. } => None,
            })
            .flatten()
            .collect();
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }
}

/// Runs every check.
pub fn run(snapshot: &Snapshot, policy: &Policy) -> Report {
    let outcomes: Vec<(CheckId, Outcome)> = all().map(|check| (check.id, (check.look)(snapshot, policy))).collect();
    Report {
        verdict: verdict::judge(snapshot, &outcomes),
        outcomes,
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
