//! What one node does with Services in one family, before it is written in the words of a program.

use std::net::{IpAddr, SocketAddr};

use ferrule_ruleset::{address::Family, protocol::Protocol};
use ipnet::IpNet;

use super::{Endpoint, HostPort, Node, Service, ServicePort, TrafficPolicy, of_family, sockets};

/// A node's part.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The family; nothing in it is of the other.
    pub family: Family,
    /// The network that pods are in.
    pub pods: IpNet,
    /// The address that takes NodePorts where not every address of the node does.
    pub primary: Option<IpAddr>,
    /// All ports of all Services.
    pub ports: Vec<Port>,
    /// Ports of the node that belong to pods of the node.
    pub host_ports: Vec<Translation>,
}

/// One port of one Service.
#[derive(Clone, Debug)]
pub struct Port {
    /// `namespace/name:port`, for comments.
    pub label: String,
    /// The protocol.
    pub protocol: Protocol,
    /// Cluster addresses.
    pub cluster: Vec<SocketAddr>,
    /// Addresses of load balancers, and external addresses.
    pub external: Vec<SocketAddr>,
    /// The port of the node.
    pub node_port: Option<u16>,
    /// Where traffic from outside may go.
    pub policy: TrafficPolicy,
    /// All endpoints.
    pub endpoints: Vec<SocketAddr>,
    /// Those of this node.
    pub local: Vec<SocketAddr>,
}

/// A port of the node that is a port of a pod.
#[derive(Clone, Copy, Debug)]
pub struct Translation {
    /// The protocol.
    pub protocol: Protocol,
    /// The port of the node.
    pub port: u16,
    /// The pod's.
    pub to: SocketAddr,
}

impl Plan {
    /// The part of one node in one family.
    pub fn new(family: Family, node: &Node, services: &[Service], host_ports: &[HostPort]) -> Self {
        let ports = services.iter().flat_map(|service| {
            service.ports.iter().map(|port| Port::new(family, &node.name, service, *port))
        });
        let host_ports = host_ports.iter().filter(|port| port.pod.node == node.name).flat_map(|port| {
            let to = sockets(&port.pod.addresses, family, port.container_port);
            to.into_iter().map(|to| Translation { protocol: port.protocol, port: port.port, to })
        });
        Self {
            family,
            pods: *node.pod_networks.get(family),
            primary: of_family(&node.addresses, family).next(),
            // A Service without a cluster address in a family does not exist in it.
            ports: ports.filter(|port| !port.cluster.is_empty()).collect(),
            host_ports: host_ports.collect(),
        }
    }
}

impl Port {
    fn new(family: Family, node: &str, service: &Service, port: ServicePort) -> Self {
        let targets = |endpoint: &Endpoint| sockets(&endpoint.addresses, family, port.target_port);
        let local = service.endpoints.iter().filter(|endpoint| endpoint.node == node);
        let external = [service.load_balancer_ips.as_slice(), &service.external_ips].concat();
        Self {
            label: format!("{}:{}", service.name, port.port),
            protocol: port.protocol,
            cluster: sockets(&service.cluster_ips, family, port.port),
            external: sockets(&external, family, port.port),
            node_port: port.node_port,
            policy: service.external_traffic_policy,
            endpoints: service.endpoints.iter().flat_map(targets).collect(),
            local: local.flat_map(targets).collect(),
        }
    }

    /// Whether anything but pods and the node itself can come in.
    pub fn is_external(&self) -> bool {
        !self.external.is_empty() || self.node_port.is_some()
    }

    /// The protocol as nft and iptables write it.
    pub fn protocol_name(&self) -> String {
        protocol_name(self.protocol)
    }
}

/// A protocol as nft and iptables write it.
pub fn protocol_name(protocol: Protocol) -> String {
    protocol.to_string().to_ascii_lowercase()
}

/// A stable short name for something long (FNV-1a, 64 bits), since names of chains are limited.
pub fn digest(parts: &[&str]) -> String {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016X}")
}
