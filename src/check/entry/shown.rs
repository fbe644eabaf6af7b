//! The certificates that are shown at the entry point: for whom they are made, and when they end.

use super::{Seen, nothing, subject};
use crate::base::Text;
use crate::check::look::{Looked, certificate_end, evidence, names as listed, need_kinds};
use crate::check::{CheckId, Finding, Severity};
use crate::model::entry::{Entry, EntryId, Presented};
use crate::model::{KubeKind, Policy, Snapshot};

/// A certificate, and the ways in that show it.
type Shown<'a> = (&'a Presented, Vec<(EntryId, &'a Entry)>);

/// Each certificate once, whoever shows it.
fn shown<'a>(seen: &Seen<'a>) -> Vec<Shown<'a>> {
    let mut found: Vec<Shown> = Vec::new();
    for (id, entry) in &seen.fresh {
        let Some(certificate) = &entry.last.certificate else {
            continue;
        };
        match found.iter_mut().find(|(known, _)| *known == certificate) {
            Some((_, places)) => places.push((*id, entry)),
            None => found.push((certificate, vec![(*id, entry)])),
        }
    }
    found
}

/// What a certificate is about: the one way in that shows it, or all of them.
fn place(snapshot: &Snapshot, places: &[(EntryId, &Entry)]) -> Text {
    match places {
        [(id, _)] => subject(snapshot, *id),
        _ if places.iter().all(|(id, _)| id.is_for_users()) => "entry/users".into(),
        _ if places.iter().any(|(id, _)| id.is_for_users()) => "entry/all".into(),
        _ => "entry/console".into(),
    }
}

fn where_shown(places: &[(EntryId, &Entry)]) -> String {
    format!("shown at {}", listed(places.iter().map(|(_, entry)| &entry.target)))
}

pub fn names(snapshot: &Snapshot) -> Looked {
    need_kinds(snapshot, &[KubeKind::Nodes])?;
    let seen = Seen::of(snapshot, EntryId::is_for_users);
    let certificates = shown(&seen);
    if certificates.is_empty() {
        return Err(seen.stale.unwrap_or_else(|| nothing(snapshot)));
    }
    let findings = certificates
        .iter()
        .filter_map(|(certificate, places)| unnamed(snapshot, certificate, places))
        .collect();
    seen.conclude(findings)
}

fn unnamed(snapshot: &Snapshot, certificate: &Presented, places: &[(EntryId, &Entry)]) -> Option<Finding> {
    let sites = places.iter().map(|(_, entry)| &entry.name);
    let mut missing: Vec<Text> = sites
        .filter(|name| !certificate.covers(name.as_str()))
        .cloned()
        .collect();
    missing.dedup();
    let nodes = snapshot.kube.nodes.values().map(|node| &node.name);
    missing.extend(nodes.filter(|name| !certificate.covers_host(name.as_str())).cloned());
    if missing.is_empty() {
        return None;
    }
    Some(Finding {
        check: CheckId::EntryNames,
        severity: Severity::Warning,
        subject: place(snapshot, places),
        title: format!("the certificate does not name {}", listed(&missing)).into(),
        evidence: evidence([
            format!("{} is made for {}", certificate.subject, listed(&certificate.names)),
            where_shown(places),
        ]),
        consequence: "browsers that go there by such a name stop with a warning, and API clients refuse".into(),
        remedy: "issue the certificate anew with these names beside the others, and upload it in the Admin Console"
            .into(),
    })
}

pub fn expiry(snapshot: &Snapshot, policy: &Policy) -> Looked {
    let seen = Seen::of(snapshot, |_| true);
    let certificates = shown(&seen);
    if certificates.is_empty() {
        return Err(seen.stale.unwrap_or_else(|| nothing(snapshot)));
    }
    let findings = certificates
        .iter()
        .filter_map(|(certificate, places)| ending(snapshot, policy, certificate, places))
        .collect();
    seen.conclude(findings)
}

fn ending(
    snapshot: &Snapshot,
    policy: &Policy,
    certificate: &Presented,
    places: &[(EntryId, &Entry)],
) -> Option<Finding> {
    let (severity, ends) = certificate_end(snapshot, policy, certificate.not_after)?;
    let whose = if places.iter().any(|(id, _)| id.is_for_users()) {
        "the users' certificate"
    } else {
        "the Admin Console's certificate"
    };
    Some(Finding {
        check: CheckId::EntryExpiry,
        severity,
        subject: place(snapshot, places),
        title: format!("{whose} {ends}").into(),
        evidence: evidence([
            format!("{}: valid until {}", certificate.subject, certificate.not_after),
            where_shown(places),
        ]),
        consequence: "browsers and API clients refuse it from then on".into(),
        remedy: "issue it anew and upload it in the Admin Console; where a load balancer shows it, there".into(),
    })
}
