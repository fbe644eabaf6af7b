//! Where the external services are, as an operator writes it. A URL here never holds a password. Pure.
//! Start reading at [`Place`].

use std::fmt;

use crate::base::Text;
use crate::model::entry::way::bracketed;

/// No more servers of one service are asked.
pub const MAX_SERVERS: usize = 8;

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A name or an address.
    pub host: Text,
    /// TCP.
    pub port: u16,
}

impl Place {
    /// From `HOST[:PORT]`; addresses of IPv6 in brackets.
    fn parse(raw: &str, port: u16) -> Option<Self> {
        let (host, port) = match raw.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
            Some(_) | None => (raw, port),
        };
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = inner.unwrap_or(host);
        let is_of_host = |c: char| c.is_ascii_alphanumeric() || ".-:_".contains(c);
        if host.is_empty() || port == 0 || !host.chars().all(is_of_host) || (inner.is_none() && host.contains(':')) {
            return None;
        }
        Some(Self {
            host: host.into(),
            port,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", bracketed(self.host.as_str()), self.port)
    }
}

/// What is wrong with what was written.
pub type Wrong = &'static str;

const PASSWORD: Wrong = "may not hold a password: set the file that holds it";

/// What stands before `@`, and what after it. A password is refused.
fn user_of(raw: &str) -> Result<(Option<Text>, &str), Wrong> {
    let Some((user, rest)) = raw.rsplit_once('@') else {
        return Ok((None, raw));
    };
    if user.contains(':') {
        return Err(PASSWORD);
    }
    let is_of_user = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !user.chars().all(is_of_user) {
        return Err("has a user with other characters than letters, digits, dot, dash and underscore");
    }
    Ok((Some(user).filter(|user| !user.is_empty()).map(Text::from), rest))
}

/// PostgreSQL: one primary, or all servers that may be it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresqlSite {
    /// At least one, at most [`MAX_SERVERS`].
    pub servers: Vec<Place>,
    /// As whom.
    pub user: Text,
    /// The database to connect to.
    pub database: Text,
    /// `sslmode=disable`: without TLS.
    pub is_plain: bool,
}

impl PostgresqlSite {
    /// From `postgresql://USER@HOST[:PORT][,HOST…]/DATABASE[?sslmode=disable]`.
    pub fn parse(raw: &str) -> Result<Self, Wrong> {
        const FORM: Wrong = "is not postgresql://USER@HOST[:PORT][,HOST…]/DATABASE";
        let rest = raw
            .strip_prefix("postgresql://")
            .or_else(|| raw.strip_prefix("postgres://"));
        let (rest, query) = match rest.ok_or(FORM)?.split_once('?') {
            Some((rest, query)) => (rest, query),
            None => (rest.ok_or(FORM)?, ""),
        };
        let is_plain = match query {
            "" | "sslmode=require" | "sslmode=verify-full" => false,
            "sslmode=disable" => true,
            _ => return Err("may have sslmode=disable or sslmode=verify-full, and no other parameter"),
        };
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = user_of(authority)?;
        let servers: Option<Vec<Place>> = hosts.split(',').map(|host| Place::parse(host, 5432)).collect();
        let servers = servers.filter(|servers| servers.len() <= MAX_SERVERS).ok_or(FORM)?;
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if !database.chars().all(is_of_name) {
            return Err(FORM);
        }
        Ok(Self {
            servers,
            user: user.ok_or("names no user: postgresql://USER@HOST/DATABASE")?,
            database: if database.is_empty() { "netbox" } else { database }.into(),
            is_plain,
        })
    }

    /// As it would be written.
    pub fn url(&self) -> String {
        let servers: Vec<String> = self.servers.iter().map(Place::to_string).collect();
        let query = if self.is_plain { "?sslmode=disable" } else { "" };
        format!(
            "postgresql://{}@{}/{}{query}",
            self.user,
            servers.join(","),
            self.database
        )
    }
}

/// A server that speaks Redis's protocol: Redis or a Sentinel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisSite {
    /// Where.
    pub server: Place,
    /// As whom, where it knows users.
    pub user: Option<Text>,
    /// `redis://`, not `rediss://`: without TLS.
    pub is_plain: bool,
}

impl RedisSite {
    /// From `redis://[USER@]HOST[:PORT]`, `rediss://…` with TLS; or without either where `bare` servers are allowed.
    pub fn parse(raw: &str, port: u16, bare: bool) -> Result<Self, Wrong> {
        const FORM: Wrong = "is not redis://[USER@]HOST[:PORT], or rediss://… with TLS";
        let (is_plain, rest) = match (raw.strip_prefix("redis://"), raw.strip_prefix("rediss://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) if bare && !raw.contains("://") => (true, raw),
            (None, None) => return Err(FORM),
        };
        let (user, rest) = user_of(rest.trim_end_matches('/'))?;
        let server = Place::parse(rest, port).ok_or(FORM)?;
        Ok(Self { server, user, is_plain })
    }

    /// As it would be written.
    pub fn url(&self) -> String {
        let scheme = if self.is_plain { "redis" } else { "rediss" };
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        format!("{scheme}://{user}{}", self.server)
    }
}

/// Where object storage answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Site {
    /// Where.
    pub server: Place,
    /// `http://`: without TLS.
    pub is_plain: bool,
}

impl S3Site {
    /// From `https://HOST[:PORT]` or `http://HOST[:PORT]`. Buckets are asked for by path.
    pub fn parse(raw: &str) -> Result<Self, Wrong> {
        const FORM: Wrong = "is not https://HOST[:PORT] or http://HOST[:PORT]";
        let (is_plain, rest) = match (raw.strip_prefix("https://"), raw.strip_prefix("http://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => return Err(FORM),
        };
        let (user, rest) = user_of(rest.trim_end_matches('/'))?;
        if user.is_some() {
            return Err(FORM);
        }
        let server = Place::parse(rest, if is_plain { 80 } else { 443 }).ok_or(FORM)?;
        Ok(Self { server, is_plain })
    }

    /// As it would be written.
    pub fn url(&self) -> String {
        let scheme = if self.is_plain { "http" } else { "https" };
        format!("{scheme}://{}", self.server)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let several = "postgresql://quorate@db-1.example.com:5432,[fd00::2]:6432/diode";
        let site = PostgresqlSite::parse(several).unwrap();
        assert_eq!((site.servers.len(), site.url().as_str()), (2, several));
        let plain = PostgresqlSite::parse("postgres://q@db?sslmode=disable").unwrap();
        assert_eq!(plain.url(), "postgresql://q@db:5432/netbox?sslmode=disable");
        let redis = RedisSite::parse("rediss://ops@cache.example.com", 6379, false).unwrap();
        assert_eq!(redis.url(), "rediss://ops@cache.example.com:6379");
        let sentinel = RedisSite::parse("10.0.0.1", 26379, true).unwrap();
        assert_eq!(sentinel.url(), "redis://10.0.0.1:26379");
        assert_eq!(
            S3Site::parse("https://s3.example.com/").unwrap().url(),
            "https://s3.example.com:443"
        );
    }

    #[test]
    fn a_password_is_refused_and_so_is_anything_unclear() {
        let postgresql = |raw| PostgresqlSite::parse(raw).unwrap_err();
        assert_eq!(postgresql("postgresql://q:secret@db/netbox"), PASSWORD);
        assert_eq!(RedisSite::parse("redis://:secret@cache", 6379, false), Err(PASSWORD));
        for wrong in [
            "mysql://q@db",
            "postgresql://db/netbox",
            "postgresql://q@db:0",
            "postgresql://q@db/x;y",
            "postgresql://q@db?sslmode=prefer",
            "postgresql://q@fd00::1/netbox",
            "postgresql://q@a,b,c,d,e,f,g,h,i",
        ] {
            assert!(PostgresqlSite::parse(wrong).is_err(), "{wrong}");
        }
        assert!(RedisSite::parse("cache:6379", 6379, false).is_err());
        assert!(S3Site::parse("https://key@s3.example.com").is_err());
        assert!(S3Site::parse("https://s3.example.com/bucket").is_err());
    }
}
