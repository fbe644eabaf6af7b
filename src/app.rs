//! The console's core: one state, one `update`. Facts and keys come in as [`Msg`], wishes go out as [`Effect`]; nothing
//! here waits, draws, reads a clock or knows a terminal. All ages are counted at `snapshot.now`, which advances from
//! outside, so there is no tick. Start reading at [`update`], then [`keys::TABLE`] and
//! [`commands::TABLE`].

pub mod commands;
mod events;
pub mod failover;
pub mod filter;
mod fuzzy;
pub mod key;
pub mod keys;
pub mod line;
pub mod list;
mod marks;
pub mod memo;
pub mod navigate;
pub mod paper;
pub mod prompt;
mod reading;
pub mod replay;
pub mod rows;
pub mod screen;
mod search;
pub mod sheet;
pub mod sim;
pub mod sort;
pub mod state;
pub mod subject;
pub mod timeline;
pub mod tour;
mod typing;
mod update;
pub mod work;

pub use key::Key;
pub use keys::Command;
pub use list::Cursor;
pub use prompt::Prompt;
pub use reading::MOST_COPIED_BYTES;
pub use rows::{RowId, Scope};
pub use screen::Screen;
pub use sim::SimCommand;
pub use state::{Area, Derived, Geometry, Message, State};
pub use update::update;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::Snapshot;
use crate::model::question::{Answer, Question, QuestionId};

/// A fact that reaches the console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// A row of the list shown was pointed at, counted from 0.
    Select(usize),
    /// Text was pasted; never taken for commands.
    Paste(String),
    /// The terminal has another size: columns, rows.
    Resize(u16, u16),
    /// The newest snapshot.
    Snapshot(Arc<Snapshot>),
    /// What the last frame found out about the space it had.
    Geometry(Geometry),
    /// An answer, or a part of one.
    Answer(Answer),
    /// Something new about guided actions.
    Work(work::News),
    /// What earlier sessions wrote into the timeline, the oldest first.
    Past(Vec<timeline::Entry>),
    /// Something to tell the operator that no snapshot carries.
    Notice(Message),
}

/// What the loop around the core must do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Clear the terminal and draw everything again: another program wrote over it.
    Redraw,
    /// Give the terminal back to the shell until it resumes us.
    Suspend,
    /// Move in the log, whose position lives in tui-logger.
    Log(LogMove),
    /// Do something to the simulated cluster, and tell what came of it.
    Sim(SimCommand),
    /// Ask something that no snapshot tells.
    Ask(QuestionId, Question),
    /// Nobody waits for the answer any more.
    Cancel(QuestionId),
    /// Give a text to the terminal's clipboard.
    Copy(String),
    /// Let a program of the operator's have the terminal, with this text.
    Show(keys::Program, String),
    /// Run a plan, or tell a run something.
    Work(work::Order),
    /// Write down what is new in the timeline, or changed in its newest entry.
    Keep(Vec<timeline::Entry>),
    /// Give the page of the row that is shown in full to the terminal's clipboard; the view makes its text.
    CopyPage,
    /// Write to this file what the flight recorder holds, and go on; an empty name leaves the place to the recorder.
    Record(String),
    /// End that file, and say where it is and how large.
    EndRecord,
    /// Move in the recording that is shown.
    Replay(replay::Wish),
}

/// A move in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogMove {
    /// To older lines.
    Older,
    /// To newer lines.
    Newer,
    /// To the newest line, and follow.
    Newest,
}
