//! The machines family: three machines, each its own and large enough, with an SSD, without swap.

use std::collections::BTreeMap;

use super::look::{Looked, cannot_tell, evidence, host_subject, names, need, need_kinds, outcome};
use super::{Check, CheckId, Finding, Group, Profile, Severity};
use crate::base::{Text, Why, WhyKind};
use crate::model::feed::HostPart;
use crate::model::kube::{Machine, Node};
use crate::model::policy::NodeSize;
use crate::model::{FeedId, KubeKind, Policy, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::NodesMachines,
        group: Group::Cluster,
        profile: Profile::Any,
        title: "every node is a machine of its own",
        looks_at: "boot id, system UUID and machine id that every kubelet reports",
        why: "two nodes on one machine are lost together, and etcd's majority with them",
        fix: "move one of them to another machine; a cloned image needs a new /etc/machine-id before it joins",
        statement: Some("3 nodes, each on a separate physical or virtual machine"),
        look: |snapshot, _| outcome(machines(snapshot)),
    },
    Check {
        id: CheckId::NodesSize,
        group: Group::Cluster,
        profile: Profile::Any,
        title: "every node is large enough",
        looks_at: "cpu, memory and ephemeral-storage that every node has, against the settings policy.node_*",
        why: "the survivors of a loss carry the whole product, and etcd suffers from slow or full disks first",
        fix: "give the machine more; restart k0scontroller there afterwards, with all members healthy",
        statement: Some("Each node meets hardware requirements (8 vCPU, 24 GB RAM, 100 GB SSD)"),
        look: |snapshot, policy| outcome(size(snapshot, policy)),
    },
    Check {
        id: CheckId::NodesSsd,
        group: Group::Cluster,
        profile: Profile::Any,
        title: "etcd on this host lies on an SSD",
        looks_at: "what this host's kernel tells of the disk under etcd; a hypervisor's disk and the volume of a storage array or RAID \
                   controller that are called rotational may be anything. Other hosts are not seen: run this there",
        why: "every write waits for the disks of a majority; hard disks are too slow for etcd beside anything else",
        fix: "replace the node by one with an SSD, while all members are healthy: `quorate plan replace-node NODE`",
        statement: Some("8 vCPU, 24 GB RAM, 100 GB SSD"),
        look: |snapshot, _| outcome(ssd(snapshot)),
    },
    Check {
        id: CheckId::NodesSwap,
        group: Group::Cluster,
        profile: Profile::Any,
        title: "no node swaps",
        looks_at: "the swap capacity that kubelets report; one of 1.34 or later that reports none has none, an older one does not tell",
        why: "a kubelet refuses to start with swap on unless told otherwise, and etcd's heartbeats wait for swapped pages",
        fix: "sudo swapoff -a on the node, and remove swap from /etc/fstab, or it is back after the next boot",
        statement: None,
        look: |snapshot, _| outcome(swap(snapshot)),
    },
];

/// What identifies a machine, and what it means when two nodes have the same.
type Trait = (&'static str, fn(&Machine) -> Option<&Text>, Severity, &'static str);

pub(super) const TRAITS: [Trait; 3] = [
    (
        "boot id",
        |machine| machine.boot_id.as_ref(),
        Severity::Warning,
        "they run on one kernel: its loss takes them together",
    ),
    (
        "system UUID",
        |machine| machine.system_uuid.as_ref(),
        Severity::Warning,
        "they claim to be one machine: if they are, its loss takes them together",
    ),
    (
        "machine id",
        |machine| machine.machine_id.as_ref(),
        Severity::Info,
        "they were cloned from one image: DHCP, journals and cluster software may mix them up",
    ),
];

fn machines(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    for (what, read, severity, consequence) in TRAITS {
        let mut nodes: BTreeMap<&Text, Vec<&Text>> = BTreeMap::new();
        for node in snapshot.kube.nodes.values() {
            if let Some(value) = read(&node.machine) {
                nodes.entry(value).or_default().push(&node.name);
            }
        }
        let shared = nodes.into_iter().filter(|(_, nodes)| nodes.len() > 1);
        let findings: Vec<Finding> = shared
            .map(|(value, nodes)| Finding {
                check: CheckId::NodesMachines,
                severity,
                subject: "cluster".into(),
                title: format!("{} have the same {what}", names(&nodes)).into(),
                evidence: evidence([format!("{what} {value}: {}", names(&nodes))]),
                consequence: consequence.into(),
                remedy:
                    "place each node on a machine of its own; give a cloned one a new /etc/machine-id, and join it anew"
                        .into(),
            })
            .collect();
        // What is shared beyond that follows from it.
        if !findings.is_empty() {
            return Ok(findings);
        }
    }
    let nameless = |node: &&Node| node.machine.boot_id.is_none() && node.machine.system_uuid.is_none();
    match snapshot.kube.nodes.values().find(nameless) {
        Some(node) => Err(unsaid(format!("{} reports neither boot id nor system UUID", node.name))),
        None => Ok(Vec::new()),
    }
}

fn unsaid(text: String) -> super::Outcome {
    cannot_tell(FeedId::Kube(KubeKind::Nodes), Why::new(WhyKind::Missing, text))
}

fn size(snapshot: &Snapshot, policy: &Policy) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    let nodes = || snapshot.kube.nodes.values();
    let small: Vec<Finding> = nodes().filter_map(|node| too_small(node, policy.node_size)).collect();
    let silent =
        |node: &&Node| node.capacity.cpu_milli == 0 || node.capacity.memory_bytes == 0 || node.disk_bytes.is_none();
    match nodes().find(silent) {
        Some(node) if small.is_empty() => Err(unsaid(format!("{} does not report its whole capacity", node.name))),
        Some(_) | None => Ok(small),
    }
}

fn too_small(node: &Node, least: NodeSize) -> Option<Finding> {
    let gb = |bytes: u64| format!("{} GB", bytes / 1_000_000_000);
    let has = &node.capacity;
    let cpus = has.cpu_milli / 1000;
    let disk = node.disk_bytes;
    let lacks = [
        (has.cpu_milli > 0 && cpus < least.cpus).then(|| format!("{cpus} CPUs, less than {}", least.cpus)),
        (has.memory_bytes > 0 && has.memory_bytes < least.memory_bytes).then(|| {
            format!(
                "{} of memory, less than {}",
                gb(has.memory_bytes),
                gb(least.memory_bytes)
            )
        }),
        disk.filter(|disk| *disk < least.disk_bytes)
            .map(|disk| format!("{} of disk, less than {}", gb(disk), gb(least.disk_bytes))),
    ];
    let lacks: Vec<String> = lacks.into_iter().flatten().collect();
    let first = lacks.first()?;
    let name = &node.name;
    Some(Finding {
        check: CheckId::NodesSize,
        severity: Severity::Warning,
        subject: Text::from(format!("node/{name}")),
        title: format!("{name} is smaller than required: {first}").into(),
        evidence: evidence(lacks.iter().cloned()),
        consequence: "it may have no room for the work of a lost node".into(),
        remedy: "give the machine more, one node at a time and while all members are healthy: the HA document asks for 8 vCPUs, 24 GB \
                 of memory and 100 GB of disk; the limits above are policy.node_* of the settings, a little lower as they come"
            .into(),
    })
}

fn ssd(snapshot: &Snapshot) -> Looked {
    let feed = FeedId::Host(HostPart::Disk);
    need(snapshot, feed)?;
    let untold = |text: &str| cannot_tell(feed, Why::new(WhyKind::Missing, text));
    let disk = snapshot.host.disk.as_ref().map(|fact| &fact.value);
    let disk = disk.ok_or_else(|| untold("the disk was not read yet"))?;
    let device = disk.device.as_ref().map_err(|why| cannot_tell(feed, why.clone()))?;
    let name = &device.name;
    match device.rotates() {
        Some(false) => Ok(Vec::new()),
        None => Err(untold(&format!(
            "{name} of this host is a virtual disk or a volume: what it lies on cannot be told from here"
        ))),
        Some(true) => Ok(vec![Finding {
            check: CheckId::NodesSsd,
            severity: Severity::Warning,
            subject: host_subject(snapshot),
            title: "etcd on this host lies on a hard disk".into(),
            evidence: evidence([format!(
                "{} lies on {name}, which the kernel calls rotational",
                disk.path
            )]),
            consequence:
                "writes of this host's member wait for its head; where two members are slow, the whole cluster is"
                    .into(),
            remedy: "replace this host by one with an SSD, while all members are healthy: quorate plan replace-node shows how"
                .into(),
        }]),
    }
}

fn swap(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    let nodes = || snapshot.kube.nodes.values();
    let swapping: Vec<Finding> = nodes().filter_map(swaps).collect();
    match nodes().find(|node| node.swap_bytes().is_none()) {
        Some(node) if swapping.is_empty() => Err(unsaid(format!(
            "the kubelet of {} ({}) reports no swap, which only one of 1.34 or later does where it is off",
            node.name, node.kubelet_version
        ))),
        Some(_) | None => Ok(swapping),
    }
}

fn swaps(node: &Node) -> Option<Finding> {
    let bytes = node.swap_bytes().filter(|bytes| *bytes > 0)?;
    let name = &node.name;
    Some(Finding {
        check: CheckId::NodesSwap,
        severity: Severity::Warning,
        subject: Text::from(format!("node/{name}")),
        title: format!("{name} has swap").into(),
        evidence: evidence([format!("nodeInfo.swap.capacity: {bytes} bytes")]),
        consequence: "etcd and the kubelet may miss heartbeats while pages are read back; the node then counts as dead"
            .into(),
        // The kubelet writes the field where there is swap, and never takes it back.
        remedy: format!(
            "on {name}: sudo swapoff -a, and remove swap from /etc/fstab. Its kubelet goes on telling the old capacity: where \
             swapon --show tells nothing there, acknowledge it: quorate ack nodes.swap --reason ..."
        )
        .into(),
    })
}

#[cfg(test)]
mod tests;
