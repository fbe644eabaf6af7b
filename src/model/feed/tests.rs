#![allow(clippy::unwrap_used)]

use super::*;
use crate::base::WhyKind;

fn at(seconds: u64) -> Stamp {
    Stamp {
        mono_ms: 0,
        ahead_ms: 0,
        wall: Timestamp::UNIX_EPOCH,
    }
    .plus(Duration::from_secs(seconds))
}

#[test]
fn every_feed_id_reads_back() {
    let peer = FeedId::EtcdPeer(MemberId(0x1a0c_4a9f_e222_2d3b));
    let reached = FeedId::Ports("10.77.0.12".parse().unwrap());
    let fixed = [
        FeedId::Api,
        FeedId::ApiLocal,
        FeedId::Admission,
        FeedId::EtcdLocal,
        FeedId::EtcdDisk,
        peer,
        reached,
        FeedId::From("fd00::2".parse().unwrap()),
    ];
    let kinds = KubeKind::ALL.map(FeedId::Kube);
    let parts = HostPart::ALL.map(FeedId::Host);
    for id in fixed
        .into_iter()
        .chain(kinds)
        .chain(parts)
        .chain(ServiceId::ALL.map(FeedId::External))
    {
        assert_eq!(id.to_string().parse::<FeedId>(), Ok(id));
    }
    assert!("kube.cats".parse::<FeedId>().is_err());
}

#[test]
fn silence_and_errors_age_a_feed() {
    let patience = FeedId::EtcdLocal.patience();
    let mut history = History::begin(at(0));
    assert_eq!(history.state(at(1), patience).word(), "syncing");
    history.failed(at(1), Why::new(WhyKind::Refused, "refused"));
    assert_eq!(history.state(at(1), patience).word(), "lost");
    history.ok(at(2));
    assert_eq!(history.state(at(3), patience).word(), "live");
    assert_eq!(history.state(at(5), patience).word(), "lagging");
    history.failed(at(5), Why::new(WhyKind::TimedOut, "late"));
    assert_eq!(history.state(at(5), patience).word(), "lagging");
    let lost = history.state(at(8), patience);
    assert_eq!(lost.word(), "lost");
    assert_eq!(lost.as_of(), Some(at(2)));
}

#[test]
fn a_new_beginning_forgets_failures_but_no_answer() {
    let patience = FeedId::Api.patience();
    let mut history = History::begin(at(0));
    history.failed(at(1), Why::new(WhyKind::Refused, "refused"));
    history.begun(at(2));
    assert_eq!(history.state(at(3), patience), FeedState::Syncing { since: at(2) });
    history.ok(at(4));
    history.failed(at(5), Why::new(WhyKind::Refused, "refused"));
    history.begun(at(6));
    assert_eq!(history.state(at(6), patience).word(), "lagging");
    assert_eq!(history.state(at(60), patience).as_of(), Some(at(4)));
}
