//! [`NodePolicy`] to [`Ruleset`]: the layout of the nftables dataplane. The only stage that sees both the intermediate form and nft objects.

use std::collections::BTreeSet;

use crate::{ir::NodePolicy, links::InterfacePrefix, nft::Ruleset, policy::PolicyKey};

/// What the layout depends on besides policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Prefixes of workload interfaces, at least one.
    pub prefixes: Vec<InterfacePrefix>,
    /// What happens to a pod's traffic to its own node after its egress policy has admitted it.
    pub endpoint_to_host: EndpointToHost,
    /// Whether packets that connection tracking cannot place are dropped.
    pub invalid: InvalidPackets,
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
            refused: BTreeSet::new(),
        }
    }
}

/// The ruleset of a policy, from scratch.
pub fn compile(policy: &NodePolicy, options: &Options) -> Ruleset {
    Compiler::new(options.clone()).compile(policy)
}

/// A compiler that keeps its last result and renders again only units whose inputs changed.
#[derive(Debug)]
pub struct Compiler {
    options: Options,
}

impl Compiler {
    /// A compiler without a last result.
    pub fn new(options: Options) -> Self {
        Self { options }
    }

    /// The options it compiles by.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The ruleset of a policy. Shares every unit that did not change with the previous result.
    pub fn compile(&mut self, _policy: &NodePolicy) -> Ruleset {
        todo!()
    }
}
