//! The recording in `tests/fixtures/parity` is what real servers answer. `QUORATE_UPDATE=1` writes it anew.

#[path = "../parity/record.rs"]
mod record;

use std::path::Path;

use crate::lab::Lab;
use record::{Record, Servers, Stage};

/// Names the file for the answers; set only by the test itself, when it starts itself anew on a host of the lab, where
/// alone the servers can be reached.
const INSIDE: &str = "QUORATE_PARITY_INSIDE";
/// Names the stage, likewise.
const STAGE: &str = "QUORATE_PARITY_STAGE";

#[test]
fn real_servers_answer_as_recorded() {
    if let Some(file) = std::env::var_os(INSIDE) {
        inside(Path::new(&file));
        return;
    }
    let lab = Lab::up(&[]);
    let mut answers = ask(&lab, Stage::Healthy);
    freeze_leader(&lab);
    lab.run(&["join", "4", "--no-wait"]);
    answers.extend(ask(&lab, Stage::Learner));
    if std::env::var_os("QUORATE_UPDATE").is_some() {
        record::save(&answers);
    }
    record::assert_same(&record::recorded(), &answers);
}

/// Freezes the k0s that leads. Its lease lasts a minute more.
fn freeze_leader(lab: &Lab) {
    let holder = "kubectl get lease -n kube-node-lease k0s-endpoint-reconciler -o jsonpath={.spec.holderIdentity}";
    let holder = lab.run(&holder.split(' ').collect::<Vec<_>>());
    let leads = |host: &u8| {
        let status = lab.on_host(*host, &["k0s", "status", "-o", "json"]);
        String::from_utf8_lossy(&status.stdout).contains(&holder)
    };
    let leader = (1..=3).find(leads).unwrap_or_else(|| panic!("no k0s runs as {holder}"));
    lab.run(&["freeze", &leader.to_string(), "k0s"]);
}

/// Asks from a host.
fn ask(lab: &Lab, stage: Stage) -> Record {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.json");
    let (inside, stage) = (format!("{INSIDE}={}", file.display()), format!("{STAGE}={stage:?}"));
    let me = std::env::current_exe().unwrap();
    let test = "parity::real_servers_answer_as_recorded";
    let argv = ["env", &inside, &stage, me.to_str().unwrap(), "--exact", test];
    let output = lab.on_host(2, &argv);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap()
}

fn inside(file: &Path) {
    let wanted = std::env::var(STAGE).unwrap();
    let stage = [Stage::Healthy, Stage::Learner]
        .into_iter()
        .find(|stage| format!("{stage:?}") == wanted);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answers = runtime.block_on(async {
        let mut servers = Servers::of_host(Path::new("/"), "https://127.0.0.1:2379").await;
        record::record(&mut servers, stage.unwrap()).await
    });
    std::fs::write(file, serde_json::to_vec(&answers).unwrap()).unwrap();
}
