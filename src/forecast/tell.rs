//! A forecast in sentences, the same on screen and on paper. Start reading at [`chapters`].

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Band, COLD_START, Fate, Move, Obstacle, Outlook, QuorumAfter, RoomLeft, WorkloadAfter};
use crate::base::{Age, Natural, Text, amount, plural};
use crate::model::ObjectKey;

/// Sentences about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// What they are about.
    pub title: &'static str,
    /// One sentence each.
    pub lines: Vec<Text>,
}

/// Everything that a forecast says, in the order of its weight. Chapters without a sentence are left out.
pub fn chapters(outlook: &Outlook) -> Vec<Chapter> {
    let all = [
        ("lost already", lost_already(outlook)),
        ("etcd", vec![quorum(&outlook.quorum)]),
        ("users", users(outlook)),
        ("when", when(outlook)),
        ("stays Pending", pending(outlook)),
        ("starts elsewhere", moving(outlook)),
        ("waits for its node", waiting(outlook)),
        ("room left", room(outlook)),
        ("led from there", outlook.leaders.clone()),
        ("data on its disk", claims(outlook)),
        (
            "not known",
            outlook.unsure.iter().map(|why| Text::from(why.to_string())).collect(),
        ),
    ];
    let chapters = all.into_iter().map(|(title, lines)| Chapter { title, lines });
    chapters.filter(|chapter| !chapter.lines.is_empty()).collect()
}

fn lost_already(outlook: &Outlook) -> Vec<Text> {
    let all = outlook.lost_already.iter();
    all.map(|own| {
        let since = own.since.strftime("%Y-%m-%d %H:%M:%SZ");
        Text::from(format!(
            "{} is lost already, since {since}: only what is still to come is foretold; quorate status tells its failover \
             step by step",
            own.node
        ))
    })
    .collect()
}

/// What becomes of etcd, in one sentence.
pub fn quorum(after: &QuorumAfter) -> Text {
    Text::from(match after {
        QuorumAfter::Held {
            healthy,
            voters,
            spare: 0,
        } => {
            format!(
                "quorum holds with {healthy} of {voters}, and nothing more may fail: the next loss stops the cluster"
            )
        }
        QuorumAfter::Held { healthy, voters, spare } => {
            format!("quorum holds with {healthy} of {voters}: {spare} more may fail")
        }
        QuorumAfter::Lost {
            healthy,
            voters,
            needed,
        } => format!(
            "quorum is lost: {healthy} of {voters} are left and {needed} are needed. What runs goes on; nothing is \
             rescheduled, written or repaired until a member returns"
        ),
        QuorumAfter::CannotTell { why } => format!("cannot tell: {why}"),
    })
}

/// The same in a few words, for a column.
pub fn quorum_short(after: &QuorumAfter) -> String {
    match after {
        QuorumAfter::Held { healthy, voters, spare } => format!("{healthy} of {voters}, spare {spare}"),
        QuorumAfter::Lost { healthy, voters, .. } => format!("{healthy} of {voters}, lost"),
        QuorumAfter::CannotTell { .. } => "cannot tell".to_owned(),
    }
}

/// Two moments, such as `20 to 30 s`: in whole seconds, not before the one and not after the other.
pub fn band(band: Band) -> String {
    let upwards = band.to.as_secs() + u64::from(band.to.subsec_nanos() > 0);
    format!("{} to {}", Age(band.from), Age(Duration::from_secs(upwards)))
}

fn users(outlook: &Outlook) -> Vec<Text> {
    let Some(web) = outlook.web() else {
        return Vec::new();
    };
    let name = &web.key.name;
    let now = if web.left == 0 {
        format!("nobody is served: {name} has no replica elsewhere")
    } else {
        let nodes: Vec<&str> = web.on.iter().map(Text::as_str).collect();
        format!(
            "{name} serves with {} of {} replicas, on {}{}",
            web.left,
            web.ready,
            nodes.join(" and "),
            misled(outlook, web)
        )
    };
    let later = web.settled.filter(|settled| *settled > web.left);
    let later = later.map(|settled| {
        Text::from(format!(
            "{name} has {settled} replicas again once replacements have started"
        ))
    });
    std::iter::once(Text::from(now)).chain(later).collect()
}

/// Until when requests go to replicas that are lost: until the Node is called Unknown, which takes quorum.
fn misled(outlook: &Outlook, web: &WorkloadAfter) -> String {
    let lost = if web.ready - web.left == 1 {
        "the lost one"
    } else {
        "the lost ones"
    };
    match (&outlook.quorum, &outlook.times) {
        (QuorumAfter::Lost { .. }, _) => format!("; requests are still sent to {lost} until quorum is back"),
        (QuorumAfter::Held { .. }, Some(times)) => {
            format!("; for {} requests may still be sent to {lost}", band(times.unknown))
        }
        (QuorumAfter::CannotTell { .. }, Some(times)) => format!(
            "; for {}, or if quorum is lost until it is back, requests may still be sent to {lost}",
            band(times.unknown)
        ),
        (QuorumAfter::Held { .. } | QuorumAfter::CannotTell { .. }, None) => String::new(),
    }
}

fn when(outlook: &Outlook) -> Vec<Text> {
    let Some(times) = &outlook.times else {
        return Vec::new();
    };
    let mut lines = vec![
        format!("all times count from {}", times.counted_from),
        format!("{}: its node is Unknown, traffic leaves its pods", band(times.unknown)),
        format!("{}: it is tainted, and pods' own delays begin", band(times.tainted)),
    ];
    lines.extend(times.evicted.iter().map(|own| {
        let pods = if own.pods == 1 { "pod is" } else { "pods are" };
        format!(
            "{}: {} {pods} evicted, {} after the taint",
            band(own.at),
            own.pods,
            Age(own.delay)
        )
    }));
    lines.extend(times.replaced.map(|all| {
        let key = outlook.web().map(|web| &web.key);
        let is_web = |own: &Move| own.workload.as_ref().is_some_and(|(_, own)| Some(own) == key);
        let why = if outlook.moving().any(is_web) {
            format!("NetBox's web takes {} from cold", band(COLD_START))
        } else {
            format!(
                "no start is taken to be slower than NetBox's web from cold, {}",
                Age(COLD_START.to)
            )
        };
        format!("{}: all that finds a place serves again; {why}", band(all))
    }));
    lines.extend(times.basis.iter().map(|basis| format!("because {basis}")));
    lines.into_iter().map(Text::from).collect()
}

fn pending(outlook: &Outlook) -> Vec<Text> {
    let mut groups: BTreeMap<String, Vec<&Move>> = BTreeMap::new();
    for own in outlook.pending() {
        if let Fate::Pending {
            obstacles,
            until_deleted,
        } = &own.fate
        {
            let end = if *until_deleted {
                "; it starts once the lost Node is deleted, or returns"
            } else {
                "; deleting the Node would not help"
            };
            groups
                .entry(format!("{}{end}", reasons(obstacles)))
                .or_default()
                .push(own);
        }
    }
    groups
        .into_iter()
        .map(|(why, pods)| Text::from(format!("{}: {why}", names(&pods))))
        .collect()
}

/// As kube-scheduler says it: how many nodes for each reason.
pub fn reasons(obstacles: &[(Text, Obstacle)]) -> String {
    let mut counts: BTreeMap<Obstacle, usize> = BTreeMap::new();
    for (_, obstacle) in obstacles {
        *counts.entry(*obstacle).or_default() += 1;
    }
    let words = counts
        .into_iter()
        .map(|(obstacle, count)| format!("{count} {}", obstacle.words()));
    words.collect::<Vec<_>>().join(", ")
}

fn moving(outlook: &Outlook) -> Vec<Text> {
    let mut groups: BTreeMap<String, Vec<&Move>> = BTreeMap::new();
    for own in outlook.moving() {
        if let Fate::Moves { feasible, .. } = &own.fate {
            let nodes: Vec<&str> = feasible.iter().map(Text::as_str).collect();
            groups
                .entry(format!("on {}", nodes.join(" or ")))
                .or_default()
                .push(own);
        }
    }
    groups
        .into_iter()
        .map(|(place, pods)| Text::from(format!("{place}: {}", names(&pods))))
        .collect()
}

fn waiting(outlook: &Outlook) -> Vec<Text> {
    let mut lines: Vec<String> = Vec::new();
    let held: Vec<&Move> = outlook.moves.iter().filter(|own| own.fate == Fate::Held).collect();
    if !held.is_empty() {
        let names = names(&held);
        lines.push(format!(
            "{names}: a StatefulSet makes no second one until the Node is deleted or returns"
        ));
    }
    let stays: Vec<&Move> = outlook.moves.iter().filter(|own| own.fate == Fate::Stays).collect();
    if !stays.is_empty() {
        lines.push(format!("{}: tolerates its node's silence for ever", names(&stays)));
    }
    let lost: Vec<&Move> = outlook.moves.iter().filter(|own| own.fate == Fate::Lost).collect();
    if !lost.is_empty() {
        lines.push(format!("{}: nothing made it, so nothing makes it anew", names(&lost)));
    }
    for own in &outlook.moves {
        if let Fate::Unknown { why } = &own.fate {
            lines.push(format!("{}: {why}", own.pod));
        }
    }
    if outlook.gone_with_nodes > 0 {
        lines.push(format!(
            "{} of daemon sets and static pods belong to it",
            outlook.gone_with_nodes
        ));
    }
    lines.into_iter().map(Text::from).collect()
}

fn room(outlook: &Outlook) -> Vec<Text> {
    let mut nodes: Vec<&RoomLeft> = outlook.room.iter().collect();
    nodes.sort_by(|a, b| Natural(&a.node).cmp(&Natural(&b.node)));
    let line = |own: &RoomLeft| {
        // Tenths, rounded down.
        let cores = amount::cores(own.cpu_milli / 100 * 100);
        let memory = amount::memory(own.memory_bytes);
        let pods = plural(usize::try_from(own.pods).unwrap_or(usize::MAX), "pod");
        Text::from(format!(
            "{} keeps {cores}, {memory}, {pods} free, by requests",
            own.node
        ))
    };
    nodes.into_iter().map(line).collect()
}

fn claims(outlook: &Outlook) -> Vec<Text> {
    let all = outlook.claims.iter();
    all.map(|own| Text::from(format!("claim {} is on the disk of {}", own.claim, own.node)))
        .collect()
}

/// Pods by their workload, with their number where it is not 1.
fn names(pods: &[&Move]) -> String {
    let mut counts: BTreeMap<&ObjectKey, usize> = BTreeMap::new();
    for own in pods {
        let key = own.workload.as_ref().map_or(&own.pod, |(_, key)| key);
        *counts.entry(key).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by(|(a, _), (b, _)| Natural(&a.name).cmp(&Natural(&b.name)));
    let words = counts.into_iter().map(|(key, count)| match count {
        1 => key.name.to_string(),
        _ => format!("{count} of {}", key.name),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// A forecast in a row: what is lost, etcd then, web replicas, pods that move, stay Pending or wait, and when the node is
/// Unknown.
pub fn columns(outlook: &Outlook) -> [String; 7] {
    let waiting = outlook.moves.len() - outlook.moving().count() - outlook.pending().count();
    // Where nothing moves any more, a zero would tell of a node without pods.
    let is_over = outlook.quorum.is_lost() || outlook.is_lost_already() && outlook.moves.is_empty();
    let moves = |count: usize| {
        if is_over { "-".to_owned() } else { count.to_string() }
    };
    [
        outlook.loss.name().to_string(),
        quorum_short(&outlook.quorum),
        outlook.web().map_or_else(|| "-".to_owned(), replicas),
        moves(outlook.moving().count()),
        moves(outlook.pending().count()),
        moves(waiting),
        match &outlook.times {
            Some(times) => band(times.unknown),
            None if outlook.is_lost_already() => "lost already".to_owned(),
            None => "-".to_owned(),
        },
    ]
}

/// A workload's ready replicas: now, after the loss, in the end.
pub fn replicas(own: &WorkloadAfter) -> String {
    let settled = own
        .settled
        .map_or_else(|| "?".to_owned(), |settled| settled.to_string());
    format!("{} > {} > {settled}", own.ready, own.left)
}
