#![allow(clippy::unwrap_used)]

use super::*;
use crate::base::text::is_plain;
use crate::base::{Why, WhyKind};
use crate::model::example::{self, Death};
use crate::model::host::JournalLine;
use crate::model::reach::there::FromThere;

fn text(recovery: &Recovery) -> String {
    let mut text = format!("{}\n", recovery.diagnosis.headline);
    for section in &recovery.sections {
        text.extend([format!("\n== {}\n", section.title)]);
        for line in &section.lines {
            let sign = match line.kind {
                Kind::Say => "  ",
                Kind::Command => "$ ",
                Kind::Never => "! ",
            };
            text.extend([format!("{sign}{}\n", line.text)]);
        }
    }
    text
}

#[test]
fn quorum_lost_in_full() {
    insta::assert_snapshot!("quorum_lost", text(&example::quorum_lost().recovery()));
}

#[test]
fn what_another_controller_sees_of_a_dead_member_stands_beside_what_is_seen_from_here() {
    let mut snapshot = example::quorum_lost();
    let [dead, by] = [3, 2].map(|n| example::address(n).as_str().parse().unwrap());
    let look = FromThere {
        by,
        at: example::ago(3),
        seen: Err(Why::new(WhyKind::Denied, "ssh 10.77.0.12: Permission denied")),
    };
    snapshot.there.insert(dead, look);
    let told = text(&snapshot.recovery());
    let line = "from 10.77.0.12: not seen, 3 s ago: ssh 10.77.0.12: Permission denied";
    assert!(told.contains(line), "{told}");
}

#[test]
fn cut_off_in_full() {
    insta::assert_snapshot!("cut_off", text(&example::cut_off(false).recovery()));
}

#[test]
fn a_number_without_an_age_stands_only_where_it_is_no_observation() {
    let mut snapshot = example::quorum_lost();
    let unit = &mut snapshot.host.unit.as_mut().unwrap().value;
    unit.errors = vec![JournalLine {
        at: Some(example::wall_ago(70)),
        text: "etcd: etcdserver: no leader".into(),
        times: 12,
    }];
    let page = text(&snapshot.recovery());
    for dated in [
        "4 pods run on this host",
        "term 4, applied index 182340",
        "etcd 2380 refused",
        "etcdserver: no leader",
    ] {
        let line = page.lines().find(|line| line.contains(dated)).unwrap();
        assert!(line.contains(" ago"), "{line}");
    }
    assert!(page.contains("means: etcd here has no leader"), "{page}");
}

#[test]
fn one_of_two_dead_is_enough_and_hosts_that_are_up_come_first() {
    let mut snapshot = example::quorum_lost();
    example::kill_member(&mut snapshot, 2, Death::Silent, 40);
    let page = text(&snapshot.recovery());
    assert!(
        page.contains("bring back any one of nbe-3, nbe-2, with its own disk"),
        "{page}"
    );
    assert!(
        page.contains("$ sudo systemctl start k0scontroller   # on nbe-3"),
        "{page}"
    );
    assert!(
        !page.contains("# on nbe-2"),
        "nobody can type on a host that is off: {page}"
    );
}

#[test]
fn no_page_advises_what_it_forbids() {
    for (name, snapshot) in example::NAMED {
        let recovery = snapshot().recovery();
        let lines = recovery.sections.iter().flat_map(|section| &section.lines);
        for line in lines {
            assert!(
                line.text.as_str().chars().all(is_plain) && !line.text.is_empty(),
                "{name}: {line:?}"
            );
            if line.kind == Kind::Command {
                for forbidden in ["reset", "rm -", "delete", "etcd leave", "member add"] {
                    assert!(!line.text.as_str().contains(forbidden), "{name}: {line:?}");
                }
            }
        }
        let is_dark = recovery.diagnosis.state.is_dark();
        let warns = recovery.sections.iter().any(|section| section.title == "Not now");
        assert_eq!(warns, is_dark, "{name}");
    }
}
