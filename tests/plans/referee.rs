//! What must never happen, judged by what is really so in the world and not by what is known of it.

use quorate::base::Text;
use quorate::model::intent::Intent;
use quorate::model::quorum::needed;
use quorate::plan::action::{ObjectKind, ServiceVerb};
use quorate::plan::event::Sent;
use quorate::plan::step::Doing;
use quorate::plan::{Action, Condition, Risk, RunEvent, RunView, StepId};
use quorate::rehearse::mishap::{host_named, subject};
use quorate::rehearse::play::{Play, Request, Turn};
use quorate::sim::world::World;
use quorate::sim::world::etcd::Member;
use quorate::sim::world::host::{Component, HostId, Path, Run};
use quorate::sim::world::resource::Resource;
use quorate::sim::world::store::{Key, str_at};

/// How young a change may be that nobody can know yet, in world milliseconds: a look a second, and silence is told from
/// lateness only after a few.
const UNKNOWABLE_MS: u64 = 7_000;

/// Of what the plans move, each has so many.
const REPLICAS: usize = 3;

/// Voters, and how many of them really serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Votes {
    voters: usize,
    alive: usize,
}

impl Votes {
    pub fn of(world: &World) -> Self {
        let voters = || world.members().iter().filter(|member| !member.is_learner);
        Self {
            voters: voters().count(),
            alive: voters().filter(|member| serves(world, member)).count(),
        }
    }

    pub fn hold(self) -> bool {
        self.alive >= needed(self.voters)
    }
}

fn host_of(world: &World, member: &Member) -> Option<HostId> {
    let mut hosts = world.hosts().iter();
    let is_its = |address: &str| {
        member
            .peer_urls
            .iter()
            .any(|url| url.contains(&format!("//{address}:")))
    };
    hosts.find(|host| is_its(&host.address)).map(|host| host.id)
}

fn serves(world: &World, member: &Member) -> bool {
    !member.name.is_empty()
        && host_of(world, member).is_some_and(|host| world.run(host, Component::Etcd) == Run::Running)
}

fn is_unfinished(member: &Member) -> bool {
    member.is_learner || member.name.is_empty()
}

/// Watches one play.
#[derive(Debug, Clone)]
pub struct Referee {
    before: Votes,
    /// Controllers that were stopped by us and are not back yet, and what their k0s was called before.
    changing: Vec<(HostId, String)>,
    /// Steps whose request left, and how many looks there were since.
    sent: Vec<(StepId, u32)>,
}

impl Referee {
    pub fn new(play: &Play) -> Self {
        Self {
            before: Votes::of(play.stage.world()),
            changing: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// Judges one turn. `before` is the play as it was.
    pub fn judge(&mut self, before: &Facts, play: &Play, turn: &Turn) -> Result<(), String> {
        let world = play.stage.world();
        self.changing.retain(|(host, before)| !is_back(world, *host, before));
        let result = match turn {
            Turn::Sent(request) => self.sent(before, play, request),
            Turn::Helped(step) => self.helped(before, play, *step),
            Turn::Waited | Turn::TookOver => {
                self.sent.iter_mut().for_each(|(_, looks)| *looks += 1);
                Ok(())
            }
            Turn::Wrote(_) | Turn::Ended(_) => Ok(()),
        };
        self.before = Votes::of(world);
        // It may have struck in this very turn.
        if before.is_excused || is_unknowable(play) {
            return Ok(());
        }
        result
    }

    fn sent(&mut self, before: &Facts, play: &Play, request: &Request) -> Result<(), String> {
        let Request { step, action, sent } = request;
        self.no_blind_repetition(play, *step)?;
        if matches!(sent, Some(Sent::Refused { .. })) {
            return Ok(());
        }
        let world = play.stage.world();
        let after = after(action, before, world);
        if before.votes.hold() && !after.hold() {
            return Err(format!("step {}: the request cost the quorum: {action:?}", step.0));
        }
        match action {
            Action::Evict { .. } | Action::Cordon { .. } if matches!(play.view.plan.intent, Intent::Drain { .. }) => {
                before.may_lose_subject(world, &play.view.plan.intent)?;
                if matches!(action, Action::Evict { .. }) {
                    before.must_not_upgrade("a pod was evicted")?;
                }
            }
            Action::RemoveMember { id, .. } => {
                before.may_remove(id.0, &play.view)?;
                before.must_not_upgrade("a member was removed")?;
            }
            Action::Delete { target } if target.kind == ObjectKind::Node => {
                before.must_be_gone(target.key.name.as_str(), "its Node was deleted")?;
            }
            Action::OutOfService { node, on: true } => {
                before.must_be_gone(node.key.name.as_str(), "it was tainted out-of-service")?;
            }
            Action::Service {
                node,
                verb: ServiceVerb::Stop | ServiceVerb::Restart,
                ..
            } => self.stopped(before, world, node)?,
            Action::Defragment { .. } if before.votes.alive < before.votes.voters => {
                return Err("a member was defragmented while another one was down".to_owned());
            }
            Action::Evict { .. } => {
                if let Some(workload) = moves(play, *step) {
                    before.may_move(workload)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn stopped(&mut self, before: &Facts, world: &World, node: &Text) -> Result<(), String> {
        let Some(host) = host_named(world, node.as_str()) else {
            return Ok(());
        };
        let was_running = before.running.contains(&host);
        if let Some((other, _)) = self.changing.iter().find(|(other, _)| *other != host) {
            return Err(format!("{node} was stopped while {other} was not back yet"));
        }
        self.changing.push((host, before.invocation_of(host)));
        if !was_running {
            return Ok(());
        }
        before.must_be_calm(&format!("{node} was stopped"))?;
        before.must_be_served_beside(node.as_str())
    }

    /// A request whose fate was not known, or that was refused, is not sent again before somebody looked.
    fn no_blind_repetition(&mut self, play: &Play, step: StepId) -> Result<(), String> {
        let own = self.sent.iter_mut().find(|(own, _)| *own == step);
        let Some((_, looks)) = own else {
            self.sent.push((step, 0));
            return Ok(());
        };
        let has_looked = std::mem::take(looks) > 0;
        if !has_looked {
            return Err(format!("step {} was sent again without a look", step.0));
        }
        let (planned, _) = play.view.step(step).ok_or("no such step")?;
        let mut lines = play.journal.iter().rev().map(|entry| &entry.event);
        // The newest lines are those of this very request.
        let last = lines.find_map(|event| match event {
            RunEvent::Agreed { .. } => Some(true),
            RunEvent::Answered {
                sent: Sent::Unknown { .. },
                ..
            } => Some(false),
            _ => None,
        });
        if planned.risk == Risk::Irreversible && last == Some(false) && was_unknown_before(play, step) {
            return Err(format!("step {} cannot be undone, and was sent twice unasked", step.0));
        }
        Ok(())
    }

    /// What people do by hand because a step says so is judged like a request.
    fn helped(&mut self, before: &Facts, play: &Play, step: StepId) -> Result<(), String> {
        let Some((planned, _)) = play.view.step(step) else {
            return Ok(());
        };
        let is_join = planned
            .done_when
            .iter()
            .any(|goal| matches!(goal, Condition::NewMember { .. }));
        let enables = |goal: &Condition| matches!(goal, Condition::HighlyAvailable);
        if planned.done_when.iter().any(enables) {
            before.must_not_upgrade("high availability was turned on")?;
        }
        if is_join {
            before.must_not_upgrade("a host joined")?;
            if before.unfinished > 0 {
                return Err("a host joined while another member was not finished".to_owned());
            }
            if before.votes.alive < needed(before.votes.voters + 1) {
                return Err("a host joined while too few voters served".to_owned());
            }
        }
        let is_reset = planned
            .done_when
            .iter()
            .any(|goal| matches!(goal, Condition::MemberAbsent { .. }));
        if is_reset && before.votes.alive < before.votes.voters {
            return Err("a member that served left while another one was down".to_owned());
        }
        match &planned.doing {
            Doing::Act {
                action:
                    Action::Service {
                        node,
                        verb: ServiceVerb::Stop | ServiceVerb::Restart,
                        ..
                    },
            } => self.stopped(before, play.stage.world(), node),
            _ => Ok(()),
        }
    }
}

/// The workload of which a step moves a pod.
fn moves(play: &Play, step: StepId) -> Option<&str> {
    let planned = play.view.plan.steps.iter().find(|own| own.id == step)?;
    match &planned.doing {
        Doing::MoveOne { workload, .. } => Some(workload.name.as_str()),
        _ => None,
    }
}

/// Whether the answer before the newest request of a step was none.
fn was_unknown_before(play: &Play, step: StepId) -> bool {
    let lines: Vec<&RunEvent> = play.journal.iter().map(|entry| &entry.event).collect();
    let newest = lines
        .iter()
        .rposition(|event| matches!(event, RunEvent::Intended { step: own, .. } if *own == step));
    let earlier = lines.iter().take(newest.unwrap_or(0)).rev();
    let mut answers = earlier.filter_map(|event| match event {
        RunEvent::Answered { step: own, sent } if *own == step => Some(sent),
        _ => None,
    });
    matches!(answers.next(), Some(Sent::Unknown { .. }))
}

/// The votes once the request has done its work: a unit takes a few seconds to end.
fn after(action: &Action, before: &Facts, world: &World) -> Votes {
    let votes = Votes::of(world);
    match action {
        Action::Service {
            node,
            verb: ServiceVerb::Stop | ServiceVerb::Restart,
            ..
        } => {
            let host = host_named(world, node.as_str());
            let was_running = host.is_some_and(|host| before.running.contains(&host));
            let alive = before.votes.alive - usize::from(was_running);
            Votes { alive, ..votes }
        }
        _ => votes,
    }
}

/// A controller that was stopped is back when a new k0s, etcd and the API server serve there again.
fn is_back(world: &World, host: HostId, before: &str) -> bool {
    world.invocation_id(host) != before
        && world.run(host, Component::KubeApiserver) == Run::Running
        && world.has_quorum(host)
}

/// Whether something changed so shortly before that nobody can know.
fn is_unknowable(play: &Play) -> bool {
    let now_ms = play.stage.world().now_ms();
    play.struck_ms
        .is_some_and(|at| now_ms.saturating_sub(at) < UNKNOWABLE_MS)
}

/// What is really so before a turn.
pub struct Facts {
    votes: Votes,
    unfinished: usize,
    pending: usize,
    has_alarm: bool,
    is_upgrading: bool,
    running: Vec<HostId>,
    living: Vec<String>,
    invocations: Vec<(HostId, String)>,
    members: Vec<(u64, bool, bool)>,
    saved: usize,
    /// Ready pods of each workload's selector label, by node.
    ready: Vec<(String, String)>,
    /// Something changed so shortly before that nobody can know.
    is_excused: bool,
}

impl Facts {
    pub fn of(play: &Play) -> Self {
        let world = play.stage.world();
        let here = play.stage.here();
        let hosts = || world.hosts().iter();
        // One whose member was removed cannot serve any more: its etcd ends, and its API server and kubelet with it.
        let lives =
            |host: HostId| world.path(here, host) == Path::Open && world.run(host, Component::Etcd) == Run::Running;
        let pods = || world.store().list(Resource::Pods, None);
        let is_pending = |pod: &serde_json::Value| {
            str_at(pod, "/status/phase") == Some("Pending") && pod.pointer("/metadata/deletionTimestamp").is_none()
        };
        Self {
            votes: Votes::of(world),
            unfinished: world.members().iter().filter(|member| is_unfinished(member)).count(),
            pending: pods().filter(|(_, pod)| is_pending(pod)).count(),
            has_alarm: world.alarm().is_some(),
            is_upgrading: world
                .store()
                .list(Resource::Plans, None)
                .any(|(_, plan)| str_at(plan, "/status/state") == Some("SchedulableWait")),
            running: hosts()
                .filter(|host| world.run(host.id, Component::Etcd) == Run::Running)
                .map(|host| host.id)
                .collect(),
            living: hosts()
                .filter(|host| lives(host.id))
                .map(|host| host.name.clone())
                .collect(),
            members: world
                .members()
                .iter()
                .map(|member| (member.id, serves(world, member), is_unfinished(member)))
                .collect(),
            invocations: hosts()
                .map(|host| (host.id, world.invocation_id(host.id).to_owned()))
                .collect(),
            saved: play.stage.saved().len(),
            ready: pods()
                .filter(|(_, pod)| is_ready(pod))
                .filter_map(|(_, pod)| Some((str_at(pod, "/metadata/labels/app")?.to_owned(), node(pod)?)))
                .collect(),
            is_excused: is_unknowable(play),
        }
    }

    fn invocation_of(&self, host: HostId) -> String {
        let own = self.invocations.iter().find(|(own, _)| *own == host);
        own.map_or_else(String::new, |(_, name)| name.clone())
    }

    fn must_be_gone(&self, node: &str, what: &str) -> Result<(), String> {
        if self.living.iter().any(|own| own == node) {
            return Err(format!("{node} lives, and {what}"));
        }
        Ok(())
    }

    fn may_remove(&self, id: u64, view: &RunView) -> Result<(), String> {
        let Some((_, serves, is_unfinished)) = self.members.iter().find(|(own, _, _)| *own == id) else {
            return Ok(());
        };
        if *serves && !*is_unfinished {
            return Err(format!("member {id:x} served, and was removed"));
        }
        if self.unfinished > usize::from(*is_unfinished) {
            return Err("a member was removed while another one was not finished".to_owned());
        }
        if matches!(view.plan.intent, Intent::ReplaceNode { .. }) && self.saved < 2 {
            return Err("a member was removed before the backup".to_owned());
        }
        Ok(())
    }

    /// Whoever drains a controller is about to stop it.
    fn may_lose_subject(&self, world: &World, intent: &Intent) -> Result<(), String> {
        let host = subject(intent).and_then(|name| host_named(world, name.as_str()));
        let serves = host.is_some_and(|host| self.running.contains(&host));
        let left = self.votes.alive - usize::from(serves);
        if left < needed(self.votes.voters) {
            return Err(format!("{host:?} was drained, and the others make no quorum"));
        }
        Ok(())
    }

    fn must_be_calm(&self, what: &str) -> Result<(), String> {
        if self.unfinished > 0 {
            return Err(format!("{what} while a member was not finished"));
        }
        if self.has_alarm {
            return Err(format!("{what} while etcd had an alarm"));
        }
        self.must_not_upgrade(what)?;
        if self.pending > 0 {
            return Err(format!("{what} while a pod had no place"));
        }
        Ok(())
    }

    /// All replicas are there, and no other pod waits for the place.
    fn may_move(&self, workload: &str) -> Result<(), String> {
        if self.pending > 0 {
            return Err(format!("a pod of {workload} was moved while a pod had no place"));
        }
        let ready = self.ready.iter().filter(|(own, _)| own == workload).count();
        if ready < REPLICAS {
            return Err(format!("a pod of {workload} was moved while {ready} were ready"));
        }
        Ok(())
    }

    fn must_not_upgrade(&self, what: &str) -> Result<(), String> {
        if self.is_upgrading {
            return Err(format!("{what} while autopilot upgraded the controllers"));
        }
        Ok(())
    }

    /// NetBox is served by another node, and rqlite keeps its majority.
    fn must_be_served_beside(&self, node: &str) -> Result<(), String> {
        let count = |app: &str| self.ready.iter().filter(|(own, at)| own == app && at != node).count();
        let has = |app: &str| self.ready.iter().any(|(own, _)| own == app);
        if has("netbox-netbox") && count("netbox-netbox") == 0 {
            return Err(format!("{node} was stopped, and NetBox with it"));
        }
        if has("kotsadm-rqlite") && count("kotsadm-rqlite") < 2 {
            return Err(format!("{node} was stopped, and rqlite lost its majority"));
        }
        Ok(())
    }
}

fn is_ready(pod: &serde_json::Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(serde_json::Value::as_array);
    conditions
        .into_iter()
        .flatten()
        .any(|condition| str_at(condition, "/type") == Some("Ready") && str_at(condition, "/status") == Some("True"))
}

fn node(pod: &serde_json::Value) -> Option<String> {
    str_at(pod, "/spec/nodeName").map(str::to_owned)
}

/// Whether the goal of an intent is really reached. What struck others meanwhile is not the plan's affair.
pub fn is_reached(world: &World, intent: &Intent, is_undisturbed: bool) -> Result<(), String> {
    let votes = Votes::of(world);
    match intent {
        Intent::ReplaceNode { node } => {
            let key = Key::new(Resource::Nodes, "", node.as_str());
            if world.store().get(&key).is_some() {
                return Err(format!("the Node {node} is there"));
            }
            if is_undisturbed && (votes.voters < 3 || votes.alive < votes.voters) {
                return Err(format!("{votes:?} after the replacement"));
            }
            Ok(())
        }
        Intent::RestartControllers { .. } | Intent::StartController { .. } => {
            if votes.alive == votes.voters || !is_undisturbed {
                Ok(())
            } else {
                Err(format!("{votes:?} after the restarts"))
            }
        }
        Intent::EnableHa => {
            let mut all = world.store().list(Resource::Installations, None);
            if all.any(|(_, own)| own.pointer("/spec/highAvailability") == Some(&true.into())) {
                Ok(())
            } else {
                Err("high availability is off".to_owned())
            }
        }
        Intent::RemoveRemnant { member } => {
            let is_listed = world.members().iter().any(|own| own.id == member.0);
            if is_listed {
                Err("the remnant is listed".to_owned())
            } else {
                Ok(())
            }
        }
        _ => Ok(()),
    }
}
