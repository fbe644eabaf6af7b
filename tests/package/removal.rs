//! What the packages run before they go: the timer that an operator enabled does not outlive the program, and an upgrade
//! leaves it alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::{done, package, rpm_list, text};

/// What a script asks of systemctl when it is called with this argument, where systemd runs or does not.
fn asked(script: &str, argument: &str, has_systemd: bool) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (systemd, log) = (dir.path().join("systemd"), dir.path().join("log"));
    if has_systemd {
        fs::create_dir(&systemd).unwrap();
    }
    let stub = dir.path().join("systemctl");
    fs::write(&stub, format!("#!/bin/sh\necho \"$*\" >> {}\nexit 1\n", log.display())).unwrap();
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(script.contains("/run/systemd/system"), "{script}");
    let script = script.replace("/run/systemd/system", systemd.to_str().unwrap());
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    // A unit that is not there is no reason to stay.
    done(
        Command::new("sh")
            .args(["-e", "-c", &script, "sh", argument])
            .env_clear()
            .env("PATH", path),
    );
    read(&log)
}

fn read(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}

fn debian() -> String {
    let mut info = Command::new("dpkg-deb");
    text(&done(info.arg("--info").arg(package(".deb")).arg("prerm")))
}

fn rpm() -> String {
    let listed = rpm_list();
    let lines = listed.lines().filter_map(|line| line.strip_prefix("before removal: "));
    lines.fold(String::new(), |script, line| script + line + "\n")
}

#[test]
fn the_timer_is_disabled_when_the_package_goes_and_at_no_other_time() {
    for (script, goes, stays) in [(debian(), "remove", "upgrade"), (rpm(), "0", "1")] {
        assert_eq!(asked(&script, goes, true), "disable --now quorate-check.timer\n");
        assert_eq!(asked(&script, stays, true), "");
        assert_eq!(asked(&script, goes, false), "");
    }
}

#[test]
fn there_is_no_other_script() {
    let control = text(&done(Command::new("dpkg-deb").arg("--info").arg(package(".deb"))));
    let has = |name: &str| {
        control
            .lines()
            .any(|line| line.split_whitespace().any(|word| word == name))
    };
    assert!(has("prerm"));
    for name in ["preinst", "postinst", "postrm", "triggers"] {
        assert!(!has(name), "{name}: {control}");
    }
}
