//! Who stands behind the ends of a flow.

use std::net::IpAddr;

use super::{pod::Pod, world::World};
use crate::flow::Peer;

/// One end of a flow.
pub enum End<'a> {
    /// A pod with an interface of its own.
    Pod {
        /// The pod.
        pod: &'a Pod,
        /// The addresses it may be meant by.
        addresses: Vec<IpAddr>,
    },
    /// A node, or a pod that shares its network.
    Node {
        /// The node.
        name: String,
        /// The addresses it may be meant by.
        addresses: Vec<IpAddr>,
    },
    /// Someone else.
    Outside(IpAddr),
}

impl<'a> End<'a> {
    /// Who a peer is. An address that belongs to a pod or node is that pod or node (design §5).
    pub fn of(peer: &Peer, world: &'a World) -> Result<Self, String> {
        match peer {
            Peer::Pod { namespace, name } => {
                let pod = world.pods.iter().find(|pod| pod.namespace == *namespace && pod.name == *name);
                match pod {
                    None => Err(format!("{peer}: no such pod, or it has no address")),
                    Some(pod) if pod.host_network => Ok(Self::node(&pod.node, world)),
                    Some(pod) if pod.addresses.is_empty() => Err(format!("{peer}: the pod has no address")),
                    Some(pod) => Ok(Self::Pod { pod, addresses: pod.addresses.clone() }),
                }
            }
            Peer::Node(name) => {
                let known = world.nodes.contains_key(name) || world.pods.iter().any(|pod| pod.node == *name);
                if known { Ok(Self::node(name, world)) } else { Err(format!("{peer}: no such node")) }
            }
            Peer::Address(address) => Ok(Self::owner(*address, world)),
        }
    }

    fn node(name: &str, world: &World) -> Self {
        Self::Node { name: name.to_owned(), addresses: world.nodes.get(name).cloned().unwrap_or_default() }
    }

    fn owner(address: IpAddr, world: &'a World) -> Self {
        if let Some(pod) = world.endpoints_at(address).next() {
            return Self::Pod { pod, addresses: vec![address] };
        }
        match world.nodes.iter().find(|(_, addresses)| addresses.contains(&address)) {
            Some((name, _)) => Self::Node { name: name.clone(), addresses: vec![address] },
            None => Self::Outside(address),
        }
    }

    /// The first address of a family.
    pub fn address(&self, v4: bool) -> Option<IpAddr> {
        let addresses = match self {
            Self::Pod { addresses, .. } | Self::Node { addresses, .. } => addresses.as_slice(),
            Self::Outside(address) => std::slice::from_ref(address),
        };
        addresses.iter().copied().find(|address| address.is_ipv4() == v4)
    }
}
