//! One settings file: read with a bound, parsed strictly, walked key by key. Every error has its place in the file.
//! Where the TOML itself is broken, nothing of the file is used; a wrong key or value spoils only itself.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::string::FromUtf8Error;

use toml::de::{DeTable, DeValue};

use super::error::{Place, Problem};
use super::key::{self, Key};

/// The largest file that is read.
const MAX_BYTES: u64 = 1 << 20;

/// Whether a file must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// An operator named it.
    Required,
    /// One of the usual places.
    Optional,
}

/// What is wrong, and where.
type Errors = Vec<(Option<Place>, Problem)>;

/// Puts every value of a file, and says what is wrong, from top to bottom.
pub fn apply(
    path: &Path,
    presence: Presence,
    mut put: impl FnMut(&'static Key, &DeValue<'_>) -> Result<(), Problem>,
) -> Errors {
    let bytes = match read(path, presence) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Vec::new(),
        Err(problem) => return vec![(None, problem)],
    };
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(err) => return vec![not_utf8(&err)],
    };
    let table = match DeTable::parse(&text) {
        Ok(table) => table,
        Err(err) => {
            let place = err.span().map(|span| Place::of(&text, span.start));
            let hint = "nothing of this file is used";
            return vec![(place, Problem::new(err.message()).hint(hint))];
        }
    };
    let mut walk = Walk {
        text: &text,
        put: &mut put,
        errors: Vec::new(),
    };
    walk.table(None, table.get_ref());
    walk.errors.sort_by_key(|(place, _)| *place);
    walk.errors
}

/// Reads a file with a bound. A file that need not be there may be missing.
fn read(path: &Path, presence: Presence) -> Result<Option<Vec<u8>>, Problem> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) if u64::try_from(bytes.len()).is_ok_and(|len| len <= MAX_BYTES) => Ok(Some(bytes)),
        Ok(_) => Err(Problem::new("is larger than 1 MiB").hint("is it the right file?")),
        Err(err) if err.kind() == io::ErrorKind::NotFound && presence == Presence::Optional => Ok(None),
        Err(err) => Err(Problem::new(format!("cannot be read: {err}"))),
    }
}

fn not_utf8(err: &FromUtf8Error) -> (Option<Place>, Problem) {
    let good = err.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(err.as_bytes().get(..good).unwrap_or_default());
    let problem = Problem::new("is not UTF-8 text").hint("nothing of this file is used");
    (Some(Place::of(&text, good)), problem)
}

/// A walk over all keys of a file.
struct Walk<'a, P> {
    text: &'a str,
    put: &'a mut P,
    errors: Errors,
}

impl<P> Walk<'_, P>
where
    P: FnMut(&'static Key, &DeValue<'_>) -> Result<(), Problem>,
{
    /// Every key of the file, or of one of its sections.
    fn table(&mut self, section: Option<&str>, table: &DeTable<'_>) {
        for (name, value) in table {
            let full = section.map_or_else(
                || name.get_ref().to_string(),
                |section| format!("{section}.{}", name.get_ref()),
            );
            match (value.get_ref(), key::find(&full)) {
                (DeValue::Table(inner), None) if section.is_none() && key::is_section(&full) => {
                    self.table(Some(&full), inner);
                }
                (_, None) => self.wrong(name.span().start, key::unknown(&full)),
                (written, Some(key)) => {
                    if let Err(problem) = (self.put)(key, written) {
                        self.wrong(problem.offset.unwrap_or(value.span().start), problem);
                    }
                }
            }
        }
    }

    fn wrong(&mut self, offset: usize, problem: Problem) {
        self.errors.push((Some(Place::of(self.text, offset)), problem));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;
    use crate::config::key::Written;
    use crate::config::{Origin, Settings};
    use std::fs;
    use std::path::PathBuf;
    use std::time::Duration;

    /// What a file with this content sets, and its errors as `line:column: message (hint)`.
    fn load(content: &[u8]) -> (Settings, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        fs::write(&path, content).unwrap();
        load_file(&path, Presence::Required)
    }

    fn load_file(path: &Path, presence: Presence) -> (Settings, Vec<String>) {
        let mut settings = Settings::default();
        let origin = Origin::UserFile(PathBuf::from("f"));
        let errors = apply(path, presence, |key, value| {
            (key.put)(&mut settings, Written::Toml(value), origin.clone())
        });
        let shown = errors
            .into_iter()
            .map(|(place, problem)| problem.at(origin.clone(), place).to_string());
        (settings, shown.collect())
    }

    #[test]
    fn right_values_are_taken() {
        let (settings, errors) = load(b"theme = \"light\"\nascii = true\n[policy]\nheartbeat_late = \"20s\"\n");
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(settings.theme.value, "light");
        assert!(settings.ascii.value);
        assert_eq!(settings.policy.heartbeat_late.value, Duration::from_secs(20));
    }

    #[test]
    fn a_wrong_key_or_value_spoils_only_itself() {
        let file = b"theem = \"light\"\nascii = \"yes\"\ntimeout = \"5s\"\n[polcy]\nx = 1\n[policy]\nheartbeat_late = \"0s\"\n";
        let (settings, errors) = load(file);
        assert_eq!(settings.timeout.value, Duration::from_secs(5));
        assert_eq!(settings.policy, Settings::default().policy);
        let starts = ["f:1:1: there is no setting \"theem\"", "f:2:9:", "f:4:2:", "f:7:18:"];
        assert_eq!(errors.len(), starts.len(), "{errors:#?}");
        for (error, start) in errors.iter().zip(starts) {
            assert!(error.starts_with(start), "{error} does not start with {start}");
        }
    }

    #[test]
    fn a_file_that_is_no_toml_is_not_used_at_all() {
        for broken in [
            &b"theme = \"light\"\nascii = = true\n"[..],
            b"theme = \"light\"\n\xff\n",
        ] {
            let (settings, errors) = load(broken);
            assert_eq!(settings, Settings::default());
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert!(
                errors[0].starts_with("f:2:") && errors[0].contains("nothing of this file is used"),
                "{errors:?}"
            );
        }
    }

    #[test]
    fn files_that_cannot_be_read_say_so() {
        let folder = tempfile::tempdir().unwrap();
        let errors = |path: &Path, presence| load_file(path, presence).1;
        assert!(errors(folder.path(), Presence::Required)[0].contains("cannot be read"));
        let missing = folder.path().join("missing");
        assert!(errors(&missing, Presence::Required)[0].contains("cannot be read"));
        assert!(errors(&missing, Presence::Optional).is_empty());
        let huge = folder.path().join("huge");
        fs::write(&huge, vec![b'#'; (1 << 20) + 1]).unwrap();
        assert!(errors(&huge, Presence::Optional)[0].contains("larger than 1 MiB"));
    }
}
