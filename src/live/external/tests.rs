//! Servers on loopback that answer by script. Real ones are asked in `tests/lab/external.rs`.
#![allow(clippy::unwrap_used, clippy::panic)]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::base::Clock;
use crate::model::external::Secured;

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
    observe(watch, sink).await;
    let mut settings = Vec::new();
    while let Some(own) = observed.recv().await {
        let Observation::Feed {
            report: Report::Off(why),
            ..
        } = own.what
        else {
            panic!("{own:?}");
        };
        settings.push(why.hint.unwrap().to_string());
    }
    assert_eq!(settings.len(), ServiceId::ALL.len());
    assert_eq!(settings[0], "set external.postgresql");
}
