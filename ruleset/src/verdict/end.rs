//! An end of a flow as the network sees it: who it is, and under which addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    address::{Family, PerFamily},
    name::{NodeName, ObjectName},
    verdict::{Cluster, Flow, FlowError, Peer, route::Header},
};

/// An end of a flow.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// Who it is.
    pub(super) owner: Owner,
    /// The address it uses in each family.
    pub(super) addresses: PerFamily<Option<IpAddr>>,
}

/// Who an end is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// A pod with an interface of its own.
    Pod {
        /// The pod.
        pod: ObjectName,
        /// Its node.
        node: NodeName,
    },
    /// A node, or a pod in its network.
    Node(NodeName),
    /// Whoever asks, itself: a loopback address.
    Loopback,
    /// Nobody in the cluster.
    Outside,
}

impl End {
    /// The end that a peer is.
    pub(super) fn of(peer: &Peer, cluster: &Cluster) -> Result<Self, FlowError> {
        match peer {
            Peer::Pod(pod) => {
                let owner = cluster.owner_of_pod(pod)?;
                let addresses = match &owner {
                    Owner::Node(node) => cluster.node_addresses(node),
                    Owner::Pod { .. } | Owner::Loopback | Owner::Outside => cluster.pod_addresses(pod),
                };
                Ok(Self { owner, addresses })
            }
            Peer::Node(node) if !cluster.knows_node(node) => Err(FlowError::UnknownNode(node.clone())),
            Peer::Node(node) => {
                Ok(Self { owner: Owner::Node(node.clone()), addresses: cluster.node_addresses(node) })
            }
            Peer::Address(address) => {
                let owner = cluster.owner_of_address(address);
                let family = Family::of(address);
                let addresses = PerFamily::from_fn(|each| (each == family).then_some(*address));
                Ok(Self { owner, addresses })
            }
        }
    }

    /// The pod that it is.
    pub(super) fn pod(&self) -> Option<&ObjectName> {
        match &self.owner {
            Owner::Pod { pod, .. } => Some(pod),
            Owner::Node(_) | Owner::Loopback | Owner::Outside => None,
        }
    }

    fn families(&self) -> impl Iterator<Item = Family> {
        Family::ALL.into_iter().filter(|family| self.addresses.get(*family).is_some())
    }
}

/// What rules see of the first packet of a flow between two ends.
pub(super) fn header(flow: &Flow, from: &End, to: &End) -> Result<Header, FlowError> {
    let (source, destination) = addresses(flow, from, to)?;
    Ok(Header { source, destination, payload: flow.payload()? })
}

/// Source and destination of a flow between two ends, of one family: the one it names; else IPv4 if both ends have it; else IPv6.
///
/// A node that sends to its own pod may have no known address, because no rule asks for it: the unspecified address stands for it. One that sends to itself
/// does so from the address that it sends to.
pub(super) fn addresses(flow: &Flow, from: &End, to: &End) -> Result<(IpAddr, IpAddr), FlowError> {
    let host =
        matches!((&from.owner, &to.owner), (Owner::Node(host), Owner::Pod { node, .. }) if host == node);
    let is_at_home = match (&from.owner, &to.owner) {
        (Owner::Node(from), Owner::Node(to)) => from == to,
        (from, to) => matches!((from, to), (Owner::Node(_), Owner::Loopback)),
    };
    let source = match from.families().next() {
        _ if is_at_home => to.addresses.clone(),
        None if host => PerFamily::from_fn(|family| Some(unspecified(family))),
        _ => from.addresses.clone(),
    };
    for (peer, addresses) in [(&flow.from, &source), (&flow.to, &to.addresses)] {
        match flow.family {
            Some(family) if addresses.get(family).is_none() => {
                return Err(FlowError::NoAddressOfFamily { peer: peer.clone(), family });
            }
            None if addresses.v4.or(addresses.v6).is_none() => {
                return Err(FlowError::NoAddress(peer.clone()));
            }
            Some(_) | None => {}
        }
    }
    let families =
        Family::ALL.into_iter().filter(|family| flow.family.is_none_or(|wanted| wanted == *family));
    families
        .filter_map(|family| source.get(family).zip(*to.addresses.get(family)))
        .next()
        .ok_or_else(|| FlowError::NoCommonFamily { from: flow.from.clone(), to: flow.to.clone() })
}

fn unspecified(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
    }
}
