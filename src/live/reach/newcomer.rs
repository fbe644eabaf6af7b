//! A host that is to join: does it reach the controllers, do we reach it, and why did its last try fail? Asked once, through
//! its own sshd, so that nothing need be installed there. Start reading at [`ask`].

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;

use super::{Controller, ETCD, Numbers, controllers, knock};
use crate::base::{Text, Why};
use crate::live::host::journal;
use crate::live::shell::{At, Shell, Trouble};
use crate::model::Snapshot;
use crate::model::host::JournalLine;
use crate::model::reach::Knock;

/// For one connect, the way to the host included.
const CONNECT: Duration = Duration::from_secs(10);
/// One way, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// What must be possible: `10.0.0.4 reaches etcd of nbe-1 (10.0.0.1:2380)`.
    pub claim: Text,
    /// What happened. An error says why it could not be tried.
    pub knock: Result<Knock, Why>,
    /// Whether the host's answer that nothing listens is as good: nothing does, before it has joined.
    pub may_refuse: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// The ways that a join needs.
    pub ways: Vec<Way>,
    /// What k0s there says of a join that failed, where it is known what it means; None where the host was not asked.
    pub failures: Option<Result<Vec<JournalLine>, Why>>,
}

/// Tries every way that a join needs: from here to the host, and from the host to each controller that is not dead.
pub async fn ask(shell: &Shell, host: IpAddr, snapshot: &Snapshot, numbers: Numbers) -> Newcomer {
    let mut ways = from_here(host, numbers).await;
    let name = Text::from(host.to_string());
    let there = At::There(name.clone());
    if let Err(trouble) = shell.run(&there, &["true"]).await {
        ways.push(Way {
            claim: Text::from(format!("{host} can be asked what it reaches")),
            knock: Err(trouble.into_why()),
            may_refuse: false,
        });
        return Newcomer { ways, failures: None };
    }
    for Controller {
        name: controller,
        address,
        ports,
    } in controllers(snapshot, numbers)
    {
        // One host at a time: sshd turns away more than ten logins at once (MaxStartups).
        let asked = ports.into_iter().map(|(port, number)| {
            let (name, controller) = (&name, &controller);
            async move {
                let to = SocketAddr::new(address, number);
                let asked = shell.connect_from(name, &to.to_string(), CONNECT).await;
                Way {
                    claim: Text::from(format!("{host} reaches {} of {controller} ({to})", port.word())),
                    knock: asked.map_err(Trouble::into_why),
                    may_refuse: false,
                }
            }
        });
        ways.extend(join_all(asked).await);
    }
    let said = shell.journal(&there).await.map_err(Trouble::into_why);
    let said = said.and_then(|said| said.success("journalctl"));
    let failures = Some(said.map(|said| journal::known(&said.out)));
    Newcomer { ways, failures }
}

async fn from_here(host: IpAddr, numbers: Numbers) -> Vec<Way> {
    let ports = [("etcd", ETCD), ("the kubelet", numbers.kubelet)];
    let asked = ports.map(|(what, port)| async move {
        let to = SocketAddr::new(host, port);
        Way {
            claim: Text::from(format!("this host reaches the port of {what} of {host} ({to})")),
            knock: knock(to, super::PACE.connect).await,
            may_refuse: true,
        }
    });
    join_all(asked).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::base::WhyKind;
    use crate::live::reach::stand_in::ssh;
    use crate::model::example;

    async fn told(script: &str, snapshot: &Snapshot) -> Newcomer {
        let host = "127.0.0.9".parse().unwrap();
        ask(&ssh(script), host, snapshot, Numbers::default()).await
    }

    #[tokio::test]
    async fn every_port_of_every_living_controller_is_tried() {
        let script = "case $to$cmd in
            *.12:9443*) echo 'channel 0: open failed: connect failed: Connection timed out' >&2; exit 255 ;;
            *'id -u') echo 0 ;;
            *journalctl*) echo '{\"MESSAGE\":\"failed to sync CA: Get https://10.77.0.13:9443/v1beta1/ca\"}' ;;
            *) exit 0 ;;
        esac";
        let mut snapshot = example::healthy();
        example::kill_member(&mut snapshot, 3, example::Death::Silent, 10);
        let Newcomer { ways, failures } = told(script, &snapshot).await;
        let failures = failures.unwrap().unwrap();
        assert!(
            matches!(&failures[..], [one] if one.text.as_str().contains("10.77.0.13:9443")),
            "{failures:?}"
        );
        let silent: Vec<&str> = ways
            .iter()
            .filter(|way| way.knock == Ok(Knock::Silent))
            .map(|way| way.claim.as_str())
            .collect();
        assert_eq!(silent, ["127.0.0.9 reaches k0s's join API of nbe-2 (10.77.0.12:9443)"]);
        assert!(!ways.iter().any(|way| way.claim.as_str().contains("nbe-3")), "{ways:?}");
        for port in ["6443", "9443", "2380", "10250", "30000"] {
            let to = format!("(10.77.0.11:{port})");
            assert!(
                ways.iter().any(|way| way.claim.as_str().contains(&to)),
                "{port}: {ways:?}"
            );
        }
        let here = ways.iter().filter(|way| way.may_refuse);
        assert_eq!(
            here.map(|way| way.knock.clone()).collect::<Vec<_>>(),
            [Ok(Knock::Refused), Ok(Knock::Refused)]
        );
    }

    #[tokio::test]
    async fn without_a_login_nothing_is_said_of_its_ways() {
        let script = "echo 'root@x: Permission denied (publickey).' >&2; exit 255";
        let Newcomer { ways, failures } = told(script, &example::healthy()).await;
        assert_eq!(failures, None);
        let last = ways.last().unwrap();
        assert_eq!(last.knock.as_ref().unwrap_err().kind, WhyKind::Denied);
        assert_eq!(ways.iter().filter(|way| !way.may_refuse).count(), 1);
    }
}
