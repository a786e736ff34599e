//! A rule: peers, of which there must be one, and what it asks of the traffic.

use serde_json::Value;

use super::{Kind, peer::Peer, port::Port};
use crate::{
    reference::{
        field::{List, has_only},
        packet::Packet,
        policy::all_backends,
        truth::Truth,
        world::World,
    },
    verdict::Direction,
};

/// What a rule matches.
#[derive(Debug)]
pub struct Rule {
    peers: List<Peer>,
    /// Absent, it asks nothing.
    ports: Option<List<Port>>,
    understood: bool,
}

impl Rule {
    /// Reads a rule whose peers stand in the field `peers`.
    pub fn read(rule: &Value, kind: Kind, peers: &str) -> Self {
        let known: &[&str] = match (peers, kind) {
            ("from", _) => &["namespaces", "pods"],
            (_, Kind::Baseline) => &["namespaces", "pods", "nodes", "networks"],
            (_, Kind::Cluster | Kind::Admin) => &["namespaces", "pods", "nodes", "networks", "domainNames"],
        };
        let ports = if kind == Kind::Cluster { "protocols" } else { "ports" };
        let name_is_text = rule["name"].is_null() || rule["name"].is_string();
        Self {
            peers: List::of(rule, peers, |peer| Peer::read(peer, known, kind)),
            ports: (!rule[ports].is_null()).then(|| List::of(rule, ports, |port| Port::read(port, kind))),
            understood: has_only(rule, &["name", "action", peers, ports]) && name_is_text,
        }
    }

    /// Whether any part could not be understood: nodes and networks have no names for ports.
    pub fn is_doubtful(&self) -> bool {
        let empty = self.peers.is_empty() || self.ports.as_ref().is_some_and(List::is_empty);
        let doubtful = self.peers.is_doubtful() || self.ports.as_ref().is_some_and(List::is_doubtful);
        let peer = self.peers.known().any(Peer::is_doubtful);
        !self.understood || empty || doubtful || peer || self.is_contradictory()
    }

    /// Whether it asks for a port by name where there are none.
    fn is_contradictory(&self) -> bool {
        let mut ports = self.ports.iter().flat_map(List::known);
        self.peers.known().any(|peer| !peer.is_pods()) && ports.any(|port| matches!(port, Port::Named(_)))
    }

    /// Whether it matches a packet in a direction.
    pub fn matches(&self, world: &World, packet: &Packet, direction: Direction) -> Truth {
        let address = match direction {
            Direction::Ingress => packet.source,
            Direction::Egress => packet.destination,
        };
        let from_or_to = if self.peers.is_empty() {
            Truth::Maybe
        } else {
            self.peers.any(|peer| peer.has(world, address))
        };
        from_or_to.and(self.rest_matches(world, packet))
    }

    /// Whether everything but the peers matches.
    fn rest_matches(&self, world: &World, packet: &Packet) -> Truth {
        let understood = if self.understood && !self.is_contradictory() { Truth::Yes } else { Truth::Maybe };
        let ports = match &self.ports {
            None => Truth::Yes,
            Some(ports) if ports.is_empty() => Truth::Maybe,
            Some(ports) => ports.any(|port| port.matches(world, packet).into()),
        };
        understood.and(ports)
    }

    /// Whether an egress rule means a packet by what was dialled: peer by peer, pods if they are all endpoints of the service, nodes and networks if they
    /// have the address that this node has translated.
    pub fn means_dialled(&self, world: &World, packet: &Packet) -> Truth {
        self.peers.any(|peer| {
            let matches =
                |packet: &Packet| peer.has(world, packet.destination).and(self.rest_matches(world, packet));
            if peer.is_pods() {
                return all_backends(world, packet, matches);
            }
            packet.dialled.map_or(Truth::No, |(address, port)| matches(&packet.to(address, port)))
        })
    }
}
