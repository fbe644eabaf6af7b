//! The arithmetic of what may be done to etcd's voters: one table, asked by planners, by every step right before it, and by
//! `ok-to`. Pure functions of [`Quorum`]. Start at [`judge`].

use std::fmt;

use serde::{Deserialize, Serialize};

use super::truth::Truth;
use crate::base::Stamp;
use crate::model::etcd::MemberId;
use crate::model::quorum::{Health, MemberState, MembershipSource, Quorum, Standing, needed};

/// What is to be done to etcd's voters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// Stop, restart, reboot or drain the controller with this member.
    Stop {
        /// Its member.
        member: MemberId,
    },
    /// Remove a voter that is dead.
    RemoveDead {
        /// Which.
        member: MemberId,
    },
    /// Remove a voter that serves.
    RemoveHealthy {
        /// Which.
        member: MemberId,
    },
    /// Remove a learner, or what never started: the remnant of a failed join.
    RemoveRemnant {
        /// Which.
        member: MemberId,
    },
    /// Add a member.
    Add,
    /// Defragment, upgrade: what slows every member down in turn.
    Disturb,
}

impl Act {
    /// A word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Act::Stop { .. } => "stop",
            Act::RemoveDead { .. } => "remove-dead",
            Act::RemoveHealthy { .. } => "remove-healthy",
            Act::RemoveRemnant { .. } => "remove-remnant",
            Act::Add => "add",
            Act::Disturb => "disturb",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Stop { member } => write!(f, "stop member {member}"),
            Act::RemoveDead { member } => write!(f, "remove the dead member {member}"),
            Act::RemoveHealthy { member } => write!(f, "remove the healthy member {member}"),
            Act::RemoveRemnant { member } => write!(f, "remove the remnant {member}"),
            Act::Add => f.write_str("add a member"),
            Act::Disturb => f.write_str("disturb every member in turn"),
        }
    }
}

/// Voters that count towards a quorum: how many surely, and how many perhaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Votes {
    surely: usize,
    perhaps: usize,
}

impl Votes {
    /// Whether they make `need`, whatever the doubtful ones are.
    fn make(self, need: usize, what: &str) -> Truth {
        let Votes { surely, perhaps } = self;
        if surely >= need {
            Truth::met(format!("{surely} healthy {what}, {need} needed"))
        } else if surely + perhaps >= need {
            Truth::unknown(format!(
                "{surely} healthy {what}, {need} needed, and {perhaps} cannot be told"
            ))
        } else {
            Truth::unmet(format!("{surely} healthy {what}, {need} needed"))
        }
    }
}

/// Whether the arithmetic allows it. A voter counts as healthy only if it was seen serving after `asked`; quorum counts as
/// proven, and a member list as true, only if they were read through consensus after it. A doubtful voter counts as dead.
pub fn judge(act: Act, quorum: &Quorum, asked: Stamp) -> Truth {
    if !quorum.membership.is_from_etcd() || quorum.voters == 0 {
        return Truth::unknown("etcd has not told who its members are");
    }
    let table = Table { quorum, asked };
    match act {
        Act::Stop { member } => table.stop(member),
        Act::RemoveDead { member } => table.listed(member, |state| table.remove_dead(state)),
        Act::RemoveHealthy { member } => table.listed(member, |state| table.remove_healthy(state)),
        Act::RemoveRemnant { member } => table.listed(member, |state| table.remove_remnant(state)),
        Act::Add => table.add(),
        Act::Disturb => table.disturb(),
    }
}

struct Table<'a> {
    quorum: &'a Quorum,
    asked: Stamp,
}

impl Table<'_> {
    fn stop(&self, member: MemberId) -> Truth {
        let target = self.quorum.member(member);
        if let Some(Health::Dead { why, .. }) = target.map(|state| &state.health)
            && why.kind == crate::base::WhyKind::Refused
        {
            return Truth::met(format!("its etcd is not running anyway: {}", why.text));
        }
        let need = needed(self.quorum.voters);
        self.votes(Some(member)).make(need, "voters beside it")
    }

    fn remove_dead(&self, target: &MemberState) -> Truth {
        if target.member.is_learner || !target.member.has_started() {
            return Truth::unmet("it is no started voter");
        }
        match &target.health {
            Health::Healthy { .. } => Truth::unmet("it serves"),
            Health::Unknown { why } => Truth::Unknown { why: why.clone() },
            Health::Dead { .. } => self.proven().unwrap_or_else(|| {
                let need = needed(self.quorum.voters - 1);
                self.votes(Some(target.member.id)).make(need, "voters beside it")
            }),
        }
    }

    fn remove_healthy(&self, target: &MemberState) -> Truth {
        if target.member.is_learner {
            return Truth::unmet("it has no vote");
        }
        if self.quorum.voters < 4 {
            let voters = self.quorum.voters;
            return Truth::unmet(format!("{voters} voters: a fourth must join first"));
        }
        self.proven().unwrap_or_else(|| self.all_healthy())
    }

    fn remove_remnant(&self, target: &MemberState) -> Truth {
        if !target.member.is_learner && target.member.has_started() {
            return Truth::unmet("it is a voter that has started, no remnant");
        }
        self.proven()
            .unwrap_or_else(|| Truth::met("quorum is proven, and it gives no vote to it"))
    }

    fn add(&self) -> Truth {
        if let Some(truth) = self.proven() {
            return truth;
        }
        if let Some(state) = self.unfinished() {
            return Truth::unmet(format!("member {} has not become a voter yet", state.member.id));
        }
        let need = needed(self.quorum.voters + 1);
        self.votes(None).make(need, "voters")
    }

    fn disturb(&self) -> Truth {
        if let Some(state) = self.unfinished() {
            return Truth::unmet(format!("member {} has not become a voter yet", state.member.id));
        }
        self.all_healthy()
    }

    fn all_healthy(&self) -> Truth {
        self.votes(None).make(self.quorum.voters, "voters")
    }

    fn listed(&self, id: MemberId, judge: impl FnOnce(&MemberState) -> Truth) -> Truth {
        self.quorum
            .member(id)
            .map_or_else(|| Truth::unmet(format!("etcd does not list member {id}")), judge)
    }

    /// A learner, or a member that never started.
    fn unfinished(&self) -> Option<&MemberState> {
        let mut members = self.quorum.members.iter();
        members.find(|state| state.member.is_learner || !state.member.has_started())
    }

    /// None where quorum was proven, and the members listed, through consensus after the question.
    fn proven(&self) -> Option<Truth> {
        let is_new = |as_of: Option<Stamp>| as_of.is_some_and(|at| at > self.asked);
        match self.quorum.standing {
            Standing::Lost => return Some(Truth::unmet("quorum is lost")),
            Standing::Held { as_of } if is_new(Some(as_of)) => {}
            _ => return Some(Truth::unknown("no linearizable read has succeeded since")),
        }
        let membership = &self.quorum.membership;
        let is_true = membership.source == MembershipSource::Linearizable && is_new(membership.as_of);
        (!is_true).then(|| Truth::unknown("the member list was not read through consensus since"))
    }

    fn votes(&self, beside: Option<MemberId>) -> Votes {
        let mut votes = Votes { surely: 0, perhaps: 0 };
        let others = self.quorum.members.iter();
        let others = others.filter(|state| !state.member.is_learner && Some(state.member.id) != beside);
        for state in others {
            match &state.health {
                Health::Healthy { as_of } if *as_of > self.asked => votes.surely += 1,
                Health::Healthy { .. } | Health::Unknown { .. } => votes.perhaps += 1,
                Health::Dead { .. } => {}
            }
        }
        votes
    }
}

#[cfg(test)]
mod tests;
