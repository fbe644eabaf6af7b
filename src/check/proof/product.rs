//! What the product and its installer say of themselves.

use crate::base::Text;
use crate::check::product::active_installation;
use crate::model::kube::Workload;
use crate::model::product::Installation;
use crate::model::{ObjectKey, Snapshot};

fn installation(snapshot: &Snapshot, told: impl Fn(&Installation) -> String) -> Option<String> {
    let (key, own) = active_installation(snapshot)?;
    Some(format!("Installation {}: {}", key.name, told(own)))
}

pub(super) fn ha(snapshot: &Snapshot) -> Vec<String> {
    let line = installation(snapshot, |own| {
        format!("spec.highAvailability is {}", own.high_availability)
    });
    line.into_iter().chain(super::nodes::controllers(snapshot)).collect()
}

pub(super) fn netbox(snapshot: &Snapshot) -> Vec<String> {
    let objects = snapshot.kube.netbox_enterprises.iter();
    let lines = objects.map(|(key, fact)| {
        let own = &fact.value;
        let ready = own.ready.map(|ready| format!("status.ready is {ready}"));
        let generation = own.generation.zip(own.converged_generation);
        let generation = generation.map(|(wanted, reached)| format!("generation {wanted}, converged {reached}"));
        let told: Vec<String> = ready.into_iter().chain(generation).collect();
        format!("{key}: {}", told.join(", "))
    });
    lines.collect()
}

fn replicas(key: &ObjectKey, workload: &Workload) -> String {
    format!("{key}: {} wanted, {} ready", workload.desired, workload.ready)
}

pub(super) fn store(snapshot: &Snapshot) -> Vec<String> {
    let sets = snapshot.kube.stateful_sets.iter();
    let stores = sets.filter(|(key, _)| key.name == "kotsadm-rqlite");
    stores.map(|(key, fact)| replicas(key, &fact.value)).collect()
}

pub(super) fn air_gap(snapshot: &Snapshot) -> Vec<String> {
    let line = installation(snapshot, |own| {
        format!(
            "airGap is {}, highAvailability is {}",
            own.air_gap, own.high_availability
        )
    });
    line.into_iter().collect()
}

pub(super) fn upgrade(snapshot: &Snapshot) -> Vec<String> {
    let line = installation(snapshot, |own| {
        let version = own.version.as_ref().map_or("an unknown version", Text::as_str);
        format!("{} {version}", own.state)
    });
    line.into_iter().collect()
}

pub(super) fn operator(snapshot: &Snapshot) -> Vec<String> {
    let own = snapshot.operator().map(|(key, workload)| replicas(key, workload));
    let lease = snapshot.operator_lease().map(|lease| {
        let node = lease.node.map_or_else(String::new, |node| format!(" on {node}"));
        format!("lease {}: held by {}{node}", lease.key, lease.pod)
    });
    own.into_iter().chain(lease).collect()
}
