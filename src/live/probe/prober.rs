//! The prober of one member: a round every second, one connection, one observation per round.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::answers::{self, Wrong};
use super::request::{ALPN, Answer, Link, PeerPath};
use crate::base::{Ring, Text, Why};
use crate::live::dial::{Target, failed, timed_out};
use crate::live::tls::{Loader, PemFiles};
use crate::model::FeedId;
use crate::model::etcd::MemberId;
use crate::port::{Closed, Observation, PeerAnswer, Report, Sink};

/// How many round trips the median is taken of.
const RTTS: usize = 15;
/// The version is asked in every round whose number this divides, and on a new connection.
const VERSION_EVERY: u64 = 60;

/// How often to ask, and how long a round may take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// From the beginning of a round to the beginning of the next one.
    pub every: Duration,
    /// For everything in a round, connecting included.
    pub deadline: Duration,
}

/// As operators need it: a dead member is known within seconds.
pub const PACE: Pace = Pace {
    every: Duration::from_secs(1),
    deadline: Duration::from_secs(1),
};

/// Asks one member.
#[derive(Debug)]
pub struct Prober {
    id: MemberId,
    /// Or why its URL leads nowhere.
    link: Result<Link, Why>,
    sink: Sink,
    pace: Pace,
    rounds: u64,
    rtts_us: Ring<u64>,
}

impl Prober {
    /// A prober of the member `id` with the peer URL `url`.
    pub fn new(id: MemberId, url: &Text, files: PemFiles, sink: Sink, pace: Pace) -> Self {
        Self {
            id,
            link: Target::parse(url.as_str()).map(|target| Link::new(target, Loader::new(files, ALPN))),
            sink,
            pace,
            rounds: 0,
            rtts_us: Ring::new(RTTS),
        }
    }

    /// Probes until nobody reads.
    pub async fn run(mut self) -> Result<(), Closed> {
        let id = self.id;
        self.sink.report(FeedId::EtcdPeer(id), Report::Begun).await?;
        let mut tick = interval(self.pace.every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let outcome = self.round_in_time().await;
            self.rounds = self.rounds.wrapping_add(1);
            if outcome.is_err() {
                self.rtts_us.clear();
            }
            self.sink.send(Observation::EtcdPeer { id, outcome }).await?;
        }
    }

    async fn round_in_time(&mut self) -> Result<PeerAnswer, Why> {
        let deadline = self.pace.deadline;
        let outcome = timeout(deadline, self.round()).await;
        outcome.unwrap_or_else(|_| {
            let link = self.link.as_ref().map_err(Clone::clone)?;
            Err(timed_out(link.target(), link.hop(), deadline))
        })
    }

    async fn round(&mut self) -> Result<PeerAnswer, Why> {
        let link = self.link.as_mut().map_err(|why| why.clone())?;
        // The version first: on a new connection its answer also waits for the other side's end of the TLS handshake, which
        // would spoil the round trip.
        let version = if !link.is_open() || self.rounds.is_multiple_of(VERSION_EVERY) {
            Some(ask(link, PeerPath::Version, answers::version).await?.0)
        } else {
            None
        };
        let (remote, took) = ask(link, PeerPath::Probing, answers::probing).await?;
        let skew = skew_ms(remote, self.sink.clock().now().wall, took);
        self.rtts_us.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        // Every round: a view is dated by its member's last answer.
        let (view, _) = ask(link, PeerPath::Members, answers::members).await?;
        Ok(PeerAnswer {
            rtt_us: self.rtts_us.median().unwrap_or_default(),
            clock_skew_ms: Some(skew),
            version,
            certificate_ends: link.ends(),
            view: Some(view),
        })
    }
}

/// One request, understood, and how long it took.
async fn ask<T>(
    link: &mut Link,
    path: PeerPath,
    understand: fn(&Answer) -> Result<T, Wrong>,
) -> Result<(T, Duration), Why> {
    let answer = link.get(path).await?;
    match understand(&answer) {
        Ok(value) => Ok((value, answer.took)),
        Err((kind, words)) => Err(failed(link.target(), link.hop(), kind, words)),
    }
}

/// The other clock minus ours, in milliseconds, if it was read in the middle of a round trip that took `took` and ended at
/// `arrived`.
fn skew_ms(remote: Timestamp, arrived: Timestamp, took: Duration) -> i64 {
    let back = i64::try_from((took / 2).as_micros()).unwrap_or(i64::MAX);
    let middle = arrived.as_microsecond().saturating_sub(back);
    let skew_us = remote.as_microsecond().saturating_sub(middle);
    // To the nearest millisecond: two equal clocks differ by 0, not by -1 now and then.
    (skew_us + 500).div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skew_is_measured_at_the_middle_of_the_round_trip() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap_or_default();
        assert_eq!(skew_ms(at(10_000), at(10_050), Duration::from_millis(100)), 0);
        assert_eq!(skew_ms(at(13_000), at(10_050), Duration::from_millis(100)), 3_000);
        assert_eq!(skew_ms(at(7_000), at(10_000), Duration::ZERO), -3_000);
        assert_eq!(skew_ms(at(10_000), at(10_000), Duration::from_micros(700)), 0);
        assert_eq!(skew_ms(at(10_000), at(10_001), Duration::from_micros(700)), -1);
    }
}
