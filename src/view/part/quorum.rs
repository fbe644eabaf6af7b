//! The arithmetic of the next loss in words, its proof, and what the local member says of itself.

use ratatui::text::Line;

use crate::app::State;
use crate::base::Stamp;
use crate::model::etcd::LocalStatus;
use crate::model::quorum::{Contact, Membership, MembershipSource, PROOF_FRESH, Quorum, Standing};
use crate::model::{FeedId, FeedState};
use crate::view::part::{labelled, members};
use crate::view::theme::{Role, Theme};
use crate::view::{fresh, words};

/// The paragraphs.
pub fn render(state: &State, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let quorum = &state.derived.quorum;
    let mut rows = vec![("proof", proof(state, quorum), Role::Text)];
    if quorum.voters > 0 {
        rows.push(("arithmetic", arithmetic(quorum), Role::Text));
        rows.push(next_loss(quorum));
    }
    if let Some(age) = state.snapshot.no_spare(quorum) {
        rows.push(("no spare", age, Role::Warning));
    }
    rows.push(("member list", membership(state, &quorum.membership), Role::Text));
    if let Some((text, role)) = contact(quorum.contact) {
        rows.push(("contact", text.to_owned(), role));
    }
    rows.extend(local(state, theme));
    rows.into_iter()
        .flat_map(|(label, text, role)| labelled::render(label, &text, role, theme, width))
        .collect()
}

fn ago(state: &State, at: Stamp) -> String {
    format!("{} ago", words::age(state.snapshot.now.since(at)))
}

fn proof(state: &State, quorum: &Quorum) -> String {
    let reads = state.snapshot.etcd.linearizable.as_ref();
    if let Standing::Held { .. } = quorum.standing {
        let last = reads.and_then(|reads| reads.last_ok);
        let is_ours = last.is_some_and(|at| state.snapshot.now.waited_since(at) < PROOF_FRESH);
        let reader = if is_ours {
            "linearizable read"
        } else {
            "read through the API server"
        };
        return format!("a {reader} succeeds now");
    }
    let last = reads.and_then(|reads| reads.last_ok).map_or_else(
        || "no linearizable read has succeeded".to_owned(),
        |at| format!("the last linearizable read succeeded {}", ago(state, at)),
    );
    let why = reads.and_then(|reads| reads.failing.as_ref());
    why.map_or(last.clone(), |run| format!("{last}; now: {}", run.why.text))
}

fn arithmetic(quorum: &Quorum) -> String {
    format!(
        "{}, {} needed: {} healthy, {} dead, {} unknown",
        words::count(quorum.voters, "voter"),
        quorum.needed,
        quorum.healthy,
        quorum.dead(),
        quorum.unknown,
    )
}

fn next_loss(quorum: &Quorum) -> (&'static str, String, Role) {
    let (text, role) = match quorum.spare_range {
        None => ("cannot be told".to_owned(), Role::Unknown),
        Some((1.., _)) => ("any one more voter may be lost and etcd goes on".to_owned(), Role::Ok),
        Some((0, 0)) => (
            "the next voter lost stops etcd, and with it every change in Kubernetes".to_owned(),
            Role::Warning,
        ),
        Some((_, ..=-1)) => (
            format!(
                "etcd has stopped; {} must come back",
                words::count(missing(quorum), "voter")
            ),
            Role::Critical,
        ),
        Some(range) => (format!("not proven: {}", members::spare(Some(range))), Role::Unknown),
    };
    ("next loss", text, role)
}

fn missing(quorum: &Quorum) -> usize {
    quorum.needed.saturating_sub(quorum.healthy + quorum.unknown)
}

/// Who says who the members are, and when that was, where it is not of now.
pub fn membership(state: &State, membership: &Membership) -> String {
    let source = match membership.source {
        MembershipSource::Linearizable => "through consensus".to_owned(),
        MembershipSource::Local => "this member's own copy".to_owned(),
        MembershipSource::Peer(id) => {
            let member = state.derived.quorum.member(id).map(members::name);
            format!("{}'s own copy", member.unwrap_or_else(|| format!("member {id}")))
        }
        MembershipSource::Objects => "k0s's objects, which are notes and no truth".to_owned(),
        MembershipSource::Nobody => "nobody told yet".to_owned(),
    };
    let now = state.snapshot.now;
    // Lists are read every two seconds: younger is live.
    match membership.as_of.filter(|at| now.waited_since(*at) >= PROOF_FRESH) {
        Some(at) => format!("{source}, as of {} ago", words::age(now.since(at))),
        None => source,
    }
}

const fn contact(contact: Contact) -> Option<(&'static str, Role)> {
    match contact {
        Contact::Works => None,
        Contact::Unplugged => Some(("this host's own links are down: it is us", Role::Critical)),
        Contact::NobodyAnswers => Some(("no other host answers: it may be us, it may be they", Role::Unknown)),
        Contact::NotTried => Some(("no other host was asked yet", Role::Dim)),
    }
}

/// What the local member says of itself.
fn local(state: &State, theme: &Theme) -> Vec<(&'static str, String, Role)> {
    let feed = state.snapshot.feed(FeedId::EtcdLocal);
    let Some(fact) = &state.snapshot.etcd.local else {
        let (text, role) = match &state.snapshot.etcd.no_access {
            Some(why) => (format!("n/a  {why}"), Role::Unknown),
            None => fresh::nothing(theme, &feed, "its status"),
        };
        return vec![("this member", text, role)];
    };
    let status = &fact.value;
    let mut text = format!(
        "etcd {}, term {}, {}",
        status.version,
        status.term,
        leader(state, status, &feed)
    );
    if let Some((note, _)) = fresh::note(state, &feed) {
        text = format!("{text}; {note}");
    }
    let mut rows = vec![
        (
            "this member",
            text,
            if fresh::is_stale(&feed) {
                Role::Stale
            } else {
                Role::Text
            },
        ),
        ("database", database(status), Role::Text),
    ];
    if !status.errors.is_empty() {
        let errors: Vec<&str> = status.errors.iter().map(crate::base::Text::as_str).collect();
        rows.push(("errors", errors.join("; "), Role::Critical));
    }
    rows
}

fn leader(state: &State, status: &LocalStatus, feed: &FeedState) -> String {
    let was = if fresh::is_stale(feed) { "leader was" } else { "leader" };
    match status.leader {
        None => "knows no leader".to_owned(),
        Some(id) => {
            let member = state.derived.quorum.member(id);
            member.map_or_else(
                || format!("{was} {id}"),
                |member| format!("{was} {}", member.member.name),
            )
        }
    }
}

fn database(status: &LocalStatus) -> String {
    let size = words::size(status.db_size_bytes);
    match status.quota_bytes {
        Some(quota) if quota > 0 => {
            let percent = status.db_size_bytes.saturating_mul(100) / quota;
            format!("{size} of {} quota ({percent} %)", words::size(quota))
        }
        Some(_) | None => format!("{size}, quota n/a (this etcd does not say)"),
    }
}
