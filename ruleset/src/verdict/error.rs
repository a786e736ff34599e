//! Why a flow cannot be judged.

use std::net::IpAddr;

use crate::{
    address::Family,
    name::{NodeName, ObjectName},
    protocol::Protocol,
    verdict::Peer,
};

/// Why a flow cannot be judged: the question has no answer, which is not the same as a deny.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// No such pod.
    #[error("there is no pod {0} in the manifests")]
    UnknownPod(ObjectName),
    /// No Node object and no pod bears the name.
    #[error(
        "there is no node {0}: no Node object, no pod's spec.nodeName and no host endpoint's spec.node names it"
    )]
    UnknownNode(NodeName),
    /// The pod has come to its end.
    #[error("pod {0} has finished and owns no address any more")]
    Finished(ObjectName),
    /// The pod is on no node.
    #[error("pod {0} is not scheduled: it has no spec.nodeName")]
    Unscheduled(ObjectName),
    /// Nothing is known under which the end could be reached.
    #[error("{0} has no address: give {fields}", fields = address_fields(.0))]
    NoAddress(Peer),
    /// The end has no address of the family that the flow must use.
    #[error("{peer} has no {family} address", family = family_name(*.family))]
    NoAddressOfFamily {
        /// The end.
        peer: Peer,
        /// The family.
        family: Family,
    },
    /// The ends have addresses, but none of a common family.
    #[error("{from} and {to} have no address family in common")]
    NoCommonFamily {
        /// The sender.
        from: Peer,
        /// The receiver.
        to: Peer,
    },
    /// No packet on the wire comes from a loopback address.
    #[error("{0} is a loopback address: name the pod or node that sends")]
    LoopbackSender(IpAddr),
    /// A protocol with ports, but no port.
    #[error("{protocol} needs a destination port")]
    PortMissing {
        /// The protocol.
        protocol: Protocol,
    },
    /// A port, but a protocol without ports.
    #[error("protocol {protocol} has no ports")]
    NoPorts {
        /// The protocol.
        protocol: Protocol,
    },
    /// An ICMP type or code, but another protocol.
    #[error("protocol {protocol} has no ICMP type and code: they need protocol ICMP or ICMPv6")]
    NotIcmp {
        /// The protocol.
        protocol: Protocol,
    },
    /// An ICMP code without a type.
    #[error("an ICMP code needs an ICMP type")]
    CodeWithoutType,
}

fn address_fields(peer: &Peer) -> &'static str {
    match peer {
        Peer::Pod(_) => "its status.podIPs",
        Peer::Node(_) => "a Node object with status.addresses",
        Peer::Address(_) => "another one",
    }
}

fn family_name(family: Family) -> &'static str {
    match family {
        Family::V4 => "IPv4",
        Family::V6 => "IPv6",
    }
}
