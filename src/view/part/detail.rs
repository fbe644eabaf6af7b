//! One row in full: everything known about it, each source in a chapter of its own. Start reading at [`render`], then
//! [`node`].

mod chapter;
mod check;
mod entry;
mod from;
mod k0s;
mod loss;
mod member;
mod node;
mod plan;
mod pod;
mod workload;

use ratatui::text::Line;

use crate::app::rows::{self, feed_name, finding, placement, untold};
use crate::app::timeline::Entry;
use crate::app::{RowId, State};
use crate::base::Why;
use crate::check::{self as checks, Finding};
use crate::model::FeedId;
use crate::model::stored::Stored;
use crate::view::part::{failover, footer, members};
use crate::view::theme::{Role, Theme};
use crate::view::words;
use chapter::{Chapter, Paragraph};

/// What a row is called.
pub fn title(state: &State, row: &RowId) -> String {
    match row {
        RowId::Node(name) => format!("node {name}"),
        RowId::Member(id) => match state.derived.quorum.member(*id) {
            Some(member) => format!("member {}", members::name(member)),
            None => format!("member {id}"),
        },
        RowId::Workload(kind, key) => format!("{} {key}", kind.word()),
        RowId::Pod(key) => format!("pod {key}"),
        RowId::Finding(check, _) | RowId::Check(check) => check.to_string(),
        RowId::Change(number) if *number < 0 => "change, by an earlier session".to_owned(),
        // People count from one.
        RowId::Change(number) => format!("change {}", number + 1),
        RowId::Loss(domain) => {
            let name = rows::name(state, row);
            let is_past = rows::told(state, domain).is_some_and(|own| own.first.is_lost_already());
            if is_past {
                format!("{name} is lost already")
            } else {
                format!("if {name} is lost")
            }
        }
        RowId::Offer(name) => name.to_string(),
        RowId::Run(id) => format!("run {}", id.0),
        RowId::Untold(feed) | RowId::Feed(feed) => format!("feed {}", feed_name(state, *feed)),
    }
}

/// The chapters of a row, wrapped to `width`.
pub fn render(state: &State, theme: &Theme, row: &RowId, width: usize) -> Vec<Line<'static>> {
    let gone = || vec![Chapter::only(vec![("", "it is gone".to_owned(), Role::Dim)])];
    chapter::lines(chapters(state, theme, row).unwrap_or_else(gone), theme, width)
}

fn chapters(state: &State, theme: &Theme, row: &RowId) -> Option<Vec<Chapter>> {
    let only = |rows| vec![Chapter::only(rows)];
    Some(match row {
        RowId::Node(name) => node::chapters(state, theme, state.snapshot.node(name)?),
        RowId::Member(id) => member::chapters(state, theme, state.derived.quorum.member(*id)?),
        RowId::Workload(kind, key) => workload::chapters(state, theme, placement(state, *kind, key)?),
        RowId::Pod(key) => pod::chapters(state, theme, key, &state.snapshot.kube.pods.get(key)?.value),
        RowId::Finding(check, subject) => only(of_finding(state, finding(state, *check, subject)?)),
        RowId::Check(check) => check::chapters(state, theme, *check)?,
        RowId::Untold(feed) => only(of_untold(state, *feed)),
        RowId::Change(number) => only(of_change(state, state.timeline.entry(*number)?)),
        RowId::Loss(domain) => loss::chapters(&*rows::told(state, domain)?),
        RowId::Offer(name) => plan::offer(state, theme, state.work.offer(name)?),
        RowId::Run(id) => plan::run(state, theme, state.work.run(id)?),
        RowId::Feed(id) => only(of_feed(state, theme, *id)),
    })
}

fn because(why: &Why) -> Vec<Paragraph> {
    let mut rows = vec![("why", why.text.to_string(), Role::Text)];
    rows.extend(why.hint.as_ref().map(|hint| ("try", hint.to_string(), Role::Text)));
    rows
}

fn of_finding(state: &State, finding: &Finding) -> Vec<Paragraph> {
    let (_, role) = footer::severity(finding.severity);
    let mut rows = vec![
        (finding.severity.word(), finding.title.to_string(), role),
        ("subject", finding.subject.to_string(), Role::Text),
    ];
    let labels = std::iter::once("evidence").chain(std::iter::repeat(""));
    rows.extend(
        labels
            .zip(&finding.evidence)
            .map(|(label, text)| (label, format!("- {text}"), Role::Text)),
    );
    rows.push(("consequence", finding.consequence.to_string(), Role::Text));
    rows.push(("remedy", finding.remedy.to_string(), Role::Accent));
    let at_hand = checks::at_hand(&state.snapshot.host, [finding]);
    rows.extend(at_hand.map(|text| ("", text, Role::Dim)));
    if let Some(own) = state.derived.report.acknowledgement(finding) {
        let until = own.until.strftime("%Y-%m-%d %H:%M UTC");
        rows.push(("acknowledged", format!("until {until}: {}", own.reason), Role::Dim));
    }
    rows
}

/// Every reason once, and under it the checks that it stops.
fn of_untold(state: &State, feed: FeedId) -> Vec<Paragraph> {
    let mut rows = Vec::new();
    let mut said: Option<&Why> = None;
    for untold in untold(state).filter(|untold| untold.feed == feed) {
        if said.replace(untold.why) != Some(untold.why) {
            rows.extend(because(untold.why));
        }
        let title = checks::find(untold.check).map_or("", |check| check.title);
        rows.push(("cannot tell", format!("{}: {title}", untold.check), Role::Unknown));
        if let Some(stored) = untold.stored {
            rows.push(("stored", stored.to_string(), Role::Stale));
        }
    }
    rows
}

fn of_change(state: &State, entry: &Entry) -> Vec<Paragraph> {
    let mut rows = vec![
        (
            "noticed",
            entry.at.wall.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
            Role::Text,
        ),
        (entry.topic.word(), entry.subject.to_string(), Role::Text),
        ("is now", entry.text.to_string(), Role::Text),
    ];
    let story = entry.failover.iter().flat_map(|own| failover::story(own, state));
    rows.extend(chapter::labelled("in full", story));
    let pods = entry.failover.iter().flat_map(|own| failover::pods(own, state));
    rows.extend(chapter::labelled("evicted", pods));
    rows
}

fn of_feed(state: &State, theme: &Theme, id: FeedId) -> Vec<Paragraph> {
    let feed = state.snapshot.feed(id);
    let (word, role) = words::feed(theme, &feed);
    let mut rows = vec![("id", id.to_string(), Role::Dim), ("state", word, role)];
    if let Some(stored) = state.snapshot.kube.stored.as_ref().filter(|_| id == FeedId::EtcdStore) {
        rows.extend(of_store(state, stored));
        return rows;
    }
    if let FeedId::Entry(own) = id {
        let entry = state.snapshot.entry.get(&own);
        rows.extend(entry.map(|entry| entry::rows(state, entry)).unwrap_or_default());
    }
    if let FeedId::External(own) = id {
        let told = state.snapshot.external.get(&own);
        let servers = told.map(|own| own.told.servers()).unwrap_or_default().into_iter();
        let elsewhere = state.snapshot.service_from_elsewhere(own).into_iter();
        let elsewhere = elsewhere.map(|(name, told)| ("from", format!("{name}: {told}"), Role::Text));
        rows.extend(servers.map(|own| ("server", format!("{}: {}", own.target, own.words), Role::Text)));
        rows.extend(elsewhere);
    }
    if let FeedId::From(address) = id {
        rows.extend(from::rows(state, address));
    }
    rows.extend(words::last_answer(&state.snapshot, &feed).map(|(age, role)| ("last answer", age, role)));
    rows.extend(feed.why().map(because).unwrap_or_default());
    rows
}

/// The last committed state: how old it is, what is shown of it, and what it does not have.
fn of_store(state: &State, stored: &Stored) -> Vec<Paragraph> {
    let kinds: Vec<&str> = stored.kinds.iter().map(|kind| kind.plural()).collect();
    let read = words::age(state.snapshot.now.since(stored.at));
    let mut rows = vec![
        ("last committed", stored.words(state.snapshot.now), Role::Stale),
        (
            "read",
            format!("{read} ago, from etcd on this host alone: it may be older than etcd elsewhere"),
            Role::Text,
        ),
        ("on screen", kinds.join(", "), Role::Text),
    ];
    for (kind, why) in &stored.unread {
        rows.push(("not there", format!("{}: {why}", kind.plural()), Role::Unknown));
    }
    rows
}
