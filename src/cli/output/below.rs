//! What documents tell from below: this host's processes, unit, containers and health checks; the ports of the other
//! controllers; and the recovery page. The names are a contract with other programs; what is not known is null.

use core::net::IpAddr;

use serde::Serialize;

use super::feeds::millis;
use super::table::table;
use crate::base::{Age, Text};
use crate::model::feed::HostPart;
use crate::model::journal;
use crate::model::kube::ApiHealth;
use crate::model::reach::{self, Service, Suspect};
use crate::model::recovery::{Kind, Recovery};
use crate::model::{FeedId, Snapshot};

/// This host.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct HostDocument {
    pub name: Text,
    pub processes: Option<Aged<Vec<ProcessDocument>>>,
    pub unit: Option<Aged<UnitDocument>>,
    /// Pods whose containers run here.
    pub containers: Option<Aged<ContainersDocument>>,
    /// `/livez` and `/readyz` of this host's API server.
    pub api_health: Option<Aged<ApiHealth>>,
    /// Times of the disk under etcd.
    pub etcd_disk: Option<Aged<crate::model::etcd::DiskTimes>>,
}

/// A value, and the age of the last answer of its source.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct Aged<T> {
    pub age_ms: Option<u64>,
    pub value: T,
}

/// A process of the control plane.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ProcessDocument {
    pub name: Text,
    pub pid: u32,
    pub runs_for_ms: Option<u64>,
    pub stopped: bool,
    /// How often we saw it start anew.
    pub restarts_seen: u32,
    pub flags: std::collections::BTreeMap<Text, Text>,
}

/// The unit `k0scontroller`.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct UnitDocument {
    pub active_state: Text,
    pub sub_state: Text,
    pub restarts: Option<u32>,
    pub errors: Vec<ErrorDocument>,
}

/// An error in its journal.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ErrorDocument {
    pub text: Text,
    pub age_ms: Option<u64>,
    pub times: u32,
    pub means: Option<&'static str>,
    pub advice: Option<&'static str>,
}

/// Pods whose containers run here.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ContainersDocument {
    pub sandboxes: usize,
    pub pods: Vec<Text>,
}

/// Another controller.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReachDocument {
    pub address: IpAddr,
    pub name: Text,
    pub suspect: Suspect,
    pub sentence: &'static str,
    pub ports: Vec<PortDocument>,
    /// What another controller says of it, where `look_from_there` is set.
    pub from_there: Option<String>,
}

/// A port of it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PortDocument {
    pub service: Service,
    pub port: u16,
    pub result: &'static str,
    pub age_ms: u64,
}

/// What this host tells.
pub fn host(snapshot: &Snapshot) -> HostDocument {
    let host = &snapshot.host;
    let age_ms = |feed| snapshot.feed(feed).as_of().map(|at| millis(snapshot.now.since(at)));
    let part = |part| age_ms(FeedId::Host(part));
    HostDocument {
        name: host.name.clone(),
        processes: host.processes.as_ref().map(|fact| Aged {
            age_ms: part(HostPart::Processes),
            value: fact.value.iter().map(|own| process(snapshot, own)).collect(),
        }),
        unit: host.unit.as_ref().map(|fact| Aged {
            age_ms: part(HostPart::Unit),
            value: unit(snapshot, &fact.value),
        }),
        containers: host.containers.as_ref().map(|fact| Aged {
            age_ms: part(HostPart::Containers),
            value: ContainersDocument {
                sandboxes: fact.value.sandboxes,
                pods: fact.value.pods.iter().map(pod).collect(),
            },
        }),
        api_health: snapshot.kube.local.as_ref().map(|fact| Aged {
            age_ms: age_ms(FeedId::ApiLocal),
            value: fact.value.clone(),
        }),
        etcd_disk: snapshot.etcd.disk.as_ref().map(|fact| Aged {
            age_ms: age_ms(FeedId::EtcdDisk),
            value: fact.value,
        }),
    }
}

fn process(snapshot: &Snapshot, process: &crate::model::host::Process) -> ProcessDocument {
    let restarts = snapshot.host.restarts.get(&process.name);
    ProcessDocument {
        name: process.name.clone(),
        pid: process.pid,
        runs_for_ms: process.started.map(|at| millis(snapshot.wall_age(at))),
        stopped: process.is_stopped,
        restarts_seen: restarts.map_or(0, |seen| seen.count),
        flags: process.flags.clone(),
    }
}

fn unit(snapshot: &Snapshot, unit: &crate::model::host::Unit) -> UnitDocument {
    let errors = unit.errors.iter().map(|line| {
        let known = journal::explain(line.text.as_str());
        ErrorDocument {
            text: line.text.clone(),
            age_ms: line.at.map(|at| millis(snapshot.wall_age(at))),
            times: line.times,
            means: known.map(|known| known.meaning),
            advice: known.map(|known| known.advice),
        }
    });
    UnitDocument {
        active_state: unit.active_state.clone(),
        sub_state: unit.sub_state.clone(),
        restarts: unit.restarts,
        errors: errors.collect(),
    }
}

/// `namespace/name`, or its UID where nobody names it.
fn pod(pod: &crate::model::host::RunningPod) -> Text {
    match &pod.name {
        Some((namespace, name)) => Text::from(format!("{namespace}/{name}")),
        None => pod.uid.clone(),
    }
}

/// How the other controllers are reached.
pub fn reach(snapshot: &Snapshot) -> Vec<ReachDocument> {
    let neighbours = snapshot.neighbours().into_iter();
    let rows = neighbours.map(|own| {
        let found = snapshot.reach.get(&own.address).cloned().unwrap_or_default();
        let suspect = reach::suspect(&found, snapshot.etcd_answers_at(own.address));
        let ports = found.ports.iter().map(|(service, port)| PortDocument {
            service: *service,
            port: port.number,
            result: port.knock.word(),
            age_ms: millis(snapshot.now.since(port.at)),
        });
        ReachDocument {
            address: own.address,
            name: own.name,
            suspect,
            sentence: suspect.sentence(),
            ports: ports.collect(),
            from_there: snapshot.there_line(own.address),
        }
    });
    rows.collect()
}

fn age(ms: Option<u64>) -> String {
    ms.map_or_else(
        || "-".to_owned(),
        |ms| Age(std::time::Duration::from_millis(ms)).to_string(),
    )
}

/// This host for people: its processes and what k0s complains of. Empty where nothing is known.
pub fn host_text(host: &HostDocument) -> String {
    let mut sections = Vec::new();
    if let Some(processes) = &host.processes {
        let row = |own: &ProcessDocument| {
            let state = if own.stopped { "STOPPED" } else { "runs" };
            vec![
                own.name.to_string(),
                own.pid.to_string(),
                state.to_owned(),
                age(own.runs_for_ms),
                own.restarts_seen.to_string(),
            ]
        };
        let rows: Vec<Vec<String>> = processes.value.iter().map(row).collect();
        if !rows.is_empty() {
            sections.push(table(&["PROCESS", "PID", "STATE", "FOR", "RESTARTS SEEN"], &rows));
        }
    }
    if let Some(unit) = &host.unit {
        let restarts = unit
            .value
            .restarts
            .map_or_else(|| "?".to_owned(), |count| count.to_string());
        let mut text = format!(
            "unit k0scontroller: {} ({}), started {restarts} times again by systemd ({} ago)\n",
            unit.value.active_state,
            unit.value.sub_state,
            age(unit.age_ms)
        );
        for error in &unit.value.errors {
            text.extend([format!(
                "  {} ({} ago, {} times)\n",
                error.text,
                age(error.age_ms),
                error.times
            )]);
            if let (Some(means), Some(advice)) = (error.means, error.advice) {
                text.extend([format!("    means: {means}\n    do: {advice}\n")]);
            }
        }
        sections.push(text);
    }
    if let Some(containers) = &host.containers {
        let count = containers.value.pods.len();
        sections.push(format!(
            "containers: {count} pods run on this host ({} ago)\n",
            age(containers.age_ms)
        ));
    }
    sections.join("")
}

/// The other controllers for people.
pub fn reach_text(hosts: &[ReachDocument]) -> String {
    let row = |own: &ReachDocument| {
        let port = |port: &PortDocument| format!("{} {} {}", port.service.word(), port.port, port.result);
        let ports: Vec<String> = own.ports.iter().map(port).collect();
        let oldest = own.ports.iter().map(|port| port.age_ms).max();
        vec![
            own.name.to_string(),
            own.address.to_string(),
            if ports.is_empty() {
                "-".to_owned()
            } else {
                ports.join(", ")
            },
            age(oldest),
            own.sentence.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = hosts.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    table(
        &["CONTROLLER", "ADDRESS", "PORTS FROM HERE", "AGE", "WHICH MEANS"],
        &rows,
    )
}

/// The recovery page for people.
pub fn recovery_text(recovery: &Recovery) -> String {
    let mut text = format!("Recovery: {}\n", recovery.diagnosis.headline);
    for section in &recovery.sections {
        text.extend([format!("\n  {}\n", section.title)]);
        for line in &section.lines {
            let sign = match line.kind {
                Kind::Say => "",
                Kind::Command => "$ ",
                Kind::Never => "! ",
            };
            text.extend([format!("    {sign}{}\n", line.text)]);
        }
    }
    text
}
