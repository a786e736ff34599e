//! What the node has to know of the network around it: address pools and ranges of services.

use std::sync::Arc;

use ipnet::IpNet;

use crate::{name::NodeName, selector::Selector, settings::Layer};

/// An address pool (`projectcalico.org/v3` IPPool).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpPool {
    /// `metadata.name`. Of pools with the same network the least name counts.
    pub name: Arc<str>,
    /// `spec.cidr`, host bits cleared.
    pub net: IpNet,
    /// Who gets addresses of it.
    pub uses: PoolUse,
    /// `spec.natOutgoing`: whether traffic of its addresses that leaves the pools is translated.
    pub nat: PoolNat,
    /// `spec.ipipMode` or `spec.vxlanMode` other than `Never`: how nodes carry its traffic to each other.
    pub tunnel: Option<Tunnel>,
}

/// How nodes carry traffic of pods to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tunnel {
    /// IP in IP, protocol 4.
    Ipip,
    /// VXLAN, UDP to `vxlanPort`.
    Vxlan,
}

/// `spec.allowedUses`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PoolUse {
    /// Workloads or tunnels, perhaps besides others.
    Workloads,
    /// `LoadBalancer` alone: its addresses are not those of pods.
    LoadBalancersOnly,
}

/// `spec.natOutgoing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PoolNat {
    /// Translated.
    Outgoing,
    /// Not translated.
    None,
}

/// Ranges of service addresses (`projectcalico.org/v3` BGPConfiguration named `default`: `serviceClusterIPs`, `serviceExternalIPs`,
/// `serviceLoadBalancerIPs`), for the prevention of loops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRanges {
    /// `metadata.name`; only `default` counts.
    pub name: Arc<str>,
    /// All ranges.
    pub nets: Vec<IpNet>,
}

/// A `FelixConfiguration`: settings for nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// `metadata.name`.
    pub name: Arc<str>,
    /// Whose settings these are.
    pub scope: ConfigurationScope,
    /// What it says.
    pub layer: Layer,
}

/// Whose settings a `FelixConfiguration` holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigurationScope {
    /// Everybody's (`default`).
    Cluster,
    /// Those of the nodes that `spec.nodeSelector` selects. Of several that do, the one that was created first counts, then the least name.
    Selected {
        /// Matches labels of Node objects.
        selector: Selector,
        /// `metadata.creationTimestamp` as it is written (RFC 3339, so that text order is time order); empty if absent.
        created: Arc<str>,
    },
    /// One node's (`node.<name>`).
    Node(NodeName),
    /// Nobody's: neither name nor selector says whose.
    Nobody,
}
