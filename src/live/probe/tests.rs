//! Probers against servers on loopback.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod connections;
mod failures;
mod server;
mod supervisor;

use std::time::Duration;

use tokio::sync::mpsc::Receiver;

use super::prober::{Pace, Prober};
use crate::base::{Clock, Why};
use crate::live::test_pki::{TestCa, TestDir};
use crate::model::etcd::MemberId;
use crate::port::{Observation, Observed, PeerAnswer, Sink};

const ID: MemberId = MemberId(7);

/// Rounds follow each other at once; the deadline is beyond any slowness of the machine.
const BRISK: Pace = Pace {
    every: Duration::from_millis(1),
    deadline: Duration::from_secs(30),
};

/// The files of the controller at 127.0.0.3.
fn controller(ca: &TestCa) -> TestDir {
    let peer = ca.issue(&["127.0.0.3"]);
    ca.controller(&peer, &peer)
}

/// A prober at work. Ends with the test.
struct Probing {
    observed: Receiver<Observed>,
    _tasks: tokio::task::JoinSet<()>,
}

fn probe(url: &str, dir: &TestDir, pace: Pace) -> Probing {
    let (sink, observed) = Sink::channel(Clock::start());
    let prober = Prober::new(ID, &url.into(), dir.peer_files(), sink, pace);
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let _ = prober.run().await;
    });
    Probing {
        observed,
        _tasks: tasks,
    }
}

impl Probing {
    async fn round(&mut self) -> Result<PeerAnswer, Why> {
        loop {
            let observed = self.observed.recv().await.expect("the prober runs");
            if let Observation::EtcdPeer { id, outcome } = observed.what {
                assert_eq!(id, ID);
                return outcome;
            }
        }
    }
}
