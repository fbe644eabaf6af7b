#![allow(clippy::unwrap_used)]

use super::way::{Site, Wish};
use super::*;
use crate::model::example;

fn probed(status: u16) -> Probed {
    Probed {
        status: Some(status),
        ..Probed::default()
    }
}

fn failed(kind: WhyKind) -> Probed {
    Probed {
        why: Some(Why::new(kind, "x")),
        ..Probed::default()
    }
}

#[test]
fn a_status_or_its_absence_proves_something() {
    for (status, service) in [
        (200, Service::Served),
        (302, Service::Served),
        (401, Service::Served),
        (404, Service::Odd),
        (503, Service::Failed),
    ] {
        assert_eq!(probed(status).service(), service, "{status}");
    }
    for (kind, service) in [
        (WhyKind::TimedOut, Service::Silent),
        (WhyKind::Unreachable, Service::Silent),
        (WhyKind::Refused, Service::Failed),
        (WhyKind::Tls, Service::Failed),
    ] {
        assert_eq!(failed(kind).service(), service, "{kind:?}");
    }
}

#[test]
fn a_gap_is_measured_and_memory_is_bounded() {
    let first = example::ago(100);
    let mut entry = Entry::first("t".into(), "n".into(), "/".into(), first, probed(200));
    assert_eq!(entry.gap, None);
    for seconds in [50, 49, 48] {
        entry.take(example::ago(seconds), failed(WhyKind::Refused));
        assert_eq!(entry.is_half_told(), seconds == 50);
    }
    let gap = entry.gap.unwrap();
    assert_eq!((gap.last_served, gap.failed, gap.until), (Some(first), 3, None));
    assert_eq!(gap.length(example::now()), Duration::from_secs(50));
    entry.take(example::ago(47), probed(200));
    assert_eq!(entry.gap.unwrap().length(example::now()), Duration::from_secs(3));
    entry.take(example::ago(46), probed(200));
    assert_eq!(entry.gap.unwrap().failed, 3, "the past gap stays");
    for seconds in (0..40).rev() {
        entry.take(example::ago(seconds), probed(200));
    }
    assert_eq!(entry.recent.len(), RECENT);
}

#[test]
fn the_certificate_that_was_seen_stands_while_nothing_answers() {
    let shown = Presented {
        subject: "CN=x".into(),
        names: vec!["netbox.example.com".into()],
        not_after: example::now().wall,
    };
    let with = Probed {
        certificate: Some(shown.clone()),
        ..probed(200)
    };
    let mut entry = Entry::first("t".into(), "n".into(), "/".into(), example::ago(9), with);
    entry.take(example::ago(1), failed(WhyKind::Refused));
    assert_eq!(entry.last.certificate, Some(shown));
}

#[test]
fn names_are_matched_as_browsers_do() {
    let of = |names: &[&str]| Presented {
        subject: Text::default(),
        names: names.iter().map(|name| Text::from(*name)).collect(),
        not_after: example::now().wall,
    };
    assert!(of(&["NetBox.example.com"]).covers("netbox.example.com"));
    assert!(of(&["*.example.com"]).covers("netbox.example.com"));
    assert!(!of(&["*.example.com"]).covers("a.b.example.com"));
    assert!(!of(&["*.example.com"]).covers("example.com"));
    assert!(of(&["nbe-1.example.com"]).covers_host("nbe-1"));
    assert!(of(&["*.example.com"]).covers_host("nbe-1"));
    assert!(!of(&["nbe-2.example.com", "nbe"]).covers_host("nbe-1"));
    assert!(!of(&["*.example.com"]).covers_host("nbe-1.other.com"));
}

#[test]
fn where_users_go_is_read_strictly() {
    let site = |raw: &str| Site::parse(raw, false).map(|site| site.url());
    assert_eq!(
        site("https://netbox.example.com").unwrap(),
        "https://netbox.example.com:443/login/"
    );
    assert_eq!(
        site("https://netbox.example.com:8443/ht").unwrap(),
        "https://netbox.example.com:8443/ht"
    );
    assert_eq!(site("https://[fd00::1]/").unwrap(), "https://[fd00::1]:443/login/");
    for wrong in [
        "netbox.example.com",
        "http://x",
        "https://",
        "https://a b",
        "https://x:0",
        "https://x:y",
        "https://u@x",
        "https://x/a b",
    ] {
        assert_eq!(site(wrong), None, "{wrong}");
    }
    assert!(Site::parse("netbox.example.com", true).is_some());
    assert!(Site::parse("http://netbox.example.com", true).is_none());
}

#[test]
fn ways_in_come_from_the_nodes_and_what_runs_on_them() {
    let mut snapshot = example::healthy();
    let (namespace, name) = super::way::CONSOLE;
    let proxy = example::workload(crate::model::kube::WorkloadKind::Deployment, 1);
    let key = crate::model::ObjectKey::new(namespace, name);
    example::put(
        &mut snapshot.kube.deployments,
        crate::model::KubeKind::Deployments,
        key,
        proxy,
    );
    let ways = snapshot.ways_in(&Wish::default());
    let ids: Vec<String> = ways.iter().map(|way| way.id.to_string()).collect();
    let expected = [
        "balancer",
        "users.10.77.0.11",
        "users.10.77.0.12",
        "users.10.77.0.13",
        "console.10.77.0.11",
        "console.10.77.0.12",
        "console.10.77.0.13",
    ];
    assert_eq!(ids, expected);
    for id in &ids {
        assert_eq!(id.parse::<EntryId>().unwrap().to_string(), *id);
    }
    assert!(ways[..4].iter().all(|way| way.name == "netbox.example.com"));
    assert_eq!(example::empty().ways_in(&Wish::default()), []);
}
