//! A backup of the local member, which etcd gives without quorum: the stream of `Maintenance.Snapshot` into a file that only
//! its owner may read. The file appears under its name only when it is whole and its checksum is right. Start reading at
//! [`take`].

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tonic::Streaming;

use super::{EtcdPki, PACE, answers, connect, connection};
use crate::base::{Why, WhyKind};
use crate::live::dial::{Hop, Target, failed, timed_out};
use crate::live::tls::Loader;
use crate::model::etcd::{ClusterId, LocalStatus, MemberId};
use crate::pb::etcdserverpb::SnapshotResponse;

/// One piece of the stream: a slow disk may make the member read for a while.
const PIECE: Duration = Duration::from_secs(30);
/// Room that must be left on the disk beside the snapshot, in bytes.
const SPARE_BYTES: u64 = 64 << 20;
/// A database is written in pages; the checksum follows the last one (etcd `server/etcdserver/api/v3rpc/maintenance.go`).
const PAGE_BYTES: u64 = 512;

/// What was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Where.
    pub path: PathBuf,
    /// How much.
    pub bytes: u64,
    /// SHA-256 of the database, in hex: etcd's own, found to be right.
    pub sha256: String,
    /// Whose it is.
    pub cluster_id: ClusterId,
    /// Which member gave it.
    pub member_id: MemberId,
    /// At which revision, as the member's status said just before.
    pub revision: i64,
    /// The member's applied index at that moment.
    pub applied_index: u64,
    /// The member's term at that moment.
    pub term: u64,
}

/// Saves the database of the member at `endpoint` to `path`, where no file is yet.
pub async fn take(pki: &EtcdPki, endpoint: &str, path: &Path) -> Result<Saved, Why> {
    let target = Target::parse(endpoint)?;
    refuse_existing(path)?;
    let mut loader = Loader::new(pki.client_files(), connection::ALPN);
    let identity = timeout(PACE.connect, loader.load()).await;
    let identity = identity.unwrap_or_else(|_| Err(timed_out(&target, Hop::Files, PACE.connect)))?;
    let connection = connect(&target, &identity, PACE).await?;
    let part = Part::begin(path).await?;
    let taking = receive(&target, &connection.clients, part);
    tokio::select! {
        saved = taking => saved,
        () = connection.driver => Err(failed(&target, HOP, WhyKind::Broken, "the connection ended")),
    }
}

const HOP: Hop = Hop::Request("Snapshot");

async fn receive(target: &Target, clients: &connection::Clients, mut part: Part) -> Result<Saved, Why> {
    let asked = timeout(PACE.local.1, clients.status()).await;
    let answer = asked
        .map_err(|_| timed_out(target, Hop::Request("Status"), PACE.local.1))?
        .map_err(|status| answers::why(target, Hop::Request("Status"), &status))?;
    let status = LocalStatus::try_from(answer.into_inner())
        .map_err(|error| failed(target, Hop::Request("Status"), WhyKind::Garbage, error.to_string()))?;
    let expected = u64::try_from(status.db_size_bytes).unwrap_or(0);
    part.must_have_room(expected)?;
    let opened = timeout(PIECE, clients.snapshot()).await;
    let mut pieces: Streaming<SnapshotResponse> = opened
        .map_err(|_| timed_out(target, HOP, PIECE))?
        .map_err(|status| answers::why(target, HOP, &status))?
        .into_inner();
    loop {
        let next = timeout(PIECE, pieces.message())
            .await
            .map_err(|_| timed_out(target, HOP, PIECE))?;
        match next.map_err(|status| answers::why(target, HOP, &status))? {
            Some(piece) => part.write(&piece.blob).await?,
            None => break,
        }
    }
    let (bytes, sha256) = part.finish().await?;
    Ok(Saved {
        path: part.path.clone(),
        bytes,
        sha256,
        cluster_id: status.cluster_id,
        member_id: status.member_id,
        revision: status.revision,
        applied_index: status.applied_index,
        term: status.term,
    })
}

fn refuse_existing(path: &Path) -> Result<(), Why> {
    if path.symlink_metadata().is_ok() {
        let text = format!("{} is there already and is not written over", path.display());
        return Err(Why::new(WhyKind::Config, text).hint("name another file"));
    }
    Ok(())
}

/// A file in the making, beside its place. Dropped before it is finished, it is removed.
struct Part {
    path: PathBuf,
    beside: PathBuf,
    file: File,
    /// Of all bytes but the last [`SHA256_OUTPUT_LEN`], which may be the checksum.
    digest: Context,
    tail: Vec<u8>,
    bytes: u64,
}

impl Part {
    async fn begin(path: &Path) -> Result<Self, Why> {
        let name = path.file_name().ok_or_else(|| {
            Why::new(WhyKind::Config, format!("{} names no file", path.display())).hint("name a file for the snapshot")
        })?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".part-{}", std::process::id()));
        let beside = path.with_file_name(hidden);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let file = tokio::fs::OpenOptions::from(options)
            .open(&beside)
            .await
            .map_err(|error| unwritten(&beside, &error))?;
        Ok(Self {
            path: path.to_owned(),
            beside,
            file,
            digest: Context::new(&SHA256),
            tail: Vec::new(),
            bytes: 0,
        })
    }

    fn folder(&self) -> &Path {
        self.beside
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."))
    }

    /// Refuses where the disk would be full afterwards: it may be etcd's own.
    fn must_have_room(&self, wanted: u64) -> Result<(), Why> {
        let folder = self.folder();
        let stat = rustix::fs::statvfs(folder).map_err(|errno| unwritten(folder, &errno.into()))?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free >= wanted.saturating_add(SPARE_BYTES) {
            return Ok(());
        }
        let mib = |bytes: u64| bytes >> 20;
        let text = format!(
            "{} has {} MiB free: the snapshot takes {} MiB, and {} MiB must be left",
            folder.display(),
            mib(free),
            mib(wanted),
            mib(SPARE_BYTES)
        );
        Err(Why::new(WhyKind::Denied, text).hint("name a file on another disk"))
    }

    async fn write(&mut self, blob: &[u8]) -> Result<(), Why> {
        self.file
            .write_all(blob)
            .await
            .map_err(|error| unwritten(&self.beside, &error))?;
        self.bytes = self.bytes.saturating_add(blob.len() as u64);
        self.tail.extend_from_slice(blob);
        let sure = self.tail.len().saturating_sub(SHA256_OUTPUT_LEN);
        self.digest.update(self.tail.get(..sure).unwrap_or_default());
        self.tail.drain(..sure);
        Ok(())
    }

    /// Checks the checksum, makes the file lasting and gives it its name.
    async fn finish(&mut self) -> Result<(u64, String), Why> {
        let digest = self.digest.clone().finish();
        let has_trailer = self.bytes % PAGE_BYTES == SHA256_OUTPUT_LEN as u64;
        if !has_trailer || digest.as_ref() != self.tail.as_slice() {
            let text = format!(
                "the snapshot of {} bytes does not match its checksum: it was cut off or spoilt",
                self.bytes
            );
            return Err(
                Why::new(WhyKind::Garbage, text).hint("try again; if it stays so, the member's disk may be bad")
            );
        }
        let failed = |error: io::Error| unwritten(&self.beside, &error);
        self.file.flush().await.map_err(failed)?;
        self.file.sync_all().await.map_err(failed)?;
        // A link, unlike a new name, never takes the place of a file that came meanwhile.
        std::fs::hard_link(&self.beside, &self.path).map_err(|error| unwritten(&self.path, &error))?;
        let folder = std::fs::File::open(self.folder()).and_then(|folder| folder.sync_all());
        folder.map_err(|error| unwritten(self.folder(), &error))?;
        let hex: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((self.bytes, hex.concat()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // The finished file has its own name by now. What cannot be removed is told by its name.
        if let Err(error) = std::fs::remove_file(&self.beside) {
            tracing::warn!("{} could not be removed: {error}", self.beside.display());
        }
    }
}

fn unwritten(path: &Path, error: &io::Error) -> Why {
    let why = |kind| Why::new(kind, format!("{}: {error}", path.display()));
    match error.kind() {
        io::ErrorKind::PermissionDenied => why(WhyKind::Denied).hint("run as root, or name a file where you may write"),
        io::ErrorKind::StorageFull => why(WhyKind::Denied).hint("name a file on another disk"),
        io::ErrorKind::AlreadyExists => why(WhyKind::Config).hint("name another file: nothing is written over"),
        io::ErrorKind::NotFound => why(WhyKind::Missing).hint("make the directory first, or name another one"),
        _ => why(WhyKind::Broken),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn with_checksum(mut database: Vec<u8>) -> Vec<u8> {
        let digest = ring::digest::digest(&SHA256, &database);
        database.extend_from_slice(digest.as_ref());
        database
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    #[tokio::test]
    async fn a_whole_snapshot_gets_its_name_and_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let stream = with_checksum(vec![7; 4096]);
        let mut part = Part::begin(&path).await.unwrap();
        // The checksum may come in pieces.
        for piece in [&stream[..4090], &stream[4090..4100], &stream[4100..]] {
            part.write(piece).await.unwrap();
            assert!(!path.exists(), "not before it is whole");
        }
        let (bytes, sha256) = part.finish().await.unwrap();
        drop(part);
        assert_eq!((bytes, sha256.len()), (4096 + 32, 64));
        assert_eq!(std::fs::read(&path).unwrap(), stream);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(names(folder.path()), ["a.db"]);
    }

    #[tokio::test]
    async fn what_is_cut_off_or_spoilt_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let whole = with_checksum(vec![7; 4096]);
        let mut spoilt = whole.clone();
        spoilt[9] ^= 1;
        for stream in [&whole[..4096], &whole[..4127], &[], &spoilt] {
            let mut part = Part::begin(&path).await.unwrap();
            part.write(stream).await.unwrap();
            assert_eq!(part.finish().await.unwrap_err().kind, WhyKind::Garbage);
            drop(part);
            assert_eq!(names(folder.path()), Vec::<String>::new());
        }
    }

    #[tokio::test]
    async fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let mut part = Part::begin(&path).await.unwrap();
        part.write(&with_checksum(vec![1; 512])).await.unwrap();
        std::fs::write(&path, "mine").unwrap();
        assert_eq!(refuse_existing(&path).unwrap_err().kind, WhyKind::Config);
        assert_eq!(part.finish().await.unwrap_err().kind, WhyKind::Config);
        drop(part);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        assert_eq!(names(folder.path()), ["a.db"]);
    }

    #[tokio::test]
    async fn a_disk_without_room_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let part = Part::begin(&folder.path().join("a.db")).await.unwrap();
        assert!(part.must_have_room(0).is_ok());
        assert_eq!(
            part.must_have_room(u64::MAX - SPARE_BYTES).unwrap_err().kind,
            WhyKind::Denied
        );
        let nowhere = Part::begin(&folder.path().join("no/where/a.db")).await;
        assert_eq!(nowhere.err().unwrap().kind, WhyKind::Missing);
    }
}
