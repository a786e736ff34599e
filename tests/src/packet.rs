//! Packets by hand: what a probe sends, and finding its tag again in what arrived.
//!
//! Whole IP packets, so that any protocol, ICMP type and source address can be sent whether or not the kernel has sockets for it. Each carries a tag of
//! 32 bits behind its transport header (in SCTP, within the INIT chunk). Checksums are right: connection tracking looks.

mod checksum;

use std::net::IpAddr;

use ferrule_ruleset::protocol::Protocol;

/// What precedes the tag.
const MAGIC: [u8; 8] = *b"ferrule?";

/// A request to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Source address.
    pub source: IpAddr,
    /// Destination address, of the same family.
    pub destination: IpAddr,
    /// What it carries.
    pub payload: Payload,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Payload {
    /// TCP (a SYN), UDP, SCTP (an INIT) or UDP-Lite.
    Ports {
        /// Which of them.
        protocol: Protocol,
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// ICMP or ICMPv6.
    Icmp {
        /// Which of them.
        protocol: Protocol,
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// The identifier of an echo request, and what stands in its place elsewhere.
        identifier: u16,
    },
    /// Any other protocol: nothing but the tag.
    Other(Protocol),
}

impl Payload {
    /// The protocol.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Ports { protocol, .. } | Self::Icmp { protocol, .. } | Self::Other(protocol) => protocol,
        }
    }
}

impl Packet {
    /// The bytes from the IP header on.
    pub fn encode(&self, tag: u32) -> Vec<u8> {
        let transport = self.transport(tag);
        let protocol = self.payload.protocol().0;
        let mut packet = match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let length = (20 + transport.len() as u16).to_be_bytes();
                // Identification and checksum are left to the kernel (raw(7)).
                let mut header = vec![0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0];
                header.extend(source.octets());
                header.extend(destination.octets());
                header
            }
            (source, destination) => {
                let length = (transport.len() as u16).to_be_bytes();
                let mut header = vec![0x60, 0, 0, 0, length[0], length[1], protocol, 255];
                header.extend(octets(source));
                header.extend(octets(destination));
                header
            }
        };
        packet.extend(transport);
        packet
    }

    fn transport(&self, tag: u32) -> Vec<u8> {
        let mut bytes = match self.payload {
            Payload::Ports { protocol, source, destination } => ports(protocol, source, destination, tag),
            Payload::Icmp { kind, code, identifier, .. } => {
                let [high, low] = identifier.to_be_bytes();
                vec![kind, code, 0, 0, high, low, 0, 1]
            }
            Payload::Other(_) => Vec::new(),
        };
        if self.payload.protocol() != Protocol::SCTP {
            bytes.extend(MAGIC);
            bytes.extend(tag.to_be_bytes());
        }
        if let (Protocol::UDP, Some(length)) = (self.payload.protocol(), u16::try_from(bytes.len()).ok()) {
            bytes[4..6].copy_from_slice(&length.to_be_bytes());
        }
        checksum::seal(self, &mut bytes);
        bytes
    }
}

/// The tag of what arrived, from its transport header on; none if it is not one of ours. An ICMP error that quotes one of ours is not.
pub fn tag(protocol: Protocol, transport: &[u8]) -> Option<u32> {
    let start = match protocol {
        Protocol::TCP => 20,
        Protocol::UDP | Protocol::UDPLITE | Protocol::ICMP | Protocol::ICMPV6 => 8,
        // In the fields "advertised window" (half of the magic), "streams" (the other half), and "initial TSN" of the INIT chunk.
        Protocol::SCTP => 20,
        Protocol(_) => 0,
    };
    let tagged = transport.get(start..start + 12)?.strip_prefix(&MAGIC)?;
    Some(u32::from_be_bytes(tagged.try_into().ok()?))
}

/// Transport headers that begin with two ports.
fn ports(protocol: Protocol, source: u16, destination: u16, tag: u32) -> Vec<u8> {
    let mut bytes = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    match protocol {
        // Sequence number = tag, no acknowledgement, 5 words, SYN, window 1024.
        Protocol::TCP => {
            bytes.extend(tag.to_be_bytes());
            bytes.extend([0, 0, 0, 0, 0x50, 0x02, 4, 0, 0, 0, 0, 0]);
        }
        // Verification tag 0, checksum, then one INIT chunk of 20 bytes (RFC 9260 §3.3.2).
        Protocol::SCTP => {
            bytes.extend([0; 8]);
            bytes.extend([1, 0, 0, 20]);
            bytes.extend((tag | 1).to_be_bytes());
            bytes.extend(MAGIC);
            bytes.extend(tag.to_be_bytes());
        }
        // Length (UDP-Lite: coverage, 0 means all) and checksum.
        Protocol(_) => bytes.extend([0; 4]),
    }
    bytes
}

/// The bytes of an address.
fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}
