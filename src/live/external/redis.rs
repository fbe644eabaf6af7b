//! Redis and its Sentinels, in their own words: `INFO replication`, `SENTINEL MASTERS` and `SENTINEL CKQUORUM`. None of them
//! changes anything. Start reading at the two implementations of [`Ask`].

use std::collections::BTreeMap;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, ProtocolVersion, RedisConnectionInfo, RedisError};

use super::Redis;
use super::call::{Ask, Call};
use crate::base::{Text, Why, WhyKind};
use crate::live::dial::Hop;
use crate::model::external::site::RedisSite;
use crate::model::external::{Cache, Master, Watch};

/// No more masters of a Sentinel are looked at.
const MAX_MASTERS: usize = 16;

/// One Sentinel.
pub struct OneSentinel<'a> {
    /// Where.
    pub site: &'a RedisSite,
    /// Which masters matter; empty: all.
    pub masters: &'a [Text],
}

/// A connection, a login, and what is then asked.
macro_rules! converse {
    ($call:expr, $site:expr, $hop:expr, $read:expr) => {{
        let (call, site): (&mut Call<'_>, &RedisSite) = ($call, $site);
        let stream = call.connect(site.is_plain).await?;
        call.hop = Hop::Request("login");
        // The deadline is the whole call's.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let opened = MultiplexedConnection::new_with_config(&login(call, site), stream, config).await;
        let (mut connection, driver) = opened.map_err(|error| why(call, &error))?;
        call.hop = $hop;
        let told = $read(&mut connection);
        tokio::pin!(told);
        let told: Result<_, RedisError> = tokio::select! {
            biased;
            told = &mut told => told,
            // What the connection brought before it ended is still there to be read.
            () = driver => told.await,
        };
        told.map_err(|error| why(call, &error))
    }};
}

impl Ask for Redis {
    type Told = Cache;

    async fn ask(&self, call: &mut Call<'_>) -> Result<Cache, Why> {
        let read = async |connection: &mut MultiplexedConnection| {
            redis::cmd("INFO")
                .arg("replication")
                .query_async::<String>(connection)
                .await
        };
        let info = converse!(call, &self.site, Hop::Request("INFO replication"), read)?;
        let fields: BTreeMap<&str, &str> = info.lines().filter_map(|line| line.trim().split_once(':')).collect();
        let Some(role) = fields.get("role") else {
            return Err(call.failed(WhyKind::Garbage, "the answer names no role"));
        };
        Ok(Cache {
            role: Text::new(role),
            replicas: number(fields.get("connected_slaves").copied()),
            hears_master: fields.get("master_link_status").map(|status| *status == "up"),
        })
    }
}

impl Ask for OneSentinel<'_> {
    type Told = Watch;

    async fn ask(&self, call: &mut Call<'_>) -> Result<Watch, Why> {
        let wanted = self.masters;
        let read = async |connection: &mut MultiplexedConnection| {
            let all: Vec<Fields> = redis::cmd("SENTINEL").arg("MASTERS").query_async(connection).await?;
            let is_wanted = |own: &&Fields| wanted.is_empty() || wanted.iter().any(|name| *name == word(own, "name"));
            let mut masters = Vec::new();
            for own in all.iter().filter(is_wanted).take(MAX_MASTERS) {
                masters.push(master(connection, own).await?);
            }
            Ok(masters)
        };
        let masters = converse!(call, self.site, Hop::Request("SENTINEL"), read)?;
        let is_known = |name: &&Text| masters.iter().any(|own| own.name == **name);
        Ok(Watch {
            unknown: wanted.iter().filter(|name| !is_known(name)).cloned().collect(),
            masters,
        })
    }
}

/// Pairs of names and values.
type Fields = BTreeMap<String, String>;

fn word<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", String::as_str)
}

fn number(word: Option<&str>) -> u64 {
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

async fn master(connection: &mut MultiplexedConnection, own: &Fields) -> Result<Master, RedisError> {
    let name = word(own, "name");
    let sentinel = |what: &str| redis::cmd("SENTINEL").arg(what).arg(name).clone();
    let replicas: Vec<Fields> = sentinel("REPLICAS").query_async(connection).await?;
    let agreed: Result<String, RedisError> = sentinel("CKQUORUM").query_async(connection).await;
    let no_quorum = match agreed {
        Ok(_) => None,
        Err(error) if error.code() == Some("NOQUORUM") => {
            Some(Text::from(format!("NOQUORUM {}", error.detail().unwrap_or_default())))
        }
        Err(error) => return Err(error),
    };
    let hears = |replica: &&Fields| {
        let flags = word(replica, "flags");
        let is_down = ["s_down", "o_down", "disconnected"]
            .iter()
            .any(|flag| flags.contains(flag));
        !is_down && word(replica, "master-link-status") == "ok"
    };
    let hearing = replicas.iter().filter(hears).count();
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let flags = word(own, "flags");
    Ok(Master {
        name: name.into(),
        address: Text::from(format!("{}:{}", word(own, "ip"), word(own, "port"))),
        is_down: flags.contains("s_down") || flags.contains("o_down"),
        replicas: count(hearing),
        replicas_down: count(replicas.len() - hearing),
        sentinels: number(own.get("num-other-sentinels").map(String::as_str)).saturating_add(1),
        quorum: number(own.get("quorum").map(String::as_str)),
        no_quorum,
    })
}

fn login(call: &Call<'_>, site: &RedisSite) -> RedisConnectionInfo {
    let info = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP2)
        .set_skip_set_lib_name();
    let info = match &site.user {
        Some(user) => info.set_username(user.as_str()),
        None => info,
    };
    match &call.keys.secret {
        Some(secret) => info.set_password(secret.reveal()),
        None => info,
    }
}

/// What an error means: an error that the server itself sends proves that it is there.
fn why(call: &Call<'_>, error: &RedisError) -> Why {
    let words = || match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        (Some(word), None) | (None, Some(word)) => word.to_owned(),
        (None, None) => error.to_string(),
    };
    let kind = match (error.code(), error.kind()) {
        (Some("NOAUTH" | "WRONGPASS"), _) | (_, ErrorKind::AuthenticationFailed) => WhyKind::Unauthenticated,
        (Some("NOPERM"), _) => WhyKind::Forbidden,
        (_, ErrorKind::Parse | ErrorKind::UnexpectedReturnType) => WhyKind::Garbage,
        (_, ErrorKind::Io) => return call.broken(error),
        (_, _) => WhyKind::Unavailable,
    };
    call.failed(kind, words())
}
