//! How long a pod outlives a NoExecute taint of its node, as kube-controller-manager's taint eviction reads it
//! (`pkg/controller/tainteviction`, `GetMatchingTolerations` and `getMinTolerationTime`): of each taint's tolerations only the
//! first that matches counts.

use k8s_openapi::api::core::v1::Toleration;

use crate::model::kube::Tolerates;

/// Put on a node whose kubelet is silent.
pub const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// Put on a node whose kubelet says that it is not ready.
pub const NOT_READY: &str = "node.kubernetes.io/not-ready";

/// For the taint `key:NoExecute` without a value.
pub fn of(tolerations: &[Toleration], key: &str) -> Tolerates {
    let Some(first) = tolerations.iter().find(|toleration| matches(toleration, key)) else {
        return Tolerates::Seconds(0);
    };
    match first.toleration_seconds {
        None => Tolerates::Forever,
        Some(seconds) => Tolerates::Seconds(u64::try_from(seconds).unwrap_or(0)),
    }
}

/// `Toleration.ToleratesTaint`: an empty effect or key matches all.
fn matches(toleration: &Toleration, key: &str) -> bool {
    let empty_or = |field: &Option<String>, wanted: &str| {
        let field = field.as_deref().unwrap_or_default();
        field.is_empty() || field == wanted
    };
    if !empty_or(&toleration.effect, "NoExecute") || !empty_or(&toleration.key, key) {
        return false;
    }
    match toleration.operator.as_deref().unwrap_or_default() {
        "" | "Equal" => toleration.value.as_deref().unwrap_or_default().is_empty(),
        "Exists" => true,
        // Lt and Gt compare numbers, and these taints have no value.
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toleration(key: &str, operator: &str, effect: &str, seconds: Option<i64>) -> Toleration {
        let some = |raw: &str| (!raw.is_empty()).then(|| raw.to_owned());
        Toleration {
            key: some(key),
            operator: some(operator),
            effect: some(effect),
            toleration_seconds: seconds,
            value: None,
        }
    }

    #[test]
    fn what_matches() {
        let cases = [
            (
                toleration(UNREACHABLE, "Exists", "NoExecute", Some(30)),
                Tolerates::Seconds(30),
            ),
            (toleration(UNREACHABLE, "Exists", "NoExecute", None), Tolerates::Forever),
            (
                toleration(UNREACHABLE, "Equal", "NoExecute", Some(5)),
                Tolerates::Seconds(5),
            ),
            (toleration(UNREACHABLE, "", "", Some(5)), Tolerates::Seconds(5)),
            (toleration("", "Exists", "", None), Tolerates::Forever),
            (
                toleration(UNREACHABLE, "Exists", "NoExecute", Some(-3)),
                Tolerates::Seconds(0),
            ),
            (
                toleration(UNREACHABLE, "Exists", "NoSchedule", None),
                Tolerates::Seconds(0),
            ),
            (
                toleration(NOT_READY, "Exists", "NoExecute", None),
                Tolerates::Seconds(0),
            ),
            (toleration(UNREACHABLE, "Gt", "NoExecute", None), Tolerates::Seconds(0)),
        ];
        for (toleration, expected) in cases {
            assert_eq!(
                of(std::slice::from_ref(&toleration), UNREACHABLE),
                expected,
                "{toleration:?}"
            );
        }
        assert_eq!(of(&[], UNREACHABLE), Tolerates::Seconds(0));
    }

    #[test]
    fn a_wanted_value_does_not_match_a_taint_without_one() {
        let mut wants_value = toleration(UNREACHABLE, "Equal", "NoExecute", None);
        wants_value.value = Some("x".into());
        assert_eq!(of(&[wants_value], UNREACHABLE), Tolerates::Seconds(0));
    }

    #[test]
    fn the_first_match_counts() {
        let both = [
            toleration(UNREACHABLE, "Exists", "NoExecute", Some(300)),
            toleration("", "Exists", "", Some(30)),
        ];
        assert_eq!(of(&both, UNREACHABLE), Tolerates::Seconds(300));
        assert_eq!(of(&both, NOT_READY), Tolerates::Seconds(30));
    }
}
