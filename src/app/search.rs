//! What a row says, for a filter to look into.

use super::rows::{RowId, feed_name, finding, placement, pod_state, ready_word, told, untold};
use super::state::State;
use super::timeline::Entry;
use crate::base::Text;
use crate::forecast::tell;

/// The text in which a filter looks.
pub fn searched(state: &State, row: &RowId) -> String {
    match row {
        RowId::Node(name) => state.snapshot.node(name).map_or_else(String::new, |node| {
            let zone = node.zone.as_ref().map_or("", Text::as_str);
            let address = node.address.as_ref().map_or("", Text::as_str);
            let ready = ready_word(node);
            format!("{name} {zone} {address} {ready} {}", node.kubelet_version)
        }),
        RowId::Member(id) => state.derived.quorum.member(*id).map_or_else(String::new, |state| {
            let member = &state.member;
            let address = member.peer_address().unwrap_or("");
            format!(
                "{} {id} {address} {} {}",
                member.name,
                state.role.word(),
                state.health.word()
            )
        }),
        RowId::Workload(kind, key) => placement(state, *kind, key).map_or_else(String::new, |placement| {
            let nodes: Vec<&str> = placement.nodes.keys().map(Text::as_str).collect();
            format!("{} {key} {}", kind.word(), nodes.join(" "))
        }),
        RowId::Pod(key) => state.snapshot.kube.pods.get(key).map_or_else(String::new, |fact| {
            let pod = &fact.value;
            let node = pod.node.as_ref().map_or("", Text::as_str);
            let ready = if pod.ready { "ready" } else { "not ready" };
            format!("{key} {node} {} {ready}", pod_state(pod))
        }),
        RowId::Finding(check, subject) => finding(state, *check, subject).map_or_else(String::new, |finding| {
            let is_accepted = state.derived.report.acknowledgement(finding).is_some();
            let accepted = if is_accepted { " acknowledged accepted" } else { "" };
            format!(
                "{check} {subject} {} broken{accepted} {}",
                finding.severity.word(),
                finding.title
            )
        }),
        RowId::Check(check) => {
            let (group, title) = crate::check::find(*check).map_or(("", ""), |own| (own.group.title(), own.title));
            let found = super::rows::worst(state, *check).map_or("", |finding| finding.title.as_str());
            let (word, result) = (
                super::rows::check_word(state, *check),
                super::rows::result_words(state, *check),
            );
            format!("{check} {group} {word} {result} {title} {found}")
        }
        RowId::Untold(feed) => {
            let checks = untold(state).filter(|untold| untold.feed == *feed);
            let names: Vec<&str> = checks.map(|untold| untold.check.name()).collect();
            format!("unknown cannot tell {feed} {}", names.join(" "))
        }
        RowId::Change(number) => state.timeline.entry(*number).map_or_else(String::new, Entry::words),
        RowId::Loss(domain) => told(state, domain).map_or_else(String::new, |own| tell::columns(&own.first).join(" ")),
        RowId::Offer(name) => name.to_string(),
        RowId::Run(id) => state.work.run(id).map_or_else(String::new, |view| {
            format!("{} {} {}", id.0, view.plan.intent, view.operator.user)
        }),
        RowId::Feed(id) => format!("{id} {} {}", feed_name(state, *id), state.snapshot.feed(*id).word()),
    }
}
