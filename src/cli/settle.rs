//! When a headless command has seen enough. Pure: what is still awaited is a question to a snapshot.

use std::time::Duration;

use crate::base::{Stamp, WhyKind};
use crate::check::entry::awaits_next_probe;
use crate::model::quorum::{Health, MembershipSource, Standing};
use crate::model::stored::is_lit;
use crate::model::{FeedId, FeedState, Snapshot};

/// A source that fails is given this long to recover: another API server may take over, which takes two rounds of asking.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who looks from a controller waits for what an API server lists, where one answers, and then tries everything.
const LOOKS: Duration = Duration::from_secs(12);

/// An API server is given this long where etcd has no quorum: what it then might still say is no news. A healthy one says what
/// it has much sooner. Less than a second: a snapshot's clock advances once a second, and its second beat comes too late.
const LAST_WORD: Duration = Duration::from_millis(800);

/// A second request by the way of users, after one that was not served: each may take 3 s.
const SECOND_REQUEST: Duration = Duration::from_secs(8);

/// What a command wants to have seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enough {
    /// What is left and what is lost.
    Picture,
    /// What every source has to say.
    Everything,
}

/// Whether nothing more is to be expected from waiting.
pub fn is_settled(snapshot: &Snapshot, began: Stamp, enough: Enough) -> bool {
    let waited = snapshot.now.waited_since(began);
    let has_begun = [FeedId::Api, FeedId::EtcdLocal]
        .iter()
        .all(|id| snapshot.feeds.contains_key(id));
    if !has_begun {
        return false;
    }
    let is_in_haste = enough == Enough::Picture && waited >= LAST_WORD;
    let is_dark = is_dark(snapshot, is_in_haste);
    let has_patience = waited < PATIENCE && !is_dark;
    let is_skipped = |id: FeedId| is_dark && is_in_haste && adds_nothing(id);
    let is_late = waited >= PATIENCE;
    let has_lists = snapshot.feed(FeedId::Api).is_live();
    // Nobody looks from one that is dead.
    let may_look = |from| has_lists && waited < LOOKS && snapshot.etcd_answers_at(from) != Some(false);
    // What is reached from where is no part of the picture.
    let is_beside = |id: FeedId| enough == Enough::Picture && matches!(id, FeedId::From(_));
    if !is_dark && waited < SECOND_REQUEST && awaits_next_probe(snapshot) {
        return false;
    }
    let mut feeds = snapshot.feeds.iter();
    feeds.all(|(id, state)| match state {
        FeedState::Syncing { .. } if is_skipped(*id) => true,
        FeedState::Syncing { .. } if is_beside(*id) => true,
        FeedState::Syncing { .. } if is_asked_seldom(*id) => {
            is_late && !matches!(id, FeedId::From(from) if may_look(*from))
        }
        state => feed_is_settled(snapshot, *id, state, has_patience),
    }) && (!has_patience || members_are_settled(snapshot))
        && (enough == Enough::Picture || is_dark || is_late || is_begun_everywhere(snapshot))
}

/// Whether somebody looks from every controller: who they are is known only once etcd has told.
fn is_begun_everywhere(snapshot: &Snapshot) -> bool {
    let begun = |address| snapshot.feeds.contains_key(&FeedId::From(address));
    snapshot.standpoints().into_iter().all(begun)
}

/// Whether the dark is complete: every API server that is known was asked in vain (before that none is said to be lost) or,
/// in haste, had its time, the store was read to its end, and how etcd stands is decided. Asking again changes nothing.
fn is_dark(snapshot: &Snapshot, is_in_haste: bool) -> bool {
    let standing = || snapshot.quorum().standing;
    let api_is_out = match snapshot.feed(FeedId::Api) {
        FeedState::Lost { as_of: None, .. } => true,
        FeedState::Syncing { .. } => is_in_haste,
        FeedState::Lost { .. }
        | FeedState::Live { .. }
        | FeedState::Lagging { .. }
        | FeedState::Stored { .. }
        | FeedState::Off { .. } => false,
    };
    api_is_out
        && matches!(snapshot.feed(FeedId::EtcdStore), FeedState::Stored { why: None, .. })
        && matches!(standing(), Standing::Lost | Standing::Alone { .. })
}

/// Whether a source says nothing of what is left and lost that others do not say sooner, in the dark.
const fn adds_nothing(id: FeedId) -> bool {
    matches!(id, FeedId::Api | FeedId::ApiLocal | FeedId::Kube(_)) || is_asked_seldom(id)
}

/// Whether a source is asked again in a minute or later.
const fn is_asked_seldom(id: FeedId) -> bool {
    matches!(
        id,
        FeedId::Admission | FeedId::From(_) | FeedId::Entry(_) | FeedId::External(_)
    )
}

fn feed_is_settled(snapshot: &Snapshot, id: FeedId, state: &FeedState, has_patience: bool) -> bool {
    match state {
        FeedState::Live { .. } | FeedState::Lagging { .. } | FeedState::Stored { .. } | FeedState::Off { .. } => true,
        // It only stands in for the API.
        FeedState::Syncing { .. } | FeedState::Lost { .. } if id == FeedId::EtcdStore && is_lit(&snapshot.feeds) => {
            true
        }
        FeedState::Lost { .. } if is_asked_seldom(id) => true,
        FeedState::Lost { why, .. } if is_final(id, why.kind) => true,
        // While an API server answers, its lists are on their way.
        FeedState::Lost { .. } if matches!(id, FeedId::Kube(_)) && snapshot.feed(FeedId::Api).is_live() => false,
        FeedState::Lost { .. } => !has_patience,
        FeedState::Syncing { .. } => false,
    }
}

/// Whether asking again soon would hardly change the answer. An API server that refuses may have a successor; a member or
/// a socket that refuses has none.
const fn is_final(id: FeedId, kind: WhyKind) -> bool {
    match kind {
        WhyKind::Refused => !matches!(id, FeedId::Api | FeedId::Kube(_)),
        WhyKind::Unauthenticated
        | WhyKind::Forbidden
        | WhyKind::NotFound
        | WhyKind::Missing
        | WhyKind::Denied
        | WhyKind::Config
        | WhyKind::NoOccasion
        | WhyKind::Disabled => true,
        WhyKind::TimedOut
        | WhyKind::Unreachable
        | WhyKind::Broken
        | WhyKind::Tls
        | WhyKind::Throttled
        | WhyKind::Unavailable
        | WhyKind::Garbage
        | WhyKind::NotYet => false,
    }
}

/// Every member was judged, unless etcd cannot be asked at all.
fn members_are_settled(snapshot: &Snapshot) -> bool {
    if snapshot.etcd.no_access.is_some() {
        return true;
    }
    let quorum = snapshot.quorum();
    quorum.membership.source != MembershipSource::Nobody
        && quorum.membership.source != MembershipSource::Objects
        && snapshot.etcd.linearizable.is_some()
        && quorum
            .members
            .iter()
            .all(|state| !matches!(state.health, Health::Unknown { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Why;
    use crate::model::KubeKind;
    use crate::model::example;

    fn is_settled(snapshot: &Snapshot, began: Stamp) -> bool {
        super::is_settled(snapshot, began, Enough::Everything)
    }

    fn lost(kind: WhyKind) -> FeedState {
        FeedState::Lost {
            as_of: None,
            why: Why::new(kind, "x"),
        }
    }

    /// Whether a healthy snapshot with one feed in another state is settled, after so many seconds.
    fn settled(feed: FeedId, state: FeedState, waited_s: u64) -> bool {
        let mut snapshot = example::healthy();
        snapshot.feeds.insert(feed, state);
        let began = Stamp {
            mono_ms: snapshot.now.mono_ms - waited_s * 1000,
            ahead_ms: 0,
            ..snapshot.now
        };
        is_settled(&snapshot, began)
    }

    #[test]
    fn a_whole_picture_is_settled_at_once_and_none_is_not() {
        let whole = example::healthy();
        assert!(is_settled(&whole, whole.now));
        let nothing = example::empty();
        assert!(!is_settled(
            &Snapshot {
                feeds: std::collections::BTreeMap::new(),
                ..nothing.clone()
            },
            nothing.now
        ));
        let syncing = example::syncing();
        assert!(!is_settled(&syncing, syncing.now));
    }

    #[test]
    fn a_way_in_is_awaited_for_a_while_and_not_once_it_failed() {
        let way = FeedId::Entry(crate::model::entry::EntryId::Balancer);
        let syncing = || FeedState::Syncing { since: example::now() };
        assert!(!settled(way, syncing(), 4));
        assert!(settled(way, syncing(), 5));
        assert!(settled(way, lost(WhyKind::Unreachable), 0));
    }

    #[test]
    fn who_looks_from_a_living_controller_waits_for_lists_first() {
        let looks = |snapshot: &Snapshot, waited_s: u64| {
            let mut snapshot = snapshot.clone();
            let since = example::now();
            snapshot.feeds.insert(example::from(3), FeedState::Syncing { since });
            let began = example::ago(waited_s);
            is_settled(&snapshot, began)
        };
        let healthy = example::healthy();
        assert!(!looks(&healthy, 11));
        assert!(looks(&healthy, 12));
        assert!(
            looks(&example::node_lost(example::Death::Silent), 5),
            "nobody looks from a dead one"
        );
        let mut without_lists = healthy;
        without_lists.feeds.insert(FeedId::Api, lost(WhyKind::Config));
        assert!(looks(&without_lists, 5));
    }

    #[test]
    fn after_one_lost_request_the_next_is_awaited() {
        use crate::model::entry::{EntryId, Probed};
        let mut snapshot = example::healthy();
        let began = snapshot.now;
        let lose = |snapshot: &mut Snapshot| {
            if let Some(way) = snapshot.entry.get_mut(&EntryId::Balancer) {
                way.take(began, Probed::default());
            }
        };
        lose(&mut snapshot);
        assert!(!is_settled(&snapshot, began));
        let mut late = snapshot.clone();
        late.now = began.plus(SECOND_REQUEST);
        assert!(is_settled(&late, began));
        lose(&mut snapshot);
        assert!(is_settled(&snapshot, began));
    }

    #[test]
    fn lists_that_are_on_their_way_are_awaited() {
        let pods = FeedId::Kube(KubeKind::Pods);
        assert!(
            !settled(pods, lost(WhyKind::Refused), 9),
            "the API server in use answers"
        );
        assert!(settled(pods, lost(WhyKind::Forbidden), 0), "and will go on to say no");
        assert!(!settled(pods, FeedState::Syncing { since: example::now() }, 9));
    }

    #[test]
    fn a_dead_api_server_is_given_time_for_a_successor() {
        assert!(!settled(FeedId::Api, lost(WhyKind::Refused), 4));
        assert!(settled(FeedId::Api, lost(WhyKind::Refused), 5));
        assert!(settled(FeedId::Api, lost(WhyKind::Config), 0));
    }

    #[test]
    fn the_dark_is_complete_when_all_were_asked_and_the_store_was_read() {
        let mut snapshot = example::quorum_lost();
        let began = snapshot.now;
        snapshot.feeds.insert(FeedId::Api, lost(WhyKind::TimedOut));
        assert!(!is_settled(&snapshot, began), "the store may still tell");
        let stored = FeedState::Stored {
            as_of: example::now(),
            revision: 1,
            written: None,
            why: None,
        };
        snapshot.feeds.insert(FeedId::EtcdStore, stored);
        assert!(is_settled(&snapshot, began));
        snapshot
            .feeds
            .insert(FeedId::Api, FeedState::Syncing { since: example::now() });
        assert!(!is_settled(&snapshot, began), "another API server may yet answer");
        let later = Stamp {
            mono_ms: began.mono_ms + 1500,
            ..began
        };
        snapshot.now = later;
        let has_picture = |snapshot: &Snapshot| super::is_settled(snapshot, began, Enough::Picture);
        assert!(
            !is_settled(&snapshot, began),
            "whoever wants to hear everything waits for it"
        );
        assert!(has_picture(&snapshot), "without quorum it would have no news");
        snapshot.feeds.insert(FeedId::Api, FeedState::Live { as_of: later });
        snapshot
            .feeds
            .insert(FeedId::Kube(KubeKind::Pods), FeedState::Syncing { since: began });
        assert!(!has_picture(&snapshot), "but it has");
    }
}
