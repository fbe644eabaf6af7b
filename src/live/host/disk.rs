//! Free space of the file system that holds etcd. A full disk stops etcd, and with it the cluster.

use std::path::Path;

use super::files;
use crate::base::{Why, WhyKind};
use crate::model::host::Disk;

/// Asks for the file system of etcd's data directory, or of k0s's where etcd has none yet. Where the host is not this one,
/// `told` is a file that says what its kernel would: size and free bytes.
pub fn read(k0s_dir: &Path, told: Option<&Path>) -> Result<Disk, Why> {
    let etcd = k0s_dir.join("etcd");
    match told {
        Some(told) => read_told(&etcd, told),
        None => read_path(&etcd).or_else(|_| read_path(k0s_dir)),
    }
}

fn read_told(path: &Path, told: &Path) -> Result<Disk, Why> {
    let text = std::fs::read_to_string(told).map_err(|error| files::io_why(told, &error))?;
    let mut numbers = text.split_whitespace().map(str::parse);
    let (Some(Ok(total_bytes)), Some(Ok(free_bytes))) = (numbers.next(), numbers.next()) else {
        return Err(Why::new(
            WhyKind::Garbage,
            format!("{}: not two numbers", told.display()),
        ));
    };
    Ok(Disk {
        path: path.to_string_lossy().as_ref().into(),
        total_bytes,
        free_bytes,
    })
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

    #[test]
    fn prefers_etcds_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path(), None).unwrap().path, dir.path().to_str().unwrap());
        std::fs::create_dir(dir.path().join("etcd")).unwrap();
        let disk = read(dir.path(), None).unwrap();
        assert!(disk.path.as_str().ends_with("/etcd"));
        assert!(disk.total_bytes > 0 && disk.free_bytes <= disk.total_bytes);
    }

    #[test]
    fn a_missing_directory_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(&dir.path().join("gone"), None).unwrap_err().kind, WhyKind::Missing);
    }

    #[test]
    fn another_hosts_disk_is_as_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let told = dir.path().join("statvfs");
        std::fs::write(&told, "100 60\n").unwrap();
        let disk = read(dir.path(), Some(&told)).unwrap();
        assert_eq!((disk.total_bytes, disk.free_bytes), (100, 60));
        std::fs::write(&told, "100\n").unwrap();
        assert_eq!(read(dir.path(), Some(&told)).unwrap_err().kind, WhyKind::Garbage);
    }
}
