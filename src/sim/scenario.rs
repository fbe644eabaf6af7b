//! What a simulated cluster is like and what happens to it, as data: the TOML files in `assets/scenarios/`.

use serde::Deserialize;

use super::world::entry::CERTIFICATE_NAMES;
use super::world::fault::Fault;
use super::world::host::HostId;
use super::world::outside::OutsideService;

/// One simulated cluster.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// One line for people.
    pub about: String,
    /// Where chance begins. The same seed gives the same history.
    #[serde(default)]
    pub seed: u64,
    /// The host that quorate runs on.
    #[serde(default = "first")]
    pub here: HostId,
    /// World seconds that have passed when the operator opens quorate.
    #[serde(default = "warm_up")]
    pub begins_at_s: u64,
    /// How it is built.
    #[serde(default)]
    pub cluster: Cluster,
    /// What happens to it, by world time.
    #[serde(default)]
    pub fault: Vec<Scheduled>,
    /// What quorate should say about it, where that is known.
    #[serde(default)]
    pub expect: Option<Expect>,
}

/// What `quorate check` should say when the operator opens it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Names of the checks that are broken, whatever their severity.
    pub broken: Vec<String>,
    /// Names of the checks that cannot tell.
    pub untold: Vec<String>,
    /// Names of the checks that are broken, too, once somebody has watched for a minute or two.
    pub watched: Vec<String>,
    /// Names of the checks that hold, too, once somebody has watched for a quarter of an hour.
    pub holds: Vec<String>,
    /// The exit code.
    pub exit: u8,
}

/// The scenarios that quorate brings along, in the order in which people should meet them.
pub const NAMES: [&str; 39] = [
    "healthy",
    "ready",
    "proven",
    "demo",
    "node-lost",
    "zone-lost",
    "quorum-lost",
    "no-zone-labels",
    "ha-not-enabled",
    "upgraded",
    "restart-due",
    "mixed-flags",
    "reverted",
    "replacing",
    "zombie",
    "remnant",
    "partition",
    "us",
    "frozen",
    "api-down",
    "overloaded",
    "here-down",
    "dark",
    "two-views",
    "filtered",
    "full",
    "slow-disk",
    "expired",
    "clock",
    "crowded",
    "hostile",
    "external-degraded",
    "external-dead",
    "small",
    "far",
    "grown",
    "air-gapped",
    "crooked-entry",
    "misled",
];

impl Scenario {
    /// Reads a scenario. The error is a sentence, with line and column where there are any.
    pub fn parse(text: &str) -> Result<Self, String> {
        let scenario: Self = toml::from_str(text).map_err(|error| toml_error(text, &error))?;
        let controllers = scenario.cluster.controllers;
        let hosts = u16::from(controllers).saturating_add(scenario.cluster.workers);
        if ![1, 3, 5].contains(&controllers) {
            return Err(format!(
                "cluster.controllers is {controllers}: 1, 3 or 5 make an etcd cluster; set one of them"
            ));
        }
        if hosts > MAX_HOSTS {
            return Err(format!(
                "{hosts} hosts are too many: controllers and workers together are at most {MAX_HOSTS}"
            ));
        }
        if scenario.here.0 == 0 || scenario.here.0 > hosts {
            return Err(format!("here is {}: there are the hosts 1 to {hosts}", scenario.here.0));
        }
        if scenario.cluster.console_port == 0 {
            return Err("cluster.console-port is 0: set the port of the Admin Console, such as 30000".to_owned());
        }
        if scenario.cluster.lease_s < 4 {
            return Err("cluster.lease-s is renewed after a quarter of it: set at least 4".to_owned());
        }
        if scenario.cluster.grace_s == 0 || scenario.cluster.configured_grace_s == Some(0) {
            return Err("a grace period of 0 s declares every node dead: set at least 1".to_owned());
        }
        Ok(scenario)
    }

    /// One of [`NAMES`].
    pub fn named(name: &str) -> Option<Result<Self, String>> {
        let text = match name {
            "healthy" => include_str!("../../assets/scenarios/healthy.toml"),
            "ready" => include_str!("../../assets/scenarios/ready.toml"),
            "proven" => include_str!("../../assets/scenarios/proven.toml"),
            "demo" => include_str!("../../assets/scenarios/demo.toml"),
            "node-lost" => include_str!("../../assets/scenarios/node-lost.toml"),
            "zone-lost" => include_str!("../../assets/scenarios/zone-lost.toml"),
            "quorum-lost" => include_str!("../../assets/scenarios/quorum-lost.toml"),
            "no-zone-labels" => include_str!("../../assets/scenarios/no-zone-labels.toml"),
            "ha-not-enabled" => include_str!("../../assets/scenarios/ha-not-enabled.toml"),
            "upgraded" => include_str!("../../assets/scenarios/upgraded.toml"),
            "restart-due" => include_str!("../../assets/scenarios/restart-due.toml"),
            "mixed-flags" => include_str!("../../assets/scenarios/mixed-flags.toml"),
            "reverted" => include_str!("../../assets/scenarios/reverted.toml"),
            "replacing" => include_str!("../../assets/scenarios/replacing.toml"),
            "zombie" => include_str!("../../assets/scenarios/zombie.toml"),
            "remnant" => include_str!("../../assets/scenarios/remnant.toml"),
            "partition" => include_str!("../../assets/scenarios/partition.toml"),
            "us" => include_str!("../../assets/scenarios/us.toml"),
            "frozen" => include_str!("../../assets/scenarios/frozen.toml"),
            "api-down" => include_str!("../../assets/scenarios/api-down.toml"),
            "overloaded" => include_str!("../../assets/scenarios/overloaded.toml"),
            "here-down" => include_str!("../../assets/scenarios/here-down.toml"),
            "dark" => include_str!("../../assets/scenarios/dark.toml"),
            "two-views" => include_str!("../../assets/scenarios/two-views.toml"),
            "filtered" => include_str!("../../assets/scenarios/filtered.toml"),
            "full" => include_str!("../../assets/scenarios/full.toml"),
            "slow-disk" => include_str!("../../assets/scenarios/slow-disk.toml"),
            "expired" => include_str!("../../assets/scenarios/expired.toml"),
            "clock" => include_str!("../../assets/scenarios/clock.toml"),
            "crowded" => include_str!("../../assets/scenarios/crowded.toml"),
            "hostile" => include_str!("../../assets/scenarios/hostile.toml"),
            "external-degraded" => include_str!("../../assets/scenarios/external-degraded.toml"),
            "external-dead" => include_str!("../../assets/scenarios/external-dead.toml"),
            "small" => include_str!("../../assets/scenarios/small.toml"),
            "far" => include_str!("../../assets/scenarios/far.toml"),
            "grown" => include_str!("../../assets/scenarios/grown.toml"),
            "air-gapped" => include_str!("../../assets/scenarios/air-gapped.toml"),
            "crooked-entry" => include_str!("../../assets/scenarios/crooked-entry.toml"),
            "misled" => include_str!("../../assets/scenarios/misled.toml"),
            _ => return None,
        };
        Some(Self::parse(text))
    }
}

/// Addresses of hosts end in 11 to 254, and one more may join.
const MAX_HOSTS: u16 = 240;

/// What is wrong and where, without the source text around it.
fn toml_error(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let (line, column) = before.map_or((1, 1), |before| {
        let last = before.rsplit('\n').next().unwrap_or_default();
        (before.matches('\n').count() + 1, last.chars().count() + 1)
    });
    format!("line {line}, column {column}: {}", error.message())
}

const fn first() -> HostId {
    HostId(1)
}

const fn warm_up() -> u64 {
    600
}

/// A fault and when it strikes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Scheduled {
    /// World seconds since the beginning of the world.
    pub at_s: u64,
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Which etcd the controllers run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum EtcdLine {
    /// 3.5.33: Status has no quota.
    #[serde(rename = "3.5")]
    V35,
    /// 3.6.16.
    #[default]
    #[serde(rename = "3.6")]
    V36,
}

impl EtcdLine {
    /// The release that stands for it.
    pub const fn version(self) -> &'static str {
        match self {
            EtcdLine::V35 => "3.5.33",
            EtcdLine::V36 => "3.6.16",
        }
    }
}

/// Which k0s the controllers run: they differ in how a member joins and leaves (`k0s_etcd_member_reconciler`, see
/// `world::k0s`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum K0sFamily {
    /// Up to 1.34.3: joins as a voter; leave removes at once.
    #[serde(rename = "1.33")]
    UpTo134_3,
    /// 1.34.4 to 1.34.10, 1.35.1 to 1.35.4: joins as a voter; leave waits for the lease to expire.
    #[serde(rename = "1.34")]
    From134_4,
    /// From 1.35.5 and 1.36.1: joins as a learner; leave waits five minutes more.
    #[default]
    #[serde(rename = "1.37")]
    From135_5,
}

/// How a cluster is built.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[allow(clippy::struct_excessive_bools)] // independent switches of a file
pub struct Cluster {
    /// Controllers that exist at the beginning; one more can join.
    pub controllers: u8,
    /// Nodes that are no controllers.
    pub workers: u16,
    /// Plain pods (of Deployments) besides the product's own.
    pub extra_pods: u16,
    /// Zone label of each controller in turn; empty for none.
    pub zones: Vec<String>,
    /// Region label of each controller in turn; empty for none.
    pub regions: Vec<String>,
    /// Round trips from the host that quorate runs on to the peer port of each controller in turn, in milliseconds. Empty: the
    /// network has no length, and a round trip tells nothing but how busy this machine is.
    pub round_trip_ms: Vec<u32>,
    /// Hosts that see the one that quorate runs on at another address.
    pub translated: Vec<HostId>,
    /// Hosts whose etcd takes clients at the host's own address, too (etcd's extraArgs in k0s.yaml).
    pub open_etcd: Vec<HostId>,
    /// What every machine is like.
    pub machine: Machine,
    /// What stands at the entry point.
    pub entry: Entry,
    /// Services outside the cluster that are asked without TLS.
    pub plain_services: Vec<OutsideService>,
    /// Which etcd.
    pub etcd: EtcdLine,
    /// Which k0s.
    pub k0s: K0sFamily,
    /// `--node-monitor-grace-period` that kube-controller-manager runs with.
    pub grace_s: u32,
    /// The grace period that ClusterConfig asks for, where it differs: a restart is pending.
    pub configured_grace_s: Option<u32>,
    /// How long the lease of a kubelet lasts, in seconds: it is renewed after a quarter of it.
    pub lease_s: u32,
    /// `--default-*-toleration-seconds` of the API servers.
    pub toleration_s: u32,
    /// Those that the controllers' API servers run with in turn, where they differ: restarts are pending.
    pub running_toleration_s: Vec<u32>,
    /// Hosts whose disk is a hard disk; the others have SSDs.
    pub hard_disks: Vec<HostId>,
    /// `Installation.spec.highAvailability` and three rqlite replicas.
    pub high_availability: bool,
    /// Installed by an older release and upgraded since: an obsolete Installation stands beside the active one.
    pub upgraded: bool,
    /// `Installation.spec.airGap`.
    pub air_gap: bool,
    /// `Installation.status.state`.
    pub installation: String,
    /// Installed on one node without object storage, and never made ready for the nodes that joined: every replica is where it
    /// began, one of each is missing, the media are on that node's disk, and the operator is scaled to nothing.
    pub grown: bool,
    /// `adminConsole.port` of `ec.yaml`; another one nearby where somebody on this machine listens on that.
    pub console_port: u16,
    /// `ec.yaml` on the hosts is left of an earlier installation: it names a directory that is gone.
    pub misled: bool,
    /// What the HA document only advises is there, too: WireGuard, a spread that lets replacements in, and two replicas of the
    /// operator.
    pub by_the_book: bool,
    /// Names and messages hold control characters, bidirectional overrides, markup and other bad text.
    pub hostile: bool,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            controllers: 3,
            workers: 0,
            extra_pods: 0,
            zones: ["zone-a", "zone-b", "zone-c"].map(str::to_owned).to_vec(),
            regions: Vec::new(),
            round_trip_ms: Vec::new(),
            translated: Vec::new(),
            open_etcd: Vec::new(),
            machine: Machine::default(),
            entry: Entry::default(),
            plain_services: Vec::new(),
            etcd: EtcdLine::default(),
            k0s: K0sFamily::default(),
            grace_s: 20,
            configured_grace_s: None,
            lease_s: 40,
            toleration_s: 30,
            running_toleration_s: Vec::new(),
            hard_disks: Vec::new(),
            high_availability: true,
            upgraded: false,
            air_gap: false,
            installation: "Installed".to_owned(),
            grown: false,
            console_port: 30_000,
            misled: false,
            by_the_book: false,
            hostile: false,
        }
    }
}

impl Cluster {
    /// Replicas of what NetBox Enterprise's operator scales.
    pub const fn replicas(&self) -> u8 {
        if self.grown { 2 } else { 3 }
    }
}

/// What every machine of a cluster is like.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Machine {
    /// Cores.
    pub cpus: u16,
    /// Memory in GiB.
    pub memory_gib: u16,
    /// The disk in GiB.
    pub disk_gib: u16,
    /// What is free of it, in GiB.
    pub disk_free_gib: u16,
    /// Swap in GiB.
    pub swap_gib: u16,
    /// Nominal speed of the network interface, in Mbit/s.
    pub link_mbit: u32,
    /// Hosts that were cloned from the first one, with its machine id.
    pub cloned: Vec<HostId>,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            cpus: 8,
            memory_gib: 24,
            disk_gib: 100,
            disk_free_gib: 60,
            swap_gib: 0,
            link_mbit: 10_000,
            cloned: Vec::new(),
        }
    }
}

impl Machine {
    /// The size of the disk and what is free of it, in bytes.
    pub fn disk_bytes(&self) -> (u64, u64) {
        let bytes = |gib| u64::from(gib) << 30;
        (bytes(self.disk_gib), bytes(self.disk_free_gib))
    }
}

/// What stands at the entry point of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    /// For whom the certificate of the gateways and of the Admin Console is made.
    pub certificate_names: Vec<String>,
    /// In how many days it ends, where that is soon.
    pub certificate_days: Option<u16>,
    /// Whether the load balancer looks after its pool with health checks.
    pub health_checks: bool,
}

impl Default for Entry {
    fn default() -> Self {
        Self {
            certificate_names: CERTIFICATE_NAMES.map(str::to_owned).to_vec(),
            certificate_days: None,
            health_checks: true,
        }
    }
}

#[cfg(test)]
mod tests;
