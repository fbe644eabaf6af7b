//! Whether users are served while a node is lost, by the name that they go to, as it is probed from this host.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Failover, after};
use crate::base::{Age, plural};
use crate::model::entry::{EntryId, Gap, Service, TELLING};
use crate::model::{FeedId, Snapshot};

/// What the probes since the last heartbeat say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// The first of them.
    pub watched_from: Timestamp,
    /// Whether the last one was served.
    pub served: bool,
    /// The longest time in which none was.
    pub gap: Option<Unserved>,
}

/// A time in which no probe was served. One alone is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unserved {
    /// The first probe that was not served.
    pub since: Timestamp,
    /// The first that was served again; None while it lasts.
    pub until: Option<Timestamp>,
    /// How many were not served.
    pub probes: u32,
}

impl Unserved {
    fn of(gap: Gap) -> Self {
        Self {
            since: gap.since.wall,
            until: gap.until.map(|until| until.wall),
            probes: gap.failed,
        }
    }

    fn length(self, now: Timestamp) -> Duration {
        after(self.since, self.until.unwrap_or(now))
    }
}

impl Failover {
    /// Takes in what the newest probes say.
    pub(super) fn follow_users(&mut self, snapshot: &Snapshot) {
        let id = EntryId::Balancer;
        let entry = snapshot.entry.get(&id).filter(|own| !own.is_half_told());
        let Some(entry) = entry.filter(|_| snapshot.feed(FeedId::Entry(id)).is_current()) else {
            return;
        };
        let mut probes = entry.recent.iter().map(|own| own.at.wall);
        let Some(first) = probes.find(|at| *at >= self.began) else {
            return;
        };
        let is_of_this_loss = |gap: &Gap| gap.until.is_none_or(|until| until.wall >= self.began);
        let gap = entry.gap.filter(|gap| gap.failed >= TELLING && is_of_this_loss(gap));
        let users = self.users.get_or_insert(Users {
            watched_from: first,
            served: true,
            gap: None,
        });
        users.served = entry.service() == Service::Served;
        let now = snapshot.now.wall;
        let is_longer = |new: &Unserved| {
            let is_it = |own: Unserved| own.since == new.since || own.length(now) < new.length(now);
            users.gap.is_none_or(is_it)
        };
        users.gap = gap.map(Unserved::of).filter(is_longer).or(users.gap);
    }
}

/// It in a few words; `now` where the loss goes on.
pub(super) fn words(of: &Users, now: Timestamp) -> String {
    let time = |at: Timestamp| at.strftime("%H:%M:%SZ").to_string();
    let state = if of.served { "served" } else { "not served" };
    match of.gap {
        None => format!(
            "{state}, without a gap in the probes from this host since {}",
            time(of.watched_from)
        ),
        Some(gap) => {
            let probes = plural(usize::try_from(gap.probes).unwrap_or(usize::MAX), "probe");
            let length = Age(gap.length(now));
            format!(
                "{state}; the longest gap {length}, from {} on ({probes} from this host)",
                time(gap.since)
            )
        }
    }
}
