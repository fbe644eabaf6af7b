//! Does a service that is said to be outside lie on the cluster's own nodes? By the addresses that its servers' names stand
//! for. Start reading at [`on_nodes`].

use super::super::look::{evidence, names, need_kinds};
use super::super::{CheckId, Finding, Severity};
use super::asked::vantage;
use crate::base::Text;
use crate::model::external::{External, Seen, ServiceId};
use crate::model::kube::Node;
use crate::model::{KubeKind, Snapshot};

/// One finding for each server with a node's address. None where nobody says which nodes there are.
pub fn on_nodes(snapshot: &Snapshot, check: CheckId, external: &External) -> Vec<Finding> {
    if need_kinds(snapshot, &[KubeKind::Nodes]).is_err() {
        return Vec::new();
    }
    let servers = external.told.servers();
    servers
        .iter()
        .filter_map(|server| inside(snapshot, check, external, server))
        .collect()
}

fn inside(snapshot: &Snapshot, check: CheckId, external: &External, server: &Seen<'_>) -> Option<Finding> {
    let own = server.addresses.iter();
    let own: Vec<(String, &Node)> = own
        .filter_map(|address| {
            let address = address.to_string();
            let node = snapshot.node_at(&address)?;
            Some((address, node))
        })
        .collect();
    let nodes = names(own.iter().map(|(_, node)| &node.name));
    let id = external.told.service();
    let lines = own.iter().map(|(address, node)| {
        let target = server.target;
        format!("{target} is {address}, the address of {}", node.name)
    });
    (!own.is_empty()).then(|| Finding {
        check,
        severity: Severity::Warning,
        subject: Text::from(format!("external/{}", server.target)),
        title: format!("{} lies on {nodes}", id.title()).into(),
        evidence: evidence(lines.chain([vantage(snapshot, external)])),
        consequence: match id {
            ServiceId::S3 => "with that node the way to media and scripts is lost, and perhaps what is in them",
            ServiceId::Postgresql | ServiceId::Redis | ServiceId::Sentinel => {
                "the loss of that node takes a part of the cluster and this service at once"
            }
        }
        .into(),
        remedy: match id {
            ServiceId::S3 => {
                "move the bucket to object storage outside the cluster, one that keeps copies on several machines"
            }
            ServiceId::Postgresql | ServiceId::Redis | ServiceId::Sentinel => {
                "move it to machines that are no nodes of this cluster"
            }
        }
        .into(),
    })
}
