//! The one line above everything: are we still highly available, and what would the next loss do?

use serde::{Deserialize, Serialize};
use unicode_width::UnicodeWidthChar;

use super::etcd::bring_back;
use super::look::called;
use super::{CheckId, Finding, Outcome, Severity, acknowledgement};
use crate::base::{Text, Why, WhyKind};
use crate::model::policy::Acknowledgement;
use crate::model::quorum::{Quorum, Standing};
use crate::model::{FeedId, Snapshot};

/// No line is wider than this, in columns: with `CRITICAL` and a gap before it, it fits 80.
const COLUMNS: usize = 70;

/// How the cluster stands, as a monitoring plugin would say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Highly available, by fresh data.
    Ok,
    /// Works, but not as promised.
    Warning,
    /// In danger or down.
    Critical,
    /// The quorum picture is missing.
    Unknown,
}

impl Level {
    /// The level in one word.
    pub const fn word(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warning => "warning",
            Level::Critical => "critical",
            Level::Unknown => "unknown",
        }
    }

    /// The exit code of `check`, by the convention of monitoring plugins.
    pub const fn exit_code(self) -> u8 {
        match self {
            Level::Ok => 0,
            Level::Warning => 1,
            Level::Critical => 2,
            Level::Unknown => 3,
        }
    }
}

/// The verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How bad.
    pub level: Level,
    /// In one line, without the level.
    pub line: Text,
}

/// Judges: critical before cannot-tell of the quorum picture, before warning, before a source that the picture needs and that
/// was not read yet, before ok. Info leaves ok, and so does an acknowledged warning. Where checks were picked without quorum
/// and spare, all of them must be told.
pub fn judge(snapshot: &Snapshot, outcomes: &[(CheckId, Outcome)], given: &[Acknowledgement]) -> Verdict {
    let quorum = snapshot.quorum();
    let counted: Vec<&Finding> = super::findings(outcomes)
        .filter(|finding| is_counted(finding, given))
        .collect();
    let of = |severity: Severity| {
        counted
            .iter()
            .copied()
            .filter(move |finding| finding.severity == severity)
    };
    let (level, line) = if let Some(worst) = of(Severity::Critical).next() {
        (Level::Critical, critical(&quorum, worst))
    } else if let Some((feed, why)) = quorum_picture_missing(outcomes) {
        (Level::Unknown, unknown(&quorum, &because(&quorum, feed, why)))
    } else if let Some(worst) = cause(&counted).or_else(|| of(Severity::Warning).next()) {
        (Level::Warning, warning(&quorum, worst, of(Severity::Warning).count()))
    } else if let Some((feed, why)) = unread(outcomes) {
        let sum = format!(
            "{} of {} healthy, {}",
            quorum.healthy,
            quorum.voters,
            next_loss(&quorum)
        );
        (
            Level::Unknown,
            format!("{sum}; feed {}: {}", snapshot.feed_name(&quorum, feed), why.text),
        )
    } else if let Some((id, why)) = untold_alone(outcomes) {
        (Level::Unknown, format!("{id} cannot be told: {}", why.text))
    } else if !is_about_quorum(outcomes) {
        (Level::Ok, "what was picked holds".to_owned())
    } else {
        let sum = format!("{} of {} controllers healthy", quorum.healthy, quorum.voters);
        (Level::Ok, format!("{sum}: {}", next_loss(&quorum)))
    };
    Verdict {
        level,
        line: fit(&line).into(),
    }
}

/// Whether a finding counts although it is acknowledged: danger does, and so does a cluster that cannot take a loss.
fn is_counted(finding: &Finding, given: &[Acknowledgement]) -> bool {
    let is_vital = matches!(finding.check, CheckId::EtcdQuorum | CheckId::EtcdSpare);
    is_vital || finding.severity == Severity::Critical || acknowledgement(given, finding).is_none()
}

/// A warning that explains others: what is dark on this host.
fn cause<'a>(counted: &[&'a Finding]) -> Option<&'a Finding> {
    let is_cause =
        |finding: &&&Finding| finding.check == CheckId::HostControlPlane && finding.severity == Severity::Warning;
    counted.iter().find(is_cause).copied()
}

/// Why quorum or spare cannot be told, if so.
fn quorum_picture_missing(outcomes: &[(CheckId, Outcome)]) -> Option<(FeedId, &Why)> {
    let needed = [CheckId::EtcdQuorum, CheckId::EtcdSpare];
    outcomes.iter().find_map(|(id, outcome)| match outcome {
        Outcome::CannotTell { feed, why, .. } if needed.contains(id) => Some((*feed, why)),
        Outcome::CannotTell { .. } | Outcome::Holds | Outcome::Broken { .. } | Outcome::NotApplicable { .. } => None,
    })
}

/// The source that was not read yet, and that the picture of nodes and replicas needs.
fn unread(outcomes: &[(CheckId, Outcome)]) -> Option<(FeedId, &Why)> {
    outcomes.iter().find_map(|(id, outcome)| match outcome {
        Outcome::CannotTell { feed, why, .. } if *id == CheckId::FeedsStale => Some((*feed, why)),
        Outcome::CannotTell { .. } | Outcome::Holds | Outcome::Broken { .. } | Outcome::NotApplicable { .. } => None,
    })
}

/// Whether quorum or spare were looked at: otherwise the checks were picked, and the verdict is about these alone.
fn is_about_quorum(outcomes: &[(CheckId, Outcome)]) -> bool {
    let about = |(id, _): &(CheckId, Outcome)| matches!(id, CheckId::EtcdQuorum | CheckId::EtcdSpare);
    outcomes.iter().any(about)
}

/// What cannot be told among checks that were picked by themselves: it is what was asked for.
fn untold_alone(outcomes: &[(CheckId, Outcome)]) -> Option<(CheckId, &Why)> {
    if is_about_quorum(outcomes) {
        return None;
    }
    outcomes.iter().find_map(|(id, outcome)| match outcome {
        Outcome::CannotTell { why, .. } => Some((*id, why)),
        Outcome::Holds | Outcome::Broken { .. } | Outcome::NotApplicable { .. } => None,
    })
}

/// What the next loss would do, in a few words.
fn next_loss(quorum: &Quorum) -> String {
    match quorum.spare() {
        Some(1) => "one may be lost".to_owned(),
        Some(spare) if spare > 1 => format!("{spare} may be lost"),
        Some(0) => "no spare".to_owned(),
        Some(_) => "too few".to_owned(),
        None => "spare not known".to_owned(),
    }
}

fn critical(quorum: &Quorum, worst: &Finding) -> String {
    if quorum.voters == 0 {
        return worst.title.to_string();
    }
    if worst.check != CheckId::EtcdQuorum {
        let sum = format!("{} of {} healthy, {}", quorum.healthy, quorum.voters, next_loss(quorum));
        return format!("{} ({sum})", worst.title);
    }
    match &quorum.standing {
        Standing::Lost => {
            let lost = format!(
                "quorum lost: {} of {} healthy, {} needed",
                quorum.healthy, quorum.voters, quorum.needed
            );
            format!("{lost}; {}", bring_back(quorum))
        }
        Standing::Alone { unplugged: true } => {
            "this host is cut off: it is us; the cluster cannot be judged from here".to_owned()
        }
        Standing::Alone { unplugged: false } => "no other controller answers: it is us, or all of them".to_owned(),
        Standing::Held { .. } | Standing::Unproven { .. } => worst.title.to_string(),
    }
}

/// Of a member that cannot be reached, its name and what it does: addresses and deadlines stand with the check.
fn because(quorum: &Quorum, feed: FeedId, why: &Why) -> String {
    let word = match why.kind {
        WhyKind::TimedOut | WhyKind::Unreachable | WhyKind::Broken => "does not answer",
        WhyKind::Refused => "refuses connections",
        WhyKind::Tls
        | WhyKind::Unauthenticated
        | WhyKind::Forbidden
        | WhyKind::NotFound
        | WhyKind::Throttled
        | WhyKind::Unavailable
        | WhyKind::Garbage
        | WhyKind::Missing
        | WhyKind::Denied
        | WhyKind::Config
        | WhyKind::NotYet
        | WhyKind::NoOccasion
        | WhyKind::Disabled => return why.text.to_string(),
    };
    let member = match feed {
        FeedId::EtcdPeer(id) => quorum.member(id),
        _ => None,
    };
    member.map_or_else(|| why.text.to_string(), |own| format!("{} {word}", called(&own.member)))
}

fn unknown(quorum: &Quorum, because: &str) -> String {
    match &quorum.standing {
        Standing::Held { .. } => format!("quorum holds, spare not known: {because}"),
        Standing::Lost | Standing::Alone { .. } | Standing::Unproven { .. } => format!("quorum not proven: {because}"),
    }
}

fn warning(quorum: &Quorum, worst: &Finding, warnings: usize) -> String {
    let sum = format!("{} of {} healthy", quorum.healthy, quorum.voters);
    if quorum.spare().is_some_and(|spare| spare <= 0) {
        return format!("{sum}, no spare: the next loss stops the control plane");
    }
    let more = if warnings > 1 {
        format!(" (+{})", warnings - 1)
    } else {
        String::new()
    };
    format!("{sum}, {}; {}{more}", next_loss(quorum), worst.title)
}

/// Cuts a line that is too wide, and shows that it was cut.
fn fit(line: &str) -> String {
    let width = |c: char| c.width().unwrap_or(0);
    if line.chars().map(width).sum::<usize>() <= COLUMNS {
        return line.to_owned();
    }
    let mut used = 0;
    let kept = line.chars().take_while(|c| {
        used += width(*c);
        used < COLUMNS
    });
    let mut kept: String = kept.collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
