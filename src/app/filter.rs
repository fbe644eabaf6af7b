//! What a screen is filtered by.

use super::navigate::follow_rows;
use super::screen::Screen;
use super::state::State;

/// Filters a screen; an empty text lifts the filter.
pub fn set(state: &mut State, screen: Screen, text: &str) {
    if text.is_empty() {
        state.filters.remove(&screen);
    } else {
        state.filters.insert(screen, text.to_owned());
    }
    follow_rows(state);
}
