//! `quorate ssh [USER@]HOST...`: this program on another host, for as long as it is looked at. Start reading at [`run`].

use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;

use color_eyre::eyre;
use tokio::signal::unix::{SignalKind, signal};

use super::args::{Global, Ssh};
use super::exit::{self, Usage};
use super::observe;
use crate::base::{Text, Why, WhyKind};
use crate::live::visit::{self, Luggage, Root, Visit};

/// Visits the first host that takes the program; exits as the quorate there does, and 1 where there is none.
pub fn run(global: &Global, asked: &Ssh) -> eyre::Result<ExitCode> {
    let words = words(global, &asked.arguments)?;
    let luggage = Luggage::own()?;
    let runtime = observe::runtime()?;
    let code = runtime.block_on(first(asked, &luggage, &words));
    runtime.shutdown_background();
    Ok(ExitCode::from(code))
}

async fn first(asked: &Ssh, luggage: &Luggage, words: &[String]) -> u8 {
    let ssh = ["ssh".to_owned()];
    for host in &asked.hosts {
        let visit = Visit { ssh: &ssh, host };
        match pay(&visit, asked.no_sudo, luggage, words).await {
            Ok(code) => return code,
            Err(why) => eprintln!("quorate: {why}"),
        }
    }
    exit::FAILED
}

/// One visit. An error says why it did not begin.
async fn pay(visit: &Visit<'_>, no_sudo: bool, luggage: &Luggage, words: &[String]) -> Result<u8, Why> {
    let on_terminal = stdin().is_terminal() && stdout().is_terminal();
    let root = visit.look().await?;
    let before = if no_sudo {
        &[][..]
    } else {
        as_root(visit.host, root, on_terminal)?
    };
    let megabytes = luggage.size().div_ceil(1_000_000);
    eprintln!("quorate: copying {megabytes} MB to {}", visit.host);
    let kept = visit.copy(luggage).await?;
    let path = visit::quote(kept.path()).ok_or_else(|| {
        let text = format!("{} keeps the program at an odd place", visit.host);
        Why::new(WhyKind::Garbage, text).hint("TMPDIR is set there: to a name without quotes, please")
    })?;
    let before = before.iter().map(|word| (*word).to_owned());
    let command: Vec<String> = before.chain([path]).chain(words.iter().cloned()).collect();
    // Until here a Ctrl-C ends us, and so the copy. From here on it is for what runs there, or for ssh, whose end we tell.
    let _interrupts = signal(SignalKind::interrupt());
    let ended = visit.run(&command, on_terminal).await;
    if let Err(why) = kept.remove().await {
        eprintln!("quorate: {}: {why}", visit.host);
    }
    Ok(ended.unwrap_or_else(|why| {
        eprintln!("quorate: {why}");
        exit::FAILED
    }))
}

/// The words that make it root there.
fn as_root(host: &Text, root: Root, on_terminal: bool) -> Result<&'static [&'static str], Why> {
    let denied = |text: String| {
        Why::new(WhyKind::Denied, text)
            .hint("log in as root, or say --no-sudo: then etcd and the host itself are not looked at")
    };
    match root {
        Root::Direct => Ok(&[]),
        Root::Sudo => Ok(&["sudo", "-n", "--"]),
        Root::Password if on_terminal => Ok(&["sudo", "--"]),
        Root::Password => Err(denied(format!(
            "sudo on {host} asks for a password, and there is no terminal to type it on"
        ))),
        Root::None => Err(denied(format!("one is not root on {host}, and there is no sudo"))),
    }
}

/// What the quorate there is given: our flags that say how, then what stands after `--`.
fn words(global: &Global, arguments: &[String]) -> Result<Vec<String>, Usage> {
    must_be_ours(global)?;
    let mut words = Vec::new();
    for (is_said, flag) in [
        (global.write, "--write"),
        (global.ascii, "--ascii"),
        (global.linear, "--linear"),
    ] {
        words.extend(is_said.then(|| flag.to_owned()));
    }
    words.extend(global.color.iter().map(|when| format!("--color={when}")));
    words.extend((0..global.verbose).map(|_| "-v".to_owned()));
    words.extend(arguments.iter().cloned());
    let quoted = words.iter().map(|word| {
        visit::quote(word).ok_or_else(|| Usage {
            message: format!("{:?} is not sent through ssh: no quotes, `!` or `\\`", Text::new(word)),
        })
    });
    quoted.collect()
}

/// Flags about sources: for here or for there, who could tell?
fn must_be_ours(global: &Global) -> Result<(), Usage> {
    let named = [
        (global.sim.is_some(), "--sim"),
        (global.kubeconfig.is_some(), "--kubeconfig"),
        (global.context.is_some(), "--context"),
        (global.cluster.is_some(), "--cluster"),
        (global.user.is_some(), "--user"),
        (global.act_as.is_some(), "--as"),
        (!global.act_as_group.is_empty(), "--as-group"),
        (global.namespace.is_some(), "--namespace"),
        (global.all_namespaces, "--all-namespaces"),
        (global.request_timeout.is_some(), "--request-timeout"),
        (global.etcd_pki.is_some(), "--etcd-pki"),
        (global.k0s_dir.is_some(), "--k0s-dir"),
        (global.config.is_some(), "--config"),
        (global.theme.is_some(), "--theme"),
        (global.log_file.is_some(), "--log-file"),
    ];
    match named.into_iter().find(|(is_said, _)| *is_said) {
        None => Ok(()),
        Some((_, flag)) => Err(Usage {
            message: format!("{flag} is for the quorate on the other host: put it behind `--`"),
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::super::args::Cli;
    use super::*;

    #[test]
    fn no_flag_is_dropped_on_the_way() {
        for flag in Cli::command().get_arguments().filter(|flag| flag.is_global_set()) {
            let long = format!("--{}", flag.get_long().unwrap());
            let value = match flag.get_id().as_str() {
                "sim" => "healthy",
                "color" => "never",
                "request_timeout" => "5s",
                _ => "x",
            };
            let mut words = vec!["quorate", long.as_str()];
            words.extend(flag.get_action().takes_values().then_some(value));
            words.extend((long == "--as-group").then_some("--as=x"));
            let cli = Cli::try_parse_from(words.into_iter().chain(["ssh", "nbe-1"])).unwrap();
            let told = super::words(&cli.global, &[]);
            assert!(told.is_err() || !told.unwrap().is_empty(), "{long}");
        }
    }

    #[test]
    fn flags_that_say_how_go_along_and_those_that_name_files_do_not() {
        let global = Global {
            write: true,
            color: Some("never".into()),
            verbose: 2,
            ..Global::default()
        };
        let told = words(&global, &["ack".into(), "a b".into()]).unwrap();
        assert_eq!(told, ["--write", "--color=never", "-v", "-v", "ack", "'a b'"]);
        let global = Global {
            context: Some("x".into()),
            ..Global::default()
        };
        assert!(words(&global, &[]).unwrap_err().message.contains("behind `--`"));
        assert!(words(&Global::default(), &["it's".into()]).is_err());
    }

    #[test]
    fn root_is_what_it_runs_as() {
        let host = Text::new("nbe-1");
        assert!(as_root(&host, Root::Direct, false).unwrap().is_empty());
        assert_eq!(as_root(&host, Root::Sudo, false).unwrap(), ["sudo", "-n", "--"]);
        assert_eq!(as_root(&host, Root::Password, true).unwrap(), ["sudo", "--"]);
        for (root, on_terminal, words) in [(Root::Password, false, "no terminal"), (Root::None, true, "no sudo")] {
            let why = as_root(&host, root, on_terminal).unwrap_err();
            assert!(
                why.text.as_str().contains(words) && why.to_string().contains("--no-sudo"),
                "{why}"
            );
        }
    }
}
