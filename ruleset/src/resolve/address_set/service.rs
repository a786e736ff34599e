//! Facts about services, and the sets that they concern.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::AddressSets;
use crate::{
    ir::{AddressSet, AddressSetKey},
    name::ObjectName,
    resolve::{
        front::Fronts,
        member::CountedMembers,
        put,
        service::{ServiceMembers, Services},
    },
    resource::{EndpointSlice, Service},
};

/// A set of a service's endpoints with the number of policies that refer to it.
#[derive(Debug)]
pub(super) struct UsedServiceSet {
    users: usize,
    members: ServiceMembers,
}

impl AddressSets {
    /// The slice is now this; `None` if there is none.
    pub(in crate::resolve) fn set_slice(&mut self, name: &ObjectName, slice: Option<EndpointSlice>) {
        let Some((old, backends)) = self.services.set_slice(name, slice) else { return };
        let new = self.services.slice(name);
        let service_of = |slice: Option<&EndpointSlice>| slice.and_then(|slice| slice.service.clone());
        let (left, joined) = (service_of(old.as_ref()), service_of(new));
        if left == joined {
            replace_slice(
                &mut self.service_sets,
                &mut self.stale_services,
                joined.as_ref(),
                old.as_ref(),
                new,
            );
        } else {
            replace_slice(
                &mut self.service_sets,
                &mut self.stale_services,
                left.as_ref(),
                old.as_ref(),
                None,
            );
            replace_slice(&mut self.service_sets, &mut self.stale_services, joined.as_ref(), None, new);
        }
        if !backends.is_empty() {
            self.change_fronts(|fronts, services| fronts.judge(&backends, services));
        }
    }

    /// The service is now this; `None` if there is none.
    pub(in crate::resolve) fn set_service(&mut self, name: &ObjectName, service: Option<Service>) {
        if self.services.service(name) == service.as_ref() {
            return;
        }
        let old = self.services.set_service(name, service);
        // Fronts see the new service there, and are told of the old one.
        let new = self.services.service(name).cloned();
        self.change_fronts(|fronts, services| fronts.replace_service(old.as_ref(), new.as_ref(), services));
    }

    /// Node ports answer on these addresses from now on, less those that no other node can dial.
    pub(in crate::resolve) fn set_hosts(&mut self, hosts: &BTreeSet<IpAddr>) {
        let hosts: BTreeSet<IpAddr> = hosts.iter().copied().filter(|host| !host.is_loopback()).collect();
        let old = self.services.set_hosts(hosts.clone());
        let (lost, gained) = (&old - &hosts, &hosts - &old);
        if !lost.is_empty() || !gained.is_empty() {
            self.change_fronts(|fronts, services| fronts.replace_hosts(&lost, &gained, services));
        }
    }

    pub(super) fn acquire_service(&mut self, key: &AddressSetKey) {
        let Some((service, mut members)) = ServiceMembers::empty(key) else { return };
        let sets = self.service_sets.entry(service.clone()).or_default();
        if let Some(set) = sets.get_mut(key) {
            set.users += 1;
            return;
        }
        self.services.slices_of(service).for_each(|slice| members.replace(None, Some(slice)));
        sets.insert(key.clone(), UsedServiceSet { users: 1, members });
        self.stale_services.insert(service.clone());
    }

    pub(super) fn release_service(&mut self, key: &AddressSetKey) {
        let Some((service, _)) = ServiceMembers::empty(key) else { return };
        let Some(sets) = self.service_sets.get_mut(service) else { return };
        let Some(set) = sets.get_mut(key) else { return };
        set.users -= 1;
        if set.users > 0 {
            return;
        }
        sets.remove(key);
        self.units.remove(key);
        if sets.is_empty() {
            self.service_sets.remove(service);
        }
    }

    pub(super) fn resolve_services(&mut self) {
        for service in std::mem::take(&mut self.stale_services) {
            for (key, set) in self.service_sets.get(&service).into_iter().flatten() {
                let unit = AddressSet { description: describe(key), members: set.members.snapshot() };
                put(&mut self.units, key, unit);
            }
        }
    }

    fn change_fronts(&mut self, mut change: impl FnMut(&mut Fronts, &Services) -> bool) {
        for (slot, key) in &self.fronts {
            let set = self.sets.get_mut(slot).and_then(|sets| sets.get_mut(key));
            if let Some(CountedMembers::Fronts(fronts)) = set.map(|set| &mut set.members)
                && change(fronts, &self.services)
            {
                self.stale.insert(*slot);
            }
        }
    }
}

/// A slice of a service that was `old` is `new` from now on.
fn replace_slice(
    sets: &mut BTreeMap<ObjectName, BTreeMap<AddressSetKey, UsedServiceSet>>,
    stale: &mut BTreeSet<ObjectName>,
    service: Option<&ObjectName>,
    old: Option<&EndpointSlice>,
    new: Option<&EndpointSlice>,
) {
    let Some(service) = service else { return };
    let Some(sets) = sets.get_mut(service) else { return };
    sets.values_mut().for_each(|set| set.members.replace(old, new));
    stale.insert(service.clone());
}

fn describe(key: &AddressSetKey) -> Arc<str> {
    match key {
        AddressSetKey::ServiceAddresses(service) => format!("endpoints of {service}").into(),
        AddressSetKey::ServicePorts(service) => format!("ports of {service}").into(),
        AddressSetKey::Selector(_)
        | AddressSetKey::NodeAddresses(_)
        | AddressSetKey::NamedPort { .. }
        | AddressSetKey::ServiceFronts { .. } => "".into(),
    }
}
