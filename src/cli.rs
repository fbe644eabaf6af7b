//! The command line and the composition root: the only place that puts sources, console and output together.
//! Start reading at [`main`], then one subcommand, such as [`status`].

pub mod ack;
pub mod args;
pub mod check;
pub mod conduct;
pub mod config;
pub mod console;
pub mod deck;
pub mod doctor;
pub mod etcd;
pub mod exit;
pub mod explain;
pub mod foreman;
pub mod generate;
pub mod journal;
pub mod keys;
pub mod log;
pub mod manual;
pub mod name;
pub mod observe;
pub mod ok_to;
pub mod output;
pub mod place;
pub mod plan;
pub mod rbac;
pub mod record;
pub mod recorder;
pub mod rehearse;
pub mod replay;
pub mod report;
pub mod run;
pub mod screenshot;
pub mod scribe;
pub mod settle;
pub mod sim;
pub mod ssh;
pub mod status;
pub mod themes;
pub mod timeline;
pub mod what_if;
pub mod wish;

use std::process::ExitCode;

use color_eyre::eyre;

use args::{Cli, Command};

/// Runs the program: parse, dispatch, exit code.
pub fn main() -> ExitCode {
    if let Err(report) = exit::install_hooks() {
        eprintln!("{report:?}");
        return ExitCode::from(exit::INTERNAL);
    }
    let cli = match name::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error),
    };
    let is_monitored = cli.is_monitored();
    match dispatch(cli) {
        Ok(code) => code,
        // To a monitoring system, 1 is a warning about the cluster.
        Err(report) if is_monitored => exit::unknown(&report),
        Err(report) => exit::failed(&report),
    }
}

fn dispatch(cli: Cli) -> eyre::Result<ExitCode> {
    let mut settings = observe::settings(&cli.global)?;
    match cli.command {
        None => console::run(&settings, console::Tour::Hidden),
        Some(Command::Demo) => {
            settings.simulation.get_or_insert(sim::find("demo")?);
            console::run(&settings, console::Tour::Shown)
        }
        Some(Command::Status(look)) => status::run(&settings, &look),
        Some(Command::Check(wanted)) => check::run(&settings, &wanted),
        Some(Command::Report(wanted)) => report::run(&settings, &wanted),
        Some(Command::Ack(ack)) => ack::run(&settings, &ack),
        Some(Command::Explain { check, output }) => explain::run(check.as_deref(), output),
        Some(Command::Etcd { action }) => etcd::run(&settings, &action),
        Some(Command::WhatIf(asked)) => what_if::run(&settings, &asked),
        Some(Command::Rehearse(asked)) => rehearse::run(&settings, &asked),
        Some(Command::Doctor(look)) => doctor::run(&settings, &look),
        Some(Command::Plan { wish, output }) => plan::run(&settings, &wish, output),
        Some(Command::Run { wish, answers }) => run::begin(&settings, &wish, &answers),
        Some(Command::Resume { run, answers }) => run::resume(&settings, run, &answers),
        Some(Command::Journal { run, output }) => journal::run(&settings, run, output),
        Some(Command::Timeline(wanted)) => timeline::run(&settings, &wanted),
        Some(Command::Record(wanted)) => record::run(&settings, &wanted),
        Some(Command::Replay(wanted)) => replay::run(&settings, &wanted),
        Some(Command::OkTo { verb, node, at, look }) => ok_to::run(&settings, (verb, at), &node, &look),
        Some(Command::Ssh(asked)) => ssh::run(&cli.global, &asked),
        Some(Command::Rbac { who }) => rbac::run(who),
        Some(Command::Keys { output }) => keys::run(&settings, output),
        Some(Command::Themes { action, output }) => themes::run(&settings, action.as_ref(), output),
        Some(Command::Screenshot(shot)) => screenshot::run(&settings, &shot),
        Some(Command::Config { edit: true, .. }) => config::edit(&settings, &cli.global),
        Some(Command::Config {
            template,
            edit: false,
            check,
            output,
        }) => config::run(&settings, template, check, output),
        Some(Command::Completions { shell }) => generate::completions(shell),
        Some(Command::Man { command }) => generate::man(command.as_deref()),
    }
}
