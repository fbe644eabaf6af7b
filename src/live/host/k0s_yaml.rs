//! k0s.yaml: the part of k0s's configuration that is local to this host (`spec.api` and `spec.storage` are never shared).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::files;
use crate::base::{Text, Why};
use crate::model::host::K0sConfig;

/// `spec.api.extraArgs` that concern failover.
const API_ARGS: [&str; 2] = [
    "default-not-ready-toleration-seconds",
    "default-unreachable-toleration-seconds",
];

/// `spec.controllerManager.extraArgs` that concern failover.
const CONTROLLER_MANAGER_ARGS: [&str; 7] = [
    "leader-elect-lease-duration",
    "leader-elect-renew-deadline",
    "node-eviction-rate",
    "node-monitor-grace-period",
    "node-monitor-period",
    "secondary-node-eviction-rate",
    "unhealthy-zone-threshold",
];

/// Reads k0s.yaml.
pub fn read(path: &Path) -> Result<K0sConfig, Why> {
    let text = files::read_text(path)?;
    let config = parse(&text).map_err(|why| files::about(path, why))?;
    let changed = std::fs::metadata(path).and_then(|own| own.modified()).ok();
    Ok(K0sConfig {
        path: path.to_string_lossy().as_ref().into(),
        changed: changed.and_then(|at| at.try_into().ok()),
        ..config
    })
}

/// Parses k0s.yaml; path and time are left empty. What is not listed here is not kept.
fn parse(text: &str) -> Result<K0sConfig, Why> {
    #[derive(Default, Deserialize)]
    struct File {
        spec: Option<Spec>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spec {
        api: Option<Api>,
        storage: Option<Storage>,
        controller_manager: Option<ControllerManager>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Api {
        address: Option<Text>,
        port: Option<u16>,
        sans: Option<Vec<Text>>,
        extra_args: Option<Args>,
    }
    #[derive(Default, Deserialize)]
    struct Storage {
        etcd: Option<Etcd>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Etcd {
        peer_address: Option<Text>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ControllerManager {
        extra_args: Option<Args>,
    }

    let spec = files::parse_yaml::<File>(text)?.spec.unwrap_or_default();
    let api = spec.api.unwrap_or_default();
    let etcd = spec.storage.and_then(|storage| storage.etcd);
    let controller_manager = spec.controller_manager.and_then(|part| part.extra_args);
    Ok(K0sConfig {
        path: Text::default(),
        changed: None,
        api_address: api.address.filter(|address| !address.is_empty()),
        api_port: api.port,
        api_sans: api.sans.unwrap_or_default(),
        peer_address: etcd
            .and_then(|etcd| etcd.peer_address)
            .filter(|address| !address.is_empty()),
        api_args: keep(api.extra_args, &API_ARGS),
        controller_manager_args: keep(controller_manager, &CONTROLLER_MANAGER_ARGS),
    })
}

/// Flags as k0s.yaml has them. Strings by k0s's rules, but people forget the quotes around numbers.
type Args = BTreeMap<String, Value>;

fn keep(args: Option<Args>, listed: &[&str]) -> BTreeMap<Text, Text> {
    let args = args.unwrap_or_default();
    let listed = args.into_iter().filter(|(name, _)| listed.contains(&name.as_str()));
    listed
        .filter_map(|(name, value)| Some((Text::from(name), scalar(&value)?)))
        .collect()
}

fn scalar(value: &Value) -> Option<Text> {
    match value {
        Value::String(text) => Some(Text::new(text)),
        Value::Number(number) => Some(Text::from(number.to_string())),
        Value::Bool(flag) => Some(Text::from(flag.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::base::WhyKind;
    use proptest::prelude::*;

    const FILE: &str = r#"
apiVersion: k0s.k0sproject.io/v1beta1
kind: ClusterConfig
metadata: {name: k0s}
spec:
  api:
    address: 10.77.0.11
    port: 6443
    sans: [10.77.0.11, 10.77.0.12]
    extraArgs:
      default-not-ready-toleration-seconds: "30"
      default-unreachable-toleration-seconds: 30
      oidc-client-secret: hunter2
  controllerManager:
    extraArgs: {node-monitor-grace-period: 20s, feature-gates: X=true}
  storage:
    type: etcd
    etcd: {peerAddress: 10.77.0.11, extraArgs: {}}
  network: {provider: custom}
"#;

    #[test]
    fn keeps_what_concerns_failover_and_nothing_else() {
        let config = parse(FILE).unwrap();
        assert_eq!(config.api_address.as_ref().unwrap(), &"10.77.0.11");
        assert_eq!(config.api_port, Some(6443));
        assert_eq!(config.api_sans, ["10.77.0.11", "10.77.0.12"]);
        assert_eq!(config.peer_address.as_ref().unwrap(), &"10.77.0.11");
        assert_eq!(config.api_args.len(), 2);
        assert_eq!(config.api_args["default-unreachable-toleration-seconds"], "30");
        assert_eq!(config.controller_manager_args["node-monitor-grace-period"], "20s");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn little_is_enough() {
        for text in ["", "# nothing\n", "spec:\n", "spec: {api: {}, storage: {type: kine}}"] {
            assert_eq!(parse(text).unwrap(), K0sConfig::default(), "{text}");
        }
    }

    #[test]
    fn garbage_is_named_with_its_line() {
        let why = parse("spec:\n  api:\n    port: many\n").unwrap_err();
        assert_eq!(
            (why.kind, why.text.as_str()),
            (WhyKind::Garbage, "not the YAML that is expected in line 3")
        );
        assert_eq!(parse("spec: [").unwrap_err().kind, WhyKind::Garbage);
    }

    #[test]
    fn the_path_is_part_of_the_fact_and_of_the_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k0s.yaml");
        std::fs::write(&path, FILE).unwrap();
        let at = jiff::Timestamp::from_second(1_700_000_000).unwrap();
        let file = std::fs::File::options().append(true).open(&path).unwrap();
        file.set_modified(at.into()).unwrap();
        let config = read(&path).unwrap();
        assert_eq!(config.path, path.to_str().unwrap());
        assert_eq!(config.changed, Some(at));
        std::fs::write(&path, "spec: 1").unwrap();
        let why = read(&path).unwrap_err();
        assert!(why.text.as_str().contains("k0s.yaml: not the YAML"), "{why}");
        assert_eq!(
            read(dir.path().join("gone").as_path()).unwrap_err().kind,
            WhyKind::Missing
        );
    }

    proptest! {
        #[test]
        fn no_file_makes_it_panic(text in any::<String>()) {
            let _ = parse(&text);
            let _ = parse(&format!("spec: {text}"));
        }
    }
}
