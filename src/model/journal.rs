//! Known messages in k0scontroller's journal, what they mean and what to do: one table. Pure. Start reading at [`explain`].

/// A message that is known.
#[derive(Debug, PartialEq, Eq)]
pub struct Known {
    /// What the message contains.
    pub pattern: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub advice: &'static str,
}

/// The first match counts, so causes come before what follows from them. Where the words come from: etcd
/// `api/v3rpc/rpctypes/error.go` and `server/etcdserver` (all that begin with `etcdserver`), k0s `cmd/controller`,
/// `pkg/token`, `pkg/token/joinclient.go` (k0s issues 350 and 866 show the line), `pkg/component/controller/etcd_member_reconciler.go`, Go's `crypto/x509` and `syscall`.
pub const TABLE: &[Known] = &[
    Known {
        pattern: "the member has been permanently removed from the cluster",
        meaning: "etcd on this host was removed from the cluster: the others go on without it, and its data is of the past",
        advice: "do not start it again with this data; join this host anew with an empty data directory",
    },
    Known {
        pattern: "data-dir used by this member must be removed",
        meaning: "etcd on this host was removed from the cluster, and its data is of the past",
        advice: "join this host anew with an empty data directory",
    },
    Known {
        pattern: "no space left on device",
        meaning: "the disk of this host is full",
        advice: "free room on it (images, logs, backups; nothing in k0s's directory), then restart k0scontroller",
    },
    Known {
        pattern: "database space exceeded",
        meaning: "etcd's database has reached its quota: no write goes through, heartbeats of nodes included",
        advice: "compact, defragment one member at a time, disarm the alarm: see :recovery",
    },
    Known {
        pattern: "certificate has expired or is not yet valid",
        meaning: "a certificate has ended, or a clock is wrong",
        advice: "check the clocks first (timedatectl); k0s writes new certificates when it starts",
    },
    Known {
        pattern: "cluster ID mismatch",
        meaning: "a host with the data of another or an older cluster talks to this one",
        advice: "find which host was restored or joined from old data, and stop k0scontroller there",
    },
    Known {
        pattern: "corrupt cluster",
        meaning: "etcd found that its members' data differ",
        advice: "take a snapshot of every member now; replace the one that is wrong, with support",
    },
    Known {
        pattern: "Peer URLs already exists",
        meaning: "this host tried to join before, and was left half-joined: etcd lists its address already",
        advice: "on a healthy controller: sudo k0s etcd leave --peer-address with this host's address; then restart k0scontroller \
                 here",
    },
    Known {
        pattern: "too many learner members",
        meaning: "a member that joined before waits for its vote; only one may at a time",
        advice: "wait until it is promoted, or remove it if it is stuck; then this host can join",
    },
    Known {
        pattern: "not enough started members",
        meaning: "etcd refuses to change its members: too few of those listed ever started",
        advice: "bring the listed members back, or remove those that never started, before another joins",
    },
    Known {
        pattern: "unhealthy cluster",
        meaning: "etcd refuses to change its members, because too few of them are connected",
        advice: "bring the dead member back or remove it first; a replacement joins after that",
    },
    Known {
        pattern: "/v1beta1/ca",
        meaning: "the controller that the join token names does not answer on 9443: it is gone, or the port is closed",
        advice: "is that address one of a lost host? The admin console keeps a token for an hour: restart deploy/kotsadm for a \
                 new one, reset this host and join again. Otherwise open 9443 there",
    },
    Known {
        pattern: "leader changed",
        meaning: "etcd elected another leader while something was under way",
        advice: "if it goes on: see the disks and the network between the members",
    },
    Known {
        pattern: "etcdserver: no leader",
        meaning: "etcd here has no leader: too few members reach each other",
        advice: "bring the others back, or mend the network between the members",
    },
    Known {
        pattern: "etcdserver: request timed out",
        meaning: "etcd could not agree with a majority in time: no quorum, or slow disks or network",
        advice: "see the members on the etcd screen, and the times of the disk",
    },
    Known {
        pattern: "slow fdatasync",
        meaning: "the disk under etcd is slow",
        advice: "find what else writes to it: iostat -x 1",
    },
    Known {
        pattern: "must be no more than 63",
        meaning: "this host's name is too long for k0s: 54 characters are the most",
        advice: "shorten the host's name, then join it anew",
    },
    Known {
        pattern: "address already in use",
        meaning: "another process has the port: often one that is left from before",
        advice: "find it: sudo ss -ltnp; then restart k0scontroller",
    },
];

/// What a line of the journal means, if it is known.
pub fn explain(line: &str) -> Option<&'static Known> {
    TABLE.iter().find(|known| line.contains(known.pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_found_by_its_own_words_and_says_what_to_do() {
        for known in TABLE {
            let line = format!("etcd: {{\"level\":\"error\",\"msg\":\"{}\"}}", known.pattern);
            assert_eq!(explain(&line), Some(known));
            assert!(
                !known.meaning.ends_with('.') && !known.advice.ends_with('.'),
                "{known:?}"
            );
        }
        assert_eq!(explain("all is well"), None);
    }
}
