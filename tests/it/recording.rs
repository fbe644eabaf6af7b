//! A replay shows what was on the screen: frame by frame, forward and back, after faults and keys, at two sizes.

use std::sync::Arc;

use jiff::Timestamp;
use quorate::app::{Effect, Msg, State, key, update};
use quorate::model::Policy;
use quorate::recording::{Encoder, Recording, SCHEMA, without_secrets};
use quorate::rehearse::stage::Stage;
use quorate::sim::scenario::Scenario;
use quorate::sim::world::fault::Fault;
use quorate::sim::world::host::HostId;
use quorate::tui::replay::Player;
use quorate::view::{Theme, picture};

/// A console that is recorded, and every frame that it drew.
struct Live {
    stage: Stage,
    state: State,
    encoder: Encoder,
    lines: Vec<String>,
    frames: Vec<Vec<String>>,
}

impl Live {
    fn open(scenario: &str, (width, height): (u16, u16)) -> Self {
        let file = Scenario::named(scenario).unwrap().unwrap();
        let start = Timestamp::from_second(1_795_000_000).unwrap();
        let stage = Stage::open(&file, scenario.into(), start);
        let mut console = State::new(Arc::new(stage.snapshot().clone()), Policy::default());
        update(&mut console, Msg::Resize(width, height));
        let head = format!(r#"{{"schema":"{SCHEMA}","began":"{start}","host":"nbe-1","user":"ada","version":"0"}}"#);
        let mut live = Self {
            stage,
            state: console,
            encoder: Encoder::default(),
            lines: vec![head],
            frames: Vec::new(),
        };
        live.begin();
        live.draw();
        live
    }

    /// A segment.
    fn begin(&mut self) {
        self.lines.push(self.encoder.begin(&self.state, 0).unwrap());
    }

    fn take(&mut self, msg: Msg) -> Vec<Effect> {
        self.encoder.take(without_secrets(&self.state, &msg)).unwrap();
        update(&mut self.state, msg)
    }

    fn draw(&mut self) {
        let (width, height) = self.state.size;
        let (buffer, geometry) = picture::draw(&self.state, &Theme::default(), width, height);
        self.frames.push(picture::text(&buffer));
        let verdict = self.state.derived.report.verdict.level;
        let line = self.encoder.drawn(self.state.snapshot.now, verdict).unwrap();
        self.lines.extend(line);
        self.take(Msg::Geometry(geometry));
    }

    fn pass(&mut self, seconds: u32) {
        for _ in 0..seconds {
            self.stage.pass(1_000);
            let snapshot = Arc::new(self.stage.snapshot().clone());
            self.take(Msg::Snapshot(snapshot));
            self.draw();
        }
    }

    /// Keys, all of them before the next frame, as they come from a fast typist.
    fn press(&mut self, keys: &str) {
        for key in key::parse_sequence(keys).unwrap() {
            self.take(Msg::Key(key));
        }
        self.draw();
    }

    fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }
}

fn shown(player: &Player) -> Vec<String> {
    picture::text(player.drawn())
}

fn assert_replayed(live: &Live, what: &str) {
    let recording = Recording::read(&live.text()).unwrap();
    let mut player = Player::open(recording, Theme::default(), None).unwrap();
    assert_eq!(player.len(), live.frames.len(), "{what}");
    let forward = 1..=player.len();
    let back = (1..=player.len()).rev();
    // And from everywhere to elsewhere.
    let jumps = (0..10).map(|n| n * 37 % player.len() + 1);
    for frame in forward.chain(back).chain(jumps).collect::<Vec<_>>() {
        player.go(frame).unwrap();
        assert_eq!(player.place(), frame);
        let (was, is) = (&live.frames[frame - 1], shown(&player));
        let differ: Vec<_> = was.iter().zip(&is).filter(|(was, is)| was != is).collect();
        assert!(
            was.len() == is.len() && differ.is_empty(),
            "{what}: frame {frame}: {differ:#?}"
        );
    }
}

/// A console that sees a node lost and found again, while its operator looks everywhere.
fn lived(scenario: &str, size: (u16, u16)) -> Live {
    let lost = HostId(2);
    let mut live = Live::open(scenario, size);
    live.pass(2);
    live.press("2j");
    live.stage.world_mut().inject(&Fault::PowerOff { host: lost }).unwrap();
    live.pass(8);
    live.press("4Gd");
    live.begin();
    for keys in [
        "<esc>5/netbox<enter>",
        "jjjs",
        "6",
        "7G",
        "0",
        "i",
        "a",
        "?",
        "<esc>:no<tab>",
        "<esc><esc>2",
    ] {
        live.press(keys);
        live.pass(1);
    }
    live.take(Msg::Resize(100, 30));
    live.draw();
    live.pass(20);
    live.stage.world_mut().inject(&Fault::Revive { host: lost }).unwrap();
    live.pass(5);
    live
}

#[test]
fn a_replay_shows_every_frame_of_the_live_run() {
    let mut runs = Vec::new();
    for (scenario, size) in [("healthy", (80, 24)), ("demo", (120, 40)), ("node-lost", (80, 24))] {
        runs.push(std::thread::spawn(move || {
            assert_replayed(&lived(scenario, size), &format!("{scenario} at {size:?}"));
        }));
    }
    for run in runs {
        run.join().unwrap();
    }
}

#[test]
fn one_moves_by_time_and_by_changes_of_the_verdict() {
    let mut live = Live::open("healthy", (80, 24));
    live.pass(5);
    let lost = HostId(2);
    live.stage.world_mut().inject(&Fault::PowerOff { host: lost }).unwrap();
    live.pass(20);
    let recording = Recording::read(&live.text()).unwrap();
    let mut player = Player::open(recording, Theme::default(), Some((120, 40))).unwrap();
    assert_eq!(shown(&player).len(), 40, "at any size");
    let before = player.state().derived.report.verdict.level;
    let changed = player.verdict(true).unwrap();
    player.go(changed).unwrap();
    assert_ne!(player.state().derived.report.verdict.level, before);
    assert_eq!(player.at(changed), player.state().snapshot.now.wall);
    player.go(usize::MAX).unwrap();
    assert_eq!(player.place(), player.len());
    let later = std::iter::successors(player.verdict(false), |frame| {
        player.go(*frame).unwrap();
        player.verdict(false)
    });
    assert_eq!(later.last(), Some(changed));
    let second = player.at(8).strftime("%H:%M:%S").to_string();
    assert_eq!(player.frame_at(&second), Ok(8));
    assert_eq!(player.frame_at(&player.at(8).to_string()), Ok(8));
    assert_eq!(player.frame_at("2030-01-01T00:00:00Z"), Ok(player.len()));
    assert!(player.frame_at("soon").is_err());
}
