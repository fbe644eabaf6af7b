//! The block device below a file system, and what the kernel says of it in sysfs. Start reading at [`read`].

use std::path::Path;

use super::files;
use crate::base::{Text, Why, WhyKind};
use crate::model::host::Device;

/// Parts of the vendor and model of disks below which something else lies, which the kernel does not see: disks of
/// hypervisors, and the volumes of storage arrays and RAID controllers. In lower case.
const OPAQUE: [&str; 11] = [
    "qemu",
    "virtual",
    "vmware",
    "vbox",
    "persistentdisk",
    "xen",
    "iscsi",
    "lun",
    "logical",
    "perc",
    "raid",
];
/// Names of disks of hypervisors, by their beginning: virtio and Xen.
const VIRTUAL_NAMES: [&str; 2] = ["vd", "xvd"];
/// How many layers of device mapper and md are looked through.
const MOST_LAYERS: u8 = 8;

/// Looks a device up by its numbers, `MAJOR:MINOR`, in `devices` (`/sys/dev/block`).
pub fn read(devices: &Path, numbers: &str) -> Result<Device, Why> {
    if numbers.starts_with("0:") {
        let text = "the file system has no block device of its own, as overlay, btrfs, ZFS and NFS have none";
        return Err(Why::new(WhyKind::Missing, text));
    }
    let link = devices.join(numbers);
    let own = std::fs::canonicalize(&link).map_err(|error| files::io_why(&link, &error))?;
    // A partition has no queue; its disk is the directory above.
    let disk = if own.join("queue").is_dir() {
        own.as_path()
    } else {
        own.parent().unwrap_or(&own)
    };
    let attribute = disk.join("queue/rotational");
    let is_rotational = match files::read_text(&attribute)?.trim() {
        "0" => false,
        "1" => true,
        _ => {
            let text = format!("{}: neither 0 nor 1", attribute.display());
            return Err(Why::new(WhyKind::Garbage, text));
        }
    };
    Ok(Device {
        name: name(disk).as_str().into(),
        is_rotational,
        is_virtual: is_virtual(disk, MOST_LAYERS),
    })
}

fn name(disk: &Path) -> Text {
    disk.file_name().unwrap_or_default().to_string_lossy().as_ref().into()
}

/// Whether something else lies below this disk, or below one that it is made of.
fn is_virtual(disk: &Path, layers: u8) -> bool {
    let slaves = std::fs::read_dir(disk.join("slaves")).into_iter().flatten().flatten();
    let mut parts = slaves
        .filter_map(|slave| std::fs::canonicalize(slave.path()).ok())
        .map(|part| {
            let is_disk = part.join("queue").is_dir();
            if is_disk {
                part
            } else {
                part.parent().unwrap_or(&part).to_owned()
            }
        })
        .peekable();
    if parts.peek().is_some() {
        return layers == 0 || parts.any(|part| is_virtual(&part, layers - 1));
    }
    // A disk of loop, nbd or rbd belongs to no hardware.
    if !disk.join("device").exists() {
        return true;
    }
    let name = name(disk);
    let said = ["vendor", "model"].map(|attribute| {
        let text = files::read_text(&disk.join("device").join(attribute));
        text.unwrap_or_default().to_lowercase()
    });
    VIRTUAL_NAMES.iter().any(|prefix| name.as_str().starts_with(prefix))
        || OPAQUE.iter().any(|word| said.iter().any(|said| said.contains(word)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// A sysfs with disks, by name, `rotational` and model, and links to them.
    struct Sys(TempDir);

    impl Sys {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            fs::create_dir_all(dir.path().join("dev/block")).unwrap();
            Self(dir)
        }

        fn disk(&self, name: &str, rotational: &str, model: Option<&str>) {
            let disk = self.0.path().join(name);
            fs::create_dir_all(disk.join("queue")).unwrap();
            fs::write(disk.join("queue/rotational"), rotational).unwrap();
            if let Some(model) = model {
                fs::create_dir_all(disk.join("device")).unwrap();
                fs::write(disk.join("device/model"), model).unwrap();
            }
        }

        fn folder(&self, name: &str) {
            fs::create_dir_all(self.0.path().join(name)).unwrap();
        }

        fn link(&self, from: &str, to: &str) {
            symlink(self.0.path().join(to), self.0.path().join(from)).unwrap();
        }

        fn read(&self, numbers: &str) -> Result<Device, Why> {
            read(&self.0.path().join("dev/block"), numbers)
        }
    }

    #[test]
    fn a_partition_is_of_its_disk() {
        let sys = Sys::new();
        sys.disk("sda", "1\n", Some("ST4000NM0035\n"));
        sys.folder("sda/sda2");
        sys.link("dev/block/8:2", "sda/sda2");
        let disk = sys.read("8:2").unwrap();
        assert_eq!((disk.name.as_str(), disk.rotates()), ("sda", Some(true)));
    }

    #[test]
    fn only_a_real_disk_is_believed_to_rotate() {
        for (name, model, rotates) in [
            ("sda", Some("QEMU HARDDISK"), None),
            ("sda", Some("Virtual disk"), None),
            ("sda", Some("VBOX HARDDISK"), None),
            ("sda", Some("PERC H730P Mini"), None),
            ("sda", Some("LUN C-Mode"), None),
            ("vda", Some(""), None),
            ("xvda", Some(""), None),
            ("loop0", None, None),
            ("sda", Some("HGST HUS726T4TAL"), Some(true)),
        ] {
            for claim in ["0\n", "1\n"] {
                let sys = Sys::new();
                sys.disk(name, claim, model);
                sys.link("dev/block/8:0", name);
                let told = if claim == "0\n" { Some(false) } else { rotates };
                assert_eq!(sys.read("8:0").unwrap().rotates(), told, "{name} {model:?} {claim}");
            }
        }
    }

    #[test]
    fn a_mapped_device_is_what_it_is_made_of() {
        for (model, rotates) in [("ST4000NM0035", Some(true)), ("QEMU HARDDISK", None)] {
            let sys = Sys::new();
            sys.disk("sda", "1\n", Some(model));
            sys.folder("sda/sda3");
            sys.disk("dm-0", "1\n", None);
            sys.folder("dm-0/slaves");
            sys.link("dm-0/slaves/sda3", "sda/sda3");
            sys.link("dev/block/253:0", "dm-0");
            let disk = sys.read("253:0").unwrap();
            assert_eq!((disk.name.as_str(), disk.rotates()), ("dm-0", rotates), "{model}");
        }
    }

    #[test]
    fn what_is_not_told_has_its_reason() {
        let sys = Sys::new();
        assert!(sys.read("0:42").unwrap_err().text.as_str().contains("overlay"));
        assert_eq!(sys.read("8:0").unwrap_err().kind, WhyKind::Missing);
        sys.disk("sda", "x\n", Some(""));
        sys.link("dev/block/8:0", "sda");
        assert_eq!(sys.read("8:0").unwrap_err().kind, WhyKind::Garbage);
    }
}
