//! `ok-to`: the gates as a question of its own, for scripts and for people who do it by other means.

use serde::{Deserialize, Serialize};

use super::condition::Condition;
use super::gate::Act;
use super::make::host::{Host, SILENT_MS};
use super::truth::Truth;
use crate::base::{Text, Why};
use crate::model::Snapshot;
use crate::model::quorum::Health;

/// What is to be done to a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Stop, restart or reboot it.
    Stop,
    /// Remove it from the cluster.
    Remove,
    /// Join it as a new controller.
    Add,
}

/// One gate and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What must be so.
    pub claim: Text,
    /// Whether it is.
    pub truth: Truth,
}

/// All gates, in the order in which a run would ask them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Each with its reason.
    pub reasons: Vec<Reason>,
}

impl Answer {
    /// `Some(true)`: every gate is open. `Some(false)`: one is closed. None: it cannot be told.
    pub fn verdict(&self) -> Option<bool> {
        if self.reasons.iter().any(|reason| reason.truth.is_unmet()) {
            return Some(false);
        }
        self.reasons.iter().all(|reason| reason.truth.is_met()).then_some(true)
    }
}

/// Whether it may be done to this controller now. An error where there is no such controller.
pub fn ok_to(verb: Verb, node: &Text, snapshot: &Snapshot) -> Result<Answer, Why> {
    let conditions = match verb {
        Verb::Stop => stop(node, snapshot)?,
        Verb::Remove => remove(node, snapshot)?,
        Verb::Add => vec![
            Condition::QuorumProven,
            Condition::MembershipQuiet,
            Condition::Permitted { act: Act::Add },
        ],
    };
    let mut reasons: Vec<Reason> = conditions.iter().map(|condition| reason(condition, snapshot)).collect();
    if verb == Verb::Add && snapshot.node(node).is_some() {
        reasons.push(Reason {
            claim: Text::from(format!("no node is called {node}")),
            truth: Truth::unmet("one is: a new host needs another name, or the old Node must go first"),
        });
    }
    Ok(Answer { reasons })
}

fn reason(condition: &Condition, snapshot: &Snapshot) -> Reason {
    Reason {
        claim: condition.claim(),
        truth: condition.preview(snapshot),
    }
}

fn stop(node: &Text, snapshot: &Snapshot) -> Result<Vec<Condition>, Why> {
    let quorum = snapshot.quorum();
    let host = Host::find(snapshot, &quorum, node)?;
    let mut conditions = Vec::new();
    if let Some(member) = host.id() {
        conditions.push(Condition::Permitted {
            act: Act::Stop { member },
        });
    }
    conditions.extend(host.pause_needs());
    Ok(conditions)
}

/// By what it is: a remnant, a dead voter, or one that serves.
fn remove(node: &Text, snapshot: &Snapshot) -> Result<Vec<Condition>, Why> {
    let quorum = snapshot.quorum();
    let host = Host::find(snapshot, &quorum, node)?;
    let Some(state) = host.member else {
        return Ok(vec![Condition::QuorumProven]);
    };
    let member = state.member.id;
    let for_ms = SILENT_MS;
    let mut conditions = vec![Condition::QuorumProven, Condition::NotHere { id: member }];
    let is_remnant = state.member.is_learner || !state.member.has_started();
    conditions.extend(match &state.health {
        _ if is_remnant => vec![Condition::Permitted {
            act: Act::RemoveRemnant { member },
        }],
        Health::Healthy { .. } => vec![Condition::Permitted {
            act: Act::RemoveHealthy { member },
        }],
        Health::Dead { .. } | Health::Unknown { .. } => vec![
            Condition::Silent { id: member, for_ms },
            Condition::Permitted {
                act: Act::RemoveDead { member },
            },
        ],
    });
    Ok(conditions)
}

#[cfg(test)]
mod tests;
