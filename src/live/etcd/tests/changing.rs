//! Every outcome of a change that is asked of etcd.

use std::time::Duration;

use tonic::{Code, Status};

use super::server::{FakeEtcd, Says};
use super::{assert_says, controller};
use crate::base::{Text, Why, WhyKind};
use crate::live::act::{DEADLINES, Deadlines};
use crate::live::etcd::change::Hand;
use crate::live::shell::Shell;
use crate::live::test_pki::{TestCa, TestDir};
use crate::model::etcd::MemberId;
use crate::plan::event::Sent;

const NBE_2: MemberId = MemberId(10_077_765_369_785_300_531);

/// Long deadlines: what is not about time must not fail on a busy machine.
fn hand(dir: &TestDir, etcd: &FakeEtcd) -> Hand {
    let long = Duration::from_mins(1);
    Hand {
        pki: dir.pki.clone(),
        endpoint: etcd.url.clone(),
        elsewhere: None,
        deadlines: Deadlines {
            etcd_connect: long,
            etcd: long,
            etcd_slow: long,
            ..DEADLINES
        },
    }
}

fn at(address: &str) -> Text {
    address.into()
}

fn refused(sent: Sent) -> Why {
    match sent {
        Sent::Refused { why } => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_member_is_removed_once_by_id_and_address() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let hand = hand(&dir, &etcd);
    for address in ["nbe-2", "nbe-2:2380", "https://nbe-2:2380"] {
        assert_eq!(hand.remove(NBE_2, &at(address)).await, Sent::Accepted);
    }
    assert_eq!(etcd.changes(), vec![format!("remove {}", NBE_2.0); 3]);
}

#[tokio::test]
async fn another_member_at_the_address_or_with_the_id_is_not_touched() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let hand = hand(&dir, &etcd);
    let moved = refused(hand.remove(NBE_2, &at("nbe-1")).await);
    assert_says(
        &moved,
        WhyKind::Unavailable,
        &["at nbe-2:2380 now, not at nbe-1", "new plan"],
    );
    let gone = refused(hand.remove(MemberId(7), &at("nbe-2")).await);
    assert_says(&gone, WhyKind::NotFound, &["no member 7"]);
    etcd.says(|says| says.members = Err(Status::unavailable("etcdserver: no leader")));
    refused(hand.remove(NBE_2, &at("nbe-2")).await);
    assert!(etcd.changes().is_empty());
}

#[tokio::test]
async fn etcd_s_words_tell_whether_it_was_done() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let hand = hand(&dir, &etcd);
    let cases = [
        (Code::Unavailable, "etcdserver: unhealthy cluster", true),
        (
            Code::FailedPrecondition,
            "etcdserver: re-configuration failed due to not enough started members",
            true,
        ),
        (Code::NotFound, "etcdserver: member not found", true),
        (Code::Unavailable, "etcdserver: request timed out", false),
        (
            Code::Unavailable,
            "etcdserver: request timed out, possibly due to previous leader failure",
            false,
        ),
        (Code::Unavailable, "etcdserver: leader changed", false),
        (Code::Unknown, "something new", false),
    ];
    for (code, words, is_no) in cases {
        etcd.says(|says| says.changed = Err(Status::new(code, words)));
        let (is_refused, why) = match hand.remove(NBE_2, &at("nbe-2")).await {
            Sent::Refused { why } => (true, why),
            Sent::Unknown { why } => (false, why),
            Sent::Accepted => panic!("{words}"),
        };
        assert!(is_refused == is_no && why.text.as_str().contains(words), "{why}");
    }
    assert_eq!(etcd.changes().len(), cases.len());
}

#[tokio::test]
async fn a_lost_reply_is_unknown_and_not_asked_again() {
    let ca = TestCa::new();
    let says = Says {
        changes_hang: true,
        ..Says::default()
    };
    let etcd = FakeEtcd::start(&ca, says).await;
    let dir = controller(&ca);
    let mut hasty = hand(&dir, &etcd);
    hasty.deadlines.etcd_slow = Duration::from_millis(100);
    let sent = hasty.defragment().await;
    assert!(
        matches!(&sent, Sent::Unknown { why } if why.kind == WhyKind::TimedOut),
        "{sent:?}"
    );
    assert!(etcd.changes().len() <= 1);
}

#[tokio::test]
async fn where_no_etcd_runs_nothing_was_done() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let hand = hand(&dir, &etcd);
    hand.may().await.unwrap();
    etcd.stop().await;
    assert_eq!(refused(hand.defragment().await).kind, WhyKind::Refused);
    assert_eq!(hand.may().await.unwrap_err().kind, WhyKind::Refused);
}

#[tokio::test]
async fn room_is_made_by_three_requests() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let hand = hand(&dir, &etcd);
    assert_eq!(hand.compact(1023).await, Sent::Accepted);
    assert_eq!(hand.defragment().await, Sent::Accepted);
    assert_eq!(hand.disarm().await, Sent::Accepted);
    assert_eq!(
        etcd.changes(),
        ["compact 1023", "defragment", "disarm 1 Nospace", "disarm 3 Nospace"]
    );
}

/// A stand-in for ssh, which connects to where `-W` says.
fn ssh() -> Shell {
    let script = "while [ \"$1\" != -W ]; do shift; done; \
                  exec 3<>\"/dev/tcp/${2%:*}/${2##*:}\"; cat <&3 & cat >&3";
    Shell {
        ssh: ["bash", "-c", script, "ssh"].map(str::to_owned).to_vec(),
        ..Shell::default()
    }
}

#[tokio::test]
async fn a_member_on_another_host_is_reached_through_ssh() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let there = hand(&dir, &etcd).there(&ssh(), &"10.0.0.2".into());
    there.may().await.unwrap();
    assert_eq!(there.defragment().await, Sent::Accepted);
    assert_eq!(etcd.changes(), ["defragment"]);
}

#[tokio::test]
async fn what_ssh_says_is_the_reason_when_it_does_not_get_there() {
    let ca = TestCa::new();
    let etcd = FakeEtcd::start(&ca, Says::default()).await;
    let dir = controller(&ca);
    let says = |words: &str| Shell {
        ssh: ["sh", "-c", &format!("echo '{words}' >&2; exit 255"), "ssh"]
            .map(str::to_owned)
            .to_vec(),
        ..Shell::default()
    };
    let cases = [
        ("root@10.0.0.2: Permission denied (publickey).", WhyKind::Denied),
        (
            "channel 0: open failed: administratively prohibited: open failed",
            WhyKind::Denied,
        ),
        (
            "ssh: connect to host 10.0.0.2 port 22: Connection refused",
            WhyKind::Refused,
        ),
    ];
    for (words, kind) in cases {
        let there = hand(&dir, &etcd).there(&says(words), &"10.0.0.2".into());
        let why = refused(there.defragment().await);
        assert_eq!(why.kind, kind, "{why}");
        assert!(why.text.as_str().starts_with("etcd of 10.0.0.2: ssh 10.0.0.2"), "{why}");
    }
}
