#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;

use tokio::sync::mpsc::Receiver;

use super::*;
use crate::base::Clock;
use crate::live::layout::{Overrides, discover};
use crate::port::Observed;

fn places(root: &Path) -> Places {
    for dir in ["proc/1", "net/eth0"] {
        std::fs::create_dir_all(root.join(dir)).unwrap();
    }
    let shell = |script: &str| ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
    Places {
        name: Text::new("nbe-1"),
        is_root: false,
        layout: discover(&Overrides::default(), root, &BTreeMap::new()),
        proc: root.join("proc"),
        pod_logs: root.join("pods"),
        net: root.join("net"),
        devices: root.join("block"),
        systemd: root.join("run/systemd/system"),
        statvfs: None,
        programs: unit::Programs {
            systemctl: shell("printf 'ActiveState=active\\nSubState=running\\n'"),
            journalctl: shell("echo 'permission denied' >&2; exit 1"),
        },
    }
}

/// What is reported until every part has reported an outcome.
async fn outcomes(receiver: &mut Receiver<Observed>) -> (Vec<Observation>, BTreeMap<HostPart, Report>) {
    let mut first = Vec::new();
    let mut last = BTreeMap::new();
    while last.len() < HostPart::ALL.len() {
        let what = receiver.recv().await.unwrap().what;
        if first.len() <= HostPart::ALL.len() {
            first.push(what.clone());
        }
        match what {
            Observation::Feed {
                report: Report::Begun, ..
            }
            | Observation::Host { .. } => {}
            Observation::Feed {
                feed: FeedId::Host(part),
                report,
            } => {
                last.insert(part, report);
            }
            Observation::HostFact(fact) => {
                last.entry(part_of(&fact)).or_insert(Report::Verified);
            }
            other => panic!("{other:?}"),
        }
    }
    (first, last)
}

fn part_of(fact: &HostFact) -> HostPart {
    match fact {
        HostFact::Status(_) => HostPart::Status,
        HostFact::Processes(_) => HostPart::Processes,
        HostFact::Config(_) => HostPart::Config,
        HostFact::Certificates(_) => HostPart::Certificates,
        HostFact::Disk(_) => HostPart::Disk,
        HostFact::Unit(_) => HostPart::Unit,
        HostFact::Containers(_) => HostPart::Containers,
        HostFact::Links(_) => HostPart::Links,
    }
}

#[tokio::test]
async fn on_a_laptop_everything_but_the_links_is_off() {
    let root = tempfile::tempdir().unwrap();
    let (sink, mut receiver) = Sink::channel(Clock::start());
    let observing = tokio::spawn(observe_places(places(root.path()), sink));
    let (first, last) = outcomes(&mut receiver).await;
    assert!(matches!(first[0], Observation::Host { .. }));
    for (begun, part) in first[1..].iter().zip(HostPart::ALL) {
        let expected = Observation::Feed {
            feed: FeedId::Host(part),
            report: Report::Begun,
        };
        assert_eq!(*begun, expected);
    }
    for (part, report) in last {
        match part {
            HostPart::Links => assert_eq!(report, Report::Verified),
            _ => assert!(matches!(report, Report::Off(_)), "{part:?}: {report:?}"),
        }
    }
    observing.abort();
}

#[tokio::test]
async fn ends_when_nobody_reads() {
    let root = tempfile::tempdir().unwrap();
    let (sink, mut receiver) = Sink::channel(Clock::start());
    let observing = tokio::spawn(observe_places(places(root.path()), sink));
    for _ in 0..=HostPart::ALL.len() {
        receiver.recv().await.unwrap();
    }
    drop(receiver);
    assert_eq!(observing.await.unwrap(), Err(Closed));
}

#[tokio::test]
async fn on_a_broken_controller_each_part_speaks_for_itself() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/k0s/etcd")).unwrap();
    std::fs::create_dir_all(root.path().join("run/systemd/system")).unwrap();
    std::fs::create_dir_all(root.path().join("etc/k0s")).unwrap();
    std::fs::write(root.path().join("etc/k0s/k0s.yaml"), "spec: [").unwrap();
    let (sink, mut receiver) = Sink::channel(Clock::start());
    let observing = tokio::spawn(observe_places(places(root.path()), sink));
    let (_, last) = outcomes(&mut receiver).await;
    observing.abort();
    let failed = |part| match &last[&part] {
        Report::Failed(why) => Some(why.kind),
        Report::Begun | Report::Verified | Report::Off(_) => None,
    };
    assert_eq!(failed(HostPart::Status), Some(WhyKind::Missing));
    assert_eq!(failed(HostPart::Config), Some(WhyKind::Garbage));
    assert_eq!(failed(HostPart::Certificates), Some(WhyKind::Missing));
    for part in [
        HostPart::Processes,
        HostPart::Disk,
        HostPart::Containers,
        HostPart::Links,
    ] {
        assert_eq!(last[&part], Report::Verified, "{part:?}");
    }
}

#[tokio::test]
async fn a_part_that_is_incomplete_is_a_fact_and_a_failure() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/k0s")).unwrap();
    std::fs::create_dir_all(root.path().join("run/systemd/system")).unwrap();
    let places = Arc::new(places(root.path()));
    let (sink, mut receiver) = Sink::channel(Clock::start());
    let reading = read(HostPart::Unit, &places, &mut Lane::new(DEADLINE)).await;
    send(HostPart::Unit, reading, &sink).await.unwrap();
    assert!(matches!(
        receiver.recv().await.unwrap().what,
        Observation::HostFact(HostFact::Unit(_))
    ));
    let Observation::Feed {
        feed,
        report: Report::Failed(why),
    } = receiver.recv().await.unwrap().what
    else {
        panic!("no failure")
    };
    assert_eq!((feed, why.kind), (FeedId::Host(HostPart::Unit), WhyKind::Denied));
}

#[tokio::test]
async fn a_host_without_systemd_has_no_unit() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/k0s")).unwrap();
    let places = Arc::new(places(root.path()));
    let reading = read(HostPart::Unit, &places, &mut Lane::new(DEADLINE)).await;
    assert!(matches!(reading, Reading::Off(why) if why.text == "this host does not run systemd"));
}

#[tokio::test]
async fn a_look_that_hangs_is_late_and_not_repeated() {
    let mut lane = Lane::new(Duration::ZERO);
    let (release, hang) = mpsc::channel::<()>();
    let hanging = move || {
        let _ = hang.recv();
        Look::AskK0s
    };
    assert!(is_late(&lane.run(HostPart::Disk, hanging).await));
    let again = || panic!("a second look while the first hangs");
    assert!(is_late(&lane.run(HostPart::Disk, again).await));
    drop(release);
    lane.deadline = DEADLINE;
    // The first look ends now; ask until the lane has noticed.
    while is_late(&lane.run(HostPart::Disk, || Look::AskSystemd).await) {
        tokio::task::yield_now().await;
    }
}

fn is_late(look: &Look) -> bool {
    matches!(look, Look::Done(Reading::Failed(why)) if why.kind == WhyKind::TimedOut)
}

#[tokio::test]
async fn a_look_that_panics_is_a_reason() {
    let look = Lane::new(DEADLINE).run(HostPart::Disk, || panic!("on purpose")).await;
    assert!(matches!(look, Look::Done(Reading::Failed(why)) if why.kind == WhyKind::Broken));
}
