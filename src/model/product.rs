//! Embedded Cluster's and NetBox Enterprise's own objects.

use serde::{Deserialize, Serialize};

use super::kube::Condition;
use super::snapshot::Snapshot;
use crate::base::Text;

/// `embeddedcluster.replicated.com/v1beta1` Installation. Its name is a time stamp; the highest name is the active one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installation {
    /// `status.state`; `Installed` is the healthy one.
    pub state: Text,
    /// `status.reason`.
    pub reason: Text,
    /// `spec.highAvailability`.
    pub high_availability: bool,
    /// `spec.airGap`.
    pub air_gap: bool,
    /// `spec.config.version`, such as `2.19.4+k8s-1.35`.
    pub version: Option<Text>,
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
}

/// `netboxlabs.com` NetBoxEnterprise. Unknown conditions are kept and shown as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetBoxEnterprise {
    /// The API version found by discovery, such as `netboxlabs.com/v1alpha1`.
    pub api_version: Text,
    /// `status.ready`; None when it does not say.
    pub ready: Option<bool>,
    /// `status.message`.
    pub message: Text,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// `status.convergedGeneration`: equals `generation` when a rollout has converged.
    pub converged_generation: Option<i64>,
    /// `status.conditions`.
    pub conditions: Vec<Condition>,
    /// `spec.postgresql.external`.
    pub external_postgresql: Option<bool>,
    /// `spec.redis.external`.
    pub external_redis: Option<bool>,
    /// `spec.diode.enabled`: whether Diode, with Hydra, is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diode: Option<bool>,
    /// `spec.netbox.urls`: where users go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<Text>,
    /// Where NetBox is told that its services are.
    #[serde(default)]
    pub services: Services,
}

/// Where a NetBoxEnterprise says that the services outside the cluster are (its CRD reference and the vendor's example
/// manifests, 2.1: `spec.netbox.config`). Names and addresses, no secrets, but where those are. What is None is not said there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Services {
    /// As the setting `external.postgresql`.
    pub postgresql: Option<Text>,
    /// Its password.
    #[serde(default)]
    pub postgresql_password: Option<SecretRef>,
    /// As the setting `external.redis`.
    pub redis: Option<Text>,
    /// Its password.
    #[serde(default)]
    pub redis_password: Option<SecretRef>,
    /// Object storage.
    pub s3: Option<Bucket>,
}

/// A bucket, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// As the setting `external.s3_endpoint`.
    pub endpoint: Text,
    /// Its name.
    pub name: Text,
    /// Its region.
    pub region: Option<Text>,
    /// The name of the key.
    #[serde(default)]
    pub access_key: Option<SecretRef>,
    /// The key.
    #[serde(default)]
    pub secret_key: Option<SecretRef>,
}

/// One word in a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRef {
    /// The Secret's namespace: that of the NetBoxEnterprise.
    pub namespace: Text,
    /// The Secret.
    pub name: Text,
    /// Which of its words.
    pub key: Text,
}

/// Nothing of it is said.
static UNTOLD: Services = Services {
    postgresql: None,
    postgresql_password: None,
    redis: None,
    redis_password: None,
    s3: None,
};

impl Snapshot {
    /// Where the services outside are, by the first NetBoxEnterprise that says anything of it.
    pub fn services(&self) -> &Services {
        let mut all = self.kube.netbox_enterprises.values().map(|own| &own.services);
        all.find(|own| **own != UNTOLD).unwrap_or(&UNTOLD)
    }
}
