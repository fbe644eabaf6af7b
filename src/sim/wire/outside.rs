//! What the services outside the cluster answer: of each protocol just what a read-only look asks for. Whoever comes is let
//! in. Start reading at [`converse`].

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use super::Shared;
use crate::sim::world::World;
use crate::sim::world::outside::{Outside, OutsideService};

/// No client says more at once.
const MAX_BYTES: usize = 64 << 10;
/// The databases that the product needs.
const DATABASES: [&str; 3] = ["netbox", "diode", "hydra"];
/// The master that the Sentinels watch.
const MASTER: &str = "diode";

/// What comes before TLS: PostgreSQL's clients ask for it first.
pub async fn before_tls(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), service: OutsideService) -> io::Result<()> {
    if service == OutsideService::Postgresql {
        stream.read_exact(&mut [0; 8]).await?;
        stream.write_all(b"S").await?;
    }
    Ok(())
}

/// Talks over one connection until it ends.
pub async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    shared: Arc<Shared>,
    service: OutsideService,
) {
    // How a connection ends is the client's affair.
    let _ = match service {
        OutsideService::Postgresql => postgresql(stream, &shared).await,
        OutsideService::Redis | OutsideService::Sentinel => redis(stream, &shared, service).await,
        OutsideService::S3 => s3(stream, shared).await,
    };
}

/// PostgreSQL's protocol 3.0: a startup that is always welcome, and simple queries.
async fn postgresql(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> io::Result<()> {
    body(&mut stream).await?;
    let mut hello = Vec::new();
    message(&mut hello, b'R', &[0; 4]);
    message(&mut hello, b'S', b"server_version\x0016.4\0");
    message(&mut hello, b'S', b"client_encoding\0UTF8\0");
    message(&mut hello, b'Z', b"I");
    stream.write_all(&hello).await?;
    while stream.read_u8().await? == b'Q' {
        let query = body(&mut stream).await?;
        let query = String::from_utf8_lossy(&query).into_owned();
        let rows = shared.with(|world| rows(world, &query));
        stream.write_all(&answer(rows)).await?;
    }
    Ok(())
}

/// A length and so many bytes.
async fn body(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
    let length = length.checked_sub(4).filter(|length| *length <= MAX_BYTES);
    let mut body = vec![0; length.ok_or(io::ErrorKind::InvalidData)?];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

fn message(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.push(kind);
    out.extend(u32::try_from(body.len() + 4).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(body);
}

/// The rows of a query; None for one that this server does not know.
fn rows(world: &World, query: &str) -> Option<Vec<Vec<&'static str>>> {
    if query.contains("pg_is_in_recovery()") {
        let read_only = if world.is_outside(Outside::PrimaryReadOnly) {
            "on"
        } else {
            "off"
        };
        return Some(vec![vec!["f", read_only, "16.4"]]);
    }
    if query.contains("pg_database") {
        let is_there = |name: &&str| *name != "diode" || !world.is_outside(Outside::DatabaseMissing);
        return Some(DATABASES.into_iter().filter(is_there).map(|name| vec![name]).collect());
    }
    let has_standby = !world.is_outside(Outside::StandbyGone);
    query.contains("pg_stat_replication").then(|| {
        if has_standby {
            vec![vec!["streaming", "f"]]
        } else {
            Vec::new()
        }
    })
}

fn answer(rows: Option<Vec<Vec<&'static str>>>) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(rows) = rows {
        let columns = rows.first().map_or(1, Vec::len);
        let count = |columns: usize| u16::try_from(columns).unwrap_or(u16::MAX).to_be_bytes();
        let mut description = count(columns).to_vec();
        for _ in 0..columns {
            // A name, no table, text (25) of any length, as text.
            description.extend(b"column\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0");
        }
        message(&mut out, b'T', &description);
        for row in &rows {
            let mut data = count(row.len()).to_vec();
            for word in row {
                data.extend(u32::try_from(word.len()).unwrap_or(u32::MAX).to_be_bytes());
                data.extend(word.as_bytes());
            }
            message(&mut out, b'D', &data);
        }
        message(&mut out, b'C', format!("SELECT {}\0", rows.len()).as_bytes());
    } else {
        message(
            &mut out,
            b'E',
            b"SERROR\0C0A000\0Mthe simulator knows no such query\0\0",
        );
    }
    message(&mut out, b'Z', b"I");
    out
}

/// RESP2: commands are lists of words.
async fn redis(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    shared: &Shared,
    service: OutsideService,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let command = command(&mut stream).await?;
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let reply = shared.with(|world| match service {
            OutsideService::Sentinel => of_sentinel(world, &words),
            OutsideService::Redis | OutsideService::Postgresql | OutsideService::S3 => of_redis(world, &words),
        });
        stream.write_all(reply.as_bytes()).await?;
    }
}

async fn command(stream: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Vec<String>> {
    let mut words = Vec::new();
    for _ in 0..number(stream, '*').await? {
        let length = number(stream, '$').await?;
        let mut word = vec![0; length + 2];
        stream.read_exact(&mut word).await?;
        word.truncate(length);
        words.push(String::from_utf8_lossy(&word).to_ascii_uppercase());
    }
    Ok(words)
}

async fn number(stream: &mut (impl AsyncBufReadExt + Unpin), mark: char) -> io::Result<usize> {
    let mut line = String::new();
    if stream.take(32).read_line(&mut line).await? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let number = line.trim_end().strip_prefix(mark).and_then(|word| word.parse().ok());
    number
        .filter(|number| *number <= MAX_BYTES)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn of_redis(world: &World, words: &[&str]) -> String {
    let replicas = u8::from(!world.is_outside(Outside::ReplicaGone));
    match words {
        ["INFO", ..] => bulk(&format!(
            "# Replication\r\nrole:master\r\nconnected_slaves:{replicas}\r\n"
        )),
        ["PING"] => "+PONG\r\n".to_owned(),
        _ => "-ERR the simulator knows no such command\r\n".to_owned(),
    }
}

fn of_sentinel(world: &World, words: &[&str]) -> String {
    let master = MASTER.to_ascii_uppercase();
    let others = if world.is_outside(Outside::SentinelBelowQuorum) {
        "0"
    } else {
        "2"
    };
    let state = if world.is_outside(Outside::RedisDead) {
        "master,s_down,o_down"
    } else {
        "master"
    };
    match words {
        ["SENTINEL", "MASTERS"] => list(&[fields(&[
            ("name", MASTER),
            ("ip", "192.0.2.21"),
            ("port", "6379"),
            ("flags", state),
            ("num-other-sentinels", others),
            ("quorum", "2"),
        ])]),
        ["SENTINEL", "REPLICAS", name] if *name == master => {
            let replica = fields(&[
                ("name", "192.0.2.22:6379"),
                ("flags", "slave"),
                ("master-link-status", "ok"),
            ]);
            list(if world.is_outside(Outside::ReplicaGone) {
                &[]
            } else {
                std::slice::from_ref(&replica)
            })
        }
        ["SENTINEL", "CKQUORUM", name] if *name == master => {
            if world.is_outside(Outside::SentinelBelowQuorum) {
                "-NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the specified quorum\r\n"
                    .to_owned()
            } else {
                "+OK 3 usable Sentinels. Quorum and failover authorization can be reached\r\n".to_owned()
            }
        }
        _ => "-ERR the simulator knows no such command\r\n".to_owned(),
    }
}

fn bulk(word: &str) -> String {
    format!("${}\r\n{word}\r\n", word.len())
}

fn list(items: &[String]) -> String {
    format!("*{}\r\n{}", items.len(), items.concat())
}

fn fields(pairs: &[(&str, &str)]) -> String {
    let words: Vec<String> = pairs
        .iter()
        .flat_map(|(name, value)| [bulk(name), bulk(value)])
        .collect();
    list(&words)
}

/// MinIO with a bucket: whether it is there, objects that nobody keeps, and whether a server can be spared.
async fn s3(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, shared: Arc<Shared>) -> io::Result<()> {
    let answering = service_fn(|request: Request<Incoming>| {
        let is_health = request.uri().path() == "/minio/health/cluster";
        let wrong = if is_health {
            Outside::S3NoSpare
        } else {
            Outside::BucketMissing
        };
        let is_well = shared.with(|world| !world.is_outside(wrong));
        let mut answer = Response::new(Full::<Bytes>::default());
        answer.headers_mut().insert(SERVER, HeaderValue::from_static("MinIO"));
        *answer.status_mut() = match *request.method() {
            _ if is_health && !is_well => StatusCode::PRECONDITION_FAILED,
            _ if is_health => StatusCode::OK,
            _ if !is_well => StatusCode::NOT_FOUND,
            Method::HEAD | Method::PUT => StatusCode::OK,
            Method::DELETE => StatusCode::NO_CONTENT,
            _ => StatusCode::METHOD_NOT_ALLOWED,
        };
        async move { Ok::<_, Infallible>(answer) }
    });
    let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answering);
    serving.await.map_err(io::Error::other)
}
