//! Services and their endpoints: where a packet that is sent to a service goes, and what `services` in rules means.
//!
//! kube-proxy with `externalTrafficPolicy` Cluster and Local, ClusterIP, NodePort, LoadBalancer and external addresses (policy-model §6d, §6f).

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::Value;

use super::{
    packet::{Packet, TCP},
    world::{World, name_of, namespace_of},
};
use crate::flow::protocol_number;

/// A Service.
#[derive(Debug)]
pub struct Service {
    /// Namespace and name.
    pub name: (String, String),
    /// Its cluster addresses.
    pub cluster: Vec<IpAddr>,
    /// Its external and load balancer addresses.
    pub external: Vec<IpAddr>,
    /// Whether traffic from outside stays on the node that it comes to.
    pub local_only: bool,
    /// Its ports.
    pub ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Debug)]
pub struct ServicePort {
    name: String,
    protocol: u8,
    port: u16,
    node_port: Option<u16>,
}

/// One endpoint behind one port of a service, by EndpointSlices.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Backend {
    service: (String, String),
    name: String,
    /// Protocol number.
    pub protocol: u8,
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// Whether kube-proxy sends anything there.
    pub ready: bool,
}

/// A port of a service, and how the packet came to it.
#[derive(Clone, Copy, Debug)]
pub struct Front<'a> {
    service: &'a Service,
    port: &'a ServicePort,
    by_cluster_address: bool,
}

/// Where a packet that was sent to a service goes.
#[derive(Clone, Copy, Debug)]
pub struct Translation {
    /// The new destination.
    pub address: IpAddr,
    /// The new port.
    pub port: u16,
    /// Whether the packet leaves the node with the node's address as its source.
    pub masquerade: bool,
}

/// Who sends, as kube-proxy on a node tells senders apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A pod, of this node or another.
    Pod,
    /// The node itself.
    Itself,
    /// Anybody else.
    Other,
}

impl Service {
    /// Reads a Service.
    pub fn read(object: &Value) -> Self {
        let spec = &object["spec"];
        let listed = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let addresses = |values: Vec<Value>| -> Vec<IpAddr> {
            values.iter().filter_map(|value| value.as_str()?.parse().ok()).collect()
        };
        let mut cluster = addresses(listed(&spec["clusterIPs"]));
        if cluster.is_empty() {
            cluster = addresses(vec![spec["clusterIP"].clone()]);
        }
        let balancers = object.pointer("/status/loadBalancer/ingress").map(listed).unwrap_or_default();
        let balancers = balancers.iter().map(|entry| entry["ip"].clone()).collect();
        Self {
            name: (namespace_of(object), name_of(object)),
            cluster,
            external: [addresses(listed(&spec["externalIPs"])), addresses(balancers)].concat(),
            local_only: spec["externalTrafficPolicy"] == "Local",
            ports: listed(&spec["ports"]).iter().filter_map(service_port).collect(),
        }
    }
}

fn service_port(value: &Value) -> Option<ServicePort> {
    Some(ServicePort {
        name: value["name"].as_str().unwrap_or_default().to_owned(),
        protocol: value["protocol"].as_str().map_or(Some(TCP), protocol_number)?,
        port: value["port"].as_u64()?.try_into().ok()?,
        node_port: value["nodePort"].as_u64().and_then(|port| port.try_into().ok()),
    })
}

/// The endpoints in a slice: every address with every port that has a number (policy-model §1.3). A slice of no service has none.
pub fn backends(slice: &Value) -> Vec<Backend> {
    let Some(service) = service_of(slice) else { return Vec::new() };
    let mut backends = BTreeSet::new();
    for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
        let ready = endpoint["conditions"]["ready"] != false;
        let addresses = endpoint["addresses"].as_array().into_iter().flatten();
        for address in addresses.filter_map(|address| address.as_str()?.parse().ok()) {
            for port in slice["ports"].as_array().into_iter().flatten() {
                let protocol = port["protocol"].as_str().map_or(Some(TCP), protocol_number);
                let number = port["port"].as_u64().and_then(|port| port.try_into().ok());
                let (Some(protocol), Some(number)) = (protocol, number) else { continue };
                let name = port["name"].as_str().unwrap_or_default().to_owned();
                let service = service.clone();
                backends.insert(Backend { service, name, protocol, address, port: number, ready });
            }
        }
    }
    backends.into_iter().collect()
}

/// The addresses in a slice, whatever ports it has.
pub fn addresses(slice: &Value) -> Vec<((String, String), IpAddr)> {
    let Some(service) = service_of(slice) else { return Vec::new() };
    let endpoints = slice["endpoints"].as_array().into_iter().flatten();
    let listed = endpoints.filter_map(|endpoint| endpoint["addresses"].as_array()).flatten();
    let addresses = listed.filter_map(|address| address.as_str()?.parse().ok());
    addresses.map(|address| (service.clone(), address)).collect()
}

/// The service that a slice is of, if it is of any.
fn service_of(slice: &Value) -> Option<(String, String)> {
    let label = slice["metadata"]["labels"]["kubernetes.io/service-name"].as_str();
    label.filter(|service| !service.is_empty()).map(|service| (namespace_of(slice), service.to_owned()))
}

/// Whether a rule that names a service means this address; with a port, for receivers, also this protocol and port (§1.1 "services").
pub fn includes(world: &World, service: &(String, String), address: IpAddr, port: Option<(u8, u16)>) -> bool {
    let Some(port) = port else {
        return world.behind_services.iter().any(|(of, at)| of == service && *at == address);
    };
    world.backends.iter().any(|backend| {
        backend.service == *service && backend.address == address && port == (backend.protocol, backend.port)
    })
}

impl<'a> Front<'a> {
    /// The service port that is dialled by an address and port, on any node.
    pub fn dialled(world: &'a World, address: IpAddr, protocol: u8, port: u16) -> Option<Self> {
        let is_node = world.nodes.values().any(|addresses| addresses.contains(&address));
        world.services.iter().find_map(|service| {
            let by_cluster_address = service.cluster.contains(&address);
            let by_address = by_cluster_address || service.external.contains(&address);
            let found = service.ports.iter().find(|it| {
                let meant = by_address && it.port == port || is_node && it.node_port == Some(port);
                it.protocol == protocol && meant
            })?;
            Some(Self { service, port: found, by_cluster_address })
        })
    }

    /// All endpoints of the port, ready or not, in both families.
    pub fn backends(self, world: &'a World) -> impl Iterator<Item = &'a Backend> {
        world.backends.iter().filter(move |backend| {
            backend.service == self.service.name
                && (&backend.name, backend.protocol) == (&self.port.name, self.port.protocol)
        })
    }

    /// Where kube-proxy on a node sends a packet. An error if nobody can tell: nobody takes it, or one of several.
    pub fn translate(
        self,
        world: &World,
        node: &str,
        packet: &Packet,
        sender: Sender,
    ) -> Result<Translation, String> {
        let confined = self.service.local_only && !self.by_cluster_address && sender == Sender::Other;
        let here = |address| match world.endpoints_at(address).next() {
            Some(pod) => pod.node == node,
            None => world.nodes.get(node).is_some_and(|addresses| addresses.contains(&address)),
        };
        let v4 = packet.destination.is_ipv4();
        let ready = self.backends(world).filter(|it| it.ready && it.address.is_ipv4() == v4);
        let ready: Vec<_> = ready.filter(|backend| !confined || here(backend.address)).collect();
        let [backend] = ready[..] else {
            return Err(format!("{} ready endpoints behind {}", ready.len(), packet.destination));
        };
        let hairpin = packet.source == backend.address;
        let masquerade = if self.by_cluster_address {
            sender == Sender::Other
        } else {
            !self.service.local_only || sender == Sender::Itself
        };
        Ok(Translation { address: backend.address, port: backend.port, masquerade: masquerade || hairpin })
    }
}
