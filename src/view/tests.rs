//! Screens in every state that looks different, as styled snapshots; and what must hold for all frames.
#![allow(clippy::unwrap_used)]

mod flows;
mod placement;

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::dump::dump;
use super::picture::{draw, text};
use super::{Colors, Glyphs, Theme};
use crate::app::work::{News, Rehearsed};
use crate::app::{Effect, Msg, Screen, State, key, update};
use crate::base::{Text, Why, WhyKind};
use crate::model::example;
use crate::model::question::{Answer, Event, Told};
use crate::model::{FeedState, Policy, Snapshot};

fn open(snapshot: Snapshot) -> State {
    State::new(Arc::new(snapshot), Policy::default())
}

fn state(name: &str) -> State {
    let found = example::NAMED
        .into_iter()
        .find(|(own, _)| own.replace('-', "_") == name);
    open(found.unwrap().1())
}

fn on(mut state: State, screen: Screen) -> State {
    state.screen = screen;
    crate::app::work::refresh(&mut state);
    state
}

/// Every screen of every example.
fn everything() -> impl Iterator<Item = State> {
    let states = example::NAMED.into_iter().map(|(_, snapshot)| open(snapshot()));
    states.flat_map(|state| Screen::ALL.map(|screen| on(state.clone(), screen)))
}

/// Presses keys, written as `jj<enter>`.
fn press(state: &mut State, keys: &str) -> Vec<Effect> {
    let keys = key::parse_sequence(keys).unwrap();
    keys.into_iter().flat_map(|key| update(state, Msg::Key(key))).collect()
}

/// Without colours and in ASCII.
fn mono() -> Theme {
    Theme::default().on(Colors::None, Glyphs::Ascii)
}

fn lines(state: &State, width: u16, height: u16) -> Vec<String> {
    text(&draw(state, &mono(), width, height).0)
}

fn page(state: &State, width: u16, height: u16) -> String {
    lines(state, width, height).join("\n")
}

fn assert_frame(name: &str, state: &State, theme: &Theme, (width, height): (u16, u16)) {
    insta::assert_snapshot!(name, dump(&draw(state, theme, width, height).0));
}

const USUAL: (u16, u16) = (80, 24);

#[test]
fn the_overview_in_every_state() {
    for (name, snapshot) in example::NAMED {
        let name = format!("overview_{}", name.replace('-', "_"));
        assert_frame(&name, &open(snapshot()), &Theme::marked(), USUAL);
    }
}

#[test]
fn the_overview_in_every_size_and_without_colours() {
    let mut state = state("node_lost");
    for size in [(40, 10), (60, 15), (120, 40), (200, 60)] {
        let name = format!("overview_node_lost_{}x{}", size.0, size.1);
        update(&mut state, Msg::Resize(size.0, size.1));
        assert_frame(&name, &state, &Theme::marked(), size);
    }
    assert_frame("overview_node_lost_mono", &state, &mono(), USUAL);
}

#[test]
fn every_screen_in_the_states_it_is_for() {
    for (screen, names) in [
        (Screen::Nodes, ["node_lost", "huge"]),
        (Screen::Etcd, ["node_lost", "cut_off"]),
        (Screen::Placement, ["node_lost", "quorum_lost"]),
        (Screen::Findings, ["node_lost", "cut_off"]),
        (Screen::Feeds, ["quorum_lost", "syncing"]),
    ] {
        for name in names {
            let state = on(state(name), screen);
            let of = format!("{}_{name}", screen.name());
            assert_frame(&of, &state, &Theme::marked(), USUAL);
        }
    }
    assert_frame("log", &on(state("healthy"), Screen::Log), &Theme::marked(), USUAL);
    for name in ["quorum_lost", "cut_off"] {
        let of = format!("recovery_{name}");
        assert_frame(&of, &on(state(name), Screen::Recovery), &Theme::marked(), USUAL);
    }
    let wide = on(state("huge"), Screen::Placement);
    assert_frame("placement_huge_120x40", &wide, &Theme::marked(), (120, 40));
}

#[test]
fn what_lies_over_a_screen() {
    for (name, screen, keys) in [
        ("help", Screen::Overview, "?"),
        ("prompt", Screen::Overview, ":fe"),
        ("filter", Screen::Placement, "/rqlite<enter>"),
        ("detail_finding", Screen::Findings, "<enter>"),
        ("detail_check", Screen::Readiness, "j<enter>"),
        ("detail_proof", Screen::Readiness, "/nodes.size<enter><enter>"),
        ("detail_member", Screen::Etcd, "G<enter>"),
    ] {
        let mut state = on(state("node_lost"), screen);
        press(&mut state, keys);
        assert_frame(name, &state, &Theme::marked(), USUAL);
    }
}

#[test]
fn rows_in_full() {
    for (name, screen, keys) in [
        ("describe_node", Screen::Nodes, "d"),
        ("describe_member", Screen::Etcd, "d"),
        ("describe_workload", Screen::Placement, "d"),
        ("describe_pod", Screen::Pods, "d"),
    ] {
        let mut state = on(state("node_lost"), screen);
        press(&mut state, keys);
        assert_frame(name, &state, &Theme::marked(), (120, 60));
    }
}

/// Host 3 is lost; in the last two, since before we came: its member never answered.
#[test]
fn the_lost_in_full() {
    let seen = state("node_lost");
    let mut unseen = (*seen.snapshot).clone();
    for (id, peer) in &mut unseen.etcd.peers {
        if *id == example::member(3).id {
            peer.history.since = example::ago(75);
            peer.history.last_ok = None;
        }
    }
    let unseen = open(unseen);
    for (name, state, screen, size) in [
        ("describe_lost_node", &seen, Screen::Nodes, (120, 60)),
        ("describe_lost_node_80x24", &seen, Screen::Nodes, USUAL),
        ("describe_lost_member", &seen, Screen::Etcd, (120, 60)),
        ("describe_never_seen_member", &unseen, Screen::Etcd, USUAL),
    ] {
        let mut state = on(state.clone(), screen);
        press(&mut state, "Gd");
        assert_frame(name, &state, &Theme::marked(), size);
    }
    let page = page(&on(unseen, Screen::Etcd), 120, 40);
    assert!(
        page.contains("DEAD, no answer in 75 s") && !page.contains("seen"),
        "{page}"
    );
}

/// A state in which a sheet was opened by keys and answered.
fn read(screen: Screen, keys: &str, told: Told) -> State {
    let mut state = on(state("node_lost"), screen);
    press(&mut state, keys);
    let id = state.sheets.last().unwrap().asked.unwrap();
    let (at, from) = (state.snapshot.now, Some("https://10.77.0.11:6443".into()));
    update(&mut state, Msg::Answer(Answer { id, at, from, told }));
    state
}

fn hostile_lines() -> Vec<Text> {
    let long = "x".repeat(150);
    let lines = [
        "kind: Node",
        "  name: \u{1b}[31mred\u{202e}",
        "  emoji: \u{1f600} \u{5317}",
        long.as_str(),
    ];
    lines.map(Text::new).to_vec()
}

#[test]
fn sheets() {
    let event = |reason: &str, is_warning| Event {
        is_warning,
        reason: reason.into(),
        message: "Back-off \u{1b}[2J restarting failed container in a pod whose name is rather long, so that it wraps"
            .into(),
        about: "Pod kotsadm/netbox-1".into(),
        source: "kubelet".into(),
        count: 3,
        last: Some(example::wall_ago(90)),
    };
    let events = || Told::Events {
        events: vec![event("BackOff", true), event("Pulled", false)],
        more: 2,
    };
    let why = Why::new(WhyKind::Unavailable, "no API server is in use: nobody answers").hint("the feeds screen tells");
    let failed = Told::Failed {
        why,
        last_answer: Some(example::ago(40)),
    };
    for (name, state) in [
        ("sheet_yaml", read(Screen::Nodes, "y", Told::Yaml(hostile_lines()))),
        ("sheet_events", read(Screen::Nodes, "e", events())),
        ("sheet_warnings", read(Screen::Overview, ":events<enter>", events())),
        (
            "sheet_log",
            read(Screen::Placement, "l<enter>", Told::Log(hostile_lines())),
        ),
        ("sheet_failed", read(Screen::Nodes, "y", failed)),
    ] {
        assert_frame(name, &state, &Theme::marked(), USUAL);
        assert_frame(&format!("{name}_120x40"), &state, &Theme::marked(), (120, 40));
    }
    let mut wrapped = read(Screen::Nodes, "y", Told::Yaml(hostile_lines()));
    press(&mut wrapped, "w/xx<enter>");
    assert_frame("sheet_found_mono", &wrapped, &mono(), USUAL);
    let mut pods = on(state("node_lost"), Screen::Placement);
    press(&mut pods, "lj");
    assert_frame("sheet_pods", &pods, &Theme::marked(), USUAL);
}

#[test]
fn an_unlocked_console_says_so_on_every_screen() {
    let mut unlocked = on(state("node_lost"), Screen::Etcd);
    (unlocked.work.is_manned, unlocked.work.is_unlocked) = (true, true);
    assert_frame("unlocked", &unlocked, &Theme::marked(), USUAL);
}

#[test]
fn a_long_name_leaves_a_sheet_its_age() {
    let mut snapshot = example::healthy();
    let name = format!("zz-{}-end", "x".repeat(70));
    example::add_pod(&mut snapshot.kube, "kotsadm", &name, example::pod(&example::name(1)));
    let mut state = on(open(snapshot), Screen::Pods);
    press(&mut state, "/zz-<enter>y");
    let id = state.sheets.last().unwrap().asked.unwrap();
    let (at, from, told) = (state.snapshot.now, None, Told::Yaml(hostile_lines()));
    update(&mut state, Msg::Answer(Answer { id, at, from, told }));
    let page = page(&state, 80, 24);
    let heading = page.lines().find(|line| line.starts_with("YAML")).unwrap();
    assert!(
        heading.contains("-end  read at ") && heading.contains(" UTC"),
        "{heading}"
    );
}

#[test]
fn a_rehearsal_over_its_plan() {
    let mut state = on(state("healthy"), Screen::Nodes);
    state.work.is_manned = true;
    press(&mut state, "ar");
    assert_frame("rehearsal_plan", &state, &Theme::marked(), USUAL);
    press(&mut state, "r");
    assert_frame("rehearsal_waits", &state, &Theme::marked(), USUAL);
    let id = state.sheets.last().unwrap().asked.unwrap();
    let told = [
        "REHEARSAL: played on a copy of the cluster; nothing was sent to it",
        "cordon: stopped at step 1 after 13 s: refused: the server says no",
        "STEP  AFTER  TOOK  OUTCOME  WHAT",
        "1     <1 s   -     refused  let no new pod onto nbe-1",
        "step 1 needs: the API answers a consistent read; Node nbe-1 is the one that was planned with",
        "not rehearsed: swap",
    ];
    let (at, told) = (state.snapshot.now, Ok(told.map(Text::new).to_vec()));
    update(&mut state, Msg::Work(News::Rehearsed(Rehearsed { id, at, told })));
    assert_frame("rehearsal", &state, &Theme::marked(), USUAL);
    assert_frame("rehearsal_120x40", &state, &Theme::marked(), (120, 40));
    let said = crate::view::linear::page(&state, &crate::view::linear::theme());
    assert!(
        said.iter().any(|line| line.contains("nothing was sent to it")),
        "{said:?}"
    );
}

#[test]
fn no_hostile_byte_and_no_wide_glyph_reaches_a_frame() {
    for mut state in everything() {
        for keys in ["", "<enter>", "G<enter>"] {
            press(&mut state, keys);
            let (buffer, _) = draw(&state, &Theme::default(), 120, 40);
            for cell in buffer.content() {
                let symbol = cell.symbol();
                assert!(symbol.chars().all(crate::base::text::is_plain), "{symbol:?}");
            }
        }
    }
}

#[test]
fn ascii_terminals_get_ascii() {
    for state in everything() {
        let page = page(&state, 100, 30);
        // Names are what they are.
        let ours: String = page.chars().filter(|c| !c.is_alphanumeric()).collect();
        assert!(ours.is_ascii(), "{page}");
    }
}

/// A later snapshot in which only what always moves has moved.
fn later(snapshot: &Snapshot) -> Snapshot {
    later_by(snapshot, Duration::from_secs(1))
}

pub(super) fn later_by(snapshot: &Snapshot, time: Duration) -> Snapshot {
    let mut later = snapshot.clone();
    later.now = later.now.plus(time);
    for feed in later.feeds.values_mut() {
        if let FeedState::Live { as_of } = feed {
            *as_of = as_of.plus(time);
        }
    }
    for lease in later.kube.leases.rows_mut().values_mut() {
        let lease = Arc::make_mut(lease);
        lease.changed_at = lease.changed_at.plus(time);
        lease.value.renewed = Some(later.now.wall);
    }
    let etcd = &mut later.etcd;
    let reads = [&mut etcd.serializable, &mut etcd.linearizable].into_iter().flatten();
    for history in reads.chain(etcd.peers.values_mut().map(|peer| &mut peer.history)) {
        history.last_ok = history.last_ok.map(|at| at.plus(time));
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
        local.changed_at = local.changed_at.plus(time);
    }
    later
}

#[test]
fn nothing_moves_on_screen_while_everything_is_live() {
    let first = state("healthy");
    let mut second = first.clone();
    update(&mut second, Msg::Snapshot(Arc::new(later(&first.snapshot))));
    assert_ne!(first.snapshot, second.snapshot);
    for screen in Screen::ALL {
        for keys in ["", "<enter>"] {
            let open = on(first.clone(), screen);
            // As it goes on: what was worked out before stays while it is so.
            let mut goes_on = open.clone();
            update(&mut goes_on, Msg::Snapshot(Arc::clone(&second.snapshot)));
            let mut states = [open, goes_on];
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
    let first = on(state("quorum_lost"), Screen::Nodes);
    let page_of = |state: &State| page(state, 100, 30);
    let page = page_of(&first);
    assert!(page.contains("40 s ago") && page.contains("~ Ready"), "{page}");
    let mut second = first;
    let newer = later(&second.snapshot);
    update(&mut second, Msg::Snapshot(Arc::new(newer)));
    let page = page_of(&second);
    assert!(page.contains("41 s ago"), "{page}");
}

#[test]
fn no_state_is_told_by_colour_alone() {
    for screen in Screen::ALL
        .into_iter()
        .filter(|screen| !matches!(screen, Screen::Log | Screen::Timeline))
    {
        // Without the verdict, which always differs.
        let frames = ["healthy", "node_lost", "quorum_lost", "cut_off"]
            .map(|name| lines(&on(state(name), screen), 100, 30).split_off(2));
        assert!(!frames[1..].contains(&frames[0]), "{}", screen.name());
    }
    let etcd = |name| page(&on(state(name), Screen::Etcd), 80, 24);
    assert!(etcd("healthy").contains("healthy") && !etcd("healthy").contains("DEAD"));
    assert!(etcd("node_lost").contains("X DEAD"));
    assert!(etcd("cut_off").contains("? unknown") && !etcd("cut_off").contains("QUORUM LOST"));
    assert!(etcd("quorum_lost").contains("QUORUM LOST"));
}

#[test]
fn what_matters_is_on_the_overview_at_80x24() {
    let page = page(&state("node_lost"), 80, 24);
    for needed in [
        "no spare",
        "NO MORE may be lost",
        "zone-c",
        "NotReady",
        "DEAD",
        "2/3 ready",
        "member nbe-3 is lost",
        "1 pending",
        "? help",
    ] {
        assert!(page.contains(needed), "{needed} is missing:\n{page}");
    }
}

#[test]
fn what_is_wrong_comes_before_what_is_not() {
    let page = page(&state("node_lost"), 60, 15);
    assert!(page.contains("DEAD") && page.contains("member to spare"), "{page}");
    let mut small = state("node_lost");
    update(&mut small, Msg::Resize(40, 10));
    let small = lines(&small, 40, 10);
    assert!(small[3].starts_with("! warning no member to spare"), "{small:?}");
    let lines = lines(&on(state("node_lost"), Screen::Placement), 80, 24);
    let first = lines.iter().find(|line| line.starts_with("> ")).unwrap();
    assert!(first.contains("! 2/3 "), "{first}");
}

#[test]
fn checks_that_miss_the_same_source_are_one_row() {
    let state = on(state("cut_off"), Screen::Findings);
    let page = page(&state, 100, 50);
    assert!(page.contains("37 checks cannot tell: api: no answer in time"), "{page}");
    assert_eq!(page.matches("checks cannot tell: ").count(), 3, "{page}");
    let untold = crate::app::rows::untold(&state).count();
    assert!(page.contains(&format!("{untold} cannot tell")), "{page}");
}

#[test]
fn the_ladder_drops_columns_in_its_order() {
    let state = on(state("healthy"), Screen::Nodes);
    let header = |width| {
        let lines = lines(&state, width, 24);
        lines.into_iter().find(|line| line.starts_with("  zone ")).unwrap()
    };
    let columns = |width| header(width).split_whitespace().count();
    assert!(header(200).contains("version") && header(200).contains("role"));
    let counts = [200, 100, 80, 66].map(columns);
    assert!(counts.is_sorted_by(|wide, narrow| wide >= narrow), "{counts:?}");
    for width in [60, 66, 80, 100, 200] {
        for kept in ["zone", "node", "state"] {
            assert!(header(width).contains(kept), "{width}: {}", header(width));
        }
    }
}

#[test]
fn tabs_fit_80_columns() {
    for (name, row) in [("healthy", 1), ("quorum_lost", 2)] {
        let state = state(name);
        let tabs = lines(&state, 80, 24)[row].clone();
        for screen in Screen::ALL {
            assert_eq!(tabs.contains(screen.short()), state.offers(screen), "{tabs}");
        }
    }
}

#[test]
fn the_timeline_in_every_size() {
    let mut state = on(state("healthy"), Screen::Timeline);
    assert!(page(&state, 80, 24).contains("nothing has changed"));
    update(
        &mut state,
        Msg::Snapshot(Arc::new(example::node_lost(example::Death::Refused))),
    );
    for size in [(80, 24), (120, 40), (200, 60)] {
        assert_frame(
            &format!("timeline_{}x{}", size.0, size.1),
            &state,
            &Theme::marked(),
            size,
        );
    }
    assert_frame("timeline_mono", &state, &mono(), USUAL);
    press(&mut state, "/to spare (was<enter><enter>");
    assert!(page(&state, 80, 24).contains("0 to spare (was 1 to spare)"));
}

#[test]
fn pods_in_every_size() {
    for name in ["healthy", "node_lost", "huge", "empty"] {
        for size in [(80, 24), (120, 40), (200, 60)] {
            let mut state = on(state(name), Screen::Pods);
            update(&mut state, Msg::Resize(size.0, size.1));
            let name = format!("pods_{name}_{}x{}", size.0, size.1);
            assert_frame(&name, &state, &Theme::marked(), size);
        }
    }
    assert_frame(
        "pods_node_lost_mono",
        &on(state("node_lost"), Screen::Pods),
        &mono(),
        USUAL,
    );
}

#[test]
fn the_palette_offers_completes_and_remembers() {
    let mut state = state("node_lost");
    press(&mut state, ":no");
    let offered = page(&state, 80, 24);
    assert!(
        offered.contains("nodes [NODE]") && offered.contains("nodes by zone"),
        "{offered}"
    );
    press(&mut state, "de <tab>");
    assert_eq!(state.prompt.as_ref().unwrap().text, "node nbe-1");
    press(&mut state, "<up><up><enter>");
    assert_eq!((state.screen, state.detail), (Screen::Nodes, Some(0)));
    assert!(page(&state, 80, 24).contains("Details  node nbe-2"));
    press(&mut state, ":etcd<enter>:<up><up>");
    assert_eq!(state.prompt.as_ref().unwrap().text, "node nbe-2");
    press(&mut state, "<esc>:node nbe-9<enter>");
    assert!(
        page(&state, 80, 24).contains("did you mean nbe-"),
        "{}",
        page(&state, 80, 24)
    );
    assert_eq!(state.screen, Screen::Etcd);
    press(&mut state, ":filter nbe-2<enter>");
    assert_eq!(state.filter(), "nbe-2");
}

#[test]
fn pasted_text_is_never_a_command() {
    let mut state = state("healthy");
    update(&mut state, Msg::Paste("q:quit\n".into()));
    assert_eq!((state.screen, state.prompt.clone()), (Screen::Overview, None));
    press(&mut state, ":");
    let effects = update(&mut state, Msg::Paste("etcd\n\u{1b}[A".into()));
    assert_eq!(effects, []);
    assert_eq!(state.prompt.unwrap().text, "etcd[A");
}

#[test]
fn selection_survives_a_new_snapshot() {
    let mut state = on(state("healthy"), Screen::Nodes);
    press(&mut state, "jj");
    let mut fewer = (*state.snapshot).clone();
    fewer.kube.nodes.rows_mut().pop_first();
    update(&mut state, Msg::Snapshot(Arc::new(fewer)));
    assert_eq!(state.cursor().index, 1);
    assert!(lines(&state, 80, 24).iter().any(|line| line.starts_with("> zone-c")));
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
    let page = page(&state("empty"), 80, 24);
    assert!(page.contains(". waiting for nodes"), "{page}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_size_and_no_key_panics(width in 0u16..=200, height in 0u16..=60, which in 0usize..81, keys in "[jkgGd/?:a1-9<psS *]{0,8}") {
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
