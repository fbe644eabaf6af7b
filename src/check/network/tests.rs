#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use crate::check::testing::{assert_cannot_tell, assert_holds, assert_not_applicable, evidence, look, one};
use crate::check::{CheckId, Outcome, Severity};
use crate::model::example::{self, Death, change, member_id, name};
use crate::model::feed::HostPart;
use crate::model::host::Link;
use crate::model::reach::Knock;
use crate::model::reach::from::Target;
use crate::model::{FeedId, ObjectKey, Simulated, Snapshot};

fn measured(n: u8, rtt_us: u64) -> Snapshot {
    let mut snapshot = example::healthy();
    let peer = snapshot.etcd.peers.get_mut(&member_id(n)).unwrap();
    peer.rtt_us = Some(rtt_us);
    snapshot
}

#[test]
fn a_region_is_too_far_and_a_slow_zone_is_worth_knowing() {
    assert_holds(CheckId::NetworkLatency, &measured(2, 4_900));
    let slow = one(
        CheckId::NetworkLatency,
        &measured(2, 7_340),
        Severity::Info,
        "member/nbe-2",
    );
    assert_eq!(slow.title, "nbe-2 is 7.3 ms away");
    one(
        CheckId::NetworkLatency,
        &measured(3, 48_000),
        Severity::Warning,
        "member/nbe-3",
    );
}

#[test]
fn the_others_may_be_far_from_each_other() {
    let mut snapshot = example::healthy();
    let [second, third] = [2, 3].map(|n| example::address(n).as_str().parse().unwrap());
    let mut between = |from, to, us| {
        let seen = snapshot.from.get_mut(&from).unwrap();
        seen.round_trips_us.insert(to, us);
        snapshot.clone()
    };
    between(second, third, 48_000);
    // The shorter of both is how far they are.
    assert_holds(CheckId::NetworkLatency, &between(third, second, 900));
    let far = between(third, second, 47_000);
    let finding = one(CheckId::NetworkLatency, &far, Severity::Warning, "member/nbe-2");
    assert_eq!(finding.title, "nbe-2 is 47.0 ms away from nbe-3");
}

#[test]
fn near_to_this_host_is_not_near_to_each_other() {
    let id = CheckId::NetworkLatency;
    let second = example::address(2).as_str().parse().unwrap();
    let mut silent = example::healthy();
    for seen in silent.from.values_mut() {
        seen.round_trips_us.clear();
    }
    assert_cannot_tell(id, &silent, FeedId::From(second));
    example::turn_off(&mut silent, FeedId::From(second));
    let Outcome::CannotTell { why, .. } = look(id, &silent) else {
        panic!("nobody measured it");
    };
    assert!(
        why.text
            .as_str()
            .contains("how far nbe-2 and nbe-3 are from each other is not told"),
        "{}",
        why.text
    );
    // What is known to be far is found all the same, and a dead one is at no distance.
    silent.etcd.peers.get_mut(&member_id(3)).unwrap().rtt_us = Some(48_000);
    one(id, &silent, Severity::Warning, "member/nbe-3");
    let mut dead = example::node_lost(Death::Refused);
    for seen in dead.from.values_mut() {
        seen.round_trips_us.clear();
    }
    assert_holds(id, &dead);
}

#[test]
fn this_host_s_own_member_is_no_distance() {
    assert_holds(CheckId::NetworkLatency, &measured(1, 90_000));
}

#[test]
fn a_simulated_network_is_measured_only_where_it_has_a_length() {
    let mut snapshot = measured(2, 90_000);
    let mut simulated = |has_length| {
        snapshot.simulated = Some(Simulated {
            scenario: "x".into(),
            speed: 1,
            has_length,
        });
        snapshot.clone()
    };
    assert_not_applicable(CheckId::NetworkLatency, &simulated(false));
    one(
        CheckId::NetworkLatency,
        &simulated(true),
        Severity::Warning,
        "member/nbe-2",
    );
}

#[test]
fn a_dead_member_is_not_measured_and_an_unknown_one_keeps_it_open() {
    assert_holds(CheckId::NetworkLatency, &example::node_lost(Death::Refused));
    let mut silent = example::healthy();
    example::turn_off(&mut silent, FeedId::EtcdPeer(member_id(3)));
    assert_cannot_tell(CheckId::NetworkLatency, &silent, FeedId::EtcdPeer(member_id(3)));
}

#[test]
fn two_addresses_of_one_machine_are_told() {
    let mut snapshot = example::healthy();
    assert_holds(CheckId::NetworkNat, &snapshot);
    change(&mut snapshot.kube.nodes, &ObjectKey::new("", name(2)), |node| {
        node.address = Some("192.0.2.7".into());
    });
    let finding = one(CheckId::NetworkNat, &snapshot, Severity::Info, "member/nbe-2");
    assert_eq!(evidence(&finding), "InternalIP 192.0.2.7\npeer address 10.77.0.12");
}

#[test]
fn a_login_that_comes_from_elsewhere_is_told() {
    let mut snapshot = example::translated();
    let finding = one(CheckId::NetworkNat, &snapshot, Severity::Info, "node/nbe-3");
    assert!(
        evidence(&finding).contains("there it comes from 192.0.2.1 and arrived at 10.77.0.13"),
        "{finding:?}"
    );
    example::lose_feed(&mut snapshot, example::from(3));
    assert_cannot_tell(CheckId::NetworkNat, &snapshot, example::from(3));
}

#[test]
fn addresses_alone_prove_no_way_without_nat() {
    let mut snapshot = example::healthy();
    let address = example::address(2).as_str().parse().unwrap();
    snapshot.from.get_mut(&address).unwrap().arrival = None;
    let Outcome::CannotTell { feed, why, .. } = look(CheckId::NetworkNat, &snapshot) else {
        panic!("it cannot tell");
    };
    assert_eq!(feed, example::from(2));
    assert_eq!(
        why.text,
        "the members' addresses are the nodes' own; nbe-2 does not tell from which address it sees this host"
    );
    // Nobody logs in at a dead controller.
    assert_holds(CheckId::NetworkNat, &example::node_lost(Death::Refused));
}

#[test]
fn interfaces_are_judged_together_where_they_agree() {
    let with = |speeds: &[Option<u32>]| {
        let mut snapshot = example::healthy();
        let links = &mut snapshot.host.links.as_mut().unwrap().value;
        let links_up = speeds.iter().zip(0..).map(|(speed, n)| Link {
            name: format!("eth{n}").into(),
            carrier: Some(true),
            up: true,
            speed_mbit: *speed,
        });
        *links = links_up.collect();
        snapshot
    };
    let (id, feed) = (CheckId::NetworkLinkSpeed, FeedId::Host(HostPart::Links));
    assert_holds(id, &with(&[Some(1_000)]));
    assert_holds(id, &with(&[Some(10_000), Some(1_000)]));
    let finding = one(id, &with(&[Some(10), Some(100)]), Severity::Info, "node/nbe-1");
    assert_eq!(finding.title, "this host's fastest interface has 100 Mbit/s");
    for some_silent in [&[None][..], &[Some(10_000), None], &[Some(100), None]] {
        assert_cannot_tell(id, &with(some_silent), feed);
    }
    match look(id, &with(&[Some(10_000), Some(100)])) {
        Outcome::CannotTell { feed: named, why, .. } => {
            assert_eq!(named, feed);
            let said = "which of them carries the cluster is not known: eth0: 10000 Mbit/s, eth1: 100 Mbit/s";
            assert_eq!(why.text, said);
        }
        other => panic!("{other:?}"),
    }
    // What is unplugged carries nothing.
    let mut unplugged = with(&[Some(10_000), Some(100)]);
    unplugged.host.links.as_mut().unwrap().value[1].carrier = Some(false);
    assert_holds(id, &unplugged);
}

#[test]
fn an_overlay_in_the_clear_is_information() {
    let key = ObjectKey::new("kube-system", "k0s");
    let mut snapshot = example::healthy();
    assert_holds(CheckId::NetworkEncryption, &snapshot);
    change(&mut snapshot.kube.cluster_configs, &key, |config| {
        config.wireguard = false;
    });
    one(CheckId::NetworkEncryption, &snapshot, Severity::Info, "cluster");
    change(&mut snapshot.kube.cluster_configs, &key, |config| {
        config.network_provider = None;
    });
    assert_not_applicable(CheckId::NetworkEncryption, &snapshot);
}

/// One way of a controller is not open.
fn close(snapshot: &mut Snapshot, n: u8, to: &str, knock: Knock) {
    let address = example::address(n).as_str().parse().unwrap();
    let seen = snapshot.from.get_mut(&address).unwrap();
    let way = seen.ways.iter_mut().find(|way| way.target.to_string() == to).unwrap();
    way.knock = knock;
}

#[test]
fn a_port_that_another_controller_needs_and_does_not_reach_is_told() {
    let mut snapshot = example::healthy();
    close(&mut snapshot, 1, "10.77.0.12:9443", Knock::Silent);
    close(&mut snapshot, 1, "10.77.0.13:2380", Knock::Refused);
    let found = one(CheckId::NetworkPorts, &snapshot, Severity::Warning, "node/nbe-1");
    assert_eq!(
        found.title,
        "nbe-1 does not reach k0s's join API of nbe-2, and 1 port more"
    );
    assert!(
        found.consequence.as_str().contains("quorum"),
        "the worst of both: {found:?}"
    );
    assert_holds(CheckId::NetworkPairs, &snapshot);
    close(&mut snapshot, 3, "10.77.0.12:10250", Knock::Unreachable);
    one(CheckId::NetworkPairs, &snapshot, Severity::Warning, "node/nbe-3");
}

#[test]
fn nothing_behind_the_console_s_port_is_no_matter_of_the_network() {
    let mut snapshot = example::healthy();
    close(&mut snapshot, 1, "10.77.0.12:30000", Knock::Refused);
    assert_holds(CheckId::NetworkPorts, &snapshot);
    close(&mut snapshot, 1, "10.77.0.12:30000", Knock::Silent);
    one(CheckId::NetworkPorts, &snapshot, Severity::Warning, "node/nbe-1");
    // It may listen elsewhere.
    snapshot.host.console_port = None;
    let own = FeedId::From(example::address(1).as_str().parse().unwrap());
    assert_cannot_tell(CheckId::NetworkPorts, &snapshot, own);
    close(&mut snapshot, 1, "10.77.0.12:2380", Knock::Silent);
    let found = one(CheckId::NetworkPorts, &snapshot, Severity::Warning, "node/nbe-1");
    assert!(
        evidence(&found).contains("30000 is the Admin Console's default port"),
        "{found:#?}"
    );
}

#[test]
fn what_leads_to_a_dead_controller_is_no_news() {
    let mut snapshot = example::node_lost(Death::Silent);
    close(&mut snapshot, 1, "10.77.0.13:6443", Knock::Silent);
    close(&mut snapshot, 2, "10.77.0.13:6443", Knock::Silent);
    assert_holds(CheckId::NetworkPorts, &snapshot);
    assert_holds(CheckId::NetworkPairs, &snapshot);
}

#[test]
fn a_controller_that_knew_nobody_proves_nothing() {
    let mut snapshot = example::healthy();
    let address = example::address(2).as_str().parse().unwrap();
    let seen = snapshot.from.get_mut(&address).unwrap();
    seen.ways.retain(|way| matches!(way.target, Target::External { .. }));
    assert_cannot_tell(CheckId::NetworkPairs, &snapshot, example::from(2));
}

#[test]
fn a_controller_that_was_not_asked_keeps_it_open_and_hides_nothing() {
    let mut snapshot = example::healthy();
    example::turn_off(&mut snapshot, example::from(2));
    assert_cannot_tell(CheckId::NetworkPairs, &snapshot, example::from(2));
    close(&mut snapshot, 3, "10.77.0.12:10250", Knock::Silent);
    one(CheckId::NetworkPairs, &snapshot, Severity::Warning, "node/nbe-3");
}

/// The healthy example, where a member says that it takes clients there.
fn with_client(n: u8, url: &str) -> Snapshot {
    let mut snapshot = example::healthy();
    for row in snapshot.etcd.views.values_mut() {
        for member in &mut row.value.members {
            if member.id == member_id(n) {
                member.client_urls = vec![url.into()];
            }
        }
    }
    snapshot
}

#[test]
fn the_client_port_is_needed_on_loopback_only() {
    let id = CheckId::NetworkEtcdClient;
    for url in ["https://127.0.0.1:2379", "https://[::1]:2379", "https://localhost:2379"] {
        assert_not_applicable(id, &with_client(2, url));
    }
    let open = with_client(2, "https://10.77.0.12:2379");
    let finding = one(id, &open, Severity::Info, "member/nbe-2");
    assert_eq!(evidence(&finding), "advertises https://10.77.0.12:2379");
    // It may advertise one, and listen on others.
    let mut listens = example::healthy();
    for process in &mut listens.host.processes.as_mut().unwrap().value {
        if process.name == "etcd" {
            let urls = "https://127.0.0.1:2379,https://0.0.0.0:2379";
            process.flags.insert("listen-client-urls".into(), urls.into());
        }
    }
    let finding = one(id, &listens, Severity::Info, "member/nbe-1");
    assert_eq!(evidence(&finding), "listens on https://0.0.0.0:2379");
    let mut silent = example::healthy();
    for row in silent.etcd.views.values_mut() {
        row.value
            .members
            .iter_mut()
            .for_each(|member| member.client_urls.clear());
    }
    silent.host.processes = None;
    assert_cannot_tell(id, &silent, FeedId::EtcdLocal);
}

#[test]
fn a_node_without_calico_is_cut_off_and_bgp_needs_no_overlay() {
    let id = CheckId::NetworkOverlay;
    let key = ObjectKey::new("kube-system", "k0s");
    let mut snapshot = example::healthy();
    let rows = snapshot.kube.pods.rows_mut();
    for row in rows.values_mut() {
        let pod = &mut Arc::make_mut(row).value;
        let is_calico = pod.owner.as_ref().is_some_and(|owner| owner.name == "calico-node");
        if is_calico && pod.node == Some(name(3)) {
            pod.ready = false;
        }
    }
    let finding = one(id, &snapshot, Severity::Warning, "node/nbe-3");
    assert_eq!(finding.title, "Calico is not ready on nbe-3");
    change(&mut snapshot.kube.cluster_configs, &key, |config| config.has_bgp = true);
    assert_not_applicable(id, &snapshot);
    change(&mut snapshot.kube.cluster_configs, &key, |config| {
        config.network_provider = Some("kuberouter".into());
    });
    assert_not_applicable(id, &snapshot);
}

#[test]
fn a_pod_that_is_reached_from_every_node_but_one_shows_where_the_overlay_ends() {
    let id = CheckId::NetworkOverlay;
    let mut snapshot = example::healthy();
    assert_holds(id, &snapshot);
    close(&mut snapshot, 1, "10.244.3.7:8080", Knock::Silent);
    close(&mut snapshot, 2, "10.244.3.7:8080", Knock::Silent);
    let finding = one(id, &snapshot, Severity::Warning, "node/nbe-3");
    assert_eq!(finding.title, "pods on nbe-3 are not reached from nbe-1, nbe-2");
    assert!(
        evidence(&finding).contains("nbe-2 to 10.244.3.7:8080 (kotsadm/netbox-netbox-6d5f8-3, which is ready): silent"),
        "{finding:?}"
    );
    // It is refused by somebody who is there.
    for n in [1, 2] {
        close(&mut snapshot, n, "10.244.3.7:8080", Knock::Refused);
    }
    assert_holds(id, &snapshot);
}

#[test]
fn pods_that_nobody_reaches_may_be_behind_a_policy() {
    let id = CheckId::NetworkOverlay;
    let mut snapshot = example::healthy();
    for (from, to) in [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)] {
        close(&mut snapshot, from, &format!("10.244.{to}.7:8080"), Knock::Silent);
    }
    let Outcome::CannotTell { why, .. } = look(id, &snapshot) else {
        panic!("it cannot tell");
    };
    assert!(
        why.text.as_str().ends_with("the overlay, or a NetworkPolicy"),
        "{why:?}"
    );
}

#[test]
fn an_overlay_holds_only_by_what_every_controller_tried() {
    let id = CheckId::NetworkOverlay;
    let mut snapshot = example::healthy();
    example::turn_off(&mut snapshot, example::from(3));
    assert_cannot_tell(id, &snapshot, example::from(3));
    // What is lost is told all the same.
    close(&mut snapshot, 1, "10.244.3.7:8080", Knock::Silent);
    one(id, &snapshot, Severity::Warning, "node/nbe-3");
    let mut bare = example::healthy();
    let web = ObjectKey::new("kotsadm", "netbox-netbox-6d5f8-2");
    change(&mut bare.kube.pods, &web, |pod| pod.listens = None);
    assert_cannot_tell(id, &bare, example::from(1));
    assert_holds(id, &example::node_lost(Death::Silent));
}
