//! Which zone a node is probably in: as the configuration says, by its own label, in place of a lost one, by a part of its
//! name, by its network. A suggestion, shown with its
//! reason and never applied unseen. Start at [`suggest`].

use std::collections::{BTreeMap, BTreeSet};

use crate::base::Text;
use crate::model::kube::{Node, Tri};
use crate::model::{Policy, Snapshot};

/// A zone for a node, and what speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The zone.
    pub zone: Text,
    /// Why.
    pub because: Text,
}

/// Words that people put before the number of a place.
const PLACES: [&str; 10] = ["az", "zone", "z", "rack", "r", "room", "row", "dc", "site", "hall"];

/// A zone for each node for which something speaks. Unless the configuration says otherwise, nodes keep the label that they
/// have. Evidence counts only where it tells nodes apart.
pub fn suggest(snapshot: &Snapshot, policy: &Policy) -> BTreeMap<Text, Suggestion> {
    let nodes: Vec<&Node> = snapshot.kube.nodes.values().collect();
    let by_name = by_name(&nodes);
    let by_network = by_network(&nodes);
    let successor = successor(snapshot, &nodes);
    let mut suggestions = BTreeMap::new();
    for node in &nodes {
        let own = node.zone.clone().map(|zone| Suggestion {
            zone,
            because: "its label".into(),
        });
        let written = policy.zones.get(&node.name).map(|zone| Suggestion {
            zone: zone.clone(),
            because: "the configuration says so".into(),
        });
        let after = successor.as_ref().filter(|(name, _)| *name == node.name);
        let found = written
            .or(own)
            .or_else(|| after.map(|(_, suggestion)| suggestion.clone()))
            .or_else(|| by_name.get(&node.name).cloned())
            .or_else(|| by_network.get(&node.name).cloned());
        suggestions.extend(found.map(|found| (node.name.clone(), found)));
    }
    suggestions
}

/// The one new node takes the place of the one that is lost, where its zone has nobody else.
fn successor(snapshot: &Snapshot, nodes: &[&Node]) -> Option<(Text, Suggestion)> {
    let is_ready = |node: &Node| node.ready.status == Tri::True;
    let new: Vec<&&Node> = nodes
        .iter()
        .filter(|node| node.zone.is_none() && is_ready(node))
        .collect();
    let zones = snapshot.zones();
    let empty = zones
        .iter()
        .filter(|(zone, nodes)| zone.is_some() && !nodes.iter().any(|node| is_ready(node)));
    let empty: Vec<_> = empty.collect();
    let ([new], [(zone, lost)]) = (new.as_slice(), empty.as_slice()) else {
        return None;
    };
    let names: Vec<&str> = lost.iter().map(|node| node.name.as_str()).collect();
    let suggestion = Suggestion {
        zone: (*zone).clone()?,
        because: Text::from(format!("{}, which is lost, had it", names.join(" and "))),
    };
    Some((new.name.clone(), suggestion))
}

/// By the part of the names that says where: `nbe-a-1`, `rack3-nbe`, `nbe-az2`.
fn by_name(nodes: &[&Node]) -> BTreeMap<Text, Suggestion> {
    let parts: Vec<Vec<&str>> = nodes.iter().map(|node| parts(node.name.as_str())).collect();
    let shortest = parts.iter().map(Vec::len).min().unwrap_or(0);
    let place = (0..shortest).find(|at| {
        let column: Vec<&str> = parts.iter().map(|parts| parts[*at]).collect();
        let distinct: BTreeSet<&str> = column.iter().copied().collect();
        distinct.len() > 1 && column.iter().all(|part| is_place(part))
    });
    let Some(at) = place else { return BTreeMap::new() };
    let tokens = nodes
        .iter()
        .zip(&parts)
        .map(|(node, parts)| (*node, parts[at].to_owned()));
    named(
        &tokens.collect::<Vec<_>>(),
        |token| {
            if token.len() == 1 {
                format!("zone-{token}")
            } else {
                token.to_owned()
            }
        },
        "its name",
    )
}

fn parts(name: &str) -> Vec<&str> {
    let host = name.split('.').next().unwrap_or(name);
    host.split(['-', '_']).collect()
}

/// Whether a part of a name says where: one letter, or a word for a place with a number or letter behind it.
fn is_place(part: &str) -> bool {
    let is_letter = part.len() == 1 && part.chars().all(|c| c.is_ascii_alphabetic());
    let mut places = PLACES.iter();
    is_letter
        || places.any(|place| {
            let rest = part.strip_prefix(place);
            rest.is_some_and(|rest| !rest.is_empty() && (rest.len() == 1 || rest.chars().all(|c| c.is_ascii_digit())))
        })
}

/// By the first three numbers of an IPv4 address.
fn by_network(nodes: &[&Node]) -> BTreeMap<Text, Suggestion> {
    let networks: Vec<(&Node, String)> = nodes
        .iter()
        .filter_map(|node| Some((*node, network(node.address.as_ref()?.as_str())?)))
        .collect();
    let distinct: BTreeSet<&str> = networks.iter().map(|(_, network)| network.as_str()).collect();
    if distinct.len() < 2 || networks.len() < nodes.len() {
        return BTreeMap::new();
    }
    named(
        &networks,
        |network| format!("net-{}", network.replace('.', "-")),
        "its network",
    )
}

fn network(address: &str) -> Option<String> {
    let numbers: Vec<&str> = address.split('.').collect();
    let is_v4 = numbers.len() == 4 && numbers.iter().all(|number| number.parse::<u8>().is_ok());
    is_v4.then(|| numbers[..3].join("."))
}

/// A zone for each token: the one that a labelled node with this token has; or made like those of labelled nodes, when they
/// hold their token; or else made from the token alone. Two labelled nodes that disagree about a token spoil it.
fn named(tokens: &[(&Node, String)], make: impl Fn(&str) -> String, source: &str) -> BTreeMap<Text, Suggestion> {
    let mut known: BTreeMap<&str, BTreeSet<&Text>> = BTreeMap::new();
    for (node, token) in tokens {
        known.entry(token).or_default().extend(node.zone.as_ref());
    }
    let pattern = known.iter().find_map(|(token, zones)| {
        let zone = zones.iter().next().filter(|_| zones.len() == 1)?;
        zone.as_str().strip_suffix(token).map(str::to_owned)
    });
    let zone_of = |token: &str| {
        let zones = known.get(token)?;
        match zones.len() {
            0 => Some(
                pattern
                    .as_ref()
                    .map_or_else(|| make(token), |prefix| format!("{prefix}{token}")),
            ),
            1 => zones.iter().next().map(ToString::to_string),
            _ => None,
        }
    };
    let suggestions = tokens.iter().filter_map(|(node, token)| {
        let suggestion = Suggestion {
            zone: Text::from(zone_of(token)?),
            because: Text::from(format!("{source} says {token}")),
        };
        Some((node.name.clone(), suggestion))
    });
    suggestions.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::example;
    use crate::model::{KubeKind, ObjectKey};

    /// Nodes of name, address and zone.
    fn suggested(nodes: &[(&str, &str, Option<&str>)]) -> Vec<String> {
        let mut snapshot = example::empty();
        for (name, address, zone) in nodes {
            let mut node = example::node(1);
            node.name = Text::new(name);
            node.address = Some(Text::new(address));
            node.zone = zone.map(Text::new);
            let key = ObjectKey::new("", *name);
            example::put(&mut snapshot.kube.nodes, KubeKind::Nodes, key, node);
        }
        let all = suggest(&snapshot, &Policy::default());
        all.iter()
            .map(|(name, found)| format!("{name} {} ({})", found.zone, found.because))
            .collect()
    }

    #[test]
    fn names_that_say_where() {
        let same = "10.0.0.1";
        assert_eq!(
            suggested(&[
                ("nbe-a-1", same, None),
                ("nbe-b-1", same, None),
                ("nbe-c-1", same, None)
            ]),
            [
                "nbe-a-1 zone-a (its name says a)",
                "nbe-b-1 zone-b (its name says b)",
                "nbe-c-1 zone-c (its name says c)"
            ]
        );
        assert_eq!(
            suggested(&[
                ("rack1-nbe.example.org", same, None),
                ("rack2-nbe.example.org", same, None)
            ]),
            [
                "rack1-nbe.example.org rack1 (its name says rack1)",
                "rack2-nbe.example.org rack2 (its name says rack2)"
            ]
        );
    }

    #[test]
    fn labels_give_the_form() {
        let same = "10.0.0.1";
        assert_eq!(
            suggested(&[
                ("nbe-a", same, Some("fra-a")),
                ("nbe-b", same, None),
                ("nbe-c", same, None)
            ]),
            [
                "nbe-a fra-a (its label)",
                "nbe-b fra-b (its name says b)",
                "nbe-c fra-c (its name says c)"
            ]
        );
    }

    #[test]
    fn networks_where_names_say_nothing() {
        assert_eq!(
            suggested(&[
                ("nbe-1", "10.1.0.4", None),
                ("nbe-2", "10.2.0.4", None),
                ("nbe-3", "10.2.0.5", Some("south"))
            ]),
            [
                "nbe-1 net-10-1-0 (its network says 10.1.0)",
                "nbe-2 south (its network says 10.2.0)",
                "nbe-3 south (its label)"
            ]
        );
    }

    #[test]
    fn a_new_node_takes_the_place_of_the_lost_one() {
        let mut snapshot = example::node_lost(example::Death::Silent);
        let mut new = example::node(4);
        (new.name, new.zone) = ("fresh".into(), None);
        let key = ObjectKey::new("", "fresh");
        example::put(&mut snapshot.kube.nodes, KubeKind::Nodes, key.clone(), new);
        let said = |snapshot: &Snapshot, policy: &Policy| {
            let all = suggest(snapshot, policy);
            all.get("fresh")
                .map(|found| format!("{} ({})", found.zone, found.because))
        };
        let lost = "zone-c (nbe-3, which is lost, had it)";
        assert_eq!(said(&snapshot, &Policy::default()).as_deref(), Some(lost));
        let written = Policy {
            zones: [("fresh".into(), "hall-9".into())].into(),
            ..Policy::default()
        };
        let says = "hall-9 (the configuration says so)";
        assert_eq!(said(&snapshot, &written).as_deref(), Some(says));
        example::change(
            &mut snapshot.kube.nodes,
            &ObjectKey::new("", example::name(3)),
            |node| {
                node.ready.status = Tri::True;
            },
        );
        assert_eq!(said(&snapshot, &Policy::default()), None, "nobody is lost");
    }

    #[test]
    fn nothing_is_made_up() {
        assert!(suggested(&[("nbe-1", "10.1.0.4", None), ("nbe-2", "10.1.0.5", None)]).is_empty());
        let contradicting = [
            ("a-1", "10.1.0.4", Some("x")),
            ("a-2", "10.1.0.5", Some("y")),
            ("b-1", "10.1.0.6", None),
            ("a-3", "10.1.0.7", None),
        ];
        let all = suggested(&contradicting);
        assert!(!all.iter().any(|line| line.starts_with("a-3")), "{all:?}");
    }
}
