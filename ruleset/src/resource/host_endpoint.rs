//! Host endpoints (`projectcalico.org/v3` HostEndpoint): interfaces of nodes that policy governs.

use std::{net::IpAddr, sync::Arc};

use crate::{
    labels::Labels,
    name::{HostEndpointName, InterfaceName, NodeName},
    port::NamedPort,
};

/// A host endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEndpoint {
    /// `metadata.name`.
    pub name: HostEndpointName,
    /// `spec.node`.
    pub node: NodeName,
    /// Which interfaces of the node it is.
    pub interface: HostInterface,
    /// `spec.expectedIPs`: what it gives to the sets that select it.
    pub expected_addresses: Vec<IpAddr>,
    /// Its own labels as selectors see them: user labels less the reserved prefixes `pcns.` and `pcsa.`, and without `projectcalico.org/namespace`.
    pub labels: Labels,
    /// `spec.profiles` in order. Known are `projectcalico-default-allow`, `kns.<namespace>` and `ksa.<namespace>.<account>`; any other denies.
    pub profiles: Vec<Arc<str>>,
    /// `spec.ports`.
    pub ports: Vec<NamedPort>,
    /// Whether the object could be understood.
    pub state: HostEndpointState,
}

/// `spec.interfaceName`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostInterface {
    /// `*`: every interface that no other host endpoint has and no pod.
    Others,
    /// The interface of this name.
    Named(InterfaceName),
    /// Absent: the interface that bears one of the expected addresses.
    ByAddress,
}

/// Whether a host endpoint could be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostEndpointState {
    /// It is enforced as it says.
    Active,
    /// Its labels are, but not all of the rest: policies govern it, no profile opens it, it is nobody's peer, and it yields its interface to one that is
    /// understood.
    Doubtful,
    /// Its labels are not, so that nobody knows which policies were meant: but for the failsafe ports nothing passes, forwarded traffic included.
    Unintelligible,
}
