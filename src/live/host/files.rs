//! Small local files: bounded reads whose errors say what to do, and YAML whose errors do not quote it. Knows no part.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::base::{Why, WhyKind};

/// The largest file that is read. k0s.yaml and kubeconfigs have a few KiB.
const MAX_BYTES: u64 = 1 << 20;

/// Reads a file of at most 1 MiB.
pub fn read(path: &Path) -> Result<Vec<u8>, Why> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|err| io_why(path, &err))?;
    if bytes.len() as u64 > MAX_BYTES {
        let text = format!("{} has more than {MAX_BYTES} bytes", path.display());
        return Err(Why::new(WhyKind::Garbage, text));
    }
    Ok(bytes)
}

/// Reads a file of at most 1 MiB that is text.
pub fn read_text(path: &Path) -> Result<String, Why> {
    String::from_utf8(read(path)?)
        .map_err(|_| Why::new(WhyKind::Garbage, format!("{} is not UTF-8 text", path.display())))
}

/// Parses YAML; unknown fields are ignored, an empty document is the default.
///
/// Errors name the line and not the content, which may be a secret.
pub fn parse_yaml<T: DeserializeOwned + Default>(text: &str) -> Result<T, Why> {
    match serde_saphyr::from_str::<Option<T>>(text) {
        Ok(value) => Ok(value.unwrap_or_default()),
        Err(err) => {
            let place = err
                .location()
                .map_or(String::new(), |at| format!(" in line {}", at.line()));
            Err(Why::new(
                WhyKind::Garbage,
                format!("not the YAML that is expected{place}"),
            ))
        }
    }
}

/// Says whose reason it is.
pub fn about(path: &Path, why: Why) -> Why {
    let text = format!("{}: {}", path.display(), why.text);
    Why {
        text: text.into(),
        ..why
    }
}

/// What an I/O error on `path` means to an operator.
pub fn io_why(path: &Path, err: &io::Error) -> Why {
    let path = path.display();
    match err.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            Why::new(WhyKind::Missing, format!("{path} does not exist"))
        }
        io::ErrorKind::PermissionDenied => denied(format!("{path}: permission denied")),
        _ => Why::new(WhyKind::Broken, format!("{path}: {err}")),
    }
}

/// A refusal, with the advice that helps unless we are root already.
pub fn denied(text: impl AsRef<str>) -> Why {
    let why = Why::new(WhyKind::Denied, text);
    if rustix::process::geteuid().is_root() {
        why
    } else {
        why.hint("run with sudo")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn errors_say_what_happened_to_what() {
        let dir = tempfile::tempdir().unwrap();
        let gone = read(&dir.path().join("gone")).unwrap_err();
        assert_eq!(gone.kind, WhyKind::Missing);
        assert!(gone.text.as_str().ends_with("gone does not exist"), "{gone}");
        assert_eq!(read(dir.path()).unwrap_err().kind, WhyKind::Broken);
        let refused = io_why(Path::new("/k"), &io::ErrorKind::PermissionDenied.into());
        assert_eq!(
            (refused.kind, refused.text.as_str()),
            (WhyKind::Denied, "/k: permission denied")
        );
    }

    #[test]
    fn large_and_binary_files_are_garbage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, vec![b'x'; usize::try_from(MAX_BYTES).unwrap() + 1]).unwrap();
        assert_eq!(read(&path).unwrap_err().kind, WhyKind::Garbage);
        std::fs::write(&path, b"\xff").unwrap();
        assert_eq!(read_text(&path).unwrap_err().kind, WhyKind::Garbage);
    }

    #[test]
    fn yaml_errors_name_the_line_and_keep_the_secret() {
        let why = parse_yaml::<std::collections::BTreeMap<String, u8>>("a: 1\nb: hunter2\n").unwrap_err();
        assert_eq!(why.kind, WhyKind::Garbage);
        assert_eq!(why.text, "not the YAML that is expected in line 2");
    }

    proptest! {
        #[test]
        fn no_yaml_makes_it_panic(text in any::<String>()) {
            let _ = parse_yaml::<serde_json::Value>(&text);
        }
    }
}
