//! What an operator may do to a simulated cluster. The core only says what is wished; whoever runs the simulator does it,
//! and answers with a message. Nothing here exists on a real cluster. Start reading at [`press`].

use serde::{Deserialize, Serialize};

use super::Effect;
use super::commands::{Argument, Does, Entry};
use super::rows::{RowId, rows};
use super::state::State;
use crate::base::Text;
use crate::forecast::Domain;

/// The speeds that keys step through.
pub const SPEEDS: [u32; 4] = [1, 5, 20, 60];

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Deed {
    Kill,
    Freeze,
    Unplug,
    BlackHole,
    Revive,
    Flap,
    Join,
    FailJoin,
    Stop,
    Skew,
    Quota,
    EnableHa,
    Reset,
    Heal,
    Faster,
    Slower,
    Speed,
}

/// What is wished of the simulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimCommand {
    /// What.
    pub deed: Deed,
    /// To what, in the words of the operator: a node, `zone ZONE`, a number.
    pub to: Text,
}

/// Whether there is a simulator. What was recorded of one cannot be played with.
pub fn is_simulated(state: &State) -> bool {
    state.snapshot.simulated.is_some() && state.replay.is_none()
}

/// What a key means: a deed done to the selected node, or to the whole cluster. The error is a sentence.
pub fn press(state: &State, deed: Deed) -> Result<Vec<Effect>, String> {
    let to = match deed {
        Deed::Kill
        | Deed::Freeze
        | Deed::Unplug
        | Deed::BlackHole
        | Deed::Revive
        | Deed::Flap
        | Deed::Stop
        | Deed::Skew
        | Deed::Reset => selected(state).ok_or("select a node or an etcd member first")?,
        Deed::Join | Deed::FailJoin | Deed::Quota | Deed::EnableHa | Deed::Heal | Deed::Speed => Text::default(),
        Deed::Faster => return speed(state, |index| index + 1),
        Deed::Slower => return speed(state, |index| index.saturating_sub(1)),
    };
    wish(state, deed, to)
}

/// What a command means.
fn wish(state: &State, deed: Deed, to: Text) -> Result<Vec<Effect>, String> {
    if !is_simulated(state) {
        return Err("this is a real cluster; `quorate demo` has one that may be broken".to_owned());
    }
    Ok(vec![Effect::Sim(SimCommand { deed, to })])
}

fn speed(state: &State, step: fn(usize) -> usize) -> Result<Vec<Effect>, String> {
    let now = state.snapshot.simulated.as_ref().map_or(1, |simulated| simulated.speed);
    let index = SPEEDS.iter().rposition(|speed| *speed <= now).unwrap_or(0);
    let next = SPEEDS.get(step(index)).copied().unwrap_or(now);
    wish(state, Deed::Speed, Text::from(next.to_string()))
}

/// The node of the selected row: the row's own, or that of an etcd member, which has the node's name.
pub fn selected(state: &State) -> Option<Text> {
    match rows(state).get(state.cursor().index)? {
        RowId::Node(name) | RowId::Loss(Domain::Node(name)) => Some(name.clone()),
        RowId::Member(id) => Some(state.derived.quorum.member(*id)?.member.name.clone()),
        RowId::Workload(..)
        | RowId::Pod(_)
        | RowId::Finding(..)
        | RowId::Check(_)
        | RowId::Untold(_)
        | RowId::Feed(_)
        | RowId::Change(_)
        | RowId::Loss(Domain::Zone(_) | Domain::Chosen)
        | RowId::Offer(_)
        | RowId::Run(_) => None,
    }
}

const fn entry(names: &'static [&'static str], argument: Argument, help: &'static str, does: Does) -> Entry {
    Entry {
        names,
        argument,
        help,
        does,
    }
}

fn nodes(state: &State) -> Vec<String> {
    let nodes = state.snapshot.kube.nodes.values();
    nodes.map(|node| node.name.to_string()).collect()
}

fn nodes_and_zones(state: &State) -> Vec<String> {
    let zones = state.snapshot.zones().into_iter().filter_map(|(zone, _)| zone);
    let zones = zones.map(|zone| format!("zone {zone}"));
    nodes(state).into_iter().chain(zones).collect()
}

fn speeds(_: &State) -> Vec<String> {
    SPEEDS.iter().map(ToString::to_string).collect()
}

fn free(_: &State) -> Vec<String> {
    Vec::new()
}

/// Commands that exist on a simulated cluster alone, in the order of the help.
#[rustfmt::skip] // One line each: it is a table.
pub const COMMANDS: &[Entry] = &[
    entry(&["kill"], Argument::Required("NODE|zone ZONE", nodes_and_zones), "switch a machine off, or all of a zone", Does::Act(|state, to| wish(state, Deed::Kill, Text::new(to)))),
    entry(&["freeze"], Argument::Required("NODE", nodes), "stop all processes of a machine in their tracks", Does::Act(|state, to| wish(state, Deed::Freeze, Text::new(to)))),
    entry(&["unplug"], Argument::Required("NODE", nodes), "pull a machine's network cable", Does::Act(|state, to| wish(state, Deed::Unplug, Text::new(to)))),
    entry(&["blackhole"], Argument::Required("NODE", nodes), "lose every packet from and to a machine", Does::Act(|state, to| wish(state, Deed::BlackHole, Text::new(to)))),
    entry(&["flap"], Argument::Required("NODE", nodes), "a machine's cable comes out again and again", Does::Act(|state, to| wish(state, Deed::Flap, Text::new(to)))),
    entry(&["revive"], Argument::Required("NODE|zone ZONE", nodes_and_zones), "undo what was done to a machine, and start it", Does::Act(|state, to| wish(state, Deed::Revive, Text::new(to)))),
    entry(&["stop"], Argument::Required("NODE COMPONENT", nodes), "end one process: k0s, etcd, kube-apiserver, kubelet …", Does::Act(|state, to| wish(state, Deed::Stop, Text::new(to)))),
    entry(&["skew"], Argument::Required("NODE MILLISECONDS", nodes), "set a machine's clock wrong", Does::Act(|state, to| wish(state, Deed::Skew, Text::new(to)))),
    entry(&["join"], Argument::Optional("ZONE", free), "a new machine joins as a controller", Does::Act(|state, to| wish(state, Deed::Join, Text::new(to)))),
    entry(&["fail-join"], Argument::None, "a new machine dies while it joins", Does::Act(|state, to| wish(state, Deed::FailJoin, Text::new(to)))),
    entry(&["quota"], Argument::None, "etcd's database is full", Does::Act(|state, to| wish(state, Deed::Quota, Text::new(to)))),
    entry(&["enable-ha"], Argument::None, "as `netbox-enterprise enable-ha` does", Does::Act(|state, to| wish(state, Deed::EnableHa, Text::new(to)))),
    entry(&["reset"], Argument::Required("NODE", nodes), "as `netbox-enterprise reset` on a machine does: it leaves, and is wiped", Does::Act(|state, to| wish(state, Deed::Reset, Text::new(to)))),
    entry(&["heal"], Argument::None, "revive every machine", Does::Act(|state, to| wish(state, Deed::Heal, Text::new(to)))),
    entry(&["speed"], Argument::Required("1|5|20|60", speeds), "how many times faster time runs", Does::Act(|state, to| wish(state, Deed::Speed, Text::new(to)))),
    entry(&["tour"], Argument::None, "show or hide the tour", Does::Act(|state, _| { super::tour::toggle(state); Ok(Vec::new()) })),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::app::{Key, Msg, commands, update};
    use crate::model::{Policy, Simulated, example};

    fn state(speed: Option<u32>) -> State {
        let mut snapshot = example::healthy();
        snapshot.simulated = speed.map(|speed| Simulated {
            scenario: Text::new("demo"),
            speed,
            has_length: false,
        });
        let mut state = State::new(Arc::new(snapshot), Policy::default());
        update(&mut state, Msg::Key(Key::char('2')));
        state
    }

    fn wished(state: &mut State, key: char) -> Vec<Effect> {
        update(state, Msg::Key(Key::char(key)))
    }

    #[test]
    fn a_key_does_its_deed_to_the_selected_node() {
        let mut state = state(Some(5));
        let kill = SimCommand {
            deed: Deed::Kill,
            to: Text::new("nbe-1"),
        };
        assert_eq!(wished(&mut state, 'K'), [Effect::Sim(kill)]);
        let speed = |to| {
            Effect::Sim(SimCommand {
                deed: Deed::Speed,
                to: Text::new(to),
            })
        };
        assert_eq!(wished(&mut state, '>'), [speed("20")]);
        assert_eq!(wished(&mut state, '<'), [speed("1")]);
        update(&mut state, Msg::Key(Key::char('6')));
        assert!(wished(&mut state, 'K').is_empty() && state.message.is_some());
    }

    #[test]
    fn on_a_real_cluster_there_is_no_such_key_and_no_such_command() {
        let mut state = state(None);
        for key in ['K', 'F', 'U', 'R', '+', '>', '<'] {
            assert!(wished(&mut state, key).is_empty());
            assert!(
                state
                    .message
                    .take()
                    .unwrap()
                    .text
                    .as_str()
                    .contains("does nothing here")
            );
        }
        assert!(commands::read(&state, "kill nbe-1").is_err());
    }
}
