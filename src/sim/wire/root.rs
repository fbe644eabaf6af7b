//! A controller's files as they would lie below `/`, in a directory of the simulator: configuration, certificates, what
//! /proc and /sys tell, and stand-ins for systemctl and journalctl. What changes follows the world. Start reading at
//! [`Root::create`].

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::json;

use super::addresses::Addresses;
use super::pki::{Authorities, HostPki, Issued};
use super::sshd::{self, Seen};
use crate::sim::scenario::Cluster;
use crate::sim::world::host::{CONFIGURED_S, Component, Drive, Host, HostId, Run};
use crate::sim::world::{Network, World};

/// Embedded Cluster's k0s directory.
const K0S_DIR: &str = "var/lib/embedded-cluster/k0s";
/// Where an earlier installation had its data.
const GONE_DIR: &str = "/opt/embedded-cluster";
/// Flags of the API server that k0s.yaml sets.
const TOLERATIONS: [&str; 2] = [
    "default-not-ready-toleration-seconds",
    "default-unreachable-toleration-seconds",
];
/// The most pods that /proc shows: reading it again and again must cost little.
const MAX_PODS: usize = 64;
/// Process numbers from here on are those of pods.
const FIRST_POD_PID: u32 = 20_000;
/// `USER_HZ`, the unit of times in /proc/PID/stat.
const TICKS_PER_SECOND: i64 = 100;
/// How long before its oldest process a host was started.
const BOOT_S: i64 = 3600;

/// A process of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    component: Component,
    started: Timestamp,
    is_stopped: bool,
    flags: Vec<(String, String)>,
}

/// What a host tells about itself at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    processes: Vec<Process>,
    /// Namespace, name and UID of the pods whose containers run.
    pods: Vec<[String; 3]>,
    /// What k0s and its children complain of.
    complaints: Vec<&'static str>,
    has_carrier: bool,
    is_certificate_expired: bool,
    /// What other controllers' sshds tell.
    seen: Seen,
}

impl Facts {
    /// As the world has it now. Pods, and what others tell, only of the host that quorate runs on (`here`): nobody reads those
    /// of another one.
    pub fn of(world: &World, host: HostId, here: Option<&Addresses>) -> Self {
        let has_process = |component: &Component| world.run(host, *component) != Run::Dead;
        Self {
            processes: Component::ALL
                .into_iter()
                .filter(has_process)
                .map(|component| Process {
                    component,
                    started: world.started_at(host, component),
                    is_stopped: world.run(host, component) == Run::Frozen,
                    flags: world.flags(host, component),
                })
                .collect(),
            pods: world.running_pods(host, if here.is_some() { MAX_PODS } else { 0 }),
            complaints: world.complaints(host),
            has_carrier: world.has_carrier(host),
            is_certificate_expired: world.is_certificate_expired(host),
            seen: here
                .map(|addresses| Seen::of(world, addresses, host))
                .unwrap_or_default(),
        }
    }

    /// Whether the etcd peer certificate is expired.
    pub const fn is_certificate_expired(&self) -> bool {
        self.is_certificate_expired
    }

    fn runs(&self, component: Component) -> bool {
        self.processes.iter().any(|process| process.component == component)
    }
}

/// One controller's directory.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    host: Host,
    network: Network,
    toleration_s: u32,
    /// How many controllers exist from the beginning.
    controllers: u8,
    /// What was written last, by file.
    written: BTreeMap<PathBuf, String>,
    /// Process numbers of pods, by their UIDs.
    pods: BTreeMap<String, u32>,
    next_pid: u32,
    /// The journal of k0s: what was complained of, and since when.
    journal: Vec<(Timestamp, &'static str)>,
}

impl Root {
    /// Makes the directory and writes what does not change.
    pub fn create(path: PathBuf, host: Host, network: &Network, built: &Cluster) -> io::Result<Self> {
        let mut root = Self {
            path,
            host,
            network: network.clone(),
            toleration_s: built.toleration_s,
            controllers: built.controllers,
            written: BTreeMap::new(),
            pods: BTreeMap::new(),
            next_pid: FIRST_POD_PID,
            journal: Vec::new(),
        };
        for folder in [
            "proc/1",
            "sys/class/net/eth0",
            "run/k0s",
            "run/systemd/system",
            "var/log/pods",
            "bin",
        ] {
            fs::create_dir_all(root.path.join(folder))?;
        }
        fs::create_dir_all(root.path.join(K0S_DIR).join("etcd"))?;
        root.write("proc/1/cmdline", "/sbin/init\0")?;
        root.write("sys/class/net/eth0/flags", "0x1003\n")?;
        root.write("sys/class/net/eth0/speed", &format!("{}\n", built.machine.link_mbit))?;
        let data_dir = if built.misled {
            GONE_DIR
        } else {
            "/var/lib/embedded-cluster"
        };
        let ec_yaml = format!("dataDir: {data_dir}\nadminConsole:\n  port: {}\n", network.console_port);
        root.write("etc/embedded-cluster/ec.yaml", &ec_yaml)?;
        root.write("run/k0s/k0s.yaml", &runtime_yaml())?;
        let (size, free) = built.machine.disk_bytes();
        let drive = Drive::new(built.hard_disks.contains(&root.host.id));
        // Of a directory that is gone, statvfs(3) tells nothing.
        if !built.misled {
            root.write("run/statvfs", &format!("{size} {free} {}\n", drive.numbers))?;
        }
        root.write_drive(drive)?;
        let k0s_yaml = root.k0s_yaml();
        root.write("etc/k0s/k0s.yaml", &k0s_yaml)?;
        let written = fs::File::options()
            .append(true)
            .open(root.path.join("etc/k0s/k0s.yaml"))?;
        written.set_modified(Timestamp::from_second(CONFIGURED_S).unwrap_or_default().into())?;
        let unit = root.path.join("run/unit");
        root.write("bin/systemctl", &format!("exec cat '{}'\n", unit.display()))?;
        let journal = root.path.join("run/journal");
        let [a, b, c] = network.prefix;
        let translated = built
            .translated
            .iter()
            .map(|host| format!("{a}.{b}.{c}.{}", host.0 + 10));
        let translated: Vec<String> = translated.collect();
        let ssh = sshd::script(&root.path, &root.host.address, &translated);
        root.write("bin/ssh", &ssh)?;
        root.write("bin/journalctl", &format!("exec cat '{}'\n", journal.display()))?;
        Ok(root)
    }

    /// What sysfs has of a disk.
    fn write_drive(&mut self, drive: Drive) -> io::Result<()> {
        let disk = format!("sys/block/{}", drive.name);
        let rotational = if drive.rotates { "1\n" } else { "0\n" };
        self.write(&format!("{disk}/queue/rotational"), rotational)?;
        self.write(&format!("{disk}/device/model"), "Simulated\n")?;
        fs::create_dir_all(self.path.join("sys/dev/block"))?;
        let link = self.path.join("sys/dev/block").join(drive.numbers);
        std::os::unix::fs::symlink(format!("../../block/{}", drive.name), link)
    }

    /// The host's address.
    pub fn address(&self) -> &str {
        &self.host.address
    }

    /// Where k0s listens for `k0s status`.
    pub fn status_socket(&self) -> PathBuf {
        self.path.join("run/k0s/status.sock")
    }

    /// Writes the certificates.
    pub fn write_pki(&mut self, authorities: &Authorities, own: &HostPki) -> io::Result<()> {
        let admin = self.admin_conf(&authorities.kubernetes.pem, &own.admin);
        self.write_pki_file("admin.conf", &admin)?;
        self.write_pki_file("ca.crt", &authorities.kubernetes.pem)?;
        self.write_pki_file("server.crt", &own.api.cert)?;
        self.write_pki_file("apiserver-etcd-client.crt", &own.etcd_client.cert)?;
        self.write_pki_file("apiserver-etcd-client.key", &own.etcd_client.key)?;
        self.write_pki_file("etcd/ca.crt", &authorities.etcd.pem)?;
        self.write_pki_file("etcd/server.crt", &own.etcd_server.cert)?;
        self.write_peer(&own.peer)
    }

    /// Writes the peer certificate.
    pub fn write_peer(&mut self, peer: &Issued) -> io::Result<()> {
        self.write_pki_file("etcd/peer.key", &peer.key)?;
        self.write_pki_file("etcd/peer.crt", &peer.cert)
    }

    /// Brings what changes up to date.
    pub fn refresh(&mut self, facts: &Facts, now: Timestamp) -> io::Result<()> {
        let oldest = facts.processes.iter().map(|process| process.started.as_second()).min();
        // Whole days, so that it does not change when a process ends.
        let boot = oldest.map_or(0, |second| (second - BOOT_S).div_euclid(86_400) * 86_400);
        self.write("proc/stat", &format!("cpu 0 0 0 0\nbtime {boot}\n"))?;
        for component in Component::ALL {
            let mut processes = facts.processes.iter();
            match processes.find(|process| process.component == component) {
                Some(process) => self.write_process(process, boot)?,
                None => self.remove_process(component)?,
            }
        }
        let (carrier, state) = if facts.has_carrier {
            ("1\n", "up\n")
        } else {
            ("0\n", "down\n")
        };
        self.write("sys/class/net/eth0/carrier", carrier)?;
        self.write("sys/class/net/eth0/operstate", state)?;
        let (active, sub) = if facts.runs(Component::K0s) {
            ("active", "running")
        } else {
            ("inactive", "dead")
        };
        let unit = format!("LoadState=loaded\nActiveState={active}\nSubState={sub}\nNRestarts=0\n");
        self.write("run/unit", &unit)?;
        self.write(sshd::WAYS, &facts.seen.ways)?;
        for (address, processes) in &facts.seen.processes {
            self.write(&format!("{}/{address}", sshd::FOLDER), processes)?;
        }
        for (address, sockets) in &facts.seen.sockets {
            self.write(&format!("{}/{address}.ss", sshd::FOLDER), sockets)?;
        }
        self.write_pods(&facts.pods)?;
        self.write_journal(&facts.complaints, now)
    }

    /// A shim and a process for each pod, and the kubelet's directory of its logs.
    fn write_pods(&mut self, pods: &[[String; 3]]) -> io::Result<()> {
        let gone: Vec<(String, u32)> = self
            .pods
            .iter()
            .filter(|(uid, _)| !pods.iter().any(|[_, _, own]| own == *uid))
            .map(|(uid, pid)| (uid.clone(), *pid))
            .collect();
        for (uid, first) in gone {
            self.pods.remove(&uid);
            self.remove(&format!("proc/{first}"))?;
            self.remove(&format!("proc/{}", first + 1))?;
        }
        for [namespace, name, uid] in pods {
            if self.pods.contains_key(uid) {
                continue;
            }
            let first = self.next_pid;
            self.next_pid += 2;
            self.pods.insert(uid.clone(), first);
            let id = uid.replace('-', "");
            let shim = format!("/{K0S_DIR}/bin/containerd-shim-runc-v2\0-namespace\0k8s.io\0-id\0{id}\0");
            self.write(&format!("proc/{first}/cmdline"), &shim)?;
            self.write(
                &format!("proc/{first}/cgroup"),
                "0::/system.slice/k0scontroller.service\n",
            )?;
            let inner = format!("proc/{}", first + 1);
            self.write(&format!("{inner}/cmdline"), "/pause\0")?;
            self.write(
                &format!("{inner}/cgroup"),
                &format!("0::/kubepods/burstable/pod{uid}/{id}\n"),
            )?;
            fs::create_dir_all(self.path.join(format!("var/log/pods/{namespace}_{name}_{uid}")))?;
        }
        Ok(())
    }

    /// A complaint stays in the journal; one that comes again is written again.
    fn write_journal(&mut self, complaints: &[&'static str], now: Timestamp) -> io::Result<()> {
        let is_new = |own: &&&str| !self.journal.iter().any(|(_, said)| said == *own);
        let fresh: Vec<(Timestamp, &'static str)> = complaints.iter().filter(is_new).map(|own| (now, *own)).collect();
        self.journal.extend(fresh);
        let lines = self.journal.iter().map(|(at, message)| {
            let at = at.as_microsecond().to_string();
            json!({"__REALTIME_TIMESTAMP": at, "PRIORITY": "6", "MESSAGE": message}).to_string() + "\n"
        });
        let text: String = lines.collect();
        self.write("run/journal", &text)
    }

    fn write_process(&mut self, process: &Process, boot: i64) -> io::Result<()> {
        let component = process.component;
        let pid = component.pid();
        let since_boot_ms = process.started.as_millisecond() - boot * 1000;
        let ticks = since_boot_ms * TICKS_PER_SECOND / 1000;
        let name = component.name();
        // Fields 3 to 22 of proc_pid_stat(5): the last is when it was started.
        let state = if process.is_stopped { 'T' } else { 'S' };
        let stat = format!("{pid} ({name}) {state} 1{} {ticks} 0\n", " 0".repeat(17));
        self.write(&format!("proc/{pid}/stat"), &stat)?;
        let status = format!("Name:\t{name}\nState:\tS (sleeping)\nNSpid:\t{pid}\n");
        self.write(&format!("proc/{pid}/status"), &status)?;
        self.write(&format!("proc/{pid}/cmdline"), &command_line(process))
    }

    fn remove_process(&mut self, component: Component) -> io::Result<()> {
        self.remove(&format!("proc/{}", component.pid()))
    }

    /// Removes a directory of /proc, if it is there.
    fn remove(&mut self, folder: &str) -> io::Result<()> {
        let below = self.path.join(folder);
        if self.written.remove(&below.join("cmdline")).is_some() {
            self.written.retain(|path, _| !path.starts_with(&below));
            fs::remove_dir_all(below)?;
        }
        Ok(())
    }

    fn k0s_yaml(&self) -> String {
        let (address, port) = (&self.host.address, self.network.api_port);
        // Those that exist from the beginning: where everything here is dead, they tell where to look.
        let [a, b, c] = self.network.prefix;
        let sans: Vec<String> = (11..11 + u16::from(self.controllers))
            .map(|d| format!("{a}.{b}.{c}.{d}"))
            .collect();
        let sans = sans.join(", ");
        let mut arguments = String::new();
        for name in TOLERATIONS {
            // Writing to a String cannot fail.
            let _ = write!(arguments, "\n      {name}: \"{}\"", self.toleration_s);
        }
        format!(
            "apiVersion: k0s.k0sproject.io/v1beta1\nkind: ClusterConfig\nmetadata:\n  name: k0s\nspec:\n  api:\n    \
             address: {address}\n    port: {port}\n    sans: [{sans}]\n    extraArgs:{arguments}\n  storage:\n    type: etcd\n    \
             etcd:\n      peerAddress: {address}\n"
        )
    }

    fn admin_conf(&self, ca: &str, admin: &Issued) -> String {
        let (address, port) = (&self.host.address, self.network.api_port);
        let data = |pem: &str| BASE64_STANDARD.encode(pem);
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: Default\nclusters:\n- name: local\n  cluster:\n    \
             server: https://{address}:{port}\n    certificate-authority-data: {}\ncontexts:\n- name: Default\n  \
             context:\n    cluster: local\n    user: user\nusers:\n- name: user\n  user:\n    \
             client-certificate-data: {}\n    client-key-data: {}\n",
            data(ca),
            data(&admin.cert),
            data(&admin.key)
        )
    }

    fn write_pki_file(&mut self, name: &str, content: &str) -> io::Result<()> {
        self.write(&format!("{K0S_DIR}/pki/{name}"), content)
    }

    /// Writes a file unless it is the same already; readers see the old one or the new one.
    fn write(&mut self, name: &str, content: &str) -> io::Result<()> {
        let path = self.path.join(name);
        if self.written.get(&path).is_some_and(|old| old == content) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let fresh = path.with_extension("new");
        fs::write(&fresh, content)?;
        fs::rename(&fresh, &path)?;
        self.written.insert(path, content.to_owned());
        Ok(())
    }
}

/// Arguments, each ended by a zero byte.
fn command_line(process: &Process) -> String {
    let (program, command) = match process.component {
        Component::K0s => ("/usr/local/bin/k0s".to_owned(), Some("controller".to_owned())),
        other => (format!("/{K0S_DIR}/bin/{}", other.name()), None),
    };
    let flags = process.flags.iter().map(|(name, value)| {
        if value.is_empty() {
            format!("--{name}")
        } else {
            format!("--{name}={value}")
        }
    });
    std::iter::once(program)
        .chain(command)
        .chain(flags)
        .map(|argument| argument + "\0")
        .collect()
}

fn runtime_yaml() -> String {
    format!(
        "spec:\n  k0sVars:\n    DataDir: /{K0S_DIR}\n    StartupConfigPath: /etc/k0s/k0s.yaml\n    \
         StatusSocketPath: /run/k0s/status.sock\n"
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_follow_the_facts() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host {
            id: HostId(1),
            name: "nbe-1".to_owned(),
            address: "127.20.0.11".to_owned(),
            is_controller: true,
        };
        let mut root = Root::create(folder.path().join("1"), host, &Network::default(), &Cluster::default()).unwrap();
        let started = Timestamp::from_second(1_800_000_000).unwrap();
        let mut facts = Facts {
            processes: vec![Process {
                component: Component::Etcd,
                started,
                is_stopped: false,
                flags: vec![("name".to_owned(), "nbe-1".to_owned())],
            }],
            pods: vec![["kotsadm", "web-1", "0f3c2a51-77aa-4b0e-9c1d-2f6a5e8b9d10"].map(str::to_owned)],
            complaints: vec!["level=error msg=\"no leader\""],
            has_carrier: true,
            is_certificate_expired: false,
            seen: Seen::default(),
        };
        root.refresh(&facts, started).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join("1").join(name));
        assert!(read("proc/1001/cmdline").unwrap().contains("--name=nbe-1\0"));
        assert!(read("proc/20001/cgroup").unwrap().contains("pod0f3c2a51"));
        assert!(read("run/journal").unwrap().contains("no leader"));
        facts.processes.clear();
        facts.pods.clear();
        facts.complaints.clear();
        facts.has_carrier = false;
        root.refresh(&facts, started).unwrap();
        assert!(read("proc/1001/cmdline").is_err() && read("proc/20001/cgroup").is_err());
        assert!(
            read("run/journal").unwrap().contains("no leader"),
            "a journal forgets nothing"
        );
        assert!(read("run/unit").unwrap().contains("ActiveState=inactive"));
        assert_eq!(read("sys/class/net/eth0/carrier").unwrap(), "0\n");
    }
}
