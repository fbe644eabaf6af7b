//! The matrix of workloads and nodes: its ladder, its columns out of sight, and what it says of nodes and spreads.

use super::*;
use crate::base::Text;
use crate::model::example::{add_pod, change, node, pod, put};
use crate::model::kube::{Owner, Tri};
use crate::model::{KubeKind, ObjectKey};

/// The healthy example with so many more nodes, each with a pod of a DaemonSet that has no other.
fn crowded(more: usize) -> Snapshot {
    let mut snapshot = example::healthy();
    for n in 0..more {
        let name = Text::new(&format!("node-{n:02}"));
        let mut node = node(1);
        (node.name, node.address) = (name.clone(), None);
        put(
            &mut snapshot.kube.nodes,
            KubeKind::Nodes,
            ObjectKey::new("", name.clone()),
            node,
        );
        let mut replica = pod(&name);
        replica.owner = Some(Owner {
            kind: "DaemonSet".into(),
            name: "calico-node".into(),
        });
        add_pod(
            &mut snapshot.kube,
            "kube-system",
            &format!("calico-node-of-{n}"),
            replica,
        );
    }
    snapshot
}

fn placement(snapshot: Snapshot, size: (u16, u16)) -> State {
    let mut state = on(open(snapshot), Screen::Placement);
    update(&mut state, Msg::Resize(size.0, size.1));
    state
}

/// Draws, and tells the core what was in sight, as the console does.
fn seen(state: &mut State) -> Vec<String> {
    let (buffer, geometry) = draw(state, &mono(), state.size.0, state.size.1);
    update(state, Msg::Geometry(geometry));
    text(&buffer)
}

fn row<'a>(lines: &'a [String], name: &str) -> Vec<&'a str> {
    let found = lines.iter().find(|line| line.contains(name)).unwrap();
    found.split_whitespace().collect()
}

#[test]
fn three_nodes_fit_at_the_usual_size() {
    for name in ["healthy", "node_lost", "quorum_lost"] {
        let lines = lines(&on(state(name), Screen::Placement), 80, 24);
        let titles = row(&lines, "workload  ");
        assert!(titles.ends_with(&["nbe-1", "nbe-2", "nbe-3"]), "{name}: {titles:?}");
    }
    let lost = lines(&on(state("node_lost"), Screen::Placement), 80, 24);
    assert!(row(&lost, "kotsadm-rqlite").ends_with(&["1/1", "1/1"]), "{lost:#?}");
    assert!(
        row(&lost, "calico-node").ends_with(&["1/1", "1/1", "!", "0/1"]),
        "{lost:#?}"
    );
    let marks = lost.iter().find(|line| line.contains("X NotReady"));
    assert!(marks.is_some_and(|line| line.contains("here")), "{lost:#?}");
}

#[test]
fn below_the_usual_width_it_is_a_list() {
    let state = on(state("node_lost"), Screen::Placement);
    assert!(page(&state, 79, 24).contains("on nodes"));
    assert!(!page(&state, 80, 24).contains("on nodes"));
}

#[test]
fn every_node_is_seen_by_scrolling_and_none_is_hidden_silently() {
    let mut state = placement(crowded(57), (120, 40));
    let mut found = std::collections::BTreeSet::new();
    loop {
        let lines = seen(&mut state);
        let sight = state.geometry.nodes;
        assert_eq!(sight.total, 60);
        let note = format!("nodes {}-{} of 60", sight.first + 1, sight.first + sight.shown);
        assert!(lines.iter().any(|line| line.contains(&note)), "{note}: {lines:#?}");
        let titles = row(&lines, "workload  ");
        assert!(titles.contains(&"more") && titles.contains(&&*(60 - sight.shown).to_string()));
        let daemon = row(&lines, "calico-node");
        let rest = format!("{0}/{0}", 60 - sight.shown);
        assert!(daemon.contains(&&*rest), "{rest}: {daemon:?}");
        assert_eq!(daemon.iter().filter(|cell| **cell == "1/1").count(), sight.shown);
        found.extend(sight.first..sight.first + sight.shown);
        if sight.first + sight.shown == sight.total {
            break;
        }
        press(&mut state, "]");
    }
    assert_eq!(found.len(), 60);
    press(&mut state, &"[".repeat(60));
    seen(&mut state);
    assert_eq!(state.geometry.nodes.first, 0);
}

#[test]
fn names_get_short_before_nodes_go() {
    let named = |width| {
        let state = placement(crowded(6), (width, 24));
        row(&lines(&state, width, 24), "workload  ").join(" ")
    };
    assert!(named(200).contains("node-00 node-01"), "{}", named(200));
    assert!(
        named(120).contains("nbe-3") && !named(120).contains("more"),
        "{}",
        named(120)
    );
    assert!(named(90).contains("more"), "{}", named(90));
}

#[test]
fn where_all_nodes_are_in_sight_there_is_nothing_to_scroll() {
    let mut state = placement(example::healthy(), (80, 24));
    seen(&mut state);
    press(&mut state, "]");
    assert!(page(&state, 80, 24).contains("no column is out of sight"));
}

#[test]
fn where_no_node_has_a_column_a_list_says_where_replicas_run() {
    let mut state = on(state("node_lost"), Screen::Placement);
    update(&mut state, Msg::Resize(60, 15));
    seen(&mut state);
    press(&mut state, "]");
    let page = page(&state, 60, 15);
    assert!(
        page.contains("no column per node here: see the column on nodes"),
        "{page}"
    );
    assert!(page.contains("  on nodes"), "{page}");
}

#[test]
fn a_broken_spread_and_a_cordoned_node_are_told_in_words() {
    let mut snapshot = example::healthy();
    let web = snapshot.kube.pods.iter().map(|(key, _)| key.clone());
    for key in web
        .filter(|key| key.name.as_str().starts_with("netbox-netbox"))
        .collect::<Vec<_>>()
    {
        change(&mut snapshot.kube.pods, &key, |pod| pod.node = Some(example::name(1)));
    }
    change(
        &mut snapshot.kube.nodes,
        &ObjectKey::new("", example::name(2)),
        |node| {
            node.unschedulable = true;
        },
    );
    change(
        &mut snapshot.kube.nodes,
        &ObjectKey::new("", example::name(3)),
        |node| {
            node.ready.status = Tri::True;
            node.zone = None;
        },
    );
    let lines = lines(&placement(snapshot, (120, 40)), 120, 40);
    let text = lines.join("\n");
    assert!(text.contains("! cordoned"), "{text}");
    let web = lines.iter().find(|line| line.contains("netbox-netbox")).unwrap();
    assert!(web.contains("! on one node") && web.contains("3/3"), "{web}");
}

#[test]
fn nothing_is_said_of_pods_that_no_watch_told_of() {
    let mut snapshot = example::healthy();
    snapshot.kube.pods = crate::model::Table::default();
    example::lose_feed(&mut snapshot, crate::model::FeedId::Kube(KubeKind::Pods));
    let feed = crate::model::FeedId::Kube(KubeKind::Pods);
    if let Some(FeedState::Lost { as_of, .. }) = snapshot.feeds.get_mut(&feed) {
        *as_of = None;
    }
    let lines = lines(&placement(snapshot, (120, 40)), 120, 40);
    let cells = row(&lines, "kotsadm-rqlite");
    assert_eq!(cells.iter().filter(|cell| **cell == "n/a").count(), 3, "{cells:?}");
}
