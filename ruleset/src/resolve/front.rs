//! Fronts: by what services are dialled all of whose endpoints a rule's receiver includes.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::{
    member::{Counted, Owner},
    service::{Backend, ServicePortKey, Services, fronts},
};
use crate::{
    address::{Family, PerFamily},
    ir::{AddressPort, Receiver},
    name::PortName,
    port::Port,
    protocol::Protocol,
    resource::Service,
};

/// A set of fronts, and what decides who is in it.
///
/// What a receiver includes is known per endpoint, so that a change costs as many questions as endpoints change, whatever the size of a service.
#[derive(Debug)]
pub(super) struct Fronts {
    /// What the receiver asks besides its selector.
    receiver: Receiver,
    /// What the receiver's selector covers.
    nets: Counted<IpNet>,
    /// How many of these there are of each prefix length.
    widths: PerFamily<BTreeMap<u8, usize>>,
    /// Ports that endpoints of the selector name as the receiver asks.
    named: Counted<AddressPort>,
    /// Ports that endpoints of the selector name as the receiver forbids.
    not_named: Counted<AddressPort>,
    /// The backends that the receiver includes.
    included: BTreeMap<ServicePortKey, BTreeSet<AddressPort>>,
    /// Ports all of whose backends are included.
    open: BTreeSet<ServicePortKey>,
    members: Counted<AddressPort>,
}

impl Fronts {
    /// No fronts, of a receiver.
    pub(super) fn new(receiver: Receiver) -> Self {
        Self {
            receiver,
            nets: Counted::default(),
            widths: PerFamily::default(),
            named: Counted::default(),
            not_named: Counted::default(),
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
        let Receiver { protocol, ports, not_ports, .. } = &self.receiver;
        let count = |counted: &mut Counted<AddressPort>, ports: &[Port]| {
            let names = names(ports);
            counted.replace(&old.address_ports(*protocol, &names), &new.address_ports(*protocol, &names))
        };
        let named = [count(&mut self.named, ports), count(&mut self.not_named, not_ports)].concat();
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
        let Receiver { protocol, nets, not_nets, ports, not_ports } = &self.receiver;
        let by_number = |ports: &[Port]| {
            ports.iter().any(|port| matches!(port, Port::Number(range) if range.contains(endpoint.port)))
        };
        let lies_in = |nets: &[IpNet]| nets.iter().any(|net| net.contains(&endpoint.address));
        let family = Family::of(&endpoint.address);
        let is_judged = not_nets.is_empty() || not_nets.iter().any(|net| Family::of_net(net) == family);
        protocol.is_none_or(|protocol| endpoint.protocol == protocol)
            && (ports.is_empty() || by_number(ports) || self.named.contains(endpoint))
            && !(by_number(not_ports) || self.not_named.contains(endpoint))
            && (nets.is_empty() || lies_in(nets))
            && (is_judged && !lies_in(not_nets))
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

/// The ports of a list that are given by name.
fn names(ports: &[Port]) -> Vec<PortName> {
    let name = |port: &Port| match port {
        Port::Named(name) => Some(name.clone()),
        Port::Number(_) => None,
    };
    ports.iter().filter_map(name).collect()
}
