//! Whether a label selector selects given labels (`metav1.LabelSelectorAsSelector`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// A missing selector selects nothing, an empty one everything; so does one with an operator that we do not know select
/// nothing.
pub fn selects(selector: Option<&LabelSelector>, labels: &BTreeMap<String, String>) -> bool {
    selector.is_some_and(|selector| {
        let equal = |(key, value): (&String, &String)| labels.get(key) == Some(value);
        selector.match_labels.iter().flatten().all(equal)
            && selector
                .match_expressions
                .iter()
                .flatten()
                .all(|rule| holds(rule, labels))
    })
}

fn holds(rule: &LabelSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&rule.key);
    let listed = value.is_some_and(|value| rule.values.iter().flatten().any(|wanted| wanted == value));
    match rule.operator.as_str() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        _ => false,
    }
}
