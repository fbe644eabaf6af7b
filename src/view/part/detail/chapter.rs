//! What one source says of a row, under a heading that names the source and how fresh it is. Two sources are two chapters:
//! they may contradict each other, and then both are shown.

use ratatui::text::{Line, Span};

use crate::app::State;
use crate::app::subject::findings_about;
use crate::app::{RowId, rows::feed_name};
use crate::model::{FeedId, FeedState};
use crate::view::part::{footer, labelled};
use crate::view::theme::{Role, Theme};
use crate::view::{fresh, words};

/// A label, a text, and how the text looks.
pub type Paragraph = (&'static str, String, Role);

/// The label on the first row of several.
pub fn labelled(label: &'static str, rows: impl Iterator<Item = (String, Role)>) -> impl Iterator<Item = Paragraph> {
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels.zip(rows).map(|(label, (text, role))| (label, text, role))
}

/// What one source says.
#[derive(Debug)]
pub struct Chapter {
    /// What it is about; empty where there is only one chapter.
    title: String,
    /// Who says so, and how fresh that is.
    source: Vec<(String, Role)>,
    /// What it says.
    rows: Vec<Paragraph>,
}

impl Chapter {
    /// The only chapter of a row.
    pub const fn only(rows: Vec<Paragraph>) -> Self {
        Self {
            title: String::new(),
            source: Vec::new(),
            rows,
        }
    }

    /// What a feed says.
    pub fn of_feed(state: &State, title: impl Into<String>, id: FeedId, rows: Vec<Paragraph>) -> Self {
        let freshness = match fresh::of(state, id) {
            FeedState::Live { .. } => ("live".to_owned(), Role::Dim),
            FeedState::Syncing { .. } => ("not answered yet".to_owned(), Role::Dim),
            feed => fresh::note(state, &feed).unwrap_or_else(|| (feed.word().to_owned(), Role::Unknown)),
        };
        Self {
            title: title.into(),
            source: vec![(format!("{},", feed_name(state, id)), Role::Dim), freshness],
            rows,
        }
    }

    /// What somebody else says: `source` says who, and how that is joined to the row.
    pub fn of(title: impl Into<String>, source: String, rows: Vec<Paragraph>) -> Self {
        Self {
            title: title.into(),
            source: vec![(source, Role::Dim)],
            rows,
        }
    }

    /// A step, and how it went.
    pub fn of_step(title: String, how: (String, Role), rows: Vec<Paragraph>) -> Self {
        Self {
            title,
            source: vec![how],
            rows,
        }
    }

    /// The same, where the feed may say nothing: then why it does not. `what` is what is not there.
    pub fn or_nothing(
        state: &State,
        theme: &Theme,
        title: impl Into<String>,
        id: FeedId,
        what: &str,
        rows: Vec<Paragraph>,
    ) -> Self {
        let mut chapter = Self::of_feed(state, title, id, rows);
        if chapter.rows.is_empty() {
            let (text, role) = fresh::nothing(theme, &fresh::of(state, id), what);
            chapter.rows.push(("", text, role));
        }
        chapter
    }

    fn lines(self, theme: &Theme, width: usize) -> Vec<Line<'static>> {
        let mut lines = Vec::new();
        if !self.title.is_empty() {
            let ellipsis = theme.glyph(crate::view::theme::Glyph::Ellipsis);
            let title = words::clip(&self.title, width.saturating_sub(2), ellipsis);
            let mut left = width.saturating_sub(2 + unicode_width::UnicodeWidthStr::width(title.as_str()));
            let mut spans = vec![Span::raw("  "), Span::styled(title, theme.style(Role::Title))];
            let mut gap = 2;
            for (text, role) in self.source {
                let text = words::clip(&text, left.saturating_sub(gap), ellipsis);
                left = left.saturating_sub(gap + unicode_width::UnicodeWidthStr::width(text.as_str()));
                spans.push(Span::raw(" ".repeat(gap)));
                spans.push(Span::styled(text, theme.style(role)));
                gap = 1;
            }
            lines.push(Line::from(spans));
        }
        let rows = self.rows.into_iter();
        lines.extend(rows.flat_map(|(label, text, role)| labelled::render(label, &text, role, theme, width)));
        lines
    }
}

/// All chapters, an empty line between two.
pub fn lines(chapters: Vec<Chapter>, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for chapter in chapters {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(chapter.lines(theme, width));
    }
    lines
}

/// What the checks found about a row and its kin; None where they found nothing.
pub fn findings(state: &State, row: &RowId) -> Option<Chapter> {
    let found = findings_about(state, row);
    let rows: Vec<Paragraph> = found
        .iter()
        .flat_map(|finding| {
            let (_, role) = footer::severity(finding.severity);
            [
                (
                    finding.severity.word(),
                    format!("{} ({} {})", finding.title, finding.check, finding.subject),
                    role,
                ),
                ("remedy", finding.remedy.to_string(), Role::Accent),
            ]
        })
        .collect();
    (!rows.is_empty()).then(|| Chapter::of("Findings", "of the checks, now".to_owned(), rows))
}
