//! One thing that changed.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::app::failover::Failover;
use crate::base::alias::Names;
use crate::base::{Stamp, Text};
use crate::check::Severity;

/// What an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Topic {
    Feed,
    Endpoint,
    Node,
    Heartbeat,
    Member,
    Health,
    Leader,
    Office,
    Lock,
    Spare,
    Workload,
    Pods,
    Finding,
    Return,
    Pause,
    Run,
    Failover,
    Session,
}

impl Topic {
    /// The topic in one word.
    pub const fn word(self) -> &'static str {
        match self {
            Topic::Feed => "feed",
            Topic::Endpoint => "API server",
            Topic::Node => "node",
            Topic::Heartbeat => "heartbeat",
            Topic::Member => "member",
            Topic::Health => "health",
            Topic::Leader | Topic::Office => "leader",
            Topic::Lock => "lock",
            Topic::Spare => "spare",
            Topic::Workload => "workload",
            Topic::Pods => "pods",
            Topic::Finding => "finding",
            Topic::Return => "came back",
            Topic::Pause => "pause",
            Topic::Run => "run",
            Topic::Failover => "failover",
            Topic::Session => "watch",
        }
    }
}

/// One thing that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts up from 0 in this session, and down from -1 in those before it.
    pub number: i64,
    /// When it was noticed.
    pub at: Stamp,
    /// What it is about.
    pub topic: Topic,
    /// Which one.
    pub subject: Text,
    /// What it is now, and what it was.
    pub text: Text,
    /// How bad it is now; None where it is good.
    pub severity: Option<Severity>,
    /// Pods created, told to go, and gone, where it is about pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<[usize; 3]>,
    /// How long a heartbeat paused, where it is about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasted: Option<Duration>,
    /// The whole story, where a lost node is made good or came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<Arc<Failover>>,
}

impl Entry {
    /// An entry without figures, of no number yet.
    pub fn new(at: Stamp, topic: Topic, subject: Text, text: &str, severity: Option<Severity>) -> Self {
        Self {
            number: 0,
            at,
            topic,
            subject,
            text: Text::new(text),
            severity,
            pods: None,
            lasted: None,
            failover: None,
        }
    }

    /// What it says, in a line.
    pub fn words(&self) -> String {
        format!("{} {} {}", self.topic.word(), self.subject, self.text)
    }

    /// Adds the names that it tells.
    pub fn name(&self, names: &mut Names) {
        let subject = self.subject.as_str();
        match self.topic {
            Topic::Node | Topic::Heartbeat | Topic::Member | Topic::Health | Topic::Pause => names.add("node", subject),
            // As `facts::pods_moved` tells them: of those that are gone no snapshot does.
            Topic::Pods => {
                let words = self.text.as_str().split([' ', ',']);
                words
                    .filter_map(|word| word.split_once('/'))
                    .for_each(|(_, pod)| names.add("pod", pod));
            }
            Topic::Feed
            | Topic::Endpoint
            | Topic::Leader
            | Topic::Office
            | Topic::Lock
            | Topic::Spare
            | Topic::Workload
            | Topic::Finding
            | Topic::Return
            | Topic::Run
            | Topic::Failover
            | Topic::Session => {}
        }
        if let Some(own) = &self.failover {
            names.add("node", own.node.as_str());
            own.pods
                .iter()
                .for_each(|leaving| names.add("pod", leaving.pod.name.as_str()));
        }
    }

    /// Whether an earlier session wrote it.
    pub const fn is_past(&self) -> bool {
        self.number < 0
    }

    /// How long ago it was. The monotonic time of an earlier session says nothing about ours.
    pub fn age(&self, now: Stamp) -> Duration {
        if self.is_past() {
            now.wall_since(self.at.wall)
        } else {
            now.since(self.at)
        }
    }
}
