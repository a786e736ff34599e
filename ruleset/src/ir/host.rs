//! The node itself: its host endpoints, and what it knows of the network around it.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;

use super::{Profile, TierStep, Verdicts};
use crate::{
    name::{HostEndpointName, InterfaceName},
    policy::PerDirection,
    resource::Tunnel,
};

/// A host endpoint of this node that has an interface. Of several that claim one interface the least name has it; a name goes before an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEndpoint {
    /// Its name.
    pub name: HostEndpointName,
    /// Its interfaces.
    pub interface: HostInterface,
    /// What decides about traffic that begins or ends at the node. The failsafe ports precede it.
    pub local: PerDirection<Verdicts>,
    /// What decides about traffic that the node forwards through the interface; without tiers in a direction all of it passes. No profile, no failsafe.
    pub forwarded: PerDirection<Vec<TierStep>>,
    /// What becomes of forwarded traffic that no tier decided: it passes, unless the object could not be understood.
    pub forwarded_end: Profile,
    /// What decides about all that comes in, by the destination that was dialled. Every tier ends in a pass. If there is one, the inbound failsafe ports
    /// precede it.
    pub pre_dnat: Vec<TierStep>,
    /// What decides before connection tracking. Every tier ends in a pass. If there is one in either direction, the failsafe ports precede it in both, with
    /// the answers of the other direction's. Empty for [`HostInterface::Others`].
    pub untracked: PerDirection<Vec<TierStep>>,
}

/// The interfaces of a host endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostInterface {
    /// These, at least one; several only where they were found by the addresses that they bear.
    Named(BTreeSet<InterfaceName>),
    /// Every one that no other host endpoint has; for traffic that begins or ends at the node, and not for forwarded or pre-DNAT traffic, less those of workloads and `lo`.
    Others,
}

/// What is known of the network around the node, of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Networks of pods: pools that are not for load balancers alone.
    pub pools: BTreeSet<IpNet>,
    /// Those whose traffic is translated when it leaves [`Self::pools`].
    pub translated: BTreeSet<IpNet>,
    /// Addresses of all nodes.
    pub hosts: BTreeSet<IpAddr>,
    /// Ranges of service addresses.
    pub service_ranges: BTreeSet<IpNet>,
    /// How nodes carry traffic of pods to each other; what comes so from [`Self::hosts`] (and the settings' external nodes) is not host endpoint policy's.
    pub tunnels: BTreeSet<Tunnel>,
}
