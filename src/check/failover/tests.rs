#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Why, WhyKind};
use crate::check::testing::{assert_cannot_tell, assert_holds, evidence, findings, look, one, uninstall};
use crate::check::{CheckId, Outcome, Severity};
use crate::model::example::{self, ago, change, healthy, member_id, turn_off, wall_ago};
use crate::model::feed::HostPart;
use crate::model::kube::{Pod, Tolerates};
use crate::model::{FeedId, FeedState, KubeKind, ObjectKey, Snapshot};

const DAY: u64 = 24 * 3_600;

/// Sets the delay of every pod that a taint evicts and whose name is wanted.
fn tolerate(snapshot: &mut Snapshot, delay: Tolerates, wanted: impl Fn(&str) -> bool) {
    for (key, row) in snapshot.kube.pods.rows_mut() {
        let pod: &mut Pod = &mut Arc::make_mut(row).value;
        if pod.tolerates_unreachable != Tolerates::Forever && wanted(key.name.as_str()) {
            pod.tolerates_unreachable = delay;
            pod.tolerates_not_ready = delay;
        }
    }
}

fn flags(snapshot: &mut Snapshot, process: &str, flag: &str, value: Option<&str>) {
    let processes = &mut snapshot.host.processes.as_mut().unwrap().value;
    let process = processes.iter_mut().find(|p| p.name == process).unwrap();
    process.flags.remove(flag);
    if let Some(value) = value {
        process.flags.insert(flag.into(), value.into());
    }
}

fn grace(value: Option<&str>, configured: Option<&str>) -> Snapshot {
    let mut snapshot = healthy();
    flags(
        &mut snapshot,
        "kube-controller-manager",
        "node-monitor-grace-period",
        value,
    );
    change(
        &mut snapshot.kube.cluster_configs,
        &ObjectKey::new("kube-system", "k0s"),
        |config| {
            config.grace_period = configured.map(Into::into);
        },
    );
    snapshot
}

#[test]
fn a_restart_of_the_rollout_helps_where_new_pods_leave_sooner() {
    let mut snapshot = healthy();
    tolerate(&mut snapshot, Tolerates::Seconds(300), |_| true);
    let remedy = |snapshot: &Snapshot| {
        let finding = one(CheckId::FailoverEviction, snapshot, Severity::Warning, "cluster");
        (finding.remedy.to_string(), evidence(&finding))
    };
    let (said, lines) = remedy(&snapshot);
    assert!(
        said.starts_with("every API server gives new pods the short delay"),
        "{said}"
    );
    assert!(
        lines.contains("new pods of nbe-1, nbe-2, nbe-3 leave a silent node after 30 s"),
        "{lines}"
    );
    let servers = |snapshot: &mut Snapshot, slow: usize| {
        let servers = &mut snapshot.kube.admission.as_mut().unwrap().servers;
        for told in servers.values_mut().take(slow) {
            told.as_mut().unwrap().unreachable = Tolerates::Seconds(300);
        }
    };
    servers(&mut snapshot, 1);
    assert!(remedy(&snapshot).0.contains("see failover.mixed-eviction first"));
    servers(&mut snapshot, 3);
    let (said, lines) = remedy(&snapshot);
    assert!(said.contains("first quorate plan restart-controllers"), "{said}");
    assert!(lines.contains("k0s.yaml of this host asks for 30 s"), "{lines}");
    let mut unasked = snapshot.clone();
    for told in unasked.kube.admission.as_mut().unwrap().servers.values_mut() {
        *told = Err(Why::new(WhyKind::Refused, "nothing listens"));
    }
    assert!(!remedy(&unasked).0.contains("restart-controllers"), "nobody was asked");
    snapshot.host.config = None;
    assert!(remedy(&snapshot).0.contains("a restart of the rollout does not help"));
    tolerate(&mut snapshot, Tolerates::Seconds(30), |name| {
        name.starts_with("netbox-netbox")
    });
    assert!(remedy(&snapshot).0.starts_with("restart no rollout"));
}

#[test]
fn fast_pods_of_slow_servers_are_not_to_be_made_anew() {
    let mut snapshot = healthy();
    let mut slow = |n: usize| {
        let servers = &mut snapshot.kube.admission.as_mut().unwrap().servers;
        let told = servers.values_mut().nth(n).unwrap();
        told.as_mut().unwrap().unreachable = Tolerates::Seconds(300);
        snapshot.clone()
    };
    let title = |snapshot: &Snapshot| {
        let finding = one(CheckId::FailoverEviction, snapshot, Severity::Warning, "api/admission");
        finding.title.to_string()
    };
    assert_eq!(
        title(&slow(0)),
        "new pods of nbe-1 are evicted only after 5 min; those that run now leave after 30 s"
    );
    assert!(title(&slow(1)).starts_with("new pods of nbe-1, nbe-2 are"));
    let all = slow(2);
    let finding = one(CheckId::FailoverEviction, &all, Severity::Warning, "api/admission");
    assert_eq!(
        finding.title,
        "new pods are evicted only after 5 min; those that run now leave after 30 s"
    );
    assert!(
        finding.remedy.as_str().starts_with("restart no rollout"),
        "{finding:#?}"
    );
    let silent = |mut snapshot: Snapshot, n: u8| {
        let servers = &mut snapshot.kube.admission.as_mut().unwrap().servers;
        let refused = Err(Why::new(WhyKind::Refused, "connection refused"));
        servers.insert(example::address(n), refused);
        snapshot
    };
    assert!(title(&silent(all, 3)).starts_with("new pods of nbe-1, nbe-2 are"));
    // One that is not asked may be slow, unless its controller is dead.
    assert_cannot_tell(CheckId::FailoverEviction, &silent(healthy(), 3), FeedId::Admission);
    let lost = example::node_lost(example::Death::Refused);
    assert_holds(CheckId::FailoverEviction, &silent(lost, 3));
}

#[test]
fn a_config_that_was_written_since_k0s_started_is_a_hint() {
    let mut snapshot = grace(Some("50s"), None);
    let has_hint = |snapshot: &Snapshot| {
        let finding = one(CheckId::FailoverDetection, snapshot, Severity::Info, "node/nbe-1");
        evidence(&finding).contains("/etc/k0s/k0s.yaml was changed after k0s started")
    };
    assert!(!has_hint(&snapshot));
    snapshot.host.config.as_mut().unwrap().value.changed = Some(wall_ago(60));
    assert!(has_hint(&snapshot));
    // A flag that differs says more.
    flags(
        &mut snapshot,
        "kube-apiserver",
        "default-unreachable-toleration-seconds",
        None,
    );
    assert!(!has_hint(&snapshot));
}

#[test]
fn slow_eviction_of_all_pods() {
    let mut snapshot = healthy();
    turn_off(&mut snapshot, FeedId::Admission);
    snapshot.host.config = None;
    tolerate(&mut snapshot, Tolerates::Seconds(300), |_| true);
    flags(
        &mut snapshot,
        "kube-apiserver",
        "default-unreachable-toleration-seconds",
        None,
    );
    let finding = one(CheckId::FailoverEviction, &snapshot, Severity::Warning, "cluster");
    assert_eq!(finding.title, "25 of 25 pods are evicted only after 5 min");
    let lines = evidence(&finding);
    assert!(lines.contains("25 pods after 5 min"), "{lines}");
    assert!(lines.contains("kube-apiserver gives new pods 300 s"), "{lines}");
    assert!(
        finding.remedy.as_str().contains("fixed when the cluster is created"),
        "{}",
        finding.remedy
    );
}

#[test]
fn mixed_eviction_names_the_slow_ones() {
    let mut snapshot = healthy();
    turn_off(&mut snapshot, FeedId::Admission);
    tolerate(&mut snapshot, Tolerates::Seconds(300), |name| {
        name.starts_with("netbox-netbox")
    });
    tolerate(&mut snapshot, Tolerates::Seconds(0), |name| name.starts_with("coredns"));
    let finding = one(CheckId::FailoverEviction, &snapshot, Severity::Warning, "cluster");
    assert_eq!(
        finding.title,
        "3 of 25 pods are evicted only after 5 min, others sooner"
    );
    let lines = evidence(&finding);
    for line in [
        "20 pods after 30 s",
        "3 pods after 5 min",
        "slow: kotsadm/netbox-netbox",
        "2 pods at once",
    ] {
        assert!(lines.contains(line), "{line} in {lines}");
    }
    assert!(
        finding.remedy.as_str().contains("restart the rollout"),
        "{}",
        finding.remedy
    );
}

#[test]
fn the_taint_of_a_silent_node_counts() {
    let mut snapshot = healthy();
    let key = ObjectKey::new("kotsadm", "kotsadm-rqlite-0");
    change(&mut snapshot.kube.pods, &key, |pod| {
        pod.tolerates_not_ready = Tolerates::Seconds(300);
    });
    assert_holds(CheckId::FailoverEviction, &snapshot);
    change(&mut snapshot.kube.pods, &key, |pod| {
        pod.tolerates_unreachable = Tolerates::Seconds(61);
    });
    let finding = one(CheckId::FailoverEviction, &snapshot, Severity::Warning, "cluster");
    assert!(finding.title.as_str().starts_with("1 of 25 pods"), "{}", finding.title);
}

#[test]
fn pods_that_never_leave_a_silent_node_are_told() {
    let mut snapshot = healthy();
    tolerate(&mut snapshot, Tolerates::Forever, |name| name.starts_with("coredns"));
    let finding = one(
        CheckId::FailoverEviction,
        &snapshot,
        Severity::Info,
        "taint/unreachable",
    );
    assert_eq!(finding.title, "2 of 25 pods never leave a silent node");
    assert!(evidence(&finding).contains("coredns"), "{}", evidence(&finding));
    // All of them, and by this taint alone.
    let mut snapshot = healthy();
    for row in snapshot.kube.pods.rows_mut().values_mut() {
        Arc::make_mut(row).value.tolerates_unreachable = Tolerates::Forever;
    }
    let finding = one(
        CheckId::FailoverEviction,
        &snapshot,
        Severity::Info,
        "taint/unreachable",
    );
    assert_eq!(finding.title, "25 of 25 pods never leave a silent node");
    // Beside slow ones.
    let key = ObjectKey::new("kotsadm", "kotsadm-rqlite-0");
    change(&mut snapshot.kube.pods, &key, |pod| {
        pod.tolerates_unreachable = Tolerates::Seconds(300);
    });
    let found = findings(CheckId::FailoverEviction, &snapshot);
    let titles: Vec<&str> = found.iter().map(|finding| finding.title.as_str()).collect();
    assert_eq!(
        titles,
        [
            "1 of 25 pods are evicted only after 5 min",
            "24 of 25 pods never leave a silent node"
        ]
    );
}

#[test]
fn tolerating_the_other_taint_for_ever_hides_nothing() {
    let mut snapshot = healthy();
    let key = ObjectKey::new("kotsadm", "kotsadm-rqlite-0");
    change(&mut snapshot.kube.pods, &key, |pod| {
        pod.tolerates_not_ready = Tolerates::Forever;
        pod.tolerates_unreachable = Tolerates::Seconds(300);
    });
    one(CheckId::FailoverEviction, &snapshot, Severity::Warning, "cluster");
}

#[test]
fn pods_that_stay_by_their_nature_are_not_slow() {
    let mut snapshot = healthy();
    tolerate(&mut snapshot, Tolerates::Seconds(60), |_| true);
    assert_holds(CheckId::FailoverEviction, &snapshot);
    let key = ObjectKey::new("kotsadm", "kotsadm-rqlite-0");
    change(&mut snapshot.kube.pods, &key, |pod| {
        pod.tolerates_unreachable = Tolerates::Seconds(300);
        pod.phase = "Succeeded".into();
    });
    assert_holds(CheckId::FailoverEviction, &snapshot);
}

#[test]
fn the_running_grace_period_counts() {
    let finding = one(
        CheckId::FailoverDetection,
        &grace(Some("40s"), None),
        Severity::Info,
        "node/nbe-1",
    );
    assert_eq!(finding.title, "a dead node is noticed only after 40 s");
    assert!(evidence(&finding).contains("runs with --node-monitor-grace-period=40s"));
    assert_holds(CheckId::FailoverDetection, &grace(Some("0m20s"), Some("20s")));
    assert_holds(CheckId::FailoverDetection, &grace(Some("20s"), None));
}

#[test]
fn a_slow_value_that_is_configured_needs_another_configuration_and_no_restart() {
    let finding = one(
        CheckId::FailoverDetection,
        &elsewhere_too("40s", grace(Some("40s"), Some("40s"))),
        Severity::Info,
        "node/nbe-1",
    );
    assert_eq!(finding.title, "a dead node is noticed only after 40 s");
    assert!(
        finding.remedy.as_str().starts_with("a restart changes nothing"),
        "{finding:?}"
    );
}

/// With the same grace period on the other controllers.
fn elsewhere_too(grace: &str, mut snapshot: Snapshot) -> Snapshot {
    let seen = snapshot.from.values_mut().filter_map(|seen| seen.processes.as_mut());
    for process in seen.flatten() {
        process.flags.insert("node-monitor-grace-period".into(), grace.into());
    }
    snapshot
}

#[test]
fn every_controller_manager_must_be_seen_since_any_may_lead() {
    let without = |turned_off: &[u8]| {
        let mut snapshot = healthy();
        for n in turned_off {
            turn_off(&mut snapshot, example::from(*n));
        }
        snapshot
    };
    let text = |id, snapshot: &Snapshot| match look(id, snapshot) {
        Outcome::CannotTell { feed, why, .. } => (feed, why.text.to_string()),
        other => panic!("{other:?}"),
    };
    for id in [
        CheckId::FailoverDetection,
        CheckId::FailoverTime,
        CheckId::FailoverHeartbeat,
    ] {
        // kube-controller-manager leads on nbe-2.
        let (feed, told) = text(id, &without(&[3]));
        assert_eq!(feed, example::from(3), "{id}");
        let said = "that of nbe-2, which leads now, is in order, but after a loss any kube-controller-manager may lead; not seen \
                    is what runs on nbe-3: ";
        assert!(told.starts_with(said), "{id}: {told}");
        let (feed, told) = text(id, &without(&[2, 3]));
        assert_eq!(feed, example::from(2), "{id}");
        let said = "after a loss any kube-controller-manager may lead; not seen is what runs on nbe-2, nbe-3: ";
        assert!(told.starts_with(said), "{id}: {told}");
        // A dead one leads nothing.
        let lost = example::node_lost(example::Death::Refused);
        assert_eq!(look(id, &lost), Outcome::Holds, "{id}");
    }
}

#[test]
fn a_configured_value_that_does_not_run_needs_a_restart() {
    let finding = one(
        CheckId::FailoverDetection,
        &grace(None, Some("20s")),
        Severity::Warning,
        "node/nbe-1",
    );
    assert_eq!(
        finding.title,
        "the configured detection time is not in force on this host"
    );
    assert!(finding.remedy.as_str().contains("sudo systemctl restart k0scontroller"));
    assert!(
        evidence(&finding).contains("50 s is the default of v1.37.2+k0s.0"),
        "{}",
        evidence(&finding)
    );
}

#[test]
fn defaults_are_those_of_the_running_version() {
    let mut snapshot = grace(None, None);
    snapshot.host.k0s.as_mut().unwrap().value.version = "v1.31.14+k0s.0".into();
    let finding = one(CheckId::FailoverDetection, &snapshot, Severity::Info, "node/nbe-1");
    assert_eq!(finding.title, "a dead node is noticed only after 40 s");
}

#[test]
fn without_the_process_the_running_value_is_not_known() {
    let feed = FeedId::Host(HostPart::Processes);
    let mut snapshot = healthy();
    snapshot.host.processes.as_mut().unwrap().value.clear();
    assert_cannot_tell(CheckId::FailoverDetection, &snapshot, feed);
    assert_cannot_tell(CheckId::FailoverDetection, &grace(Some("soon"), None), feed);
    let mut snapshot = healthy();
    uninstall(&mut snapshot, KubeKind::ClusterConfigs);
    assert_holds(CheckId::FailoverDetection, &snapshot);
}

#[test]
fn certificates_of_other_controllers_are_judged_by_what_they_show() {
    let shows = |end: Option<u64>| {
        let mut snapshot = healthy();
        let peer = snapshot.etcd.peers.get_mut(&member_id(2)).unwrap();
        peer.certificate_ends = end.map(|seconds| ago(0).plus(Duration::from_secs(seconds)).wall);
        snapshot
    };
    let finding = one(
        CheckId::CertExpiry,
        &shows(Some(DAY)),
        Severity::Critical,
        "member/nbe-2",
    );
    assert_eq!(finding.title, "the certificate of etcd on nbe-2 ends in 1 d");
    assert_holds(CheckId::CertExpiry, &shows(Some(31 * DAY)));
    assert_cannot_tell(CheckId::CertExpiry, &shows(None), example::from(1));
    let said = super::certificates::elsewhere(&shows(None));
    assert_eq!(said[1], "nbe-2: the certificate of etcd is not seen");
    // Nothing is expected of the dead.
    assert_holds(CheckId::CertExpiry, &example::node_lost(example::Death::Silent));
}

#[test]
fn what_other_ports_show_counts_as_well() {
    let shows = |port: u16, end: Option<u64>| {
        let mut snapshot = healthy();
        let own = snapshot.own_address().unwrap();
        let shown = &mut snapshot.from.get_mut(&own).unwrap().certificates;
        let at = format!("10.77.0.13:{port}").parse().unwrap();
        match end {
            Some(end) => drop(shown.insert(at, ago(0).plus(Duration::from_secs(end)).wall)),
            None => drop(shown.remove(&at)),
        }
        snapshot
    };
    for (port, what) in [
        (6443, "the API server"),
        (10250, "the kubelet"),
        (9443, "k0s's join API"),
    ] {
        let soon = shows(port, Some(DAY));
        let finding = one(CheckId::CertExpiry, &soon, Severity::Critical, "member/nbe-3");
        assert_eq!(
            finding.title.as_str(),
            format!("the certificate of {what} on nbe-3 ends in 1 d")
        );
        assert_cannot_tell(CheckId::CertExpiry, &shows(port, None), example::from(1));
    }
}

#[test]
fn a_fresh_installation_is_told_from_an_upgraded_one() {
    let mut snapshot = healthy();
    let said = super::origin(&snapshot);
    assert!(said.starts_with("no upgrade in place is seen: "), "{said}");
    let rows = snapshot.kube.installations.rows_mut();
    let row = rows.values().next().unwrap().clone();
    rows.insert(ObjectKey::new("", "20261101080000"), row);
    let said = super::origin(&snapshot);
    assert!(
        said.starts_with("upgraded in place: 2 Installations, from 20261001"),
        "{said}"
    );
    uninstall(&mut snapshot, KubeKind::Installations);
    let said = super::origin(&snapshot);
    assert!(said.contains("cannot be told"), "{said}");
}

#[test]
fn a_restart_is_offered_only_where_it_changes_the_detection() {
    assert!(!super::detection_waits_for_restart(&healthy()));
    assert!(super::detection_waits_for_restart(&grace(Some("50s"), Some("20s"))));
    // What runs is what is configured: here, and on the others.
    let mut slow = healthy();
    change(
        &mut slow.kube.cluster_configs,
        &ObjectKey::new("kube-system", "k0s"),
        |config| config.grace_period = None,
    );
    assert!(!super::detection_waits_for_restart(&slow));
}

#[test]
fn certificates_by_the_days_that_are_left() {
    let ends_in = |seconds: u64| {
        let mut snapshot = healthy();
        let certificate = &mut snapshot.host.certificates.as_mut().unwrap().value[2];
        certificate.not_after = ago(0).plus(Duration::from_secs(seconds)).wall;
        snapshot
    };
    let subject = "certificate//var/lib/embedded-cluster/k0s/pki/etcd/peer.crt";
    assert_holds(CheckId::CertExpiry, &ends_in(30 * DAY + 1));
    let finding = one(CheckId::CertExpiry, &ends_in(30 * DAY), Severity::Warning, subject);
    assert_eq!(finding.title, "certificate etcd/peer.crt ends in 30 d");
    assert!(finding.remedy.as_str().contains("restart k0scontroller"));
    one(CheckId::CertExpiry, &ends_in(7 * DAY), Severity::Critical, subject);
    let mut snapshot = healthy();
    let certificate = &mut snapshot.host.certificates.as_mut().unwrap().value[0];
    certificate.not_after = wall_ago(3 * DAY);
    let finding = findings(CheckId::CertExpiry, &snapshot).remove(0);
    assert_eq!(finding.title, "certificate ca.crt ended 3 d ago");
    assert!(
        finding.remedy.as_str().starts_with("a CA is not renewed"),
        "{}",
        finding.remedy
    );
    let shown = "nbe-2: 4 shown on TLS; the first ends on ";
    assert!(evidence(&finding).contains(shown), "{finding:#?}");
    snapshot.host.certificates.as_mut().unwrap().value.clear();
    assert_cannot_tell(CheckId::CertExpiry, &snapshot, FeedId::Host(HostPart::Certificates));
}

#[test]
fn certificates_that_may_not_be_read_are_not_called_good() {
    let feed = FeedId::Host(HostPart::Certificates);
    let mut snapshot = healthy();
    let why = Some(Why::new(
        WhyKind::Denied,
        "/var/lib/embedded-cluster/k0s/pki: permission denied",
    ));
    let as_of = ago(5);
    snapshot.feeds.insert(feed, FeedState::Lagging { as_of, why });
    assert_cannot_tell(CheckId::CertExpiry, &snapshot, feed);
    snapshot.host.certificates.as_mut().unwrap().value[0].not_after = wall_ago(3 * DAY);
    assert_eq!(
        findings(CheckId::CertExpiry, &snapshot).len(),
        1,
        "what was read and ends is told"
    );
}

#[test]
fn another_controller_that_still_runs_with_the_old_grace_period_is_found() {
    let mut snapshot = healthy();
    let address = example::address(2).as_str().parse().unwrap();
    let seen = snapshot.from.get_mut(&address).unwrap();
    let manager = seen.processes.as_mut().unwrap().iter_mut();
    let manager = manager
        .into_iter()
        .find(|own| own.name == "kube-controller-manager")
        .unwrap();
    manager.flags.insert("node-monitor-grace-period".into(), "50s".into());
    let found = one(CheckId::FailoverDetection, &snapshot, Severity::Warning, "node/nbe-1");
    assert_eq!(found.title, "the configured detection time is not in force everywhere");
    let told = evidence(&found);
    assert!(
        told.contains("nbe-2: kube-controller-manager runs with --node-monitor-grace-period=50s"),
        "{told}"
    );
    assert!(found.consequence.as_str().contains("50 s"), "{found:?}");
    assert!(
        !told.contains("cannot be told from here"),
        "nobody was left out: {told}"
    );
}
