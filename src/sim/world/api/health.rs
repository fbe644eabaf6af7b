//! `/livez`, `/readyz`, `/healthz`: whole, line by line, or one check.

use super::query::Query;
use super::route::Endpoint;
use super::{Answer, Server};

/// The checks of an API server of Kubernetes 1.37, in its order, and where they belong.
const CHECKS: &[(&str, &[Endpoint])] = {
    const ALL: &[Endpoint] = &[Endpoint::Livez, Endpoint::Readyz, Endpoint::Healthz];
    const READY: &[Endpoint] = &[Endpoint::Readyz];
    &[
        ("ping", ALL),
        ("log", ALL),
        ("loopback-serving-certificate", &[Endpoint::Livez]),
        ("etcd", ALL),
        ("etcd-readiness", READY),
        ("informer-sync", READY),
        ("poststarthook/start-apiserver-admission-initializer", ALL),
        ("poststarthook/generic-apiserver-start-informers", ALL),
        ("poststarthook/priority-and-fairness-config-consumer", ALL),
        ("poststarthook/priority-and-fairness-filter", ALL),
        ("poststarthook/storage-object-count-tracker-hook", ALL),
        ("poststarthook/start-apiextensions-informers", ALL),
        ("poststarthook/start-apiextensions-controllers", ALL),
        ("poststarthook/crd-informer-synced", ALL),
        ("poststarthook/start-system-namespaces-controller", ALL),
        ("poststarthook/peer-endpoint-reconciler-controller", ALL),
        ("poststarthook/start-cluster-authentication-info-controller", ALL),
        ("poststarthook/start-kube-apiserver-identity-lease-controller", ALL),
        (
            "poststarthook/start-kube-apiserver-identity-lease-garbage-collector",
            ALL,
        ),
        ("poststarthook/storage-readiness", ALL),
        ("poststarthook/start-legacy-token-tracking-controller", ALL),
        ("poststarthook/start-service-ip-repair-controllers", ALL),
        ("poststarthook/rbac/bootstrap-roles", ALL),
        ("poststarthook/scheduling/bootstrap-system-priority-classes", ALL),
        ("poststarthook/priority-and-fairness-config-producer", ALL),
        ("poststarthook/bootstrap-controller", ALL),
        ("poststarthook/start-kubernetes-service-cidr-controller", ALL),
        ("poststarthook/aggregator-reload-proxy-client-cert", ALL),
        ("poststarthook/start-kube-aggregator-informers", ALL),
        ("poststarthook/apiservice-status-local-available-controller", ALL),
        ("poststarthook/apiservice-status-remote-available-controller", ALL),
        ("poststarthook/apiservice-registration-controller", ALL),
        ("poststarthook/apiservice-discovery-controller", ALL),
        ("poststarthook/kube-apiserver-autoregistration", ALL),
        ("autoregister-completion", ALL),
        ("poststarthook/apiservice-openapi-controller", ALL),
        ("poststarthook/apiservice-openapiv3-controller", ALL),
        ("shutdown", READY),
    ]
};

/// Answers for an endpoint, or for one check of it.
pub(super) fn answer(server: &Server, endpoint: Endpoint, check: Option<String>, query: &Query) -> Answer {
    let name = match endpoint {
        Endpoint::Livez => "livez",
        Endpoint::Readyz => "readyz",
        Endpoint::Healthz => "healthz",
    };
    let own = CHECKS
        .iter()
        .filter(|(_, where_)| where_.contains(&endpoint))
        .map(|(check, _)| *check);
    if let Some(check) = check {
        return one(server, &check, own.into_iter().any(|own| own == check));
    }
    let excluded = query.get("exclude");
    let mut lines = String::new();
    let mut has_failed = false;
    for check in own {
        let line = if excluded == Some(check) {
            format!("[+]{check} excluded: ok\n")
        } else if works(server, check) {
            format!("[+]{check} ok\n")
        } else {
            has_failed = true;
            format!("[-]{check} failed: reason withheld\n")
        };
        lines.push_str(&line);
    }
    if has_failed {
        return Answer::Text(500, format!("{lines}{name} check failed\n"));
    }
    let text = if query.get("verbose").is_some() {
        format!("{lines}{name} check passed\n")
    } else {
        "ok".to_owned()
    };
    Answer::Text(200, text)
}

fn one(server: &Server, check: &str, is_known: bool) -> Answer {
    if !is_known {
        return Answer::Text(404, "404 page not found\n".to_owned());
    }
    if works(server, check) {
        return Answer::Text(200, "ok".to_owned());
    }
    let text = "internal server error: error getting data from etcd: context deadline exceeded\n";
    Answer::Text(500, text.to_owned())
}

fn works(server: &Server, check: &str) -> bool {
    server.without_etcd_s.is_none() || !["etcd", "etcd-readiness"].contains(&check)
}
