//! The checks: one table, from which the findings, `check`, `explain` and the documents are made. A check looks at a
//! snapshot and a policy and at nothing else. Start reading at [`TABLE`], then one family, such as [`etcd`].

pub mod at_hand;
pub mod capacity;
pub mod entry;
pub mod etcd;
pub mod external;
pub mod failover;
pub mod feeds;
pub mod finding;
pub mod group;
pub mod host;
pub mod id;
mod look;
pub mod machines;
pub mod members;
pub mod network;
pub mod nodes;
pub mod placement;
pub mod product;
pub mod proof;
pub mod recovery;
pub mod spread;
pub mod storage;
mod stored;
pub mod verdict;

pub use at_hand::at_hand;
pub use finding::{Finding, Outcome, Severity};
pub use group::{Group, Profile};
pub use id::CheckId;
pub use verdict::{Level, Verdict};

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::model::kube::Pod;
use crate::model::placement::{Placement, PodsByWorkload};
use crate::model::policy::Acknowledgement;
use crate::model::{ObjectKey, Policy, Snapshot};

/// One thing that must hold. Serializes as `explain` prints it.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Its name.
    pub id: CheckId,
    /// The chapter of the HA document.
    pub group: Group,
    /// Which clusters it concerns.
    pub profile: Profile,
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
    pub look: fn(&Scene, &Policy) -> Outcome,
}

/// What is looked at: a snapshot, and what several checks need of it, worked out once.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The snapshot.
    pub snapshot: &'a Snapshot,
    /// The pods of each workload.
    pub pods: PodsByWorkload<'a>,
    /// Where they run.
    pub placements: Vec<Placement>,
}

impl<'a> Scene<'a> {
    /// Works it out.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        let pods = snapshot.pods_by_workload();
        Self {
            snapshot,
            placements: snapshot.placements_of(&pods),
            pods,
        }
    }

    /// The pods of a workload.
    fn pods_of(&self, placement: &Placement) -> &[(&'a ObjectKey, &'a Pod)] {
        let own = self.pods.get(&(placement.workload.kind, placement.key.clone()));
        own.map(Vec::as_slice).unwrap_or_default()
    }
}

impl Deref for Scene<'_> {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        self.snapshot
    }
}

/// Every check, family by family.
pub const TABLE: &[&[Check]] = &[
    etcd::CHECKS,
    members::CHECKS,
    nodes::CHECKS,
    machines::CHECKS,
    product::CHECKS,
    external::CHECKS,
    placement::CHECKS,
    spread::CHECKS,
    capacity::CHECKS,
    storage::CHECKS,
    failover::CHECKS,
    recovery::CHECKS,
    network::CHECKS,
    entry::CHECKS,
    host::CHECKS,
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
    /// The acknowledgements that are in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<Acknowledgement>,
}

impl Report {
    /// Every finding: worst first, acknowledged ones after the others of their severity, then in the order of the table.
    pub fn findings(&self) -> Vec<&Finding> {
        let mut findings: Vec<&Finding> = findings(&self.outcomes).collect();
        findings.sort_by_key(|finding| {
            let is_acknowledged = self.acknowledgement(finding).is_some();
            (std::cmp::Reverse(finding.severity), is_acknowledged)
        });
        findings
    }

    /// Who accepted a finding, why and for how long.
    pub fn acknowledgement(&self, finding: &Finding) -> Option<&Acknowledgement> {
        acknowledgement(&self.acknowledged, finding)
    }

    /// What a check said.
    pub fn outcome(&self, id: CheckId) -> Option<&Outcome> {
        let found = self.outcomes.iter().find(|(own, _)| *own == id);
        found.map(|(_, outcome)| outcome)
    }
}

/// Every finding of these outcomes.
fn findings(outcomes: &[(CheckId, Outcome)]) -> impl Iterator<Item = &Finding> {
    outcomes.iter().flat_map(|(_, outcome)| outcome.findings())
}

fn acknowledgement<'a>(given: &'a [Acknowledgement], finding: &Finding) -> Option<&'a Acknowledgement> {
    given
        .iter()
        .find(|own| own.covers(finding.check.name(), &finding.subject))
}

/// Runs every check.
pub fn run(snapshot: &Snapshot, policy: &Policy) -> Report {
    run_some(snapshot, policy, |_| true)
}

/// Runs the checks that are picked; the verdict is about these alone.
pub fn run_some(snapshot: &Snapshot, policy: &Policy, pick: impl Fn(CheckId) -> bool) -> Report {
    run_on(&Scene::of(snapshot), policy, pick)
}

/// The same where the scene is set.
pub fn run_on(scene: &Scene, policy: &Policy, pick: impl Fn(CheckId) -> bool) -> Report {
    let then = stored::as_it_was(scene.snapshot);
    let then = then.as_ref().map(Scene::of);
    let picked = all().filter(|check| pick(check.id));
    let outcomes: Vec<(CheckId, Outcome)> = picked
        .map(|check| {
            let outcome = if let Some(why) = check.profile.why_not(policy) {
                Outcome::NotApplicable { why }
            } else {
                let of_stored = || then.as_ref().map(|then| (check.look)(then, policy));
                stored::beside((check.look)(scene, policy), of_stored)
            };
            (check.id, outcome)
        })
        .collect();
    let given = policy.acknowledged.iter();
    let acknowledged: Vec<Acknowledgement> = given.filter(|own| own.until > scene.now.wall).cloned().collect();
    Report {
        verdict: verdict::judge(scene.snapshot, &outcomes, &acknowledged),
        outcomes,
        acknowledged,
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
