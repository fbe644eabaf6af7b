//! 2379, etcd's port for clients: does a member take them from outside its host? By what members say of themselves, and by the
//! flags of the one here; nobody connects there.

use core::net::IpAddr;

use super::super::look::{Looked, called, cannot_tell, evidence, member_subject, names, not_applicable};
use super::super::{CheckId, Finding, Severity};
use crate::base::{Natural, Text, Why, WhyKind};
use crate::model::etcd::{Member, url_host};
use crate::model::{FeedId, Snapshot};

/// The flag of the URLs on which a member really listens.
const LISTENS: &str = "listen-client-urls";

/// Whether a member takes clients from outside; where none does, nothing needs the port.
pub fn open(snapshot: &Snapshot) -> Looked {
    let membership = snapshot.membership();
    if !membership.is_from_etcd() {
        let why = snapshot.etcd.no_access.clone();
        let why = why.unwrap_or_else(|| Why::new(WhyKind::NotYet, "no etcd member has told who the members are"));
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    }
    let local = snapshot.local_member();
    let process = snapshot.running("etcd");
    let listens = process.and_then(|process| process.flags.get(LISTENS));
    let told: Vec<(&Member, Vec<String>)> = membership
        .members
        .iter()
        .filter_map(|member| {
            let flag = listens.filter(|_| Some(member.id) == local);
            let urls = urls(member, flag);
            (!urls.is_empty()).then_some((member, urls))
        })
        .collect();
    let found = told.iter().filter_map(|(member, urls)| outside(snapshot, member, urls));
    let found: Vec<Finding> = found.collect();
    if !found.is_empty() {
        return Ok(found);
    }
    if told.is_empty() {
        let why = Why::new(WhyKind::NotYet, "no etcd member has told where it takes clients");
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    }
    let mut who: Vec<Text> = told.iter().map(|(member, _)| called(member)).collect();
    who.sort_by(|one, other| Natural(one).cmp(&Natural(other)));
    let who = names(who);
    Err(not_applicable(&format!(
        "k0s's etcd listens for clients on loopback only, so 2379 need not be open between nodes: so say {who}"
    )))
}

/// Where a member takes clients: as it listens, where that is seen, and as it says.
fn urls(member: &Member, listens: Option<&Text>) -> Vec<String> {
    let listens = listens.into_iter().flat_map(|flag| flag.as_str().split(','));
    let listens = listens.map(|url| format!("listens on {url}"));
    let says = member.client_urls.iter().map(|url| format!("advertises {url}"));
    listens.chain(says).collect()
}

/// Whether a URL, with the word before it, leads to the member from its own host alone. Where peers meet, others come in, too.
fn is_local(snapshot: &Snapshot, line: &str) -> bool {
    let url = line.rsplit(' ').next().unwrap_or(line);
    let host = url_host(url).unwrap_or_default();
    let address = host.parse::<IpAddr>().ok();
    let is_own = |address: IpAddr| address.is_loopback() && snapshot.member_at(address).is_none();
    url.starts_with("unix") || host == "localhost" || address.is_some_and(is_own)
}

fn outside(snapshot: &Snapshot, member: &Member, urls: &[String]) -> Option<Finding> {
    let open = urls.iter().filter(|line| !is_local(snapshot, line));
    let open: Vec<String> = open.cloned().collect();
    let name = called(member);
    (!open.is_empty()).then(|| Finding {
        check: CheckId::NetworkEtcdClient,
        severity: Severity::Info,
        subject: member_subject(member),
        title: format!("etcd on {name} takes clients from outside").into(),
        evidence: evidence(open),
        consequence: "whoever reaches it with a client certificate reads and changes all that Kubernetes keeps, past the API server"
            .into(),
        remedy: "k0s needs it on loopback only: see etcd's extraArgs in /etc/k0s/k0s.yaml there; if it is wanted, let firewalls \
                 admit the controllers alone, then acknowledge this"
            .into(),
    })
}
