//! Members of address sets.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;

use super::{World, host, inherit_namespace, matches, pod};
use crate::{
    address::{Family, PerFamily},
    ir::{AddressPort, AddressSet, AddressSetKey, Members, Receiver, Surroundings},
    labels::Labels,
    name::{ObjectName, PortName},
    port::{NamedPort, Port},
    protocol::Protocol,
    resource::{EndpointSlice, Resource},
    selector::Selector,
    store::Store,
};

/// What has addresses: labels, networks, named ports.
pub(super) type Peer = (Labels, Vec<IpNet>, Vec<NamedPort>);

pub(super) fn peers(world: World<'_>) -> Vec<Peer> {
    let nets = |addresses: &[IpAddr]| addresses.iter().copied().map(IpNet::from).collect();
    let mut peers = Vec::new();
    for it in world.pods().filter(|it| pod::is_active(it) && it.node.is_some()) {
        peers.push((pod::labels(world.store, it), nets(&it.addresses), it.ports.clone()));
    }
    for it in host::all(world).iter().filter(|it| host::is_active(it)) {
        peers.push((host::labels(world.store, it), nets(&it.expected_addresses), it.ports.clone()));
    }
    for resource in world.store.resources() {
        if let Resource::NetworkSet(set) = resource {
            let mut labels = set.labels.clone();
            if let Some(namespace) = &set.key.namespace {
                inherit_namespace(world.store, &mut labels, namespace.as_str());
            }
            peers.push((labels, set.nets.clone(), Vec::new()));
        }
    }
    peers
}

pub(super) fn address_set(
    store: &Store,
    surroundings: &Surroundings,
    key: &AddressSetKey,
    selector: Option<&Selector>,
    peers: &[Peer],
) -> AddressSet {
    let text = selector.map(ToString::to_string).unwrap_or_default();
    let selected: Vec<&Peer> = peers
        .iter()
        .filter(|(labels, ..)| selector.is_some_and(|selector| matches(selector, labels)))
        .collect();
    let (description, members) = match key {
        AddressSetKey::Selector(_) => (text, of_nets(&nets(&selected))),
        AddressSetKey::NodeAddresses(_) => {
            let nodes =
                store.resources().filter_map(|it| if let Resource::Node(it) = it { Some(it) } else { None });
            let selected =
                nodes.filter(|node| selector.is_some_and(|selector| matches(selector, &node.labels)));
            let addresses = selected.flat_map(|node| node.addresses.iter().copied());
            (format!("nodes of {text}"), of_nets(&addresses.map(IpNet::from).collect()))
        }
        AddressSetKey::NamedPort { protocol, port, .. } => {
            let suffix = protocol.map(|protocol| format!("/{protocol}")).unwrap_or_default();
            (format!("{text} port {port}{suffix}"), of_ports(&named(&selected, *protocol, port)))
        }
        AddressSetKey::ServiceAddresses(service) => {
            let addresses = slices(store, service).flat_map(|slice| slice.addresses.iter().copied());
            (format!("endpoints of {service}"), of_nets(&addresses.map(IpNet::from).collect()))
        }
        AddressSetKey::ServicePorts(service) => {
            let endpoints = endpoints(store, service).into_iter().map(|(_, endpoint)| endpoint);
            (format!("ports of {service}"), of_ports(&endpoints.collect()))
        }
        AddressSetKey::ServiceFronts { receiver, .. } => {
            let included = |endpoint: &AddressPort| includes(&selected, receiver, endpoint);
            (format!("services of {text}"), of_ports(&fronts(store, surroundings, included)))
        }
    };
    AddressSet { description: description.into(), members }
}

fn nets(selected: &[&Peer]) -> BTreeSet<IpNet> {
    selected.iter().flat_map(|(_, nets, _)| nets.iter().copied()).collect()
}

fn named(selected: &[&Peer], protocol: Option<Protocol>, name: &PortName) -> BTreeSet<AddressPort> {
    let mut members = BTreeSet::new();
    for (_, nets, ports) in selected {
        for port in ports.iter().filter(|port| port.name == *name && port.protocol.has_ports()) {
            if protocol.is_none() || protocol == Some(port.protocol) {
                let at = |net: &IpNet| AddressPort {
                    address: net.addr(),
                    protocol: port.protocol,
                    port: port.port,
                };
                members.extend(nets.iter().map(at));
            }
        }
    }
    members
}

fn slices<'a>(store: &'a Store, service: &'a ObjectName) -> impl Iterator<Item = &'a EndpointSlice> {
    let resources = store.resources();
    let slices =
        resources.filter_map(|it| if let Resource::EndpointSlice(it) = it { Some(it) } else { None });
    slices.filter(move |slice| slice.service.as_ref() == Some(service))
}

/// Every endpoint of a service, with the name of its port.
fn endpoints(store: &Store, service: &ObjectName) -> BTreeSet<(String, AddressPort)> {
    let mut endpoints = BTreeSet::new();
    for slice in slices(store, service) {
        for port in &slice.ports {
            let at = |address: &IpAddr| {
                (
                    port.name.to_string(),
                    AddressPort { address: *address, protocol: port.protocol, port: port.port },
                )
            };
            endpoints.extend(slice.addresses.iter().map(at));
        }
    }
    endpoints
}

fn includes(selected: &[&Peer], receiver: &Receiver, endpoint: &AddressPort) -> bool {
    let is_selected = nets(selected).iter().any(|net| net.contains(&endpoint.address));
    let is_port = |port: &Port| match port {
        Port::Number(range) => range.contains(endpoint.port),
        Port::Named(name) => named(selected, receiver.protocol, name).contains(endpoint),
    };
    let holds = |net: &IpNet| net.contains(&endpoint.address);
    let other_family = |net: &IpNet| net.addr().is_ipv4() != endpoint.address.is_ipv4();
    is_selected
        && (receiver.protocol.is_none() || receiver.protocol == Some(endpoint.protocol))
        && (receiver.ports.is_empty() || receiver.ports.iter().any(is_port))
        && !receiver.not_ports.iter().any(is_port)
        && (receiver.nets.is_empty() || receiver.nets.iter().any(holds))
        && (receiver.not_nets.is_empty() || !receiver.not_nets.iter().all(other_family))
        && !receiver.not_nets.iter().any(holds)
}

fn fronts(
    store: &Store,
    surroundings: &Surroundings,
    included: impl Fn(&AddressPort) -> bool,
) -> BTreeSet<AddressPort> {
    let mut fronts = BTreeSet::new();
    for resource in store.resources() {
        let Resource::Service(service) = resource else { continue };
        let endpoints = endpoints(store, &service.name);
        for port in &service.ports {
            let protocol = port.protocol;
            let mut behind = endpoints
                .iter()
                .filter(|(name, endpoint)| **name == *port.name && endpoint.protocol == protocol)
                .map(|(_, endpoint)| endpoint)
                .peekable();
            if behind.peek().is_none() || !behind.all(&included) {
                continue;
            }
            let at = |address: &IpAddr, port| AddressPort { address: *address, protocol, port };
            fronts.extend(service.addresses.iter().map(|address| at(address, port.port)));
            if let Some(node_port) = port.node_port {
                let hosts = surroundings.hosts.iter().filter(|host| !host.is_loopback());
                fronts.extend(hosts.map(|host| at(host, node_port)));
            }
        }
    }
    fronts
}

fn of_nets(nets: &BTreeSet<IpNet>) -> Members {
    let of_family = |family| nets.iter().filter(|net| Family::of_net(net) == family).copied().collect();
    Members::Nets(PerFamily::from_fn(of_family))
}

fn of_ports(ports: &BTreeSet<AddressPort>) -> Members {
    let of_family =
        |family| ports.iter().filter(|port| Family::of(&port.address) == family).copied().collect();
    Members::AddressPorts(PerFamily::from_fn(of_family))
}
