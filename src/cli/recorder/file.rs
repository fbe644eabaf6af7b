//! Files of recordings: private, bounded, a line at a time. Start reading at [`File`].

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::base::{Why, WhyKind};
use crate::chronicle::{EXTENSION, Room, make_room};
use crate::recording::Head;
use crate::run::journal::{because, make_private};

/// What the recorder's directory may hold.
const ROOM: Room = Room {
    file_bytes: 32 << 20,
    bytes: 128 << 20,
    files: 20,
};
/// A file that somebody named is no larger.
const MAX_NAMED_BYTES: u64 = 256 << 20;

/// Whether there is room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kept {
    On,
    Full,
}

/// A recording that is being written.
#[derive(Debug)]
pub struct File {
    handle: fs::File,
    path: PathBuf,
    bytes: u64,
    most: u64,
}

impl File {
    /// A new file at this place, with what is known so far.
    pub fn named<'a>(path: &Path, head: &Head, lines: impl Iterator<Item = &'a str>) -> Result<Self, Why> {
        Self::begin(path, MAX_NAMED_BYTES, head, lines)
    }

    /// A new file in the recorder's directory, which is made where it is not there; older ones make room.
    pub fn kept<'a>(dir: &Path, head: &Head, pid: u32, lines: impl Iterator<Item = &'a str>) -> Result<Self, Why> {
        make_private(dir)?;
        make_room(dir, ROOM);
        let began = head.began.strftime("%Y%m%dT%H%M%S%3fZ");
        let path = dir.join(format!("{began}-{pid}")).with_extension(EXTENSION);
        Self::begin(&path, ROOM.file_bytes, head, lines)
    }

    fn begin<'a>(path: &Path, most: u64, head: &Head, lines: impl Iterator<Item = &'a str>) -> Result<Self, Why> {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Why::new(WhyKind::Config, format!("{} is there already", path.display())).hint("name a new file")
            }
            _ => because("written", path, &error),
        })?;
        // Held while this process lives: older ones make room, those that are being written do not.
        let _ = file.try_lock();
        let mut begun = Self {
            handle: file,
            path: path.to_owned(),
            bytes: 0,
            most,
        };
        let head = serde_json::to_string(head).map_err(|error| {
            Why::new(
                WhyKind::Garbage,
                format!("the first line cannot be written down: {error}"),
            )
        })?;
        begun.line(&head)?;
        for line in lines {
            begun.line(line)?;
        }
        Ok(begun)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How large it is.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a line, at once.
    pub fn line(&mut self, line: &str) -> Result<Kept, Why> {
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        let written = self.handle.write_all(&bytes);
        written.map_err(|error| because("written", &self.path, &error))?;
        self.bytes += bytes.len() as u64;
        Ok(if self.bytes < self.most { Kept::On } else { Kept::Full })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn head(second: i64) -> Head {
        Head {
            schema: crate::recording::SCHEMA.into(),
            began: jiff::Timestamp::from_second(1_795_000_000 + second).unwrap(),
            host: "nbe-1".into(),
            user: "ada".into(),
            version: "0".into(),
        }
    }

    #[test]
    fn a_file_is_private_and_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r");
        let mut file = File::named(&path, &head(0), ["a"].into_iter()).unwrap();
        assert_eq!(file.line("b"), Ok(Kept::On));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), ["a", "b"]);
        let why = File::named(&path, &head(0), std::iter::empty()).unwrap_err();
        assert!(why.to_string().contains("is there already"), "{why}");
    }

    #[test]
    fn files_that_nobody_named_are_bounded_in_size_and_number() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("recordings");
        let line = "x".repeat(1 << 20);
        for second in 0..30 {
            drop(File::kept(&place, &head(second), 1, std::iter::empty()).unwrap());
        }
        assert_eq!(fs::read_dir(&place).unwrap().count(), ROOM.files);
        let mut file = File::kept(&place, &head(99), 1, std::iter::empty()).unwrap();
        let written = (0..1_000).take_while(|_| file.line(&line) == Ok(Kept::On)).count();
        assert_eq!(written as u64, ROOM.file_bytes / (1 << 20) - 1);
        let names: Vec<PathBuf> = fs::read_dir(&place)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(names.contains(&file.path().to_owned()), "the newest stays");
        for second in 100..130 {
            drop(File::kept(&place, &head(second), 1, std::iter::empty()).unwrap());
        }
        assert!(file.path().exists(), "what is being written stays");
    }
}
