//! Another controller's ports as a third host reaches them: is it the host, or only the way from here? Pure.

use core::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{HostReach, Knock, Service, ports_line};
use crate::base::{Age, Stamp, Why};
use crate::model::Snapshot;

/// What a look from there gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FromThere {
    /// The host that looked.
    pub by: IpAddr,
    /// When.
    pub at: Stamp,
    /// The ports, or why it could not look.
    pub seen: Result<HostReach, Why>,
}

/// Two looks at one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compared {
    /// It answers there and not here.
    OurWay,
    /// It answers neither there nor here.
    Neither,
    /// It answers here and not there.
    TheirWay,
    /// It answers both, etcd neither.
    Process,
    /// It answers both, and etcd's port accepts there alone.
    OurWayToEtcd,
    /// Nothing new.
    Same,
}

impl Compared {
    /// What it says.
    pub const fn sentence(self) -> &'static str {
        match self {
            Compared::OurWay => "it answers there: the host is up, and the way to it from here is broken",
            Compared::Neither => "it does not answer there either: the host, or the network around it",
            Compared::TheirWay => "it answers here and not there: the way between those two is broken",
            Compared::Process => "etcd's port does not accept there either: the process",
            Compared::OurWayToEtcd => "etcd's port accepts there: a firewall or the network between here and it",
            Compared::Same => "as it is seen from here",
        }
    }
}

/// What two looks say together.
pub fn compare(here: &HostReach, there: &HostReach) -> Compared {
    let is_up = |reach: &HostReach| reach.ports.values().any(|port| port.knock.is_answer());
    let accepts = |reach: &HostReach| {
        let etcd = reach.ports.get(&Service::Etcd);
        etcd.is_some_and(|port| port.knock == Knock::Connected)
    };
    match (is_up(here), is_up(there)) {
        (false, true) => Compared::OurWay,
        (false, false) => Compared::Neither,
        (true, false) => Compared::TheirWay,
        (true, true) => match (accepts(here), accepts(there)) {
            (false, true) => Compared::OurWayToEtcd,
            (false, false) => Compared::Process,
            (true, _) => Compared::Same,
        },
    }
}

impl Snapshot {
    /// What a third host says of the one at an address, in one line: `from 10.77.0.13: etcd 2380 connected (3 s ago): it
    /// answers there …`.
    pub fn there_line(&self, address: IpAddr) -> Option<String> {
        let look = self.there.get(&address)?;
        let by = look.by;
        Some(match &look.seen {
            Ok(seen) => {
                let here = self.reach.get(&address).cloned().unwrap_or_default();
                let ports = ports_line(seen, self.now).unwrap_or_else(|| "nothing was asked".to_owned());
                format!("from {by}: {ports}: {}", compare(&here, seen).sentence())
            }
            Err(why) => format!(
                "from {by}: not seen, {} ago: {}",
                Age(self.now.since(look.at)),
                why.text
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Port;
    use super::*;
    use crate::base::WhyKind;
    use crate::model::example;

    fn reach(etcd: Knock, ssh: Knock) -> HostReach {
        let port = |number, knock| Port {
            number,
            knock,
            at: example::ago(3),
        };
        HostReach {
            ports: [(Service::Etcd, port(2380, etcd)), (Service::Ssh, port(22, ssh))].into(),
        }
    }

    #[test]
    fn two_looks_tell_the_host_from_the_way_to_it() {
        use Knock::{Connected, Refused, Silent, Unreachable};
        let (up, hangs) = (reach(Connected, Connected), reach(Refused, Connected));
        let (silent, gone) = (reach(Silent, Silent), reach(Unreachable, Unreachable));
        for (here, there, told) in [
            (&silent, &up, Compared::OurWay),
            (&silent, &gone, Compared::Neither),
            (&hangs, &silent, Compared::TheirWay),
            (&hangs, &hangs, Compared::Process),
            (&reach(Silent, Connected), &up, Compared::OurWayToEtcd),
            (&up, &up, Compared::Same),
        ] {
            assert_eq!(compare(here, there), told, "{here:?} {there:?}");
        }
    }

    #[test]
    fn a_look_is_told_with_its_age_and_so_is_its_failure() {
        let mut snapshot = example::healthy();
        let [address, by] = [[10, 77, 0, 12], [10, 77, 0, 13]].map(IpAddr::from);
        assert_eq!(snapshot.there_line(address), None);
        let mut look = FromThere {
            by,
            at: example::ago(3),
            seen: Ok(reach(Knock::Connected, Knock::Connected)),
        };
        snapshot.reach.insert(address, reach(Knock::Silent, Knock::Silent));
        snapshot.there.insert(address, look.clone());
        let told = snapshot.there_line(address).unwrap_or_default();
        assert!(
            told.starts_with("from 10.77.0.13: etcd 2380 connected, ssh 22 connected (3 s ago): it answers there"),
            "{told}"
        );
        look.seen = Err(Why::new(WhyKind::Denied, "ssh 10.77.0.13: Permission denied"));
        snapshot.there.insert(address, look);
        let told = snapshot.there_line(address);
        assert_eq!(
            told.as_deref(),
            Some("from 10.77.0.13: not seen, 3 s ago: ssh 10.77.0.13: Permission denied")
        );
    }
}
