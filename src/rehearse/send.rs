//! What a run asks for, done to the world by the same rules as over the wire: the API server's semantics, etcd's guards,
//! systemd on the hosts. Start reading at [`Sender::send`].

use crate::base::{Text, Why, WhyKind};
use crate::plan::action::ServiceVerb;
use crate::plan::event::Sent;
use crate::plan::{Action, request};
use crate::rehearse::vantage::Pulse;
use crate::sim::world::World;
use crate::sim::world::api::{self, Answer, Method, User};
use crate::sim::world::etcd::{Alarm, EtcdError};
use crate::sim::world::fault::Fault;
use crate::sim::world::host::{Component, HostId, Path, Run};
use crate::sim::world::status::ApiError;

/// What goes wrong with one request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slip {
    /// It is refused, and nothing happens.
    Refused,
    /// It is done, and the reply is lost.
    LostReply,
    /// It never arrives, and nobody says so.
    Timeout,
}

/// The ways out of one host into the world.
pub(super) struct Sender<'a> {
    pub world: &'a mut World,
    pub here: HostId,
    /// The API server in use.
    pub server: Option<HostId>,
    /// Files that were written. None is overwritten.
    pub saved: &'a mut Vec<Text>,
}

impl Sender<'_> {
    /// Sends once.
    pub fn send(&mut self, action: &Action, slip: Option<Slip>) -> Sent {
        match slip {
            Some(Slip::Refused) => return refused(WhyKind::Refused, "the connection was refused"),
            Some(Slip::Timeout) => return unknown("no answer within the deadline"),
            Some(Slip::LostReply) | None => {}
        }
        let sent = self.deliver(action);
        if slip == Some(Slip::LostReply) && sent == Sent::Accepted {
            return unknown("the connection broke before the answer");
        }
        sent
    }

    fn deliver(&mut self, action: &Action) -> Sent {
        match action {
            Action::RemoveMember { id, address } => {
                let id = id.0;
                let url = |url: &String| url.contains(&format!("//{address}:"));
                let listed = self.world.member_list(self.here, true);
                let is_listed = |members: &Vec<crate::sim::world::etcd::Member>| {
                    let mut members = members.iter();
                    members.any(|member| member.id == id && member.peer_urls.iter().any(url))
                };
                match listed {
                    Ok(members) if !is_listed(&members) => {
                        refused(WhyKind::NotFound, "etcd lists no member with this id and address")
                    }
                    Ok(_) => {
                        let removed = self.world.member_remove(self.here, id).map(|_| ());
                        self.etcd("MemberRemove", &removed)
                    }
                    Err(error) => self.etcd("linearizable MemberList", &Err(error)),
                }
            }
            Action::Compact { revision } => {
                let revision = u64::try_from(*revision).unwrap_or(0);
                let done = self.world.etcd_compact(self.here, revision).map(|_| ());
                self.etcd("Compact", &done)
            }
            Action::Defragment { node, address } => self.defragment(node, address.is_some()),
            Action::Disarm => {
                let done = self.disarm();
                self.etcd("Alarm", &done)
            }
            Action::SaveSnapshot { file } => {
                let status = self.world.etcd_status(self.here).map(|_| ());
                match self.etcd("Snapshot", &status) {
                    Sent::Accepted => self.save(file),
                    sent => sent,
                }
            }
            Action::SavePki { file } => self.save(file),
            Action::Service { node, address, verb } => self.service(node, address.is_some(), *verb),
            Action::Label { .. }
            | Action::Cordon { .. }
            | Action::OutOfService { .. }
            | Action::Evict { .. }
            | Action::Delete { .. } => self.call(action),
        }
    }

    fn etcd(&self, call: &str, done: &Result<(), EtcdError>) -> Sent {
        self.etcd_at(self.here, call, done)
    }

    fn etcd_at(&self, host: HostId, call: &str, done: &Result<(), EtcdError>) -> Sent {
        if self.world.run(host, Component::Etcd) == Run::Dead {
            return refused(WhyKind::Refused, format!("etcd does not run on {host}"));
        }
        match done {
            Ok(()) => Sent::Accepted,
            Err(EtcdError::NoReply) => unknown("no answer within the deadline"),
            Err(EtcdError::Refused { code, message }) => {
                let kind = if *code == 5 {
                    WhyKind::NotFound
                } else {
                    WhyKind::Unavailable
                };
                refused(kind, format!("{call}: {message}"))
            }
        }
    }

    /// As `live::etcd`: every NOSPACE.
    fn disarm(&mut self) -> Result<(), EtcdError> {
        for alarm in self.world.etcd_alarms(self.here)? {
            if alarm.0 == Alarm::NoSpace {
                self.world.etcd_alarm_disarm(self.here, alarm)?;
            }
        }
        Ok(())
    }

    fn save(&mut self, file: &Text) -> Sent {
        if self.saved.contains(file) {
            return refused(WhyKind::Config, format!("{file} is there already"));
        }
        self.saved.push(file.clone());
        Sent::Accepted
    }

    /// A host that is this one, or that ssh reaches: no machine that is off.
    fn reached(&self, node: &Text, is_remote: bool) -> Result<HostId, Sent> {
        let host = self.world.hosts().iter().find(|host| host.name == node.as_str());
        let Some(host) = host.map(|host| host.id) else {
            return Err(refused(WhyKind::NotFound, format!("there is no host {node}")));
        };
        if is_remote && (!self.world.is_on(host) || self.world.path(self.here, host) == Path::Silent) {
            return Err(refused(WhyKind::Unreachable, format!("ssh {node}: no connection")));
        }
        Ok(host)
    }

    fn defragment(&mut self, node: &Text, is_remote: bool) -> Sent {
        let host = match self.reached(node, is_remote) {
            Ok(host) => host,
            Err(sent) => return sent,
        };
        let done = self.world.etcd_defragment(host).map(|_| ());
        self.etcd_at(host, "Defragment", &done)
    }

    /// Through systemd here, or through ssh there. One that is frozen says nothing.
    fn service(&mut self, node: &Text, is_remote: bool, verb: ServiceVerb) -> Sent {
        let host = match self.reached(node, is_remote) {
            Ok(host) => host,
            Err(sent) => return sent,
        };
        if self.world.run(host, Component::K0s) == Run::Frozen {
            return unknown("no answer within the deadline");
        }
        match self.world.inject(&unit_change(host, verb)) {
            Ok(()) => Sent::Accepted,
            Err(why) => refused(WhyKind::Unavailable, why),
        }
    }

    /// Through the API server in use.
    fn call(&mut self, action: &Action) -> Sent {
        let Some(server) = self.server else {
            return refused(WhyKind::NotYet, "no API server was found");
        };
        match Pulse::of(self.world, self.here, server) {
            Pulse::Proven => {}
            Pulse::Failed(why) if why.kind == WhyKind::TimedOut => return Sent::Unknown { why },
            Pulse::Answered(why) | Pulse::Failed(why) => return Sent::Refused { why },
        }
        let read = match request::first_read(action).map(|path| self.ask(server, Method::Get, &path, "", &[])) {
            Some(Ok(Answer::Object(_, object))) => Some((*object).clone()),
            Some(Err(error)) => return refusal(&error),
            Some(Ok(_)) | None => None,
        };
        let Some(call) = request::call(action, read.as_ref()) else {
            return refused(WhyKind::Config, "this is not done through the API");
        };
        let method = match call.method {
            request::Method::Post => Method::Post,
            request::Method::Patch => Method::Patch,
            request::Method::Delete => Method::Delete,
        };
        let body = serde_json::to_vec(&call.body).unwrap_or_default();
        let before = self.world.store().revision();
        let answer = self.ask(server, method, &call.path, call.content_type, &body);
        if self.world.store().revision() != before && self.world.loses_reply(server) {
            return unknown("the connection broke before the answer");
        }
        match answer {
            Ok(_) => Sent::Accepted,
            // Gone already is what was wanted.
            Err(error) if error.code == 404 && method == Method::Delete => Sent::Accepted,
            Err(error) => refusal(&error),
        }
    }

    fn ask(
        &mut self,
        server: HostId,
        method: Method,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<Answer, ApiError> {
        let user = User {
            name: "kubernetes-admin".to_owned(),
            groups: vec!["system:masters".to_owned(), "system:authenticated".to_owned()],
        };
        let call = api::Call {
            method,
            path,
            query: "",
            accept: "application/json",
            content_type,
            body,
            user: &user,
        };
        let server = self.world.api_server(server);
        api::answer(self.world.store_mut(), &server, &call)
    }
}

/// What systemd is asked to do with k0s on a host.
pub(super) const fn unit_change(host: HostId, verb: ServiceVerb) -> Fault {
    match verb {
        ServiceVerb::Start => Fault::StartUnit { host },
        ServiceVerb::Stop => Fault::StopUnit { host },
        ServiceVerb::Restart => Fault::RestartUnit { host },
    }
}

fn refusal(error: &ApiError) -> Sent {
    let kind = match error.code {
        401 => WhyKind::Unauthenticated,
        403 => WhyKind::Forbidden,
        404 => WhyKind::NotFound,
        429 => WhyKind::Throttled,
        500..=599 => WhyKind::Unavailable,
        _ => WhyKind::Garbage,
    };
    refused(kind, &error.message)
}

fn refused(kind: WhyKind, text: impl AsRef<str>) -> Sent {
    Sent::Refused {
        why: Why::new(kind, text.as_ref()),
    }
}

fn unknown(text: &str) -> Sent {
    Sent::Unknown {
        why: Why::new(WhyKind::TimedOut, text),
    }
}
