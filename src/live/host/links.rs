//! Network interfaces, from /sys/class/net. Where none has a carrier, "it is us" is certain. Start reading at [`read`].

use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::files;
use crate::base::Why;
use crate::model::host::Link;

/// Interfaces without a cable that CNI plugins, k0s, containers and hypervisors make: they stay up when the host is cut
/// off. By the beginning of their names.
const VIRTUAL: [&str; 15] = [
    "br-",
    "cali",
    "cilium",
    "cni",
    "docker",
    "dummy",
    "flannel",
    "kube-",
    "lxc",
    "nodelocaldns",
    "tunl",
    "veth",
    "virbr",
    "vxlan",
    "wireguard.cali",
];

/// `IFF_UP` of netdevice(7).
const IFF_UP: u32 = 1;

/// Looks through `net` (`/sys/class/net`).
pub fn read(net: &Path) -> Result<Vec<Link>, Why> {
    let mut links = Vec::new();
    for entry in std::fs::read_dir(net)
        .map_err(|err| files::io_why(net, &err))?
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Not everything in there is an interface: `bonding_masters` is a file.
        if is_physical(&name) && entry.path().is_dir() {
            let attribute = |attribute: &str| std::fs::read_to_string(entry.path().join(attribute));
            links.push(link(&name, attribute));
        }
    }
    links.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(links)
}

fn is_physical(name: &str) -> bool {
    name != "lo" && !VIRTUAL.iter().any(|prefix| name.starts_with(prefix))
}

fn link(name: &str, attribute: impl Fn(&str) -> io::Result<String>) -> Link {
    let is_up = attribute("operstate").is_ok_and(|state| state.trim() == "up");
    let flags = attribute("flags").ok().and_then(|flags| parse_hex(flags.trim()));
    Link {
        name: name.into(),
        carrier: parse_carrier(attribute("carrier")),
        up: flags.map_or(is_up, |flags| flags & IFF_UP != 0),
        speed_mbit: attribute("speed").ok().and_then(|speed| parse_speed(speed.trim())),
    }
}

/// The kernel refuses to tell the carrier of an interface that is down (EINVAL): it has none.
fn parse_carrier(carrier: io::Result<String>) -> Option<bool> {
    match carrier {
        Ok(text) => match text.trim() {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        },
        Err(err) => (err.raw_os_error() == Some(Errno::INVAL.raw_os_error())).then_some(false),
    }
}

fn parse_hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Unknown is -1, and 0 for some virtual interfaces.
fn parse_speed(text: &str) -> Option<u32> {
    text.parse().ok().filter(|speed| *speed > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::base::WhyKind;
    use proptest::prelude::*;

    fn interface(net: &Path, name: &str, attributes: &[(&str, &str)]) {
        std::fs::create_dir(net.join(name)).unwrap();
        for (attribute, value) in attributes {
            std::fs::write(net.join(name).join(attribute), format!("{value}\n")).unwrap();
        }
    }

    #[test]
    fn reads_real_interfaces_only() {
        let net = tempfile::tempdir().unwrap();
        let attributes = [
            ("carrier", "1"),
            ("flags", "0x1003"),
            ("operstate", "up"),
            ("speed", "10000"),
        ];
        for name in [
            "lo",
            "eth0",
            "cali12",
            "vethab",
            "vxlan.calico",
            "tunl0",
            "kube-ipvs0",
            "docker0",
            "cni0",
        ] {
            interface(net.path(), name, &attributes);
        }
        interface(
            net.path(),
            "bond0",
            &[("carrier", "0"), ("flags", "0x1003"), ("speed", "-1")],
        );
        std::fs::write(net.path().join("bonding_masters"), "bond0\n").unwrap();
        let links = read(net.path()).unwrap();
        let shown: Vec<_> = links
            .iter()
            .map(|l| (l.name.as_str(), l.carrier, l.up, l.speed_mbit))
            .collect();
        assert_eq!(
            shown,
            [
                ("bond0", Some(false), true, None),
                ("eth0", Some(true), true, Some(10000))
            ]
        );
    }

    #[test]
    fn an_interface_that_is_down_has_no_carrier() {
        let down = link("eth0", |attribute| match attribute {
            "flags" => Ok("0x1002\n".into()),
            "carrier" | "speed" => Err(Errno::INVAL.into()),
            _ => Ok("down\n".into()),
        });
        assert_eq!((down.up, down.carrier, down.speed_mbit), (false, Some(false), None));
    }

    #[test]
    fn what_the_kernel_does_not_say_is_unknown() {
        assert_eq!(parse_carrier(Err(Errno::ACCESS.into())), None);
        assert_eq!(parse_carrier(Ok("?".into())), None);
        let only_operstate = link("eth0", |attribute| match attribute {
            "operstate" => Ok("up".into()),
            _ => Err(Errno::NOENT.into()),
        });
        assert!(only_operstate.up);
        assert_eq!(read(Path::new("/nowhere")).unwrap_err().kind, WhyKind::Missing);
    }

    proptest! {
        #[test]
        fn no_attribute_makes_it_panic(text in any::<String>()) {
            let _ = link(&text, |_| Ok(text.clone()));
        }
    }
}
