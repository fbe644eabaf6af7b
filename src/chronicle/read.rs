//! Reading what sessions wrote: bounded, and whatever cannot be read is passed over and counted.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::write::is_locked;
use super::{EXTENSION, Line, MAX_FILE_BYTES, MAX_FILES, SCHEMA, Session};
use crate::app::timeline::Entry;
use crate::base::Why;
use crate::model::past::Identity;
use crate::run::journal::because;

/// The longest line that is read.
const MAX_LINE_BYTES: usize = 256 << 10;

/// What one file tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Who watched.
    pub session: Session,
    /// Which cluster.
    pub identity: Identity,
    /// It was watched at least until then.
    pub until: Timestamp,
    /// Whether its console is still open.
    pub is_open: bool,
    /// What changed, the oldest first.
    pub entries: Vec<Entry>,
    /// How many lines cannot be read: torn, or of another version.
    pub unread: usize,
}

/// Every session of a directory, which need not be there, the oldest first, but for the one at `except`. A file that is none
/// of ours is passed over.
pub fn sessions(dir: &Path, except: Option<&Path>) -> Result<Vec<Told>, Why> {
    let listed = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(|error| because("read", dir, &error))?,
    };
    let paths = listed.filter_map(|entry| Some(entry.ok()?.path()));
    let ours = |path: &PathBuf| path.extension().is_some_and(|end| end == EXTENSION) && Some(path.as_path()) != except;
    let mut paths: Vec<PathBuf> = paths.filter(ours).collect();
    paths.sort();
    paths.drain(..paths.len().saturating_sub(MAX_FILES));
    Ok(paths.iter().filter_map(|path| read(path)).collect())
}

fn read(path: &Path) -> Option<Told> {
    // A pipe with such a name would be waited for.
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
    let file = is_file.then(|| File::open(path).ok())??;
    let is_open = is_locked(&file);
    let mut bytes = Vec::new();
    // One entry may stand across the bound.
    let most = MAX_FILE_BYTES + MAX_LINE_BYTES as u64;
    file.take(most).read_to_end(&mut bytes).ok()?;
    let told = parse(&bytes)?;
    Some(Told { is_open, ..told })
}

/// Reads lines. None where the first one is none of ours.
pub(super) fn parse(bytes: &[u8]) -> Option<Told> {
    let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let Some(Line::Session(session)) = lines.next().and_then(line) else {
        return None;
    };
    if session.schema != SCHEMA {
        return None;
    }
    let mut told = Told {
        until: session.began,
        session,
        identity: Identity::default(),
        is_open: false,
        entries: Vec::new(),
        unread: 0,
    };
    for raw in lines {
        match line(raw) {
            Some(Line::Change(entry)) => {
                told.until = told.until.max(entry.at.wall);
                // It was written again because more was added to it.
                if told.entries.last().is_some_and(|last| last.number == entry.number) {
                    told.entries.pop();
                }
                told.entries.push(entry);
            }
            Some(Line::Cluster(identity)) => told.identity = identity,
            Some(Line::Until { at }) => told.until = told.until.max(at),
            Some(Line::Session(_)) | None => told.unread += 1,
        }
    }
    Some(told)
}

fn line(raw: &[u8]) -> Option<Line> {
    (raw.len() <= MAX_LINE_BYTES)
        .then(|| serde_json::from_slice(raw).ok())
        .flatten()
}
