#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use clap::{CommandFactory, Parser};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::app::SimCommand;
use crate::app::sim::Deed;
use crate::assemble::Assembler;
use crate::assemble::objects::{from_json, is_wanted};
use crate::base::Stamp;
use crate::cli::args::Cli;
use crate::cli::deck;
use crate::live::dial::{DialFrom, Hop, Target, dial};
use crate::live::tls::Loader;
use crate::model::kube::{Endpoint, KubeFacts};
use crate::model::quorum::Health;
use crate::model::{FeedId, KubeKind};
use crate::port::{KubeEvent, Observation, Observed};

/// No wait takes longer.
const DEADLINE: Duration = Duration::from_mins(1);

fn resolved(simulation: Option<sim::Named>) -> Resolved {
    Resolved {
        settings: Settings::default(),
        problems: Vec::new(),
        environment: BTreeMap::new(),
        simulation,
        namespace: None,
        may_write: false,
    }
}

async fn begin(scenario: &str) -> Observing {
    start(&resolved(Some(sim::find(scenario).unwrap()))).await.unwrap()
}

/// The settings as this command line and a variable make them.
fn set_by(words: &[&str], variable: Option<(&str, &str)>) -> Settings {
    let cli = Cli::try_parse_from([&["quorate"], words].concat()).unwrap();
    let environment = variable.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (settings, problems) = config::load(&Sources {
        flags: &flags(&cli.global),
        environment: &environment.into_iter().collect(),
        config_file: None,
        system_file: Path::new("/nonexistent"),
    });
    assert!(problems.is_empty(), "{words:?}: {problems:?}");
    settings
}

/// The order of the other levels is tested beside the table of settings.
#[test]
fn every_flag_that_has_a_setting_wins_over_its_variable() {
    /// What is said on the command line alone.
    const NO_SETTING: [&str; 7] = [
        "sim",
        "config",
        "namespace",
        "all_namespaces",
        "write",
        "help",
        "version",
    ];
    let mut command = Cli::command();
    command.build();
    for flag in command
        .get_arguments()
        .filter(|flag| !NO_SETTING.contains(&flag.get_id().as_str()))
    {
        let name = match flag.get_id().as_str() {
            "act_as" => "as",
            "act_as_group" => "as_group",
            "verbose" => "log_level",
            id => id,
        };
        let key =
            config::key::find(name).unwrap_or_else(|| panic!("{name} has no setting, or is to stand among those"));
        let default = (key.shown)(&Settings::default()).0;
        let value = if default.is_empty() { "/x" } else { &default };
        let long = format!("--{}", flag.get_long().unwrap());
        let mut words = vec![long.as_str()];
        words.extend(flag.get_action().takes_values().then_some(value));
        if name == "as_group" {
            words.extend(["--as", "ada"]);
        }
        let settings = set_by(&words, key.variable.map(|variable| (variable, value)));
        assert_eq!((key.shown)(&settings).1, &config::Origin::Flag, "{words:?}");
    }
}

/// Flags of single commands have no settings, but one.
#[test]
fn the_time_to_wait_is_the_only_setting_that_single_commands_have_a_flag_for() {
    fn visit(command: &clap::Command, found: &mut BTreeSet<String>) {
        for own in command.get_subcommands() {
            let ids = own
                .get_arguments()
                .filter(|flag| !flag.is_global_set())
                .map(|flag| flag.get_id().to_string());
            found.extend(ids.filter(|id| config::key::find(id).is_some()));
            visit(own, found);
        }
    }
    let mut found = BTreeSet::new();
    visit(&Cli::command(), &mut found);
    assert_eq!(found, BTreeSet::from(["timeout".to_owned()]));
    let mut resolved = resolved(None);
    resolved.settings = set_by(&["status"], Some(("QUORATE_TIMEOUT", "7s")));
    assert_eq!(patience(&resolved, None), Duration::from_secs(7));
    assert_eq!(
        patience(&resolved, Some(Duration::from_secs(3))),
        Duration::from_secs(3)
    );
}

async fn seen(observing: &mut Observing, is_so: impl FnMut(&Arc<Snapshot>) -> bool) -> Arc<Snapshot> {
    let snapshots = &mut observing.observer.snapshots;
    let waiting = timeout(DEADLINE, snapshots.wait_for(is_so)).await;
    Arc::clone(&waiting.unwrap().unwrap())
}

/// What every row says, table by table, whoever told it and when.
fn rows(kube: &KubeFacts) -> Vec<(String, Value)> {
    let tables = serde_json::to_value(kube).unwrap();
    let tables = tables.as_object().unwrap().iter();
    let rows = tables.filter_map(|(table, rows)| Some((table, rows.as_array()?)));
    let values = rows.flat_map(|(table, rows)| {
        rows.iter()
            .map(move |row| (format!("{table} {}", row[0]), row[1]["value"].clone()))
    });
    values.collect()
}

/// The rows that an API server with these objects would give.
fn as_the_api_gives(objects: &[(&str, Value)], at: Stamp) -> KubeFacts {
    let mut api = Assembler::new();
    let endpoint = Endpoint {
        server: "https://127.0.0.1:6443".into(),
        epoch: 1,
        is_preferred: true,
        since: at,
        version: None,
        cluster: None,
    };
    let mut say = |what| api.apply(Observed { at, what });
    say(Observation::Endpoint(endpoint));
    for kind in KubeKind::ALL {
        let own = objects.iter().filter(|(plural, _)| *plural == kind.plural());
        let rows = own.map(|(_, object)| from_json(kind, object.clone()).unwrap());
        let objects = rows.filter(|(key, row)| is_wanted(key, row)).collect();
        let event = KubeEvent::Replace { kind, objects };
        let (epoch, revision) = (1, 0);
        say(Observation::Kube { epoch, revision, event });
    }
    api.snapshot(at).kube
}

/// Cold, without quorum: every row is what the API would give of the last committed state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_quorum_the_whole_cluster_is_read_from_etcd() {
    let mut observing = begin("quorum-lost").await;
    let has_store = |snapshot: &Arc<Snapshot>| snapshot.kube.stored.is_some();
    let snapshot = seen(&mut observing, has_store).await;
    let committed: Vec<(&str, Value)> = observing.cluster.as_ref().unwrap().shared().with(|world| {
        let all = world.store().all();
        all.map(|(key, object)| (key.resource.info().plural, Value::clone(object)))
            .collect()
    });
    let told = rows(&snapshot.kube);
    assert_eq!(told, rows(&as_the_api_gives(&committed, snapshot.now)));
    let tables: BTreeSet<&str> = told.iter().filter_map(|(row, _)| row.split(' ').next()).collect();
    // No upgrade has ever been begun.
    assert_eq!(tables.len(), KubeKind::ALL.len() - 1, "{tables:?}");
    let stored = snapshot.kube.stored.clone().unwrap();
    assert_eq!((stored.kinds.len(), stored.unread.len()), (KubeKind::ALL.len(), 0));
    assert!(
        snapshot
            .feeds
            .iter()
            .all(|(id, feed)| !matches!(id, FeedId::Kube(_) | FeedId::EtcdStore) || !feed.is_current())
    );
    assert!(snapshot.placements().iter().any(|placement| placement.ready() > 0));
}

fn healthy(snapshot: &Snapshot) -> usize {
    snapshot.quorum().healthy
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_that_is_switched_off_takes_the_spare_and_gives_it_back() {
    let mut observing = begin("healthy").await;
    let snapshot = seen(&mut observing, |snapshot| healthy(snapshot) == 3).await;
    assert_eq!(snapshot.quorum().spare(), Some(1));
    assert_eq!(snapshot.simulated.as_ref().unwrap().scenario, "healthy");
    assert_eq!(snapshot.host.name, "nbe-1");
    let deck = deck::deck(observing.cluster.as_ref().unwrap(), observing.clock.clone());
    let play = |deed, to: &str| {
        deck.play(&SimCommand {
            deed,
            to: Text::new(to),
        })
    };
    assert_eq!(play(Deed::Kill, "nbe-3").text, "nbe-3 switched off");
    let is_dead = |snapshot: &Arc<Snapshot>| {
        let quorum = snapshot.quorum();
        let mut members = quorum.members.iter();
        members.any(|state| state.member.name == "nbe-3" && matches!(state.health, Health::Dead { .. }))
    };
    assert_eq!(seen(&mut observing, is_dead).await.quorum().spare(), Some(0));
    assert_eq!(play(Deed::Speed, "20").text, "time runs 20 times as fast as ours");
    play(Deed::Revive, "nbe-3");
    let back = seen(&mut observing, |snapshot| healthy(snapshot) == 3).await;
    assert_eq!(back.simulated.as_ref().unwrap().speed, 20);
    assert!(back.now.ahead_ms > 0);
    assert!(play(Deed::Kill, "nbe-33").text.as_str().contains("did you mean nbe-3?"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulators_run_side_by_side_and_leave_nothing_behind() {
    let (mut one, mut two) = (begin("healthy").await, begin("healthy").await);
    for observing in [&mut one, &mut two] {
        seen(observing, |snapshot| healthy(snapshot) == 3).await;
    }
    assert_ne!(one.place.etcd_endpoint, two.place.etcd_endpoint);
    let (endpoint, root) = (one.place.etcd_endpoint.clone(), one.place.layout().k0s_dir.clone());
    assert!(root.exists());
    drop(one);
    assert!(!root.exists());
    let address = endpoint.trim_start_matches("https://").to_owned();
    let closing = async { while TcpStream::connect(&address).await.is_ok() {} };
    timeout(DEADLINE, closing).await.unwrap();
    let now = two.clock.now();
    seen(&mut two, |snapshot| snapshot.now > now && healthy(snapshot) == 3).await;
}

/// As real etcd: a peer certificate is good for its own address only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_port_refuses_whoever_dials_from_another_address() {
    let mut observing = begin("healthy").await;
    let snapshot = seen(&mut observing, |snapshot| healthy(snapshot) == 3).await;
    let url = snapshot.membership().members[0].peer_urls[0].clone();
    let identity = Loader::new(observing.place.pki().peer_files(), b"http/1.1")
        .load()
        .await
        .unwrap();
    let target = Target::parse(url.as_str()).unwrap();
    let mut hop = Hop::Files;
    let mut dialled = dial(&target, DialFrom::Anywhere, &identity, &mut hop).await.unwrap();
    let read = timeout(DEADLINE, dialled.stream.read_u8()).await.unwrap();
    assert!(read.is_err(), "{read:?}");
}
