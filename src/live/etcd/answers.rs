//! etcd's answers and errors in our own words. Pure.

use std::error::Error;

use tonic::{Code, Status};

use crate::base::{Text, Why, WhyKind};
use crate::live::dial::{Hop, Target, broken, failed};
use crate::model::etcd::{ClusterId, LocalStatus, Member, MemberId, MembershipView};
use crate::pb::etcdserverpb as pb;

/// Every answer of etcd has a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the answer has no header")]
pub struct NoHeader;

impl TryFrom<pb::StatusResponse> for LocalStatus {
    type Error = NoHeader;

    fn try_from(answer: pb::StatusResponse) -> Result<Self, NoHeader> {
        let header = answer.header.ok_or(NoHeader)?;
        Ok(Self {
            cluster_id: ClusterId(header.cluster_id),
            member_id: MemberId(header.member_id),
            version: answer.version.into(),
            leader: (answer.leader != 0).then_some(MemberId(answer.leader)),
            term: answer.raft_term,
            raft_index: answer.raft_index,
            applied_index: answer.raft_applied_index,
            revision: header.revision,
            db_size_bytes: answer.db_size,
            db_in_use_bytes: answer.db_size_in_use,
            quota_bytes: (answer.db_size_quota > 0).then_some(answer.db_size_quota),
            is_learner: answer.is_learner,
            errors: answer.errors.into_iter().map(Text::from).collect(),
        })
    }
}

impl TryFrom<pb::MemberListResponse> for MembershipView {
    type Error = NoHeader;

    fn try_from(answer: pb::MemberListResponse) -> Result<Self, NoHeader> {
        let header = answer.header.ok_or(NoHeader)?;
        let mut members: Vec<Member> = answer.members.into_iter().map(member).collect();
        members.sort_unstable_by_key(|member| member.id);
        Ok(Self {
            cluster_id: Some(ClusterId(header.cluster_id)),
            members,
        })
    }
}

fn member(row: pb::Member) -> Member {
    Member {
        id: MemberId(row.id),
        name: row.name.into(),
        peer_urls: row.peer_urls.into_iter().map(Text::from).collect(),
        client_urls: row.client_urls.into_iter().map(Text::from).collect(),
        is_learner: row.is_learner,
    }
}

/// Why a call failed: the connection's fault, or etcd's own answer.
pub fn why(target: &Target, hop: Hop, status: &Status) -> Why {
    if let Some(cause) = status.source() {
        return broken(target, hop, cause);
    }
    let said = failed(target, hop, kind(status.code()), status.message());
    if status.message().contains("not supported for learner") {
        return said.hint(
            "the member on this host is a learner: it answers only status and its own reads until it is promoted",
        );
    }
    said
}

fn kind(code: Code) -> WhyKind {
    match code {
        Code::DeadlineExceeded => WhyKind::TimedOut,
        Code::Unauthenticated => WhyKind::Unauthenticated,
        Code::PermissionDenied => WhyKind::Forbidden,
        Code::NotFound | Code::Unimplemented => WhyKind::NotFound,
        Code::ResourceExhausted => WhyKind::Throttled,
        Code::Internal => WhyKind::Garbage,
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => WhyKind::Unavailable,
    }
}
