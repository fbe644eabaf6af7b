//! For how long no voter was to spare. Our own first look at it is no fact of the cluster.

use std::time::Duration;

use super::KubeKind;
use super::quorum::{MemberState, Quorum};
use super::snapshot::Snapshot;
use crate::base::{Age, Text};

/// A voter is proven dead within less after it was seen healthy last.
const PROOF: Duration = Duration::from_secs(30);

impl Snapshot {
    /// For how long no voter was to spare, in words to follow on "no spare"; None while there is one or nothing is proven.
    pub fn no_spare(&self, quorum: &Quorum) -> Option<String> {
        let since = self.etcd.spare_zero_since?;
        let age = Age(self.now.since(since));
        let Some(seen) = self.etcd.spare_seen else {
            let lost = self.longest_lost(quorum);
            let lost = lost.map(|(name, age)| format!("; the last heartbeat of {name} was {} ago", Age(age)));
            let lost = lost.unwrap_or_default();
            return Some(format!("for at least {age}, since quorate began to look{lost}"));
        };
        if since.since(seen) <= PROOF {
            return Some(format!("for {age}"));
        }
        let most = Age(self.now.since(seen));
        Some(format!(
            "for at least {age}, at most {most}: in between it was not seen"
        ))
    }

    /// The dead voter whose node is lost for the longest time, by Kubernetes' word of now.
    fn longest_lost(&self, quorum: &Quorum) -> Option<(&Text, Duration)> {
        if !self.kind(KubeKind::Nodes).is_current() {
            return None;
        }
        let is_dead_voter = |state: &&MemberState| !state.member.is_learner && state.health.is_dead();
        let dead = quorum.members.iter().filter(is_dead_voter);
        let lost = dead.filter_map(|state| {
            let node = self.node_at(state.member.peer_address()?)?;
            Some((&node.name, self.wall_age(self.lost_since(&node.name)?)))
        });
        lost.max_by_key(|(_, age)| *age)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::example::{self, Death, ago};

    fn told(snapshot: &Snapshot) -> Option<String> {
        snapshot.no_spare(&snapshot.quorum())
    }

    #[test]
    fn what_was_not_seen_to_begin_has_no_beginning() {
        assert_eq!(told(&example::healthy()), None);
        let mut snapshot = example::node_lost(Death::Silent);
        assert_eq!(told(&snapshot).unwrap(), "for 1 min 59 s");
        snapshot.etcd.spare_seen = Some(ago(600));
        assert_eq!(
            told(&snapshot).unwrap(),
            "for at least 1 min 59 s, at most 10 min: in between it was not seen"
        );
        snapshot.etcd.spare_zero_since = Some(ago(5));
        snapshot.etcd.spare_seen = None;
        let begun = "for at least 5 s, since quorate began to look";
        assert_eq!(
            told(&snapshot).unwrap(),
            format!("{begun}; the last heartbeat of nbe-3 was 2 min 5 s ago")
        );
        example::lose_feed(&mut snapshot, crate::model::FeedId::Kube(KubeKind::Nodes));
        assert_eq!(told(&snapshot).unwrap(), begun, "what Kubernetes said is of then");
    }
}
