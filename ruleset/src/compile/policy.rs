//! Policies: a chain per direction, shared by all endpoints that the policy governs.

use std::sync::Arc;

use super::{
    Options, name,
    rendered::verdict_rule,
    rule::{self, Context},
    tier,
};
use crate::{
    address::Family,
    ir::{ActivePolicy, AddressSetKey},
    name::SetName,
    nft::{self, Chain, Set, Verdict},
    origin::Origin,
    policy::Direction,
};

/// Rules of a policy, and the sets of listed networks that they refer to.
#[derive(Debug, Default)]
pub(super) struct PolicyRules {
    pub(super) rules: Vec<nft::Rule>,
    pub(super) listed: Vec<Arc<Set>>,
}

/// The chain of a policy in one direction, with the sets it needs. A policy with pass rules has no chain: it is laid out in its tier.
pub(super) fn chain(
    policy: &ActivePolicy,
    direction: Direction,
    family: Family,
    options: &Options,
    set_name: &dyn Fn(&AddressSetKey) -> SetName,
) -> Option<(Chain, Vec<Arc<Set>>)> {
    if tier::passes(policy, direction, options) || !policy.directions.contains(&direction) {
        return None;
    }
    let rules = rules(policy, direction, family, options, set_name);
    Some((Chain { name: name::policy(&policy.key, direction), base: None, rules: rules.rules }, rules.listed))
}

/// The rules of a policy in one direction. One that the kernel refused is closed.
pub(super) fn rules(
    policy: &ActivePolicy,
    direction: Direction,
    family: Family,
    options: &Options,
    set_name: &dyn Fn(&AddressSetKey) -> SetName,
) -> PolicyRules {
    if options.refused.contains(&policy.key) {
        let origin = Origin::StandIn { policy: policy.key.clone(), direction };
        return PolicyRules { rules: vec![verdict_rule(Verdict::Drop, origin)], listed: Vec::new() };
    }
    let mut listed = Vec::new();
    let mut context = Context { family, direction, set_name, pass: Verdict::Return, listed: &mut listed };
    let rules = policy.rules(direction).iter();
    let rules = rules
        .flat_map(|rule| rule::rules(rule, &tier::rule_origin(policy, direction, rule.index), &mut context))
        .collect();
    PolicyRules { rules, listed }
}

/// The address sets that a policy refers to, in any direction.
pub(super) fn references(policy: &ActivePolicy) -> impl Iterator<Item = &AddressSetKey> {
    let rules = Direction::ALL.into_iter().flat_map(|direction| policy.rules(direction));
    rules.flat_map(|rule| [&rule.source, &rule.destination]).flat_map(|entity| {
        entity.sets.iter().chain(&entity.not_sets).chain(&entity.named_ports).chain(&entity.not_named_ports)
    })
}
