//! Other names for what a report must not name: each name becomes the same alias everywhere. Start reading at [`Aliases`].

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::base::Natural;

/// Names and what stands for them.
#[derive(Debug, Default)]
pub struct Aliases {
    /// The longest first, so that a name within another one does not hide it.
    names: Vec<(String, String)>,
    /// Addresses are found in the text itself, and numbered as they come.
    addresses: RefCell<BTreeMap<IpAddr, usize>>,
}

impl Aliases {
    /// Names by what they are names of, such as `node`.
    pub fn new(of: BTreeMap<&'static str, BTreeSet<String>>) -> Self {
        let mut names: Vec<(String, String)> = Vec::new();
        for (what, own) in of {
            let mut own: Vec<String> = own.into_iter().filter(|name| !name.is_empty()).collect();
            own.sort_by(|a, b| Natural(a.as_str()).cmp(&Natural(b.as_str())));
            let numbered = (1..).zip(own).map(|(number, name)| (name, format!("{what}-{number}")));
            names.extend(numbered);
        }
        names.sort_by_key(|(name, _)| Reverse(name.len()));
        Self {
            names,
            addresses: RefCell::default(),
        }
    }

    /// The text with other names.
    pub fn apply(&self, text: &str) -> String {
        let occurring: Vec<_> = self
            .names
            .iter()
            .filter(|(name, _)| text.contains(name.as_str()))
            .collect();
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        let mut before = ' ';
        while let Some(c) = rest.chars().next() {
            let is_start = !before.is_alphanumeric();
            let found = occurring.iter().find(|(name, _)| is_start && begins(rest, name));
            if let Some((name, alias)) = found {
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
        let mut known = self.addresses.borrow_mut();
        let next = known.len() + 1;
        let number = *known.entry(address).or_insert(next);
        Some((length, format!("address-{number}")))
    }
}

/// Whether the text begins with a name that ends there.
fn begins(text: &str, name: &str) -> bool {
    let after = text.strip_prefix(name).map(|rest| rest.chars().next());
    after.is_some_and(|next| next.is_none_or(|c| !c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases() -> Aliases {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Aliases::new(BTreeMap::from([
            ("node", set(&["nbe-10", "nbe-3", "nbe-1"])),
            ("pod", set(&["etcd-nbe-3", "web-6d5f8"])),
        ]))
    }

    #[test]
    fn every_name_is_the_same_alias_everywhere() {
        let aliases = aliases();
        assert_eq!(
            aliases.apply("node/nbe-3: nbe-3's pods web-6d5f8, etcd-nbe-3; not nbe-10, nbe-30"),
            "node/node-2: node-2's pods pod-2, pod-1; not node-3, nbe-30"
        );
        assert_eq!(aliases.apply("k0s-ctrl-nbe-1"), "k0s-ctrl-node-1");
    }

    #[test]
    fn addresses_are_found_in_the_text_and_times_are_not() {
        let aliases = aliases();
        assert_eq!(
            aliases.apply("https://10.77.0.13:6443 and 10.77.0.14; again 10.77.0.13. At 12:30:45Z, fd00::1"),
            "https://address-1:6443 and address-2; again address-1. At 12:30:45Z, address-3"
        );
    }
}
