//! What the API server on this host says about itself: `/livez` and `/readyz`, check by check. Unlike a read of an object,
//! they answer without etcd, and so tell a dead store from a dead server. Start reading at [`observe`].

use std::path::PathBuf;
use std::time::Duration;

use hyper::StatusCode;

use super::clients::Clients;
use super::kubeconfig::{self, Access};
use super::session::Session;
use super::{KubeSource, REREAD};
use crate::base::{Text, Why, WhyKind};
use crate::model::FeedId;
use crate::model::kube::{ApiHealth, Checked};
use crate::port::{Closed, Observation, Report, Sink};

/// What it says about itself.
const SELF_CHECKS: [&str; 2] = ["/livez?verbose", "/readyz?verbose"];
/// How often it is asked.
const EVERY: Duration = Duration::from_secs(5);
/// How long an answer may take: its own check of etcd waits up to 2 s (Kubernetes `storage/storagebackend/factory`).
const DEADLINE: Duration = Duration::from_secs(4);
/// No more names of failed checks are kept.
const MAX_FAILED: usize = 64;

/// Asks the server that `kubeconfig` names (k0s's `admin.conf` names this host's own) until nobody reads any more. Without
/// k0s on this host there is none.
pub async fn observe(kubeconfig: Option<PathBuf>, sink: Sink) {
    let Some(path) = kubeconfig else {
        let why = Why::new(WhyKind::Disabled, "k0s is not installed on this host");
        let _ = sink.report(FeedId::ApiLocal, Report::Off(why)).await;
        return;
    };
    let source = KubeSource {
        kubeconfig: Some(path),
        ..KubeSource::default()
    };
    let Err(Closed) = run(&source, &sink).await;
}

async fn run(source: &KubeSource, sink: &Sink) -> Result<std::convert::Infallible, Closed> {
    sink.report(FeedId::ApiLocal, Report::Begun).await?;
    let files = kubeconfig::Reader::default();
    loop {
        let failure = match files.load(source).await {
            Ok(access) => match Clients::prepare(&access).await {
                Ok(clients) => {
                    ask(&access, &clients.session(&access.preferred), sink).await?;
                    continue;
                }
                Err(why) => why,
            },
            Err(why) => why,
        };
        sink.report(FeedId::ApiLocal, Report::Failed(failure)).await?;
        tokio::time::sleep(REREAD).await;
    }
}

/// Asks until the kubeconfig changes.
async fn ask(access: &Access, session: &Session, sink: &Sink) -> Result<(), Closed> {
    while !access.has_changed().await {
        let [livez, readyz] = SELF_CHECKS;
        let (livez, readyz) = tokio::join!(session.ask(livez, DEADLINE), session.ask(readyz, DEADLINE));
        let health = livez.and_then(|livez| {
            readyz.map(|readyz| ApiHealth {
                livez: checked(livez.0, &livez.1),
                readyz: checked(readyz.0, &readyz.1),
            })
        });
        match health {
            Ok(health) => sink.send(Observation::ApiHealth(health)).await?,
            Err(fault) => sink.report(FeedId::ApiLocal, Report::Failed(fault.why)).await?,
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(())
}

/// Reads the lines `[+]ping ok` and `[-]etcd failed: reason withheld`.
fn checked(status: StatusCode, body: &[u8]) -> Checked {
    let text = String::from_utf8_lossy(body);
    let passed = text.lines().filter(|line| line.starts_with("[+]")).count();
    let failed = text
        .lines()
        .filter_map(|line| line.strip_prefix("[-]")?.split(' ').next());
    let failed: Vec<Text> = failed.take(MAX_FAILED).map(Text::new).collect();
    let is_told = passed > 0 || !failed.is_empty() || status.is_success();
    Checked {
        passed,
        failed,
        refused: (!is_told).then_some(status.as_u16()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_read_line_by_line() {
        let body = b"[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n[+]shutdown ok\nreadyz check failed\n";
        let read = checked(StatusCode::INTERNAL_SERVER_ERROR, body);
        assert_eq!((read.passed, read.refused), (3, None));
        assert_eq!(read.failed, ["etcd"]);
    }

    #[test]
    fn a_refusal_is_no_check() {
        let read = checked(StatusCode::TOO_MANY_REQUESTS, b"{\"kind\":\"Status\"}");
        assert_eq!((read.passed, read.failed.len(), read.refused), (0, 0, Some(429)));
        assert_eq!(checked(StatusCode::OK, b"ok").refused, None);
    }
}
