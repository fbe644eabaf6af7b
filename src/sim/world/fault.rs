//! What can go wrong, and what an operator can do about it from outside, as data.

use serde::{Deserialize, Serialize};

use super::filter::Filtered;
use super::host::{Component, HostId};
use super::outside::Outside;

/// One thing that happens to the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Fault {
    /// All processes of a machine are killed and stay dead, its disk intact. Its kernel answers: its ports refuse.
    Kill {
        /// Which.
        host: HostId,
    },
    /// The machine is switched off, its disk intact. Nothing answers there any more.
    PowerOff {
        /// Which.
        host: HostId,
    },
    /// All processes of a machine, or one, stop in their tracks.
    Freeze {
        /// Which.
        host: HostId,
        /// One of them; otherwise all.
        component: Option<Component>,
    },
    /// One process is killed. k0s starts a child of its own again 5 s later, systemd k0s itself 10 s later.
    Stop {
        /// Where.
        host: HostId,
        /// Which.
        component: Component,
    },
    /// `systemctl stop k0scontroller`: k0s ends with all its children, in order. Containers go on. The machine is on.
    StopUnit {
        /// Where.
        host: HostId,
    },
    /// `systemctl start k0scontroller`.
    StartUnit {
        /// Where.
        host: HostId,
    },
    /// `systemctl restart k0scontroller`.
    RestartUnit {
        /// Where.
        host: HostId,
    },
    /// The network cable comes out: no carrier, nobody is reached.
    Unplug {
        /// Which.
        host: HostId,
    },
    /// Packets to and from the machine are lost; it has a carrier.
    BlackHole {
        /// Which.
        host: HostId,
    },
    /// Two machines do not reach each other.
    Cut {
        /// One.
        a: HostId,
        /// The other.
        b: HostId,
    },
    /// A firewall drops what a machine sends to a port.
    Filter {
        /// Which machine.
        from: HostId,
        /// Whose port; nobody's where the service is outside the cluster.
        to: Option<HostId>,
        /// Which.
        port: Filtered,
    },
    /// The cable comes out again and again.
    Flap {
        /// Which.
        host: HostId,
        /// From one outage to the next, in seconds.
        every_s: u32,
        /// How long an outage lasts, in seconds.
        down_s: u32,
    },
    /// Undoes every fault of a machine, and a full quota of all, and starts what is down, with its data.
    Revive {
        /// Which.
        host: HostId,
    },
    /// A new machine joins as a controller with an empty disk; the next free number.
    Join {
        /// The zone label that it gets once it is Ready.
        zone: Option<String>,
    },
    /// A machine starts to join and dies before its etcd ever ran: an unstarted member is left.
    FailedJoin,
    /// etcd forgets the member of a machine, as `k0s etcd leave --peer-address` on a survivor does.
    Leave {
        /// Which.
        host: HostId,
    },
    /// `netbox-enterprise reset` on a machine: it leaves etcd and Kubernetes, its disk is wiped, and it is off.
    Reset {
        /// Which.
        host: HostId,
    },
    /// `netbox-enterprise enable-ha`.
    EnableHa,
    /// The disk of a machine takes this long for each write: etcd is slow, elections may follow.
    SlowDisk {
        /// Which.
        host: HostId,
        /// Milliseconds for one write; 0 ends it.
        write_ms: u32,
    },
    /// A machine's clock is wrong.
    Skew {
        /// Which.
        host: HostId,
        /// Milliseconds that it is ahead; negative: behind.
        ahead_ms: i64,
    },
    /// `etcdctl defrag` on a machine: its etcd's file is written anew.
    Defragment {
        /// Which.
        host: HostId,
    },
    /// etcd's databases are full: alarms NOSPACE, writes are refused until somebody compacts, defragments and disarms. To
    /// revive any machine does that, too.
    FullQuota,
    /// The API server of a machine answers every request with this status.
    Refuse {
        /// Which.
        host: HostId,
        /// 429 or 503; 0 ends it.
        code: u16,
    },
    /// The API server of a machine keeps watches open and says nothing on them.
    SilentWatch {
        /// Which.
        host: HostId,
    },
    /// The API server or etcd of a machine does the next changes and answers nothing.
    LoseReplies {
        /// Which.
        host: HostId,
        /// How many.
        count: u32,
    },
    /// Something goes wrong with a service outside the cluster.
    Outside {
        /// What; `well` mends all.
        what: Outside,
    },
    /// The gateway of a machine does not answer users any more, while its node stays Ready.
    StopGateway {
        /// Which.
        host: HostId,
    },
    /// The etcd peer certificate of a machine is expired.
    ExpireCertificate {
        /// Which.
        host: HostId,
    },
}
