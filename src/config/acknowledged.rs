//! The file of accepted findings, `acknowledged.toml` in the state directory: read with a bound and strictly, written whole
//! or not at all. What it means is said at [`Acknowledgement`].

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::{Text, Why, WhyKind};
use crate::model::policy::Acknowledgement;

/// Its name in the state directory.
pub const FILE: &str = "acknowledged.toml";

/// No file is larger; nobody accepts so many findings.
const MAX_BYTES: u64 = 256 << 10;
/// No more are kept.
pub const MAX: usize = 500;

/// The file as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    acknowledged: Vec<Acknowledgement>,
}

/// What is accepted, also what has expired. None where there is no file.
pub fn read(path: &Path) -> Result<Vec<Acknowledgement>, Why> {
    let wrong = |what: String| {
        let text = format!("{}: {what}", path.display());
        Why::new(WhyKind::Config, text).hint("nothing of this file counts: mend it, or remove it and acknowledge again")
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
    };
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(wrong("is larger than 256 KiB".to_owned()));
    }
    let document: Document = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
    Ok(document.acknowledged)
}

/// What is accepted once this one is: it takes the place of one about the same, and those that expired by `now` are gone.
pub fn with(given: Vec<Acknowledgement>, new: Acknowledgement, now: Timestamp) -> Vec<Acknowledgement> {
    let mut given = without(given, new.check.as_str(), new.subject.as_ref());
    given.retain(|own| own.until > now);
    given.push(new);
    let spare = given.len().saturating_sub(MAX);
    given.drain(..spare);
    given
}

/// What is accepted without the one about this check and subject.
pub fn without(mut given: Vec<Acknowledgement>, check: &str, subject: Option<&Text>) -> Vec<Acknowledgement> {
    given.retain(|own| !(own.check == check && own.subject.as_ref() == subject));
    given
}

/// Writes the file in one step: a reader sees the old one or the new one.
pub fn write(path: &Path, acknowledged: Vec<Acknowledgement>) -> io::Result<()> {
    let text = toml::to_string(&Document { acknowledged }).map_err(io::Error::other)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let fresh = path.with_extension(format!("toml.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn one(check: &str, subject: Option<&str>, until_s: i64) -> Acknowledgement {
        Acknowledgement {
            check: check.into(),
            subject: subject.map(Text::from),
            reason: "a \"reason\"\nin two lines".into(),
            until: Timestamp::from_second(until_s).unwrap(),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/acknowledged.toml");
        assert_eq!(read(&path).unwrap(), Vec::new());
        let given = vec![one("nodes.size", Some("node/nbe-1"), 9), one("zone.labels", None, 10)];
        write(&path, given.clone()).unwrap();
        assert_eq!(read(&path).unwrap(), given);
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "no scraps: {left:?}");
    }

    #[test]
    fn a_broken_file_counts_for_nothing_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acknowledged.toml");
        for wrong in [
            "[[acknowledged]]\ncheck = 1",
            "nonsense",
            "[[acknowledged]]\nchekc = \"x\"",
        ] {
            fs::write(&path, wrong).unwrap();
            assert!(
                read(&path).unwrap_err().text.as_str().contains("acknowledged.toml"),
                "{wrong}"
            );
        }
        fs::write(&path, "#".repeat(300 << 10)).unwrap();
        assert!(read(&path).is_err());
    }

    #[test]
    fn a_new_one_takes_the_place_of_the_old_and_expired_ones_go() {
        let now = Timestamp::from_second(5).unwrap();
        let given = vec![one("a", None, 9), one("b", None, 4), one("a", Some("x/y"), 9)];
        let then = with(given, one("a", None, 20), now);
        assert_eq!(then, [one("a", Some("x/y"), 9), one("a", None, 20)]);
        assert_eq!(without(then, "a", None), [one("a", Some("x/y"), 9)]);
    }
}
