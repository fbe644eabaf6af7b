#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use core::net::IpAddr;

use crate::base::{Why, WhyKind};
use crate::check::testing::{assert_cannot_tell, assert_holds, evidence, findings, one, uninstall};
use crate::check::{CheckId, Severity};
use crate::model::example::{self, Death, ago, healthy, lose_feed, member_id, node_just_died, turn_off};
use crate::model::feed::HostPart;
use crate::model::{FeedId, FeedState, KubeKind};

#[test]
fn a_required_source_that_is_lost_is_a_warning() {
    let mut snapshot = healthy();
    lose_feed(&mut snapshot, FeedId::Kube(KubeKind::Pods));
    let finding = one(CheckId::FeedsStale, &snapshot, Severity::Warning, "feed/kubernetes");
    assert_eq!(finding.title, "feed kube.pods is lost");
    assert_eq!(
        evidence(&finding),
        "kube.pods is lost, last answer 2 min ago: no answer"
    );
    lose_feed(&mut snapshot, FeedId::Kube(KubeKind::Claims));
    let finding = one(CheckId::FeedsStale, &snapshot, Severity::Warning, "feed/kubernetes");
    assert_eq!(finding.title, "2 kubernetes feeds are not fresh");
}

#[test]
fn an_optional_source_is_only_worth_knowing() {
    for feed in [FeedId::Host(HostPart::Unit), FeedId::Kube(KubeKind::Installations)] {
        let mut snapshot = healthy();
        lose_feed(&mut snapshot, feed);
        let found = findings(CheckId::FeedsStale, &snapshot);
        assert_eq!((found.len(), found[0].severity), (1, Severity::Info), "{feed}");
    }
}

#[test]
fn a_late_answer_is_only_worth_knowing() {
    let mut snapshot = healthy();
    snapshot.feeds.insert(
        FeedId::Api,
        FeedState::Lagging {
            as_of: ago(5),
            why: None,
        },
    );
    let finding = one(CheckId::FeedsStale, &snapshot, Severity::Info, "feed/kubernetes");
    assert_eq!(evidence(&finding), "api is lagging, last answer 5 s ago");
}

#[test]
fn what_is_not_installed_is_not_missing() {
    let mut snapshot = healthy();
    uninstall(&mut snapshot, KubeKind::NetBoxEnterprises);
    turn_off(&mut snapshot, FeedId::Host(HostPart::Links));
    assert_holds(CheckId::FeedsStale, &snapshot);
    turn_off(&mut snapshot, FeedId::EtcdLocal);
    one(CheckId::FeedsStale, &snapshot, Severity::Info, "feed/etcd");
}

#[test]
fn the_silence_of_a_dead_member_is_its_own_finding() {
    assert_holds(CheckId::FeedsStale, &node_just_died(Death::Silent));
    let found = findings(CheckId::FeedsStale, &example::cut_off(false));
    let subjects: Vec<&str> = found.iter().map(|finding| finding.subject.as_str()).collect();
    assert_eq!(subjects, ["feed/kubernetes", "feed/etcd"], "nobody is proven dead");
}

#[test]
fn an_api_server_of_another_cluster_is_critical() {
    let snapshot = example::other_cluster(healthy());
    let finding = one(CheckId::FeedsStale, &snapshot, Severity::Critical, "feed/api");
    assert_eq!(finding.title, "the kubeconfig is of another cluster");
    let lines = evidence(&finding);
    assert!(
        lines.contains("names none of them; its nodes: nbe-7, nbe-8, nbe-9"),
        "{lines}"
    );
    assert!(finding.remedy.as_str().contains("--kubeconfig"), "{}", finding.remedy);
    let report = crate::check::run(&snapshot, &crate::model::Policy::default());
    let line = "the kubeconfig is of another cluster (3 of 3 healthy, one may be lost)";
    assert_eq!(report.verdict.line, line);
    assert_eq!(report.findings().len(), 1, "nothing else is said of the other cluster");
}

#[test]
fn advice_of_the_source_comes_first() {
    let mut snapshot = healthy();
    let why = Why::new(WhyKind::Denied, "may not read the key").hint("run it with sudo");
    snapshot
        .feeds
        .insert(FeedId::EtcdLocal, FeedState::Lost { as_of: None, why });
    let finding = one(CheckId::FeedsStale, &snapshot, Severity::Warning, "feed/etcd");
    assert_eq!(finding.remedy, "run it with sudo");
}

#[test]
fn while_a_required_source_syncs_it_cannot_tell() {
    let mut snapshot = healthy();
    let syncing = FeedState::Syncing { since: ago(1) };
    snapshot.feeds.insert(FeedId::Host(HostPart::Unit), syncing.clone());
    assert_holds(CheckId::FeedsStale, &snapshot);
    snapshot.feeds.insert(FeedId::EtcdPeer(member_id(2)), syncing);
    assert_cannot_tell(CheckId::FeedsStale, &snapshot, FeedId::EtcdPeer(member_id(2)));
}

#[test]
fn feeds_are_called_by_the_member_or_node_that_they_are_about() {
    let address: IpAddr = healthy()
        .node(&"nbe-3".into())
        .unwrap()
        .address
        .as_ref()
        .unwrap()
        .as_str()
        .parse()
        .unwrap();
    for (feed, name) in [
        (FeedId::EtcdPeer(member_id(3)), "etcd.peer nbe-3"),
        (FeedId::Ports(address), "ports nbe-3"),
        (FeedId::From(address), "from nbe-3"),
        (FeedId::Ports([192, 0, 2, 9].into()), "ports.192.0.2.9"),
    ] {
        let mut snapshot = healthy();
        let why = Why::new(WhyKind::TimedOut, "no answer");
        snapshot.feeds.insert(feed, FeedState::Lost { as_of: None, why });
        let found = findings(CheckId::FeedsStale, &snapshot);
        let [finding] = found.as_slice() else {
            panic!("{feed}: {found:?}")
        };
        assert_eq!(finding.title, format!("feed {name} is lost").as_str());
        assert!(finding.evidence[0].as_str().starts_with(name), "{:?}", finding.evidence);
    }
}
