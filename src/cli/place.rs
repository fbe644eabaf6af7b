//! Where to look: at this host and its cluster, or at a simulated one. The rest of the program does not know which.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::base::Text;
use crate::config::secret::Given;
use crate::config::value::Origin;
use crate::config::{self, Settings};
use crate::live::act::{Chore, Hosts};
use crate::live::entry::Watch;
use crate::live::etcd::EtcdPki;
use crate::live::external::{self, Secret, SecretFrom};
use crate::live::host::Places;
use crate::live::kube::KubeSource;
use crate::live::layout::{self, Layout, Overrides};
use crate::live::reach::{Numbers, from};
use crate::live::shell::Shell;
use crate::model::Simulated;
use crate::model::entry::way::Wish;
use crate::model::external::site;
use crate::plan::action::ServiceVerb;
use crate::sim::wire::Cluster;
use crate::sim::world::fault::Fault;
use crate::sim::world::outside::OutsideService;

/// The local etcd member's client port, as k0s sets it (`--listen-client-urls`, k0s `pkg/component/controller/etcd.go`).
const ETCD_ENDPOINT: &str = "https://127.0.0.1:2379";

/// Where every source looks.
#[derive(Debug, Clone)]
pub struct Place {
    /// The host.
    pub host: Places,
    /// Which kubeconfig.
    pub kube: KubeSource,
    /// The local etcd member.
    pub etcd_endpoint: String,
    /// What stands for `/` there.
    pub root: PathBuf,
    /// Ports of other hosts that no file here tells.
    pub ports: Numbers,
    /// How often API servers are asked what they give to new pods; None: never.
    pub admission: Option<Duration>,
    /// How the ways in for users and administrators are probed.
    pub entry: Watch,
    /// How the services outside the cluster are asked.
    pub external: external::Watch,
    /// How other hosts are asked what they reach, where the operator wants it.
    pub from_there: Option<Shell>,
    /// The simulated cluster, where nothing is real.
    pub simulated: Option<Simulated>,
}

impl Place {
    /// This host, as the settings and the environment describe it.
    pub fn here(settings: &Settings, environment: &BTreeMap<String, String>) -> Self {
        let overrides = Overrides {
            k0s_dir: settings.k0s_dir.value.clone(),
            etcd_pki: settings.etcd_pki.value.clone(),
            kubeconfig: settings.kubeconfig_override().to_vec(),
        };
        let layout = layout::discover(&overrides, Path::new("/"), environment);
        Self {
            kube: kube_source(settings, &layout),
            host: Places::here(layout),
            etcd_endpoint: ETCD_ENDPOINT.to_owned(),
            root: PathBuf::from("/"),
            ports: Numbers::default(),
            admission: settings.admission.probe.value.then_some(settings.admission.every.value),
            entry: Watch {
                wish: settings.entry.probe.value.then(|| Wish {
                    site: settings.entry.url.value.clone(),
                    ..Wish::default()
                }),
                every: settings.entry.every.value,
            },
            external: external_services(settings, environment),
            from_there: settings.look_from_there.value.then(Shell::default),
            simulated: None,
        }
    }

    /// A host of a simulated cluster. What settings and environment say of places does not count: those are real ones. How often
    /// somebody asks does; and who does not want the other controllers asked, and says so, does not want it there either.
    pub fn simulated(cluster: &Cluster, scenario: Text, settings: &Settings) -> Self {
        let looks = &settings.look_from_there;
        let looks = looks.value || looks.origin == Origin::Default;
        let root = cluster.root();
        let layout = layout::discover(&Overrides::default(), root, &BTreeMap::new());
        let wish = outside(cluster, &layout);
        Self {
            kube: KubeSource {
                candidates: layout.kubeconfigs.clone(),
                ..KubeSource::default()
            },
            host: Places::below(root, Text::new(cluster.host_name()), layout),
            etcd_endpoint: cluster.etcd_endpoint(),
            root: root.to_owned(),
            ports: Numbers {
                kubelet: cluster.kubelet_port(),
                ssh: cluster.ssh_port(),
                join: cluster.join_port(),
            },
            admission: Some(settings.admission.every.value),
            entry: Watch {
                wish: Some(Wish {
                    site: None,
                    users_port: cluster.users_port(),
                    balancer: Some(cluster.balancer()),
                }),
                every: settings.entry.every.value,
            },
            external: external::Watch {
                wish: Some(wish),
                every: settings.external.every.value,
            },
            from_there: looks.then(|| Shell {
                ssh: vec!["sh".to_owned(), cluster.ssh().display().to_string()],
                ..Shell::default()
            }),
            simulated: Some(Simulated {
                scenario,
                speed: 1,
                has_length: !cluster.built().round_trip_ms.is_empty(),
            }),
        }
    }

    /// Where k0s keeps things there.
    pub const fn layout(&self) -> &Layout {
        &self.host.layout
    }

    /// How it is looked from each controller.
    pub fn from_controllers(&self) -> from::Watch {
        from::Watch {
            shell: self.from_there.clone(),
            numbers: self.ports,
            outside: self.external.wish.clone(),
        }
    }

    /// The kubeconfig that names the API server on that host, where k0s is on it.
    pub fn own_kubeconfig(&self) -> Option<PathBuf> {
        let layout = self.layout();
        layout.has_k0s().then(|| layout.k0s_dir.join("pki/admin.conf"))
    }

    /// etcd's certificates there.
    pub fn pki(&self) -> EtcdPki {
        let paths = self.layout().etcd_pki.clone();
        EtcdPki {
            ca: paths.ca,
            client_cert: paths.client_cert,
            client_key: paths.client_key,
            peer_cert: paths.peer_cert,
            peer_key: paths.peer_key,
        }
    }
}

/// One named file stands alone; several, or those of `KUBECONFIG`, are merged as kubectl does; otherwise the usual places.
fn kube_source(settings: &Settings, layout: &Layout) -> KubeSource {
    let mut named = settings.kubeconfig.value.clone();
    let is_one = named.len() == 1 && settings.kubeconfig_override().len() == 1;
    let groups = settings.act_as_group.value.as_ref();
    KubeSource {
        kubeconfig: if is_one { named.pop() } else { None },
        merged: named,
        candidates: layout.kubeconfigs.clone(),
        context: settings.context.value.clone(),
        cluster: settings.cluster.value.clone(),
        user: settings.user.value.clone(),
        act_as: settings.act_as.value.clone(),
        act_as_groups: groups.map(|groups| groups.split(',').map(str::to_owned).collect()),
        request_timeout: Some(settings.request_timeout.value),
    }
}

/// Where the services of a simulated cluster are. Everybody is let in there.
fn outside(cluster: &Cluster, layout: &Layout) -> external::Wish {
    let place = |service| {
        let at = cluster.outside(service);
        site::Place {
            host: at.ip().to_string().into(),
            port: at.port(),
        }
    };
    let is_plain = |service| cluster.built().plain_services.contains(&service);
    let redis = |service| site::RedisSite {
        server: place(service),
        user: None,
        is_plain: is_plain(service),
    };
    external::Wish {
        ca: Some(layout.k0s_dir.join("pki/ca.crt")),
        postgresql: Some(external::Postgresql {
            site: site::PostgresqlSite {
                servers: vec![place(OutsideService::Postgresql)],
                user: "quorate".into(),
                database: "netbox".into(),
                is_plain: is_plain(OutsideService::Postgresql),
            },
            password: SecretFrom::Nowhere,
        }),
        redis: Some(external::Redis {
            site: redis(OutsideService::Redis),
            password: SecretFrom::Nowhere,
        }),
        sentinel: Some(external::Sentinel {
            sites: vec![redis(OutsideService::Sentinel)],
            masters: Vec::new(),
            password: SecretFrom::Nowhere,
        }),
        s3: Some(external::S3 {
            site: site::S3Site {
                server: place(OutsideService::S3),
                is_plain: is_plain(OutsideService::S3),
            },
            bucket: "netbox".to_owned(),
            region: "us-east-1".to_owned(),
            access_key: None,
            secret: SecretFrom::Nowhere,
            may_write: false,
        }),
        reads_secrets: false,
    }
}

/// The services outside the cluster, as far as they are set. A password is in a file, else in the environment.
fn external_services(settings: &Settings, environment: &BTreeMap<String, String>) -> external::Watch {
    let own = &settings.external;
    let secret = |of: config::secret::Secret| match of.given(settings, environment) {
        Given::File(path) => SecretFrom::File(path.to_owned()),
        Given::Variable(word) => SecretFrom::Given(Secret::new(word.to_owned())),
        Given::Nowhere => SecretFrom::Nowhere,
    };
    let postgresql = own.postgresql.value.clone().map(|site| external::Postgresql {
        site,
        password: secret(config::secret::POSTGRESQL),
    });
    let redis = own.redis.value.clone().map(|site| external::Redis {
        site,
        password: secret(config::secret::REDIS),
    });
    let sentinels = Some(own.sentinel.value.clone()).filter(|sites| !sites.is_empty());
    let sentinel = sentinels.map(|sites| external::Sentinel {
        sites,
        masters: own.sentinel_master.value.clone(),
        password: secret(config::secret::SENTINEL),
    });
    let bucket = own.s3_endpoint.value.clone().zip(own.s3_bucket.value.clone());
    let s3 = bucket.map(|(site, bucket)| external::S3 {
        site,
        bucket,
        region: own.s3_region.value.clone(),
        access_key: own.s3_access_key.value.clone(),
        secret: secret(config::secret::S3),
        may_write: own.s3_may_write.value,
    });
    let wish = external::Wish {
        ca: own.ca_file.value.clone(),
        postgresql,
        redis,
        sentinel,
        s3,
        reads_secrets: own.read_secrets.value,
    };
    external::Watch {
        wish: own.probe.value.then_some(wish),
        every: own.every.value,
    }
}

/// How hosts are reached: really, or those of the simulated cluster.
pub fn hosts(cluster: Option<&Cluster>) -> Hosts {
    let Some(cluster) = cluster else {
        return Hosts::Real(Shell::default());
    };
    let handle = cluster.handle();
    Hosts::Played(Arc::new(move |node, chore| {
        let hosts = handle.hosts();
        let host = hosts.iter().find(|host| host.name == node.as_str());
        let host = host.ok_or_else(|| format!("there is no host {node}"))?.id;
        handle.inject(&match chore {
            Chore::Unit(ServiceVerb::Start) => Fault::StartUnit { host },
            Chore::Unit(ServiceVerb::Stop) => Fault::StopUnit { host },
            Chore::Unit(ServiceVerb::Restart) => Fault::RestartUnit { host },
            Chore::Defragment => Fault::Defragment { host },
        })
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::external::site::{PostgresqlSite, RedisSite, S3Site};

    const VARIABLES: [&str; 4] = [
        "QUORATE_POSTGRESQL_PASSWORD",
        "QUORATE_REDIS_PASSWORD",
        "QUORATE_SENTINEL_PASSWORD",
        "QUORATE_S3_SECRET_KEY",
    ];

    /// Where the secret of each service comes from, in the order of [`VARIABLES`].
    fn secrets(settings: &Settings, variables: &[(&str, &str)]) -> [String; 4] {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let wish = external_services(settings, &variables.collect()).wish.unwrap();
        let (postgresql, redis) = (wish.postgresql.unwrap(), wish.redis.unwrap());
        let (sentinel, s3) = (wish.sentinel.unwrap(), wish.s3.unwrap());
        [postgresql.password, redis.password, sentinel.password, s3.secret].map(|from| format!("{from:?}"))
    }

    #[test]
    fn a_secret_s_file_outranks_its_variable_which_is_of_one_service_and_none_while_it_is_empty() {
        let mut settings = Settings::default();
        let own = &mut settings.external;
        own.postgresql.value = Some(PostgresqlSite::parse("postgresql://q@db/netbox").unwrap());
        own.redis.value = Some(RedisSite::parse("redis://cache", 6379, false).unwrap());
        own.sentinel.value = vec![RedisSite::parse("redis://watch", 26379, false).unwrap()];
        own.s3_endpoint.value = Some(S3Site::parse("https://s3").unwrap());
        own.s3_bucket.value = Some("netbox".to_owned());
        for (own, name) in VARIABLES.iter().enumerate() {
            for (n, from) in secrets(&settings, &[(name, "hunter2")]).iter().enumerate() {
                let wanted = if n == own { "Given([redacted])" } else { "Nowhere" };
                assert_eq!(from, wanted, "{name}: service {n}");
            }
        }
        let empty = VARIABLES.map(|name| (name, ""));
        assert_eq!(secrets(&settings, &empty), ["Nowhere"; 4]);

        let own = &mut settings.external;
        for file in [
            &mut own.postgresql_password_file,
            &mut own.redis_password_file,
            &mut own.sentinel_password_file,
            &mut own.s3_secret_file,
        ] {
            file.value = Some("/secret".into());
        }
        let all = VARIABLES.map(|name| (name, "hunter2"));
        assert_eq!(secrets(&settings, &all), [r#"File("/secret")"#; 4]);
    }
}
