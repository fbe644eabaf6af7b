//! What concerns etcd: its client and peer ports, its history, its alarms, and what API servers make of them.

use serde_json::json;

use super::{Ask, Call, From, LEASES, MAP, MEMBERS, Step, delete, get, post, step, watch};

fn call(id: &'static str, call: Call, argument: &str) -> Step {
    step(id, Ask::Etcd(call, argument.to_owned()))
}

pub(super) fn etcd() -> Vec<Step> {
    let range = |keys_only, count_only, limit| Call::Range {
        keys_only,
        count_only,
        limit,
    };
    let members = "/registry/etcd.k0sproject.io/etcdmembers/";
    vec![
        call("status", Call::Status, ""),
        call("members", Call::Members { linearizable: true }, ""),
        call("members-serializable", Call::Members { linearizable: false }, ""),
        call("keys", range(true, false, 0), members),
        call("keys-limited", range(true, false, 1), members),
        call("count", range(false, true, 0), members),
        call("no-keys", range(true, false, 0), "/registry/nothing/"),
        call("add-no-url", Call::Add { is_learner: false }, "nowhere"),
        call("add-known", Call::Add { is_learner: false }, "https://<peer>"),
        call("add-learner-known", Call::Add { is_learner: true }, "https://<peer>"),
        call("remove-unknown", Call::Remove, "1"),
        call("promote-unknown", Call::Promote, "1"),
        call("promote-voter", Call::Promote, "{members:/members/0/id}"),
        call("add-learner", Call::Add { is_learner: true }, "https://<net>.99:2380"),
        call(
            "add-second-learner",
            Call::Add { is_learner: true },
            "https://<net>.98:2380",
        ),
        call("members-with-learner", Call::Members { linearizable: true }, ""),
        call("promote-learner", Call::Promote, "{add-learner:/member/id}"),
        call("remove-learner", Call::Remove, "{add-learner:/member/id}"),
        call("remove-learner-again", Call::Remove, "{add-learner:/member/id}"),
        call("members-as-before", Call::Members { linearizable: true }, ""),
        call("snapshot", Call::Snapshot, ""),
    ]
}

/// What `etcd` is refused, granted.
pub(super) fn promotion() -> Vec<Step> {
    let members = || Call::Members { linearizable: true };
    // Until it has started it has no name, and stands first.
    let learner = "{learner:/members/3/id}";
    vec![
        call("learner", members(), "").until("/members/3/name", json!("nbe-4")),
        // Refused until it has caught up.
        call("promote", Call::Promote, learner).until("", json!(0)),
        call("promoted", members(), ""),
        call("promote-again", Call::Promote, learner),
        call("remove-promoted", Call::Remove, learner),
    ]
}

/// A continue token of revision 2: `{"v":"meta.k8s.io/v1","rv":2,"start":"parity-4\0"}`.
const OLD_TOKEN: &str = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6Miwic3RhcnQiOiJwYXJpdHktNFx1MDAwMCJ9";

pub(super) fn history() -> Vec<Step> {
    vec![
        post(
            "mark",
            LEASES,
            r#"{"metadata":{"name":"parity-4"},"spec":{"holderIdentity":"4"}}"#,
        ),
        call("compact", Call::Compact, "{mark:/metadata/resourceVersion}"),
        call("compact-again", Call::Compact, "{mark:/metadata/resourceVersion}"),
        call("compact-future", Call::Compact, "99999999"),
        call("range-compacted", Call::RangeAt, "2"),
        call("range-future", Call::RangeAt, "99999999"),
        call("range-kept", Call::RangeAt, "{mark:/metadata/resourceVersion}"),
        watch(
            "watch-too-old",
            &format!("{MEMBERS}?watch=1&timeoutSeconds=1&resourceVersion=1"),
        ),
        watch(
            "watch-kept",
            &format!("{LEASES}?watch=1&timeoutSeconds=1&resourceVersion={{mark:/metadata/resourceVersion}}"),
        ),
        // Of a kind that did not exist at that revision: what an API server has kept of one that did, it still answers.
        get(
            "list-too-old",
            &format!("{MEMBERS}?resourceVersionMatch=Exact&resourceVersion=2"),
        ),
        get("page-too-old", &format!("{MEMBERS}?limit=1&continue={OLD_TOKEN}")),
        call("defragment", Call::Defragment, ""),
        delete("unmark", &format!("{LEASES}/parity-4"), ""),
    ]
}

const GET: i32 = 0;
const ACTIVATE: i32 = 1;
const DEACTIVATE: i32 = 2;
const NOSPACE: i32 = 1;
const CORRUPT: i32 = 2;

pub(super) fn alarms() -> Vec<Step> {
    let alarm = |action, alarm| Call::Alarm { action, alarm };
    let own = "{members:/members/0/id}";
    let body = r#"{"metadata":{"name":"parity-5"},"spec":{"holderIdentity":"5"}}"#;
    vec![
        call("no-alarms", alarm(GET, 0), "0"),
        call("raise-nothing", alarm(ACTIVATE, 0), own),
        call("raise", alarm(ACTIVATE, NOSPACE), own),
        call("raise-again", alarm(ACTIVATE, NOSPACE), own),
        call("alarm", alarm(GET, NOSPACE), "0"),
        call("not-corrupt", alarm(GET, CORRUPT), "0"),
        call("status-with-alarm", Call::Status, ""),
        post("no-space", LEASES, body),
        get("read-without-space", MAP),
        call("compact-without-space", Call::Compact, "99999999"),
        call("disarm", alarm(DEACTIVATE, NOSPACE), own),
        call("disarm-again", alarm(DEACTIVATE, NOSPACE), own),
        call("raise-corrupt", alarm(ACTIVATE, CORRUPT), own),
        call("corrupt", alarm(GET, 0), "0"),
        call("no-space-left-out", alarm(GET, NOSPACE), "0"),
        call("status-corrupt", Call::Status, ""),
        post("create-corrupt", LEASES, body),
        get("read-corrupt", MAP),
        call("range-corrupt", Call::RangeAt, "0"),
        call("compact-corrupt", Call::Compact, "99999999"),
        call("disarm-corrupt", alarm(DEACTIVATE, CORRUPT), own),
        call("disarm-corrupt-again", alarm(DEACTIVATE, CORRUPT), own),
        call("alarms-as-before", alarm(GET, 0), "0"),
        post("space", LEASES, body).until("", json!(201)),
        delete("space-again", &format!("{LEASES}/parity-5"), ""),
    ]
}

pub(super) fn peers() -> Vec<Step> {
    let peer = |id, path, from| step(id, Ask::Peer { path, from });
    vec![
        peer("peer-members", "/members", From::OwnAddress),
        peer("peer-version", "/version", From::OwnAddress),
        peer("peer-probing", "/raft/probing", From::OwnAddress),
        peer("peer-downgrade", "/downgrade/enabled", From::OwnAddress),
        peer("peer-no-page", "/no/such/page", From::OwnAddress),
        peer("peer-wrong-source", "/members", From::Loopback),
    ]
}
