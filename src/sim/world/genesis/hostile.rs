//! Bad text in every place where a real API server lets it through: annotations, messages, conditions, events. Names and
//! labels stay as Kubernetes demands them, but long.

use serde_json::{Value, json};

use super::super::World;
use super::super::read::set;
use super::super::resource::Resource;
use super::super::store::{Key, seconds};
use super::workloads::container;

/// Terminal escapes, bidirectional overrides, markup, wide and combining characters, zero bytes.
const BAD: [&str; 6] = [
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[31mred\u{1b}[0m",
    "safe\u{202e}gnp.exe\u{2066}isolated",
    "[click](https://example.invalid) <script>alert(1)</script> ${HOME} `id` %s%n",
    "宽字符テキスト👩‍👩‍👧‍👦🏳️‍🌈e\u{301}\u{200b}\u{feff}",
    "line one\nline two\r\ttabbed\u{0}\u{8}\u{85}\u{2028}end",
    "\u{9b}31m\u{9d}52;c;aGVsbG8=\u{9c}",
];

impl World {
    pub(super) fn make_hostile(&mut self) {
        let long = "a-very-long-name-that-is-still-a-name-".repeat(6);
        let name = long.get(..52).unwrap_or("long").trim_end_matches('-').to_owned();
        let labels = json!({"app": name, "app.kubernetes.io/component": "x".repeat(63)});
        let template =
            json!({"metadata": {"labels": labels}, "spec": {"containers": [container("c", "c", "10m", "16Mi")]}});
        self.make_deployment("kotsadm", &name, &labels, &template, 2, 0);
        let everything = BAD.join(" ");
        let nodes: Vec<Key> = self
            .store
            .list(Resource::Nodes, None)
            .map(|(key, _)| key.clone())
            .collect();
        for (node, bad) in nodes.iter().zip(BAD) {
            self.store
                .change(node, |node| set(node, &["metadata", "annotations", "note"], bad.into()));
        }
        let pods: Vec<Key> = self
            .store
            .list(Resource::Pods, Some("kotsadm"))
            .map(|(key, _)| key.clone())
            .collect();
        for (n, pod) in pods.iter().enumerate() {
            let bad = BAD.get(n % BAD.len()).copied().unwrap_or_default();
            self.store
                .change(pod, |pod| set(pod, &["metadata", "annotations", "note"], bad.into()));
        }
        let netbox = Key::new(Resource::NetBoxEnterprises, "kotsadm", "netbox");
        self.store.change(&netbox, |netbox| {
            let odd = json!({"type": BAD[1], "status": "True", "reason": BAD[0], "message": everything,
                "lastTransitionTime": "2026-01-01T00:00:00Z"});
            if let Some(all) = netbox.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
                all.push(odd);
            }
        });
        let installation = Key::new(Resource::Installations, "", "20261101120000");
        let long = everything.repeat(20);
        self.store
            .change(&installation, |own| set(own, &["status", "reason"], long.into()));
        for (n, about) in nodes.iter().chain(&pods).enumerate() {
            self.make_hostile_event(about, n);
        }
    }

    /// What validation of core/v1 leaves alone (`validation/events.go`, events without eventTime): everything but the
    /// namespaces. Even the object that an event is about may have no name that an object could have.
    fn make_hostile_event(&mut self, about: &Key, n: usize) {
        let bad = |shift: usize| BAD.get((n + shift) % BAD.len()).copied().unwrap_or_default();
        let at = seconds(self.wall());
        let namespace = if about.namespace.is_empty() {
            "default"
        } else {
            &about.namespace
        };
        for (ending, name) in [("own", about.name.as_str()), ("strange", bad(0))] {
            let body = json!({
                "involvedObject": {"apiVersion": about.resource.api_version(), "kind": about.resource.info().kind,
                    "namespace": about.namespace, "name": name, "fieldPath": bad(1)},
                "type": "Warning", "reason": bad(2), "message": BAD.join(" "), "count": 1,
                "source": {"component": bad(3), "host": bad(4)}, "reportingComponent": bad(3),
                "reportingInstance": bad(5), "firstTimestamp": at, "lastTimestamp": at, "eventTime": null,
            });
            let own = format!("hostile-{n:02}-{ending}");
            self.make(Resource::Events, namespace, &own, body, self.start);
        }
    }
}

/// What NetBox Enterprise's operator has to say in a hostile cluster.
pub(super) fn complaint() -> String {
    BAD.join(" ")
}
