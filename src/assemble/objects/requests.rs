//! What a pod asks of its node, as the scheduler counts it (`k8s.io/component-helpers/resource`, `PodRequests`): the sum
//! over containers and sidecars, or the largest moment of the init phase if that is more, or what is set for the whole pod,
//! plus overhead. Taken from the spec: a resize that is still pending counts as done.

use k8s_openapi::api::core::v1 as core;

use super::node::amounts;
use crate::model::kube::Amounts;

/// CPU and memory; `pods` stays 0.
pub fn of(spec: &core::PodSpec) -> Amounts {
    let mut running = spec.containers.iter().map(of_container).fold(Amounts::default(), plus);
    let mut sidecars = Amounts::default();
    let mut init_peak = Amounts::default();
    for container in spec.init_containers.iter().flatten() {
        let own = of_container(container);
        // An init container runs beside the sidecars that were started before it.
        let moment = plus(sidecars, own);
        if container.restart_policy.as_deref() == Some("Always") {
            running = plus(running, own);
            sidecars = moment;
        }
        init_peak = most(init_peak, moment);
    }
    let total = override_by_pod(most(running, init_peak), spec);
    plus(total, amounts(spec.overhead.as_ref()))
}

/// Pod-level requests replace the sum, resource by resource.
fn override_by_pod(sum: Amounts, spec: &core::PodSpec) -> Amounts {
    let Some(requests) = spec
        .resources
        .as_ref()
        .and_then(|resources| resources.requests.as_ref())
    else {
        return sum;
    };
    let whole_pod = amounts(Some(requests));
    Amounts {
        cpu_milli: if requests.contains_key("cpu") {
            whole_pod.cpu_milli
        } else {
            sum.cpu_milli
        },
        memory_bytes: if requests.contains_key("memory") {
            whole_pod.memory_bytes
        } else {
            sum.memory_bytes
        },
        pods: 0,
    }
}

fn of_container(container: &core::Container) -> Amounts {
    amounts(
        container
            .resources
            .as_ref()
            .and_then(|resources| resources.requests.as_ref()),
    )
}

fn plus(a: Amounts, b: Amounts) -> Amounts {
    Amounts {
        cpu_milli: a.cpu_milli.saturating_add(b.cpu_milli),
        memory_bytes: a.memory_bytes.saturating_add(b.memory_bytes),
        pods: 0,
    }
}

fn most(a: Amounts, b: Amounts) -> Amounts {
    Amounts {
        cpu_milli: a.cpu_milli.max(b.cpu_milli),
        memory_bytes: a.memory_bytes.max(b.memory_bytes),
        pods: 0,
    }
}
