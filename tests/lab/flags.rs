//! Control planes whose flags differ: each is reported as it runs, and what API servers would give to new pods is found
//! where no pod shows it.

use serde_json::Value;

use crate::lab::Lab;
use crate::sshd::Sshd;

/// What each host runs with: grace period, and seconds of toleration. The first one leads: its grace period must outlast
/// KWOK's heartbeats.
const FLAGS: [&str; 3] = ["20s,30", "50s,300", "8s,5"];

const GIVEN: [&str; 3] = [
    "new pods of nbe-1 leave a silent node after 30 s",
    "new pods of nbe-2 leave a silent node after 5 min",
    "new pods of nbe-3 leave a silent node after 5 s",
];

/// The evidence of a check's findings on a host, in one text; empty where it holds.
fn evidence(report: &Value, check: &str) -> String {
    let findings = report["findings"].as_array().unwrap();
    let own = findings.iter().filter(|finding| finding["check"] == check);
    let lines = own.flat_map(|finding| finding["evidence"].as_array().unwrap());
    lines.map(|line| line.as_str().unwrap().to_owned() + "\n").collect()
}

#[test]
fn flags_are_reported_as_they_run_and_mixed_ones_are_found() {
    let flags = FLAGS.map(|flags| ["--flags", flags]);
    let lab = Lab::up(&flags.concat());
    let detection = ["failover.detection", "failover.mixed-eviction"];
    for (host, grace) in [(1, None), (2, Some("50s")), (3, Some("8s"))] {
        let only = detection.map(|check| ["--only", check]).concat();
        // An API server that has just begun may not answer a dry run in time.
        let report = lab.json_until(host, &[&["check"][..], &only].concat(), |report| {
            let told = evidence(report, "failover.mixed-eviction");
            GIVEN.iter().all(|line| told.contains(line))
        });
        let told = evidence(&report, "failover.detection");
        match grace {
            Some(grace) => {
                let flag = format!("runs with --node-monitor-grace-period={grace}");
                assert!(told.contains(&flag), "{told}");
                assert!(
                    told.contains("ClusterConfig sets node-monitor-grace-period: 20s"),
                    "{told}"
                );
            }
            None => assert_eq!(told, "", "it runs with what is configured"),
        }
    }
    others_tell_through_their_own_sshd(&lab);
}

/// What runs there, and that all controllers reach each other.
fn others_tell_through_their_own_sshd(lab: &Lab) {
    let _sshd = Sshd::start(lab, &[2, 3]);
    let settings = lab.state().join("look.toml");
    std::fs::write(&settings, "look_from_there = true\n").unwrap();
    let look = [
        "--config",
        settings.to_str().unwrap(),
        "check",
        "--only",
        "failover.detection",
        "--only",
        "network.p*",
        "--only",
        "network.nat",
    ];
    let report = lab.json_until(1, &look, |report| {
        let told = evidence(report, "failover.detection");
        told.contains("nbe-2: ") && told.contains("nbe-3: ")
    });
    let told = evidence(&report, "failover.detection");
    for (host, grace) in [("nbe-2", "50s"), ("nbe-3", "8s")] {
        let line = format!("{host}: kube-controller-manager runs with --node-monitor-grace-period={grace}");
        assert!(told.contains(&line), "{told}");
    }
    let results: Vec<(&str, &str)> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| (check["id"].as_str().unwrap(), check["result"].as_str().unwrap()))
        .collect();
    for check in ["network.ports", "network.pairs", "network.nat"] {
        assert!(results.contains(&(check, "holds")), "{report:#}");
    }
}
