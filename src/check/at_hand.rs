//! Where the programs are at hand that remedies name: on a controller they are in nobody's PATH. Start reading at [`at_hand`].

use super::Finding;
use super::look::arg;
use crate::model::host::HostFacts;

/// k0s's own default (k0s documentation, `--data-dir`), and where Embedded Cluster left the data of clusters that are older than
/// its own directory (its upgrade sets `k0sDataDirOverride`).
const PLAIN_K0S: &str = "/var/lib/k0s";
/// Where Embedded Cluster keeps its own, k0s's directory below it.
const EMBEDDED_CLUSTER: &str = "/var/lib/embedded-cluster";

/// How to come by what the remedies of these findings run, if they run any of it.
///
/// Source: Embedded Cluster's `shell` command, which sets KUBECONFIG and appends its directory of programs to PATH.
pub fn at_hand<'a>(host: &HostFacts, findings: impl IntoIterator<Item = &'a Finding>) -> Option<String> {
    let names = |finding: &Finding, program: &str| finding.remedy.as_str().contains(program);
    let mut findings = findings.into_iter();
    if !findings.any(|finding| names(finding, "kubectl ") || names(finding, "netbox-enterprise ")) {
        return None;
    }
    let dir = host.k0s_dir();
    if dir.as_ref().is_some_and(|dir| dir.as_str() == PLAIN_K0S) {
        return Some(format!(
            "on a controller kubectl is sudo k0s kubectl; netbox-enterprise, where it is installed, is in {EMBEDDED_CLUSTER}/bin"
        ));
    }
    let dir = dir.as_ref().and_then(|dir| dir.as_str().strip_suffix("/k0s"));
    let shell = format!("{}/bin/netbox-enterprise", dir.unwrap_or(EMBEDDED_CLUSTER));
    Some(format!(
        "on a controller kubectl and netbox-enterprise are at hand in: sudo {} shell",
        arg(&shell)
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::base::Text;
    use crate::check::{CheckId, Severity};
    use crate::model::example;

    fn with(remedy: &str) -> Finding {
        Finding {
            check: CheckId::NodeNotReady,
            severity: Severity::Warning,
            subject: "cluster".into(),
            title: Text::default(),
            evidence: Vec::new(),
            consequence: Text::default(),
            remedy: remedy.into(),
        }
    }

    #[test]
    fn it_is_where_this_host_has_it() {
        let mut host = example::healthy().host;
        let finding = with("kubectl get nodes");
        let mut told = |dir: &str| {
            host.k0s.as_mut().unwrap().value.data_dir = Some(dir.into());
            at_hand(&host, [&finding]).unwrap()
        };
        assert!(told("/data/my ec/k0s").ends_with("in: sudo '/data/my ec/bin/netbox-enterprise' shell"));
        assert!(told("/var/lib/k0s").contains("kubectl is sudo k0s kubectl; netbox-enterprise"));
        let unknown = HostFacts::default();
        let text = at_hand(&unknown, [&finding]).unwrap();
        assert!(
            text.contains("/var/lib/embedded-cluster/bin/netbox-enterprise shell"),
            "{text}"
        );
    }

    #[test]
    fn what_no_remedy_runs_is_not_told_of() {
        let host = example::healthy().host;
        assert_eq!(at_hand(&host, [&with("sudo systemctl restart k0scontroller")]), None);
        let both = [with("ip address"), with("sudo netbox-enterprise enable-ha")];
        assert!(at_hand(&host, &both).is_some());
    }
}
