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
    histograms(&mut text, world, host);
    text
}

/// Upper ends of etcd's buckets, in milliseconds: 1 ms × 2^0 … 2^13.
const BUCKETS: u32 = 14;
/// How long a write takes on a good disk, in milliseconds.
const WRITE_MS: u32 = 2;
/// One fsync in so many milliseconds.
const EVERY_MS: u64 = 100;

/// The times of the disk. Those before a disk became slow are not remembered: all are as slow as it is now.
fn histograms(text: &mut String, world: &World, host: HostId) {
    let count = world.now_ms() / EVERY_MS;
    let took = WRITE_MS + world.write_ms(host);
    for name in [
        "etcd_disk_wal_fsync_duration_seconds",
        "etcd_disk_backend_commit_duration_seconds",
    ] {
        let _ = writeln!(text, "# TYPE {name} histogram");
        for power in 0..BUCKETS {
            let end_ms = 1_u32 << power;
            let within = if took <= end_ms { count } else { 0 };
            let _ = writeln!(text, "{name}_bucket{{le=\"{}\"}} {within}", f64::from(end_ms) / 1000.0);
        }
        let sum = f64::from(took) / 1000.0;
        let _ = write!(
            text,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {sum}\n{name}_count {count}\n"
        );
    }
}
