//! `replace-node`: a lost controller by a new host. The order is forced: etcd takes no new member while a voter is down, so
//! the dead one is removed first; and the join command may name the dead host while its Node is there, so that goes before
//! the join. A controller that serves is replaced the other way round, see `swap`.

use std::time::Duration;

use super::Planned;
use super::build::{Draft, PODS, act, attest, by_hand, known_members, known_nodes, label_new, permitted, watch};
use super::etcd::{address_of, backup_file, backup_steps, remove_member};
use super::host::{Host, SILENT_MS, product_needs};
use super::rebalance;
use crate::base::{Age, Text, Why, WhyKind};
use crate::model::entry::{EntryId, Service};
use crate::model::etcd::MemberId;
use crate::model::intent::Intent;
use crate::model::kube::Tri;
use crate::model::placement::ZONE;
use crate::model::quorum::{Health, Quorum, Standing};
use crate::model::{Policy, Snapshot};
use crate::plan::action::{Action, ObjectKind, Target};
use crate::plan::condition::Condition;
use crate::plan::gate;
use crate::plan::step::{Risk, Step};

/// How long a host may take to be installed and joined.
const JOIN: Duration = Duration::from_hours(4);
/// k0s tries to join for about four minutes, and its promotion waits for the leader's lease.
const VOTE: Duration = Duration::from_mins(10);

pub(super) fn plan(intent: &Intent, (snapshot, policy): (&Snapshot, &Policy), name: &Text) -> Result<Planned, Why> {
    let quorum = snapshot.quorum();
    if !quorum.membership.is_from_etcd() {
        let text = "etcd has not told who its members are: nothing can be decided";
        return Err(Why::new(WhyKind::NotYet, text).hint("run quorate as root on a controller"));
    }
    if quorum.standing == Standing::Lost {
        let text = "quorum is lost: etcd can neither remove nor take a member";
        return Err(Why::new(WhyKind::Unavailable, text)
            .hint("start-controller: bring any one of the lost members back, with its disk"));
    }
    let host = Host::find(snapshot, &quorum, name)?;
    if host.is_here() {
        let text = format!("{name} is this host: its replacement is asked of a controller that stays");
        return Err(Why::new(WhyKind::Config, text).hint("run quorate on another controller"));
    }
    // Without its Node, only what was written down tells.
    let labelled = snapshot.node(&host.name).and_then(|node| node.zone.as_ref());
    let zone = labelled.or_else(|| policy.zones.get(&host.name));
    match host.member.map(|state| &state.health) {
        Some(Health::Healthy { .. }) => super::swap::plan(intent, snapshot, &quorum, &host, zone),
        Some(Health::Unknown { why }) => {
            let text = format!("whether {name} is dead cannot be told: {}", why.text);
            Err(Why::new(why.kind, text).hint("wait until it answers, or until its silence is sure"))
        }
        Some(Health::Dead { .. }) => lost(intent, snapshot, &quorum, &host, zone),
        None => match snapshot.node(name) {
            Some(node) if !node.is_controller => {
                let text = format!("{name} is a worker: etcd has no member there");
                Err(Why::new(WhyKind::Config, text).hint("drain or out-of-service, then delete its Node"))
            }
            Some(node) if node.ready.status == Tri::True => {
                let text = format!("etcd lists no member on {name}, and its node is Ready: it is no lost controller");
                Err(Why::new(WhyKind::Unavailable, text))
            }
            _ => lost(intent, snapshot, &quorum, &host, zone),
        },
    }
}

fn lost(
    intent: &Intent,
    snapshot: &Snapshot,
    quorum: &Quorum,
    host: &Host,
    zone: Option<&Text>,
) -> Result<Planned, Why> {
    let mut draft = Draft::new(intent, snapshot);
    draft.count_now(quorum);
    warn_wait_or_replace(&mut draft, snapshot, host);
    warn_unsettled(&mut draft, snapshot);
    for step in backup_steps(snapshot, &backup_file(snapshot.now))? {
        draft.push(step);
    }
    draft.push(fence(host));
    let mut voters = quorum.voters;
    if let Some(state) = host.member {
        let id = state.member.id;
        let is_remnant = state.member.is_learner || !state.member.has_started();
        let gate = if is_remnant {
            gate::Act::RemoveRemnant { member: id }
        } else {
            gate::Act::RemoveDead { member: id }
        };
        let removal = remove_member(id, &address_of(state)?, permitted(gate, snapshot)?);
        draft.push(removal.needs(silence(host)).stops([host.answers()]));
        voters -= usize::from(!state.member.is_learner);
        draft.count(format!("after step {}", draft.steps.len()), voters, quorum.healthy);
    }
    tidy(&mut draft, snapshot, host);
    admin_console(&mut draft, snapshot);
    let join_at = draft.steps.len() + 1;
    let known: Vec<MemberId> = known_members(quorum)
        .into_iter()
        .filter(|id| Some(*id) != host.id())
        .collect();
    let mut nodes = known_nodes(snapshot);
    // A host that comes back under the lost one's name is a new one: its Node was deleted.
    nodes.retain(|node| *node != host.name);
    join(&mut draft, snapshot, &known, &nodes, zone);
    draft.count(format!("while step {join_at} joins"), voters + 1, quorum.healthy);
    draft.count("after", voters + 1, quorum.healthy + 1);
    spread_again(&mut draft, snapshot);
    warn_of_traps(&mut draft, host, snapshot.host.console_port_or_default());
    outside(&mut draft, snapshot, &nodes, &host.name);
    Ok(draft.finish(&host.name))
}

/// The member must be silent, for as long as it takes to be sure.
fn silence(host: &Host) -> Option<Condition> {
    host.id().map(|id| Condition::Silent { id, for_ms: SILENT_MS })
}

fn fence(host: &Host) -> Step {
    let name = &host.name;
    attest(
        format!("{name} is powered off or destroyed, and stays off"),
        format!("{name} is off"),
    )
    .needs(silence(host))
    .stops([host.answers()])
}

/// What Kubernetes still knows of it.
fn tidy(draft: &mut Draft, snapshot: &Snapshot, host: &Host) {
    let removed = host.id().map(|id| Condition::MemberAbsent { id });
    if let Some(node) = &host.node {
        draft.push(
            delete(node, Risk::Irreversible)
                .needs([Condition::NodeDown { node: node.clone() }])
                .needs(removed.clone())
                .stops([host.answers()]),
        );
        warn_of_claims(draft, snapshot, &host.name);
    }
    for target in host.remains() {
        // k0s writes them anew whenever a controller of that name starts.
        draft.push(delete(&target, Risk::Reversible).needs(removed.clone()));
    }
}

fn delete(target: &Target, risk: Risk) -> Step {
    let (key, kind) = (&target.key, target.kind.word().to_lowercase());
    let command = match target.kind {
        ObjectKind::Lease | ObjectKind::Pod => format!("kubectl -n {} delete {kind} {}", key.namespace, key.name),
        _ => format!("kubectl delete {kind} {}", key.name),
    };
    let action = Action::Delete { target: target.clone() };
    act(format!("delete {target}"), command, action, risk)
        .needs([Condition::ApiLive])
        .done([Condition::Gone { target: target.clone() }])
}

/// The join command comes from the admin console, which may have lived on the lost node.
fn admin_console(draft: &mut Draft, snapshot: &Snapshot) {
    let console = snapshot
        .placements()
        .into_iter()
        .find(|placed| placed.key.name == "kotsadm");
    let Some(console) = console else { return };
    let rqlite = product_needs(snapshot, None)
        .into_iter()
        .filter(|need| matches!(need, Condition::ReadyElsewhere { workload, .. } if workload.name == "kotsadm-rqlite"));
    let ready = Condition::ReadyElsewhere {
        kind: console.workload.kind,
        workload: console.key,
        node: None,
        at_least: 1,
    };
    draft.push(
        watch(
            "the admin console and its database work",
            "kubectl -n kotsadm get deploy/kotsadm sts/kotsadm-rqlite",
        )
        .done([ready])
        .done(rqlite)
        .within(PODS),
    );
}

/// From a new host to a voter that carries its zone.
pub(super) fn join(draft: &mut Draft, snapshot: &Snapshot, members: &[MemberId], nodes: &[Text], zone: Option<&Text>) {
    draft.push(
        by_hand("join the new host", join_command(snapshot), Risk::Reversible)
            .needs([
                Condition::QuorumProven,
                Condition::MembershipQuiet,
                Condition::Permitted { act: gate::Act::Add },
                Condition::NoUpgrade,
            ])
            .done([Condition::NewMember {
                known: members.to_vec(),
            }])
            .within(JOIN),
    );
    draft.push(
        watch(
            "the new member is a voter and serves",
            "on the new host: journalctl -fu k0scontroller",
        )
        .done([
            Condition::Voter {
                address: None,
                known: members.to_vec(),
            },
            Condition::Permitted {
                act: gate::Act::Disturb,
            },
        ])
        .hold(Duration::from_secs(10))
        .within(VOTE),
    );
    draft.push(
        watch("the new node is Ready", "kubectl get nodes -w")
            .done([
                Condition::NodeReady {
                    node: None,
                    known: nodes.to_vec(),
                },
                Condition::NewNodeAlike { known: nodes.to_vec() },
            ])
            .within(VOTE),
    );
    if let Some(zone) = zone {
        draft.push(
            label_new(nodes, &[(ZONE.into(), zone.clone())].into())
                .needs([Condition::ApiLive])
                .done([Condition::NewNodeLabelled {
                    known: nodes.to_vec(),
                    label: ZONE.into(),
                    value: zone.clone(),
                }]),
        );
    }
}

/// From the product where it is installed; k0s's own otherwise. The token is never on a command line: it would be in the
/// history and in every process list.
fn join_command(snapshot: &Snapshot) -> &'static str {
    if snapshot.kube.installations.is_empty() {
        "here: k0s token create --role=controller --expiry=1h > token; carry the file over; on the new host, with its own \
         k0s.yaml: k0s install controller --token-file token -c /etc/k0s/k0s.yaml && systemctl start k0scontroller"
    } else {
        "here: sudo netbox-enterprise join print-command; then run the three commands that it prints on the new host"
    }
}

/// What the product runs is ready again, and apart. Pods that run do not move to a new node by themselves: what lies badly
/// is moved, what lies well is left alone.
pub(super) fn spread_again(draft: &mut Draft, snapshot: &Snapshot) {
    let mut complete = Vec::new();
    let mut moves = Vec::new();
    for need in product_needs(snapshot, None) {
        let Condition::ReadyElsewhere { kind, workload, .. } = need else {
            continue;
        };
        let placed = snapshot.placements().into_iter().find(|placed| placed.key == workload);
        let desired = placed.as_ref().map_or(0, |placed| placed.workload.desired);
        let ready = Condition::ReadyElsewhere {
            kind,
            workload: workload.clone(),
            node: None,
            at_least: desired,
        };
        complete.push(ready);
        if let Some(placed) = placed.filter(|placed| !placed.workload.spread.is_empty()) {
            // So many come to one of as many nodes as there are now.
            let nodes = u32::try_from(snapshot.kube.nodes.len()).unwrap_or(u32::MAX);
            moves.extend(rebalance::moves(snapshot, &placed, (desired / nodes.max(1)).max(1)));
        }
    }
    if complete.is_empty() {
        return;
    }
    draft.push(
        watch(
            "NetBox and the database of its console are complete",
            "kubectl get pods -A -o wide",
        )
        .done(complete)
        .within(PODS * 2),
    );
    draft.steps.extend(moves);
}

/// What the cluster does not do by itself. What can be seen of it is awaited, where users' ways in are probed.
pub(super) fn outside(draft: &mut Draft, snapshot: &Snapshot, known: &[Text], old: &Text) {
    draft.warn(format!(
        "outside of the cluster, which no step sees: the load balancer's pool, and the allow-lists of PostgreSQL, Redis and S3, \
         still know {old} and not the new host"
    ));
    let mut ways = snapshot.entry.iter();
    if !ways.any(|(id, way)| matches!(id, EntryId::Users(_)) && way.service() == Service::Served) {
        draft.warn(
            "nor is it seen here whether users get in through the new node, and whether the certificate names it",
        );
        return;
    }
    let known = known.to_vec();
    draft.push(
        watch(
            "users get in through the new node, under a certificate that names it",
            "the certificate is that of Secret kotsadm/kotsadm-tls",
        )
        .done([
            Condition::NewNodeServes { known: known.clone() },
            Condition::NewNodeNamed { known },
        ])
        .within(JOIN),
    );
}

fn warn_wait_or_replace(draft: &mut Draft, snapshot: &Snapshot, host: &Host) {
    let name = &host.name;
    let heartbeat = snapshot.heartbeat_age(name.as_str());
    let gone = heartbeat.map_or_else(
        || "how long it has been gone is not known".to_owned(),
        |age| format!("its last heartbeat is {} old", Age(age.age)),
    );
    draft.warn(format!(
        "wait or replace? {gone}. If {name} can come back with its disk, wait: it rejoins by itself, and nothing here is needed"
    ));
    draft.warn(format!(
        "if only its pods must move: out-of-service {name} frees pods and volumes, and keeps the node and its member"
    ));
    if let Some(Health::Dead { why, .. }) = host.member.map(|state| &state.health)
        && why.kind == WhyKind::Refused
    {
        draft.warn(format!(
            "something at {} refuses connections: the host itself seems to run. start-controller {name} may be all it needs",
            host.address.as_ref().map_or("its address", Text::as_str)
        ));
    }
}

/// Embedded Cluster works on something by itself.
fn warn_unsettled(draft: &mut Draft, snapshot: &Snapshot) {
    if let Some(installation) = snapshot.kube.installations.values().last()
        && installation.state != "Installed"
    {
        let state = &installation.state;
        draft.warn(format!(
            "Embedded Cluster is {state}, not Installed: let it settle before anything is replaced"
        ));
    }
}

fn warn_of_claims(draft: &mut Draft, snapshot: &Snapshot, node: &Text) {
    let claims = snapshot.kube.claims.iter();
    let pinned = claims.filter(|(key, _)| snapshot.kube.pinned(key) == Some(node));
    let local: Vec<String> = pinned.map(|(key, _)| key.to_string()).collect();
    if local.is_empty() {
        draft.warn(format!(
            "no local volume of {node} is known that would be deleted with its Node"
        ));
    } else {
        let listed = local.join(", ");
        draft.warn(format!(
            "deleting Node {node} destroys its local volumes for good: {listed}"
        ));
    }
}

fn warn_of_traps(draft: &mut Draft, host: &Host, console_port: u16) {
    let name = &host.name;
    draft.warn("until the new member votes, no other controller may fail, restart, be drained or upgraded");
    draft.warn(
        "never run reset on another controller meanwhile: it wipes the host even when etcd refuses, and quorum is gone",
    );
    draft.warn(format!(
        "{name} must never start again with its old disk: reset --force it before it is used for anything"
    ));
    draft.warn(format!(
        "the new host: same k0s version, empty data directory, name under 55 characters, ports 6443 9443 2380 10250 open both \
         ways, {console_port} towards here; `quorate ok-to add NAME --at ADDRESS` asks it through ssh what it reaches",
    ));
    draft.warn(
        "a join that fails: a token that names the lost host (restart deploy/kotsadm for a new one), 'Peer URLs already exists' \
         or 'too many learner' (remove-remnant), 'unhealthy cluster' (the lost member is still listed), another version",
    );
}
