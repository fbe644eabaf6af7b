//! How fast Kubernetes takes a silent node for dead, by what runs, not by a product page. Pure questions to a snapshot.

use std::collections::BTreeMap;
use std::time::Duration;

use super::FeedId;
use super::feed::HostPart;
use super::host::Process;
use super::snapshot::Snapshot;
use crate::base::{Age, Text};

/// How long kube-controller-manager waits for a node's heartbeat.
pub const GRACE_FLAG: &str = "node-monitor-grace-period";
/// How long an API server lets new pods stay on a silent node, in seconds.
pub const TOLERATION_FLAG: &str = "default-unreachable-toleration-seconds";
const MANAGER: &str = "kube-controller-manager";
const PERIOD_FLAG: &str = "node-monitor-period";
/// Its default, since ever (`pkg/controller/nodelifecycle/config`).
const PERIOD_DEFAULT: Duration = Duration::from_secs(5);

/// How long Kubernetes waits for a node's heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grace {
    /// How long.
    pub period: Duration,
    /// Where the value comes from, to follow on "kube-controller-manager".
    pub source: String,
}

impl Snapshot {
    /// A process of this host, by facts that are current.
    pub fn running(&self, name: &str) -> Option<&Process> {
        let is_current = self.feed(FeedId::Host(HostPart::Processes)).is_current();
        let processes = self.host.processes.as_ref().filter(|_| is_current)?;
        processes.value.iter().find(|process| process.name == name)
    }

    /// The grace period of the kube-controller-manager on this host: its flag, or the default of its version. None where it
    /// does not run here, or is not seen.
    pub fn grace_period(&self) -> Option<Grace> {
        self.grace_of(self.running(MANAGER)?)
    }

    /// The same of other controllers, by their names, where their sshd was asked what runs there and the answer is current.
    pub fn grace_periods_elsewhere(&self) -> BTreeMap<Text, Grace> {
        let told = self.seen_from().filter_map(|(address, seen)| {
            let manager = seen
                .processes
                .as_ref()?
                .iter()
                .find(|process| process.name == MANAGER)?;
            Some((self.controller_at(address), self.grace_of(manager)?))
        });
        told.collect()
    }

    fn grace_of(&self, manager: &Process) -> Option<Grace> {
        if let Some(flag) = manager.flags.get(GRACE_FLAG) {
            return Some(Grace {
                period: go_duration(flag.as_str())?,
                source: format!("runs with --{GRACE_FLAG}={flag}"),
            });
        }
        let (version, minor) = self
            .versions()
            .find_map(|version| Some((version, minor(version.as_str())?)))?;
        // 50 s since 1.32 (kubernetes PR 126287), 40 s before.
        let period = Duration::from_secs(if minor >= 32 { 50 } else { 40 });
        Some(Grace {
            period,
            source: format!(
                "runs without --{GRACE_FLAG}: {} is the default of {version}",
                Age(period)
            ),
        })
    }

    /// How often kube-controller-manager looks at the nodes: its flag on this host, what is configured, or the default.
    pub fn monitor_period(&self) -> Duration {
        let flag = self.running(MANAGER);
        let flag = flag.and_then(|manager| manager.flags.get(PERIOD_FLAG));
        let mut configs = self.kube.cluster_configs.values();
        let configured = || configs.find_map(|config| config.monitor_period.as_ref());
        let raw = flag.or_else(configured);
        raw.and_then(|raw| go_duration(raw.as_str())).unwrap_or(PERIOD_DEFAULT)
    }

    /// How long after a node is Unknown kube-controller-manager taints it against what runs there: at least, at most.
    pub fn pause_before_taint(&self) -> [Duration; 2] {
        let (period, mut versions) = (self.monitor_period(), self.versions());
        // With the same look since 1.34, with the next one before (kubernetes issue 120815).
        match versions.find_map(|version| minor(version.as_str())) {
            Some(34..) => [Duration::ZERO; 2],
            Some(_) => [period; 2],
            None => [Duration::ZERO, period],
        }
    }

    /// Versions that tell Kubernetes' one on this host, nearest first.
    fn versions(&self) -> impl Iterator<Item = &Text> {
        let k0s = self.host.k0s.iter().map(|k0s| &k0s.value.version);
        let own = self.node(&self.host.name).map(|node| &node.kubelet_version);
        let server = self
            .kube
            .endpoint
            .as_ref()
            .and_then(|endpoint| endpoint.version.as_ref());
        k0s.chain(own).chain(server)
    }
}

/// The minor version in `v1.37.2+k0s.0`.
pub(super) fn minor(version: &str) -> Option<u32> {
    let mut parts = version.trim_start_matches('v').split('.');
    let major: u32 = parts.next()?.parse().ok()?;
    let minor: String = parts.next()?.chars().take_while(char::is_ascii_digit).collect();
    minor.parse().ok().filter(|_| major == 1)
}

/// A duration as Go writes it: `20s`, `1m30s`, `1h0m0s`, `500ms`.
pub fn go_duration(raw: &str) -> Option<Duration> {
    let mut rest = raw;
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "h" => 3_600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 0.001,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    (!raw.is_empty()).then(|| Duration::try_from_secs_f64(total).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_writes_them() {
        let seconds = |raw| go_duration(raw).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("20s"), Some(20.0));
        assert_eq!(seconds("1m30s"), Some(90.0));
        assert_eq!(seconds("1h0m0.5s"), Some(3_600.5));
        assert_eq!(seconds("500ms"), Some(0.5));
        for bad in ["", "20", "s", "20 s", "1y", "-5s", "1e400h"] {
            assert_eq!(seconds(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn minor_versions() {
        assert_eq!(minor("v1.37.2+k0s.0"), Some(37));
        assert_eq!(minor("1.9"), Some(9));
        assert_eq!(minor("v2.1"), None);
        assert_eq!(minor("devel"), None);
    }
}
