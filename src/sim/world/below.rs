//! What a host shows from below, to whoever is logged in there: the pods whose containers run, and what k0s and its children
//! complain of in the journal.

use super::World;
use super::etcd::Alarm;
use super::host::{Component, HostId, Run};
use super::pod;
use super::read::uid;
use super::resource::Resource;
use super::store::str_at;

/// etcd's own words while it has no leader (`api/v3rpc/rpctypes/error.go`), wrapped by k0s.
const NO_LEADER: &str = r#"level=info msg="{\"level\":\"warn\",\"msg\":\"failed to reach the peers\",\"error\":\"etcdserver: no leader\"}" component=etcd stream=stderr"#;
/// The same when its database is full, and when one is called corrupt.
const FULL: &str =
    r#"level=error msg="Failed to update controller lease" error="etcdserver: mvcc: database space exceeded""#;
const CORRUPT: &str = r#"level=error msg="Failed to update controller lease" error="etcdserver: corrupt cluster""#;
/// Go's words for a certificate that has ended (`crypto/x509`).
const EXPIRED: &str = r#"level=info msg="{\"level\":\"warn\",\"msg\":\"rejected connection on peer endpoint\",\"error\":\"tls: failed to verify certificate: x509: certificate has expired or is not yet valid\"}" component=etcd stream=stderr"#;
/// A member that was removed from its cluster says so and ends (`server/etcdserver/api/rafthttp`).
const REMOVED: &str = r#"level=info msg="{\"level\":\"error\",\"msg\":\"the member has been permanently removed from the cluster\"}" component=etcd stream=stderr"#;

impl World {
    /// Namespace, name and UID of pods whose containers run on a host, by name; at most so many. They run on when k0s and
    /// the kubelet are gone.
    pub fn running_pods(&self, host: HostId, most: usize) -> Vec<[String; 3]> {
        if self.machine_run(host) == Run::Dead {
            return Vec::new();
        }
        let name = self.name_of(host);
        let pods = self.store.list(Resource::Pods, None);
        let here = pods.filter(|(_, object)| {
            pod::node(object) == Some(name) && str_at(object, "/status/phase") == Some("Running")
        });
        let rows = here.map(|(key, object)| [key.namespace.clone(), key.name.clone(), uid(object).to_owned()]);
        rows.take(most).collect()
    }

    /// What k0s and its children on a host complain of now, as its journal has it.
    pub fn complaints(&self, host: HostId) -> Vec<&'static str> {
        let runs = |component| self.run(host, component) != Run::Dead;
        let mut said = Vec::new();
        if runs(Component::Etcd) && !self.has_quorum(host) {
            said.push(NO_LEADER);
        }
        if runs(Component::K0s) {
            said.extend(self.alarm().map(|alarm| match alarm {
                Alarm::NoSpace => FULL,
                Alarm::Corrupt => CORRUPT,
            }));
        }
        if runs(Component::Etcd) && self.is_certificate_expired(host) {
            said.push(EXPIRED);
        }
        if self.is_removed(host) {
            said.push(REMOVED);
        }
        said
    }
}
