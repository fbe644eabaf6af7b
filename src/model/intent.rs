//! What an operator wants done, before anything is known about how. `plan` makes steps of it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::etcd::MemberId;
use super::fact::ObjectKey;
use super::kube::WorkloadKind;
use crate::base::Text;

/// One wish. The kebab-case name of a variant is the word on the command line, in the journal and in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "intent", rename_all = "kebab-case")]
pub enum Intent {
    /// Give nodes their zone label.
    LabelZones {
        /// Node name to zone; a node that is not named gets what is suggested.
        zones: BTreeMap<Text, Text>,
        /// The region label for all of them.
        region: Option<Text>,
    },
    /// Replace a lost controller by a new host.
    ReplaceNode {
        /// Its Node's name.
        node: Text,
    },
    /// Restart k0s on controllers, one after the other.
    RestartControllers {
        /// Which; none: all that still need it.
        nodes: Vec<Text>,
    },
    /// Start k0s on a controller where it is down.
    StartController {
        /// Its Node's name.
        node: Text,
    },
    /// Let no new pod onto a node.
    Cordon {
        /// Its name.
        node: Text,
    },
    /// Let pods onto a node again.
    Uncordon {
        /// Its name.
        node: Text,
    },
    /// Cordon a node and evict its pods, as far as their disruption budgets allow.
    Drain {
        /// Its name.
        node: Text,
    },
    /// Taint a dead node `node.kubernetes.io/out-of-service`, which frees its pods and volumes without deleting it.
    OutOfService {
        /// Its name.
        node: Text,
        /// Take the taint away again.
        undo: bool,
    },
    /// Restart a workload's pods so that they spread anew.
    Rebalance {
        /// Which; none: the first that sits badly.
        workload: Option<(WorkloadKind, ObjectKey)>,
    },
    /// Turn high availability on.
    EnableHa,
    /// Remove what a failed join left in etcd: an unstarted member or a stuck learner.
    RemoveRemnant {
        /// Its member id.
        member: MemberId,
    },
    /// Save a snapshot of etcd and check it.
    EtcdBackup {
        /// Where to.
        file: Text,
    },
    /// Make room in etcd: compact, defragment one by one, disarm the alarm.
    EtcdSpace,
    /// Take back what a run has changed, as far as that is possible.
    Undo {
        /// The run, as its journal is called.
        run: Text,
    },
}

impl Intent {
    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Intent::LabelZones { .. } => "label-zones",
            Intent::ReplaceNode { .. } => "replace-node",
            Intent::RestartControllers { .. } => "restart-controllers",
            Intent::StartController { .. } => "start-controller",
            Intent::Cordon { .. } => "cordon",
            Intent::Uncordon { .. } => "uncordon",
            Intent::Drain { .. } => "drain",
            Intent::OutOfService { .. } => "out-of-service",
            Intent::Rebalance { .. } => "rebalance",
            Intent::EnableHa => "enable-ha",
            Intent::RemoveRemnant { .. } => "remove-remnant",
            Intent::EtcdBackup { .. } => "etcd-backup",
            Intent::EtcdSpace => "etcd-space",
            Intent::Undo { .. } => "undo",
        }
    }
}

/// Reads `NODE=ZONE NODE=ZONE`.
pub fn read_zones(words: &str) -> Result<BTreeMap<Text, Text>, String> {
    words.split_whitespace().map(read_zone).collect()
}

/// Reads `NODE=ZONE`.
pub fn read_zone(word: &str) -> Result<(Text, Text), String> {
    match word.split_once('=') {
        Some((node, zone)) if !node.is_empty() && !zone.is_empty() => Ok((node.into(), zone.into())),
        _ => Err(format!("{word:?} names no node and zone: write NODE=ZONE")),
    }
}

/// As it is typed after `quorate run`.
impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Intent::LabelZones { zones, region } => {
                for (node, zone) in zones {
                    write!(f, " {node}={zone}")?;
                }
                region.iter().try_for_each(|region| write!(f, " --region {region}"))
            }
            Intent::RestartControllers { nodes } => nodes.iter().try_for_each(|node| write!(f, " {node}")),
            Intent::ReplaceNode { node }
            | Intent::StartController { node }
            | Intent::Cordon { node }
            | Intent::Uncordon { node }
            | Intent::Drain { node }
            | Intent::OutOfService { node, undo: false } => write!(f, " {node}"),
            Intent::OutOfService { node, undo: true } => write!(f, " {node} --undo"),
            Intent::Rebalance { workload: None } | Intent::EnableHa | Intent::EtcdSpace => Ok(()),
            Intent::Rebalance {
                workload: Some((kind, key)),
            } => write!(f, " {}/{key}", kind.word().to_ascii_lowercase()),
            Intent::RemoveRemnant { member } => write!(f, " {member}"),
            Intent::EtcdBackup { file } => write!(f, " {file}"),
            Intent::Undo { run } => write!(f, " {run}"),
        }
    }
}
