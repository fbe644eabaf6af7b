//! Every etcd member through its peer port, without SSH: whether it answers, how fast, its clock, its version and its own
//! view of the membership. These answers are local to the member: they prove a live process, not quorum. Knows the
//! membership only from the snapshots it is given. Start reading at [`observe`]; [`request::PeerPath`] is the safety of it.

mod answers;
mod prober;
mod request;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

use self::prober::{PACE, Pace, Prober};
use super::etcd::EtcdPki;
use crate::base::Text;
use crate::model::Snapshot;
use crate::model::etcd::MemberId;
use crate::port::{Closed, Sink};

/// Far more members than etcd recommends (7).
const MAX_PROBERS: usize = 16;

/// Probes every member of the snapshots' membership until nobody reads any more, or no more snapshots come.
pub async fn observe(pki: EtcdPki, sink: Sink, snapshots: watch::Receiver<Arc<Snapshot>>) {
    supervise(&pki, &sink, snapshots, PACE).await;
    tracing::debug!("peer ports are no longer observed");
}

/// The probers that run. Dropping it ends them.
struct Probers {
    tasks: JoinSet<Result<(), Closed>>,
    running: BTreeMap<MemberId, (Text, AbortHandle)>,
}

async fn supervise(pki: &EtcdPki, sink: &Sink, mut snapshots: watch::Receiver<Arc<Snapshot>>, pace: Pace) {
    let mut probers = Probers {
        tasks: JoinSet::new(),
        running: BTreeMap::new(),
    };
    loop {
        let wanted = wanted(&snapshots.borrow_and_update());
        probers.keep_only(&wanted);
        for (id, url) in wanted {
            probers.start(id, url, |url| {
                Prober::new(id, url, pki.peer_files(), sink.clone(), pace)
            });
        }
        // A prober ends by itself only when nobody reads.
        tokio::select! {
            changed = snapshots.changed() => if changed.is_err() { return },
            Some(Ok(Err(Closed))) = probers.tasks.join_next() => return,
        }
    }
}

/// Members with a peer URL, and the URL.
fn wanted(snapshot: &Snapshot) -> BTreeMap<MemberId, Text> {
    let members = snapshot.membership().members.into_iter();
    members
        .filter_map(|member| Some((member.id, member.peer_urls.into_iter().next()?)))
        .take(MAX_PROBERS)
        .collect()
}

impl Probers {
    /// Ends the probers of members that are gone or have moved.
    fn keep_only(&mut self, wanted: &BTreeMap<MemberId, Text>) {
        self.running.retain(|id, (url, task)| {
            let stays = wanted.get(id) == Some(url) && !task.is_finished();
            if !stays {
                task.abort();
            }
            stays
        });
    }

    fn start(&mut self, id: MemberId, url: Text, prober: impl FnOnce(&Text) -> Prober) {
        if !self.running.contains_key(&id) {
            let task = self.tasks.spawn(prober(&url).run());
            self.running.insert(id, (url, task));
        }
    }
}
