use crate::check::testing::{assert_cannot_tell, assert_holds, assert_not_applicable, evidence, one};
use crate::check::{CheckId, Severity};
use crate::model::example::{self, change};
use crate::model::kube::Workload;
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
    let mut unnamed = example::healthy();
    unnamed.kube.deployments = Table::default();
    assert_cannot_tell(CheckId::PlacementScaling, &unnamed, FeedId::Kube(KubeKind::Deployments));
    let mut none = few;
    none.kube.netbox_enterprises = Table::default();
    assert_not_applicable(CheckId::PlacementScaling, &none);
}
