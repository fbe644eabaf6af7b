//! The dark: two of three hosts are dead, and quorate is started cold on the survivor.

use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::{SIZE, SOON, median, row};

const AIM: &str = "< 2 s";

/// How long until the console shows the verdict and what ran, and until `status` has printed all of it; then the same with an
/// API server that accepts and never answers. The hosts live again afterwards.
pub fn measure(lab: &Lab) {
    lab.run(&["kill", "3"]);
    lab.run(&["kill", "2"]);
    cold_starts(lab, "in the dark");
    lab.run(&["freeze", "1", "kube-apiserver"]);
    cold_starts(lab, "in the dark, black-holed API");
    for host in ["1", "2", "3"] {
        lab.run(&["revive", host]);
    }
}

fn cold_starts(lab: &Lab, what: &str) {
    lab.json_until(1, &["status"], |status| status["quorum"]["standing"] == "lost");
    let consoles = (0..5).map(|_| {
        let began = Instant::now();
        let mut console = lab.console(1, &[], SIZE);
        console.wait_for("the verdict and what ran", SOON, |screen| {
            screen.contains("quorum lost") && screen.contains(" workloads ")
        });
        began.elapsed()
    });
    print(&format!("complete {what} (median of 5)"), median(consoles.collect()));
    let statuses = (0..5).map(|_| {
        let began = Instant::now();
        let status = lab.json(1, &["status"]);
        assert!(!status["stored"].is_null(), "{status}");
        began.elapsed()
    });
    print("    the same, `status`", median(statuses.collect()));
}

fn print(what: &str, took: Duration) {
    row(what, &format!("{} ms", took.as_millis()), AIM);
}
