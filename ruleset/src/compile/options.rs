//! What the layout depends on besides policy.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    links::InterfacePrefix,
    policy::PolicyKey,
    settings::{Layer, Settings},
};

/// What the layout depends on besides policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Prefixes of workload interfaces, at least one.
    pub prefixes: Vec<InterfacePrefix>,
    /// The agent's own layer of settings, the strongest. Takes effect through the resolver (`NodePolicy::settings`).
    pub layer: Layer,
    /// The number of rules in one direction of an endpoint up to which they are walked one by one; with more, a port index precedes them.
    pub rules_without_index: usize,
    /// Policies that the kernel refused: a closed stand-in takes the place of each.
    pub refused: BTreeSet<PolicyKey>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefixes: vec![InterfacePrefix::default()],
            layer: Layer::default(),
            rules_without_index: 32,
            refused: BTreeSet::new(),
        }
    }
}

/// Everything that the layout of all units depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// What the agent says.
    pub(super) options: Options,
    /// What the node's settings say.
    pub(super) settings: Arc<Settings>,
}
