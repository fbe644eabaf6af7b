//! An API server of another cluster beside our etcd.

use super::*;

/// Kubernetes' objects are those of another cluster, with its own members, names and addresses.
fn meet_another_cluster(snapshot: &mut Snapshot) {
    *snapshot = example::other_cluster(snapshot.clone());
}

#[test]
fn the_heartbeat_of_another_cluster_proves_nothing() {
    let mut snapshot = example::quorum_lost();
    snapshot.feeds.extend(
        healthy()
            .feeds
            .into_iter()
            .filter(|(id, _)| matches!(id, FeedId::Api | FeedId::Kube(_))),
    );
    assert_eq!(snapshot.api_is_of_this_cluster(), Some(true));
    assert!(matches!(snapshot.quorum().standing, Standing::Held { .. }));
    meet_another_cluster(&mut snapshot);
    assert_eq!(snapshot.api_is_of_this_cluster(), Some(false));
    assert_eq!(snapshot.quorum().standing, Standing::Lost);
}

#[test]
fn another_cluster_is_called_so_only_where_objects_can_tell() {
    let mut snapshot = healthy();
    meet_another_cluster(&mut snapshot);
    // Etcd's list, or the objects, are not known yet.
    let mut blind = snapshot.clone();
    blind.etcd = crate::model::etcd::EtcdFacts::default();
    assert_eq!(blind.api_is_of_this_cluster(), None);
    let mut early = snapshot.clone();
    early.feeds.insert(
        FeedId::Kube(KubeKind::EtcdMembers),
        FeedState::Syncing { since: ago(1) },
    );
    assert_eq!(early.api_is_of_this_cluster(), None);
    // EtcdMembers may not be read: addresses alone may be of another network.
    let mut forbidden = snapshot.clone();
    forbidden.kube.etcd_members = crate::model::Table::default();
    assert_eq!(forbidden.api_is_of_this_cluster(), None);
    // A cluster of another make has none, and no node that we know.
    let off = FeedState::Off {
        why: why(WhyKind::NotFound),
    };
    forbidden.feeds.insert(FeedId::Kube(KubeKind::EtcdMembers), off);
    assert_eq!(forbidden.api_is_of_this_cluster(), Some(false));
    let mut named_alike = example::node(9);
    named_alike.name = example::name(2);
    let key = crate::model::ObjectKey::new("", example::name(2));
    example::put(&mut forbidden.kube.nodes, KubeKind::Nodes, key, named_alike);
    assert_eq!(forbidden.api_is_of_this_cluster(), None);
    // One object of ours is enough.
    let key = crate::model::ObjectKey::new("", example::name(3));
    example::put(&mut snapshot.kube.nodes, KubeKind::Nodes, key, example::node(3));
    assert_eq!(snapshot.api_is_of_this_cluster(), Some(true));
}
