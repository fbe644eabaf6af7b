//! Servers on loopback that answer by script. Real ones are asked in `tests/lab/external.rs`.
#![allow(clippy::unwrap_used, clippy::panic)]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::base::Clock;
use crate::model::external::Secured;
use crate::model::product::Bucket;
use crate::model::{ObjectKey, example};

/// Says one thing to each who comes and has said something; its port.
async fn server(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let _ = tcp.read(&mut [0; 512]).await;
            let _ = tcp.write_all(answer).await;
        }
    });
    port
}

fn redis(port: u16, password: SecretFrom) -> Wish {
    Wish {
        redis: Some(Redis {
            site: RedisSite::parse(&format!("redis://127.0.0.1:{port}"), 6379, false).unwrap(),
            password,
        }),
        ..Wish::default()
    }
}

/// No API server.
fn nowhere() -> Changes {
    crate::live::kube::in_use().0.changes()
}

async fn look(id: ServiceId, wish: &Wish) -> Result<Told, Why> {
    Service::of(id, wish).unwrap().look().await
}

#[tokio::test]
async fn a_role_is_read() {
    let port = server(b"$46\r\nrole:slave\r\nmaster_link_status:down\r\nignored\r\n\r\n").await;
    let told = look(ServiceId::Redis, &redis(port, SecretFrom::Nowhere)).await.unwrap();
    let Told::Redis(servers) = told else { panic!("{told:?}") };
    let cache = servers[0].answer.as_ref().unwrap();
    assert_eq!((cache.role.as_str(), cache.hears_master), ("slave", Some(false)));
    assert_eq!(servers[0].secured, Secured::Plain);
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing_more() {
    let port = server(b"N").await;
    let wish = Wish {
        postgresql: Some(Postgresql {
            site: PostgresqlSite::parse(&format!("postgresql://q@127.0.0.1:{port}/netbox")).unwrap(),
            password: SecretFrom::Given(Secret::new("hunter2".to_owned())),
        }),
        ..Wish::default()
    };
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), crate::live::test_pki::TestCa::new().pem()).unwrap();
    let wish = Wish {
        ca: Some(ca.path().to_owned()),
        ..wish
    };
    let told = look(ServiceId::Postgresql, &wish).await.unwrap();
    let Told::Postgresql(servers) = told else {
        panic!("{told:?}")
    };
    assert_eq!(servers[0].answer.as_ref().unwrap_err().kind, WhyKind::Tls);
    assert_eq!(servers[0].secured, Secured::Unknown);
}

#[tokio::test]
async fn a_password_that_cannot_be_read_is_this_hosts_affair() {
    let wish = redis(1, SecretFrom::File("/nonexistent/password".into()));
    assert_eq!(look(ServiceId::Redis, &wish).await.unwrap_err().kind, WhyKind::Missing);
}

#[tokio::test]
async fn what_is_not_set_is_off_and_says_how_to_set_it() {
    let (sink, mut observed) = Sink::channel(Clock::start());
    let watch = Watch {
        wish: Some(Wish::default()),
        every: Duration::from_mins(5),
    };
    let (_snapshots, seen) = watch::channel(Arc::new(example::healthy()));
    let asking = tokio::spawn(observe(watch, sink, seen, nowhere()));
    let mut settings = Vec::new();
    while settings.len() < ServiceId::ALL.len() {
        let own = observed.recv().await.unwrap();
        match own.what {
            Observation::Feed {
                report: Report::Begun, ..
            } => {}
            Observation::Feed {
                report: Report::Off(why),
                ..
            } => settings.push(why.hint.unwrap().to_string()),
            other => panic!("{other:?}"),
        }
    }
    settings.sort();
    assert_eq!(settings[0], "set external.postgresql");
    asking.abort();
}

#[tokio::test]
async fn what_is_not_set_is_asked_where_the_product_says_it_is_and_elsewhere_once_it_says_so() {
    let (sink, mut observed) = Sink::channel(Clock::start());
    let watch = Watch {
        wish: Some(Wish::default()),
        every: Duration::from_hours(1),
    };
    let key = ObjectKey::new("kotsadm", "netbox");
    let at = |port: u16| {
        let mut snapshot = example::healthy();
        example::change(&mut snapshot.kube.netbox_enterprises, &key, |own| {
            own.services.redis = Some(format!("redis://127.0.0.1:{port}").into());
        });
        Arc::new(snapshot)
    };
    let ports = [
        server(b"$13\r\nrole:master\r\n\r\n").await,
        server(b"$12\r\nrole:slave\r\n\r\n").await,
    ];
    let (snapshots, seen) = watch::channel(at(ports[0]));
    let asking = tokio::spawn(observe(watch, sink, seen, nowhere()));
    for (port, role) in ports.into_iter().zip(["master", "slave"]) {
        snapshots.send_replace(at(port));
        let told = loop {
            if let Observation::External(told) = observed.recv().await.unwrap().what {
                break told;
            }
        };
        let Told::Redis(servers) = told else { panic!("{told:?}") };
        assert_eq!(servers[0].answer.as_ref().unwrap().role.as_str(), role);
    }
    asking.abort();
}

#[test]
fn settings_outrank_what_the_product_says_and_keep_their_secrets() {
    let told = Services {
        postgresql: Some("postgresql://netbox@db/netbox".into()),
        redis: Some("redis://elsewhere".into()),
        s3: Some(Bucket {
            endpoint: "https://s3.example.com".into(),
            name: "media".into(),
            region: None,
            access_key: None,
            secret_key: None,
        }),
        ..Services::default()
    };
    let whole = redis(6379, SecretFrom::File("/secret".into())).with(&told);
    assert_eq!(whole.redis.unwrap().site.url(), "redis://127.0.0.1:6379");
    let (postgresql, s3) = (whole.postgresql.unwrap(), whole.s3.unwrap());
    assert_eq!(postgresql.site.url(), "postgresql://netbox@db:5432/netbox");
    assert_eq!(
        (s3.bucket.as_str(), s3.site.url().as_str()),
        ("media", "https://s3.example.com:443")
    );
    assert!(matches!(
        (postgresql.password, s3.secret),
        (SecretFrom::Nowhere, SecretFrom::Nowhere)
    ));
    let unclear = Services {
        redis: Some("redis://:hunter2@cache".into()),
        ..Services::default()
    };
    assert!(Wish::default().with(&unclear).redis.is_none());
}
