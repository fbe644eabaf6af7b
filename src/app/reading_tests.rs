#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use crate::app::sheet::{Body, MOST_SHEETS};
use crate::app::timeline::{Entry, Topic};
use crate::app::{Effect, Geometry, Msg, Screen, State, key, update};
use crate::base::{Text, Why, WhyKind};
use crate::model::question::{Answer, Question, QuestionId, Told};
use crate::model::{KubeKind, Policy, example};

fn on(screen: Screen) -> State {
    let mut state = State::new(Arc::new(example::node_lost(example::Death::Refused)), Policy::default());
    state.screen = screen;
    state
}

fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    let keys = key::parse_sequence(keys).unwrap();
    keys.into_iter().flat_map(|key| update(state, Msg::Key(key))).collect()
}

fn tell(state: &mut State, id: u64, told: Told) {
    let at = state.snapshot.now;
    let (id, from) = (QuestionId(id), None);
    assert_eq!(update(state, Msg::Answer(Answer { id, at, from, told })), []);
}

fn lines(state: &State) -> Vec<String> {
    let sheet = state.sheets.last().unwrap();
    sheet.lines(state).iter().map(super::Line::text).collect()
}

fn texts(count: usize) -> Vec<Text> {
    (1..=count).map(|number| Text::from(format!("line {number}"))).collect()
}

/// As a frame with ten visible lines would report.
fn drawn(state: &mut State) {
    let text_lines = lines(state).len();
    let geometry = Geometry {
        text_rows: 10,
        text_lines,
        text_top: text_lines.saturating_sub(10),
        text_columns: 200,
        ..Geometry::default()
    };
    update(state, Msg::Geometry(geometry));
}

#[test]
fn opening_asks_and_closing_cancels() {
    let mut state = on(Screen::Nodes);
    let asked = press(&mut state, "y");
    let [
        Effect::Ask(
            id,
            Question::Yaml {
                of,
                managed_fields: false,
            },
        ),
    ] = asked.as_slice()
    else {
        panic!("{asked:?}");
    };
    assert_eq!((of.kind, of.key.to_string().as_str()), (KubeKind::Nodes, "nbe-1"));
    assert!(of.uid.is_some());
    assert_eq!(press(&mut state, "<esc>"), [Effect::Cancel(*id)]);
    assert_eq!(state.sheets, []);
    press(&mut state, "e");
    assert_eq!(press(&mut state, "3"), [Effect::Cancel(QuestionId(2))]);
}

#[test]
fn asking_again_takes_the_old_question_away() {
    let mut state = on(Screen::Nodes);
    press(&mut state, "y");
    let again = press(&mut state, "m");
    assert_eq!(again.len(), 2, "{again:?}");
    assert_eq!(again[0], Effect::Cancel(QuestionId(1)));
    assert!(matches!(
        &again[1],
        Effect::Ask(
            _,
            Question::Yaml {
                managed_fields: true,
                ..
            }
        )
    ));
    assert!(matches!(
        press(&mut state, "r").as_slice(),
        [Effect::Cancel(_), Effect::Ask(..)]
    ));
}

#[test]
fn late_answers_are_dropped() {
    let mut state = on(Screen::Nodes);
    press(&mut state, "yr");
    let newest = state.sheets[0].asked.unwrap().0;
    tell(&mut state, 1, Told::Yaml(vec!["old".into()]));
    assert_eq!(lines(&state), ["waiting for the API server"]);
    tell(&mut state, newest, Told::Yaml(vec!["new".into()]));
    assert_eq!(lines(&state), ["new"]);
    press(&mut state, "<esc>");
    tell(&mut state, newest, Told::Yaml(vec!["late".into()]));
    assert_eq!(state.sheets, []);
}

#[test]
fn no_answer_says_why_and_since_when() {
    let mut state = on(Screen::Nodes);
    press(&mut state, "y");
    let why = Why::new(WhyKind::Unavailable, "no API server is in use").hint("see the feeds");
    let last_answer = Some(example::ago(40));
    tell(&mut state, 1, Told::Failed { why, last_answer });
    let page = lines(&state).join("\n");
    for needed in ["no API server is in use", "see the feeds", "40 s ago", "r asks again"] {
        assert!(page.contains(needed), "{page}");
    }
}

#[test]
fn a_workload_of_several_pods_lets_choose() {
    let mut state = on(Screen::Placement);
    let names = |state: &State| lines(state).len();
    assert_eq!(press(&mut state, "l"), []);
    assert!(matches!(state.sheets[0].body, Body::Pods { .. }));
    assert!(names(&state) > 1);
    let second = lines(&state)[1].split_whitespace().next().unwrap().to_owned();
    let asked = press(&mut state, "j<enter>");
    let [Effect::Ask(_, Question::Log { of, follow: true, .. })] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(of.pod.to_string(), second);
    let previous = press(&mut state, "p");
    assert!(
        matches!(&previous[1], Effect::Ask(_, Question::Log { of, follow: false, .. }) if of.previous),
        "{previous:?}"
    );
}

/// The log of the first pod of a workload, opened as question 1 or 2.
fn log() -> (State, u64) {
    let mut state = on(Screen::Placement);
    press(&mut state, "l<enter>");
    let id = state.sheets.last().unwrap().asked.unwrap().0;
    (state, id)
}

#[test]
fn a_log_is_followed_until_the_reader_goes_up() {
    let (mut state, id) = log();
    tell(&mut state, id, Told::Log(Vec::new()));
    assert_eq!(lines(&state), ["-- nothing was written yet --"]);
    tell(&mut state, id, Told::Log(texts(100)));
    drawn(&mut state);
    assert_eq!(state.sheets.last().unwrap().top, 90);
    press(&mut state, "k");
    assert!(!state.sheets.last().unwrap().is_following());
    assert_eq!(state.sheets.last().unwrap().top, 89);
    press(&mut state, "G");
    assert!(state.sheets.last().unwrap().is_following());
    tell(&mut state, id, Told::LogEnded(None));
    assert_eq!(lines(&state).last().unwrap(), "-- the log ends here --");
}

#[test]
fn a_log_keeps_so_many_lines_and_says_what_it_lost() {
    let (mut state, id) = log();
    for _ in 0..6 {
        tell(&mut state, id, Told::Log(texts(1000)));
    }
    assert_eq!(lines(&state).len(), 5001);
    assert!(lines(&state)[0].contains("1000 older lines"), "{}", lines(&state)[0]);
    tell(&mut state, id, Told::Log(vec!["x".repeat(4000).into(); 600]));
    let bytes: usize = lines(&state).iter().map(String::len).sum();
    assert!(bytes <= (1 << 20) + 100, "{bytes}");
}

#[test]
fn searching_goes_from_line_to_line_and_around() {
    let (mut state, id) = log();
    tell(&mut state, id, Told::Log(texts(30)));
    let tops = ["g/LINE 1<enter>", "n", "N", "N"].map(|keys| {
        press(&mut state, keys);
        drawn(&mut state);
        state.sheets.last().unwrap().found.unwrap()
    });
    // Lines 1 and 10 to 19 contain it.
    assert_eq!(tops, [0, 9, 0, 18]);
    press(&mut state, "/nowhere<enter>");
    assert!(state.message.unwrap().text.as_str().contains("nowhere is not found"));
}

#[test]
fn long_lines_are_cut_off_and_scrolled_or_wrapped() {
    let mut state = on(Screen::Nodes);
    press(&mut state, "y");
    tell(&mut state, 1, Told::Yaml(vec!["x".repeat(200).into()]));
    drawn(&mut state);
    press(&mut state, "<right><right>");
    assert_eq!(state.sheets[0].column, 16);
    press(&mut state, "<left>");
    assert_eq!(state.sheets[0].column, 8);
    press(&mut state, "^<right>w");
    assert_eq!((state.sheets[0].column, state.sheets[0].wrap), (0, true));
}

#[test]
fn copying_says_what_and_is_bounded() {
    let mut state = on(Screen::Nodes);
    assert_eq!(press(&mut state, "jc"), [Effect::Copy("nbe-2".into())]);
    assert!(
        state
            .message
            .as_ref()
            .unwrap()
            .text
            .as_str()
            .contains("if the terminal permits it")
    );
    press(&mut state, "y");
    tell(&mut state, 1, Told::Yaml(texts(30)));
    drawn(&mut state);
    let copied = |effects: Vec<Effect>| match effects.as_slice() {
        [Effect::Copy(text)] => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(copied(press(&mut state, "c")).lines().count(), 30);
    assert_eq!(copied(press(&mut state, "C")).lines().count(), 10);
    tell(&mut state, 1, Told::Yaml(vec!["x".repeat(4000).into(); 40]));
    let most = copied(press(&mut state, "c"));
    assert!(
        most.len() <= super::MOST_COPIED_BYTES && most.lines().count() == 16,
        "{}",
        most.len()
    );
    assert!(
        state
            .message
            .unwrap()
            .text
            .as_str()
            .contains("the first 16 of 40 lines")
    );
}

#[test]
fn lines_are_copied_where_there_are_lines() {
    let mut state = on(Screen::Recovery);
    let copied = |effects: Vec<Effect>| match effects.as_slice() {
        [Effect::Copy(text)] => text.clone(),
        other => panic!("{other:?}"),
    };
    let commands = copied(press(&mut state, "c"));
    assert!(commands.lines().all(|line| line.starts_with("# ")), "{commands}");
    let page = copied(press(&mut state, "C"));
    let recovery = &state.derived.recovery;
    for section in &recovery.sections {
        assert!(page.contains(section.title.as_str()), "{page}");
        assert!(
            section.lines.iter().all(|line| page.contains(line.text.as_str())),
            "{page}"
        );
    }
    for screen in [Screen::Nodes, Screen::Log] {
        state.screen = screen;
        assert_eq!(press(&mut state, "C"), [], "{screen:?}");
        let said = state.message.as_ref().unwrap().text.to_string();
        assert!(said.contains("here the name can"), "{said}");
    }
}

#[test]
fn what_a_change_is_about_is_what_is_read_and_jumped_to() {
    let mut state = State::new(Arc::new(example::healthy()), Policy::default());
    update(
        &mut state,
        Msg::Snapshot(Arc::new(example::node_lost(example::Death::Refused))),
    );
    state.screen = Screen::Timeline;
    let entries: Vec<Entry> = state.timeline.entries().cloned().collect();
    let select = |state: &mut State, topic: Topic, subject: &str| {
        let about = |entry: &Entry| entry.topic == topic && entry.subject.as_str().ends_with(subject);
        let index = entries
            .iter()
            .position(about)
            .unwrap_or_else(|| panic!("{topic:?} {subject}: {entries:?}"));
        state.screen = Screen::Timeline;
        state.sheets.clear();
        crate::app::navigate::select(state, index);
    };
    for (topic, subject, row) in [
        (Topic::Node, "nbe-3", Screen::Nodes),
        (Topic::Health, "nbe-3", Screen::Etcd),
        (Topic::Finding, "member/nbe-3", Screen::Findings),
        (Topic::Workload, "", Screen::Placement),
    ] {
        select(&mut state, topic, subject);
        press(&mut state, "o");
        assert_eq!(state.screen, row, "{topic:?}: {:?}", state.message);
        let selected = crate::app::rows::rows(&state)[state.cursor().index].clone();
        assert!(
            crate::app::rows::name(&state, &selected).ends_with(subject),
            "{selected:?}"
        );
    }
    select(&mut state, Topic::Node, "nbe-3");
    press(&mut state, "e");
    let [Body::Events { of: Some(of), .. }] = state.sheets.iter().map(|sheet| &sheet.body).collect::<Vec<_>>()[..]
    else {
        panic!("{:?}", state.sheets);
    };
    assert_eq!((of.kind, of.key.name.as_str()), (KubeKind::Nodes, "nbe-3"));
    select(&mut state, Topic::Spare, "etcd");
    press(&mut state, "y");
    assert_eq!(state.sheets.len(), 0, "the spare is no object");
}

#[test]
fn marked_rows_are_copied_line_by_line() {
    let mut state = on(Screen::Nodes);
    assert_eq!(
        press(&mut state, "*c"),
        [Effect::Copy("nbe-1\nnbe-2\nnbe-3\n".to_owned())]
    );
    let said = |state: &State| state.message.as_ref().unwrap().text.to_string();
    assert!(said(&state).contains("the names of 3 marked rows"), "{}", said(&state));
    assert_eq!(press(&mut state, "*gc"), [Effect::Copy("nbe-1".to_owned())]);
    // Marks lie below what is read.
    press(&mut state, "*y");
    tell(&mut state, 1, Told::Yaml(texts(3)));
    assert_eq!(
        press(&mut state, "c"),
        [Effect::Copy("line 1\nline 2\nline 3\n".to_owned())]
    );
}

#[test]
fn what_a_sheet_is_about_is_described_where_it_is_at_home() {
    let mut state = on(Screen::Nodes);
    press(&mut state, "jl<enter>");
    let Some(Body::Log(log)) = state.sheets.last().map(|sheet| &sheet.body) else {
        panic!("{:?}", state.sheets);
    };
    let pod = crate::app::RowId::Pod(log.of.pod.clone());
    press(&mut state, "d");
    assert_eq!(
        (state.screen, state.detail, state.sheets.len()),
        (Screen::Pods, Some(0), 0)
    );
    let rows = crate::app::rows::rows(&state);
    assert_eq!(rows.get(state.cursor().index), Some(&pod));
    // Back to the list, then to the screen before.
    press(&mut state, "<esc><esc>");
    assert_eq!((state.screen, state.detail), (Screen::Nodes, None));
}

#[test]
fn describing_goes_straight_from_the_overview_and_keeps_a_list_of_pods() {
    let mut state = on(Screen::Overview);
    press(&mut state, "d");
    assert_eq!((state.screen, state.detail), (Screen::Nodes, Some(0)));
    press(&mut state, "<esc>pyd");
    assert_eq!(
        (state.screen, state.detail, state.sheets.len()),
        (Screen::Pods, Some(0), 0)
    );
    assert!(state.scope.is_some());
    let mut state = on(Screen::Log);
    press(&mut state, ":describe<enter>");
    assert!(
        state
            .message
            .unwrap()
            .text
            .as_str()
            .contains("nothing here to describe")
    );
}

#[test]
fn sheets_are_bounded_and_what_falls_off_is_cancelled() {
    let mut state = on(Screen::Nodes);
    let mut open = 0_usize;
    for _ in 0..MOST_SHEETS {
        for effect in press(&mut state, "ye") {
            match effect {
                Effect::Ask(..) => open += 1,
                Effect::Cancel(_) => open -= 1,
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((state.sheets.len(), open), (MOST_SHEETS, MOST_SHEETS));
}

#[test]
fn what_is_no_object_says_so() {
    let mut state = on(Screen::Feeds);
    for keys in ["y", "e", "l"] {
        assert_eq!(press(&mut state, keys), []);
        assert!(
            state
                .message
                .as_ref()
                .unwrap()
                .text
                .as_str()
                .contains("no object of Kubernetes")
        );
    }
    assert!(matches!(
        press(&mut state, ":events<enter>").as_slice(),
        [Effect::Ask(_, Question::Events { of: None })]
    ));
}
