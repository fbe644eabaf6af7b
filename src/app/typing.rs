//! The line being typed: what each edit of it changes, and what happens when it is accepted.

use super::commands::{self, Does};
use super::keys::Edit;
use super::navigate::follow_rows;
use super::prompt::{Prompt, PromptKind};
use super::state::{MAX_HISTORY, State};
use super::{Effect, filter, reading, update, work};
use crate::check::Severity;

/// Opens a line.
pub fn open(state: &mut State, kind: PromptKind) {
    let mut prompt = Prompt::new(kind);
    if prompt.kind == PromptKind::Filter {
        prompt.insert(state.filter());
    }
    state.prompt = Some(prompt);
    edited(state);
}

/// Performs an edit.
pub fn edit(state: &mut State, change: Edit) {
    let Some(prompt) = &mut state.prompt else { return };
    match change {
        Edit::Newer if prompt.is_recalling() => prompt.recall(&state.history, 1),
        Edit::Older if prompt.is_recalling() => prompt.recall(&state.history, -1),
        Edit::NextOffer | Edit::Newer => return choose(state, 1),
        Edit::PreviousOffer | Edit::Older => return choose(state, -1),
        Edit::EraseWord => prompt.erase_word(),
        Edit::EraseLine => prompt.clear(),
        Edit::EraseCharacter => {
            if !prompt.erase_character() {
                // Erasing on an empty line leaves it.
                state.prompt = None;
            }
        }
    }
    edited(state);
}

fn choose(state: &mut State, by: isize) {
    let Some(prompt) = &mut state.prompt else { return };
    prompt.choose(by);
    // The only offer is as good as typed: what may follow it comes next.
    if prompt.offers.len() == 1 {
        prompt.keep();
        edited(state);
    }
}

/// After the line changed: a filter works while it is typed, a command's offers follow it.
pub fn edited(state: &mut State) {
    let Some(prompt) = &state.prompt else { return };
    let text = prompt.text.clone();
    match prompt.kind {
        PromptKind::Filter => filter::set(state, state.screen, &text),
        PromptKind::Search | PromptKind::Ritual(_) => {}
        PromptKind::Command => {
            let offers = commands::offers(state, &text);
            if let Some(prompt) = &mut state.prompt {
                prompt.offer(offers);
            }
        }
    }
}

/// Leaves the line; a filter goes with it.
pub fn cancel(state: &mut State) {
    let prompt = state.prompt.take();
    match prompt.map(|prompt| prompt.kind) {
        Some(PromptKind::Filter) => {
            state.filters.remove(&state.screen);
            follow_rows(state);
        }
        Some(PromptKind::Ritual(_)) => state.say(Severity::Info, "nothing was done"),
        Some(PromptKind::Command | PromptKind::Search) | None => {}
    }
}

/// Does what the line says.
pub fn accept(state: &mut State) -> Vec<Effect> {
    let Some(prompt) = state.prompt.take() else {
        return Vec::new();
    };
    let text = prompt.text.trim();
    if let PromptKind::Ritual(ritual) = prompt.kind {
        return work::accept(state, ritual, text);
    }
    if prompt.kind == PromptKind::Filter || text.is_empty() {
        return Vec::new();
    }
    if prompt.kind == PromptKind::Search {
        reading::search(state, text.to_owned());
        return Vec::new();
    }
    remember(&mut state.history, text);
    let done = commands::read(state, text).and_then(|line| match line.entry.does {
        Does::Press(command) => Ok(update::run(state, command)),
        Does::Act(act) => act(state, line.argument),
    });
    done.unwrap_or_else(|why| {
        state.say(Severity::Warning, why);
        Vec::new()
    })
}

/// Keeps a line once, as the newest.
fn remember(history: &mut Vec<String>, line: &str) {
    history.retain(|old| old != line);
    history.push(line.to_owned());
    if history.len() > MAX_HISTORY {
        history.remove(0);
    }
}
