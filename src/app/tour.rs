//! The guided tour of the demo: one line at a time, each until the operator did what it says, or went on by a key. Start
//! reading at [`STEPS`].

use super::key::Key;
use super::keys::Command;
use super::screen::Screen;
use super::sim::Deed;
use super::state::State;
use crate::model::kube::Tri;

/// One step.
pub struct Step {
    /// What to do, and what to look at.
    pub text: fn(&State) -> String,
    /// Whether it has happened. Nothing but a key moves a step on that never says so.
    is_done: fn(&State) -> bool,
}

/// The steps, in order.
pub const STEPS: &[Step] = &[
    Step {
        text: |state| {
            let (nodes, kill) = (nodes(state), state.key_of(Command::Sim(Deed::Kill)));
            format!("Simulated: break it. Press {nodes}, select nbe-3, press {kill} to switch it off")
        },
        is_done: |state| spare(state).is_some_and(|spare| spare < 1),
    },
    Step {
        text: |state| {
            let faster = state.key_of(Command::Sim(Deed::Faster));
            format!("Spare is 0 at once. Press {faster} for faster time, until nbe-3 is NotReady")
        },
        is_done: |state| !all_ready(state),
    },
    Step {
        text: |state| {
            let [placement, findings] =
                [Screen::Placement, Screen::Findings].map(|screen| state.key_of(Command::Go(screen)));
            format!("Its pods are evicted, then start elsewhere: {placement} placement, {findings} findings")
        },
        is_done: |_| false,
    },
    Step {
        text: |state| {
            let (nodes, revive) = (nodes(state), state.key_of(Command::Sim(Deed::Revive)));
            format!("Press {nodes} and {revive} to revive nbe-3: spare is 1 again when etcd caught up")
        },
        is_done: |state| spare(state).is_some_and(|spare| spare > 0) && all_ready(state),
    },
    Step {
        text: |state| {
            let help = state.key_of(Command::Help);
            format!("The end. {help} shows the keys; try :kill zone zone-a, :freeze, :join")
        },
        is_done: |_| false,
    },
];

fn nodes(state: &State) -> Key {
    state.key_of(Command::Go(Screen::Nodes))
}

fn spare(state: &State) -> Option<i64> {
    state.derived.quorum.spare()
}

/// Nodes that nobody has told of are not ready.
fn all_ready(state: &State) -> bool {
    let nodes = &state.snapshot.kube.nodes;
    !nodes.is_empty() && nodes.values().all(|node| node.ready.status == Tri::True)
}

/// The step shown.
pub fn step(state: &State) -> Option<&'static Step> {
    STEPS.get(state.tour?)
}

/// Goes on where a step has happened.
pub fn follow(state: &mut State) {
    if step(state).is_some_and(|step| (step.is_done)(state)) {
        next(state);
    }
}

/// Goes on; after the last step, the tour is over.
pub fn next(state: &mut State) {
    state.tour = state.tour.map(|step| step + 1).filter(|step| *step < STEPS.len());
}

/// Shows the tour from its beginning, or hides it.
pub fn toggle(state: &mut State) {
    state.tour = if state.tour.is_some() { None } else { Some(0) };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::{Msg, update};
    use crate::model::example::Death;
    use crate::model::{Policy, example};

    #[test]
    fn steps_fit_beside_their_key_at_80_columns() {
        let state = State::new(Arc::new(example::healthy()), Policy::default());
        for step in STEPS {
            let text = (step.text)(&state);
            assert!(text.len() <= 80 - "t next  ".len(), "{text}");
        }
    }

    #[test]
    fn a_step_ends_when_it_was_done_and_the_tour_ends_after_its_last() {
        let mut state = State::new(Arc::new(example::healthy()), Policy::default());
        toggle(&mut state);
        update(&mut state, Msg::Snapshot(Arc::new(example::healthy())));
        assert_eq!(state.tour, Some(0));
        update(&mut state, Msg::Snapshot(Arc::new(example::node_lost(Death::Refused))));
        assert_eq!(state.tour, Some(1));
        for _ in STEPS {
            next(&mut state);
        }
        assert_eq!(state.tour, None);
    }
}
