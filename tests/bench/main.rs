//! The benchmark: what an operator waits for, and what quorate costs, measured on the lab, and forecasts beside what then
//! happened. Prints figures and their aims; it fails when something does not happen at all, or not as foretold, never
//! for a figure, because these machines are noisy. `cargo bench --features lab`, or `-- forecast` and the like for a step.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../pty/console.rs"]
#[allow(dead_code)] // shared by three test binaries; each uses a part
mod console;
mod crowded;
mod dark;
mod forecast;
#[path = "../lab/lab.rs"]
#[allow(dead_code)] // shared by three test binaries; each uses a part
mod lab;
mod probes;
mod process;
mod recording;
mod workloads;

use std::time::{Duration, Instant};

use console::{Console, NO_SOURCES};
use jiff::Timestamp;
use lab::Lab;
use serde_json::Value;

const SIZE: (u16, u16) = (24, 80);
const SOON: Duration = Duration::from_secs(15);

/// By name.
const STEPS: [(&str, fn()); 5] = [
    ("start", first_frame),
    ("crowded", crowded::measure),
    ("recording", recording::measure),
    ("lab", on_the_lab),
    ("forecast", forecast::measure),
];

fn main() {
    if forecast::observe_if_told() || probes::watch_if_told() {
        return;
    }
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    println!("{:<58} {:>12}   aim", "what", "measured");
    for (_, step) in STEPS.iter().filter(|(name, _)| is_wanted(name)) {
        step();
    }
}

fn on_the_lab() {
    let lab = Lab::up(&["--zones"]);
    complete(&lab);
    probes::measure(&lab);
    idle(&lab);
    losses(&lab);
    dark::measure(&lab);
}

fn row(what: &str, measured: &str, aim: &str) {
    println!("{what:<58} {measured:>12}   {aim}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// From start to a frame, while nothing that quorate asks exists.
fn first_frame() {
    let quorate = env!("CARGO_BIN_EXE_quorate");
    let times = (0..11).map(|_| {
        let began = Instant::now();
        let mut console = Console::start(&[&[quorate], &NO_SOURCES[..]].concat(), &[], SIZE);
        console.wait_for("a first frame", SOON, |screen| !screen.trim().is_empty());
        began.elapsed()
    });
    let median = median(times.collect());
    row(
        "first frame, all sources dead (median of 11)",
        &format!("{} ms", median.as_millis()),
        "< 100 ms",
    );
}

/// From start to a console that shows everything.
fn complete(lab: &Lab) {
    let times = (0..7).map(|_| {
        let began = Instant::now();
        let mut console = lab.console(1, &[], SIZE);
        console.wait_for("three healthy members and the web replicas", SOON, |screen| {
            screen.contains("3 of 3") && screen.contains("netbox-netbox")
        });
        began.elapsed()
    });
    let median = median(times.collect());
    row(
        "complete on a healthy cluster (median of 7)",
        &format!("{} ms", median.as_millis()),
        "< 500 ms",
    );
}

/// What a console costs on which nobody presses a key.
fn idle(lab: &Lab) {
    let mut console = lab.console(1, &[], SIZE);
    console.wait_for("three healthy members", SOON, |screen| screen.contains("3 of 3"));
    console.listen(Duration::from_secs(10));
    let pid = process::running(env!("CARGO_BIN_EXE_quorate"));
    let (requests, cpu, began) = (api_requests(lab), process::cpu(pid), Instant::now());
    let bytes = console.listen(Duration::from_mins(1));
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    let cpu = process::cpu(pid).saturating_sub(cpu).as_secs_f64() / (minutes * 60.0) * 100.0;
    let asked = f64::from(u32::try_from(api_requests(lab) - requests).unwrap()) / minutes;
    row(
        "resident memory",
        &format!("{:.1} MiB", process::resident_mib(pid)),
        "< 40 MiB",
    );
    row("CPU while idle", &format!("{cpu:.2} %"), "");
    row("bytes to the terminal in an idle minute", &bytes.to_string(), "0");
    row("API requests a minute besides watches", &format!("{asked:.0}"), "< 60");
}

fn api_requests(lab: &Lab) -> usize {
    let files = std::fs::read_dir(lab.state().join("audit")).unwrap();
    let texts = files.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
    let count = |text: String| {
        let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ours = events.filter(|event| {
            event["userAgent"]
                .as_str()
                .is_some_and(|agent| agent.starts_with("quorate/"))
        });
        ours.filter(|event| event["stage"] == "ResponseComplete" && event["verb"] != "watch")
            .count()
    };
    texts.map(count).sum()
}

/// From the loss of a host to "spare 0" on the screen, beside what Kubernetes needs to notice.
fn losses(lab: &Lab) {
    let mut console = lab.console(1, &[], SIZE);
    for (fault, aim) in [("kill", "< 3 s"), ("freeze", "< 5 s"), ("blackhole", "< 5 s")] {
        console.wait_for("three healthy members", Duration::from_mins(2), |screen| {
            screen.contains("3 of 3") && !screen.contains("NotReady")
        });
        lab.run(&[fault, "3"]);
        let (lost, began) = (Timestamp::now(), Instant::now());
        console.wait_for("no spare", SOON, |screen| screen.contains("no spare"));
        let seen = began.elapsed().as_secs_f64();
        console.wait_for("NotReady", Duration::from_mins(2), |screen| screen.contains("NotReady"));
        let kubernetes = not_ready_since(lab, "nbe-3").duration_since(lost).as_secs();
        row(
            &format!("host lost by {fault}: spare 0 is shown after"),
            &format!("{seen:.1} s"),
            aim,
        );
        row(
            "    the same, Node no longer Ready after",
            &format!("{kubernetes} s"),
            "",
        );
        lab.run(&["revive", "3"]);
    }
}

/// When the Node's Ready condition changed, by the API server's clock, which is also ours; whole seconds.
fn not_ready_since(lab: &Lab, node: &str) -> Timestamp {
    let node: Value = serde_json::from_str(&lab.run(&["kubectl", "get", "node", node, "-o", "json"])).unwrap();
    let conditions = node["status"]["conditions"].as_array().unwrap();
    let ready = conditions
        .iter()
        .find(|condition| condition["type"] == "Ready")
        .unwrap();
    assert_ne!(ready["status"], "True");
    ready["lastTransitionTime"].as_str().unwrap().parse().unwrap()
}
