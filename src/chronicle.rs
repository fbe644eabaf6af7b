//! The timeline on disk: a file for each session of a console, one JSON line for each entry, in private to its owner and
//! bounded. It is no journal: nothing depends on it, nothing waits for it, and what a crash tears off is lost. A file has one
//! writer, which holds its kernel lock while it lives, so lines never mix and a reader knows whether a session goes on.
//! Knows no console. Start reading at [`Writer`], then [`sessions`] and [`History`].

mod history;
mod read;
mod write;

pub use history::{History, Span};
pub use read::{Told, sessions};
pub use write::{Room, Writer, make_room};

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::timeline::Entry;
use crate::base::Text;
use crate::model::past::Identity;

/// Stands in the first line of each file.
pub const SCHEMA: &str = "quorate.timeline-file/v1";

/// A file that is larger is followed by another one.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// All files together; the oldest go first.
const MAX_BYTES: u64 = 8 << 20;
/// The most files that are kept.
const MAX_FILES: usize = 200;
/// Of files that hold JSON lines.
pub const EXTENSION: &str = "jsonl";

/// Who watched, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// How the lines are to be read.
    pub schema: Text,
    /// When it began.
    pub began: Timestamp,
    /// On which host.
    pub host: Text,
    /// Who.
    pub user: Text,
    /// The process.
    pub pid: u32,
}

/// One line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
enum Line {
    /// The first one.
    Session(Session),
    /// Which cluster it is about; the last one counts.
    Cluster(Identity),
    /// An entry; one with the number of the last one replaces it.
    Change(Entry),
    /// It was watched at least until then. Overwritten by whatever is written next.
    Until { at: Timestamp },
}

/// The directory of the files below a state directory.
pub fn dir(state: &Path) -> PathBuf {
    state.join("timeline")
}

#[cfg(test)]
mod tests;
