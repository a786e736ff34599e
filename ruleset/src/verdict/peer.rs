//! An end of a flow as a person names it.

use std::{fmt, net::IpAddr, str::FromStr};

use crate::name::{NodeName, ObjectName};

/// An end of a flow: `namespace/pod`, `node/NAME` or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A pod.
    Pod(ObjectName),
    /// A node, that is, whatever runs in its own network namespace.
    Node(NodeName),
    /// Whoever has this address.
    Address(IpAddr),
}

/// A text that names no end of a flow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no peer: write namespace/pod, node/NAME or an IP address")]
pub struct PeerError {
    /// The text.
    pub text: String,
}

impl FromStr for Peer {
    type Err = PeerError;

    fn from_str(text: &str) -> Result<Self, PeerError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        // The name of a namespace has no dot and no colon: a network is not mistaken for a pod.
        let named = text.split_once('/').filter(|(namespace, name)| {
            !namespace.is_empty()
                && !namespace.contains(['.', ':'])
                && !name.is_empty()
                && !name.contains('/')
        });
        match named {
            Some(("node", name)) => Ok(Self::Node(NodeName::from(name))),
            Some((namespace, name)) => Ok(Self::Pod(ObjectName::new(namespace, name))),
            None => Err(PeerError { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod(pod) => pod.fmt(f),
            Self::Node(node) => write!(f, "node/{node}"),
            Self::Address(address) => address.fmt(f),
        }
    }
}
