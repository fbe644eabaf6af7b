//! Keys in, frames out.

use super::*;
use crate::app::{RowId, rows};
use crate::check::{CheckId, Group};
use crate::model::FeedId;
use crate::model::policy::Acknowledgement;
use crate::model::snapshot::Simulated;
use crate::view::linear;

#[test]
fn enter_drills_down_and_esc_returns() {
    let mut state = state("node_lost");
    press(&mut state, "jj<enter>");
    assert_eq!(state.screen, Screen::Nodes);
    let lines = lines(&state, 80, 24);
    assert!(lines.iter().any(|line| line.starts_with("> zone-c")), "{lines:?}");
    press(&mut state, "<enter>");
    assert!(page(&state, 80, 24).contains("NodeStatusUnknown"));
    press(&mut state, "<esc><esc>");
    assert_eq!(state.screen, Screen::Overview);
    press(&mut state, "G<enter>");
    assert_eq!(state.screen, Screen::Findings);
    assert!(page(&state, 80, 24).contains("> ? unknown"), "{}", page(&state, 80, 24));
}

#[test]
fn commands_filters_and_quitting() {
    let mut state = state("node_lost");
    press(&mut state, ":pl<tab><enter>");
    assert_eq!(state.screen, Screen::Placement);
    press(&mut state, "/rqlite<enter>");
    let filtered = page(&state, 80, 24);
    assert!(
        filtered.contains("kotsadm-rqlite") && !filtered.contains("coredns") && filtered.contains("filter /rqlite")
    );
    press(&mut state, "<esc>");
    assert!(page(&state, 80, 24).contains("coredns"));
    press(&mut state, ":nods<enter>");
    assert!(page(&state, 80, 24).contains("did you mean :nodes?"));
    assert_eq!(press(&mut state, "/q<esc>"), []);
    assert_eq!(press(&mut state, "q"), [Effect::Quit]);
    assert_eq!(press(&mut state, ":q<enter>"), [Effect::Quit]);
    assert_eq!(press(&mut state, "<ctrl-c>"), [Effect::Quit]);
}

#[test]
fn what_lies_over_a_screen_closes_by_q_and_by_its_own_key() {
    let mut state = on(state("healthy"), Screen::Nodes);
    for open in ["d", "<enter>", "?", "y"] {
        for close in ["q", "<esc>", if open == "<enter>" { "d" } else { open }] {
            press(&mut state, open);
            assert!(state.is_text(), "{open}");
            assert!(!press(&mut state, close).contains(&Effect::Quit), "{open}{close}");
            assert!(!state.is_text() && state.screen == Screen::Nodes, "{open}{close}");
        }
        press(&mut state, open);
        assert_eq!(press(&mut state, "<ctrl-c>"), [Effect::Quit], "{open}");
        press(&mut state, "<esc>");
    }
    assert_eq!(press(&mut state, "q"), [Effect::Quit]);
}

#[test]
fn filters_say_what_they_find_and_never_lie() {
    let mut state = on(state("node_lost"), Screen::Pods);
    press(&mut state, "/!netbox");
    assert!(lines(&state, 80, 24)[23].starts_with("/!netbox_   "));
    assert!(!page(&state, 80, 24).contains("netbox-worker"));
    press(&mut state, "<ctrl-u>~kprxy");
    assert!(page(&state, 80, 24).contains("kube-proxy-1") && !page(&state, 80, 24).contains("coredns"));
    press(&mut state, "<ctrl-u>zzz<enter>");
    let none = page(&state, 80, 24);
    assert!(
        none.contains("no row matches the filter") && none.contains("filter /zzz: no row matches, of"),
        "{none}"
    );
    press(&mut state, "/<ctrl-u>-l app.kubernetes.io/component=worker");
    let workers = page(&state, 80, 24);
    assert!(
        workers.contains("netbox-worker") && !workers.contains("kube-proxy"),
        "{workers}"
    );
    press(
        &mut state,
        "<esc>4/-l app.kubernetes.io/component!=worker,app.kubernetes.io/component",
    );
    let workloads = page(&state, 80, 24);
    assert!(
        workloads.contains("netbox-netbox") && !workloads.contains("netbox-worker"),
        "{workloads}"
    );
    press(&mut state, "<esc>3/-l a=b");
    let problem = page(&state, 80, 24);
    assert!(
        problem.contains("rows of etcd have no labels") && problem.contains("nbe-1"),
        "{problem}"
    );
    press(
        &mut state,
        "<esc>2/-l topology.kubernetes.io/zone!=zone-a,kubernetes.io/hostname",
    );
    let nodes = page(&state, 120, 24);
    assert!(nodes.contains("of 3"), "{nodes}");
    press(&mut state, "<ctrl-u>-l =x");
    let bad = page(&state, 120, 24);
    assert!(bad.contains("is no label selector") && bad.contains("nbe-1"), "{bad}");
}

#[test]
fn every_word_for_a_state_finds_its_statements() {
    let mut snapshot = (*state("node_lost").snapshot).clone();
    crate::model::example::turn_off(&mut snapshot, FeedId::EtcdDisk);
    let snapshot = Arc::new(snapshot);
    let accepted = Acknowledgement {
        check: "node.not-ready".into(),
        subject: None,
        reason: "known".into(),
        until: snapshot.now.wall + jiff::SignedDuration::from_hours(1),
    };
    let policy = Policy {
        acknowledged: vec![accepted],
        ..Policy::default()
    };
    let mut state = on(State::new(snapshot, policy), Screen::Readiness);
    let mut found = |word: &str| {
        press(&mut state, &format!("/<ctrl-u>{word}<enter>"));
        rows::rows(&state).to_vec()
    };
    let has = |found: &[RowId], id| found.contains(&RowId::Check(id));
    for (words, id) in [
        (["ok", "holds"].as_slice(), CheckId::EtcdQuorum),
        (&["broken", "warning"], CheckId::EtcdSpare),
        (&["broken", "acknowledged", "accepted"], CheckId::NodeNotReady),
        (&["cannot tell", "cannot-tell", "unknown"], CheckId::EtcdDisk),
        (&["not applicable", "not-applicable"], CheckId::NetworkEtcdClient),
    ] {
        for word in words {
            assert!(has(&found(word), id), "{word}: {id}");
        }
    }
    assert!(!has(&found("broken"), CheckId::EtcdDisk) && !has(&found("accepted"), CheckId::EtcdSpare));
}

#[test]
fn statements_stand_under_their_group_at_every_width_and_the_selected_one_in_sight() {
    let mut state = on(state("healthy"), Screen::Readiness);
    assert_eq!(lines(&state, 80, 24)[4].trim(), "Now", "{}", page(&state, 80, 24));
    let all = rows::rows(&state).to_vec();
    let ids = all.iter().filter_map(|row| match row {
        RowId::Check(id) => Some(*id),
        _ => None,
    });
    for id in ids {
        let check = crate::check::find(id).unwrap();
        let shown = lines(&state, 80, 24);
        let at = shown.iter().position(|line| line.starts_with("> ")).unwrap();
        let mut above = shown[..at].iter().rev();
        let heading = above.find(|line| Group::ALL.iter().any(|group| line.trim() == group.title()));
        assert_eq!(
            heading.map(|line| line.trim()),
            Some(check.group.title()),
            "{id}: {shown:#?}"
        );
        press(&mut state, "j");
    }
    press(&mut state, ":sort state<enter>");
    assert!(lines(&state, 120, 40)[3].contains("group"), "{}", page(&state, 120, 40));
}

#[test]
fn a_page_of_details_is_copied_whole() {
    let mut state = on(state("node_lost"), Screen::Nodes);
    press(&mut state, "d");
    assert_eq!(press(&mut state, "C"), [Effect::CopyPage]);
    let text = crate::view::page_text(&state, &Theme::default());
    assert!(text.starts_with("node nbe-1\n") && text.lines().count() > 10, "{text}");
    assert!(text.len() <= crate::app::MOST_COPIED_BYTES);
    press(&mut state, "<esc>");
    assert_eq!(press(&mut state, "C"), []);
}

#[test]
fn a_namespace_limits_workloads_and_pods_and_nothing_else() {
    let all = state("node_lost");
    let mut state = state("node_lost").in_namespace(Some(&"kotsadm".into()));
    assert_eq!(
        page(&state, 120, 40),
        page(&all, 120, 40),
        "the overview shows everything"
    );
    press(&mut state, "6");
    assert!(!page(&state, 120, 40).contains("filter /"), "no finding is hidden");
    press(&mut state, "4");
    let workloads = page(&state, 120, 40);
    assert!(workloads.contains("filter /-n kotsadm: "), "{workloads}");
    assert!(
        workloads.contains("netbox-worker") && !workloads.contains("coredns"),
        "{workloads}"
    );
    press(&mut state, "5");
    let pods = page(&state, 120, 40);
    assert!(
        pods.contains("filter /-n kotsadm: ") && !pods.contains("coredns"),
        "{pods}"
    );
    press(&mut state, "<esc>");
    assert!(!page(&state, 120, 40).contains("filter /"), "esc lifts it");
    press(&mut state, "2/-n kotsadm");
    let nodes = page(&state, 120, 40);
    assert!(
        nodes.contains("rows of nodes are in no namespace") && nodes.contains("nbe-1"),
        "{nodes}"
    );
}

#[test]
fn lists_are_sorted_by_their_columns() {
    let mut state = on(state("node_lost"), Screen::Pods);
    let first = |state: &State| {
        let lines = lines(state, 120, 40);
        lines.into_iter().find(|line| line.starts_with("> ")).unwrap()
    };
    assert!(first(&state).contains("! not ready"), "{}", first(&state));
    press(&mut state, "s");
    assert!(first(&state).contains("calico-node-1"), "{}", first(&state));
    assert!(page(&state, 120, 40).contains("  pod^"));
    press(&mut state, "Sg");
    assert!(!first(&state).contains("calico-node-1") && page(&state, 120, 40).contains("  podv"));
    press(&mut state, ":sort nod<enter>");
    assert!(page(&state, 120, 40).contains("node^"));
    press(&mut state, ":sort colour<enter>");
    assert!(page(&state, 120, 40).contains("no column colour"));
    press(&mut state, "2ssss5:sort<enter>g");
    assert!(first(&state).contains("! not ready"));
    assert_eq!(state.sorts[&Screen::Nodes].column, "heartbeat");
}

#[test]
fn marks_stay_with_their_rows() {
    let mut state = on(state("healthy"), Screen::Nodes);
    press(&mut state, "  ");
    assert!(page(&state, 80, 24).contains("2 marked") && page(&state, 80, 24).contains("\n *zone-a"));
    let names = |state: &State| -> Vec<String> {
        let marked = state.marked();
        marked.iter().map(|row| crate::app::rows::name(state, row)).collect()
    };
    assert_eq!(names(&state), ["nbe-1", "nbe-2"]);
    let mut fewer = (*state.snapshot).clone();
    fewer.kube.nodes.rows_mut().pop_first();
    update(&mut state, Msg::Snapshot(Arc::new(fewer)));
    assert_eq!(names(&state), ["nbe-2"]);
    press(&mut state, "*");
    assert_eq!(names(&state), ["nbe-2", "nbe-3"]);
    press(&mut state, "*g");
    assert!(state.marks.is_empty());
    assert_eq!(names(&state), ["nbe-2"], "without a mark, it is the selected row");
}

#[test]
fn pods_of_a_node_and_of_a_workload() {
    let mut state = on(state("healthy"), Screen::Nodes);
    press(&mut state, "jp");
    let pods = page(&state, 120, 40);
    assert!(
        pods.contains("of node nbe-2 (esc: back)") && pods.contains("kube-proxy-2"),
        "{pods}"
    );
    assert!(!pods.contains("kube-proxy-1"), "{pods}");
    press(&mut state, "<enter>");
    assert!(page(&state, 120, 40).contains("on an unreachable node"));
    press(&mut state, "<esc>5");
    assert!(page(&state, 120, 60).contains("kube-proxy-1"));
    press(&mut state, "<esc><esc>");
    assert_eq!((state.screen, state.scope.clone()), (Screen::Nodes, None));
    press(&mut state, ":placement rqlite<tab><enter><esc>p");
    assert!(page(&state, 120, 40).contains("of StatefulSet kotsadm/kotsadm-rqlite"));
    assert!(page(&state, 120, 40).contains("3 pods"));
    press(&mut state, "p");
    assert!(page(&state, 120, 40).contains("select a node"));
}

#[test]
fn the_key_of_the_actions_is_seen_at_the_usual_size() {
    let mut simulated = example::healthy();
    simulated.simulated = Some(Simulated {
        scenario: "demo".into(),
        speed: 1,
        has_length: false,
    });
    for snapshot in [example::healthy(), simulated] {
        for screen in Screen::ALL.into_iter().filter(|screen| *screen != Screen::Actions) {
            let lines = lines(&on(open(snapshot.clone()), screen), 80, 24);
            let footer = lines.last().unwrap();
            assert!(footer.contains("a actions") && footer.contains("? help"), "{footer}");
        }
    }
}

#[test]
fn nothing_hides_that_a_cluster_is_simulated() {
    let mut snapshot = example::healthy();
    snapshot.simulated = Some(Simulated {
        scenario: "demo".into(),
        speed: 20,
        has_length: false,
    });
    let mut simulated = open(snapshot);
    press(&mut simulated, ":tour<enter>");
    for screen in Screen::ALL {
        simulated.screen = screen;
        let frame = page(&simulated, 80, 24);
        assert!(frame.contains("SIMULATED x20") && frame.contains("? help"), "{frame}");
        assert!(frame.contains("t next  Simulated: break it."), "{frame}");
    }
    let lines = linear::page(&simulated, &linear::theme());
    assert!(lines[0].starts_with("Simulated cluster."), "{}", lines[0]);
    let real = page(&state("healthy"), 80, 24).to_lowercase();
    assert!(!real.contains("simulated") && !real.contains("kill"), "{real}");
}

/// The readiness screen of a cluster whose node 2 has no zone label, with a check selected.
fn unlabelled(check: CheckId) -> State {
    let mut snapshot = example::healthy();
    let key = crate::model::ObjectKey::new("", example::name(2));
    example::change(&mut snapshot.kube.nodes, &key, |node| node.zone = None);
    let mut state = on(open(snapshot), Screen::Readiness);
    press(&mut state, &format!("/{check}<enter>"));
    assert_eq!(*rows::rows(&state), [RowId::Check(check)]);
    state
}

#[test]
fn a_broken_statement_offers_its_remedy_too_and_leads_to_the_node_it_is_about() {
    let offered = |state: &State| -> Vec<String> {
        let offers = state.work.offers.iter();
        offers.map(|offer| offer.name.to_string()).collect()
    };

    let mut of_node = on(unlabelled(CheckId::ZoneLabels), Screen::Nodes);
    press(&mut of_node, "/nbe-2<enter>a");
    let of_node = offered(&of_node);
    assert!(
        !of_node.is_empty() && of_node.iter().all(|name| name.contains("nbe-2")),
        "{of_node:?}"
    );

    let mut state = unlabelled(CheckId::ZoneLabels);
    press(&mut state, "a");
    assert_eq!(state.screen, Screen::Actions);
    assert_eq!(offered(&state), [&["label-zones".to_owned()], &of_node[..]].concat());
    let shown = page(&state, 120, 40);
    assert!(
        shown.contains("label-zones ") && shown.contains("name it: label-zones nbe-2"),
        "{shown}"
    );

    let mut state = unlabelled(CheckId::ZoneLabels);
    press(&mut state, "o");
    assert_eq!(state.screen, Screen::Nodes);
    assert_eq!(
        rows::rows(&state).get(state.cursor().index),
        Some(&RowId::Node(example::name(2)))
    );

    // What is in order is about nothing: nothing is offered but what goes for the whole cluster.
    let mut state = unlabelled(CheckId::EtcdQuorum);
    press(&mut state, "o");
    assert_eq!(state.screen, Screen::Readiness);
    press(&mut state, "a");
    assert_eq!((state.screen, &state.work.about), (Screen::Actions, &None));
}
