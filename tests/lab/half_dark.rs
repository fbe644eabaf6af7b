//! Half-dark states, told apart by a cold start on the host that they concern, one after the other on one lab: what `doctor`
//! calls the state, what the verdict says, how `check` exits, and that what is read from etcd's store is what the API told
//! before. In none of them is anything changed. A wrong clock is not among
//! them: the hosts of a lab share one; the simulated cluster has it (`clock`).

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::audit::changes;
use crate::dark::{are_alike, at_rest, look};
use crate::lab::Lab;

/// One state.
struct Case {
    /// The lab's verbs that bring it about.
    faults: &'static [&'static [&'static str]],
    /// The host that quorate is started on.
    on: u8,
    /// What `doctor` calls it.
    state: &'static str,
    /// What the headline says.
    headline: &'static str,
    /// How `check` exits.
    exit: i32,
    /// Whether the picture is that of etcd's store.
    is_stored: bool,
}

const CASES: &[Case] = &[
    Case {
        faults: &[&["freeze", "1", "etcd"]],
        on: 1,
        state: "etcd-dead-here",
        headline: "quorum holds without it",
        exit: 1,
        is_stored: false,
    },
    Case {
        faults: &[&["freeze", "1", "kube-apiserver"]],
        on: 1,
        state: "api-dead-here",
        headline: "while etcd lives",
        exit: 1,
        is_stored: false,
    },
    Case {
        faults: &[&["stop", "1", "kube-apiserver"]],
        on: 1,
        state: "api-dead-here",
        headline: "while etcd lives",
        exit: 1,
        is_stored: false,
    },
    Case {
        faults: &[
            &["freeze", "1", "kube-apiserver"],
            &["freeze", "2", "kube-apiserver"],
            &["freeze", "3", "kube-apiserver"],
        ],
        on: 1,
        state: "api-dead-here",
        headline: "while etcd lives",
        exit: 2,
        is_stored: true,
    },
    Case {
        faults: &[&["stop", "1", "etcd"]],
        on: 1,
        state: "etcd-dead-here",
        headline: "quorum holds without it",
        exit: 1,
        is_stored: false,
    },
    Case {
        faults: &[&["freeze", "1"]],
        on: 1,
        state: "all-dead-here",
        headline: "etcd and the API server are down on this host",
        exit: 1,
        is_stored: false,
    },
    Case {
        faults: &[&["unplug", "1"]],
        on: 1,
        state: "us",
        headline: "this host is cut off: it is us",
        exit: 2,
        is_stored: true,
    },
    Case {
        faults: &[&["blackhole", "2"], &["blackhole", "3"]],
        on: 1,
        state: "us",
        headline: "it is us, or all of them",
        exit: 2,
        is_stored: true,
    },
    Case {
        faults: &[&["expire", "1"]],
        on: 1,
        state: "certificates-expired",
        headline: "etcd/peer.crt",
        exit: 2,
        is_stored: false,
    },
    // The others have removed it, and it cannot know.
    Case {
        faults: &[&["blackhole", "3"], &["remove", "3"]],
        on: 3,
        state: "us",
        headline: "it is us, or all of them",
        exit: 2,
        is_stored: true,
    },
];

/// How much the members may hold, so that they can be filled.
const QUOTA: &str = "16777216";

#[test]
fn half_dark_states_are_told_apart() {
    let lab = Lab::up(&["--zones", "--quota", QUOTA]);
    for case in CASES {
        let before = case.is_stored.then(|| at_rest(&lab));
        for fault in case.faults {
            if fault[0] == "remove" {
                // The one that was cut off may have led: etcd takes no request while it elects.
                lab.json_until(1, &["status"], |status| status["quorum"]["spare"] == 0);
            }
            lab.run(fault);
        }
        tell(&lab, case);
        if let Some(before) = before {
            are_alike(&before, &look(&lab, case.on).0, case.headline);
        }
        if case.on == 1 {
            for host in ["1", "2", "3"] {
                lab.run(&["revive", host]);
            }
            let is_well = |doctor: &Value| doctor["diagnosis"]["state"] == "nothing-wrong";
            lab.json_until(1, &["doctor"], is_well);
        }
    }
    // Two members are left of what were three; a full one is full for all.
    fill(&lab);
    tell(
        &lab,
        &Case {
            faults: &[],
            on: 1,
            state: "no-space",
            headline: "etcd is full (NOSPACE)",
            exit: 2,
            is_stored: false,
        },
    );
    let writes = changes(&lab);
    assert!(writes.is_empty(), "{writes:#?}");
}

/// All three commands, each started cold, say the same.
fn tell(lab: &Lab, case: &Case) {
    let what = case.faults;
    let doctor = lab.json_until(case.on, &["doctor"], |doctor| {
        doctor["diagnosis"]["state"] == case.state
    });
    let diagnosis = &doctor["diagnosis"];
    let headline = diagnosis["headline"].as_str().unwrap();
    assert!(headline.contains(case.headline), "{what:?}: {diagnosis}");
    assert!(!diagnosis["evidence"].as_array().unwrap().is_empty(), "{what:?}");
    let status = lab.json_until(case.on, &["status"], |status| {
        status["recovery"]["diagnosis"]["state"] == case.state && status["stored"].is_null() != case.is_stored
    });
    assert!(!status["verdict"]["line"].as_str().unwrap().is_empty(), "{what:?}");
    // A member that answers late once is not known; the next look knows it.
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let check = lab.quorate(case.on, &["check"]);
        if check.status.code() == Some(case.exit) {
            break;
        }
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        assert!(Instant::now() < deadline, "{what:?}: {}: {said}", check.status);
    }
}

/// Writes until etcd takes no more.
fn fill(lab: &Lab) {
    let junk = "x".repeat(1 << 20);
    let file = lab.state().join("junk");
    std::fs::write(&file, junk).unwrap();
    let put = format!("etcdctl put /junk/$N < {}", file.display());
    for n in 0..64 {
        let output = lab.on_host(1, &["sh", "-c", &put.replace("$N", &n.to_string())]);
        if String::from_utf8_lossy(&output.stderr).contains("space exceeded") {
            return;
        }
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    panic!("etcd took 64 MiB with a quota of {QUOTA} bytes");
}
