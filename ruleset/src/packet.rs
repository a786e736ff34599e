//! A packet as rules see it.

use std::net::IpAddr;

use crate::{address::Family, name::InterfaceName, nft::Hook, protocol::Protocol};

/// A packet at a hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Where it is.
    pub hook: Hook,
    /// The interface it came in by; none if it was made here.
    pub in_interface: Option<InterfaceName>,
    /// The interface it leaves by; none if it stays here.
    pub out_interface: Option<InterfaceName>,
    /// Source address.
    pub source: IpAddr,
    /// Destination address, of the same family.
    pub destination: IpAddr,
    /// What it carries.
    pub payload: Payload,
    /// What connection tracking says of it.
    pub tracking: Tracking,
    /// Where the client wanted to go, if connection tracking has given the flow another destination. Without it, what the client dialled is the
    /// destination of the packet itself, which holds for packets from the client. Read only where connection tracking has an entry.
    pub dialled: Option<Dialled>,
}

/// A destination before it was translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialled {
    /// The address, of the family of the packet.
    pub destination: IpAddr,
    /// The port, if the protocol has ports.
    pub port: Option<u16>,
}

impl Packet {
    /// The destination that the client dialled; none without an entry of connection tracking.
    pub fn dialled(&self) -> Option<Dialled> {
        let own = || Dialled { destination: self.destination, port: self.payload.destination_port() };
        self.tracking.has_entry().then(|| self.dialled.unwrap_or_else(own))
    }

    /// The family of its addresses.
    pub fn family(&self) -> Family {
        Family::of(&self.source)
    }
}

/// What a packet carries, as far as rules look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A protocol with ports (TCP, UDP, SCTP, UDP-Lite).
    Ports {
        /// The protocol.
        protocol: Protocol,
        /// Source port.
        source: u16,
        /// Destination port.
        destination: u16,
    },
    /// ICMP or ICMPv6 (the protocol says which).
    Icmp {
        /// The protocol.
        protocol: Protocol,
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
    /// Anything else.
    Other(Protocol),
}

impl Payload {
    /// The destination port, if the protocol has ports.
    pub fn destination_port(self) -> Option<u16> {
        match self {
            Self::Ports { destination, .. } => Some(destination),
            Self::Icmp { .. } | Self::Other(_) => None,
        }
    }

    /// The protocol.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Ports { protocol, .. } | Self::Icmp { protocol, .. } | Self::Other(protocol) => protocol,
        }
    }
}

/// The state of a packet in connection tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracking {
    /// First of a flow.
    New,
    /// Of a flow that was admitted, or related to one.
    Established,
    /// Not to be placed, or not seen yet: ahead of connection tracking every packet is.
    Invalid,
    /// Not tracked (neighbour discovery, `notrack`).
    Untracked,
}

impl Tracking {
    /// Whether connection tracking has an entry for the packet, from which more than the state can be read.
    pub fn has_entry(self) -> bool {
        match self {
            Self::New | Self::Established => true,
            Self::Invalid | Self::Untracked => false,
        }
    }
}
