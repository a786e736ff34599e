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
}

impl Packet {
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
    /// Not to be placed.
    Invalid,
    /// Not tracked (neighbour discovery).
    Untracked,
}
