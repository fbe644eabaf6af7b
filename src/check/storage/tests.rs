#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crate::check::testing::{assert_cannot_tell, assert_holds, evidence, one};
use crate::check::{CheckId, Severity};
use crate::model::example::{self, change, name, put};
use crate::model::kube::{Claim, NodeFiles, Volume};
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
fn without_a_pod_of_the_web_nothing_shows_where_media_are() {
    let mut snapshot = example::healthy();
    let is_web = |key: &ObjectKey| key.name.as_str().starts_with("netbox-netbox-");
    snapshot.kube.pods.rows_mut().retain(|key, _| !is_web(key));
    assert_cannot_tell(CheckId::StorageMedia, &snapshot, FeedId::Kube(KubeKind::Pods));
}

#[test]
fn a_claim_of_several_pods_is_one_claim() {
    let subject = "deployment/kotsadm/netbox-netbox";
    let shared = with_media(Some("openebs.io/local"));
    let finding = one(CheckId::StoragePinned, &shared, Severity::Info, subject);
    assert_eq!(evidence(&finding), "claim media is local to nbe-2");
    assert!(
        finding.remedy.as_str().contains("on its 1 volume,"),
        "{}",
        finding.remedy
    );
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
fn where_volumes_are_not_read_only_what_a_claim_says_itself_is_known() {
    let feed = FeedId::Kube(KubeKind::Volumes);
    let unread = |provisioner| {
        let mut snapshot = with_media(Some(provisioner));
        let key = ObjectKey::new("kotsadm", "media");
        change(&mut snapshot.kube.claims, &key, |claim| {
            claim.volume = Some("pvc-media".into());
        });
        snapshot.kube.volumes = crate::model::Table::default();
        example::turn_off(&mut snapshot, feed);
        snapshot
    };
    let subject = "deployment/kotsadm/netbox-netbox";
    let local = unread("openebs.io/local");
    one(CheckId::StorageMedia, &local, Severity::Warning, subject);
    one(CheckId::StoragePinned, &local, Severity::Info, subject);
    for id in [CheckId::StorageMedia, CheckId::StoragePinned] {
        assert_cannot_tell(id, &unread("rancher.io/path"), feed);
        // Without a claim there is no volume to read.
        let mut none = example::healthy();
        example::turn_off(&mut none, feed);
        assert_holds(id, &none);
    }
}

/// The healthy example, whose web pods see a volume of their node there.
fn with_directory(host_path: Option<&str>, seen_at: &str) -> Snapshot {
    let mut snapshot = example::healthy();
    for (key, row) in snapshot.kube.pods.rows_mut() {
        if key.name.as_str().starts_with("netbox-netbox-") {
            Arc::make_mut(row).value.on_node = vec![NodeFiles {
                host_path: host_path.map(Into::into),
                seen_at: vec![seen_at.into()],
            }];
        }
    }
    snapshot
}

#[test]
fn media_in_a_directory_of_the_node_are_found() {
    let media = "/opt/netbox/netbox/media";
    let subject = "deployment/kotsadm/netbox-netbox";
    let finding = one(
        CheckId::StorageMedia,
        &with_directory(Some("/srv/media"), media),
        Severity::Warning,
        subject,
    );
    assert_eq!(
        evidence(&finding),
        "/opt/netbox/netbox/media is the node's own directory /srv/media (hostPath)"
    );
    assert_holds(CheckId::StorageMedia, &with_directory(Some("/etc/ssl"), "/etc/ssl"));
    // With object storage the chart leaves an empty directory there, without it, too.
    let feed = FeedId::Kube(KubeKind::Pods);
    assert_cannot_tell(CheckId::StorageMedia, &with_directory(None, media), feed);
    assert_holds(CheckId::StorageMedia, &with_directory(None, "/tmp"));
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

#[test]
fn replicas_of_which_nobody_knows_that_they_copy_are_told() {
    let mut snapshot = example::healthy();
    let rows = snapshot.kube.stateful_sets.rows_mut();
    let row = rows.remove(&ObjectKey::new("kotsadm", "kotsadm-rqlite")).unwrap();
    rows.insert(ObjectKey::new("kotsadm", "queue"), row);
    for row in snapshot.kube.pods.rows_mut().values_mut() {
        let pod = &mut Arc::make_mut(row).value;
        if let Some(owner) = pod.owner.as_mut().filter(|owner| owner.kind == "StatefulSet") {
            owner.name = "queue".into();
        }
    }
    let finding = one(
        CheckId::StoragePinned,
        &snapshot,
        Severity::Info,
        "statefulset/kotsadm/queue",
    );
    assert_eq!(finding.title, "each of 3 replicas of queue is bound to a node");
    assert_eq!(evidence(&finding).lines().count(), 3, "{finding:#?}");
}
