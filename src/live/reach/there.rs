//! The ports of a host whose etcd does not answer us, as another controller reaches them: its sshd connects for us (`ssh
//! -W`), so nothing need be installed there, and nothing is sent. Only where the operator wants it (`look_from_there`), for
//! servers log such connections. Start reading at [`observe`].

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{Numbers, ports};
use crate::base::{Text, Why, WhyKind};
use crate::live::shell::{At, Shell, Trouble};
use crate::model::Snapshot;
use crate::model::reach::there::FromThere;
use crate::model::reach::{HostReach, Knock, Port};
use crate::port::{Closed, Observation, Sink};

/// From one look to the next.
const EVERY: Duration = Duration::from_secs(15);
/// For one connect over there, the way there included. The login alone was tried before.
const CONNECT: Duration = Duration::from_secs(5);
/// Hosts that are looked at in one round.
const MOST: usize = 4;

/// Looks until nobody reads any more, or no more snapshots come. Without a shell it never does.
pub async fn observe(
    shell: Option<Shell>,
    numbers: Numbers,
    sink: Sink,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
) {
    let Some(shell) = shell else { return };
    loop {
        let is_wanted = |snapshot: &Arc<Snapshot>| !looks(snapshot).is_empty();
        let Ok(snapshot) = snapshots
            .wait_for(is_wanted)
            .await
            .map(|snapshot| Arc::clone(&snapshot))
        else {
            return;
        };
        if round(&shell, numbers, &sink, &snapshot).await.is_err() {
            return;
        }
        sleep(EVERY).await;
    }
}

/// Who is to look at whom: at every host whose etcd does not answer us, the first one whose etcd does.
fn looks(snapshot: &Snapshot) -> Vec<(IpAddr, IpAddr)> {
    let neighbours = snapshot.neighbours();
    let answers = |address| snapshot.etcd_answers_at(address);
    let Some(by) = neighbours.iter().find(|own| answers(own.address) == Some(true)) else {
        return Vec::new();
    };
    let dark = neighbours.iter().filter(|own| answers(own.address) == Some(false));
    dark.map(|own| (by.address, own.address)).take(MOST).collect()
}

async fn round(shell: &Shell, numbers: Numbers, sink: &Sink, snapshot: &Snapshot) -> Result<(), Closed> {
    for (by, address) in looks(snapshot) {
        let seen = look(shell, by, address, &ports(snapshot, address, numbers), sink).await;
        let look = FromThere {
            by,
            at: sink.clock().now(),
            seen: seen.map_err(Trouble::into_why),
        };
        sink.send(Observation::FromThere { address, look }).await?;
    }
    Ok(())
}

/// Logs in once, to tell a way there that does not work from a port that is silent; then asks all ports at once.
async fn look(
    shell: &Shell,
    by: IpAddr,
    address: IpAddr,
    ports: &[(crate::model::reach::Service, u16)],
    sink: &Sink,
) -> Result<HostReach, Trouble> {
    let host = Text::from(by.to_string());
    shell.run(&At::There(host.clone()), &["true"]).await?;
    let knocks = ports.iter().map(|(service, number)| {
        let host = host.clone();
        async move {
            let to = SocketAddr::new(address, *number).to_string();
            let said = shell.connect_from(&host, &to, CONNECT).await;
            (*service, *number, said)
        }
    });
    let mut reach = HostReach::default();
    for (service, number, knock) in join_all(knocks).await {
        let at = sink.clock().now();
        reach.ports.insert(
            service,
            Port {
                number,
                knock: knock?,
                at,
            },
        );
    }
    Ok(reach)
}

/// What ssh said of a connect from there; None where that is no answer about the port.
pub fn judge(code: Option<i32>, said: &str) -> Option<Knock> {
    let says = |words: &str| said.contains(words);
    match code {
        Some(0) => Some(Knock::Connected),
        _ if !says("open failed") => None,
        _ if says("Connection refused") => Some(Knock::Refused),
        // The last is what sshd says of a connect that fails at once: there is no way to that network.
        _ if says("No route to host") || says("connect failed: open failed") => Some(Knock::Unreachable),
        _ if says("timed out") => Some(Knock::Silent),
        _ => None,
    }
}

/// Why there is no answer about the port.
pub fn unjudged(host: &Text, line: &str) -> Why {
    let why = Why::new(WhyKind::Denied, format!("ssh {host}: {line}"));
    why.hint("its sshd must allow TCP forwarding (AllowTcpForwarding local)")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::base::Clock;
    use crate::live::reach::stand_in::ssh;
    use crate::model::example;
    use crate::model::reach::Service;

    async fn seen(script: &str) -> Result<Vec<(Service, Knock)>, Why> {
        let (sink, mut observed) = Sink::channel(Clock::start());
        let mut snapshot = example::node_lost(example::Death::Silent);
        snapshot.feeds.clear();
        round(&ssh(script), Numbers::default(), &sink, &snapshot).await.unwrap();
        let Observation::FromThere { address, look } = observed.recv().await.unwrap().what else {
            return Err(Why::new(WhyKind::Garbage, "something else"));
        };
        assert_eq!(address.to_string(), example::address(3).as_str());
        let ports = look.seen?.ports;
        Ok(ports.into_iter().map(|(service, port)| (service, port.knock)).collect())
    }

    #[test]
    fn a_host_without_a_route_reaches_nobody_and_one_that_forbids_says_nothing() {
        let said = |words: &str| judge(Some(255), &format!("channel 0: open failed: {words}"));
        for words in ["No route to host", "open failed"] {
            assert_eq!(said(&format!("connect failed: {words}")), Some(Knock::Unreachable));
        }
        assert_eq!(said("administratively prohibited: open failed"), None);
    }

    #[tokio::test]
    async fn every_port_is_asked_from_there() {
        let script = "case $to in
            '') exit 0 ;;
            *:2380) echo 'channel 0: open failed: connect failed: Connection refused' >&2; exit 255 ;;
            *:6443) echo 'channel 0: open failed: connect failed: No route to host' >&2; exit 255 ;;
            *) exit 0 ;;
        esac";
        let expected = [
            (Service::Etcd, Knock::Refused),
            (Service::Api, Knock::Unreachable),
            (Service::Kubelet, Knock::Connected),
            (Service::Ssh, Knock::Connected),
        ];
        assert_eq!(seen(script).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_way_there_that_does_not_work_says_nothing_of_the_host() {
        let why = seen("echo 'root@x: Permission denied (publickey).' >&2; exit 255")
            .await
            .unwrap_err();
        assert_eq!(why.kind, WhyKind::Denied);
        let forbids = "[ -z \"$to\" ] || { echo 'channel 0: open failed: administratively prohibited: open failed' >&2; exit 255; }";
        let why = seen(forbids).await.unwrap_err();
        assert!(why.text.as_str().contains("prohibited") && why.hint.is_some(), "{why}");
    }

    #[test]
    fn nobody_looks_while_all_answer_or_none_does() {
        assert_eq!(looks(&example::healthy()), []);
        assert_eq!(looks(&example::quorum_lost()), []);
    }
}
