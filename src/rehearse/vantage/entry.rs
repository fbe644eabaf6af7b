//! Users' ways in on each node. The load balancer and the Admin Console are not asked: no plan looks at them.

use jiff::{SignedDuration, Timestamp};

use super::{Vantage, host_at};
use crate::base::{Text, Why, WhyKind};
use crate::model::Snapshot;
use crate::model::entry::way::{Way, Wish};
use crate::model::entry::{Entry, EntryId, Presented, Probed};
use crate::port::Observation;
use crate::sim::world::World;
use crate::sim::world::entry::CERTIFICATE_NAMES;
use crate::sim::world::host::{HostId, Path, Run};

/// From one probe to the next, in world milliseconds, and while a host is lost.
const EVERY_MS: u64 = 60_000;
const CLOSELY_MS: u64 = 1_000;
/// How long the certificate still lasts.
const YEAR: SignedDuration = SignedDuration::from_hours(365 * 24);

impl Vantage {
    pub(super) fn look_at_entry(&mut self, world: &World, snapshot: &Snapshot, seen: &mut Vec<Observation>) {
        let ways = gateways(snapshot);
        // Whoever joins is probed from then on; one lost probe is followed by the next.
        let is_due = |way: &Way| snapshot.entry.get(&way.id).is_none_or(Entry::is_half_told);
        if world.now_ms() < self.entry_due_ms && !ways.iter().any(is_due) {
            return;
        }
        let pause_ms = if snapshot.watches_entry_closely() {
            CLOSELY_MS
        } else {
            EVERY_MS
        };
        self.entry_due_ms = world.now_ms() + pause_ms;
        seen.push(Observation::Entries(ways.iter().map(|way| way.id).collect()));
        for Way {
            id,
            host,
            port,
            name,
            path,
        } in ways
        {
            let probed = probe(world, self.here, host.as_str());
            let target = Text::from(format!("{host}:{port}"));
            seen.push(Observation::Entry {
                id,
                target,
                name,
                path,
                probed,
            });
        }
    }
}

fn gateways(snapshot: &Snapshot) -> Vec<Way> {
    let mut ways = snapshot.ways_in(&Wish::default());
    ways.retain(|way| matches!(way.id, EntryId::Users(_)));
    ways
}

fn probe(world: &World, here: HostId, address: &str) -> Probed {
    let host = host_at(world, address).filter(|host| world.path(here, host.id) == Path::Open);
    let fares = host.map_or(Run::Frozen, |host| world.gateway_run(host.id));
    let status = host.map_or(503, |host| if world.has_web(host.id) { 200 } else { 503 });
    match fares {
        Run::Running => Probed {
            status: Some(status),
            certificate: Some(Presented {
                subject: CERTIFICATE_NAMES[0].into(),
                names: CERTIFICATE_NAMES.map(Text::from).into(),
                not_after: world.wall().saturating_add(YEAR).unwrap_or(Timestamp::MAX),
            }),
            ..Probed::default()
        },
        Run::Dead => failed(WhyKind::Refused, "connection refused"),
        Run::Frozen => failed(WhyKind::TimedOut, "no answer within 3 s"),
    }
}

fn failed(kind: WhyKind, text: &str) -> Probed {
    Probed {
        why: Some(Why::new(kind, text)),
        ..Probed::default()
    }
}
