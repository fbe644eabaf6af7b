//! What a copy is made of. Whether it is like its cluster is compared in `tests/plans/copies.rs`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::ObjectKey;
use crate::model::example;
use crate::model::host::HostFacts;
use crate::model::kube::NodeFiles;
use crate::rehearse::stage::Stage;

#[test]
fn every_k0s_is_of_a_family() {
    use K0sFamily::{From134_4, From135_5, UpTo134_3};
    let cases = [
        ("v1.33.13+k0s.0", UpTo134_3),
        ("v1.34.3+k0s", UpTo134_3),
        ("v1.34.4+k0s", From134_4),
        ("v1.34.10+k0s.1", From134_4),
        ("v1.35.4+k0s", From134_4),
        ("v1.35.5+k0s", From135_5),
        ("v1.36.0+k0s", From134_4),
        ("v1.36.1+k0s", From135_5),
        ("v1.37.2+k0s.0", From135_5),
        ("devel", From135_5),
    ];
    for (version, expected) in cases {
        assert_eq!(family(version), expected, "{version}");
    }
}

#[test]
fn without_a_member_list_or_an_api_server_there_is_no_copy() {
    let nothing = cast(&Snapshot::empty(example::now()), 0).unwrap_err();
    assert!(nothing.text.as_str().contains("nodes are not known"), "{nothing:?}");
    let mut snapshot = example::healthy();
    snapshot.etcd.views.clear();
    let why = cast(&snapshot, 0).unwrap_err();
    assert_eq!(why.text, "etcd did not tell its members");
}

#[test]
fn what_lies_on_a_node_s_disk_and_the_end_of_certificates_come_along() {
    let mut snapshot = example::healthy();
    let key = ObjectKey::new("kotsadm", "netbox-netbox-6d5f8-1");
    let files = |host_path: Option<&str>, seen_at: &[&str]| NodeFiles {
        host_path: host_path.map(Into::into),
        seen_at: seen_at.iter().map(|own| Text::from(*own)).collect(),
    };
    example::change(&mut snapshot.kube.pods, &key, |pod| {
        pod.scratch = vec!["cache".into(), "tmp".into(), "unseen".into()];
        pod.on_node = vec![
            files(None, &["/cache"]),
            files(Some("/srv/media"), &["/copy", "/media"]),
            files(None, &["/tmp"]),
        ];
    });
    let third = example::member_id(3);
    let ends = snapshot.now.wall + jiff::SignedDuration::from_hours(48);
    snapshot.etcd.peers.get_mut(&third).unwrap().certificate_ends = Some(ends);
    let copy = Stage::of(&cast(&snapshot, 0).unwrap(), "copy".into(), snapshot.now.wall);
    let (own, copied) = (
        snapshot.kube.pods.get(&key).unwrap(),
        copy.snapshot().kube.pods.get(&key).unwrap(),
    );
    assert_eq!(copied.value.scratch, own.value.scratch);
    assert_eq!(copied.value.on_node, own.value.on_node);
    assert_eq!(copy.snapshot().etcd.peers[&third].certificate_ends, Some(ends));
}

#[test]
fn what_the_copy_does_not_have_is_told() {
    let mut snapshot = example::healthy();
    snapshot.host = HostFacts {
        name: "a-laptop".into(),
        ..HostFacts::default()
    };
    snapshot.etcd.local = None;
    let notes = cast(&snapshot, 0).unwrap().notes;
    let is_told = |what: &str| notes.iter().any(|note| note.as_str().contains(what));
    assert!(is_told("this host is none of the cluster's"), "{notes:?}");
}
