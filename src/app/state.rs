//! The state of the console: everything that a frame is made of. It is plain data, so that it can be compared, recorded
//! and shown again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::failover::Failovers;
use super::key::Key;
use super::keys::{Command, KeyMap};
use super::list::Cursor;
use super::memo::Memo;
use super::prompt::Prompt;
use super::replay::Place;
use super::rows::{RowId, Scope};
use super::screen::Screen;
use super::sheet::Sheet;
use super::sort::Sort;
use super::timeline::Timeline;
use super::work::Work;
use crate::base::Text;
use crate::check::{self, CheckId, Finding, Report, Scene, Severity};
use crate::model::kube::{Pod, WorkloadKind};
use crate::model::placement::Placement;
use crate::model::quorum::Quorum;
use crate::model::recovery::Recovery;
use crate::model::{ObjectKey, Policy, Snapshot};

/// Columns and rows of a terminal below which tables make no sense.
pub const SMALL: (u16, u16) = (60, 15);

/// How many screens `esc` can walk back.
pub const MAX_BACK: usize = 16;

/// How many lines typed after `:` are kept.
pub const MAX_HISTORY: usize = 50;

/// What follows from a snapshot, worked out once per snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Derived {
    /// What the checks found.
    pub report: Report,
    /// The arithmetic of the next loss.
    pub quorum: Quorum,
    /// What is dark, and what to do about it.
    pub recovery: Recovery,
    /// Where replicas run, the ones that need attention first.
    pub placements: Vec<Placement>,
    /// Numbers of the placements, by kind and key: for looking them up.
    by_key: Vec<usize>,
    /// Where the findings stand in the report, by check and subject: for looking them up.
    by_subject: Vec<[usize; 2]>,
    /// The pods of each workload that has some, in order.
    pods_by_workload: Vec<((WorkloadKind, ObjectKey), Vec<ObjectKey>)>,
    /// Unfinished pods on each node.
    pods_by_node: BTreeMap<Text, usize>,
}

impl Derived {
    /// Works it out.
    pub fn of(snapshot: &Snapshot, policy: &Policy) -> Self {
        let scene = Scene::of(snapshot);
        let report = check::run_on(&scene, policy, |_| true);
        let Scene {
            pods, mut placements, ..
        } = scene;
        placements.sort_by_cached_key(|placement| Reverse(attention(placement)));
        let name = |number: &usize| placements.get(*number).map(|own| (own.workload.kind, own.key.clone()));
        let mut by_key: Vec<usize> = (0..placements.len()).collect();
        by_key.sort_by_cached_key(name);
        let mut pods_by_node: BTreeMap<Text, usize> = BTreeMap::new();
        let bound = snapshot.kube.pods.values().filter(|pod| !pod.is_finished());
        for node in bound.filter_map(|pod| pod.node.as_ref()) {
            match pods_by_node.get_mut(node) {
                Some(count) => *count += 1,
                None => drop(pods_by_node.insert(node.clone(), 1)),
            }
        }
        Self {
            by_subject: by_subject(&report),
            report,
            quorum: snapshot.quorum(),
            recovery: snapshot.recovery(),
            placements,
            by_key,
            pods_by_workload: pods.into_iter().map(|(of, pods)| (of, names(&pods))).collect(),
            pods_by_node,
        }
    }

    /// The pods of a workload, by name.
    pub fn pods_of(&self, kind: WorkloadKind, key: &ObjectKey) -> &[ObjectKey] {
        let all = &self.pods_by_workload;
        let found = all.binary_search_by(|((own, name), _)| (own, name).cmp(&(&kind, key)));
        let pods = found.ok().and_then(|number| all.get(number));
        pods.map(|(_, pods)| pods.as_slice()).unwrap_or_default()
    }

    /// One workload.
    pub fn placement(&self, kind: WorkloadKind, key: &ObjectKey) -> Option<&Placement> {
        self.placements.get(self.number(kind, key)?)
    }

    /// One finding; the first, where a check says several things of a subject.
    pub fn finding(&self, check: CheckId, subject: &Text) -> Option<&Finding> {
        let wanted = (check, subject);
        let key = |at: &[usize; 2]| finding_at(&self.report, *at).map(|found| (found.check, &found.subject));
        let first = self.by_subject.partition_point(|at| key(at) < Some(wanted));
        let found = finding_at(&self.report, *self.by_subject.get(first)?)?;
        (found.check == check && found.subject == *subject).then_some(found)
    }

    /// How many workloads lie as the scheduler is told never to place them.
    pub fn broken_spreads(&self) -> usize {
        self.placements
            .iter()
            .filter(|placement| breaks_spread(placement))
            .count()
    }

    fn number(&self, kind: WorkloadKind, key: &ObjectKey) -> Option<usize> {
        let at = |number: &usize| self.placements.get(*number);
        let found = self.by_key.binary_search_by(|number| {
            at(number).map_or(std::cmp::Ordering::Less, |own| {
                (own.workload.kind, &own.key).cmp(&(kind, key))
            })
        });
        self.by_key.get(found.ok()?).copied()
    }

    /// How many unfinished pods are bound to a node.
    pub fn pods_on(&self, node: &Text) -> usize {
        self.pods_by_node.get(node).copied().unwrap_or(0)
    }
}

fn names(pods: &[(&ObjectKey, &Pod)]) -> Vec<ObjectKey> {
    pods.iter().map(|(key, _)| ObjectKey::clone(key)).collect()
}

/// A finding by the number of its outcome and its own in there.
fn finding_at(report: &Report, [outcome, number]: [usize; 2]) -> Option<&Finding> {
    report.outcomes.get(outcome)?.1.findings().get(number)
}

fn by_subject(report: &Report) -> Vec<[usize; 2]> {
    let numbers = report.outcomes.iter().enumerate();
    let numbers =
        numbers.flat_map(|(number, (_, outcome))| (0..outcome.findings().len()).map(move |own| [number, own]));
    let mut numbers: Vec<[usize; 2]> = numbers.collect();
    numbers.sort_by_key(|at| finding_at(report, *at).map(|found| (found.check, &found.subject)));
    numbers
}

/// Whether it wants two replicas or more, and the loss of one node would take all that are ready. A daemon set has one
/// per node by its nature.
pub fn stands_on_one_node(placement: &Placement) -> bool {
    placement.workload.kind != WorkloadKind::DaemonSet
        && placement.workload.desired > 1
        && placement.ready() > 0
        && !placement.survives_any_loss()
}

/// Whether its replicas lie as the scheduler is told never to place them. A soft spread is only a wish.
fn breaks_spread(placement: &Placement) -> bool {
    placement.is_hard_spread() && placement.spread_ok == Some(false)
}

/// How much a workload needs to be looked at: down, broken spread, missing replicas, all on one node, daemon sets short of
/// a pod, then those that are spread at all.
fn attention(placement: &Placement) -> [bool; 7] {
    let workload = &placement.workload;
    let is_short = workload.ready < workload.desired;
    let is_daemon = workload.kind == WorkloadKind::DaemonSet;
    [
        workload.desired > 0 && workload.ready == 0,
        breaks_spread(placement),
        placement.unscheduled > 0 || is_short && !is_daemon,
        stands_on_one_node(placement),
        // A lost node takes a pod of every daemon set, which tells no more than the node does.
        is_short,
        placement.is_hard_spread(),
        workload.desired > 1,
    ]
}

/// Something to tell the operator that no snapshot carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// How bad.
    pub severity: Severity,
    /// In one line.
    pub text: Text,
}

impl Message {
    /// A message.
    pub fn new(severity: Severity, text: impl AsRef<str>) -> Self {
        Self {
            severity,
            text: Text::new(text.as_ref()),
        }
    }
}

/// A rectangle of the terminal, in cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct Area {
    pub x: u16,
    pub y: u16,
    pub width: u16,
    pub height: u16,
}

/// Which of many columns are in sight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// The first.
    pub first: usize,
    /// How many.
    pub shown: usize,
    /// How many there are.
    pub total: usize,
}

/// What a frame found out about the space it had: the only thing that a view tells the core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// How many rows of the list were visible: a page.
    pub rows: usize,
    /// The first of them.
    pub offset: usize,
    /// How many lines of a scrolled text (one row in full, help) were visible.
    pub text_rows: usize,
    /// How many lines it has.
    pub text_lines: usize,
    /// The first of its lines that was visible.
    pub text_top: usize,
    /// Columns of its longest line, where lines are cut off.
    pub text_columns: usize,
    /// Which nodes were in sight, where each has a column.
    pub nodes: Sight,
    /// Where the log belongs, while it is shown.
    pub log: Option<Area>,
}

/// Everything a frame is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The newest snapshot.
    pub snapshot: Arc<Snapshot>,
    /// What follows from it.
    pub derived: Arc<Derived>,
    /// What changed since the console opened, and before.
    pub timeline: Timeline,
    /// Lost nodes, and how far they are made good.
    #[serde(default)]
    pub failovers: Failovers,
    /// What counts as wrong.
    pub policy: Policy,
    /// Keys that the operator gave another meaning.
    #[serde(default)]
    pub keys: KeyMap,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The screen shown.
    pub screen: Screen,
    /// Of what the pods are listed; None for all.
    pub scope: Option<Scope>,
    /// The screens before it, oldest first, each with its scope.
    pub back: Vec<(Screen, Option<Scope>)>,
    /// Where the operator is on each screen.
    pub cursors: BTreeMap<Screen, Cursor>,
    /// What each screen is filtered by.
    pub filters: BTreeMap<Screen, String>,
    /// What each screen is sorted by; those that are not here by what needs attention first.
    pub sorts: BTreeMap<Screen, Sort>,
    /// The first node in sight, where nodes have columns and not all fit.
    pub first_node: usize,
    /// The marked rows of all screens.
    pub marks: BTreeSet<RowId>,
    /// The line being typed.
    pub prompt: Option<Prompt>,
    /// Lines typed after `:`, oldest first, at most [`MAX_HISTORY`].
    pub history: Vec<String>,
    /// The selected row shown in full, scrolled by so many lines.
    pub detail: Option<usize>,
    /// By how many lines the recovery page is scrolled.
    pub recovery_top: usize,
    /// What is opened over the screen to be read; the last one lies uppermost.
    pub sheets: Vec<Sheet>,
    /// How many questions were asked.
    pub questions: u64,
    /// The help, scrolled by so many lines.
    pub help: Option<usize>,
    /// The last thing said.
    pub message: Option<Message>,
    /// The theme chosen here; None: that of the settings.
    pub theme: Option<String>,
    /// The themes that there are.
    pub themes: Vec<String>,
    /// Guided actions.
    pub work: Work,
    /// The step of the tour that is shown.
    pub tour: Option<usize>,
    /// What the last frame found out.
    pub geometry: Geometry,
    /// Where in a recording this is, while one is shown again.
    #[serde(skip)]
    pub replay: Option<Place>,
    /// Lists that follow from all this.
    #[serde(skip)]
    pub(super) memo: Memo,
}

impl State {
    /// The console before its first key.
    pub fn new(snapshot: Arc<Snapshot>, policy: Policy) -> Self {
        let derived = Derived::of(&snapshot, &policy);
        let mut timeline = Timeline::default();
        timeline.note(&snapshot, &snapshot, &derived, &policy);
        let mut failovers = Failovers::default();
        // At the first look nothing can have ended.
        failovers.note(&snapshot, &policy);
        Self {
            derived: Arc::new(derived),
            timeline,
            failovers,
            snapshot,
            policy,
            keys: KeyMap::default(),
            size: (80, 24),
            screen: Screen::Overview,
            scope: None,
            back: Vec::new(),
            cursors: BTreeMap::new(),
            filters: BTreeMap::new(),
            sorts: BTreeMap::new(),
            first_node: 0,
            marks: BTreeSet::new(),
            prompt: None,
            history: Vec::new(),
            detail: None,
            recovery_top: 0,
            sheets: Vec::new(),
            questions: 0,
            help: None,
            message: None,
            theme: None,
            themes: Vec::new(),
            work: Work::default(),
            tour: None,
            geometry: Geometry::default(),
            replay: None,
            memo: Memo::default(),
        }
    }

    /// The same, where only one namespace is looked at to begin with.
    #[must_use]
    pub fn in_namespace(mut self, namespace: Option<&Text>) -> Self {
        if let Some(namespace) = namespace {
            super::filter::begin_in(&mut self, namespace);
        }
        self
    }

    /// The same, where keys have another meaning.
    #[must_use]
    pub fn with_keys(mut self, keys: KeyMap) -> Self {
        self.keys = keys;
        self
    }

    /// The key to press for a command.
    pub fn key_of(&self, command: Command) -> Key {
        self.keys.key_of(command)
    }

    /// Where the operator is on this screen.
    pub fn cursor(&self) -> Cursor {
        self.cursors.get(&self.screen).cloned().unwrap_or_default()
    }

    /// What this screen is filtered by; empty when it is not.
    pub fn filter(&self) -> &str {
        self.filters.get(&self.screen).map_or("", String::as_str)
    }

    /// What this screen is sorted by; None where what needs attention comes first.
    pub fn sort(&self) -> Option<&Sort> {
        self.sorts.get(&self.screen)
    }

    /// Tells the operator something, until the next key.
    pub fn say(&mut self, severity: Severity, text: impl AsRef<str>) {
        self.message = Some(Message::new(severity, text));
    }

    /// Whether a screen is offered: the recovery page only while something is dark, or while it is shown.
    pub fn offers(&self, screen: Screen) -> bool {
        screen != Screen::Recovery || self.screen == screen || self.derived.recovery.diagnosis.state.is_dark()
    }

    /// The next screen that is offered, `by` tabs further, around the end.
    pub fn turned(&self, by: usize) -> Screen {
        let mut screen = self.screen.turn(by);
        while !self.offers(screen) {
            screen = screen.turn(by);
        }
        screen
    }

    /// Whether the terminal is too small for tables.
    pub const fn is_small(&self) -> bool {
        self.size.0 < SMALL.0 || self.size.1 < SMALL.1
    }

    /// Whether what is shown scrolls instead of having a selection.
    pub const fn is_text(&self) -> bool {
        self.help.is_some() || !self.sheets.is_empty() || self.detail.is_some() || !self.screen.is_list()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::example::{self, change, healthy};
    use crate::model::{ObjectKey, Table};

    /// The placements of the healthy example, in which the pods of one workload are changed.
    fn placements(workload: &str, bend: impl Fn(&mut crate::model::kube::Pod)) -> Vec<Placement> {
        let mut snapshot = healthy();
        let pods: Vec<ObjectKey> = snapshot.kube.pods.iter().map(|(key, _)| key.clone()).collect();
        for key in pods.into_iter().filter(|key| key.name.as_str().starts_with(workload)) {
            change(&mut snapshot.kube.pods, &key, &bend);
        }
        let ready = snapshot
            .placements()
            .into_iter()
            .map(|placement| (placement.ready(), placement.key));
        for (ready, key) in ready.collect::<Vec<_>>() {
            let tables: [&mut Table<_>; 2] = [&mut snapshot.kube.deployments, &mut snapshot.kube.stateful_sets];
            for table in tables {
                change(table, &key, |workload| workload.ready = ready);
            }
        }
        Derived::of(&snapshot, &Policy::default()).placements
    }

    #[test]
    fn a_workload_that_is_down_comes_first_and_is_not_called_unspread() {
        let placements = placements("netbox-worker", |pod| pod.ready = false);
        let first = placements.first().unwrap();
        assert_eq!(first.key.name.as_str(), "netbox-worker");
        assert!(!stands_on_one_node(first));
    }

    #[test]
    fn one_node_with_all_ready_replicas_is_told() {
        let placements = placements("netbox-worker", |pod| pod.ready = pod.node == Some(example::name(2)));
        let on_one: Vec<&Text> = placements
            .iter()
            .filter(|placement| stands_on_one_node(placement))
            .map(|placement| &placement.key.name)
            .collect();
        assert_eq!(on_one, [&Text::from("netbox-worker")]);
    }

    #[test]
    fn a_daemon_set_short_of_a_pod_stands_behind_a_pod_that_waits() {
        let mut snapshot = healthy();
        let daemons: Vec<ObjectKey> = snapshot.kube.daemon_sets.iter().map(|(key, _)| key.clone()).collect();
        for key in &daemons {
            change(&mut snapshot.kube.daemon_sets, key, |set| set.ready = set.desired - 1);
        }
        let pods = snapshot.kube.pods.iter().map(|(key, _)| key.clone());
        let names: Vec<ObjectKey> = pods.collect();
        let is_worker = |key: &&ObjectKey| key.name.as_str().starts_with("netbox-worker");
        let waiting = names.iter().find(is_worker).unwrap();
        change(&mut snapshot.kube.pods, waiting, |pod| pod.node = None);
        let placements = Derived::of(&snapshot, &Policy::default()).placements;
        let kinds: Vec<WorkloadKind> = placements.iter().map(|placement| placement.workload.kind).collect();
        assert_eq!(kinds.first(), Some(&WorkloadKind::Deployment));
        let short = kinds.iter().skip(1).take(daemons.len());
        assert!(
            !daemons.is_empty() && short.clone().all(|kind| *kind == WorkloadKind::DaemonSet),
            "{kinds:?}"
        );
    }

    #[test]
    fn only_a_hard_spread_can_be_broken() {
        let onto_one_node = |name| {
            let placements = placements(name, |pod| pod.node = Some(example::name(1)));
            placements.iter().filter(|placement| breaks_spread(placement)).count()
        };
        assert_eq!((onto_one_node("netbox-netbox"), onto_one_node("netbox-worker")), (1, 0));
    }
}
