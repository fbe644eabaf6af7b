//! The durable record of a run: one file, one JSON line for each event, on disk before [`Journal::append`] returns. What a
//! crash can leave is a last line that is torn; it never reached the disk as a whole, so nothing was sent because of it.
//! What the events mean, and which may follow which, is `plan`'s affair. Start reading at [`Archive`].

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::{Text, Why, WhyKind};
use crate::model::etcd::ClusterId;
use crate::plan::{Entry, RunEvent, RunId, RunView};

/// Stands in the first line.
pub const SCHEMA: &str = "quorate.journal/v1";

/// The longest line: a plan of a few hundred steps has far fewer.
const MAX_LINE_BYTES: usize = 4 << 20;
/// The largest journal that is read.
const MAX_JOURNAL_BYTES: u64 = 64 << 20;
/// The most runs that are listed.
const MAX_RUNS: usize = 1000;
const EXTENSION: &str = "jsonl";

/// The first line also says how all lines are to be read.
#[derive(Debug, Serialize, Deserialize)]
struct FirstLine {
    schema: Text,
    #[serde(flatten)]
    entry: Entry,
}

/// All that a journal tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    /// The run, as its events make it.
    pub view: RunView,
    /// Every event, the beginning included.
    pub entries: Vec<Entry>,
    /// How many bytes of a torn last line there are at the end.
    pub torn_bytes: u64,
}

/// The journals of one place.
#[derive(Debug, Clone)]
pub struct Archive {
    dir: PathBuf,
}

impl Archive {
    /// Those in a directory, which need not exist yet.
    pub const fn at(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Every run, the newest first, and why one cannot be read.
    pub fn runs(&self) -> Result<Vec<Result<Story, Why>>, Why> {
        let listed = match std::fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(|error| because("read", &self.dir, &error))?,
        };
        let mut runs: Vec<RunId> = listed.filter_map(|entry| run_of(&entry.ok()?.path())).collect();
        runs.sort_unstable_by(|a, b| b.cmp(a));
        runs.truncate(MAX_RUNS);
        Ok(runs.iter().map(|run| self.read(run)).collect())
    }

    /// One run.
    pub fn read(&self, run: &RunId) -> Result<Story, Why> {
        let path = self.path(run)?;
        let file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Why::new(WhyKind::NotFound, format!("there is no run {}", run.0))
                .hint("`quorate journal` lists the runs of this host"),
            _ => because("read", &path, &error),
        })?;
        read(&path, &file)
    }

    /// A new journal with its first line, which is on disk when this returns.
    pub fn begin(&self, first: &Entry) -> Result<Journal, Why> {
        let RunEvent::Begun { run, .. } = &first.event else {
            return Err(Why::new(
                WhyKind::Config,
                "a journal begins with the beginning of its run",
            ));
        };
        let path = self.path(run)?;
        make_private(&self.dir)?;
        let mut options = OpenOptions::new();
        let options = options.append(true).create_new(true).mode(0o600);
        let file = options.open(&path).map_err(|error| because("written", &path, &error))?;
        let mut journal = Journal {
            file,
            path,
            end: 0,
            broken: None,
        };
        let first = FirstLine {
            schema: SCHEMA.into(),
            entry: first.clone(),
        };
        if let Err(why) = journal.write(&first) {
            // A journal without its first line tells nothing, and would only be in the way.
            let _ = std::fs::remove_file(&journal.path);
            return Err(why.hint("nothing was done: make room, and begin again"));
        }
        // Without it, the file may be gone after a crash although its bytes are on disk.
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        synced.map_err(|error| because("written", &self.dir, &error))?;
        Ok(journal)
    }

    /// Goes on with a run: cuts a torn last line, and refuses a journal of another cluster.
    pub fn resume(&self, run: &RunId, cluster: Option<ClusterId>) -> Result<(Journal, Story), Why> {
        let path = self.path(run)?;
        let story = self.read(run)?;
        same_cluster(&story, cluster)?;
        let cannot = |error: &io::Error| because("written", &path, error);
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|error| cannot(&error))?;
        let length = file.metadata().map_err(|error| cannot(&error))?.len();
        let end = length.saturating_sub(story.torn_bytes);
        if end < length {
            let cut = file.set_len(end).and_then(|()| file.sync_all());
            cut.map_err(|error| cannot(&error))?;
        }
        let journal = Journal {
            file,
            path,
            end,
            broken: None,
        };
        Ok((journal, story))
    }

    /// The file of a run. A name that is none must not lead elsewhere.
    fn path(&self, run: &RunId) -> Result<PathBuf, Why> {
        if !is_name(run) {
            return Err(Why::new(
                WhyKind::Config,
                format!("{:?} is not the name of a run", run.0.as_str()),
            )
            .hint("`quorate journal` lists the runs of this host"));
        }
        Ok(self.dir.join(run.0.as_str()).with_extension(EXTENSION))
    }
}

/// Whether it can be the name of a file, here and only here.
pub fn is_name(run: &RunId) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=64).contains(&run.0.as_str().len()) && run.0.as_str().chars().all(plain)
}

fn run_of(path: &Path) -> Option<RunId> {
    let is_journal = path.extension().is_some_and(|end| end == EXTENSION);
    let run = RunId(path.file_stem()?.to_str()?.into());
    (is_journal && is_name(&run)).then_some(run)
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Where the last good line ends.
    end: u64,
    /// Why nothing more can be written.
    broken: Option<Why>,
}

impl Journal {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line. It is on disk when this returns; where that is not certain, it is an error, and so is every later line.
    pub fn append(&mut self, entry: &Entry) -> Result<(), Why> {
        self.write(entry)
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Why> {
        if let Some(why) = &self.broken {
            return Err(why.clone());
        }
        let mut bytes = serde_json::to_vec(line)
            .map_err(|error| Why::new(WhyKind::Garbage, format!("an event cannot be written down: {error}")))?;
        bytes.push(b'\n');
        if bytes.len() > MAX_LINE_BYTES {
            let text = format!("an event of {} bytes is too large for the journal", bytes.len());
            return Err(Why::new(WhyKind::Config, text).hint("split the action into smaller ones"));
        }
        // After a failed fsync the page cache may say that it is there although the disk has nothing: never try again.
        let written = self.file.write_all(&bytes).and_then(|()| self.file.sync_all());
        if let Err(error) = written {
            let why =
                because("written", &self.path, &error).hint("nothing more is sent: make room, then `quorate resume`");
            // Half a line is recognised when the journal is read, should this fail too.
            let _ = self.file.set_len(self.end);
            self.broken = Some(why.clone());
            return Err(why);
        }
        self.end += bytes.len() as u64;
        Ok(())
    }
}

fn same_cluster(story: &Story, cluster: Option<ClusterId>) -> Result<(), Why> {
    let theirs = story.view.plan.cluster;
    if theirs == cluster || theirs.is_none() {
        return Ok(());
    }
    let (run, theirs) = (&story.view.run.0, theirs.map_or_else(String::new, |id| id.to_string()));
    Err(match cluster {
        Some(own) => Why::new(
            WhyKind::Config,
            format!("run {run} belongs to etcd cluster {theirs}, and this is {own}: nothing was done"),
        )
        .hint("resume it where that cluster is"),
        None => Why::new(
            WhyKind::NotYet,
            format!("run {run} belongs to etcd cluster {theirs}, and which one this is cannot be told"),
        )
        .hint("run it on a controller, as root, so that etcd can be asked"),
    })
}

/// Makes a directory that only its owner may enter, with its parents.
pub fn make_private(dir: &Path) -> Result<(), Why> {
    let cannot = |error: &io::Error| because("made", dir, error);
    let created = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    created.map_err(|error| cannot(&error).hint("set XDG_STATE_HOME to a directory of your own"))?;
    let mode = dir.metadata().map_err(|error| cannot(&error))?.permissions().mode();
    if mode & 0o022 != 0 {
        let text = format!("others may write to {}: its journals cannot be trusted", dir.display());
        return Err(Why::new(WhyKind::Denied, text).hint(format!("chmod 700 {}", dir.display())));
    }
    Ok(())
}

fn read(path: &Path, mut file: &File) -> Result<Story, Why> {
    let length = file
        .seek(SeekFrom::End(0))
        .map_err(|error| because("read", path, &error))?;
    if length > MAX_JOURNAL_BYTES {
        let text = format!("{} has {length} bytes: that is no journal of ours", path.display());
        return Err(Why::new(WhyKind::Garbage, text));
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))
        .and_then(|_| file.take(MAX_JOURNAL_BYTES).read_to_end(&mut bytes))
        .map_err(|error| because("read", path, &error))?;
    parse(path, &bytes)
}

/// Reads lines. The last one may be torn; any other that cannot be read makes the journal worthless as a proof.
fn parse(path: &Path, bytes: &[u8]) -> Result<Story, Why> {
    let damaged = |line: usize, what: &str| {
        let text = format!("{}, line {line}: {what}", path.display());
        Why::new(WhyKind::Garbage, text).hint("the journal cannot be trusted: look at the cluster and make a new plan")
    };
    let mut lines = Lines { rest: bytes };
    let first = lines
        .next()
        .ok_or_else(|| damaged(1, "the journal has no first line"))?;
    let first: FirstLine = serde_json::from_slice(first).map_err(|error| damaged(1, &error.to_string()))?;
    if first.schema != SCHEMA {
        let text = format!("{} has the schema {:?}", path.display(), first.schema.as_str());
        return Err(Why::new(WhyKind::Config, text).hint(format!("this quorate reads {SCHEMA}")));
    }
    let mut entries = vec![first.entry];
    let mut torn_bytes = 0;
    while let Some(line) = lines.next() {
        match serde_json::from_slice(line) {
            Ok(entry) => entries.push(entry),
            Err(_) if lines.rest.is_empty() => torn_bytes = line.len() as u64 + 1,
            Err(error) => return Err(damaged(entries.len() + 1, &error.to_string())),
        }
    }
    torn_bytes += lines.rest.len() as u64;
    let view = RunView::fold(&entries).map_err(|illegal| damaged(illegal.line, illegal.text.as_str()))?;
    Ok(Story {
        view,
        entries,
        torn_bytes,
    })
}

/// Whole lines, without their ends; what has no end stays in `rest`.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        Some(line)
    }
}

/// Why a file cannot be used.
pub fn because(what: &str, path: &Path, error: &io::Error) -> Why {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => WhyKind::Denied,
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => WhyKind::Missing,
        _ => WhyKind::Broken,
    };
    Why::new(kind, format!("{} cannot be {what}: {error}", path.display()))
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
