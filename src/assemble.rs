//! Raw observations become snapshots: pure and incremental, the same for every source. Knows no channel and no socket.
//! Start reading at [`Assembler::apply`].

pub mod objects;

mod rows;
mod shared;
mod stored;

pub use stored::NOT_NEEDED;

use core::net::IpAddr;
use std::collections::BTreeMap;

use crate::base::{Stamp, Why, WhyKind};
use crate::model::entry::{Entry, EntryId, Trial};
use crate::model::etcd::{EtcdFacts, MemberId, MembershipView, PeerFacts, Vantage};
use crate::model::external::{External, ServiceId};
use crate::model::feed::{FeedState, History};
use crate::model::host::{ClockJump, HostFacts};
use crate::model::kube::{Endpoint, KubeFacts};
use crate::model::past::Past;
use crate::model::quorum::MembershipSource;
use crate::model::reach::HostReach;
use crate::model::reach::from::FromController;
use crate::model::reach::there::FromThere;
use crate::model::{FeedId, KubeKind, Simulated, Snapshot};
use crate::port::{HostFact, KubeEvent, Observation, Observed, PeerAnswer, Report};

use rows::fact;
use shared::LabelPool;

/// Everything observed so far.
#[derive(Debug, Clone, Default)]
pub struct Assembler {
    simulated: Option<Simulated>,
    histories: BTreeMap<FeedId, History>,
    kube: KubeFacts,
    labels: LabelPool,
    /// The newest revision that the API server told of, kind by kind.
    revisions: BTreeMap<KubeKind, u64>,
    /// The endpoint's epoch when etcd's store was read.
    stored_epoch: Option<u64>,
    etcd: EtcdFacts,
    /// When there was a voter to spare.
    spare_seen: Option<Stamp>,
    host: HostFacts,
    reach: BTreeMap<IpAddr, HostReach>,
    there: BTreeMap<IpAddr, FromThere>,
    from: BTreeMap<IpAddr, FromController>,
    entry: BTreeMap<EntryId, Entry>,
    external: BTreeMap<ServiceId, External>,
    past: Past,
    /// The wall clock minus the time that passed, when it was looked at last.
    clock_ms: Option<i64>,
}

/// A wall clock that moved by more than this against the time that passes has jumped; NTP moves it by less.
const JUMP_MS: i64 = 5_000;

impl Assembler {
    /// Nothing observed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Marks the coming snapshots as those of a simulated cluster.
    pub fn simulated(&mut self, simulated: Option<Simulated>) {
        self.simulated = simulated;
    }

    /// Takes in one observation.
    pub fn apply(&mut self, observed: Observed) {
        let Observed { at, what } = observed;
        match what {
            Observation::Feed { feed, report } => self.report(at, feed, report),
            Observation::Endpoint(endpoint) => self.use_endpoint(endpoint),
            Observation::Kube { epoch, revision, event } => self.kube_event(at, epoch, revision, event),
            Observation::Stored(read) => self.take_stored(at, read),
            Observation::EtcdStatus(status) => {
                self.etcd.no_access = None;
                self.verified(at, FeedId::EtcdLocal);
                self.etcd.term = Some(fact(self.etcd.term.take(), at, FeedId::EtcdLocal, status.term));
                self.etcd.local = Some(fact(self.etcd.local.take(), at, FeedId::EtcdLocal, status));
            }
            Observation::EtcdRead { linearizable, outcome } => self.etcd_read(at, linearizable, outcome),
            Observation::EtcdPeer { id, outcome } => self.etcd_peer(at, id, outcome),
            Observation::EtcdNoAccess(why) => self.etcd.no_access = Some(why),
            Observation::EtcdDisk(times) => {
                self.verified(at, FeedId::EtcdDisk);
                self.etcd.disk = Some(fact(self.etcd.disk.take(), at, FeedId::EtcdDisk, times));
            }
            Observation::ApiHealth(health) => {
                self.verified(at, FeedId::ApiLocal);
                self.kube.local = Some(fact(self.kube.local.take(), at, FeedId::ApiLocal, health));
            }
            Observation::Admission(admission) => {
                self.verified(at, FeedId::Admission);
                self.kube.admission = Some(admission);
            }
            Observation::Neighbours(addresses) => {
                self.reach.retain(|address, _| addresses.contains(address));
                self.there.retain(|address, _| addresses.contains(address));
                let is_asked = |feed: &FeedId| !matches!(feed, FeedId::Ports(own) if !addresses.contains(own));
                self.histories.retain(|feed, _| is_asked(feed));
            }
            Observation::Ports { address, reach } => {
                self.verified(at, FeedId::Ports(address));
                self.reach.entry(address).or_default().ports.extend(reach.ports);
            }
            Observation::FromThere { address, look } => drop(self.there.insert(address, look)),
            Observation::Standpoints(addresses) => {
                self.from.retain(|address, _| addresses.contains(address));
                let is_asked = |feed: &FeedId| !matches!(feed, FeedId::From(own) if !addresses.contains(own));
                self.histories.retain(|feed, _| is_asked(feed));
            }
            Observation::From { address, look } => {
                self.verified(at, FeedId::From(address));
                self.from.insert(address, look);
            }
            Observation::Entries(ids) => {
                self.entry.retain(|id, _| ids.contains(id));
                // How the name that users go to fares is told even where it is not probed: why not.
                let is_asked = |feed: &FeedId| match feed {
                    FeedId::Entry(id) => *id == EntryId::Balancer || ids.contains(id),
                    _ => true,
                };
                self.histories.retain(|feed, _| is_asked(feed));
            }
            Observation::Entry {
                id,
                target,
                name,
                path,
                probed,
            } => {
                self.verified(at, FeedId::Entry(id));
                match self.entry.get_mut(&id) {
                    // Another name or path is another question: what came of the old one says nothing.
                    Some(entry) if (&entry.target, &entry.name, &entry.path) == (&target, &name, &path) => {
                        entry.take(at, probed);
                    }
                    Some(_) | None => drop(self.entry.insert(id, Entry::first(target, name, path, at, probed))),
                }
                if let (Some(trial), Some(own)) = (Trial::of(&self.entry), self.entry.get_mut(&EntryId::Balancer)) {
                    own.trial = Some(trial);
                }
            }
            Observation::External(told) => {
                let service = told.service();
                self.verified(at, FeedId::External(service));
                self.external.insert(service, External { at, told });
            }
            Observation::Past(past) => self.past = past,
            Observation::Host {
                name,
                is_root,
                console_port,
            } => {
                self.host.name = name;
                self.host.is_root = is_root;
                self.host.console_port = console_port;
            }
            Observation::HostFact(part) => self.host_fact(at, part),
        }
    }

    /// What is known at `now`.
    pub fn snapshot(&mut self, now: Stamp) -> Snapshot {
        self.relight(now);
        self.note_clock(now);
        let mut snapshot = Snapshot {
            now,
            simulated: self.simulated.clone(),
            feeds: self.feeds_of_rows(now),
            kube: self.kube.clone(),
            etcd: self.etcd.clone(),
            host: self.host.clone(),
            reach: self.reach.clone(),
            there: self.there.clone(),
            from: self.from.clone(),
            entry: self.entry.clone(),
            external: self.external.clone(),
            past: self.past.clone(),
        };
        if self.forget_removed_members(&snapshot) {
            snapshot.etcd = self.etcd.clone();
            snapshot.feeds = self.feeds_of_rows(now);
        }
        match snapshot.quorum().spare() {
            Some(spare) if spare > 0 => {
                self.spare_seen = Some(now);
                (self.etcd.spare_zero_since, self.etcd.spare_seen) = (None, None);
            }
            Some(_) if self.etcd.spare_zero_since.is_none() => {
                (self.etcd.spare_zero_since, self.etcd.spare_seen) = (Some(now), self.spare_seen);
            }
            Some(_) | None => {}
        }
        snapshot.etcd.spare_zero_since = self.etcd.spare_zero_since;
        snapshot.etcd.spare_seen = self.etcd.spare_seen;
        snapshot
    }

    /// Notes a jump of our own wall clock.
    fn note_clock(&mut self, now: Stamp) {
        let clock_ms = now.wall.as_millisecond().saturating_sub_unsigned(now.mono_ms);
        let by_ms = self.clock_ms.replace(clock_ms).map_or(0, |before| clock_ms - before);
        if by_ms.abs() >= JUMP_MS {
            self.host.clock_jump = Some(ClockJump { at: now, by_ms });
        }
    }

    fn history(&mut self, at: Stamp, feed: FeedId) -> &mut History {
        match feed {
            FeedId::EtcdPeer(id) => {
                &mut self
                    .etcd
                    .peers
                    .entry(id)
                    .or_insert_with(|| PeerFacts::begin(at))
                    .history
            }
            FeedId::Api
            | FeedId::ApiLocal
            | FeedId::Admission
            | FeedId::Kube(_)
            | FeedId::EtcdLocal
            | FeedId::EtcdStore
            | FeedId::EtcdDisk
            | FeedId::Host(_)
            | FeedId::Ports(_)
            | FeedId::From(_)
            | FeedId::Entry(_)
            | FeedId::External(_) => self.histories.entry(feed).or_insert_with(|| History::begin(at)),
        }
    }

    fn verified(&mut self, at: Stamp, feed: FeedId) {
        self.history(at, feed).ok(at);
    }

    fn kube_event(&mut self, at: Stamp, epoch: u64, revision: u64, mut event: KubeEvent) {
        let endpoint = self.kube.endpoint.as_ref();
        if endpoint.is_none_or(|endpoint| endpoint.epoch != epoch) {
            return;
        }
        self.labels.share(&mut event);
        let is_whole = matches!(event, KubeEvent::Replace { .. });
        let kind = rows::apply(&mut self.kube, at, event);
        if is_whole {
            self.not_stored(kind);
        }
        let newest = self.revisions.entry(kind).or_default();
        *newest = revision.max(*newest);
        self.verified(at, FeedId::Kube(kind));
    }

    fn report(&mut self, at: Stamp, feed: FeedId, report: Report) {
        let history = self.history(at, feed);
        match report {
            Report::Begun => history.begun(at),
            Report::Verified => history.ok(at),
            Report::Failed(why) => history.failed(at, why),
            Report::Off(why) => history.off(why),
        }
    }

    fn use_endpoint(&mut self, endpoint: Endpoint) {
        let is_older = self
            .kube
            .endpoint
            .as_ref()
            .is_some_and(|current| endpoint.epoch < current.epoch);
        if !is_older {
            self.kube.endpoint = Some(endpoint);
        }
    }

    fn etcd_read(&mut self, at: Stamp, linearizable: bool, outcome: Result<MembershipView, Why>) {
        let (history, vantage) = if linearizable {
            (&mut self.etcd.linearizable, Vantage::LocalLinearizable)
        } else {
            (&mut self.etcd.serializable, Vantage::LocalSerializable)
        };
        let history = history.get_or_insert_with(|| History::begin(at));
        match outcome {
            Ok(view) => {
                self.etcd.no_access = None;
                history.ok(at);
                let older = self.etcd.views.remove(&vantage);
                self.etcd
                    .views
                    .insert(vantage, fact(older, at, FeedId::EtcdLocal, view));
            }
            Err(why) => history.failed(at, why),
        }
    }

    fn etcd_peer(&mut self, at: Stamp, id: MemberId, outcome: Result<PeerAnswer, Why>) {
        let peer = self.etcd.peers.entry(id).or_insert_with(|| PeerFacts::begin(at));
        let answer = match outcome {
            Ok(answer) => answer,
            Err(why) => return peer.history.failed(at, why),
        };
        peer.history.ok(at);
        peer.rtt_us = Some(answer.rtt_us);
        peer.clock_skew_ms = answer.clock_skew_ms.or(peer.clock_skew_ms);
        peer.version = answer.version.or(peer.version.take());
        peer.certificate_ends = answer.certificate_ends.or(peer.certificate_ends);
        if let Some(view) = answer.view {
            let vantage = Vantage::Peer(id);
            let older = self.etcd.views.remove(&vantage);
            self.etcd
                .views
                .insert(vantage, fact(older, at, FeedId::EtcdPeer(id), view));
        }
    }

    fn host_fact(&mut self, at: Stamp, part: HostFact) {
        let feed = FeedId::Host(part.part());
        self.verified(at, feed);
        let host = &mut self.host;
        match part {
            HostFact::Status(value) => host.k0s = Some(fact(host.k0s.take(), at, feed, value)),
            HostFact::Processes(value) => {
                rows::note_restarts(host, at, &value);
                host.processes = Some(fact(host.processes.take(), at, feed, value));
            }
            HostFact::Config(value) => host.config = Some(fact(host.config.take(), at, feed, value)),
            HostFact::Certificates(value) => host.certificates = Some(fact(host.certificates.take(), at, feed, value)),
            HostFact::Disk(value) => host.disk = Some(fact(host.disk.take(), at, feed, value)),
            HostFact::Unit(value) => host.unit = Some(fact(host.unit.take(), at, feed, value)),
            HostFact::Containers(value) => host.containers = Some(fact(host.containers.take(), at, feed, value)),
            HostFact::Links(value) => host.links = Some(fact(host.links.take(), at, feed, value)),
        }
    }

    /// A member that etcd no longer lists is no longer asked, and its view of the world no longer counts. Only etcd's own
    /// lists may say so; k0s's objects may not. Returns whether anything was forgotten.
    fn forget_removed_members(&mut self, snapshot: &Snapshot) -> bool {
        let membership = snapshot.membership();
        match membership.source {
            MembershipSource::Objects | MembershipSource::Nobody => return false,
            MembershipSource::Linearizable | MembershipSource::Local | MembershipSource::Peer(_) => {}
        }
        let before = self.etcd.peers.len();
        let is_listed = |id| membership.members.iter().any(|member| member.id == id);
        self.etcd.peers.retain(|id, _| is_listed(*id));
        self.etcd.views.retain(|vantage, _| match vantage {
            Vantage::Peer(id) => is_listed(*id),
            Vantage::LocalLinearizable | Vantage::LocalSerializable => true,
        });
        self.etcd.peers.len() != before
    }

    fn feeds(&self, now: Stamp) -> BTreeMap<FeedId, FeedState> {
        let state = |id: FeedId, history: &History| history.state(now, id.patience());
        let mut feeds: BTreeMap<FeedId, FeedState> = self
            .histories
            .iter()
            .map(|(id, history)| (*id, state(*id, history)))
            .collect();
        feeds.extend(self.etcd.peers.iter().map(|(member, peer)| {
            let id = FeedId::EtcdPeer(*member);
            (id, state(id, &peer.history))
        }));
        if let Some(history) = self.histories.get(&FeedId::EtcdStore) {
            feeds.insert(FeedId::EtcdStore, self.store_state(now, history));
        }
        if let Some(api) = feeds.get(&FeedId::Api).cloned() {
            for kind in KubeKind::ALL {
                if let Some(watch) = feeds.get_mut(&FeedId::Kube(kind)) {
                    *watch = as_fresh_as_api(watch.clone(), &api);
                }
            }
        }
        feeds
    }
}

/// A watch is a promise of the API server to speak when something changes. It is worth nothing once the server gives no
/// consistent answer, whatever it may still say: one without quorum ends watches politely and starts them anew. Its rows are
/// then as old as the older of the two. A server that merely forbids us the consistent read still keeps its promise.
fn as_fresh_as_api(watch: FeedState, api: &FeedState) -> FeedState {
    let (Some(heard), true) = (watch.as_of(), watch.is_current()) else {
        return watch;
    };
    let proven = api.as_of().unwrap_or(heard).min(heard);
    match api {
        FeedState::Lost { why, .. } if why.kind == WhyKind::Forbidden => watch,
        FeedState::Lost { why, .. } => FeedState::Lost {
            as_of: Some(proven),
            why: why.clone(),
        },
        FeedState::Lagging { why, .. } if watch.is_live() => FeedState::Lagging {
            as_of: proven,
            why: why.clone(),
        },
        FeedState::Live { .. }
        | FeedState::Lagging { .. }
        | FeedState::Stored { .. }
        | FeedState::Syncing { .. }
        | FeedState::Off { .. } => watch,
    }
}

#[cfg(test)]
mod tests;
