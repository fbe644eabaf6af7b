//! etcd: this host's member, and every member's peer port.

use crate::base::{Text, Why, WhyKind};
use crate::model::etcd::{ClusterId, LocalStatus, Member, MemberId, MembershipView};
use crate::model::{FeedId, Snapshot};
use crate::port::{Observation, PeerAnswer, Report};
use crate::sim::world::World;
use crate::sim::world::etcd::{self, EtcdError};
use crate::sim::world::host::{Component, HostId, Path, Run};

/// A round trip on the simulated network, in microseconds.
const RTT_US: u64 = 300;
/// How long a peer port may take, in milliseconds.
const PEER_MS: u32 = 1_000;

pub(super) fn look(world: &World, here: HostId, endpoint: &str, snapshot: &Snapshot, seen: &mut Vec<Observation>) {
    local(world, here, endpoint, seen);
    for member in snapshot.membership().members {
        if let Some(address) = member.peer_address() {
            let authority = member.peer_authority().unwrap_or_default();
            seen.push(Observation::EtcdPeer {
                id: member.id,
                outcome: peer(world, here, address, authority),
            });
        }
    }
}

fn local(world: &World, here: HostId, endpoint: &str, seen: &mut Vec<Observation>) {
    let dead = match world.run(here, Component::Etcd) {
        Run::Running => None,
        Run::Dead => {
            let text = format!("{endpoint}: TCP connect: refused: nothing listens there");
            let hint = "etcd does not run here: look at `systemctl status k0scontroller`";
            Some(Why::new(WhyKind::Refused, text).hint(hint))
        }
        Run::Frozen => Some(late(endpoint, "TLS handshake", 1)),
    };
    if let Some(why) = dead {
        seen.push(failed(FeedId::EtcdLocal, &why));
        seen.extend([false, true].map(|linearizable| Observation::EtcdRead {
            linearizable,
            outcome: Err(why.clone()),
        }));
        return;
    }
    let status = world.etcd_status(here);
    let cluster = status.as_ref().ok().map(|status| ClusterId(status.cluster_id));
    seen.push(match status {
        Ok(status) => Observation::EtcdStatus(local_status(status)),
        Err(error) => failed(FeedId::EtcdLocal, &why(endpoint, "Status", 1, &error)),
    });
    for (linearizable, call, limit_s) in [(false, "MemberList", 1), (true, "linearizable MemberList", 2)] {
        let list = world.member_list(here, linearizable);
        let outcome = list.map(|members| view(cluster, members));
        seen.push(Observation::EtcdRead {
            linearizable,
            outcome: outcome.map_err(|error| why(endpoint, call, limit_s, &error)),
        });
    }
}

fn peer(world: &World, here: HostId, address: &str, authority: &str) -> Result<PeerAnswer, Why> {
    let host = super::host_at(world, address).map(|host| host.id);
    if host.is_some_and(|host| world.path(here, host) == Path::Silent) {
        return Err(late(authority, "TCP connect", 1));
    }
    let run = host.map_or(Run::Dead, |host| world.run(host, Component::Etcd));
    let (Some(host), Run::Running | Run::Frozen) = (host, run) else {
        let text = format!("{authority}: TCP connect: refused: nothing listens there");
        return Err(Why::new(WhyKind::Refused, text));
    };
    if run == Run::Frozen {
        return Err(late(authority, "TLS handshake", 1));
    }
    if world.is_certificate_expired(host) || world.is_certificate_expired(here) {
        let text = format!("{authority}: TLS handshake: the certificate has expired");
        return Err(Why::new(WhyKind::Tls, text));
    }
    let slow_ms = world.write_ms(host) / 4;
    if slow_ms >= PEER_MS {
        return Err(late(authority, "GET /version", 1));
    }
    let answer = world.members_by_peer(host).and_then(|(cluster, members)| {
        let status = world.etcd_status(host)?;
        Ok(PeerAnswer {
            rtt_us: RTT_US + u64::from(slow_ms) * 1_000,
            clock_skew_ms: Some(world.skew_ms(host) - world.skew_ms(here)),
            version: Some(Text::from(status.version)),
            certificate_ends: world.certificate_ends(host),
            view: Some(view(Some(ClusterId(cluster)), members)),
        })
    });
    answer.map_err(|error| why(authority, "GET /version", 1, &error))
}

/// A member list as the model has it: by id.
fn view(cluster_id: Option<ClusterId>, members: Vec<etcd::Member>) -> MembershipView {
    let member = |row: etcd::Member| Member {
        id: MemberId(row.id),
        name: row.name.into(),
        peer_urls: row.peer_urls.into_iter().map(Text::from).collect(),
        client_urls: row.client_urls.into_iter().map(Text::from).collect(),
        is_learner: row.is_learner,
    };
    let mut members: Vec<Member> = members.into_iter().map(member).collect();
    members.sort_unstable_by_key(|member| member.id);
    MembershipView { cluster_id, members }
}

fn local_status(status: etcd::MemberStatus) -> LocalStatus {
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    LocalStatus {
        cluster_id: ClusterId(status.cluster_id),
        member_id: MemberId(status.member_id),
        version: Text::from(status.version),
        leader: (status.leader != 0).then_some(MemberId(status.leader)),
        term: status.term,
        raft_index: status.raft_index,
        applied_index: status.applied_index,
        revision: signed(status.revision),
        db_size_bytes: signed(status.db_size),
        db_in_use_bytes: signed(status.db_size_in_use),
        quota_bytes: status.quota.map(signed),
        is_learner: status.is_learner,
        errors: status.errors.into_iter().map(Text::from).collect(),
    }
}

/// Why etcd did not do it: no answer until the deadline, or its own words.
pub(in crate::rehearse) fn why(endpoint: &str, call: &str, limit_s: u64, error: &EtcdError) -> Why {
    let EtcdError::Refused { code, message } = error else {
        return late(endpoint, call, limit_s);
    };
    let kind = match code {
        5 => WhyKind::NotFound,
        8 => WhyKind::Throttled,
        _ => WhyKind::Unavailable,
    };
    let said = Why::new(kind, format!("{endpoint}: {call}: {message}"));
    if message.contains("not supported for learner") {
        return said.hint(
            "the member on this host is a learner: it answers only status and its own reads until it is promoted",
        );
    }
    said
}

fn late(endpoint: &str, hop: &str, limit_s: u64) -> Why {
    let text = format!("{endpoint}: {hop}: no answer within {limit_s}s");
    Why::new(WhyKind::TimedOut, text)
}

fn failed(feed: FeedId, why: &Why) -> Observation {
    Observation::Feed {
        feed,
        report: Report::Failed(why.clone()),
    }
}
