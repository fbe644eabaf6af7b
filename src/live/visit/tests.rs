//! Visits to hosts that work, are full, forbid programs, or go away. `ssh` is a stand-in: it runs what it is given in an empty
//! home, in a session of its own, as sshd does.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// A host: its programs, its home, and its one place for files of a while.
struct Host {
    dir: TempDir,
    ssh: Vec<String>,
    name: Text,
}

const PROGRAMS: [&str; 16] = [
    "sh",
    "id",
    "uname",
    "mktemp",
    "df",
    "tail",
    "head",
    "sha256sum",
    "chmod",
    "rm",
    "cat",
    "env",
    "true",
    "printf",
    "setsid",
    "timeout",
];

impl Host {
    /// A host on which programs are replaced by scripts.
    fn with(replaced: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for place in ["bin", "tmp", "home"] {
            fs::create_dir(dir.path().join(place)).unwrap();
        }
        let bin = dir.path().join("bin");
        for program in PROGRAMS {
            let found = ["/usr/bin", "/bin"]
                .map(|place| PathBuf::from(place).join(program))
                .into_iter()
                .find(|path| path.exists());
            symlink(found.unwrap(), bin.join(program)).unwrap();
        }
        for (program, script) in replaced {
            let path = bin.join(program);
            let _ = fs::remove_file(&path);
            executable(&path, script);
        }
        let here = dir.path().display();
        let script = format!(
            "for cmd; do :; done; exec env -i PATH={here}/bin HOME={here}/home TMPDIR={here}/tmp setsid -w sh -c \"$cmd\""
        );
        Self {
            ssh: ["sh", "-c", script.as_str(), "sh"].map(str::to_owned).to_vec(),
            name: "ada@nbe-1".into(),
            dir,
        }
    }

    /// A host to which ssh does not come.
    fn beyond(words: &str) -> Self {
        let mut host = Self::with(&[]);
        let script = format!("echo '{words}' >&2; exit 255");
        host.ssh = ["sh", "-c", script.as_str(), "sh"].map(str::to_owned).to_vec();
        host
    }

    fn visit(&self) -> Visit<'_> {
        Visit {
            ssh: &self.ssh,
            host: &self.name,
        }
    }

    /// What lies in its place for files of a while.
    fn left(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path().join("tmp")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Waits until nothing lies there any more.
    async fn is_clean(&self) {
        let clean = async {
            while !self.left().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_mins(1), clean).await.unwrap();
    }

    /// A program that says that it runs, and what it is given.
    fn luggage(&self) -> Luggage {
        let path = self.dir.path().join("program");
        executable(&path, "echo \"runs: $*\"; exit 3");
        let script = fs::read_to_string(&path).unwrap();
        let version = "[ \"$1\" = --version ] && exit 0\n";
        fs::write(&path, script.replacen('\n', &format!("\n{version}"), 1)).unwrap();
        Luggage::of(&path).unwrap()
    }

    async fn refusal(&self) -> Why {
        match self.visit().copy(&self.luggage()).await {
            Ok(copy) => panic!("{}", copy.path()),
            Err(why) => why,
        }
    }
}

fn executable(path: &Path, script: &str) {
    fs::write(path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn scripts_are_one_word_in_single_quotes() {
    for script in [LOOK, KEEP] {
        assert!(!script.contains('\'') && !script.contains('!'), "{script}");
    }
}

#[tokio::test]
async fn a_program_is_copied_privately_run_and_removed() {
    let host = Host::with(&[]);
    let copy = host.visit().copy(&host.luggage()).await.unwrap();
    let path = Path::new(copy.path());
    let sent = fs::read(host.dir.path().join("program")).unwrap();
    assert_eq!(fs::read(path).unwrap(), sent);
    for private in [path, path.parent().unwrap()] {
        assert_eq!(fs::metadata(private).unwrap().permissions().mode() & 0o777, 0o700);
    }
    let words = [copy.path().to_owned(), quote("a b").unwrap()];
    assert_eq!(host.visit().run(&words, false).await, Ok(3));
    copy.remove().await.unwrap();
    assert!(host.left().is_empty());
}

#[tokio::test]
async fn whatever_ends_us_or_the_connection_the_other_side_tidies_up() {
    let host = Host::with(&[]);
    let copy = host.visit().copy(&host.luggage()).await.unwrap();
    assert_eq!(host.left().len(), 1);
    drop(copy);
    host.is_clean().await;
    // In the middle of the copy: more is promised than comes.
    let mut luggage = host.luggage();
    luggage.size += 1;
    let visit = host.visit();
    let has_begun = async {
        while host.left().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = visit.copy(&luggage) => panic!("it was never whole"),
        begun = timeout(Duration::from_mins(1), has_begun) => begun.unwrap(),
    }
    host.is_clean().await;
}

/// What the other side says of a program of no bytes, when it hears something or nothing of us afterwards. Its input stays
/// open.
fn kept_for_a_second(host: &Host, heard: &str) -> (String, bool) {
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let command = format!("exec sh -c '{KEEP}' sh 0 {empty} 1");
    let [program, arguments @ ..] = &host.ssh[..] else {
        panic!("no program")
    };
    let mut ssh = std::process::Command::new(program)
        .args(arguments)
        .arg(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = ssh.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, heard.as_bytes()).unwrap();
    let mut said = String::new();
    ssh.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    drop(input);
    (said, ssh.wait().unwrap().success())
}

#[test]
fn a_host_that_hears_nothing_of_us_any_more_keeps_nothing() {
    let host = Host::with(&[]);
    for heard in ["", "..."] {
        let (said, is_well) = kept_for_a_second(&host, heard);
        assert!(
            is_well && said.contains("quorate:ready") && said.ends_with("quorate:removed\n"),
            "{said}"
        );
        assert!(host.left().is_empty());
    }
}

#[tokio::test]
async fn a_host_without_timeout_keeps_it_until_the_connection_ends() {
    let host = Host::with(&[("timeout", "")]);
    fs::remove_file(host.dir.path().join("bin/timeout")).unwrap();
    let copy = host.visit().copy(&host.luggage()).await.unwrap();
    assert_eq!(host.left().len(), 1);
    copy.remove().await.unwrap();
    assert!(host.left().is_empty());
}

#[tokio::test]
async fn how_one_becomes_root_is_looked_at() {
    let user = ("id", "echo 1000");
    for (programs, root) in [
        (&[("id", "echo 0")][..], Root::Direct),
        (&[user, ("sudo", "exit 0")], Root::Sudo),
        (
            &[user, ("sudo", "echo 'sudo: a password is required' >&2; exit 1")],
            Root::Password,
        ),
        (&[user], Root::None),
    ] {
        assert_eq!(Host::with(programs).visit().look().await, Ok(root));
    }
}

#[tokio::test]
async fn another_architecture_is_noticed_before_anything_is_copied() {
    let host = Host::with(&[("uname", "[ \"$1\" = -m ] && echo riscv64 || echo Linux")]);
    let why = host.visit().look().await.unwrap_err();
    assert!(
        why.text.as_str().contains("is Linux riscv64, and this quorate"),
        "{why}"
    );
}

#[tokio::test]
async fn no_way_there_is_told_in_clear_words() {
    for (words, kind, advice) in [
        ("Host key verification failed.", WhyKind::Denied, "connect by hand once"),
        (
            "ada@nbe-1: Permission denied (publickey).",
            WhyKind::Denied,
            "without a question",
        ),
        (
            "ssh: connect to host nbe-1 port 22: Connection refused",
            WhyKind::Refused,
            "ssh -o BatchMode",
        ),
    ] {
        let host = Host::beyond(words);
        for why in [host.visit().look().await.unwrap_err(), host.refusal().await] {
            assert_eq!(why.kind, kind, "{why}");
            assert!(why.to_string().contains(advice), "{why}");
        }
        let lost = host.visit().run(&["true".to_owned()], false).await.unwrap_err();
        assert!(lost.text.as_str().contains("was lost"), "{lost}");
    }
}

#[tokio::test]
async fn a_host_that_cannot_keep_it_says_why_and_keeps_nothing() {
    let full = "echo 'Filesystem 1024-blocks Used Available Capacity Mounted'; echo '/dev/x 9 9 0 100% /'";
    let breaks = "echo 'head: error writing: No space left on device' >&2; exit 1";
    for (replaced, words) in [
        (("df", full), "/tmp is full"),
        (("head", breaks), "its disk is full"),
        (("chmod", "exit 0"), "lets no program run (noexec)"),
        (("mktemp", "exit 1"), "cannot be written"),
        (("sha256sum", "echo 00 file"), "is not what was sent: 00 file"),
    ] {
        let host = Host::with(&[replaced]);
        let why = host.refusal().await;
        assert!(why.to_string().contains(words), "{why}");
        host.is_clean().await;
    }
}

#[tokio::test]
async fn a_program_that_does_not_start_there_is_not_kept() {
    let host = Host::with(&[]);
    let path = host.dir.path().join("program");
    executable(&path, "echo 'version GLIBC_2.38 not found' >&2; exit 1");
    let why = host.visit().copy(&Luggage::of(&path).unwrap()).await.err().unwrap();
    assert!(why.to_string().contains("GLIBC_2.38 not found (the static"), "{why}");
    host.is_clean().await;
}

#[test]
fn only_hosts_and_words_that_every_shell_reads_alike_are_sent() {
    for host in ["", "-oProxyCommand=x", "a b", "$(x)", "a;b"] {
        assert!(must_be_host(&host.into()).is_err(), "{host:?}");
    }
    for host in ["nbe-1", "ada@10.0.0.1", "fe80::1%eth0"] {
        assert!(must_be_host(&host.into()).is_ok(), "{host:?}");
    }
    assert_eq!(quote("--timeout=1s").as_deref(), Some("--timeout=1s"));
    assert_eq!(quote("$(id) *").as_deref(), Some("'$(id) *'"));
    for odd in ["it's", "a!", "a\\", "a\nb"] {
        assert_eq!(quote(odd), None);
    }
}
