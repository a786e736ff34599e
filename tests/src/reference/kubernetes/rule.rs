//! A rule of a NetworkPolicy: peers and ports, each a list of alternatives, each list asking nothing if it is empty or absent.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::LabelSelector;
use crate::{
    reference::{
        field::{Field, List, has_only, text},
        packet::{Packet, SCTP, TCP, UDP},
        policy::all_backends,
        truth::Truth,
        world::World,
    },
    verdict::Direction,
};

/// What a rule matches.
#[derive(Debug)]
pub struct Rule {
    namespace: String,
    peers: List<Peer>,
    ports: List<Port>,
    understood: bool,
}

#[derive(Debug)]
enum Peer {
    /// Pods of the namespaces that one selector matches (the policy's own if there is none) that another matches (all if there is none).
    Pods { namespaces: Field<LabelSelector>, pods: Field<LabelSelector> },
    /// Addresses in a network, less those in the exceptions.
    Block { net: IpNet, except: List<IpNet> },
}

#[derive(Debug)]
struct Port {
    protocol: u8,
    number: Number,
}

#[derive(Debug)]
enum Number {
    Any,
    Range(u16, u16),
    /// Whatever the destination pod calls so.
    Named(String),
}

impl Rule {
    /// Reads a rule of a policy in a namespace; its peers stand in the field `peers`.
    pub fn read(rule: &Value, peers: &str, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            peers: List::of(rule, peers, read_peer),
            ports: List::of(rule, "ports", read_port),
            understood: has_only(rule, &[peers, "ports"]),
        }
    }

    /// Whether any part could not be understood.
    pub fn is_doubtful(&self) -> bool {
        let peer = |peer: &Peer| match peer {
            Peer::Pods { namespaces, pods } => [namespaces, pods]
                .into_iter()
                .any(|field| field.is_doubtful() || field.known().is_some_and(LabelSelector::is_doubtful)),
            Peer::Block { net, except } => {
                // The API wants exceptions inside their block; elsewhere they are odd, though they mean nothing.
                except.is_doubtful() || !except.known().all(|hole| net.contains(hole))
            }
        };
        !self.understood
            || self.peers.is_doubtful()
            || self.ports.is_doubtful()
            || self.peers.known().any(peer)
    }

    /// Whether it matches a packet in a direction.
    pub fn matches(&self, world: &World, packet: &Packet, direction: Direction) -> Truth {
        let address = match direction {
            Direction::Ingress => packet.source,
            Direction::Egress => packet.destination,
        };
        let from_or_to = if self.peers.is_empty() {
            Truth::Yes
        } else {
            self.peers.any(|peer| self.peer_matches(peer, world, address))
        };
        from_or_to.and(self.rest_matches(world, packet))
    }

    /// Whether everything but the peers matches.
    fn rest_matches(&self, world: &World, packet: &Packet) -> Truth {
        let understood = if self.understood { Truth::Yes } else { Truth::Maybe };
        let ports = if self.ports.is_empty() {
            Truth::Yes
        } else {
            self.ports.any(|port| port_matches(port, world, packet).into())
        };
        understood.and(ports)
    }

    /// Whether an egress rule means a packet by what was dialled: peer by peer, one that selects pods if it selects all endpoints of the service, a block
    /// if it holds the address that this node has translated.
    pub fn means_dialled(&self, world: &World, packet: &Packet) -> Truth {
        self.peers.any(|peer| {
            let matches = |packet: &Packet| {
                self.peer_matches(peer, world, packet.destination).and(self.rest_matches(world, packet))
            };
            match peer {
                Peer::Pods { .. } => all_backends(world, packet, matches),
                Peer::Block { .. } => {
                    packet.dialled.map_or(Truth::No, |(address, port)| matches(&packet.to(address, port)))
                }
            }
        })
    }

    fn peer_matches(&self, peer: &Peer, world: &World, address: IpAddr) -> Truth {
        match peer {
            Peer::Pods { namespaces, pods } => Truth::any(world.endpoints_at(address).map(|pod| {
                let in_namespace = match namespaces {
                    Field::Absent => (pod.namespace == self.namespace).into(),
                    Field::Doubtful => Truth::Maybe,
                    Field::Known(selector) => selector.matches(&world.namespaces[&pod.namespace]),
                };
                in_namespace.and(pods.demands(|selector| selector.matches(&pod.written)))
            })),
            Peer::Block { net, except } => {
                let excepted = except.any(|hole| hole.contains(&address).into());
                Truth::from(net.contains(&address)).and(!excepted)
            }
        }
    }
}

/// A named port is resolved on the pod that receives, in either direction (§1.4).
fn port_matches(port: &Port, world: &World, packet: &Packet) -> bool {
    if packet.protocol != port.protocol {
        return false;
    }
    match &port.number {
        Number::Any => true,
        Number::Range(first, last) => (*first..=*last).contains(&packet.port),
        Number::Named(name) => world.endpoints_at(packet.destination).any(|pod| {
            pod.ports
                .iter()
                .any(|it| it.name == *name && it.protocol == packet.protocol && it.port == packet.port)
        }),
    }
}

/// A peer needs at least one field, and `ipBlock` stands alone (§1.4, API validation).
fn read_peer(value: &Value) -> Option<Peer> {
    if !has_only(value, &["podSelector", "namespaceSelector", "ipBlock"]) {
        return None;
    }
    let pods = Field::of(value, "podSelector", LabelSelector::read);
    let namespaces = Field::of(value, "namespaceSelector", LabelSelector::read);
    let selects = pods.is_given() || namespaces.is_given();
    match (selects, Field::of(value, "ipBlock", read_block)) {
        (true, Field::Absent) => Some(Peer::Pods { namespaces, pods }),
        (false, Field::Known(block)) => Some(block),
        _ => None,
    }
}

fn read_block(value: &Value) -> Option<Peer> {
    let net = |value: &Value| value.as_str()?.parse::<IpNet>().ok();
    if !has_only(value, &["cidr", "except"]) {
        return None;
    }
    Some(Peer::Block { net: net(&value["cidr"])?, except: List::of(value, "except", net) })
}

/// Protocol TCP if none is given; `endPort` needs a numeric port that is not greater (§1.4).
fn read_port(value: &Value) -> Option<Port> {
    if !has_only(value, &["protocol", "port", "endPort"]) {
        return None;
    }
    let protocol = match Field::of(value, "protocol", text) {
        Field::Absent => TCP,
        Field::Known(name) => match name.as_str() {
            "TCP" => TCP,
            "UDP" => UDP,
            "SCTP" => SCTP,
            _ => return None,
        },
        Field::Doubtful => return None,
    };
    let number = |value: &Value| u16::try_from(value.as_u64()?).ok().filter(|port| *port > 0);
    let last = Field::of(value, "endPort", number);
    let number = match (Field::of(value, "port", number), &value["port"], last) {
        (Field::Absent, _, Field::Absent) => Number::Any,
        (Field::Known(port), _, Field::Absent) => Number::Range(port, port),
        (Field::Known(first), _, Field::Known(last)) if first <= last => Number::Range(first, last),
        (Field::Doubtful, Value::String(name), Field::Absent) if is_port_name(name) => {
            Number::Named(name.clone())
        }
        (Field::Absent | Field::Known(_) | Field::Doubtful, _, _) => return None,
    };
    Some(Port { protocol, number })
}

/// `IANA_SVC_NAME`: 1 to 15 of lower-case letters, digits and single hyphens inside, at least one letter.
fn is_port_name(name: &str) -> bool {
    let characters =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let hyphens = name.starts_with('-') || name.ends_with('-') || name.contains("--");
    (1..=15).contains(&name.len())
        && characters
        && !hyphens
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
}
