//! The world, whoever looks at it, and what is known from that: driven second by second. Start reading at
//! [`Stage::open`].

use jiff::Timestamp;

use super::cast::Cast;
use super::send;
use super::vantage::Vantage;
use crate::assemble::Assembler;
use crate::base::{Stamp, Text};
use crate::model::{Simulated, Snapshot};
use crate::plan::Action;
use crate::plan::event::Sent;
use crate::sim::scenario::Scenario;
use crate::sim::world::host::HostId;
use crate::sim::world::{Network, World};

/// How often the world is looked at, in world milliseconds.
pub const LOOK_MS: u64 = 1_000;
/// How long it is watched before anybody acts: until heartbeats were seen to be renewed, and silence is known as such.
const SETTLE_MS: u64 = 20_000;

/// A simulated cluster and what is known of it from one host. A copy goes on by itself.
#[derive(Debug, Clone)]
pub struct Stage {
    world: World,
    vantage: Vantage,
    assembler: Assembler,
    snapshot: Snapshot,
    saved: Vec<Text>,
}

impl Stage {
    /// A scenario at the moment at which its operator has watched it for a while. `start` is when its world begins.
    pub fn open(scenario: &Scenario, name: Text, start: Timestamp) -> Self {
        let mut world = World::new(scenario, &Network::default(), start);
        world.advance(scenario.begins_at_s.saturating_mul(1_000));
        Self::watch(world, scenario.here, name)
    }

    /// A copy of a cluster as it was seen at a moment, watched for a while.
    pub fn of(cast: &Cast, name: Text, at: Timestamp) -> Self {
        Self::watch(World::found(&cast.found, at), cast.here, name)
    }

    fn watch(world: World, here: HostId, name: Text) -> Self {
        let mut assembler = Assembler::new();
        assembler.simulated(Some(Simulated {
            scenario: name,
            speed: 1,
            has_length: false,
        }));
        let vantage = Vantage::new(here, "127.0.0.1:2379".to_owned());
        let snapshot = Snapshot::empty(stamp(&world, here));
        let mut stage = Self {
            world,
            vantage,
            assembler,
            snapshot,
            saved: Vec::new(),
        };
        stage.look();
        stage.pass(SETTLE_MS);
        stage
    }

    /// Lets time pass, with a look every second.
    pub fn pass(&mut self, ms: u64) {
        let end = self.world.now_ms() + ms;
        while self.world.now_ms() < end {
            let next = (self.world.now_ms() + LOOK_MS).min(end);
            self.world.advance(next);
            self.look();
        }
    }

    /// What is known now.
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What is really so.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// For whatever happens to the world without us.
    pub const fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// Files that were written.
    pub fn saved(&self) -> &[Text] {
        &self.saved
    }

    /// The host that is looked from.
    pub const fn here(&self) -> HostId {
        self.vantage.here()
    }

    /// This moment.
    pub fn now(&self) -> Stamp {
        stamp(&self.world, self.vantage.here())
    }

    /// Asks for something, once. `slip` is what goes wrong on the way.
    pub fn send(&mut self, action: &Action, slip: Option<send::Slip>) -> Sent {
        let server = self.vantage.api_server();
        let mut sender = send::Sender {
            world: &mut self.world,
            here: self.vantage.here(),
            server,
            saved: &mut self.saved,
        };
        sender.send(action, slip)
    }

    /// Another quorate takes over: it knows nothing but what it sees, and watches for a while.
    pub fn start_anew(&mut self) {
        let simulated = self.snapshot.simulated.take();
        self.assembler = Assembler::new();
        self.assembler.simulated(simulated);
        self.vantage = Vantage::new(self.vantage.here(), "127.0.0.1:2379".to_owned());
        self.snapshot = Snapshot::empty(self.now());
        self.look();
        self.pass(SETTLE_MS);
    }

    fn look(&mut self) {
        let at = self.now();
        for observed in self.vantage.look(&self.world, &self.snapshot, at) {
            self.assembler.apply(observed);
        }
        self.snapshot = self.assembler.snapshot(at);
    }
}

/// The world's time by a host's clock.
fn stamp(world: &World, here: HostId) -> Stamp {
    Stamp {
        mono_ms: world.now_ms(),
        wall: world.wall_of(here),
        ahead_ms: 0,
    }
}
