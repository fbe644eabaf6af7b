//! The beginning: a cluster that was installed some weeks ago and has been well since. Start reading at
//! [`World::genesis`]; `nodes` makes machines and what k0s writes about them, `product` the installer's and NetBox's
//! objects, `workloads` everything that runs.

mod hostile;
mod nodes;
mod product;
mod workloads;

pub(super) use self::nodes::{fine_conditions, k0s_version};
pub(super) use self::product::HA_MISSING;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use self::hostile::complaint;
use super::World;
use super::host::HostId;
use super::lease::{Office, Post};
use super::resource::Resource;
use super::store::Key;

/// How long before the beginning of its time the cluster was installed.
const AGE_S: i64 = 23 * 86_400 + 4_310;

pub(super) const NAMESPACES: [&str; 8] = [
    "default",
    "embedded-cluster",
    "kotsadm",
    "kube-node-lease",
    "kube-public",
    "kube-system",
    "openebs",
    "velero",
];

impl World {
    pub(super) fn genesis(&mut self) {
        let installed = self.past(AGE_S);
        for name in NAMESPACES {
            let body = json!({
                "metadata": {"labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
            });
            self.make(Resource::Namespaces, "", name, body, installed);
        }
        self.make_machines();
        self.make_product();
        self.make_workloads();
        if self.plan.cluster.hostile {
            self.plan.complaint = Some(complaint());
            self.make_hostile();
        }
        let first = self.controllers().next();
        if let Some(first) = first {
            for office in Office::ALL {
                let uuid = self.store.uid();
                let identity = match office {
                    Office::K0s => self.invocation_id(first).to_owned(),
                    Office::ControllerManager | Office::Scheduler => format!("{}_{uuid}", self.name_of(first)),
                };
                self.posts.push(Post::new(office, Some(first), identity));
            }
        }
        self.lifecycle.rest(&self.store);
    }

    /// So many seconds before the beginning.
    pub(super) fn past(&self, seconds: i64) -> Timestamp {
        self.start
            .checked_sub(SignedDuration::from_secs(seconds))
            .unwrap_or(self.start)
    }

    /// Stores an object of the beginning. Names of the beginning are distinct, so nothing is refused.
    pub(super) fn make(
        &mut self,
        resource: Resource,
        namespace: &str,
        name: &str,
        body: Value,
        at: Timestamp,
    ) -> Value {
        let made = self.store.create(&Key::new(resource, namespace, name), body, at);
        made.map_or(Value::Null, |object| Value::clone(&object))
    }

    /// The address of a host; for the next one, the one that it will get.
    pub(super) fn address(&self, host: HostId) -> String {
        let known = self.hosts.iter().find(|own| own.id == host);
        if let Some(known) = known {
            return known.address.clone();
        }
        let [a, b, c] = self.plan.network.prefix;
        let mut all = (host.0 + 10..).map(|last| format!("{a}.{b}.{c}.{last}"));
        let is_free = |address: &String| !self.hosts.iter().any(|own| own.address == *address);
        all.find(is_free).unwrap_or_default()
    }

    pub(super) fn peer_url(&self, host: HostId) -> String {
        let (address, port) = (self.address(host), self.plan.network.peer_port);
        if address.contains(':') {
            return format!("https://[{address}]:{port}");
        }
        format!("https://{address}:{port}")
    }
}
