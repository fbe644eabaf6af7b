//! The unit `k0scontroller` and its last error lines, from systemctl and journalctl. Their options are fixed here: both
//! only read. Start reading at [`read`].

use std::time::Duration;

use super::{Reading, files, journal};
use crate::base::{Text, Why, WhyKind};
use crate::live::program::{self, Said};
use crate::model::host::Unit;
use crate::port::HostFact;

/// k0s's unit on a controller. Embedded Cluster's `netbox-enterprise` is an alias of it.
pub const UNIT: &str = "k0scontroller";

/// How long the journal may take: less than the whole reading, so that one that hangs does not hide the unit's state.
const JOURNAL_DEADLINE: Duration = Duration::from_secs(2);

/// How many of the last lines are looked through: k0s writes its errors among everything else.
const LINES: &str = "400";

/// The programs: each a command and the arguments that come before ours.
#[derive(Debug, Clone)]
pub struct Programs {
    /// Speaks as systemctl does.
    pub systemctl: Vec<String>,
    /// Speaks as journalctl does.
    pub journalctl: Vec<String>,
}

impl Default for Programs {
    fn default() -> Self {
        Self {
            systemctl: vec!["systemctl".to_owned()],
            journalctl: vec!["journalctl".to_owned()],
        }
    }
}

/// Asks both, side by side. The state is a fact even where the journal may not be read. The caller sets the deadline;
/// at it the programs are killed.
pub async fn read(programs: &Programs) -> Reading {
    let show = ["show", UNIT, "--property=LoadState,ActiveState,SubState,NRestarts"];
    let journal = ["-u", UNIT, "-n", LINES, "--no-pager", "-o", "json"];
    let errors = tokio::time::timeout(JOURNAL_DEADLINE, ask(&programs.journalctl, &journal));
    let (state, errors) = tokio::join!(ask(&programs.systemctl, &show), errors);
    let errors = errors.unwrap_or_else(|_| Err(late_journal()));
    let unit = match state.and_then(|said| parse_state(&said.out)) {
        Ok(unit) => unit,
        Err(why) => return Reading::Failed(why),
    };
    match errors.and_then(|said| check_journal(&said).map(|()| said)) {
        Ok(said) => Reading::Fact(HostFact::Unit(Unit {
            errors: journal::errors(&said.out),
            ..unit
        })),
        Err(why) => Reading::Partial(HostFact::Unit(unit), why),
    }
}

fn late_journal() -> Why {
    let text = format!("journalctl: no answer within {} s", JOURNAL_DEADLINE.as_secs());
    Why::new(WhyKind::TimedOut, text).hint(format!("try `journalctl -u {UNIT} -n {LINES}`"))
}

/// What a program said, or why it failed.
async fn ask(program: &[String], arguments: &[&str]) -> Result<Said, Why> {
    let said = program::run(program, arguments).await?;
    said.success(program.first().map_or("", String::as_str))
}

/// The state from `systemctl show`; the errors are left empty. Lines that are no property are passed over.
pub fn parse_state(text: &str) -> Result<Unit, Why> {
    let property = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.map(|value| Text::new(value.trim()))
    };
    if property("LoadState").is_some_and(|state| state == "not-found") {
        return Err(Why::new(WhyKind::Missing, format!("systemd knows no unit {UNIT}")));
    }
    match (property("ActiveState"), property("SubState")) {
        (Some(active_state), Some(sub_state)) => Ok(Unit {
            active_state,
            sub_state,
            restarts: property("NRestarts").and_then(|count| count.as_str().parse().ok()),
            errors: Vec::new(),
        }),
        _ => Err(Why::new(
            WhyKind::Garbage,
            format!("systemctl does not tell the state of {UNIT}"),
        )),
    }
}

/// Without the right to read the system's journal, journalctl shows what it may and succeeds: that is not "no errors".
fn check_journal(said: &Said) -> Result<(), Why> {
    if said.err.contains("not seeing messages from other users") {
        return Err(files::denied("journalctl may not read the system's journal"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use proptest::prelude::*;

    /// Stand-ins: a shell that sees our arguments as `$@`.
    fn programs(systemctl: &str, journalctl: &str) -> Programs {
        let shell = |script: &str| ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
        Programs {
            systemctl: shell(systemctl),
            journalctl: shell(journalctl),
        }
    }

    const RUNNING: &str = "printf 'LoadState=loaded\\nActiveState=active\\nSubState=running\\nNRestarts=3\\n'";

    #[tokio::test]
    async fn state_and_errors_are_one_fact() {
        let journal =
            r#"echo '{"MESSAGE":"level=error msg=\"first\""}'; echo '{"PRIORITY":"3","MESSAGE":"bad token=hunter2"}'"#;
        let Reading::Fact(HostFact::Unit(unit)) = read(&programs(RUNNING, journal)).await else {
            panic!("no fact")
        };
        assert_eq!(
            (unit.active_state.as_str(), unit.sub_state.as_str()),
            ("active", "running")
        );
        let errors: Vec<&str> = unit.errors.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(errors, ["first", "bad token= [redacted]"]);
        assert_eq!(unit.restarts, Some(3));
    }

    #[tokio::test]
    async fn asks_in_the_c_locale_for_one_unit_and_nothing_more() {
        let programs = programs("exit 0", "echo \"$LC_ALL: $*\"; cat");
        let said = ask(&programs.journalctl, &["-u", UNIT]).await.unwrap();
        assert_eq!(said.out, "C: -u k0scontroller\n");
    }

    #[tokio::test]
    async fn a_closed_journal_leaves_the_state() {
        for journal in [
            "echo 'No journal files were opened due to insufficient permissions.' >&2; exit 1",
            "echo 'Hint: You are currently not seeing messages from other users and the system.' >&2",
        ] {
            let reading = read(&programs(RUNNING, journal)).await;
            assert!(matches!(reading, Reading::Partial(HostFact::Unit(_), why) if why.kind == WhyKind::Denied));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_journal_that_hangs_leaves_the_state() {
        let reading = read(&programs(RUNNING, "exec sleep 20")).await;
        assert!(matches!(reading, Reading::Partial(HostFact::Unit(_), why) if why.kind == WhyKind::TimedOut));
    }

    #[tokio::test]
    async fn failures_are_reasons() {
        let kind = async |systemctl: &str| match read(&programs(systemctl, "")).await {
            Reading::Failed(why) => why.kind,
            other => panic!("{other:?}"),
        };
        let unknown = "printf 'LoadState=not-found\\nActiveState=inactive\\nSubState=dead\\n'";
        assert_eq!(kind(unknown).await, WhyKind::Missing);
        assert_eq!(
            kind("echo 'Failed to connect to bus' >&2; exit 1").await,
            WhyKind::Unavailable
        );
        assert_eq!(kind("exit 3").await, WhyKind::Unavailable);
        assert_eq!(kind("echo hello").await, WhyKind::Garbage);
        let missing = Programs {
            systemctl: vec!["/nowhere/systemctl".to_owned()],
            ..Programs::default()
        };
        assert!(matches!(read(&missing).await, Reading::Failed(why) if why.kind == WhyKind::Missing));
    }

    #[tokio::test]
    async fn endless_output_is_cut() {
        let endless = programs("yes ActiveState=active", "true");
        let why = ask(&endless.systemctl, &[]).await.unwrap_err();
        assert_eq!(why.kind, WhyKind::Unavailable);
    }

    proptest! {
        #[test]
        fn no_output_makes_it_panic(text in any::<String>()) {
            let _ = parse_state(&text);
        }
    }
}
