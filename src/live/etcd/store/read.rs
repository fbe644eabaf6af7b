//! One read of everything, at one revision: bounded in objects and bytes, and no more than one page is held raw.

use std::time::Duration;

use tokio::time::timeout;
use tonic::{Code, Status};

use super::super::answers;
use super::super::connection::Clients;
use crate::assemble::objects::{Row, from_stored, is_wanted};
use crate::base::{Why, WhyKind};
use crate::live::dial::{Hop, Target, failed, timed_out};
use crate::model::KubeKind;
use crate::pb::etcdserverpb::{RangeRequest, RangeResponse};
use crate::port::StoredRead;

/// Objects per request.
const PAGE: i64 = 500;
const HOP: Hop = Hop::Request("Range");
/// Causes that are logged of one read.
const MOST_ODDITIES: usize = 10;

/// How much of one kind is read. More is not shown in part: what is missing would look gone.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Objects.
    pub rows: usize,
    /// Bytes of their values.
    pub bytes: usize,
}

const BOUNDS: Bounds = Bounds {
    rows: 100_000,
    bytes: 512 << 20,
};

/// Reads over one connection.
pub struct Reader<'a> {
    target: &'a Target,
    clients: &'a Clients,
    /// For one page.
    deadline: Duration,
    bounds: Bounds,
}

/// Why a kind was not read to its end.
enum Stop {
    /// Nothing of this kind can be shown; the others can.
    Kind(Why),
    /// The member does not answer, or cannot.
    All(Why),
}

impl<'a> Reader<'a> {
    /// Pages of the member behind `clients`, each within `deadline`.
    pub const fn new(target: &'a Target, clients: &'a Clients, deadline: Duration) -> Self {
        Self {
            target,
            clients,
            deadline,
            bounds: BOUNDS,
        }
    }

    #[cfg(test)]
    pub const fn within(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// Every kind at the member's newest revision; None where it is still `last`.
    pub async fn everything_after(&self, last: Option<u64>) -> Result<Option<StoredRead>, Why> {
        let revision = self.newest_revision().await?;
        if last == Some(revision) {
            return Ok(None);
        }
        let mut kinds = Vec::with_capacity(KubeKind::ALL.len());
        for kind in KubeKind::ALL {
            match self.kind(kind, revision).await {
                Ok(rows) => kinds.push((kind, Ok(rows))),
                Err(Stop::Kind(why)) => kinds.push((kind, Err(why))),
                Err(Stop::All(why)) => return Err(why),
            }
        }
        let nothing = kinds.iter().all(|(_, outcome)| outcome.is_err());
        match kinds.iter().find_map(|(_, outcome)| outcome.as_ref().err()) {
            Some(why) if nothing => Err(why.clone()),
            _ => Ok(Some(StoredRead { revision, kinds })),
        }
    }

    async fn newest_revision(&self) -> Result<u64, Why> {
        let request = RangeRequest {
            count_only: true,
            ..range(prefix(KubeKind::Nodes).into_bytes(), KubeKind::Nodes, 0)
        };
        let answer = self.ask(request).await.map_err(|status| self.why(status.as_ref()))?;
        let revision = answer.header.and_then(|header| u64::try_from(header.revision).ok());
        revision
            .filter(|revision| *revision > 0)
            .ok_or_else(|| failed(self.target, HOP, WhyKind::Garbage, "the answer has no revision"))
    }

    async fn kind(&self, kind: KubeKind, revision: u64) -> Result<Vec<Row>, Stop> {
        let (mut rows, mut objects, mut bytes, mut oddities) = (Vec::new(), 0, 0, 0);
        let mut from = prefix(kind).into_bytes();
        loop {
            let page = self.page(range(from, kind, revision)).await?;
            objects += page.kvs.len();
            bytes += page.kvs.iter().map(|row| row.value.len()).sum::<usize>();
            if objects > self.bounds.rows || bytes > self.bounds.bytes {
                return Err(Stop::Kind(too_much(kind, self.bounds)));
            }
            let last = page.kvs.last().map(|row| row.key.clone());
            for entry in page.kvs {
                match from_stored(kind, &entry.value) {
                    Ok(row) => rows.extend(Some(row).filter(|(key, row)| is_wanted(key, row))),
                    Err(why) if why.kind == WhyKind::Denied => return Err(Stop::Kind(why)),
                    // As in a list of the API: what cannot be understood is not there.
                    Err(why) => {
                        oddities += 1;
                        if oddities <= MOST_ODDITIES {
                            tracing::warn!("left out of etcd's store: {why}");
                        }
                    }
                }
            }
            match last {
                Some(last) if page.more => from = [last, vec![0]].concat(),
                _ => return Ok(rows),
            }
        }
    }

    async fn page(&self, request: RangeRequest) -> Result<RangeResponse, Stop> {
        self.ask(request).await.map_err(|status| match status {
            // tonic's own bound on one message.
            Some(status) if status.code() == Code::OutOfRange && status.message().contains("message length") => {
                Stop::Kind(failed(
                    self.target,
                    HOP,
                    WhyKind::Garbage,
                    "500 objects are too large for one page",
                ))
            }
            other => Stop::All(self.why(other.as_ref())),
        })
    }

    /// None where the deadline ran out.
    async fn ask(&self, request: RangeRequest) -> Result<RangeResponse, Option<Status>> {
        match timeout(self.deadline, self.clients.range(request)).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(Some(status)),
            Err(_) => Err(None),
        }
    }

    fn why(&self, status: Option<&Status>) -> Why {
        match status {
            Some(status) => answers::why(self.target, HOP, status),
            None => timed_out(self.target, HOP, self.deadline),
        }
    }
}

fn too_much(kind: KubeKind, bounds: Bounds) -> Why {
    let text = format!(
        "etcd holds more than {} {} or {} MiB of them: not read",
        bounds.rows,
        kind.plural(),
        bounds.bytes >> 20
    );
    Why::new(WhyKind::Garbage, text)
}

/// Where the API servers keep a kind (`--etcd-prefix`, by default `/registry`, which k0s leaves so): built-in ones by their
/// storage's own prefix, custom ones by group and plural.
fn prefix(kind: KubeKind) -> String {
    match kind {
        KubeKind::Nodes => "/registry/minions/".to_owned(),
        _ if kind.is_custom() => format!("/registry/{}/{}/", kind.group(), kind.plural()),
        _ => format!("/registry/{}/", kind.plural()),
    }
}

/// A page of a kind that the member answers alone.
fn range(from: Vec<u8>, kind: KubeKind, revision: u64) -> RangeRequest {
    // '0' comes after '/'.
    let mut end = prefix(kind).into_bytes();
    end.pop();
    end.push(b'0');
    RangeRequest {
        key: from,
        range_end: end,
        limit: PAGE,
        revision: i64::try_from(revision).unwrap_or(i64::MAX),
        serializable: true,
        ..RangeRequest::default()
    }
}
