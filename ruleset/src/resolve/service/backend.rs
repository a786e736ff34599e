//! Who stands behind which port of which service.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use ipnet::IpNet;

use crate::{
    ir::AddressPort,
    name::ObjectName,
    protocol::Protocol,
    resource::{EndpointPort, EndpointSlice},
};

/// A port of a service. Ports of slices belong to it by name and protocol, as for kube-proxy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::resolve) struct ServicePortKey {
    /// The service.
    pub(in crate::resolve) service: ObjectName,
    /// The name of the port, empty for one without a name.
    pub(in crate::resolve) name: Arc<str>,
    /// Its protocol.
    pub(in crate::resolve) protocol: Protocol,
}

/// An endpoint of a port of a service.
pub(in crate::resolve) type Backend = (ServicePortKey, AddressPort);

/// The backends of all services. One that several slices hold stays until the last of them has lost it.
#[derive(Debug, Default)]
pub(in crate::resolve) struct Backends {
    /// By port of a service, with the number of times that slices hold each.
    by_port: BTreeMap<ServicePortKey, BTreeMap<AddressPort, usize>>,
    /// By address.
    ports: BTreeMap<AddressPort, BTreeSet<ServicePortKey>>,
}

impl Backends {
    /// A slice that was `old` is `new` from now on. Returns the backends that came or went.
    pub(in crate::resolve) fn replace(
        &mut self,
        old: Option<&EndpointSlice>,
        new: Option<&EndpointSlice>,
    ) -> Vec<Backend> {
        let nothing = BTreeSet::new();
        // Addresses that stay in a slice of the same ports stand for nothing new.
        let common = match (old, new) {
            (Some(old), Some(new)) if old.service == new.service && old.ports == new.ports => {
                (&old.addresses, &new.addresses)
            }
            (_, _) => (&nothing, &nothing),
        };
        let mut changed = of_slice(new, common.0);
        changed.retain(|backend| self.insert(backend));
        let mut lost = of_slice(old, common.1);
        lost.retain(|backend| self.remove(backend));
        changed.append(&mut lost);
        changed
    }

    /// How many stand behind a port.
    pub(in crate::resolve) fn count(&self, port: &ServicePortKey) -> usize {
        self.by_port.get(port).map_or(0, BTreeMap::len)
    }

    /// Whether this stands behind a port.
    pub(in crate::resolve) fn contains(&self, (port, endpoint): &Backend) -> bool {
        self.by_port.get(port).is_some_and(|endpoints| endpoints.contains_key(endpoint))
    }

    /// Those whose address lies in a network.
    pub(in crate::resolve) fn within(&self, net: IpNet) -> impl Iterator<Item = Backend> {
        let first = AddressPort { address: net.network(), protocol: Protocol(0), port: 0 };
        let last = AddressPort { address: net.broadcast(), protocol: Protocol(u8::MAX), port: u16::MAX };
        self.ports
            .range(first..=last)
            .flat_map(|(endpoint, ports)| ports.iter().map(|port| (port.clone(), *endpoint)))
    }

    fn insert(&mut self, (port, endpoint): &Backend) -> bool {
        let count = self.by_port.entry(port.clone()).or_default().entry(*endpoint).or_default();
        *count += 1;
        if *count > 1 {
            return false;
        }
        self.ports.entry(*endpoint).or_default().insert(port.clone());
        true
    }

    fn remove(&mut self, (port, endpoint): &Backend) -> bool {
        let Some(endpoints) = self.by_port.get_mut(port) else { return false };
        let Some(count) = endpoints.get_mut(endpoint) else { return false };
        *count -= 1;
        if *count > 0 {
            return false;
        }
        endpoints.remove(endpoint);
        if endpoints.is_empty() {
            self.by_port.remove(port);
        }
        if let Some(ports) = self.ports.get_mut(endpoint) {
            ports.remove(port);
            if ports.is_empty() {
                self.ports.remove(endpoint);
            }
        }
        true
    }
}

/// The backends that a slice gives to its service, but for those of some addresses.
fn of_slice(slice: Option<&EndpointSlice>, without: &BTreeSet<IpAddr>) -> Vec<Backend> {
    let Some(slice) = slice else { return Vec::new() };
    let Some(service) = &slice.service else { return Vec::new() };
    let at = |address: &IpAddr| {
        let address = *address;
        slice.ports.iter().map(move |EndpointPort { name, protocol, port }| {
            let key =
                ServicePortKey { service: service.clone(), name: Arc::clone(name), protocol: *protocol };
            (key, AddressPort { address, protocol: *protocol, port: *port })
        })
    };
    slice.addresses.difference(without).flat_map(at).collect()
}
