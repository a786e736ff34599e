//! Keywords of transport headers, and when they may stand for a compare of the protocol.

use crate::{
    nft::{Match, Operator, PortSide, Rule, Statement},
    protocol::Protocol,
};

/// A transport header that nft has a keyword for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Tcp,
    Udp,
    Sctp,
    UdpLite,
    Icmp,
    Icmpv6,
}

impl Keyword {
    /// The keyword of a protocol.
    pub(super) fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::TCP => Some(Self::Tcp),
            Protocol::UDP => Some(Self::Udp),
            Protocol::SCTP => Some(Self::Sctp),
            Protocol::UDPLITE => Some(Self::UdpLite),
            Protocol::ICMP => Some(Self::Icmp),
            Protocol::ICMPV6 => Some(Self::Icmpv6),
            _ => None,
        }
    }

    /// The keyword.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::UdpLite => "udplite",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
        }
    }

    /// Whether it has types and codes, not ports.
    pub(super) fn is_icmp(self) -> bool {
        matches!(self, Self::Icmp | Self::Icmpv6)
    }

    /// Whether the keyword of this statement implies the compare of the protocol.
    pub(super) fn explains(self, next: Option<&Statement>) -> bool {
        let Some(condition) = next.and_then(Statement::condition) else { return false };
        match condition {
            Match::Port(PortSide::Source | PortSide::Destination, ..) => !self.is_icmp(),
            Match::IcmpType(..) | Match::IcmpTypeCode(..) | Match::IcmpTypes(_) => self.is_icmp(),
            Match::Port(PortSide::Dialled, ..)
            | Match::Protocol(..)
            | Match::Net(..)
            | Match::AnyOf(..)
            | Match::InSet(..)
            | Match::AddressPortInSet(..)
            | Match::Interface(..)
            | Match::Ct(..)
            | Match::Translated(_)
            | Match::HasInterface(..)
            | Match::LocalDestination => false,
        }
    }
}

/// The protocol of a rule that asks for exactly one. nft refuses keywords of two protocols in one rule.
pub(super) fn only_protocol(rule: &Rule) -> Option<Protocol> {
    let mut protocols = rule.statements.iter().filter_map(Statement::condition).filter_map(|condition| {
        if let Match::Protocol(Operator::Is, protocol) = condition { Some(*protocol) } else { None }
    });
    match (protocols.next(), protocols.next()) {
        (Some(only), None) => Some(only),
        (Some(_), Some(_)) | (None, _) => None,
    }
}

/// As nft lists protocols; by number where its table of names may not hold one.
pub(super) fn protocol_name(protocol: Protocol) -> String {
    match Keyword::of(protocol) {
        Some(Keyword::Icmpv6) => "ipv6-icmp".to_owned(),
        Some(keyword) => keyword.as_str().to_owned(),
        None => protocol.0.to_string(),
    }
}
