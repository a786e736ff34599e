//! IP protocol numbers and ICMP types.

use std::fmt;

/// An IP protocol number (IANA "Assigned Internet Protocol Numbers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// ICMPv6.
    pub const ICMPV6: Self = Self(58);
    /// SCTP.
    pub const SCTP: Self = Self(132);
    /// UDP-Lite.
    pub const UDPLITE: Self = Self(136);

    /// The protocol of a name of the policy APIs, in any letter case; `None` if the name is unknown.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(protocol, _)| *protocol)
    }

    /// Whether the header holds ports at the places of TCP and policies may match them by number.
    pub fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP | Self::SCTP)
    }
}

/// Names as the policy APIs write them.
const NAMES: [(Protocol, &str); 6] = [
    (Protocol::ICMP, "ICMP"),
    (Protocol::TCP, "TCP"),
    (Protocol::UDP, "UDP"),
    (Protocol::ICMPV6, "ICMPv6"),
    (Protocol::SCTP, "SCTP"),
    (Protocol::UDPLITE, "UDPLite"),
];

impl fmt::Display for Protocol {
    /// The API's name where there is one, else the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(known, _)| known == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

/// What a rule asks of an ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Icmp {
    /// Any message.
    Any,
    /// Messages of this type, whatever their code.
    Type(u8),
    /// Messages of this type and this code.
    TypeCode(u8, u8),
}
