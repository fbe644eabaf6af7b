//! A new controller: it asks a survivor for membership, starts etcd, waits until it votes, starts the rest, and is a node
//! like the others a little later.

use super::super::World;
use super::super::etcd::EtcdError;
use super::super::host::{Component, HostId, Run};
use super::super::read::{is_ready, set};
use super::super::resource::Resource;
use super::super::store::Key;
use crate::sim::scenario::K0sFamily;

/// How often a refused joiner asks before it starts over.
const TRIES: u32 = 10;

/// A machine on its way into the cluster.
#[derive(Debug, Clone)]
pub(in crate::sim::world) struct Join {
    /// The label that it gets once it is Ready.
    zone: Option<String>,
    stage: Stage,
    due_ms: u64,
    tries: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It asks for membership.
    Ask,
    /// It was given this one, and starts etcd.
    Start(u64),
    /// etcd runs; it waits for its vote.
    Vote,
    /// Everything runs; the operator labels it.
    Label,
}

impl Join {
    /// Its etcd runs already.
    pub const fn under_way() -> Self {
        Self {
            zone: None,
            stage: Stage::Vote,
            due_ms: 0,
            tries: 0,
        }
    }
}

impl World {
    /// A new machine with an empty disk joins as a controller.
    pub(in crate::sim::world) fn join(&mut self, zone: Option<String>) -> Result<(), String> {
        self.must_have_room()?;
        let host = self.add_machine(true, Run::Dead);
        let (due_ms, at) = (self.now_ms + 3_000, self.wall());
        if let Some(machine) = self.machine_mut(host) {
            machine.start(Component::K0s, at);
            machine.join = Some(Join {
                zone,
                stage: Stage::Ask,
                due_ms,
                tries: 0,
            });
        }
        Ok(())
    }

    /// A machine begins to join and dies before its etcd ever ran.
    pub(in crate::sim::world) fn failed_join(&mut self) -> Result<(), String> {
        self.must_have_room()?;
        let host = HostId(u16::try_from(self.hosts.len() + 1).unwrap_or(u16::MAX));
        let asked = self
            .helper(host)
            .ok_or("no controller has a quorum, so nobody can join")?;
        let url = self.peer_url(host);
        match self.member_add(asked, &[url], self.joins_as_learner()) {
            Ok(_) => {
                self.add_machine(true, Run::Dead);
                Ok(())
            }
            Err(EtcdError::NoReply) => Err("etcd did not answer".to_owned()),
            Err(EtcdError::Refused { message, .. }) => Err(format!("etcd takes no new member: {message}")),
        }
    }

    fn must_have_room(&self) -> Result<(), String> {
        if self.hosts.len() >= 244 {
            return Err("there is no address left for one more host".to_owned());
        }
        Ok(())
    }

    fn joins_as_learner(&self) -> bool {
        self.plan.cluster.k0s == K0sFamily::From135_5
    }

    /// Whether a machine is no controller yet.
    pub(in crate::sim::world) fn is_joining(&self, host: HostId) -> bool {
        let join = self.machine(host).and_then(|machine| machine.join.as_ref());
        join.is_some_and(|join| join.stage != Stage::Label)
    }

    pub(super) fn run_joins(&mut self) {
        let joining = self.hosts.iter().zip(&self.machines);
        let due: Vec<(HostId, Join)> = joining
            .filter(|(_, machine)| machine.run(Component::K0s) == Run::Running)
            .filter_map(|(host, machine)| Some((host.id, machine.join.clone()?)))
            .filter(|(_, join)| self.now_ms >= join.due_ms)
            .collect();
        for (host, join) in due {
            let next = self.join_step(host, join);
            if let Some(machine) = self.machine_mut(host) {
                machine.join = next;
            }
        }
    }

    fn join_step(&mut self, host: HostId, mut join: Join) -> Option<Join> {
        let at = self.wall();
        match join.stage {
            Stage::Ask => self.ask(host, &mut join),
            Stage::Start(id) => {
                // The host exists: it is joining.
                let _ = self.touch(host, |machine| machine.start(Component::Etcd, at));
                self.start_member(host, id);
                join.stage = Stage::Vote;
            }
            Stage::Vote => {
                if !self.has_quorum(host) {
                    return Some(join);
                }
                let _ = self.touch(host, |machine| {
                    for component in Component::ALL {
                        if machine.run(component) == Run::Dead {
                            machine.start(component, at);
                        }
                    }
                });
                if let Some(id) = self.member_of(host) {
                    self.make_k0s_objects(host, id, at);
                }
                join.stage = Stage::Label;
                join.due_ms = self.now_ms + 15_000;
            }
            Stage::Label => {
                let key = Key::new(Resource::Nodes, "", self.name_of(host));
                if !self.store.get(&key).is_some_and(|node| is_ready(node)) {
                    return Some(join);
                }
                if let Some(zone) = join.zone {
                    let path = ["metadata", "labels", "topology.kubernetes.io/zone"];
                    self.store.change(&key, |node| set(node, &path, zone.into()));
                }
                return None;
            }
        }
        Some(join)
    }

    fn ask(&mut self, host: HostId, join: &mut Join) {
        let url = self.peer_url(host);
        let given = self
            .helper(host)
            .map(|asked| self.member_add(asked, &[url], self.joins_as_learner()));
        if let Some(Ok((member, _))) = given {
            join.stage = Stage::Start(member.id);
            join.due_ms = self.now_ms + 3_000;
            return;
        }
        join.tries += 1;
        let pause_s = (1_u64 << join.tries.min(6)).min(60);
        if join.tries >= TRIES {
            // k0s gives up, and systemd starts it again.
            join.tries = 0;
        }
        join.due_ms = self.now_ms + pause_s * 1_000;
    }
}
