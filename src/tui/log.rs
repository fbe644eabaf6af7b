//! The log: what quorate itself did. tui-logger keeps the lines in global state, so this is the one part of the screen that
//! is drawn outside `view`. Every line passes through `base::Text`: no control byte of a message reaches the terminal or
//! the file. Start reading at [`init_log`].

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::sync::Mutex;

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tui_logger::{
    ExtLogRecord, LogFormatter, TuiLoggerWidget, TuiTracingSubscriberLayer, TuiWidgetEvent, TuiWidgetState,
};

use crate::app::rows::feed_name;
use crate::app::{Area, LogMove, State};
use crate::base::Text;
use crate::check::Level;
use crate::model::FeedState;
use crate::view::theme::{Role, Theme};
use crate::view::{picture, words};

/// Where lines about the cluster say that they come from.
const OBSERVED: &str = "quorate::observed";
/// How many sources are named that changed in the same way.
const NAMED: usize = 3;
/// How many lines are kept for the log screen.
const KEPT: usize = 2000;

/// Columns and lines of the log where it is printed.
const LINEAR: (u16, u16) = (160, 40);

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the log is already set up")]
pub struct LogError(#[source] TryInitError);

/// Sets up the log, once per process: events of quorate from `level` on, of others from warnings on, go to the log screen
/// and, one line each, to `file`.
pub fn init_log(level: tracing::Level, file: Option<Box<dyn Write + Send>>) -> Result<(), LogError> {
    tui_logger::set_default_level(tui_logger::LevelFilter::Trace);
    tui_logger::set_buffer_depth(KEPT);
    // The Kubernetes client calls every failed request an error; our sources report them, with what to do.
    let wanted = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("kube_client", LevelFilter::OFF)
        .with_target("tower_http", LevelFilter::OFF)
        .with_target("quorate", level);
    tracing_subscriber::registry()
        .with(wanted)
        .with(TuiTracingSubscriberLayer)
        .with(file.map(|file| FileLayer(Mutex::new(file))))
        .try_init()
        .map_err(LogError)
}

/// Moves new lines to where the screen sees them. Called by the loop; tui-logger's own thread would wake a hundred times a
/// second.
pub fn collect() {
    tui_logger::move_events();
}

/// Writes down what changed from one snapshot to the next: the verdict's level, and which sources came or went. Lagging is
/// no change: it passes within seconds, one way or the other.
pub fn changes(before: &State, after: &State) {
    let verdict = &after.derived.report.verdict;
    if verdict.level != before.derived.report.verdict.level {
        let word = verdict.level.word();
        match verdict.level {
            Level::Ok => tracing::info!(target: OBSERVED, "verdict is {word}: {}", verdict.line),
            Level::Warning | Level::Unknown => tracing::warn!(target: OBSERVED, "verdict is {word}: {}", verdict.line),
            Level::Critical => tracing::error!(target: OBSERVED, "verdict is {word}: {}", verdict.line),
        }
    }
    let mut changed: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (id, now) in &after.snapshot.feeds {
        if let Some(change) = change(before.snapshot.feeds.get(id), now) {
            changed.entry(change).or_default().push(feed_name(after, *id));
        }
    }
    for ((became, why), names) in changed {
        let more = names.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let names: Vec<String> = names.into_iter().take(NAMED).collect();
        let colon = if why.is_empty() { "" } else { ": " };
        tracing::info!(target: OBSERVED, "{became}: {}{more}{colon}{why}", names.join(", "));
    }
}

/// What became of a source, and why.
fn change<'a>(was: Option<&FeedState>, now: &'a FeedState) -> Option<(&'static str, &'a str)> {
    match (was, now) {
        (Some(FeedState::Lost { .. }), FeedState::Lost { .. })
        | (Some(FeedState::Off { .. }), FeedState::Off { .. })
        | (Some(FeedState::Live { .. } | FeedState::Lagging { .. }), FeedState::Live { .. })
        | (Some(FeedState::Stored { .. }), FeedState::Stored { .. })
        | (_, FeedState::Lagging { .. } | FeedState::Syncing { .. }) => None,
        (_, FeedState::Stored { .. }) => Some(("stored", "etcd's last committed state is shown")),
        (_, FeedState::Live { .. }) => Some(("live", "")),
        (_, FeedState::Off { why }) => Some(("off", why.text.as_str())),
        (_, FeedState::Lost { why, .. }) => Some(("lost", why.text.as_str())),
    }
}

/// Writes one clean line per event.
struct FileLayer(Mutex<Box<dyn Write + Send>>);

impl<S: Subscriber> Layer<S> for FileLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let data = event.metadata();
        let line = format!(
            "{:.3} {:5} {}:{}",
            Timestamp::now(),
            data.level(),
            data.target(),
            fields.0
        );
        // A full disk must not stop the console.
        if let Ok(mut file) = self.0.lock() {
            let _ = writeln!(file, "{}", Text::new(&line));
            let _ = file.flush();
        }
    }
}

/// An event's message and fields as one text.
#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// Where the operator is in the log.
#[derive(Default)]
pub struct LogView(TuiWidgetState);

impl LogView {
    /// Moves.
    pub fn step(&self, by: LogMove) {
        self.0.transition(match by {
            LogMove::Older => TuiWidgetEvent::PrevPageKey,
            LogMove::Newer => TuiWidgetEvent::NextPageKey,
            LogMove::Newest => TuiWidgetEvent::EscapeKey,
        });
    }

    /// Draws the lines into `area`.
    pub fn render(&self, theme: &Theme, area: Area, frame: &mut Frame) {
        let area = Rect::new(area.x, area.y, area.width, area.height).intersection(frame.area());
        frame.render_widget(self.widget(theme), area);
    }

    /// The lines as text.
    pub fn lines(&self, theme: &Theme) -> Vec<String> {
        let area = Rect::new(0, 0, LINEAR.0, LINEAR.1);
        let mut buffer = Buffer::empty(area);
        self.widget(theme).render(area, &mut buffer);
        let lines = picture::text(&buffer).into_iter();
        lines.filter(|line| !line.is_empty()).collect()
    }

    fn widget(&self, theme: &Theme) -> TuiLoggerWidget<'_> {
        TuiLoggerWidget::default()
            .style(theme.style(Role::Text))
            .formatter(Box::new(CleanFormatter(theme.clone())))
            .state(&self.0)
    }
}

/// Formats a record as clean lines: time, level, target, message.
struct CleanFormatter(Theme);

impl LogFormatter for CleanFormatter {
    fn min_width(&self) -> u16 {
        20
    }

    fn format(&self, width: usize, record: &ExtLogRecord) -> Vec<Line<'_>> {
        let role = match record.level.as_str() {
            "ERROR" => Role::Critical,
            "WARN" => Role::Warning,
            "INFO" => Role::Info,
            _ => Role::Dim,
        };
        let time = record.timestamp.strftime("%H:%M:%S").to_string();
        let target = record.target().strip_prefix("quorate::").unwrap_or(record.target());
        let text = Text::new(&format!("{target}: {}", record.msg().trim_start()));
        let head = format!("{time} {:5} ", record.level.as_str());
        let indent = head.len();
        let mut head = Some(head);
        words::wrap(text.as_str(), width.saturating_sub(indent).max(8))
            .into_iter()
            .map(|line| {
                let head = head.take().unwrap_or_else(|| " ".repeat(indent));
                Line::from(vec![
                    Span::styled(head, self.0.style(role)),
                    Span::styled(line, self.0.style(Role::Text)),
                ])
            })
            .collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::{Policy, example};
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct File(Arc<Mutex<Vec<u8>>>);

    impl Write for File {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// One test, because a process has one log.
    #[test]
    fn hostile_messages_are_clean_on_screen_and_in_the_file() {
        let file = File::default();
        init_log(tracing::Level::INFO, Some(Box::new(file.clone()))).unwrap();
        assert!(init_log(tracing::Level::INFO, None).is_err());
        let name = "node\u{1b}[2J\u{202e}\u{7}x\nsecond line";
        tracing::warn!(target: "quorate::live", node = name, "watch failed for {name}");
        tracing::debug!(target: "quorate::live", "too much detail");
        tracing::info!(target: "hyper", "too much detail");
        let [healthy, lost] = [example::healthy(), example::quorum_lost()]
            .map(|snapshot| State::new(Arc::new(snapshot), Policy::default()));
        changes(&healthy, &healthy);
        changes(&healthy, &lost);
        collect();

        let mut terminal = Terminal::new(TestBackend::new(100, 12)).unwrap();
        let view = LogView::default();
        let theme = Theme::default();
        for by in [LogMove::Older, LogMove::Newer, LogMove::Newest] {
            let area = Area {
                x: 0,
                y: 0,
                width: 100,
                height: 12,
            };
            terminal.draw(|frame| view.render(&theme, area, frame)).unwrap();
            view.step(by);
        }
        let screen: String = terminal
            .backend()
            .buffer()
            .content()
            .iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect();
        assert!(
            screen.contains("WARN  live: ") && screen.contains("watch failed for node\\u{1b}[2J"),
            "{screen}"
        );
        assert!(screen.chars().all(crate::base::text::is_plain), "{screen:?}");

        let written = String::from_utf8(file.0.lock().unwrap().clone()).unwrap();
        assert!(
            written.contains("WARN  quorate::live: watch failed for node\\u{1b}[2J"),
            "{written}"
        );
        assert!(!written.contains("too much detail"));
        for said in [
            "verdict is critical: quorum lost",
            "lost: api, kube.nodes, kube.pods and 14 more: no answer within 2 s",
            "lost: etcd.peer nbe-3: 10.77.0.13:2380 refused the connection",
        ] {
            assert_eq!(written.matches(said).count(), 1, "{said}: {written}");
        }
        assert!(!written.contains(" live: "), "{written}");
        assert!(
            written.chars().all(|c| c == '\n' || crate::base::text::is_plain(c)),
            "{written:?}"
        );
    }
}
