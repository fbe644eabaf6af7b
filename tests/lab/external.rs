//! The services outside the cluster as they really are: PostgreSQL with a streaming standby, Redis with a replica and three
//! Sentinels, an S3 server; asked by the product's own client code and judged by its own checks: healthy, degraded, dead.

pub mod servers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use quorate::base::{Text, WhyKind};
use quorate::check::{self, CheckId, Outcome};
use quorate::live::external::{Postgresql, Redis, S3, Secret, SecretFrom, Sentinel, Service, Wish};
use quorate::model::external::site::{PostgresqlSite, RedisSite, S3Site};
use quorate::model::external::{External, Server, ServiceId, Told};
use quorate::model::{FeedId, FeedState, Policy, Snapshot, example};

use servers::{Folder, Pg, RedisServer, S3Server, Stranger};

/// How long what was done to a server may take to show.
const PATIENCE: Duration = Duration::from_secs(20);

const SECRET: &str = "correct-horse-battery-staple";

fn given(word: &str) -> SecretFrom {
    SecretFrom::Given(Secret::new(word.to_owned()))
}

/// Asks one service once.
fn look(id: ServiceId, wish: &Wish) -> Told {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { Service::of(id, wish).unwrap().look().await.unwrap() })
}

/// What the checks say of what it told, in one word each.
fn judge(told: Told) -> BTreeMap<&'static str, &'static str> {
    let mut snapshot: Snapshot = example::healthy();
    let (at, id) = (snapshot.now, told.service());
    let shown = format!("{told:?} {}", serde_json::to_string(&told).unwrap());
    assert!(!shown.contains(SECRET) && !shown.contains("X-Amz"), "{shown}");
    snapshot.external = BTreeMap::from([(id, External { at, told })]);
    for other in ServiceId::ALL {
        let why = quorate::base::Why::new(WhyKind::Config, "not set");
        let off = FeedState::Off { why };
        let state = if other == id {
            FeedState::Live { as_of: at }
        } else {
            off
        };
        snapshot.feeds.insert(FeedId::External(other), state);
    }
    let report = check::run_some(&snapshot, &Policy::default(), |id| id.name().starts_with("external."));
    report
        .outcomes
        .iter()
        .map(|(id, outcome)| (id.name(), word(*id, outcome)))
        .collect()
}

fn word(id: CheckId, outcome: &Outcome) -> &'static str {
    let shown = format!("{outcome:?}");
    assert!(!shown.contains(SECRET), "{id}: {shown}");
    outcome.word()
}

/// Asks until every named check says so.
#[track_caller]
fn until(id: ServiceId, wish: &Wish, wanted: &[(&str, &str)]) -> Told {
    let began = Instant::now();
    loop {
        let told = look(id, wish);
        let found = judge(told.clone());
        if wanted.iter().all(|(check, word)| found.get(check) == Some(word)) {
            return told;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "wanted {wanted:?}, found {found:?} by {told:#?}"
        );
    }
}

fn kinds<T>(servers: &[Server<T>]) -> Vec<Option<WhyKind>> {
    servers
        .iter()
        .map(|own| own.answer.as_ref().err().map(|why| why.kind))
        .collect()
}

fn kinds_of(told: &Told) -> Vec<Option<WhyKind>> {
    match told {
        Told::Postgresql(all) => kinds(all),
        Told::Redis(all) => kinds(all),
        Told::Sentinel(all) => kinds(all),
        Told::S3(all) => kinds(all),
    }
}

fn postgresql(ca: Option<PathBuf>, url: &str, password: &str) -> Wish {
    Wish {
        ca,
        postgresql: Some(Postgresql {
            site: PostgresqlSite::parse(url).unwrap(),
            password: given(password),
        }),
        ..Wish::default()
    }
}

const PG: ServiceId = ServiceId::Postgresql;

#[test]
fn postgresql_with_a_standby() {
    let folder = Folder::new();
    let authority = folder.authority();
    let primary = Pg::primary(&folder, SECRET);
    let standby = Pg::standby(&folder, &primary);
    let both = |user: &str| {
        format!(
            "postgresql://{user}@127.0.0.1:{},127.0.0.1:{}/netbox",
            primary.port, standby.port
        )
    };
    let ca = || Some(authority.ca.clone());
    let wish = postgresql(ca(), &both("quorate"), SECRET);
    let all_hold = [
        ("external.postgresql", "holds"),
        ("external.postgresql-primary", "holds"),
        ("external.postgresql-standby", "holds"),
        ("external.postgresql-databases", "holds"),
        ("external.tls", "holds"),
    ];
    let told = until(PG, &wish, &all_hold);
    assert_eq!(kinds_of(&told), [None, None]);

    // Who may not see the standbys, or not log in, tells nothing wrong.
    let blind = postgresql(ca(), &both("blind"), SECRET);
    let hidden = [
        ("external.postgresql", "holds"),
        ("external.postgresql-primary", "holds"),
        ("external.postgresql-standby", "cannot-tell"),
    ];
    until(PG, &blind, &hidden);
    let stranger = postgresql(ca(), &both("quorate"), "wrong");
    let closed = [
        ("external.postgresql", "holds"),
        ("external.postgresql-primary", "cannot-tell"),
    ];
    let told = until(PG, &stranger, &closed);
    assert_eq!(kinds_of(&told), [Some(WhyKind::Unauthenticated); 2]);

    // One by one, what may be wrong with it.
    primary.sql("DROP DATABASE diode");
    until(
        PG,
        &wish,
        &[
            ("external.postgresql-databases", "broken"),
            ("external.postgresql", "holds"),
        ],
    );
    primary.sql("ALTER ROLE quorate SET default_transaction_read_only = on");
    until(PG, &wish, &[("external.postgresql-primary", "broken")]);
    primary.sql("ALTER ROLE quorate RESET default_transaction_read_only");
    no_standby(&wish, &primary, &standby);
    drop(standby);
    let gone = [
        ("external.postgresql", "broken"),
        ("external.postgresql-standby", "broken"),
    ];
    until(PG, &wish, &gone);

    // Certificates: for another name, expired, and none at all.
    let alone = postgresql(
        ca(),
        &format!("postgresql://quorate@127.0.0.1:{}/netbox", primary.port),
        SECRET,
    );
    for (names, year) in [(&["elsewhere.example.com"][..], 2100), (&["127.0.0.1"], 2021)] {
        primary.show(&authority.issue(names, year));
        let told = until(
            PG,
            &alone,
            &[("external.tls", "broken"), ("external.postgresql", "holds")],
        );
        assert_eq!(kinds_of(&told), [Some(WhyKind::Tls)]);
    }
    primary.sql("ALTER SYSTEM SET ssl = off");
    primary.show(&authority.issue(&["127.0.0.1"], 2100));
    let told = until(
        PG,
        &alone,
        &[("external.tls", "broken"), ("external.postgresql", "holds")],
    );
    assert_eq!(kinds_of(&told), [Some(WhyKind::Tls)]);
    let plain = format!("postgresql://quorate@127.0.0.1:{}/netbox?sslmode=disable", primary.port);
    let plain = postgresql(None, &plain, SECRET);
    until(
        PG,
        &plain,
        &[("external.tls", "broken"), ("external.postgresql-primary", "holds")],
    );

    drop(primary);
    until(
        PG,
        &plain,
        &[
            ("external.postgresql", "broken"),
            ("external.postgresql-primary", "cannot-tell"),
        ],
    );
}

/// The standby becomes a server of its own that subscribes to the primary, and `pg_receivewal` keeps its WAL: both stream, and
/// nobody would take over.
fn no_standby(wish: &Wish, primary: &Pg<'_>, standby: &Pg<'_>) {
    standby.sql("SELECT pg_promote()");
    standby.subscribe(primary);
    let _receiver = primary.receiver();
    let began = Instant::now();
    // A subscriber reports replay, as a standby does.
    let streams = "SELECT string_agg(application_name, ' ' ORDER BY application_name) FROM pg_stat_replication \
                   WHERE state = 'streaming' AND (replay_lsn IS NOT NULL OR application_name = 'pg_receivewal')";
    loop {
        let names = primary.sql(streams);
        if names.trim() == "all_of_it pg_receivewal" {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "only these stream: {names}");
    }
    let told = look(PG, wish);
    let Told::Postgresql(servers) = &told else {
        panic!("{told:?}")
    };
    let own = servers[0].answer.as_ref().unwrap();
    assert_eq!((own.standbys.len(), own.other_receivers), (0, 2), "{own:?}");
    assert_eq!(judge(told).get("external.postgresql-standby"), Some(&"broken"));
}

#[test]
fn redis_with_a_replica_and_sentinels() {
    let folder = Folder::new();
    let authority = folder.authority();
    let master = RedisServer::master(&folder, SECRET);
    let replica = RedisServer::replica(&folder, &master, SECRET);
    let mut sentinels: Vec<RedisServer> = (0..3)
        .map(|n| RedisServer::sentinel(&folder, n, &master, SECRET))
        .collect();
    let wish = Wish {
        ca: Some(authority.ca.clone()),
        redis: Some(Redis {
            site: RedisSite::parse(&format!("rediss://127.0.0.1:{}", master.tls_port), 6379, false).unwrap(),
            password: given(SECRET),
        }),
        sentinel: Some(Sentinel {
            sites: vec![RedisSite::parse(&format!("127.0.0.1:{}", sentinels[0].port), 26_379, true).unwrap()],
            masters: vec!["diode".into()],
            password: SecretFrom::Nowhere,
        }),
        ..Wish::default()
    };
    until(
        ServiceId::Redis,
        &wish,
        &[("external.redis", "holds"), ("external.tls", "holds")],
    );
    let told = until(ServiceId::Sentinel, &wish, &[("external.redis-sentinel", "holds")]);
    let Told::Sentinel(servers) = told else {
        panic!("{told:?}")
    };
    let seen = &servers[0].answer.as_ref().unwrap().masters[0];
    assert_eq!((seen.replicas, seen.quorum, seen.is_down), (1, 2, false));

    let mut stranger = wish.clone();
    stranger.redis.as_mut().unwrap().password = given("wrong");
    let told = until(ServiceId::Redis, &stranger, &[("external.redis", "cannot-tell")]);
    assert_eq!(kinds_of(&told), [Some(WhyKind::Unauthenticated)]);
    let mut other = wish.clone();
    other.sentinel.as_mut().unwrap().masters = vec![Text::from("nobody")];
    until(ServiceId::Sentinel, &other, &[("external.redis-sentinel", "broken")]);

    sentinels.truncate(1);
    let told = until(ServiceId::Sentinel, &wish, &[("external.redis-sentinel", "broken")]);
    assert!(format!("{told:?}").contains("NOQUORUM"), "{told:?}");
    drop(replica);
    let no_replica = |told: &Told| format!("{told:?}").contains("replicas: 0");
    let began = Instant::now();
    while !no_replica(&look(ServiceId::Sentinel, &wish)) {
        assert!(began.elapsed() < PATIENCE, "the Sentinel does not notice");
    }
    drop(master);
    let told = until(ServiceId::Redis, &wish, &[("external.redis", "broken")]);
    assert_eq!(kinds_of(&told), [Some(WhyKind::Refused)]);
    let began = Instant::now();
    while !format!("{:?}", look(ServiceId::Sentinel, &wish)).contains("is_down: true") {
        assert!(began.elapsed() < PATIENCE, "the Sentinel does not notice");
    }
    drop(sentinels);
    until(ServiceId::Sentinel, &wish, &[("external.redis-sentinel", "broken")]);
}

#[test]
fn a_bucket() {
    let server = S3Server::start("quorate", SECRET, "netbox");
    let wish = |bucket: &str, secret: &str, may_write| Wish {
        s3: Some(S3 {
            site: S3Site::parse(&format!("http://{}", server.address)).unwrap(),
            bucket: bucket.to_owned(),
            region: "us-east-1".to_owned(),
            access_key: Some("quorate".to_owned()),
            secret: given(secret),
            may_write,
        }),
        ..Wish::default()
    };
    let id = ServiceId::S3;
    let told = until(
        id,
        &wish("netbox", SECRET, false),
        &[("external.s3", "holds"), ("external.tls", "broken")],
    );
    assert!(
        matches!(&told, Told::S3(all) if all[0].answer.as_ref().unwrap().written.is_none()),
        "{told:?}"
    );
    let told = until(id, &wish("netbox", SECRET, true), &[("external.s3", "holds")]);
    assert!(
        matches!(&told, Told::S3(all) if all[0].answer.as_ref().unwrap().written == Some(Ok(()))),
        "{told:?}"
    );
    until(id, &wish("missing", SECRET, false), &[("external.s3", "broken")]);
    let told = until(id, &wish("netbox", "wrong", false), &[("external.s3", "cannot-tell")]);
    assert_eq!(kinds_of(&told), [Some(WhyKind::Forbidden)]);
    until(id, &wish("netbox", "wrong", true), &[("external.s3", "broken")]);
    let dead = wish("netbox", SECRET, false);
    drop(server);
    until(id, &dead, &[("external.s3", "broken")]);
}

/// A port that refuses, one that takes everything and says nothing, one that answers nonsense, one that never ends.
#[test]
fn nobody_hangs_on_a_server_that_is_none() {
    for (stranger, is_silent) in [
        (Stranger::refusing(), false),
        (Stranger::silent(), true),
        (Stranger::saying(b"I do not know what you want.\r\n\r\n"), false),
        (Stranger::endless(), false),
    ] {
        let at = stranger.address;
        let redis = |port| RedisSite::parse(&format!("redis://{at}"), port, false).unwrap();
        let wish = Wish {
            redis: Some(Redis {
                site: redis(6379),
                password: given(SECRET),
            }),
            sentinel: Some(Sentinel {
                sites: vec![redis(26_379)],
                masters: Vec::new(),
                password: given(SECRET),
            }),
            s3: Some(S3 {
                site: S3Site::parse(&format!("http://{at}")).unwrap(),
                bucket: "netbox".to_owned(),
                region: "us-east-1".to_owned(),
                access_key: Some("quorate".to_owned()),
                secret: given(SECRET),
                may_write: false,
            }),
            ..postgresql(None, &format!("postgresql://q@{at}/netbox?sslmode=disable"), SECRET)
        };
        let checks = [
            "external.postgresql",
            "external.redis",
            "external.redis-sentinel",
            "external.s3",
        ];
        for (id, check) in ServiceId::ALL.into_iter().zip(checks) {
            let began = Instant::now();
            let told = look(id, &wish);
            assert!(began.elapsed() < Duration::from_secs(5), "{id}: {:?}", began.elapsed());
            let found = judge(told.clone());
            assert_eq!(found.get(check), Some(&"broken"), "{id}: {told:?}");
            let is_late = kinds_of(&told) == [Some(WhyKind::TimedOut)];
            assert_eq!(is_late, is_silent, "{id}: {told:?}");
        }
    }
}
