//! Conditions on packets.

use std::{net::IpAddr, sync::Arc};

use ipnet::IpNet;

use crate::{
    name::{InterfaceName, SetName},
    port::PortRange,
    protocol::Protocol,
};

/// Equal or not equal, in or not in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `==`.
    Is,
    /// `!=`.
    IsNot,
}

/// Source or destination address, or the destination that the client dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressSide {
    /// `ip saddr` or `ip6 saddr`.
    Source,
    /// `ip daddr` or `ip6 daddr`.
    Destination,
    /// `ct original ip daddr` or `ct original ip6 daddr`: the destination of the flow's first packet before it was translated. A packet that connection
    /// tracking has no entry for matches no condition on it, negated or not (`NFT_BREAK`).
    Dialled,
}

/// Source or destination port, or the port that the client dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortSide {
    /// `th sport`.
    Source,
    /// `th dport`.
    Destination,
    /// `ct original proto-dst`: the destination port of the flow's first packet before it was translated, see [`AddressSide::Dialled`].
    Dialled,
}

impl PortSide {
    /// The address of the same end.
    pub fn address(self) -> AddressSide {
        match self {
            Self::Source => AddressSide::Source,
            Self::Destination => AddressSide::Destination,
            Self::Dialled => AddressSide::Dialled,
        }
    }
}

impl AddressSide {
    /// The port of the same end.
    pub fn port(self) -> PortSide {
        match self {
            Self::Source => PortSide::Source,
            Self::Destination => PortSide::Destination,
            Self::Dialled => PortSide::Dialled,
        }
    }
}

/// The interface a packet came in by or leaves by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfaceSide {
    /// `iifname`.
    In,
    /// `oifname`.
    Out,
}

/// An interface by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfaceMatch {
    /// Exactly this one.
    Exact(InterfaceName),
    /// Every name that begins so: `"cali*"`.
    Prefix(Arc<str>),
}

/// A set of connection tracking states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CtState {
    /// `ct state established,related`.
    EstablishedOrRelated,
    /// `ct state invalid`: connection tracking has no entry and did not mean to pass it by. So is every packet ahead of connection tracking, which is at
    /// priority -200.
    Invalid,
    /// `ct state new`.
    New,
    /// `ct state untracked`: by `notrack`, or of a kind that is never tracked.
    Untracked,
}

impl CtState {
    /// `NF_CT_STATE_*_BIT` of the states.
    pub fn bits(self) -> u32 {
        match self {
            Self::EstablishedOrRelated => 0b110,
            Self::Invalid => 0b001,
            Self::New => 1 << 3,
            Self::Untracked => 1 << 6,
        }
    }
}

/// A condition on the packet. A port condition stands behind a [`Match::Protocol`] of the same rule, or in a set lookup that includes the protocol.
///
/// nft 1.0.6 takes and lists conditions on a dialled port, alone or with the address, only in a rule that asks for exactly one protocol. It lists some of
/// them so that it cannot read them again: a list of ports, and a dialled port that stands before another compare of the transport header or a TCP reset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Match {
    /// `meta l4proto 6`.
    Protocol(Operator, Protocol),
    /// `ip saddr 10.0.0.0/8`; a /32 or /128 is a plain compare. The rule's table has the net's family.
    Net(AddressSide, Operator, IpNet),
    /// `ip saddr { 10.0.0.1, 10.0.0.2 }`: an anonymous set; at least two addresses of the table's family, sorted.
    AnyOf(AddressSide, Operator, Vec<IpAddr>),
    /// `ip saddr @set`.
    InSet(AddressSide, Operator, SetName),
    /// `ip saddr . meta l4proto . th sport @set`, `ct original ip daddr . meta l4proto . ct original proto-dst @set`: address and port of the same end.
    AddressPortInSet(AddressSide, Operator, SetName),
    /// `th dport 80`, `th dport 80-90`, or `th dport { 80, 90-99 }`: disjoint ranges in order, at least one.
    Port(PortSide, Operator, Vec<PortRange>),
    /// ICMP or ICMPv6 type: first byte of the transport header.
    IcmpType(Operator, u8),
    /// ICMP or ICMPv6 type and code as one value of 2 bytes, so that the negation is NOT (type AND code).
    IcmpTypeCode(Operator, u8, u8),
    /// `icmpv6 type { … }`: an anonymous set of types, sorted, at least two.
    IcmpTypes(Vec<u8>),
    /// `iifname "cali*"`.
    Interface(InterfaceSide, Operator, InterfaceMatch),
    /// `ct state …`, `ct state ! …` as a test of bits: one of them is set, or none.
    Ct(Operator, CtState),
    /// `ct status dnat`, `ct status ! dnat` as a test of bits: the flow goes to another destination than the client dialled, or not. A packet that
    /// connection tracking has no entry for matches neither.
    Translated(Operator),
    /// `iif != 0`, `iif 0`: the packet has such a device, or has not.
    HasInterface(InterfaceSide, Operator),
    /// `fib daddr type != unicast`: the destination is this node, by an address of its own, by broadcast or by multicast.
    LocalDestination,
}

impl Match {
    /// The set it looks into.
    pub fn set(&self) -> Option<&SetName> {
        match self {
            Self::InSet(.., set) | Self::AddressPortInSet(.., set) => Some(set),
            Self::Protocol(..)
            | Self::Net(..)
            | Self::AnyOf(..)
            | Self::Port(..)
            | Self::IcmpType(..)
            | Self::IcmpTypeCode(..)
            | Self::IcmpTypes(_)
            | Self::Interface(..)
            | Self::Ct(..)
            | Self::Translated(_)
            | Self::HasInterface(..)
            | Self::LocalDestination => None,
        }
    }
}
