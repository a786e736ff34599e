//! What a rule asks of a port, as alternatives of matches.
//!
//! A short list becomes one rule per range, not an anonymous set: such a set dies in the transaction that replaces its rule, and a packet that is still on
//! the old rule looks into nothing. With a rule per range, rewriting a policy loses no packet of a flow that both versions admit.

use super::rule::Context;
use crate::{
    ir::{AddressSetKey, Entity, Rule},
    nft::{Match, Operator, PortSide},
    port::PortRange,
};

/// Ranges of destination ports up to this many become a rule each.
const DESTINATIONS: usize = 8;
/// Ranges of source ports up to this many become a rule each, for every one of those for the destination.
const SOURCES: usize = 2;
/// Ranges to be excluded up to this many are compared one by one.
const EXCLUSIONS: usize = 16;

/// One alternative.
#[derive(Clone, Debug, Default)]
pub(super) struct Ports {
    /// Compares of numbers, which need the protocol to be settled.
    pub(super) numbers: Vec<Match>,
    /// Lookups of address, protocol and port.
    pub(super) named: Vec<Match>,
}

/// The alternatives of a port list, each with all exclusions. No list: one alternative without a condition.
pub(super) fn alternatives(entity: &Entity, side: PortSide, context: &Context<'_>) -> Vec<Ports> {
    let lookup = |operator, key: &AddressSetKey| {
        Match::AddressPortInSet(side.address(), operator, (context.set_name)(key))
    };
    let alone = match side {
        PortSide::Source => SOURCES,
        PortSide::Destination | PortSide::Dialled => DESTINATIONS,
    };
    let numbers = compares(&entity.ports, side, Operator::Is, alone)
        .into_iter()
        .map(|number| Ports { numbers: vec![number], named: Vec::new() });
    let named = entity
        .named_ports
        .iter()
        .map(|key| Ports { numbers: Vec::new(), named: vec![lookup(Operator::Is, key)] });
    let mut alternatives: Vec<Ports> = numbers.chain(named).collect();
    if alternatives.is_empty() {
        alternatives.push(Ports::default());
    }
    for alternative in &mut alternatives {
        alternative.numbers.extend(compares(&entity.not_ports, side, Operator::IsNot, EXCLUSIONS));
        alternative.named.extend(entity.not_named_ports.iter().map(|key| lookup(Operator::IsNot, key)));
    }
    alternatives
}

/// A compare per range, or one with an anonymous set if there are more than `alone`. To be ORed for [`Operator::Is`], ANDed for [`Operator::IsNot`].
fn compares(ranges: &[PortRange], side: PortSide, operator: Operator, alone: usize) -> Vec<Match> {
    let merged = merge(ranges);
    match merged.len() {
        0 => Vec::new(),
        few if few <= alone => {
            merged.into_iter().map(|range| Match::Port(side, operator, vec![range])).collect()
        }
        _ => vec![Match::Port(side, operator, merged)],
    }
}

/// Ranges in order, disjoint and not adjacent.
fn merge(ranges: &[PortRange]) -> Vec<PortRange> {
    let mut sorted = ranges.to_vec();
    sorted.sort();
    let mut merged: Vec<PortRange> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match merged.last_mut() {
            Some(last) if u32::from(range.first) <= u32::from(last.last) + 1 => {
                last.last = last.last.max(range.last)
            }
            Some(_) | None => merged.push(range),
        }
    }
    merged
}

/// Whether the protocol has to be known before the ports of a rule are looked at: where it compares numbers, and where it asks which port was dialled,
/// which nft takes in rules of exactly one protocol only.
pub(super) fn need_protocol(rule: &Rule, receiver: PortSide) -> bool {
    let compares = |entity: &Entity| !entity.ports.is_empty() || !entity.not_ports.is_empty();
    let looks_up = |entity: &Entity| !entity.named_ports.is_empty() || !entity.not_named_ports.is_empty();
    compares(&rule.source)
        || compares(&rule.destination)
        || (receiver == PortSide::Dialled && looks_up(&rule.destination))
}

/// Whether the protocol has to be known only because ports that were dialled are excluded by name, which is true of every packet without ports.
pub(super) fn exclude_only_by_name(rule: &Rule, receiver: PortSide) -> bool {
    let to = &rule.destination;
    let alone = to.ports.is_empty() && to.named_ports.is_empty() && to.not_ports.is_empty();
    let from = &rule.source;
    let sender = from.ports.is_empty() && from.not_ports.is_empty();
    receiver == PortSide::Dialled && !to.not_named_ports.is_empty() && alone && sender
}
