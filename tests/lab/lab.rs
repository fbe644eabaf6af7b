//! Drives the lab: starts a real control plane, breaks it, runs quorate on one of its hosts. Ends it when dropped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::console::Console;

/// A running lab.
pub struct Lab {
    program: PathBuf,
    state: tempfile::TempDir,
}

impl Lab {
    /// Starts a lab; `tests/lab/up --help` tells the options.
    pub fn up(options: &[&str]) -> Self {
        let lab = Self {
            program: programs().join("lab"),
            state: tempfile::Builder::new().prefix("quorate-lab-").tempdir().unwrap(),
        };
        let parent = std::process::id().to_string();
        let mut arguments = vec!["up", "--parent-pid", &parent];
        arguments.extend(options);
        lab.run(&arguments);
        lab
    }

    /// Runs a lab command that must work.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "lab {arguments:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--state").arg(self.state.path()).args(arguments);
        command
    }

    /// A program that was built with the lab's own.
    pub fn built(&self, name: &str) -> PathBuf {
        self.program.with_file_name(name)
    }

    /// The state directory: audit logs, files of each host.
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// Runs quorate on a host to its end.
    pub fn quorate(&self, host: u8, arguments: &[&str]) -> Output {
        self.on_host(host, &[&[env!("CARGO_BIN_EXE_quorate")], arguments].concat())
    }

    /// Runs a command on a host to its end.
    pub fn on_host(&self, host: u8, argv: &[&str]) -> Output {
        self.exec(host, argv).output().unwrap()
    }

    /// A command on a host, to be started.
    pub fn exec(&self, host: u8, argv: &[&str]) -> Command {
        let host = host.to_string();
        self.command(&[&["exec", &host, "--"], argv].concat())
    }

    /// The document that a headless command prints on a host.
    pub fn json(&self, host: u8, arguments: &[&str]) -> Value {
        let output = self.quorate(host, &[arguments, &["-o", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "{arguments:?} printed no JSON ({error}), {}:\n{}{}",
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }

    /// Asks again and again until the document is as wanted; panics with the last one after a time.
    pub fn json_until(&self, host: u8, arguments: &[&str], wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + Duration::from_secs(100);
        loop {
            let document = self.json(host, arguments);
            if wanted(&document) {
                return document;
            }
            assert!(Instant::now() < deadline, "not as wanted in time: {document:#}");
        }
    }

    /// The console on a host, on a terminal of 24 x 80 or another size.
    pub fn console(&self, host: u8, arguments: &[&str], size: (u16, u16)) -> Console {
        self.terminal(host, &[&[env!("CARGO_BIN_EXE_quorate")], arguments].concat(), size)
    }

    /// Any command on a host, on a terminal of its own.
    pub fn terminal(&self, host: u8, argv: &[&str], size: (u16, u16)) -> Console {
        let (program, state, host) = (
            self.program.to_str().unwrap(),
            self.state.path().to_str().unwrap(),
            host.to_string(),
        );
        let start = [program, "--state", state, "exec", &host, "--"];
        Console::start(&[&start, argv].concat(), &[], size)
    }
}

/// Where the lab's programs are; builds what is missing, which takes minutes the first time.
fn programs() -> PathBuf {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/build");
    let output = Command::new(build).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "tests/lab/build: {}", output.status);
    let out = String::from_utf8(output.stdout).unwrap();
    PathBuf::from(out.lines().last().unwrap())
}

/// Where programs of Debian's packages are, a directory that stands for `/`; unpacks what is missing. `program` is the path
/// below it that shows that all is there.
pub fn debian(name: &str, program: &str, packages: &[&str]) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/debian");
    let mut command = Command::new(script);
    let output = command
        .args([&[name, program], packages].concat())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}: {}", output.status);
    let out = String::from_utf8(output.stdout).unwrap();
    PathBuf::from(out.lines().last().unwrap())
}

/// Shell words that let programs find the libraries that were unpacked with them.
pub fn libraries(root: &Path) -> String {
    let root = root.display();
    format!("export LD_LIBRARY_PATH=$(find {root}/usr/lib {root}/lib -name '*.so*' -printf '%h:' 2>/dev/null)")
}

impl Drop for Lab {
    fn drop(&mut self) {
        let ended = self.command(&["down"]).status();
        if !ended.as_ref().is_ok_and(std::process::ExitStatus::success) {
            eprintln!("lab down: {ended:?}");
        }
    }
}
