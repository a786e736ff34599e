//! Named sets and verdict maps.

use std::{net::IpAddr, sync::Arc};

use imbl::{OrdMap, OrdSet};

use crate::{
    ir::AddressPort,
    name::{InterfaceName, SetName},
    net_set::NetSet,
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
    Addresses(NetSet),
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

/// What an element of a verdict map is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MapKey<'a> {
    /// Of [`Elements::InterfaceVerdicts`].
    Interface(&'a InterfaceName),
    /// Of [`Elements::PortVerdicts`].
    Port(ProtocolPort),
}

impl Element {
    /// What a packet is looked up by, if it is of a map.
    pub fn map_key(&self) -> Option<MapKey<'_>> {
        match self {
            Self::InterfaceVerdict(name, _) => Some(MapKey::Interface(name)),
            Self::PortVerdict(port, _) => Some(MapKey::Port(*port)),
            Self::Address(_) | Self::Interval(_) | Self::AddressPort(_) => None,
        }
    }

    /// The verdict, if it is of a map.
    pub fn verdict(&self) -> Option<&Verdict> {
        match self {
            Self::InterfaceVerdict(_, verdict) | Self::PortVerdict(_, verdict) => Some(verdict),
            Self::Address(_) | Self::Interval(_) | Self::AddressPort(_) => None,
        }
    }
}

impl Elements {
    /// The elements one by one, in order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = Element> + '_> {
        match self {
            Self::Addresses(set) => Box::new(set.iter().map(|net| Element::Address(net.addr()))),
            Self::Intervals(set) => Box::new(set.iter().copied().map(Element::Interval)),
            Self::AddressPorts(set) => Box::new(set.iter().copied().map(Element::AddressPort)),
            Self::InterfaceVerdicts(map) => {
                Box::new(map.iter().map(|(name, to)| Element::InterfaceVerdict(name.clone(), to.clone())))
            }
            Self::PortVerdicts(map) => {
                Box::new(map.iter().map(|(key, to)| Element::PortVerdict(*key, to.clone())))
            }
        }
    }

    /// The verdicts of a map; none for a plain set.
    pub fn verdicts(&self) -> Box<dyn Iterator<Item = &Verdict> + '_> {
        match self {
            Self::InterfaceVerdicts(map) => Box::new(map.values()),
            Self::PortVerdicts(map) => Box::new(map.values()),
            Self::Addresses(_) | Self::Intervals(_) | Self::AddressPorts(_) => Box::new(std::iter::empty()),
        }
    }

    /// Whether this is a verdict map.
    pub fn has_verdicts(&self) -> bool {
        match self {
            Self::InterfaceVerdicts(_) | Self::PortVerdicts(_) => true,
            Self::Addresses(_) | Self::Intervals(_) | Self::AddressPorts(_) => false,
        }
    }

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
