//! Fronts: by what services are dialled all of whose endpoints a rule's receiver includes.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::{
    member::{Counted, Owner},
    service::{Backend, ServicePortKey, Services, fronts},
};
use crate::{
    address::{Family, PerFamily},
    ir::AddressPort,
    name::PortName,
    port::PortRange,
    protocol::Protocol,
    resource::Service,
};

/// A set of fronts, and what decides who is in it.
///
/// What a receiver includes is known per endpoint, so that a change costs as many questions as endpoints change, whatever the size of a service.
#[derive(Debug)]
pub(super) struct Fronts {
    protocol: Option<Protocol>,
    ports: Vec<PortRange>,
    names: Vec<PortName>,
    /// What the receiver's selector covers.
    nets: Counted<IpNet>,
    /// How many of these there are of each prefix length.
    widths: PerFamily<BTreeMap<u8, usize>>,
    /// Ports that endpoints of the selector name so.
    named: Counted<AddressPort>,
    /// The backends that the receiver includes.
    included: BTreeMap<ServicePortKey, BTreeSet<AddressPort>>,
    /// Ports all of whose backends are included.
    open: BTreeSet<ServicePortKey>,
    members: Counted<AddressPort>,
}

impl Fronts {
    /// No fronts, of a receiver with these ports; no ports at all: with any.
    pub(super) fn new(protocol: Option<Protocol>, ports: Vec<PortRange>, names: Vec<PortName>) -> Self {
        Self {
            protocol,
            ports,
            names,
            nets: Counted::default(),
            widths: PerFamily::default(),
            named: Counted::default(),
            included: BTreeMap::new(),
            open: BTreeSet::new(),
            members: Counted::default(),
        }
    }

    /// By what the services are dialled.
    pub(super) fn members(&self) -> &Counted<AddressPort> {
        &self.members
    }

    /// An owner of the receiver's selector that gave `old` gives `new` from now on.
    pub(super) fn replace(&mut self, old: &Owner, new: &Owner, services: &Services) {
        let nets = self.nets.replace(old.nets(), new.nets());
        nets.iter().for_each(|net| self.count_width(net));
        let ports = |owner: &Owner| owner.address_ports(self.protocol, &self.names);
        let (old, new) = (ports(old), ports(new));
        let named = self.named.replace(&old, &new);
        let touched = nets.into_iter().chain(named.iter().map(|port| IpNet::from(port.address)));
        let backends = services.backends();
        let touched: BTreeSet<Backend> =
            touched.flat_map(|net| backends.into_iter().flat_map(move |all| all.within(net))).collect();
        self.judge(&touched, services);
    }

    /// Judges backends that came or went, or that the receiver may have come or ceased to include. Tells whether the members changed.
    pub(super) fn judge<'a>(
        &mut self,
        backends: impl IntoIterator<Item = &'a Backend>,
        services: &Services,
    ) -> bool {
        let mut touched = BTreeSet::new();
        for backend in backends {
            let is_there = services.backends().is_some_and(|all| all.contains(backend));
            let (port, endpoint) = backend;
            if is_there && self.includes(endpoint) {
                self.included.entry(port.clone()).or_default().insert(*endpoint);
            } else if let Some(included) = self.included.get_mut(port) {
                included.remove(endpoint);
                if included.is_empty() {
                    self.included.remove(port);
                }
            }
            touched.insert(port);
        }
        let mut news = false;
        for port in touched {
            news |= self.settle(port, services);
        }
        news
    }

    /// The service is not `old` any more. Tells whether the members changed.
    pub(super) fn replace_service(
        &mut self,
        old: Option<&Service>,
        new: Option<&Service>,
        services: &Services,
    ) -> bool {
        let Some(service) = old.or(new) else { return false };
        let first = ServicePortKey { service: service.name.clone(), name: "".into(), protocol: Protocol(0) };
        let ports = self.open.range(first..).take_while(|port| port.service == service.name);
        let hosts = services.hosts();
        let mut news = false;
        for port in ports {
            news |= !self.members.replace(&fronts(old, port, hosts), &fronts(new, port, hosts)).is_empty();
        }
        news
    }

    /// Node ports answered on `lost` until now, and do on `gained` from now on. Tells whether the members changed.
    pub(super) fn replace_hosts(
        &mut self,
        lost: &BTreeSet<std::net::IpAddr>,
        gained: &BTreeSet<std::net::IpAddr>,
        services: &Services,
    ) -> bool {
        let mut news = false;
        for port in &self.open {
            let service = services.service(&port.service);
            // What is dialled otherwise is in both, and so stays.
            let (old, new) = (fronts(service, port, lost), fronts(service, port, gained));
            news |= !self.members.replace(&old, &new).is_empty();
        }
        news
    }

    /// Puts the fronts of a port in or out. Tells whether the members changed.
    fn settle(&mut self, port: &ServicePortKey, services: &Services) -> bool {
        let count = services.backends().map_or(0, |all| all.count(port));
        let opens = count > 0 && self.included.get(port).map_or(0, BTreeSet::len) == count;
        let nothing = BTreeSet::new();
        if opens && self.open.insert(port.clone()) {
            !self.members.replace(&nothing, &services.fronts(port)).is_empty()
        } else if !opens && self.open.remove(port) {
            !self.members.replace(&services.fronts(port), &nothing).is_empty()
        } else {
            false
        }
    }

    fn includes(&self, endpoint: &AddressPort) -> bool {
        let any_port = self.ports.is_empty() && self.names.is_empty();
        self.protocol.is_none_or(|protocol| endpoint.protocol == protocol)
            && (any_port
                || self.ports.iter().any(|range| range.contains(endpoint.port))
                || self.named.contains(endpoint))
            && self.covers(endpoint)
    }

    fn covers(&self, endpoint: &AddressPort) -> bool {
        let widths = self.widths.get(Family::of(&endpoint.address));
        let net = |width: &u8| IpNet::new(endpoint.address, *width).ok().map(|net| net.trunc());
        widths.keys().filter_map(net).any(|net| self.nets.contains(&net))
    }

    /// Takes account of a network that has just come or gone.
    fn count_width(&mut self, net: &IpNet) {
        let widths = self.widths.get_mut(Family::of_net(net));
        let count = widths.entry(net.prefix_len()).or_default();
        if self.nets.contains(net) {
            *count += 1;
        } else {
            *count -= 1;
        }
        if *count == 0 {
            widths.remove(&net.prefix_len());
        }
    }
}
