//! From kubeconfig files to a way in. Reads files only; which ones is the caller's choice.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use kube::config::{AuthInfo, ExecInteractiveMode, KubeConfigOptions, Kubeconfig, KubeconfigError};
use serde_json::Value;

use super::KubeSource;
use super::clients::Maker;
use super::server::Server;
use super::session::Deadlines;
use super::single::Single;
use crate::base::{Why, WhyKind};

/// How long reading the files may take, and looking for newer ones. They may lie on a file system that hangs.
const FILES: Duration = Duration::from_secs(3);

/// When files were last written, where that can be told.
type Stamps = Vec<(PathBuf, Option<SystemTime>)>;

/// How to reach the cluster: server, CA and credentials.
pub struct Access {
    /// kube's configuration, without a proxy.
    pub config: kube::Config,
    /// The server that the kubeconfig names.
    pub preferred: Server,
    /// Where it was read, for people.
    pub origin: String,
    /// When the client certificate expires.
    pub identity_expiry: Option<Timestamp>,
    /// How long answers may take.
    pub deadlines: Deadlines,
    /// The clients that are being prepared.
    pub preparing: Single<Result<Maker, Why>>,
    files: Arc<Stamps>,
    looking: Single<bool>,
}

impl Access {
    /// Whether a file of it was written since it was read. One that is gone does not count: what it said may still work.
    /// Nor does one that cannot be looked at in time.
    pub async fn has_changed(&self) -> bool {
        let files = Arc::clone(&self.files);
        let look = move || {
            let written =
                |(path, then): &(PathBuf, Option<SystemTime>)| modified(path).is_some_and(|now| Some(now) != *then);
            files.iter().any(written)
        };
        self.looking.run(FILES, look).await.unwrap_or(false)
    }

    /// Whether the credentials may be shown to servers that the kubeconfig does not name: not where a token could be read on
    /// the way because nobody proves who the server is.
    pub fn may_roam(&self) -> bool {
        let user = &self.config.auth_info;
        let tells_secret = user.token.is_some()
            || user.token_file.is_some()
            || user.password.is_some()
            || user.exec.is_some()
            || user.auth_provider.is_some();
        let proves = self.preferred.is_https() && !self.config.accept_invalid_certs;
        proves || !tells_secret
    }
}

/// Reads kubeconfigs.
#[derive(Default)]
pub struct Reader(Single<Result<Access, Why>>);

impl Reader {
    /// Reads the kubeconfig that `source` means, and the files that it names.
    pub async fn load(&self, source: &KubeSource) -> Result<Access, Why> {
        let (source, runtime) = (source.clone(), tokio::runtime::Handle::current());
        let work = move || {
            let (kubeconfig, files) = read(&source)?;
            // It reads files, and waits for nothing else.
            runtime.block_on(access(&source, kubeconfig, &files))
        };
        let late = || {
            let text = format!("the kubeconfig could not be read within {} s", FILES.as_secs());
            Err(Why::new(WhyKind::TimedOut, text).hint("does its file system hang?"))
        };
        self.0.run(FILES, work).await.unwrap_or_else(late)
    }
}

fn read(source: &KubeSource) -> Result<(Kubeconfig, Vec<PathBuf>), Why> {
    if let Some(path) = &source.kubeconfig {
        let kubeconfig = Kubeconfig::read_from(path).map_err(|error| unreadable(path, &error))?;
        return Ok((kubeconfig, vec![path.clone()]));
    }
    if let Some(merged) = merge(&source.merged)? {
        return Ok(merged);
    }
    let found = first(&source.candidates);
    if let (false, Ok((_, used))) = (source.merged.is_empty(), &found) {
        tracing::warn!(
            "none of KUBECONFIG's files exists ({}): {} is used",
            listed(&source.merged),
            listed(used)
        );
    }
    found
}

/// kubectl's rule for `KUBECONFIG`: files that do not exist are left out; the first to set a value wins. None where none
/// exists.
fn merge(paths: &[PathBuf]) -> Result<Option<(Kubeconfig, Vec<PathBuf>)>, Why> {
    let mut found: Option<Kubeconfig> = None;
    for path in paths.iter().filter(|path| path.try_exists().unwrap_or(true)) {
        let next = Kubeconfig::read_from(path).map_err(|error| unreadable(path, &error))?;
        found = Some(match found {
            Some(before) => before.merge(next).map_err(|error| unreadable(path, &error))?,
            None => next,
        });
    }
    Ok(found.map(|kubeconfig| (kubeconfig, paths.to_vec())))
}

/// The first candidate that can be read.
fn first(paths: &[PathBuf]) -> Result<(Kubeconfig, Vec<PathBuf>), Why> {
    let mut denied = None;
    for path in paths {
        match std::fs::File::open(path) {
            Ok(_) => {
                let kubeconfig = Kubeconfig::read_from(path).map_err(|error| unreadable(path, &error))?;
                return Ok((kubeconfig, vec![path.clone()]));
            }
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                denied.get_or_insert(path);
            }
            Err(_) => {}
        }
    }
    Err(match denied {
        Some(path) => denied_at(path),
        None => Why::new(
            WhyKind::Missing,
            format!("no kubeconfig found; looked for {}", listed(paths)),
        )
        .hint("run quorate on a controller, or name a file with --kubeconfig"),
    })
}

fn listed(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if shown.is_empty() {
        "nothing".to_owned()
    } else {
        shown.join(", ")
    }
}

fn denied_at(path: &Path) -> Why {
    let text = format!("kubeconfig {}: permission denied", path.display());
    Why::new(WhyKind::Denied, text).hint("run quorate as root (sudo), or name another file with --kubeconfig")
}

/// Why a kubeconfig cannot be used. A parser's message may quote the file, which holds secrets, so only the place is told.
fn unreadable(path: &Path, error: &KubeconfigError) -> Why {
    let shown = path.display();
    match error {
        KubeconfigError::ReadConfig(cause, _) => match cause.kind() {
            std::io::ErrorKind::NotFound => Why::new(WhyKind::Missing, format!("kubeconfig {shown} does not exist"))
                .hint("correct --kubeconfig or KUBECONFIG"),
            std::io::ErrorKind::PermissionDenied => denied_at(path),
            _ => Why::new(WhyKind::Config, format!("kubeconfig {shown} cannot be read: {cause}")),
        },
        KubeconfigError::Parse(cause) => {
            let place = cause
                .location()
                .map_or_else(String::new, |at| format!(", line {}", at.line()));
            Why::new(WhyKind::Config, format!("kubeconfig {shown} is no kubeconfig{place}"))
                .hint("it must be the YAML that kubectl reads")
        }
        other => Why::new(WhyKind::Config, format!("kubeconfig {shown}: {other}")),
    }
}

async fn access(source: &KubeSource, mut kubeconfig: Kubeconfig, files: &[PathBuf]) -> Result<Access, Why> {
    let origin = listed(files);
    let wants_proxy = tame(&mut kubeconfig);
    let files = Arc::new(stamps(files, &kubeconfig));
    let known: Vec<&str> = kubeconfig
        .contexts
        .iter()
        .map(|context| context.name.as_str())
        .collect();
    let known = known.join(", ");
    must_be_there(source, &kubeconfig, &origin)?;
    let options = KubeConfigOptions {
        context: source.context.clone(),
        cluster: source.cluster.clone(),
        user: source.user.clone(),
    };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.map_err(|error| unusable(&origin, &known, &error))?;
    if config.cluster_url.host().is_none() {
        return Err(no_url(&origin));
    }
    if wants_proxy.contains(&config.cluster_url.to_string()) {
        let text = format!("kubeconfig {origin} asks for a proxy (proxy-url), and quorate connects directly only");
        return Err(Why::new(WhyKind::Config, text).hint("use a kubeconfig without proxy-url"));
    }
    config.proxy_url = None;
    announce_plugin(&origin, &config.auth_info);
    if let Some(user) = &source.act_as {
        config.auth_info.impersonate = Some(user.clone());
        config.auth_info.impersonate_groups.clone_from(&source.act_as_groups);
    }
    Ok(Access {
        preferred: Server::new(config.cluster_url.clone()),
        identity_expiry: identity_expiry(&config.auth_info),
        config,
        origin,
        deadlines: Deadlines::reading(source.request_timeout),
        files,
        looking: Single::default(),
        preparing: Single::default(),
    })
}

/// The cluster and the user that were named. Without this, kube would go on as nobody where the user is missing.
fn must_be_there(source: &KubeSource, kubeconfig: &Kubeconfig, origin: &str) -> Result<(), Why> {
    let clusters = kubeconfig.clusters.iter().map(|named| named.name.as_str()).collect();
    let users = kubeconfig.auth_infos.iter().map(|named| named.name.as_str()).collect();
    let asked: [(_, _, Vec<&str>); 2] = [("cluster", &source.cluster, clusters), ("user", &source.user, users)];
    for (what, name, known) in asked {
        let Some(name) = name.as_deref().filter(|name| !known.contains(name)) else {
            continue;
        };
        let text = format!("kubeconfig {origin}: there is no {what} {name:?}");
        return Err(Why::new(WhyKind::Config, text).hint(format!("it has: {}", known.join(", "))));
    }
    Ok(())
}

/// Makes a kubeconfig fit for a console: no proxy from the environment, no plugin that reads our terminal. Returns the
/// servers of clusters that name a proxy themselves.
fn tame(kubeconfig: &mut Kubeconfig) -> Vec<String> {
    let mut wants_proxy = Vec::new();
    for cluster in kubeconfig
        .clusters
        .iter_mut()
        .filter_map(|named| named.cluster.as_mut())
    {
        let server = cluster
            .server
            .as_ref()
            .and_then(|server| server.parse::<hyper::Uri>().ok());
        if cluster.proxy_url.as_ref().is_some_and(|proxy| !proxy.is_empty()) {
            wants_proxy.extend(server.map(|server| server.to_string()));
        }
        // kube takes HTTPS_PROXY where a cluster names no proxy; the API of this very host needs none.
        cluster.proxy_url = Some("http://unused.invalid".to_owned());
    }
    let users = kubeconfig
        .auth_infos
        .iter_mut()
        .filter_map(|named| named.auth_info.as_mut());
    for exec in users.filter_map(|user| user.exec.as_mut()) {
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    wants_proxy
}

fn announce_plugin(origin: &str, user: &AuthInfo) {
    let plugin = user.exec.as_ref().and_then(|exec| exec.command.as_deref());
    let provider = user.auth_provider.as_ref().map(|provider| provider.name.as_str());
    if let Some(name) = plugin.or(provider) {
        let name = crate::base::Text::new(name);
        tracing::warn!("{origin} gets its credentials from the program {name}, which quorate runs");
    }
}

fn no_url(origin: &str) -> Why {
    Why::new(
        WhyKind::Config,
        format!("kubeconfig {origin}: the cluster's server is no URL"),
    )
    .hint("write it as https://HOST:PORT")
}

fn unusable(origin: &str, known: &str, error: &KubeconfigError) -> Why {
    let why = |text: String| Why::new(WhyKind::Config, format!("kubeconfig {origin}: {text}"));
    match error {
        KubeconfigError::LoadContext(name) => {
            let hint = if known.is_empty() {
                "it has no contexts".to_owned()
            } else {
                format!("it has: {known}")
            };
            why(format!("there is no context {name:?}")).hint(hint)
        }
        KubeconfigError::CurrentContextNotSet => {
            why("no context is chosen".to_owned()).hint("name one with --context, or set current-context")
        }
        KubeconfigError::LoadClusterOfContext(name) => why(format!("the context's cluster {name:?} is missing")),
        KubeconfigError::ParseClusterUrl(_) => no_url(origin),
        KubeconfigError::MissingClusterUrl => why("the cluster has no server".to_owned()),
        other => why(other.to_string()),
    }
}

/// The files that a later change of credentials would touch.
fn stamps(files: &[PathBuf], kubeconfig: &Kubeconfig) -> Stamps {
    let clusters = kubeconfig.clusters.iter().filter_map(|named| named.cluster.as_ref());
    let authorities = clusters.filter_map(|cluster| cluster.certificate_authority.as_ref());
    let users = kubeconfig
        .auth_infos
        .iter()
        .filter_map(|named| named.auth_info.as_ref());
    let credentials = users.flat_map(|user| [&user.client_certificate, &user.client_key, &user.token_file]);
    let named = authorities.chain(credentials.flatten()).map(PathBuf::from);
    let all = files.iter().cloned().chain(named);
    all.map(|path| (path.clone(), modified(&path))).collect()
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// The end of the client certificate's validity, to explain a 401.
fn identity_expiry(user: &AuthInfo) -> Option<Timestamp> {
    let pem = match (&user.client_certificate_data, &user.client_certificate) {
        (Some(data), _) => {
            // k8s-openapi brings the base64 decoder.
            let bytes: k8s_openapi::ByteString = serde_json::from_value(Value::from(data.as_str())).ok()?;
            bytes.0
        }
        (None, Some(path)) => std::fs::read(path).ok()?,
        (None, None) => return None,
    };
    let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).ok()?;
    let certificate = pem.parse_x509().ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}
