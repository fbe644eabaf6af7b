//! Changes that are asked of the etcd member on this host: each over a connection of its own, each sent once. What etcd's
//! words mean for whoever acts is decided here; what is allowed is not. Start reading at [`Hand`].

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;
use tonic::{Code, Status};

use super::connection::{self, Connection, Driver, Hands};
use super::{EtcdPki, answers, snapshot};
use crate::base::{Text, Why, WhyKind};
use crate::live::act::Deadlines;
use crate::live::dial::{self, Hop, Target, failed, timed_out};
use crate::live::shell::Shell;
use crate::live::tls::{Identity, Loader};
use crate::model::etcd::{Member, MemberId, MembershipView};
use crate::pb::etcdserverpb::AlarmType;
use crate::plan::event::Sent;

/// The member on this host, as whoever changes something sees it.
#[derive(Debug, Clone)]
pub struct Hand {
    /// Certificates.
    pub pki: EtcdPki,
    /// `https://127.0.0.1:2379`
    pub endpoint: String,
    /// How long to wait.
    pub deadlines: Deadlines,
    /// The host that it is on, and who gets there; None: this one.
    pub elsewhere: Option<(Shell, Text)>,
}

/// An open way to the member.
struct Way {
    target: Target,
    connection: Connection,
}

impl Hand {
    /// The member on another host, through ssh: it answers on its own loopback alone, and takes the certificate of any
    /// controller.
    #[must_use]
    pub fn there(&self, shell: &Shell, host: &Text) -> Self {
        Self {
            elsewhere: Some((shell.clone(), host.clone())),
            ..self.clone()
        }
    }

    /// Whether it can be reached at all. Changes nothing.
    pub async fn may(&self) -> Result<(), Why> {
        self.open().await.map(drop)
    }

    /// Removes a member, if it is still listed with this address by a read of now.
    pub async fn remove(&self, id: MemberId, address: &Text) -> Sent {
        let way = match self.open().await {
            Ok(way) => way,
            Err(why) => return Sent::Refused { why },
        };
        let (target, Connection { clients, hands, driver }) = (way.target, way.connection);
        let work = async {
            let call = "linearizable MemberList";
            let listed = timeout(self.deadlines.etcd, clients.members(true)).await;
            let no_answer = |_| timed_out(&target, Hop::Request(call), self.deadlines.etcd);
            let answer = listed
                .map_err(no_answer)
                .and_then(|answer| answer.map_err(|status| answers::why(&target, Hop::Request(call), &status)));
            let pinned = answer.and_then(|answer| {
                let view = MembershipView::try_from(answer.into_inner());
                let garbage =
                    |error: answers::NoHeader| failed(&target, Hop::Request(call), WhyKind::Garbage, error.to_string());
                pinned(&view.map_err(garbage)?, id, address)
            });
            if let Err(why) = pinned {
                return Sent::Refused { why };
            }
            outcome(&target, "MemberRemove", self.deadlines.etcd, hands.remove(id.0)).await
        };
        carried(driver, work).await
    }

    /// Forgets the history before a revision.
    pub async fn compact(&self, revision: i64) -> Sent {
        let call = |hands: Hands| async move { hands.compact(revision).await };
        self.call("Compact", self.deadlines.etcd_slow, call).await
    }

    /// Shrinks this member's database file.
    pub async fn defragment(&self) -> Sent {
        let call = |hands: Hands| async move { hands.defragment().await };
        self.call("Defragment", self.deadlines.etcd_slow, call).await
    }

    /// Saves the database of this member. The file appears under its name only when it is whole and its checksum is right.
    pub async fn save(&self, path: &Path) -> Sent {
        match snapshot::take(&self.pki, &self.endpoint, path).await {
            Ok(_) => Sent::Accepted,
            Err(why) => Sent::Refused { why },
        }
    }

    /// Takes every NOSPACE alarm back.
    pub async fn disarm(&self) -> Sent {
        let call = |hands: Hands| async move {
            for alarm in hands.alarms().await? {
                if alarm.alarm() == AlarmType::Nospace {
                    hands.disarm(&alarm).await?;
                }
            }
            Ok(())
        };
        self.call("Alarm", self.deadlines.etcd, call).await
    }

    async fn call<F>(&self, name: &'static str, limit: Duration, call: impl FnOnce(Hands) -> F) -> Sent
    where
        F: Future<Output = Result<(), Status>>,
    {
        match self.open().await {
            Ok(Way { target, connection }) => {
                let answer = call(connection.hands);
                carried(connection.driver, outcome(&target, name, limit, answer)).await
            }
            Err(why) => Sent::Refused { why },
        }
    }

    async fn open(&self) -> Result<Way, Why> {
        let target = Target::parse(&self.endpoint)?;
        let mut hop = Hop::Files;
        let limit = match self.elsewhere {
            None => self.deadlines.etcd_connect,
            Some(_) => self.deadlines.program,
        };
        let opened = timeout(limit, async {
            let identity = Loader::new(self.pki.client_files(), connection::ALPN).load().await?;
            match &self.elsewhere {
                None => connection::open(&target, &identity, &mut hop).await,
                Some((shell, host)) => tunnelled(shell, host, &target, &identity, &mut hop).await,
            }
        });
        let opened = opened.await.unwrap_or_else(|_| Err(timed_out(&target, hop, limit)));
        let connection = opened.map_err(|why| match &self.elsewhere {
            None => why,
            Some((_, host)) => Why {
                text: Text::from(format!("etcd of {host}: {}", why.text)),
                ..why
            },
        })?;
        Ok(Way { target, connection })
    }
}

/// Connects through the sshd of another host.
async fn tunnelled(
    shell: &Shell,
    host: &Text,
    target: &Target,
    identity: &Identity,
    hop: &mut Hop,
) -> Result<Connection, Why> {
    let (pipe, ssh) = shell.tunnel(host, &target.to_string())?;
    let opened = async {
        let stream = dial::handshake(target, identity, pipe, hop).await?;
        connection::over(target, stream, hop).await
    };
    match opened.await {
        Ok(Connection { clients, hands, driver }) => Ok(Connection {
            clients,
            hands,
            driver: Box::pin(async move {
                driver.await;
                drop(ssh);
            }),
        }),
        // With the pipe ssh has ended, too: where it was the reason, it says so.
        Err(why) => Err(ssh.reason(host).await.unwrap_or(why)),
    }
}

/// Polls the connection for as long as the work takes. When it ends, the requests in flight get to know.
async fn carried<T>(driver: Driver, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => done,
        () = driver => work.await,
    }
}

async fn outcome(
    target: &Target,
    name: &'static str,
    limit: Duration,
    answer: impl Future<Output = Result<(), Status>>,
) -> Sent {
    let hop = Hop::Request(name);
    match timeout(limit, answer).await {
        Ok(Ok(())) => Sent::Accepted,
        Ok(Err(status)) if is_refusal(&status) => Sent::Refused {
            why: advise(answers::why(target, hop, &status), &status),
        },
        Ok(Err(status)) => Sent::Unknown {
            why: answers::why(target, hop, &status),
        },
        Err(_) => Sent::Unknown {
            why: timed_out(target, hop, limit),
        },
    }
}

/// Whether the id is still that of the member with this address.
fn pinned(view: &MembershipView, id: MemberId, address: &Text) -> Result<(), Why> {
    let Some(member) = view.members.iter().find(|member| member.id == id) else {
        return Err(Why::new(
            WhyKind::NotFound,
            format!("etcd lists no member {id} any more"),
        ));
    };
    if is_at(member, address.as_str()) {
        return Ok(());
    }
    let now = member.peer_authority().unwrap_or("no address");
    let text = format!("etcd lists member {id} at {now} now, not at {address}");
    Err(Why::new(WhyKind::Unavailable, text).hint("it is not the one that was shown: make a new plan"))
}

fn is_at(member: &Member, address: &str) -> bool {
    let urls = member.peer_urls.iter().any(|url| url == address);
    urls || member.peer_authority() == Some(address) || member.peer_address() == Some(address)
}

/// Whether etcd's answer says that nothing was done. etcd words it in `server/etcdserver/errors` and
/// `api/v3rpc/rpctypes`; `Unavailable` stands for both "no" and "I gave up waiting".
fn is_refusal(status: &Status) -> bool {
    // The connection's own failure comes with a cause.
    if std::error::Error::source(status).is_some() {
        return false;
    }
    let says = |words: &str| status.message().contains(words);
    match status.code() {
        Code::Unavailable => says("unhealthy cluster") || says("not enough started members") || says("no leader"),
        Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => true,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::Internal
        | Code::DataLoss => false,
    }
}

fn advise(why: Why, status: &Status) -> Why {
    let says = |words: &str| status.message().contains(words);
    if says("unhealthy cluster") {
        why.hint("etcd refuses while a member that counts is not connected for 5 s: wait until the others are healthy")
    } else if says("not enough started members") {
        why.hint("removing it would leave too few started members: bring another one back first")
    } else if says("required revision has been compacted") {
        why.hint("somebody compacted further meanwhile: nothing is left to do")
    } else {
        why
    }
}
