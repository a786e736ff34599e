//! The first packet of a flow.

use std::net::IpAddr;

/// A packet as policies at one place see it.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Source port; 0 where the protocol has none.
    pub source_port: u16,
    /// Destination port; 0 where the protocol has none.
    pub port: u16,
    /// Type and code of an ICMP or ICMPv6 message.
    pub icmp: Option<(u8, u8)>,
    /// Destination address and port before this node translated them, if it did.
    pub dialled: Option<(IpAddr, u16)>,
}

/// TCP.
pub const TCP: u8 = 6;
/// IP in IP.
pub const IPIP: u8 = 4;
/// UDP.
pub const UDP: u8 = 17;
/// SCTP.
pub const SCTP: u8 = 132;
/// ICMP.
pub const ICMP: u8 = 1;
/// ICMPv6.
pub const ICMPV6: u8 = 58;

impl Packet {
    /// The same packet on its way to somewhere else.
    #[must_use]
    pub fn to(self, destination: IpAddr, port: u16) -> Self {
        Self { destination, port, ..self }
    }

    /// Multicast listener discovery (130 to 132, and the second version's report, 143) and neighbour discovery less router advertisement and redirect (133, 135, 136): §4.2.
    pub fn is_discovery(&self) -> bool {
        let kind = self.icmp.map(|(kind, _)| kind);
        self.protocol == ICMPV6 && self.source.is_ipv6() && matches!(kind, Some(130..=133 | 135 | 136 | 143))
    }

    /// Router advertisement and redirect: what routers tell a node.
    pub fn is_of_routers(&self) -> bool {
        let kind = self.icmp.map(|(kind, _)| kind);
        self.protocol == ICMPV6 && self.source.is_ipv6() && matches!(kind, Some(134 | 137))
    }
}

/// Whether policies may give ports of this protocol by number (policy-model §1.1 "ports").
pub fn has_ports(protocol: u8) -> bool {
    matches!(protocol, TCP | UDP | SCTP)
}
