//! Conditions that etcd and this host answer.

use std::time::Duration;

use super::{Condition, Look};
use crate::base::{Age, Stamp, Why, WhyKind};
use crate::model::etcd::{Member, MemberId, Vantage};
use crate::model::feed::{FeedId, HostPart};
use crate::model::quorum::{Health, MembershipSource, Quorum, Standing};
use crate::plan::gate;
use crate::plan::truth::Truth;

impl Look<'_> {
    pub(super) fn etcd(&self, condition: &Condition) -> Truth {
        let quorum = self.snapshot.quorum();
        match condition {
            Condition::QuorumProven => self.quorum_proven(&quorum),
            Condition::Permitted { act } => gate::judge(*act, &quorum, self.asked),
            Condition::MemberListed { id, address } => self.member_listed(&quorum, *id, address.as_str()),
            Condition::MemberAbsent { id } => self.member_absent(&quorum, *id),
            Condition::NotHere { id } => self.not_here(*id),
            Condition::Voter { address, known } => {
                self.voter(&quorum, address.as_ref().map(crate::base::Text::as_str), known)
            }
            Condition::Serves { id } => self.serves(&quorum, *id),
            Condition::NewMember { known } => self.new_member(&quorum, known),
            Condition::MembershipQuiet => self.membership_quiet(&quorum),
            Condition::NoAlarm => self.no_alarm(),
            Condition::Silent { id, for_ms } => self.silent(&quorum, *id, Duration::from_millis(*for_ms)),
            Condition::HostAnswers { id, node } => self.host_answers(&quorum, *id, node.as_str()),
            Condition::DiskFree { bytes } => self.disk_free(*bytes),
            Condition::TermSteady { for_ms } => self.term_steady(Duration::from_millis(*for_ms)),
            _ => Truth::unknown("etcd does not answer this"),
        }
    }

    fn quorum_proven(&self, quorum: &Quorum) -> Truth {
        match &quorum.standing {
            Standing::Held { as_of } if self.is_fresh(*as_of) => Truth::met("a linearizable read succeeded"),
            Standing::Held { .. } => Truth::unknown("the last linearizable read is older than the question"),
            Standing::Lost => Truth::unmet("quorum is lost"),
            Standing::Alone { .. } => Truth::unknown("no other host answers this one"),
            Standing::Unproven { why } => Truth::Unknown { why: why.clone() },
        }
    }

    /// None where the member list was read through consensus after the question.
    fn unread_list(&self, quorum: &Quorum) -> Option<Truth> {
        let membership = &quorum.membership;
        let is_true = membership.source == MembershipSource::Linearizable
            && membership.as_of.is_some_and(|as_of| self.is_fresh(as_of));
        (!is_true).then(|| Truth::unknown("the member list was not read through consensus since"))
    }

    fn member_listed(&self, quorum: &Quorum, id: MemberId, address: &str) -> Truth {
        if let Some(truth) = self.unread_list(quorum) {
            return truth;
        }
        match quorum.member(id) {
            None => Truth::unmet(format!("etcd does not list member {id} any more")),
            Some(state) => Truth::of(
                state.member.peer_address() == Some(address),
                format!("{id} is listed at {address}"),
                format!(
                    "{id} is listed at {} now",
                    state.member.peer_address().unwrap_or("no address")
                ),
            ),
        }
    }

    fn member_absent(&self, quorum: &Quorum, id: MemberId) -> Truth {
        if let Some(truth) = self.unread_list(quorum) {
            return truth;
        }
        if quorum.membership.lists(id) {
            return Truth::unmet(format!("etcd still lists member {id}"));
        }
        let mut witnesses = 0;
        for state in &quorum.members {
            if state.is_local || !state.health.is_healthy() {
                continue;
            }
            let vantage = Vantage::Peer(state.member.id);
            let at = self.snapshot.verified(vantage).filter(|at| self.is_fresh(*at));
            match self.snapshot.etcd.views.get(&vantage).filter(|_| at.is_some()) {
                None => return Truth::unknown(format!("{} was not asked since", state.member.name)),
                Some(view) if view.value.members.iter().any(|member| member.id == id) => {
                    return Truth::unmet(format!("{} still lists member {id}", state.member.name));
                }
                Some(_) => witnesses += 1,
            }
        }
        Truth::met(format!(
            "the list read through consensus lacks {id}, and {witnesses} other member(s) agree"
        ))
    }

    fn not_here(&self, id: MemberId) -> Truth {
        match self.snapshot.local_member() {
            Some(local) => Truth::of(
                local != id,
                format!("here runs {local}"),
                format!("{id} runs on this host"),
            ),
            None => Truth::unknown("which member runs on this host is not known"),
        }
    }

    fn voter(&self, quorum: &Quorum, address: Option<&str>, known: &[MemberId]) -> Truth {
        let is_wanted = |id: MemberId, at: Option<&str>| address.map_or(!known.contains(&id), |own| at == Some(own));
        let mut wanted = quorum
            .members
            .iter()
            .filter(|state| is_wanted(state.member.id, state.member.peer_address()));
        let Some(state) = wanted.next() else {
            return self
                .unread_list(quorum)
                .unwrap_or_else(|| Truth::unmet("etcd does not list it"));
        };
        let id = state.member.id;
        if let Some(because) = unfinished(&state.member) {
            return Truth::Unmet { because };
        }
        if let Some(truth) = self.unread_list(quorum) {
            return truth;
        }
        match &state.health {
            Health::Healthy { as_of } if self.is_fresh(*as_of) => self.caught_up(state.is_local, id),
            Health::Healthy { .. } => Truth::unknown(format!("{id} was not asked since")),
            Health::Dead { why, .. } => Truth::Unmet { because: why.clone() },
            Health::Unknown { why } => Truth::Unknown { why: why.clone() },
        }
    }

    fn serves(&self, quorum: &Quorum, id: MemberId) -> Truth {
        match quorum.member(id).map(|state| &state.health) {
            None => Truth::unmet(format!("etcd does not list member {id}")),
            Some(Health::Healthy { as_of }) if self.is_fresh(*as_of) => Truth::met(format!("{id} answers")),
            Some(Health::Healthy { .. }) => Truth::unknown(format!("{id} was not asked since")),
            Some(Health::Dead { why, .. }) => Truth::Unmet { because: why.clone() },
            Some(Health::Unknown { why }) => Truth::Unknown { why: why.clone() },
        }
    }

    fn new_member(&self, quorum: &Quorum, known: &[MemberId]) -> Truth {
        if let Some(truth) = self.unread_list(quorum) {
            return truth;
        }
        let mut members = quorum.members.iter().map(|state| &state.member);
        match members.find(|member| !known.contains(&member.id)) {
            Some(member) => {
                let address = member.peer_address().unwrap_or("no address");
                Truth::met(format!("member {} at {address}", member.id))
            }
            None => Truth::unmet("etcd lists no new member"),
        }
    }

    /// Of the local member the applied index is known; of others, that they serve.
    fn caught_up(&self, is_local: bool, id: MemberId) -> Truth {
        const CLOSE: u64 = 1_000;
        let local = self.snapshot.etcd.local.as_ref().filter(|_| is_local);
        let behind = local.map_or(0, |local| {
            local.value.raft_index.saturating_sub(local.value.applied_index)
        });
        Truth::of(
            behind <= CLOSE,
            format!("{id} is a started voter and serves"),
            format!("{id} is {behind} entries behind"),
        )
    }

    fn membership_quiet(&self, quorum: &Quorum) -> Truth {
        if let Some(truth) = self.unread_list(quorum) {
            return truth;
        }
        let mut members = quorum.members.iter();
        match members.find(|state| state.member.is_learner || !state.member.has_started()) {
            Some(state) => Truth::unmet(format!("member {} has not become a voter", state.member.id)),
            None => self.no_alarm(),
        }
    }

    fn no_alarm(&self) -> Truth {
        let as_of = self.snapshot.feed(FeedId::EtcdLocal).as_of();
        let Some(local) = self
            .snapshot
            .etcd
            .local
            .as_ref()
            .filter(|_| as_of.is_some_and(|at| self.is_fresh(at)))
        else {
            return Truth::unknown("the local member's status was not read since");
        };
        let mut errors = local.value.errors.iter();
        match errors.find(|error| is_alarm(error.as_str())) {
            Some(alarm) => Truth::unmet(format!("alarm: {alarm}")),
            None => Truth::met("no alarm"),
        }
    }

    /// Each election begins a new term (Raft). An election in which nobody won shows as well.
    fn term_steady(&self, wanted: Duration) -> Truth {
        let as_of = self.snapshot.feed(FeedId::EtcdLocal).as_of();
        let Some(term) = self
            .snapshot
            .etcd
            .term
            .as_ref()
            .filter(|_| as_of.is_some_and(|at| self.is_fresh(at)))
        else {
            return Truth::unknown("the local member's status was not read since");
        };
        // The first one that we saw may be older; it is not known to be.
        let steady = self.snapshot.now.since(term.changed_at);
        if steady >= wanted {
            return Truth::met(format!("term {} for {}", term.value, Age(steady)));
        }
        Truth::Unmet {
            because: Why::new(WhyKind::NotYet, format!("term {}, but not for long enough", term.value)),
        }
    }

    fn silent(&self, quorum: &Quorum, id: MemberId, wanted: Duration) -> Truth {
        let Some(state) = quorum.member(id) else {
            return Truth::unknown(format!("etcd does not list member {id}"));
        };
        match &state.health {
            Health::Healthy { .. } => Truth::unmet(format!("{id} serves")),
            Health::Unknown { why } => Truth::Unknown { why: why.clone() },
            Health::Dead { last_seen, why } => self.silent_for(id, *last_seen, why, wanted),
        }
    }

    fn silent_for(&self, id: MemberId, last_seen: Option<Stamp>, why: &Why, wanted: Duration) -> Truth {
        let Some(peer) = self.snapshot.etcd.peers.get(&id) else {
            return Truth::unknown(format!("{id} was not asked"));
        };
        let asked_again = peer
            .history
            .failing
            .as_ref()
            .is_some_and(|run| self.is_fresh(run.latest));
        if !asked_again {
            return Truth::unknown(format!("{id} was not asked since"));
        }
        let silent = self.snapshot.now.since(last_seen.unwrap_or(peer.history.since));
        if silent >= wanted {
            return Truth::met(format!("{} (no answer for {})", why.text, Age(silent)));
        }
        Truth::Unmet {
            because: Why::new(
                WhyKind::NotYet,
                format!("{id} is silent, but not long enough to be sure"),
            ),
        }
    }

    fn host_answers(&self, quorum: &Quorum, id: Option<MemberId>, node: &str) -> Truth {
        if let Some(state) = id.and_then(|id| quorum.member(id))
            && state.health.is_healthy()
        {
            return Truth::met(format!("etcd on {node} answers"));
        }
        let own = format!("k0s-ctrl-{node}");
        for (lease, writer) in [(node, "its kubelet"), (own.as_str(), "its k0s")] {
            if self.renews(lease) {
                return Truth::met(format!("{writer} renewed the lease {lease}"));
            }
        }
        let lists_it = id.is_none_or(|id| quorum.member(id).is_some());
        match id.and_then(|id| quorum.member(id)).map(|state| &state.health) {
            Some(Health::Unknown { why }) => Truth::Unknown { why: why.clone() },
            _ if lists_it => Truth::unmet(format!("nothing on {node} answers")),
            _ => Truth::unknown(format!("the member on {node} is not asked any more")),
        }
    }

    /// Whether we saw a lease of `kube-node-lease` renewed within the last seconds. Kubelets renew it every 10 s.
    fn renews(&self, lease: &str) -> bool {
        let age = self.snapshot.lease_age("kube-node-lease", lease);
        age.is_some_and(|age| age.seen && age.age <= Condition::freshness())
    }

    fn disk_free(&self, bytes: u64) -> Truth {
        let is_current = self.snapshot.feed(FeedId::Host(HostPart::Disk)).is_current();
        match self.snapshot.host.disk.as_ref().filter(|_| is_current) {
            None => Truth::unknown("the free space of etcd's file system is not known"),
            Some(disk) => Truth::of(
                disk.value.free_bytes >= bytes,
                format!("{} MiB free", disk.value.free_bytes >> 20),
                format!("only {} MiB free", disk.value.free_bytes >> 20),
            ),
        }
    }
}

/// Why a listed member is no voter yet, and what a failed join leaves behind.
fn unfinished(member: &Member) -> Option<Why> {
    let (id, address) = (member.id, member.peer_address().unwrap_or("no address"));
    if member.is_learner {
        let text = format!("{id} at {address} is a learner: it has no vote yet");
        let hint = "k0s promotes it within seconds once it has caught up; a join that failed leaves it: remove-remnant";
        return Some(Why::new(WhyKind::NotYet, text).hint(hint));
    }
    (!member.has_started()).then(|| {
        let text = format!("{id} at {address} is listed, but has not started");
        let hint = "if the join failed, look at journalctl -u k0scontroller there, then remove-remnant and join again";
        Why::new(WhyKind::NotYet, text).hint(hint)
    })
}

/// Whether one of a member's complaints is an alarm (etcd `Maintenance.Status.errors`): no leader is none.
pub(in crate::plan) fn is_alarm(error: &str) -> bool {
    error.contains("NOSPACE") || error.contains("CORRUPT")
}
