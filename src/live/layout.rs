//! Where k0s keeps things on this host. Embedded Cluster moves k0s's data directory, so nothing here is assumed that a
//! file of theirs tells. Pure over a root directory and an injected environment. Start reading at [`discover`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::host::files;
use crate::base::{Text, Why, WhyKind};
use crate::model::host::CONSOLE_PORT;

/// Embedded Cluster's record of its installation: the authority on the data directory.
const EC_YAML: &str = "/etc/embedded-cluster/ec.yaml";
/// Written by k0s while it runs.
const RUNTIME_YAML: &str = "/run/k0s/k0s.yaml";
/// Embedded Cluster's default.
const EC_K0S_DIR: &str = "/var/lib/embedded-cluster/k0s";
/// k0s's default.
const K0S_DIR: &str = "/var/lib/k0s";
/// k0s's default configuration file, which Embedded Cluster keeps.
const K0S_YAML: &str = "/etc/k0s/k0s.yaml";
/// k0s's default status socket.
const STATUS_SOCKET: &str = "/run/k0s/status.sock";

/// What the operator says about places. Paths are taken as they are, not below the root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--k0s-dir`: k0s's data directory.
    pub k0s_dir: Option<PathBuf>,
    /// `--etcd-pki DIR`: a copy of k0s's `pki` directory (`DIR/etcd/ca.crt`, `DIR/etcd/peer.crt`,
    /// `DIR/apiserver-etcd-client.crt` …) or the same files side by side (`DIR/ca.crt`, where `ca.crt` is etcd's CA).
    pub etcd_pki: Option<PathBuf>,
    /// `--kubeconfig`, or one named in a settings file. If there is one, no other is tried: an operator who names a
    /// cluster must not be shown another. `KUBECONFIG` does not belong here; it is only tried first.
    pub kubeconfig: Vec<PathBuf>,
}

/// The certificates with which etcd can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcdPkiPaths {
    /// etcd's CA, for the client port and the peer port.
    pub ca: PathBuf,
    /// k0s's client certificate for etcd's client port.
    pub client_cert: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
    /// This host's peer certificate, for every member's peer port.
    pub peer_cert: PathBuf,
    /// Its key.
    pub peer_key: PathBuf,
}

impl EtcdPkiPaths {
    /// The paths below a directory that is laid out as k0s's `pki`.
    fn in_pki(pki: &Path) -> Self {
        Self::at(pki, &pki.join("etcd"))
    }

    fn at(client: &Path, etcd: &Path) -> Self {
        Self {
            ca: etcd.join("ca.crt"),
            client_cert: client.join("apiserver-etcd-client.crt"),
            client_key: client.join("apiserver-etcd-client.key"),
            peer_cert: etcd.join("peer.crt"),
            peer_key: etcd.join("peer.key"),
        }
    }
}

/// Where k0s keeps things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// k0s's data directory, with `pki`, `etcd` and `bin`.
    pub k0s_dir: PathBuf,
    /// Whether the operator, Embedded Cluster or k0s names `k0s_dir`. Then its absence is a fault.
    pub k0s_dir_is_named: bool,
    /// k0s's configuration of this host.
    pub k0s_yaml: PathBuf,
    /// k0s's status socket.
    pub status_socket: PathBuf,
    /// The Admin Console's port on every node, where ec.yaml tells it.
    pub console_port: Option<u16>,
    /// Certificates for etcd.
    pub etcd_pki: EtcdPkiPaths,
    /// Kubeconfigs in the order in which they are to be tried, those of `KUBECONFIG` first. They need not exist.
    pub kubeconfigs: Vec<PathBuf>,
    /// What was found where, for `quorate doctor`.
    pub notes: Vec<Text>,
}

impl Layout {
    /// Whether k0s is or should be on this host. Where that cannot be told, it is.
    pub fn has_k0s(&self) -> bool {
        let may_exist = |path: &Path| path.try_exists().unwrap_or(true);
        self.k0s_dir_is_named || may_exist(&self.k0s_dir) || may_exist(&self.k0s_yaml) || may_exist(&self.status_socket)
    }
}

/// Finds out where k0s keeps things.
///
/// k0s's directory is, first found: the override; what `/etc/embedded-cluster/ec.yaml` says; what the running k0s says in
/// `/run/k0s/k0s.yaml`; `/var/lib/embedded-cluster/k0s` if it exists; `/var/lib/k0s`. A file that cannot be read is
/// noted and passed over.
///
/// `root` is `/` but in tests. Of `environment`, `KUBECONFIG` and `HOME` are used. Reads a few small local files.
pub fn discover(overrides: &Overrides, root: &Path, environment: &BTreeMap<String, String>) -> Layout {
    let mut notes = Notes::default();
    let runtime = notes.reading(root, RUNTIME_YAML, parse_runtime);
    let ec = notes.reading(root, EC_YAML, parse_ec).unwrap_or_default();
    let named = overrides
        .k0s_dir
        .clone()
        .inspect(|dir| notes.add(format!("k0s directory {}: named by the operator", dir.display())))
        .or_else(|| {
            let dir = below(root, ec.k0s_dir.as_ref()?);
            notes.add(format!("k0s directory {}: named by {EC_YAML}", dir.display()));
            Some(dir)
        })
        .or_else(|| {
            let dir = below(root, runtime.as_ref()?.data_dir.as_ref()?);
            notes.add(format!("k0s directory {}: named by {RUNTIME_YAML}", dir.display()));
            Some(dir)
        });
    let k0s_dir_is_named = named.is_some();
    let k0s_dir = named.unwrap_or_else(|| default_k0s_dir(root, &mut notes));

    let path_of =
        |told: Option<&PathBuf>, default: &str| below(root, told.map_or(Path::new(default), PathBuf::as_path));
    let runtime = runtime.unwrap_or_default();
    if let Some(port) = ec.console_port.filter(|port| *port != CONSOLE_PORT) {
        notes.add(format!("port {port} of the Admin Console: named by {EC_YAML}"));
    }
    Layout {
        k0s_yaml: path_of(runtime.startup_config.as_ref(), K0S_YAML),
        status_socket: path_of(runtime.status_socket.as_ref(), STATUS_SOCKET),
        etcd_pki: etcd_pki(overrides.etcd_pki.as_deref(), &k0s_dir, &mut notes),
        kubeconfigs: kubeconfigs(overrides, &k0s_dir, environment, &mut notes),
        console_port: ec.console_port,
        k0s_dir,
        k0s_dir_is_named,
        notes: notes.0,
    }
}

/// `path`, which is absolute on the host, below `root`.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

fn default_k0s_dir(root: &Path, notes: &mut Notes) -> PathBuf {
    let embedded = below(root, Path::new(EC_K0S_DIR));
    // A directory that may not be looked at is there.
    let (dir, whose) = if embedded.try_exists().unwrap_or(true) {
        (embedded, "Embedded Cluster's default")
    } else {
        (below(root, Path::new(K0S_DIR)), "k0s's default")
    };
    notes.add(format!(
        "k0s directory {}: {whose}; nothing names another",
        dir.display()
    ));
    dir
}

fn etcd_pki(named: Option<&Path>, k0s_dir: &Path, notes: &mut Notes) -> EtcdPkiPaths {
    let Some(dir) = named else {
        return EtcdPkiPaths::in_pki(&k0s_dir.join("pki"));
    };
    let is_pki = dir.join("etcd").try_exists().unwrap_or(true);
    let form = if is_pki {
        "laid out as k0s's pki"
    } else {
        "all files side by side"
    };
    notes.add(format!(
        "etcd certificates {}: named by the operator, {form}",
        dir.display()
    ));
    if is_pki {
        EtcdPkiPaths::in_pki(dir)
    } else {
        EtcdPkiPaths::at(dir, dir)
    }
}

fn kubeconfigs(
    overrides: &Overrides,
    k0s_dir: &Path,
    environment: &BTreeMap<String, String>,
    notes: &mut Notes,
) -> Vec<PathBuf> {
    if !overrides.kubeconfig.is_empty() {
        notes.add("kubeconfig: named by the operator; no other is tried");
        return overrides.kubeconfig.clone();
    }
    let mut found: Vec<PathBuf> = Vec::new();
    let mut add = |path: PathBuf, whence: &str| {
        if !found.contains(&path) {
            let state = if path.try_exists().unwrap_or(true) {
                "there"
            } else {
                "not there"
            };
            notes.add(format!("kubeconfig {}: {whence}, {state}", path.display()));
            found.push(path);
        }
    };
    let list = environment.get("KUBECONFIG").map_or("", String::as_str);
    for path in list.split(':').filter(|path| !path.is_empty()) {
        add(PathBuf::from(path), "named by KUBECONFIG");
    }
    add(k0s_dir.join("pki/admin.conf"), "k0s's own");
    if let Some(home) = environment.get("HOME").filter(|home| !home.is_empty()) {
        add(Path::new(home).join(".kube/config"), "kubectl's default");
    }
    found
}

/// What was found where.
#[derive(Default)]
struct Notes(Vec<Text>);

impl Notes {
    fn add(&mut self, note: impl AsRef<str>) {
        self.0.push(Text::new(note.as_ref()));
    }

    /// Reads and parses a file that need not be there. A file that is there and useless is noted.
    fn reading<T>(&mut self, root: &Path, path: &str, parse: fn(&str) -> Result<T, Why>) -> Option<T> {
        match files::read_text(&below(root, Path::new(path))).and_then(|text| parse(&text)) {
            Ok(value) => Some(value),
            Err(why) if why.kind == WhyKind::Missing => {
                self.add(format!("{path}: not there"));
                None
            }
            Err(why) => {
                self.add(format!("{path}: passed over: {why}"));
                None
            }
        }
    }
}

/// What ec.yaml tells.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ec {
    /// `k0sDataDirOverride`, else `k0s` below `dataDir`.
    k0s_dir: Option<PathBuf>,
    /// `adminConsole.port`; without it, or where it is 0, the default, as Embedded Cluster takes it. None for what is no port.
    console_port: Option<u16>,
}

fn parse_ec(text: &str) -> Result<Ec, Why> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        data_dir: Option<PathBuf>,
        k0s_data_dir_override: Option<PathBuf>,
        admin_console: Option<AdminConsole>,
    }
    #[derive(Deserialize)]
    struct AdminConsole {
        port: Option<i64>,
    }
    let file: File = files::parse_yaml(text)?;
    let data_dir = file.data_dir.and_then(named);
    Ok(Ec {
        k0s_dir: file
            .k0s_data_dir_override
            .and_then(named)
            .or_else(|| data_dir.map(|dir| dir.join("k0s"))),
        console_port: match file.admin_console.and_then(|console| console.port) {
            None | Some(0) => Some(CONSOLE_PORT),
            Some(port) => u16::try_from(port).ok(),
        },
    })
}

/// What the running k0s says about its places.
#[derive(Debug, Default, PartialEq, Eq)]
struct Runtime {
    data_dir: Option<PathBuf>,
    startup_config: Option<PathBuf>,
    status_socket: Option<PathBuf>,
}

/// Takes nothing but `spec.k0sVars`: `spec.nodeConfig` beside it can hold secrets.
fn parse_runtime(text: &str) -> Result<Runtime, Why> {
    #[derive(Default, Deserialize)]
    struct File {
        #[serde(default)]
        spec: Spec,
    }
    #[derive(Default, Deserialize)]
    struct Spec {
        #[serde(default, rename = "k0sVars")]
        vars: Vars,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Vars {
        data_dir: Option<PathBuf>,
        startup_config_path: Option<PathBuf>,
        status_socket_path: Option<PathBuf>,
    }
    let vars = files::parse_yaml::<File>(text)?.spec.vars;
    Ok(Runtime {
        data_dir: vars.data_dir.and_then(named),
        startup_config: vars.startup_config_path.and_then(named),
        status_socket: vars.status_socket_path.and_then(named),
    })
}

/// Empty says nothing, and a relative path is relative to a directory that we do not know.
fn named(path: PathBuf) -> Option<PathBuf> {
    path.is_absolute().then_some(path)
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
