//! Hosts that work, hang, ask for a password or print garbage. `ssh` is a stand-in here; what it is given is checked.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

/// Both ways are scripts that see what they are given as `$@`; `cmd` is the command for the other host.
fn shell(script: &str) -> Shell {
    let before = |script: String| ["sh", "-c", script.as_str(), "sh"].map(str::to_owned).to_vec();
    Shell {
        here: before(script.to_owned()),
        ssh: before(format!("for cmd; do :; done; {script}")),
        deadline: Duration::from_mins(1),
    }
}

fn there() -> At {
    At::There("10.0.0.2".into())
}

#[tokio::test]
async fn both_ways_run_the_same_words() {
    let here = shell("echo \"$*\"").run(&At::Here, &["id", "-u"]).await.unwrap();
    assert_eq!(here.out, "id -u\n");
    let shell = shell("echo \"$*\"");
    let said = shell.run(&there(), &["id", "-u"]).await.unwrap();
    let expected = [&SSH_OPTIONS.join(" "), "-- 10.0.0.2 env LC_ALL=C id -u\n"].join(" ");
    assert_eq!(said.out, expected);
    assert!(said.out.contains("BatchMode=yes") && said.out.contains("StrictHostKeyChecking=yes"));
}

#[tokio::test]
async fn nothing_that_a_shell_reads_otherwise_is_sent() {
    let shell = shell("echo ran");
    for word in ["a b", "$(id)", ";", "'x'", "", "a\nb", "*"] {
        let trouble = shell.run(&there(), &["echo", word]).await.unwrap_err();
        assert!(
            matches!(trouble, Trouble::NotStarted(why) if why.kind == WhyKind::Config),
            "{word:?}"
        );
    }
    for host in ["", "a b", "-oProxyCommand=x", "$(x)"] {
        let trouble = shell.run(&At::There(host.into()), &["id"]).await.unwrap_err();
        assert!(matches!(trouble, Trouble::NotStarted(_)), "{host:?}");
    }
}

#[tokio::test]
async fn a_host_that_hangs_is_left_at_the_deadline() {
    let mut shell = shell("exec sleep 600");
    shell.deadline = Duration::from_millis(50);
    for at in [At::Here, there()] {
        let trouble = shell.run(&at, &["id"]).await.unwrap_err();
        assert!(
            matches!(&trouble, Trouble::Unknown(why) if why.kind == WhyKind::TimedOut),
            "{trouble:?}"
        );
    }
}

#[tokio::test]
async fn what_ssh_says_tells_whether_the_command_can_have_run() {
    let cases = [
        (
            "ada@10.0.0.2: Permission denied (publickey,password).",
            Some(WhyKind::Denied),
        ),
        ("Host key verification failed.", Some(WhyKind::Denied)),
        (
            "ssh: connect to host 10.0.0.2 port 22: Connection refused",
            Some(WhyKind::Refused),
        ),
        (
            "ssh: connect to host 10.0.0.2 port 22: Connection timed out",
            Some(WhyKind::TimedOut),
        ),
        (
            "ssh: Could not resolve hostname nbe-2: Name or service not known",
            Some(WhyKind::Unreachable),
        ),
        ("client_loop: send disconnect: Broken pipe", None),
        ("Timeout, server 10.0.0.2 not responding.", None),
        ("", None),
    ];
    for (words, expected) in cases {
        let shell = shell(&format!("echo '{words}' >&2; exit 255"));
        match (shell.run(&there(), &["id"]).await.unwrap_err(), expected) {
            (Trouble::NotStarted(why), Some(kind)) => assert_eq!(why.kind, kind, "{why}"),
            (Trouble::Unknown(why), None) => assert_eq!(why.kind, WhyKind::Broken, "{why}"),
            (trouble, _) => panic!("{words}: {trouble:?}"),
        }
    }
}

/// A host where `id -u`, sudo and systemctl say what they are told to say; every systemctl call is written down.
fn host(uid: &str, sudo: &str, systemctl: &str, log: &std::path::Path) -> Shell {
    shell(&format!(
        "case \"${{cmd:-$*}}\" in \
         *'sudo -n id -u') {sudo} ;; \
         *'id -u') echo 'Welcome!'; echo {uid} ;; \
         *systemctl*) echo \"${{cmd:-$*}}\" >> {}; {systemctl} ;; esac",
        log.display()
    ))
}

const RUNNING: &str =
    "echo 'motd: \u{1b}[31mhello'; printf 'LoadState=loaded\\nActiveState=active\\nSubState=running\\n'";

#[tokio::test]
async fn root_asks_directly_and_others_through_sudo_without_a_password() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let calls = || std::fs::read_to_string(&log).unwrap();
    let root = host("0", "exit 1", RUNNING, &log);
    root.may_change_unit(&At::Here).await.unwrap();
    root.change_unit(&At::Here, ServiceVerb::Restart).await.unwrap();
    let last = calls().lines().next_back().unwrap().to_owned();
    assert_eq!(last, "systemctl --no-ask-password --no-block restart k0scontroller");
    let ada = host("1000", "echo 0", RUNNING, &log);
    ada.change_unit(&there(), ServiceVerb::Stop).await.unwrap();
    let last = calls().lines().next_back().unwrap().to_owned();
    assert!(
        last.ends_with("sudo -n systemctl --no-ask-password --no-block stop k0scontroller"),
        "{last}"
    );
}

#[tokio::test]
async fn whoever_would_need_a_password_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let ada = host("1000", "echo 'sudo: a password is required' >&2; exit 1", RUNNING, &log);
    let why = ada.may_change_unit(&there()).await.unwrap_err();
    assert!(why.kind == WhyKind::Denied && why.hint.is_some(), "{why}");
    let trouble = ada.change_unit(&there(), ServiceVerb::Stop).await.unwrap_err();
    assert!(matches!(trouble, Trouble::NotStarted(_)), "{trouble:?}");
    assert!(!log.exists());
}

#[tokio::test]
async fn garbage_is_no_right_to_act() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let garbage = host("$(head -c 300000 /dev/urandom | tr -d 0)", "exit 1", RUNNING, &log);
    let why = garbage.may_change_unit(&At::Here).await.unwrap_err();
    assert!(why.kind == WhyKind::Garbage && why.hint.is_some(), "{why}");
    let no_unit = host(
        "0",
        "",
        "printf 'LoadState=not-found\\nActiveState=inactive\\nSubState=dead\\n'",
        &log,
    );
    assert_eq!(
        no_unit.may_change_unit(&there()).await.unwrap_err().kind,
        WhyKind::Missing
    );
}

#[tokio::test]
async fn what_systemctl_refuses_was_not_done_and_what_was_killed_is_not_known() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let refuses = host("0", "", "echo 'Interactive authentication required.' >&2; exit 1", &log);
    let trouble = refuses.change_unit(&there(), ServiceVerb::Start).await.unwrap_err();
    assert!(
        matches!(&trouble, Trouble::NotStarted(why) if why.kind == WhyKind::Denied),
        "{trouble:?}"
    );
    let killed = host("0", "", "kill -9 $$", &log);
    for at in [At::Here, there()] {
        let trouble = killed.change_unit(&at, ServiceVerb::Start).await.unwrap_err();
        assert!(matches!(trouble, Trouble::Unknown(_)), "{trouble:?}");
    }
}
