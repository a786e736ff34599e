//! Who a rule is about, and whom a policy governs.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::Kind;
use crate::reference::{
    field::{Field, List, has_only},
    kubernetes::LabelSelector,
    pod::Pod,
    truth::Truth,
    world::World,
};

/// A peer.
#[derive(Debug)]
pub enum Peer {
    /// All pods of some namespaces.
    Namespaces(LabelSelector),
    /// Some pods of some namespaces; of all, where none are named.
    Pods { namespaces: Field<LabelSelector>, pods: LabelSelector },
    /// Nodes by the labels of their objects.
    Nodes(LabelSelector),
    /// Addresses.
    Networks(List<IpNet>),
}

impl Peer {
    /// Reads a peer that has exactly one of these fields.
    pub fn read(value: &Value, fields: &[&str], kind: Kind) -> Option<Self> {
        if !has_only(value, fields) {
            return None;
        }
        let mut given = value.as_object()?.iter().filter(|(_, value)| !value.is_null());
        let ((name, value), None) = (given.next()?, given.next()) else { return None };
        match name.as_str() {
            "namespaces" => LabelSelector::read(value).map(Self::Namespaces),
            "pods" => read_pods(value, kind),
            "nodes" => LabelSelector::read(value).map(Self::Nodes),
            "networks" => {
                let nets = List::of(&serde_json::json!({ "networks": value }), "networks", read_network);
                (!nets.is_empty()).then_some(Self::Networks(nets))
            }
            // Names of domains say nothing of a packet.
            _ => None,
        }
    }

    /// Whether part of it could not be understood.
    pub fn is_doubtful(&self) -> bool {
        match self {
            Self::Namespaces(selector) | Self::Nodes(selector) => selector.is_doubtful(),
            Self::Pods { namespaces, pods } => {
                let doubtful = namespaces.known().is_some_and(LabelSelector::is_doubtful);
                namespaces.is_doubtful() || doubtful || pods.is_doubtful()
            }
            Self::Networks(nets) => nets.is_doubtful(),
        }
    }

    /// Whether it is pods, which call their ports by names.
    pub fn is_pods(&self) -> bool {
        matches!(self, Self::Namespaces(_) | Self::Pods { .. })
    }

    /// Whether a pod is among them, by its own labels and those of its namespace. One that shares its node's network never is.
    pub fn is_of(&self, world: &World, pod: &Pod) -> Truth {
        let in_namespaces = |selector: &LabelSelector| selector.matches(&world.namespaces[&pod.namespace]);
        match self {
            Self::Namespaces(selector) => in_namespaces(selector),
            Self::Pods { namespaces, pods } => {
                namespaces.demands(in_namespaces).and(pods.matches(&pod.written))
            }
            Self::Nodes(_) | Self::Networks(_) => Truth::No,
        }
    }

    /// Whether an address is of the peer: of a pod of it, of a node of it, or in one of its networks.
    pub fn has(&self, world: &World, address: IpAddr) -> Truth {
        match self {
            Self::Namespaces(_) | Self::Pods { .. } => {
                Truth::any(world.endpoints_at(address).map(|pod| self.is_of(world, pod)))
            }
            Self::Nodes(selector) => {
                let there = world.node_objects.iter().filter(|(_, addresses)| addresses.contains(&address));
                Truth::any(there.map(|(labels, _)| selector.matches(labels)))
            }
            Self::Networks(nets) => nets.any(|net| net.contains(&address).into()),
        }
    }
}

/// The selector of pods is required, that of namespaces as well in `v1alpha1`.
fn read_pods(value: &Value, kind: Kind) -> Option<Peer> {
    if !has_only(value, &["namespaceSelector", "podSelector"]) {
        return None;
    }
    let namespaces = Field::of(value, "namespaceSelector", LabelSelector::read);
    let pods = LabelSelector::read(value.get("podSelector")?)?;
    (namespaces.is_given() || kind == Kind::Cluster).then_some(Peer::Pods { namespaces, pods })
}

/// `isCIDR` of the API: a network that is written as what it is.
fn read_network(value: &Value) -> Option<IpNet> {
    let net: IpNet = value.as_str()?.parse().ok()?;
    let mapped = matches!(net, IpNet::V6(net) if net.addr().to_ipv4_mapped().is_some());
    (!mapped).then_some(net)
}
