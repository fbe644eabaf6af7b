//! Which API servers there are: the kubeconfig's, and the others that the snapshot tells of. Pure.

use std::collections::BTreeSet;
use std::fmt;

use hyper::Uri;

use crate::base::Text;
use crate::model::Snapshot;

/// How many API servers are tried at most.
const MOST: usize = 16;

/// The base URL of one API server.
#[derive(Clone)]
pub struct Server(Uri);

impl Server {
    /// An API server by its base URL.
    pub const fn new(uri: Uri) -> Self {
        Self(uri)
    }

    /// The base URL.
    pub const fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether the connection is encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() != Some("http")
    }

    fn port(&self) -> u16 {
        let default = if self.is_https() { 443 } else { 80 };
        self.0.port_u16().unwrap_or(default)
    }

    /// The server of the same scheme on another host.
    fn at(&self, host: &str, port: u16) -> Option<Self> {
        let scheme = self.0.scheme_str().unwrap_or("https");
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        format!("{scheme}://{host}:{port}/").parse().ok().map(Self)
    }
}

/// Scheme, host, port and path: never the user name and password that a URL may hold.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or("https");
        let host = self.0.host().unwrap_or_default();
        let path = self.0.path().trim_end_matches('/');
        write!(f, "{scheme}://{host}:{}{path}", self.port())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Server {}

/// Every API server known, the kubeconfig's first. A controller's API server listens on the port that k0s.yaml names (the
/// same on all controllers), or on that of the kubeconfig's server where no k0s.yaml was read.
pub fn candidates(snapshot: &Snapshot, preferred: &Server) -> Vec<Server> {
    let config = snapshot.host.config.as_ref().map(|fact| &fact.value);
    let port = port(snapshot, preferred);
    let own = config.and_then(|config| config.api_address.as_ref()).map(Text::as_str);
    // The names in k0s.yaml's API certificate are there when etcd and the API server of this host are both dead.
    let sans = config.into_iter().flat_map(|config| &config.api_sans).map(Text::as_str);
    let mut servers = vec![preferred.clone()];
    for host in own.into_iter().chain(addresses(snapshot)).chain(sans) {
        let Some(server) = preferred.at(host, port) else {
            continue;
        };
        if servers.len() < MOST && !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers
}

/// The API server of each controller, by the controller's address. A member without a Node, as one
/// that did not join, has none; where no Node is known, each may have one.
pub fn controllers(snapshot: &Snapshot, preferred: &Server) -> Vec<(Text, Server)> {
    let port = port(snapshot, preferred);
    let nodes = snapshot.controllers().filter_map(|node| node.address.as_ref());
    let mut hosts: BTreeSet<&str> = nodes.map(Text::as_str).collect();
    if hosts.is_empty() {
        hosts = addresses(snapshot).collect();
    }
    let servers = hosts
        .into_iter()
        .filter_map(|host| Some((Text::new(host), preferred.at(host, port)?)));
    servers.take(MOST).collect()
}

/// Where the API servers of controllers listen.
fn port(snapshot: &Snapshot, preferred: &Server) -> u16 {
    let config = snapshot.host.config.as_ref();
    config
        .and_then(|config| config.value.api_port)
        .unwrap_or(preferred.port())
}

/// Addresses of controllers: etcd's members first, then k0s's and Kubernetes' objects.
fn addresses(snapshot: &Snapshot) -> impl Iterator<Item = &str> {
    let views = snapshot.etcd.views.values().flat_map(|view| &view.value.members);
    let members = views.filter_map(|member| member.peer_address());
    let control_nodes = snapshot
        .kube
        .control_nodes
        .values()
        .filter_map(|node| node.address.as_ref());
    let nodes = snapshot.kube.nodes.values().filter(|node| node.is_controller);
    let nodes = nodes.filter_map(|node| node.address.as_ref());
    members.chain(control_nodes.chain(nodes).map(Text::as_str))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::base::Clock;
    use crate::model::etcd::{Member, MemberId, MembershipView, Vantage};
    use crate::model::host::K0sConfig;
    use crate::model::k0s::ControlNode;
    use crate::model::{Fact, FeedId, KubeKind, ObjectKey};

    fn server(raw: &str) -> Server {
        Server::new(raw.parse().unwrap())
    }

    fn fact<T>(value: T) -> Fact<T> {
        Fact {
            value,
            feed: FeedId::Kube(KubeKind::ControlNodes),
            changed_at: Clock::start().now(),
            seen_changing: false,
        }
    }

    fn snapshot() -> Snapshot {
        let mut snapshot = Snapshot::empty(Clock::start().now());
        let member = |id, url: &str| Member {
            id: MemberId(id),
            name: Text::default(),
            peer_urls: vec![url.into()],
            client_urls: Vec::new(),
            is_learner: false,
        };
        let view = MembershipView {
            cluster_id: None,
            members: vec![
                member(1, "https://10.77.0.11:2380"),
                member(2, "https://[fd00::2]:2380"),
                member(3, "https://bad host/"),
            ],
        };
        snapshot.etcd.views.insert(Vantage::LocalSerializable, fact(view));
        let node = ControlNode {
            uid: Text::default(),
            address: Some("10.77.0.11".into()),
            node: None,
            k0s_version: None,
        };
        let rows = snapshot.kube.control_nodes.rows_mut();
        rows.insert(ObjectKey::new("", "nbe-1"), Arc::new(fact(node)));
        snapshot
    }

    fn shown(servers: &[Server]) -> Vec<String> {
        servers.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_others_listen_where_the_kubeconfig_says() {
        let found = candidates(&snapshot(), &server("https://localhost:6443"));
        let expected = [
            "https://localhost:6443",
            "https://10.77.0.11:6443",
            "https://[fd00::2]:6443",
        ];
        assert_eq!(shown(&found), expected);
    }

    #[test]
    fn k0s_yaml_knows_the_port_behind_a_load_balancer() {
        let mut snapshot = snapshot();
        snapshot.host.config = Some(fact(K0sConfig {
            api_address: Some("10.77.0.13".into()),
            api_port: Some(9443),
            api_sans: vec!["10.77.0.11".into(), "10.77.0.12".into()],
            ..K0sConfig::default()
        }));
        let found = candidates(&snapshot, &server("https://api.example.com"));
        let expected = [
            "https://api.example.com:443",
            "https://10.77.0.13:9443",
            "https://10.77.0.11:9443",
            "https://[fd00::2]:9443",
            "https://10.77.0.12:9443",
        ];
        assert_eq!(shown(&found), expected);
    }

    #[test]
    fn a_password_in_the_url_is_never_shown() {
        let server = server("https://admin:s3cret@10.0.0.1:6443/k8s/");
        assert_eq!(server.to_string(), "https://10.0.0.1:6443/k8s");
        assert_eq!(format!("{server:?}"), "https://10.0.0.1:6443/k8s");
    }
}
