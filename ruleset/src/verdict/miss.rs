//! Why a rule did not match: read from the rules as they were compiled.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    evaluate::first_miss,
    ir::ActivePolicy,
    nft::{Match, Rule, Statement, Table},
    origin::Origin,
    packet::Packet,
    policy::{Direction, PolicyKey},
};

/// A rule of a policy that did not match a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The policy.
    pub policy: PolicyKey,
    /// The direction of the rule.
    pub direction: Direction,
    /// The place in the rule list of the API object, from 0.
    pub index: u32,
    /// What it asks that the packet does not meet.
    pub cause: Cause,
}

/// What a rule asks that a packet does not meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The rule has nothing to say in this family.
    Family,
    /// A condition fails. Of several alternatives, that of the one that got furthest.
    Condition {
        /// The condition.
        condition: Match,
        /// What the set that it looks into was made from: the selector, or the networks.
        set: Option<Arc<str>>,
    },
}

/// The rules of a policy that did not match a packet, each with its cause; those that log and matched are not among them.
pub(super) fn of_policy<'a>(
    policy: &'a ActivePolicy,
    direction: Direction,
    packet: &'a Packet,
    table: &'a Table,
) -> impl Iterator<Item = Miss> + 'a {
    let indices: BTreeSet<u32> = policy.rules(direction).iter().map(|rule| rule.index).collect();
    indices.into_iter().filter_map(move |index| {
        let key = policy.key.clone();
        let origin = Origin::Rule { tier: policy.tier.clone(), policy: key.clone(), direction, index };
        let cause = cause(&origin, packet, table)?;
        Some(Miss { policy: key, direction, index, cause })
    })
}

/// Why none of the compiled rules of one API rule matched; none if one did.
fn cause(origin: &Origin, packet: &Packet, table: &Table) -> Option<Cause> {
    let rules = table.chains.values().flat_map(|chain| &chain.rules).filter(|rule| *rule.origin == *origin);
    let mut furthest: Option<(usize, &Rule)> = None;
    for rule in rules {
        let place = first_miss(rule, packet, table)?;
        if furthest.is_none_or(|(before, _)| place > before) {
            furthest = Some((place, rule));
        }
    }
    let condition =
        furthest.and_then(|(place, rule)| rule.statements.get(place).and_then(Statement::condition));
    Some(condition.map_or(Cause::Family, |condition| Cause::Condition {
        condition: condition.clone(),
        set: condition.set().and_then(|name| table.sets.get(name)).map(|set| set.comment.clone()),
    }))
}
