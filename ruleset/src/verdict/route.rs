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
    /// It meets no node, or none that any policy governs.
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
    /// What is on the side where no pod is.
    pub(super) link: Link,
}

/// Where a packet comes from or goes to, if that is no pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// The network.
    Network,
    /// The node itself, by the interface `lo`.
    Loopback,
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
            (Owner::Pod { pod, node }, Owner::Node(other)) if node == other => {
                Self::Hooks(vec![Crossing::new(node, Some(pod), None, Hook::Input)])
            }
            (Owner::Node(other), Owner::Pod { pod, node }) if node == other => {
                Self::Hooks(vec![Crossing::new(node, None, Some(pod), Hook::Output)])
            }
            // It stays at home, whatever address it uses, and yet leaves by an interface and comes in by it.
            (Owner::Node(node), Owner::Loopback) => Self::at_home(node),
            (Owner::Node(from), Owner::Node(to)) if from == to => Self::at_home(from),
            (from, to) => {
                let crossings: Vec<_> =
                    Crossing::out_of(from).into_iter().chain(Crossing::into(to)).collect();
                if crossings.is_empty() { Self::NoPolicy } else { Self::Hooks(crossings) }
            }
        }
    }

    fn at_home(node: &NodeName) -> Self {
        let crossing = |hook| Crossing { link: Link::Loopback, ..Crossing::new(node, None, None, hook) };
        Self::Hooks([Hook::Output, Hook::Input].map(crossing).into())
    }
}

impl Crossing {
    pub(super) fn new(
        node: &NodeName,
        sender: Option<&ObjectName>,
        receiver: Option<&ObjectName>,
        hook: Hook,
    ) -> Self {
        let (sender, receiver) = (sender.cloned(), receiver.cloned());
        Self { node: node.clone(), sender, receiver, hook, link: Link::Network }
    }

    /// From an end to the network.
    fn out_of(end: &Owner) -> Option<Self> {
        match end {
            Owner::Pod { pod, node } => Some(Self::new(node, Some(pod), None, Hook::Forward)),
            Owner::Node(node) => Some(Self::new(node, None, None, Hook::Output)),
            Owner::Loopback | Owner::Outside => None,
        }
    }

    /// From the network to an end.
    fn into(end: &Owner) -> Option<Self> {
        match end {
            Owner::Pod { pod, node } => Some(Self::new(node, None, Some(pod), Hook::Forward)),
            Owner::Node(node) => Some(Self::new(node, None, None, Hook::Input)),
            Owner::Loopback | Owner::Outside => None,
        }
    }

    /// Whether no pod of the node has a part in it, so that policy sees it only if host endpoints govern the node.
    pub(super) fn is_of_node(&self) -> bool {
        self.sender.is_none() && self.receiver.is_none()
    }
}
