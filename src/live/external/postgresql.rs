//! PostgreSQL: a login and three queries that change nothing. TLS is asked for before anything else is said, so that no
//! password goes to whoever took the server's place. Start reading at the end.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{Error, SqlState};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, SimpleQueryRow};

use super::Postgresql;
use super::call::{Ask, Call, Stream};
use crate::base::{Text, Why, WhyKind};
use crate::live::dial::Hop;
use crate::model::external::{DATABASES, Database};

/// What asks for TLS (PostgreSQL, "Message Formats", SSLRequest).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

const SELF: &str =
    "SELECT pg_is_in_recovery(), current_setting('transaction_read_only'), current_setting('server_version')";
const NAMES: &str = "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY datname LIMIT 1000";
/// A state, and whether it is no standby that streams. Who replays nothing reports no replay (`sendFeedback` in PostgreSQL's
/// receivelog.c, with `--synchronous` too); a logical subscriber does, and is known by its slot, which everybody may see. Without
/// `pg_read_all_stats` all columns but the pid are NULL.
const STANDBYS: &str = "SELECT coalesce(state, ''), state = 'streaming' AND (replay_lsn IS NULL OR pid IN \
                        (SELECT active_pid FROM pg_replication_slots WHERE slot_type = 'logical')) \
                        FROM pg_stat_replication LIMIT 100";

impl Ask for Postgresql {
    type Told = Database;

    async fn ask(&self, call: &mut Call<'_>) -> Result<Database, Why> {
        let stream = self.connect(call).await?;
        let mut config = tokio_postgres::Config::new();
        config
            .user(self.site.user.as_str())
            .dbname(self.site.database.as_str())
            .application_name("quorate")
            .ssl_mode(SslMode::Disable);
        if let Some(secret) = &call.keys.secret {
            config.password(secret.reveal());
        }
        call.hop = Hop::Request("login");
        let opened = config.connect_raw(stream, NoTls).await;
        let (client, connection) = opened.map_err(|error| why(call, &error))?;
        call.hop = Hop::Request("SELECT");
        let told = read(&client);
        tokio::pin!(told, connection);
        let told = tokio::select! {
            biased;
            told = &mut told => told,
            // What it brought before it ended is still there to be read.
            ended = &mut connection => match ended {
                Ok(()) => told.await,
                Err(error) => Err(error),
            },
        };
        told.map_err(|error| why(call, &error))
    }
}

impl Postgresql {
    async fn connect(&self, call: &mut Call<'_>) -> Result<Box<dyn Stream>, Why> {
        let mut stream = call.open().await?;
        if self.site.is_plain {
            return Ok(call.plainly(stream));
        }
        call.hop = Hop::Request("SSLRequest");
        let mut answer = [0];
        let asked = async {
            stream.write_all(&SSL_REQUEST).await?;
            stream.read_exact(&mut answer).await
        };
        asked.await.map_err(|error| call.broken(&error))?;
        match answer {
            [b'S'] => call.handshake(stream).await,
            [b'N'] => {
                let why = call.failed(WhyKind::Tls, "it does not offer TLS");
                Err(why
                    .hint("set ssl = on there; where that is not wanted, add ?sslmode=disable to external.postgresql"))
            }
            _ => Err(call.failed(WhyKind::Garbage, "the answer is not PostgreSQL's")),
        }
    }
}

async fn read(client: &Client) -> Result<Database, Error> {
    let own = rows(client, SELF).await?;
    let word = |column| own.first().and_then(|row| row.get(column)).unwrap_or_default();
    let names = rows(client, NAMES).await?;
    let names: Vec<&str> = names.iter().filter_map(|row| row.get(0)).collect();
    // What streams from a server is seen there alone.
    let receivers = rows(client, STANDBYS).await?;
    let (others, standbys): (Vec<_>, Vec<_>) = receivers.iter().partition(|row| row.get(1) == Some("t"));
    Ok(Database {
        version: word(2).into(),
        in_recovery: word(0) == "t",
        read_only: word(1) == "on",
        databases: DATABASES
            .into_iter()
            .filter(|name| names.contains(name))
            .map(Text::from)
            .collect(),
        standbys: standbys
            .iter()
            .map(|row| Text::from(row.get(0).unwrap_or_default()))
            .collect(),
        other_receivers: others.len(),
    })
}

async fn rows(client: &Client, query: &str) -> Result<Vec<SimpleQueryRow>, Error> {
    let messages = client.simple_query(query).await?;
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    };
    Ok(messages.into_iter().filter_map(row).collect())
}

/// What an error means: an error that the server itself sends proves that it is there.
fn why(call: &Call<'_>, error: &Error) -> Why {
    let Some(told) = error.as_db_error() else {
        return call.broken(error);
    };
    let code = told.code();
    let kind = if [
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    ]
    .contains(code)
    {
        WhyKind::Unauthenticated
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        WhyKind::Forbidden
    } else if *code == SqlState::INVALID_CATALOG_NAME {
        WhyKind::NotFound
    } else {
        WhyKind::Unavailable
    };
    call.failed(kind, told.message())
}
