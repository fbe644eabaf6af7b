use crate::check::testing::{assert_cannot_tell, assert_holds, assert_not_applicable, one};
use crate::check::{CheckId, Severity};
use crate::model::example::{change, healthy};
use crate::model::kube::Workload;
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
    one(
        CheckId::ProductUpgrade,
        &state("HelmChartUpdateFailure"),
        Severity::Warning,
        INSTALLATION,
    );
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
}
