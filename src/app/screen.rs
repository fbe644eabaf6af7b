//! The screens and their names.

use serde::{Deserialize, Serialize};

/// One screen of the console.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Screen {
    #[default]
    Overview,
    Nodes,
    Etcd,
    Placement,
    Pods,
    Findings,
    Timeline,
    Feeds,
    Log,
    Readiness,
    Forecast,
    Actions,
    Recovery,
}

impl Screen {
    /// Every screen, in the order of the tabs.
    pub const ALL: [Screen; 13] = [
        Screen::Overview,
        Screen::Nodes,
        Screen::Etcd,
        Screen::Placement,
        Screen::Pods,
        Screen::Findings,
        Screen::Timeline,
        Screen::Feeds,
        Screen::Log,
        Screen::Readiness,
        Screen::Forecast,
        Screen::Actions,
        Screen::Recovery,
    ];

    /// The name on its tab and after `:`.
    pub const fn name(self) -> &'static str {
        match self {
            Screen::Overview => "overview",
            Screen::Nodes => "nodes",
            Screen::Etcd => "etcd",
            Screen::Placement => "placement",
            Screen::Pods => "pods",
            Screen::Findings => "findings",
            Screen::Timeline => "timeline",
            Screen::Feeds => "feeds",
            Screen::Log => "log",
            Screen::Readiness => "readiness",
            Screen::Forecast => "forecast",
            Screen::Actions => "actions",
            Screen::Recovery => "recovery",
        }
    }

    /// A shorter name, where the tabs have no room.
    pub const fn short(self) -> &'static str {
        match self {
            Screen::Overview => "over",
            Screen::Nodes => "nodes",
            Screen::Etcd => "etcd",
            Screen::Placement => "place",
            Screen::Pods => "pods",
            Screen::Findings => "find",
            Screen::Timeline => "time",
            Screen::Feeds => "feeds",
            Screen::Log => "log",
            Screen::Readiness => "ready",
            Screen::Forecast => "if",
            Screen::Actions => "act",
            Screen::Recovery => "recov",
        }
    }

    /// The screen `by` tabs further, around the end.
    #[must_use]
    pub fn turn(self, by: usize) -> Self {
        let here = Self::ALL.iter().position(|screen| *screen == self).unwrap_or(0);
        Self::ALL.get((here + by) % Self::ALL.len()).copied().unwrap_or(self)
    }

    /// Whether it consists of rows that can be selected.
    pub const fn is_list(self) -> bool {
        !matches!(self, Screen::Log | Screen::Recovery)
    }
}
