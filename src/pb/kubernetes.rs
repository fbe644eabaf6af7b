//! What Kubernetes keeps in etcd: a value is JSON (custom resources), or four magic bytes and a `runtime.Unknown` around the
//! object's protobuf message (`k8s.io/apimachinery/pkg/runtime/serializer/protobuf`), or it is encrypted
//! (`k8s.io/apiserver/pkg/storage/value`). Knows no kinds of ours. Start reading at [`Value::open`]; the messages are in
//! [`twin`].

pub mod twin;

use k8s_pb::apimachinery::pkg::runtime::{TypeMeta, Unknown};
use prost::Message;

use twin::Twin;

/// Every protobuf value begins so.
const MAGIC: &[u8] = b"k8s\0";
/// Every value encrypted at rest begins so; the provider's name follows.
const ENCRYPTED: &[u8] = b"k8s:enc:";

/// What kind of value it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A JSON object.
    Json(&'a [u8]),
    /// An object as protobuf.
    Protobuf(Sealed),
    /// Encrypted by this provider, such as `secretbox` or `aescbc`: only an API server has the key.
    Encrypted(&'a str),
    /// Nothing that Kubernetes writes.
    Foreign,
}

/// An object's message and what it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct Sealed {
    /// Such as `Node`.
    pub kind: String,
    message: Vec<u8>,
}

impl<'a> Value<'a> {
    /// Tells what a value is.
    pub fn open(value: &'a [u8]) -> Self {
        if let Some(rest) = value.strip_prefix(ENCRYPTED) {
            let provider = rest.split(|byte| *byte == b':').next().unwrap_or_default();
            return Value::Encrypted(std::str::from_utf8(provider).unwrap_or("?"));
        }
        if value.first() == Some(&b'{') {
            return Value::Json(value);
        }
        let envelope = value.strip_prefix(MAGIC).map(Unknown::decode);
        match envelope {
            Some(Ok(Unknown {
                type_meta: Some(TypeMeta { kind: Some(kind), .. }),
                raw: Some(message),
                ..
            })) => Value::Protobuf(Sealed { kind, message }),
            _ => Value::Foreign,
        }
    }
}

impl Sealed {
    /// The object, by the fields that [`twin`] knows; None where the message is none of its kind.
    pub fn read<M: Message + Default, T: Twin<M>>(&self) -> Option<T> {
        T::read(&M::decode(self.message.as_slice()).ok()?)
    }
}

/// The value that an API server would store for an object, with the fields that [`twin`] knows.
pub fn seal<M: Message, T: Twin<M>>(api_version: &str, kind: &str, object: &T) -> Vec<u8> {
    let envelope = Unknown {
        type_meta: Some(TypeMeta {
            api_version: Some(api_version.to_owned()),
            kind: Some(kind.to_owned()),
        }),
        raw: Some(object.write().encode_to_vec()),
        content_encoding: Some(String::new()),
        content_type: Some(String::new()),
    };
    [MAGIC, &envelope.encode_to_vec()].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use k8s_openapi::api::coordination::v1::Lease;
    use k8s_openapi::api::core::v1::Node;
    use k8s_pb::api::coordination::v1 as coordination;
    use k8s_pb::api::core::v1 as core;

    use super::*;

    const NODE: &[u8] = include_bytes!("../../tests/fixtures/k0s-1.37/registry-minions-node-1.bin");
    const LEASE: &[u8] = include_bytes!("../../tests/fixtures/k0s-1.37/registry-lease-k0s-ctrl-nbe-1.bin");

    fn sealed(value: &[u8]) -> Sealed {
        match Value::open(value) {
            Value::Protobuf(sealed) => sealed,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_recorded_node_is_read() {
        let sealed = sealed(NODE);
        assert_eq!(sealed.kind, "Node");
        let node: Node = sealed.read::<core::Node, _>().unwrap();
        assert_eq!(node.metadata.name.as_deref(), Some("node-1"));
        let labels = node.metadata.labels.unwrap();
        assert_eq!(labels["kubernetes.io/hostname"], "node-1");
        let capacity = node.status.unwrap().capacity.unwrap();
        assert!(capacity.contains_key("cpu"), "{capacity:?}");
    }

    #[test]
    fn a_recorded_lease_is_read_to_the_microsecond() {
        let lease: Lease = sealed(LEASE).read::<coordination::Lease, _>().unwrap();
        let spec = lease.spec.unwrap();
        assert_eq!(lease.metadata.namespace.as_deref(), Some("kube-node-lease"));
        assert!(spec.holder_identity.is_some());
        let renewed = spec.renew_time.unwrap().0;
        assert_eq!(renewed.subsec_nanosecond() % 1000, 0);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let node: Node = sealed(NODE).read::<core::Node, _>().unwrap();
        let again = seal::<core::Node, _>("v1", "Node", &node);
        assert_eq!(sealed(&again).read::<core::Node, Node>().unwrap(), node);
    }

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        assert_eq!(Value::open(b"{\"a\":1}"), Value::Json(b"{\"a\":1}"));
        assert_eq!(
            Value::open(b"k8s:enc:secretbox:v1:key1:\x01\xff"),
            Value::Encrypted("secretbox")
        );
        for foreign in [&b""[..], b"k8s\0", b"k8s\0\xff\xff", b"\xd9\xd9\xf7", b"k8s:enc", b"0"] {
            assert_eq!(Value::open(foreign), Value::Foreign, "{foreign:?}");
        }
        let cut = &NODE[..NODE.len() - 1];
        assert_eq!(Value::open(cut), Value::Foreign);
        let lying = seal::<core::Node, _>("v1", "Lease", &Node::default());
        assert_eq!(sealed(&lying).kind, "Lease");
    }
}
