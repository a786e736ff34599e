//! Where on its way a packet met a rule.

use std::collections::BTreeMap;

use crate::{
    compile::{self, Entrance},
    evaluate::{Step, Trace},
    ir::NodePolicy,
    name::{ChainName, HostEndpointName, NodeName, ObjectName},
    nft::Table,
};

/// An interface at which policy decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// That of a pod.
    Pod(ObjectName),
    /// One of a node, under this host endpoint.
    HostEndpoint {
        /// The node.
        node: NodeName,
        /// The host endpoint.
        name: HostEndpointName,
    },
}

/// The places of a node, by the chains at which their policies begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(pub(super) BTreeMap<ChainName, Place>);

impl Places {
    /// The places of a node under its policy.
    pub(super) fn of(node: &NodeName, policy: &NodePolicy) -> Self {
        let place = |entrance| match entrance {
            Entrance::Pod(pod) => Place::Pod(pod),
            Entrance::HostEndpoint(name) => Place::HostEndpoint { node: node.clone(), name },
        };
        let entrances = compile::entrances(policy).into_iter();
        Self(entrances.map(|(chain, entrance)| (chain, place(entrance))).collect())
    }

    /// The rules of a trace, each with the place whose policy led to it; none for what belongs to the node itself.
    pub(super) fn along<'a>(
        &'a self,
        trace: &'a Trace,
        table: &'a Table,
    ) -> Vec<(Option<&'a Place>, &'a Step)> {
        let mut at = None;
        let place = |step: &'a Step| {
            let is_junction = table.chains.get(&step.chain).is_some_and(|chain| compile::is_junction(chain));
            at = match self.0.get(&step.chain) {
                Some(place) => Some(place),
                None if is_junction => None,
                None => at,
            };
            (at, step)
        };
        trace.path.iter().map(place).collect()
    }
}
