//! The control plane's processes and the flags that they really run with, from /proc. Start reading at [`read`].
//!
//! A process is known by the last part of its `argv[0]`, so `vim kube-apiserver.yaml` and `sh -c 'etcd …'` are not taken
//! for what they mention. Processes in containers are left out: an etcd in a pod is not the cluster's. Flags outside
//! [`FLAGS`] are dropped unread, because some hold secrets.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;

use super::{Reading, files, redact};
use crate::base::Text;
use crate::model::host::Process;
use crate::port::HostFact;

/// Executables that are looked for.
const NAMES: [&str; 7] = [
    "containerd",
    "etcd",
    "k0s",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
];

/// Flags that take a value and are kept.
const FLAGS: [&str; 27] = [
    "advertise-address",
    "bind-address",
    "config",
    "data-dir",
    "default-not-ready-toleration-seconds",
    "default-unreachable-toleration-seconds",
    "etcd-servers",
    "hostname-override",
    "initial-advertise-peer-urls",
    "force-new-cluster",
    "initial-cluster-state",
    "leader-elect-lease-duration",
    "leader-elect-renew-deadline",
    "leader-elect-retry-period",
    "listen-client-urls",
    "listen-metrics-urls",
    "listen-peer-urls",
    "name",
    "node-eviction-rate",
    "node-ip",
    "node-monitor-grace-period",
    "node-monitor-period",
    "quota-backend-bytes",
    "secondary-node-eviction-rate",
    "secure-port",
    "snapshot-count",
    "unhealthy-zone-threshold",
];

/// Flags that are on when they stand alone.
const SWITCHES: [&str; 4] = ["enable-dynamic-config", "enable-worker", "leader-elect", "single"];

/// The longest command line that is read.
const MAX_CMDLINE_BYTES: u64 = 64 << 10;

/// `USER_HZ`: the unit of times in /proc/PID/stat. 100 on every architecture that Rust runs Linux on, whatever the
/// kernel's own tick.
const TICKS_PER_SECOND: i64 = 100;

/// Looks through `proc` (`/proc`).
pub fn read(proc: &Path) -> Reading {
    let entries = match std::fs::read_dir(proc) {
        Ok(entries) => entries,
        Err(err) => return Reading::Failed(files::io_why(proc, &err)),
    };
    let boot = std::fs::read_to_string(proc.join("stat"))
        .ok()
        .as_deref()
        .and_then(parse_boot_time);
    let mut processes = Vec::new();
    // With hidepid=2, other people's processes are not even listed; process 1 is always other people's.
    let mut hidden = !proc.join("1").exists();
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match read_one(&entry.path(), pid, boot) {
            Ok(process) => processes.extend(process),
            Err(err) if err.kind() == io::ErrorKind::PermissionDenied => hidden = true,
            // It ended while we looked.
            Err(_) => {}
        }
    }
    processes.sort_by(|a, b| (&a.name, a.pid).cmp(&(&b.name, b.pid)));
    judge(processes, hidden)
}

fn judge(processes: Vec<Process>, hidden: bool) -> Reading {
    let why = || files::denied("other users' processes are hidden (/proc is mounted with hidepid)");
    match (hidden, processes.is_empty()) {
        (false, _) => Reading::Fact(HostFact::Processes(processes)),
        (true, false) => Reading::Partial(HostFact::Processes(processes), why()),
        (true, true) => Reading::Failed(why()),
    }
}

fn read_one(dir: &Path, pid: u32, boot: Option<i64>) -> io::Result<Option<Process>> {
    let mut raw = Vec::new();
    File::open(dir.join("cmdline"))?
        .take(MAX_CMDLINE_BYTES)
        .read_to_end(&mut raw)?;
    let Some((name, flags)) = parse_cmdline(&raw) else {
        return Ok(None);
    };
    if std::fs::read_to_string(dir.join("status")).is_ok_and(|status| is_in_container(&status)) {
        return Ok(None);
    }
    let stat = std::fs::read(dir.join("stat")).unwrap_or_default();
    let stat = String::from_utf8_lossy(&stat);
    Ok(Some(Process {
        name: name.into(),
        pid,
        started: boot.and_then(|boot| start_time(&stat, boot)),
        is_stopped: is_stopped(&stat),
        flags,
    }))
}

/// A line of `ps -o pid=,args=`, if it is a process of the control plane. When it started is not asked.
pub fn of_ps(line: &str) -> Option<Process> {
    let (pid, line) = line.trim().split_once(' ')?;
    let (name, flags) = parse_cmdline(line.trim().replace(' ', "\0").as_bytes())?;
    Some(Process {
        name: name.into(),
        pid: pid.parse().ok()?,
        started: None,
        is_stopped: false,
        flags,
    })
}

/// The name and the kept flags of a command line as /proc has it (arguments ended by zero bytes), if it is one of
/// [`NAMES`]. Of k0s, only the services are: `k0s kubectl` is an operator's.
fn parse_cmdline(raw: &[u8]) -> Option<(&'static str, BTreeMap<Text, Text>)> {
    let text = String::from_utf8_lossy(raw);
    let mut arguments = text.trim_end_matches('\0').split('\0');
    let program = Path::new(arguments.next()?).file_name().and_then(OsStr::to_str)?;
    let name = NAMES.into_iter().find(|name| *name == program)?;
    let arguments: Vec<&str> = arguments.collect();
    let command = arguments.iter().find(|argument| !argument.starts_with('-'));
    if name == "k0s" && !matches!(command, Some(&("controller" | "worker"))) {
        return None;
    }
    Some((name, parse_flags(&arguments)))
}

/// The kept flags of `--flag=value`, `--flag value` and `-flag …`; the last of a name counts, as in Go.
fn parse_flags(arguments: &[&str]) -> BTreeMap<Text, Text> {
    let mut flags = BTreeMap::new();
    let mut rest = arguments.iter().copied();
    while let Some(argument) = rest.next() {
        if argument == "--" {
            break;
        }
        let Some(flag) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else {
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None if SWITCHES.contains(&flag) => (flag, Some("true")),
            None if FLAGS.contains(&flag) => (flag, rest.next()),
            None => continue,
        };
        if let Some(value) = value.filter(|_| FLAGS.contains(&name) || SWITCHES.contains(&name)) {
            flags.insert(Text::new(name), Text::from(redact::redact_user(value)));
        }
    }
    flags
}

/// Whether /proc/PID/status tells of a process in a PID namespace below ours: `NSpid` has one number for each.
fn is_in_container(status: &str) -> bool {
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    line.is_some_and(|pids| pids.split_whitespace().count() > 1)
}

/// `btime` of /proc/stat: when the host started, in seconds since 1970.
fn parse_boot_time(stat: &str) -> Option<i64> {
    stat.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

/// Whether a process is stopped or traced, from /proc/PID/stat: state `T` or `t`.
fn is_stopped(stat: &str) -> bool {
    let state = stat
        .rsplit_once(')')
        .and_then(|(_, fields)| fields.split_whitespace().next());
    matches!(state, Some("T" | "t"))
}

/// When a process started, from /proc/PID/stat. The process's name in it may hold spaces and brackets.
fn start_time(stat: &str, boot: i64) -> Option<Timestamp> {
    let (_, fields) = stat.rsplit_once(')')?;
    // Field 22 of proc_pid_stat(5); `fields` begins with field 3.
    let ticks: i64 = fields.split_whitespace().nth(22 - 3)?.parse().ok()?;
    let millis = ticks.checked_mul(1000 / TICKS_PER_SECOND)?;
    Timestamp::from_millisecond(boot.checked_mul(1000)?.checked_add(millis)?).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::base::WhyKind;
    use proptest::prelude::*;

    fn flags(line: &str) -> String {
        let (_, flags) = parse_cmdline(line.replace(' ', "\0").as_bytes()).unwrap();
        let flags: Vec<String> = flags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        flags.join(" ")
    }

    #[test]
    fn flags_are_read_in_every_spelling_and_only_those_listed() {
        let line = "/x/bin/kube-controller-manager --node-monitor-grace-period=20s --node-monitor-period 5s \
                    --service-account-private-key-file=/s --kubeconfig /k -secure-port 10257 --leader-elect --name=a --name=b";
        let expected =
            "leader-elect=true name=b node-monitor-grace-period=20s node-monitor-period=5s secure-port=10257";
        assert_eq!(flags(line), expected);
        assert_eq!(
            flags("kubelet --leader-elect=false --node-ip= --config"),
            "leader-elect=false node-ip="
        );
        assert_eq!(flags("etcd --name a -- --name b"), "name=a");
        assert_eq!(
            flags("kube-apiserver --etcd-servers=a,https://u:p@h:1"),
            "etcd-servers=a,https://[redacted]@h:1"
        );
    }

    #[test]
    fn only_the_executable_counts() {
        let name = |line: &str| parse_cmdline(line.replace(' ', "\0").as_bytes()).map(|(name, _)| name);
        assert_eq!(name("/var/lib/k0s/bin/etcd --name x"), Some("etcd"));
        assert_eq!(name("vim kube-apiserver"), None);
        assert_eq!(name("/bin/sh -c etcd"), None);
        assert_eq!(name("etcdctl endpoint health"), None);
        assert_eq!(name(""), None);
        assert_eq!(name("/usr/local/bin/k0s controller --enable-worker"), Some("k0s"));
        assert_eq!(name("k0s --debug worker"), Some("k0s"));
        assert_eq!(name("k0s token create --role controller"), None);
    }

    #[test]
    fn start_times_come_from_ticks_since_boot() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 9 0 12345 1000 5 184467";
        let started = start_time(stat, parse_boot_time("cpu 1 2\nbtime 1000000000\nx 1\n").unwrap()).unwrap();
        assert_eq!(started.as_millisecond(), 1_000_000_123_450);
        assert_eq!(start_time("7 (a) S 1", 0), None);
        assert!(!is_stopped(stat) && is_stopped("7 (a) b (c)) T 1 7"));
    }

    /// A /proc with processes: pid, command line, `NSpid`.
    fn proc(processes: &[(u32, &str, &str)]) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        std::fs::write(proc.path().join("stat"), "btime 100\n").unwrap();
        std::fs::create_dir(proc.path().join("sys")).unwrap();
        for (pid, line, nspid) in processes {
            let dir = proc.path().join(pid.to_string());
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join("cmdline"), line.replace(' ', "\0") + "\0").unwrap();
            std::fs::write(dir.join("status"), format!("Name:\tx\nNSpid:\t{nspid}\n")).unwrap();
            let stat = format!("{pid} (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 200 0 0");
            std::fs::write(dir.join("stat"), stat).unwrap();
        }
        proc
    }

    #[test]
    fn finds_this_hosts_control_plane_and_not_that_of_a_container() {
        let proc = proc(&[
            (1, "init", "1"),
            (30, "/b/kubelet --config=/k", "30"),
            (20, "/b/etcd --name=nbe-1", "20"),
            (40, "etcd --name=of-a-pod", "40\t7"),
            (50, "bash", "50"),
        ]);
        let Reading::Fact(HostFact::Processes(found)) = read(proc.path()) else {
            panic!("no fact")
        };
        let names: Vec<_> = found
            .iter()
            .map(|process| (process.name.as_str(), process.pid))
            .collect();
        assert_eq!(names, [("etcd", 20), ("kubelet", 30)]);
        assert_eq!(found[0].started.unwrap().as_second(), 102);
    }

    #[test]
    fn hidden_processes_are_not_called_absent() {
        let none = proc(&[(50, "bash", "50")]);
        assert!(matches!(read(none.path()), Reading::Failed(why) if why.kind == WhyKind::Denied));
        let ours = proc(&[(50, "etcd", "50")]);
        assert!(matches!(read(ours.path()), Reading::Partial(_, why) if why.kind == WhyKind::Denied));
        let nothing_runs = proc(&[(1, "init", "1")]);
        assert_eq!(
            read(nothing_runs.path()),
            Reading::Fact(HostFact::Processes(Vec::new()))
        );
        assert!(matches!(read(Path::new("/nowhere")), Reading::Failed(why) if why.kind == WhyKind::Missing));
    }

    proptest! {
        #[test]
        fn no_proc_makes_it_panic(raw in any::<Vec<u8>>(), stat in any::<String>(), boot in any::<i64>()) {
            let _ = parse_cmdline(&raw);
            let _ = parse_cmdline(&[b"etcd\0", raw.as_slice()].concat());
            let _ = (start_time(&stat, boot), parse_boot_time(&stat), is_in_container(&stat));
            let _ = start_time(&format!("1 (x) {}{boot} 1", "1 ".repeat(19)), boot);
        }
    }
}
