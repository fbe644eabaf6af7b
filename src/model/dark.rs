//! Half-dark states told apart: what is it that does not work, as far as it can be told from here? Pure; every sentence that
//! rests on an answer says how old it is. Start reading at [`Snapshot::diagnosis`].

mod here;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use here::{Api, Etcd, Here, Process};

use super::etcd::{Member, MemberId};
use super::feed::{FeedId, HostPart};
use super::kube::Tri;
use super::quorum::{Contact, DatedView, FRESH, Health, MemberState, Quorum, Standing};
use super::reach::{self, Suspect};
use super::snapshot::Snapshot;
use crate::base::{Age, Text, Why, WhyKind};

/// From this difference on, a clock is wrong: k0s's and Kubernetes' leases are compared with other hosts' clocks, and the
/// shortest renew deadline among them is 10 s.
pub const CLOCK_OFF_MS: i64 = 10_000;

/// What does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// Nothing that concerns the control plane as a whole or its part on this host.
    NothingWrong,
    /// etcd has lost its quorum.
    QuorumLost,
    /// Enough members live, but they elect no leader.
    NoLeader,
    /// The members list different members: two views of the cluster.
    Partition,
    /// This host alone is cut off, or all others are: from here that looks the same.
    Us {
        /// Our own links are down: it is us for certain.
        unplugged: bool,
    },
    /// Neither etcd nor the API server answers on this host.
    AllDeadHere,
    /// etcd does not answer on this host.
    EtcdDeadHere,
    /// The API server on this host does not answer, or does not call itself ready; etcd here lives.
    ApiDeadHere,
    /// The API server on this host refuses all requests with this status.
    ApiRefuses {
        /// 429 or 503.
        code: u16,
    },
    /// The member on this host is a learner.
    LearnerHere,
    /// etcd's database is full: no write goes through, and nodes turn NotReady though they live.
    NoSpace,
    /// Certificates of this host have ended.
    CertificatesExpired,
    /// This host's clock is wrong, or it jumped.
    ClockOff,
    /// Too little is known.
    CannotTell,
}

impl State {
    /// The state in one word, as JSON has it.
    pub const fn word(self) -> &'static str {
        match self {
            State::NothingWrong => "nothing-wrong",
            State::QuorumLost => "quorum-lost",
            State::NoLeader => "no-leader",
            State::Partition => "partition",
            State::Us { .. } => "us",
            State::AllDeadHere => "all-dead-here",
            State::EtcdDeadHere => "etcd-dead-here",
            State::ApiDeadHere => "api-dead-here",
            State::ApiRefuses { .. } => "api-refuses",
            State::LearnerHere => "learner-here",
            State::NoSpace => "no-space",
            State::CertificatesExpired => "certificates-expired",
            State::ClockOff => "clock-off",
            State::CannotTell => "cannot-tell",
        }
    }

    /// Whether something is dark that an operator has to bring back.
    pub const fn is_dark(self) -> bool {
        !matches!(self, State::NothingWrong | State::CannotTell)
    }
}

/// What does not work, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What.
    #[serde(flatten)]
    pub state: State,
    /// In one line.
    pub headline: Text,
    /// The facts that show it, with their ages.
    pub evidence: Vec<Text>,
}

impl Snapshot {
    /// What does not work, as far as it can be told from here. Causes come before what follows from them.
    pub fn diagnosis(&self) -> Diagnosis {
        let look = Look {
            snapshot: self,
            quorum: self.quorum(),
            here: self.here(),
        };
        let found = look
            .clock()
            .or_else(|| look.certificates())
            .or_else(|| look.no_space())
            .or_else(|| look.cut_off())
            .or_else(|| look.quorum_lost())
            .or_else(|| look.dead_here())
            .or_else(|| look.learner())
            .or_else(|| look.no_leader())
            .or_else(|| look.partition())
            .or_else(|| look.api_refuses())
            .or_else(|| look.api_dead());
        let (state, headline, evidence) = found.unwrap_or_else(|| look.nothing());
        Diagnosis {
            state,
            headline: headline.into(),
            evidence: evidence.into_iter().map(Text::from).collect(),
        }
    }
}

/// A state, its headline and the evidence.
type Found = (State, String, Vec<String>);

/// What the rules look at.
struct Look<'a> {
    snapshot: &'a Snapshot,
    quorum: Quorum,
    here: Here,
}

impl Look<'_> {
    fn clock(&self) -> Option<Found> {
        let snapshot = self.snapshot;
        let others = self.quorum.members.iter().filter(|state| !state.is_local);
        let skews: Vec<(Text, i64)> = others
            .filter(|state| snapshot.feed(FeedId::EtcdPeer(state.member.id)).is_current())
            .filter_map(|state| {
                let facts = snapshot.etcd.peers.get(&state.member.id)?;
                Some((called(&state.member), facts.clock_skew_ms?))
            })
            .collect();
        let agree = |sign: i64| skews.len() >= 2 && skews.iter().all(|(_, ms)| ms.saturating_mul(sign) >= CLOCK_OFF_MS);
        let lines = skews
            .iter()
            .map(|(name, ms)| format!("the clock of {name} is {} ours", ahead(*ms)));
        if agree(1) || agree(-1) {
            let headline = "this host's clock is wrong: all others agree with each other and not with it";
            return Some((State::ClockOff, headline.to_owned(), lines.collect()));
        }
        let jump = snapshot.host.clock_jump.as_ref()?;
        let age = snapshot.now.since(jump.at);
        (age < JUMP_COUNTS).then(|| {
            let by = ahead(jump.by_ms)
                .replace(" ahead of", "forward")
                .replace(" behind", "back");
            let jumped = format!("this host's clock jumped {by}, {} ago; or the machine slept", Age(age));
            (
                State::ClockOff,
                "this host's clock jumped".to_owned(),
                std::iter::once(jumped).chain(lines).collect(),
            )
        })
    }

    fn certificates(&self) -> Option<Found> {
        let snapshot = self.snapshot;
        let read = snapshot.host.certificates.as_ref();
        let ended = read
            .into_iter()
            .flat_map(|fact| &fact.value)
            .filter(|own| own.not_after <= snapshot.now.wall);
        let names: Vec<(&str, Age)> = ended
            .map(|own| {
                let path = own.path.as_str();
                (
                    path.rsplit("/pki/").next().unwrap_or(path),
                    Age(snapshot.wall_age(own.not_after)),
                )
            })
            .collect();
        let (first, _) = names.first()?;
        let more = match names.len() {
            1 => String::new(),
            several => format!(" and {} more", several - 1),
        };
        let headline = format!("certificates on this host have ended: {first}{more}");
        let lines = names.iter().map(|(file, age)| format!("{file} ended {age} ago"));
        Some((
            State::CertificatesExpired,
            headline,
            lines.take(MAX_LINES).chain(self.failures()).collect(),
        ))
    }

    fn no_space(&self) -> Option<Found> {
        let snapshot = self.snapshot;
        if !snapshot.feed(FeedId::EtcdLocal).is_current() {
            return None;
        }
        let local = snapshot.etcd.local.as_ref()?;
        let alarm = local
            .value
            .errors
            .iter()
            .find(|error| error.as_str().contains("NOSPACE"))?;
        let age = snapshot
            .feed(FeedId::EtcdLocal)
            .as_of()
            .map(|at| Age(snapshot.now.since(at)));
        let age = age.map(|age| format!(" ({age} ago)")).unwrap_or_default();
        let not_ready = snapshot
            .kube
            .nodes
            .values()
            .filter(|node| node.ready.status != Tri::True)
            .count();
        let living = self
            .quorum
            .members
            .iter()
            .filter(|state| state.health.is_healthy())
            .count();
        let nodes = (not_ready > 0).then(|| {
            format!(
                "{not_ready} of {} nodes are NotReady, while {living} of {} etcd members answer: heartbeats are writes, and none \
                 goes through",
                snapshot.kube.nodes.len(),
                self.quorum.members.len()
            )
        });
        let headline = if not_ready > 0 {
            "etcd is full (NOSPACE): it looks like a mass failure of nodes, and is none".to_owned()
        } else {
            "etcd is full (NOSPACE): no write goes through; nodes will turn NotReady though they live".to_owned()
        };
        let evidence = std::iter::once(format!("{}{age}", alarm.as_str().trim())).chain(nodes);
        Some((State::NoSpace, headline, evidence.collect()))
    }

    fn cut_off(&self) -> Option<Found> {
        let Standing::Alone { unplugged } = self.quorum.standing else {
            return None;
        };
        if !unplugged && self.here.etcd.is_dead() && self.here.api.is_dead() {
            let headline = "etcd and the API server are down on this host, and no other controller answers";
            let lines = self.here.lines(self.snapshot).into_iter().chain(self.neighbour_lines());
            return Some((State::AllDeadHere, headline.to_owned(), lines.collect()));
        }
        let headline = if unplugged {
            "this host is cut off: it is us"
        } else {
            "no other controller answers: it is us, or all of them"
        };
        let links = self.snapshot.host.links.iter().flat_map(|links| &links.value);
        let down = links
            .filter(|_| unplugged)
            .map(|link| format!("link {} is down", link.name));
        let evidence = down.chain(self.neighbour_lines()).chain(self.read_line());
        Some((State::Us { unplugged }, headline.to_owned(), evidence.collect()))
    }

    fn quorum_lost(&self) -> Option<Found> {
        if self.quorum.standing != Standing::Lost {
            return None;
        }
        let headline = format!(
            "etcd has lost its quorum: {} of {} members healthy, {} needed",
            self.quorum.healthy, self.quorum.voters, self.quorum.needed
        );
        let lines = self.member_lines().into_iter().chain(self.read_line());
        Some((State::QuorumLost, headline, lines.collect()))
    }

    fn dead_here(&self) -> Option<Found> {
        if !self.here.etcd.is_dead() {
            return None;
        }
        let lines = self.here.lines(self.snapshot).into_iter().chain(self.elsewhere());
        let holds = match self.quorum.standing {
            Standing::Held { .. } => "; quorum holds without it",
            Standing::Lost | Standing::Alone { .. } | Standing::Unproven { .. } => "",
        };
        let api_waits = Process::of(self.snapshot, "kube-apiserver") == Process::Running;
        if self.here.api.is_dead() && !api_waits {
            let headline = format!("etcd and the API server are down on this host{holds}");
            return Some((State::AllDeadHere, headline, lines.collect()));
        }
        let waits = if self.here.api.is_dead() {
            ", and its API server answers nothing without it"
        } else {
            ""
        };
        let headline = format!("etcd is down on this host{waits}{holds}");
        Some((State::EtcdDeadHere, headline, lines.collect()))
    }

    fn learner(&self) -> Option<Found> {
        let feed = self.snapshot.feed(FeedId::EtcdLocal);
        let local = self
            .snapshot
            .etcd
            .local
            .as_ref()
            .filter(|local| feed.is_current() && local.value.is_learner)?;
        let age = feed
            .as_of()
            .map(|at| format!(" ({} ago)", Age(self.snapshot.now.since(at))));
        let line = format!("its status says that it is a learner{}", age.unwrap_or_default());
        let headline = "etcd on this host is a learner: it has no vote, and answers no consistent read".to_owned();
        let applied = format!(
            "it has applied entry {} of {}",
            local.value.applied_index, local.value.raft_index
        );
        Some((State::LearnerHere, headline, vec![line, applied]))
    }

    fn no_leader(&self) -> Option<Found> {
        let snapshot = self.snapshot;
        let reads = snapshot.etcd.linearizable.as_ref();
        let fails = reads
            .and_then(|reads| reads.failing.as_ref())
            .is_some_and(|run| run.count >= 2);
        let answers = snapshot.feed(FeedId::EtcdLocal).is_current() && snapshot.etcd.local.is_some();
        let is_unproven = matches!(self.quorum.standing, Standing::Unproven { .. });
        if !(is_unproven && answers && fails && self.quorum.leader.is_none() && self.quorum.contact == Contact::Works) {
            return None;
        }
        let headline = format!(
            "etcd has no leader, though {} of {} members answer: they do not reach each other, or their disks stall",
            self.quorum.healthy, self.quorum.voters
        );
        let lines = self.member_lines().into_iter().chain(self.read_line());
        Some((State::NoLeader, headline, lines.collect()))
    }

    fn partition(&self) -> Option<Found> {
        let snapshot = self.snapshot;
        let ours = snapshot.cluster_id();
        let mut views = snapshot.current_views();
        views.retain(|view| view.view.cluster_id.is_none() || ours.is_none() || view.view.cluster_id == ours);
        let lists: BTreeSet<&Vec<Member>> = views.iter().map(|view| &view.view.members).collect();
        // A change reaches all members within a moment; until the newest form is older than that, it may be on its way.
        let newest = views
            .iter()
            .filter(|view| view.seen_changing)
            .map(|view| view.changed_at)
            .max();
        let is_settled = newest.is_none_or(|at| snapshot.now.waited_since(at) >= FRESH);
        if lists.len() < 2 || !is_settled {
            return None;
        }
        let local = snapshot.local_member();
        let line = |view: &DatedView| {
            let names: Vec<String> = view
                .view
                .members
                .iter()
                .map(|member| called(member).to_string())
                .collect();
            let speaker = view
                .speaker(local)
                .map_or_else(|| "the local member".into(), |id| self.name_of(id));
            format!(
                "{speaker} lists {} ({} ago)",
                names.join(", "),
                Age(snapshot.now.since(view.as_of))
            )
        };
        let headline = "the members list different members: one is cut off from the others, or was removed by them";
        Some((State::Partition, headline.to_owned(), views.iter().map(line).collect()))
    }

    fn api_refuses(&self) -> Option<Found> {
        let Api::Refuses(code) = self.here.api else {
            return None;
        };
        let words = match code {
            429 => "it is overloaded, or its storage is being initialized",
            401 | 403 => "it does not take the credentials of admin.conf",
            _ => "it cannot serve now",
        };
        let headline = format!("the API server on this host answers {code} to everything: {words}");
        let lines = self.here.lines(self.snapshot).into_iter().chain(self.elsewhere());
        Some((State::ApiRefuses { code }, headline, lines.collect()))
    }

    fn api_dead(&self) -> Option<Found> {
        let headline = match &self.here.api {
            Api::Dead => "the API server is down on this host, while etcd lives".to_owned(),
            Api::NotReady => "the API server on this host is not ready, while etcd lives".to_owned(),
            Api::Ready | Api::Refuses(_) | Api::Unknown(_) | Api::None => return None,
        };
        let lines = self.here.lines(self.snapshot).into_iter().chain(self.elsewhere());
        Some((State::ApiDeadHere, headline, lines.collect()))
    }

    /// Nothing is wrong, where enough is known to say so.
    fn nothing(&self) -> Found {
        let unknown = self.here.unknown().or_else(|| match &self.quorum.standing {
            Standing::Unproven { why } => Some(why.clone()),
            Standing::Held { .. } | Standing::Lost | Standing::Alone { .. } => None,
        });
        match unknown {
            Some(why) => (
                State::CannotTell,
                format!("cannot tell what works: {}", why.text),
                Vec::new(),
            ),
            None => (State::NothingWrong, self.around(), Vec::new()),
        }
    }

    /// What is wrong with others, while what is asked here works.
    fn around(&self) -> String {
        let members = self.quorum.members.iter();
        let silent = members.filter(|state| !state.health.is_healthy());
        let mut names: BTreeSet<Text> = silent.map(|state| called(&state.member)).collect();
        let nodes = self.snapshot.controllers();
        names.extend(
            nodes
                .filter(|node| node.ready.status != Tri::True)
                .map(|node| node.name.clone()),
        );
        if names.is_empty() {
            return "nothing of the control plane is dark".to_owned();
        }
        let names: Vec<&str> = names.iter().map(Text::as_str).collect();
        format!("quorum holds and this host works; not so on {}", names.join(", "))
    }

    /// Each member with its health, and what its host's ports say.
    fn member_lines(&self) -> Vec<String> {
        let mut members: Vec<&MemberState> = self.quorum.members.iter().collect();
        members.sort_by(|a, b| a.member.name.cmp(&b.member.name));
        members.into_iter().map(|state| self.member_line(state)).collect()
    }

    fn member_line(&self, state: &MemberState) -> String {
        let now = self.snapshot.now;
        let name = called(&state.member);
        let here = if state.is_local { " (this host)" } else { "" };
        let health = match &state.health {
            Health::Healthy { as_of } => format!("etcd answered {} ago", Age(now.since(*as_of))),
            Health::Dead {
                last_seen: Some(at), ..
            } => format!("etcd answered last {} ago", Age(now.since(*at))),
            Health::Dead { last_seen: None, .. } => "etcd never answered us".to_owned(),
            Health::Unknown { why } => format!("etcd not known: {}", why.text),
        };
        let suspect = self
            .snapshot
            .suspect(&state.member)
            .filter(|_| !state.is_local && !state.health.is_healthy());
        let suspect = suspect
            .map(|suspect| format!("; {}", suspect.sentence()))
            .unwrap_or_default();
        let address = state.member.peer_address().and_then(|own| own.parse().ok());
        let there = address.filter(|_| !state.health.is_healthy());
        let there = there.map(|address| self.there(address)).unwrap_or_default();
        format!("{name}{here}: {health}{suspect}{there}")
    }

    /// What a third host says of it.
    fn there(&self, address: core::net::IpAddr) -> String {
        let line = self.snapshot.there_line(address);
        line.map(|line| format!("; {line}")).unwrap_or_default()
    }

    /// What the ports of the other controllers say, one line each.
    fn neighbour_lines(&self) -> Vec<String> {
        let neighbours = self.snapshot.neighbours().into_iter();
        let lines = neighbours.map(|own| {
            let reach = self.snapshot.reach.get(&own.address).cloned().unwrap_or_default();
            let suspect = reach::suspect(&reach, self.snapshot.etcd_answers_at(own.address));
            let ports = reach::ports_line(&reach, self.snapshot.now).map(|ports| format!(": {ports}"));
            let there = self.there(own.address);
            format!(
                "{}: {}{}{there}",
                own.name,
                suspect.sentence(),
                ports.unwrap_or_default()
            )
        });
        lines.take(MAX_LINES).collect()
    }

    /// How linearizable reads fare, where they fail.
    fn read_line(&self) -> Option<String> {
        let run = self.snapshot.etcd.linearizable.as_ref()?.failing.as_ref()?;
        let age = Age(self.snapshot.now.since(run.since));
        Some(format!("linearizable reads fail for {age}: {}", run.why.text))
    }

    /// What proves that the cluster works elsewhere.
    fn elsewhere(&self) -> Option<String> {
        let Standing::Held { as_of } = self.quorum.standing else {
            return None;
        };
        let age = Age(self.snapshot.now.since(as_of));
        let server = self.snapshot.kube.endpoint.as_ref();
        let server = server.filter(|_| self.snapshot.feed(FeedId::Api).is_current());
        Some(match server {
            Some(endpoint) => format!("quorum was proven {age} ago; API server in use: {}", endpoint.server),
            None => format!("quorum was proven {age} ago"),
        })
    }

    /// What fails because of certificates.
    fn failures(&self) -> Vec<String> {
        let feeds = self.snapshot.feeds.iter();
        let of_tls = feeds.filter_map(|(id, state)| {
            let why = state.why().filter(|why| why.kind == WhyKind::Tls)?;
            Some(format!("{id}: {}", why.text))
        });
        of_tls.take(MAX_LINES).collect()
    }

    fn name_of(&self, id: MemberId) -> Text {
        self.quorum
            .member(id)
            .map_or_else(|| id.to_string().into(), |state| called(&state.member))
    }
}

/// No more lines of one sort.
const MAX_LINES: usize = 8;
/// How long a jump of the clock counts.
const JUMP_COUNTS: std::time::Duration = std::time::Duration::from_mins(10);

/// A member as people call it: its name, or its id until it has one.
fn called(member: &Member) -> Text {
    if member.has_started() {
        member.name.clone()
    } else {
        member.id.to_string().into()
    }
}

/// A difference in words: `12 s ahead of`, `12 s behind`.
fn ahead(ms: i64) -> String {
    let age = Age(std::time::Duration::from_millis(ms.unsigned_abs()));
    if ms >= 0 {
        format!("{age} ahead of")
    } else {
        format!("{age} behind")
    }
}

impl Snapshot {
    /// What the ports of a member's host say of it; None where they were not asked.
    pub fn suspect(&self, member: &Member) -> Option<Suspect> {
        let address = member.peer_address()?.parse().ok()?;
        let reach = self.reach.get(&address)?;
        Some(reach::suspect(reach, self.etcd_answers_at(address)))
    }

    /// How the control plane on this host fares.
    pub fn here(&self) -> Here {
        Here::of(self)
    }

    /// Whether the processes on this host are known well enough to call one absent.
    pub(super) fn sees_processes(&self) -> bool {
        self.feed(FeedId::Host(HostPart::Processes)).is_live()
    }
}

/// A reason to say that something was not found out.
fn not_yet(text: &str) -> Why {
    Why::new(WhyKind::NotYet, text)
}

#[cfg(test)]
mod tests;
