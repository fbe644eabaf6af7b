//! Parity: one script of questions and commands, asked of a control plane, and what it answered. The real servers of the
//! lab are recorded in `tests/fixtures/parity`; `tests/it` proves that the simulated cluster answers the same, `tests/lab`
//! that the recording is still what real servers answer (and writes it anew with `QUORATE_UPDATE=1`).
//!
//! The script is data ([`script`]); [`servers`] asks over the real protocols; [`normal`] has the closed list of what is
//! made equal before answers are compared. What the script leaves out because it is not imitated:
//!
//! - defaults of Pods, and what controllers and kubelets write on them: they are compared in named parts;
//! - the bytes of a snapshot, and values of built-in kinds in etcd (Kubernetes protobuf);
//! - how many bookmarks follow each other: a matter of the moment at which a real server looks;
//! - watches of what etcd has compacted and an API server remembers: the simulated one forgets both at once;
//! - the verb `deletecollection`;
//! - foreground deletion, server-side apply, tables: the simulated server says 501 (NotImplemented) to them.
//!
//! Start reading at [`record`].

#![allow(dead_code)] // shared by two test binaries; each uses a part

mod normal;
mod script;
mod servers;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use normal::Normal;
pub use script::Stage;
use script::{Ask, Show, Step};
pub use servers::Servers;

/// How long a step may be repeated until its answer is as wanted.
const DEADLINE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP's or gRPC's status code; 0 for a connection that was closed without an answer.
    pub status: u16,
    /// The document, or text, or the lines of a watch.
    pub body: Value,
}

/// Normalised answers: by chapter of the script, in its order.
pub type Record = BTreeMap<String, Value>;

/// Runs the script of a stage.
pub async fn record(servers: &mut Servers, stage: Stage) -> Record {
    let (mut normal, mut heard) = (Normal::default(), BTreeMap::new());
    let mut record = Record::new();
    for (chapter, steps) in script::chapters(stage) {
        let mut answers = Vec::new();
        for step in &steps {
            let answer = take(servers, step, &heard).await;
            if let Some(shown) = shown(step, &answer, &mut normal) {
                answers.push(shown);
            }
            heard.insert(step.id, answer.body);
        }
        record.insert(chapter.to_owned(), answers.into());
    }
    record
}

/// One step, repeated until its answer is as wanted.
async fn take(servers: &mut Servers, step: &Step, heard: &BTreeMap<&str, Value>) -> Answer {
    let ask = filled(&step.ask, heard);
    let deadline = Instant::now() + DEADLINE;
    loop {
        let asked = tokio::time::timeout(DEADLINE, servers.ask(&ask)).await;
        let answer = asked.unwrap_or_else(|_| panic!("{}: no answer within {DEADLINE:?}", step.id));
        let is_wanted = match &step.until {
            None => true,
            Some(("", wanted)) => json!(answer.status) == *wanted,
            Some((pointer, wanted)) => answer.body.pointer(pointer) == Some(wanted),
        };
        if is_wanted {
            return answer;
        }
        if Instant::now() >= deadline {
            let body = json!({"not as wanted in time": answer.body});
            return Answer { body, ..answer };
        }
    }
}

/// Puts parts of earlier answers in the places `{step:/pointer}`.
fn filled(ask: &Ask, heard: &BTreeMap<&str, Value>) -> Ask {
    let fill = |text: &str| {
        let mut text = text.to_owned();
        for (id, body) in heard {
            let opening = format!("{{{id}:");
            while let Some(start) = text.find(&opening) {
                let end = start + text[start..].find('}').expect("a place ends with }");
                let value = body.pointer(&text[start + opening.len()..end]);
                let value = value.unwrap_or_else(|| panic!("nothing at {} in {body}", &text[start..=end]));
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                text.replace_range(start..=end, &value);
            }
        }
        text
    };
    let mut ask = ask.clone();
    match &mut ask {
        Ask::Http(request) => {
            request.path = fill(&request.path);
            request.body = fill(&request.body);
        }
        Ask::Etcd(_, argument) => *argument = fill(argument),
        Ask::Peer { .. } => {}
    }
    ask
}

/// What of an answer is compared. None for steps that only wait.
fn shown(step: &Step, answer: &Answer, normal: &mut Normal) -> Option<Value> {
    let mut shown = Map::new();
    shown.insert("step".into(), step.id.into());
    shown.insert("status".into(), answer.status.into());
    match step.show {
        Show::Nothing => return None,
        Show::Body => {
            shown.insert("body".into(), normal.of(&answer.body));
        }
        // Revisions that are not shown are not counted either: other parts change when they like.
        Show::Only(parts) => {
            normal.learn(&answer.body);
            let parts = parts.iter().map(|part| {
                let value = answer.body.pointer(part).cloned().unwrap_or_default();
                ((*part).to_owned(), normal.of(&value))
            });
            shown.insert("body".into(), parts.collect::<Map<_, _>>().into());
        }
        Show::Events => {
            normal.learn(&answer.body);
            let body = normal.clone().of(&answer.body);
            shown.insert("events".into(), events(&answer.body, &body));
        }
    }
    Some(shown.into())
}

/// Type, kind, name, and whether it is newer than the one before; of an error, the whole Status.
fn events(raw: &Value, normal: &Value) -> Value {
    let version = |event: &Value| -> u64 {
        let version = event
            .pointer("/object/metadata/resourceVersion")
            .and_then(Value::as_str);
        version.and_then(|version| version.parse().ok()).unwrap_or(0)
    };
    let mut last = 0;
    let lines = raw
        .as_array()
        .into_iter()
        .flatten()
        .zip(normal.as_array().into_iter().flatten());
    let mut shown: Vec<Value> = Vec::new();
    for (raw, normal) in lines {
        let now = version(raw);
        let is_newer = std::mem::replace(&mut last, now) < now;
        let is_repeated = |last: &Value| last["type"] == "BOOKMARK" && raw["type"] == "BOOKMARK";
        if shown.last().is_some_and(is_repeated) {
            continue;
        }
        let name = normal.pointer("/object/metadata/name").cloned().unwrap_or_default();
        shown.push(if raw["type"] == "ERROR" {
            normal.clone()
        } else {
            json!({"type": raw["type"], "kind": raw["object"]["kind"], "name": name, "newer": is_newer})
        });
    }
    shown.into()
}

/// Where the recording lies.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/parity")
}

/// The recording of the real servers.
pub fn recorded() -> Record {
    let chapters = [Stage::Healthy, Stage::Learner].into_iter().flat_map(script::chapters);
    let chapters = chapters.map(|(chapter, _)| {
        let path = folder().join(format!("{chapter}.json"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (chapter.to_owned(), serde_json::from_str(&text).unwrap())
    });
    chapters.collect()
}

/// Writes the recording.
pub fn save(record: &Record) {
    std::fs::create_dir_all(folder()).unwrap();
    for (chapter, answers) in record {
        std::fs::write(folder().join(format!("{chapter}.json")), format!("{answers:#}\n")).unwrap();
    }
}

/// Panics with every step that differs.
pub fn assert_same(real: &Record, other: &Record) {
    let mut wrong = String::new();
    for (chapter, answers) in real {
        let (real, other) = (answers.as_array().unwrap(), other[chapter].as_array().unwrap());
        assert_eq!(real.len(), other.len(), "{chapter}: steps");
        for (real, other) in real.iter().zip(other).filter(|(real, other)| real != other) {
            write!(wrong, "\n{chapter}, recorded:\n{real:#}\nnow:\n{other:#}\n").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
