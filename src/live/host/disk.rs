//! Free space of the file system that holds etcd. A full disk stops etcd, and with it the cluster.

use std::path::Path;

use super::files;
use crate::base::Why;
use crate::model::host::Disk;

/// Asks for the file system of etcd's data directory, or of k0s's where etcd has none yet.
pub fn read(k0s_dir: &Path) -> Result<Disk, Why> {
    read_path(&k0s_dir.join("etcd")).or_else(|_| read_path(k0s_dir))
}

fn read_path(path: &Path) -> Result<Disk, Why> {
    let stat = rustix::fs::statvfs(path).map_err(|errno| files::io_why(path, &errno.into()))?;
    Ok(Disk {
        path: path.to_string_lossy().as_ref().into(),
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        // Not f_bfree: what is reserved for root helps no etcd that runs as its own user.
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::base::WhyKind;

    #[test]
    fn prefers_etcds_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap().path, dir.path().to_str().unwrap());
        std::fs::create_dir(dir.path().join("etcd")).unwrap();
        let disk = read(dir.path()).unwrap();
        assert!(disk.path.as_str().ends_with("/etcd"));
        assert!(disk.total_bytes > 0 && disk.free_bytes <= disk.total_bytes);
    }

    #[test]
    fn a_missing_directory_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(&dir.path().join("gone")).unwrap_err().kind, WhyKind::Missing);
    }
}
