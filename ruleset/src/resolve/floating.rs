//! Floating addresses: who of this node's pods has which.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::{
    address::Family,
    name::ObjectName,
    resource::{Pod, PodState},
};

/// Which endpoints of this node claim which floating addresses, whether or not the settings permit any.
#[derive(Debug, Default)]
pub(super) struct FloatingAddresses {
    claims: BTreeMap<IpAddr, BTreeSet<ObjectName>>,
    leads_to: BTreeMap<ObjectName, BTreeMap<IpAddr, IpAddr>>,
}

impl FloatingAddresses {
    /// The endpoint's pod is now this; `None` if it is no endpoint. Returns others who may have gained or lost an address by it.
    pub(super) fn set(&mut self, name: &ObjectName, pod: Option<&Pod>) -> BTreeSet<ObjectName> {
        let new = pod.map(leads_to).unwrap_or_default();
        let old = self.leads_to.remove(name).unwrap_or_default();
        let mut affected = BTreeSet::new();
        for address in old.keys().filter(|address| !new.contains_key(*address)) {
            let Some(claimants) = self.claims.get_mut(address) else { continue };
            claimants.remove(name);
            affected.extend(claimants.iter().cloned());
            if claimants.is_empty() {
                self.claims.remove(address);
            }
        }
        for address in new.keys().filter(|address| !old.contains_key(*address)) {
            let claimants = self.claims.entry(*address).or_default();
            affected.extend(claimants.iter().cloned());
            claimants.insert(name.clone());
        }
        if !new.is_empty() {
            self.leads_to.insert(name.clone(), new);
        }
        affected
    }

    /// The floating addresses that an endpoint has, each with the pod's address that it leads to.
    pub(super) fn of(&self, name: &ObjectName) -> BTreeMap<IpAddr, IpAddr> {
        let claimed = self.leads_to.get(name).into_iter().flatten();
        let has = |address: &IpAddr| self.claims.get(address).and_then(BTreeSet::first) == Some(name);
        claimed.filter(|(floating, _)| has(floating)).map(|(floating, own)| (*floating, *own)).collect()
    }
}

/// Each floating address that a pod asks for, with its first address of that family; none for a family in which it has no address.
fn leads_to(pod: &Pod) -> BTreeMap<IpAddr, IpAddr> {
    let own = |floating: &IpAddr| {
        let of_family = |address: &&IpAddr| Family::of(address) == Family::of(floating);
        pod.addresses.iter().find(of_family).map(|address| (*floating, *address))
    };
    match pod.state {
        PodState::Active => pod.extras.floating.iter().filter_map(own).collect(),
        PodState::HostNetwork | PodState::Finished | PodState::Unintelligible => BTreeMap::new(),
    }
}
