//! Whose member list to believe, and which of the members is ours. Start at [`Snapshot::membership`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::PROOF_FRESH;
use crate::base::{Stamp, Text};
use crate::model::etcd::{ClusterId, K0S_PEER_PORT, Member, MemberId, MembershipView, Vantage};
use crate::model::feed::FeedId;
use crate::model::kube::Tri;
use crate::model::{KubeKind, Snapshot};

/// Where the member list comes from, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MembershipSource {
    /// Through consensus.
    Linearizable,
    /// The local member's own copy.
    Local,
    /// Another member's own copy.
    Peer(MemberId),
    /// k0s's objects: annotations, not truth.
    Objects,
    /// Nobody told.
    Nobody,
}

/// The member list in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The members.
    pub members: Vec<Member>,
    /// Who says so.
    pub source: MembershipSource,
    /// When it was said last.
    pub as_of: Option<Stamp>,
    /// The etcd cluster.
    pub cluster_id: Option<ClusterId>,
}

impl Membership {
    /// Whether etcd itself tells, as opposed to k0s's objects or nobody.
    pub const fn is_from_etcd(&self) -> bool {
        match self.source {
            MembershipSource::Linearizable | MembershipSource::Local | MembershipSource::Peer(_) => true,
            MembershipSource::Objects | MembershipSource::Nobody => false,
        }
    }

    /// Whether a member is listed.
    pub fn lists(&self, id: MemberId) -> bool {
        self.members.iter().any(|member| member.id == id)
    }

    /// Whether a listed member has this peer address.
    pub fn lists_address(&self, address: &str) -> bool {
        self.members.iter().any(|member| member.peer_address() == Some(address))
    }
}

/// One view of the membership and when it was last confirmed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatedView<'a> {
    /// Who says so.
    pub vantage: Vantage,
    /// The last confirmation.
    pub as_of: Stamp,
    /// When we saw it in this form first.
    pub changed_at: Stamp,
    /// Whether we saw it change; otherwise `changed_at` is only when we came to look.
    pub seen_changing: bool,
    /// What it says.
    pub view: &'a MembershipView,
}

impl DatedView<'_> {
    /// The member that speaks: the two vantages of the local member are one voice.
    pub const fn speaker(&self, local: Option<MemberId>) -> Option<MemberId> {
        match self.vantage {
            Vantage::LocalLinearizable | Vantage::LocalSerializable => local,
            Vantage::Peer(id) => Some(id),
        }
    }
}

impl Snapshot {
    /// The member list to believe: linearizable, then local, then the peer's that most others agree with, then k0s's
    /// objects. A list that is no longer renewed serves only where no other is, and stays dated. What belongs to another
    /// etcd cluster is never believed.
    pub fn membership(&self) -> Membership {
        let ours = self.cluster_id();
        let views: Vec<DatedView> = self
            .dated_views()
            .filter(|view| ours.is_none() || view.view.cluster_id.is_none() || view.view.cluster_id == ours)
            .collect();
        let agreeing = |view: &DatedView| {
            views
                .iter()
                .filter(|other| other.view.members == view.view.members)
                .count()
        };
        // Current before dated; among current the best vantage, among dated the newest.
        let best = views.iter().max_by_key(|view| {
            let current = self
                .is_current(view)
                .then(|| (trust(view.vantage), agreeing(view), std::cmp::Reverse(view.vantage)));
            (current, view.as_of)
        });
        let Some(best) = best else {
            return self.membership_from_objects();
        };
        Membership {
            members: best.view.members.clone(),
            source: match best.vantage {
                Vantage::LocalLinearizable => MembershipSource::Linearizable,
                Vantage::LocalSerializable => MembershipSource::Local,
                Vantage::Peer(id) => MembershipSource::Peer(id),
            },
            as_of: Some(best.as_of),
            cluster_id: best.view.cluster_id,
        }
    }

    /// The views that were confirmed within the last seconds, of every cluster that answers, best vantage first.
    pub fn current_views(&self) -> Vec<DatedView<'_>> {
        self.dated_views().filter(|view| self.is_current(view)).collect()
    }

    fn dated_views(&self) -> impl Iterator<Item = DatedView<'_>> {
        self.etcd.views.iter().filter_map(|(vantage, fact)| {
            Some(DatedView {
                vantage: *vantage,
                as_of: self.verified(*vantage)?,
                changed_at: fact.changed_at,
                seen_changing: fact.seen_changing,
                view: &fact.value,
            })
        })
    }

    fn is_current(&self, view: &DatedView) -> bool {
        self.now.waited_since(view.as_of) < PROOF_FRESH
    }

    /// When a view was last confirmed.
    pub fn verified(&self, vantage: Vantage) -> Option<Stamp> {
        match vantage {
            Vantage::LocalLinearizable => self.etcd.linearizable.as_ref()?.last_ok,
            Vantage::LocalSerializable => self.etcd.serializable.as_ref()?.last_ok,
            Vantage::Peer(id) => self.etcd.peers.get(&id)?.history.last_ok,
        }
    }

    /// The etcd cluster in question: the local member's while it answers, or else the one that most answers of now came
    /// from, or else what was said last. A restored cluster has a new id, which a local member that is down cannot know.
    pub fn cluster_id(&self) -> Option<ClusterId> {
        let local = self.etcd.local.as_ref().map(|local| local.value.cluster_id);
        if local.is_some() && self.feed(FeedId::EtcdLocal).is_current() {
            return local;
        }
        let current = most_said(self.current_views().iter().map(|view| view.view), local);
        let said_last = || most_said(self.etcd.views.values().map(|fact| &fact.value), None);
        current.or(local).or_else(said_last)
    }

    fn membership_from_objects(&self) -> Membership {
        let mut seen = BTreeSet::new();
        let members: Vec<Member> = self
            .kube
            .etcd_members
            .iter()
            .filter(|(_, fact)| {
                let joined = fact.value.joined.as_ref();
                joined.is_none_or(|condition| condition.status != Tri::False)
            })
            .filter_map(|(key, fact)| {
                let address = fact.value.peer_address.as_ref()?;
                Some(Member {
                    id: fact.value.member_id?,
                    name: key.name.clone(),
                    peer_urls: vec![Text::new(&format!("https://{address}:{K0S_PEER_PORT}"))],
                    client_urls: Vec::new(),
                    is_learner: false,
                })
            })
            // A renamed host leaves two objects with one member id (k0s issue 5369).
            .filter(|member| seen.insert(member.id))
            .collect();
        Membership {
            source: if members.is_empty() {
                MembershipSource::Nobody
            } else {
                MembershipSource::Objects
            },
            as_of: self.rows_of(KubeKind::EtcdMembers).as_of(),
            members,
            cluster_id: None,
        }
    }

    /// The member that runs on this host, where that is known: by what the local etcd said, by this host's own peer
    /// address, or by the host's name, which etcd takes for its own where nothing else is configured.
    pub fn local_member(&self) -> Option<MemberId> {
        self.local_among(&self.membership().members)
    }

    pub(super) fn local_among(&self, members: &[Member]) -> Option<MemberId> {
        let said = self.etcd.local.as_ref().map(|local| local.value.member_id);
        let is_listed = |id: MemberId| members.iter().any(|member| member.id == id);
        // What it said before it went down may be of the past: a restored cluster has new member ids.
        if let Some(id) = said
            && (self.feed(FeedId::EtcdLocal).is_current() || is_listed(id))
        {
            return Some(id);
        }
        let own = self.own_addresses();
        let at_own_address = |member: &&Member| member.peer_address().is_some_and(|address| own.contains(&address));
        let named_like_host = |member: &&Member| member.has_started() && member.name == self.host.name;
        let member = members.iter().find(at_own_address);
        member
            .or_else(|| members.iter().find(named_like_host))
            .map(|member| member.id)
    }

    /// Addresses that are this host's: from k0s.yaml, and those that its own peer certificate is good for.
    fn own_addresses(&self) -> Vec<&str> {
        let config = self.host.config.iter().map(|config| &config.value);
        let configured = config.flat_map(|config| config.peer_address.iter().chain(&config.api_address));
        let certificates = self.host.certificates.iter().flat_map(|fact| &fact.value);
        let certified = certificates
            .filter(|certificate| certificate.path.as_str().ends_with("etcd/peer.crt"))
            .flat_map(|certificate| &certificate.names);
        configured.chain(certified).map(Text::as_str).collect()
    }
}

/// The cluster that most views are of; among equals the `preferred` one.
fn most_said<'a>(views: impl Iterator<Item = &'a MembershipView>, preferred: Option<ClusterId>) -> Option<ClusterId> {
    let mut votes: BTreeMap<ClusterId, usize> = BTreeMap::new();
    for id in views.filter_map(|view| view.cluster_id) {
        *votes.entry(id).or_default() += 1;
    }
    let most = votes
        .into_iter()
        .max_by_key(|(id, count)| (*count, Some(*id) == preferred));
    most.map(|(id, _)| id)
}

/// How far a vantage may be behind: consensus is never, a copy may be.
const fn trust(vantage: Vantage) -> u8 {
    match vantage {
        Vantage::LocalLinearizable => 2,
        Vantage::LocalSerializable => 1,
        Vantage::Peer(_) => 0,
    }
}
