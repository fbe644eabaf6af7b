//! What a crowded cluster costs: 60 nodes and 3,000 pods of the simulator, seen through the real client code.

use std::sync::Arc;
use std::time::{Duration, Instant};

use quorate::app::{Key, Msg, Screen, State, key, update};
use quorate::check::Level;
use quorate::cli::args::Global;
use quorate::cli::observe::{self, Observing};
use quorate::forecast::{self, Forecaster};
use quorate::model::{Policy, Snapshot};
use quorate::recording::Encoder;
use quorate::sim::wire::Shared;
use quorate::sim::world::resource::Resource;
use quorate::sim::world::store::Key as ObjectKey;
use quorate::view::{self, Colors, Glyphs, Theme};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::json;

use crate::console::Console;
use crate::{SOON, process, row};

const PODS: usize = 3_000;
const SIZE: (u16, u16) = (60, 200);
/// Changes in each tick of 5 ms: 200 a second.
const TICK: Duration = Duration::from_millis(5);
const CHURN: Duration = Duration::from_secs(20);

/// Measures and prints.
pub fn measure() {
    let runtime = observe::runtime().unwrap();
    let global = Global {
        sim: Some("crowded".to_owned()),
        ..Global::default()
    };
    let resolved = observe::settings(&global).unwrap();
    let mut observing = runtime.block_on(observe::start(&resolved)).unwrap();
    let snapshot = runtime.block_on(async {
        let whole = |snapshot: &Arc<Snapshot>| snapshot.kube.pods.len() >= PODS;
        let seen = observing.observer.snapshots.wait_for(whole);
        Arc::clone(&tokio::time::timeout(SOON, seen).await.unwrap().unwrap())
    });
    println!(
        "crowded: {} nodes, {} pods",
        snapshot.kube.nodes.len(),
        snapshot.kube.pods.len()
    );
    frames(&snapshot);
    typing(&snapshot);
    forecast(&snapshot);
    churn(&observing);
}

fn state(snapshot: &Arc<Snapshot>, screen: Screen) -> State {
    let mut state = State::new(Arc::clone(snapshot), Policy::default());
    update(&mut state, Msg::Resize(SIZE.1, SIZE.0));
    state.screen = screen;
    state
}

/// The time of a call: median of 51.
fn time(mut call: impl FnMut()) -> Duration {
    crate::median(
        (0..51)
            .map(|_| {
                let began = Instant::now();
                call();
                began.elapsed()
            })
            .collect(),
    )
}

fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn frames(snapshot: &Arc<Snapshot>) {
    let theme = Theme::named("default", &|_| None)
        .unwrap()
        .on(Colors::Full, Glyphs::Unicode);
    let slowest = Screen::ALL.into_iter().map(|screen| {
        let mut state = state(snapshot, screen);
        let mut terminal = Terminal::new(TestBackend::new(SIZE.1, SIZE.0)).unwrap();
        let took = time(|| {
            let mut geometry = None;
            terminal
                .draw(|frame| geometry = Some(view::render(&state, &theme, frame)))
                .unwrap();
            update(&mut state, Msg::Geometry(geometry.unwrap()));
        });
        (took, screen)
    });
    let (took, screen) = slowest.max().unwrap();
    row(
        &format!("    slowest frame at 200x60 ({})", screen.name()),
        &ms(took),
        "< 5 ms",
    );
    let mut state = state(snapshot, Screen::Pods);
    let took = time(|| drop(update(&mut state, Msg::Snapshot(Arc::clone(snapshot)))));
    row("    taking in a snapshot", &ms(took), "");
    let recorded = record(snapshot);
    row("    recording it, elsewhere", &ms(recorded), "");
    row(
        "    recording it, of what taking it in costs",
        &format!("{:.2}", recorded.as_secs_f64() / took.as_secs_f64()),
        "< 1",
    );
}

/// The next snapshot as a line: a second later, and one pod in a hundred restarted.
fn record(snapshot: &Arc<Snapshot>) -> Duration {
    let mut encoder = Encoder::default();
    encoder.begin(&state(snapshot, Screen::Pods), 0).unwrap();
    let mut now = Snapshot::clone(snapshot);
    let mut restarts = 0;
    time(|| {
        restarts += 1;
        now.now = now.now.plus(Duration::from_secs(1));
        let keys: Vec<_> = now.kube.pods.iter().map(|(key, _)| key.clone()).step_by(100).collect();
        for key in keys {
            if let Some(fact) = now.kube.pods.rows_mut().get_mut(&key) {
                Arc::make_mut(fact).value.restarts = restarts;
            }
        }
        encoder.take(Msg::Snapshot(Arc::new(now.clone()))).unwrap();
        encoder.drawn(now.now, Level::Ok).unwrap();
    })
}

/// What the loss of every fault domain would do.
fn forecast(snapshot: &Snapshot) {
    let losses = forecast::domains(snapshot);
    let took = time(|| {
        let forecaster = Forecaster::new(snapshot).unwrap();
        drop(forecaster.each(&losses));
    });
    row(
        &format!("    forecast of {} losses", losses.len()),
        &ms(took),
        "< 50 ms",
    );
}

/// Each key of a filter and of sorting, with the frame that follows left out.
fn typing(snapshot: &Arc<Snapshot>) {
    for (what, keys) in [("filter key", "/netbox-1"), ("sort key", "s")] {
        let keys: Vec<Key> = key::parse_sequence(keys).unwrap();
        let slowest = (0..keys.len()).map(|n| {
            let mut before = state(snapshot, Screen::Pods);
            for key in &keys[..n] {
                update(&mut before, Msg::Key(*key));
            }
            time(|| drop(update(&mut before.clone(), Msg::Key(keys[n]))))
        });
        row(
            &format!("    slowest {what}, with a copy of the state"),
            &ms(slowest.max().unwrap()),
            "< 50 ms",
        );
    }
}

/// A console of its own, while 200 pods a second change.
fn churn(observing: &Observing) {
    let cluster = observing.cluster.as_ref().unwrap();
    let k0s = cluster.root().join("var/lib/embedded-cluster/k0s");
    let (conf, dir) = (k0s.join("pki/admin.conf"), k0s);
    let argv = [
        env!("CARGO_BIN_EXE_quorate"),
        "--kubeconfig",
        conf.to_str().unwrap(),
        "--k0s-dir",
        dir.to_str().unwrap(),
    ];
    // What it notices is no part of this machine's history.
    let state = cluster.root().join("state");
    let state = [("XDG_STATE_HOME", state.to_str().unwrap())];
    let mut console = Console::start(&argv, &state, SIZE);
    console.wait_for("the nodes", SOON, |screen| screen.contains("60 of 60 Ready"));
    console.press("5");
    console.wait_for("the pods", SOON, |screen| screen.contains("3012 pods"));
    let pid = console.pid();
    let resident = || format!("{:.1} MiB", process::resident_mib(pid));
    let quiet = answer(&mut console);
    row("    resident memory", &resident(), "< 80 MiB");
    let changes = change_pods(cluster.shared(), &mut console);
    let busy = answer(&mut console);
    row(
        &format!("    resident memory after {changes} changes, 200 a second"),
        &resident(),
        "no growth",
    );
    row(
        "    a key is answered, quiet and then busy",
        &format!("{} {}", ms(quiet), ms(busy)),
        "alike",
    );
}

/// From a key to the frame that shows it: the help, opened and closed; median of 11.
fn answer(console: &mut Console) -> Duration {
    let times = (0..11).map(|_| {
        let began = Instant::now();
        console.press("?");
        console.wait_for("the help", SOON, |screen| screen.contains("anywhere"));
        let took = began.elapsed();
        console.press("\u{1b}");
        console.wait_for("the pods again", SOON, |screen| !screen.contains("anywhere"));
        took
    });
    crate::median(times.collect())
}

fn change_pods(shared: &Arc<Shared>, console: &mut Console) -> u32 {
    let pods: Vec<ObjectKey> = shared.with(|world| {
        let pods = world.store().list(Resource::Pods, None);
        pods.map(|(key, _)| key.clone()).collect()
    });
    let began = Instant::now();
    let mut changes = 0;
    while began.elapsed() < CHURN {
        // Behind schedule, the next ones come at once.
        while began.elapsed() >= TICK * changes {
            let key = &pods[changes as usize * 7 % pods.len()];
            shared.with(|world| {
                world.store_mut().change(key, |pod| {
                    pod["status"]["containerStatuses"][0]["restartCount"] = json!(changes);
                });
            });
            changes += 1;
        }
        console.listen(TICK);
    }
    changes
}
