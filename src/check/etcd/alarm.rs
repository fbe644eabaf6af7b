//! etcd's own complaints and the room in its database.

use crate::base::{Text, Why, WhyKind};
use crate::check::look::{Looked, called, cannot_tell, evidence, member_subject, need};
use crate::check::{CheckId, Finding, Severity};
use crate::model::etcd::{LocalStatus, Member, MemberId};
use crate::model::{FeedId, Snapshot};

/// etcd's quota where nothing else is configured (etcd `server/storage/quota.go`); etcd 3.5 does not tell its quota.
const DEFAULT_QUOTA_BYTES: i64 = 2 << 30;
/// A database fuller than this, in percent of the quota, is a warning.
const FULL_PERCENT: i64 = 80;

pub(super) fn alarm(snapshot: &Snapshot) -> Looked {
    need(snapshot, FeedId::EtcdLocal)?;
    let Some(local) = &snapshot.etcd.local else {
        let why = Why::new(WhyKind::NotYet, "the local member has not told its status yet");
        return Err(cannot_tell(FeedId::EtcdLocal, why));
    };
    let status = &local.value;
    let alarms = status.errors.iter().filter_map(|error| raised(snapshot, status, error));
    Ok(alarms.chain(nearly_full(snapshot, status)).collect())
}

/// An error that reports an alarm, such as `memberID:1876957195260800315 alarm:NOSPACE`.
fn raised(snapshot: &Snapshot, status: &LocalStatus, error: &Text) -> Option<Finding> {
    let (alarm, consequence, remedy) = [
        (
            "NOSPACE",
            "etcd refuses all writes, heartbeats of nodes included: nodes turn NotReady though nothing is wrong with them",
            "compact the history, defragment one member at a time, disarm the alarm: quorate plan etcd-space shows every step. Look for \
             what fills the database",
        ),
        (
            "CORRUPT",
            "the data of that member differs from the others': what it says cannot be trusted",
            "replace that member: remove it while the others are healthy, then join its host with an empty data directory",
        ),
    ]
    .into_iter()
    .find(|(alarm, ..)| error.as_str().contains(alarm))?;
    let member = member_of(snapshot, error.as_str());
    let on = member
        .as_ref()
        .map(|member| format!(" on {}", called(member)))
        .unwrap_or_default();
    Some(Finding {
        check: CheckId::EtcdAlarm,
        severity: Severity::Critical,
        subject: member.as_ref().map_or_else(|| "cluster".into(), member_subject),
        title: format!("etcd raises the alarm {alarm}{on}").into(),
        evidence: evidence([error.to_string(), size_line(status)]),
        consequence: consequence.into(),
        remedy: remedy.into(),
    })
}

/// The member that an alarm names by its decimal id.
fn member_of(snapshot: &Snapshot, error: &str) -> Option<Member> {
    let (_, rest) = error.split_once("memberID:")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let id = MemberId(digits.parse().ok()?);
    let members = snapshot.membership().members;
    members.into_iter().find(|member| member.id == id)
}

fn nearly_full(snapshot: &Snapshot, status: &LocalStatus) -> Option<Finding> {
    let quota = quota(status);
    let is_full = quota > 0 && status.db_size_bytes.saturating_mul(100) >= quota.saturating_mul(FULL_PERCENT);
    if !is_full {
        return None;
    }
    let members = snapshot.membership().members;
    let local = members.iter().find(|member| member.id == status.member_id);
    Some(Finding {
        check: CheckId::EtcdAlarm,
        severity: Severity::Warning,
        subject: local.map_or_else(|| Text::from(format!("member/{}", status.member_id)), member_subject),
        title: "etcd's database is nearly full".into(),
        evidence: evidence([size_line(status)]),
        consequence: "at its quota etcd refuses all writes: the control plane stops, and nodes turn NotReady".into(),
        remedy: "compact the history and defragment one member at a time, while all are healthy: quorate plan etcd-space shows every step"
            .into(),
    })
}

fn quota(status: &LocalStatus) -> i64 {
    status
        .quota_bytes
        .filter(|quota| *quota > 0)
        .unwrap_or(DEFAULT_QUOTA_BYTES)
}

pub(in crate::check) fn size_line(status: &LocalStatus) -> String {
    let mib = |bytes: i64| bytes >> 20;
    let assumed = match status.quota_bytes {
        Some(_) => "",
        None => ", etcd's default",
    };
    format!(
        "database {} MiB, of which {} MiB in use; quota {} MiB{assumed}",
        mib(status.db_size_bytes),
        mib(status.db_in_use_bytes),
        mib(quota(status))
    )
}
