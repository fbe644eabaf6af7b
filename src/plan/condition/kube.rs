//! Conditions that Kubernetes' objects answer.

use std::collections::BTreeSet;

use super::{Condition, Look};
use crate::base::{Text, Why, WhyKind};
use crate::model::feed::{FeedId, FeedState};
use crate::model::kube::{DisruptionBudget, Node, Pod, Tri, WorkloadKind};
use crate::model::placement::Placement;
use crate::model::product::Installation;
use crate::model::{KubeKind, ObjectKey, Snapshot};
use crate::plan::action::{ObjectKind, Target};
use crate::plan::request::OUT_OF_SERVICE;
use crate::plan::truth::Truth;

impl Look<'_> {
    pub(super) fn kube(&self, condition: &Condition) -> Truth {
        match condition {
            Condition::ApiLive => self.api_live(),
            Condition::Same { target } => self.same(target),
            Condition::Gone { target } => self.gone(target),
            Condition::Labelled { node, label, value } => self.node(node, |node| carries(node, label, value.as_ref())),
            Condition::NewNodeLabelled { known, label, value } => {
                self.new_node(known, |node| carries(node, label, Some(value)))
            }
            Condition::NodeReady { node: Some(name), .. } => self.nodes(|| match self.snapshot.node(name) {
                None => Truth::unmet(format!("there is no node {name}")),
                Some(node) => is_ready(node),
            }),
            Condition::NodeReady { node: None, known } => self.new_node(known, is_ready),
            Condition::NewNodeAlike { known } => self.new_node(known, |node| self.is_alike(node, known)),
            Condition::Cordoned { node, on } => self.node(node, |node| {
                let now = if node.unschedulable { "cordoned" } else { "not cordoned" };
                Truth::of(node.unschedulable == *on, now, now)
            }),
            Condition::OutOfService { node, on } => self.node(node, |node| {
                let is_tainted = node.taints.iter().any(|taint| taint.key == OUT_OF_SERVICE);
                let now = if is_tainted { "tainted" } else { "not tainted" };
                Truth::of(is_tainted == *on, now, now)
            }),
            Condition::NodeDown { node } => self.node(node, |node| {
                let ready = &node.ready;
                let now = format!("Ready={} ({})", ready.status.word(), ready.reason);
                Truth::of(ready.status != Tri::True, &now, &now)
            }),
            Condition::HolderChanged { lease, from } => self.holder_changed(lease, from.as_ref()),
            Condition::ReadyElsewhere {
                kind,
                workload,
                node,
                at_least,
            } => self.placed(*kind, workload, |placed| {
                ready_elsewhere(placed, node.as_ref(), *at_least)
            }),
            Condition::NothingPending => self.nothing_pending(),
            Condition::SpreadEvenly { kind, workload, but } => {
                self.placed(*kind, workload, |placed| self.lies_evenly(placed, *but))
            }
            Condition::HighlyAvailable => self.highly_available(),
            Condition::Evictable { pod } => self.evictable(pod),
            Condition::NoUpgrade => self.no_upgrade(),
            Condition::NotAirGapped => self.not_air_gapped(),
            Condition::ControllersReady { at_least } => self.nodes(|| {
                let ready = self
                    .snapshot
                    .controllers()
                    .filter(|node| node.ready.status == Tri::True);
                let count = ready.count();
                let said = format!("{count} controllers are Ready");
                Truth::of(count >= *at_least, &said, &said)
            }),
            _ => Truth::unknown("Kubernetes does not answer this"),
        }
    }

    fn api_live(&self) -> Truth {
        let api = self.snapshot.feed(FeedId::Api);
        match api.as_of() {
            Some(as_of) if self.is_fresh(as_of) => Truth::met("a consistent read succeeded"),
            _ => match api {
                FeedState::Lost { why, .. } | FeedState::Off { why } => Truth::Unmet { because: why },
                FeedState::Syncing { .. }
                | FeedState::Live { .. }
                | FeedState::Lagging { .. }
                | FeedState::Stored { .. } => Truth::unknown("no consistent read has succeeded since"),
            },
        }
    }

    /// None where what is known of a kind may answer: the API gave a consistent read after the question, and the kind's
    /// watch stands; or the watch itself spoke after it.
    pub(super) fn stale_kind(&self, kind: KubeKind) -> Option<Truth> {
        let watch = self.snapshot.kind(kind);
        if let Some(why) = watch.why().filter(|_| !watch.is_current()) {
            return Some(Truth::Unknown { why: why.clone() });
        }
        let api = self.snapshot.feed(FeedId::Api).as_of();
        let is_proven = api.is_some_and(|as_of| self.is_fresh(as_of));
        let has_spoken = watch.as_of().is_some_and(|as_of| self.is_fresh(as_of));
        let may_answer = watch.is_current() && (is_proven || has_spoken);
        (!may_answer).then(|| Truth::unknown(format!("{} were not read since", kind.plural())))
    }

    fn nodes(&self, judge: impl FnOnce() -> Truth) -> Truth {
        self.stale(ObjectKind::Node).unwrap_or_else(judge)
    }

    fn same(&self, target: &Target) -> Truth {
        self.stale(target.kind)
            .unwrap_or_else(|| match target.kind.uid_of(&self.snapshot.kube, &target.key) {
                None => Truth::unmet(format!("{target} is gone")),
                Some(uid) => Truth::of(
                    *uid == target.uid,
                    format!("uid {uid}"),
                    format!("{target} was made anew: its uid is {uid} now"),
                ),
            })
    }

    fn gone(&self, target: &Target) -> Truth {
        self.stale(target.kind).unwrap_or_else(|| {
            let uid = target.kind.uid_of(&self.snapshot.kube, &target.key);
            Truth::of(
                uid != Some(&target.uid),
                format!("{target} is gone"),
                format!("{target} is still there"),
            )
        })
    }

    fn node(&self, target: &Target, judge: impl FnOnce(&Node) -> Truth) -> Truth {
        self.nodes(|| match self.snapshot.node(&target.key.name) {
            Some(node) if node.uid == target.uid => judge(node),
            Some(_) => Truth::unmet(format!("{target} was made anew")),
            None => Truth::unmet(format!("{target} is gone")),
        })
    }

    /// The best answer of all nodes that were not known.
    pub(super) fn new_node(&self, known: &[Text], judge: impl Fn(&Node) -> Truth) -> Truth {
        self.nodes(|| {
            let new: Vec<Truth> = self
                .snapshot
                .kube
                .nodes
                .values()
                .filter(|node| !known.contains(&node.name))
                .map(judge)
                .collect();
            let met = new.iter().find(|truth| truth.is_met()).or(new.first());
            met.cloned().unwrap_or_else(|| Truth::unmet("no new node has come"))
        })
    }

    fn is_alike(&self, new: &Node, known: &[Text]) -> Truth {
        let version = &new.kubelet_version;
        let others = self
            .snapshot
            .kube
            .nodes
            .values()
            .filter(|node| known.contains(&node.name));
        let others: BTreeSet<&Text> = others.map(|node| &node.kubelet_version).collect();
        let listed: Vec<&str> = others.iter().map(|version| version.as_str()).collect();
        Truth::of(
            others.contains(version),
            format!("{} runs {version}", new.name),
            format!(
                "{} runs {version}, the others {}: reset it, and join it with their version",
                new.name,
                listed.join(", ")
            ),
        )
    }

    fn holder_changed(&self, lease: &ObjectKey, from: Option<&Text>) -> Truth {
        if let Some(truth) = self.stale(ObjectKind::Lease) {
            return truth;
        }
        let Some(row) = self.snapshot.kube.leases.get(lease) else {
            return Truth::unmet(format!("there is no lease {lease}"));
        };
        let Some(holder) = row.value.holder.as_ref().filter(|holder| !holder.is_empty()) else {
            return Truth::unmet(format!("nobody holds {}", lease.name));
        };
        if Some(holder) == from {
            return Truth::unmet(format!("{} is held as before", lease.name));
        }
        let valid_s = u64::from(row.value.duration_s);
        let age = self.snapshot.lease_age(lease.namespace.as_str(), lease.name.as_str());
        match age {
            None => Truth::unknown(format!("how old the renewal of {} is cannot be told", lease.name)),
            Some(age) => Truth::of(
                age.age.as_secs() <= valid_s,
                format!("{holder} renews {}", lease.name),
                format!("{} is no longer renewed", lease.name),
            ),
        }
    }

    fn placed(&self, kind: WorkloadKind, key: &ObjectKey, judge: impl FnOnce(&Placement) -> Truth) -> Truth {
        let feed = match kind {
            WorkloadKind::Deployment => KubeKind::Deployments,
            WorkloadKind::StatefulSet => KubeKind::StatefulSets,
            WorkloadKind::DaemonSet => KubeKind::DaemonSets,
        };
        for kind in [KubeKind::Pods, KubeKind::ReplicaSets, feed] {
            if let Some(truth) = self.stale_kind(kind) {
                return truth;
            }
        }
        let placements = self.snapshot.placements();
        let mut placements = placements.iter();
        match placements.find(|placed| placed.workload.kind == kind && placed.key == *key) {
            None => Truth::unmet(format!("there is no {} {key}", kind.word())),
            Some(placed) => judge(placed),
        }
    }

    /// In the middle of a rollout pods lie well that are about to go.
    fn lies_evenly(&self, placed: &Placement, but: u32) -> Truth {
        let pods = placed.unscheduled + placed.nodes.values().map(|tally| tally.pods).sum::<u32>();
        let wanted = placed.workload.desired;
        let lies = format!("{} of {}", lying(placed), placed.key);
        if pods != wanted {
            return Truth::unmet(format!("{pods} pods of {}, {wanted} wanted", placed.key));
        }
        Truth::of(placed.surplus(self.snapshot).moves <= but, &lies, &lies)
    }

    fn nothing_pending(&self) -> Truth {
        self.stale(ObjectKind::Pod).unwrap_or_else(|| {
            let mut pods = self.snapshot.kube.pods.iter();
            let waiting = pods.find(|(_, pod)| pod.value.phase == "Pending" && pod.value.deleting.is_none());
            match waiting {
                Some((key, _)) => Truth::unmet(format!("{key} is Pending")),
                None => Truth::met("no pod is Pending"),
            }
        })
    }

    /// What the API server will say, by the budgets' own counts, so that a run can wait for it and name it.
    fn evictable(&self, target: &Target) -> Truth {
        let stale = [KubeKind::Pods, KubeKind::DisruptionBudgets]
            .into_iter()
            .find_map(|kind| self.stale_kind(kind));
        if let Some(truth) = stale {
            return truth;
        }
        let Some(pod) = self.snapshot.kube.pods.get(&target.key) else {
            return Truth::met(format!("{target} is gone"));
        };
        let pod = &pod.value;
        let budgets: Vec<_> = budgets_of(self.snapshot, &target.key, pod).collect();
        if let [(first, _), (second, _), ..] = budgets.as_slice() {
            let text = format!(
                "both {} and {} guard it: Kubernetes evicts no such pod",
                first.name, second.name
            );
            let why = Why::new(WhyKind::Unavailable, text)
                .hint("take one of the two budgets away, or delete the pod by hand");
            return Truth::Unmet { because: why };
        }
        let Some((key, budget)) = budgets.first() else {
            return Truth::met("no disruption budget guards it");
        };
        let counts = format!(
            "PodDisruptionBudget {} allows {} evictions now: {} healthy, {} must stay",
            key.name, budget.allowed, budget.healthy, budget.desired
        );
        if budget.allows(pod) {
            return Truth::met(counts);
        }
        if !budget.is_counted {
            return Truth::unmet(format!(
                "PodDisruptionBudget {} has not been counted since it was changed",
                key.name
            ));
        }
        Truth::unmet(counts)
    }

    fn no_upgrade(&self) -> Truth {
        let feed = self.snapshot.kind(KubeKind::Upgrades);
        if feed.why().is_some_and(|why| why.kind == WhyKind::NotFound) {
            return Truth::met("autopilot is not installed");
        }
        if let Some(truth) = self.stale_kind(KubeKind::Upgrades) {
            return truth;
        }
        let mut plans = self.snapshot.kube.upgrades.iter();
        match plans.find(|(_, plan)| plan.value.is_under_way()) {
            None => Truth::met("no autopilot plan is under way"),
            Some((key, plan)) => {
                let state = Some(plan.value.state.as_str()).filter(|state| !state.is_empty());
                let text = format!("autopilot plan {} is {}", key.name, state.unwrap_or("new"));
                let hint = "wait for its end; where it hangs because of the lost host, this gate can be overridden";
                Truth::Unmet {
                    because: Why::new(WhyKind::Unavailable, text).hint(hint),
                }
            }
        }
    }

    fn highly_available(&self) -> Truth {
        self.installation(|installation| {
            Truth::of(
                installation.high_availability,
                "spec.highAvailability is true",
                "spec.highAvailability is false",
            )
        })
    }

    fn not_air_gapped(&self) -> Truth {
        self.installation(|installation| {
            if !installation.air_gap {
                return Truth::met("spec.airGap is not true");
            }
            let text = "spec.airGap is true: high availability on air-gapped installations is not yet supported";
            let hint = "ask support first; where they agree, this gate can be overridden";
            Truth::Unmet {
                because: Why::new(WhyKind::Unavailable, text).hint(hint),
            }
        })
    }

    /// Asks the Installation in force.
    fn installation(&self, ask: impl FnOnce(&Installation) -> Truth) -> Truth {
        if let Some(truth) = self.stale_kind(KubeKind::Installations) {
            return truth;
        }
        match self.snapshot.kube.installations.values().last() {
            None => Truth::Unmet {
                because: Why::new(WhyKind::NotFound, "there is no Installation"),
            },
            Some(installation) => ask(installation),
        }
    }
}

fn carries(node: &Node, label: &Text, value: Option<&Text>) -> Truth {
    let own = node.labels.get(label.as_str());
    let said = match own {
        Some(own) => format!("{label}={own}"),
        None => format!("no label {label}"),
    };
    Truth::of(own == value, &said, format!("{}: {said}", node.name))
}

fn is_ready(node: &Node) -> Truth {
    let ready = &node.ready;
    let said = format!("{}: Ready={} ({})", node.name, ready.status.word(), ready.reason);
    Truth::of(ready.status == Tri::True, &said, &said)
}

/// The disruption budgets that guard a pod.
pub(in crate::plan) fn budgets_of<'a>(
    snapshot: &'a Snapshot,
    key: &'a ObjectKey,
    pod: &'a Pod,
) -> impl Iterator<Item = (&'a ObjectKey, &'a DisruptionBudget)> {
    let all = snapshot.kube.disruption_budgets.iter();
    all.filter(move |(own, budget)| own.namespace == key.namespace && budget.value.pods.selects(&pod.labels))
        .map(|(own, budget)| (own, &budget.value))
}

/// How many pods lie on which node.
pub(in crate::plan) fn lying(placed: &Placement) -> String {
    let nodes = placed
        .nodes
        .iter()
        .map(|(node, tally)| format!("{node}: {}", tally.pods));
    nodes.collect::<Vec<_>>().join(", ")
}

fn ready_elsewhere(placed: &Placement, node: Option<&Text>, at_least: u32) -> Truth {
    let beside = placed.nodes.iter().filter(|(name, _)| Some(*name) != node);
    let ready: u32 = beside.map(|(_, tally)| tally.ready).sum();
    let said = match node {
        Some(node) => format!("{ready} ready of {} beside {node}", placed.key),
        None => format!("{ready} ready of {}", placed.key),
    };
    Truth::of(ready >= at_least, &said, format!("{said}, {at_least} wanted"))
}
