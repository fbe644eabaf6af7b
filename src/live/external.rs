//! The services outside the cluster that keep NetBox's data, asked as an operator would ask them from this host: PostgreSQL,
//! Redis, its Sentinels, object storage. Each that was set is a feed of its own, at low frequency, and nothing waits for it.
//! They are only read; an object is written only where the settings allow it. Passwords are read anew each time, stay in
//! memory while they are used, and are in no text. Start reading at [`observe`].

mod call;
mod keys;
mod postgresql;
mod redis;
mod s3;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use self::call::{Ask, ask};
use self::keys::{Keyring, Keys};
pub use self::keys::{Secret, SecretFrom};
use crate::base::{Text, Why, WhyKind};
use crate::live::kube::Changes;
use crate::model::external::site::{Place, PostgresqlSite, RedisSite, S3Site};
use crate::model::external::{Server, ServiceId, Told};
use crate::model::product::Services;
use crate::model::{FeedId, FeedState, KubeKind, Snapshot};
use crate::port::{Closed, Observation, Report, Sink};

/// What is asked, and how often.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Which services; None: none, because the operator wants it so.
    pub wish: Option<Wish>,
    /// From one time to the next.
    pub every: Duration,
}

/// Where the services are. What is None was not set.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Whose signature certificates must bear; None: that of a CA which this host trusts.
    pub ca: Option<PathBuf>,
    /// PostgreSQL.
    pub postgresql: Option<Postgresql>,
    /// Redis.
    pub redis: Option<Redis>,
    /// Sentinel.
    pub sentinel: Option<Sentinel>,
    /// Object storage.
    pub s3: Option<S3>,
    /// Whether the Secrets are read which a NetBoxEnterprise names for services that are not set.
    pub reads_secrets: bool,
}

impl Wish {
    /// With what NetBoxEnterprises say of services that are not set, without password or key: those of the settings go to
    /// nobody but the servers that the settings name.
    #[must_use]
    pub fn with(&self, told: &Services) -> Self {
        let mut own = self.clone();
        own.postgresql = own.postgresql.or_else(|| {
            Some(Postgresql {
                site: PostgresqlSite::parse(told.postgresql.as_ref()?.as_str()).ok()?,
                password: SecretFrom::Nowhere,
            })
        });
        own.redis = own.redis.or_else(|| {
            Some(Redis {
                site: RedisSite::parse(told.redis.as_ref()?.as_str(), 6379, false).ok()?,
                password: SecretFrom::Nowhere,
            })
        });
        own.s3 = own.s3.or_else(|| {
            let bucket = told.s3.as_ref()?;
            Some(S3 {
                site: S3Site::parse(bucket.endpoint.as_str()).ok()?,
                bucket: bucket.name.to_string(),
                region: bucket.region.as_ref().map(ToString::to_string).unwrap_or_default(),
                access_key: None,
                secret: SecretFrom::Nowhere,
                may_write: false,
            })
        });
        own
    }

    /// Every server that is set.
    pub fn servers(&self) -> Vec<(ServiceId, Text)> {
        let postgresql = self.postgresql.iter().flat_map(|own| &own.site.servers);
        let redis = self.redis.iter().map(|own| &own.site.server);
        let sentinel = self
            .sentinel
            .iter()
            .flat_map(|own| own.sites.iter().map(|site| &site.server));
        let s3 = self.s3.iter().map(|own| &own.site.server);
        let of = |id| move |place: &Place| (id, Text::from(place.to_string()));
        let all = postgresql
            .map(of(ServiceId::Postgresql))
            .chain(redis.map(of(ServiceId::Redis)));
        all.chain(sentinel.map(of(ServiceId::Sentinel)))
            .chain(s3.map(of(ServiceId::S3)))
            .collect()
    }
}

/// PostgreSQL, and how to log in.
#[derive(Debug, Clone)]
pub struct Postgresql {
    /// Where.
    pub site: PostgresqlSite,
    /// The password.
    pub password: SecretFrom,
}

/// Redis, and how to log in.
#[derive(Debug, Clone)]
pub struct Redis {
    /// Where.
    pub site: RedisSite,
    /// The password.
    pub password: SecretFrom,
}

/// Sentinels, and how to log in.
#[derive(Debug, Clone)]
pub struct Sentinel {
    /// Where; at least one.
    pub sites: Vec<RedisSite>,
    /// Which masters matter; empty: all.
    pub masters: Vec<Text>,
    /// The password.
    pub password: SecretFrom,
}

/// A bucket, and how to sign.
#[derive(Debug, Clone)]
pub struct S3 {
    /// Where.
    pub site: S3Site,
    /// Its name.
    pub bucket: String,
    /// What requests are signed for.
    pub region: String,
    /// The key's name; None: requests are not signed.
    pub access_key: Option<String>,
    /// The key.
    pub secret: SecretFrom,
    /// Whether a small object may be written and removed.
    pub may_write: bool,
}

/// For Kubernetes to tell where they are.
const HEAD_START: Duration = Duration::from_secs(2);
/// How long reading passwords and CAs may take, from a disk or from Secrets.
const READ: Duration = Duration::from_secs(2);
/// How long asking one server may take. Servers of one service are asked at the same time.
const WHOLE: Duration = Duration::from_secs(3);

/// Asks until nobody reads any more. Where the settings do not say where a service is, a NetBoxEnterprise may; `cluster` reads
/// the Secrets that it names.
pub async fn observe(watch: Watch, sink: Sink, snapshots: watch::Receiver<Arc<Snapshot>>, cluster: Changes) {
    let mut tasks = JoinSet::new();
    for id in ServiceId::ALL {
        if let Some(wish) = watch.wish.clone() {
            let following = Following {
                id,
                wish,
                every: watch.every,
                cluster: cluster.clone(),
                sink: sink.clone(),
            };
            tasks.spawn(following.run(snapshots.clone()));
            continue;
        }
        let off = Why::new(WhyKind::Disabled, "the settings say: do not ask (external.probe)");
        // Where nobody reads, nobody misses it.
        let _ = sink.report(FeedId::External(id), Report::Off(off)).await;
    }
    // At the end of the program they are cancelled: `join_all` would call that a panic.
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    tracing::debug!("external services are no longer asked");
}

/// One service, asked where it is set, or else where it is said to be, and elsewhere once that changes.
struct Following {
    id: ServiceId,
    wish: Wish,
    every: Duration,
    cluster: Changes,
    sink: Sink,
}

impl Following {
    async fn run(self, mut snapshots: watch::Receiver<Arc<Snapshot>>) -> Result<(), Closed> {
        self.sink.report(FeedId::External(self.id), Report::Begun).await?;
        if let Some(service) = Service::of(self.id, &self.wish) {
            return self.keep_asking(service, None).await;
        }
        let netbox = FeedId::Kube(KubeKind::NetBoxEnterprises);
        let is_told = |snapshot: &Arc<Snapshot>| !matches!(snapshot.feed(netbox), FeedState::Syncing { .. });
        let _ = timeout(HEAD_START, snapshots.wait_for(is_told)).await;
        loop {
            let told = snapshots.borrow_and_update().services().clone();
            tokio::select! {
                ended = self.ask_where(&told) => return ended,
                other = snapshots.wait_for(|now| *now.services() != told) => if other.is_err() { return Ok(()) },
            }
        }
    }

    async fn ask_where(&self, told: &Services) -> Result<(), Closed> {
        if let Some(service) = Service::of(self.id, &self.wish.with(told)) {
            return self.keep_asking(service, Some(told)).await;
        }
        let feed = FeedId::External(self.id);
        self.sink.report(feed, Report::Off(not_told(self.id))).await?;
        std::future::pending().await
    }

    async fn keep_asking(&self, mut service: Service, told: Option<&Services>) -> Result<(), Closed> {
        loop {
            let began = Instant::now();
            match self.look(&mut service, told).await {
                Ok(told) => self.sink.send(Observation::External(told)).await?,
                Err(why) => self.sink.report(FeedId::External(self.id), Report::Failed(why)).await?,
            }
            sleep_until(began + self.every).await;
        }
    }

    async fn look(&self, service: &mut Service, told: Option<&Services>) -> Result<Told, Why> {
        if let Some(told) = told.filter(|_| self.wish.reads_secrets) {
            let late = || Why::new(WhyKind::TimedOut, format!("reading its Secret took more than {READ:?}"));
            let unlocked = timeout(READ, service.unlock(told, &self.cluster)).await;
            unlocked.map_err(|_| late())??;
        }
        service.look().await
    }
}

fn not_told(id: ServiceId) -> Why {
    let why = Why::new(WhyKind::Config, "quorate was not told where it is");
    why.hint(format!("set {}", id.setting()))
}

/// A service, and what is needed to ask it.
#[derive(Debug)]
pub struct Service {
    asked: Asked,
    keyring: Keyring,
    whole: Duration,
}

#[derive(Debug)]
enum Asked {
    Postgresql(Postgresql),
    Redis(Redis),
    Sentinel(Sentinel),
    S3(S3),
}

impl Service {
    /// One service of a wish; None where it was not set.
    pub fn of(id: ServiceId, wish: &Wish) -> Option<Self> {
        let (asked, from, is_plain) = match id {
            ServiceId::Postgresql => {
                let own = wish.postgresql.clone()?;
                let (from, is_plain) = (own.password.clone(), own.site.is_plain);
                (Asked::Postgresql(own), from, is_plain)
            }
            ServiceId::Redis => {
                let own = wish.redis.clone()?;
                let (from, is_plain) = (own.password.clone(), own.site.is_plain);
                (Asked::Redis(own), from, is_plain)
            }
            ServiceId::Sentinel => {
                let own = wish.sentinel.clone()?;
                let (from, is_plain) = (own.password.clone(), own.sites.iter().all(|site| site.is_plain));
                (Asked::Sentinel(own), from, is_plain)
            }
            ServiceId::S3 => {
                let own = wish.s3.clone()?;
                let (from, is_plain) = (own.secret.clone(), own.site.is_plain);
                (Asked::S3(own), from, is_plain)
            }
        };
        Some(Self {
            asked,
            keyring: Keyring::new(wish.ca.clone(), !is_plain, from),
            whole: WHOLE,
        })
    }

    /// Takes the words of the Secrets that a NetBoxEnterprise names for it.
    async fn unlock(&mut self, told: &Services, cluster: &Changes) -> Result<(), Why> {
        let secret = match &mut self.asked {
            Asked::Postgresql(_) => &told.postgresql_password,
            Asked::Redis(_) => &told.redis_password,
            Asked::Sentinel(_) => return Ok(()),
            Asked::S3(own) => {
                let Some(bucket) = &told.s3 else { return Ok(()) };
                if let Some(name) = &bucket.access_key {
                    own.access_key = Some(keys::of_cluster(name, cluster).await?.reveal().to_owned());
                }
                &bucket.secret_key
            }
        };
        if let Some(secret) = secret {
            self.keyring.give(keys::of_cluster(secret, cluster).await?);
        }
        Ok(())
    }

    /// Which it is.
    pub const fn id(&self) -> ServiceId {
        match &self.asked {
            Asked::Postgresql(_) => ServiceId::Postgresql,
            Asked::Redis(_) => ServiceId::Redis,
            Asked::Sentinel(_) => ServiceId::Sentinel,
            Asked::S3(_) => ServiceId::S3,
        }
    }

    /// Asks every server of it once. An error is this host's own: what is needed to ask cannot be read.
    pub async fn look(&mut self) -> Result<Told, Why> {
        let late = || {
            Why::new(
                WhyKind::TimedOut,
                format!("reading password and CA took more than {READ:?}"),
            )
        };
        let keys = timeout(READ, self.keyring.load()).await.map_err(|_| late())??;
        let whole = self.whole;
        Ok(match &self.asked {
            Asked::Postgresql(own) => Told::Postgresql(all(&own.site.servers, own, &keys, whole).await),
            Asked::Redis(own) => Told::Redis(all([&own.site.server], own, &keys, whole).await),
            Asked::Sentinel(own) => {
                let asked = own.sites.iter().map(|site| {
                    let one = redis::OneSentinel {
                        site,
                        masters: &own.masters,
                    };
                    let keys = &keys;
                    async move { ask(&site.server, &one, keys, whole).await }
                });
                Told::Sentinel(join_all(asked).await)
            }
            Asked::S3(own) => Told::S3(all([&own.site.server], own, &keys, whole).await),
        })
    }
}

async fn all<A: Ask>(
    servers: impl IntoIterator<Item = &Place>,
    service: &A,
    keys: &Keys,
    whole: Duration,
) -> Vec<Server<A::Told>> {
    join_all(servers.into_iter().map(|place| ask(place, service, keys, whole))).await
}
