//! The ladder of columns: which columns each table has, and in which order they go when the terminal is narrow. The one
//! place where that is declared. The column `fresh` is not the last to go: a section's heading says it too.

use std::borrow::Cow;

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub title: Cow<'static, str>,
    /// Columns with the highest rung go first; 0 stays to the end, and for 1 others are shortened first.
    pub rung: u8,
    /// The width up to which it is served before columns of a higher rung.
    pub cap: u16,
    /// The width down to which it is shortened before a column of the first rung goes.
    pub least: u16,
    /// Whether it holds names, which differ at their ends: cut in the middle.
    pub is_name: bool,
    /// Whether its cells mean nothing without the heading: not shown where there are no headings.
    pub needs_heading: bool,
    /// Whether it is shown although all its cells are empty.
    pub stays: bool,
}

const fn words(title: &'static str, rung: u8, cap: u16) -> Column {
    Column {
        title: Cow::Borrowed(title),
        rung,
        cap,
        least: cap,
        is_name: false,
        needs_heading: false,
        stays: false,
    }
}

const fn name(title: &'static str, rung: u8, cap: u16) -> Column {
    Column {
        title: Cow::Borrowed(title),
        rung,
        cap,
        least: cap,
        is_name: true,
        needs_heading: false,
        stays: false,
    }
}

const fn figures(title: &'static str, rung: u8, cap: u16) -> Column {
    let mut column = words(title, rung, cap);
    column.needs_heading = true;
    column
}

impl Column {
    const fn down_to(mut self, least: u16) -> Self {
        self.least = least;
        self
    }
}

/// Nodes.
pub const NODES: [Column; 11] = [
    name("zone", 0, 12).down_to(8),
    name("node", 0, 16).down_to(10),
    words("state", 0, 24).down_to(16),
    words("fresh", 3, 15),
    words("heartbeat", 1, 16),
    words("etcd", 2, 12),
    words("pods", 5, 8),
    words("role", 6, 10),
    name("address", 4, 15),
    words("version", 7, 16),
    words("taints", 8, 24),
];

/// etcd members.
pub const MEMBERS: [Column; 10] = [
    name("member", 0, 16).down_to(12),
    words("health", 0, 24).down_to(16),
    words("role", 0, 8),
    words("rtt", 1, 7),
    words("why", 2, 18),
    name("peer address", 3, 21),
    figures("own view", 4, 8),
    figures("clock", 5, 7),
    words("version", 6, 8),
    words("id", 7, 16),
];

/// Workloads. Where they run begins with what is not ready.
pub const WORKLOADS: [Column; 7] = [
    name("workload", 0, 26).down_to(16),
    words("ready", 0, 12),
    words("spread", 0, 20),
    words("fresh", 3, 15),
    words("on nodes", 1, 24).down_to(9),
    name("namespace", 4, 16),
    words("kind", 5, 11),
];

/// The matrix of workloads and nodes, but for the columns of the nodes, which stand before the last three.
pub const MATRIX: [Column; 7] = [
    name("workload", 0, 26),
    words("ready", 0, 12),
    words("spread", 0, 20),
    words("pending", 0, 8),
    words("fresh", 3, 15),
    name("namespace", 4, 16),
    words("kind", 5, 11),
];

/// One node's column of the matrix.
pub fn placed(title: String, cap: u16) -> Column {
    Column {
        title: Cow::Owned(title),
        rung: 0,
        cap,
        least: cap,
        is_name: false,
        needs_heading: false,
        stays: true,
    }
}

/// Pods.
pub const PODS: [Column; 9] = [
    name("pod", 0, 36).down_to(20),
    words("ready", 0, 11),
    words("state", 0, 24).down_to(14),
    words("fresh", 3, 15),
    figures("restarts", 2, 8),
    words("age", 4, 8),
    name("node", 1, 16),
    figures("tolerates", 6, 9),
    name("namespace", 5, 16),
];

/// Findings.
pub const FINDINGS: [Column; 4] = [
    words("severity", 0, 10),
    words("finding", 0, 60),
    name("subject", 1, 24),
    words("check", 2, 22),
];

/// The checklist.
pub const READINESS: [Column; 5] = [
    words("group", 1, 17),
    words("state", 0, 16),
    words("what must hold", 0, 52),
    words("because", 2, 60),
    words("check", 3, 24),
];

/// What each loss would do.
pub const FORECAST: [Column; 7] = [
    name("if lost", 0, 24),
    words("etcd then", 0, 16),
    words("web", 0, 12),
    words("move", 0, 5),
    words("pending", 0, 7),
    words("wait", 1, 5),
    words("unknown after", 1, 16),
];

/// The timeline.
pub const TIMELINE: [Column; 5] = [
    words("time", 0, 12),
    words("age", 2, 8),
    words("what", 1, 10),
    name("subject", 0, 26),
    words("change", 0, 60),
];

/// Actions and runs.
pub const ACTIONS: [Column; 3] = [name("action", 0, 40), words("state", 0, 24), words("what", 0, 60)];

/// Sources.
pub const FEEDS: [Column; 4] = [
    name("feed", 0, 32).down_to(20),
    words("state", 0, 10),
    words("last answer", 0, 14),
    words("why", 1, 18),
];
