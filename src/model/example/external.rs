//! The external services of the example cluster, all in order.

use std::collections::BTreeMap;

use super::ago;
use crate::base::Stamp;
use crate::model::external::{
    Bucket, Cache, DATABASES, Database, External, Master, Secured, Server, ServiceId, Told, Watch,
};

/// A server that told this.
fn server<T>(at: Stamp, target: &str, told: T) -> Server<T> {
    Server {
        target: target.into(),
        secured: Secured::Tls {
            not_after: at.wall + jiff::SignedDuration::from_hours(24 * 300),
        },
        addresses: vec![[192, 0, 2, 40].into()],
        answer: Ok(told),
    }
}

/// PostgreSQL with a standby, Redis with a replica and three Sentinels, and a bucket.
pub(super) fn services() -> BTreeMap<ServiceId, External> {
    let at = ago(40);
    let database = |in_recovery: bool| Database {
        version: "16.4".into(),
        in_recovery,
        read_only: in_recovery,
        databases: DATABASES.map(Into::into).to_vec(),
        standbys: if in_recovery {
            Vec::new()
        } else {
            vec!["streaming".into()]
        },
        other_receivers: 0,
    };
    let watch = || Watch {
        masters: vec![Master {
            name: "diode".into(),
            address: "10.77.9.21:6379".into(),
            is_down: false,
            replicas: 1,
            replicas_down: 0,
            sentinels: 3,
            quorum: 2,
            no_quorum: None,
        }],
        unknown: Vec::new(),
    };
    let cache = Cache {
        role: "master".into(),
        replicas: 1,
        hears_master: None,
    };
    let bucket = Bucket {
        name: "netbox".into(),
        exists: Some(true),
        written: None,
        spares_server: Some(true),
    };
    let sentinels = [1, 2, 3].map(|n| server(at, &format!("10.77.9.2{n}:26379"), watch()));
    let told = [
        Told::Postgresql(vec![
            server(at, "db-1.example.com:5432", database(false)),
            server(at, "db-2.example.com:5432", database(true)),
        ]),
        Told::Redis(vec![server(at, "cache.example.com:6379", cache)]),
        Told::Sentinel(sentinels.to_vec()),
        Told::S3(vec![server(at, "s3.example.com:443", bucket)]),
    ];
    told.into_iter()
        .map(|told| (told.service(), External { at, told }))
        .collect()
}
