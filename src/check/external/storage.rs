//! Is object storage itself highly available? S3 has no request that tells: what can be known is where its endpoint lies, and
//! whose it is by its name.

use super::super::look::{Looked, cannot_tell, evidence, names, need_kinds};
use super::super::{CheckId, Finding, Severity};
use super::asked::{answers, subject, told, untold, vantage};
use crate::base::{Why, WhyKind};
use crate::model::external::{Bucket, External, Server, ServiceId, Told, is_managed_storage};
use crate::model::{FeedId, KubeKind, Snapshot};

/// Whether it lies on the cluster's own nodes; otherwise it cannot be told, with what is known.
pub fn availability(snapshot: &Snapshot) -> Looked {
    let external = told(snapshot, ServiceId::S3)?;
    let Told::S3(servers) = &external.told else {
        return Err(untold::<Bucket>(ServiceId::S3, &[]));
    };
    let told = answers(ServiceId::S3, servers)?;
    if need_kinds(snapshot, &[KubeKind::Nodes]).is_ok() {
        let inside = told
            .iter()
            .filter_map(|(server, bucket)| inside(snapshot, external, server, bucket));
        let inside: Vec<Finding> = inside.collect();
        if !inside.is_empty() {
            return Ok(inside);
        }
    }
    let known: Vec<String> = told.iter().map(|(server, bucket)| known(server, bucket)).collect();
    let text = format!(
        "{}; S3 does not tell how many copies it keeps, or where",
        known.join("; ")
    );
    let why = Why::new(WhyKind::NoOccasion, text);
    Err(cannot_tell(
        FeedId::External(ServiceId::S3),
        why.hint(
            "ask who runs it whether it survives the loss of a machine, and of a zone where nodes stand in several",
        ),
    ))
}

fn known(server: &Server<Bucket>, bucket: &Bucket) -> String {
    let target = &server.target;
    match bucket.addresses.len() {
        _ if is_managed_storage(target.as_str()) => format!("{target} is a managed service, by its name"),
        0 | 1 => format!("{target} has one address: it may be one machine"),
        count => format!("{target} has {count} addresses"),
    }
}

fn inside(snapshot: &Snapshot, external: &External, server: &Server<Bucket>, bucket: &Bucket) -> Option<Finding> {
    let own: Vec<_> = bucket
        .addresses
        .iter()
        .filter_map(|address| Some((address, snapshot.node_at(&address.to_string())?)))
        .collect();
    let nodes = names(own.iter().map(|(_, node)| &node.name));
    (!own.is_empty()).then(|| Finding {
        check: CheckId::ExternalS3Availability,
        severity: Severity::Warning,
        subject: subject(server),
        title: format!("object storage lies on {nodes}").into(),
        evidence: evidence(
            own.iter()
                .map(|(address, node)| format!("{} is {address}, the address of {}", server.target, node.name))
                .chain([vantage(snapshot, external)]),
        ),
        consequence: "with that node the way to media and scripts is lost, and perhaps what is in them".into(),
        remedy: "move the bucket to object storage outside the cluster, one that keeps copies on several machines"
            .into(),
    })
}
