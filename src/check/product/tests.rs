#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::check::testing::{assert_holds, assert_not_applicable, evidence, one, uninstall};
use crate::check::{CheckId, Severity};
use crate::model::example::{change, condition, healthy, name, put};
use crate::model::kube::{Condition, Tri};
use crate::model::product::NetBoxEnterprise;
use crate::model::{KubeKind, ObjectKey, Snapshot, Table};

fn netbox(bend: impl FnOnce(&mut NetBoxEnterprise)) -> Snapshot {
    let mut snapshot = healthy();
    change(
        &mut snapshot.kube.netbox_enterprises,
        &ObjectKey::new("kotsadm", "netbox"),
        bend,
    );
    snapshot
}

fn with_condition(condition: Condition) -> Snapshot {
    netbox(|netbox| netbox.conditions.push(condition))
}

const SUBJECT: &str = "netboxenterprise/kotsadm/netbox";

#[test]
fn the_newest_installation_counts() {
    let mut snapshot = healthy();
    let active = snapshot.kube.installations.values().next().unwrap().clone();
    let mut other = active.clone();
    other.high_availability = false;
    let table = &mut snapshot.kube.installations;
    put(
        table,
        KubeKind::Installations,
        ObjectKey::new("", "20250101000000"),
        other.clone(),
    );
    assert_holds(CheckId::HaEnabled, &snapshot);
    let table = &mut snapshot.kube.installations;
    put(
        table,
        KubeKind::Installations,
        ObjectKey::new("", "20261101000000"),
        other,
    );
    let finding = one(
        CheckId::HaEnabled,
        &snapshot,
        Severity::Warning,
        "installation/20261101000000",
    );
    assert_eq!(finding.title, "3 controllers, but HA is not enabled");
    assert_eq!(finding.remedy, "on a controller: sudo netbox-enterprise enable-ha");
}

#[test]
fn where_ha_is_not_supported_nobody_is_told_to_enable_it() {
    let mut snapshot = healthy();
    let key = ObjectKey::new("", "20261001120000");
    change(&mut snapshot.kube.installations, &key, |row| {
        (row.high_availability, row.air_gap) = (false, true);
    });
    let subject = "installation/20261001120000";
    let finding = one(CheckId::HaEnabled, &snapshot, Severity::Warning, subject);
    assert!(
        finding.consequence.as_str().ends_with("is not yet supported"),
        "{finding:#?}"
    );
    assert!(finding.remedy.as_str().starts_with("ask support"), "{finding:#?}");
    assert!(evidence(&finding).ends_with("spec.airGap is true"), "{finding:#?}");
}

#[test]
fn ha_concerns_embedded_clusters_of_three_controllers() {
    let mut snapshot = healthy();
    snapshot.kube.installations = Table::default();
    assert_not_applicable(CheckId::HaEnabled, &snapshot);
    let mut snapshot = healthy();
    uninstall(&mut snapshot, KubeKind::Installations);
    assert_not_applicable(CheckId::HaEnabled, &snapshot);
    let mut snapshot = healthy();
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(3)), |node| {
        node.is_controller = false;
    });
    assert_not_applicable(CheckId::HaEnabled, &snapshot);
}

#[test]
fn netbox_not_ready_shows_every_condition_that_is_not_fine() {
    let snapshot = netbox(|netbox| {
        netbox.ready = Some(false);
        netbox.message = "waiting for hydra".into();
        netbox.conditions[0] = condition("Ready", Tri::False, "ComponentsNotReady", "hydra 0/2");
    });
    let finding = one(CheckId::NbeReady, &snapshot, Severity::Warning, SUBJECT);
    assert_eq!(finding.title, "NetBox Enterprise is not ready");
    let lines = evidence(&finding);
    assert_eq!(
        lines,
        "status.ready: false waiting for hydra\nReady=False ComponentsNotReady: hydra 0/2"
    );
}

#[test]
fn degraded_is_a_warning_though_ready() {
    let snapshot = netbox(|netbox| netbox.conditions[2] = condition("Degraded", Tri::True, "ReconcileError", "no S3"));
    let finding = one(CheckId::NbeReady, &snapshot, Severity::Warning, SUBJECT);
    assert_eq!(finding.title, "NetBox Enterprise is degraded");
    assert!(evidence(&finding).contains("Degraded=True ReconcileError: no S3"));
}

#[test]
fn conditions_that_we_do_not_know_are_shown_as_they_are() {
    let fine = with_condition(condition("LicenseValid", Tri::True, "Valid", ""));
    assert_holds(CheckId::NbeReady, &fine);
    for (kind, status, reason) in [
        ("HighAvailability", Tri::False, "SetupIncomplete"),
        ("HighAvailability", Tri::Unknown, ""),
        ("HANotEnabled", Tri::True, "ThreeNodes"),
        ("Readiness", Tri::True, "HAWarning"),
    ] {
        let snapshot = with_condition(condition(kind, status, reason, "words of the operator"));
        let finding = one(CheckId::NbeReady, &snapshot, Severity::Info, SUBJECT);
        assert!(evidence(&finding).contains("words of the operator"), "{kind}");
    }
}

#[test]
fn a_rollout_under_way_is_worth_knowing() {
    let snapshot = netbox(|netbox| netbox.converged_generation = Some(6));
    let finding = one(CheckId::NbeReady, &snapshot, Severity::Info, SUBJECT);
    assert!(evidence(&finding).contains("metadata.generation 7, status.convergedGeneration 6"));
}

#[test]
fn what_does_not_say_whether_it_is_ready_is_not_ready_nor_fine() {
    let snapshot = netbox(|netbox| {
        netbox.ready = None;
        netbox.message = "starting".into();
    });
    one(CheckId::NbeReady, &snapshot, Severity::Info, SUBJECT);
}

#[test]
fn without_netbox_enterprise_it_does_not_concern() {
    let mut snapshot = healthy();
    snapshot.kube.netbox_enterprises = Table::default();
    assert_not_applicable(CheckId::NbeReady, &snapshot);
    uninstall(&mut snapshot, KubeKind::NetBoxEnterprises);
    assert_not_applicable(CheckId::NbeReady, &snapshot);
}
