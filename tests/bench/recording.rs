//! What the flight recorder writes of a quiet cluster: half a minute of the simulated one through the real client code, told as an
//! hour.

use std::process::Command;

use crate::row;

/// How long is recorded.
const SECONDS: u64 = 30;
/// After so many frames a segment ends, and another whole state is written.
const SEGMENT: usize = 3_600;

/// Measures and prints.
pub fn measure() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("quiet.jsonl");
    let recorded = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["record", "--sim", "healthy", "--for", &format!("{SECONDS}s")])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        recorded.status.success(),
        "{}",
        String::from_utf8_lossy(&recorded.stderr)
    );
    let text = std::fs::read_to_string(&file).unwrap();
    let (frames, wholes): (Vec<&str>, Vec<&str>) =
        text.lines().skip(1).partition(|line| line.starts_with("{\"frame\""));
    // At first everything is new: the second half is what goes on.
    let late: usize = frames[frames.len() / 2..].iter().map(|line| line.len() + 1).sum();
    let each_frame = late / (frames.len() - frames.len() / 2);
    let frames_an_hour = frames.len() * 3600 / usize::try_from(SECONDS).unwrap();
    // The first whole state knows nothing; the newest frames' worth of facts stands in each later one.
    let whole = whole_state(&frames, wholes[0]);
    let segments = frames_an_hour / SEGMENT;
    let hour = each_frame * frames_an_hour + whole * segments;
    row(
        "recording a quiet cluster: bytes of a frame",
        &each_frame.to_string(),
        "",
    );
    row("    a whole state", &format!("{} KiB", whole >> 10), "");
    row("    an hour", &format!("{:.1} MiB", mib(hour)), "a few MiB");
}

/// About what a whole state takes once all is known: what the first frames brought, beside what it took when nothing was.
fn whole_state(frames: &[&str], first: &str) -> usize {
    first.len() + frames[..frames.len() / 2].iter().map(|line| line.len()).sum::<usize>()
}

fn mib(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap()) / f64::from(1 << 20)
}
