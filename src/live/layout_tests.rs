#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

/// A root directory with some files.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = below(root.path(), Path::new(path));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    root
}

fn found(root: &tempfile::TempDir) -> Layout {
    discover(&Overrides::default(), root.path(), &BTreeMap::new())
}

fn says(layout: &Layout, what: &str) -> bool {
    layout.notes.iter().any(|note| note.as_str().contains(what))
}

const RUNTIME: &str = r"
apiVersion: k0s.k0sproject.io/v1beta1
kind: RuntimeConfig
spec:
  nodeConfig: {spec: {network: {controlPlaneLoadBalancing: {keepalived: {authPass: hunter2}}}}}
  k0sVars:
    DataDir: /data/k0s
    StartupConfigPath: /data/k0s.yaml
    StatusSocketPath: /run/elsewhere.sock
  pid: 12
";

#[test]
fn nothing_found_means_the_defaults_and_no_k0s() {
    let root = root(&[]);
    let layout = found(&root);
    assert_eq!(layout.k0s_dir, root.path().join("var/lib/k0s"));
    assert_eq!(layout.k0s_yaml, root.path().join("etc/k0s/k0s.yaml"));
    assert_eq!(layout.status_socket, root.path().join("run/k0s/status.sock"));
    assert_eq!(layout.kubeconfigs, [root.path().join("var/lib/k0s/pki/admin.conf")]);
    assert!(says(&layout, "/etc/embedded-cluster/ec.yaml: not there"));
    assert!(!layout.has_k0s());
}

#[test]
fn embedded_clusters_record_comes_before_the_running_k0s() {
    let root = root(&[
        (EC_YAML, "dataDir: /mnt/ec\nadminConsole: {port: 30000}\n"),
        (RUNTIME_YAML, RUNTIME),
    ]);
    let layout = found(&root);
    assert_eq!(layout.k0s_dir, root.path().join("mnt/ec/k0s"));
    assert_eq!(
        layout.etcd_pki.peer_key,
        root.path().join("mnt/ec/k0s/pki/etcd/peer.key")
    );
    let client = root.path().join("mnt/ec/k0s/pki/apiserver-etcd-client.crt");
    assert_eq!(layout.etcd_pki.client_cert, client);
    assert!(
        layout.has_k0s(),
        "a named directory that is missing is a fault, not a laptop"
    );
}

#[test]
fn embedded_clusters_k0s_override_wins_over_its_data_dir() {
    let root = root(&[(EC_YAML, "dataDir: /mnt/ec\nk0sDataDirOverride: /fast/k0s\n")]);
    assert_eq!(found(&root).k0s_dir, root.path().join("fast/k0s"));
}

#[test]
fn embedded_cluster_tells_the_port_of_its_admin_console_or_leaves_it_at_the_default() {
    let port = |text: &str| found(&root(&[(EC_YAML, text)])).console_port;
    for (text, expected) in [
        ("adminConsole: {port: 31000}", Some(31_000)),
        ("adminConsole: {port: 0}", Some(30_000)),
        ("adminConsole: {}", Some(30_000)),
        ("adminConsole:\n  port:\n", Some(30_000)),
        ("adminConsole:\n", Some(30_000)),
        ("dataDir: /mnt/ec", Some(30_000)),
        ("adminConsole: {port: 131000}", None),
        ("adminConsole: [", None),
    ] {
        assert_eq!(port(text), expected, "{text}");
    }
    assert_eq!(found(&root(&[])).console_port, None);
    let root = root(&[(EC_YAML, "dataDir: /mnt/ec\nadminConsole: {port: 31000}")]);
    let named = Overrides {
        k0s_dir: Some("/my/k0s".into()),
        ..Overrides::default()
    };
    let layout = discover(&named, root.path(), &BTreeMap::new());
    assert_eq!((layout.k0s_dir, layout.console_port), ("/my/k0s".into(), Some(31_000)));
    assert!(says(&found(&root), "port 31000 of the Admin Console"));
}

#[test]
fn the_running_k0s_names_its_places() {
    let root = root(&[(RUNTIME_YAML, RUNTIME)]);
    let layout = found(&root);
    assert_eq!(layout.k0s_dir, root.path().join("data/k0s"));
    assert_eq!(layout.k0s_yaml, root.path().join("data/k0s.yaml"));
    assert_eq!(layout.status_socket, root.path().join("run/elsewhere.sock"));
    assert!(!says(&layout, "hunter2"));
}

#[test]
fn embedded_clusters_default_directory_is_found_by_itself() {
    let root = root(&[("/var/lib/embedded-cluster/k0s/x", "")]);
    let layout = found(&root);
    assert_eq!(layout.k0s_dir, root.path().join("var/lib/embedded-cluster/k0s"));
    assert!(layout.has_k0s() && !layout.k0s_dir_is_named);
}

#[test]
fn useless_files_are_noted_and_passed_over() {
    let root = root(&[
        (EC_YAML, "dataDir: [\n"),
        (RUNTIME_YAML, "spec: {k0sVars: {DataDir: relative}}"),
    ]);
    let layout = found(&root);
    assert_eq!(layout.k0s_dir, root.path().join("var/lib/k0s"));
    assert!(
        says(&layout, "/etc/embedded-cluster/ec.yaml: passed over"),
        "{:?}",
        layout.notes
    );
}

#[test]
fn the_operator_wins() {
    let root = root(&[(EC_YAML, "dataDir: /mnt/ec\n")]);
    let overrides = Overrides {
        k0s_dir: Some("/my/k0s".into()),
        kubeconfig: vec!["/my/config".into()],
        etcd_pki: None,
    };
    let environment = BTreeMap::from([("KUBECONFIG".into(), "/other".into()), ("HOME".into(), "/root".into())]);
    let layout = discover(&overrides, root.path(), &environment);
    assert_eq!(layout.k0s_dir, Path::new("/my/k0s"));
    assert_eq!(layout.etcd_pki.ca, Path::new("/my/k0s/pki/etcd/ca.crt"));
    assert_eq!(layout.kubeconfigs, [Path::new("/my/config")]);
}

#[test]
fn kubeconfigs_are_tried_in_order_and_once() {
    let root = root(&[("/var/lib/k0s/pki/admin.conf", "")]);
    let admin = root.path().join("var/lib/k0s/pki/admin.conf");
    let list = format!("/a::/b:{}", admin.display());
    let environment = BTreeMap::from([("KUBECONFIG".into(), list), ("HOME".into(), "/root".into())]);
    let layout = discover(&Overrides::default(), root.path(), &environment);
    let expected = [
        Path::new("/a"),
        Path::new("/b"),
        &admin,
        Path::new("/root/.kube/config"),
    ];
    assert_eq!(layout.kubeconfigs, expected);
    assert!(says(&layout, "kubeconfig /a: named by KUBECONFIG, not there"));
}

#[test]
fn a_copy_of_the_pki_may_be_flat_or_nested() {
    let root = root(&[("/nested/etcd/ca.crt", ""), ("/flat/ca.crt", "")]);
    let of = |dir: &str| {
        let overrides = Overrides {
            etcd_pki: Some(root.path().join(dir)),
            ..Overrides::default()
        };
        discover(&overrides, root.path(), &BTreeMap::new()).etcd_pki
    };
    assert_eq!(of("nested").ca, root.path().join("nested/etcd/ca.crt"));
    assert_eq!(
        of("nested").client_key,
        root.path().join("nested/apiserver-etcd-client.key")
    );
    assert_eq!(of("flat").ca, root.path().join("flat/ca.crt"));
    assert_eq!(of("flat").peer_cert, root.path().join("flat/peer.crt"));
}

proptest! {
    #[test]
    fn no_file_makes_the_parsers_panic(text in any::<String>()) {
        let _ = parse_ec(&text);
        let _ = parse_runtime(&text);
    }
}
