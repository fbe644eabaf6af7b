//! What stands still, what never to do now, which log is the newest, and the last resort. The procedures are etcd's
//! ("Disaster recovery") and k0s's (`docs/backup.md`); Embedded Cluster supports neither.

use super::{Line, Page, Section};
use crate::model::FeedId;
use crate::model::dark::State;

/// What does not work.
pub(super) fn stands_still() -> Section {
    let lines = [
        "every change: no pod is scheduled, evicted or moved, no Service follows its pods, no node's heartbeat is stored",
        "kubectl and the admin console: writes fail, reads are old or hang; no exec, no logs, no port-forward",
        "when quorum is back, controllers count from the beginning: nothing is evicted at once",
    ];
    Section {
        title: "What stands still".into(),
        lines: lines.map(Line::say).into(),
    }
}

impl Page<'_> {
    /// What must not be done now, and why.
    pub(super) fn not_now(&self) -> Section {
        let dir = self.k0s_dir();
        let mut lines = vec![
            Line::never("no reset (k0s, netbox-enterprise) on any controller: it wipes a log that may be the newest"),
            Line::never(format!(
                "remove nothing in {dir}/etcd: a member without its data cannot come back"
            )),
            Line::never("start no old disk, clone or VM snapshot of a controller: it brings an old member back"),
            Line::never("delete no Node: its local volumes go with it"),
        ];
        if self.has_stopped() && self.state != State::NoSpace {
            lines.push(Line::never(
                "no join and no `etcd leave`: without quorum etcd refuses both",
            ));
        }
        if self.has_stopped() && self.quorum.healthy > 0 && self.state != State::NoSpace {
            // etcd `server/embed/serve.go`: clients are served once the server is ready, which takes a leader.
            lines.push(Line::never(
                "no restart of k0s where etcd still runs: until quorum is back it would serve nobody, not even this page",
            ));
        }
        if self.state == State::NoSpace {
            lines.push(Line::never(
                "evict and restart nothing because of NotReady nodes: they live",
            ));
        }
        Section {
            title: "Not now".into(),
            lines,
        }
    }

    /// Which member has the newest log, as far as is known.
    pub(super) fn newest_log(&self) -> Section {
        let mut lines = Vec::new();
        let feed = FeedId::EtcdLocal;
        match &self.snapshot.etcd.local {
            Some(fact) => {
                let status = &fact.value;
                lines.push(Line::say(format!(
                    "{}: term {}, applied index {} of {}, revision {}{}",
                    self.this_host(),
                    status.term,
                    status.applied_index,
                    status.raft_index,
                    status.revision,
                    self.age(feed)
                )));
            }
            None => lines.push(Line::say(format!(
                "{}: not known, its etcd never answered us",
                self.this_host()
            ))),
        }
        let mut others: Vec<_> = self.quorum.members.iter().collect();
        others.retain(|state| !state.is_local && !state.member.is_learner);
        others.sort_by(|a, b| a.member.name.cmp(&b.member.name));
        for state in others {
            let name = super::steps::called(state);
            lines.push(Line::say(format!(
                "{name}: not known; it is told on that host alone: sudo quorate status"
            )));
        }
        if self.quorum.members.is_empty() {
            lines.push(Line::say("other members: not known"));
        }
        lines.push(Line::say(
            "the highest term, then the highest index, is the newest; compare before any restore",
        ));
        Section {
            title: "Which log is the newest".into(),
            lines,
        }
    }

    /// When no other member can ever come back.
    pub(super) fn last_resort(&self) -> Section {
        let dir = self.k0s_dir();
        let lines = vec![
            Line::say(
                "only when no other member can ever come back with its disk. Embedded Cluster supports neither way: ask support \
                       first. quorate does none of this",
            ),
            Line::say("1. a backup of every survivor (above), and the survivor with the newest log"),
            Line::say("2. every other old controller off for good: stopped, and its disk wiped before it starts again"),
            Line::say("3a. k0s's way, from an archive that k0s backup made; the new etcd has one member:"),
            Line::command("sudo systemctl stop k0scontroller"),
            Line::command(format!(
                "sudo mv {dir} {dir}.old && sudo k0s restore ARCHIVE.tar.gz --data-dir {dir}"
            )),
            Line::say(
                "3b. etcd's way, which k0s documents nowhere: in /etc/k0s/k0s.yaml, for one start, then taken out again:",
            ),
            Line::command("spec: {storage: {etcd: {extraArgs: {force-new-cluster: \"true\"}}}}"),
            Line::say(
                "4. restart k0scontroller everywhere afterwards: a restore sets revisions back, and caches must not survive it",
            ),
            Line::say("5. join the others one at a time as new controllers, each a voter before the next"),
        ];
        Section {
            title: "If it comes to the worst".into(),
            lines,
        }
    }
}
