//! etcd's gRPC messages, clients and servers: generated from our own small `pb/etcd.proto` and checked in, so that a build
//! needs no protoc. Knows nothing of the model; `live::etcd` translates. Start reading at `pb/etcd.proto`.

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

    /// The checked-in code is what the generator makes of `etcd.proto` today.
    #[test]
    fn generated_code_is_fresh() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pb");
        let made = tempfile::tempdir().unwrap();
        let messages = protox::compile([here.join("etcd.proto")], [&here]).unwrap();
        tonic_prost_build::configure()
            .build_transport(false)
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
}
