//! Which host endpoint has which interface.
//!
//! An interface goes to the host endpoint that names it, else to one that expects an address which the interface bears; of several, to the least name,
//! after those that could be understood.
//! Those that name an interface never fall back to addresses; they have it whether or not it exists, because rules by name wait for it. Interfaces of
//! workloads have no host endpoint. Several interfaces that bear its addresses may be one host endpoint's.
//!
//! Where links are assumed, one uplink of a made-up name bears all addresses of the Node object. It has no part in who names an interface: the answer to which
//! interface the node's traffic takes then is that of `verdict`, which takes the names that host endpoints give before the made-up one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use imbl::OrdSet;

use crate::{
    ir::HostInterface,
    links::{InterfacePrefix, Links, uplink},
    name::{HostEndpointName, InterfaceName},
    resource::{self, HostEndpoint},
};

/// The interface of each host endpoint that has one. `own_addresses` are those of the Node object: where links are assumed, the uplink bears them.
pub(super) fn places<'a>(
    endpoints: impl Iterator<Item = &'a HostEndpoint>,
    links: &Links,
    prefixes: &[InterfacePrefix],
    own_addresses: &[IpAddr],
) -> BTreeMap<HostEndpointName, HostInterface> {
    let mut endpoints: Vec<&HostEndpoint> = endpoints.collect();
    endpoints.sort_unstable_by_key(|endpoint| (endpoint.state, &endpoint.name));
    let mut places = BTreeMap::new();
    let mut taken: BTreeSet<Option<&InterfaceName>> = BTreeSet::new();
    let mut by_address = Vec::new();
    for endpoint in endpoints {
        let named = match &endpoint.interface {
            resource::HostInterface::Others => None,
            resource::HostInterface::Named(name) if is_of_workload(name, prefixes) => continue,
            resource::HostInterface::Named(name) => Some(name),
            resource::HostInterface::ByAddress => {
                by_address.push(endpoint);
                continue;
            }
        };
        if taken.insert(named) {
            let interface =
                named.map_or(HostInterface::Others, |name| HostInterface::Named([name.clone()].into()));
            places.insert(endpoint.name.clone(), interface);
        }
    }
    for (name, addresses) in bearers(links, prefixes, own_addresses) {
        if taken.contains(&Some(&name)) {
            continue;
        }
        let expects = |endpoint: &HostEndpoint| {
            endpoint.expected_addresses.iter().any(|address| addresses.contains(address))
        };
        let Some(first) = by_address.iter().copied().find(|endpoint| expects(endpoint)) else { continue };
        let place = places.entry(first.name.clone()).or_insert_with(|| HostInterface::Named(BTreeSet::new()));
        if let HostInterface::Named(interfaces) = place {
            interfaces.insert(name);
        }
    }
    places
}

/// The interfaces that bear addresses and are no workload's, in order of their names.
fn bearers(
    links: &Links,
    prefixes: &[InterfacePrefix],
    own_addresses: &[IpAddr],
) -> BTreeMap<InterfaceName, OrdSet<IpAddr>> {
    match links {
        Links::Assumed => BTreeMap::from([(uplink(prefixes), own_addresses.iter().copied().collect())]),
        Links::Observed(observed) => {
            let bearers = observed.addresses.iter().filter(|(name, _)| !is_of_workload(name, prefixes));
            bearers.map(|(name, addresses)| (name.clone(), addresses.clone())).collect()
        }
    }
}

fn is_of_workload(interface: &InterfaceName, prefixes: &[InterfacePrefix]) -> bool {
    prefixes.iter().any(|prefix| interface.as_str().starts_with(prefix.as_str()))
}
