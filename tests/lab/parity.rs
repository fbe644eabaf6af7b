//! The recording in `tests/fixtures/parity` is what real servers answer. `QUORATE_UPDATE=1` writes it anew.

#[path = "../parity/record.rs"]
mod record;

use std::path::Path;

use crate::lab::Lab;

/// Names the file for the answers; set only by the test itself, when it starts itself anew on a host of the lab, where
/// alone the servers can be reached.
const INSIDE: &str = "QUORATE_PARITY_INSIDE";

#[test]
fn real_servers_answer_as_recorded() {
    if let Some(file) = std::env::var_os(INSIDE) {
        inside(Path::new(&file));
        return;
    }
    let lab = Lab::up(&[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.json");
    let (variable, me) = (format!("{INSIDE}={}", file.display()), std::env::current_exe().unwrap());
    let argv = [
        "env",
        &variable,
        me.to_str().unwrap(),
        "--exact",
        "parity::real_servers_answer_as_recorded",
    ];
    let output = lab.on_host(2, &argv);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let answers: record::Record = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    if std::env::var_os("QUORATE_UPDATE").is_some() {
        record::save(&answers);
    }
    record::assert_same(&record::recorded(), &answers);
}

fn inside(file: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answers = runtime.block_on(async {
        let mut servers = record::Servers::of_host(Path::new("/"), "https://127.0.0.1:2379").await;
        record::record(&mut servers).await
    });
    std::fs::write(file, serde_json::to_vec(&answers).unwrap()).unwrap();
}
