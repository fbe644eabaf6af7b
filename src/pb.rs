//! etcd's gRPC messages, clients and servers: generated from our own small `pb/etcd.proto` and checked in, so that a build
//! needs no protoc. And what Kubernetes keeps in etcd: [`kubernetes`]. Knows nothing of the model; `live::etcd` and
//! `assemble` translate. Start reading at `pb/etcd.proto`.

pub mod kubernetes;

/// The subset of etcd's package of the same name.
#[allow(
    missing_docs,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
pub mod etcdserverpb {
    include!("pb/etcdserverpb.rs");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::path::Path;

    use prost::Message;

    use super::etcdserverpb::{Member, RangeRequest, StatusResponse};

    /// The checked-in code is what the generator makes of `etcd.proto` today.
    #[test]
    fn generated_code_is_fresh() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pb");
        let made = tempfile::tempdir().unwrap();
        let messages = protox::compile([here.join("etcd.proto")], [&here]).unwrap();
        tonic_prost_build::configure()
            .build_transport(false)
            .generate_default_stubs(true)
            .out_dir(made.path())
            .compile_fds(messages)
            .unwrap();
        let fresh = std::fs::read_to_string(made.path().join("etcdserverpb.rs")).unwrap();
        let checked_in = here.join("etcdserverpb.rs");
        if std::env::var_os("QUORATE_UPDATE").is_some_and(|value| value == "1") {
            std::fs::write(&checked_in, &fresh).unwrap();
        }
        assert!(
            std::fs::read_to_string(&checked_in).unwrap_or_default() == fresh,
            "src/pb/etcdserverpb.rs is not what src/pb/etcd.proto makes: run `QUORATE_UPDATE=1 cargo test --lib pb::`"
        );
    }

    /// Field numbers as etcd 3.6 writes them, laid out by hand, with fields that we do not know among them.
    #[test]
    fn the_wire_is_etcd_s() {
        let status = [
            &[0x0a, 6, 0x08, 1, 0x10, 2, 0x18, 3][..], // header: cluster 1, member 2, revision 3
            &[0x12, 3, b'3', b'.', b'6'],              // version
            &[0x18, 4, 0x20, 5, 0x28, 6, 0x30, 7, 0x38, 8], // size, leader, raft index, term, applied index
            &[0x42, 1, b'e', 0x42, 1, b'f'],           // two errors
            &[0x48, 9, 0x50, 1, 0x5a, 1, b's', 0x60, 10], // in use, learner, storage version, quota
            &[0x6a, 2, 0x08, 1],                       // downgrade info
            &[0xf8, 0x07, 1],                          // field 127, of some later version
        ]
        .concat();
        let status = StatusResponse::decode(&*status).unwrap();
        let header = status.header.unwrap();
        assert_eq!((header.cluster_id, header.member_id, header.revision), (1, 2, 3));
        assert_eq!((status.db_size, status.leader, status.raft_index), (4, 5, 6));
        assert_eq!((status.raft_term, status.raft_applied_index), (7, 8));
        assert_eq!(status.errors, ["e", "f"]);
        assert_eq!(
            (status.db_size_in_use, status.is_learner, status.db_size_quota),
            (9, true, 10)
        );

        let member = [0x08, 1, 0x12, 1, b'n', 0x1a, 1, b'p', 0x22, 1, b'c', 0x28, 1];
        let member = Member::decode(&member[..]).unwrap();
        assert_eq!((member.name.as_str(), member.is_learner), ("n", true));
        assert_eq!(
            (member.peer_urls, member.client_urls),
            (vec!["p".to_owned()], vec!["c".to_owned()])
        );

        let read = RangeRequest {
            key: b"/a".to_vec(),
            range_end: b"/b".to_vec(),
            limit: 5,
            serializable: true,
            ..RangeRequest::default()
        };
        let expected = [0x0a, 2, b'/', b'a', 0x12, 2, b'/', b'b', 0x18, 5, 0x38, 1];
        assert_eq!(read.encode_to_vec(), expected);
    }
}
