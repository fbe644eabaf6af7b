//! The order of transitions after a loss, on real servers: recorded with `QUORATE_UPDATE=1`, otherwise compared. A lab for
//! each loss; the product's sources run on host 1, in this very test binary.

#[path = "../parity/losses.rs"]
mod losses;

use std::path::Path;
use std::time::{Duration, Instant};

use losses::{LOSSES, Record};

use crate::lab::Lab;

/// Where the observer inside the lab works, and which loss it watches.
const FOLDER: &str = "QUORATE_LOSS_FOLDER";
const LOSS: &str = "QUORATE_LOSS";
const READY: Duration = Duration::from_secs(100);

#[test]
fn the_same_losses_are_seen_in_the_order_that_is_recorded() {
    if let (Some(folder), Some(id)) = (std::env::var_os(FOLDER), std::env::var_os(LOSS)) {
        inside(Path::new(&folder), id.to_str().unwrap());
        return;
    }
    let seen: Record = LOSSES.iter().map(|loss| (loss.id.to_owned(), lose(loss))).collect();
    if std::env::var_os("QUORATE_UPDATE").is_some() {
        std::fs::write(losses::file(), format!("{:#}\n", serde_json::json!(seen))).unwrap();
    }
    let wrong = losses::complaints(&losses::recorded(), &seen);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn lose(loss: &losses::Loss) -> Vec<String> {
    let lab = Lab::up(&["--zones"]);
    let folder = tempfile::tempdir().unwrap();
    let (place, which) = (
        format!("{FOLDER}={}", folder.path().display()),
        format!("{LOSS}={}", loss.id),
    );
    let me = std::env::current_exe().unwrap();
    let test = "order::the_same_losses_are_seen_in_the_order_that_is_recorded";
    let argv = ["env", &place, &which, me.to_str().unwrap(), "--exact", test];
    std::thread::scope(|scope| {
        let observer = scope.spawn(|| lab.on_host(1, &argv));
        let deadline = Instant::now() + READY;
        while !folder.path().join("ready").exists() && !observer.is_finished() {
            assert!(Instant::now() < deadline, "{}: the lab is not seen to be well", loss.id);
            std::thread::park_timeout(Duration::from_millis(100));
        }
        for (verb, host) in loss.faults {
            lab.run(&[verb, &host.to_string()]);
        }
        let output = observer.join().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    });
    serde_json::from_slice(&std::fs::read(folder.path().join("seen")).unwrap()).unwrap()
}

fn inside(folder: &Path, id: &str) {
    let loss = LOSSES.iter().find(|loss| loss.id == id).unwrap();
    let runtime = quorate::cli::observe::runtime().unwrap();
    let seen = runtime.block_on(async {
        let mut observing = losses::start(None).await;
        losses::watch(&mut observing, loss, |_| {
            std::fs::write(folder.join("ready"), "").unwrap();
        })
        .await
    });
    runtime.shutdown_background();
    std::fs::write(folder.join("seen"), serde_json::to_vec(&seen).unwrap()).unwrap();
}
