//! Arbitrary rulesets and packets for the laws: well-formed, and small enough that packets hit rules and elements.
//!
//! All names come from fixed pools. A name stands for one kind of object in every ruleset (a set's type and capacity, whether a chain is hooked in), as the
//! names that the compiler gives do; chains only lead to chains later in the pool, so that no ruleset and no mixture of two has a loop.

mod action;
mod packet;
mod rule;
mod table;

pub use packet::packet;
pub use table::{blend, ruleset};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferrule_ruleset::{
    address::Family,
    name::{ChainName, InterfaceName},
    protocol::Protocol,
};

/// Regular chains in layers; names of every shape that the compiler may give.
const CHAINS: [&str; 6] =
    ["from/default/web-0", "tier.1", "knp/kube-system/dns.v1/ingress", "a", "to/default/web-0", "Z_9/-."];

/// Interfaces of packets; a name that nft could take for a pattern is among them.
const INTERFACES: [&str; 4] = ["cali12345678901", "eth0", "lo", "br-odd@2"];

/// Protocols of packets and rules.
const PROTOCOLS: [Protocol; 8] = [
    Protocol::TCP,
    Protocol::UDP,
    Protocol::SCTP,
    Protocol::UDPLITE,
    Protocol::ICMP,
    Protocol::ICMPV6,
    Protocol(50),
    Protocol(253),
];

fn chain_names() -> impl Iterator<Item = ChainName> {
    CHAINS.into_iter().map(ChainName::from)
}

fn interfaces() -> Vec<InterfaceName> {
    INTERFACES.into_iter().map(InterfaceName::from).collect()
}

/// One of 16 addresses of a family, next to each other, so that networks and intervals cut through them.
fn address(family: Family, number: u8) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::new(10, 0, 0, number).into(),
        Family::V6 => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into()).into(),
    }
}
