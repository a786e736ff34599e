//! A rule of a Calico policy (policy-model §1.1, §4.3).

use serde_json::Value;

use super::entity::{End, Entity};
use crate::{
    flow::protocol_number,
    reference::{
        field::{Field, has_only},
        packet::{ICMP, ICMPV6, Packet, has_ports},
        truth::Truth,
        world::World,
    },
    verdict::Direction,
};

const FIELDS: [&str; 10] = [
    "action",
    "ipVersion",
    "protocol",
    "notProtocol",
    "icmp",
    "notICMP",
    "source",
    "destination",
    "metadata",
    // Known, and not understood: matching it takes more than a packet's headers.
    "http",
];

/// What a rule matches.
#[derive(Debug)]
pub struct Rule {
    ip_version: Field<u8>,
    protocol: Field<Protocol>,
    not_protocol: Field<Protocol>,
    icmp: Field<Icmp>,
    not_icmp: Field<Icmp>,
    source: Entity,
    destination: Entity,
    /// The parts are what the API allows to stand together.
    consistent: bool,
}

/// A protocol, and the IP version that giving it by name implies.
#[derive(Clone, Copy, Debug)]
struct Protocol {
    number: u8,
    implied_version: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Icmp {
    kind: Option<u8>,
    code: Option<u8>,
}

impl Rule {
    /// Reads a rule of a policy in a namespace, or of a policy that has none.
    pub fn read(rule: &Value, namespace: Option<&str>) -> Self {
        let mut read = Self {
            ip_version: Field::of(rule, "ipVersion", |version| match version.as_u64()? {
                4 => Some(4),
                6 => Some(6),
                _ => None,
            }),
            protocol: Field::of(rule, "protocol", read_protocol),
            not_protocol: Field::of(rule, "notProtocol", read_protocol),
            icmp: Field::of(rule, "icmp", read_icmp),
            not_icmp: Field::of(rule, "notICMP", read_icmp),
            source: Entity::read(&rule["source"], namespace),
            destination: Entity::read(&rule["destination"], namespace),
            consistent: has_only(rule, &FIELDS) && rule["http"].is_null(),
        };
        read.consistent &= read.is_consistent();
        read
    }

    /// What API validation demands across fields: ports need a protocol that has ports, or, if all are by name, none at all; `icmp` needs ICMP or ICMPv6, and the IP version must
    /// be that of either (§1.1).
    fn is_consistent(&self) -> bool {
        let protocol = self.protocol.known().map(|protocol| protocol.number);
        let numeric = self.source.has_numeric_ports() || self.destination.has_numeric_ports();
        let any_ports = self.source.has_ports() || self.destination.has_ports();
        let ports = match (numeric, &self.protocol) {
            (false, Field::Absent) => true,
            _ => !any_ports || protocol.is_some_and(has_ports),
        };
        let icmp = !self.icmp.is_given() || protocol.is_some_and(|number| matches!(number, ICMP | ICMPV6));
        let not_protocol = self.not_protocol.known().map(|protocol| protocol.number);
        let version = self.ip_version.known().is_none_or(|version| {
            [protocol, not_protocol].into_iter().flatten().all(|number| match number {
                ICMP => *version == 4,
                ICMPV6 => *version == 6,
                _ => true,
            })
        });
        ports && icmp && version
    }

    /// Whether any part could not be understood.
    pub fn is_doubtful(&self) -> bool {
        let protocols = [&self.protocol, &self.not_protocol].into_iter().any(Field::is_doubtful);
        let icmp = [&self.icmp, &self.not_icmp].into_iter().any(Field::is_doubtful);
        let entities = self.source.is_doubtful() || self.destination.is_doubtful();
        !self.consistent || self.ip_version.is_doubtful() || protocols || icmp || entities
    }

    /// Whether its receiver selects endpoints, and whether it lists networks.
    pub fn receiver(&self) -> (bool, bool) {
        (self.destination.has_positive_selector(), self.destination.has_nets())
    }

    /// Whether it matches a packet: all parts are ANDed (§4.3).
    pub fn matches(&self, world: &World, packet: &Packet, direction: Direction) -> Truth {
        let version = if packet.source.is_ipv4() { 4 } else { 6 };
        // §1.1: without `ipVersion`, protocol ICMP or ICMPv6 by name implies one; by number it does not.
        let implied = self.protocol.known().and_then(|protocol| protocol.implied_version);
        let in_version = match (&self.ip_version, implied) {
            (Field::Absent, Some(implied)) => (implied == version).into(),
            (given, _) => given.demands(|given| (*given == version).into()),
        };
        Truth::all([
            if self.consistent { Truth::Yes } else { Truth::Maybe },
            in_version,
            self.protocol.demands(|protocol| (protocol.number == packet.protocol).into()),
            self.not_protocol.demands(|protocol| (protocol.number != packet.protocol).into()),
            self.icmp.demands(|icmp| icmp.matches(packet, None).into()),
            // §0 item 10: NOT (type AND code); a packet that is no such message at all passes.
            self.not_icmp.demands(|icmp| (!icmp.matches(packet, Some(version))).into()),
            self.source.matches(world, packet, End::Sender, direction),
            self.destination.matches(world, packet, End::Receiver, direction),
        ])
    }
}

impl Icmp {
    /// Whether the packet is such a message; of the ICMP of an IP version, if one is given.
    fn matches(self, packet: &Packet, version: Option<u8>) -> bool {
        let of_version = match version {
            Some(4) => packet.protocol == ICMP,
            Some(_) => packet.protocol == ICMPV6,
            None => true,
        };
        of_version
            && packet.icmp.is_some_and(|(kind, code)| {
                self.kind.is_none_or(|wanted| wanted == kind) && self.code.is_none_or(|wanted| wanted == code)
            })
    }
}

/// A name of the API, or a number from 1 to 255, which may be written as text (§1.1).
fn read_protocol(value: &Value) -> Option<Protocol> {
    let number = match value.as_str() {
        Some(name) => protocol_number(name)?,
        None => u8::try_from(value.as_u64()?).ok()?,
    };
    let implied_version = match value.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("icmp") => Some(4),
        Some("icmpv6") => Some(6),
        _ => None,
    };
    (number != 0).then_some(Protocol { number, implied_version })
}

/// `{type: 0..254, code: 0..255}`; a code needs a type (§1.1).
fn read_icmp(value: &Value) -> Option<Icmp> {
    let byte = |field: &str, most: u64| {
        Field::of(value, field, |number| u8::try_from(number.as_u64().filter(|n| *n <= most)?).ok())
    };
    let (kind, code) = (byte("type", 254), byte("code", 255));
    let sound = has_only(value, &["type", "code"]) && !kind.is_doubtful() && !code.is_doubtful();
    (sound && (kind.is_given() || !code.is_given()))
        .then(|| Icmp { kind: kind.known().copied(), code: code.known().copied() })
}
