#![allow(clippy::unwrap_used)]

use crate::base::{Why, WhyKind};
use crate::check::testing::{assert_cannot_tell, assert_holds, evidence, findings, one};
use crate::check::{CheckId, Severity};
use crate::model::example::{self, change, name};
use crate::model::feed::HostPart;
use crate::model::host::Device;
use crate::model::kube::Node;
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot};

fn bent(n: u8, bend: impl FnOnce(&mut Node)) -> Snapshot {
    let mut snapshot = example::healthy();
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(n)), bend);
    snapshot
}

const NODES: FeedId = FeedId::Kube(KubeKind::Nodes);

#[test]
fn nodes_on_one_kernel_are_found() {
    let boot = example::node(1).machine.boot_id;
    let snapshot = bent(2, |node| node.machine.boot_id = boot);
    let finding = one(CheckId::NodesMachines, &snapshot, Severity::Warning, "cluster");
    assert_eq!(finding.title, "nbe-1, nbe-2 have the same boot id");
}

#[test]
fn a_cloned_image_is_worth_knowing() {
    let id = example::node(1).machine.machine_id;
    let snapshot = bent(3, |node| node.machine.machine_id = id);
    let finding = one(CheckId::NodesMachines, &snapshot, Severity::Info, "cluster");
    assert!(evidence(&finding).contains("nbe-1, nbe-3"));
}

#[test]
fn a_machine_that_does_not_say_who_it_is_cannot_be_judged() {
    let snapshot = bent(1, |node| {
        (node.machine.boot_id, node.machine.system_uuid) = (None, None);
    });
    assert_cannot_tell(CheckId::NodesMachines, &snapshot, NODES);
}

#[test]
fn sizes_have_a_tolerance() {
    assert_holds(
        CheckId::NodesSize,
        &bent(1, |node| node.capacity.memory_bytes = 23_100_000_000),
    );
    let small = bent(2, |node| {
        node.capacity.cpu_milli = 4_000;
        node.disk_bytes = Some(50_000_000_000);
    });
    let finding = one(CheckId::NodesSize, &small, Severity::Warning, "node/nbe-2");
    assert_eq!(
        finding.evidence,
        ["4 CPUs, less than 8", "50 GB of disk, less than 90 GB"]
    );
    assert_cannot_tell(CheckId::NodesSize, &bent(1, |node| node.disk_bytes = None), NODES);
}

/// This host's etcd on a device, or why that is not known.
fn on(device: Result<Device, Why>) -> Snapshot {
    let mut snapshot = example::healthy();
    snapshot.host.disk.as_mut().unwrap().value.device = device;
    snapshot
}

#[test]
fn a_hard_disk_is_found_and_a_virtual_one_does_not_tell() {
    let disk = |is_rotational, is_virtual| {
        on(Ok(Device {
            name: "sda".into(),
            is_rotational,
            is_virtual,
        }))
    };
    let finding = one(CheckId::NodesSsd, &disk(true, false), Severity::Warning, "node/nbe-1");
    assert!(evidence(&finding).contains("sda"));
    let feed = FeedId::Host(HostPart::Disk);
    assert_cannot_tell(CheckId::NodesSsd, &disk(true, true), feed);
    assert_holds(CheckId::NodesSsd, &disk(false, true));
    assert_cannot_tell(CheckId::NodesSsd, &on(Err(Why::new(WhyKind::Missing, "overlay"))), feed);
}

#[test]
fn swap_is_found_and_an_old_kubelet_does_not_tell() {
    let finding = &findings(
        CheckId::NodesSwap,
        &bent(3, |node| node.machine.swap_bytes = Some(1 << 30)),
    )[0];
    assert_eq!(
        (finding.severity, finding.title.as_str()),
        (Severity::Warning, "nbe-3 has swap")
    );
    let of = |version: &str, swap_bytes| {
        bent(3, |node| {
            node.kubelet_version = version.into();
            node.machine.swap_bytes = swap_bytes;
        })
    };
    for version in ["v1.34.0+k0s.0", "v1.37.2+k0s"] {
        assert_holds(CheckId::NodesSwap, &of(version, None));
    }
    assert_holds(CheckId::NodesSwap, &of("v1.33.13+k0s", Some(0)));
    for version in ["v1.33.13+k0s", ""] {
        assert_cannot_tell(CheckId::NodesSwap, &of(version, None), NODES);
    }
}
