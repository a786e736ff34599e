//! What the layout depends on besides policy.

use std::collections::BTreeSet;

use crate::{links::InterfacePrefix, policy::PolicyKey};

/// What the layout depends on besides policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Prefixes of workload interfaces, at least one.
    pub prefixes: Vec<InterfacePrefix>,
    /// What happens to a pod's traffic to its own node after its egress policy has admitted it.
    pub endpoint_to_host: EndpointToHost,
    /// Whether packets that connection tracking cannot place are dropped.
    pub invalid: InvalidPackets,
    /// The number of rules in one direction of an endpoint up to which they are walked one by one; with more, a port index precedes them.
    pub rules_without_index: usize,
    /// Policies that the kernel refused: a closed stand-in takes the place of each.
    pub refused: BTreeSet<PolicyKey>,
}

/// `default_endpoint_to_host_action`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointToHost {
    /// Admit.
    #[default]
    Accept,
    /// Drop.
    Drop,
    /// Leave it to the node's other tables; within nftables the same as [`Self::Accept`], as no accept is final across tables.
    Return,
}

/// What happens to packets of connection tracking state `invalid`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InvalidPackets {
    /// Drop.
    #[default]
    Drop,
    /// Judge them like new ones.
    Judge,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefixes: vec![InterfacePrefix::default()],
            endpoint_to_host: EndpointToHost::default(),
            invalid: InvalidPackets::default(),
            rules_without_index: 32,
            refused: BTreeSet::new(),
        }
    }
}
