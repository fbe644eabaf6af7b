#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::app::timeline::Topic;
use crate::base::Stamp;
use crate::model::etcd::ClusterId;

const START: i64 = 1_795_000_000;

fn at(seconds: i64) -> Stamp {
    Stamp {
        mono_ms: 0,
        wall: Timestamp::from_second(START + seconds).unwrap(),
        ahead_ms: 0,
    }
}

fn cluster(id: u64) -> Identity {
    Identity {
        etcd: Some(ClusterId(id)),
        kube: None,
    }
}

fn session(seconds: i64, pid: u32) -> Session {
    Session {
        schema: SCHEMA.into(),
        began: at(seconds).wall,
        host: "nbe-1".into(),
        user: "ada".into(),
        pid,
    }
}

fn entry(seconds: i64, number: i64, text: &str) -> Entry {
    Entry {
        number,
        ..Entry::new(at(seconds), Topic::Node, "nbe-3".into(), text, None)
    }
}

fn begin(dir: &Path, seconds: i64, pid: u32, id: u64) -> Writer {
    Writer::begin(dir, session(seconds, pid), cluster(id)).unwrap()
}

fn texts(history: &History) -> Vec<&str> {
    history.entries.iter().map(|entry| entry.text.as_str()).collect()
}

#[test]
fn what_is_written_is_read_again_with_the_time_in_which_nobody_watched() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("timeline");
    let mut first = begin(&place, 0, 1, 7);
    first
        .changes(vec![entry(10, 0, "NotReady"), entry(20, 1, "gone")])
        .unwrap();
    first.until(at(60).wall).unwrap();
    first.changes(vec![entry(70, 2, "Ready")]).unwrap();
    first.until(at(100).wall).unwrap();
    let mode = std::fs::metadata(first.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    drop(first);
    drop(begin(&place, 200, 1, 8));
    let told = sessions(&place, None).unwrap();
    assert_eq!(told.len(), 2);
    let history = History::of(&told, &cluster(7), at(500).wall);
    assert_eq!(texts(&history), ["NotReady", "gone", "Ready"]);
    assert_eq!(
        history.spans[0].to,
        at(100).wall,
        "the last word about it counts, and overwrites the one before"
    );
    let history = history.before(at(400));
    let last = history.entries.last().unwrap();
    assert_eq!(
        last.text,
        "this session began; not watched from 2026-11-18 11:08:20Z to 2026-11-18 11:13:20Z (5 min)"
    );
}

#[test]
fn two_consoles_write_beside_each_other_and_are_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut one, mut two) = (begin(dir.path(), 0, 1, 7), begin(dir.path(), 0, 2, 7));
    one.changes(vec![entry(10, 0, "NotReady")]).unwrap();
    two.changes(vec![entry(11, 0, "NotReady"), entry(12, 1, "only here")])
        .unwrap();
    one.changes(vec![entry(40, 1, "NotReady")]).unwrap();
    let told = sessions(dir.path(), None).unwrap();
    assert!(told.iter().all(|told| told.is_open && told.unread == 0));
    let history = History::of(&told, &cluster(7), at(90).wall);
    assert_eq!(texts(&history), ["NotReady", "only here", "NotReady"]);
    assert_eq!(history.spans.len(), 1);
    assert_eq!(history.spans[0].to, at(90).wall, "they are open");
    let own = sessions(dir.path(), Some(one.path())).unwrap();
    assert_eq!(own.len(), 1, "a session does not read itself");
}

#[test]
fn an_entry_that_grows_is_the_newest_of_its_lines() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = begin(dir.path(), 0, 1, 7);
    writer.changes(vec![entry(10, 0, "1 created")]).unwrap();
    writer
        .changes(vec![entry(10, 0, "3 created"), entry(30, 1, "other")])
        .unwrap();
    let told = sessions(dir.path(), None).unwrap();
    assert_eq!(
        texts(&History::of(&told, &cluster(7), at(90).wall)),
        ["3 created", "other"]
    );
}

#[test]
fn torn_foreign_and_hostile_lines_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = begin(dir.path(), 0, 1, 7);
    writer.changes(vec![entry(10, 0, "good")]).unwrap();
    let path = writer.path().to_owned();
    drop(writer);
    let mut bytes = std::fs::read(&path).unwrap();
    let evil = br#"{"line":"change","number":1,"at":{"mono_ms":1,"wall":"2026-11-18T08:07:00Z"},"topic":"node","subject":"\u001b[31mx","text":"a\u202eb","severity":null}"#;
    bytes.extend_from_slice(evil);
    bytes.extend_from_slice(b"\n{\"line\":\"of another version\"}\n\xff\xfe\n{\"line\":\"chan");
    std::fs::write(&path, bytes).unwrap();
    std::fs::write(dir.path().join("other.jsonl"), "no session\n").unwrap();
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("endless.jsonl")).unwrap();
    let told = sessions(dir.path(), None).unwrap();
    assert_eq!((told.len(), told[0].unread), (1, 3));
    let hostile = &told[0].entries[1];
    assert_eq!(
        (hostile.subject.as_str(), hostile.text.as_str()),
        ("\\u{1b}[31mx", "a\\u{202e}b")
    );
}

#[test]
fn the_oldest_files_make_room_but_not_those_of_open_consoles() {
    let dir = tempfile::tempdir().unwrap();
    let open = begin(dir.path(), 0, 1, 7);
    let long = "x".repeat(4_000);
    let mut writer = begin(dir.path(), 1, 2, 7);
    for number in 0..4_000 {
        writer.changes(vec![entry(10 + number, number, &long)]).unwrap();
    }
    let told = sessions(dir.path(), None).unwrap();
    let total: u64 = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(total <= MAX_BYTES, "{total}");
    assert!(open.path().exists());
    let history = History::of(&told, &cluster(7), at(5_000).wall);
    assert_eq!(
        history.spans.len(),
        1,
        "the parts of a session follow each other without a gap"
    );
    assert_eq!(history.entries.last().unwrap().number, 3_999);
}

#[test]
fn a_cluster_is_known_by_either_of_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut root = begin(dir.path(), 0, 1, 7);
    root.changes(vec![entry(1, 0, "as root")]).unwrap();
    let both = Identity {
        kube: Some("uid-1".into()),
        ..cluster(7)
    };
    root.identify(&both).unwrap();
    let laptop = Identity {
        etcd: None,
        kube: Some("uid-1".into()),
    };
    let mut other = Writer::begin(dir.path(), session(2, 2), laptop.clone()).unwrap();
    other.changes(vec![entry(3, 0, "from a laptop")]).unwrap();
    drop(begin(dir.path(), 4, 3, 9));
    let told = sessions(dir.path(), None).unwrap();
    for identity in [&laptop, &cluster(7)] {
        let history = History::of(&told, identity, at(9).wall);
        assert_eq!(history.identity, both);
        assert_eq!(texts(&history)[0], "as root");
    }
    assert_eq!(History::all(&told, at(9).wall).len(), 2);
}

#[test]
fn pauses_of_heartbeats_count_with_the_time_that_was_watched() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = begin(dir.path(), 0, 1, 7);
    let pause = Entry {
        lasted: Some(Duration::from_secs(17)),
        topic: Topic::Pause,
        ..entry(600, 0, "no heartbeat for 17 s")
    };
    writer.changes(vec![pause]).unwrap();
    writer.until(at(3_600).wall).unwrap();
    drop(writer);
    let history = History::of(&sessions(dir.path(), None).unwrap(), &cluster(7), at(9_000).wall);
    let past = history.past(at(9_000).wall);
    assert_eq!(past.watched, Duration::from_hours(1));
    assert_eq!(past.since, Some(at(0).wall));
    assert_eq!(past.pauses[&Text::from("nbe-3")][0].lasted, Duration::from_secs(17));
    let later = history.past(at(8 * 24 * 3_600).wall);
    assert_eq!(
        (later.watched, later.pauses.len()),
        (Duration::ZERO, 0),
        "a week later it is forgotten"
    );
}
