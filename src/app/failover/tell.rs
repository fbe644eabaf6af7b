//! A loss in sentences, the same on screen, on paper and read aloud. Start reading at [`line`] and [`steps`].

use std::time::Duration;

use jiff::Timestamp;

use super::{End, Failover, Refilled, Stage, after, users};
use crate::base::{Age, Text, plural};
use crate::check::Severity;
use crate::forecast::{Band, COLD_START, tell};
use crate::model::kube::Tolerates;

/// A step may be seen so much later than it happens.
const LOOK: Duration = Duration::from_secs(2);

/// The number of the taint among the steps.
const TAINT: usize = 1;

/// One step: what was foretold and what happened, counted from the last heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub what: String,
    /// When, as it was foretold.
    pub foretold: Option<Band>,
    /// When it was seen.
    pub seen: Option<Duration>,
    /// What else there is to say of it: how much of it, why it is later.
    pub notes: Vec<String>,
}

impl Step {
    /// Whether it was seen later than foretold, or is awaited for longer by now.
    pub fn is_late(&self, elapsed: Duration) -> bool {
        let at = self.seen.unwrap_or(elapsed);
        self.foretold.is_some_and(|band| at > band.to + LOOK)
    }
}

/// How bad it is that it ended so.
pub fn severity(of: &Failover) -> Option<Severity> {
    match of.end {
        Some((_, End::Returned | End::MadeGood)) => None,
        Some((_, End::Waits | End::Unfinished)) => Some(Severity::Warning),
        Some((_, End::Deleted)) | None => Some(Severity::Info),
    }
}

/// Where it stands, in one line: what comes next and when.
pub fn line(of: &Failover, now: Timestamp) -> String {
    let elapsed = after(of.began, now);
    let steps = steps(of);
    let state = if of.stage() == Stage::Silent { "silent" } else { "lost" };
    let head = format!("{} {state} {}", of.node, Age(elapsed));
    // Before anything has happened, what matters is when pods move.
    let skipped = (of.stage() == Stage::Silent).then_some(TAINT);
    let next: Vec<String> = steps
        .iter()
        .enumerate()
        .filter(|(number, step)| step.seen.is_none() && Some(*number) != skipped)
        .map(|(_, step)| step)
        .take(2)
        .map(|step| format!("{} {}", step.what, due(step, elapsed)))
        .collect();
    let next = next.join(", ");
    match of.stage() {
        Stage::Silent | Stage::Unknown | Stage::Tainted => format!("{head}: {next}"),
        Stage::Evicting | Stage::Replacing => format!(
            "{head}: {}/{} pods evicted; {}",
            of.evicted(),
            of.pods.len(),
            refill(of)
        ),
    }
}

fn due(step: &Step, elapsed: Duration) -> String {
    match step.foretold {
        None => "to come".to_owned(),
        Some(band) if elapsed > band.to => format!("late by {}", Age(elapsed.checked_sub(band.to).unwrap_or_default())),
        Some(band) if elapsed >= band.from => format!("within {}", whole(band.to.saturating_sub(elapsed))),
        Some(band) => {
            let left = Band {
                from: band.from.saturating_sub(elapsed),
                to: band.to.saturating_sub(elapsed),
            };
            format!("in {}", tell::band(left))
        }
    }
}

fn whole(span: Duration) -> Age {
    Age(Duration::from_secs(span.as_secs() + u64::from(span.subsec_nanos() > 0)))
}

/// How far the replacements are.
fn refill(of: &Failover) -> String {
    let sum = |count: fn(&Refilled) -> u32| of.workloads.iter().map(count).sum::<u32>();
    let full = of.workloads.iter().filter(|own| own.elsewhere >= own.before).count();
    // With `1 Pending` it fits below the console at 80 columns.
    let mut parts = vec![format!("{full}/{} full", plural(of.workloads.len(), "workload"))];
    for (count, word) in [
        (sum(|own| own.starting), "starting"),
        (sum(|own| own.pending), "Pending"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    parts.join(", ")
}

/// All steps in their order.
pub fn steps(of: &Failover) -> Vec<Step> {
    let times = of.foretold.as_ref().ok();
    let shifted = |band| shifted(of, band);
    let led = times.filter(|times| times.is_led_from_there).map(|_| {
        let next = of.new_leader.as_ref().map(|leader| format!("; {leader} leads now"));
        format!(
            "later than usual: kube-controller-manager led from {}, and the next one counts from zero{}",
            of.node,
            next.unwrap_or_default()
        )
    });
    let seen = |at: Option<Timestamp>| at.map(|at| after(of.began, at));
    let mut all = vec![
        Step {
            what: "Unknown".to_owned(),
            foretold: times.map(|times| shifted(times.unknown)),
            seen: seen(of.unknown),
            notes: led.into_iter().collect(),
        },
        Step {
            what: "taint".to_owned(),
            foretold: times.map(|times| shifted(times.tainted)),
            seen: seen(of.tainted),
            notes: Vec::new(),
        },
    ];
    all.extend(evictions(of));
    let replaced = times.and_then(|times| times.replaced).map(shifted);
    // Without a forecast, from the last eviction on.
    let evicted = all.last().and_then(|step| step.foretold);
    let by_eviction = evicted.map(|band| Band {
        to: band.to + COLD_START.to,
        ..band
    });
    all.extend(full(of, replaced.or(by_eviction)));
    all
}

/// A band that counts from where the foretold times do, counted from the last heartbeat.
fn shifted(of: &Failover, band: Band) -> Band {
    let shift = after(of.began, of.counted_from);
    Band {
        from: band.from + shift,
        to: band.to + shift,
    }
}

/// When pods with this delay after the taint are evicted, as foretold; without a forecast the taint itself says when.
fn eviction(of: &Failover, delay: Duration) -> Option<Band> {
    let times = of.foretold.as_ref().ok();
    let foretold = times.and_then(|times| times.evicted.iter().find(|band| band.delay == delay));
    let by_taint = || {
        let tainted = after(of.began, of.tainted?);
        Some(Band {
            from: tainted + delay,
            to: tainted + delay + LOOK,
        })
    };
    foretold.map(|own| shifted(of, own.at)).or_else(by_taint)
}

/// Each pod that leaves, and when it was told to go.
pub fn pods(of: &Failover) -> impl Iterator<Item = Step> {
    of.pods.iter().filter_map(|own| match own.leaves {
        Tolerates::Seconds(seconds) => Some(Step {
            what: own.pod.to_string(),
            foretold: eviction(of, Duration::from_secs(seconds)),
            seen: own.evicted.map(|at| after(of.began, at)),
            notes: Vec::new(),
        }),
        Tolerates::Forever => None,
    })
}

/// Pods by their delay after the taint.
fn evictions(of: &Failover) -> Vec<Step> {
    let delays = of.pods.iter().filter_map(|own| match own.leaves {
        Tolerates::Seconds(seconds) => Some(seconds),
        Tolerates::Forever => None,
    });
    let mut delays: Vec<u64> = delays.collect();
    delays.sort_unstable();
    delays.dedup();
    let each = delays.into_iter().map(|seconds| {
        let delay = Duration::from_secs(seconds);
        let own: Vec<_> = of
            .pods
            .iter()
            .filter(|own| own.leaves == Tolerates::Seconds(seconds))
            .collect();
        let gone = own.iter().filter_map(|own| own.evicted);
        let last = gone.clone().max().filter(|_| gone.clone().count() == own.len());
        let mut notes = Vec::new();
        if last.is_none() && gone.clone().next().is_some() {
            notes.push(format!("{} of {} so far", gone.count(), own.len()));
        }
        if delay >= Duration::from_mins(1) {
            notes.push(format!("they tolerate a lost node for {}", Age(delay)));
        }
        Step {
            what: format!("{} evicted", plural(own.len(), "pod")),
            foretold: eviction(of, delay),
            seen: last.map(|at| after(of.began, at)),
            notes,
        }
    });
    each.collect()
}

/// Everything ready again but what was foretold to stay Pending, and what each workload that is not waits for.
fn full(of: &Failover, foretold: Option<Band>) -> Option<Step> {
    let (short, whole): (Vec<&Refilled>, Vec<&Refilled>) = of.workloads.iter().partition(|own| own.is_to_stay_short());
    let last = whole.iter().map(|own| own.full).max()?;
    let is_full = whole.iter().all(|own| own.full.is_some());
    let lacking = of.workloads.iter().filter(|own| own.elsewhere < own.before);
    let stays = short.iter().filter_map(|own| {
        let name = &own.key.name;
        Some(format!(
            "{name} was foretold to stay at {} of {}",
            own.foretold?, own.before
        ))
    });
    let has_left = of.evicted() > 0;
    let now = lacking.filter(|_| has_left).map(short_of);
    let seen = last.filter(|_| is_full);
    // What was so at the first look may have been so for long: that is not late.
    let by_then = seen.filter(|_| seen == of.first_look).map(|at| after(of.began, at));
    let so_far = by_then.map(|_| "so it was found at the first look".to_owned());
    Some(Step {
        what: format!("{} ready elsewhere", plural(whole.len(), "workload")),
        foretold: foretold.filter(|band| by_then.is_none_or(|passed| passed <= band.to)),
        seen: seen.map(|at| after(of.began, at)),
        notes: so_far.into_iter().chain(stays).chain(now).collect(),
    })
}

fn short_of(own: &Refilled) -> String {
    let name = &own.key.name;
    let count = format!("{name}: {} of {} ready elsewhere", own.elsewhere, own.before);
    match (&own.waits, own.pending, own.starting) {
        (Some(why), 1.., _) => format!("{count}, {} Pending: {why}", own.pending),
        (Some(why), 0, _) => format!("{count}, {} starting: {why}", own.starting),
        (None, 1.., _) => format!("{count}, {} Pending", own.pending),
        (None, 0, 1..) => format!("{count}, {} starting", own.starting),
        (None, 0, 0) if own.is_held() => {
            format!("{count}: no new pod while the old one is there, until the Node is deleted or returns")
        }
        (None, 0, 0) => count,
    }
}

/// How it ended, in one line with what was foretold.
pub fn summary(of: &Failover) -> String {
    let Some((at, end)) = of.end else {
        return line(of, of.began);
    };
    let lasted = Age(after(of.began, at));
    let evicted = of.evicted();
    let head = match end {
        End::Returned if evicted == 0 => format!("came back after {lasted}, before any pod was evicted"),
        End::Returned => format!("came back after {lasted}; {} had been evicted", plural(evicted, "pod")),
        End::MadeGood => format!("made good elsewhere after {lasted}"),
        End::Waits => format!("not all is made good after {lasted}: {}", refill(of)),
        End::Deleted => format!("its Node was deleted after {lasted}"),
        End::Unfinished => format!("not followed any longer after {lasted}: {}", refill(of)),
    };
    let told = steps(of).into_iter().filter_map(|step| {
        let seen = Age(step.seen?);
        let foretold = step.foretold.map(|band| format!(" (foretold {})", tell::band(band)));
        Some(format!("{} after {seen}{}", step.what, foretold.unwrap_or_default()))
    });
    let users = of.users.map(|own| format!("users {}", users::words(&own, at)));
    std::iter::once(head)
        .chain(told)
        .chain(users)
        .collect::<Vec<_>>()
        .join("; ")
}

/// A name, a sentence, and whether it is late.
pub type Row = (String, Text, bool);

/// A step in a row.
pub fn row(of: &Failover, step: Step, now: Timestamp) -> Row {
    let elapsed = after(of.began, of.end.map_or(now, |(at, _)| at));
    let foretold = step.foretold.map(|band| format!("foretold after {}", tell::band(band)));
    let seen = match (step.seen, of.end) {
        (Some(seen), _) => format!("after {}", Age(seen)),
        (None, Some(_)) => "not seen".to_owned(),
        (None, None) => due(&step, elapsed),
    };
    let is_late = step.is_late(elapsed) && (step.seen.is_some() || of.end.is_none());
    let late = (is_late && step.seen.is_some()).then(|| "later than foretold".to_owned());
    let parts = std::iter::once(seen).chain(foretold).chain(late).chain(step.notes);
    (step.what, Text::from(parts.collect::<Vec<_>>().join("; ")), is_late)
}

/// The whole story: a row for each step.
pub fn story(of: &Failover, now: Timestamp) -> Vec<Row> {
    let mut rows = vec![(
        "last heartbeat".to_owned(),
        Text::from(of.began.strftime("%Y-%m-%d %H:%M:%SZ").to_string()),
        false,
    )];
    if let Err(why) = &of.foretold {
        rows.push(("foretold".to_owned(), Text::from(format!("nothing: {why}")), false));
    }
    rows.extend(steps(of).into_iter().map(|step| row(of, step, now)));
    rows.extend(of.users.map(|own| {
        let text = users::words(&own, of.end.map_or(now, |(at, _)| at));
        ("users".to_owned(), Text::from(text), !own.served)
    }));
    rows
}
