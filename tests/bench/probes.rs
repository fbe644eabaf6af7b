//! How long one `check` takes, beside its slowest probe: what it waits for beyond that is its own doing. The probes are
//! watched by this very program on a host of the lab.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quorate::cli::args::Global;
use quorate::cli::observe;
use quorate::cli::settle::{Enough, is_settled};
use quorate::model::{FeedId, FeedState};

use crate::lab::Lab;
use crate::{median, row};

/// Set where this program only watches.
const INSIDE: &str = "QUORATE_BENCH_PROBES";
const TIMES: usize = 5;

/// With nothing silent.
pub fn measure(lab: &Lab) {
    let checks = (0..TIMES).map(|_| {
        let began = Instant::now();
        lab.json(1, &["check"]);
        began.elapsed()
    });
    let whole = median(checks.collect());
    let me = std::env::current_exe().unwrap();
    let argv = ["env", &format!("{INSIDE}=1"), me.to_str().unwrap()];
    let mut slowest: Vec<(u64, String)> = (0..TIMES)
        .map(|_| {
            let output = lab.on_host(1, &argv);
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
        })
        .collect();
    slowest.sort();
    let (took, feed) = &slowest[TIMES / 2];
    row(
        "check on a healthy cluster (median of 5)",
        &format!("{} ms", whole.as_millis()),
        "about its slowest probe",
    );
    row(&format!("    its slowest probe, {feed}"), &format!("{took} ms"), "");
}

/// Whether this is the process inside the lab; then it has done its work.
pub fn watch_if_told() -> bool {
    if std::env::var_os(INSIDE).is_none() {
        return false;
    }
    let runtime = observe::runtime().unwrap();
    let (feed, took) = runtime.block_on(slowest());
    runtime.shutdown_background();
    println!("{}", serde_json::json!([took.as_millis(), feed]));
    true
}

/// The feed that is the last to have told something or failed, and after how long.
async fn slowest() -> (String, Duration) {
    let began = Instant::now();
    let resolved = observe::settings(&Global::default()).unwrap();
    let observing = observe::start(&resolved).await.unwrap();
    let start = observing.clock.now();
    let mut snapshots = observing.observer.snapshots.clone();
    let mut told: BTreeMap<FeedId, Duration> = BTreeMap::new();
    loop {
        let snapshot = Arc::clone(&snapshots.borrow_and_update());
        let states = snapshot.feeds.iter();
        for (id, _) in states.filter(|(_, state)| !matches!(state, FeedState::Syncing { .. })) {
            told.entry(*id).or_insert_with(|| began.elapsed());
        }
        if is_settled(&snapshot, start, Enough::Everything) {
            let (id, took) = told.into_iter().max_by_key(|(_, took)| *took).unwrap();
            return (id.to_string(), took);
        }
        snapshots.changed().await.unwrap();
    }
}
