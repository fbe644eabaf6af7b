//! Volumes that can live on one host only, as OpenEBS makes them.

use jiff::Timestamp;
use serde_json::json;

use super::World;
use super::host::HostId;
use super::read::{set, uid};
use super::resource::Resource;
use super::store::Key;

impl World {
    /// Makes the volume of a claim on a host, and binds them.
    pub(super) fn provision(&mut self, claim: &Key, host: HostId, at: Timestamp) {
        let Some(stored) = self.store.get(claim) else { return };
        let own = uid(stored).to_owned();
        let volume = format!("pvc-{own}");
        let node = self.name_of(host).to_owned();
        let body = json!({
            "metadata": {"labels": {"openebs.io/cas-type": "local-hostpath"}, "finalizers": ["kubernetes.io/pv-protection"],
                "annotations": {"pv.kubernetes.io/provisioned-by": "openebs.io/local"}},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem",
                "persistentVolumeReclaimPolicy": "Delete", "storageClassName": "openebs-hostpath",
                "local": {"path": format!("/var/lib/embedded-cluster/openebs-local/{volume}")},
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": claim.namespace, "name": claim.name, "uid": own},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [
                    {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]}}},
            "status": {"phase": "Bound"},
        });
        // The name holds the claim's uid, so it is new.
        let _ = self
            .store
            .create(&Key::new(Resource::Volumes, "", volume.clone()), body, at);
        self.store.change(claim, |claim| {
            for (annotation, value) in [
                ("pv.kubernetes.io/bind-completed", "yes"),
                ("pv.kubernetes.io/bound-by-controller", "yes"),
                ("volume.kubernetes.io/selected-node", node.as_str()),
                ("volume.kubernetes.io/storage-provisioner", "openebs.io/local"),
                ("volume.beta.kubernetes.io/storage-provisioner", "openebs.io/local"),
            ] {
                set(claim, &["metadata", "annotations", annotation], value.into());
            }
            set(claim, &["spec", "volumeName"], volume.into());
            let status = json!({"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}});
            set(claim, &["status"], status);
        });
    }
}
