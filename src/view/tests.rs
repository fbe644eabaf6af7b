//! Every screen in every state, as styled snapshots; and what must hold for all frames.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::dump::{draw, dump, text};
use super::fixture::at;
use super::fixture::states::{self, press};
use super::{Colors, Glyphs, Theme};
use crate::app::{Effect, Msg, Screen, State, update};
use crate::model::{FeedState, Snapshot};

fn mono() -> Theme {
    Theme::default().on(Colors::None, Glyphs::Ascii)
}

fn on(mut state: State, screen: Screen) -> State {
    state.screen = screen;
    state
}

fn frame(state: &State, theme: &Theme, (width, height): (u16, u16)) -> String {
    dump(&draw(state, theme, width, height).0)
}

/// The full matrix at 80x24.
#[test]
fn screens_at_80x24() {
    for (name, state) in states::all() {
        for screen in Screen::ALL {
            let state = on(state.clone(), screen);
            let both = [("", Theme::marked()), ("_mono", mono())];
            for (suffix, theme) in both {
                insta::assert_snapshot!(
                    format!("{}_{name}_80x24{suffix}", screen.name()),
                    frame(&state, &theme, (80, 24))
                );
            }
        }
    }
}

/// A diagonal through the larger sizes: every screen and every state is there.
#[test]
fn screens_at_larger_sizes() {
    let states = states::all();
    for (number, screen) in Screen::ALL.into_iter().enumerate() {
        for (size, shift) in [((120, 40), 0), ((200, 60), 1)] {
            let (name, state) = &states[(number + shift) % states.len()];
            let state = on(state.clone(), screen);
            let name = format!("{}_{name}_{}x{}", screen.name(), size.0, size.1);
            insta::assert_snapshot!(name, frame(&state, &Theme::marked(), size));
        }
    }
    for size in [(120, 40), (200, 60)] {
        let name = format!("overview_node_lost_{}x{}", size.0, size.1);
        insta::assert_snapshot!(name, frame(&states::state("node_lost"), &Theme::marked(), size));
    }
}

#[test]
fn overlays_and_small_terminals() {
    let mut help = states::state("healthy");
    press(&mut help, "?");
    insta::assert_snapshot!("help_80x24", frame(&help, &Theme::marked(), (80, 24)));
    let mut detail = on(states::state("node_lost"), Screen::Findings);
    press(&mut detail, "<enter>");
    insta::assert_snapshot!("detail_80x24", frame(&detail, &Theme::marked(), (80, 24)));
    let mut prompt = states::state("node_lost");
    press(&mut prompt, ":fe");
    insta::assert_snapshot!("prompt_80x24", frame(&prompt, &Theme::marked(), (80, 24)));
    insta::assert_snapshot!(
        "small_40x10",
        frame(&states::state("node_lost"), &Theme::marked(), (40, 10))
    );
}

fn everything() -> impl Iterator<Item = State> {
    let screens = |state: State| Screen::ALL.into_iter().map(move |screen| on(state.clone(), screen));
    states::all().into_iter().flat_map(move |(_, state)| screens(state))
}

#[test]
fn no_hostile_byte_and_no_wide_glyph_reaches_a_frame() {
    for mut state in everything() {
        for keys in ["", "<enter>", "G<enter>"] {
            press(&mut state, keys);
            let (buffer, _) = draw(&state, &Theme::default(), 120, 40);
            for cell in buffer.content() {
                assert!(
                    cell.symbol().chars().all(crate::base::text::is_plain),
                    "{:?}",
                    cell.symbol()
                );
            }
        }
    }
}

#[test]
fn ascii_terminals_get_ascii() {
    for (name, state) in states::all().into_iter().filter(|(name, _)| *name != "huge_names") {
        for screen in Screen::ALL {
            let lines = text(&draw(&on(state.clone(), screen), &mono(), 100, 30).0).join("\n");
            assert!(lines.is_ascii(), "{name} {}: {lines}", screen.name());
        }
    }
}

/// A later snapshot in which only what always moves has moved.
fn later(snapshot: &Snapshot) -> Snapshot {
    let mut later = snapshot.clone();
    let second = Duration::from_secs(1);
    later.now = later.now.plus(second);
    for feed in later.feeds.values_mut() {
        if let FeedState::Live { as_of } = feed {
            *as_of = as_of.plus(second);
        }
    }
    for lease in later.kube.leases.rows_mut().values_mut() {
        let lease = Arc::make_mut(lease);
        lease.changed_at = lease.changed_at.plus(second);
        lease.value.renewed = Some(later.now.wall);
    }
    let etcd = &mut later.etcd;
    let reads = [&mut etcd.serializable, &mut etcd.linearizable].into_iter().flatten();
    for history in reads.chain(etcd.peers.values_mut().map(|peer| &mut peer.history)) {
        history.last_ok = history.last_ok.map(|at| at.plus(second));
    }
    for peer in etcd.peers.values_mut() {
        peer.rtt_us = peer.rtt_us.map(|rtt| rtt + 90);
        peer.clock_skew_ms = Some(-7);
    }
    if let Some(local) = &mut etcd.local {
        local.value.raft_index += 12;
        local.value.applied_index += 12;
        local.value.revision += 9;
        local.value.db_in_use_bytes += 4096;
        local.changed_at = local.changed_at.plus(second);
    }
    later
}

#[test]
fn nothing_moves_on_screen_while_everything_is_live() {
    let first = states::state("healthy");
    let mut second = first.clone();
    update(&mut second, Msg::Snapshot(Arc::new(later(&first.snapshot))));
    // The fixture's words, not those of the checks.
    second.derived = Arc::new(crate::app::Derived {
        report: first.derived.report.clone(),
        ..(*second.derived).clone()
    });
    assert_ne!(first.snapshot, second.snapshot);
    for screen in Screen::ALL {
        for keys in ["", "<enter>"] {
            let mut states = [on(first.clone(), screen), on(second.clone(), screen)];
            let frames = states.each_mut().map(|state| {
                press(state, keys);
                draw(state, &Theme::default(), 200, 50).0
            });
            assert_eq!(frames[0], frames[1], "{}", screen.name());
        }
    }
}

#[test]
fn lost_rows_are_dated_and_tick() {
    let first = states::state("quorum_lost");
    let lines = text(&draw(&on(first.clone(), Screen::Nodes), &mono(), 100, 30).0).join("\n");
    assert!(lines.contains("20 s ago") && lines.contains("~ Ready"), "{lines}");
    let mut second = first;
    let newer = later(&second.snapshot);
    update(&mut second, Msg::Snapshot(Arc::new(newer)));
    let lines = text(&draw(&on(second, Screen::Nodes), &mono(), 100, 30).0).join("\n");
    assert!(lines.contains("21 s ago"), "{lines}");
}

#[test]
fn no_state_is_told_by_colour_alone() {
    let names = ["healthy", "node_lost", "quorum_lost", "cut_off", "syncing", "empty"];
    for screen in Screen::ALL.into_iter().filter(|screen| *screen != Screen::Log) {
        let frames = names.map(|name| {
            let state = on(states::state(name), screen);
            // Without the verdict, which always differs.
            text(&draw(&state, &mono(), 100, 30).0).split_off(2)
        });
        assert_ne!(frames[0], frames[1], "{}", screen.name());
        assert_ne!(frames[0], frames[2], "{}", screen.name());
        assert_ne!(frames[0], frames[3], "{}", screen.name());
    }
    let etcd = |name| text(&draw(&on(states::state(name), Screen::Etcd), &mono(), 80, 24).0).join("\n");
    assert!(etcd("healthy").contains("healthy") && !etcd("healthy").contains("DEAD"));
    assert!(etcd("node_lost").contains("X DEAD"));
    assert!(etcd("cut_off").contains("? unknown") && !etcd("cut_off").contains("QUORUM LOST"));
    assert!(etcd("quorum_lost").contains("QUORUM LOST"));
}

#[test]
fn what_matters_is_on_the_overview_at_80x24() {
    let lines = text(&draw(&states::state("node_lost"), &mono(), 80, 24).0).join("\n");
    for needed in [
        "NO MORE may be lost",
        "zone-c",
        "NotReady",
        "DEAD",
        "netbox-web",
        "etcd member nbe-3 is dead",
        "14 pods stay 5 min",
        "? help",
    ] {
        assert!(lines.contains(needed), "{needed} is missing:\n{lines}");
    }
}

#[test]
fn the_ladder_drops_columns_in_its_order() {
    let state = on(states::state("healthy"), Screen::Nodes);
    let header = |width| {
        let lines = text(&draw(&state, &mono(), width, 24).0);
        lines.into_iter().find(|line| line.starts_with("  zone ")).unwrap()
    };
    assert!(header(200).contains("version") && header(200).contains("role"));
    let dropped: Vec<bool> = [200, 100, 80, 66].map(|width| header(width).contains("version")).into();
    assert!(dropped.windows(2).all(|pair| pair[0] >= pair[1]), "{dropped:?}");
    for width in [60, 66, 80, 100, 200] {
        for kept in ["zone", "node", "state"] {
            assert!(header(width).contains(kept), "{width}: {}", header(width));
        }
    }
}

#[test]
fn enter_drills_down_and_esc_returns() {
    let mut state = states::state("node_lost");
    press(&mut state, "jj<enter>");
    assert_eq!(state.screen, Screen::Nodes);
    let lines = text(&draw(&state, &mono(), 80, 24).0);
    assert!(lines.iter().any(|line| line.starts_with("> zone-c")), "{lines:?}");
    press(&mut state, "<enter>");
    assert!(
        text(&draw(&state, &mono(), 80, 24).0)
            .join("\n")
            .contains("NodeStatusUnknown")
    );
    press(&mut state, "<esc><esc>");
    assert_eq!(state.screen, Screen::Overview);
    press(&mut state, "G<enter>");
    assert_eq!(state.screen, Screen::Findings);
    assert!(
        text(&draw(&state, &mono(), 80, 24).0)
            .join("\n")
            .contains("> ! warning")
    );
}

#[test]
fn commands_filters_and_quitting() {
    let mut state = states::state("node_lost");
    press(&mut state, ":pl<tab><enter>");
    assert_eq!(state.screen, Screen::Placement);
    press(&mut state, "/rqlite<enter>");
    let lines = text(&draw(&state, &mono(), 80, 24).0).join("\n");
    assert!(lines.contains("kotsadm-rqlite") && !lines.contains("coredns") && lines.contains("filter /rqlite"));
    press(&mut state, "<esc>");
    assert!(text(&draw(&state, &mono(), 80, 24).0).join("\n").contains("coredns"));
    press(&mut state, ":nods<enter>");
    assert!(
        text(&draw(&state, &mono(), 80, 24).0)
            .join("\n")
            .contains("did you mean :nodes?")
    );
    assert_eq!(press(&mut state, "/q<esc>"), []);
    assert_eq!(press(&mut state, "q"), [Effect::Quit]);
    assert_eq!(press(&mut state, ":q<enter>"), [Effect::Quit]);
    assert_eq!(press(&mut state, "<ctrl-c>"), [Effect::Quit]);
}

#[test]
fn pasted_text_is_never_a_command() {
    let mut state = states::state("healthy");
    update(&mut state, Msg::Paste("q:quit\n".into()));
    assert_eq!((state.screen, state.prompt.clone()), (Screen::Overview, None));
    press(&mut state, ":");
    let effects = update(&mut state, Msg::Paste("etcd\n\u{1b}[A".into()));
    assert_eq!(effects, []);
    assert_eq!(state.prompt.unwrap().text, "etcd[A");
}

#[test]
fn selection_survives_a_new_snapshot() {
    let mut state = on(states::state("healthy"), Screen::Nodes);
    press(&mut state, "jj");
    let mut fewer = (*state.snapshot).clone();
    fewer.kube.nodes.rows_mut().pop_first();
    update(&mut state, Msg::Snapshot(Arc::new(fewer)));
    assert_eq!(state.cursor().index, 1);
    assert!(
        text(&draw(&state, &mono(), 80, 24).0)
            .iter()
            .any(|line| line.starts_with("> zone-c"))
    );
}

#[test]
fn a_state_is_data() {
    for mut state in everything() {
        press(&mut state, "j<enter>");
        let json = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
    }
}

#[test]
fn the_first_moments_say_loading() {
    let lines = text(&draw(&states::state("empty"), &mono(), 80, 24).0).join("\n");
    assert!(lines.contains(". waiting for nodes"), "{lines}");
    assert_eq!(at(1).since(at(0)), Duration::from_secs(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_size_and_no_key_panics(width in 0u16..=200, height in 0u16..=60, which in 0usize..49, keys in "[jkgGd/?:a1-7<]{0,8}") {
        let mut state = everything().nth(which).unwrap();
        for key in keys.chars() {
            update(&mut state, Msg::Key(crate::app::Key::char(key)));
            let (_, geometry) = draw(&state, &Theme::default(), width, height);
            update(&mut state, Msg::Geometry(geometry));
        }
        for state in [state.clone(), on(state, Screen::Overview)] {
            draw(&state, &mono(), width, height);
        }
    }
}
