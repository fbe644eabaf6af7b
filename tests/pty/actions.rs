//! Every guided action from the first key to its end, on a small terminal, by keys alone, on a simulated cluster. The
//! journal is asked afterwards what was done.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::console::Console;
use crate::{SIZE, SOON};

/// Minutes of the simulated cluster are seconds here; certificates are made, and the machine may be busy.
const A_WHILE: Duration = Duration::from_mins(4);

/// One action and its operator.
struct Walk {
    /// What the journal must say of the run.
    wish: &'static str,
    /// A scenario's name, or what one is made of.
    scenario: &'static str,
    /// Keys to the row that it is about, the screen's first, and what shows that they were understood; none for the whole cluster.
    about: Option<(&'static str, &'static str)>,
    /// Keys that choose the action among those that are offered.
    choose: &'static str,
    /// What is typed to confirm it.
    confirm: &'static str,
    /// What is done when something is on the screen.
    meanwhile: &'static [(&'static str, &'static str)],
}

const NODE: Option<(&str, &str)> = Some(("2G", "> zone-c  nbe-3"));

/// k0s on the third host was stopped by somebody.
const STOPPED: &str = "about = \"k0s on nbe-3 is stopped\"\n[[fault]]\nat-s = 590\ndo = \"stop-unit\"\nhost = 3\n";
/// The third host was away for a while: its pods are where they went.
const AWAY: &str = "about = \"nbe-3 was away\"\n[[fault]]\nat-s = 100\ndo = \"kill\"\nhost = 3\n[[fault]]\nat-s = 300\ndo = \"revive\"\nhost = 3\n";
/// Zones that nothing suggests.
const LABELS: &str = ":label-zones nbe-1=a nbe-2=b nbe-3=c\r";

#[rustfmt::skip] // One line each: it is a table.
const WALKS: [Walk; 13] = [
    Walk { wish: "label-zones nbe-1=a nbe-2=b nbe-3=c", scenario: "no-zone-labels", about: None, choose: LABELS, confirm: "y", meanwhile: &[] },
    Walk { wish: "cordon nbe-3", scenario: "healthy", about: NODE, choose: "/cordon\r", confirm: "y", meanwhile: &[] },
    Walk { wish: "drain nbe-3", scenario: "healthy", about: NODE, choose: "/drain\r", confirm: "y", meanwhile: &[] },
    Walk { wish: "out-of-service nbe-3", scenario: "node-lost", about: NODE, choose: "/out-of\r", confirm: "nbe-3", meanwhile: &[("asks you", "xnbe-3 is off\r")] },
    Walk { wish: "restart-controllers nbe-3", scenario: "healthy", about: NODE, choose: "/restart\r", confirm: "y", meanwhile: &[] },
    Walk { wish: "start-controller nbe-3", scenario: STOPPED, about: NODE, choose: "/start-c\r", confirm: "y", meanwhile: &[] },
    Walk { wish: "replace-node nbe-3", scenario: "node-lost", about: NODE, choose: "/replace\r", confirm: "nbe-3", meanwhile: &[("asks you", "xnbe-3 is off\r"), ("lists no new member", ":join zone-c\r")] },
    Walk { wish: "replace-node nbe-3", scenario: "healthy", about: NODE, choose: "/replace\r", confirm: "nbe-3", meanwhile: &[("lists no new member", ":join zone-c\r"), ("still lists member", ":reset nbe-3\r")] },
    Walk { wish: "rebalance deployment/kotsadm/netbox-worker", scenario: AWAY, about: Some(("4/netbox-worker\r", "> netbox-worker")), choose: "/rebal\r", confirm: "y", meanwhile: &[] },
    Walk { wish: "enable-ha", scenario: "ha-not-enabled", about: None, choose: ":actions\r/enable\r", confirm: "enable-ha", meanwhile: &[("highAvailability is false", ":enable-ha\r")] },
    Walk { wish: "remove-remnant", scenario: "remnant", about: Some(("3G", "> (never started)")), choose: "/remnant\r", confirm: "127.", meanwhile: &[] },
    Walk { wish: "etcd-backup", scenario: "healthy", about: None, choose: ":actions\r/backup\r", confirm: "y", meanwhile: &[] },
    Walk { wish: "etcd-space", scenario: "full", about: None, choose: ":actions\r/space\r", confirm: "etcd-space", meanwhile: &[] },
];

fn environment(home: &Path) -> [(&'static str, String); 3] {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    [
        ("HOME", text(home)),
        ("XDG_STATE_HOME", text(&home.join("state"))),
        ("USER", "ada".to_owned()),
    ]
}

/// The newest run's line in the list of journals.
fn journal(home: &Path) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.envs(environment(home));
    let output = command
        .args(["--sim", "healthy", "journal", "-o", "json"])
        .output()
        .unwrap();
    let runs: Value = serde_json::from_slice(&output.stdout).unwrap();
    runs["runs"][0].clone()
}

fn walk(walk: &Walk) {
    let home = tempfile::tempdir().unwrap();
    let scenario = if walk.scenario.contains('\n') {
        let file = home.path().join("scenario.toml");
        std::fs::write(&file, walk.scenario).unwrap();
        file.to_str().unwrap().to_owned()
    } else {
        walk.scenario.to_owned()
    };
    let environment = environment(home.path());
    let environment: Vec<(&str, &str)> = environment.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let argv = [env!("CARGO_BIN_EXE_quorate"), "--sim", &scenario];
    let mut console = Console::start(&argv, &environment, SIZE);
    console.wait_for("a verdict", A_WHILE, |screen| {
        screen.contains(" of ") && !screen.contains("UNKNOWN")
    });
    console.press("W");
    console.wait_for("the question", SOON, |screen| screen.contains("let actions be run?"));
    console.press("y\r");
    console.wait_for("the unlocking", SOON, |screen| {
        screen.contains("actions may be run now")
    });
    if let Some((keys, shown)) = walk.about {
        // Of rows that are not read yet none can be chosen.
        let (screen, row) = keys.split_at(1);
        console.press(screen);
        console.wait_for("the rows", A_WHILE, |screen| {
            !screen.contains("[overview]") && screen.contains("\n> ")
        });
        console.press(row);
        console.wait_for("the row", SOON, |screen| screen.contains(shown));
        console.press("a");
        console.wait_for("the actions", SOON, |screen| screen.contains("[actions]"));
    }
    console.press(walk.choose);
    let word = walk.wish.split(' ').next().unwrap();
    let offered = format!("> {word}");
    console.wait_for("the offer", A_WHILE, |screen| {
        screen.contains(&offered) && screen.contains("can be run")
    });
    console.press("x");
    console.wait_for("the plan", SOON, |screen| screen.contains("this is the plan"));
    console.press("x");
    console.wait_for("the ritual", SOON, |screen| {
        screen.contains("run this plan?") || screen.contains("to run it:")
    });
    console.press(&format!("{}\r", confirmed(walk, &console)));
    let banner = format!("RUN  {word}");
    let ended = [
        format!("{word} is done"),
        format!("{word} stopped"),
        format!("{word} was abandoned"),
    ];
    let has_ended = |screen: &str| ended.iter().any(|words| screen.contains(words));
    console.wait_for("the run", SOON, |screen| screen.contains(&banner) || has_ended(screen));
    console.press(">>");
    for (shown, keys) in walk.meanwhile {
        console.wait_for(shown, A_WHILE, |screen| screen.contains(shown) || has_ended(screen));
        console.press(keys);
    }
    console.wait_for("the end", A_WHILE, has_ended);
    assert!(
        console.screen().contains(&ended[0]),
        "{}:\n{}",
        walk.wish,
        console.screen()
    );
    // Ctrl-C: `q` would first close the plan that lies over the screen.
    console.press("\x03");
    assert!(console.wait_for_exit(SOON).success());
    let run = journal(home.path());
    assert_eq!(
        (&run["state"], &run["user"]),
        (&"finished".into(), &"ada".into()),
        "{run}"
    );
    let intent = run["intent"].as_str().unwrap();
    assert!(intent.starts_with(walk.wish), "{intent}");
}

#[test]
fn a_plan_is_rehearsed_read_only_and_nothing_is_done() {
    let home = tempfile::tempdir().unwrap();
    let environment = environment(home.path());
    let environment: Vec<(&str, &str)> = environment.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let argv = [env!("CARGO_BIN_EXE_quorate"), "--sim", "healthy"];
    let mut console = Console::start(&argv, &environment, SIZE);
    console.wait_for("a verdict", A_WHILE, |screen| screen.contains("3 of 3 controllers"));
    console.press("2G");
    console.wait_for("the row", SOON, |screen| screen.contains("> zone-c  nbe-3"));
    console.press("a/cordon\rr");
    console.wait_for("the plan", SOON, |screen| screen.contains("this is the plan"));
    console.press("r");
    console.wait_for("the report", A_WHILE, |screen| {
        screen.contains("cordon: finished after")
    });
    assert!(
        console.screen().contains("REHEARSAL: played on a copy of the cluster"),
        "{}",
        console.screen()
    );
    console.press(":rehearse --fault refused@1\r");
    console.wait_for("another report", A_WHILE, |screen| {
        screen.contains("cordon: stopped at step 1")
    });
    console.press("\x03");
    assert!(console.wait_for_exit(SOON).success());
    assert_eq!(journal(home.path()), Value::Null, "no run was begun");
}

/// What is to be typed; where it is an address, as it stands in the question.
fn confirmed(walk: &Walk, console: &Console) -> String {
    let screen = console.screen();
    match screen
        .split("type ")
        .nth(1)
        .and_then(|rest| rest.split(" to run it").next())
    {
        Some(name) if name.starts_with(walk.confirm) => name.to_owned(),
        _ => walk.confirm.to_owned(),
    }
}

macro_rules! walks {
    ($($name:ident: $at:literal,)*) => {$(
        #[test]
        fn $name() {
            walk(&WALKS[$at]);
        }
    )*};
}

walks! {
    label_zones: 0,
    cordon: 1,
    drain: 2,
    out_of_service: 3,
    restart_controllers: 4,
    start_controller: 5,
    replace_node: 6,
    swap: 7,
    rebalance: 8,
    enable_ha: 9,
    remove_remnant: 10,
    etcd_backup: 11,
    etcd_space: 12,
}
