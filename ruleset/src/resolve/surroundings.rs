//! What is known of the network around the node.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use ipnet::IpNet;

use crate::{
    ir::Surroundings,
    resource::{IpPool, PoolNat, PoolUse, ServiceRanges},
};

/// The name of the BGPConfiguration that counts.
const DEFAULT_RANGES: &str = "default";

/// Pools and ranges, and what they come to.
#[derive(Debug, Default)]
pub(super) struct Network {
    pools: BTreeMap<Arc<str>, IpPool>,
    service_ranges: BTreeSet<IpNet>,
    stale: bool,
    current: Arc<Surroundings>,
}

impl Network {
    /// The pool of this name is now this; `None` if there is none.
    pub(super) fn set_pool(&mut self, name: &Arc<str>, pool: Option<IpPool>) {
        self.stale = true;
        match pool {
            Some(pool) => drop(self.pools.insert(Arc::clone(name), pool)),
            None => drop(self.pools.remove(name)),
        }
    }

    /// The ranges of this name are now these; `None` if there are none.
    pub(super) fn set_ranges(&mut self, name: &Arc<str>, ranges: Option<ServiceRanges>) {
        if **name == *DEFAULT_RANGES {
            self.stale = true;
            self.service_ranges = ranges.into_iter().flat_map(|ranges| ranges.nets).collect();
        }
    }

    /// Addresses of nodes changed.
    pub(super) fn hosts_changed(&mut self) {
        self.stale = true;
    }

    /// The surroundings as they were last resolved.
    pub(super) fn current(&self) -> &Arc<Surroundings> {
        &self.current
    }

    /// Makes the surroundings current; they are what was given out before while they are equal. Tells whether they are not. `hosts` are the addresses
    /// of all nodes.
    pub(super) fn resolve(&mut self, hosts: impl Iterator<Item = IpAddr>) -> bool {
        if !std::mem::take(&mut self.stale) {
            return false;
        }
        let surroundings = self.surroundings(hosts.collect());
        let news = *self.current != surroundings;
        if news {
            self.current = Arc::new(surroundings);
        }
        news
    }

    fn surroundings(&self, hosts: BTreeSet<IpAddr>) -> Surroundings {
        // Of pools with the same network the least name counts, and they are in order of their names.
        let mut by_net: BTreeMap<IpNet, &IpPool> = BTreeMap::new();
        for pool in self.pools.values() {
            by_net.entry(pool.net).or_insert(pool);
        }
        by_net.retain(|_, pool| match pool.uses {
            PoolUse::Workloads => true,
            PoolUse::LoadBalancersOnly => false,
        });
        let is_translated = |pool: &&&IpPool| match pool.nat {
            PoolNat::Outgoing => true,
            PoolNat::None => false,
        };
        Surroundings {
            pools: by_net.keys().copied().collect(),
            translated: by_net.values().filter(is_translated).map(|pool| pool.net).collect(),
            hosts,
            service_ranges: self.service_ranges.clone(),
            tunnels: by_net.values().filter_map(|pool| pool.tunnel).collect(),
        }
    }
}
