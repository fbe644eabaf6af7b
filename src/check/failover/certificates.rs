//! Do the controllers' certificates last? Those of this host are read; of the others, what their ports show on TLS.

use core::net::IpAddr;

use jiff::Timestamp;

use super::super::look::{Looked, called, cannot_tell, certificate_end, evidence, member_subject, names, need};
use super::super::{CheckId, Finding};
use crate::base::{Natural, Text, Why, WhyKind};
use crate::model::etcd::Member;
use crate::model::feed::HostPart;
use crate::model::host::Certificate;
use crate::model::reach::from::{FromController, NodePort, Target};
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
    let others = others(snapshot);
    let shown = others.iter().flat_map(|other| {
        let shown = other.shown.iter();
        shown.filter_map(|(port, end)| of_port(snapshot, policy, &other.member, *port, *end))
    });
    let found: Vec<Finding> = here.chain(shown).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    // Of those that could not be read, or were not shown, nothing is known.
    if let Some(why) = snapshot.feed(feed).why() {
        return Err(cannot_tell(feed, why.clone()));
    }
    let unseen = others.iter().find(|other| !other.is_dead && !other.unseen.is_empty());
    unseen.map_or(Ok(found), |other| {
        let why = Why::new(WhyKind::Missing, other.unseen_line());
        let own = snapshot.own_address().map_or(FeedId::EtcdLocal, FeedId::From);
        Err(cannot_tell(own, why))
    })
}

/// Another controller, and the certificates that its ports showed this host.
struct Other {
    member: Member,
    is_dead: bool,
    shown: Vec<(NodePort, Timestamp)>,
    /// Ports that speak TLS, and showed none.
    unseen: Vec<NodePort>,
}

impl Other {
    fn unseen_line(&self) -> String {
        let ports = names(self.unseen.iter().map(|port| port.word()));
        format!("{}: the certificate of {ports} is not seen", called(&self.member))
    }
}

fn others(snapshot: &Snapshot) -> Vec<Other> {
    let here = snapshot.own_address().and_then(|own| snapshot.from.get(&own));
    let states = snapshot.quorum().members.into_iter();
    // One that joins opens its ports one after the other.
    let states = states.filter(|state| !state.is_local && state.member.has_started() && !state.member.is_learner);
    let mut others: Vec<Other> = states
        .map(|state| {
            let all = [NodePort::Etcd, NodePort::Api, NodePort::Kubelet, NodePort::Join];
            let (mut shown, mut unseen) = (Vec::new(), Vec::new());
            for port in all {
                match end(snapshot, here, &state.member, port) {
                    Some(end) => shown.push((port, end)),
                    None => unseen.push(port),
                }
            }
            Other {
                is_dead: state.health.is_dead(),
                member: state.member,
                shown,
                unseen,
            }
        })
        .collect();
    others.sort_by(|one, other| Natural(&one.member.name).cmp(&Natural(&other.member.name)));
    others
}

/// The end of what a port shows this host.
fn end(snapshot: &Snapshot, here: Option<&FromController>, member: &Member, port: NodePort) -> Option<Timestamp> {
    if port == NodePort::Etcd {
        return snapshot.etcd.peers.get(&member.id)?.certificate_ends;
    }
    let address: IpAddr = member.peer_address()?.parse().ok()?;
    let mut ways = here?.to_controller(address);
    let at = ways.find_map(|way| match way.target {
        Target::Controller { port: own, at } if own == port => Some(at),
        Target::Controller { .. } | Target::Pod { .. } | Target::External { .. } => None,
    });
    here?.certificates.get(&at?).copied()
}

/// What was seen of the other controllers' certificates, and what was not.
pub fn elsewhere(snapshot: &Snapshot) -> Vec<String> {
    let day = |end: Timestamp| end.strftime("%Y-%m-%d");
    let lines = others(snapshot).into_iter().flat_map(|other| {
        let first = other.shown.iter().min_by_key(|(_, end)| *end);
        let shown = first.map(|(port, end)| {
            let (name, count) = (called(&other.member), other.shown.len());
            format!(
                "{name}: {count} shown on TLS; the first ends on {}: that of {}",
                day(*end),
                port.word()
            )
        });
        let unseen = (!other.unseen.is_empty()).then(|| other.unseen_line());
        shown.into_iter().chain(unseen)
    });
    lines.collect()
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

fn of_port(snapshot: &Snapshot, policy: &Policy, member: &Member, port: NodePort, end: Timestamp) -> Option<Finding> {
    let (severity, ends) = certificate_end(snapshot, policy, end)?;
    let (name, what) = (called(member), port.word());
    let consequence = match port {
        NodePort::Etcd => "when it ends, the other members refuse it: that is the loss of a member",
        NodePort::Api => "when it ends, nobody trusts that API server any more: that host is no controller to others",
        NodePort::Kubelet => "when it ends, logs, exec and metrics of the pods there fail",
        NodePort::Join | NodePort::Console | NodePort::Bgp => "when it ends, no controller joins through that host",
    };
    let remedy = match port {
        NodePort::Kubelet => format!(
            "the kubelet renews it by itself, so this one is stuck: kubectl get csr, then sudo systemctl restart k0scontroller on {name}"
        ),
        NodePort::Etcd | NodePort::Api | NodePort::Join | NodePort::Console | NodePort::Bgp => format!(
            "while all members are healthy: sudo systemctl restart k0scontroller on {name}; k0s writes new certificates at \
             its start"
        ),
    };
    Some(Finding {
        check: CheckId::CertExpiry,
        severity,
        subject: member_subject(member),
        title: format!("the certificate of {what} on {name} {ends}").into(),
        evidence: evidence([
            format!("shown on TLS to this host: valid until {end}"),
            "those that it shows nobody are not seen from here, and are often as old".to_owned(),
        ]),
        consequence: consequence.into(),
        remedy: remedy.into(),
    })
}
