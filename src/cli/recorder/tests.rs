#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::*;
use crate::app::{Msg, State, update};
use crate::model::{Policy, example};
use crate::recording::Recording;
use crate::tui::Recorder;

fn post(dir: PathBuf, is_automatic: bool) -> Post {
    Post {
        dir,
        operator: Operator {
            user: "ada".into(),
            host: "nbe-1".into(),
            pid: 7,
        },
        clock: Clock::start(),
        is_automatic,
    }
}

/// A console that goes from health into danger.
fn play(recorder: &mut Recorder) {
    let mut state = State::new(Arc::new(example::healthy()), Policy::default());
    recorder.drawn(&state);
    let critical = example::NAMED
        .into_iter()
        .map(|(_, snapshot)| snapshot())
        .find(|snapshot| {
            let judged = State::new(Arc::new(snapshot.clone()), Policy::default());
            judged.derived.report.verdict.level == Level::Critical
        });
    let msg = Msg::Snapshot(Arc::new(critical.unwrap()));
    recorder.take(&state, &msg);
    update(&mut state, msg);
    recorder.drawn(&state);
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(listed) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    listed.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_verdict_that_turns_critical_is_recorded_with_what_came_before() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("recordings");
    let (mut recorder, reel) = Recorder::open();
    let hired = hire(reel, post(place.clone(), true));
    play(&mut recorder);
    drop(recorder);
    hired.leave();
    let [file] = files(&place).try_into().unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let recording = Recording::read(&std::fs::read_to_string(file).unwrap()).unwrap();
    let verdicts: Vec<Level> = recording.index.iter().map(|index| index.verdict).collect();
    assert_eq!((verdicts.len(), verdicts.last()), (3, Some(&Level::Critical)));
    assert_ne!(verdicts[0], Level::Critical);
}

#[tokio::test]
async fn what_is_in_memory_goes_to_the_file_that_is_asked_for_and_only_there() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("recordings");
    let asked = dir.path().join("asked");
    let (mut recorder, reel) = Recorder::open();
    let hired = hire(reel, post(place.clone(), false));
    play(&mut recorder);
    assert_eq!(recorder.write(asked.to_str().unwrap()), None);
    let told = recorder.told().await;
    assert!(told.text.as_str().starts_with("recording to "), "{told:?}");
    recorder.write("");
    let told = recorder.told().await;
    assert!(told.text.as_str().contains("already"), "{told:?}");
    play(&mut recorder);
    drop(recorder);
    hired.leave();
    assert_eq!(files(&place), Vec::<PathBuf>::new());
    let recording = Recording::read(&std::fs::read_to_string(asked).unwrap()).unwrap();
    assert_eq!(recording.index.len(), 5);
}

#[tokio::test]
async fn a_recording_ends_when_that_is_asked_for_and_another_may_begin() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    let (mut recorder, reel) = Recorder::open();
    let hired = hire(reel, post(dir.path().join("recordings"), false));
    assert_eq!(recorder.end(), None);
    assert!(recorder.told().await.text.as_str().starts_with("nobody asked"));
    play(&mut recorder);
    recorder.write(first.to_str().unwrap());
    recorder.told().await;
    assert_eq!(recorder.end(), None);
    let told = recorder.told().await.text;
    let bytes = std::fs::metadata(&first).unwrap().len();
    let expected = format!(
        "the recording ended with {} KiB: {}",
        bytes.div_ceil(1024),
        first.display()
    );
    assert_eq!(told.as_str(), expected);
    play(&mut recorder);
    recorder.write(second.to_str().unwrap());
    assert!(recorder.told().await.text.as_str().starts_with("recording to "));
    drop(recorder);
    hired.leave();
    assert_eq!(std::fs::metadata(&first).unwrap().len(), bytes, "nothing is added");
    assert!(std::fs::metadata(&second).unwrap().len() > bytes);
}
