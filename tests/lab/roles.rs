//! The roles that `quorate rbac` prints, on a real API server: what they name works, nothing else does, and a rule that is
//! taken away costs what it is for and nothing more. The product's own sources run on host 1, in this very test binary: see
//! `roles/inside.rs`.

mod inside;

use std::fs;

use quorate::live::kube::rights::{Who, roles};
use serde_json::{Value, json};

use crate::lab::Lab;

/// Set where the test runs inside the lab.
const INSIDE: &str = "QUORATE_ROLES_INSIDE";

/// Bindings of Kubernetes' own for whoever logs in. They would hide what a role lacks.
const EVERYBODY: [&str; 3] = ["system:discovery", "system:basic-user", "system:public-info-viewer"];

/// The group that may ask what it may, and nothing else.
const ASKS: &str = "asks";

/// The group that has one rule of the operator's alone, counted through all its roles.
fn group_of(rule: usize) -> String {
    format!("rule-{rule}")
}

/// Whether this is the process inside the lab; then it has done its work.
pub fn is_inside() -> bool {
    let is_inside = std::env::var_os(INSIDE).is_some();
    if is_inside {
        inside::everything();
    }
    is_inside
}

/// `test` is the name of the test that began it.
pub fn each_rule_is_worth_what_it_says(lab: &Lab, test: &str) {
    for who in ["viewer", "operator"] {
        apply(lab, who, &printed(lab, who));
    }
    let rules = one_by_one(&printed(lab, "operator"));
    assert_eq!(
        rules.len(),
        2 * roles(Who::Operator).iter().map(|role| role.rules.len()).sum::<usize>(),
        "a role and a binding for each rule"
    );
    apply(
        lab,
        "rules",
        &json!({"apiVersion": "v1", "kind": "List", "items": rules}).to_string(),
    );
    let asking = "--resource=selfsubjectrulesreviews.authorization.k8s.io";
    lab.run(&["kubectl", "create", "clusterrole", ASKS, "--verb=create", asking]);
    let bound = ["clusterrolebinding", ASKS, "--clusterrole=asks", "--group=asks"];
    lab.run(&[&["kubectl", "create"][..], &bound].concat());
    lab.run(&[&["kubectl", "delete", "clusterrolebinding"][..], &EVERYBODY].concat());

    let me = std::env::current_exe().unwrap();
    let argv = [
        "env",
        &format!("{INSIDE}=1"),
        me.to_str().unwrap(),
        "--exact",
        test,
        "--nocapture",
    ];
    let output = lab.on_host(1, &argv);
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    an_operator_acts_and_a_viewer_is_told_what_is_missing(lab);
}

fn an_operator_acts_and_a_viewer_is_told_what_is_missing(lab: &Lab) {
    let run = |who: &str, action: &str| {
        let group = format!("quorate:{who}");
        let asked = [
            "run",
            action,
            "nbe-3",
            "--yes",
            "--write",
            "--as",
            "ada",
            "--as-group",
            &group,
        ];
        lab.quorate(1, &asked)
    };
    let is_cordoned = || {
        let node = lab.run(&["kubectl", "get", "node", "nbe-3", "-o", "json"]);
        serde_json::from_str::<Value>(&node).unwrap()["spec"]["unschedulable"] == true
    };
    let refused = run("viewer", "cordon");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    for words in ["step 1 (", "cannot create resource \"selfsubjectaccessreviews\""] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!is_cordoned());
    for (action, after) in [("cordon", true), ("uncordon", false)] {
        let done = run("operator", action);
        assert!(done.status.success(), "{done:?}");
        assert!(
            !String::from_utf8_lossy(&done.stdout).contains("no lock in the cluster"),
            "{done:?}"
        );
        assert_eq!(is_cordoned(), after, "{action}");
    }
}

fn printed(lab: &Lab, who: &str) -> String {
    String::from_utf8(lab.quorate(1, &["rbac", who]).stdout).unwrap()
}

fn apply(lab: &Lab, name: &str, manifest: &str) {
    let file = lab.state().join(format!("{name}.yaml"));
    fs::write(&file, manifest).unwrap();
    lab.run(&["kubectl", "apply", "-f", file.to_str().unwrap()]);
}

/// Each rule of a manifest in a role of its own, bound to a group of its own.
fn one_by_one(manifest: &str) -> Vec<Value> {
    let documents: Vec<Value> = manifest
        .split("---\n")
        .skip(1)
        .map(|document| serde_saphyr::from_str(document).unwrap())
        .collect();
    let mut made = Vec::new();
    for pair in documents.chunks(2) {
        for rule in pair[0]["rules"].as_array().unwrap() {
            let group = group_of(made.len() / 2);
            let (mut role, mut binding) = (pair[0].clone(), pair[1].clone());
            role["rules"] = json!([rule]);
            for own in [&mut role, &mut binding] {
                own["metadata"]["name"] = group.clone().into();
            }
            binding["roleRef"]["name"] = group.clone().into();
            binding["subjects"][0]["name"] = group.into();
            made.extend([role, binding]);
        }
    }
    made
}
