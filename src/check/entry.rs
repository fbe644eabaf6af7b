//! The entry point: do users get in, by the name that they use and by each node; does the load balancer route around a dead
//! one; does the Admin Console answer? What is judged was probed from this host. Start reading at [`users`].

mod shown;

use super::look::{Looked, cannot_tell, evidence, is_installed, need, need_kinds, not_applicable, outcome, plural};
use super::{Check, CheckId, Finding, Group, Outcome, Profile, Severity};
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::entry::{Entry, EntryId, Service, Trial};
use crate::model::host::CONSOLE_PORT;
use crate::model::kube::{Node, Tri};
use crate::model::{FeedId, KubeKind, Snapshot};

/// The family's checks.
pub const CHECKS: &[Check] = &[
    Check {
        id: CheckId::EntryUsers,
        group: Group::EntryPoint,
        profile: Profile::Any,
        title: "users are served",
        looks_at: "one GET a minute, each second while a host is lost, from this host: by the name that users go to (entry.url, \
                   or spec.netbox.urls of the NetBoxEnterprise), and at each node's gateway for the same name. One request that is \
                   not served is no outage: the next one, a second later, tells",
        why: "whether users get a page is what all the rest is for",
        fix: "see what each way in answers: the details of a node on the console, or `quorate doctor`; then the pods of gateway and web there",
        statement: Some(
            "A stateless load balancer in front of all nodes provides a single entry point and routes around failed nodes using health checks.",
        ),
        look: |snapshot, _| outcome(users(snapshot)),
    },
    Check {
        id: CheckId::EntryBalancer,
        group: Group::EntryPoint,
        profile: Profile::Any,
        title: "the load balancer routes around a dead node",
        looks_at: "whether the name that users go to serves every request while a node's gateway does not; nothing is known of \
                   it while all nodes serve",
        why: "a load balancer without health checks sends a part of the users to a dead node for as long as it is dead",
        fix: "give the load balancer a health check against port 443 of every node: HTTPS, with the host name that users use",
        statement: Some("Load balancer configured with health checks against all nodes"),
        look: |snapshot, _| outcome(balancer(snapshot)),
    },
    Check {
        id: CheckId::EntryNames,
        group: Group::EntryPoint,
        profile: Profile::Any,
        title: "the certificate names every node and the load balancer",
        looks_at: "the alternative names of the certificates that users are shown, against the nodes' names and the name that \
                   users go to. A node name without a domain is met by one with any domain. The CA is not judged. Every way that \
                   should serve must have shown one",
        why: "a browser that goes to a name which is not in the certificate stops with a warning",
        fix: "issue the certificate anew with all names, and upload it in the Admin Console",
        statement: Some("TLS certificate includes SANs for all node hostnames and the load balancer hostname"),
        look: |snapshot, _| outcome(shown::names(snapshot)),
    },
    Check {
        id: CheckId::EntryExpiry,
        group: Group::EntryPoint,
        profile: Profile::Any,
        title: "no certificate at the entry point ends soon",
        looks_at: "the ends of the certificates that users and administrators are shown; every way that should serve must have \
                   shown one",
        why: "browsers and API clients refuse an ended certificate: every user at once",
        fix: "issue the certificate anew, and upload it in the Admin Console; on a load balancer that ends TLS, there",
        statement: None,
        look: |snapshot, policy| outcome(shown::expiry(snapshot, policy)),
    },
    Check {
        id: CheckId::EntryConsole,
        group: Group::EntryPoint,
        profile: Profile::Any,
        title: "the Admin Console answers with TLS",
        looks_at: "a GET by TLS once a minute at the Admin Console's port of each node (30000, or adminConsole.port in this host's \
                   ec.yaml), from this host. Whether it is restricted to \
                   administrators cannot be told: who else reaches it is not seen from a node",
        why: "joining a replacement, upgrades and backups start there",
        fix: "see the pods kotsadm and kurl-proxy-kotsadm in the namespace kotsadm, and firewalls before its port: these must let \
              administrators pass, and nobody else",
        statement: Some("Admin Console (port 30000): TLS; restrict access to administrators only."),
        look: |snapshot, _| outcome(console(snapshot)),
    },
];

/// The ways in of one kind that may be used as the truth of now, and the first source that may not.
struct Seen<'a> {
    fresh: Vec<(EntryId, &'a Entry)>,
    stale: Option<Outcome>,
}

impl<'a> Seen<'a> {
    fn of(snapshot: &'a Snapshot, is_wanted: impl Fn(EntryId) -> bool) -> Self {
        let mut seen = Seen {
            fresh: Vec::new(),
            stale: None,
        };
        for (id, entry) in snapshot.entry.iter().filter(|(id, _)| is_wanted(**id)) {
            match need(snapshot, FeedId::Entry(*id)) {
                Ok(()) => seen.fresh.push((*id, entry)),
                Err(outcome) => drop(seen.stale.get_or_insert(outcome)),
            }
        }
        // One that was not answered yet, or cannot be asked, has no row.
        let unanswered = snapshot.feeds.keys().find_map(|feed| match feed {
            FeedId::Entry(id) if is_wanted(*id) && !snapshot.entry.contains_key(id) && is_on(snapshot, *id) => {
                need(snapshot, *feed).err()
            }
            _ => None,
        });
        seen.stale = seen.stale.or(unanswered);
        seen
    }

    /// What was found; where that is nothing, only if every way in was seen.
    fn conclude(self, findings: Vec<Finding>) -> Looked {
        match self.stale {
            Some(outcome) if findings.is_empty() => Err(outcome),
            Some(_) | None => Ok(findings),
        }
    }
}

fn is_on(snapshot: &Snapshot, id: EntryId) -> bool {
    !matches!(snapshot.feed(FeedId::Entry(id)), crate::model::FeedState::Off { .. })
}

/// Nothing is probed: why, as the source of the name that users go to says.
fn nothing(snapshot: &Snapshot) -> Outcome {
    let feed = FeedId::Entry(EntryId::Balancer);
    match need(snapshot, feed) {
        Err(outcome) => outcome,
        Ok(()) => cannot_tell(feed, Why::new(WhyKind::NotYet, "no way in was probed yet")),
    }
}

fn node_of(snapshot: &Snapshot, id: EntryId) -> Option<&Node> {
    snapshot.node_at(&id.address()?.to_string())
}

fn subject(snapshot: &Snapshot, id: EntryId) -> Text {
    match node_of(snapshot, id) {
        Some(node) => Text::from(format!("node/{}", node.name)),
        None => Text::from(format!("entry/{id}")),
    }
}

/// A way in and what came of it, with its age and the newest gap.
fn line(snapshot: &Snapshot, entry: &Entry) -> String {
    let age = Age(snapshot.now.since(entry.at));
    let asked = format!("https://{}{} as {}", entry.target, entry.path, entry.name);
    let gap = entry.gap.as_ref().map(|gap| {
        let length = Age(gap.length(snapshot.now));
        let probes = plural(usize::try_from(gap.failed).unwrap_or(usize::MAX), "probe");
        let state = if gap.until.is_some() {
            "was not served for"
        } else {
            "not served for"
        };
        format!("; {state} {length} ({probes})")
    });
    format!("{asked}: {} ({age} ago){}", entry.last.words(), gap.unwrap_or_default())
}

/// Whether all other hosts are silent, so that it may be us.
fn may_be_us(snapshot: &Snapshot, fresh: &[(EntryId, &Entry)]) -> bool {
    let own = |id: EntryId| node_of(snapshot, id).is_some_and(|node| node.name == snapshot.host.name);
    let others: Vec<_> = fresh.iter().filter(|(id, _)| !own(*id)).collect();
    !others.is_empty() && others.iter().all(|(_, entry)| entry.service() == Service::Silent)
}

fn us(feed: EntryId) -> Outcome {
    let why = Why::new(WhyKind::Unreachable, "no other host answers: it is us, or all of them");
    cannot_tell(FeedId::Entry(feed), why)
}

fn is_served((_, entry): &(EntryId, &Entry)) -> bool {
    entry.service() == Service::Served
}

/// Whether a way should serve: the name that users go to, and each node that Kubernetes believes in. A node that is not Ready
/// is another check's.
fn is_expected(snapshot: &Snapshot, id: EntryId) -> bool {
    let is_ready = |node: &Node| node.ready.status == Tri::True;
    id.address().is_none()
        || need_kinds(snapshot, &[KubeKind::Nodes]).is_err()
        || node_of(snapshot, id).is_some_and(is_ready)
}

/// The way of which one lost request leaves open whether users are served.
fn half_told(snapshot: &Snapshot, fresh: &[(EntryId, &Entry)]) -> Option<EntryId> {
    let is_any_served = fresh.iter().any(is_served);
    let mut open = fresh.iter().filter(|(_, entry)| entry.is_half_told());
    open.find(|(id, _)| !is_any_served || is_expected(snapshot, *id))
        .map(|(id, _)| *id)
}

/// Whether the next probe, a second later, tells whether users are served.
pub fn awaits_next_probe(snapshot: &Snapshot) -> bool {
    half_told(snapshot, &Seen::of(snapshot, EntryId::is_for_users).fresh).is_some()
}

fn one_lost(id: EntryId) -> Outcome {
    let why = Why::new(
        WhyKind::NotYet,
        "one request was not served; the next one, a second later, tells",
    );
    cannot_tell(FeedId::Entry(id), why)
}

fn users(snapshot: &Snapshot) -> Looked {
    let mut seen = Seen::of(snapshot, EntryId::is_for_users);
    let Some((first, _)) = seen.fresh.first() else {
        return Err(seen.stale.unwrap_or_else(|| nothing(snapshot)));
    };
    if may_be_us(snapshot, &seen.fresh) {
        return Err(us(*first));
    }
    let half_told = half_told(snapshot, &seen.fresh);
    // Another way in, which is not seen, may serve.
    seen.stale = seen.stale.or_else(|| half_told.map(one_lost));
    if !seen.fresh.iter().any(is_served) {
        return match seen.stale {
            Some(outcome) => Err(outcome),
            None => Ok(vec![nobody(snapshot, &seen.fresh)]),
        };
    }
    let fresh = seen.fresh.iter().copied();
    let missing = fresh.filter(|way| !is_served(way) && !way.1.is_half_told() && is_expected(snapshot, way.0));
    let (by_nodes, names): (Vec<_>, Vec<_>) = missing.partition(|(id, _)| id.address().is_some());
    let mut findings: Vec<Finding> = names.iter().map(|(_, entry)| by_name(snapshot, entry)).collect();
    if need_kinds(snapshot, &[KubeKind::Nodes]).is_ok() {
        findings.extend(by_nodes.iter().filter_map(|(id, entry)| at_node(snapshot, *id, entry)));
    } else if !by_nodes.is_empty() {
        findings.push(at_some(snapshot, &by_nodes));
    }
    seen.conclude(findings)
}

fn nobody(snapshot: &Snapshot, fresh: &[(EntryId, &Entry)]) -> Finding {
    let all_odd = fresh.iter().all(|(_, entry)| entry.service() == Service::Odd);
    let (severity, title) = if all_odd {
        (Severity::Warning, "no way in answers with a page")
    } else {
        (Severity::Critical, "users are not served")
    };
    Finding {
        check: CheckId::EntryUsers,
        severity,
        subject: "cluster".into(),
        title: title.into(),
        evidence: evidence(fresh.iter().map(|(_, entry)| line(snapshot, entry))),
        consequence: "no user gets in, by any way that was probed from here".into(),
        remedy: "see the pods of gateway and web: kubectl -n kotsadm get pods -o wide; where they run, compare entry.url with \
                 what users type"
            .into(),
    }
}

/// The name that users go to does not serve, although a node does.
fn by_name(snapshot: &Snapshot, entry: &Entry) -> Finding {
    let severity = match entry.service() {
        Service::Failed => Severity::Critical,
        // From the nodes themselves a load balancer need not be reachable; and a path may be the wrong one.
        Service::Silent | Service::Odd | Service::Served => Severity::Warning,
    };
    Finding {
        check: CheckId::EntryUsers,
        severity,
        subject: "entry/balancer".into(),
        title: format!("{} does not serve, although nodes do", entry.name).into(),
        evidence: evidence([line(snapshot, entry)]),
        consequence: "users who come by that name get nothing; the nodes themselves would serve them".into(),
        remedy:
            "see the load balancer: its pool, its health checks, its certificate; and whether this host may reach it"
                .into(),
    }
}

/// A node that Kubernetes believes in does not serve.
fn at_node(snapshot: &Snapshot, id: EntryId, entry: &Entry) -> Option<Finding> {
    let node = node_of(snapshot, id)?;
    Some(Finding {
        check: CheckId::EntryUsers,
        severity: Severity::Warning,
        subject: subject(snapshot, id),
        title: format!("{} is Ready and does not serve users", node.name).into(),
        evidence: evidence([line(snapshot, entry)]),
        consequence: "users whom the load balancer sends there get nothing, unless its health checks see it".into(),
        remedy: format!(
            "see the gateway's pod on {0}: kubectl get pods -A -o wide --field-selector spec.nodeName={0}",
            node.name
        )
        .into(),
    })
}

/// Nodes of which nobody says now whether they are Ready do not serve.
fn at_some(snapshot: &Snapshot, missing: &[(EntryId, &Entry)]) -> Finding {
    Finding {
        check: CheckId::EntryUsers,
        severity: Severity::Warning,
        subject: "cluster".into(),
        title: format!("users are served, but not by {}", plural(missing.len(), "node")).into(),
        evidence: evidence(missing.iter().map(|(_, entry)| line(snapshot, entry))),
        consequence: "users whom the load balancer sends there get nothing, unless its health checks see it".into(),
        remedy: "bring the control plane back first (`quorate status`); what still serves users goes on without it"
            .into(),
    }
}

/// So many requests in a row would not be served by chance where each third one goes to a dead node: one in 600.
const ENOUGH: usize = 16;

fn balancer(snapshot: &Snapshot) -> Looked {
    let id = EntryId::Balancer;
    let feed = FeedId::Entry(id);
    need(snapshot, feed)?;
    let tell = |kind, text: &str| Err(cannot_tell(feed, Why::new(kind, text)));
    let Some(entry) = snapshot.entry.get(&id) else {
        return Err(nothing(snapshot));
    };
    let nodes = Seen::of(snapshot, |id| matches!(id, EntryId::Users(_)));
    if may_be_us(snapshot, &nodes.fresh) {
        return Err(us(id));
    }
    let is_down = |entry: &Entry| entry.gap.is_some_and(|gap| gap.until.is_none());
    let is_one_down = nodes.fresh.iter().any(|(_, entry)| is_down(entry));
    let serves = nodes.fresh.iter().any(|(_, node)| node.service() == Service::Served);
    if is_one_down && !serves {
        return tell(WhyKind::NotYet, "no node serves: there is nothing to route to");
    }
    match entry.trial {
        Some(trial) if trial.failed > 0 => Ok(vec![routes_to_the_dead(snapshot, entry, trial, is_one_down)]),
        Some(trial) if trial.served >= ENOUGH => Ok(Vec::new()),
        Some(_) | None if is_one_down => tell(
            WhyKind::NotYet,
            "a node does not serve, and too few requests were made since to tell",
        ),
        Some(_) | None => {
            let why = Why::new(
                WhyKind::NoOccasion,
                "all nodes serve: its health checks show only while one does not",
            );
            let hint = "it shows in the next loss, or in a test of one, at a quiet hour: stop the gateway of one node while the console is open";
            Err(cannot_tell(feed, why.hint(hint)))
        }
    }
}

fn routes_to_the_dead(snapshot: &Snapshot, entry: &Entry, trial: Trial, is_now: bool) -> Finding {
    let ago = |at| Age(snapshot.now.since(at));
    let count = plural(trial.served + trial.failed, "request");
    let (title, when) = if is_now {
        ("still sends users to a node that does not serve", "now".to_owned())
    } else {
        (
            "sent users to a node that did not serve",
            format!("until {} ago", ago(trial.until)),
        )
    };
    Finding {
        check: CheckId::EntryBalancer,
        severity: Severity::Warning,
        subject: "entry/balancer".into(),
        title: format!("{} {title}", entry.name).into(),
        evidence: evidence([
            format!("{when}: {} of the last {count} were not served", trial.failed),
            format!("the first node stopped to serve {} ago", ago(trial.since)),
            line(snapshot, entry),
        ]),
        consequence: "a part of the users gets nothing for as long as a node is down".into(),
        remedy: format!(
            "give the load balancer a health check against port 443 of every node, every 5 to 10 s; until then take a node that \
             is down out of its pool{}",
            if is_now {
                ""
            } else {
                ". Once it has one, stop the gateway of one node for a moment: that proves it, and ends this finding"
            }
        )
        .into(),
    }
}

fn console(snapshot: &Snapshot) -> Looked {
    let seen = Seen::of(snapshot, |id| matches!(id, EntryId::Console(_)));
    let Some((first, _)) = seen.fresh.first() else {
        if seen.stale.is_none() && is_installed(snapshot, KubeKind::Installations) {
            need_kinds(snapshot, &[KubeKind::Deployments])?;
            if !snapshot.has_console() {
                return Err(not_applicable("the Admin Console is not installed"));
            }
        }
        // Each node is a way in: without them none is known.
        let unknown = || need_kinds(snapshot, &[KubeKind::Nodes]).err();
        return Err(seen.stale.or_else(unknown).unwrap_or_else(|| nothing(snapshot)));
    };
    if may_be_us(snapshot, &seen.fresh) {
        return Err(us(*first));
    }
    let answers = |entry: &Entry| entry.last.status.is_some();
    if !seen.fresh.iter().any(|(_, entry)| answers(entry)) {
        return match &seen.stale {
            Some(outcome) => Err(outcome.clone()),
            None if snapshot.host.console_port.is_none() => Err(maybe_elsewhere(*first)),
            None => Ok(vec![no_console(snapshot, &seen.fresh)]),
        };
    }
    let ready = |id| node_of(snapshot, id).filter(|node| node.ready.status == Tri::True);
    let missing = seen.fresh.iter().filter(|(_, entry)| !answers(entry));
    let findings = missing.filter_map(|(id, entry)| {
        let node = ready(*id)?;
        Some(Finding {
            check: CheckId::EntryConsole,
            severity: Severity::Info,
            subject: subject(snapshot, *id),
            title: format!("the Admin Console does not answer on {}", node.name).into(),
            evidence: evidence([line(snapshot, entry)]),
            consequence: "administrators must go to another node".into(),
            remedy: format!(
                "see kube-proxy on {}, and firewalls before port {} there",
                node.name,
                snapshot.host.console_port_or_default()
            )
            .into(),
        })
    });
    let findings = findings.collect();
    seen.conclude(findings)
}

/// It may listen on a port that this host does not tell.
fn maybe_elsewhere(id: EntryId) -> Outcome {
    let text =
        format!("nothing answers on {CONSOLE_PORT}, the default; ec.yaml on this host does not tell which port it is");
    cannot_tell(FeedId::Entry(id), Why::new(WhyKind::Missing, text))
}

fn no_console(snapshot: &Snapshot, fresh: &[(EntryId, &Entry)]) -> Finding {
    Finding {
        check: CheckId::EntryConsole,
        severity: Severity::Warning,
        subject: "cluster".into(),
        title: "the Admin Console answers on no node".into(),
        evidence: evidence(fresh.iter().map(|(_, entry)| line(snapshot, entry))),
        consequence: "no join command for a replacement, no upgrade and no backup can be had from it".into(),
        remedy: "kubectl -n kotsadm get pods -o wide: see kotsadm, kotsadm-rqlite and kurl-proxy-kotsadm".into(),
    }
}

#[cfg(test)]
mod tests;
