//! The hooks at which policy sees the first packet of a flow.

use std::net::IpAddr;

use crate::{
    name::{NodeName, ObjectName},
    nft::Hook,
    packet::Payload,
    verdict::end::{End, Owner},
};

/// The way of a flow through the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// It never leaves the network namespace it starts in.
    Loopback,
    /// No pod is concerned.
    NoPolicy,
    /// Through these hooks, one after the other.
    Hooks(Vec<Crossing>),
}

/// A hook of a node that the packet crosses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Crossing {
    /// The node.
    pub(super) node: NodeName,
    /// The pod on this node that sends it; none: it comes in from the network, or from the node itself.
    pub(super) sender: Option<ObjectName>,
    /// The pod on this node that receives it; none: it goes out to the network, or to the node itself.
    pub(super) receiver: Option<ObjectName>,
    /// The hook.
    pub(super) hook: Hook,
}

/// What rules see of the first packet besides its interfaces. The same at every hook: nothing is translated on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Source address.
    pub(super) source: IpAddr,
    /// Destination address.
    pub(super) destination: IpAddr,
    /// What it carries.
    pub(super) payload: Payload,
}

impl Route {
    /// The way between two ends.
    pub(super) fn between(from: &End, to: &End) -> Self {
        match (&from.owner, &to.owner) {
            (Owner::Pod { .. }, Owner::Loopback) => Self::Loopback,
            (Owner::Pod { pod: from, .. }, Owner::Pod { pod: to, .. }) if from == to => Self::Loopback,
            (Owner::Pod { pod: from, node }, Owner::Pod { pod: to, node: other }) if node == other => {
                Self::Hooks(vec![Crossing::new(node, Some(from), Some(to), Hook::Forward)])
            }
            (Owner::Pod { pod: from, node }, Owner::Pod { pod: to, node: other }) => Self::Hooks(vec![
                Crossing::new(node, Some(from), None, Hook::Forward),
                Crossing::new(other, None, Some(to), Hook::Forward),
            ]),
            (Owner::Pod { pod, node }, Owner::Node(other)) if node == other => {
                Self::Hooks(vec![Crossing::new(node, Some(pod), None, Hook::Input)])
            }
            (Owner::Pod { pod, node }, Owner::Node(_) | Owner::Outside) => {
                Self::Hooks(vec![Crossing::new(node, Some(pod), None, Hook::Forward)])
            }
            (Owner::Node(other), Owner::Pod { pod, node }) if node == other => {
                Self::Hooks(vec![Crossing::new(node, None, Some(pod), Hook::Output)])
            }
            (Owner::Node(_) | Owner::Outside | Owner::Loopback, Owner::Pod { pod, node }) => {
                Self::Hooks(vec![Crossing::new(node, None, Some(pod), Hook::Forward)])
            }
            (
                Owner::Node(_) | Owner::Outside | Owner::Loopback,
                Owner::Node(_) | Owner::Outside | Owner::Loopback,
            ) => Self::NoPolicy,
        }
    }
}

impl Crossing {
    pub(super) fn new(
        node: &NodeName,
        sender: Option<&ObjectName>,
        receiver: Option<&ObjectName>,
        hook: Hook,
    ) -> Self {
        Self { node: node.clone(), sender: sender.cloned(), receiver: receiver.cloned(), hook }
    }
}
