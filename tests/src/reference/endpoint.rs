//! What policies govern: a pod, or a host endpoint at one of the places in the packet path where its policies decide (policy-model §4.2).

use super::{host_endpoint::HostEndpoint, labels::Labels, pod::Pod};

/// What policies govern.
#[derive(Clone, Copy, Debug)]
pub enum Endpoint<'a> {
    /// A pod.
    Pod(&'a Pod),
    /// A host endpoint, at a place.
    Host(&'a HostEndpoint, Place),
}

/// Where a host endpoint's policies decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// About traffic that begins or ends at the node.
    Local,
    /// About traffic that the node forwards.
    Forwarded,
    /// About what comes in, before its destination is translated.
    PreDnat,
    /// Before connection tracking.
    Untracked,
}

/// Which places a policy is for (`doNotTrack`, `preDNAT`, `applyOnForward`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// [`Place::Local`], and pods.
    Local,
    /// [`Place::Local`], [`Place::Forwarded`], and pods.
    LocalAndForwarded,
    /// [`Place::PreDnat`].
    PreDnat,
    /// [`Place::Untracked`].
    Untracked,
}

impl Stage {
    /// Whether policies of this stage have a say about an endpoint.
    pub fn concerns(self, endpoint: Endpoint<'_>) -> bool {
        match (self, endpoint) {
            (Self::Local | Self::LocalAndForwarded, Endpoint::Pod(_) | Endpoint::Host(_, Place::Local))
            | (Self::LocalAndForwarded, Endpoint::Host(_, Place::Forwarded))
            | (Self::PreDnat, Endpoint::Host(_, Place::PreDnat))
            | (Self::Untracked, Endpoint::Host(_, Place::Untracked)) => true,
            (Self::Local | Self::LocalAndForwarded | Self::PreDnat | Self::Untracked, _) => false,
        }
    }
}

impl<'a> Endpoint<'a> {
    /// Its labels as Calico's selectors see them.
    pub fn labels(self) -> &'a Labels {
        match self {
            Self::Pod(pod) => &pod.labels,
            Self::Host(endpoint, _) => &endpoint.labels,
        }
    }

    /// Its namespace; host endpoints have none.
    pub fn namespace(self) -> Option<&'a str> {
        match self {
            Self::Pod(pod) => Some(&pod.namespace),
            Self::Host(..) => None,
        }
    }

    /// Whether a tier that isolates it may deny at its end: before DNAT and before connection tracking every tier passes (§4.2).
    pub fn knows_end_of_tier(self) -> bool {
        match self {
            Self::Pod(_) | Self::Host(_, Place::Local | Place::Forwarded) => true,
            Self::Host(_, Place::PreDnat | Place::Untracked) => false,
        }
    }
}
