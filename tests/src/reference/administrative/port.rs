//! What a rule asks of the traffic: an entry of `protocols`, or of `ports` in `v1alpha1`.

use serde_json::Value;

use super::Kind;
use crate::reference::{
    field::{Field, has_only, text},
    packet::{Packet, SCTP, TCP, UDP},
    world::World,
};

/// A port.
#[derive(Debug)]
pub enum Port {
    /// First and last number, of a protocol.
    Range(u8, u16, u16),
    /// What the receiving pod calls so, of whatever protocol.
    Named(String),
}

impl Port {
    /// Reads an entry of a kind's list.
    pub fn read(value: &Value, kind: Kind) -> Option<Self> {
        match kind {
            Kind::Cluster => read_protocol(value),
            Kind::Admin | Kind::Baseline => read_port(value),
        }
    }

    /// Whether a packet goes to such a port.
    pub fn matches(&self, world: &World, packet: &Packet) -> bool {
        match self {
            Self::Range(protocol, first, last) => {
                packet.protocol == *protocol && (*first..=*last).contains(&packet.port)
            }
            Self::Named(name) => world.endpoints_at(packet.destination).any(|pod| {
                let mut ports = pod.ports.iter();
                ports.any(|it| it.name == *name && it.protocol == packet.protocol && it.port == packet.port)
            }),
        }
    }
}

fn read_protocol(value: &Value) -> Option<Port> {
    let (name, value) = only(value, &["tcp", "udp", "sctp", "destinationNamedPort"])?;
    let protocol = match name {
        "tcp" => TCP,
        "udp" => UDP,
        "sctp" => SCTP,
        _ => return named(value),
    };
    let (_, port) = only(value, &["destinationPort"])?;
    match only(port, &["number", "range"])? {
        ("number", value) => number(value).map(|port| Port::Range(protocol, port, port)),
        (_, value) => range(value, &["start", "end"], protocol),
    }
}

fn read_port(value: &Value) -> Option<Port> {
    match only(value, &["portNumber", "portRange", "namedPort"])? {
        ("portNumber", value) if has_only(value, &["protocol", "port"]) => {
            let port = number(value.get("port")?)?;
            Some(Port::Range(protocol(value)?, port, port))
        }
        ("portNumber", _) => None,
        ("portRange", value) => range(value, &["protocol", "start", "end"], protocol(value)?),
        (_, value) => named(value),
    }
}

/// The one field that an object has, which must be one of these.
fn only<'a>(value: &'a Value, names: &[&str]) -> Option<(&'a str, &'a Value)> {
    let mut given = value.as_object()?.iter().filter(|(_, value)| !value.is_null());
    let ((name, value), None) = (given.next()?, given.next()) else { return None };
    names.contains(&name.as_str()).then_some((name, value))
}

fn number(value: &Value) -> Option<u16> {
    u16::try_from(value.as_u64()?).ok().filter(|port| *port > 0)
}

/// The first port must be less than the last (API validation).
fn range(value: &Value, fields: &[&str], protocol: u8) -> Option<Port> {
    let (first, last) = (number(value.get("start")?)?, number(value.get("end")?)?);
    (has_only(value, fields) && first < last).then_some(Port::Range(protocol, first, last))
}

/// TCP if none is given.
fn protocol(value: &Value) -> Option<u8> {
    match Field::of(value, "protocol", text) {
        Field::Absent => Some(TCP),
        Field::Known(name) => match name.as_str() {
            "TCP" => Some(TCP),
            "UDP" => Some(UDP),
            "SCTP" => Some(SCTP),
            _ => None,
        },
        Field::Doubtful => None,
    }
}

/// A name with a letter in it; no port of a container has one without.
fn named(value: &Value) -> Option<Port> {
    let name = value.as_str()?;
    name.bytes().any(|byte| byte.is_ascii_alphabetic()).then(|| Port::Named(name.to_owned()))
}
