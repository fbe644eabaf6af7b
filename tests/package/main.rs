//! What `packaging/build` makes: that the executable is static and needs nothing around it, and that the packages install,
//! upgrade, and go without a trace. Needs Debian's dpkg. `tests/run` says which executable to pack: `QUORATE_STATIC`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod debian;
mod removal;
mod userlands;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use tempfile::TempDir;

const VERSION: &str = env!("CARGO_PKG_VERSION");
const URL: &str = "https://downloads.invalid/quorate.tar.gz";

/// The executable that is shipped.
fn executable() -> PathBuf {
    let path = std::env::var_os("QUORATE_STATIC").expect(
        "QUORATE_STATIC names the executable to pack: run `packaging/build`, then take target/*-linux-gnu/release/quorate",
    );
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs a command that must work.
fn done(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Packs the executable, in a shell that was prepared so.
fn pack(prepared: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/build");
    let mut command = Command::new("sh");
    done(
        command
            .env("QUORATE_URL", URL)
            .arg("-c")
            .arg(format!("{prepared}; exec \"$@\""))
            .arg("sh")
            .arg(build)
            .arg("--binary")
            .arg(executable())
            .arg("--out")
            .arg(dir.path()),
    );
    dir
}

/// The directory of what was made, once for all tests.
fn packages() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    MADE.get_or_init(|| pack("umask 022")).path()
}

/// How the RPM package describes itself.
fn rpm_list() -> String {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut list = Command::new(dir.join("target/packaging-tools/target/release/quorate-rpm"));
    text(&done(list.arg("--list").arg(package(".rpm"))))
}

fn package(ending: &str) -> PathBuf {
    let files = fs::read_dir(packages()).unwrap().map(|entry| entry.unwrap().path());
    let mut found = files.filter(|path| path.to_string_lossy().ends_with(ending));
    found.next().unwrap()
}

#[test]
fn the_executable_asks_for_no_loader_and_tells_of_no_path_of_this_machine() {
    let bytes = fs::read(executable()).unwrap();
    assert!(bytes.starts_with(b"\x7fELF\x02\x01"), "ELF, 64 bits, little-endian");
    let number = |at: usize, length: usize| {
        let digits = bytes[at..at + length].iter().rev();
        digits.fold(0usize, |sum, digit| sum << 8 | usize::from(*digit))
    };
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    let kinds: Vec<usize> = (0..count).map(|n| number(table + n * size, 4)).collect();
    let (load, interpreter) = (1, 3);
    assert!(kinds.contains(&load) && !kinds.contains(&interpreter), "{kinds:?}");
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    for path in [env!("CARGO_MANIFEST_DIR"), &home.unwrap()] {
        let path = path.as_bytes();
        assert!(!bytes.windows(path.len()).any(|own| own == path), "it names a path");
    }
}

#[test]
fn it_is_as_large_as_the_readme_says() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("one file of about ").unwrap();
    let said: u64 = rest.split_once(" MB").unwrap().0.parse().unwrap();
    let bytes = fs::metadata(executable()).unwrap().len();
    let (least, most) = (said * 900_000, said * 1_100_000);
    assert!((least..=most).contains(&bytes), "{bytes} bytes are not about {said} MB");
}

#[test]
fn packed_again_elsewhere_and_otherwise_it_is_the_same_to_the_byte() {
    // The packages are made: what follows is later than that by as long as packing takes.
    let first = fs::read_to_string(packages().join("SHA256SUMS")).unwrap();
    let again = pack("umask 077; export TZ=Asia/Kathmandu LC_ALL=C HOSTNAME=elsewhere");
    assert_eq!(first.lines().count(), 3, "{first}");
    assert_eq!(fs::read_to_string(again.path().join("SHA256SUMS")).unwrap(), first);
    let krew = |dir: &Path| fs::read_to_string(dir.join("quorate.yaml")).unwrap();
    assert_eq!(krew(again.path()), krew(packages()));
}

#[test]
fn it_runs_where_there_is_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    fs::copy(executable(), root.path().join("quorate")).unwrap();
    let config = "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{name: a, context: {cluster: a, user: a}}]\n\
                  clusters: [{name: a, cluster: {server: 'https://localhost:9'}}]\nusers: [{name: a, user: {}}]\n";
    fs::write(root.path().join("kubeconfig"), config).unwrap();
    let quorate = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .args(["--map-root-user", "chroot"]);
        text(&done(command.arg(root.path()).arg("/quorate").args(arguments)))
    };
    assert_eq!(quorate(&["--version"]), format!("quorate {VERSION}\n"));
    let status = quorate(&["status", "--kubeconfig", "/kubeconfig", "--timeout", "2s"]);
    assert!(status.starts_with("UNKNOWN"), "{status}");
    // The simulated hosts have a directory of their own.
    fs::create_dir(root.path().join("tmp")).unwrap();
    let status = quorate(&["status", "--sim", "healthy", "--timeout", "30s"]);
    assert!(status.contains("3 of 3 voters healthy"), "{status}");
}

#[test]
fn the_tarball_has_its_sum_and_krew_s_manifest_names_both() {
    done(
        Command::new("sha256sum")
            .args(["--check", "--strict", "SHA256SUMS"])
            .current_dir(packages()),
    );
    let sums = fs::read_to_string(packages().join("SHA256SUMS")).unwrap();
    let sum = sums.lines().find(|line| line.ends_with(".tar.gz")).unwrap();
    let (sum, name) = sum.split_once("  ").unwrap();
    let krew = fs::read_to_string(packages().join("quorate.yaml")).unwrap();
    for line in [
        format!("version: \"v{VERSION}\""),
        format!("uri: \"{URL}\""),
        format!("sha256: \"{sum}\""),
    ] {
        assert!(krew.contains(&line), "{krew}");
    }
    assert!(!krew.lines().skip(1).any(|line| line.contains('@')), "{krew}");

    let dir = tempfile::tempdir().unwrap();
    let tarball = packages().join(name);
    done(Command::new("tar").arg("-xzf").arg(tarball).arg("-C").arg(dir.path()));
    let tree = dir.path().join(name.strip_suffix(".tar.gz").unwrap());
    assert_eq!(
        text(&done(Command::new(tree.join("quorate")).arg("--version"))),
        format!("quorate {VERSION}\n")
    );
    let help = text(&done(Command::new(tree.join("kubectl-quorate")).arg("--help")));
    assert!(help.contains("Usage: kubectl quorate"), "{help}");
    for file in [
        "LICENSE",
        "README.md",
        "man/quorate.1",
        "man/quorate-check.1",
        "config.toml",
        "completions/zsh",
        "rbac/viewer.yaml",
    ] {
        assert!(tree.join(file).is_file(), "{file}");
    }
}

#[test]
fn the_rpm_package_has_the_same_files() {
    let listed = rpm_list();
    let has = |line: &str| listed.lines().any(|own| own.starts_with(line));
    let size = fs::metadata(executable()).unwrap().len();
    for line in [
        format!("package quorate {VERSION} Apache-2.0"),
        format!("file 755 {size} /usr/bin/quorate"),
    ] {
        assert!(has(&line), "{line}: {listed}");
    }
    let config = |line: &&str| line.starts_with("config 644 ") && line.ends_with(" /etc/quorate/config.toml");
    assert_eq!(listed.lines().filter(config).count(), 1, "{listed}");
    assert!(listed.contains(" /usr/bin/kubectl-quorate -> quorate\n"), "{listed}");
    assert!(!listed.contains(".so"), "it needs no library: {listed}");

    let is_file = |line: &&str| line.starts_with("file ") || line.starts_with("config ");
    let paths = listed
        .lines()
        .filter(is_file)
        .map(|line| line.split(' ').nth(3).unwrap().to_owned());
    let mut own: Vec<String> = paths.collect();
    // Debian's habits: a copyright file, compressed manuals, its own place for zsh.
    let debian = debian::files().into_iter().filter(|file| !file.ends_with("/copyright"));
    let mut debian: Vec<String> = debian
        .map(|file| {
            file.replace("vendor-completions/_", "site-functions/_")
                .replace(".1.gz", ".1")
        })
        .collect();
    own.sort();
    debian.sort();
    assert_eq!(own, debian);
}
