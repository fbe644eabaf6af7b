//! The errors in k0scontroller's journal. k0s and the programs that it runs write to stderr, which systemd files under
//! priority "info" whatever it says: so errors are known by what the lines themselves say. Pure. Start reading at [`errors`].

use jiff::Timestamp;
use serde::Deserialize;

use super::redact;
use crate::base::Text;
use crate::model::host::JournalLine;
use crate::model::journal::explain;

/// How many different errors are kept.
const MOST: usize = 5;
/// No line is kept longer, in characters: etcd writes whole requests into its warnings.
const MAX_CHARS: usize = 400;
/// systemd's own priority of errors (syslog's `err`); smaller ones are worse.
const ERR: u8 = 3;

/// An entry as `journalctl -o json` prints it.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "MESSAGE", default)]
    message: Message,
    #[serde(rename = "PRIORITY", default)]
    priority: Option<String>,
    /// Microseconds since 1970.
    #[serde(rename = "__REALTIME_TIMESTAMP", default)]
    at: Option<String>,
}

/// A message that is no UTF-8 is printed as an array of its bytes, one that is too long as null.
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Message {
    Text(String),
    Bytes(Vec<u8>),
    #[default]
    None,
}

/// The last different errors among the lines that journalctl printed, oldest first.
pub fn errors(out: &str) -> Vec<JournalLine> {
    kept(out, |message, is_grave| is_grave || says_error(message))
}

/// The last different lines whose meaning is known, whatever they call themselves: k0s says why a join fails as plain text.
pub fn known(out: &str) -> Vec<JournalLine> {
    kept(out, |message, _| explain(message).is_some())
}

fn kept(out: &str, is_kept: impl Fn(&str, bool) -> bool) -> Vec<JournalLine> {
    let mut found: Vec<(String, JournalLine)> = Vec::new();
    for entry in out.lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok()) {
        let message = match entry.message {
            Message::Text(text) => text,
            Message::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Message::None => continue,
        };
        let is_grave = entry
            .priority
            .and_then(|said| said.parse().ok())
            .is_some_and(|said: u8| said <= ERR);
        if !is_kept(&message, is_grave) {
            continue;
        }
        let shape = shape(&message);
        let before = found.iter().position(|(known, _)| *known == shape);
        let times = before.map_or(0, |at| found.remove(at).1.times);
        let line = JournalLine {
            at: entry
                .at
                .and_then(|at| Timestamp::from_microsecond(at.parse().ok()?).ok()),
            text: Text::from(redact::redact(&clip(&words(&message)))),
            times: times.saturating_add(1),
        };
        found.push((shape, line));
        if found.len() > MOST {
            found.remove(0);
        }
    }
    found.into_iter().map(|(_, line)| line).collect()
}

/// Whether a line of k0s (logrus), of a Kubernetes component (klog) or of etcd (zap) calls itself an error. k0s passes on
/// what its children write as its own line of level "info".
fn says_error(message: &str) -> bool {
    let inner = message.replace('\\', "");
    let levels = ["error", "fatal", "panic"];
    let logrus = levels.iter().any(|level| inner.contains(&format!("level={level}")));
    let zap = levels
        .iter()
        .any(|level| inner.contains(&format!("\"level\":\"{level}\"")));
    logrus || zap || is_klog_error(&inner)
}

/// klog's header: `E1124 20:12:08.123456   1 file.go:1]`, at the beginning or after `msg="`.
fn is_klog_error(message: &str) -> bool {
    let start = message.split_once("msg=\"").map_or(message, |(_, inner)| inner);
    let mut letters = start.chars();
    matches!(letters.next(), Some('E' | 'F')) && letters.take(4).filter(char::is_ascii_digit).count() == 4
}

/// What a line says, without the wrapping of k0s: `etcd: {"level":"error",…}`.
fn words(message: &str) -> String {
    let field = |name: &str| {
        let (_, rest) = message.split_once(name)?;
        rest.split([' ', '"']).next()
    };
    let Some((_, rest)) = message.split_once("msg=\"") else {
        return message.to_owned();
    };
    let mut said = String::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => said.extend(letters.next()),
            letter => said.push(letter),
        }
    }
    let error = message
        .split_once("error=")
        .map(|(_, error)| format!(": {error}"))
        .unwrap_or_default();
    let of = field("component=")
        .map(|component| format!("{component}: "))
        .unwrap_or_default();
    format!("{of}{said}{error}")
}

/// Two lines with one shape say the same: numbers and times aside.
fn shape(message: &str) -> String {
    let mut shape = String::with_capacity(message.len());
    for letter in words(message).chars().filter(|letter| !letter.is_ascii_digit()) {
        shape.push(letter);
    }
    clip(&shape)
}

fn clip(text: &str) -> String {
    if text.chars().count() <= MAX_CHARS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(MAX_CHARS).collect();
    format!("{kept}...")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(message: &str, second: i64) -> String {
        let at = (second * 1_000_000).to_string();
        serde_json::json!({"MESSAGE": message, "PRIORITY": "6", "__REALTIME_TIMESTAMP": at}).to_string()
    }

    fn texts(lines: &[&str]) -> Vec<String> {
        let out: Vec<String> = (1..).zip(lines).map(|(second, line)| entry(line, second)).collect();
        errors(&out.join("\n"))
            .iter()
            .map(|line| line.text.to_string())
            .collect()
    }

    #[test]
    fn errors_are_known_by_what_the_lines_say() {
        let found = texts(&[
            r#"time="2026-11-24 20:12:08" level=info msg="starting etcd" component=etcd"#,
            r#"time="2026-11-24 20:12:09" level=error msg="etcd health check failed" error="context deadline exceeded""#,
            r#"time="2026-11-24 20:12:10" level=info msg="{\"level\":\"fatal\",\"msg\":\"failed to open\"}" component=etcd stream=stderr"#,
            r#"time="2026-11-24 20:12:11" level=info msg="E1124 20:12:11.000001  9 run.go:72] \"command failed\"" component=kube-scheduler"#,
            "Elephants are no errors",
        ]);
        assert_eq!(
            found,
            [
                r#"etcd health check failed: "context deadline exceeded""#,
                r#"etcd: {"level":"fatal","msg":"failed to open"}"#,
                r#"kube-scheduler: E1124 20:12:11.000001 9 run.go:72] "command failed""#,
            ]
        );
    }

    #[test]
    fn what_is_said_again_is_counted_and_dated_by_its_last_time() {
        let line = |n: u32| {
            entry(
                &format!("level=error msg=\"try {n} failed\" token=hunter2"),
                i64::from(n),
            )
        };
        let out: Vec<String> = (1..=3).map(line).collect();
        let found = errors(&out.join("\n"));
        let shown: Vec<_> = found.iter().map(|line| (line.text.as_str(), line.times)).collect();
        assert_eq!(shown, [("try 3 failed", 3)]);
        assert_eq!(
            found.first().and_then(|line| line.at).map(Timestamp::as_second),
            Some(3)
        );
    }

    #[test]
    fn systemds_own_errors_and_odd_bytes_count_and_the_newest_stay() {
        let grave = r#"{"MESSAGE":[70,97,105,108,255],"PRIORITY":"3"}"#;
        let found = errors(&format!(
            "-- No entries --\n{grave}\n{{\"MESSAGE\":null,\"PRIORITY\":\"3\"}}"
        ));
        assert_eq!(found.first().map(|line| line.text.as_str()), Some("Fail\u{fffd}"));
        let many: Vec<String> = ["a", "b", "c", "d", "e", "f"]
            .map(|name| entry(&format!("level=error {name}"), 1))
            .into();
        let found = errors(&many.join("\n"));
        assert_eq!(found.len(), MOST);
        assert_eq!(found.last().map(|line| line.text.as_str()), Some("level=error f"));
    }

    proptest! {
        #[test]
        fn no_output_makes_it_panic(text in any::<String>()) {
            prop_assert!(errors(&text).is_empty());
            let _ = errors(&entry(&format!("level=error msg=\"{text}"), 1));
        }
    }
}
