//! What a rule asks of protocol and ICMP, as alternatives of matches.

use crate::{
    address::Family,
    nft::{Match, Operator},
    policy::Traffic,
    protocol::{Icmp, Protocol},
};

/// The alternatives of what is asked of protocol and ICMP; none if nothing can match.
pub(super) fn alternatives(traffic: &Traffic, family: Family, needs_ports: bool) -> Vec<Vec<Match>> {
    let protocols: Vec<Option<Protocol>> = match traffic.protocol {
        Some(protocol) if needs_ports && !protocol.has_ports() => Vec::new(),
        Some(protocol) => vec![Some(protocol)],
        None if traffic.icmp.is_some() && needs_ports => Vec::new(),
        None if traffic.icmp.is_some() => vec![Some(icmp_of(family))],
        None if needs_ports => vec![Some(Protocol::TCP), Some(Protocol::UDP), Some(Protocol::SCTP)],
        None => vec![None],
    };
    let allowed =
        protocols.into_iter().filter(|protocol| protocol.is_none() || *protocol != traffic.not_protocol);
    allowed.flat_map(|protocol| with_icmp(traffic, protocol, family)).collect()
}

/// The alternatives for packets of protocols without ports.
pub(super) fn without_ports(traffic: &Traffic, family: Family) -> Vec<Vec<Match>> {
    let excluded = [Protocol::TCP, Protocol::UDP, Protocol::SCTP];
    let exclusions = excluded.map(|protocol| Match::Protocol(Operator::IsNot, protocol));
    let asked = |matches: &Vec<Match>| {
        !matches.iter().any(
            |asked| matches!(asked, Match::Protocol(Operator::Is, protocol) if excluded.contains(protocol)),
        )
    };
    let all = alternatives(traffic, family, false).into_iter().filter(asked);
    all.map(|matches| [exclusions.to_vec(), matches].concat()).collect()
}

/// The ICMP of a family.
fn icmp_of(family: Family) -> Protocol {
    match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    }
}

/// Conditions on the message type for a protocol that is settled, or left open.
fn with_icmp(traffic: &Traffic, protocol: Option<Protocol>, family: Family) -> Vec<Vec<Match>> {
    let excluded =
        traffic.not_protocol.filter(|_| protocol.is_none()).map(|not| Match::Protocol(Operator::IsNot, not));
    let mut base: Vec<Match> =
        protocol.into_iter().map(|protocol| Match::Protocol(Operator::Is, protocol)).collect();
    base.extend(excluded);
    let is_icmp = matches!(protocol, Some(Protocol::ICMP | Protocol::ICMPV6));
    match (traffic.icmp, is_icmp) {
        (Some(_), false) => return Vec::new(),
        (Some(icmp), true) => base.extend(icmp_match(Operator::Is, icmp)),
        (None, _) => {}
    }
    match (traffic.not_icmp, protocol) {
        (None, _) => vec![base],
        (Some(Icmp::Any), Some(_)) if is_icmp => Vec::new(),
        (Some(not), Some(_)) if is_icmp => {
            vec![[base, icmp_match(Operator::IsNot, not).into_iter().collect()].concat()]
        }
        (Some(_), Some(_)) => vec![base],
        (Some(not), None) => without_icmp(&base, not, icmp_of(family)),
    }
}

/// NOT (protocol is ICMP AND type is so) without a protocol: packets of other protocols, and ICMP of other types.
fn without_icmp(base: &[Match], not: Icmp, icmp: Protocol) -> Vec<Vec<Match>> {
    let others = [base, &[Match::Protocol(Operator::IsNot, icmp)]].concat();
    let Some(message) = icmp_match(Operator::IsNot, not) else { return vec![others] };
    vec![others, [base, &[Match::Protocol(Operator::Is, icmp), message]].concat()]
}

/// The compare of type, or of type and code as one value, so that its negation is exact.
fn icmp_match(operator: Operator, icmp: Icmp) -> Option<Match> {
    match icmp {
        Icmp::Any => None,
        Icmp::Type(kind) => Some(Match::IcmpType(operator, kind)),
        Icmp::TypeCode(kind, code) => Some(Match::IcmpTypeCode(operator, kind, code)),
    }
}
