//! Which ways in there are: from what the operator set, and from what Kubernetes says of the product. Pure.
//! Start reading at [`Snapshot::ways_in`].

use core::net::SocketAddr;

use super::EntryId;
use crate::base::Text;
use crate::model::ObjectKey;
use crate::model::reach::MAX_HOSTS;
use crate::model::snapshot::Snapshot;

/// What users ask for where nobody says: NetBox's login page.
const LOGIN: &str = "/login/";
/// Namespace and name of the Deployment behind the Admin Console's port (Embedded Cluster).
pub const CONSOLE: (&str, &str) = ("kotsadm", "kurl-proxy-kotsadm");

/// Where users go: a host, a port and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// A name or an address.
    pub host: Text,
    /// TCP.
    pub port: u16,
    /// Begins with a slash.
    pub path: Text,
}

impl Site {
    /// From `https://HOST[:PORT][/PATH]`, or without `https://` where `bare` names are allowed. None for anything else.
    pub fn parse(raw: &str, bare: bool) -> Option<Self> {
        let rest = match raw.strip_prefix("https://") {
            Some(rest) => rest,
            None if bare && !raw.contains("://") => raw,
            None => return None,
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
            Some(_) | None => (authority, 443),
        };
        let host = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host);
        let is_of_host = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
        let is_of_path = |c: char| c.is_ascii_graphic();
        if host.is_empty() || port == 0 || !host.chars().all(is_of_host) || !path.chars().all(is_of_path) {
            return None;
        }
        let path = if path.is_empty() || path == "/" { LOGIN } else { path };
        Some(Self {
            host: host.into(),
            port,
            path: path.into(),
        })
    }

    /// As it would be written.
    pub fn url(&self) -> String {
        format!("https://{}:{}{}", bracketed(self.host.as_str()), self.port, self.path)
    }
}

/// A host as it stands before a port.
pub fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// What is set of the ways in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Where users go, where the operator says it.
    pub site: Option<Site>,
    /// The port of the gateway on each node (NetBox Enterprise 2.2's release notes: host ports 80 and 443).
    pub users_port: u16,
    /// Where the name that users go to is dialled, if not where the resolver says: a simulated name leads nowhere.
    pub balancer: Option<SocketAddr>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            site: None,
            users_port: 443,
            balancer: None,
        }
    }
}

/// One way in, as it is dialled and asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Which.
    pub id: EntryId,
    /// A name or an address.
    pub host: Text,
    /// TCP.
    pub port: u16,
    /// The host name for TLS and HTTP.
    pub name: Text,
    /// What is asked for.
    pub path: Text,
}

impl Snapshot {
    /// Where users go: as set, else the first `https` URL of a NetBoxEnterprise.
    pub fn users_go_to(&self, wish: &Wish) -> Option<Site> {
        let objects = self.kube.netbox_enterprises.values();
        let mut told = objects.flat_map(|netbox| &netbox.urls);
        let told = || told.find_map(|url| Site::parse(url.as_str(), true));
        wish.site.clone().or_else(told)
    }

    /// Every way in that can be probed now. Without a name that users go to, no gateway knows what is asked of it; without
    /// the Admin Console's Deployment, nothing stands behind its port.
    pub fn ways_in(&self, wish: &Wish) -> Vec<Way> {
        // In a cluster of this kind every node is a controller.
        let nodes = self.kube.nodes.values().filter(|node| node.is_controller);
        let addresses = nodes.filter_map(|node| node.address.as_ref());
        let addresses: Vec<_> = addresses
            .filter_map(|address| address.as_str().parse().ok())
            .take(MAX_HOSTS)
            .collect();
        let mut ways = Vec::new();
        if let Some(site) = self.users_go_to(wish) {
            let (host, port) = wish.balancer.map_or_else(
                || (site.host.clone(), site.port),
                |at| (at.ip().to_string().into(), at.port()),
            );
            ways.push(Way {
                id: EntryId::Balancer,
                host,
                port,
                name: site.host.clone(),
                path: site.path.clone(),
            });
            ways.extend(addresses.iter().map(|address| Way {
                id: EntryId::Users(*address),
                host: address.to_string().into(),
                port: wish.users_port,
                name: site.host.clone(),
                path: site.path.clone(),
            }));
        }
        if self.has_console() {
            ways.extend(addresses.iter().map(|address| Way {
                id: EntryId::Console(*address),
                host: address.to_string().into(),
                port: self.host.console_port_or_default(),
                name: address.to_string().into(),
                path: "/".into(),
            }));
        }
        ways
    }

    /// Whether the Admin Console's Deployment is there.
    pub fn has_console(&self) -> bool {
        let (namespace, name) = CONSOLE;
        let deployments = &self.kube.deployments;
        deployments.get(&ObjectKey::new(namespace, name)).is_some()
    }
}
