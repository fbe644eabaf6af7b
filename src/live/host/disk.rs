//! The file system that holds etcd: its free space, and the disk that it lies on. A full disk stops etcd, and with it the cluster.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::{device, files};
use crate::base::{Why, WhyKind};
use crate::model::host::Disk;

/// Asks for the file system of etcd's data directory, or of k0s's where etcd has none yet. Where the host is not this one,
/// `told` is a file that says what its kernel would: size, free bytes, and the numbers of the device. `devices` is its
/// `/sys/dev/block`.
pub fn read(k0s_dir: &Path, told: Option<&Path>, devices: &Path) -> Result<Disk, Why> {
    let etcd = k0s_dir.join("etcd");
    match told {
        Some(told) => read_told(&etcd, told, devices),
        None => read_path(&etcd, devices).or_else(|_| read_path(k0s_dir, devices)),
    }
}

fn read_told(path: &Path, told: &Path, devices: &Path) -> Result<Disk, Why> {
    let text = std::fs::read_to_string(told).map_err(|error| files::io_why(told, &error))?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse().ok());
    let (Some(total_bytes), Some(free_bytes), Some(numbers)) = (number(0), number(1), words.get(2)) else {
        let text = format!("{}: not two numbers and a device", told.display());
        return Err(Why::new(WhyKind::Garbage, text));
    };
    Ok(Disk {
        path: path.to_string_lossy().as_ref().into(),
        total_bytes,
        free_bytes,
        device: device::read(devices, numbers),
    })
}

fn read_path(path: &Path, devices: &Path) -> Result<Disk, Why> {
    let stat = rustix::fs::statvfs(path).map_err(|errno| files::io_why(path, &errno.into()))?;
    let numbers = std::fs::metadata(path)
        .map(|own| format!("{}:{}", rustix::fs::major(own.dev()), rustix::fs::minor(own.dev())))
        .map_err(|error| files::io_why(path, &error));
    Ok(Disk {
        path: path.to_string_lossy().as_ref().into(),
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        // Not f_bfree: what is reserved for root helps no etcd that runs as its own user.
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        device: numbers.and_then(|numbers| device::read(devices, &numbers)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn prefers_etcds_directory() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            read(dir.path(), None, dir.path()).unwrap().path,
            dir.path().to_str().unwrap()
        );
        std::fs::create_dir(dir.path().join("etcd")).unwrap();
        let disk = read(dir.path(), None, dir.path()).unwrap();
        assert!(disk.path.as_str().ends_with("/etcd"));
        assert!(disk.total_bytes > 0 && disk.free_bytes <= disk.total_bytes);
    }

    #[test]
    fn a_missing_directory_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            read(&dir.path().join("gone"), None, dir.path()).unwrap_err().kind,
            WhyKind::Missing
        );
    }

    #[test]
    fn another_hosts_disk_is_as_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let told = dir.path().join("statvfs");
        let devices = dir.path().join("block");
        std::fs::create_dir_all(devices.join("8:0/queue")).unwrap();
        std::fs::write(devices.join("8:0/queue/rotational"), "0\n").unwrap();
        std::fs::write(&told, "100 60 8:0\n").unwrap();
        let disk = read(dir.path(), Some(&told), &devices).unwrap();
        assert_eq!((disk.total_bytes, disk.free_bytes), (100, 60));
        assert_eq!(disk.device.unwrap().rotates(), Some(false));
        std::fs::write(&told, "100 60\n").unwrap();
        assert_eq!(
            read(dir.path(), Some(&told), &devices).unwrap_err().kind,
            WhyKind::Garbage
        );
    }
}
