//! Our own key type, so that the core knows no terminal library and key strings can be written in tests, help and
//! configuration. Start reading at [`Key`]'s `FromStr`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One key press.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Which key.
    pub code: Code,
    /// With control.
    pub ctrl: bool,
    /// With alt.
    pub alt: bool,
}

/// A key without its modifiers. Shift is part of the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub enum Code {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
}

/// Names of the keys that are no character.
const NAMES: [(&str, Code); 15] = [
    ("enter", Code::Enter),
    ("esc", Code::Esc),
    ("tab", Code::Tab),
    ("backtab", Code::BackTab),
    ("backspace", Code::Backspace),
    ("delete", Code::Delete),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("pgup", Code::PageUp),
    ("pgdn", Code::PageDown),
    ("home", Code::Home),
    ("end", Code::End),
    ("space", Code::Char(' ')),
];

impl Key {
    /// A key without modifiers.
    pub const fn of(code: Code) -> Self {
        Self {
            code,
            ctrl: false,
            alt: false,
        }
    }

    /// A character.
    pub const fn char(c: char) -> Self {
        Self::of(Code::Char(c))
    }

    /// A character with control.
    pub const fn ctrl(c: char) -> Self {
        Self {
            code: Code::Char(c),
            ctrl: true,
            alt: false,
        }
    }

    /// The character that this key types, if it types one.
    pub const fn typed(self) -> Option<char> {
        if let (Code::Char(c), false, false) = (self.code, self.ctrl, self.alt) {
            Some(c)
        } else {
            None
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        if self.ctrl {
            out.push_str("ctrl-");
        }
        if self.alt {
            out.push_str("alt-");
        }
        if let Some((name, _)) = NAMES.iter().find(|(_, code)| *code == self.code) {
            out.push_str(name);
        } else if let Code::Char(c) = self.code {
            out.push(c);
        }
        f.pad(&out)
    }
}

/// There is no such key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no key {0:?}")]
pub struct UnknownKey(pub String);

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let mut key = Key::of(Code::Esc);
        let mut rest = raw;
        loop {
            if let Some(after) = rest.strip_prefix("ctrl-").filter(|after| !after.is_empty()) {
                key.ctrl = true;
                rest = after;
            } else if let Some(after) = rest.strip_prefix("alt-").filter(|after| !after.is_empty()) {
                key.alt = true;
                rest = after;
            } else {
                break;
            }
        }
        let mut chars = rest.chars();
        key.code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() => Code::Char(c),
            _ => {
                let named = NAMES.iter().find(|(name, _)| *name == rest);
                named.ok_or_else(|| UnknownKey(raw.to_owned()))?.1
            }
        };
        Ok(key)
    }
}

/// Reads a whole sequence in the notation of tests and records: `jj<enter>:etcd<enter>`. `<lt>` is `<` itself.
pub fn parse_sequence(raw: &str) -> Result<Vec<Key>, UnknownKey> {
    let mut keys = Vec::new();
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        if c == '<'
            && let Some((name, after)) = rest.strip_prefix('<').and_then(|inside| inside.split_once('>'))
        {
            keys.push(if name == "lt" { Key::char('<') } else { name.parse()? });
            rest = after;
        } else {
            keys.push(Key::char(c));
            rest = rest.strip_prefix(c).unwrap_or_default();
        }
    }
    Ok(keys)
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_print_and_read_back() {
        for raw in [
            "ctrl-c",
            "j",
            "enter",
            "esc",
            "pgdn",
            "?",
            "G",
            ":",
            "space",
            "alt-ctrl-x",
            "-",
        ] {
            let key: Key = raw.parse().unwrap();
            assert_eq!(key.to_string().parse::<Key>().unwrap(), key, "{raw}");
        }
        assert_eq!("ctrl-c".parse::<Key>().unwrap(), Key::ctrl('c'));
        assert_eq!("ctrl-c".parse::<Key>().unwrap().to_string(), "ctrl-c");
        assert!("hyper-q".parse::<Key>().is_err());
        assert!("".parse::<Key>().is_err());
        assert!("ctrl-".parse::<Key>().is_err());
    }

    #[test]
    fn sequences() {
        let keys = parse_sequence("j<enter>:<lt><ctrl-c>").unwrap();
        let written: Vec<String> = keys.iter().map(ToString::to_string).collect();
        assert_eq!(written, ["j", "enter", ":", "<", "ctrl-c"]);
        assert!(parse_sequence("<nokey>").is_err());
    }
}
