//! Rules: statements in order.

use std::{fmt, net::IpAddr, sync::Arc};

use ipnet::IpNet;

use crate::{
    name::{ChainName, InterfaceName, SetName},
    origin::Origin,
    port::PortRange,
    protocol::Protocol,
};

/// A rule: statements from left to right; the first match that fails ends it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// What it does.
    pub statements: Vec<Statement>,
    /// Why it stands there. Its text is the rule's comment.
    pub origin: Arc<Origin>,
}

impl Rule {
    /// The verdict at its end, if it has one.
    pub fn verdict(&self) -> Option<&Verdict> {
        match self.statements.last() {
            Some(Statement::Verdict(verdict)) => Some(verdict),
            _ => None,
        }
    }
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Statement {
    /// Go on only if this holds.
    Match(Match),
    /// `counter`.
    Counter,
    /// `log prefix "…"`; at most 127 bytes, free of `"` and control characters.
    Log(Arc<str>),
    /// End with a verdict.
    Verdict(Verdict),
    /// `iifname vmap @map`, `oifname vmap @map`: take the verdict of the element, go on if there is none.
    InterfaceMap(InterfaceSide, SetName),
    /// `meta l4proto . th dport vmap @map`: likewise.
    PortMap(SetName),
}

impl Statement {
    /// The set or map it looks into.
    pub fn set(&self) -> Option<&SetName> {
        match self {
            Self::Match(condition) => condition.set(),
            Self::InterfaceMap(_, map) | Self::PortMap(map) => Some(map),
            Self::Counter | Self::Log(_) | Self::Verdict(_) => None,
        }
    }

    /// The condition, if it is one.
    pub fn condition(&self) -> Option<&Match> {
        match self {
            Self::Match(condition) => Some(condition),
            Self::Counter | Self::Log(_) | Self::Verdict(_) | Self::InterfaceMap(..) | Self::PortMap(_) => {
                None
            }
        }
    }
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// `accept`.
    Accept,
    /// `drop`.
    Drop,
    /// `return`.
    Return,
    /// `jump`: come back after a `return` or the chain's end.
    Jump(ChainName),
    /// `goto`: do not come back.
    Goto(ChainName),
}

impl Verdict {
    /// The chain it leads to.
    pub fn chain(&self) -> Option<&ChainName> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            Self::Accept | Self::Drop | Self::Return => None,
        }
    }
}

impl fmt::Display for Verdict {
    /// As nft writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}

/// Equal or not equal, in or not in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operator {
    /// `==`.
    Is,
    /// `!=`.
    IsNot,
}

/// Source or destination address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressSide {
    /// `ip saddr` or `ip6 saddr`.
    Source,
    /// `ip daddr` or `ip6 daddr`.
    Destination,
}

/// Source or destination port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortSide {
    /// `th sport`.
    Source,
    /// `th dport`.
    Destination,
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
    /// `ct state invalid`.
    Invalid,
}

impl CtState {
    /// `NF_CT_STATE_*_BIT` of the states.
    pub fn bits(self) -> u32 {
        match self {
            Self::EstablishedOrRelated => 0b110,
            Self::Invalid => 0b001,
        }
    }
}

/// A condition on the packet. A port condition stands behind a [`Match::Protocol`] of the same rule, or in a set lookup that includes the protocol.
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
    /// `ip saddr . meta l4proto . th sport @set`: address and port of the same end.
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
    /// `ct state …` as a test of bits.
    Ct(CtState),
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
            | Self::Ct(_)
            | Self::LocalDestination => None,
        }
    }
}
