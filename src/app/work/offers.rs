//! Which actions are offered, of what. An action that cannot be taken is shown with its reason: knowing why not is half of
//! the help.

use serde::{Deserialize, Serialize};

use crate::app::rows::{RowId, rows, worst};
use crate::app::screen::Screen;
use crate::app::state::State;
use crate::app::subject;
use crate::base::Text;
use crate::check::CheckId;
use crate::check::failover::{detection_waits_for_restart, eviction_waits_for_restart};
use crate::forecast::Domain;
use crate::model::etcd::MemberId;
use crate::model::intent::Intent;
use crate::plan::{Plan, Planned, backup_file, is_reversible, make, undo};

/// One action, and what it would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// As it is typed after `quorate run`.
    pub name: Text,
    /// What is wished.
    pub intent: Intent,
    /// What would be done.
    pub planned: Planned,
}

impl Offer {
    /// Takes the date of an older plan that says the same.
    pub(super) fn keep(&mut self, old: Option<&Self>) {
        let (Planned::Plan(plan), Some(Ok(old))) = (&mut self.planned, old.map(Self::plan)) else {
            return;
        };
        let made = std::mem::replace(&mut plan.made, old.made);
        if **plan != *old {
            plan.made = made;
        }
    }

    /// The plan; otherwise why there is none.
    pub fn plan(&self) -> Result<&Plan, Text> {
        match &self.planned {
            Planned::Plan(plan) => Ok(plan),
            Planned::Nothing { why } => Err(Text::from(format!("nothing to do: {why}"))),
            Planned::Refused { because } => {
                let all: Vec<String> = because.iter().map(ToString::to_string).collect();
                Err(Text::from(all.join("; ")))
            }
        }
    }
}

/// Of what the actions are offered: the selected row, where anything can be done about it.
pub fn about(state: &State) -> Option<RowId> {
    if state.screen == Screen::Actions {
        return None;
    }
    let row = rows(state).get(state.cursor().index)?.clone();
    (!intents(state, &row).is_empty()).then_some(row)
}

/// What can be done, with plans made from the present snapshot.
pub fn offers(state: &State) -> Vec<Offer> {
    let intents = match &state.work.about {
        Some(row) => intents(state, row),
        None => of_cluster(state),
    };
    let offers = intents.into_iter().map(|intent| Offer {
        name: Text::from(intent.to_string()),
        planned: make(&intent, &state.snapshot, &state.policy),
        intent,
    });
    offers.chain(reversal(state)).collect()
}

/// What takes back the newest run that has ended, where that is possible.
fn reversal(state: &State) -> Option<Offer> {
    let now = state.work.run.as_ref().map(|run| &run.view);
    let newest = now.or_else(|| state.work.past.first())?;
    let intent = Intent::Undo {
        run: newest.run.0.clone(),
    };
    is_reversible(newest).then(|| Offer {
        name: Text::from(intent.to_string()),
        planned: undo(newest, &state.snapshot),
        intent,
    })
}

fn of_cluster(state: &State) -> Vec<Intent> {
    // The name that is offered stays while it is.
    let is_backup = |offer: &&Offer| matches!(offer.intent, Intent::EtcdBackup { .. });
    let offered = state
        .work
        .offers
        .iter()
        .find(is_backup)
        .map(|offer| offer.intent.clone());
    let backup = offered.unwrap_or_else(|| Intent::EtcdBackup {
        file: backup_file(state.snapshot.now),
    });
    vec![
        label_zones(state),
        Intent::RestartControllers { nodes: Vec::new() },
        Intent::Rebalance { workload: None },
        Intent::EnableHa,
        backup,
        Intent::EtcdSpace,
    ]
}

fn label_zones(state: &State) -> Intent {
    Intent::LabelZones {
        zones: state.work.zones.clone(),
        region: None,
    }
}

fn intents(state: &State, row: &RowId) -> Vec<Intent> {
    match row {
        RowId::Node(name) | RowId::Loss(Domain::Node(name)) => of_node(state, name),
        RowId::Member(id) => of_member(state, *id),
        RowId::Workload(kind, key) => vec![Intent::Rebalance {
            workload: Some((*kind, key.clone())),
        }],
        RowId::Finding(check, about) => of_finding(state, *check, about),
        RowId::Check(check) => {
            worst(state, *check).map_or_else(Vec::new, |own| of_finding(state, *check, &own.subject))
        }
        RowId::Pod(_)
        | RowId::Untold(_)
        | RowId::Feed(_)
        | RowId::Change(_)
        | RowId::Loss(Domain::Zone(_) | Domain::Chosen)
        | RowId::Offer(_)
        | RowId::Run(_) => Vec::new(),
    }
}

/// A node's present state decides which half of a pair is offered.
fn of_node(state: &State, name: &Text) -> Vec<Intent> {
    let node = || name.clone();
    let Some(seen) = state.snapshot.node(name) else {
        return Vec::new();
    };
    let is_out = seen
        .taints
        .iter()
        .any(|taint| taint.key == "node.kubernetes.io/out-of-service");
    let mut intents = vec![if seen.unschedulable {
        Intent::Uncordon { node: node() }
    } else {
        Intent::Cordon { node: node() }
    }];
    intents.push(Intent::Drain { node: node() });
    intents.push(Intent::OutOfService {
        node: node(),
        undo: is_out,
    });
    if seen.is_controller {
        intents.extend([
            Intent::RestartControllers { nodes: vec![node()] },
            Intent::StartController { node: node() },
            Intent::ReplaceNode { node: node() },
        ]);
    }
    intents
}

fn of_member(state: &State, id: MemberId) -> Vec<Intent> {
    let Some(seen) = state.derived.quorum.member(id) else {
        return Vec::new();
    };
    let mut intents = Vec::new();
    if seen.member.is_learner || !seen.member.has_started() {
        intents.push(Intent::RemoveRemnant { member: id });
    }
    let node = seen.member.peer_address().and_then(|at| state.snapshot.node_at(at));
    intents.extend(node.map(|node| of_node(state, &node.name)).unwrap_or_default());
    intents
}

/// The action that is a finding's remedy, then those of the thing that it is about.
fn of_finding(state: &State, check: CheckId, about: &Text) -> Vec<Intent> {
    let is_stale = || !state.snapshot.stale_controllers().is_empty();
    let remedy = match check {
        CheckId::ZoneLabels | CheckId::ZoneThree => Some(label_zones(state)),
        CheckId::FailoverDetection if detection_waits_for_restart(&state.snapshot) => {
            Some(Intent::RestartControllers { nodes: Vec::new() })
        }
        CheckId::FailoverMixed if is_stale() => Some(Intent::RestartControllers { nodes: Vec::new() }),
        CheckId::FailoverEviction
            if (about == "api/admission" && is_stale())
                || (about == "cluster"
                    && eviction_waits_for_restart(&state.snapshot, state.policy.eviction_slow.as_secs())) =>
        {
            Some(Intent::RestartControllers { nodes: Vec::new() })
        }
        CheckId::HaEnabled => Some(Intent::EnableHa),
        CheckId::EtcdAlarm => Some(Intent::EtcdSpace),
        CheckId::PlacementWebSpread | CheckId::PlacementSingleDomain => Some(Intent::Rebalance { workload: None }),
        _ => None,
    };
    let thing = subject::about(state, &RowId::Finding(check, about.clone()));
    let mut intents = thing.map(|row| intents(state, &row)).unwrap_or_default();
    intents.retain(|intent| remedy.as_ref() != Some(intent));
    intents.splice(0..0, remedy);
    intents
}
