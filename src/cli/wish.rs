//! A guided action on the command line: one subcommand for each intent.

use clap::Subcommand;

use crate::base::Text;
use crate::model::ObjectKey;
use crate::model::etcd::MemberId;
use crate::model::intent::{Intent, read_zone};
use crate::model::kube::WorkloadKind;

/// What is wished for.
#[derive(Debug, Clone, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Wish {
    /// Give nodes their zone label; nodes that are not named get what is suggested
    LabelZones {
        /// Which node is in which zone
        #[arg(value_name = "NODE=ZONE", value_parser = read_zone)]
        zones: Vec<(Text, Text)>,
        /// The region label for all of them
        #[arg(long, value_name = "REGION")]
        region: Option<Text>,
    },
    /// Replace a lost controller by a new host
    ReplaceNode {
        /// The lost node
        node: Text,
    },
    /// Restart k0s on controllers, one after the other, the leader last
    RestartControllers {
        /// Which; none: all that still need it
        nodes: Vec<Text>,
    },
    /// Start k0s on a controller where it is down, without quorum too
    StartController {
        /// The node
        node: Text,
    },
    /// Let no new pod onto a node
    Cordon {
        /// The node
        node: Text,
    },
    /// Let pods onto a node again
    Uncordon {
        /// The node
        node: Text,
    },
    /// Cordon a node and evict its pods, as far as their disruption budgets allow
    Drain {
        /// The node
        node: Text,
    },
    /// Free the pods and volumes of a node that is off, without deleting it
    OutOfService {
        /// The node
        node: Text,
        /// Take the taint away again
        #[arg(long)]
        undo: bool,
    },
    /// Move pods of a workload, one after the other, until they lie evenly
    Rebalance {
        /// Which; none: the first that sits badly
        #[arg(value_name = "KIND/NAMESPACE/NAME", value_parser = parse_workload)]
        workload: Option<(WorkloadKind, ObjectKey)>,
    },
    /// Turn high availability on
    EnableHa,
    /// Remove what a failed join left in etcd
    RemoveRemnant {
        /// Its member id, as `quorate status` shows it
        member: MemberId,
    },
    /// Save a snapshot of etcd and check it
    EtcdBackup {
        /// Where to; never overwrites
        file: std::path::PathBuf,
    },
    /// Make room in etcd: compact, defragment one by one, disarm the alarm
    EtcdSpace,
    /// Take back what a run has changed, as far as that is possible
    Undo {
        /// Which; `quorate journal` lists them
        run: Text,
    },
}

impl Wish {
    /// As everything else calls it. A relative file is one of this directory.
    pub fn intent(&self) -> std::io::Result<Intent> {
        Ok(match self.clone() {
            Wish::LabelZones { zones, region } => Intent::LabelZones {
                zones: zones.into_iter().collect(),
                region,
            },
            Wish::ReplaceNode { node } => Intent::ReplaceNode { node },
            Wish::RestartControllers { nodes } => Intent::RestartControllers { nodes },
            Wish::StartController { node } => Intent::StartController { node },
            Wish::Cordon { node } => Intent::Cordon { node },
            Wish::Uncordon { node } => Intent::Uncordon { node },
            Wish::Drain { node } => Intent::Drain { node },
            Wish::OutOfService { node, undo } => Intent::OutOfService { node, undo },
            Wish::Rebalance { workload } => Intent::Rebalance { workload },
            Wish::EnableHa => Intent::EnableHa,
            Wish::RemoveRemnant { member } => Intent::RemoveRemnant { member },
            Wish::EtcdBackup { file } => Intent::EtcdBackup {
                file: Text::from(std::path::absolute(file)?.to_string_lossy().into_owned()),
            },
            Wish::EtcdSpace => Intent::EtcdSpace,
            Wish::Undo { run } => Intent::Undo { run },
        })
    }
}

fn parse_workload(raw: &str) -> Result<(WorkloadKind, ObjectKey), String> {
    let parts: Vec<&str> = raw.split('/').collect();
    let wrong = || format!("{raw:?} names no workload: write KIND/NAMESPACE/NAME, such as deployment/kotsadm/web");
    let [kind, namespace, name] = parts[..] else {
        return Err(wrong());
    };
    let kinds = [
        WorkloadKind::Deployment,
        WorkloadKind::StatefulSet,
        WorkloadKind::DaemonSet,
    ];
    let kind = kinds
        .into_iter()
        .find(|own| own.word().eq_ignore_ascii_case(kind))
        .ok_or_else(wrong)?;
    Ok((kind, ObjectKey::new(namespace, name)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn workloads_and_zones_are_read_strictly() {
        let (kind, key) = parse_workload("deployment/kotsadm/web").unwrap();
        assert_eq!(
            (kind, key.to_string()),
            (WorkloadKind::Deployment, "kotsadm/web".to_owned())
        );
        assert!(parse_workload("web").is_err() && parse_workload("pod/a/b").is_err());
        assert_eq!(read_zone("nbe-1=a"), Ok(("nbe-1".into(), "a".into())));
        assert!(read_zone("nbe-1").is_err() && read_zone("=a").is_err());
    }
}
