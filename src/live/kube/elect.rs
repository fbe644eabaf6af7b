//! Which API server to use: all known ones are asked side by side, and the first that serves wins.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Snapshots;
use super::clients::Clients;
use super::heartbeat::{Pulse, beat};
use super::kubeconfig::Access;
use super::server::{Server, candidates};
use super::session::Session;
use crate::base::{Text, Why};
use crate::model::feed::HostPart;
use crate::model::{FeedId, FeedState, Snapshot};

/// How long the preferred server is asked alone at the start, unless it fails sooner.
const HEAD_START: Duration = Duration::from_millis(500);

/// How long the sources that tell of other servers are waited for, once every known one was asked in vain.
const TOLD: Duration = Duration::from_secs(1);

/// Finds a server other than `avoid`. Without `avoid` the preferred one gets a head start. Servers that become known
/// meanwhile take part. The error says why none serves; None where there is none to ask.
pub async fn elect(access: &Access, snapshots: &mut Snapshots, avoid: Option<&Server>) -> Result<Session, Option<Why>> {
    let clients = Clients::prepare(access).await.map_err(Some)?;
    let mut asked: Vec<Server> = avoid.into_iter().cloned().collect();
    let mut running = FuturesUnordered::new();
    let mut answered: Option<Session> = None;
    let mut failures = Vec::new();
    let mut open = avoid.is_some();
    let head_start = tokio::time::sleep(HEAD_START);
    let told = tokio::time::sleep(TOLD);
    tokio::pin!(head_start, told);
    loop {
        for server in known(access, snapshots, open) {
            if !asked.contains(&server) {
                asked.push(server.clone());
                running.push(ask(clients.session(&server)));
            }
        }
        let is_told = told.is_elapsed() || !access.may_roam() || are_all_told(&snapshots.newest());
        if running.is_empty() && open && is_told {
            return answered.ok_or_else(|| summary(&access.preferred, failures));
        }
        tokio::select! {
            Some((session, pulse)) = running.next() => {
                match pulse {
                    Pulse::Proven => return Ok(session),
                    Pulse::Answered(_) => { answered.get_or_insert(session); }
                    Pulse::Failed(why) => failures.push((session.server, why)),
                }
                open = true;
            }
            () = &mut head_start, if !open => open = true,
            () = &mut told, if !told.is_elapsed() => {}
            () = snapshots.changed(), if open => {}
        }
    }
}

fn known(access: &Access, snapshots: &Snapshots, open: bool) -> Vec<Server> {
    if open && access.may_roam() {
        return candidates(&snapshots.newest(), &access.preferred);
    }
    vec![access.preferred.clone()]
}

/// Whether the first sources that tell of other servers have spoken, or failed: this host's k0s.yaml and its etcd.
fn are_all_told(snapshot: &Snapshot) -> bool {
    [FeedId::Host(HostPart::Config), FeedId::EtcdLocal].iter().all(|id| {
        let feed = snapshot.feeds.get(id);
        feed.is_some_and(|state| !matches!(state, FeedState::Syncing { .. }))
    })
}

async fn ask(session: Session) -> (Session, Pulse) {
    let pulse = beat(&session).await;
    (session, pulse)
}

/// The preferred server's reason stands for all, and the others are counted.
fn summary(preferred: &Server, mut failures: Vec<(Server, Why)>) -> Option<Why> {
    failures.sort_by_key(|(server, _)| server != preferred);
    let others = failures.len().saturating_sub(1);
    let (_, mut why) = failures.into_iter().next()?;
    match others {
        0 => {}
        1 => why.text = Text::from(format!("{}; nor does the other API server serve", why.text)),
        _ => why.text = Text::from(format!("{}; nor do the {others} other API servers serve", why.text)),
    }
    Some(why)
}
