//! The table is whole: every row can be reached, none hides another.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::app::{Msg, update};
use crate::model::snapshot::Simulated;
use crate::model::{Policy, example};
use std::collections::BTreeSet;
use std::sync::Arc;

const COMMANDS: [Command; 78] = [
    Command::Quit,
    Command::Leave,
    Command::Suspend,
    Command::Back,
    Command::Help,
    Command::Redraw,
    Command::OpenCommandLine,
    Command::OpenFilter,
    Command::NextScreen,
    Command::PreviousScreen,
    Command::Move(Move::Up),
    Command::Move(Move::Down),
    Command::Move(Move::PageUp),
    Command::Move(Move::PageDown),
    Command::Move(Move::Top),
    Command::Move(Move::Bottom),
    Command::Move(Move::Left),
    Command::Move(Move::Right),
    Command::Move(Move::LineStart),
    Command::Read(Reading::Yaml),
    Command::Read(Reading::Events),
    Command::Read(Reading::Logs),
    Command::Look(Look::Again),
    Command::Look(Look::Wrap),
    Command::Look(Look::Follow),
    Command::Look(Look::PreviousRun),
    Command::Look(Look::NextContainer),
    Command::Look(Look::ManagedFields),
    Command::OpenSearch,
    Command::Find(Way::Down),
    Command::Find(Way::Up),
    Command::Copy(Copied::All),
    Command::Copy(Copied::InSight),
    Command::Show(Program::Pager),
    Command::Show(Program::Editor),
    Command::Open,
    Command::Describe,
    Command::Pods,
    Command::Jump,
    Command::Sort,
    Command::TurnSort,
    Command::Mark,
    Command::MarkAll,
    Command::Sim(Deed::Kill),
    Command::Sim(Deed::Freeze),
    Command::Sim(Deed::Unplug),
    Command::Sim(Deed::Revive),
    Command::Sim(Deed::Join),
    Command::Sim(Deed::Faster),
    Command::Sim(Deed::Slower),
    Command::Work(work::Deed::Offer),
    Command::Work(work::Deed::Unlock),
    Command::Work(work::Deed::Go),
    Command::Work(work::Deed::Pause),
    Command::Work(work::Deed::StopWaiting),
    Command::Work(work::Deed::Override),
    Command::Work(work::Deed::Abandon),
    Command::Replay(replay::Deed::Pause),
    Command::Replay(replay::Deed::Forward),
    Command::Replay(replay::Deed::Back),
    Command::Replay(replay::Deed::Start),
    Command::Replay(replay::Deed::End),
    Command::Replay(replay::Deed::NextVerdict),
    Command::Replay(replay::Deed::PreviousVerdict),
    Command::Replay(replay::Deed::Faster),
    Command::Replay(replay::Deed::Slower),
    Command::Replay(replay::Deed::Follow),
    Command::Tour,
    Command::Accept,
    Command::Cancel,
    Command::Edit(Edit::NextOffer),
    Command::Edit(Edit::PreviousOffer),
    Command::Edit(Edit::Newer),
    Command::Edit(Edit::Older),
    Command::Edit(Edit::EraseCharacter),
    Command::Edit(Edit::EraseWord),
    Command::Edit(Edit::EraseLine),
    Command::Go(Screen::Overview),
];

/// Fails to compile when a command is added, as a reminder to extend the list above.
const fn is_listed(command: Command) -> bool {
    match command {
        Command::Quit
        | Command::Leave
        | Command::Suspend
        | Command::Back
        | Command::Help
        | Command::Redraw
        | Command::OpenCommandLine
        | Command::OpenFilter
        | Command::Go(_)
        | Command::NextScreen
        | Command::PreviousScreen
        | Command::Move(
            Move::Up
            | Move::Down
            | Move::PageUp
            | Move::PageDown
            | Move::Top
            | Move::Bottom
            | Move::Left
            | Move::Right
            | Move::LineStart,
        )
        | Command::Read(Reading::Yaml | Reading::Events | Reading::Logs)
        | Command::Look(
            Look::Again | Look::Wrap | Look::Follow | Look::PreviousRun | Look::NextContainer | Look::ManagedFields,
        )
        | Command::OpenSearch
        | Command::Find(Way::Down | Way::Up)
        | Command::Copy(Copied::All | Copied::InSight)
        | Command::Show(Program::Pager | Program::Editor)
        | Command::Open
        | Command::Describe
        | Command::Pods
        | Command::Jump
        | Command::Sort
        | Command::TurnSort
        | Command::Mark
        | Command::MarkAll
        | Command::Sim(_)
        | Command::Replay(_)
        | Command::Work(_)
        | Command::Tour
        | Command::Accept
        | Command::Cancel
        | Command::Edit(
            Edit::NextOffer
            | Edit::PreviousOffer
            | Edit::Newer
            | Edit::Older
            | Edit::EraseCharacter
            | Edit::EraseWord
            | Edit::EraseLine,
        ) => true,
    }
}

#[test]
fn no_key_means_two_things_in_one_place() {
    let mut seen = BTreeSet::new();
    for binding in TABLE {
        for key in binding.keys {
            assert!(
                seen.insert((binding.context, *key)),
                "{key} twice {}",
                binding.context.word()
            );
        }
    }
    // A key of a list or a text must not hide one that holds anywhere.
    for binding in TABLE.iter().filter(|binding| {
        matches!(
            binding.context,
            Context::List | Context::Text | Context::Simulated | Context::Sheet | Context::Actions | Context::Replay
        )
    }) {
        for key in binding.keys {
            assert!(!seen.contains(&(Context::Anywhere, *key)), "{key} is hidden");
        }
    }
}

#[test]
fn every_command_and_screen_has_a_key() {
    let bound: BTreeSet<Command> = TABLE.iter().map(|binding| binding.command).collect();
    // The screen of actions opens with what can be done for the whole cluster.
    let screens = Screen::ALL.into_iter().filter(|screen| *screen != Screen::Actions);
    for command in COMMANDS.into_iter().chain(screens.map(Command::Go)) {
        assert!(is_listed(command) && bound.contains(&command), "{command:?} has no key");
    }
}

/// A console on which the keys of a place mean something, reached by keys alone.
fn console(context: Context) -> State {
    let mut snapshot = example::healthy();
    snapshot.simulated = (context == Context::Simulated).then(|| Simulated {
        scenario: "demo".into(),
        speed: 1,
        has_length: false,
    });
    let mut state = State::new(Arc::new(snapshot), Policy::default());
    state.replay = (context == Context::Replay).then_some(replay::Place {
        at: example::now().wall,
        frame: 1,
        frames: 2,
        speed: None,
        is_own: false,
    });
    let keys = match context {
        Context::Anywhere | Context::List | Context::Simulated | Context::Replay => "",
        Context::Text => "?",
        Context::Actions => "aa",
        Context::Sheet => "2y",
        Context::Prompt => ":",
    };
    for key in crate::app::key::parse_sequence(keys).unwrap() {
        update(&mut state, Msg::Key(key));
    }
    state
}

#[test]
fn every_row_can_be_reached() {
    for binding in TABLE {
        let state = console(binding.context);
        assert!(contexts(&state).contains(&binding.context), "{:?}", binding.context);
        for key in binding.keys {
            let command = lookup(&state, *key);
            assert_eq!(command, Some(binding.command), "{key} {}", binding.context.word());
        }
    }
}

#[test]
fn every_key_can_be_written_and_read() {
    for key in TABLE.iter().flat_map(|binding| binding.keys) {
        assert_eq!(key.to_string().parse(), Ok(*key));
    }
    assert!(rows(&KeyMap::default()).all(|row| !row.keys.is_empty() && !row.help.is_empty()));
}
