//! Other names for what a document must not name: each name becomes the same alias everywhere. Start reading at [`Aliases`].

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Natural;

/// Names that must not be told, by what they are names of, such as `node`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<Kind, BTreeSet<String>>);

/// What a name is of, and whether it is a number in hex.
type Kind = (&'static str, bool);

impl Names {
    /// One more.
    pub fn add(&mut self, what: &'static str, name: &str) {
        self.insert((what, false), name);
    }

    /// One more, which is a number in hex.
    pub fn add_hex(&mut self, what: &'static str, number: &str) {
        self.insert((what, true), number);
    }

    fn insert(&mut self, kind: Kind, name: &str) {
        if !name.is_empty() {
            self.0.entry(kind).or_default().insert(name.to_owned());
        }
    }
}

/// For whom names are replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reader {
    /// For people: words.
    #[default]
    People,
    /// For programs, which want an address where one was: of networks that nobody has, 198.18.0.0/15 (RFC 2544) and
    /// 2001:db8::/32 (RFC 3849). And a number where one was.
    Programs,
}

/// Names and what stands for them.
#[derive(Debug, Default)]
pub struct Aliases {
    names: HashMap<String, String>,
    /// How long names are: of several that fit, the longest is meant.
    lengths: BTreeSet<usize>,
    reader: Reader,
    /// Addresses are found in the text itself, and numbered as they come.
    addresses: RefCell<BTreeMap<IpAddr, u32>>,
}

impl Aliases {
    /// An alias for each name, numbered in the order in which people count.
    pub fn new(of: Names, reader: Reader) -> Self {
        let mut names = HashMap::new();
        for ((what, is_hex), own) in of.0 {
            let alias = |number: u32| match reader {
                Reader::Programs if is_hex => format!("{number:x}"),
                Reader::Programs | Reader::People => format!("{what}-{number}"),
            };
            let mut own: Vec<String> = own.into_iter().collect();
            own.sort_by(|a, b| Natural(a.as_str()).cmp(&Natural(b.as_str())));
            for (number, name) in (1..).zip(own) {
                names.entry(name).or_insert_with(|| alias(number));
            }
        }
        Self {
            lengths: names.keys().map(String::len).collect(),
            names,
            reader,
            addresses: RefCell::default(),
        }
    }

    /// The text with other names.
    pub fn apply(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = ' ';
        while let Some(c) = rest.chars().next() {
            let is_start = !before.is_alphanumeric();
            if let Some((name, alias)) = is_start.then(|| self.name(rest)).flatten() {
                out.push_str(alias);
                rest = &rest[name.len()..];
                before = name.chars().next_back().unwrap_or(' ');
                continue;
            }
            if let Some((length, alias)) = is_start.then(|| self.address(rest)).flatten() {
                out.push_str(&alias);
                rest = &rest[length..];
                before = '0';
                continue;
            }
            out.push(c);
            before = c;
            rest = &rest[c.len_utf8()..];
        }
        out
    }

    /// The longest name at the beginning that ends there, and what stands for it.
    fn name<'t>(&self, text: &'t str) -> Option<(&'t str, &str)> {
        let ends = |name: &&str| text[name.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        let candidates = self.lengths.iter().rev().filter_map(|length| text.get(..*length));
        let found = candidates
            .filter(ends)
            .find_map(|name| self.names.get_key_value(name).map(|(_, alias)| (name, alias)));
        found.map(|(name, alias)| (name, alias.as_str()))
    }

    /// An address at the beginning: how long it is, and what stands for it. Its port stays.
    fn address(&self, text: &str) -> Option<(usize, String)> {
        let run = |is_part: fn(char) -> bool| text.find(|c: char| !is_part(c)).unwrap_or(text.len());
        let of_v4 = text[..run(|c| c.is_ascii_digit() || c == '.')].trim_end_matches('.');
        let of_v6 = text[..run(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'))].trim_end_matches([':', '.']);
        let parse = |raw: &str| -> Option<IpAddr> {
            let socket = || raw.parse::<SocketAddr>().ok().map(|socket| socket.ip());
            raw.parse().ok().or_else(socket)
        };
        let (length, address) = match parse(of_v4) {
            Some(address) => (of_v4.len(), address),
            None => (of_v6.len(), parse(of_v6)?),
        };
        // It names nobody, and says that something is not reached from outside.
        if address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST {
            return Some((length, text[..length].to_owned()));
        }
        let mut known = self.addresses.borrow_mut();
        let next = u32::try_from(known.len()).unwrap_or(u32::MAX - 1) + 1;
        let number = *known.entry(address).or_insert(next);
        let alias = match (self.reader, address) {
            (Reader::People, _) => format!("address-{number}"),
            (Reader::Programs, IpAddr::V4(_)) => {
                let network = u32::from(Ipv4Addr::new(198, 18, 0, 0));
                Ipv4Addr::from(network | (number & 0x1_ffff)).to_string()
            }
            (Reader::Programs, IpAddr::V6(_)) => {
                let network = u128::from(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0));
                Ipv6Addr::from(network | u128::from(number)).to_string()
            }
        };
        Some((length, alias))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(reader: Reader) -> Aliases {
        let mut names = Names::default();
        for (what, name) in [
            ("node", "nbe-10"),
            ("node", "nbe-3"),
            ("node", "nbe-1"),
            ("pod", "etcd-nbe-3"),
            ("pod", "web-6d5f8"),
        ] {
            names.add(what, name);
        }
        Aliases::new(names, reader)
    }

    #[test]
    fn every_name_is_the_same_alias_everywhere() {
        let aliases = aliases(Reader::People);
        assert_eq!(
            aliases.apply("node/nbe-3: nbe-3's pods web-6d5f8, etcd-nbe-3; not nbe-10, nbe-30"),
            "node/node-2: node-2's pods pod-2, pod-1; not node-3, nbe-30"
        );
        assert_eq!(aliases.apply("k0s-ctrl-nbe-1"), "k0s-ctrl-node-1");
    }

    #[test]
    fn addresses_are_found_in_the_text_and_times_are_not() {
        let aliases = aliases(Reader::People);
        assert_eq!(
            aliases.apply("https://10.77.0.13:6443 and 10.77.0.14; again 10.77.0.13. At 12:30:45Z, fd00::1"),
            "https://address-1:6443 and address-2; again address-1. At 12:30:45Z, address-3"
        );
    }

    #[test]
    fn what_stands_for_an_address_can_be_one() {
        let aliases = aliases(Reader::Programs);
        assert_eq!(
            aliases.apply("10.77.0.13:6443, [fd00::1]:2380, 10.244.1.0/24, 10.77.0.13"),
            "198.18.0.1:6443, [2001:db8::2]:2380, 198.18.0.3/24, 198.18.0.1"
        );
    }
}
