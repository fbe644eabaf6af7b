//! What goes on and what this host itself says.

use super::{Line, Page, Section};
use crate::base::Age;
use crate::model::feed::{FeedId, HostPart};
use crate::model::journal;

/// No more names in a row.
const MAX_NAMES: usize = 6;

impl Page<'_> {
    /// Saving what there is.
    pub(super) fn backup(&self) -> Section {
        let host = if self.snapshot.host.name.is_empty() {
            "here"
        } else {
            self.snapshot.host.name.as_str()
        };
        let mut lines = Vec::new();
        if self.snapshot.here().etcd.is_dead() {
            lines.push(Line::say(
                "etcd here does not answer, so there is no snapshot; while it is stopped, its files can be copied:",
            ));
            lines.push(Line::command(format!(
                "sudo cp -a {}/etcd/member /root/etcd-member-{host}",
                self.k0s_dir()
            )));
        } else {
            let age = self.age(FeedId::EtcdLocal);
            let said = if age.is_empty() {
                " (not heard yet)"
            } else {
                age.as_str()
            };
            lines.push(Line::say(format!(
                "works without quorum, from etcd on this host alone{said}:"
            )));
            lines.push(Line::command(format!(
                "sudo quorate etcd snapshot /root/etcd-{host}.db"
            )));
        }
        lines.push(Line::say(
            "copy it to another machine, with the directory pki: without its keys a restore is worth little",
        ));
        lines.push(Line::command(format!(
            "sudo tar -C {} -cf /root/pki-{host}.tar pki",
            self.k0s_dir()
        )));
        Section {
            title: "A backup now".into(),
            lines,
        }
    }

    /// The errors in k0s's journal, explained.
    pub(super) fn said_here(&self) -> Section {
        let feed = FeedId::Host(HostPart::Unit);
        let unit = self.snapshot.host.unit.as_ref();
        let errors = unit.map(|fact| fact.value.errors.as_slice()).unwrap_or_default();
        let mut lines = Vec::new();
        // Known messages first, newest first.
        let mut sorted: Vec<_> = errors
            .iter()
            .rev()
            .map(|line| (journal::explain(line.text.as_str()), line))
            .collect();
        sorted.sort_by_key(|(known, _)| known.is_none());
        for (known, line) in sorted {
            let age = line.at.map(|at| format!("{} ago", Age(self.snapshot.wall_age(at))));
            let times = (line.times > 1).then(|| format!("{} times", line.times));
            let when: Vec<String> = age.into_iter().chain(times).collect();
            lines.push(Line::say(format!("{} ({})", line.text, when.join(", "))));
            if let Some(known) = known {
                lines.push(Line::say(format!("  means: {}", known.meaning)));
                lines.push(Line::say(format!("  do: {}", known.advice)));
            }
        }
        if lines.is_empty()
            && let Some(why) = self.snapshot.feed(feed).why()
        {
            lines.push(Line::say(format!(
                "k0scontroller's journal cannot be read: {}",
                why.text
            )));
        }
        Section {
            title: "What k0s says on this host".into(),
            lines,
        }
    }

    /// What works meanwhile.
    pub(super) fn goes_on(&self, has_stopped: bool) -> Section {
        let mut lines = Vec::new();
        let feed = FeedId::Host(HostPart::Containers);
        if let Some(fact) = &self.snapshot.host.containers {
            let age = self.age(feed);
            let pods = &fact.value.pods;
            let names = pods
                .iter()
                .filter_map(|pod| pod.name.as_ref().map(|(_, name)| name.as_str()));
            let names: Vec<&str> = names.take(MAX_NAMES).collect();
            let more = pods.len() - names.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            let names = if names.is_empty() {
                String::new()
            } else {
                format!(": {}{more}", names.join(", "))
            };
            lines.push(Line::say(format!("{} pods run on this host{age}{names}", pods.len())));
        } else {
            let why = self.snapshot.feed(feed).why().map(|why| format!(": {}", why.text));
            lines.push(Line::say(format!(
                "which pods run here is not known{}",
                why.unwrap_or_default()
            )));
        }
        if has_stopped {
            lines.push(Line::say(
                "pods, and the traffic to them: kube-proxy's rules and Calico's routes stay as they are",
            ));
            lines.push(Line::say("kubelets start crashed containers again, on their own host"));
        }
        Section {
            title: "What goes on".into(),
            lines,
        }
    }
}
