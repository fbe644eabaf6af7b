//! The state as plain numbered lines, for screen readers and for terminals that cannot move the cursor: words instead of
//! signs, headings before values, nothing told by place or colour. Start reading at [`page`], then [`Told`].

use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::part::section::Heading;
use super::part::table::Cell;
use super::part::{feeds, findings, forecast, members, nodes, pods, readiness, timeline, verdict, work, workloads};
use super::theme::{Colors, Glyph, Glyphs, Theme};
use super::{ladder, picture, words};
use crate::app::failover::{Stage, tell};
use crate::app::{RowId, Screen, State, line, rows};
use crate::base::Text;

/// Columns that a text may take before it is broken: as much as people like to read.
const WIDTH: u16 = 100;
/// Lines of one row in full.
const MAX_LINES: u16 = 400;
/// The highest rung of the ladder that the overview says; a row's own screen says all.
const BRIEF: u8 = 3;
/// Changes of rows are told at most so often, in milliseconds.
const PAUSE_MS: u64 = 5_000;
/// More changed rows at once than this are only counted.
const MAX_CHANGES: usize = 8;

/// The theme that is all words.
pub fn theme() -> Theme {
    Theme::default().on(Colors::None, Glyphs::Words)
}

/// The verdict.
fn headline(state: &State, theme: &Theme) -> String {
    let verdict = &state.derived.report.verdict;
    // The line was cut for every terminal, with a sign.
    let line = verdict.line.as_str().replace('…', theme.glyph(Glyph::Ellipsis));
    let mark = if state.snapshot.simulated.is_some() {
        "Simulated cluster. "
    } else {
        ""
    };
    format!("{mark}Verdict {}: {line}", verdict::look(verdict.level).1)
}

/// Where each lost node stands.
fn lost(state: &State) -> impl Iterator<Item = String> {
    let now = state.snapshot.now.wall;
    let open = state.failovers.open().iter();
    open.map(move |own| format!("Lost: {}", tell::line(own, now)))
}

/// The steps that are told as they are reached. The seconds between them would be said for ever.
fn stages(state: &State) -> Vec<(Text, Stage)> {
    let open = state.failovers.open().iter();
    open.map(|own| (own.node.clone(), own.stage())).collect()
}

/// The verdict and what is shown, as lines.
pub fn page(state: &State, theme: &Theme) -> Vec<String> {
    let mut lines = vec![headline(state, theme)];
    lines.extend(lost(state));
    if state.help.is_some() {
        lines.extend(line::HELP.map(str::to_owned));
    }
    if state.is_text() {
        lines.extend(text(state, theme));
    } else {
        lines.extend(list(state, theme));
    }
    lines
}

/// One row in full, the help: what the console draws, without its place on the screen.
fn text(state: &State, theme: &Theme) -> Vec<String> {
    let area = Rect::new(0, 0, WIDTH, MAX_LINES);
    let mut buffer = Buffer::empty(area);
    super::render_body(state, theme, area, &mut buffer);
    let mut lines = picture::text(&buffer);
    let used = lines
        .iter()
        .rposition(|line| !line.is_empty())
        .map_or(0, |last| last + 1);
    lines.truncate(used);
    lines
}

fn list(state: &State, theme: &Theme) -> Vec<String> {
    let rows = rows::rows(state);
    let filter = match state.filter() {
        "" => String::new(),
        filter => format!(", those with {filter:?}"),
    };
    let mut lines = vec![format!(
        "Screen {}, {}{filter}.",
        state.screen.name(),
        words::count(rows.len(), "row")
    )];
    let mut home = None;
    for (number, row) in (1..).zip(rows.iter()) {
        if home.replace(row.home()) != Some(row.home()) {
            lines.push(heading(state, theme, row.home()));
        }
        lines.push(format!("{number}. {}", sentence(state, theme, row)));
    }
    lines
}

/// What a section says in short.
fn heading(state: &State, theme: &Theme, home: Screen) -> String {
    let Heading { title, summary, .. } = match home {
        Screen::Nodes => nodes::heading(state, theme),
        Screen::Etcd => members::heading(state),
        Screen::Placement => workloads::heading(state),
        Screen::Pods => pods::heading(state, &rows::rows(state)),
        Screen::Findings => findings::heading(state),
        Screen::Timeline => timeline::heading(state),
        Screen::Feeds => feeds::heading(state),
        Screen::Readiness => readiness::heading(state),
        Screen::Forecast => forecast::heading(state),
        Screen::Actions => work::heading(state),
        Screen::Overview | Screen::Log | Screen::Recovery => Heading::default(),
    };
    let said: Vec<String> = summary
        .into_iter()
        .map(|(text, _)| text)
        .filter(|text| !text.is_empty())
        .collect();
    format!("{title}: {}", said.join("; "))
}

/// A row: every value after the name of its column.
fn sentence(state: &State, theme: &Theme, row: &RowId) -> String {
    let one = std::slice::from_ref(row);
    let (columns, mut cells): (Vec<ladder::Column>, Vec<Vec<Cell>>) = match row {
        RowId::Node(_) => (ladder::NODES.to_vec(), nodes::render(state, theme, one)),
        RowId::Member(_) => (ladder::MEMBERS.to_vec(), members::render(state, theme, one)),
        RowId::Workload(..) => (ladder::WORKLOADS.to_vec(), workloads::render(state, theme, one)),
        RowId::Pod(_) => (ladder::PODS.to_vec(), pods::render(state, theme, one)),
        RowId::Finding(..) | RowId::Untold(_) => (ladder::FINDINGS.to_vec(), findings::render(state, theme, one)),
        RowId::Check(_) => (ladder::READINESS.to_vec(), readiness::render(state, theme, one)),
        RowId::Change(_) => (ladder::TIMELINE.to_vec(), timeline::render(state, theme, one)),
        RowId::Loss(_) => (ladder::FORECAST.to_vec(), forecast::render(state, theme, one)),
        RowId::Offer(_) | RowId::Run(_) => (ladder::ACTIONS.to_vec(), work::render(state, theme, one)),
        RowId::Feed(_) => (ladder::FEEDS.to_vec(), feeds::render(state, theme, one)),
    };
    let cells = cells.pop().unwrap_or_default();
    let is_home = row.home() == state.screen;
    let said = columns.iter().zip(&cells).filter_map(|(column, cell)| {
        let text = once(cell.text.trim());
        let is_said = !matches!(text.as_str(), "" | "-") && (is_home || column.rung <= BRIEF);
        is_said.then(|| format!("{} {text}", column.title))
    });
    said.collect::<Vec<_>>().join("; ")
}

/// Without a word said twice in a row, as where a sign's word is the state's own: `critical critical`.
fn once(text: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for word in text.split(' ') {
        if kept.last().is_none_or(|last| !last.eq_ignore_ascii_case(word)) {
            kept.push(word);
        }
    }
    kept.join(" ")
}

/// What the operator has been told, so that only what changed is said again.
#[derive(Debug, Default)]
pub struct Told {
    verdict: String,
    stages: Vec<(Text, Stage)>,
    screen: Option<(Screen, String)>,
    rows: BTreeMap<RowId, String>,
    /// On the snapshot's own clock.
    at_ms: u64,
}

impl Told {
    /// Takes note that the whole page was told.
    pub fn page(&mut self, state: &State, theme: &Theme) {
        self.verdict = steady(&headline(state, theme));
        self.stages = stages(state);
        self.rows(state, theme);
    }

    fn rows(&mut self, state: &State, theme: &Theme) {
        let rows = rows::rows(state);
        self.rows = rows
            .iter()
            .map(|row| (row.clone(), steady(&sentence(state, theme, row))))
            .collect();
        self.screen = Some(place(state));
        self.at_ms = state.snapshot.now.mono_ms;
    }

    /// What is new since then: the verdict at once, rows of the list shown after a pause.
    pub fn changes(&mut self, state: &State, theme: &Theme) -> Vec<String> {
        let mut lines = Vec::new();
        let headline = headline(state, theme);
        let verdict = steady(&headline);
        if self.verdict != verdict {
            self.verdict = verdict;
            lines.push(headline);
        }
        let stages = stages(state);
        if self.stages != stages {
            self.stages = stages;
            lines.extend(lost(state));
        }
        let is_early = state.snapshot.now.mono_ms.saturating_sub(self.at_ms) < PAUSE_MS;
        if is_early || state.is_text() || self.screen != Some(place(state)) {
            return lines;
        }
        let before = std::mem::take(&mut self.rows);
        self.rows(state, theme);
        let changed = changed(&before, state, theme);
        if changed.len() > MAX_CHANGES {
            lines.push(format!(
                "{} rows changed; an empty line repeats the screen",
                changed.len()
            ));
        } else {
            lines.extend(changed);
        }
        lines
    }
}

fn place(state: &State) -> (Screen, String) {
    (state.screen, state.filter().to_owned())
}

fn changed(before: &BTreeMap<RowId, String>, state: &State, theme: &Theme) -> Vec<String> {
    let rows = rows::rows(state);
    let mut lines = Vec::new();
    for (number, row) in (1..).zip(rows.iter()) {
        let now = sentence(state, theme, row);
        match before.get(row) {
            None => lines.push(format!("new: {number}. {now}")),
            Some(was) if *was != steady(&now) => lines.push(format!("changed: {number}. {now}")),
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|(row, _)| !rows.contains(row));
    lines.extend(gone.map(|(_, was)| format!("gone: {was}")));
    lines
}

/// A line without its ages, which pass by themselves and are no change.
fn steady(line: &str) -> String {
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_unit = |word: &str| matches!(word.trim_end_matches([';', ',', '?']), "s" | "min" | "h" | "d");
    let words: Vec<&str> = line.split(' ').collect();
    let kept = words.iter().enumerate().filter(|(at, word)| {
        let after = words.get(at + 1).copied().unwrap_or_default();
        !(is_number(word) && is_unit(after))
    });
    // The unit changes with the number, from seconds to minutes.
    let kept: Vec<&str> = kept
        .map(|(_, word)| if is_unit(word) { "some time" } else { word })
        .collect();
    kept.join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::{Key, Msg, update};
    use crate::model::{Policy, Snapshot, example};
    use crate::view::tests::later_by;
    use std::sync::Arc;
    use std::time::Duration;

    fn open(snapshot: Snapshot) -> State {
        State::new(Arc::new(snapshot), Policy::default())
    }

    fn lost() -> Snapshot {
        example::node_lost(example::Death::Refused)
    }

    /// The same facts, later.
    fn later(snapshot: &Snapshot, seconds: u64) -> Snapshot {
        later_by(snapshot, Duration::from_secs(seconds))
    }

    fn joined(lines: &[String]) -> String {
        lines.join("\n")
    }

    #[test]
    fn the_overview_as_it_is_read_aloud() {
        insta::assert_snapshot!("linear_overview", joined(&page(&open(lost()), &theme())));
    }

    #[test]
    fn a_row_and_the_help_as_they_are_read_aloud() {
        let mut state = open(lost());
        for msg in line::read(&state, "6").unwrap() {
            update(&mut state, msg);
        }
        insta::assert_snapshot!("linear_member", joined(&page(&state, &theme())));
        update(&mut state, Msg::Key(Key::char('?')));
        let help = joined(&page(&state, &theme()));
        assert!(
            help.contains("a row's number opens that row") && help.contains("ctrl-l"),
            "{help}"
        );
        let has_number = |line: &str| line.trim_start().starts_with(|first: char| first.is_ascii_digit());
        assert!(!help.lines().any(has_number), "{help}");
    }

    #[test]
    fn every_screen_of_every_example_is_plain_words() {
        let signs = [Glyphs::Unicode, Glyphs::Ascii].map(|set| Theme::default().on(Colors::None, set));
        for (name, snapshot) in example::NAMED.into_iter().filter(|(name, _)| *name != "hostile") {
            let mut state = open(snapshot());
            for screen in Screen::ALL {
                state.screen = screen;
                let said = page(&state, &theme());
                for line in &said {
                    assert!(
                        line.is_ascii() && !line.contains('\u{1b}'),
                        "{name} {}: {line}",
                        screen.name()
                    );
                }
                let has_sign = |line: &String| {
                    let glyphs = [
                        super::super::theme::Glyph::Warning,
                        super::super::theme::Glyph::Critical,
                    ];
                    glyphs.iter().any(|glyph| {
                        signs
                            .iter()
                            .any(|theme| line.contains(&format!(" {} ", theme.glyph(*glyph))))
                    })
                };
                assert!(!said.iter().any(has_sign), "{name} {}: {said:?}", screen.name());
            }
        }
    }

    #[test]
    fn only_what_changed_is_said_and_never_that_time_passes() {
        let mut told = Told::default();
        let theme = theme();
        told.page(&open(example::healthy()), &theme);
        let next = later(&example::healthy(), 60);
        assert_eq!(told.changes(&open(next), &theme), Vec::<String>::new());
        let ticking = open(later(&lost(), 1));
        let mut told = Told::default();
        told.page(&open(lost()), &theme);
        told.at_ms -= PAUSE_MS;
        assert_eq!(told.changes(&ticking, &theme), Vec::<String>::new());
    }

    #[test]
    fn the_verdict_is_said_at_once_and_many_rows_after_a_pause_and_counted() {
        let mut told = Told::default();
        let theme = theme();
        told.page(&open(example::healthy()), &theme);
        let lost = open(lost());
        let early = told.changes(&lost, &theme);
        assert!(
            early.len() == 2 && early[0].starts_with("Verdict WARNING: ") && early[1].starts_with("Lost: nbe-3 "),
            "{early:?}"
        );
        told.at_ms -= PAUSE_MS;
        let late = told.changes(&lost, &theme);
        assert!(late.len() == 1 && late[0].contains("rows changed"), "{late:?}");
        told.at_ms -= PAUSE_MS;
        assert_eq!(told.changes(&lost, &theme), Vec::<String>::new());
    }

    #[test]
    fn few_changes_are_said_in_full() {
        let mut told = Told::default();
        let theme = theme();
        let on_etcd = |snapshot| {
            let mut state = open(snapshot);
            state.screen = Screen::Etcd;
            state
        };
        told.page(&on_etcd(example::healthy()), &theme);
        told.at_ms -= PAUSE_MS;
        let mut changes = told.changes(&on_etcd(lost()), &theme);
        assert!(changes.remove(0).starts_with("Verdict"));
        assert!(
            changes
                .iter()
                .any(|line| line.starts_with("changed: 3. member nbe-3; health critical DEAD")),
            "{changes:?}"
        );
    }

    #[test]
    fn words_are_not_doubled_and_ages_do_not_count() {
        assert_eq!(once("critical critical"), "critical");
        assert_eq!(once("unknown Unknown state"), "unknown state");
        assert_eq!(
            steady("silent 41 s; seen 3 min ago"),
            steady("silent 2 min; seen 4 h ago")
        );
        assert_ne!(steady("2 of 3 healthy"), steady("3 of 3 healthy"));
    }
}
