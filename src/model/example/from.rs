//! What is seen from each controller of the example cluster: every way is open.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::time::Duration;

use super::workloads::web_at;
use super::{address, ago, external, host, name};
use crate::model::reach::Knock;
use crate::model::reach::from::{Arrival, FromController, NodePort, Target, Way};

const PORTS: [(NodePort, u16); 5] = [
    (NodePort::Api, 6443),
    (NodePort::Join, 9443),
    (NodePort::Etcd, 2380),
    (NodePort::Kubelet, 10250),
    (NodePort::Console, 30000),
];

/// Each of the three, by address. This host is the first.
pub(super) fn controllers() -> BTreeMap<IpAddr, FromController> {
    (1..=3).filter_map(|n| Some((ip(n)?, seen(n)))).collect()
}

fn ip(n: u8) -> Option<IpAddr> {
    address(n).as_str().parse().ok()
}

fn seen(n: u8) -> FromController {
    let others = (1..=3).filter(|other| *other != n).filter_map(ip);
    let ports = others.flat_map(|ip| {
        PORTS.map(|(port, number)| Target::Controller {
            port,
            at: (ip, number).into(),
        })
    });
    let pods = (1..=3).filter(|other| *other != n).map(|other| Target::Pod {
        node: name(other),
        at: web_at(other),
    });
    let end = ago(0).plus(Duration::from_hours(330 * 24)).wall;
    let shown = PORTS.into_iter().filter(|(port, _)| port.shows_certificate());
    let others = (1..=3).filter(|other| *other != n).filter_map(ip);
    let certificates = others.flat_map(|ip| shown.clone().map(move |(_, number)| ((ip, number).into(), end)));
    let peers = (1..=3)
        .filter(|other| *other != n)
        .filter_map(|other| Some((ip(other)?, 600)));
    let services = external::services();
    let servers = services.iter().flat_map(|(service, own)| {
        let servers = own.told.servers().into_iter();
        servers.map(|server| Target::External {
            service: *service,
            server: server.target.clone(),
        })
    });
    // What this host reaches outside is told by asking it.
    let targets = ports.chain(pods).chain(servers.filter(|_| n != 1));
    let is_asked = |name: &str| name == "kube-apiserver" || name == "kube-controller-manager";
    let processes = host::processes().into_iter().filter(|own| is_asked(own.name.as_str()));
    FromController {
        at: ago(50),
        ways: targets
            .map(|target| Way {
                target,
                knock: Knock::Connected,
            })
            .collect(),
        certificates: certificates.filter(|_| n == 1).collect(),
        round_trips_us: peers.filter(|_| n != 1).collect(),
        processes: (n != 1).then(|| processes.collect()),
        arrival: ip(1)
            .zip(ip(n))
            .filter(|_| n != 1)
            .map(|(from, at)| Arrival { from, at }),
    }
}
