//! The program as a user starts it, where there is no cluster: exit codes, words, and no claim that nothing proves.

use std::fs;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::Value;

/// quorate in an empty home, with an empty environment.
pub fn quorate(home: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command
        .env_clear()
        .env("HOME", home.path())
        .timeout(Duration::from_mins(1));
    command
}

pub fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Arguments under which no source can be found, on whatever machine this runs.
const NOTHING: [&str; 6] = [
    "--kubeconfig",
    "/nonexistent/config",
    "--etcd-pki",
    "/nonexistent/pki",
    "--k0s-dir",
    "/nonexistent/k0s",
];

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = quorate(&home()).args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(arguments: &[&str]) -> (Option<i32>, Value) {
    let (code, out, err) = run(&[arguments, &["-o", "json", "--timeout", "1s"], &NOTHING].concat());
    (
        code,
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}\n{out}\n{err}")),
    )
}

#[test]
fn a_wrong_command_line_exits_64_and_help_exits_0() {
    for wrong in [
        &["--colour"][..],
        &["statsu"],
        &["status", "-o", "yaml"],
        &["check", "--timeout", "soon"],
        &["completions"],
    ] {
        let (code, out, err) = run(wrong);
        assert_eq!(code, Some(64), "{wrong:?}: {err}");
        assert!(out.is_empty() && !err.is_empty());
    }
    assert!(run(&["statsu"]).2.contains("status"), "a suggestion");
    for help in [&["--help"][..], &["-h"], &["--version"], &["check", "--help"]] {
        let (code, out, err) = run(help);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{help:?}");
        assert!(out.contains("quorate"));
    }
}

#[test]
fn without_any_source_nothing_is_claimed() {
    let (code, status) = json(&["status"]);
    assert_eq!(code, Some(0));
    assert_eq!(status["schema"], "quorate.status/v1");
    assert_eq!(status["verdict"]["level"], "unknown");
    for name in ["voters", "healthy", "needed", "spare", "spare_range", "leader"] {
        assert_eq!(status["quorum"][name], Value::Null, "{name}");
    }
    assert_eq!(status["quorum"]["standing"], "unproven");
    assert_eq!(status["zones"], serde_json::json!([]));
    let feeds = status["feeds"].as_array().unwrap();
    assert!(feeds.len() > 15);
    let api = feeds.iter().find(|feed| feed["id"] == "api").unwrap();
    assert!(api["why"].as_str().unwrap().contains("/nonexistent/config"), "{api}");

    let (code, check) = json(&["check"]);
    assert_eq!(code, Some(3));
    assert_eq!(check["schema"], "quorate.check/v1");
    let checks = check["checks"].as_array().unwrap();
    assert_eq!(checks.len(), quorate::check::CheckId::ALL.len());
    let holding: Vec<&Value> = checks.iter().filter(|check| check["result"] == "holds").collect();
    assert!(holding.is_empty(), "{holding:?}");

    let (code, doctor) = json(&["doctor"]);
    assert_eq!(code, Some(1));
    assert!(!doctor["notes"].as_array().unwrap().is_empty());
}

#[test]
fn every_check_is_explained_and_a_misspelt_one_is_guessed() {
    let (code, out, _) = run(&["explain"]);
    assert_eq!(code, Some(0));
    for id in quorate::check::CheckId::ALL {
        assert!(out.contains(id.name()), "{id}");
        let (code, text, _) = run(&["explain", id.name()]);
        assert_eq!(code, Some(0));
        assert!(text.contains("Looks at:") && text.contains("Fix:"), "{text}");
    }
    let (code, _, err) = run(&["explain", "etcd.spar"]);
    assert_eq!(code, Some(64));
    assert!(err.contains("did you mean etcd.spare?"), "{err}");
    let (_, _, err) = run(&["explain", "\u{1b}[31m"]);
    assert!(!err.contains('\u{1b}'), "{err:?}");
}

#[test]
fn a_mistake_in_a_file_is_told_with_its_line_and_a_suggestion() {
    let home = home();
    let folder = home.path().join(".config/quorate");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), "timeout = \"5s\"\n\ncolr = \"never\"\n").unwrap();
    let output = quorate(&home).args(["config", "--check"]).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(
        err.contains("config.toml") && err.contains('3') && err.contains("color"),
        "{err}"
    );
    // What is right in the file still counts.
    let output = quorate(&home).args(["config", "-o", "json"]).output().unwrap();
    let config: Value = serde_json::from_slice(&output.stdout).unwrap();
    let timeout = config["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["key"] == "timeout")
        .unwrap();
    assert!(timeout["value"].as_str().unwrap().starts_with('5'), "{timeout}");
}

#[test]
fn remapped_keys_are_checked_and_listed() {
    let home = home();
    let file = home.path().join("keys.toml");
    let with = |content: &str, arguments: &[&str]| {
        fs::write(&file, content).unwrap();
        let output = quorate(&home)
            .args(arguments)
            .arg("--config")
            .arg(&file)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let right = "[keys]\n\"ctrl-q\" = \"q\"\n";
    assert_eq!(with(right, &["config", "--check"]).0, Some(0));
    let listed = with(right, &["keys"]).1;
    assert!(listed.contains("\nctrl-q, q "), "{listed}");
    let config: Value = serde_json::from_str(&with(right, &["config", "-o", "json"]).1).unwrap();
    let is_keys = |setting: &&Value| setting["key"] == "keys";
    let keys = config["settings"].as_array().unwrap().iter().find(is_keys).unwrap();
    assert_eq!(
        (&keys["value"], &keys["origin"]["kind"]),
        (&"ctrl-q=q".into(), &"user-file".into())
    );
    let (code, _, err) = with("[keys]\n\"W\" = \"q\"\n", &["config", "--check"]);
    assert_eq!(code, Some(64));
    assert!(
        err.contains("keys.toml:2:1: what W did would have no key any more"),
        "{err}"
    );
}

#[test]
fn the_template_is_a_right_configuration() {
    let home = home();
    let file = home.path().join("config.toml");
    fs::write(
        &file,
        quorate(&home).args(["config", "--template"]).output().unwrap().stdout,
    )
    .unwrap();
    let checked = quorate(&home)
        .args(["config", "--check", "--config"])
        .arg(&file)
        .output()
        .unwrap();
    assert_eq!(
        checked.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let missing = quorate(&home)
        .args(["config", "--check", "--config", "/nonexistent"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(64));
}

#[test]
fn completions_and_the_man_page_know_every_command() {
    let (_, man, _) = run(&["man"]);
    let (_, bash, _) = run(&["completions", "bash"]);
    for command in [
        "status",
        "check",
        "explain",
        "rehearse",
        "doctor",
        "keys",
        "config",
        "completions",
        "man",
    ] {
        assert!(man.contains(command), "{command} in the man page");
        assert!(bash.contains(command), "{command} in the completions");
        let (code, page, _) = run(&["man", command]);
        assert_eq!(code, Some(0), "{command}");
        assert!(page.contains(&format!(".TH quorate-{command} 1")), "{page}");
        assert!(
            page.contains("\\fBquorate\\fR(1)") && !page.contains("\\-\\-kubeconfig"),
            "{page}"
        );
    }
    for section in ["ENVIRONMENT", "FILES", "EXIT STATUS", "SEE ALSO"] {
        assert!(man.contains(&format!("\n.SH \"{section}\"\n")), "{section}: {man}");
    }
    let (code, _, err) = run(&["man", "statsu"]);
    assert_eq!(code, Some(64));
    assert!(err.contains("status"), "{err}");
}

#[test]
fn the_keys_are_listed() {
    let (code, out, _) = run(&["keys"]);
    assert_eq!(code, Some(0));
    assert!(out.lines().count() > 10 && out.contains("ctrl-c"), "{out}");
    let (_, keys, _) = run(&["keys", "-o", "json"]);
    let keys: Value = serde_json::from_str(&keys).unwrap();
    assert_eq!(keys["schema"], "quorate.keys/v1");
}

#[test]
fn the_console_needs_a_terminal_and_says_what_works_without() {
    let (code, _, err) = run(&NOTHING);
    assert_eq!(code, Some(64));
    assert!(err.contains("terminal") && err.contains("quorate status"), "{err}");
}

#[test]
fn themes_are_listed_shown_and_made_one_s_own() {
    let home = home();
    let folder = home.path().join(".config/quorate/themes");
    fs::create_dir_all(&folder).unwrap();
    fs::write(
        folder.join("mine.toml"),
        "inherits = \"light\"\nabout = \"my own\"\nok = \"blue\"\n",
    )
    .unwrap();
    fs::write(folder.join("bad.toml"), "inherits = \"light\"\nokk = \"blue\"\n").unwrap();
    let run = |arguments: &[&str]| {
        let output = quorate(&home).args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, out, _) = run(&["themes", "-o", "json"]);
    let listed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &listed["schema"]), (Some(0), &"quorate.themes/v1".into()));
    let themes = listed["themes"].as_array().unwrap();
    let find = |name: &str| themes.iter().find(|theme| theme["name"] == name).unwrap();
    assert_eq!(find("default")["from"], "built in");
    assert_eq!(find("mine")["about"], "my own");
    assert_eq!(find("mine")["background"], "light");
    assert!(find("bad")["problem"].as_str().unwrap().contains("line 2"));
    let told = quorate(&home)
        .env("COLORFGBG", "0;15")
        .args(["config", "-o", "json"])
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let settings = told["settings"].as_array().unwrap();
    let theme = settings.iter().find(|setting| setting["key"] == "theme").unwrap();
    assert_eq!(
        (&theme["value"], &theme["origin"]["name"]),
        (&"light".into(), &"COLORFGBG".into())
    );
    let (code, out, _) = run(&["themes", "show", "mine"]);
    assert_eq!(code, Some(0));
    assert!(
        out.contains("\nok = \"blue\"\n") && out.contains("\ncritical = \"bold #"),
        "{out}"
    );
    let (code, _, err) = run(&["themes", "show", "color-blind"]);
    assert_eq!(code, Some(64));
    assert!(err.contains("colour-blind"), "{err}");
}

#[test]
fn a_screenshot_is_text_or_a_picture_and_always_the_same() {
    let shot = ["screenshot", "etcd", "--size", "80x24", "--state", "node-lost"];
    let (code, text, _) = run(&shot);
    assert_eq!((code, text.lines().count()), (Some(0), 24));
    assert!(text.contains("DEAD") && !text.contains('\u{1b}'), "{text}");
    assert_eq!(run(&shot).1, text);
    let picture = run(&[&shot[..], &["--svg"]].concat()).1;
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
    let on_light = quorate(&home())
        .env("COLORFGBG", "0;15")
        .args(shot)
        .arg("--svg")
        .output()
        .unwrap();
    assert!(
        on_light.stdout == picture.as_bytes(),
        "this terminal says nothing about who looks at the picture"
    );
    let pressed = run(&[&shot[..], &["--keys", "G<enter>"]].concat()).1;
    assert!(pressed.contains("Details"), "{pressed}");
    for wrong in [
        &["screenshot", "nowhere"][..],
        &["screenshot", "etcd", "--size", "9999x9999"],
        &["screenshot", "etcd", "--keys", "<nokey>"],
    ] {
        assert_eq!(run(wrong).0, Some(64), "{wrong:?}");
    }
}

#[test]
fn a_simulated_cluster_can_be_drawn() {
    let shot = ["screenshot", "etcd", "--sim", "node-lost", "--size", "100x30"];
    let (code, text, err) = run(&shot);
    assert_eq!(code, Some(0), "{err}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 30, "{text}");
    assert!(lines.iter().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.contains("DEAD") && text.contains("SIMULATED"), "{text}");
    let (code, picture, _) = run(&[&shot[..], &["--svg"]].concat());
    assert_eq!(code, Some(0));
    assert!(picture.starts_with("<svg ") && picture.contains("DEAD") && picture.ends_with("</svg>\n"));
    let (code, _, err) = run(&["screenshot", "etdc", "--sim", "node-lost"]);
    assert_eq!(code, Some(64));
    assert!(err.contains("etdc") && err.contains("etcd"), "{err}");
    let (code, _, err) = run(&["screenshot", "etcd", "--sim", "node-lots"]);
    assert_eq!(code, Some(64));
    assert!(err.contains("node-lots") && err.contains("node-lost"), "{err}");
}

#[test]
fn lines_can_be_piped_in_and_out() {
    let dir = tempfile::tempdir().unwrap();
    let recorded = dir.path().join("lines");
    let output = quorate(&home())
        .args([&["--linear"], &NOTHING[..]].concat())
        .write_stdin(format!(
            "etcd\n/nbe-1\n99\n\u{1b}[31m\n:record {}\n",
            recorded.display()
        ))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for said in [
        "Verdict UNKNOWN",
        "Screen etcd",
        "those with \"nbe-1\"",
        "there is no row 99",
        "The input ended",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let recording = std::fs::read_to_string(recorded).unwrap();
    let recording = quorate::recording::Recording::read(&recording).unwrap();
    assert!(recording.index.len() > 2, "the screens that were told are recorded");
    let (code, _, err) = run(&NOTHING);
    assert_eq!(code, Some(64));
    assert!(err.contains("not a terminal") && err.contains("--linear"), "{err}");
}

#[test]
fn checks_are_picked_by_name_and_told_as_metrics() {
    let check = |arguments: &[&str]| {
        let mut all = vec!["check", "--sim", "healthy", "--timeout", "30s"];
        all.extend(arguments);
        Command::new(env!("CARGO_BIN_EXE_quorate")).args(all).output().unwrap()
    };
    let picked = check(&["--only", "zone.*", "--skip", "*.three", "-o", "json"]);
    let document: serde_json::Value = serde_json::from_slice(&picked.stdout).unwrap();
    let checks = document["checks"].as_array().unwrap();
    assert_eq!((checks.len(), &checks[0]["id"]), (1, &"zone.labels".into()));
    assert_eq!(checks[0]["group"], "placement");
    let metrics = String::from_utf8(check(&["-o", "prometheus"]).stdout).unwrap();
    assert!(metrics.contains("quorate_etcd_spare 1\n"), "{metrics}");
    assert!(metrics.contains("quorate_simulated 1\n"), "{metrics}");
    let slip = check(&["--only", "zoen.*"]);
    assert_eq!(slip.status.code(), Some(64));
}

#[test]
fn a_monitoring_system_reads_a_line_with_figures_and_never_ok_for_want_of_data() {
    let check = |arguments: &[&str]| run(&[&["check", "-o", "plugin"], arguments].concat());
    let first = |out: &str| out.lines().next().unwrap_or_default().to_owned();
    for (scenario, begins, expected) in [
        (
            "quorum-lost",
            "QUORATE CRITICAL - simulated cluster (quorum-lost): quorum lost",
            2,
        ),
        (
            "node-lost",
            "QUORATE WARNING - simulated cluster (node-lost): 2 of 3 healthy, no spare",
            1,
        ),
    ] {
        let (code, out, err) = check(&["--sim", scenario, "--timeout", "30s"]);
        assert_eq!(code, Some(expected), "{out}{err}");
        let line = first(&out);
        assert!(line.starts_with(begins) && line.contains(" | voters=3 live="), "{line}");
    }
    let (code, out, _) = check(&["--sim", "healthy", "--timeout", "30s", "--only", "etcd.*"]);
    assert_eq!((code, out.starts_with("QUORATE OK - ")), (Some(0), true), "{out}");

    let nothing = [&NOTHING[..], &["--timeout", "1s"]].concat();
    let (code, out, _) = check(&nothing);
    assert_eq!(code, Some(3));
    assert!(first(&out).starts_with("QUORATE UNKNOWN - "), "{out}");
    assert!(
        first(&out).contains("voters=U live=U spare=U nodes=U nodes_ready=U"),
        "{out}"
    );
    let (code, out, _) = check(&[&nothing[..], &["--only", "zone.labels"]].concat());
    assert_eq!((code, out.starts_with("QUORATE UNKNOWN - ")), (Some(3), true), "{out}");

    // What fails before anything is looked at is UNKNOWN too: elsewhere 1 would be a warning, and 64 is no level.
    for wrong in [&["--only", "zoen.*"][..], &["--watch"], &["--sim", "/nonexistent.toml"]] {
        let (code, out, _) = check(wrong);
        assert_eq!(
            (code, out.starts_with("QUORATE UNKNOWN - ")),
            (Some(3), true),
            "{wrong:?}: {out}"
        );
        assert_eq!(out.lines().count(), 1, "{out}");
    }
}

#[test]
fn a_namespace_limits_the_workloads_shown_and_never_what_is_found() {
    // The context's namespace is no limit, as it would be in kubectl: it would hide what is wrong elsewhere.
    let home = home();
    let context = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a, \
                   namespace: velero}}]\nclusters: [{name: a, cluster: {server: 'https://127.0.0.1:9'}}]\nusers: [{name: a, user: {}}]\n";
    let file = home.path().join("config");
    fs::write(&file, context).unwrap();
    let status = |command: &str, flags: &[&str]| -> Value {
        let mut quorate = quorate(&home);
        quorate
            .env("KUBECONFIG", &file)
            .args([command, "--sim", "node-lost", "--timeout", "30s", "-o", "json"]);
        serde_json::from_slice(&quorate.args(flags).output().unwrap().stdout).unwrap()
    };
    let namespaces = |document: &Value| -> std::collections::BTreeSet<String> {
        let rows = document["placement"].as_array().unwrap().iter();
        rows.map(|row| row["namespace"].as_str().unwrap().to_owned()).collect()
    };
    let all = status("status", &[]);
    assert!(namespaces(&all).len() > 2 && all.get("namespace").is_none(), "{all}");
    let one = status("status", &["-n", "kotsadm"]);
    assert_eq!(one["namespace"], "kotsadm");
    assert!(namespaces(&one).iter().eq(["kotsadm"]), "{one}");
    assert_eq!(
        (&one["verdict"], &one["quorum"]["spare"]),
        (&all["verdict"], &all["quorum"]["spare"])
    );
    for flags in [
        &["-A", "-n", "kotsadm"][..],
        &["--namespace", "kotsadm", "--all-namespaces"],
    ] {
        assert_eq!(namespaces(&status("status", flags)), namespaces(&all), "-A outranks -n");
    }
    let found = |flags: &[&str]| -> Vec<Value> {
        let document = status("check", flags);
        let subjects = document["findings"].as_array().unwrap().iter();
        subjects.map(|finding| finding["subject"].clone()).collect()
    };
    assert_eq!(found(&["-n", "no-such-namespace"]), found(&[]));

    let (_, out, _) = run(&["status", "--sim", "node-lost", "--timeout", "30s", "-n", "nowhere"]);
    assert!(out.contains("workloads of namespace nowhere alone (-n)"), "{out}");
    assert_eq!(run(&["status", "-n", "Not_one"]).0, Some(64));
    let (_, frame, _) = run(&["screenshot", "pods", "-n", "kube-system"]);
    assert!(frame.contains("filter /-n kube-system: "), "{frame}");
}

#[test]
fn findings_are_accepted_listed_and_taken_back() {
    let state = tempfile::tempdir().unwrap();
    let ack = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .env("XDG_STATE_HOME", state.path())
            .arg("ack")
            .args(arguments)
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    assert!(ack(&["zone.labels", "node/nbe-1", "--reason", "new host", "--for", "2d"]).0);
    let listed = ack(&["--list"]).1;
    assert!(
        listed.contains("zone.labels") && listed.contains("node/nbe-1") && listed.contains("new host"),
        "{listed}"
    );
    assert!(!ack(&["zone.labels", "--reason", ""]).0, "without a reason");
    assert!(!ack(&["zone.lables", "--reason", "x"]).0, "no such check");
    assert!(!ack(&["zone.labels", "--withdraw"]).0, "another subject");
    assert!(ack(&["zone.labels", "node/nbe-1", "--withdraw"]).0);
    assert!(!ack(&["--list"]).1.contains("nbe-1"));
}

#[test]
fn on_a_simulated_cluster_nothing_is_accepted() {
    let state = tempfile::tempdir().unwrap();
    for arguments in [
        &["zone.labels", "--reason", "trying it out"][..],
        &["zone.labels", "--withdraw"],
        &["--list"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .env("XDG_STATE_HOME", state.path())
            .args(["--sim", "healthy", "ack"])
            .args(arguments)
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {told}");
        assert!(
            told.contains("real cluster") && told.contains("nothing was written"),
            "{told}"
        );
        assert_eq!(state.path().read_dir().unwrap().count(), 0, "{arguments:?}");
    }
}

#[test]
fn a_loss_is_foretold_in_words_and_as_a_document() {
    let (code, out, err) = run(&["what-if", "nbe-3", "--then", "nbe-2", "--sim", "healthy"]);
    assert_eq!(code, Some(0), "{err}");
    for sentence in [
        "If nbe-3 is lost\n",
        "If nbe-2 is lost, after nbe-3\n",
        "quorum is lost: 1 of 3",
    ] {
        assert!(out.contains(sentence), "{sentence:?}: {out}");
    }
    let (code, out, err) = run(&["what-if", "--sim", "healthy", "-o", "json"]);
    assert_eq!(code, Some(0), "{err}");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(document["schema"], "quorate.what-if/v1");
    assert_eq!(document["losses"].as_array().unwrap().len(), 3);
    let (code, _, err) = run(&["what-if", "nbe-9", "--sim", "healthy"]);
    assert_eq!(code, Some(64));
    assert!(
        err.contains("there are: nbe-1, nbe-2, nbe-3") && !err.contains("BACKTRACE"),
        "{err}"
    );
    let (code, out, _) = run(&[&["what-if", "--timeout", "1s"], &NOTHING[..]].concat());
    assert_eq!(code, Some(3), "without a source nothing is foretold: {out}");
}
