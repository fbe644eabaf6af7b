//! What a viewer asks of a real client's API server is what its role permits: each request by one rule, no rule for nothing.

use serde_json::json;

use super::super::rights::{Grants, Role, Rule, Who, roles};
use super::super::wire::{Reply, empty_cluster, ok};
use super::answering::{Asker, log, object, yaml};
use super::loopback::{Observer, controllers, kubeconfig_for};
use super::*;
use crate::model::question::{Question, Told};
use crate::plan::rights::Asked;

/// A server on which every custom kind is installed.
fn complete(path: &str, query: &str) -> Reply {
    let groups = KubeKind::ALL.into_iter().filter(|kind| kind.is_custom());
    let groups: Vec<_> = groups
        .map(|kind| json!({"name": kind.group(), "versions": [{"version": "v1"}]}))
        .collect();
    match path {
        "/apis" => ok(&json!({"groups": groups})),
        _ if path.ends_with("/log") => Reply::Body(200, "a line\n".into()),
        _ if path.ends_with("/it") => ok(&json!({"kind": "X", "metadata": {"name": "it"}})),
        _ => empty_cluster(path, query),
    }
}

/// What a rule permits, in single requests: verb and resource, or a path.
fn grants(rule: &Rule) -> Vec<String> {
    match &rule.grants {
        Grants::Paths(paths) => paths.clone(),
        Grants::Objects {
            group, resource, verbs, ..
        } => verbs.iter().map(|verb| format!("{verb} {resource}.{group}")).collect(),
    }
}

fn needed(asked: &Asked) -> String {
    match asked {
        Asked::Path(path) => path.clone(),
        Asked::Objects(asked) => format!("{} {}.{}", asked.verb, asked.resource(), asked.group),
    }
}

/// Every request so far, checked to be permitted by exactly one rule.
fn asked(wire: &Wire, role: &Role) -> Vec<String> {
    let asked = wire.asked().into_iter().map(|path| Asked::get(&path));
    asked
        .map(|asked| {
            let rules: Vec<&Rule> = role.granting(&asked).collect();
            assert_eq!(rules.len(), 1, "{asked:?}: {rules:?}");
            needed(&asked)
        })
        .collect()
}

#[tokio::test]
async fn every_read_is_granted_by_one_rule_and_no_rule_is_unused() {
    let [role] = <[Role; 1]>::try_from(roles(Who::Viewer)).unwrap();
    let wire = Wire::new(complete);
    let served = controllers(&[1], &wire).await;
    let (source, _directory) = kubeconfig_for(&format!("http://{}", served[0].address), "");
    let mut observer = Observer::start(source, &[]);
    let mut asker = Asker::of(&wire);
    let kinds = KubeKind::ALL.map(|kind| yaml(object(kind, "", "it")));
    let others = [Question::Events { of: None }, log(false)];
    for (id, question) in (1..).zip(kinds.into_iter().chain(others)) {
        asker.ask(id, question);
        let told = asker.told().await;
        assert!(!matches!(told, Told::Failed { .. }), "{told:?}");
    }
    let all: Vec<String> = role.rules.iter().flat_map(grants).collect();
    // Each observation may have been another request; the heartbeats go on, so that there is always a next one.
    loop {
        let so_far = asked(&wire, &role);
        if all.iter().all(|grant| so_far.contains(grant)) {
            break;
        }
        observer.reader.next(|_| Some(())).await;
    }
}
