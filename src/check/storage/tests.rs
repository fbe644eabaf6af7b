use std::sync::Arc;

use crate::check::testing::{assert_cannot_tell, assert_holds, evidence, one};
use crate::check::{CheckId, Severity};
use crate::model::example::{self, change, name, put};
use crate::model::kube::{Claim, Volume};
use crate::model::{FeedId, KubeKind, ObjectKey, Snapshot};

/// The healthy example, whose web pods mount a claim of this provisioner.
fn with_media(provisioner: Option<&str>) -> Snapshot {
    let mut snapshot = example::healthy();
    for (key, row) in snapshot.kube.pods.rows_mut() {
        if key.name.as_str().starts_with("netbox-netbox-") {
            Arc::make_mut(row).value.claims = vec!["media".into()];
        }
    }
    if let Some(provisioner) = provisioner {
        let claim = Claim {
            phase: "Bound".into(),
            provisioner: Some(provisioner.into()),
            node: Some(name(2)),
            volume: None,
        };
        put(
            &mut snapshot.kube.claims,
            KubeKind::Claims,
            ObjectKey::new("kotsadm", "media"),
            claim,
        );
    }
    snapshot
}

#[test]
fn media_on_one_node_are_found() {
    assert_holds(CheckId::StorageMedia, &example::healthy());
    assert_holds(CheckId::StorageMedia, &with_media(Some("nfs.csi.k8s.io")));
    let subject = "deployment/kotsadm/netbox-netbox";
    let finding = one(
        CheckId::StorageMedia,
        &with_media(Some("openebs.io/local")),
        Severity::Warning,
        subject,
    );
    assert_eq!(evidence(&finding), "claim media is local to nbe-2");
    assert_cannot_tell(CheckId::StorageMedia, &with_media(None), FeedId::Kube(KubeKind::Claims));
}

#[test]
fn a_volume_knows_better_than_its_claim_where_it_can_be_mounted() {
    let pinned = |hosts: Vec<crate::base::Text>| {
        let mut snapshot = with_media(Some("rancher.io/path"));
        let key = ObjectKey::new("kotsadm", "media");
        change(&mut snapshot.kube.claims, &key, |claim| {
            claim.volume = Some("pvc-media".into());
        });
        let volume = Volume {
            phase: "Bound".into(),
            hosts,
            reclaim: "Delete".into(),
        };
        put(
            &mut snapshot.kube.volumes,
            KubeKind::Volumes,
            ObjectKey::new("", "pvc-media"),
            volume,
        );
        snapshot
    };
    let subject = "deployment/kotsadm/netbox-netbox";
    let finding = one(
        CheckId::StorageMedia,
        &pinned(vec![name(3)]),
        Severity::Warning,
        subject,
    );
    assert_eq!(evidence(&finding), "claim media is local to nbe-3");
    assert_holds(CheckId::StorageMedia, &pinned(Vec::new()));
    assert_holds(CheckId::StorageMedia, &pinned(vec![name(2), name(3)]));
}

#[test]
fn a_single_replica_with_local_data_is_told_and_three_that_copy_are_not() {
    let mut snapshot = example::healthy();
    assert_holds(CheckId::StoragePinned, &snapshot);
    let key = ObjectKey::new("kotsadm", "kotsadm-rqlite");
    change(&mut snapshot.kube.stateful_sets, &key, |workload| workload.desired = 1);
    let subject = "statefulset/kotsadm/kotsadm-rqlite";
    let finding = one(CheckId::StoragePinned, &snapshot, Severity::Info, subject);
    assert!(evidence(&finding).contains("is local to nbe-1"), "{finding:#?}");
}
