//! What other programs read, by the letter of their formats: Prometheus' text format 0.0.4 and the performance data of the
//! Monitoring Plugins guidelines.

use std::collections::{BTreeMap, BTreeSet};

use quorate::check::{self, Report};
use quorate::cli::output::{plugin, prometheus};
use quorate::model::{Policy, Snapshot, example};

type Labels = BTreeMap<String, String>;

/// Every sample by the name and the labels of its series. Stricter than the format: each metric has its help and its type,
/// in this order, right above its samples, and no sample has a time.
pub fn exposition(text: &str) -> Result<BTreeMap<(String, Labels), f64>, String> {
    let lines = text.strip_suffix('\n').ok_or("the last line has no end")?;
    let (mut samples, mut known) = (BTreeMap::new(), BTreeSet::new());
    let mut lines = lines.split('\n').peekable();
    while let Some(line) = lines.next() {
        let help = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' '));
        let (name, help) = help.ok_or_else(|| format!("no help of a metric: {line:?}"))?;
        if !is_name(name) || help.is_empty() || unescaped(help, "\\n").is_none() {
            return Err(format!("a wrong help: {line:?}"));
        }
        if !known.insert(name) {
            return Err(format!("{name} comes twice"));
        }
        let of_type = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
        let kind = of_type.and_then(|rest| rest.strip_prefix(name)?.strip_prefix(' '));
        if !matches!(kind, Some("gauge" | "counter")) {
            return Err(format!("{name} has no type: {of_type:?}"));
        }
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (own, labels, value) = sample(line).ok_or_else(|| format!("no sample: {line:?}"))?;
            if own != name {
                return Err(format!("{own} stands among {name}"));
            }
            if samples.insert((own.to_owned(), labels), value).is_some() {
                return Err(format!("a second value for one series: {line:?}"));
            }
        }
    }
    Ok(samples)
}

fn is_name(word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    word.chars().all(is_part) && word.starts_with(|c: char| !c.is_ascii_digit())
}

/// A value without its escapes; None for an escape that is none of `known`.
fn unescaped(value: &str, known: &str) -> Option<String> {
    let (mut out, mut chars) = (String::new(), value.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next().filter(|c| known.contains(*c))? {
                'n' => out.push('\n'),
                other => out.push(other),
            },
            other => out.push(other),
        }
    }
    Some(out)
}

fn sample(line: &str) -> Option<(&str, Labels, f64)> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let is_escaped = |at: usize| after[..at].chars().rev().take_while(|c| *c == '\\').count() % 2 == 1;
            let end = after.match_indices('"').map(|(at, _)| at).find(|at| !is_escaped(*at))?;
            let value = unescaped(&after[..end], "\\\"n")?;
            if !is_name(label) || label.starts_with("__") || labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            rest = &after[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.strip_prefix(' ')?;
    let is_number = !value.is_empty() && value.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
    (is_name(name) && is_number).then_some(())?;
    Some((name, labels, value.parse().ok()?))
}

fn examples() -> impl Iterator<Item = (Snapshot, Report)> {
    example::NAMED.iter().map(|(_, make)| {
        let snapshot = make();
        let report = check::run(&snapshot, &Policy::default());
        (snapshot, report)
    })
}

#[test]
fn the_reader_of_metrics_is_strict() {
    let right = "# HELP a b \\\\ c\n# TYPE a gauge\na{x=\"\\\\\\\"\\n\",y=\"\"} -1\na 2\n";
    let read = exposition(right).unwrap();
    let labels = Labels::from([("x".to_owned(), "\\\"\n".to_owned()), ("y".to_owned(), String::new())]);
    assert_eq!(read.get(&("a".to_owned(), labels)), Some(&-1.0));
    for wrong in [
        "# HELP a b\n# TYPE a gauge\na 1",
        "# HELP a b\n# TYPE a gauge\na 1\n\n",
        "# TYPE a gauge\n# HELP a b\na 1\n",
        "# HELP a b\na 1\n",
        "# HELP a b\n# TYPE a gauge\na 1\nb 1\n",
        "# HELP a b\n# TYPE a gauge\na 1\na 1\n",
        "# HELP a b\n# TYPE a gauge\na{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 1\n",
        "# HELP a b\n# TYPE a gauge\na 1\n# HELP a b\n# TYPE a gauge\na{x=\"\"} 1\n",
        "# HELP a b\n# TYPE a gauge\na{x=\"1\",x=\"2\"} 1\n",
        "# HELP a b\n# TYPE a gauge\na{x=\"\\t\"} 1\n",
        "# HELP a b\n# TYPE a gauge\na{x=\"1\"}1\n",
        "# HELP a b\n# TYPE a gauge\na{x=\"1\" 1\n",
        "# HELP a b\n# TYPE a gauge\na{1x=\"1\"} 1\n",
        "# HELP a-b c\n# TYPE a-b gauge\na-b 1\n",
        "# HELP a b\n# TYPE a gauge\na one\n",
        "# HELP a b\n# TYPE a gauge\na 1 2 3\n",
    ] {
        assert!(exposition(wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn metrics_are_prometheus_text_with_one_result_for_each_check_and_one_verdict() {
    for (snapshot, report) in examples() {
        let text = prometheus::text(&snapshot, &report);
        let samples = exposition(&text).unwrap_or_else(|why| panic!("{why}\n{text}"));
        let is_set = |metric: &str, labels: &[(&str, &str)]| {
            let own = samples.iter().filter(|((name, found), value)| {
                let has = |(label, value): &(&str, &str)| found.get(*label).is_some_and(|own| own == value);
                name == metric && labels.iter().all(has) && **value > 0.0
            });
            own.count()
        };
        assert_eq!(is_set("quorate_verdict", &[("level", report.verdict.level.word())]), 1);
        assert_eq!(is_set("quorate_verdict", &[]), 1);
        for (id, outcome) in &report.outcomes {
            let own = ("check", id.name());
            assert_eq!(is_set("quorate_check", &[own]), 1, "{id}");
            assert_eq!(is_set("quorate_check", &[own, ("result", outcome.word())]), 1, "{id}");
        }
        let found: f64 = samples
            .iter()
            .filter(|((name, _), _)| name == "quorate_findings")
            .map(|(_, value)| value)
            .sum();
        let findings = report.findings().len();
        assert_eq!(found.to_string(), findings.to_string());
    }
}

/// The figures of a plugin's first line, by their labels: `label=value[UOM];warn;crit;min;max`, all behind the value optional.
fn performance(figures: &str) -> Option<BTreeMap<&str, Option<f64>>> {
    let mut read = BTreeMap::new();
    for figure in figures.split(' ') {
        let (label, rest) = figure.split_once('=')?;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut parts = rest.split(';');
        let value = parts.next()?;
        let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || "-.".contains(c));
        let number = match value {
            "U" => None,
            _ => Some(value.strip_suffix(unit)?.parse().ok()?),
        };
        let is_unit = value == "U" || matches!(unit, "" | "s" | "us" | "ms" | "%" | "B" | "KB" | "MB" | "TB" | "c");
        let is_bound = |part: &str| part.is_empty() || part.parse::<f64>().is_ok();
        let bounds: Vec<&str> = parts.collect();
        let is_right = !label.is_empty() && label.chars().all(is_plain) && is_unit && bounds.len() <= 4;
        if !is_right || !bounds.into_iter().all(is_bound) || read.insert(label, number).is_some() {
            return None;
        }
    }
    Some(read)
}

#[test]
fn the_reader_of_performance_data_is_strict() {
    let read = performance("a=1 b=-0.5s;1;2;0;9 c=U d=3;;4").unwrap();
    assert_eq!(read["b"], Some(-0.5));
    assert_eq!(read["c"], None);
    for wrong in [
        "",
        "a",
        "a=",
        "a=1  b=2",
        "a=1 a=2",
        "a=1;2;3;4;5;6",
        "a=x",
        "a=1m",
        "a=1;x",
        "=1",
        "a b=1",
    ] {
        assert!(performance(wrong).is_none(), "{wrong:?}");
    }
}

#[test]
fn the_plugin_s_first_line_is_its_level_and_performance_data() {
    for (snapshot, report) in examples() {
        let text = plugin::text(&snapshot, &report);
        let (first, rest) = text.split_once('\n').unwrap();
        let level = report.verdict.level.word().to_uppercase();
        let (line, figures) = first.split_once(" | ").unwrap();
        assert!(line.starts_with(&format!("QUORATE {level} - ")), "{line}");
        assert!(!line.contains('|') && !rest.contains('|'), "{text}");
        let figures = performance(figures).unwrap_or_else(|| panic!("{figures}"));
        for label in ["voters", "live", "spare", "nodes", "critical", "warning", "cannot_tell"] {
            assert!(figures.contains_key(label), "{label}: {first}");
        }
    }
}
