//! The Debian package, in a root of its own: dpkg's database there, none of this machine's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::{VERSION, done, package, text};

/// The files in it, without directories.
pub fn files() -> Vec<String> {
    let listed = text(&done(Command::new("dpkg-deb").arg("--contents").arg(package(".deb"))));
    let paths = listed.lines().filter(|line| !line.starts_with('d')).map(|line| {
        let path = line.split_whitespace().nth(5).unwrap();
        path.trim_start_matches('.').to_owned()
    });
    paths.collect()
}

/// An empty system.
fn root() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for dir in ["info", "updates", "triggers"] {
        fs::create_dir_all(root.path().join("var/lib/dpkg").join(dir)).unwrap();
    }
    fs::write(root.path().join("var/lib/dpkg/status"), "").unwrap();
    root
}

/// As apt without a terminal: a file that was edited stays. Scripts of the package are told where the root is.
fn dpkg(root: &Path, arguments: &[&str]) {
    let mut command = Command::new("dpkg");
    command.arg(format!("--root={}", root.display())).args([
        "--force-not-root",
        "--force-script-chrootless",
        "--force-confdef",
        "--force-confold",
        "--log=/dev/null",
    ]);
    done(command.args(arguments));
}

/// The same package as a later version, with another template of the settings.
fn later(dir: &Path) -> String {
    let tree = dir.join("tree");
    done(
        Command::new("dpkg-deb")
            .arg("--raw-extract")
            .arg(package(".deb"))
            .arg(&tree),
    );
    let control = tree.join("DEBIAN/control");
    let changed = fs::read_to_string(&control).unwrap().replace(VERSION, "99.0.0");
    fs::write(control, changed).unwrap();
    fs::write(tree.join("etc/quorate/config.toml"), "# the later template\n").unwrap();
    let file = dir.join("later.deb").display().to_string();
    done(
        Command::new("dpkg-deb")
            .args(["-Znone", "--root-owner-group", "--build"])
            .arg(&tree)
            .arg(&file),
    );
    file
}

fn installed(root: &Path) -> Vec<String> {
    let found = text(&done(
        Command::new("find")
            .arg(root)
            .args(["!", "-type", "d", "-printf", "/%P\n"]),
    ));
    let own = found.lines().filter(|path| !path.starts_with("/var/lib/dpkg/"));
    own.map(str::to_owned).collect()
}

#[test]
fn it_depends_on_nothing_and_holds_what_belongs_to_a_program() {
    let field = |name| {
        text(&done(
            Command::new("dpkg-deb").arg("--field").arg(package(".deb")).arg(name),
        ))
    };
    assert_eq!(field("Package").trim(), "quorate");
    assert!(field("Version").starts_with(VERSION));
    assert_eq!(field("Depends").trim(), "");
    let files = files();
    for file in [
        "/usr/bin/quorate",
        "/usr/bin/kubectl-quorate",
        "/etc/quorate/config.toml",
        "/usr/share/man/man1/quorate.1.gz",
        "/usr/share/man/man1/quorate-check.1.gz",
        "/usr/share/bash-completion/completions/quorate",
        "/usr/share/fish/vendor_completions.d/quorate.fish",
        "/usr/share/zsh/vendor-completions/_quorate",
        "/usr/lib/systemd/system/quorate-check.timer",
        "/usr/share/doc/quorate/copyright",
    ] {
        assert!(files.iter().any(|own| own == file), "{file} is missing: {files:?}");
    }
    assert!(!files.iter().any(|file| file.contains(".wants/")), "no unit is enabled");
}

#[test]
fn it_is_installed_upgraded_removed_and_purged() {
    let (root, work) = (root(), tempfile::tempdir().unwrap());
    let root = root.path();
    let config = root.join("etc/quorate/config.toml");
    let template = include_str!("../../assets/config.toml");

    dpkg(root, &["--install", package(".deb").to_str().unwrap()]);
    let program = root.join("usr/bin/quorate");
    assert_eq!(
        text(&done(Command::new(&program).arg("--version"))),
        format!("quorate {VERSION}\n")
    );
    assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o7777, 0o755);
    assert_eq!(fs::read_to_string(&config).unwrap(), template);
    let mut all = installed(root);
    let mut own = crate::debian::files();
    all.sort();
    own.sort();
    assert_eq!(all, own);
    done(
        Command::new(&program)
            .args(["config", "--check", "--config"])
            .arg(&config),
    );

    let edited = format!("{template}\ntheme = \"light\"\n");
    fs::write(&config, &edited).unwrap();
    let later = later(work.path());
    dpkg(root, &["--install", &later]);
    assert_eq!(fs::read_to_string(&config).unwrap(), edited, "what the operator wrote");
    let beside = root.join("etc/quorate/config.toml.dpkg-dist");
    assert_eq!(fs::read_to_string(beside).unwrap(), "# the later template\n");

    // What quorate and its operator leave on a host in the meantime.
    let journal = root.join("var/lib/quorate/runs/a/journal.jsonl");
    let own = root.join("etc/quorate/acknowledged.toml");
    for file in [&journal, &own] {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "").unwrap();
    }
    dpkg(root, &["--remove", "quorate"]);
    let settings = "/etc/quorate/config.toml";
    let theirs = [
        "/etc/quorate/acknowledged.toml",
        "/var/lib/quorate/runs/a/journal.jsonl",
    ];
    let mut left = installed(root);
    left.sort();
    assert_eq!(
        left,
        [theirs[0], settings, "/etc/quorate/config.toml.dpkg-dist", theirs[1]]
    );
    assert_eq!(
        fs::read_to_string(&config).unwrap(),
        edited,
        "settings stay until they are purged"
    );
    dpkg(root, &["--purge", "quorate"]);
    let mut left = installed(root);
    left.sort();
    assert_eq!(left, theirs, "what nobody else can make again");
    for dir in ["usr/share/doc/quorate", "usr/share/man", "usr/bin"] {
        assert!(!root.join(dir).exists(), "{dir}");
    }
}
