use super::*;
use crate::check::testing::{assert_cannot_tell, assert_holds, evidence, findings, look, one};
use crate::model::ObjectKey;
use crate::model::example::{self, change, healthy};
use crate::model::external::{Bucket, Cache, Database, Secured, Server, Told, Watch};
use crate::model::reach::Knock;
use crate::model::reach::from::{Target, Way};
use crate::model::{FeedState, Policy};

fn with(external: Option<bool>) -> Snapshot {
    let mut snapshot = healthy();
    let key = ObjectKey::new("kotsadm", "netbox");
    change(&mut snapshot.kube.netbox_enterprises, &key, |netbox| {
        (netbox.external_postgresql, netbox.external_redis) = (external, external);
    });
    snapshot
}

/// A healthy cluster where something is wrong with a service.
fn bent(id: ServiceId, bend: impl FnOnce(&mut Told)) -> Snapshot {
    let mut snapshot = healthy();
    bend(&mut snapshot.external.get_mut(&id).unwrap().told);
    snapshot
}

fn postgresql(bend: impl FnOnce(&mut Vec<Server<Database>>)) -> Snapshot {
    bent(ServiceId::Postgresql, |told| match told {
        Told::Postgresql(servers) => bend(servers),
        other => panic!("{other:?}"),
    })
}

fn sentinel(bend: impl FnOnce(&mut Vec<Server<Watch>>)) -> Snapshot {
    bent(ServiceId::Sentinel, |told| match told {
        Told::Sentinel(servers) => bend(servers),
        other => panic!("{other:?}"),
    })
}

fn redis(bend: impl FnOnce(&mut Server<Cache>)) -> Snapshot {
    bent(ServiceId::Redis, |told| match told {
        Told::Redis(servers) => bend(&mut servers[0]),
        other => panic!("{other:?}"),
    })
}

fn s3(bend: impl FnOnce(&mut Server<Bucket>)) -> Snapshot {
    bent(ServiceId::S3, |told| match told {
        Told::S3(servers) => bend(&mut servers[0]),
        other => panic!("{other:?}"),
    })
}

fn fails<T>(server: &mut Server<T>, kind: WhyKind) {
    server.secured = Secured::Unknown;
    server.answer = Err(Why::new(kind, "it says so"));
}

fn database(server: &mut Server<Database>) -> &mut Database {
    server.answer.as_mut().unwrap()
}

/// As where the settings name no service.
fn not_told(mut snapshot: Snapshot, ids: &[ServiceId]) -> Snapshot {
    for id in ids {
        let why = Why::new(WhyKind::Config, "quorate was not told where it is");
        snapshot.feeds.insert(FeedId::External(*id), FeedState::Off { why });
        snapshot.external.remove(id);
    }
    snapshot
}

#[test]
fn data_inside_the_cluster_are_a_finding_and_silence_is_none() {
    for id in [CheckId::ExternalPostgresql, CheckId::ExternalRedis] {
        assert_holds(id, &with(Some(true)));
        one(
            id,
            &with(Some(false)),
            Severity::Warning,
            "netboxenterprise/kotsadm/netbox",
        );
        assert_cannot_tell(id, &with(None), FeedId::Kube(KubeKind::NetBoxEnterprises));
    }
}

#[test]
fn where_nobody_says_where_a_service_is_the_object_alone_proves_nothing() {
    let snapshot = not_told(healthy(), &ServiceId::ALL);
    for (id, service) in [
        (CheckId::ExternalPostgresql, ServiceId::Postgresql),
        (CheckId::ExternalPostgresqlPrimary, ServiceId::Postgresql),
        (CheckId::ExternalPostgresqlStandby, ServiceId::Postgresql),
        (CheckId::ExternalPostgresqlDatabases, ServiceId::Postgresql),
        (CheckId::ExternalRedis, ServiceId::Redis),
        (CheckId::ExternalRedisSentinel, ServiceId::Sentinel),
        (CheckId::ExternalS3, ServiceId::S3),
        (CheckId::ExternalTls, ServiceId::Postgresql),
    ] {
        assert_cannot_tell(id, &snapshot, FeedId::External(service));
    }
    let Outcome::CannotTell { why, .. } = look(CheckId::ExternalPostgresql, &snapshot) else {
        panic!("it cannot tell");
    };
    assert_eq!(
        why.text,
        "spec.postgresql.external is true, but quorate was not told where it is"
    );
    // What is wrong by the object alone stays wrong.
    let inside = not_told(with(Some(false)), &ServiceId::ALL);
    one(
        CheckId::ExternalPostgresql,
        &inside,
        Severity::Warning,
        "netboxenterprise/kotsadm/netbox",
    );
}

#[test]
fn a_service_that_does_not_answer_is_critical_and_one_that_says_no_is_there() {
    let mut dead = postgresql(|all| all.iter_mut().for_each(|own| fails(own, WhyKind::Refused)));
    let finding = one(
        CheckId::ExternalPostgresql,
        &dead,
        Severity::Warning,
        "external/postgresql",
    );
    assert_eq!(
        finding.title,
        "PostgreSQL does not answer this host, and others reach it"
    );
    let others = "ask it from the other nodes too";
    assert!(!finding.remedy.as_str().contains(others), "{finding:?}");
    dead.from.clear();
    let finding = one(
        CheckId::ExternalPostgresql,
        &dead,
        Severity::Critical,
        "external/postgresql",
    );
    assert!(evidence(&finding).contains("asked from nbe-1 only"), "{finding:?}");
    assert!(finding.remedy.as_str().contains(others), "{finding:?}");
    assert_cannot_tell(
        CheckId::ExternalPostgresqlPrimary,
        &dead,
        FeedId::External(ServiceId::Postgresql),
    );
    let half = postgresql(|all| fails(&mut all[1], WhyKind::TimedOut));
    one(
        CheckId::ExternalPostgresql,
        &half,
        Severity::Warning,
        "external/postgresql",
    );
    assert_holds(CheckId::ExternalPostgresqlPrimary, &half);
    let closed = postgresql(|all| all.iter_mut().for_each(|own| fails(own, WhyKind::Unauthenticated)));
    assert_holds(CheckId::ExternalPostgresql, &closed);
    assert_cannot_tell(
        CheckId::ExternalPostgresqlDatabases,
        &closed,
        FeedId::External(ServiceId::Postgresql),
    );
    let ours = postgresql(|all| fails(&mut all[0], WhyKind::Missing));
    assert_cannot_tell(
        CheckId::ExternalPostgresql,
        &ours,
        FeedId::External(ServiceId::Postgresql),
    );
    one(
        CheckId::ExternalS3,
        &s3(|own| fails(own, WhyKind::Garbage)),
        Severity::Critical,
        "external/s3",
    );
}

#[test]
fn it_may_be_us() {
    let mut cut_off = crate::model::example::cut_off(true);
    cut_off.kube = healthy().kube;
    if let Told::Redis(servers) = &mut cut_off.external.get_mut(&ServiceId::Redis).unwrap().told {
        fails(&mut servers[0], WhyKind::TimedOut);
    }
    let found = asked::redis(&cut_off);
    assert!(matches!(found, Err(Outcome::CannotTell { .. })), "{found:?}");
}

#[test]
fn one_primary_takes_changes() {
    let id = CheckId::ExternalPostgresqlPrimary;
    let read_only = postgresql(|all| database(&mut all[0]).read_only = true);
    one(id, &read_only, Severity::Critical, "external/postgresql");
    let two = postgresql(|all| {
        let other = database(&mut all[1]);
        (other.in_recovery, other.read_only) = (false, false);
    });
    one(id, &two, Severity::Warning, "external/postgresql");
    // The one that is not reached may be the primary.
    let untold = postgresql(|all| fails(&mut all[0], WhyKind::Refused));
    assert_cannot_tell(id, &untold, FeedId::External(ServiceId::Postgresql));
}

#[test]
fn a_standby_streams_or_is_not_ours_to_see() {
    let id = CheckId::ExternalPostgresqlStandby;
    let feed = FeedId::External(ServiceId::Postgresql);
    let states = |states: &[&str]| {
        postgresql(|all| database(&mut all[0]).standbys = states.iter().map(|own| Text::from(*own)).collect())
    };
    assert_holds(id, &states(&["catchup", "streaming"]));
    let subject = "external/db-1.example.com:5432";
    let beside = one(id, &states(&[]), Severity::Warning, subject);
    let told = evidence(&beside);
    assert!(
        told.contains("db-2.example.com:5432 is a standby and does not stream from it"),
        "{told}"
    );
    assert!(!beside.remedy.as_str().contains("managed service"), "{beside:?}");
    let alone = postgresql(|all| {
        all.truncate(1);
        database(&mut all[0]).standbys.clear();
    });
    let alone = one(id, &alone, Severity::Warning, subject);
    assert!(
        alone
            .remedy
            .as_str()
            .contains("managed service behind a name of your own may hide"),
        "{alone:?}"
    );
    one(id, &states(&["backup"]), Severity::Warning, subject);
    assert_cannot_tell(id, &states(&[""]), feed);
    let received = |standbys: &[&str], target: &str| {
        postgresql(|all| {
            all[0].target = target.into();
            let own = database(&mut all[0]);
            own.standbys = standbys.iter().map(|own| Text::from(*own)).collect();
            own.other_receivers = 2;
        })
    };
    let (db, managed) = ("db-1.example.com:5432", "nb.abc.eu-central-1.rds.amazonaws.com:5432");
    assert_holds(id, &received(&["streaming"], db));
    let told = evidence(&one(id, &received(&[], db), Severity::Warning, subject));
    assert!(told.contains("pg_stat_replication shows no standby"), "{told}");
    assert!(told.contains("not counted as standbys: 2 receivers of WAL"), "{told}");
    assert_cannot_tell(id, &received(&[""], db), feed);
    assert_cannot_tell(id, &received(&[], managed), feed);
}

#[test]
fn databases_that_are_missing_are_named() {
    let snapshot = postgresql(|all| database(&mut all[0]).databases.truncate(1));
    let finding = one(
        CheckId::ExternalPostgresqlDatabases,
        &snapshot,
        Severity::Warning,
        "external/db-1.example.com:5432",
    );
    assert_eq!(finding.title, "PostgreSQL lacks diode, hydra");
}

#[test]
fn a_replica_that_is_cut_off_is_found() {
    let snapshot = redis(|own| own.answer.as_mut().unwrap().hears_master = Some(false));
    one(
        CheckId::ExternalRedis,
        &snapshot,
        Severity::Warning,
        "external/cache.example.com:6379",
    );
    let replica = redis(|own| {
        let cache = own.answer.as_mut().unwrap();
        (cache.role, cache.hears_master) = ("slave".into(), Some(true));
    });
    let finding = one(
        CheckId::ExternalRedis,
        &replica,
        Severity::Warning,
        "external/cache.example.com:6379",
    );
    assert_eq!(
        finding.title,
        "the Redis that was asked is a replica: it takes no changes"
    );
    let mut dead = redis(|own| fails(own, WhyKind::Refused));
    dead.from.clear();
    one(CheckId::ExternalRedis, &dead, Severity::Critical, "external/redis");
}

#[test]
fn sentinels_need_a_quorum_and_a_replica() {
    let id = CheckId::ExternalRedisSentinel;
    let each = |bend: fn(&mut crate::model::external::Master)| {
        sentinel(|all| {
            for own in all {
                own.answer.as_mut().unwrap().masters.iter_mut().for_each(bend);
            }
        })
    };
    let subject = "external/sentinel/diode";
    let below = each(|master| master.no_quorum = Some("NOQUORUM 1 usable Sentinels".into()));
    let finding = one(id, &below, Severity::Warning, subject);
    assert!(evidence(&finding).contains("NOQUORUM"), "{finding:?}");
    one(id, &each(|master| master.replicas = 0), Severity::Warning, subject);
    let few = one(id, &each(|master| master.sentinels = 2), Severity::Warning, subject);
    assert_eq!(few.title, "fewer than three Sentinels watch Redis master diode");
    assert!(evidence(&few).contains("2 Sentinels known, quorum 2: "), "{few:?}");
    let down = one(id, &each(|master| master.is_down = true), Severity::Critical, subject);
    assert!(!down.consequence.as_str().contains("when the master dies"), "{down:?}");
    assert!(down.remedy.as_str().contains("promote a replica"), "{down:?}");
    let nothing = sentinel(|all| {
        for own in all {
            own.answer.as_mut().unwrap().masters.clear();
        }
    });
    one(id, &nothing, Severity::Warning, "external/sentinel/none");
    let silent = sentinel(|all| fails(&mut all[2], WhyKind::Refused));
    one(id, &silent, Severity::Warning, "external/sentinel");
    let closed = sentinel(|all| fails(&mut all[2], WhyKind::Unauthenticated));
    assert_cannot_tell(id, &closed, FeedId::External(ServiceId::Sentinel));
}

#[test]
fn a_managed_redis_has_no_sentinel_to_name() {
    let said = |mut snapshot: Snapshot, target: &str| {
        if let Told::Redis(servers) = &mut snapshot.external.get_mut(&ServiceId::Redis).unwrap().told {
            servers[0].target = target.into();
        }
        look(CheckId::ExternalRedisSentinel, &snapshot)
    };
    let unnamed = || not_told(healthy(), &[ServiceId::Sentinel]);
    let managed = "master.nb.abc.euc1.cache.amazonaws.com:6379";
    let kind = |outcome| match outcome {
        Outcome::CannotTell { why, .. } => (why.kind, why.text.to_string()),
        other => panic!("{other:?}"),
    };
    let (told, text) = kind(said(unnamed(), managed));
    assert_eq!(told, WhyKind::NoOccasion);
    assert!(text.contains(&format!("{managed} is a managed service")), "{text}");
    assert_eq!(kind(said(unnamed(), "cache.example.com:6379")).0, WhyKind::Config);
    // Where Sentinels are named, they are what counts.
    assert_eq!(said(healthy(), managed), Outcome::Holds);
}

#[test]
fn a_bucket_is_there_and_written_only_where_that_was_tried() {
    let id = CheckId::ExternalS3;
    let bucket = |exists, written| {
        s3(|own| {
            let bucket = own.answer.as_mut().unwrap();
            (bucket.exists, bucket.written) = (exists, written);
        })
    };
    let subject = "external/s3.example.com:443";
    assert_holds(id, &bucket(Some(true), Some(Ok(()))));
    assert_holds(id, &bucket(None, Some(Ok(()))));
    one(id, &bucket(Some(false), None), Severity::Critical, subject);
    let refused = || Err(Why::new(WhyKind::Forbidden, "HTTP 403"));
    one(id, &bucket(Some(true), Some(refused())), Severity::Critical, subject);
    let closed = s3(|own| fails(own, WhyKind::Forbidden));
    assert_cannot_tell(id, &closed, FeedId::External(ServiceId::S3));
}

#[test]
fn connections_are_encrypted_by_certificates_that_last() {
    let id = CheckId::ExternalTls;
    let secured = |secured: Secured| redis(|own| own.secured = secured);
    let subject = "external/cache.example.com:6379";
    one(id, &secured(Secured::Plain), Severity::Info, subject);
    let now = healthy().now.wall;
    let soon = now
        + Policy::default()
            .certificate_critical
            .try_into()
            .unwrap_or(jiff::SignedDuration::ZERO);
    one(
        id,
        &secured(Secured::Tls { not_after: soon }),
        Severity::Critical,
        subject,
    );
    one(id, &redis(|own| fails(own, WhyKind::Tls)), Severity::Warning, subject);
    // What is not set is not asked for.
    let some = not_told(healthy(), &[ServiceId::Postgresql, ServiceId::Sentinel, ServiceId::S3]);
    assert_holds(id, &some);
    let refused = redis(|own| fails(own, WhyKind::Refused));
    assert_cannot_tell(id, &refused, FeedId::External(ServiceId::Redis));
    assert!(
        findings(id, &secured(Secured::Plain))[0]
            .title
            .as_str()
            .contains("without TLS")
    );
}

#[test]
fn a_server_that_another_controller_does_not_reach_is_told_and_from_where_it_is_reached() {
    let mut snapshot = example::healthy();
    let address = example::address(3).as_str().parse().unwrap();
    let seen = snapshot.from.get_mut(&address).unwrap();
    let is_of = |way: &&mut Way| {
        matches!(
            way.target,
            Target::External {
                service: ServiceId::S3,
                ..
            }
        )
    };
    seen.ways.iter_mut().find(is_of).unwrap().knock = Knock::Silent;
    let found = one(CheckId::ExternalS3, &snapshot, Severity::Warning, "external/s3");
    assert_eq!(found.title, "object storage is not reached from nbe-3");
    let told = evidence(&found);
    assert!(
        told.contains("from nbe-2: ") && told.contains(" connected (") && told.contains(" silent ("),
        "{told}"
    );
    // Who was not asked, or not of late, says nothing.
    example::lose_feed(&mut snapshot, example::from(3));
    assert_holds(CheckId::ExternalS3, &snapshot);
}

#[test]
fn object_storage_on_a_node_is_lost_with_it() {
    let id = CheckId::ExternalS3Availability;
    let at = |target: &str, addresses: &[&str], spares: Option<bool>| {
        s3(|server| {
            server.target = target.into();
            server.addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
            server.answer.as_mut().unwrap().spares_server = spares;
        })
    };
    let (minio, subject) = ("minio.example.com:9000", "external/minio.example.com:9000");
    let finding = one(id, &at(minio, &["10.77.0.13"], Some(true)), Severity::Warning, subject);
    assert_eq!(finding.title, "object storage lies on nbe-3");
    let said = |snapshot: &Snapshot| match look(id, snapshot) {
        Outcome::CannotTell { why, .. } => why.text.to_string(),
        other => panic!("{other:?}"),
    };
    let lone = said(&at(minio, &["192.0.2.40"], None));
    assert!(lone.starts_with("minio.example.com:9000 has one address"), "{lone}");
    let several = said(&at(minio, &["192.0.2.40", "192.0.2.41"], None));
    assert!(several.contains("has 2 addresses"), "{several}");
    assert_holds(id, &at("s3.eu-central-1.amazonaws.com:443", &["192.0.2.40"], None));
    assert_holds(id, &at(minio, &["192.0.2.40"], Some(true)));
    one(id, &at(minio, &["192.0.2.40"], Some(false)), Severity::Warning, subject);
    let silent = s3(|server| fails(server, WhyKind::TimedOut));
    assert_cannot_tell(id, &silent, FeedId::External(ServiceId::S3));
}

#[test]
fn a_database_on_a_node_is_not_outside() {
    let on_node = vec!["10.77.0.13".parse().unwrap()];
    let snapshot = redis(|server| server.addresses.clone_from(&on_node));
    let finding = one(
        CheckId::ExternalRedis,
        &snapshot,
        Severity::Warning,
        "external/cache.example.com:6379",
    );
    assert_eq!(finding.title, "Redis lies on nbe-3");
    assert_holds(CheckId::ExternalPostgresql, &snapshot);
}
