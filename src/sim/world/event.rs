//! Events: what the cluster's components tell about objects. Equal ones are counted, old ones expire.

use serde_json::json;

use super::World;
use super::read::{number_at, set, uid};
use super::resource::Resource;
use super::store::{Key, seconds, str_at};

/// How long an event lives (`--event-ttl`).
const TTL_S: i64 = 3_600;
/// More than this are never kept: the oldest go first.
const MAX_EVENTS: usize = 1_000;

/// One message.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    kind: &'static str,
    reason: &'static str,
    message: &'a str,
    component: &'static str,
}

impl<'a> About<'a> {
    pub const fn normal(reason: &'static str, message: &'a str, component: &'static str) -> Self {
        Self {
            kind: "Normal",
            reason,
            message,
            component,
        }
    }

    pub const fn warning(reason: &'static str, message: &'a str, component: &'static str) -> Self {
        Self {
            kind: "Warning",
            reason,
            message,
            component,
        }
    }
}

impl World {
    /// Tells something about an object.
    pub(super) fn record(&mut self, key: &Key, about: About) {
        let now = seconds(self.wall());
        let own = self
            .store
            .get(key)
            .map(|object| uid(object).to_owned())
            .unwrap_or_default();
        let text = format!("{own}{}{}{}", key.name, about.reason, about.message);
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let namespace = if key.namespace.is_empty() {
            "default"
        } else {
            &key.namespace
        };
        let event = Key::new(Resource::Events, namespace, format!("{}.{hash:016x}", key.name));
        if self.store.get(&event).is_some() {
            self.store.change(&event, |event| {
                let count = number_at(event, "/count").unwrap_or(1);
                set(event, &["count"], (count + 1).into());
                set(event, &["lastTimestamp"], now.into());
            });
            return;
        }
        let info = key.resource.info();
        let body = json!({
            "involvedObject": {"apiVersion": key.resource.api_version(), "kind": info.kind, "namespace": key.namespace,
                "name": key.name, "uid": own},
            "type": about.kind, "reason": about.reason, "message": about.message, "count": 1,
            "source": {"component": about.component}, "reportingComponent": about.component, "reportingInstance": "",
            "firstTimestamp": now, "lastTimestamp": now, "eventTime": null,
        });
        // It was just seen not to exist.
        let _ = self.store.create(&event, body, self.wall());
    }

    /// Old events go, once a minute.
    pub(super) fn expire_events(&mut self) {
        if !self.now_ms.is_multiple_of(60_000) {
            return;
        }
        let oldest = self.wall().as_second() - TTL_S;
        let mut all: Vec<(i64, Key)> = self
            .store
            .list(Resource::Events, None)
            .map(|(key, event)| {
                let last = str_at(event, "/lastTimestamp").and_then(|time| time.parse::<jiff::Timestamp>().ok());
                (last.map_or(0, jiff::Timestamp::as_second), key.clone())
            })
            .collect();
        all.sort();
        let surplus = all.len().saturating_sub(MAX_EVENTS);
        for (n, (last, key)) in all.into_iter().enumerate() {
            if n < surplus || last < oldest {
                self.store.remove(&key);
            }
        }
    }
}
