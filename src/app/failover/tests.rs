#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::example::{self, Death};

/// The losses that ended, and the one that goes on, after these snapshots.
fn followed(snapshots: Vec<Snapshot>) -> (Vec<Failover>, Failovers) {
    let mut failovers = Failovers::default();
    let mut ended = Vec::new();
    for snapshot in snapshots {
        ended.extend(failovers.note(&Arc::new(snapshot), &Policy::default()));
    }
    (ended, failovers)
}

#[test]
fn while_every_heartbeat_is_on_time_there_is_no_loss() {
    let (ended, failovers) = followed(vec![example::healthy(), example::healthy()]);
    assert_eq!((ended.len(), failovers.open().len()), (0, 0));
}

#[test]
fn a_loss_that_was_watched_stands_beside_what_was_foretold() {
    let (_, failovers) = followed(vec![example::healthy(), example::node_lost(Death::Refused)]);
    let own = &failovers.open()[0];
    assert_eq!(own.node.as_str(), "nbe-3");
    assert!(own.foretold.is_ok(), "{own:#?}");
    assert!(!own.pods.is_empty() && !own.workloads.is_empty());
}

#[test]
fn a_console_that_opens_later_says_so_and_counts_by_the_taint() {
    let (_, failovers) = followed(vec![example::node_lost(Death::Refused)]);
    let own = &failovers.open()[0];
    assert!(
        own.foretold
            .as_ref()
            .unwrap_err()
            .text
            .as_str()
            .contains("did not watch")
    );
    assert!(own.unknown.is_some(), "by the node's own stamp");
}

#[test]
fn nothing_is_folded_from_sources_that_are_lost() {
    let mut dark = example::node_lost(Death::Refused);
    example::lose_feed(&mut dark, FeedId::Kube(KubeKind::Pods));
    let (_, failovers) = followed(vec![example::healthy(), dark]);
    assert_eq!(failovers.open().len(), 0);
}

#[test]
fn a_node_that_returns_ends_its_loss() {
    let (ended, failovers) = followed(vec![
        example::healthy(),
        example::node_lost(Death::Refused),
        example::healthy(),
    ]);
    assert_eq!(failovers.open().len(), 0);
    assert_eq!(ended[0].end.unwrap().1, End::Returned);
}
