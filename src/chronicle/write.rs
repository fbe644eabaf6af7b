//! Writing one session.

use std::fs::{DirEntry, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{EXTENSION, Line, MAX_BYTES, MAX_FILE_BYTES, MAX_FILES, Session};
use crate::app::timeline::Entry;
use crate::base::{Why, WhyKind};
use crate::model::past::Identity;
use crate::run::journal::{because, make_private};

/// A session that is being written.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    session: Session,
    identity: Identity,
    file: File,
    path: PathBuf,
    /// How many files came before it.
    part: u32,
    /// Where the next line begins. What stands behind it is the line that says until when it was watched.
    end: u64,
}

impl Writer {
    /// A new file in the directory, which is made where it is not there; older ones make room.
    pub fn begin(dir: &Path, session: Session, identity: Identity) -> Result<Self, Why> {
        make_private(dir)?;
        make_room(dir, ROOM);
        let (path, file) = create(dir, &session, 0)?;
        let mut writer = Self {
            dir: dir.to_owned(),
            session,
            identity,
            file,
            path,
            part: 0,
            end: 0,
        };
        writer.head()?;
        Ok(writer)
    }

    /// Where it writes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The cluster, as far as more is known of it by now.
    pub fn identify(&mut self, identity: &Identity) -> Result<(), Why> {
        let known = identity.clone().or(&self.identity);
        if known == self.identity {
            return Ok(());
        }
        self.line(&Line::Cluster(known.clone()), true)?;
        self.identity = known;
        Ok(())
    }

    /// Entries, new or changed.
    pub fn changes(&mut self, entries: Vec<Entry>) -> Result<(), Why> {
        for entry in entries {
            let at = entry.at.wall;
            self.line(&Line::Change(entry), true)?;
            if self.end >= MAX_FILE_BYTES {
                self.next_file(at)?;
            }
        }
        Ok(())
    }

    /// It was watched until now.
    pub fn until(&mut self, at: Timestamp) -> Result<(), Why> {
        self.line(&Line::Until { at }, false)
    }

    fn head(&mut self) -> Result<(), Why> {
        self.line(&Line::Session(self.session.clone()), true)?;
        self.line(&Line::Cluster(self.identity.clone()), true)?;
        self.until(self.session.began)
    }

    fn next_file(&mut self, at: Timestamp) -> Result<(), Why> {
        self.until(at)?;
        self.part += 1;
        self.session.began = at;
        make_room(&self.dir, ROOM);
        (self.path, self.file) = create(&self.dir, &self.session, self.part)?;
        self.end = 0;
        self.head()
    }

    /// Writes over whatever stands behind the last line that stays.
    fn line(&mut self, line: &Line, stays: bool) -> Result<(), Why> {
        let mut bytes = serde_json::to_vec(line)
            .map_err(|error| Why::new(WhyKind::Garbage, format!("an entry cannot be written down: {error}")))?;
        bytes.push(b'\n');
        let length = bytes.len() as u64;
        let seek = self.file.seek(SeekFrom::Start(self.end));
        let written = seek
            .and_then(|_| self.file.write_all(&bytes))
            .and_then(|()| self.file.set_len(self.end + length));
        written.map_err(|error| because("written", &self.path, &error))?;
        if stays {
            self.end += length;
        }
        Ok(())
    }
}

/// The name says when it began, so that names sort by time.
fn create(dir: &Path, session: &Session, part: u32) -> Result<(PathBuf, File), Why> {
    let began = session.began.strftime("%Y%m%dT%H%M%S%3fZ");
    let name = format!("{began}-{}-{part}", session.pid);
    let path = dir.join(name).with_extension(EXTENSION);
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let file = options.open(&path).map_err(|error| because("written", &path, &error))?;
    // Where a file system has no locks, a session that goes on looks like one that broke off.
    let _ = file.try_lock();
    Ok((path, file))
}

/// What may be kept in a directory, the next file included.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// The next file is no larger.
    pub file_bytes: u64,
    /// All files together.
    pub bytes: u64,
    /// The most files.
    pub files: usize,
}

const ROOM: Room = Room {
    file_bytes: MAX_FILE_BYTES,
    bytes: MAX_BYTES,
    files: MAX_FILES,
};

/// Removes the oldest files of JSON lines until another one has room; never those whose writers live and hold their kernel
/// lock. What cannot be removed stays.
pub fn make_room(dir: &Path, room: Room) {
    let Ok(listed) = std::fs::read_dir(dir) else { return };
    let mut files: Vec<(PathBuf, u64)> = listed.filter_map(|entry| size(&entry.ok()?)).collect();
    files.sort();
    let mut total: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    let mut count = files.len();
    for (path, bytes) in files {
        if total + room.file_bytes <= room.bytes && count < room.files {
            return;
        }
        if !is_open(&path) && std::fs::remove_file(&path).is_ok() {
            total -= bytes;
            count -= 1;
        }
    }
}

fn size(entry: &DirEntry) -> Option<(PathBuf, u64)> {
    let path = entry.path();
    let is_ours = path.extension().is_some_and(|end| end == EXTENSION);
    let meta = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
    is_ours.then_some((path, meta.len()))
}

fn is_open(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| is_locked(&file))
}

/// Whether its writer lives.
pub(super) fn is_locked(file: &File) -> bool {
    match file.try_lock_shared() {
        Ok(()) => {
            let _: io::Result<()> = file.unlock();
            false
        }
        Err(std::fs::TryLockError::WouldBlock) => true,
        Err(std::fs::TryLockError::Error(_)) => false,
    }
}
