//! What the services outside the cluster told.

use core::net::IpAddr;
use std::collections::BTreeMap;

use super::{day, here, is_current};
use crate::base::{Text, WhyKind};
use crate::check::external::storage::proof;
use crate::check::look::names;
use crate::model::external::{External, Secured, ServiceId, Told};
use crate::model::product::NetBoxEnterprise;
use crate::model::{FeedId, FeedState, Snapshot};

fn told(snapshot: &Snapshot, id: ServiceId) -> Option<&External> {
    let external = snapshot.external.get(&id);
    external.filter(|_| is_current(snapshot, FeedId::External(id)))
}

/// From where a service was asked, and from which living controllers it was not.
fn asked_from(snapshot: &Snapshot, id: ServiceId) -> String {
    let own = snapshot.own_address();
    let is_dead = |address| snapshot.etcd_answers_at(address) == Some(false);
    let mut reached = Vec::new();
    let mut missing: BTreeMap<String, Vec<Text>> = BTreeMap::new();
    for address in snapshot.standpoints() {
        if Some(address) == own || is_dead(address) {
            continue;
        }
        let name = snapshot.controller_at(address);
        match not_from(snapshot, address, id) {
            None => reached.push(name),
            Some(why) => missing.entry(why).or_default().push(name),
        }
    }
    let also = (!reached.is_empty()).then(|| format!("also reached from {}", names(&reached)));
    let missing = missing
        .iter()
        .map(|(why, own)| format!("not from {} ({why})", names(own)));
    let asked = std::iter::once(format!("asked from {}", here(snapshot)));
    let parts: Vec<String> = asked.chain(also).chain(missing).collect();
    parts.join("; ")
}

/// Why another controller does not show that it reaches a service; None where it does.
fn not_from(snapshot: &Snapshot, address: IpAddr, id: ServiceId) -> Option<String> {
    match snapshot.feed(FeedId::From(address)) {
        FeedState::Live { .. } | FeedState::Lagging { .. } => {
            let seen = snapshot.from.get(&address);
            let mut ways = seen.into_iter().flat_map(|seen| seen.to_service(id)).peekable();
            if ways.peek().is_none() {
                return Some("not tried there".to_owned());
            }
            let closed = ways.find(|way| !way.is_open())?;
            Some(format!("{} {} there", closed.target, closed.knock.word()))
        }
        FeedState::Off { why } if why.kind == WhyKind::Config => Some("look_from_there is off".to_owned()),
        FeedState::Off { why } | FeedState::Lost { why, .. } => Some(why.text.to_string()),
        FeedState::Syncing { .. } | FeedState::Stored { .. } => Some("no answer yet".to_owned()),
    }
}

/// From where it was asked, and each server with what it told.
pub(super) fn servers(snapshot: &Snapshot, id: ServiceId) -> Vec<String> {
    let servers = told(snapshot, id).map(|own| own.told.servers()).unwrap_or_default();
    let lines = servers.iter().map(|own| format!("{}: {}", own.target, own.words));
    std::iter::once(asked_from(snapshot, id)).chain(lines).collect()
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
    let asked = format!("asked from {} alone: other controllers do not try TLS", here(snapshot));
    std::iter::once(asked).chain(lines).collect()
}
