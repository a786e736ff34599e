//! Whose chain is whose: what a reader of traces has to know of the layout.

use std::collections::BTreeMap;

use super::{
    host::{FORWARD_IN, FORWARD_OUT},
    name::{self, Lane},
    skeleton,
};
use crate::{
    ir::NodePolicy,
    name::{ChainName, HostEndpointName, ObjectName},
    nft::Chain,
    policy::Direction,
};

/// Whose policy begins at a chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entrance {
    /// A pod's.
    Pod(ObjectName),
    /// A host endpoint's.
    HostEndpoint(HostEndpointName),
}

/// Lanes that a hook or a junction leads to; the others branch off from these.
const LANES: [Lane; 7] =
    [Lane::In, Lane::Out, Lane::TranslatedOut, Lane::ForwardIn, Lane::ForwardOut, Lane::RawIn, Lane::RawOut];

/// The chains at which the policy of an endpoint begins. What they lead to is that endpoint's too, up to the next junction.
pub(crate) fn entrances(policy: &NodePolicy) -> BTreeMap<ChainName, Entrance> {
    let pods = policy.endpoints.keys().flat_map(|pod| {
        let entrance = Entrance::Pod(pod.clone());
        Direction::ALL.map(|direction| (name::endpoint(pod, direction), entrance.clone()))
    });
    let hosts = policy.host_endpoints.keys().flat_map(|endpoint| {
        let entrance = Entrance::HostEndpoint(endpoint.clone());
        LANES.map(|lane| (name::host(lane, endpoint, 1), entrance.clone()))
    });
    pods.chain(hosts).collect()
}

/// Whether a chain is nobody's: packets come from one endpoint's policy and go to another's.
pub(crate) fn is_junction(chain: &Chain) -> bool {
    let junctions = [FORWARD_IN, FORWARD_OUT];
    chain.base.is_some() || chain.name == skeleton::to_workload() || junctions.contains(&chain.name.as_str())
}
