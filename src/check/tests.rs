#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use super::testing::look;
use super::*;
use crate::base::text::is_plain;
use crate::base::{Why, WhyKind};
use crate::model::entry::EntryId;
use crate::model::example::{self, Death};
use crate::model::external::ServiceId;
use crate::model::feed::HostPart;
use crate::model::kube::{Claim, Volume};
use crate::model::policy::Site;
use crate::model::{FeedId, FeedState, KubeKind, Policy, Snapshot};

/// Every bent example, by name.
fn examples() -> Vec<(&'static str, Snapshot)> {
    vec![
        ("healthy", example::healthy()),
        ("just died", example::node_just_died(Death::Silent)),
        ("node lost, refused", example::node_lost(Death::Refused)),
        ("node lost, silent", example::node_lost(Death::Silent)),
        ("quorum lost", example::quorum_lost()),
        ("cut off", example::cut_off(false)),
        ("unplugged", example::cut_off(true)),
        ("syncing", example::syncing()),
        ("empty", example::empty()),
        ("hostile", example::hostile()),
        ("huge", example::huge()),
        ("all broken", all_broken()),
        ("HA off", ha_off()),
        ("NAT", example::translated()),
        ("other cluster", example::other_cluster(example::healthy())),
    ]
}

/// A cluster in which as many checks as possible have something to say.
fn all_broken() -> Snapshot {
    let mut snapshot = example::node_lost(Death::Silent);
    for row in snapshot.etcd.views.values_mut() {
        for member in &mut row.value.members {
            member.is_learner = member.id == example::member_id(2);
        }
    }
    let local = snapshot.etcd.local.as_mut().unwrap();
    local.value.errors = vec!["memberID:10314896243516219393 alarm:NOSPACE".into()];
    let kube = &mut snapshot.kube;
    for row in kube.nodes.rows_mut().values_mut() {
        let node = &mut std::sync::Arc::make_mut(row).value;
        node.is_controller = node.name != "nbe-3";
        node.zone = node.zone.take().filter(|_| node.name != "nbe-2");
    }
    for row in kube.netbox_enterprises.rows_mut().values_mut() {
        std::sync::Arc::make_mut(row).value.ready = Some(false);
    }
    for row in kube.pods.rows_mut().values_mut() {
        let pod = &mut std::sync::Arc::make_mut(row).value;
        if pod.tolerates_unreachable == crate::model::kube::Tolerates::Seconds(30) {
            pod.tolerates_unreachable = crate::model::kube::Tolerates::Seconds(300);
        }
    }
    for row in kube.deployments.rows_mut().values_mut() {
        std::sync::Arc::make_mut(row).value.spread.clear();
    }
    let certificates = snapshot.host.certificates.as_mut().unwrap();
    for certificate in &mut certificates.value {
        certificate.not_after = example::wall_ago(60);
    }
    snapshot
}

fn ha_off() -> Snapshot {
    let mut snapshot = example::healthy();
    for row in snapshot.kube.installations.rows_mut().values_mut() {
        std::sync::Arc::make_mut(row).value.high_availability = false;
    }
    snapshot
}

#[test]
fn the_table_holds_every_check_once() {
    let ids: Vec<CheckId> = all().map(|check| check.id).collect();
    assert_eq!(ids, CheckId::ALL, "also in the order of the ids");
}

#[test]
fn every_check_is_explained() {
    for check in all() {
        for text in [check.title, check.looks_at, check.why, check.fix] {
            assert!(!text.is_empty() && !text.ends_with('.'), "{}: {text:?}", check.id);
            assert!(!text.contains("  "), "{}: {text:?}", check.id);
        }
        assert!(check.title.len() <= 60, "{}", check.title);
    }
}

#[test]
fn every_check_holds_on_the_healthy_example() {
    let report = run(&example::healthy(), &Policy::default());
    for (id, outcome) in &report.outcomes {
        match id {
            // A load balancer shows only during a loss whether its health checks work.
            CheckId::EntryBalancer => {
                let is_so = matches!(outcome, Outcome::CannotTell { why, .. } if why.kind == WhyKind::NoOccasion);
                assert!(is_so, "{outcome:?}");
            }
            CheckId::NetworkEtcdClient => assert!(matches!(outcome, Outcome::NotApplicable { .. }), "{outcome:?}"),
            _ => assert_eq!(outcome, &Outcome::Holds, "{id}"),
        }
    }
    assert_eq!(report.verdict.level, Level::Ok);
    assert_eq!(report.findings(), Vec::<&Finding>::new());
}

#[test]
fn nothing_holds_where_nothing_is_known() {
    for snapshot in [example::empty(), example::syncing()] {
        let report = run(&snapshot, &Policy::default());
        for (id, outcome) in &report.outcomes {
            assert!(matches!(outcome, Outcome::CannotTell { .. }), "{id}: {outcome:?}");
        }
        assert_eq!(report.verdict.level, Level::Unknown);
    }
}

#[test]
fn a_missing_source_never_makes_a_check_hold() {
    for (name, snapshot) in examples() {
        let before = run(&snapshot, &Policy::default());
        let feeds: Vec<FeedId> = example::healthy().feeds.into_keys().collect();
        for feed in feeds {
            for bend in [example::turn_off, example::lose_feed] {
                let mut bent = snapshot.clone();
                bend(&mut bent, feed);
                let after = run(&bent, &Policy::default());
                for ((id, was), (_, is)) in before.outcomes.iter().zip(&after.outcomes) {
                    let flipped = *is == Outcome::Holds && *was != Outcome::Holds;
                    // Without the answers of a dead member's address nothing is proven, and nothing may hold by it.
                    assert!(!flipped, "{name}: {id} holds once {feed} is gone; it said {was:?}");
                }
            }
        }
    }
}

/// The healthy example, whose web also mounts a claim of which its volume alone tells that every node can mount it.
fn with_claim() -> Snapshot {
    let mut snapshot = example::healthy();
    for (key, row) in snapshot.kube.pods.rows_mut() {
        if key.name.as_str().starts_with("netbox-netbox-") {
            std::sync::Arc::make_mut(row).value.claims = vec!["shared".into()];
        }
    }
    let claim = Claim {
        phase: "Bound".into(),
        provisioner: Some("nfs.csi.k8s.io".into()),
        node: None,
        volume: Some("pvc-shared".into()),
    };
    let volume = Volume {
        phase: "Bound".into(),
        hosts: Vec::new(),
        reclaim: "Delete".into(),
    };
    let (claims, volumes) = (&mut snapshot.kube.claims, &mut snapshot.kube.volumes);
    example::put(claims, KubeKind::Claims, ObjectKey::new("kotsadm", "shared"), claim);
    example::put(volumes, KubeKind::Volumes, ObjectKey::new("", "pvc-shared"), volume);
    snapshot
}

/// The sources without which a check cannot tell.
#[allow(clippy::too_many_lines)] // one line for each check
fn needs(id: CheckId) -> Vec<FeedId> {
    let kinds = |kinds: &[KubeKind]| -> Vec<FeedId> {
        let kinds = kinds.iter().map(|kind| FeedId::Kube(*kind));
        std::iter::once(FeedId::Api).chain(kinds).collect()
    };
    match id {
        // Several sources may tell; see the family's own tests.
        CheckId::EtcdQuorum
        | CheckId::EtcdSpare
        | CheckId::EtcdMemberLost
        | CheckId::EtcdLearner
        | CheckId::EtcdViewsDiffer
        | CheckId::NetworkLatency
        | CheckId::HostControlPlane
        | CheckId::HostClock
        | CheckId::EntryUsers
        | CheckId::EntryExpiry
        | CheckId::EntryConsole
        | CheckId::NetworkEtcdClient
        | CheckId::FeedsStale => Vec::new(),
        CheckId::EntryBalancer => vec![FeedId::Entry(EntryId::Balancer)],
        CheckId::EtcdAlarm => vec![FeedId::EtcdLocal],
        CheckId::MembersZombie => kinds(&[
            KubeKind::EtcdMembers,
            KubeKind::ControlNodes,
            KubeKind::Nodes,
            KubeKind::Leases,
        ]),
        CheckId::MembersStranger => kinds(&[KubeKind::EtcdMembers, KubeKind::ControlNodes, KubeKind::Nodes]),
        CheckId::NodeHeartbeat | CheckId::FailoverFlapping => kinds(&[KubeKind::Nodes, KubeKind::Leases]),
        CheckId::FailoverHeartbeat => kinds(&[KubeKind::Nodes, KubeKind::Leases])
            .into_iter()
            .chain([FeedId::Host(HostPart::Processes), example::from(2), example::from(3)])
            .collect(),
        CheckId::NodeNotReady
        | CheckId::NodesThreeControllers
        | CheckId::ZoneLabels
        | CheckId::ZoneThree
        | CheckId::NodesMachines
        | CheckId::NodesSize
        | CheckId::NodesSwap
        | CheckId::EntryNames => kinds(&[KubeKind::Nodes]),
        CheckId::NetworkNat => kinds(&[KubeKind::Nodes])
            .into_iter()
            .chain([example::from(2), example::from(3)])
            .collect(),
        CheckId::HaEnabled => kinds(&[KubeKind::Installations, KubeKind::Nodes]),
        CheckId::NbeReady => kinds(&[KubeKind::NetBoxEnterprises]),
        CheckId::ExternalPostgresql => {
            let object = kinds(&[KubeKind::NetBoxEnterprises]).into_iter();
            object.chain([FeedId::External(ServiceId::Postgresql)]).collect()
        }
        CheckId::ExternalRedis => {
            let object = kinds(&[KubeKind::NetBoxEnterprises]).into_iter();
            object.chain([FeedId::External(ServiceId::Redis)]).collect()
        }
        CheckId::ExternalPostgresqlPrimary
        | CheckId::ExternalPostgresqlStandby
        | CheckId::ExternalPostgresqlDatabases => vec![FeedId::External(ServiceId::Postgresql)],
        CheckId::ExternalRedisSentinel => vec![FeedId::External(ServiceId::Sentinel)],
        CheckId::ExternalS3 | CheckId::ExternalS3Availability => vec![FeedId::External(ServiceId::S3)],
        CheckId::NetworkOverlay => {
            let objects = [
                KubeKind::ClusterConfigs,
                KubeKind::Nodes,
                KubeKind::Pods,
                KubeKind::ReplicaSets,
            ];
            let seen = (1..=3).map(example::from);
            kinds(&objects).into_iter().chain(seen).collect()
        }
        CheckId::ExternalTls => ServiceId::ALL.map(FeedId::External).to_vec(),
        CheckId::PlacementWebSpread
        | CheckId::PlacementSingleDomain
        | CheckId::PlacementSoftSpread
        | CheckId::PlacementReplacement => kinds(&[
            KubeKind::Nodes,
            KubeKind::Pods,
            KubeKind::Deployments,
            KubeKind::ReplicaSets,
            KubeKind::StatefulSets,
            KubeKind::DaemonSets,
        ]),
        CheckId::PlacementPending => kinds(&[KubeKind::Pods, KubeKind::ReplicaSets]),
        CheckId::FailoverEviction | CheckId::FailoverMixed => {
            let pods = kinds(&[KubeKind::Pods, KubeKind::ReplicaSets]).into_iter();
            pods.chain([FeedId::Admission]).collect()
        }
        CheckId::FailoverDetection => vec![
            FeedId::Host(HostPart::Processes),
            FeedId::Api,
            FeedId::Kube(KubeKind::ClusterConfigs),
            example::from(2),
            example::from(3),
        ],
        CheckId::CertExpiry => vec![FeedId::Host(HostPart::Certificates)],
        CheckId::HaStore => kinds(&[KubeKind::Installations, KubeKind::StatefulSets]),
        CheckId::HaAirGap | CheckId::ProductUpgrade => kinds(&[KubeKind::Installations]),
        CheckId::OperatorReplicas => kinds(&[KubeKind::Deployments]),
        CheckId::PlacementScaling => {
            let placed = needs(CheckId::PlacementWebSpread).into_iter();
            placed.chain([FeedId::Kube(KubeKind::NetBoxEnterprises)]).collect()
        }
        CheckId::PlacementHeadroom => kinds(&[KubeKind::Nodes, KubeKind::Pods]),
        CheckId::StorageMedia | CheckId::StoragePinned => {
            let placed = needs(CheckId::PlacementWebSpread).into_iter();
            placed
                .chain([KubeKind::Claims, KubeKind::Volumes].map(FeedId::Kube))
                .collect()
        }
        CheckId::FailoverTime => [FeedId::Host(HostPart::Processes), example::from(2), example::from(3)]
            .into_iter()
            .chain(kinds(&[KubeKind::Pods, KubeKind::ReplicaSets]))
            .collect(),
        CheckId::NetworkPorts => vec![example::from(1)],
        CheckId::NetworkPairs => vec![example::from(2), example::from(3)],
        CheckId::NetworkLinkSpeed => vec![FeedId::Host(HostPart::Links)],
        CheckId::NetworkEncryption => kinds(&[KubeKind::ClusterConfigs]),
        CheckId::NodesSsd | CheckId::HostDisk => vec![FeedId::Host(HostPart::Disk)],
        CheckId::EtcdDisk => vec![FeedId::EtcdDisk],
    }
}

#[test]
fn every_check_cannot_tell_without_what_it_needs() {
    for id in CheckId::ALL {
        for feed in needs(id) {
            for bend in [example::turn_off, example::lose_feed] {
                let mut snapshot = with_claim();
                bend(&mut snapshot, feed);
                match look(id, &snapshot) {
                    Outcome::CannotTell { feed: named, .. } => assert_eq!(named, feed, "{id}"),
                    other => panic!("{id} without {feed} says {other:?}"),
                }
            }
        }
    }
}

#[test]
fn a_kind_that_may_not_be_read_costs_what_needs_it_and_nothing_else() {
    let before = run(&with_claim(), &Policy::default());
    for kind in KubeKind::ALL {
        let feed = FeedId::Kube(kind);
        let why = Why::new(WhyKind::Forbidden, "no");
        let mut snapshot = with_claim();
        snapshot.feeds.insert(feed, FeedState::Lost { as_of: None, why });
        let after = run(&snapshot, &Policy::default());
        for ((id, was), (_, is)) in before.outcomes.iter().zip(&after.outcomes) {
            let is_right = match is {
                Outcome::CannotTell { why, .. } if needs(*id).contains(&feed) => why.kind == WhyKind::Forbidden,
                // That a feed is missing is its own finding.
                _ => *id == CheckId::FeedsStale || is.word() == was.word(),
            };
            assert!(is_right, "{id} without {kind:?}: {is:?}, not {was:?}");
        }
    }
}

#[test]
fn every_finding_says_all_that_people_need() {
    let mut seen = BTreeSet::new();
    for (name, snapshot) in examples() {
        for finding in run(&snapshot, &Policy::default()).findings() {
            seen.insert(finding.check);
            let texts = [&finding.subject, &finding.title, &finding.consequence, &finding.remedy];
            for text in texts.into_iter().chain(&finding.evidence) {
                assert!(!text.is_empty(), "{name}: {finding:#?}");
                assert!(
                    !text.as_str().ends_with('.') || finding.evidence.contains(text),
                    "{name}: {text}"
                );
                assert!(text.as_str().chars().all(is_plain), "{name}: {text}");
            }
            assert!(!finding.evidence.is_empty(), "{name}: {finding:#?}");
            assert!(
                finding.subject == "cluster" || finding.subject.as_str().contains('/'),
                "{finding:#?}"
            );
            for forbidden in ["reset on a second", "--force", "member add"] {
                assert!(!finding.remedy.as_str().contains(forbidden), "{finding:#?}");
            }
        }
    }
    let silent: Vec<CheckId> = CheckId::ALL.into_iter().filter(|id| !seen.contains(id)).collect();
    let rare = [
        CheckId::EtcdViewsDiffer,
        CheckId::MembersZombie,
        CheckId::MembersStranger,
        CheckId::ZoneThree,
        CheckId::NodesMachines,
        CheckId::NodesSize,
        CheckId::NodesSsd,
        CheckId::NodesSwap,
        CheckId::HaAirGap,
        CheckId::ProductUpgrade,
        CheckId::OperatorReplicas,
        CheckId::ExternalPostgresql,
        CheckId::ExternalPostgresqlPrimary,
        CheckId::ExternalPostgresqlStandby,
        CheckId::ExternalPostgresqlDatabases,
        CheckId::ExternalRedis,
        CheckId::ExternalRedisSentinel,
        CheckId::ExternalS3,
        CheckId::ExternalS3Availability,
        CheckId::ExternalTls,
        CheckId::PlacementSingleDomain,
        CheckId::PlacementScaling,
        CheckId::PlacementHeadroom,
        CheckId::PlacementReplacement,
        CheckId::StorageMedia,
        CheckId::StoragePinned,
        CheckId::FailoverDetection,
        CheckId::FailoverMixed,
        CheckId::FailoverHeartbeat,
        CheckId::FailoverFlapping,
        CheckId::NetworkLatency,
        CheckId::NetworkLinkSpeed,
        CheckId::NetworkPorts,
        CheckId::NetworkPairs,
        CheckId::NetworkEtcdClient,
        CheckId::NetworkOverlay,
        CheckId::NetworkEncryption,
        CheckId::EntryBalancer,
        CheckId::EntryExpiry,
        CheckId::HostControlPlane,
        CheckId::HostClock,
        CheckId::HostDisk,
        CheckId::EtcdDisk,
    ];
    assert_eq!(silent, rare, "tested in their families only");
}

#[test]
fn findings_come_worst_first() {
    let report = run(&all_broken(), &Policy::default());
    let severities: Vec<Severity> = report.findings().iter().map(|finding| finding.severity).collect();
    assert!(
        severities.is_sorted_by_key(|severity| std::cmp::Reverse(*severity)),
        "{severities:?}"
    );
    assert!(severities.len() > 8);
}

#[test]
fn a_report_survives_json() {
    for (name, snapshot) in examples() {
        let report = run(&snapshot, &Policy::default());
        let json = serde_json::to_string(&report).unwrap();
        let back: Report = serde_json::from_str(&json).unwrap();
        assert_eq!(back, report, "{name}");
        let json = serde_json::to_string(&snapshot).unwrap();
        let back: Snapshot = serde_json::from_str(&json).unwrap();
        assert_eq!(back, snapshot, "{name}");
    }
}

/// The policy of an operator who accepted the findings of a check until then.
fn accepting(check: CheckId, subject: Option<&str>, until_s: i64) -> Policy {
    Policy {
        acknowledged: vec![Acknowledgement {
            check: check.name().into(),
            subject: subject.map(crate::base::Text::from),
            reason: "known".into(),
            until: example::now().wall + jiff::SignedDuration::from_secs(until_s),
        }],
        ..Policy::default()
    }
}

#[test]
fn an_accepted_warning_stays_visible_and_no_longer_counts() {
    let snapshot = ha_off();
    let plain = run(&snapshot, &Policy::default());
    assert_eq!(plain.verdict.level, Level::Warning);
    let report = run(&snapshot, &accepting(CheckId::HaEnabled, None, 60));
    assert_eq!(report.verdict.level, Level::Ok);
    assert_eq!(report.findings().len(), plain.findings().len());
    assert!(
        report
            .findings()
            .iter()
            .any(|own| report.acknowledgement(own).is_some())
    );
    let subject = "installation/20261001120000";
    let exactly = run(&snapshot, &accepting(CheckId::HaEnabled, Some(subject), 60));
    assert_eq!(exactly.verdict.level, Level::Ok);
    for policy in [
        accepting(CheckId::HaEnabled, Some("installation/other"), 60),
        accepting(CheckId::HaEnabled, None, 0),
        accepting(CheckId::NbeReady, None, 60),
    ] {
        assert_eq!(run(&snapshot, &policy).verdict, plain.verdict, "another one, or over");
    }
}

#[test]
fn danger_counts_whatever_is_accepted() {
    let expired = all_broken();
    assert_eq!(
        run(&expired, &accepting(CheckId::CertExpiry, None, 60)).verdict.level,
        Level::Critical
    );
    let mut lost = Policy::default();
    for id in CheckId::ALL {
        lost.acknowledged.extend(accepting(id, None, 60).acknowledged);
    }
    let verdict = run(&example::node_lost(Death::Silent), &lost).verdict;
    assert_eq!(verdict.level, Level::Warning, "no spare: {verdict:?}");
    assert_eq!(run(&example::quorum_lost(), &lost).verdict.level, Level::Critical);
}

#[test]
fn a_single_location_has_no_zones_to_check() {
    let policy = Policy {
        site: Site::SingleLocation,
        ..Policy::default()
    };
    let report = run(&example::healthy(), &policy);
    for id in [CheckId::ZoneLabels, CheckId::ZoneThree] {
        let outcome = report.outcome(id);
        assert!(matches!(outcome, Some(Outcome::NotApplicable { .. })), "{outcome:?}");
    }
}

#[test]
fn every_group_has_a_check_and_checks_may_be_picked() {
    for group in Group::ALL {
        assert!(all().any(|check| check.group == group), "{group:?}");
    }
    let report = run_some(&ha_off(), &Policy::default(), |id| id == CheckId::ZoneLabels);
    assert_eq!((report.outcomes.len(), report.verdict.level), (1, Level::Ok));
}
