//! What a crash, a full disk or another cluster do to a journal.

#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::model::intent::Intent;
use crate::plan::event::Operator;
use crate::plan::step::Doing;
use crate::plan::{Condition, Plan, Risk, Step, StepId};

fn operator() -> Operator {
    Operator {
        user: "ada".into(),
        host: "nbe-1".into(),
        pid: 7,
    }
}

fn entry(event: RunEvent) -> Entry {
    Entry {
        at: Timestamp::UNIX_EPOCH,
        event,
    }
}

fn step() -> Step {
    Step {
        id: StepId(1),
        title: "wait".into(),
        command: "".into(),
        doing: Doing::Watch,
        risk: Risk::Harmless,
        needs: Vec::new(),
        stop_when: Vec::new(),
        done_when: vec![Condition::ApiLive],
        hold_ms: 0,
        deadline_ms: 1000,
        undo: None,
    }
}

fn begun(run: &str) -> Entry {
    let plan = Plan {
        intent: Intent::RemoveRemnant {
            member: crate::model::etcd::MemberId(u64::MAX),
        },
        cluster: Some(ClusterId(0xabc)),
        made: Timestamp::UNIX_EPOCH,
        risk: Risk::Reversible,
        steps: vec![step()],
        warnings: vec!["a \u{1b}[31mred\u{1b} warning".into()],
        arithmetic: Vec::new(),
        confirm: None,
    };
    entry(RunEvent::Begun {
        run: RunId(run.into()),
        operator: operator(),
        digest: plan.digest(),
        plan: Box::new(plan),
    })
}

fn waiting(because: &str) -> Entry {
    entry(RunEvent::Waiting {
        step: StepId(1),
        because: because.into(),
    })
}

/// An archive with one run of two lines, the path of its journal, and the directory that must outlive it.
fn archive() -> (Archive, PathBuf, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::at(dir.path().join("state/runs"));
    let mut journal = archive.begin(&begun("one")).unwrap();
    journal.append(&waiting("first")).unwrap();
    let path = journal.path().to_owned();
    (archive, path, dir)
}

fn one() -> RunId {
    RunId("one".into())
}

#[test]
fn lines_come_back_as_they_were_written() {
    let (archive, path, _dir) = archive();
    let story = archive.read(&one()).unwrap();
    assert_eq!(story.entries, [begun("one"), waiting("first")]);
    assert_eq!((story.view.run, story.torn_bytes), (one(), 0));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\"schema\":\"quorate.journal/v1\","), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[test]
fn a_torn_last_line_is_cut_and_told() {
    let (archive, path, _dir) = archive();
    let whole = std::fs::read(&path).unwrap();
    for torn in ["{\"at\":\"1970-01-01T00:00:00Z\",\"ev", "\0\0\0\0\n", "{\"at\":1}\n"] {
        std::fs::write(&path, [&whole, torn.as_bytes()].concat()).unwrap();
        assert_eq!(archive.read(&one()).unwrap().torn_bytes, torn.len() as u64);
        let (mut journal, story) = archive.resume(&one(), Some(ClusterId(0xabc))).unwrap();
        assert_eq!(story.torn_bytes, torn.len() as u64);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        journal.append(&waiting("again")).unwrap();
        assert_eq!(archive.read(&one()).unwrap().entries.len(), 3);
    }
}

#[test]
fn a_damaged_line_in_the_middle_is_no_proof_of_anything() {
    let (archive, path, _dir) = archive();
    let text = std::fs::read_to_string(&path).unwrap();
    let (first, second) = text.split_once('\n').unwrap();
    std::fs::write(&path, format!("{first}\nnonsense\n{second}")).unwrap();
    let why = archive.resume(&one(), None).unwrap_err();
    assert!(
        why.kind == WhyKind::Garbage && why.text.as_str().contains("line 2"),
        "{why}"
    );
}

#[test]
fn a_line_that_cannot_have_followed_is_named() {
    let (archive, path, _dir) = archive();
    let continued = serde_json::to_string(&entry(RunEvent::Continued)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{continued}\n")).unwrap();
    let why = archive.read(&one()).unwrap_err();
    assert!(why.to_string().contains("line 3: the run was not paused"), "{why}");
}

#[test]
fn another_cluster_and_another_schema_are_refused() {
    let (archive, path, _dir) = archive();
    let why = archive.resume(&one(), Some(ClusterId(0xdef))).unwrap_err();
    assert!(
        why.text.as_str().contains("abc") && why.text.as_str().contains("def"),
        "{why}"
    );
    assert_eq!(archive.resume(&one(), None).unwrap_err().kind, WhyKind::NotYet);
    let newer = std::fs::read_to_string(&path)
        .unwrap()
        .replace("journal/v1", "journal/v2");
    std::fs::write(&path, newer).unwrap();
    let why = archive.resume(&one(), Some(ClusterId(0xabc))).unwrap_err();
    assert!(why.to_string().contains("quorate.journal/v1"), "{why}");
}

#[test]
fn a_run_never_overwrites_another() {
    let (archive, path, _dir) = archive();
    let before = std::fs::read(&path).unwrap();
    assert!(archive.begin(&begun("one")).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn names_lead_nowhere_else() {
    let (archive, _, _dir) = archive();
    for name in ["", "..", "../one", "/etc/passwd", "a b", "A"] {
        assert_eq!(
            archive.read(&RunId(name.into())).unwrap_err().kind,
            WhyKind::Config,
            "{name}"
        );
    }
    assert_eq!(archive.read(&RunId("two".into())).unwrap_err().kind, WhyKind::NotFound);
}

#[test]
fn runs_are_listed_newest_first_with_those_that_cannot_be_read() {
    let (archive, path, _dir) = archive();
    archive.begin(&begun("two")).unwrap();
    std::fs::write(path.with_file_name("three.jsonl"), "").unwrap();
    std::fs::write(path.with_file_name("notes.txt"), "").unwrap();
    let runs = archive.runs().unwrap();
    let names: Vec<Option<&str>> = runs
        .iter()
        .map(|story| story.as_ref().ok().map(|story| story.view.run.0.as_str()))
        .collect();
    assert_eq!(names, [Some("two"), None, Some("one")]);
    assert_eq!(Archive::at("/nowhere/at/all".into()).runs(), Ok(Vec::new()));
}

/// `/dev/full` fails as a full disk does.
#[test]
fn on_a_full_disk_nothing_is_promised_now_or_later() {
    let mut journal = Journal {
        file: OpenOptions::new().append(true).open("/dev/full").unwrap(),
        path: "/dev/full".into(),
        end: 0,
        broken: None,
    };
    let why = journal.append(&waiting("x")).unwrap_err();
    assert!(why.to_string().contains("nothing more is sent"), "{why}");
    journal.file = tempfile::tempfile().unwrap();
    assert_eq!(journal.append(&waiting("y")), Err(why));
}

#[test]
fn a_place_that_cannot_be_written_or_that_others_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let begin = |path: PathBuf| Archive::at(path).begin(&begun("one")).unwrap_err();
    assert_eq!(begin(file.join("runs")).kind, WhyKind::Missing);
    let open = dir.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(begin(open).to_string().contains("chmod 700"));
}

#[test]
fn an_event_that_is_too_large_leaves_the_journal_whole() {
    let (archive, path, _dir) = archive();
    let (mut journal, _) = archive.resume(&one(), Some(ClusterId(0xabc))).unwrap();
    let evidence = vec!["x".repeat(4000).into(); 1100];
    let large = entry(RunEvent::Done {
        step: StepId(1),
        evidence,
        already: false,
    });
    assert_eq!(journal.append(&large).unwrap_err().kind, WhyKind::Config);
    journal.append(&waiting("small")).unwrap();
    assert_eq!(read(&path, &File::open(&path).unwrap()).unwrap().entries.len(), 3);
}

proptest! {
    // Each case waits for the disk.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn cut_anywhere_it_is_a_shorter_story_or_a_clear_refusal(at in 0usize..2000, byte in any::<u8>()) {
        let (archive, path, _dir) = archive();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at % bytes.len();
        let first = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        bytes.truncate(at);
        std::fs::write(&path, &bytes).unwrap();
        prop_assert_eq!(archive.read(&one()).is_ok(), at > first);
        bytes.push(byte);
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(story) = archive.read(&one()) {
            prop_assert!(story.entries.len() <= 2);
        }
    }
}
