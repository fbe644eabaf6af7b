//! What to do when the cluster, or this host's part of it, is dark: who is needed, what goes on, what stands still, what to
//! save now and what never to do now. Text only: nothing of this is done by quorate. Pure. Start reading at
//! [`Snapshot::recovery`].

mod here;
mod steps;
mod worst;

use serde::{Deserialize, Serialize};

use super::dark::{Diagnosis, State};
use super::feed::FeedId;
use super::quorum::Quorum;
use super::snapshot::Snapshot;
use crate::base::{Age, Text};

/// What a line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// To be read.
    Say,
    /// A command to copy, for the host that the line above it names.
    Command,
    /// What must not be done.
    Never,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What it is for.
    pub kind: Kind,
    /// What it says.
    pub text: Text,
}

impl Line {
    fn say(text: impl Into<Text>) -> Self {
        Self {
            kind: Kind::Say,
            text: text.into(),
        }
    }

    fn command(text: impl Into<Text>) -> Self {
        Self {
            kind: Kind::Command,
            text: text.into(),
        }
    }

    fn never(text: impl Into<Text>) -> Self {
        Self {
            kind: Kind::Never,
            text: text.into(),
        }
    }
}

/// Lines about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// What about.
    pub title: Text,
    /// What to say.
    pub lines: Vec<Line>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// What is dark.
    pub diagnosis: Diagnosis,
    /// What is needed first stands first.
    pub sections: Vec<Section>,
}

impl Snapshot {
    /// What to do about what is dark. Where nothing is, it says so, and how to take a backup.
    pub fn recovery(&self) -> Recovery {
        let diagnosis = self.diagnosis();
        let page = Page {
            snapshot: self,
            quorum: self.quorum(),
            state: diagnosis.state,
        };
        let mut sections = vec![page.first()];
        // Of a lost quorum, all of it stands in the first section.
        if !matches!(diagnosis.state, State::QuorumLost | State::NothingWrong) {
            sections.push(evidence(&diagnosis));
        }
        let is_stopped = page.has_stopped();
        if diagnosis.state.is_dark() {
            sections.push(page.not_now());
        }
        sections.push(page.backup());
        if diagnosis.state.is_dark() {
            sections.push(page.said_here());
            sections.push(page.goes_on(is_stopped));
        }
        if is_stopped {
            sections.push(worst::stands_still());
            sections.push(page.newest_log());
        }
        if matches!(diagnosis.state, State::QuorumLost | State::AllDeadHere) && is_stopped {
            sections.push(page.last_resort());
        }
        sections.retain(|section| !section.lines.is_empty());
        Recovery { diagnosis, sections }
    }
}

/// What a page is made from.
struct Page<'a> {
    snapshot: &'a Snapshot,
    quorum: Quorum,
    state: State,
}

impl Page<'_> {
    /// Whether the whole control plane has stopped, or may have.
    fn has_stopped(&self) -> bool {
        use super::quorum::Standing;
        match self.state {
            State::QuorumLost | State::NoLeader | State::NoSpace => true,
            State::AllDeadHere | State::EtcdDeadHere | State::CertificatesExpired | State::ClockOff => {
                !matches!(self.quorum.standing, Standing::Held { .. })
            }
            State::NothingWrong
            | State::Us { .. }
            | State::Partition
            | State::ApiDeadHere
            | State::ApiRefuses { .. }
            | State::LearnerHere
            | State::CannotTell => false,
        }
    }

    /// The age of a source's last answer, in brackets.
    fn age(&self, feed: FeedId) -> String {
        let as_of = self.snapshot.feed(feed).as_of();
        as_of.map_or_else(String::new, |at| format!(" ({} ago)", Age(self.snapshot.now.since(at))))
    }

    /// This host, as people call it.
    fn this_host(&self) -> String {
        if self.snapshot.host.name.is_empty() {
            return "this host".to_owned();
        }
        format!("this host ({})", self.snapshot.host.name)
    }

    /// k0s's directory on this host.
    fn k0s_dir(&self) -> String {
        let found = self.snapshot.host.k0s_dir();
        found.map_or_else(|| "/var/lib/k0s".to_owned(), |dir| dir.to_string())
    }
}

fn evidence(diagnosis: &Diagnosis) -> Section {
    Section {
        title: "What shows it".into(),
        lines: diagnosis.evidence.iter().map(|line| Line::say(line.clone())).collect(),
    }
}

#[cfg(test)]
mod tests;
