#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use super::*;
use crate::model::example::{Death, change, healthy, kill_member, lose_feed, name, node_lost};
use crate::model::kube::{Pod, Taint};

fn told(snapshot: &Snapshot, losses: &[&[u8]]) -> Vec<Outlook> {
    let losses: Vec<Loss> = losses
        .iter()
        .map(|hosts| Loss::of(hosts.iter().map(|n| name(*n))))
        .collect();
    Forecaster::new(snapshot).unwrap().what_if(&losses)
}

fn fate<'a>(outlook: &'a Outlook, workload: &str) -> &'a Fate {
    let of = |own: &&Move| own.workload.as_ref().is_some_and(|(_, key)| key.name == workload);
    &outlook.moves.iter().find(of).unwrap().fate
}

fn web_key() -> ObjectKey {
    ObjectKey::new("kotsadm", "netbox-netbox")
}

#[test]
fn one_loss_leaves_quorum_without_a_spare_and_two_lose_it() {
    let outlooks = told(&healthy(), &[&[3], &[2]]);
    let held = QuorumAfter::Held {
        healthy: 2,
        voters: 3,
        spare: 0,
    };
    assert_eq!(outlooks[0].quorum, held);
    let lost = QuorumAfter::Lost {
        healthy: 1,
        voters: 3,
        needed: 2,
    };
    assert_eq!(outlooks[1].quorum, lost);
    assert_eq!(outlooks[1].after, [name(3)]);
    assert!(
        outlooks[1].moves.is_empty() && outlooks[1].times.is_none(),
        "nothing is written"
    );
    let web = outlooks[1].web().unwrap();
    assert_eq!(
        (web.ready, web.left, web.settled),
        (3, 2, Some(2)),
        "nbe-1 has two of them by then"
    );
    assert_eq!(web.on, [name(1)]);
}

fn lines(outlook: &Outlook, title: &str) -> Vec<String> {
    let chapters = tell::chapters(outlook).into_iter();
    let lines = chapters
        .filter(|chapter| chapter.title == title)
        .flat_map(|own| own.lines);
    lines.map(|line| line.to_string()).collect()
}

#[test]
fn who_takes_over_and_who_serves_users_depends_on_quorum() {
    let held = &told(&healthy(), &[&[2]])[0];
    assert_eq!(
        lines(held, "led from there"),
        [
            "etcd: the others elect a leader, a second or two without writes",
            "kube-controller-manager: heartbeats are counted from zero by the next one"
        ]
    );
    assert_eq!(
        lines(held, "users")[0],
        "netbox-netbox serves with 2 of 3 replicas, on nbe-1 and nbe-3; for 35 s to 47 s requests may still be sent to \
         the lost one"
    );
    let lost = &told(&node_lost(Death::Refused), &[&[2]])[0];
    let nobody = "it led from there, and nobody can take over until quorum is back";
    assert_eq!(
        lines(lost, "led from there"),
        [format!("etcd: {nobody}"), format!("kube-controller-manager: {nobody}")]
    );
    assert_eq!(
        lines(lost, "users"),
        [
            "netbox-netbox serves with 1 of 2 replicas, on nbe-1; requests are still sent to the lost one until quorum is back"
        ]
    );
    let why = Why::new(WhyKind::NotYet, "etcd has not told who its members are");
    let quorum = QuorumAfter::CannotTell { why };
    let led = vote::leaders(&healthy(), &healthy().quorum(), &[name(2)], &quorum);
    assert_eq!(led.len(), 2);
    assert!(
        led.iter().all(|line| line.as_str().contains("cannot be told")),
        "{led:?}"
    );
    let open = Outlook { quorum, ..held.clone() };
    assert!(lines(&open, "users")[0].contains("or if quorum is lost until it is back"));
}

#[test]
fn a_spread_that_ignores_taints_keeps_the_replacement_out_until_the_node_is_deleted() {
    let mut snapshot = healthy();
    assert!(
        matches!(fate(&told(&snapshot, &[&[3]])[0], "netbox-netbox"), Fate::Moves { .. }),
        "Honor lets it in"
    );
    change(&mut snapshot.kube.deployments, &web_key(), |web| {
        web.spread[0].honors_taints = false;
    });
    let outlook = &told(&snapshot, &[&[3]])[0];
    let Fate::Pending {
        obstacles,
        until_deleted,
    } = fate(outlook, "netbox-netbox")
    else {
        panic!("{outlook:?}");
    };
    assert!(until_deleted);
    let times = outlook.times.as_ref().unwrap();
    assert_eq!(
        times.replaced.unwrap().from,
        times.evicted[0].at.from,
        "the web is not among them"
    );
    let when = lines(outlook, "when");
    assert!(
        !when.iter().any(|line| line.contains("2 min to 4 min from cold")),
        "{when:?}"
    );
    let spread = |n| (name(n), Obstacle::Spread);
    assert_eq!(*obstacles, [spread(1), spread(2), (name(3), Obstacle::Taint)]);
    let lines = tell::chapters(outlook);
    let pending = lines.iter().find(|chapter| chapter.title == "stays Pending").unwrap();
    assert_eq!(
        pending.lines[0].as_str(),
        "netbox-netbox: 1 node(s) had untolerated taint(s), 2 node(s) didn't match pod topology spread constraints; it \
         starts once the lost Node is deleted, or returns"
    );
}

#[test]
fn where_it_counts_who_leaves_first_the_forecast_says_so() {
    // Two on nbe-3, one on nbe-2, two on nbe-1, and two more than elsewhere are allowed: beside the empty domain one may come
    // to nbe-2; while the other still counts on nbe-3, one may come to nbe-1, too.
    let mut snapshot = healthy();
    change(&mut snapshot.kube.deployments, &web_key(), |web| {
        web.spread[0].honors_taints = false;
        web.spread[0].max_skew = 2;
    });
    for (n, node) in [(1, 1), (3, 3)] {
        let of_web = |key: &ObjectKey| key.name.as_str().starts_with("netbox-netbox-");
        let pods = &snapshot.kube.pods;
        let own = pods
            .iter()
            .find(|(key, pod)| of_web(key) && pod.value.node == Some(name(node)));
        let (key, twin) = own.map(|(key, pod)| (key.clone(), pod.clone())).unwrap();
        let key = ObjectKey::new(key.namespace, format!("{}-{n}", key.name));
        snapshot.kube.pods.rows_mut().insert(key, twin.into());
    }
    let outlook = &told(&snapshot, &[&[3]])[0];
    let of_web = |own: &&Move| own.workload.as_ref().is_some_and(|(_, key)| *key == web_key());
    let fates: Vec<&Fate> = outlook.moves.iter().filter(of_web).map(|own| &own.fate).collect();
    let [Fate::Moves { feasible, .. }, Fate::Unknown { .. }] = fates.as_slice() else {
        panic!("{fates:?}");
    };
    assert_eq!(*feasible, [name(2), name(1)]);
    let web = outlook.workloads.iter().find(|own| own.key == web_key()).unwrap();
    assert_eq!((web.left, web.settled), (3, None));
}

#[test]
fn too_few_domains_count_as_an_empty_one() {
    let mut snapshot = healthy();
    change(&mut snapshot.kube.deployments, &web_key(), |web| {
        web.spread[0].min_domains = Some(3);
    });
    let Fate::Pending {
        obstacles,
        until_deleted,
    } = fate(&told(&snapshot, &[&[3]])[0], "netbox-netbox").clone()
    else {
        panic!("two domains are left of three");
    };
    assert!(!until_deleted, "the deletion leaves two domains as well");
    assert_eq!(obstacles[0].1, Obstacle::Spread);
}

#[test]
fn no_room_a_taint_or_a_cordon_is_told_by_node() {
    let mut snapshot = healthy();
    let node = |n| ObjectKey::new("", name(n));
    change(&mut snapshot.kube.nodes, &node(1), |node| node.unschedulable = true);
    change(&mut snapshot.kube.nodes, &node(2), |node| {
        node.allocatable.cpu_milli = 10;
        node.allocatable.memory_bytes = 10;
    });
    let Fate::Pending { obstacles, .. } = fate(&told(&snapshot, &[&[3]])[0], "netbox-worker").clone() else {
        panic!("nobody has room");
    };
    let expected = [
        (name(1), Obstacle::Unschedulable),
        (name(2), Obstacle::Cpu),
        (name(2), Obstacle::Memory),
        (name(3), Obstacle::Taint),
    ];
    assert_eq!(obstacles, expected);
    change(&mut snapshot.kube.nodes, &node(1), |node| {
        node.unschedulable = false;
        node.taints.push(Taint {
            key: "maintenance".into(),
            value: "".into(),
            effect: "NoSchedule".into(),
            added: None,
        });
    });
    let Fate::Pending { obstacles, .. } = fate(&told(&snapshot, &[&[3]])[0], "netbox-worker").clone() else {
        panic!("nobody takes it");
    };
    assert_eq!(obstacles[0], (name(1), Obstacle::Taint));
}

#[test]
fn what_is_left_on_each_survivor_is_what_the_replacements_did_not_take() {
    let (before, after) = (healthy(), &told(&healthy(), &[&[3]])[0]);
    let nodes: Vec<&str> = after.room.iter().map(|own| own.node.as_str()).collect();
    assert_eq!(nodes, ["nbe-1", "nbe-2"]);
    let asked = |pods: &mut dyn Iterator<Item = &Pod>| pods.map(|pod| pod.requests.cpu_milli).sum::<u64>();
    let survivors = [Some(name(1)), Some(name(2))];
    let pods = before.kube.pods.iter().map(|(_, fact)| &fact.value);
    let there = asked(&mut pods.filter(|pod| survivors.contains(&pod.node)));
    let moved = after.moving().filter_map(|own| before.kube.pods.get(&own.pod));
    let moved = asked(&mut moved.map(|fact| &fact.value));
    assert!(moved > 0);
    let has: u64 = [1, 2]
        .iter()
        .map(|n| before.node(&name(*n)).unwrap().allocatable.cpu_milli)
        .sum();
    let left: u64 = after.room.iter().map(|own| own.cpu_milli).sum();
    assert_eq!(left, has - there - moved);
    let told_lines = lines(after, "room left");
    assert!(
        told_lines[1].starts_with("nbe-2 keeps ") && told_lines[1].ends_with(" pods free, by requests"),
        "{told_lines:?}"
    );
    let room = told(&node_lost(Death::Refused), &[&[2]])[0].room.clone();
    assert_eq!(room.len(), 1, "nbe-3 is lost, too: {room:?}");
}

#[test]
fn a_stateful_set_waits_and_its_data_are_named() {
    let outlook = &told(&healthy(), &[&[3]])[0];
    assert_eq!(*fate(outlook, "kotsadm-rqlite"), Fate::Held);
    let claims: Vec<&str> = outlook.claims.iter().map(|own| own.claim.name.as_str()).collect();
    assert_eq!(claims, ["kotsadm-rqlite-kotsadm-rqlite-2"]);
}

#[test]
fn times_follow_the_running_grace_period_and_who_counts() {
    // 20 s of grace, looked at every 5 s: `k0s-etcd-failover` C2. nbe-2 leads kube-controller-manager.
    let band = |from, to| Band {
        from: Duration::from_secs(from),
        to: Duration::from_secs(to),
    };
    let times = told(&healthy(), &[&[3]])[0].times.clone().unwrap();
    assert_eq!((times.unknown, times.tainted), (band(20, 26), band(20, 26)));
    assert_eq!(times.evicted[0].at, band(50, 57));
    // NetBox's web moves, in 2 to 4 minutes from cold.
    assert_eq!(times.replaced, Some(band(170, 297)));
    // Before 1.34 the taint waits for the next look.
    let mut older = healthy();
    older.host.k0s = None;
    change(
        &mut older.kube.nodes,
        &ObjectKey::new("", older.host.name.clone()),
        |node| {
            node.kubelet_version = "v1.33.13+k0s".into();
        },
    );
    assert_eq!(told(&older, &[&[3]])[0].times.as_ref().unwrap().tainted, band(25, 31));
    let leader = &told(&healthy(), &[&[2]])[0];
    let unknown = leader.times.as_ref().unwrap().unknown;
    assert_eq!(
        (unknown.from, unknown.to),
        (Duration::from_secs(35), Duration::from_millis(46_500))
    );
    assert_eq!(
        leader.leaders.len(),
        2,
        "etcd's leader and kube-controller-manager: {:?}",
        leader.leaders
    );
}

#[test]
fn a_grace_period_ends_with_a_whole_look() {
    let mut snapshot = healthy();
    for (grace, unknown) in [("8s", 10), ("10s", 10), ("11s", 15)] {
        for process in &mut snapshot.host.processes.as_mut().unwrap().value {
            process.flags.insert("node-monitor-grace-period".into(), grace.into());
        }
        let times = told(&snapshot, &[&[3]])[0].times.clone().unwrap();
        assert_eq!(times.unknown.from, Duration::from_secs(unknown), "{grace}");
    }
}

#[test]
fn what_is_already_lost_counts() {
    let outlook = &told(&node_lost(Death::Refused), &[&[2]])[0];
    assert!(outlook.quorum.is_lost(), "{:?}", outlook.quorum);
    let mut silent = healthy();
    kill_member(&mut silent, 3, Death::Silent, 60);
    assert!(!matches!(told(&silent, &[&[2]])[0].quorum, QuorumAfter::Held { .. }));
}

#[test]
fn a_node_that_is_lost_already_is_told_so_without_times_that_are_past() {
    let lost = node_lost(Death::Refused);
    let outlook = &told(&lost, &[&[3]])[0];
    let since = lost.lease_renewed("kube-node-lease", "nbe-3").unwrap();
    let already = LostAlready { node: name(3), since };
    assert_eq!(
        (outlook.is_lost_already(), &outlook.lost_already),
        (true, &vec![already])
    );
    assert!(outlook.times.is_none() && lines(outlook, "when").is_empty());
    let line = &lines(outlook, "lost already")[0];
    let at = since.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    assert!(
        line.starts_with(&format!("nbe-3 is lost already, since {at}")),
        "{line}"
    );
    let row = tell::columns(outlook);
    assert_eq!(row[3..], ["-", "-", "-", "lost already"]);
    let forecaster = Forecaster::new(&lost).unwrap();
    assert!(
        forecaster.of_a_failover(&outlook.loss).times.is_some(),
        "its failover is told by them"
    );
    // Of a loss of several the others are foretold.
    let both = &told(&lost, &[&[3, 2]])[0];
    assert!(!both.is_lost_already() && both.lost_already.len() == 1);
    assert!(told(&healthy(), &[&[3]])[0].lost_already.is_empty());
}

#[test]
fn nothing_is_foretold_from_a_source_that_is_lost() {
    let mut snapshot = healthy();
    lose_feed(&mut snapshot, FeedId::Kube(KubeKind::Pods));
    assert!(Forecaster::new(&snapshot).is_err());
}

#[test]
fn each_node_is_a_domain_and_each_zone_that_has_several() {
    let mut snapshot = healthy();
    assert_eq!(domains(&snapshot).len(), 3);
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(3)), |node| {
        node.zone = Some("zone-b".into());
    });
    let names: Vec<Text> = domains(&snapshot).iter().map(Loss::name).collect();
    assert_eq!(names, ["nbe-1", "nbe-2", "nbe-3", "zone zone-b"]);
}

#[test]
fn many_losses_are_told_in_their_order_as_each_is_alone() {
    let snapshot = healthy();
    let forecaster = Forecaster::new(&snapshot).unwrap();
    let losses: Vec<Loss> = (0..50).map(|n| Loss::of([name(1 + n % 3)])).collect();
    let alone: Vec<Outlook> = losses
        .iter()
        .flat_map(|loss| forecaster.what_if(std::slice::from_ref(loss)))
        .collect();
    assert_eq!(forecaster.each(&losses), alone);
}
