//! How the checks are grouped: as the HA document groups its statements.

use serde::{Deserialize, Serialize};

use crate::base::{Why, WhyKind};
use crate::model::Policy;
use crate::model::policy::Site;

/// A chapter of the HA document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// Ours: what no list of requirements asks for, and what decides at this moment.
    Now,
    /// Machines, roles and the product itself.
    Cluster,
    /// How soon a loss is noticed and replaced.
    RecoverySpeed,
    /// Where replicas run, and whether survivors have room.
    Placement,
    /// PostgreSQL, Redis and object storage.
    ExternalServices,
    /// Between the nodes.
    Network,
    /// How users and administrators get in.
    EntryPoint,
}

impl Group {
    /// Every group, in the order of the document.
    pub const ALL: [Group; 7] = [
        Group::Now,
        Group::Cluster,
        Group::RecoverySpeed,
        Group::Placement,
        Group::ExternalServices,
        Group::Network,
        Group::EntryPoint,
    ];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Group::Now => "Now",
            Group::Cluster => "Cluster",
            Group::RecoverySpeed => "Recovery speed",
            Group::Placement => "Placement",
            Group::ExternalServices => "External services",
            Group::Network => "Network",
            Group::EntryPoint => "Entry point",
        }
    }
}

/// Which clusters a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// All.
    Any,
    /// Those that are spread over availability zones.
    MultiZone,
}

impl Profile {
    /// Why a check of this profile does not concern the cluster, if so. Where the settings say nothing, the labels decide,
    /// and each check about zones looks at them itself.
    pub(super) fn why_not(self, policy: &Policy) -> Option<Why> {
        let is_single = self == Profile::MultiZone && policy.site == Site::SingleLocation;
        is_single.then(|| Why::new(WhyKind::Disabled, "the settings say: a single location (policy.site)"))
    }
}
