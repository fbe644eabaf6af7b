//! What a typed line means where lines are typed instead of keys pressed (the linear mode): the same screens, rows,
//! commands and keys. Start reading at [`read`].

use super::Msg;
use super::key::{Code, Key};
use super::keys::Command;
use super::rows::rows;
use super::state::State;

/// What can be typed, one line each.
pub const HELP: [&str; 10] = [
    "Type one of these and press enter:",
    "a screen's name, such as etcd, shows that screen; these are the screens:",
    "overview, nodes, etcd, placement, pods, findings, timeline,",
    "feeds, log, readiness, forecast, actions, recovery",
    "a row's number opens that row; no number stands for a screen here",
    "a slash and a text, such as /nbe-1, shows only rows that contain it; a slash alone shows all rows again",
    "a colon and a command, such as :nodes, does what it does in the console",
    "a key of those below does what it does in the console",
    "back closes what is open; an empty line repeats the screen",
    "help says this; quit leaves",
];

/// Reads a line. The error is a sentence for the operator.
pub fn read(state: &State, typed: &str) -> Result<Vec<Msg>, String> {
    let typed = typed.trim();
    if state.prompt.is_some() {
        return Ok(finish(Vec::new(), typed));
    }
    if let Ok(number) = typed.parse::<usize>() {
        return open(state, number);
    }
    if let Some(filter) = typed.strip_prefix('/') {
        return Ok(finish(
            vec![press(state, Command::OpenFilter), Msg::Key(Key::ctrl('u'))],
            filter,
        ));
    }
    match typed {
        "" => Ok(Vec::new()),
        "help" => Ok(vec![press(state, Command::Help)]),
        "back" => Ok(vec![Msg::Key(Key::of(Code::Esc))]),
        "quit" | "exit" => Ok(vec![Msg::Key(Key::ctrl('c'))]),
        _ => Ok(typed.parse().map_or_else(
            |_| {
                finish(
                    vec![press(state, Command::OpenCommandLine)],
                    typed.trim_start_matches(':'),
                )
            },
            |key| vec![Msg::Key(key)],
        )),
    }
}

fn press(state: &State, command: Command) -> Msg {
    Msg::Key(state.key_of(command))
}

/// Types the rest of a prompt and accepts it.
fn finish(mut msgs: Vec<Msg>, text: &str) -> Vec<Msg> {
    msgs.push(Msg::Paste(text.to_owned()));
    msgs.push(Msg::Key(Key::of(Code::Enter)));
    msgs
}

/// Opens a row by its number, from 1. On the overview the first `enter` only leads to the row's own screen.
fn open(state: &State, number: usize) -> Result<Vec<Msg>, String> {
    if !state.screen.is_list() {
        return Err(format!("the {} has no rows to open", state.screen.name()));
    }
    let rows = rows(state);
    let Some(row) = number.checked_sub(1).and_then(|index| rows.get(index)) else {
        let there = match rows.len() {
            0 => "there are none".to_owned(),
            count => format!("there are 1 to {count}"),
        };
        return Err(format!("there is no row {number}; {there}"));
    };
    let enter = press(state, Command::Open);
    let is_covered = usize::from(state.help.is_some()) + state.sheets.len() + usize::from(state.detail.is_some());
    let mut msgs = vec![Msg::Key(Key::of(Code::Esc)); is_covered];
    msgs.extend([Msg::Select(number - 1), enter.clone()]);
    if row.home() != state.screen {
        msgs.push(enter);
    }
    Ok(msgs)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::Screen;
    use crate::app::keys::KeyMap;
    use crate::app::{Effect, update};
    use crate::model::{Policy, example};
    use std::sync::Arc;

    fn state() -> State {
        State::new(Arc::new(example::node_lost(example::Death::Refused)), Policy::default())
    }

    fn say(state: &mut State, line: &str) -> Vec<Effect> {
        let msgs = read(state, line).unwrap();
        msgs.into_iter().flat_map(|msg| update(state, msg)).collect()
    }

    #[test]
    fn a_theme_has_no_effect_and_that_is_said() {
        let mut state = state();
        say(&mut state, ":theme dark");
        let message = state.message.unwrap();
        assert!(message.text.as_str().contains("no effect here"), "{message:?}");
    }

    #[test]
    fn the_help_names_every_screen() {
        let help = HELP.join(" ");
        for screen in Screen::ALL {
            assert!(
                help.split([' ', ',']).any(|word| word == screen.name()),
                "{}",
                screen.name()
            );
        }
    }

    #[test]
    fn names_numbers_filters_and_commands() {
        let mut state = state();
        say(&mut state, "etcd");
        assert_eq!(state.screen, Screen::Etcd);
        say(&mut state, "3");
        assert_eq!((state.cursor().index, state.detail), (2, Some(0)));
        say(&mut state, "1");
        assert_eq!((state.cursor().index, state.detail), (0, Some(0)));
        say(&mut state, "back");
        assert_eq!(state.detail, None);
        say(&mut state, ":placement");
        say(&mut state, "/rqlite");
        assert_eq!((state.screen, state.filter()), (Screen::Placement, "rqlite"));
        say(&mut state, "/web");
        assert_eq!(state.filter(), "web");
        say(&mut state, "/");
        assert_eq!(state.filter(), "");
        say(&mut state, "help");
        assert!(state.help.is_some());
        assert_eq!(say(&mut state, "quit"), [Effect::Quit]);
        assert_eq!(say(&mut state, "q"), []);
        assert_eq!(
            (state.help, say(&mut state, "q").as_slice()),
            (None, [Effect::Quit].as_slice())
        );
    }

    #[test]
    fn words_mean_the_same_when_keys_are_remapped() {
        let pairs = [
            ("/", "q"),
            ("z", "/"),
            (":", "enter"),
            ("enter", ":"),
            ("?", "z"),
            ("Z", "?"),
        ];
        assert!(KeyMap::of(pairs).is_err(), "z does nothing");
        let mut state = state().with_keys(KeyMap::of(pairs.into_iter().filter(|(key, _)| *key != "?")).unwrap());
        say(&mut state, ":placement");
        say(&mut state, "/rqlite");
        assert_eq!((state.screen, state.filter()), (Screen::Placement, "rqlite"));
        say(&mut state, "1");
        assert_eq!(state.detail, Some(0));
        say(&mut state, "help");
        assert!(state.help.is_some());
    }

    #[test]
    fn a_row_of_the_overview_opens_in_full() {
        let mut state = state();
        let rows = rows(&state);
        say(&mut state, "4");
        assert_eq!(state.detail, Some(0));
        assert_eq!(state.cursor().row.as_ref(), rows.get(3));
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let mut state = state();
        assert_eq!(
            read(&state, "0"),
            Err("there is no row 0; there are 1 to 30".replace("30", &rows(&state).len().to_string()))
        );
        say(&mut state, "etdc");
        assert!(state.message.as_ref().unwrap().text.as_str().contains("did you mean"));
        say(&mut state, "log");
        assert!(read(&state, "1").is_err());
    }
}
