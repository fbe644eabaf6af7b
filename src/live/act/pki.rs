//! A private copy of k0s's certificates and keys: without them a snapshot of etcd is of no use on a new host.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tokio::time::timeout;

use super::DEADLINES;
use crate::base::{Why, WhyKind};
use crate::plan::event::Sent;

/// Writes `pki` of k0s's data directory into an archive that only its owner can read. Never overwrites.
pub async fn save(k0s_dir: &Path, path: &Path) -> Sent {
    let (pki, path) = (k0s_dir.join("pki"), path.to_owned());
    let saving = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || write(&pki, &path))
    };
    let refused = |text: String| Sent::Refused {
        why: Why::new(WhyKind::Broken, text).hint("choose another file, where there is room"),
    };
    match timeout(DEADLINES.files, saving).await {
        Ok(Ok(Ok(()))) => Sent::Accepted,
        Ok(Ok(Err(error))) => refused(format!(
            "k0s's certificates were not saved to {}: {error}",
            path.display()
        )),
        Ok(Err(_)) => refused(format!("saving k0s's certificates to {} broke off", path.display())),
        Err(_) => Sent::Unknown {
            why: Why::new(
                WhyKind::TimedOut,
                format!(
                    "{} was not written within {} s",
                    path.display(),
                    DEADLINES.files.as_secs()
                ),
            ),
        },
    }
}

/// Blocks. A file that is not whole is removed again.
fn write(pki: &Path, path: &Path) -> io::Result<()> {
    if !pki.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("there is no {}", pki.display()),
        ));
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = archive(pki, &file);
    if written.is_err() {
        // Half an archive must not be taken for a backup.
        let _ = std::fs::remove_file(path);
    }
    written
}

fn archive(pki: &Path, file: &File) -> io::Result<()> {
    let mut archive = tar::Builder::new(file);
    archive.follow_symlinks(false);
    archive.append_dir_all(".", pki)?;
    archive.finish()?;
    file.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn saves_all_and_never_overwrites() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("pki/etcd")).unwrap();
        std::fs::write(dir.path().join("pki/etcd/ca.key"), "key").unwrap();
        let path = dir.path().join("pki.tar");
        assert_eq!(save(dir.path(), &path).await, Sent::Accepted);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let mut archive = tar::Archive::new(File::open(&path).unwrap());
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert!(names.iter().any(|name| name.ends_with("etcd/ca.key")), "{names:?}");
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(save(dir.path(), &path).await, Sent::Refused { .. }));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[tokio::test]
    async fn without_certificates_nothing_is_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pki.tar");
        let sent = save(dir.path(), &path).await;
        assert!(matches!(sent, Sent::Refused { .. }) && !path.exists());
    }
}
