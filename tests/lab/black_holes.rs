//! A target that takes everything and answers nothing, or to which packets go nowhere: whichever it is, `check` ends in time,
//! and what rests on it is not called good.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::entry::{NOWHERE, SITE, black_hole, lead_to};
use crate::haproxy::{Haproxy, silent};
use crate::lab::Lab;
use crate::report::{missing, told};
use crate::sshd::Sshd;

/// What `check` is given.
const TIMEOUT: &str = "10s";
/// And what it may take at most: a busy machine needs a while to start it and to end it.
const DEADLINE: Duration = Duration::from_secs(10 + 5);
/// How long one connect to nowhere is tried.
const CONNECT: Duration = Duration::from_millis(1500);
/// How long what was done may take to show.
const SOON: Duration = Duration::from_secs(100);

/// What a check or a feed says, by its name.
type Words = (&'static str, &'static str);

const API: [Words; 3] = [
    (
        "zone.labels",
        "cannot-tell https://localhost:6443: no connection within",
    ),
    (
        "placement.web-spread",
        "cannot-tell https://localhost:6443: no connection within",
    ),
    ("etcd.spare", "holds"),
];
const POSTGRESQL: [Words; 2] = [
    (
        "external.postgresql",
        "PostgreSQL does not answer [\"10.77.0.99:5432: TCP connect: no answer within",
    ),
    (
        "external.postgresql-primary",
        "cannot-tell 10.77.0.99:5432: TCP connect: no answer within",
    ),
];
const REDIS: Words = (
    "external.redis",
    "Redis does not answer [\"10.77.0.99:6379: TCP connect: no answer within",
);
const SENTINEL: Words = (
    "external.redis-sentinel",
    "Sentinel does not answer [\"10.77.0.99:26379: TCP connect: no answer within",
);
const S3: Words = (
    "external.s3",
    "object storage does not answer [\"10.77.0.99:9000: TCP connect: no answer within",
);
const MEMBER: [Words; 2] = [
    ("etcd.member-lost", "member nbe-2 is lost"),
    ("etcd.member-lost", "no answer within"),
];

const ENTRY: &str = "entry.url = 'https://netbox.lab/login/'";
const FROM_THERE: &str = "look_from_there = true";

/// One look, which must end in time, and what it took.
#[track_caller]
fn check(lab: &Lab, settings: &str) -> (Value, Duration) {
    let file = lab.state().join("settings.toml");
    fs::write(&file, settings).unwrap();
    let began = Instant::now();
    let report = lab.json(1, &["check", "--timeout", TIMEOUT, "--config", file.to_str().unwrap()]);
    let took = began.elapsed();
    assert!(took < DEADLINE, "--timeout {TIMEOUT} took {took:?}");
    (report, took)
}

/// Looks until all of this is said; what the look that said it took.
#[track_caller]
fn until(lab: &Lab, settings: &str, wanted: &[Words]) -> Duration {
    let began = Instant::now();
    loop {
        let (report, took) = check(lab, settings);
        let missing = missing(&report, wanted);
        let Some((id, _)) = missing.first() else { return took };
        assert!(began.elapsed() < SOON, "missing {missing:?}: {}", told(&report, id));
    }
}

/// The same while a fault lasts.
#[track_caller]
fn under(lab: &Lab, faults: &[&[&str]], settings: &str, wanted: &[Words]) {
    for fault in faults {
        lab.run(fault);
    }
    until(lab, settings, wanted);
    for fault in faults {
        lab.run(&["revive", fault[1]]);
    }
}

#[test]
fn whatever_is_silent_a_check_ends_in_time_and_says_what_it_could_not_tell() {
    let lab = Lab::up(&["--zones"]);
    black_hole(&lab);
    let etcd = [&MEMBER[..], &[("zone.labels", "holds")]].concat();
    under(&lab, &[&["freeze", "2", "etcd"]], "", &etcd);
    under(&lab, &[&["blackhole", "2"]], "", &etcd);
    side_by_side(&lab);
    another_sshd(&lab);
    ways_in(&lab);
    let local = [
        ("host.control-plane", "the API server is down on this host"),
        ("zone.labels", "holds"),
    ];
    under(&lab, &[&["freeze", "1", "kube-apiserver"]], "", &local);
    let servers = ["1", "2", "3"].map(|host| ["freeze", host, "kube-apiserver"]);
    under(&lab, &servers.each_ref().map(|fault| &fault[..]), "", &API);
}

/// The services outside the cluster, each alone and then all of them: they are asked at the same time, so that a look takes about
/// as long as its slowest one. One after another they would take three connects more, and the last would not be waited for.
fn side_by_side(lab: &Lab) {
    let services: [(&str, &[Words]); 4] = [
        (
            "external.postgresql = 'postgresql://quorate@10.77.0.99/netbox'",
            &POSTGRESQL,
        ),
        ("external.redis = 'rediss://10.77.0.99:6379'", &[REDIS]),
        ("external.sentinel = '10.77.0.99:26379'", &[SENTINEL]),
        (
            "external.s3_endpoint = 'https://10.77.0.99:9000'\nexternal.s3_bucket = 'netbox'",
            &[S3],
        ),
    ];
    let alone = services.map(|(settings, wanted)| until(lab, settings, wanted));
    let slowest = alone.into_iter().max().unwrap();
    let together = until(
        lab,
        &services.map(|(settings, _)| settings).join("\n"),
        &services.map(|(_, wanted)| wanted).concat(),
    );
    assert!(together < slowest + CONNECT, "alone {alone:?}, together {together:?}");
}

/// The load balancer; each node's gateway and Admin Console; and who tells where names lead.
fn ways_in(lab: &Lab) {
    lead_to(lab, NOWHERE);
    until(
        lab,
        ENTRY,
        &[("entry.users", "netbox.lab:443: TCP connect: no answer within")],
    );
    let haproxy = Haproxy::new(lab);
    for host in 1..=3 {
        haproxy.serve(host, &(silent(443) + &silent(30_000)));
    }
    let all = "cannot-tell no other host answers: it is us, or all of them";
    until(lab, ENTRY, &[("entry.users", all), ("entry.console", all)]);
    let ask = format!("rm -f /etc/resolv.conf; echo nameserver {NOWHERE} > /etc/resolv.conf");
    assert!(lab.on_host(1, &["sh", "-ec", &ask]).status.success());
    let unknown = ENTRY.replace(SITE, "unknown.lab");
    until(lab, &unknown, &[("entry.users", "cannot-tell")]);
}

/// It is asked where the operator wants it.
fn another_sshd(lab: &Lab) {
    let sshd = Sshd::start(lab, &[2]);
    let feed = "from.10.77.0.12";
    sshd.signal(2, "STOP");
    let (report, _) = check(lab, FROM_THERE);
    assert!(!told(&report, feed).starts_with("live"), "{report:#}");
    assert!(told(&report, "network.pairs").starts_with("cannot-tell"), "{report:#}");
    sshd.signal(2, "CONT");
}
