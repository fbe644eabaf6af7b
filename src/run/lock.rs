//! One run at a time on this host, for each cluster: a file that the kernel unlocks when its process ends, however it ends.
//! Colleagues on other hosts are kept out by a Lease in the cluster.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::journal::{because, make_private};
use crate::base::{Why, WhyKind};
use crate::model::etcd::ClusterId;
use crate::plan::RunId;
use crate::plan::event::Operator;

/// More than any holder takes.
const MAX_BYTES: u64 = 16 << 10;

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// With which run.
    pub run: RunId,
    /// Who.
    pub operator: Operator,
}

/// Held until it is dropped or the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a cluster, at once or not at all.
    pub fn take(state: &Path, cluster: Option<ClusterId>, holder: &Holder) -> Result<Self, Why> {
        make_private(state)?;
        let path = path(state, cluster);
        let cannot = |error: &std::io::Error| because("locked", &path, error);
        // Never truncated before the lock is ours: it names who holds it.
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(|error| cannot(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(&mut file)),
            Err(TryLockError::Error(error)) => return Err(cannot(&error)),
        }
        let line = serde_json::to_string(holder).unwrap_or_default();
        let written = file.set_len(0).and_then(|()| file.write_all(line.as_bytes()));
        written.map_err(|error| cannot(&error))?;
        Ok(Self { _file: file })
    }
}

fn path(state: &Path, cluster: Option<ClusterId>) -> PathBuf {
    let name = cluster.map_or_else(|| "unknown".to_owned(), |id| id.to_string());
    state.join(name).with_extension("lock")
}

fn held(file: &mut File) -> Why {
    let mut text = String::new();
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.take(MAX_BYTES).read_to_string(&mut text));
    let holder: Option<Holder> = read.ok().and_then(|_| serde_json::from_str(&text).ok());
    let who = holder.map_or_else(
        || "another quorate on this host".to_owned(),
        |Holder { run, operator }| format!("{} (process {}, run {})", operator.user, operator.pid, run.0),
    );
    Why::new(
        WhyKind::Unavailable,
        format!("{who} acts on this cluster from this host now"),
    )
    .hint("one run at a time: wait until it has ended, or pause it there")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn holder(user: &str) -> Holder {
        Holder {
            run: RunId("r-1".into()),
            operator: Operator {
                user: user.into(),
                host: "nbe-1".into(),
                pid: 42,
            },
        }
    }

    #[test]
    fn the_second_is_told_who_is_first() {
        let dir = tempfile::tempdir().unwrap();
        let take = |cluster, user| Lock::take(dir.path(), Some(ClusterId(cluster)), &holder(user));
        let first = take(1, "ada").unwrap();
        let why = take(1, "bob").unwrap_err();
        assert_eq!(
            why.text,
            "ada (process 42, run r-1) acts on this cluster from this host now"
        );
        let other_cluster = take(2, "bob");
        assert!(other_cluster.is_ok());
        drop(first);
        assert!(take(1, "bob").is_ok());
    }
}
