//! The words a universe is made of, few enough that things meet.

use std::net::IpAddr;

use crate::flow::Peer;

/// Namespaces that may occur.
pub const NAMESPACES: [&str; 4] = ["default", "web", "db", "kube-system"];
/// Keys of labels.
pub const KEYS: [&str; 4] = ["app", "role", "name", "env"];
/// Values of labels; one of them often, so that selectors meet labels.
pub const VALUES: [&str; 6] = ["a", "a", "a", "b", "ab", ""];
/// Service accounts.
pub const ACCOUNTS: [&str; 3] = ["default", "builder", "reader"];
/// Names of ports.
pub const PORT_NAMES: [&str; 4] = ["http", "dns", "metrics", "sync-1"];
/// The name of a port of host endpoints, which rules of Kubernetes policies do not mean (they mean ports of pods).
pub const HOST_PORT_NAME: &str = "host-port";
/// Tiers besides the built-in ones; not all of them get a resource.
pub const TIERS: [&str; 5] = ["app", "security", "zeta", "absent-1", "absent-0"];
/// Port numbers at which ranges begin or end.
pub const PORTS: [u16; 6] = [53, 79, 80, 80, 8080, 65535];

/// What exists in a universe and is worth aiming at.
#[derive(Debug, Default)]
pub struct Vocabulary {
    /// Namespaces that exist, by a resource or because a pod is in them.
    pub namespaces: Vec<String>,
    /// Peers that can be named.
    pub peers: Vec<Peer>,
    /// Addresses of pods and nodes.
    pub addresses: Vec<IpAddr>,
    /// Addresses of nobody.
    pub outside: Vec<IpAddr>,
    /// Protocol and number of named ports.
    pub named_ports: Vec<(u8, u16)>,
    /// Ports at and next to the borders of rules.
    pub ports: Vec<u16>,
    /// Addresses at and next to the borders of networks.
    pub borders: Vec<IpAddr>,
    /// Services, by namespace and name. None, unless the nodes themselves are in play.
    pub services: Vec<(String, String)>,
    /// Where they are dialled.
    pub fronts: Vec<Front>,
}

/// A port of a service as it is dialled.
#[derive(Clone, Debug)]
pub struct Front {
    /// The address, or the node.
    pub to: Peer,
    /// Protocol number.
    pub protocol: u8,
    /// The port.
    pub port: u16,
    /// The node by which the world outside reaches the address.
    pub at: Option<String>,
}
