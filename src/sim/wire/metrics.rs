//! etcd's `/metrics`, as far as the world knows them, under their real names.

use std::fmt::Write;

use crate::sim::world::World;
use crate::sim::world::host::HostId;

/// In Prometheus' text format; empty where the member does not answer.
pub fn text(world: &World, host: HostId) -> String {
    let Ok(status) = world.etcd_status(host) else {
        return String::new();
    };
    let rows = [
        ("etcd_server_has_leader", u64::from(status.leader != 0)),
        ("etcd_server_is_leader", u64::from(status.leader == status.member_id)),
        ("etcd_server_is_learner", u64::from(status.is_learner)),
        ("etcd_mvcc_db_total_size_in_bytes", status.db_size),
        ("etcd_mvcc_db_total_size_in_use_in_bytes", status.db_size_in_use),
        ("etcd_server_quota_backend_bytes", status.quota.unwrap_or_default()),
    ];
    let mut text = String::new();
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = write!(text, "# TYPE {name} gauge\n{name} {value}\n");
    }
    text
}
