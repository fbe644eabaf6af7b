//! What is known about one cluster at one moment, as plain data, and pure questions about it: quorum arithmetic, spread,
//! ages. Knows no source, no channel, no screen. Start reading at [`snapshot::Snapshot`], then [`quorum`].

pub mod admission;
pub mod dark;
pub mod detection;
pub mod entry;
pub mod etcd;
pub mod example;
pub mod external;
pub mod fact;
pub mod feed;
pub mod host;
pub mod intent;
pub mod journal;
pub mod k0s;
pub mod kube;
pub mod labels;
pub mod leader;
mod names;
pub mod past;
pub mod placement;
pub mod policy;
pub mod product;
pub mod question;
pub mod quorum;
pub mod reach;
pub mod recovery;
pub mod scheduling;
pub mod snapshot;
mod spare;
pub mod stale;
pub mod stored;
pub mod zones;

pub use fact::{Fact, ObjectKey, Table};
pub use feed::{Feed, FeedId, FeedState, KubeKind};
pub use policy::Policy;
pub use snapshot::{Simulated, Snapshot};
