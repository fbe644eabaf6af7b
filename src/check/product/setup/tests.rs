#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crate::check::testing::{assert_cannot_tell, assert_holds, assert_not_applicable, evidence, findings, one};
use crate::check::{CheckId, Severity};
use crate::model::example::{add_pod, change, fact, healthy, lose_feed, name, pod, wall_ago};
use crate::model::kube::{Lease, Workload};
use crate::model::product::Installation;
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot};

fn installed(bend: impl FnOnce(&mut Installation)) -> Snapshot {
    let mut snapshot = healthy();
    let key = ObjectKey::new("", "20261001120000");
    change(&mut snapshot.kube.installations, &key, bend);
    snapshot
}

fn stored(bend: impl FnOnce(&mut Workload)) -> Snapshot {
    let mut snapshot = healthy();
    let key = ObjectKey::new("kotsadm", "kotsadm-rqlite");
    change(&mut snapshot.kube.stateful_sets, &key, bend);
    snapshot
}

const INSTALLATION: &str = "installation/20261001120000";
const STORE: &str = "statefulset/kotsadm/kotsadm-rqlite";

#[test]
fn the_store_needs_its_majority() {
    one(
        CheckId::HaStore,
        &stored(|store| store.ready = 2),
        Severity::Info,
        STORE,
    );
    one(
        CheckId::HaStore,
        &stored(|store| store.ready = 1),
        Severity::Warning,
        STORE,
    );
    let single = stored(|store| (store.desired, store.ready) = (1, 1));
    let finding = one(CheckId::HaStore, &single, Severity::Warning, STORE);
    assert!(finding.remedy.as_str().contains("enable-ha"));
    assert_not_applicable(CheckId::HaStore, &installed(|own| own.high_availability = false));
}

#[test]
fn an_air_gap_is_a_finding_only_with_ha() {
    one(
        CheckId::HaAirGap,
        &installed(|own| own.air_gap = true),
        Severity::Warning,
        INSTALLATION,
    );
    let without = installed(|own| (own.air_gap, own.high_availability) = (true, false));
    assert_holds(CheckId::HaAirGap, &without);
}

#[test]
fn upgrades_run_or_fail() {
    let state = |state: &'static str| installed(move |own| own.state = state.into());
    one(
        CheckId::ProductUpgrade,
        &state("Installing"),
        Severity::Info,
        INSTALLATION,
    );
    let failed = one(
        CheckId::ProductUpgrade,
        &state("HelmChartUpdateFailure"),
        Severity::Warning,
        INSTALLATION,
    );
    assert!(failed.remedy.as_str().contains("until it is mended"), "{failed:#?}");
    assert_cannot_tell(
        CheckId::ProductUpgrade,
        &state(""),
        FeedId::Kube(KubeKind::Installations),
    );
}

#[test]
fn an_operator_that_is_gone_is_information() {
    let mut snapshot = healthy();
    let key = ObjectKey::new("kotsadm", "nbe-operator");
    change(&mut snapshot.kube.deployments, &key, |own| own.ready = 0);
    one(
        CheckId::OperatorReplicas,
        &snapshot,
        Severity::Info,
        "deployment/kotsadm/nbe-operator",
    );
    change(&mut snapshot.kube.deployments, &key, |own| own.desired = 0);
    let scaled = one(CheckId::OperatorReplicas, &snapshot, Severity::Info, OPERATOR);
    assert!(scaled.remedy.as_str().contains("--replicas=1"), "{scaled:#?}");
}

const OPERATOR: &str = "deployment/kotsadm/nbe-operator";

/// Two replicas of the operator; a lease is held so, and was renewed so long ago.
fn elected(holder: Option<&str>, renewed_s: u64) -> Snapshot {
    let mut snapshot = healthy();
    let key = ObjectKey::new("kotsadm", "nbe-operator");
    change(&mut snapshot.kube.deployments, &key, |own| {
        (own.desired, own.ready) = (2, 2);
    });
    add_pod(&mut snapshot.kube, "kotsadm", "nbe-operator-6d5f8-3", pod(&name(3)));
    if let Some(holder) = holder {
        let lease = Lease {
            uid: "lease".into(),
            holder: Some(holder.into()),
            duration_s: 15,
            renewed: Some(wall_ago(renewed_s)),
            transitions: 0,
        };
        let key = ObjectKey::new("kotsadm", "operator");
        let row = fact(FeedId::Kube(KubeKind::Leases), renewed_s, lease);
        snapshot.kube.leases.rows_mut().insert(key, Arc::new(row));
    }
    snapshot
}

const LEADER: Option<&str> = Some("nbe-operator-6d5f8-3_0f3c2a51-77aa-4b0e-9c1d-2f6a5e8b9d10");

#[test]
fn several_replicas_of_the_operator_have_a_leader() {
    let led = elected(LEADER, 2);
    assert_holds(CheckId::OperatorReplicas, &led);
    let lease = led.operator_lease().unwrap();
    assert_eq!((lease.pod, lease.node), ("nbe-operator-6d5f8-3", Some(&name(3))));
    assert_holds(CheckId::OperatorReplicas, &elected(LEADER, 29));
    let late = one(
        CheckId::OperatorReplicas,
        &elected(LEADER, 31),
        Severity::Info,
        OPERATOR,
    );
    assert!(
        evidence(&late).contains("held by nbe-operator-6d5f8-3 on nbe-3, renewed 31 s ago, good for 15 s"),
        "{late:#?}"
    );
    for holder in [None, Some(""), Some("other-6d5f8-3_0f3c2a51")] {
        let nobody = one(CheckId::OperatorReplicas, &elected(holder, 2), Severity::Info, OPERATOR);
        assert!(evidence(&nobody).contains("no lease in kotsadm"), "{nobody:#?}");
    }
}

#[test]
fn without_leases_a_leader_cannot_be_told() {
    let feed = FeedId::Kube(KubeKind::Leases);
    let mut snapshot = elected(LEADER, 2);
    lose_feed(&mut snapshot, feed);
    assert_cannot_tell(CheckId::OperatorReplicas, &snapshot, feed);
    let key = ObjectKey::new("kotsadm", "nbe-operator");
    change(&mut snapshot.kube.deployments, &key, |own| own.ready = 1);
    assert_eq!(findings(CheckId::OperatorReplicas, &snapshot).len(), 1);
    let mut single = healthy();
    lose_feed(&mut single, feed);
    assert_holds(CheckId::OperatorReplicas, &single);
}
