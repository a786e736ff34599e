//! Discovery of neighbours, listeners and routers (IPv6), which policy must not take from a node.

use crate::{
    address::Family,
    compile::rendered::rule,
    nft::{Match, Operator, Rule, Statement, Verdict},
    origin::{Builtin, Origin},
    protocol::Protocol,
};

/// ICMPv6 types that a node must hear from its pods whatever policy says: multicast listener query, report, done (130–132) and report v2 (143),
/// router solicitation (133), neighbour solicitation and advertisement (135, 136). RFC 4861, RFC 2710, RFC 3810. Deliberately absent: router
/// advertisement (134) and redirect (137), by which a pod could steer its node.
const DISCOVERY: [u8; 7] = [130, 131, 132, 133, 135, 136, 143];
/// Router advertisement and redirect: for a node's routers only.
const ROUTERS: [u8; 2] = [134, 137];

/// Whose discovery messages are heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compile) enum Heard {
    /// A node's pods: what they may say to it.
    Pods,
    /// A node's routers: what nobody else may say.
    Routers,
    /// Both, where the interface is not known to be either's.
    Anybody,
}

/// Discovery messages of IPv6, without which no neighbour finds another.
pub(in crate::compile) fn discovery(family: Family, heard: Heard) -> Option<Rule> {
    let kinds = match (family, heard) {
        (Family::V4, _) => return None,
        (Family::V6, Heard::Pods) => DISCOVERY.to_vec(),
        (Family::V6, Heard::Routers) => ROUTERS.to_vec(),
        (Family::V6, Heard::Anybody) => {
            let mut kinds = [&DISCOVERY[..], &ROUTERS].concat();
            kinds.sort_unstable();
            kinds
        }
    };
    let matches = [Match::Protocol(Operator::Is, Protocol::ICMPV6), Match::IcmpTypes(kinds)];
    Some(rule(
        matches.into_iter().map(Statement::Match).chain([Statement::Verdict(Verdict::Accept)]),
        Origin::Builtin(Builtin::NeighbourDiscovery),
    ))
}
