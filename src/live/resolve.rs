//! Names become addresses: by `/etc/hosts`, then by the servers that `/etc/resolv.conf` names. Not through the C library: in a
//! static executable it loads the modules of `/etc/nsswitch.conf`, made for another version of itself, and aborts (seen on
//! Debian 11 with `myhostname`, which is common). Both files are read anew each time, as they may have changed. Start reading
//! at [`resolve`].

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hyper_util::client::legacy::connect::dns::Name;
use tonic::codegen::Service;

/// The addresses of a host; those of IPv6 where it has no others, so that a name in `/etc/hosts` never waits for a name server.
/// Has no deadline but those of `resolv.conf`: the caller sets one.
pub async fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    // Without name servers `/etc/hosts` still counts.
    let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|_| {
        TokioResolver::builder_with_config(ResolverConfig::default(), TokioRuntimeProvider::default())
    });
    builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4thenIpv6;
    let found = builder.build().map_err(io::Error::other)?.lookup_ip(host).await;
    let found = found.map_err(|error| {
        let is_unknown = error.is_no_records_found();
        let words = if is_unknown {
            "nobody knows it".to_owned()
        } else {
            error.to_string()
        };
        io::Error::new(io::ErrorKind::NotFound, words)
    })?;
    Ok(found.iter().map(|address| SocketAddr::new(address, port)).collect())
}

/// The same for hyper's connector.
#[derive(Debug, Clone, Copy)]
pub struct Resolver;

impl Service<Name> for Resolver {
    type Response = IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move { Ok(resolve(name.as_str(), 0).await?.into_iter()) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn addresses_are_themselves_and_localhost_is_this_host() {
        let resolved = async |host| resolve(host, 9).await.unwrap();
        assert_eq!(resolved("10.77.0.13").await, ["10.77.0.13:9".parse().unwrap()]);
        assert_eq!(resolved("fd00::1").await, ["[fd00::1]:9".parse().unwrap()]);
        let local = resolved("localhost").await;
        assert!(local.contains(&"127.0.0.1:9".parse().unwrap()), "{local:?}");
        assert!(local.iter().all(|address| address.ip().is_loopback()), "{local:?}");
    }
}
