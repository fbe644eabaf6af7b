use super::*;
use crate::model::example::{self, Death};

fn told(snapshots: &[Snapshot]) -> Vec<String> {
    let policy = Policy::default();
    let mut timeline = Timeline::default();
    let mut before: Option<&Snapshot> = None;
    for snapshot in snapshots {
        let derived = Derived::of(snapshot, &policy);
        timeline.note(before.unwrap_or(snapshot), snapshot, &derived, &policy);
        before = Some(snapshot);
    }
    let entries = timeline.entries();
    entries
        .map(|entry| format!("{} {} {}", entry.topic.word(), entry.subject, entry.text))
        .collect()
}

#[test]
fn the_first_look_is_no_change() {
    assert_eq!(told(&[example::healthy(), example::healthy()]), [""; 0]);
}

#[test]
fn earlier_sessions_stand_before_this_one_and_keep_their_numbers() {
    let now = example::healthy().now;
    let entry = |text: &str| Entry::new(now, Topic::Node, "nbe-3".into(), text, None);
    let mut timeline = Timeline::default();
    timeline.push(entry("now"));
    let mark = timeline.mark();
    timeline.remember(vec![entry("first"), entry("second")]);
    assert_eq!(timeline.since(&mark), [], "what is on disk is not written again");
    let told: Vec<(i64, &str)> = timeline
        .entries()
        .map(|entry| (entry.number, entry.text.as_str()))
        .collect();
    assert_eq!(told, [(0, "now"), (-1, "second"), (-2, "first")]);
    for (number, text) in told {
        assert_eq!(timeline.entry(number).map(|entry| entry.text.as_str()), Some(text));
    }
    assert_eq!((timeline.entry(-3), timeline.entry(1)), (None, None));
    timeline.push(entry("later"));
    let fresh = timeline.since(&mark);
    assert_eq!(fresh.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1]);
}

#[test]
fn what_grows_is_told_again() {
    let mut timeline = Timeline::default();
    let at = example::healthy().now;
    timeline.note_pods(at, [1, 0, 0], "a");
    let mark = timeline.mark();
    assert_eq!(timeline.since(&mark), []);
    timeline.note_pods(at, [0, 0, 2], "b");
    let fresh = timeline.since(&mark);
    assert_eq!(fresh.len(), 1);
    assert_eq!(fresh[0].text.as_str(), "1 created, 2 gone: b");
}

#[test]
fn a_lost_lease_and_a_new_leader_are_told() {
    use crate::model::{ObjectKey, leader};
    let with = |holder: &str, ago: u64| {
        let mut snapshot = example::healthy();
        let key = ObjectKey::new("kube-system", leader::CONTROLLER_MANAGER);
        let lease = snapshot.kube.leases.iter().next().map(|(_, fact)| fact.clone());
        if let Some(mut fact) = lease {
            fact.value.holder = Some(holder.into());
            fact.value.duration_s = 15;
            (fact.changed_at, fact.seen_changing) = (example::ago(ago), true);
            snapshot.kube.leases.rows_mut().insert(key, Arc::new(fact));
        }
        snapshot
    };
    let told = told(&[with("nbe-1_a", 1), with("nbe-1_a", 20), with("nbe-2_b", 1)]);
    assert_eq!(
        told,
        [
            "leader kube-controller-manager led from nbe-2 (was led by nobody)",
            "leader kube-controller-manager led by nobody: the lease of nbe-1 ran out (was led from nbe-1)",
        ]
    );
}

#[test]
fn the_loss_of_a_node_is_told_and_its_return() {
    let healthy = example::healthy;
    let lost = told(&[healthy(), example::node_lost(Death::Refused)]);
    for needed in [
        "node nbe-3 NotReady (was Ready)",
        "health nbe-3 DEAD (was healthy)",
        "spare etcd 0 to spare (was 1 to spare)",
        "workload kotsadm/netbox-netbox 2/3 ready (was 3/3 ready)",
    ] {
        assert!(
            lost.iter().any(|entry| entry.starts_with(needed)),
            "{needed}: {lost:#?}"
        );
    }
    assert!(
        lost.iter().any(|entry| entry.starts_with("pods pods 1 created, ")),
        "{lost:#?}"
    );
    let back = told(&[healthy(), example::node_lost(Death::Refused), healthy()]);
    assert!(back.iter().any(|entry| entry.contains("resolved (was ")), "{back:#?}");
    assert!(
        back.contains(&"node nbe-3 Ready (was NotReady)".to_owned()),
        "{back:#?}"
    );
}

#[test]
fn a_finding_is_not_resolved_by_losing_its_source() {
    let pending = "finding placement.pending deployment/kotsadm/netbox-netbox";
    let of = |told: &[String]| -> Vec<String> {
        let own = told.iter().filter(|entry| entry.starts_with(pending));
        own.cloned().collect()
    };
    let lost = example::node_lost(Death::Refused);
    let mut unheard = lost.clone();
    example::lose_feed(&mut unheard, FeedId::Kube(KubeKind::Pods));
    let healthy = example::healthy;
    let appears = format!("{pending} warning: 1 pod of netbox-netbox pending");
    let unsaid = told(&[healthy(), lost.clone(), unheard.clone()]);
    assert_eq!(of(&unsaid), std::slice::from_ref(&appears));
    let same = told(&[healthy(), lost.clone(), unheard.clone(), lost.clone()]);
    assert_eq!(
        of(&same),
        std::slice::from_ref(&appears),
        "it is known again, and the same"
    );
    let resolved = format!("{pending} resolved (was warning)");
    assert_eq!(of(&told(&[healthy(), lost, unheard, healthy()])), [resolved, appears]);
}

#[test]
fn what_happened_in_the_dark_is_told_when_the_light_returns() {
    let told = told(&[
        example::healthy(),
        example::quorum_lost(),
        example::node_lost(Death::Refused),
    ]);
    let node = "came back Node nbe-3 NotReady (was Ready)";
    assert!(told.iter().any(|entry| entry == node), "{told:#?}");
}

/// As sources return one after the other, each difference is told once, and at last how many there were.
#[test]
fn the_list_of_differences_is_closed_when_all_is_told_again() {
    let returns = |snapshots: &[Snapshot]| -> Vec<String> {
        let mut told = told(snapshots);
        told.retain(|entry| entry.starts_with("came back"));
        told.reverse();
        told
    };
    let (dark, light) = (example::quorum_lost(), example::node_lost(Death::Refused));
    let mut dawn = light.clone();
    example::lose_feed(&mut dawn, FeedId::Kube(KubeKind::Pods));
    dawn.kube.pods = dark.kube.pods.clone();
    let slowly = returns(&[example::healthy(), dark.clone(), dawn, light.clone(), light.clone()]);
    let mut at_once = returns(&[example::healthy(), dark.clone(), light]);
    assert!(slowly.len() > 3, "{slowly:#?}");
    let (before, last) = slowly.split_at(slowly.len() - 1);
    assert_eq!(
        last,
        [format!(
            "came back objects all told by the API again; {} were otherwise than they were shown",
            before.len()
        )]
    );
    let mut sorted = slowly.clone();
    sorted.sort();
    at_once.sort();
    assert_eq!(sorted, at_once, "each once, however they come");
    assert_eq!(
        returns(&[example::healthy(), dark, example::healthy()]),
        ["came back objects all told by the API again, and as they were shown"]
    );
}

#[test]
fn a_lost_source_is_one_entry_and_its_rows_none() {
    let told = told(&[example::healthy(), example::quorum_lost()]);
    let of = |word: &str| told.iter().filter(|entry| entry.starts_with(word)).count();
    assert_eq!((of("feed api lost"), of("feed kube")), (1, 0), "{told:#?}");
    assert_eq!(
        (of("node "), of("workload "), of("pods "), of("heartbeat ")),
        (0, 0, 0, 0),
        "{told:#?}"
    );
}
