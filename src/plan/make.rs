//! Planners: a wish and a snapshot become a plan, or the reason why there is none. One file for each wish; what they share
//! is in `build` (steps) and `host` (who a controller is, by every name that it has). Pure: the same snapshot makes the same
//! plan. Start at [`make`].

use serde::{Deserialize, Serialize};

use crate::base::{Text, Why};
use crate::model::intent::Intent;
use crate::model::{Policy, Snapshot};

use super::step::Plan;

mod build;
mod drain;
mod etcd;
mod ha;
pub(in crate::plan) mod host;
mod label_zones;
mod node;
mod rebalance;
mod replace;
mod restart;
mod suggest;
mod swap;
mod undo;

#[cfg(test)]
mod tests;

pub use etcd::backup_file;
pub use suggest::{Suggestion, suggest};
pub use undo::{is_reversible, undo};

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "planned", rename_all = "kebab-case")]
pub enum Planned {
    /// This would do it.
    Plan(Box<Plan>),
    /// It is so already.
    Nothing {
        /// What shows it.
        why: Text,
    },
    /// It must not be done, or it cannot be told whether it may.
    Refused {
        /// Every reason.
        because: Vec<Why>,
    },
}

impl Planned {
    fn nothing(why: impl AsRef<str>) -> Self {
        Planned::Nothing {
            why: Text::new(why.as_ref()),
        }
    }

    fn refused(why: Why) -> Self {
        Planned::Refused { because: vec![why] }
    }
}

/// Makes the plan for a wish. Gates that are closed only for the moment do not keep a plan from being made: they are shown,
/// and the run waits for them. What the arithmetic forbids is refused.
pub fn make(intent: &Intent, snapshot: &Snapshot, policy: &Policy) -> Planned {
    let made = match intent {
        Intent::LabelZones { zones, region } => label_zones::plan(intent, (snapshot, policy), zones, region.as_ref()),
        Intent::ReplaceNode { node } => replace::plan(intent, (snapshot, policy), node),
        Intent::RestartControllers { nodes } => restart::plan(intent, snapshot, nodes),
        Intent::StartController { node } => restart::start(intent, snapshot, node),
        Intent::Cordon { node } => node::cordon(intent, snapshot, node, true),
        Intent::Uncordon { node } => node::cordon(intent, snapshot, node, false),
        Intent::Drain { node } => drain::plan(intent, snapshot, node),
        Intent::OutOfService { node, undo } => node::out_of_service(intent, snapshot, node, !undo),
        Intent::Rebalance { workload } => rebalance::plan(intent, snapshot, workload.as_ref()),
        Intent::EnableHa => ha::plan(intent, snapshot),
        Intent::RemoveRemnant { member } => etcd::remove_remnant(intent, snapshot, policy, *member),
        Intent::EtcdBackup { file } => etcd::backup(intent, snapshot, file),
        Intent::EtcdSpace => etcd::space(intent, snapshot),
        Intent::Undo { run } => Err(undo::needs_journal(run)),
    };
    made.unwrap_or_else(Planned::refused)
}
