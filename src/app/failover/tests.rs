#![allow(clippy::unwrap_used)]

use super::*;
use crate::forecast::Band;
use crate::model::entry::{EntryId, Probed};
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

fn step<'a>(steps: &'a [tell::Step], what: &str) -> &'a tell::Step {
    steps.iter().find(|step| step.what.contains(what)).unwrap()
}

#[test]
fn what_is_held_or_pending_is_not_foretold_to_be_ready() {
    let lost = example::node_lost(Death::Refused);
    let all = at_one_look(&lost, &Policy::default()).unwrap();
    let own = &all[0];
    let short = own.workloads.iter().filter(|own| own.is_to_stay_short());
    let short: Vec<&str> = short.map(|own| own.key.name.as_str()).collect();
    assert!(
        short.contains(&"netbox-netbox") && short.contains(&"kotsadm-rqlite"),
        "{short:?}"
    );
    let steps = tell::steps(own);
    let ready = step(&steps, "ready elsewhere");
    let count = crate::base::plural(own.workloads.len() - short.len(), "workload");
    assert_eq!(ready.what, format!("{count} ready elsewhere"));
    assert!(
        ready.notes.iter().any(|note| note.starts_with("netbox-netbox: ")),
        "{ready:?}"
    );
}

#[test]
fn a_console_that_opens_later_dates_evictions_by_whoever_asked_for_them() {
    let lost = example::node_lost(Death::Refused);
    let (_, failovers) = followed(vec![lost.clone()]);
    let own = &failovers.open()[0];
    assert_eq!(own.first_look, Some(lost.now.wall));
    assert!(
        own.pods
            .iter()
            .all(|pod| pod.evicted.is_some_and(|at| at < lost.now.wall)),
        "{:#?}",
        own.pods
    );
}

#[test]
fn a_band_is_told_in_whole_seconds_that_contain_it() {
    let band = Band {
        from: Duration::from_millis(56_300),
        to: Duration::from_millis(58_300),
    };
    assert_eq!(crate::forecast::tell::band(band), "56 s to 59 s");
}

#[test]
fn the_longest_gap_of_users_is_kept_and_one_lost_probe_is_none() {
    let served = Probed {
        status: Some(200),
        ..Probed::default()
    };
    let failed = Probed {
        status: Some(503),
        ..Probed::default()
    };
    let mut lost = example::node_lost(Death::Refused);
    let look = |lost: &mut Snapshot, probes: &[(u64, &Probed)]| {
        let entry = lost.entry.get_mut(&EntryId::Balancer).unwrap();
        for (seconds, probed) in probes {
            entry.take(example::ago(*seconds), Probed::clone(probed));
        }
        lost.clone()
    };
    let first = look(&mut lost, &[(60, &served), (59, &failed), (58, &served)]);
    let second = look(&mut lost, &[(50, &failed), (49, &failed), (40, &served)]);
    let third = look(&mut lost, &[(30, &failed), (29, &failed)]);
    let told = |snapshots: Vec<Snapshot>| {
        let (_, failovers) = followed(snapshots);
        let own = failovers.open()[0].clone();
        let story = tell::story(&own, lost.now.wall);
        let row = story.into_iter().find(|(what, ..)| what == "users");
        (own.users.unwrap(), row.unwrap())
    };
    let (users, (_, text, is_bad)) = told(vec![first.clone()]);
    assert!(users.served && users.gap.is_none() && !is_bad, "{users:?}");
    assert!(text.as_str().starts_with("served, without a gap"), "{text}");
    let (users, (_, text, _)) = told(vec![first.clone(), second.clone()]);
    assert!(users.served);
    assert!(
        text.as_str().contains("the longest gap 10 s") && text.as_str().contains("(2 probes"),
        "{text}"
    );
    let (users, (_, text, is_bad)) = told(vec![first, second, third]);
    assert!(
        !users.served && is_bad && text.as_str().starts_with("not served; the longest gap 30 s"),
        "{text}"
    );
}

#[test]
fn a_replacement_that_waits_for_its_image_says_so() {
    let mut lost = example::node_lost(Death::Refused);
    let anew = ObjectKey::new("kotsadm", "netbox-netbox-6d5f8-4");
    example::change(&mut lost.kube.pods, &anew, |pod| {
        pod.node = Some(example::name(1));
        pod.waiting = Some("ImagePullBackOff: registry.local: i/o timeout".into());
    });
    let (_, failovers) = followed(vec![example::healthy(), lost]);
    let steps = tell::steps(&failovers.open()[0]);
    let note = "netbox-netbox: 2 of 3 ready elsewhere, 1 starting: ImagePullBackOff: registry.local: i/o timeout";
    let ready = step(&steps, "ready elsewhere");
    assert!(ready.notes.iter().any(|own| own == note), "{ready:?}");
}

#[test]
fn each_pod_that_leaves_has_its_time() {
    let lost = example::node_lost(Death::Refused);
    let mut before = lost.clone();
    let stays = ObjectKey::new("kotsadm", "kotsadm-rqlite-2");
    example::change(&mut before.kube.pods, &stays, |pod| pod.deleting = None);
    let (_, failovers) = followed(vec![example::healthy(), before]);
    let own = &failovers.open()[0];
    let pods: Vec<tell::Step> = tell::pods(own).collect();
    assert_eq!(pods.len(), own.pods.len(), "daemons and static pods are not counted");
    let waits: Vec<&str> = pods
        .iter()
        .filter(|own| own.seen.is_none())
        .map(|own| own.what.as_str())
        .collect();
    assert_eq!(waits, ["kotsadm/kotsadm-rqlite-2"]);
    assert!(pods.iter().all(|own| own.foretold.is_some()), "{pods:#?}");
    let (what, told, is_late) = tell::row(own, step(&pods, "rqlite-2").clone(), lost.now.wall);
    assert!(is_late && told.as_str().starts_with("late by "), "{what}: {told}");
}
