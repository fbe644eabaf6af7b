//! The package in user lands of another age, below their own dpkg, shell and name service: what a controller may run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::{VERSION, done, package, text};

/// Debian's releases before and after the one that these tests were written on.
const RELEASES: [&str; 2] = ["bullseye", "trixie"];
/// Behind it nobody listens; with a CA of its own, as a bare system has none.
const CONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n\
                      clusters: [{name: a, cluster: {server: 'https://NAME:9', certificate-authority: /ca.pem}}]\n\
                      users: [{name: a, user: {}}]\n";

/// A copy of a release's root, whose name service asks a module first and then loopback alone.
struct UserLand(TempDir);

impl UserLand {
    fn of(release: &str) -> Self {
        let maker = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/package/root");
        let made = done(Command::new(maker).arg(release));
        let root = PathBuf::from(text(&made).lines().last().unwrap());
        let copy = tempfile::tempdir().unwrap();
        done(Command::new("cp").arg("-a").arg(root.join(".")).arg(copy.path()));
        let land = Self(copy);
        land.write(
            "etc/resolv.conf",
            "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n",
        );
        land.write("etc/nsswitch.conf", "passwd: files\nhosts: myhostname files dns\n");
        land.write("etc/hosts", "127.0.0.1 localhost api.example\n");
        let ca = rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap();
        land.write("ca.pem", &ca.cert.pem());
        land
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.path().join(path), text).unwrap();
    }

    fn run(&self, argv: &[&str]) -> Output {
        let mut command = Command::new("chroot");
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/root");
        command.arg(self.0.path()).args(argv).output().unwrap()
    }

    fn done(&self, argv: &[&str]) -> String {
        let output = self.run(argv);
        assert!(output.status.success(), "{argv:?}: {output:?}");
        text(&output)
    }

    /// What is said of an API server of that name.
    fn asks(&self, name: &str) -> String {
        self.write("kubeconfig", &CONFIG.replace("NAME", name));
        let output = self.run(&["quorate", "doctor", "--kubeconfig", "/kubeconfig", "--timeout", "4s"]);
        assert_eq!(output.status.code(), Some(1), "{name}: {output:?}");
        text(&output)
    }
}

#[test]
fn it_runs_on_older_and_on_newer_systems() {
    for release in RELEASES {
        let land = UserLand::of(release);
        fs::copy(package(".deb"), land.0.path().join("quorate.deb")).unwrap();
        land.done(&["dpkg", "--install", "/quorate.deb"]);
        assert_eq!(
            land.done(&["quorate", "--version"]),
            format!("quorate {VERSION}\n"),
            "{release}"
        );
        land.done(&["bash", "-ec", ". /usr/share/bash-completion/completions/quorate"]);
        let status = land.done(&["quorate", "status", "--sim", "healthy", "--timeout", "30s"]);
        assert!(status.contains("3 of 3 voters healthy"), "{release}: {status}");

        // The C library of the executable is not that of the module.
        let known = land.asks("api.example");
        assert!(known.contains("refused"), "{release}: {known}");
        let unknown = land.asks("nowhere.invalid");
        assert!(unknown.contains("https://nowhere.invalid:9: "), "{release}: {unknown}");

        land.done(&["dpkg", "--purge", "quorate"]);
        assert!(!land.0.path().join("usr/bin/quorate").exists() && !land.0.path().join("etc/quorate").exists());
    }
}
