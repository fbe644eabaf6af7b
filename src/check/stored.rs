//! What the checks would say of etcd's last committed state. It stands beside "cannot tell" and never in its place: a check
//! passes by the truth of now only.

use super::Outcome;
use super::look::names;
use crate::base::{Stamp, Text, Why, WhyKind};
use crate::model::{FeedId, FeedState, KubeKind, Snapshot};

/// The snapshot as it was when the stored state was written, as far as that is known; None where rows are not from there.
pub(super) fn as_it_was(snapshot: &Snapshot) -> Option<Snapshot> {
    let stored = snapshot.kube.stored.as_ref()?;
    let mut then = snapshot.clone();
    then.now = Stamp {
        wall: stored.written.unwrap_or(stored.at.wall),
        ..stored.at
    };
    let live = FeedState::Live { as_of: then.now };
    for kind in &stored.kinds {
        let state = if is_empty_custom(snapshot, *kind) {
            let why = Why::new(WhyKind::NotFound, format!("no {} are stored", kind.plural()));
            FeedState::Off { why }
        } else {
            live.clone()
        };
        then.feeds.insert(FeedId::Kube(*kind), state);
    }
    then.feeds.insert(FeedId::Api, live);
    Some(then)
}

/// Whether nothing of a custom kind is stored: then it is most likely not installed.
fn is_empty_custom(snapshot: &Snapshot, kind: KubeKind) -> bool {
    let kube = &snapshot.kube;
    match kind {
        KubeKind::EtcdMembers => kube.etcd_members.is_empty(),
        KubeKind::Upgrades => kube.upgrades.is_empty(),
        KubeKind::ControlNodes => kube.control_nodes.is_empty(),
        KubeKind::ClusterConfigs => kube.cluster_configs.is_empty(),
        KubeKind::Installations => kube.installations.is_empty(),
        KubeKind::NetBoxEnterprises => kube.netbox_enterprises.is_empty(),
        _ => false,
    }
}

/// The outcome of a check that cannot tell for want of the API, with what it would say of the stored state.
pub(super) fn beside(outcome: Outcome, of_stored: impl FnOnce() -> Option<Outcome>) -> Outcome {
    let Outcome::CannotTell {
        feed: feed @ (FeedId::Api | FeedId::Kube(_)),
        why,
        ..
    } = outcome
    else {
        return outcome;
    };
    let stored = match of_stored() {
        Some(Outcome::Holds) => Some(Text::new("it held")),
        Some(Outcome::Broken { findings }) => {
            let titles = findings.iter().map(|finding| finding.title.as_str());
            Some(Text::from(names(titles)))
        }
        Some(Outcome::CannotTell { .. } | Outcome::NotApplicable { .. }) | None => None,
    };
    Outcome::CannotTell { feed, why, stored }
}
