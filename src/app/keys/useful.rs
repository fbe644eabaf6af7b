//! Which keys a footer may promise: those that would do something now. Start reading at [`is_useful`].

use super::Command;
use crate::app::rows::rows;
use crate::app::state::State;
use crate::app::{sim, work};

/// Whether a key would do more than say why it does nothing.
pub fn is_useful(state: &State, command: Command) -> bool {
    match command {
        // Nothing is run from the past.
        Command::Work(deed) if state.replay.is_some() => deed == work::Deed::Offer,
        // A plan that is read is run by whoever may; before, the same key shows it.
        Command::Work(work::Deed::Go) if state.detail.is_some() => !state.work.is_manned || state.work.is_unlocked,
        Command::Sim(sim::Deed::Kill | sim::Deed::Revive) => sim::selected(state).is_some(),
        Command::Pods => rows(state)
            .get(state.cursor().index)
            .is_some_and(|row| row.scope(state).is_some()),
        _ => true,
    }
}
