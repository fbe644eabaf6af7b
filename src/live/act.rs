//! How a run acts in earnest: through the API server in use, the etcd member on this host, and systemd here or on another
//! host. Each request is sent once, and the outcome says no more than the reply did. Decides nothing. Start reading at
//! [`Hands`].

mod pki;

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::etcd::change::Hand;
use super::kube::Changes;
use super::shell::{At, Shell, Trouble};
use crate::base::{Text, Why, WhyKind};
use crate::plan::Action;
use crate::plan::action::ServiceVerb;
use crate::plan::event::Sent;
use crate::plan::request;
use crate::port::act::Act;

/// Every wait of an action beside those of the API, which are in `live::kube`'s table.
#[derive(Debug, Clone, Copy)]
pub struct Deadlines {
    /// TCP and TLS to the local etcd member.
    pub etcd_connect: Duration,
    /// A request to etcd: etcd itself gives up after 7 s (`ReqTimeout`), and says more than we could.
    pub etcd: Duration,
    /// One that rewrites the database: minutes for a full one on a slow disk.
    pub etcd_slow: Duration,
    /// A program here or through ssh, the way there included.
    pub program: Duration,
    /// Copying k0s's certificates.
    pub files: Duration,
}

/// The deadlines in force.
pub const DEADLINES: Deadlines = Deadlines {
    etcd_connect: Duration::from_secs(2),
    etcd: Duration::from_secs(10),
    etcd_slow: Duration::from_mins(3),
    program: Duration::from_secs(20),
    files: Duration::from_secs(10),
};

/// What is done on a host rather than through an API that every host serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    /// systemd changes `k0scontroller`.
    Unit(ServiceVerb),
    /// etcd's file is written anew.
    Defragment,
}

/// How chores are done where no host is real.
pub type Played = Arc<dyn Fn(&Text, Chore) -> Result<(), String> + Send + Sync>;

/// How hosts are reached.
#[derive(Clone)]
pub enum Hosts {
    /// This one directly, others through ssh.
    Real(Shell),
    /// By a simulated cluster.
    Played(Played),
}

/// Everything that a run can act with.
#[derive(Clone)]
pub struct Hands {
    /// The API server in use.
    pub kube: Changes,
    /// The etcd member here.
    pub etcd: Hand,
    /// Here and elsewhere.
    pub hosts: Hosts,
    /// Whether we are root here.
    pub is_root: bool,
    /// k0s's data directory, with `pki`.
    pub k0s_dir: PathBuf,
    /// Below which files are saved: `/` on a real host.
    pub root: PathBuf,
}

impl Hands {
    async fn unit(&self, node: &Text, address: Option<&Text>, verb: ServiceVerb) -> Sent {
        match &self.hosts {
            Hosts::Real(shell) => match shell.change_unit(&at(address), verb).await {
                Ok(()) => Sent::Accepted,
                Err(Trouble::NotStarted(why)) => Sent::Refused { why },
                Err(Trouble::Unknown(why)) => Sent::Unknown { why },
            },
            Hosts::Played(play) => played(play(node, Chore::Unit(verb))),
        }
    }

    async fn defragment(&self, node: &Text, address: Option<&Text>) -> Sent {
        match (&self.hosts, address) {
            (_, None) => self.etcd.defragment().await,
            (Hosts::Real(shell), Some(host)) => self.etcd.there(shell, host).defragment().await,
            (Hosts::Played(play), Some(_)) => played(play(node, Chore::Defragment)),
        }
    }

    fn must_be_root(&self, what: &str) -> Result<(), Why> {
        if self.is_root {
            return Ok(());
        }
        Err(Why::new(WhyKind::Denied, format!("{what} needs root on this host")).hint("run quorate with sudo"))
    }

    /// Where a file is saved; its directory is made if need be, for us alone.
    fn place(&self, file: &Text) -> Result<PathBuf, Why> {
        let path = self.root.join(file.as_str().trim_start_matches('/'));
        let dir = path.parent().unwrap_or(&self.root);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| {
            Why::new(WhyKind::Denied, format!("{} cannot be made: {error}", dir.display()))
                .hint("name a file in a directory that you may write")
        })?;
        Ok(path)
    }

    async fn call(&self, action: &Action) -> Result<request::Call, Why> {
        let read = match request::first_read(action) {
            Some(path) => Some(self.kube.read(&path).await?),
            None => None,
        };
        request::call(action, read.as_ref())
            .ok_or_else(|| Why::new(WhyKind::Config, "this action is no request to the API"))
    }
}

fn played(done: Result<(), String>) -> Sent {
    match done {
        Ok(()) => Sent::Accepted,
        Err(text) => Sent::Refused {
            why: Why::new(WhyKind::Unavailable, text),
        },
    }
}

fn at(address: Option<&Text>) -> At {
    address.map_or(At::Here, |address| At::There(address.clone()))
}

impl Act for Hands {
    async fn may(&self, action: &Action) -> Result<(), Why> {
        match action {
            Action::Label { .. }
            | Action::Cordon { .. }
            | Action::OutOfService { .. }
            | Action::Evict { .. }
            | Action::Delete { .. } => self.kube.may(&self.call(action).await?).await,
            Action::Defragment {
                address: Some(host), ..
            } => match &self.hosts {
                Hosts::Real(shell) => self.etcd.there(shell, host).may().await,
                Hosts::Played(_) => Ok(()),
            },
            Action::RemoveMember { .. }
            | Action::Compact { .. }
            | Action::Defragment { address: None, .. }
            | Action::Disarm
            | Action::SaveSnapshot { .. } => self.etcd.may().await,
            Action::Service { address, .. } => match &self.hosts {
                Hosts::Real(shell) => shell.may_change_unit(&at(address.as_ref())).await,
                Hosts::Played(_) => Ok(()),
            },
            Action::SavePki { .. } => self.must_be_root("copying k0s's certificates"),
        }
    }

    async fn send(&self, action: &Action) -> Sent {
        match action {
            Action::Label { .. }
            | Action::Cordon { .. }
            | Action::OutOfService { .. }
            | Action::Evict { .. }
            | Action::Delete { .. } => match self.call(action).await {
                Ok(call) => self.kube.send(&call).await,
                Err(why) => Sent::Refused { why },
            },
            Action::RemoveMember { id, address } => self.etcd.remove(*id, address).await,
            Action::Compact { revision } => self.etcd.compact(*revision).await,
            Action::Defragment { node, address } => self.defragment(node, address.as_ref()).await,
            Action::Disarm => self.etcd.disarm().await,
            Action::Service { node, address, verb } => self.unit(node, address.as_ref(), *verb).await,
            Action::SaveSnapshot { file } => match self.place(file) {
                Ok(path) => self.etcd.save(&path).await,
                Err(why) => Sent::Refused { why },
            },
            Action::SavePki { file } => match self.place(file) {
                Ok(path) => pki::save(&self.k0s_dir, &path).await,
                Err(why) => Sent::Refused { why },
            },
        }
    }
}
