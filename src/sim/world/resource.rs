//! The resources that the simulated API server serves. One table: discovery, routing and etcd keys read it.

/// A resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Resource {
    Namespaces,
    Nodes,
    Pods,
    Events,
    Services,
    Endpoints,
    ConfigMaps,
    Secrets,
    Claims,
    Volumes,
    Deployments,
    ReplicaSets,
    StatefulSets,
    DaemonSets,
    Leases,
    DisruptionBudgets,
    EtcdMembers,
    ControlNodes,
    Plans,
    ClusterConfigs,
    Installations,
    NetBoxEnterprises,
}

/// What a resource is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// The API group; empty for core.
    pub group: &'static str,
    /// The one version that is served.
    pub version: &'static str,
    /// As in a URL.
    pub plural: &'static str,
    /// As in an object.
    pub kind: &'static str,
    /// Whether its objects live in namespaces.
    pub is_namespaced: bool,
    /// Whether `status` is a subresource: then a plain update leaves it as it was.
    pub has_status: bool,
    /// Where etcd keeps it, below `/registry/`.
    pub registry: &'static str,
}

#[rustfmt::skip] // One line each: it is a table.
const fn info(group: &'static str, version: &'static str, plural: &'static str, kind: &'static str, is_namespaced: bool, has_status: bool, registry: &'static str) -> Info {
    Info { group, version, plural, kind, is_namespaced, has_status, registry }
}

impl Resource {
    /// Every resource.
    pub const ALL: [Resource; 22] = [
        Resource::Namespaces,
        Resource::Nodes,
        Resource::Pods,
        Resource::Events,
        Resource::Services,
        Resource::Endpoints,
        Resource::ConfigMaps,
        Resource::Secrets,
        Resource::Claims,
        Resource::Volumes,
        Resource::Deployments,
        Resource::ReplicaSets,
        Resource::StatefulSets,
        Resource::DaemonSets,
        Resource::Leases,
        Resource::DisruptionBudgets,
        Resource::EtcdMembers,
        Resource::ControlNodes,
        Resource::Plans,
        Resource::ClusterConfigs,
        Resource::Installations,
        Resource::NetBoxEnterprises,
    ];

    /// What it is called.
    #[rustfmt::skip] // One line each: it is a table.
    pub const fn info(self) -> Info {
        match self {
            Resource::Namespaces => info("", "v1", "namespaces", "Namespace", false, true, "namespaces"),
            Resource::Nodes => info("", "v1", "nodes", "Node", false, true, "minions"),
            Resource::Pods => info("", "v1", "pods", "Pod", true, true, "pods"),
            Resource::Events => info("", "v1", "events", "Event", true, false, "events"),
            Resource::Services => info("", "v1", "services", "Service", true, true, "services/specs"),
            Resource::Endpoints => info("", "v1", "endpoints", "Endpoints", true, false, "services/endpoints"),
            Resource::ConfigMaps => info("", "v1", "configmaps", "ConfigMap", true, false, "configmaps"),
            Resource::Secrets => info("", "v1", "secrets", "Secret", true, false, "secrets"),
            Resource::Claims => info("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", true, true, "persistentvolumeclaims"),
            Resource::Volumes => info("", "v1", "persistentvolumes", "PersistentVolume", false, true, "persistentvolumes"),
            Resource::Deployments => info("apps", "v1", "deployments", "Deployment", true, true, "deployments"),
            Resource::ReplicaSets => info("apps", "v1", "replicasets", "ReplicaSet", true, true, "replicasets"),
            Resource::StatefulSets => info("apps", "v1", "statefulsets", "StatefulSet", true, true, "statefulsets"),
            Resource::DaemonSets => info("apps", "v1", "daemonsets", "DaemonSet", true, true, "daemonsets"),
            Resource::Leases => info("coordination.k8s.io", "v1", "leases", "Lease", true, false, "leases"),
            Resource::DisruptionBudgets => info("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", true, true, "poddisruptionbudgets"),
            Resource::EtcdMembers => info("etcd.k0sproject.io", "v1beta1", "etcdmembers", "EtcdMember", false, true, "etcd.k0sproject.io/etcdmembers"),
            Resource::ControlNodes => info("autopilot.k0sproject.io", "v1beta2", "controlnodes", "ControlNode", false, true, "autopilot.k0sproject.io/controlnodes"),
            Resource::Plans => info("autopilot.k0sproject.io", "v1beta2", "plans", "Plan", false, true, "autopilot.k0sproject.io/plans"),
            Resource::ClusterConfigs => info("k0s.k0sproject.io", "v1beta1", "clusterconfigs", "ClusterConfig", true, false, "k0s.k0sproject.io/clusterconfigs"),
            Resource::Installations => info("embeddedcluster.replicated.com", "v1beta1", "installations", "Installation", false, true, "embeddedcluster.replicated.com/installations"),
            Resource::NetBoxEnterprises => info("netboxlabs.com", "v1alpha1", "netboxenterprises", "NetBoxEnterprise", true, true, "netboxlabs.com/netboxenterprises"),
        }
    }

    /// The resource of a URL.
    pub fn find(group: &str, version: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| {
            let info = resource.info();
            info.group == group && info.version == version && info.plural == plural
        })
    }

    /// As error messages call it: `pods`, `deployments.apps`.
    pub fn qualified(self) -> String {
        let info = self.info();
        if info.group.is_empty() {
            info.plural.to_owned()
        } else {
            format!("{}.{}", info.plural, info.group)
        }
    }

    /// `apiVersion` of its objects.
    pub fn api_version(self) -> String {
        let info = self.info();
        if info.group.is_empty() {
            info.version.to_owned()
        } else {
            format!("{}/{}", info.group, info.version)
        }
    }
}
