//! The flight recorder's language: what the console takes in as lines of JSON, small where little changes, and the same
//! console again from those lines. A recording is made of segments; each begins with the whole state, so that older ones can be
//! dropped, and goes on with one line for each frame that was drawn. Pure: knows no file and no terminal. Start reading at
//! [`Line`], then [`Encoder`] and [`Decoder`].

mod difference;
mod patch;
mod read;
mod redact;
mod stamps;
mod tape;
mod write;

pub use read::{Decoder, Index, Recording, Said, Unreadable};
pub use redact::redacted;
pub use tape::Tape;
pub use write::{Encoder, without_secrets};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::Msg;
use crate::base::{Stamp, Text};
use crate::check::Level;
use difference::{Difference, Rows};

/// Stands in the first line of each file.
pub const SCHEMA: &str = "quorate.recording/v1";

/// What stands where a text was that may hold secrets.
pub const NOT_RECORDED: &str = "not recorded";

/// The first line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How the lines are to be read.
    pub schema: Text,
    /// When the file was begun.
    pub began: Timestamp,
    /// On which host.
    pub host: Text,
    /// By whom.
    pub user: Text,
    /// Which quorate wrote it.
    pub version: Text,
}

/// Every other line.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line<R = Rows> {
    /// A segment begins.
    Whole(Box<Whole<R>>),
    /// A frame was drawn.
    Frame(Frame),
}

/// The console as it was between two frames.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Whole<R> {
    at: Timestamp,
    verdict: Level,
    /// The moment that stamps of this segment are told by.
    anchor: Stamp,
    /// How many messages came before it that nothing tells: there was no room for them.
    #[serde(default, skip_serializing_if = "is_zero")]
    lost: u64,
    /// The state, with no row in the snapshot's tables, and with what follows from such a snapshot.
    state: Value,
    /// These rows: one at a time is made into a line, because a crowded cluster has thousands.
    rows: R,
    /// What is otherwise in the snapshot from which losses are foretold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    good: Option<Difference>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants a reference
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What the console took in since the frame before.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Frame {
    at: Timestamp,
    /// Where it is another one than in the line before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verdict: Option<Level>,
    took: Vec<Took>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Took {
    /// A snapshot, as what is otherwise than in the one before.
    Snapshot(Box<Difference>),
    /// Any other message.
    Msg(Box<Msg>),
}

#[cfg(test)]
mod tests;
