//! Forecast against truth on real servers: the loss of a host, and of the one that leads kube-controller-manager, foretold from a
//! third host by the product's sources and then suffered. Prints both, and fails where they differ. Start reading at [`measure`];
//! [`crate::workloads`] has what is lost.

#[path = "../parity/truth.rs"]
mod truth;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use quorate::base::Text;
use quorate::cli::args::Global;
use quorate::cli::observe;
use quorate::forecast::{Forecaster, NEXT_TAINT};
use quorate::model::kube::Tri;
use quorate::model::{FeedId, KubeKind, Policy, Snapshot};
use tokio::sync::watch;
use tokio::time::timeout;
use truth::{Line, MISSED, Trial};

use crate::lab::Lab;
use crate::{row, workloads};

/// What tells the observer, this very program on a host of the lab, where it works and which node is lost.
const FOLDER: &str = "QUORATE_TRUTH_FOLDER";
const NODE: &str = "QUORATE_TRUTH_NODE";
/// How long the cluster may take until nothing moves any more.
const SETTLED: Duration = Duration::from_secs(100);
/// How long a loss may take, and what must not happen has time to.
const WATCHED: Duration = Duration::from_secs(150);
const AFTERWARDS: Duration = Duration::from_secs(5);
/// Seconds that pods tolerate a silent node, unless they say otherwise.
const TOLERATION: &str = "10";

/// Loses two hosts, one after the other.
pub fn measure() {
    let lab = Lab::up(&["--zones", "--toleration", TOLERATION]);
    let file = lab.state().join("workloads.json");
    std::fs::write(&file, workloads::all().to_string()).unwrap();
    lab.run(&["kubectl", "apply", "-f", file.to_str().unwrap()]);
    let leader = leader(&lab);
    let (first, here) = if leader == 3 { (2, 1) } else { (3, 3 - leader) };
    let mut lines = lose(&lab, first, here);
    lab.run(&["revive", &first.to_string()]);
    lines.extend(lose(&lab, leader, here));
    let wrong: Vec<String> = lines
        .iter()
        .filter(|line| !line.is_so)
        .map(|line| format!("{line:?}"))
        .collect();
    assert!(wrong.is_empty(), "not as foretold:\n{}", wrong.join("\n"));
    let missed = lines.iter().filter(|line| line.what == MISSED).count();
    assert!(
        missed < 2,
        "a taint that misses its turn is foretold to be rare, not to come twice"
    );
}

/// The host from which kube-controller-manager leads.
fn leader(lab: &Lab) -> u8 {
    let holder = "jsonpath={.spec.holderIdentity}";
    let lease = [
        "kubectl",
        "-n",
        "kube-system",
        "get",
        "lease",
        "kube-controller-manager",
        "-o",
        holder,
    ];
    let holder = lab.run(&lease);
    holder.strip_prefix("nbe-").unwrap()[..1].parse().unwrap()
}

fn lose(lab: &Lab, host: u8, here: u8) -> Vec<Line> {
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        format!("{FOLDER}={}", folder.path().display()),
        format!("{NODE}=nbe-{host}"),
    ];
    let me = std::env::current_exe().unwrap();
    let argv = ["env", &variables[0], &variables[1], me.to_str().unwrap()];
    let lines: Vec<Line> = std::thread::scope(|scope| {
        let observer = scope.spawn(|| lab.on_host(here, &argv));
        let deadline = Instant::now() + SETTLED + AFTERWARDS;
        while !folder.path().join("ready").exists() && !observer.is_finished() {
            assert!(Instant::now() < deadline, "the observer on host {here} is not ready");
            std::thread::park_timeout(Duration::from_millis(100));
        }
        lab.run(&["kill", &host.to_string()]);
        let output = observer.join().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    });
    println!("nbe-{host} is lost, foretold on nbe-{here}");
    for line in &lines {
        let foretold = if line.actual == line.foretold {
            "as foretold"
        } else {
            &line.foretold
        };
        let mark = if line.is_so { "" } else { "   WRONG" };
        row(
            &format!("    {}", line.what),
            &line.actual,
            &format!("{foretold}{mark}"),
        );
    }
    lines
}

/// The observer's part, where this process is one. Prints lines as JSON.
pub fn observe_if_told() -> bool {
    let (Some(folder), Ok(node)) = (std::env::var_os(FOLDER), std::env::var(NODE)) else {
        return false;
    };
    let runtime = observe::runtime().unwrap();
    let lines = runtime.block_on(watch(&Text::from(node), || {
        std::fs::write(Path::new(&folder).join("ready"), "").unwrap();
    }));
    runtime.shutdown_background();
    println!("{}", serde_json::to_string(&lines).unwrap());
    true
}

async fn watch(node: &Text, strike: impl FnOnce()) -> Vec<Line> {
    let observing = observe::start(&observe::settings(&Global::default()).unwrap())
        .await
        .unwrap();
    let mut snapshots = observing.observer.snapshots.clone();
    let before = settled(&mut snapshots).await;
    let mut trial = Trial::of(&before, node);
    strike();
    let mut now = before;
    let mut end = tokio::time::Instant::now() + WATCHED;
    let mut is_over = false;
    while tokio::time::timeout_at(end, snapshots.changed())
        .await
        .is_ok_and(|changed| changed.is_ok())
    {
        let at = Timestamp::now();
        now = Arc::clone(&snapshots.borrow_and_update());
        trial.see(&now, at);
        if !is_over && trial.is_over(&now) {
            (is_over, end) = (true, tokio::time::Instant::now() + AFTERWARDS);
        }
    }
    trial.lines(&now, Duration::ZERO, NEXT_TAINT)
}

/// The cluster, once nothing moves any more.
async fn settled(snapshots: &mut watch::Receiver<Arc<Snapshot>>) -> Arc<Snapshot> {
    let mut moves = Vec::new();
    let is_settled = |snapshot: &Arc<Snapshot>| {
        moves = unsettled(snapshot);
        moves.is_empty()
    };
    let waited = timeout(SETTLED, snapshots.wait_for(is_settled)).await;
    let snapshot = waited.map(|snapshot| Arc::clone(&snapshot.unwrap()));
    snapshot.unwrap_or_else(|_| panic!("not settled within {SETTLED:?}: {moves:?}"))
}

/// What still moves, or is not yet known.
fn unsettled(snapshot: &Snapshot) -> Vec<String> {
    let mut moves = Vec::new();
    let kube = &snapshot.kube;
    let needed = [KubeKind::Leases, KubeKind::Claims, KubeKind::Volumes].map(FeedId::Kube);
    moves.extend(
        needed
            .iter()
            .filter(|feed| !snapshot.feed(**feed).is_current())
            .map(ToString::to_string),
    );
    if Forecaster::new(snapshot).is_err() || snapshot.quorum().spare() != Some(1) {
        moves.push("not all is known".to_owned());
    }
    let are_well = kube
        .nodes
        .values()
        .filter(|node| node.ready.status == Tri::True && node.taints.is_empty());
    if are_well.count() != 3 {
        moves.push("nodes".to_owned());
    }
    let late = Policy::default().heartbeat_late;
    let beats = kube
        .nodes
        .values()
        .map(|node| snapshot.heartbeat_age(node.name.as_str()));
    if beats.flatten().any(|beat| beat.age > late) {
        moves.push("heartbeats".to_owned());
    }
    let pods = kube
        .pods
        .iter()
        .filter(|(_, pod)| pod.value.deleting.is_some() || !pod.value.ready);
    moves.extend(pods.map(|(key, _)| key.to_string()));
    let placements = snapshot.placements();
    let short = placements
        .iter()
        .filter(|own| own.workload.ready < own.workload.desired);
    moves.extend(short.map(|own| own.key.to_string()));
    if !placements.iter().any(|own| own.key.namespace == workloads::NAMESPACE) {
        moves.push("the workloads".to_owned());
    }
    moves
}
