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

use super::pki::{Authorities, HostPki, Issued};
use crate::sim::world::host::{Component, Host, HostId, Run};
use crate::sim::world::{Network, World};

/// Embedded Cluster's k0s directory.
const K0S_DIR: &str = "var/lib/embedded-cluster/k0s";
/// Flags of the API server that k0s.yaml sets.
const TOLERATIONS: [&str; 2] = [
    "default-not-ready-toleration-seconds",
    "default-unreachable-toleration-seconds",
];
/// `USER_HZ`, the unit of times in /proc/PID/stat.
const TICKS_PER_SECOND: i64 = 100;
/// How long before its oldest process a host was started.
const BOOT_S: i64 = 3600;

/// A process of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    component: Component,
    started: Timestamp,
    flags: Vec<(String, String)>,
}

/// What a host tells about itself at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    processes: Vec<Process>,
    has_carrier: bool,
    is_certificate_expired: bool,
}

impl Facts {
    /// As the world has it now.
    pub fn of(world: &World, host: HostId) -> Self {
        let has_process = |component: &Component| world.run(host, *component) != Run::Dead;
        Self {
            processes: Component::ALL
                .into_iter()
                .filter(has_process)
                .map(|component| Process {
                    component,
                    started: world.started_at(host, component),
                    flags: world.flags(host, component),
                })
                .collect(),
            has_carrier: world.has_carrier(host),
            is_certificate_expired: world.is_certificate_expired(host),
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
    /// What was written last, by file.
    written: BTreeMap<PathBuf, String>,
}

impl Root {
    /// Makes the directory and writes what does not change.
    pub fn create(path: PathBuf, host: Host, network: &Network, toleration_s: u32) -> io::Result<Self> {
        let mut root = Self {
            path,
            host,
            network: network.clone(),
            toleration_s,
            written: BTreeMap::new(),
        };
        for folder in ["proc/1", "sys/class/net/eth0", "run/k0s", "run/systemd/system", "bin"] {
            fs::create_dir_all(root.path.join(folder))?;
        }
        fs::create_dir_all(root.path.join(K0S_DIR).join("etcd"))?;
        root.write("proc/1/cmdline", "/sbin/init\0")?;
        root.write("sys/class/net/eth0/flags", "0x1003\n")?;
        root.write("sys/class/net/eth0/speed", "10000\n")?;
        root.write("etc/embedded-cluster/ec.yaml", "dataDir: /var/lib/embedded-cluster\n")?;
        root.write("run/k0s/k0s.yaml", &runtime_yaml())?;
        let k0s_yaml = root.k0s_yaml();
        root.write("etc/k0s/k0s.yaml", &k0s_yaml)?;
        let unit = root.path.join("run/unit");
        root.write("bin/systemctl", &format!("exec cat '{}'\n", unit.display()))?;
        root.write("bin/journalctl", "echo '-- No entries --'\n")?;
        Ok(root)
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
    pub fn refresh(&mut self, facts: &Facts) -> io::Result<()> {
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
        let unit = format!("LoadState=loaded\nActiveState={active}\nSubState={sub}\n");
        self.write("run/unit", &unit)
    }

    fn write_process(&mut self, process: &Process, boot: i64) -> io::Result<()> {
        let component = process.component;
        let pid = pid(component);
        let since_boot_ms = process.started.as_millisecond() - boot * 1000;
        let ticks = since_boot_ms * TICKS_PER_SECOND / 1000;
        let name = component.name();
        // Fields 3 to 22 of proc_pid_stat(5): the last is when it was started.
        let stat = format!("{pid} ({name}) S 1{} {ticks} 0\n", " 0".repeat(17));
        self.write(&format!("proc/{pid}/stat"), &stat)?;
        let status = format!("Name:\t{name}\nState:\tS (sleeping)\nNSpid:\t{pid}\n");
        self.write(&format!("proc/{pid}/status"), &status)?;
        self.write(&format!("proc/{pid}/cmdline"), &command_line(process))
    }

    fn remove_process(&mut self, component: Component) -> io::Result<()> {
        let folder = format!("proc/{}", pid(component));
        let below = self.path.join(&folder);
        if self.written.remove(&below.join("cmdline")).is_some() {
            self.written.retain(|path, _| !path.starts_with(&below));
            fs::remove_dir_all(below)?;
        }
        Ok(())
    }

    fn k0s_yaml(&self) -> String {
        let (address, port) = (&self.host.address, self.network.api_port);
        let mut arguments = String::new();
        for name in TOLERATIONS {
            // Writing to a String cannot fail.
            let _ = write!(arguments, "\n      {name}: \"{}\"", self.toleration_s);
        }
        format!(
            "apiVersion: k0s.k0sproject.io/v1beta1\nkind: ClusterConfig\nmetadata:\n  name: k0s\nspec:\n  api:\n    \
             address: {address}\n    port: {port}\n    sans: [{address}]\n    extraArgs:{arguments}\n  storage:\n    type: etcd\n    \
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

/// A process keeps its number: what tells a restart is its start time.
pub const fn pid(component: Component) -> u32 {
    1000 + component as u32
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
        let mut root = Root::create(folder.path().join("1"), host, &Network::default(), 30).unwrap();
        let started = Timestamp::from_second(1_800_000_000).unwrap();
        let mut facts = Facts {
            processes: vec![Process {
                component: Component::Etcd,
                started,
                flags: vec![("name".to_owned(), "nbe-1".to_owned())],
            }],
            has_carrier: true,
            is_certificate_expired: false,
        };
        root.refresh(&facts).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join("1").join(name));
        assert!(read("proc/1001/cmdline").unwrap().contains("--name=nbe-1\0"));
        facts.processes.clear();
        facts.has_carrier = false;
        root.refresh(&facts).unwrap();
        assert!(read("proc/1001/cmdline").is_err());
        assert!(read("run/unit").unwrap().contains("ActiveState=inactive"));
        assert_eq!(read("sys/class/net/eth0/carrier").unwrap(), "0\n");
    }
}
