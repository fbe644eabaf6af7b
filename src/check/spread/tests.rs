#![allow(clippy::unwrap_used, clippy::panic)]

use crate::check::testing::{assert_holds, assert_not_applicable, evidence, look, one};
use crate::check::{CheckId, Outcome, Severity};
use crate::model::example::{self, change};
use crate::model::kube::{Workload, WorkloadKind};
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot, Table};

fn bent(name: &str, bend: impl FnOnce(&mut Workload)) -> Snapshot {
    let mut snapshot = example::healthy();
    let key = ObjectKey::new("kotsadm", name);
    change(&mut snapshot.kube.deployments, &key, bend);
    snapshot
}

#[test]
fn a_workload_without_any_spread_is_named() {
    let loose = bent("netbox-worker", |workload| workload.spread.clear());
    let finding = one(CheckId::PlacementSoftSpread, &loose, Severity::Info, "cluster");
    assert_eq!(evidence(&finding), "Deployment kotsadm/netbox-worker: 3 replicas");
    let preferring = bent("netbox-worker", |workload| {
        workload.spread.clear();
        workload.soft_anti_affinity = true;
    });
    assert_holds(CheckId::PlacementSoftSpread, &preferring);
    let elsewhere = bent("netbox-worker", |workload| {
        workload.spread[0].topology_key = "rack".into();
    });
    one(CheckId::PlacementSoftSpread, &elsewhere, Severity::Info, "cluster");
    let alone = bent("netbox-worker", |workload| {
        workload.spread.clear();
        workload.desired = 1;
    });
    assert_holds(CheckId::PlacementSoftSpread, &alone);
}

#[test]
fn replicas_follow_the_nodes_up_to_three() {
    assert_holds(CheckId::PlacementScaling, &example::healthy());
    let few = bent("netbox-diode-ingester", |workload| workload.desired = 1);
    let subject = "deployment/kotsadm/netbox-diode-ingester";
    let finding = one(CheckId::PlacementScaling, &few, Severity::Info, subject);
    assert_eq!(finding.title, "netbox-diode-ingester wants 1 replica on 3 nodes");
    let hydra = bent("netbox-hydra", |workload| workload.desired = 2);
    let subject = "deployment/kotsadm/netbox-hydra";
    one(CheckId::PlacementScaling, &hydra, Severity::Info, subject);
    assert_holds(
        CheckId::PlacementScaling,
        &bent("kotsadm", |workload| workload.desired = 1),
    );
    let ingester = ObjectKey::new("kotsadm", "netbox-diode-ingester");
    let mut stateful = few.clone();
    let own = stateful.kube.deployments.rows_mut().remove(&ingester).unwrap();
    stateful.kube.stateful_sets.rows_mut().insert(ingester.clone(), own);
    change(&mut stateful.kube.stateful_sets, &ingester, |own| {
        own.kind = WorkloadKind::StatefulSet;
    });
    let subject = "statefulset/kotsadm/netbox-diode-ingester";
    one(CheckId::PlacementScaling, &stateful, Severity::Info, subject);
    let mut none = few;
    none.kube.netbox_enterprises = Table::default();
    assert_not_applicable(CheckId::PlacementScaling, &none);
}

#[test]
fn a_part_that_is_not_recognized_is_named() {
    let id = CheckId::PlacementScaling;
    let said = |snapshot: &Snapshot| match look(id, snapshot) {
        Outcome::CannotTell { feed, why, .. } => {
            assert_eq!(feed, FeedId::Kube(KubeKind::Deployments));
            why.text.to_string()
        }
        other => panic!("{other:?}"),
    };
    let rename = |snapshot: &mut Snapshot, from: &str, to: &str| {
        let rows = snapshot.kube.deployments.rows_mut();
        let row = rows.remove(&ObjectKey::new("kotsadm", from)).unwrap();
        rows.insert(ObjectKey::new("kotsadm", to), row);
    };
    let none_of = "no workload beside the NetBoxEnterprise was recognized as ";
    let mut snapshot = example::healthy();
    snapshot.kube.deployments = Table::default();
    assert_eq!(said(&snapshot), format!("{none_of}web, worker, diode, hydra"));
    let mut snapshot = example::healthy();
    rename(&mut snapshot, "netbox-hydra", "netbox-oauth");
    assert_eq!(said(&snapshot), format!("{none_of}hydra"));
    // The web is known by more than its name.
    rename(&mut snapshot, "netbox-netbox", "netbox-app");
    assert_eq!(said(&snapshot), format!("{none_of}hydra"));
    change(
        &mut snapshot.kube.netbox_enterprises,
        &ObjectKey::new("kotsadm", "netbox"),
        |own| own.diode = Some(false),
    );
    assert_holds(id, &snapshot);
}
