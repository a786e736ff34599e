//! Named sets and verdict maps.

use std::{net::IpAddr, sync::Arc};

use imbl::{OrdMap, OrdSet};
use ipnet::IpNet;

use crate::{
    ir::AddressPort,
    name::{InterfaceName, SetName},
    nft::rule::Verdict,
    protocol::Protocol,
};

/// A named set or verdict map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Its name, unique in the table.
    pub name: SetName,
    /// `size`: how many elements it can hold; none for no bound. The kernel chooses a faster hash for 4-byte keys if it is given.
    pub capacity: Option<u32>,
    /// Its comment.
    pub comment: Arc<str>,
    /// Its type and what it holds.
    pub elements: Elements,
}

/// Elements of a set by type of key. The collections share structure with their earlier versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elements {
    /// `type ipv4_addr` or `ipv6_addr`: single addresses (/32, /128) in a hash.
    Addresses(OrdSet<IpNet>),
    /// `type ipv4_addr; flags interval`: disjoint, not adjacent.
    Intervals(OrdSet<Interval>),
    /// `type ipv4_addr . inet_proto . inet_service`.
    AddressPorts(OrdSet<AddressPort>),
    /// `type ifname : verdict`.
    InterfaceVerdicts(OrdMap<InterfaceName, Verdict>),
    /// `type inet_proto . inet_service : verdict`.
    PortVerdicts(OrdMap<ProtocolPort, Verdict>),
}

/// An inclusive range of addresses of one family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// The lowest address.
    pub first: IpAddr,
    /// The highest address.
    pub last: IpAddr,
}

/// A protocol and a destination port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolPort {
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
}

/// One element, as transactions carry it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// Of [`Elements::Addresses`].
    Address(IpAddr),
    /// Of [`Elements::Intervals`].
    Interval(Interval),
    /// Of [`Elements::AddressPorts`].
    AddressPort(AddressPort),
    /// Of [`Elements::InterfaceVerdicts`].
    InterfaceVerdict(InterfaceName, Verdict),
    /// Of [`Elements::PortVerdicts`].
    PortVerdict(ProtocolPort, Verdict),
}

impl Elements {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Addresses(set) => set.len(),
            Self::Intervals(set) => set.len(),
            Self::AddressPorts(set) => set.len(),
            Self::InterfaceVerdicts(map) => map.len(),
            Self::PortVerdicts(map) => map.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
