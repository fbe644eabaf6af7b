//! One member about itself and its database: status, alarms, defragmentation, hash, snapshot.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use futures_util::stream;
use ring::digest::{SHA256, digest};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::{LocalMember, signed};
use crate::pb::etcdserverpb as pb;
use crate::pb::etcdserverpb::alarm_request::AlarmAction;
use crate::pb::etcdserverpb::maintenance_server::Maintenance;
use crate::sim::wire::peer;
use crate::sim::world::etcd::Alarm;
use crate::sim::world::store::{Key, Object};

/// Pieces of a snapshot.
const PIECE_BYTES: usize = 32 * 1024;
/// bbolt's pages: a database is made of them, and the checksum behind it is told by that.
const PAGE_BYTES: usize = 4_096;
/// What defragmenting writes in a millisecond. That the member serves nobody meanwhile is not imitated.
const DEFRAGMENTS_BYTES_PER_MS: u64 = 100_000;

#[tonic::async_trait]
impl Maintenance for LocalMember {
    async fn status(&self, _: Request<pb::StatusRequest>) -> Result<Response<pb::StatusResponse>, Status> {
        let status = self.ask(|world| world.etcd_status(self.host)).await?;
        Ok(Response::new(pb::StatusResponse {
            header: self.header(true),
            version: status.version.clone(),
            db_size: signed(status.db_size),
            leader: status.leader,
            raft_index: status.raft_index,
            raft_term: status.term,
            raft_applied_index: status.applied_index,
            errors: status.errors,
            db_size_in_use: signed(status.db_size_in_use),
            is_learner: status.is_learner,
            storage_version: status.storage_version.unwrap_or_default().to_owned(),
            db_size_quota: status.quota.map_or(0, signed),
        }))
    }

    /// As `applierV3backend.Alarm`: what was raised or taken back is told, and nothing where nothing was.
    async fn alarm(&self, request: Request<pb::AlarmRequest>) -> Result<Response<pb::AlarmResponse>, Status> {
        let wanted = request.into_inner();
        let (host, id) = (self.host, wanted.member_id);
        let kind = match wanted.alarm() {
            pb::AlarmType::None => None,
            pb::AlarmType::Nospace => Some(Alarm::NoSpace),
            pb::AlarmType::Corrupt => Some(Alarm::Corrupt),
        };
        let told = match (wanted.action(), kind) {
            (AlarmAction::Activate, Some(kind)) => {
                self.change(|world| world.etcd_alarm_raise(host, (kind, id))).await?
            }
            (AlarmAction::Deactivate, Some(kind)) => {
                self.change(|world| world.etcd_alarm_disarm(host, (kind, id))).await?
            }
            (AlarmAction::Get, kind) => {
                let mut all = self.ask(|world| world.etcd_alarms(host)).await?;
                all.retain(|(own, _)| kind.is_none_or(|kind| *own == kind));
                all
            }
            // Nothing is done to no alarm.
            (AlarmAction::Activate | AlarmAction::Deactivate, None) => {
                self.ask(|world| world.etcd_alarms(host)).await?;
                Vec::new()
            }
        };
        let alarms = told.into_iter().map(|(kind, member_id)| {
            let alarm = match kind {
                Alarm::NoSpace => pb::AlarmType::Nospace,
                Alarm::Corrupt => pb::AlarmType::Corrupt,
            };
            pb::AlarmMember {
                member_id,
                alarm: alarm.into(),
            }
        });
        Ok(Response::new(pb::AlarmResponse {
            header: self.header(true),
            alarms: alarms.collect(),
        }))
    }

    async fn defragment(&self, _: Request<pb::DefragmentRequest>) -> Result<Response<pb::DefragmentResponse>, Status> {
        let written = self.change(|world| world.etcd_defragment(self.host)).await?;
        tokio::time::sleep(Duration::from_millis(written / DEFRAGMENTS_BYTES_PER_MS)).await;
        Ok(Response::new(pb::DefragmentResponse { header: None }))
    }

    async fn hash_kv(&self, request: Request<pb::HashKvRequest>) -> Result<Response<pb::HashKvResponse>, Status> {
        let revision = u64::try_from(request.into_inner().revision).unwrap_or(0);
        let (status, objects) = self
            .ask(|world| Ok((world.etcd_status(self.host)?, world.etcd_objects(self.host, revision)?)))
            .await?;
        Ok(Response::new(pb::HashKvResponse {
            header: self.header(true),
            hash: peer::hash(&objects),
            compact_revision: status.compacted.map_or(-1, signed),
            hash_revision: signed(if revision > 0 { revision } else { status.revision }),
        }))
    }

    /// The pieces have no header. Behind the database comes its SHA-256.
    async fn snapshot(
        &self,
        _: Request<pb::SnapshotRequest>,
    ) -> Result<Response<BoxStream<pb::SnapshotResponse>>, Status> {
        let (status, objects) = self
            .ask(|world| Ok((world.etcd_status(self.host)?, world.etcd_objects(self.host, 0)?)))
            .await?;
        let bytes = dump(&objects);
        let piece = |blob: &[u8], left: usize| {
            Ok(pb::SnapshotResponse {
                header: None,
                remaining_bytes: left as u64,
                blob: blob.to_vec(),
                version: status.storage_version.unwrap_or_default().to_owned(),
            })
        };
        let mut left = bytes.len();
        let mut pieces = Vec::new();
        for blob in bytes.chunks(PIECE_BYTES) {
            left = left.saturating_sub(blob.len());
            pieces.push(piece(blob, left));
        }
        pieces.push(piece(digest(&SHA256, &bytes).as_ref(), 0));
        Ok(Response::new(Box::pin(stream::iter(pieces))))
    }
}

/// The store as text, filled up to whole pages: no database that etcd would open, and it says so.
fn dump(objects: &BTreeMap<Key, Object>) -> Vec<u8> {
    let mut text = String::from("quorate's simulated cluster: no real etcd snapshot\n");
    for (key, object) in objects {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} {object}", key.etcd());
    }
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len().next_multiple_of(PAGE_BYTES), b'\n');
    bytes
}
