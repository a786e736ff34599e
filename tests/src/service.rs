//! Services as kube-proxy puts them into a node's kernel.
//!
//! ```text
//! Service, HostPort ─→ Plan (what one node does in one family) ─┬→ iptables: text for iptables-restore and ip6tables-restore
//!                                                               └→ nftables: text for `nft -f`
//! ```
//!
//! One plan, two renderers, both families by one code path. The rules have the structure of kube-proxy's own (its chains, its marks, its order), so that
//! what policy sees of a packet is what it sees on a node of a cluster. Deliberately absent: session affinity, source ranges of load balancers, health
//! check ports, topology hints and `internalTrafficPolicy: Local`; pod traffic is told from other traffic by the network that pods are in
//! (`detectLocalMode: ClusterCIDR`).
//!
//! [`bed`] wires nodes, pods and a client outside up for them, [`dial`] opens connections, [`witness`] has the kernel record what passes the places where
//! policy is applied, [`cell`] is the space of questions, [`expectation`] and [`policy`] the answers as an independent
//! model has them; [`truth`] measures all of them, [`scenario`] a few more, and [`document`] writes the measurements down.

pub mod bed;
pub mod cell;
pub mod dial;
pub mod document;
pub mod expectation;
mod host_port;
mod iptables;
pub mod layout;
mod manifest;
mod nftables;
mod plan;
pub mod policy;
pub mod scenario;
pub mod truth;
pub mod witness;

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use ferrule_ruleset::{
    address::{Family, PerFamily},
    protocol::Protocol,
};
use ipnet::IpNet;

use crate::namespace::Namespace;

use plan::Plan;

/// How kube-proxy programs the kernel (`mode` of its configuration).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// `iptables`.
    Iptables,
    /// `nftables`.
    Nftables,
}

impl Mode {
    /// Both modes.
    pub const ALL: [Self; 2] = [Self::Iptables, Self::Nftables];
}

/// `externalTrafficPolicy` of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrafficPolicy {
    /// Any endpoint will do; the source is masqueraded.
    Cluster,
    /// Only endpoints of the node that the packet has come to; the source is kept.
    Local,
}

/// A Service with its endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `namespace/name`.
    pub name: String,
    /// `spec.clusterIPs`, at most one per family.
    pub cluster_ips: Vec<IpAddr>,
    /// `status.loadBalancer.ingress[].ip` (`ipMode: VIP`).
    pub load_balancer_ips: Vec<IpAddr>,
    /// `spec.externalIPs`.
    pub external_ips: Vec<IpAddr>,
    /// `spec.externalTrafficPolicy`.
    pub external_traffic_policy: TrafficPolicy,
    /// `spec.ports`.
    pub ports: Vec<ServicePort>,
    /// Its ready endpoints.
    pub endpoints: Vec<Endpoint>,
}

/// A port of a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePort {
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The port of its cluster, load balancer and external addresses.
    pub port: u16,
    /// The port on every node, if it has one.
    pub node_port: Option<u16>,
    /// The port of its endpoints.
    pub target_port: u16,
}

/// A pod behind a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Its addresses, at most one per family.
    pub addresses: Vec<IpAddr>,
    /// The node that it runs on.
    pub node: String,
}

/// `hostPort` of a container: done by the CNI plug-in `portmap`, and only on the pod's own node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// TCP, UDP or SCTP.
    pub protocol: Protocol,
    /// The port on the node.
    pub port: u16,
    /// The pod.
    pub pod: Endpoint,
    /// The port of the container.
    pub container_port: u16,
}

/// A node as kube-proxy on it knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its addresses; the first of a family is the primary one.
    pub addresses: Vec<IpAddr>,
    /// The network that all pods of the cluster are in (`clusterCIDR`).
    pub pod_networks: PerFamily<IpNet>,
}

/// What is fed to one program in a node's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// `iptables-restore`, `ip6tables-restore` or `nft`.
    pub program: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
    /// Its standard input.
    pub text: String,
}

impl Script {
    /// Runs it. It replaces the tables that it names.
    pub fn run(&self, namespace: &Namespace) -> Result<()> {
        namespace.execute(self.program, self.arguments, &self.text).map(drop)
    }
}

/// What kube-proxy and the `portmap` plug-in write on a node for one family.
pub fn render(
    mode: Mode,
    family: Family,
    node: &Node,
    services: &[Service],
    host_ports: &[HostPort],
) -> Script {
    let plan = Plan::new(family, node, services, host_ports);
    match (mode, family) {
        (Mode::Iptables, Family::V4) => {
            Script { program: "iptables-restore", arguments: &["--wait"], text: iptables::render(&plan) }
        }
        (Mode::Iptables, Family::V6) => {
            Script { program: "ip6tables-restore", arguments: &["--wait"], text: iptables::render(&plan) }
        }
        (Mode::Nftables, Family::V4 | Family::V6) => {
            Script { program: "nft", arguments: &["-f", "-"], text: nftables::render(&plan) }
        }
    }
}

/// Puts the rules of both families into a node's kernel, in the place of those of the same mode that are there.
pub fn install(
    namespace: &Namespace,
    mode: Mode,
    node: &Node,
    services: &[Service],
    host_ports: &[HostPort],
) -> Result<()> {
    Family::ALL
        .into_iter()
        .try_for_each(|family| render(mode, family, node, services, host_ports).run(namespace))
}

/// The addresses of one family.
fn of_family(addresses: &[IpAddr], family: Family) -> impl Iterator<Item = IpAddr> {
    addresses.iter().copied().filter(move |address| Family::of(address) == family)
}

/// The same with a port.
fn sockets(addresses: &[IpAddr], family: Family, port: u16) -> Vec<SocketAddr> {
    of_family(addresses, family).map(|address| SocketAddr::new(address, port)).collect()
}
