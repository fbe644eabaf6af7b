//! Do the controllers' certificates last? Those of this host are read; of the others, what their etcd shows on the peer port.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::look::{Looked, called, cannot_tell, certificate_end, evidence, member_subject, names, need};
use super::super::{CheckId, Finding};
use crate::base::{Natural, Text, Why, WhyKind};
use crate::model::etcd::Member;
use crate::model::feed::HostPart;
use crate::model::host::Certificate;
use crate::model::{FeedId, Policy, Snapshot};

/// Those that end soon.
pub fn ending(snapshot: &Snapshot, policy: &Policy) -> Looked {
    let feed = FeedId::Host(HostPart::Certificates);
    need(snapshot, feed)?;
    let certificates = snapshot.host.certificates.as_ref().map(|fact| &fact.value);
    let Some(certificates) = certificates.filter(|certificates| !certificates.is_empty()) else {
        let why = Why::new(WhyKind::Missing, "no certificate was found on this host");
        return Err(cannot_tell(feed, why));
    };
    let here = certificates.iter().filter_map(|own| of_file(snapshot, policy, own));
    let others = others(snapshot).into_iter();
    let shown = others.filter_map(|(member, end)| of_peer(snapshot, policy, &member, end?));
    let found: Vec<Finding> = here.chain(shown).collect();
    // Of those that could not be read nothing is known.
    match snapshot.feed(feed).why() {
        Some(why) if found.is_empty() => Err(cannot_tell(feed, why.clone())),
        Some(_) | None => Ok(found),
    }
}

/// Every other member, and the end of the certificate that it shows on its peer port.
fn others(snapshot: &Snapshot) -> Vec<(Member, Option<Timestamp>)> {
    let local = snapshot.local_member();
    let members = snapshot.membership().members.into_iter();
    let mut others: Vec<Member> = members.filter(|member| Some(member.id) != local).collect();
    others.sort_by(|one, other| Natural(&one.name).cmp(&Natural(&other.name)));
    let shown = |member: &Member| snapshot.etcd.peers.get(&member.id)?.certificate_ends;
    others
        .into_iter()
        .map(|member| (member.clone(), shown(&member)))
        .collect()
}

/// What was seen of the other controllers' certificates, and of whom nothing was.
pub fn elsewhere(snapshot: &Snapshot) -> Vec<String> {
    let mut by_day: BTreeMap<String, Vec<Text>> = BTreeMap::new();
    let mut unseen = Vec::new();
    for (member, end) in others(snapshot) {
        match end {
            Some(end) => by_day
                .entry(end.strftime("%Y-%m-%d").to_string())
                .or_default()
                .push(called(&member)),
            None => unseen.push(called(&member)),
        }
    }
    let seen = by_day.iter().map(|(day, who)| {
        format!(
            "{}: only that of etcd's peer port is seen, it ends on {day}",
            names(who)
        )
    });
    let unseen = (!unseen.is_empty()).then(|| format!("{}: no certificate was seen", names(&unseen)));
    seen.chain(unseen).collect()
}

fn of_file(snapshot: &Snapshot, policy: &Policy, certificate: &Certificate) -> Option<Finding> {
    let (severity, ends) = certificate_end(snapshot, policy, certificate.not_after)?;
    let path = certificate.path.as_str();
    let file = path.rsplit("/pki/").next().unwrap_or(path);
    let is_authority = file.ends_with("ca.crt");
    let remedy = if is_authority {
        "a CA is not renewed by a restart, and everything signed by it ends with it: plan its replacement with support"
    } else {
        "while all members are healthy: sudo systemctl restart k0scontroller on this host; k0s writes new certificates at its \
         start"
    };
    Some(Finding {
        check: CheckId::CertExpiry,
        severity,
        subject: Text::from(format!("certificate/{path}")),
        title: format!("certificate {file} {ends}").into(),
        evidence: evidence(
            [
                format!("{path}: {}", certificate.subject),
                format!("valid until {}", certificate.not_after),
            ]
            .into_iter()
            .chain(elsewhere(snapshot)),
        ),
        consequence: "what uses it stops: etcd members, API server and kubelet refuse an ended certificate".into(),
        remedy: remedy.into(),
    })
}

fn of_peer(snapshot: &Snapshot, policy: &Policy, member: &Member, end: Timestamp) -> Option<Finding> {
    let (severity, ends) = certificate_end(snapshot, policy, end)?;
    let name = called(member);
    Some(Finding {
        check: CheckId::CertExpiry,
        severity,
        subject: member_subject(member),
        title: format!("the certificate of etcd on {name} {ends}").into(),
        evidence: evidence([
            format!("shown on its peer port: valid until {end}"),
            "its other certificates are not seen from here, and are often as old".to_owned(),
        ]),
        consequence: "when it ends, the other members refuse it: that is the loss of a member".into(),
        remedy: format!(
            "while all members are healthy: sudo systemctl restart k0scontroller on {name}; k0s writes new certificates at \
             its start"
        )
        .into(),
    })
}
