//! Which pods run on this host, from /proc: what goes on when neither the API server nor the kubelet can be asked. A pod is
//! known by the cgroup of its processes, its name by the kubelet's log directory. Start reading at [`read`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Reading, files};
use crate::base::Text;
use crate::model::host::{Containers, RunningPod};
use crate::port::HostFact;

/// containerd's shim: one for each pod sandbox.
const SHIM: &str = "containerd-shim-runc-v2";
/// containerd's namespace of Kubernetes' containers.
const NAMESPACE: &str = "k8s.io";
/// No more pods are told. A kubelet's own limit is 110 where nothing else is set.
const MAX_PODS: usize = 512;
/// A UID is so long.
const UID_CHARS: usize = 36;

/// Looks through `proc` (`/proc`); names come from `logs` (`/var/log/pods`).
pub fn read(proc: &Path, logs: &Path) -> Reading {
    let entries = match std::fs::read_dir(proc) {
        Ok(entries) => entries,
        Err(err) => return Reading::Failed(files::io_why(proc, &err)),
    };
    // With hidepid=2, other people's processes are not even listed.
    let mut hidden = !proc.join("1").exists();
    let mut sandboxes = 0;
    let mut uids: BTreeSet<String> = BTreeSet::new();
    for entry in entries.flatten() {
        let is_process = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.parse::<u32>().is_ok());
        if !is_process {
            continue;
        }
        match std::fs::read(entry.path().join("cmdline")) {
            Ok(raw) => sandboxes += usize::from(is_shim(&raw)),
            Err(err) if err.kind() == std::io::ErrorKind::PermissionDenied => hidden = true,
            // It ended while we looked.
            Err(_) => continue,
        }
        let cgroup = std::fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        if uids.len() < MAX_PODS {
            uids.extend(pod_uid(&cgroup));
        }
    }
    let names = names(logs);
    let pod = |uid: String| RunningPod {
        name: names.get(&uid).cloned(),
        uid: uid.into(),
    };
    let mut pods: Vec<RunningPod> = uids.into_iter().map(pod).collect();
    pods.sort_by_key(|pod| (pod.name.is_none(), pod.clone()));
    let found = HostFact::Containers(Containers { sandboxes, pods });
    if hidden {
        Reading::Partial(
            found,
            files::denied("other users' processes are hidden (/proc is mounted with hidepid)"),
        )
    } else {
        Reading::Fact(found)
    }
}

/// Whether a command line, as /proc has it, is that of a shim of Kubernetes' containers.
fn is_shim(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(raw);
    let mut arguments = text.split('\0');
    let program = arguments.next().unwrap_or_default();
    let arguments: Vec<&str> = arguments.collect();
    let is_ours = arguments.windows(2).any(|pair| pair == ["-namespace", NAMESPACE]);
    program.rsplit('/').next() == Some(SHIM) && is_ours
}

/// The UID in a cgroup's path: `…/kubepods/burstable/pod<uid>/…`, or `…-pod<uid with _>.slice/…` where systemd keeps it.
fn pod_uid(cgroup: &str) -> Option<String> {
    let (_, below) = cgroup.split_once("kubepods")?;
    below.match_indices("pod").find_map(|(at, found)| {
        let uid = below
            .get(at + found.len()..at + found.len() + UID_CHARS)?
            .replace('_', "-");
        let is_uid = uid.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        let is_hex = uid.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        (is_uid && is_hex).then_some(uid)
    })
}

/// Namespace and name by UID, from directories called `<namespace>_<name>_<uid>` (kubelet `pkg/kubelet/kuberuntime`).
fn names(logs: &Path) -> BTreeMap<String, (Text, Text)> {
    let entries = std::fs::read_dir(logs).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let name = entry.file_name().to_str()?.to_owned();
        let mut parts = name.split('_');
        let (namespace, pod, uid) = (parts.next()?, parts.next()?, parts.next()?);
        Some((uid.to_owned(), (Text::new(namespace), Text::new(pod))))
    });
    named.take(MAX_PODS * 4).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::base::WhyKind;
    use proptest::prelude::*;

    const UID: &str = "0f3c2a51-77aa-4b0e-9c1d-2f6a5e8b9d10";

    #[test]
    fn uids_are_read_in_both_spellings() {
        let plain = format!("0::/kubepods/burstable/pod{UID}/4a5b\n");
        let systemd = format!(
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{}.slice/cri-containerd-4a5b.scope\n",
            UID.replace('-', "_")
        );
        for cgroup in [plain, systemd] {
            assert_eq!(pod_uid(&cgroup).as_deref(), Some(UID), "{cgroup}");
        }
        for cgroup in [
            "",
            "0::/system.slice/podman.service",
            "0::/kubepods/podshort",
            "0::/kubepods/burstable",
        ] {
            assert_eq!(pod_uid(cgroup), None, "{cgroup}");
        }
    }

    #[test]
    fn pods_are_found_named_and_counted() {
        let root = tempfile::tempdir().unwrap();
        let process = |pid: u32, line: &str, cgroup: &str| {
            let dir = root.path().join("proc").join(pid.to_string());
            std::fs::create_dir_all(&dir).unwrap();
            std::fs::write(dir.join("cmdline"), line.replace(' ', "\0")).unwrap();
            std::fs::write(dir.join("cgroup"), cgroup).unwrap();
        };
        process(1, "init", "0::/");
        process(
            7,
            "/b/containerd-shim-runc-v2 -namespace k8s.io -id 4a5b -address /run/x",
            "0::/system.slice/k0s",
        );
        process(8, "containerd-shim-runc-v2 -namespace moby -id 4a5b", "0::/");
        process(9, "python3 web", &format!("0::/kubepods/burstable/pod{UID}/4a5b"));
        process(10, "python3 worker", &format!("0::/kubepods/burstable/pod{UID}/4a5b"));
        let other = UID.replace("0f3c", "aaaa");
        process(11, "x", &format!("0::/kubepods/besteffort/pod{other}/4a5b"));
        let logs = root.path().join("logs");
        std::fs::create_dir_all(logs.join(format!("kotsadm_netbox-1_{UID}"))).unwrap();
        let Reading::Fact(HostFact::Containers(found)) = read(&root.path().join("proc"), &logs) else {
            panic!("no fact")
        };
        assert_eq!(found.sandboxes, 1);
        let names: Vec<_> = found
            .pods
            .iter()
            .map(|pod| (pod.name.clone(), pod.uid.as_str()))
            .collect();
        let known = Some((Text::new("kotsadm"), Text::new("netbox-1")));
        assert_eq!(names, [(known, UID), (None, other.as_str())]);
    }

    #[test]
    fn what_is_hidden_is_not_called_absent() {
        let root = tempfile::tempdir().unwrap();
        let reading = read(root.path(), root.path());
        assert!(matches!(reading, Reading::Partial(_, why) if why.kind == WhyKind::Denied));
        assert!(
            matches!(read(Path::new("/nowhere"), root.path()), Reading::Failed(why) if why.kind == WhyKind::Missing)
        );
    }

    proptest! {
        #[test]
        fn no_cgroup_makes_it_panic(text in any::<String>(), raw in any::<Vec<u8>>()) {
            let _ = (pod_uid(&text), pod_uid(&format!("kubepods/pod{text}")), is_shim(&raw));
        }
    }
}
