//! Which pod of a workload moves next. A rolling restart often ends as uneven as it began: a new pod is placed while old ones
//! still count. One pod evicted from the fullest place comes back in an emptier one, which kube-scheduler's spread and its
//! scores see to. Start reading at [`next`].

use super::action::{Action, ObjectKind, Target};
use crate::base::{Text, Why, WhyKind};
use crate::model::kube::{Pod, WorkloadKind};
use crate::model::placement::Surplus;
use crate::model::{ObjectKey, Snapshot};

/// The eviction of one pod that lies where there are too many, and is not held there by a volume.
pub(super) fn next(snapshot: &Snapshot, kind: WorkloadKind, workload: &ObjectKey) -> Result<Action, Why> {
    let placements = snapshot.placements();
    let placed = placements
        .iter()
        .find(|placed| placed.workload.kind == kind && placed.key == *workload);
    let surplus = placed.map(|placed| placed.surplus(snapshot)).unwrap_or_default();
    let pod = candidates(snapshot, kind, workload, &surplus).next();
    let pinned = pod.and_then(|key| Target::pin(&snapshot.kube, ObjectKind::Pod, key.clone()));
    match pinned {
        Some(pod) => Ok(Action::Evict { pod }),
        None if surplus.moves > 0 => Err(Why::new(WhyKind::Unavailable, held(workload, &surplus))),
        None => Err(Why::new(WhyKind::NotYet, format!("no pod of {workload} has to move"))),
    }
}

/// Why none can go.
pub(super) fn held(workload: &ObjectKey, surplus: &Surplus) -> String {
    format!(
        "volumes hold the pods of {workload} on {}",
        surplus.nodes.iter().map(Text::as_str).collect::<Vec<_>>().join(" and ")
    )
}

/// The pods of a workload that may go from where there are too many, in order of their names.
pub(super) fn candidates<'a>(
    snapshot: &'a Snapshot,
    kind: WorkloadKind,
    workload: &'a ObjectKey,
    surplus: &'a Surplus,
) -> impl Iterator<Item = &'a ObjectKey> {
    let pods = snapshot.kube.pods.iter().map(|(key, row)| (key, &row.value));
    let lies_there = |pod: &Pod| pod.node.as_ref().is_some_and(|node| surplus.nodes.contains(node));
    let own = pods.filter(move |(key, pod)| {
        let may_go = lies_there(pod) && !pod.is_finished() && pod.deleting.is_none();
        may_go && !is_held(snapshot, key, pod) && snapshot.workload_of(key, pod) == Some((kind, workload.clone()))
    });
    own.map(|(key, _)| key)
}

fn is_held(snapshot: &Snapshot, key: &ObjectKey, pod: &Pod) -> bool {
    let mut claims = pod.claims.iter();
    claims.any(|claim| {
        snapshot
            .kube
            .pinned(&ObjectKey::new(key.namespace.clone(), claim.clone()))
            .is_some()
    })
}

/// A request for which the same right is needed.
pub(super) fn specimen(workload: &ObjectKey) -> Action {
    let key = ObjectKey::new(workload.namespace.clone(), "");
    Action::Evict {
        pod: Target {
            kind: ObjectKind::Pod,
            key,
            uid: Text::default(),
        },
    }
}

/// Whether a pod can be of a workload, by its name: of its owner's name Kubernetes keeps 58 letters (apiserver, storage/names).
pub(super) fn is_of(workload: &ObjectKey, pod: &Target) -> bool {
    let name = workload.name.as_str();
    let kept = name.get(..58).unwrap_or(name);
    pod.kind == ObjectKind::Pod && pod.key.namespace == workload.namespace && pod.key.name.as_str().starts_with(kept)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::KubeKind;
    use crate::model::example::{change, healthy, name, put};
    use crate::model::kube::Claim;
    use crate::plan::step::Doing;

    fn web() -> ObjectKey {
        ObjectKey::new("kotsadm", "netbox-netbox")
    }

    fn pod(n: u8) -> ObjectKey {
        ObjectKey::new("kotsadm", format!("netbox-netbox-6d5f8-{n}"))
    }

    #[test]
    fn the_next_one_goes_from_the_fullest_node() {
        let mut snapshot = healthy();
        let doing = Doing::MoveOne {
            kind: WorkloadKind::Deployment,
            workload: web(),
        };
        let request = |snapshot: &Snapshot| doing.request(snapshot).unwrap();
        assert_eq!(
            request(&snapshot).unwrap_err().text,
            "no pod of kotsadm/netbox-netbox has to move"
        );
        change(&mut snapshot.kube.pods, &pod(1), |pod| pod.node = Some(name(3)));
        let action = request(&snapshot).unwrap();
        let target = Target::pin(&snapshot.kube, ObjectKind::Pod, pod(1)).unwrap();
        assert_eq!(action, Action::Evict { pod: target });
        assert!(doing.covers(&action));
        let other = Doing::MoveOne {
            kind: WorkloadKind::Deployment,
            workload: ObjectKey::new("kotsadm", "netbox-worker"),
        };
        assert!(!other.covers(&action), "another workload was shown");
    }

    #[test]
    fn what_a_volume_holds_stays() {
        let mut snapshot = healthy();
        let key = ObjectKey::new("kotsadm", "media");
        for n in [1, 3] {
            change(&mut snapshot.kube.pods, &pod(n), |pod| {
                pod.node = Some(name(3));
                pod.claims = vec!["media".into()];
            });
        }
        assert!(
            next(&snapshot, WorkloadKind::Deployment, &web()).is_ok(),
            "nothing is known of the claim"
        );
        let claim = Claim {
            phase: "Bound".into(),
            provisioner: Some("openebs.io/local".into()),
            node: Some(name(3)),
            volume: None,
        };
        put(&mut snapshot.kube.claims, KubeKind::Claims, key, claim);
        let why = next(&snapshot, WorkloadKind::Deployment, &web()).unwrap_err();
        assert_eq!(why.text, "volumes hold the pods of kotsadm/netbox-netbox on nbe-3");
    }
}
