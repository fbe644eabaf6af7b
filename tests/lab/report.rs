//! What `check -o json` says of one check or feed, in words to look for.

use serde_json::Value;

/// Its result, and all that is said with it; a line for each finding.
pub fn told(report: &Value, id: &str) -> String {
    let own = |list: &str, key: &str| -> Vec<Value> {
        let all = report[list].as_array().unwrap().iter();
        all.filter(|one| one[key] == id).cloned().collect()
    };
    let states = own("checks", "id").into_iter().chain(own("feeds", "id"));
    let words = |one: &Value, fields: &[&str]| -> String {
        let said = fields.iter().filter(|field| !one[**field].is_null());
        said.map(|field| match &one[*field] {
            Value::String(text) => format!("{text} "),
            other => format!("{other} "),
        })
        .collect()
    };
    let states = states.map(|one| words(&one, &["result", "state", "why", "hint"]));
    let findings = own("findings", "check").into_iter();
    let findings = findings.map(|one| words(&one, &["severity", "subject", "title", "evidence"]));
    states.chain(findings).collect::<Vec<_>>().join("\n")
}

/// Which of these a report does not say: the check or feed, and words of what is [told](told) of it.
pub fn missing<'a>(report: &Value, wanted: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let is_missing = |(id, words): &&(&str, &str)| !told(report, id).contains(words);
    wanted.iter().filter(is_missing).copied().collect()
}
