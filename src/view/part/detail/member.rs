//! An etcd member: what quorate concludes of it, what its peer port answers, who lists it, and what k0s noted.

use super::chapter::{Chapter, Paragraph, findings};
use super::{because, k0s};
use crate::app::rows::ready_word;
use crate::app::{RowId, State};
use crate::base::{Stamp, Text};
use crate::model::etcd::{MembershipView, PeerFacts, Vantage};
use crate::model::quorum::{Health, MemberState, PROOF_FRESH};
use crate::model::{Fact, FeedId, KubeKind};
use crate::view::part::{members, quorum};
use crate::view::theme::{Role, Theme};
use crate::view::words;

/// Everything known of a member.
pub fn chapters(state: &State, theme: &Theme, of: &MemberState) -> Vec<Chapter> {
    let mut chapters = vec![own(state, of)];
    chapters.extend(findings(state, &RowId::Member(of.member.id)));
    chapters.push(peer(state, theme, of));
    chapters.push(listed(state, of));
    let address = of.member.peer_address();
    let node = address.and_then(|address| state.snapshot.node_at(address));
    if let Some(node) = node {
        let since = node
            .ready
            .changed
            .map(|at| words::coarse_age(state.snapshot.wall_age(at)));
        let since = since.map(|age| format!(" for {age}")).unwrap_or_default();
        let text = format!("{}: {}{since}", node.name, ready_word(node));
        let rows = vec![("node", text, Role::Text)];
        chapters.push(Chapter::of_feed(
            state,
            "Node at its address",
            FeedId::Kube(KubeKind::Nodes),
            rows,
        ));
    }
    let name = node.map_or(&of.member.name, |node| &node.name);
    chapters.extend(k0s::chapters(state, name, address, Some(of.member.id)));
    chapters
}

/// As listed, and whether it serves by all that is known.
fn own(state: &State, of: &MemberState) -> Chapter {
    let urls = |urls: &[Text]| urls.iter().map(Text::as_str).collect::<Vec<_>>().join(" ");
    let mut rows = health(state, of);
    rows.extend([
        ("role", members::part(of.role).text.into_owned(), Role::Text),
        ("id", of.member.id.to_string(), Role::Text),
        ("peer URLs", urls(&of.member.peer_urls), Role::Text),
        ("client URLs", urls(&of.member.client_urls), Role::Text),
    ]);
    let source = format!(
        "member list {}",
        quorum::membership(state, &state.derived.quorum.membership)
    );
    Chapter::of("Member", source, rows)
}

fn health(state: &State, of: &MemberState) -> Vec<Paragraph> {
    match &of.health {
        Health::Healthy { .. } => vec![("health", "healthy: it answers now".to_owned(), Role::Ok)],
        Health::Dead { last_seen, why } => {
            let seen = match (last_seen, state.snapshot.etcd.peers.get(&of.member.id)) {
                (Some(at), _) => format!("last sign of life {}", ago(state, *at)),
                (None, Some(peer)) => format!(
                    "no answer since quorate began to ask, {}",
                    ago(state, peer.history.since)
                ),
                (None, None) => "no answer since quorate started".to_owned(),
            };
            let mut rows = vec![("health", format!("DEAD: {seen}"), Role::Critical)];
            rows.extend(because(why));
            rows
        }
        Health::Unknown { why } => {
            let text = "unknown: neither alive nor dead is proven".to_owned();
            let mut rows = vec![("health", text, Role::Unknown)];
            rows.extend(because(why));
            rows
        }
    }
}

fn ago(state: &State, at: Stamp) -> String {
    format!("{} ago", words::age(state.snapshot.now.since(at)))
}

/// What its peer port answers. It proves a process there, not quorum.
fn peer(state: &State, theme: &Theme, of: &MemberState) -> Chapter {
    let id = FeedId::EtcdPeer(of.member.id);
    let facts = state.snapshot.etcd.peers.get(&of.member.id);
    let rows = facts.map(|facts| probed(state, facts)).unwrap_or_default();
    Chapter::or_nothing(state, theme, "Peer port", id, "answer", rows)
}

fn probed(state: &State, facts: &PeerFacts) -> Vec<Paragraph> {
    let history = &facts.history;
    let mut rows = Vec::new();
    match (&history.failing, history.last_ok) {
        (None, None) => return rows,
        (None, Some(_)) => rows.push(("answers", "now".to_owned(), Role::Ok)),
        (Some(run), last) => {
            let last = last.map_or_else(
                || format!("never answered, asked first {}", ago(state, history.since)),
                |at| format!("last answered {}", ago(state, at)),
            );
            let tries = words::count(usize::try_from(run.count).unwrap_or(usize::MAX), "failure");
            rows.push(("answers", format!("no: {last}, {tries} since"), Role::Critical));
            rows.extend(because(&run.why));
        }
    }
    // What it told before it fell silent is of then.
    let role = if history.failing.is_some() {
        Role::Stale
    } else {
        Role::Text
    };
    let mut told = |label, text: Option<String>| rows.extend(text.map(|text| (label, text, role)));
    told(
        "version",
        facts.version.as_ref().map(|version| format!("etcd {version}")),
    );
    told(
        "round trip",
        facts.rtt_us.map(|rtt| words::rtt(rtt).trim_end().to_owned()),
    );
    told(
        "clock",
        facts
            .clock_skew_ms
            .map(|skew| format!("{} from ours", words::skew(skew))),
    );
    told(
        "certificate",
        facts
            .certificate_ends
            .map(|end| format!("valid until {}", end.strftime("%Y-%m-%d"))),
    );
    rows
}

/// Every view of the membership, and whether it lists this member.
fn listed(state: &State, of: &MemberState) -> Chapter {
    let views = state.snapshot.etcd.views.iter();
    let mut rows: Vec<Paragraph> = views.map(|(vantage, fact)| view(state, of, *vantage, fact)).collect();
    if rows.is_empty() {
        rows.push(("", "no member told whom it lists".to_owned(), Role::Unknown));
    }
    Chapter::of("Listed by", "each member's own word".to_owned(), rows)
}

fn view(state: &State, of: &MemberState, vantage: Vantage, fact: &Fact<MembershipView>) -> Paragraph {
    let who = match vantage {
        Vantage::LocalLinearizable => "this host's member, through consensus".to_owned(),
        Vantage::LocalSerializable => "this host's member, its own copy".to_owned(),
        Vantage::Peer(id) => {
            let speaker = state.derived.quorum.member(id).map(members::name);
            format!("{}, its own copy", speaker.unwrap_or_else(|| format!("member {id}")))
        }
    };
    let as_of = state.snapshot.verified(vantage);
    let is_current = as_of.is_some_and(|at| state.snapshot.now.waited_since(at) < PROOF_FRESH);
    let age = match as_of {
        Some(_) if is_current => "now".to_owned(),
        Some(at) => format!("as of {}", ago(state, at)),
        None => "age not known".to_owned(),
    };
    let own = fact.value.members.iter().find(|member| member.id == of.member.id);
    let (word, role) = match own {
        Some(member) if member.is_learner => ("as a learner", Role::Text),
        Some(_) => ("as a voter", Role::Text),
        None => ("NOT", Role::Critical),
    };
    let role = if is_current { role } else { Role::Stale };
    (
        "",
        format!("{who}: {word} of {}, {age}", fact.value.members.len()),
        role,
    )
}
