//! The certificates that are shown at the entry point: for whom they are made, and when they end.

use super::{Seen, is_expected, nothing, subject};
use crate::base::{Text, Why, WhyKind};
use crate::check::look::{Looked, cannot_tell, certificate_end, evidence, names as listed, need_kinds};
use crate::check::{CheckId, Finding, Outcome, Severity};
use crate::model::entry::{Entry, EntryId, Presented};
use crate::model::{FeedId, KubeKind, Policy, Snapshot};

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

/// A way that should serve and of which no certificate was ever seen: the probes end before TLS.
fn unseen(snapshot: &Snapshot, seen: &Seen) -> Option<Outcome> {
    let is_bare = |(id, entry): &&(EntryId, &Entry)| entry.last.certificate.is_none() && is_expected(snapshot, *id);
    let (id, entry) = seen.fresh.iter().find(is_bare)?;
    let kind = entry.last.why.as_ref().map_or(WhyKind::Missing, |why| why.kind);
    let text = format!("no certificate was seen: {}", entry.last.words());
    Some(cannot_tell(FeedId::Entry(*id), Why::new(kind, text)))
}

/// Goes through the certificates that are shown; where nothing is found, only if every way that should serve shows one.
fn each(
    snapshot: &Snapshot,
    is_wanted: impl Fn(EntryId) -> bool,
    found: impl Fn(&Presented, &[(EntryId, &Entry)]) -> Option<Finding>,
) -> Looked {
    let mut seen = Seen::of(snapshot, is_wanted);
    seen.stale = seen.stale.take().or_else(|| unseen(snapshot, &seen));
    let certificates = shown(&seen);
    if certificates.is_empty() {
        return Err(seen.stale.unwrap_or_else(|| nothing(snapshot)));
    }
    let findings = certificates
        .iter()
        .filter_map(|(certificate, places)| found(certificate, places));
    let findings = findings.collect();
    seen.conclude(findings)
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
    each(snapshot, EntryId::is_for_users, |certificate, places| {
        unnamed(snapshot, certificate, places)
    })
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
    each(
        snapshot,
        |_| true,
        |certificate, places| ending(snapshot, policy, certificate, places),
    )
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
