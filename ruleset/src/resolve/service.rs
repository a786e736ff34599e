//! Services, their endpoints, and the address sets that rules which name a service look into.

mod backend;

pub(super) use backend::{Backend, Backends, ServicePortKey};

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

use super::member::Counted;
use crate::{
    ir::{AddressPort, AddressSetKey, Members},
    name::ObjectName,
    resource::{EndpointPort, EndpointSlice, Service, ServicePort},
};

/// Services and slices of endpoints of the cluster.
#[derive(Debug, Default)]
pub(super) struct Services {
    services: BTreeMap<ObjectName, Service>,
    slices: BTreeMap<ObjectName, EndpointSlice>,
    /// The slices of each service that has any.
    slices_of: BTreeMap<ObjectName, BTreeSet<ObjectName>>,
    /// Addresses of nodes, on which node ports answer.
    hosts: BTreeSet<IpAddr>,
    /// Kept only while a set of fronts is in use.
    backends: Option<Backends>,
}

impl Services {
    /// The slice is now this; `None` if there is none. Returns the old one, and whether that is news.
    pub(super) fn set_slice(
        &mut self,
        name: &ObjectName,
        slice: Option<EndpointSlice>,
    ) -> Option<(Option<EndpointSlice>, Vec<Backend>)> {
        if self.slices.get(name) == slice.as_ref() {
            return None;
        }
        let changed =
            self.backends.as_mut().map(|backends| backends.replace(self.slices.get(name), slice.as_ref()));
        let old = self.slices.remove(name);
        if let Some(service) = old.as_ref().and_then(|slice| slice.service.as_ref())
            && let Some(slices) = self.slices_of.get_mut(service)
        {
            slices.remove(name);
            if slices.is_empty() {
                self.slices_of.remove(service);
            }
        }
        if let Some(slice) = slice {
            if let Some(service) = &slice.service {
                self.slices_of.entry(service.clone()).or_default().insert(name.clone());
            }
            self.slices.insert(name.clone(), slice);
        }
        Some((old, changed.unwrap_or_default()))
    }

    /// A slice as it is known.
    pub(super) fn slice(&self, name: &ObjectName) -> Option<&EndpointSlice> {
        self.slices.get(name)
    }

    /// The slices of a service.
    pub(super) fn slices_of(&self, service: &ObjectName) -> impl Iterator<Item = &EndpointSlice> {
        self.slices_of.get(service).into_iter().flatten().filter_map(|name| self.slices.get(name))
    }

    /// The service is now this; `None` if there is none. Returns the old one.
    pub(super) fn set_service(&mut self, name: &ObjectName, service: Option<Service>) -> Option<Service> {
        match service {
            Some(service) => self.services.insert(name.clone(), service),
            None => self.services.remove(name),
        }
    }

    /// A service as it is known.
    pub(super) fn service(&self, name: &ObjectName) -> Option<&Service> {
        self.services.get(name)
    }

    /// Node ports answer on these addresses from now on. Returns those on which they did before.
    pub(super) fn set_hosts(&mut self, hosts: BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
        std::mem::replace(&mut self.hosts, hosts)
    }

    /// Addresses on which node ports answer.
    pub(super) fn hosts(&self) -> &BTreeSet<IpAddr> {
        &self.hosts
    }

    /// Starts or ends keeping account of who stands behind which port of which service.
    pub(super) fn keep_backends(&mut self, keep: bool) {
        if keep == self.backends.is_some() {
            return;
        }
        self.backends = keep.then(|| {
            let mut backends = Backends::default();
            for slice in self.slices.values() {
                backends.replace(None, Some(slice));
            }
            backends
        });
    }

    /// Who stands behind which port of which service, if that is kept.
    pub(super) fn backends(&self) -> Option<&Backends> {
        self.backends.as_ref()
    }

    /// By what a port of a service is dialled.
    pub(super) fn fronts(&self, port: &ServicePortKey) -> BTreeSet<AddressPort> {
        fronts(self.services.get(&port.service), port, &self.hosts)
    }
}

/// By what a port of a service is dialled, where node ports answer on these hosts.
pub(super) fn fronts(
    service: Option<&Service>,
    port: &ServicePortKey,
    hosts: &BTreeSet<IpAddr>,
) -> BTreeSet<AddressPort> {
    let protocol = port.protocol;
    let at = |addresses: &BTreeSet<IpAddr>, port: u16| -> Vec<AddressPort> {
        addresses.iter().map(|address| AddressPort { address: *address, protocol, port }).collect()
    };
    let of_port = |service: &Service, it: &ServicePort| {
        let on_nodes = it.node_port.map(|node_port| at(hosts, node_port));
        at(&service.addresses, it.port).into_iter().chain(on_nodes.into_iter().flatten()).collect::<Vec<_>>()
    };
    let ports = service.into_iter().flat_map(|service| service.ports.iter().map(move |port| (service, port)));
    let wanted = ports.filter(|(_, it)| it.name == port.name && it.protocol == protocol);
    wanted.flat_map(|(service, port)| of_port(service, port)).collect()
}

/// The members of a set of a service's endpoints.
#[derive(Debug)]
pub(super) enum ServiceMembers {
    /// Their addresses.
    Addresses(Counted<IpNet>),
    /// Their addresses, protocols and ports.
    Ports(Counted<AddressPort>),
}

impl ServiceMembers {
    /// The service that a set is about and no members, if it is about a service.
    pub(super) fn empty(key: &AddressSetKey) -> Option<(&ObjectName, Self)> {
        match key {
            AddressSetKey::ServiceAddresses(service) => Some((service, Self::Addresses(Counted::default()))),
            AddressSetKey::ServicePorts(service) => Some((service, Self::Ports(Counted::default()))),
            AddressSetKey::Selector(_)
            | AddressSetKey::NodeAddresses(_)
            | AddressSetKey::NamedPort { .. }
            | AddressSetKey::ServiceFronts { .. } => None,
        }
    }

    /// A slice that was `old` is `new` from now on.
    pub(super) fn replace(&mut self, old: Option<&EndpointSlice>, new: Option<&EndpointSlice>) {
        match self {
            Self::Addresses(members) => drop(members.replace(&nets(old), &nets(new))),
            Self::Ports(members) => drop(members.replace(&address_ports(old), &address_ports(new))),
        }
    }

    /// The members as they are now, sharing structure with what was given out before.
    pub(super) fn snapshot(&self) -> Members {
        match self {
            Self::Addresses(members) => Members::Nets(members.present().clone()),
            Self::Ports(members) => Members::AddressPorts(members.present().clone()),
        }
    }
}

fn nets(slice: Option<&EndpointSlice>) -> BTreeSet<IpNet> {
    slice.into_iter().flat_map(|slice| &slice.addresses).copied().map(IpNet::from).collect()
}

fn address_ports(slice: Option<&EndpointSlice>) -> BTreeSet<AddressPort> {
    let at_each_address = |slice: &EndpointSlice| -> Vec<AddressPort> {
        let at = |address: IpAddr| {
            let at =
                move |port: &EndpointPort| AddressPort { address, protocol: port.protocol, port: port.port };
            slice.ports.iter().map(at)
        };
        slice.addresses.iter().copied().flat_map(at).collect()
    };
    slice.into_iter().flat_map(at_each_address).collect()
}
