//! `quorate ssh` with a real server: a host that cannot take the program says why, and no host keeps anything of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::sshd::{PASSWORD, Sshd};

const HOST: &str = "10.77.0.12";
const WORDS: [&str; 3] = ["--", "explain", "etcd.spare"];
/// How long a host may take to tidy up.
const SOON: Duration = Duration::from_mins(1);
const SIZE: (u16, u16) = (60, 160);

/// Needs a server on host 2; leaves everything as it was.
pub fn whatever_happens_is_told_and_nothing_stays(lab: &Lab, sshd: &Sshd) {
    let places = Places::on(lab, sshd);
    a_host_that_may_not_be_spoken_to(lab, sshd);
    a_host_of_another_kind(lab, sshd);
    root_is_needed_or_not(lab, sshd, &places);
    a_place_for_the_program(lab, &places);
    a_lost_connection(lab, sshd, &places);
    a_run_in_progress(lab, sshd, &places);
}

fn visit(lab: &Lab, flags: &[&str]) -> Output {
    lab.quorate(1, &[&["ssh"], flags, &[HOST], &WORDS].concat())
}

/// It did not begin, and says all of this.
fn refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(output.stdout.is_empty(), "{output:?}");
}

fn came(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("etcd.spare"),
        "{output:?}"
    );
}

/// Where host 2 may keep a program for a while, in the order in which they are tried.
struct Places<'a> {
    lab: &'a Lab,
    all: [String; 3],
}

impl<'a> Places<'a> {
    fn on(lab: &'a Lab, sshd: &Sshd) -> Self {
        let dir = sshd.dir();
        let all = [
            format!("{}/tmp-2", dir.display()),
            "/var/tmp".to_owned(),
            format!("{}/home-2", dir.display()),
        ];
        fs::create_dir_all(&all[0]).unwrap();
        fs::set_permissions(&all[0], fs::Permissions::from_mode(0o777)).unwrap();
        for home in ["home-2", "ada-2"] {
            sshd.write(&format!("{home}/.bashrc"), &format!("export TMPDIR={}\n", all[0]));
        }
        Self { lab, all }
    }

    fn shell(&self, script: &str) -> String {
        let output = self.lab.on_host(2, &["sh", "-ec", script]);
        assert!(output.status.success(), "{script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The server's process for our session is gone, and says no good-bye.
    fn end_session(&self, sshd: &Sshd) {
        let pid = sshd.read("sshd-2.pid");
        self.shell(&format!("kill -KILL $(pgrep -P {})", pid.trim()));
    }

    /// Puts file systems of this kind over some of them while `then` goes on.
    fn under(&self, options: &str, places: &[String], then: impl FnOnce()) {
        for place in places {
            let keep = if *place == self.all[2] {
                "cp -a $place/.bashrc $kept"
            } else {
                ":"
            };
            let back = if *place == self.all[2] {
                "cp -a $kept $place/.bashrc"
            } else {
                ":"
            };
            self.shell(&format!(
                "place={place} kept={0}/kept; {keep}; mount -t tmpfs -o mode=1777,{options} tmpfs $place; {back}",
                self.lab.state().display()
            ));
        }
        then();
        for place in places {
            self.shell(&format!("umount {place}"));
        }
    }

    fn left(&self) -> String {
        self.shell(&format!(
            "find {} /tmp -maxdepth 1 -name 'quorate.??????????'",
            self.all.join(" ")
        ))
    }

    /// The other side tidies up by itself, a moment after the connection ended.
    fn are_clean(&self) {
        let began = Instant::now();
        loop {
            let left = self.left();
            if left.is_empty() {
                return;
            }
            assert!(began.elapsed() < SOON, "{left}");
        }
    }
}

fn a_host_that_may_not_be_spoken_to(lab: &Lab, sshd: &Sshd) {
    let known = sshd.read("home-1/.ssh/known_hosts");
    sshd.write("home-1/.ssh/known_hosts", "");
    let words = ["Host key verification failed", "not known here: connect by hand once"];
    refused(&visit(lab, &[]), &words);
    assert_eq!(sshd.read("home-1/.ssh/known_hosts"), "", "no key is learned");
    sshd.write("home-1/.ssh/known_hosts", &known);
}

fn a_host_of_another_kind(lab: &Lab, sshd: &Sshd) {
    sshd.program(2, "uname", "[ \"$1\" = -m ] && echo riscv64 || echo Linux");
    let own = format!("made for Linux {}", std::env::consts::ARCH);
    refused(&visit(lab, &[]), &["is Linux riscv64", &own, "nothing was copied"]);
    sshd.remove("bin-2/uname");
}

/// Leaves a sudo that permits ada nothing.
fn root_is_needed_or_not(lab: &Lab, sshd: &Sshd, places: &Places) {
    let way_out = "log in as root, or say --no-sudo";
    sshd.operator("ada");
    sshd.remove("bin-2/sudo");
    places.shell("[ ! -e /usr/bin/sudo ] || mount --bind /dev/null /usr/bin/sudo");
    let none = "one is not root on 10.77.0.12, and there is no sudo";
    refused(&visit(lab, &[]), &[none, way_out]);
    came(&visit(lab, &["--no-sudo"]));

    for (rules, shown, code) in [
        ("", "ada is not in the sudoers file", 1),
        ("ada ALL=(ALL) ALL", "etcd.spare", 0),
    ] {
        sshd.sudo(2, rules);
        refused(&visit(lab, &[]), &["sudo on 10.77.0.12 asks for a password", way_out]);
        let argv = [&[env!("CARGO_BIN_EXE_quorate"), "ssh", HOST], &WORDS[..]].concat();
        let mut console = lab.terminal(1, &argv, SIZE);
        console.wait_for("a question", SOON, |screen| screen.contains("password for ada"));
        console.press(&format!("{PASSWORD}\r"));
        console.wait_for("an answer", SOON, |screen| screen.contains(shown));
        assert_eq!(console.wait_for_exit(SOON).exit_code(), code);
        places.are_clean();
    }
    sshd.sudo(2, "ada ALL=(ALL) NOPASSWD: ALL");
    came(&visit(lab, &[]));
    places.are_clean();
    sshd.sudo(2, "");
    sshd.operator("root");
}

fn a_place_for_the_program(lab: &Lab, places: &Places) {
    let [first, second, home] = &places.all;
    places.under("noexec", &[first.clone(), second.clone()], || came(&visit(lab, &[])));
    places.under("noexec", &places.all, || {
        let said = [first, second, home].map(|place| format!("{place} lets no program run (noexec)"));
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        refused(
            &visit(lab, &[]),
            &[&said[..], &["copy quorate by hand to where programs may run"]].concat(),
        );
        assert_eq!(places.left(), "");
    });
    places.under("size=1m", &places.all, || {
        let said = [first, second, home].map(|place| format!("{place} is full"));
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        refused(&visit(lab, &[]), &[&said[..], &["make room there"]].concat());
        assert_eq!(places.left(), "");
    });
    places.are_clean();
}

fn a_lost_connection(lab: &Lab, sshd: &Sshd, places: &Places) {
    let quorate = env!("CARGO_BIN_EXE_quorate");
    let watch = [quorate, "ssh", HOST, "--", "check", "--watch", "-o", "json"];
    let mut command = lab.exec(1, &watch);
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("quorate.check/"), "{line}");
    assert_ne!(places.left(), "", "while it runs it is there");
    places.end_session(sshd);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("the connection to 10.77.0.12 was lost"), "{said}");
    places.are_clean();
}

/// It sends nothing more, can be gone on with there, and keeps no copy meanwhile.
fn a_run_in_progress(lab: &Lab, sshd: &Sshd, places: &Places) {
    let quorate = env!("CARGO_BIN_EXE_quorate");
    let restart = ["--", "run", "restart-controllers", "nbe-3", "--write"];
    let mut console = lab.terminal(1, &[&[quorate, "ssh", HOST], &restart[..]].concat(), SIZE);
    console.wait_for("question", SOON, |screen| screen.contains("Run it? [y/N]"));
    console.press("y\r");
    // Nobody listens for ssh on host 3.
    console.wait_for("a step for a person", SOON, |screen| screen.contains("by hand"));
    places.end_session(sshd);
    console.wait_for_exit(SOON);
    places.are_clean();

    let runs = lab.json_until(2, &["journal"], |runs| {
        let state = runs["runs"][0]["state"].as_str();
        state.is_some_and(|state| state.starts_with("paused at step"))
    });
    let run = runs["runs"][0]["run"].as_str().unwrap();
    let entries = lab.json(2, &["journal", run])["entries"].clone();
    let mut entries = entries.as_array().unwrap().iter();
    assert!(
        entries.any(|entry| entry["event"] == "paused" && entry["because"] == "the terminal was lost"),
        "{runs}"
    );

    let mut console = lab.terminal(2, &[quorate, "resume", run, "--write"], SIZE);
    console.wait_for("the step again", SOON, |screen| screen.contains("by hand"));
    console.press("a seen enough\r");
    console.wait_for("end", SOON, |screen| screen.contains(": abandoned"));
    console.wait_for_exit(SOON);
}
