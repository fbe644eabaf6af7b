//! Forecast against truth: each loss is foretold, then a copy of the simulated cluster suffers it, and what happened is
//! compared: who is evicted and when, who stays Pending and why, where each new pod lands, what is left of etcd.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use quorate::base::Text;
use quorate::forecast::{Band, Fate, Forecaster, Loss, Outlook, QuorumAfter, domains, tell};
use quorate::model::kube::{Tolerates, Tri, WorkloadKind};
use quorate::model::{ObjectKey, Snapshot};
use quorate::rehearse::stage::Stage;
use quorate::sim::scenario::Scenario;
use quorate::sim::world::fault::Fault;
use quorate::sim::world::host::HostId;

/// World time goes in looks of a second, and stamps are whole seconds.
const LOOK: Duration = Duration::from_secs(2);

type Name = (WorkloadKind, ObjectKey);

/// What happened to the pods of a lost node, as seen from another host.
#[derive(Default)]
struct Seen {
    /// Every pod that was being deleted or gone, and when that was seen first.
    evicted: BTreeMap<ObjectKey, Timestamp>,
    unknown: Option<Timestamp>,
    tainted: Option<Timestamp>,
}

fn open(scenario: &str, here: HostId) -> Stage {
    let mut scenario_file = Scenario::named(scenario).unwrap().unwrap();
    scenario_file.here = here;
    let mut stage = Stage::open(
        &scenario_file,
        scenario.into(),
        Timestamp::from_second(1_795_000_000).unwrap(),
    );
    stage.pass(30_000);
    stage
}

fn suffer(stage: &mut Stage, host: HostId, node: &Text, watched: &BTreeSet<ObjectKey>, seconds: u64) -> Seen {
    let mut seen = Seen::default();
    stage.world_mut().inject(&Fault::Kill { host }).unwrap();
    for _ in 0..seconds {
        stage.pass(1_000);
        let snapshot = stage.snapshot();
        let at = snapshot.now.wall;
        let row = snapshot.node(node).unwrap();
        if row.ready.status == Tri::Unknown {
            seen.unknown.get_or_insert(at);
        }
        if row.taints.iter().any(|taint| taint.effect == "NoExecute") {
            seen.tainted.get_or_insert(at);
        }
        for key in watched {
            let pod = snapshot.kube.pods.get(key);
            if pod.is_none_or(|pod| pod.value.deleting.is_some()) {
                seen.evicted.entry(key.clone()).or_insert(at);
            }
        }
    }
    seen
}

fn within(what: &str, at: Option<Timestamp>, from: Timestamp, band: Band) -> Option<String> {
    let Some(at) = at else {
        return Some(format!("{what}: never happened"));
    };
    let after = Duration::try_from(at.duration_since(from)).unwrap();
    let is_within = band.from <= after + LOOK && after <= band.to + LOOK;
    (!is_within).then(|| format!("{what}: after {after:?}, foretold {band:?}"))
}

/// New pods of each workload that wait for a node, with the scheduler's words.
fn pending(before: &Snapshot, after: &Snapshot) -> BTreeMap<Name, Vec<String>> {
    let mut pending: BTreeMap<Name, Vec<String>> = BTreeMap::new();
    for (key, fact) in after.kube.pods.iter().filter(|(_, fact)| fact.value.node.is_none()) {
        if before
            .kube
            .pods
            .get(key)
            .is_none_or(|known| known.value.uid != fact.value.uid)
        {
            let words = fact.value.waiting.as_ref().map(ToString::to_string).unwrap_or_default();
            pending
                .entry(after.workload_of(key, &fact.value).unwrap())
                .or_default()
                .push(words);
        }
    }
    pending
}

fn compare(before: &Snapshot, after: &Snapshot, told: &Outlook, seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let evicted: BTreeSet<&ObjectKey> = seen.evicted.keys().collect();
    let leaves = told.moves.iter().filter(|own| own.fate != Fate::Stays);
    let foretold: BTreeSet<&ObjectKey> = leaves.map(|own| &own.pod).collect();
    if evicted != foretold {
        wrong.push(format!("evicted {evicted:?}, foretold {foretold:?}"));
    }
    let mut waiting: BTreeMap<Name, Vec<String>> = BTreeMap::new();
    let mut feasible: BTreeMap<Name, BTreeSet<&Text>> = BTreeMap::new();
    for own in &told.moves {
        let Some(workload) = own.workload.clone() else { continue };
        match &own.fate {
            Fate::Pending { obstacles, .. } => waiting.entry(workload).or_default().push(tell::reasons(obstacles)),
            Fate::Moves { feasible: nodes, .. } => feasible.entry(workload).or_default().extend(nodes),
            Fate::Held | Fate::Stays | Fate::Lost | Fate::Unknown { .. } => {}
        }
    }
    let pending = pending(before, after);
    for (workload, words) in &pending {
        let told = waiting.remove(workload).unwrap_or_default();
        let is_told = told.len() == words.len() && words.iter().zip(&told).all(|(words, told)| same(words, told));
        if !is_told {
            wrong.push(format!("{workload:?} waits: {words:?}, foretold {told:?}"));
        }
    }
    if !waiting.is_empty() {
        wrong.push(format!("foretold to wait, but does not: {waiting:?}"));
    }
    for (key, fact) in after.kube.pods.iter() {
        let is_new = before
            .kube
            .pods
            .get(key)
            .is_none_or(|known| known.value.uid != fact.value.uid);
        if let (true, Some(node), Some(workload)) = (is_new, &fact.value.node, after.workload_of(key, &fact.value))
            && !feasible.get(&workload).is_some_and(|nodes| nodes.contains(node))
        {
            wrong.push(format!(
                "{key} landed on {node}, foretold {:?}",
                feasible.get(&workload)
            ));
        }
    }
    wrong
}

/// The same reasons, whatever their order: the scheduler sorts its own by their text.
fn same(words: &str, told: &str) -> bool {
    told.split(", ")
        .filter(|reason| reason.starts_with(|c: char| c.is_ascii_digit()))
        .all(|reason| words.contains(reason))
}

fn times(before: &Snapshot, told: &Outlook, seen: &Seen, host: &Text) -> Vec<String> {
    let Some(times) = &told.times else {
        return vec!["no times are foretold".to_owned()];
    };
    let lease = if told
        .leaders
        .iter()
        .any(|own| own.as_str().starts_with("kube-controller-manager"))
    {
        ObjectKey::new("kube-system", "kube-controller-manager")
    } else {
        ObjectKey::new("kube-node-lease", host.clone())
    };
    let from = before.kube.leases.get(&lease).unwrap().value.renewed.unwrap();
    let mut wrong: Vec<String> = Vec::new();
    wrong.extend(within("unknown", seen.unknown, from, times.unknown));
    wrong.extend(within("tainted", seen.tainted, from, times.tainted));
    for own in &told.moves {
        if let Tolerates::Seconds(seconds) = own.leaves {
            let delay = Duration::from_secs(seconds);
            let band = times.evicted.iter().find(|own| own.delay == delay).unwrap().at;
            wrong.extend(within(
                own.pod.name.as_str(),
                seen.evicted.get(&own.pod).copied(),
                from,
                band,
            ));
        }
    }
    wrong
}

fn foretold_and_suffered(scenario: &str, host: u16, seconds: u64) -> (Outlook, Vec<String>) {
    let here = HostId(if host == 1 { 2 } else { 1 });
    let mut stage = open(scenario, here);
    let before = stage.snapshot().clone();
    let node = Text::from(format!("nbe-{host}"));
    let told = Forecaster::new(&before)
        .unwrap()
        .what_if(&[Loss::of([node.clone()])])
        .remove(0);
    let watched: BTreeSet<ObjectKey> = before.pods_on(&node).map(|(key, _)| key.clone()).collect();
    let seen = suffer(&mut stage, HostId(host), &node, &watched, seconds);
    let after = stage.snapshot().clone();
    let mut wrong = compare(&before, &after, &told, &seen);
    wrong.extend(times(&before, &told, &seen, &node));
    let quorum = after.quorum();
    if !matches!(told.quorum, QuorumAfter::Held { healthy, spare, .. } if healthy == quorum.healthy && quorum.spare() == Some(spare))
    {
        wrong.push(format!("etcd: {:?}, foretold {:?}", quorum.standing, told.quorum));
    }
    let wrong = wrong
        .into_iter()
        .map(|wrong| format!("{scenario}, nbe-{host}: {wrong}"));
    let wrong = wrong.collect();
    (told, wrong)
}

/// Scenario, lost host, and for how long it is watched: until the longest toleration is over.
const LOSSES: [(&str, u16, u64); 8] = [
    ("healthy", 1, 180),
    ("healthy", 2, 180),
    ("healthy", 3, 180),
    ("demo", 1, 180),
    ("demo", 3, 180),
    ("no-zone-labels", 2, 180),
    ("ha-not-enabled", 1, 180),
    ("upgraded", 3, 480),
];

#[test]
fn each_loss_goes_as_foretold() {
    let mut wrong = Vec::new();
    let mut waited = 0;
    for (scenario, host, seconds) in LOSSES {
        let (told, differences) = foretold_and_suffered(scenario, host, seconds);
        assert!(
            told.moving().count() > 5,
            "{scenario}, nbe-{host}: a node carries more than that"
        );
        waited += told.pending().count();
        wrong.extend(differences);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        waited > 0,
        "in one of the scenarios a replacement waits: that was compared, too"
    );
}

#[test]
fn all_domains_of_a_crowded_cluster_are_foretold() {
    let stage = open("crowded", HostId(1));
    let snapshot = stage.snapshot();
    let forecaster = Forecaster::new(snapshot).unwrap();
    let outlooks = forecaster.each(&domains(snapshot));
    for outlook in outlooks.iter().step_by(7) {
        let alone = forecaster.what_if(std::slice::from_ref(&outlook.loss));
        assert_eq!(alone.as_slice(), std::slice::from_ref(outlook));
    }
    assert!(outlooks.len() >= 60, "{}", outlooks.len());
    let moved = outlooks.iter().map(|own| own.moves.len()).sum::<usize>();
    assert!(moved > 2_000, "{moved} of 3,000 pods move in one of the losses");
}
