//! What to do first, for each state.

use core::net::IpAddr;

use super::{Line, Page, Section};
use crate::base::{Age, Text};
use crate::model::dark::State;
use crate::model::quorum::{Health, MemberState, Standing};
use crate::model::reach::{self, Suspect};

const START: &str = "sudo systemctl start k0scontroller";
const RESTART: &str = "sudo systemctl restart k0scontroller";
const JOURNAL: &str = "sudo journalctl -u k0scontroller -n 50 --no-pager";

impl Page<'_> {
    /// What to do first.
    pub(super) fn first(&self) -> Section {
        let (title, lines) = match self.state {
            State::QuorumLost => ("Bring back", self.bring_back()),
            State::NoLeader | State::Partition => ("Mend the way between the members", self.between_members()),
            State::Us { .. } => ("Mend the network of this host", self.own_network()),
            State::AllDeadHere | State::EtcdDeadHere => ("Start etcd on this host", self.start_here("etcd")),
            State::ApiDeadHere => ("Start the API server on this host", self.start_here("kube-apiserver")),
            State::ApiRefuses { .. } => ("Wait, or use another API server", self.refused()),
            State::LearnerHere => ("Wait for its vote", learner()),
            State::NoSpace => ("Make room in etcd", self.make_room()),
            State::CertificatesExpired => ("Renew the certificates", self.renew()),
            State::ClockOff => ("Mend the clock of this host", clock()),
            State::CannotTell => ("Cannot tell", self.cannot_tell()),
            State::NothingWrong => self.nothing_dark(),
        };
        Section {
            title: title.into(),
            lines,
        }
    }

    /// The control plane works; a member may be missing all the same.
    fn nothing_dark(&self) -> (&'static str, Vec<Line>) {
        let dead = self.dead_voters();
        if dead.is_empty() {
            return (
                "Nothing of etcd is dark",
                vec![Line::say("there is no member to bring back")],
            );
        }
        let names: Vec<String> = dead.iter().map(|state| called(state)).collect();
        let first = format!(
            "quorum holds without {}: bring it back with its own disk, or replace it",
            names.join(", ")
        );
        let lines = dead.into_iter().flat_map(|state| self.dead_member(state));
        ("Bring back", std::iter::once(Line::say(first)).chain(lines).collect())
    }

    /// Voters that do not serve, those first that are most easily brought back.
    fn dead_voters(&self) -> Vec<&MemberState> {
        let mut dead: Vec<&MemberState> = self.quorum.members.iter().collect();
        dead.retain(|state| !state.member.is_learner && !state.health.is_healthy());
        dead.sort_by_key(|state| {
            let is_up = self.suspect(state).host_is_up();
            (!state.is_local, !is_up, state.member.name.clone())
        });
        dead
    }

    /// Who is needed, what is known of each, and what to do there.
    fn bring_back(&self) -> Vec<Line> {
        let dead = self.dead_voters();
        let names: Vec<String> = dead.iter().map(|state| called(state)).collect();
        let missing = self.quorum.needed.saturating_sub(self.quorum.healthy);
        let who = match (missing, names.as_slice()) {
            (_, []) => "bring back the members that do not answer".to_owned(),
            (_, [one]) => format!("bring back {one}"),
            (1, several) => format!("bring back any one of {}", several.join(", ")),
            (missing, several) => format!("bring back {missing} of {}", several.join(", ")),
        };
        let mut lines = vec![Line::say(format!(
            "{who}, with its own disk: then etcd goes on by itself"
        ))];
        for state in dead {
            lines.extend(self.dead_member(state));
        }
        lines
    }

    fn suspect(&self, state: &MemberState) -> Suspect {
        self.snapshot.suspect(&state.member).unwrap_or(Suspect::CannotTell)
    }

    fn dead_member(&self, state: &MemberState) -> Vec<Line> {
        let name = called(state);
        let seen = match &state.health {
            Health::Dead {
                last_seen: Some(at), ..
            } => {
                format!("etcd answered last {} ago", Age(self.snapshot.now.since(*at)))
            }
            _ => "etcd never answered us".to_owned(),
        };
        if state.is_local {
            let lines = [Line::say(format!("{name}, this host: {seen}")), Line::command(START)];
            return lines.into();
        }
        let suspect = self.suspect(state);
        let address = state.member.peer_address().unwrap_or_default();
        let mut lines = vec![Line::say(format!("{name} {address}: {}", suspect.sentence()))];
        let address: Option<IpAddr> = address.parse().ok();
        let reach = address.and_then(|address| self.snapshot.reach.get(&address));
        let ports = reach.and_then(|reach| reach::ports_line(reach, self.snapshot.now));
        lines.push(Line::say(format!(
            "  {seen}{}",
            ports.map(|ports| format!("; {ports}")).unwrap_or_default()
        )));
        let there = address.and_then(|address| self.snapshot.there_line(address));
        lines.extend(there.map(|there| Line::say(format!("  {there}"))));
        match suspect {
            Suspect::K0s | Suspect::NothingRuns | Suspect::CannotTell => {
                lines.push(Line::command(format!("{START}   # on {name}")));
            }
            Suspect::EtcdProcess | Suspect::EtcdHangs => {
                lines.push(Line::command(format!("{RESTART}   # on {name}")));
            }
            Suspect::HostOrNetwork => {
                lines.push(Line::say(
                    "  switch it on, or mend the way to it; k0scontroller then starts by itself",
                ));
            }
            Suspect::Filter => lines.push(Line::say(
                "  open the port between the controllers (firewall, security group)",
            )),
            Suspect::Nothing => {}
        }
        lines
    }

    fn between_members(&self) -> Vec<Line> {
        let mut lines = vec![Line::say(
            "the members live; change no membership. On each controller, see whether it reaches the others and how its disk fares",
        )];
        let others = self.snapshot.neighbours().into_iter().take(3);
        for other in others {
            let port = other.peer_port.unwrap_or(crate::model::etcd::K0S_PEER_PORT);
            lines.push(Line::command(format!(
                "nc -vz -w 2 {} {port}   # {}, from every other controller",
                other.address, other.name
            )));
        }
        lines.push(Line::command(JOURNAL));
        lines
    }

    fn own_network(&self) -> Vec<Line> {
        let down = self.snapshot.host.is_unplugged();
        let first = if down {
            "no interface of this host has a carrier: see the cable, the switch port, the hypervisor"
        } else {
            "nobody answers here: see from another controller whether the cluster works there; if it does, it is this host"
        };
        let mut lines = vec![Line::say(first), Line::command("ip -br link; ip -br address; ip route")];
        let other = self.snapshot.neighbours().into_iter().next();
        lines.extend(other.map(|other| Line::command(format!("ping -c 3 {}   # {}", other.address, other.name))));
        lines.push(Line::say("on another controller: sudo quorate status"));
        lines
    }

    /// How to get a process of this host to work again.
    fn start_here(&self, process: &str) -> Vec<Line> {
        let stopped = self.snapshot.host.process(process).filter(|found| found.is_stopped);
        let mut lines = vec![Line::say(format!("on {}:", self.this_host()))];
        if let Some(found) = stopped {
            lines.push(Line::say(format!(
                "{process} is stopped in its tracks; this lets it go on:"
            )));
            lines.push(Line::command(format!("sudo kill -CONT {}", found.pid)));
            return lines;
        }
        lines.push(Line::command(JOURNAL));
        let unit = self.snapshot.host.unit.as_ref().map(|fact| &fact.value);
        if unit.is_some_and(|unit| unit.sub_state != "running") {
            lines.push(Line::command(START));
            return lines;
        }
        let others = self
            .quorum
            .members
            .iter()
            .filter(|state| !state.is_local && !state.member.is_learner);
        let healthy = others.filter(|state| state.health.is_healthy()).count();
        if healthy >= self.quorum.needed || self.state != State::ApiDeadHere {
            lines.push(Line::command(RESTART));
        } else {
            lines.push(Line::say(
                "restart nothing here now: its etcd lives and is needed for the quorum. Find the cause first",
            ));
        }
        lines
    }

    fn refused(&self) -> Vec<Line> {
        let server = self.snapshot.kube.endpoint.as_ref();
        let server = server.map(|endpoint| format!("quorate uses {} meanwhile", endpoint.server));
        let mut lines = vec![Line::say(
            "it lives and asks to wait; see what asks too much, or whether it starts just now",
        )];
        lines.extend(server.map(Line::say));
        lines.push(Line::command(JOURNAL));
        lines
    }

    fn make_room(&self) -> Vec<Line> {
        let pki = format!("{}/pki", self.k0s_dir());
        let revision = self
            .snapshot
            .etcd
            .local
            .as_ref()
            .map_or(0, |local| local.value.revision);
        let ask = |path: &str, body: &str| {
            let tls = format!(
                "--cacert {pki}/etcd/ca.crt --cert {pki}/apiserver-etcd-client.crt --key {pki}/apiserver-etcd-client.key"
            );
            Line::command(format!(
                "sudo curl -sS {tls} https://127.0.0.1:2379/v3/{path} -d '{body}'"
            ))
        };
        vec![
            Line::say(
                "the nodes live: evict, delete and restart nothing. k0s ships no etcdctl; etcd takes the same over HTTP",
            ),
            Line::say(format!(
                "1. a backup (below). 2. forget the history, once, on any controller; the revision is of{}:",
                self.age(crate::model::FeedId::EtcdLocal)
            )),
            ask(
                "kv/compaction",
                &format!("{{\"revision\":\"{revision}\",\"physical\":true}}"),
            ),
            Line::say(
                "3. shrink the database: on each controller, one after the other, the leader last; it blocks that member",
            ),
            ask("maintenance/defragment", "{}"),
            Line::say("4. end the alarm, once:"),
            ask("maintenance/alarm", "{\"action\":\"DEACTIVATE\",\"alarm\":\"NOSPACE\"}"),
            Line::say("then look for what filled it: events, leases, custom resources without end"),
        ]
    }

    fn renew(&self) -> Vec<Line> {
        let mut lines = vec![
            Line::say("first make sure that the clock is right: a clock in the future ends every certificate"),
            Line::command("date -u; timedatectl"),
        ];
        match self.quorum.standing {
            Standing::Held { .. } if self.quorum.spare().is_some_and(|spare| spare <= 0) => {
                lines.push(Line::say(
                    "k0s writes new ones when it starts; but no member is to spare: bring the others back first",
                ));
            }
            _ => lines.push(Line::say(format!(
                "k0s writes new ones when it starts; on {}:",
                self.this_host()
            ))),
        }
        lines.push(Line::command(RESTART));
        lines.push(Line::say("a CA that has ended is not renewed by this: ask support"));
        lines
    }

    fn cannot_tell(&self) -> Vec<Line> {
        let silent = self.snapshot.feeds.iter().filter(|(_, state)| !state.is_current());
        let lines = silent
            .filter_map(|(id, state)| Some(Line::say(format!("{id} is {}: {}", state.word(), state.why()?.text))));
        std::iter::once(Line::say(
            "too little answers to say what is dark; quorate doctor says what was tried",
        ))
        .chain(lines.take(6))
        .collect()
    }
}

fn learner() -> Vec<Line> {
    vec![
        Line::say("k0s's leader gives it a vote once it has caught up, about 10 s later"),
        Line::say(
            "if it stays so: its join failed. See its journal, then on a healthy controller remove it and join again",
        ),
        Line::command(JOURNAL),
    ]
}

fn clock() -> Vec<Line> {
    vec![
        Line::say("compare with a third clock, then mend time synchronisation"),
        Line::command("timedatectl; chronyc tracking"),
        Line::say("slew the clock rather than step it; certificates and leases are judged by it"),
    ]
}

/// A member as people call it.
pub(super) fn called(state: &MemberState) -> String {
    if state.member.has_started() {
        return state.member.name.to_string();
    }
    Text::from(state.member.id.to_string()).to_string()
}
