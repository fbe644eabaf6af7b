//! Is object storage itself highly available? S3 has no request that tells. What can be known is where its endpoint lies, whose
//! it is by its name, and of MinIO what it says itself. Start reading at [`availability`].

use super::super::look::{Looked, cannot_tell, evidence};
use super::super::{CheckId, Finding, Severity};
use super::asked::{answers, subject, told, untold, vantage};
use super::inside::on_nodes;
use crate::base::{Why, WhyKind};
use crate::model::external::{Bucket, External, Server, ServiceId, Told, is_managed_storage};
use crate::model::{FeedId, Snapshot};

/// Whether it survives the loss of a machine; otherwise it cannot be told, with what is known.
pub fn availability(snapshot: &Snapshot) -> Looked {
    let external = told(snapshot, ServiceId::S3)?;
    let Told::S3(servers) = &external.told else {
        return Err(untold::<Bucket>(ServiceId::S3, &[]));
    };
    let told = answers(ServiceId::S3, servers)?;
    let on_nodes = on_nodes(snapshot, CheckId::ExternalS3Availability, external);
    if !on_nodes.is_empty() {
        return Ok(on_nodes);
    }
    let tight = told.iter().filter(|(_, bucket)| bucket.spares_server == Some(false));
    let tight: Vec<Finding> = tight.map(|(server, _)| no_spare(snapshot, external, server)).collect();
    if !tight.is_empty() || told.iter().all(|(server, bucket)| proof(server, bucket).is_some()) {
        return Ok(tight);
    }
    let known: Vec<String> = told.iter().map(|(server, _)| known(server)).collect();
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

/// By what it is known to survive one.
pub fn proof(server: &Server<Bucket>, bucket: &Bucket) -> Option<String> {
    let target = &server.target;
    if bucket.spares_server == Some(true) {
        return Some(format!(
            "{target}: MinIO, which goes on without the server that answered"
        ));
    }
    is_managed_storage(target.as_str())
        .then(|| format!("{target}: a managed service, by its name; its provider keeps copies on several machines"))
}

fn known(server: &Server<Bucket>) -> String {
    let target = &server.target;
    match server.addresses.len() {
        0 | 1 => format!("{target} has one address: it may be one machine"),
        count => format!("{target} has {count} addresses"),
    }
}

fn no_spare(snapshot: &Snapshot, external: &External, server: &Server<Bucket>) -> Finding {
    let target = &server.target;
    Finding {
        check: CheckId::ExternalS3Availability,
        severity: Severity::Warning,
        subject: subject(server),
        title: "object storage cannot spare the server that answered".into(),
        evidence: evidence([
            format!("{target}: MinIO says that without this server it takes no changes (412 at /minio/health/cluster)"),
            vantage(snapshot, external),
        ]),
        consequence: "the loss of that one machine stops uploads, and may take media and scripts with it".into(),
        remedy: "start its servers that are down (mc admin info); MinIO on one machine can never spare it: build it on four or more"
            .into(),
    }
}
