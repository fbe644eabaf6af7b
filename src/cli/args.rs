//! The command line: names, flags and their help. One definition makes the parser, `--help`, completions and the man page.
//! How a value is read: [`read`].

mod read;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;

use super::sim::Scenarios;
use super::wish::Wish;
use crate::app::{Key, Screen};
use crate::base::Text;
use crate::model::example;
use crate::rehearse::mishap::Scheduled;

/// Terminal console for a three-controller NetBox Enterprise cluster: what is true, what the next loss would do.
#[derive(Debug, Parser)]
#[command(name = "quorate", version, propagate_version = true, disable_help_subcommand = true)]
#[command(
    after_help = "Without a command the console opens. It only reads. By default `q` leaves it and `?` shows the keys."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
}

impl Cli {
    /// Whether a monitoring system reads the answer.
    pub fn is_monitored(&self) -> bool {
        matches!(&self.command, Some(Command::Check(wanted)) if wanted.output == CheckOutput::Plugin)
    }
}

/// Flags of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
#[allow(clippy::struct_excessive_bools)] // each is a flag
pub struct Global {
    /// Look at a simulated cluster: the name of a scenario, or a scenario file
    #[arg(long, global = true, value_name = "SCENARIO|FILE", value_parser = Scenarios)]
    #[arg(conflicts_with_all = ["kubeconfig", "context", "cluster", "user", "act_as", "act_as_group", "etcd_pki", "k0s_dir"])]
    pub sim: Option<String>,
    /// Read this kubeconfig, and no other
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Use this context of the kubeconfig
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// Use this cluster of the kubeconfig instead of the context's
    #[arg(long, global = true, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Use this user of the kubeconfig instead of the context's
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// Ask the API as this user; it must let you
    #[arg(id = "act_as", long = "as", global = true, value_name = "USER")]
    pub act_as: Option<String>,
    /// And in this group; may be given several times
    #[arg(
        id = "act_as_group",
        long = "as-group",
        global = true,
        value_name = "GROUP",
        requires = "act_as"
    )]
    pub act_as_group: Vec<String>,
    /// Begin with the workloads and pods of this namespace; checks, findings and the verdict are about all. The
    /// namespace of the kubeconfig's context limits nothing
    #[arg(short, long, global = true, value_name = "NAMESPACE", value_parser = read::namespace)]
    pub namespace: Option<Text>,
    /// Show the workloads and pods of all namespaces: the default. Outranks -n
    #[arg(short = 'A', long, global = true)]
    pub all_namespaces: bool,
    /// How long one read from the API may take, such as 30s over a slow line
    #[arg(long, global = true, value_name = "TIME", value_parser = read::request_timeout)]
    pub request_timeout: Option<String>,
    /// Where etcd's certificates are, when not below the k0s directory
    #[arg(long, global = true, value_name = "DIR")]
    pub etcd_pki: Option<PathBuf>,
    /// k0s's data directory, when it is not found by itself
    #[arg(long, global = true, value_name = "DIR")]
    pub k0s_dir: Option<PathBuf>,
    /// Read this configuration file, and no other
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Allow actions that change the cluster; without it, everything only reads
    #[arg(long, global = true)]
    pub write: bool,
    /// Colours: the name of a theme, or a theme file
    #[arg(long, global = true, value_name = "NAME|FILE")]
    pub theme: Option<String>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_parser = ["auto", "always", "never"])]
    pub color: Option<String>,
    /// Draw with ASCII characters only
    #[arg(long, global = true)]
    pub ascii: bool,
    /// Print numbered lines instead of drawing, for screen readers
    #[arg(long, global = true)]
    pub linear: bool,
    /// Write the log to this file
    #[arg(long, global = true, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Log more; twice: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The console on a simulated cluster, where you may break things
    Demo,
    /// Nodes per zone, etcd, placement and the verdict
    Status(Look),
    /// Run all checks. Exits 0 ok, 1 warning, 2 critical, 3 cannot tell
    Check(Checking),
    /// A written record: the HA document's checklist, or an incident
    Report(Record),
    /// Accept a finding for a while; it stays visible
    Ack(Ack),
    /// What a check looks at, why it matters, and how to fix it
    Explain {
        /// The check, such as etcd.spare; without it, all are listed
        check: Option<String>,
        /// How to print
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// What the loss of each node or zone would do, or of those named. Exits 0, or 3 cannot tell
    WhatIf(WhatIf),
    /// Play an action on a copy of this cluster: how long it takes, how it ends; sends nothing
    Rehearse(Rehearse),
    /// What was discovered here, which sources work, and what is missing
    Doctor(Look),
    /// Show what an action would do, step by step; does nothing
    #[command(disable_help_subcommand = true)]
    Plan {
        /// The action
        #[command(subcommand)]
        wish: Wish,
        /// How to print
        #[arg(short, long, value_enum, default_value_t, global = true)]
        output: Output,
    },
    /// Do an action, step by step; needs --write. Exits 0 done, 1 stopped or refused, 3 paused
    #[command(disable_help_subcommand = true)]
    Run {
        /// The action
        #[command(subcommand)]
        wish: Wish,
        /// What is confirmed beforehand
        #[command(flatten)]
        answers: Answers,
    },
    /// Go on with a run that was paused or interrupted; needs --write
    Resume {
        /// The run; without it, the newest that is open
        run: Option<Text>,
        /// What is confirmed beforehand
        #[command(flatten)]
        answers: Answers,
    },
    /// The runs of this host, or what happened in one
    Journal {
        /// The run
        run: Option<Text>,
        /// How to print
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// What consoles on this host noticed: every change, and when nobody watched
    Timeline(TimelineOf),
    /// Record what is observed, for `quorate replay`, until ctrl-c
    Record(Recorded),
    /// Show a recording again: the console as it was, step by step
    Replay(Replayed),
    /// Whether a controller may be stopped, removed or added now. Exits 0 yes, 1 no, 3 cannot tell
    OkTo {
        /// What is to be done
        verb: OkVerb,
        /// The node
        node: Text,
        /// Of `add`: the new host's address. It is asked through ssh what it reaches
        #[arg(long, value_name = "ADDRESS")]
        at: Option<IpAddr>,
        /// How to look, and how to print
        #[command(flatten)]
        look: Look,
    },
    /// The etcd member on this host
    #[command(disable_help_subcommand = true)]
    Etcd {
        /// What to do
        #[command(subcommand)]
        action: EtcdAction,
    },
    /// This program on another host, through your own ssh: copied, checked, run as root, removed. Exits as it does there
    Ssh(Ssh),
    /// The roles for a viewer or an operator, for kubectl, and how to make a kubeconfig for one
    Rbac {
        /// For whom
        #[arg(value_enum)]
        who: Whom,
    },
    /// The keys of the console
    Keys {
        /// How to print
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// The themes of the console
    #[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
    Themes {
        /// What to do instead of listing them
        #[command(subcommand)]
        action: Option<ThemesAction>,
        /// How to print
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// One frame of the console as text or picture, of an example or a simulated cluster
    Screenshot(Shot),
    /// The settings in force, and where each comes from
    Config {
        /// Print a configuration file with every setting and its default
        #[arg(long, conflicts_with_all = ["check", "output"])]
        template: bool,
        /// Open your configuration file in $VISUAL or $EDITOR, and check it then; a new one holds the template
        #[arg(long, conflicts_with_all = ["template", "check", "output"])]
        edit: bool,
        /// Only check the configuration files
        #[arg(long)]
        check: bool,
        /// How to print
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
    /// Print shell completions
    Completions {
        /// For this shell
        shell: Shell,
    },
    /// Print the man page, or that of one command
    Man {
        /// The command
        command: Option<String>,
    },
}

/// What to do with the etcd member on this host.
#[derive(Debug, Subcommand)]
pub enum EtcdAction {
    /// Save its database to a new file, checked; works without quorum. Exits 1 when it could not be taken
    Snapshot {
        /// The file, which must not be there yet
        file: PathBuf,
        /// How to print
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
}

/// What is lost, in thought.
#[derive(Debug, Args)]
pub struct WhatIf {
    /// Nodes, or zones as zone/NAME, lost at once; without any, each by itself
    pub names: Vec<Text>,
    /// And then this one, after all has moved that can; may be given several times
    #[arg(long, value_name = "NAME", requires = "names")]
    pub then: Vec<Text>,
    /// How to look, and how to print
    #[command(flatten)]
    pub look: Look,
}

/// What to play, and what goes wrong meanwhile.
#[derive(Debug, Args)]
#[command(disable_help_subcommand = true)]
pub struct Rehearse {
    /// What is wished for
    #[command(subcommand)]
    pub wish: Wish,
    /// Let this go wrong at a step, such as second-node-dies@4; may be given several times
    #[arg(long, global = true, value_name = "FAULT@STEP", value_parser = str::parse::<Scheduled>)]
    pub fault: Vec<Scheduled>,
    /// Record every screen of it to this file, which must not be there yet; `quorate replay` shows them
    #[arg(long, global = true, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Where chance begins: the same number gives the same rehearsal
    #[arg(long, global = true, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// How to print
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub output: Output,
}

/// Which changes to print, and how.
#[derive(Debug, Clone, Args)]
pub struct TimelineOf {
    /// Only from then on: 12h ago, or at 2026-11-29T03:00:00Z
    #[arg(long, value_name = "TIME", value_parser = read::since)]
    pub since: Option<Since>,
    /// Only changes that contain this, whatever the case
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// A moment of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(Duration),
    /// Then.
    At(Timestamp),
}

impl Since {
    /// The moment.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Since::At(at) => at,
            Since::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

/// What to do with themes.
#[derive(Debug, Subcommand)]
pub enum ThemesAction {
    /// Print a theme with everything that it inherits, to start one of your own from
    Show {
        /// Its name, or a file
        name: String,
    },
}

/// Which frame to print, and how.
#[derive(Debug, Args)]
pub struct Shot {
    /// The screen
    #[arg(value_parser = PossibleValuesParser::new(Screen::ALL.map(Screen::name)))]
    pub screen: String,
    /// Columns and rows, such as 80x24
    #[arg(long, value_name = "WxH", default_value = "120x40", value_parser = read::size)]
    pub size: (u16, u16),
    /// Print a picture (SVG) instead of text
    #[arg(long)]
    pub svg: bool,
    /// The state of the example cluster
    #[arg(long, value_name = "NAME", default_value = "healthy", conflicts_with = "sim", value_parser = PossibleValuesParser::new(example::NAMED.map(|(name, _)| name)))]
    pub state: String,
    /// Press these keys first, such as "jj<enter>"
    #[arg(id = "pressed", long = "keys", value_name = "KEYS", value_parser = read::keys)]
    pub keys: Option<Keys>,
}

/// Keys in the order in which they are pressed.
#[derive(Debug, Clone)]
pub struct Keys(pub Vec<Key>);

/// How to look, and how to print what was seen.
#[derive(Debug, Clone, Args)]
pub struct Look {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Wait this long for sources that do not answer, such as 10s
    #[arg(long, value_name = "TIME", value_parser = read::timeout)]
    pub timeout: Option<Duration>,
}

/// What a person would be asked, answered beforehand. Without a terminal, all of it must be.
#[derive(Debug, Clone, Default, Args)]
pub struct Answers {
    /// Confirm a plan that can be undone
    #[arg(long, global = true)]
    pub yes: bool,
    /// Confirm a plan that cannot be undone: the name that it asks for
    #[arg(long, value_name = "NAME", global = true)]
    pub confirm: Option<Text>,
    /// State what cannot be observed, in the words that a step asks for
    #[arg(long, value_name = "WORDS", global = true)]
    pub attest: Vec<Text>,
    /// Let a failed gate pass, and why: one for each gate
    #[arg(long = "override", value_name = "GATE=REASON", value_parser = read::overridden, global = true)]
    pub overrides: Vec<(Text, Text)>,
    /// Take the lock in the cluster from a run whose process is gone for good
    #[arg(long, global = true)]
    pub take_over: bool,
}

/// What may be asked of `ok-to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OkVerb {
    /// Stop, restart or reboot it
    Stop,
    /// Remove it from the cluster
    Remove,
    /// Join it as a new controller
    Add,
}

/// Where to, and with what.
#[derive(Debug, Clone, Args)]
pub struct Ssh {
    /// Where to; of several the first that answers
    #[arg(required = true, value_name = "[USER@]HOST")]
    pub hosts: Vec<Text>,
    /// Run it as the user that ssh logs in as, without sudo
    #[arg(long)]
    pub no_sudo: bool,
    /// What the quorate there is told, such as `-- status`
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<String>,
}

/// Whom a role is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Whom {
    /// Looks
    Viewer,
    /// Looks, and runs actions
    Operator,
}

/// How to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs; see the field "schema"
    Json,
}

/// Which checks to run, and how to print what they found.
#[derive(Debug, Clone, Args)]
pub struct Checking {
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    pub output: CheckOutput,
    /// Wait this long for sources that do not answer, such as 10s
    #[arg(long, value_name = "TIME", value_parser = read::timeout)]
    pub timeout: Option<Duration>,
    /// Run only these checks, such as "etcd.*"; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,
    /// Leave these checks out
    #[arg(long, value_name = "GLOB")]
    pub skip: Vec<String>,
    /// Go on, and print again whenever a result changes; with JSON, one document a line
    #[arg(long)]
    pub watch: bool,
}

/// How to print what the checks found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum CheckOutput {
    /// For people
    #[default]
    Table,
    /// For programs; see the field "schema"
    Json,
    /// Metrics in the text format of Prometheus
    Prometheus,
    /// For Nagios, Icinga and their like: one line with figures, then the findings; what fails is UNKNOWN, and exits 3
    Plugin,
}

/// Where to record, and for how long.
#[derive(Debug, Clone, Args)]
pub struct Recorded {
    /// The file, which must not be there yet
    pub file: PathBuf,
    /// For so long, such as 10m; without it, until ctrl-c
    #[arg(long = "for", value_name = "TIME", value_parser = read::lasting)]
    pub lasts: Option<Duration>,
}

/// Which recording to show, and how.
#[derive(Debug, Clone, Args)]
pub struct Replayed {
    /// The file
    pub file: PathBuf,
    /// Begin at this moment (UTC), such as 12:00:05 or 2026-11-29T12:00:05Z; with --dump, only this frame
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Print the frames as text instead
    #[arg(long)]
    pub dump: bool,
    /// Write a copy instead, with other names for nodes, pods, zones, people, addresses and the cluster, and without what was
    /// typed
    #[arg(long, value_name = "COPY", conflicts_with_all = ["dump", "at"])]
    pub redact: Option<PathBuf>,
    /// Columns and rows to print at; without it, as it was
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = read::size, requires = "dump")]
    pub size: Option<(u16, u16)>,
}

/// Which record to write.
#[derive(Debug, Clone, Args)]
pub struct Record {
    /// The checklist with date, cluster and evidence
    #[arg(long, required_unless_present = "since", conflicts_with = "since")]
    pub readiness: bool,
    /// What happened since then: timeline, lost nodes, findings, actions. 12h ago, or at 2026-11-29T03:00:00Z
    #[arg(long, value_name = "TIME", value_parser = read::since)]
    pub since: Option<Since>,
    /// Other names for nodes, pods, zones, people, addresses and the cluster, each the same everywhere
    #[arg(long, requires = "since")]
    pub redact: bool,
    /// In which form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: RecordForm,
    /// Wait this long for sources that do not answer, such as 10s
    #[arg(long, value_name = "TIME", value_parser = read::timeout)]
    pub timeout: Option<Duration>,
}

/// The form of a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum RecordForm {
    /// Text with few marks
    #[default]
    Markdown,
    /// One page that needs nothing else
    Html,
}

/// Which finding to accept.
#[derive(Debug, Clone, Args)]
pub struct Ack {
    /// The check, such as nodes.size
    #[arg(required_unless_present = "list")]
    pub check: Option<String>,
    /// The finding's subject, such as node/nbe-1; without it, all findings of the check
    pub subject: Option<String>,
    /// Why it is accepted
    #[arg(long, required_unless_present_any = ["withdraw", "list"], conflicts_with = "withdraw")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
    /// For how long, such as 7d
    #[arg(long = "for", value_name = "TIME", default_value = "7d", value_parser = read::days)]
    pub lasts: Duration,
    /// Take it back
    #[arg(long, requires = "check")]
    pub withdraw: bool,
    /// List what is accepted
    #[arg(long, conflicts_with_all = ["check", "reason", "withdraw"])]
    pub list: bool,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
