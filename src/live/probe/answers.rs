//! What peer ports say, in our own terms. Fields that we do not know are passed over. Pure.

use jiff::Timestamp;
use serde::Deserialize;

use super::request::Answer;
use crate::base::{Text, WhyKind};
use crate::model::etcd::{ClusterId, Member, MemberId, MembershipView};

/// What is wrong with an answer: for decisions, and in words.
pub type Wrong = (WhyKind, String);

fn garbage(error: impl std::fmt::Display) -> Wrong {
    (WhyKind::Garbage, format!("the answer makes no sense: {error}"))
}

/// `/raft/probing`: the member's clock.
pub fn probing(answer: &Answer) -> Result<Timestamp, Wrong> {
    #[derive(Deserialize)]
    struct Probing {
        #[serde(rename = "OK")]
        ok: bool,
        #[serde(rename = "Now")]
        now: Timestamp,
    }
    let probing: Probing = serde_json::from_slice(&answer.body).map_err(garbage)?;
    if !probing.ok {
        return Err((WhyKind::Unavailable, "it says that it is not OK".into()));
    }
    Ok(probing.now)
}

/// `/version`: the server's version.
pub fn version(answer: &Answer) -> Result<Text, Wrong> {
    #[derive(Deserialize)]
    struct Version {
        etcdserver: Text,
    }
    let version: Version = serde_json::from_slice(&answer.body).map_err(garbage)?;
    Ok(version.etcdserver)
}

/// `/members`: the membership as the member has it, sorted by id. Ids are decimal and above 2^53.
pub fn members(answer: &Answer) -> Result<MembershipView, Wrong> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        id: u64,
        /// Absent until the member has started once.
        name: Option<Text>,
        #[serde(rename = "peerURLs")]
        peer_urls: Option<Vec<Text>>,
        /// Likewise.
        #[serde(rename = "clientURLs")]
        client_urls: Option<Vec<Text>>,
        /// Absent unless true.
        #[serde(default)]
        is_learner: bool,
    }
    let rows: Vec<Row> = serde_json::from_slice(&answer.body).map_err(garbage)?;
    let mut members: Vec<Member> = rows
        .into_iter()
        .map(|row| Member {
            id: MemberId(row.id),
            name: row.name.unwrap_or_default(),
            peer_urls: row.peer_urls.unwrap_or_default(),
            client_urls: row.client_urls.unwrap_or_default(),
            is_learner: row.is_learner,
        })
        .collect();
    members.sort_unstable_by_key(|member| member.id);
    let cluster_id = answer.cluster_id.as_deref().map(str::parse::<ClusterId>).transpose();
    Ok(MembershipView {
        cluster_id: cluster_id.map_err(|_| garbage("X-Etcd-Cluster-Id is not a hexadecimal number"))?,
        members,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(body: &str, cluster_id: Option<&str>) -> Answer {
        Answer {
            body: body.to_owned().into(),
            cluster_id: cluster_id.map(str::to_owned),
            took: Duration::ZERO,
        }
    }

    #[test]
    fn members_of_a_real_peer_port() {
        let body = include_str!("fixtures/peer-members.json");
        let view = members(&answer(body, Some("a7f3c36c4b26e66f"))).unwrap();
        assert_eq!(view.cluster_id, Some(ClusterId(0xa7f3_c36c_4b26_e66f)));
        let ids: Vec<u64> = view.members.iter().map(|member| member.id.0).collect();
        assert_eq!(
            ids,
            [
                2_677_674_080_080_550_774,
                7_716_881_055_216_753_962,
                10_077_765_369_785_300_531
            ]
        );
        assert_eq!(view.members[1].name, "nbe-4");
        assert_eq!(view.members[1].peer_address(), Some("10.77.0.14"));
        assert!(view.members.iter().all(|member| !member.is_learner));
    }

    #[test]
    fn learners_unstarted_members_and_unknown_fields() {
        let body = r#"[{"id":7,"peerURLs":["https://10.0.0.7:2380"],"isLearner":true,"zone":{"a":[1]}},{"id":3,"peerURLs":null}]"#;
        let view = members(&answer(body, None)).unwrap();
        assert_eq!(view.cluster_id, None);
        assert_eq!(
            (view.members[0].id, view.members[0].has_started()),
            (MemberId(3), false)
        );
        assert!(view.members[1].is_learner);
    }

    #[test]
    fn what_is_no_member_list_is_garbage() {
        for body in [
            "",
            "{}",
            "[{}]",
            r#"[{"id":-1}]"#,
            r#"[{"id":1e300}]"#,
            "<html>",
            "\u{0}\u{1}",
        ] {
            assert_eq!(
                members(&answer(body, None)).unwrap_err().0,
                WhyKind::Garbage,
                "{body:?}"
            );
        }
        assert_eq!(members(&answer("[]", Some("zebra"))).unwrap_err().0, WhyKind::Garbage);
    }

    #[test]
    fn the_clock_of_a_member() {
        let body = r#"{"OK":true,"Now":"2026-11-22T23:30:23.185844087Z","Rack":4}"#;
        assert_eq!(
            probing(&answer(body, None)).unwrap().as_nanosecond() % 1_000_000_000,
            185_844_087
        );
        let not_ok = r#"{"OK":false,"Now":"2026-11-22T23:30:23Z"}"#;
        assert_eq!(probing(&answer(not_ok, None)).unwrap_err().0, WhyKind::Unavailable);
        assert_eq!(
            probing(&answer(r#"{"OK":true,"Now":"noon"}"#, None)).unwrap_err().0,
            WhyKind::Garbage
        );
    }

    #[test]
    fn the_version_of_a_member() {
        let body = r#"{"etcdserver":"3.6.16","etcdcluster":"3.6.0","storage":"3.6.0"}"#;
        assert_eq!(version(&answer(body, None)).unwrap(), "3.6.16");
        assert_eq!(version(&answer("3.6.16", None)).unwrap_err().0, WhyKind::Garbage);
    }
}
