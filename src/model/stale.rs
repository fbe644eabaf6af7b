//! Which controllers run with something older than what is installed or configured, and so need a restart of k0s: one rule
//! for the plan that restarts them and for the checks. Pure questions to a snapshot.

use std::time::Duration;

use super::detection::TOLERATION_FLAG;
use super::kube::Tolerates;
use super::snapshot::Snapshot;
use crate::base::Text;

/// A controller that needs a restart of k0s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Its node's name.
    pub node: Text,
    /// What it runs with, beside what it should.
    pub because: String,
}

impl Snapshot {
    /// Controllers that run something older than what is installed or configured, as far as it can be told: all by their
    /// version, this one by its flags, and those whose API servers gave a pod something else than k0s.yaml here says.
    pub fn stale_controllers(&self) -> Vec<Stale> {
        let by_flags = || {
            let node = self.controllers().find(|node| node.name == self.host.name)?;
            let because = format!(
                "{} does not run with {} of k0s.yaml yet",
                node.name,
                changed_flag(self)?
            );
            let node = node.name.clone();
            Some(Stale { node, because })
        };
        let mut stale = older(self);
        stale.extend(by_flags());
        stale.extend(otherwise_stamping(self));
        stale
    }

    /// How long new pods shall stay on a silent node by this host's k0s.yaml, in seconds; None where it does not say.
    pub fn configured_toleration_s(&self) -> Option<u64> {
        let config = &self.host.config.as_ref()?.value;
        config.api_args.get(TOLERATION_FLAG)?.as_str().parse().ok()
    }

    /// A hint, where no flag tells whether this host's k0s runs with its k0s.yaml: the file was written after k0s started.
    /// What was changed in it is not known, and it may not matter.
    pub fn changed_config(&self) -> Option<String> {
        let config = &self.host.config.as_ref()?.value;
        // k0s reads it once, and hands it to what it starts, also when it starts that anew.
        let names = ["k0s", "kube-apiserver", "kube-controller-manager"];
        let (name, started) = names
            .iter()
            .find_map(|name| Some((*name, self.host.process(name)?.started?)))?;
        let after = Duration::try_from(config.changed?.duration_since(started)).ok()?;
        let is_decided = changed_flag(self).is_some();
        (!is_decided && after > START_IS_KNOWN_TO).then(|| format!("{} was changed after {name} started", config.path))
    }
}

/// The start of a process is known to the second of the host's own start.
const START_IS_KNOWN_TO: Duration = Duration::from_secs(2);

/// Controllers with an older k0s than others.
fn older(snapshot: &Snapshot) -> Vec<Stale> {
    let nodes = snapshot.kube.control_nodes.iter();
    let versions: Vec<(Text, Text)> = nodes
        .filter_map(|(key, row)| {
            let node = row.value.node.clone().unwrap_or_else(|| key.name.clone());
            Some((node, row.value.k0s_version.clone()?))
        })
        .filter(|(node, _)| snapshot.controllers().any(|own| own.name == *node))
        .collect();
    let newest = versions
        .iter()
        .map(|(_, version)| version)
        .max_by_key(|version| numbers(version.as_str()));
    let Some(newest) = newest else {
        return Vec::new();
    };
    let older = versions.iter().filter(|(_, version)| version != newest);
    older
        .map(|(node, version)| Stale {
            node: node.clone(),
            because: format!("{node} runs k0s {version}, others run {newest}"),
        })
        .collect()
}

/// The numbers in a version, to compare by.
fn numbers(version: &str) -> Vec<u64> {
    let parts = version.split(|c: char| !c.is_ascii_digit());
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// A flag of this host's k0s.yaml that the running process does not have.
fn changed_flag(snapshot: &Snapshot) -> Option<Text> {
    let config = &snapshot.host.config.as_ref()?.value;
    let processes = &snapshot.host.processes.as_ref()?.value;
    let pairs = [
        ("kube-apiserver", &config.api_args),
        ("kube-controller-manager", &config.controller_manager_args),
    ];
    pairs.into_iter().find_map(|(name, wanted)| {
        let process = processes.iter().find(|process| process.name == name)?;
        let mut wanted = wanted.iter();
        let (flag, value) = wanted.find(|(flag, value)| process.flags.get(*flag) != Some(*value))?;
        Some(Text::from(format!("{flag}={value}")))
    })
}

/// Other controllers whose API servers give new pods something else than this host's k0s.yaml says. k0s.yaml may differ from
/// controller to controller, and so the words say whose it is.
fn otherwise_stamping(snapshot: &Snapshot) -> Vec<Stale> {
    let (Some(wanted), Some(stamps)) = (snapshot.configured_toleration_s(), snapshot.stamps()) else {
        return Vec::new();
    };
    let others = snapshot.controllers().filter(|node| node.name != snapshot.host.name);
    others
        .filter_map(|node| {
            let Some(Ok(own)) = stamps.get(&node.name) else {
                return None;
            };
            let Tolerates::Seconds(seconds) = own.unreachable else {
                return None;
            };
            (seconds != wanted).then(|| Stale {
                node: node.name.clone(),
                because: format!(
                    "{}'s API server gives new pods {seconds} s, k0s.yaml of {} says {wanted} s",
                    node.name, snapshot.host.name
                ),
            })
        })
        .collect()
}
