//! Settings and surroundings.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::matches;
use crate::{
    ir::Surroundings,
    labels::Labels,
    name::NodeName,
    resource::{Configuration, ConfigurationScope, IpPool, PoolNat, PoolUse, Resource, ResourceKey},
    settings::{Layer, Settings},
    store::Store,
};

pub(super) fn settings(store: &Store, node: &NodeName) -> Settings {
    let labels = match store.get(&ResourceKey::Node(node.clone())) {
        Some(Resource::Node(node)) => node.labels.clone(),
        _missing => Labels::new(),
    };
    let mut layers: Vec<((u8, &str, &str), Layer)> = Vec::new();
    for resource in store.resources() {
        let Resource::Configuration(Configuration { name, scope, layer }) = resource else { continue };
        let place = match scope {
            ConfigurationScope::Node(other) if other == node => (0, "", &**name),
            ConfigurationScope::Selected { selector, created } if matches(selector, &labels) => {
                (1, &**created, &**name)
            }
            ConfigurationScope::Cluster => (2, "", &**name),
            ConfigurationScope::Node(_)
            | ConfigurationScope::Selected { .. }
            | ConfigurationScope::Nobody => {
                continue;
            }
        };
        layers.push((place, layer.clone()));
    }
    layers.sort_by_key(|(place, _)| *place);
    // Of those that a selector makes ours only the first counts.
    let mut selected = 0;
    layers.retain(|((kind, ..), _)| {
        selected += usize::from(*kind == 1);
        *kind != 1 || selected == 1
    });
    layers.into_iter().fold(Layer::default(), |stronger, (_, weaker)| stronger.over(weaker)).settings()
}

pub(super) fn surroundings(store: &Store) -> Surroundings {
    let mut surroundings = Surroundings::default();
    let mut seen: BTreeSet<IpNet> = BTreeSet::new();
    for resource in store.resources() {
        if let Resource::IpPool(IpPool { net, uses, nat, tunnel, .. }) = resource
            && seen.insert(*net)
            && *uses == PoolUse::Workloads
        {
            surroundings.pools.insert(*net);
            surroundings.translated.extend((*nat == PoolNat::Outgoing).then_some(*net));
            surroundings.tunnels.extend(*tunnel);
        }
        if let Resource::Node(node) = resource {
            surroundings.hosts.extend(&node.addresses);
        }
        if let Resource::ServiceRanges(ranges) = resource
            && *ranges.name == *"default"
        {
            surroundings.service_ranges.extend(&ranges.nets);
        }
    }
    surroundings
}
