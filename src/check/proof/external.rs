//! What the services outside the cluster told.

use super::{day, is_current};
use crate::check::external::storage::proof;
use crate::check::look::names;
use crate::model::external::{External, Secured, ServiceId, Told};
use crate::model::product::NetBoxEnterprise;
use crate::model::{FeedId, Snapshot};

fn told(snapshot: &Snapshot, id: ServiceId) -> Option<&External> {
    let external = snapshot.external.get(&id);
    external.filter(|_| is_current(snapshot, FeedId::External(id)))
}

/// Each server with what it told, and from where else it is reached.
pub(super) fn servers(snapshot: &Snapshot, id: ServiceId) -> Vec<String> {
    let servers = told(snapshot, id).map(|own| own.told.servers()).unwrap_or_default();
    let lines = servers.iter().map(|own| format!("{}: {}", own.target, own.words));
    let elsewhere = snapshot.service_from_elsewhere(id);
    let elsewhere = (!elsewhere.is_empty()).then(|| format!("also reached from {}", names(elsewhere.keys())));
    lines.chain(elsewhere).collect()
}

/// What the product's object says, before what the servers do.
fn with_object(
    snapshot: &Snapshot,
    id: ServiceId,
    field: &str,
    read: fn(&NetBoxEnterprise) -> Option<bool>,
) -> Vec<String> {
    let objects = snapshot.kube.netbox_enterprises.iter();
    let lines = objects.filter_map(|(key, fact)| Some(format!("{key}: {field} is {}", read(&fact.value)?)));
    lines.chain(servers(snapshot, id)).collect()
}

pub(super) fn postgresql(snapshot: &Snapshot) -> Vec<String> {
    let read = |netbox: &NetBoxEnterprise| netbox.external_postgresql;
    with_object(snapshot, ServiceId::Postgresql, "spec.postgresql.external", read)
}

pub(super) fn redis(snapshot: &Snapshot) -> Vec<String> {
    let read = |netbox: &NetBoxEnterprise| netbox.external_redis;
    with_object(snapshot, ServiceId::Redis, "spec.redis.external", read)
}

/// By what object storage is known to survive the loss of a machine.
pub(super) fn storage(snapshot: &Snapshot) -> Vec<String> {
    let Some(Told::S3(servers)) = told(snapshot, ServiceId::S3).map(|own| &own.told) else {
        return Vec::new();
    };
    let told = servers.iter().filter_map(|own| Some((own, own.answer.as_ref().ok()?)));
    told.filter_map(|(server, bucket)| proof(server, bucket)).collect()
}

pub(super) fn tls(snapshot: &Snapshot) -> Vec<String> {
    let all = ServiceId::ALL
        .into_iter()
        .filter_map(|id| Some((id, told(snapshot, id)?)));
    let lines = all.flat_map(|(id, own)| {
        let servers = own.told.servers().into_iter();
        servers.filter_map(move |server| match server.secured {
            Secured::Tls { not_after } => Some(format!(
                "{}: {} by TLS, certificate valid until {}",
                server.target,
                id.title(),
                day(*not_after)
            )),
            Secured::Unknown | Secured::Plain => None,
        })
    });
    lines.collect()
}
