//! The settings, typed, each with its level. Their names and their order are in [`super::key::KEYS`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::key::KEYS;
use super::value::{Color, LogLevel, Origin, Setting};
use crate::app::keys::KeyMap;
use crate::base::Text;
use crate::model::Policy;
use crate::model::entry::way;
use crate::model::external::site::{PostgresqlSite, RedisSite, S3Site};
use crate::model::policy::{NodeSize, Site};

/// Sizes are set in gigabytes, as the HA document writes them.
const GB: u64 = 1_000_000_000;

/// Everything that an operator may set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `kubeconfig`, `KUBECONFIG`: kubeconfigs, separated by colons. Empty: found by quorate itself.
    pub kubeconfig: Setting<Vec<PathBuf>>,
    /// `context`: which context of the kubeconfig. None: its current one.
    pub context: Setting<Option<String>>,
    /// `cluster`: which cluster of the kubeconfig. None: its context's.
    pub cluster: Setting<Option<String>>,
    /// `user`: which user of the kubeconfig. None: its context's.
    pub user: Setting<Option<String>>,
    /// `as`: as which user the API is asked. None: as oneself.
    pub act_as: Setting<Option<String>>,
    /// `as_group`: and in which groups, separated by commas.
    pub act_as_group: Setting<Option<String>>,
    /// `request_timeout`: how long one read from the API may take.
    pub request_timeout: Setting<Duration>,
    /// `k0s_dir`: k0s's data directory. None: found by quorate itself.
    pub k0s_dir: Setting<Option<PathBuf>>,
    /// `etcd_pki`: a directory with etcd's certificates. None: below k0s's data directory.
    pub etcd_pki: Setting<Option<PathBuf>>,
    /// `look_from_there`: whether other controllers are asked through ssh what they reach and what runs there.
    pub look_from_there: Setting<bool>,
    /// `theme`: the name of a theme.
    pub theme: Setting<String>,
    /// `color`: when to use colours.
    pub color: Setting<Color>,
    /// `ascii`: whether to draw with ASCII only.
    pub ascii: Setting<bool>,
    /// `linear`: whether the console prints numbered lines, for screen readers and terminals without cursor movement.
    pub linear: Setting<bool>,
    /// `timeout`: how long headless commands wait for the sources that they need.
    pub timeout: Setting<Duration>,
    /// `log_file`: where to log to. None: to the console's log screen only.
    pub log_file: Setting<Option<PathBuf>>,
    /// `log_level`: how much is logged.
    pub log_level: Setting<LogLevel>,
    /// Section `[admission]`.
    pub admission: AdmissionSettings,
    /// Section `[entry]`.
    pub entry: EntrySettings,
    /// Section `[external]`.
    pub external: ExternalSettings,
    /// Section `[policy]`.
    pub policy: PolicySettings,
    /// Table `[keys]`: keys of the console that stand for others.
    pub keys: Setting<KeyMap>,
}

/// How API servers are asked what they give to new pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmissionSettings {
    /// `admission.probe`: whether they are.
    pub probe: Setting<bool>,
    /// `admission.every`: from one time to the next.
    pub every: Setting<Duration>,
}

/// How the ways in for users and administrators are probed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntrySettings {
    /// `entry.probe`: whether they are.
    pub probe: Setting<bool>,
    /// `entry.url`: where users go. None: as the NetBoxEnterprise says.
    pub url: Setting<Option<way::Site>>,
    /// `entry.every`: from one probe of a way in to the next. While a host is lost, users' ways are probed each second.
    pub every: Setting<Duration>,
}

/// Where the services outside the cluster are, and how they are asked. Passwords are in files, or in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalSettings {
    /// `external.probe`: whether they are asked.
    pub probe: Setting<bool>,
    /// `external.every`: from one time to the next.
    pub every: Setting<Duration>,
    /// `external.ca_file`: whose signature their certificates must bear. None: that of a CA which this host trusts.
    pub ca_file: Setting<Option<PathBuf>>,
    /// `external.postgresql`: its servers, the user and the database.
    pub postgresql: Setting<Option<PostgresqlSite>>,
    /// `external.postgresql_password_file`. None: `QUORATE_POSTGRESQL_PASSWORD`, or no password.
    pub postgresql_password_file: Setting<Option<PathBuf>>,
    /// `external.redis`: the server.
    pub redis: Setting<Option<RedisSite>>,
    /// `external.redis_password_file`. None: `QUORATE_REDIS_PASSWORD`, or no password.
    pub redis_password_file: Setting<Option<PathBuf>>,
    /// `external.sentinel`: the Sentinels.
    pub sentinel: Setting<Vec<RedisSite>>,
    /// `external.sentinel_master`: the masters that matter. Empty: all that a Sentinel watches.
    pub sentinel_master: Setting<Vec<Text>>,
    /// `external.sentinel_password_file`. None: `QUORATE_SENTINEL_PASSWORD`, or no password.
    pub sentinel_password_file: Setting<Option<PathBuf>>,
    /// `external.s3_endpoint`: where object storage answers.
    pub s3_endpoint: Setting<Option<S3Site>>,
    /// `external.s3_bucket`: the bucket.
    pub s3_bucket: Setting<Option<String>>,
    /// `external.s3_region`: what requests are signed for.
    pub s3_region: Setting<String>,
    /// `external.s3_access_key`: the name of the key, which is no secret. None: requests are not signed.
    pub s3_access_key: Setting<Option<String>>,
    /// `external.s3_secret_file`. None: `QUORATE_S3_SECRET_KEY`.
    pub s3_secret_file: Setting<Option<PathBuf>>,
    /// `external.s3_may_write`: whether a small object is written and removed again.
    pub s3_may_write: Setting<bool>,
    /// `external.read_secrets`: whether the Secrets are read which a NetBoxEnterprise names for services that are not set here.
    pub read_secrets: Setting<bool>,
}

impl Default for ExternalSettings {
    fn default() -> Self {
        Self {
            probe: Setting::default(true),
            every: Setting::default(Duration::from_mins(5)),
            ca_file: Setting::default(None),
            postgresql: Setting::default(None),
            postgresql_password_file: Setting::default(None),
            redis: Setting::default(None),
            redis_password_file: Setting::default(None),
            sentinel: Setting::default(Vec::new()),
            sentinel_master: Setting::default(Vec::new()),
            sentinel_password_file: Setting::default(None),
            s3_endpoint: Setting::default(None),
            s3_bucket: Setting::default(None),
            s3_region: Setting::default("us-east-1".to_owned()),
            s3_access_key: Setting::default(None),
            s3_secret_file: Setting::default(None),
            s3_may_write: Setting::default(false),
            read_secrets: Setting::default(false),
        }
    }
}

/// Thresholds of the checks; what each means is said at [`Policy`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct PolicySettings {
    pub certificate_warning: Setting<Duration>,
    pub certificate_critical: Setting<Duration>,
    pub heartbeat_late: Setting<Duration>,
    pub detection_slow: Setting<Duration>,
    pub eviction_slow: Setting<Duration>,
    pub recovery_slow: Setting<Duration>,
    pub learner_stuck: Setting<Duration>,
    pub pending_late: Setting<Duration>,
    pub site: Setting<Site>,
    pub node_cpus: Setting<u64>,
    pub node_memory_gb: Setting<u64>,
    pub node_disk_gb: Setting<u64>,
    pub latency_high: Setting<Duration>,
    pub latency_far: Setting<Duration>,
    pub link_mbit: Setting<u64>,
    pub zones: Setting<BTreeMap<Text, Text>>,
}

impl Default for Settings {
    fn default() -> Self {
        let policy = Policy::default();
        Self {
            kubeconfig: Setting::default(Vec::new()),
            context: Setting::default(None),
            cluster: Setting::default(None),
            user: Setting::default(None),
            act_as: Setting::default(None),
            act_as_group: Setting::default(None),
            request_timeout: Setting::default(Duration::from_secs(5)),
            k0s_dir: Setting::default(None),
            etcd_pki: Setting::default(None),
            look_from_there: Setting::default(false),
            theme: Setting::default("default".to_owned()),
            color: Setting::default(Color::Auto),
            ascii: Setting::default(false),
            linear: Setting::default(false),
            timeout: Setting::default(Duration::from_secs(10)),
            log_file: Setting::default(None),
            log_level: Setting::default(LogLevel::Info),
            admission: AdmissionSettings {
                probe: Setting::default(true),
                every: Setting::default(Duration::from_mins(10)),
            },
            entry: EntrySettings {
                probe: Setting::default(true),
                url: Setting::default(None),
                every: Setting::default(Duration::from_mins(1)),
            },
            external: ExternalSettings::default(),
            policy: PolicySettings {
                certificate_warning: Setting::default(policy.certificate_warning),
                certificate_critical: Setting::default(policy.certificate_critical),
                heartbeat_late: Setting::default(policy.heartbeat_late),
                detection_slow: Setting::default(policy.detection_slow),
                eviction_slow: Setting::default(policy.eviction_slow),
                recovery_slow: Setting::default(policy.recovery_slow),
                learner_stuck: Setting::default(policy.learner_stuck),
                pending_late: Setting::default(policy.pending_late),
                site: Setting::default(policy.site),
                node_cpus: Setting::default(policy.node_size.cpus),
                node_memory_gb: Setting::default(policy.node_size.memory_bytes / GB),
                node_disk_gb: Setting::default(policy.node_size.disk_bytes / GB),
                latency_high: Setting::default(policy.latency_high),
                latency_far: Setting::default(policy.latency_far),
                link_mbit: Setting::default(policy.link_mbit),
                zones: Setting::default(policy.zones),
            },
            keys: Setting::default(KeyMap::default()),
        }
    }
}

/// One setting as text, for `quorate config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Its name, with its section.
    pub key: &'static str,
    /// Its value as it would be written in a variable; empty where it is not set.
    pub value: Text,
    /// Its level.
    pub origin: Origin,
}

impl Settings {
    /// The thresholds of the checks.
    pub fn policy(&self) -> Policy {
        let policy = &self.policy;
        Policy {
            certificate_warning: policy.certificate_warning.value,
            certificate_critical: policy.certificate_critical.value,
            heartbeat_late: policy.heartbeat_late.value,
            detection_slow: policy.detection_slow.value,
            eviction_slow: policy.eviction_slow.value,
            recovery_slow: policy.recovery_slow.value,
            learner_stuck: policy.learner_stuck.value,
            pending_late: policy.pending_late.value,
            site: policy.site.value,
            node_size: NodeSize {
                cpus: policy.node_cpus.value,
                memory_bytes: policy.node_memory_gb.value.saturating_mul(GB),
                disk_bytes: policy.node_disk_gb.value.saturating_mul(GB),
            },
            latency_high: policy.latency_high.value,
            latency_far: policy.latency_far.value,
            link_mbit: policy.link_mbit.value,
            zones: policy.zones.value.clone(),
            acknowledged: Vec::new(),
        }
    }

    /// The kubeconfigs that a flag or a file names: with these, no other is tried. Those of `KUBECONFIG` are not among
    /// them, because they are only tried first.
    pub fn kubeconfig_override(&self) -> &[PathBuf] {
        match self.kubeconfig.origin {
            Origin::Environment(_) => &[],
            Origin::Flag | Origin::UserFile(_) | Origin::SystemFile(_) | Origin::Default => &self.kubeconfig.value,
        }
    }

    /// Every setting with its level, in the order of the template.
    pub fn entries(&self) -> Vec<Entry> {
        let entry = |key: &super::key::Key| {
            let (value, origin) = (key.shown)(self);
            Entry {
                key: key.name,
                value: value.into(),
                origin: origin.clone(),
            }
        };
        KEYS.iter().map(entry).collect()
    }
}
