//! Policies: a chain per direction, shared by all endpoints that the policy governs.

use std::sync::Arc;

use super::{
    around::Around,
    exits::Exits,
    name,
    rendered::verdict_rule,
    rule::{self, Context},
    tier,
};
use crate::{
    address::Family,
    ir::{self, ActivePolicy, AddressSetKey, DestinationView, SubjectKind},
    nft::{self, Chain, Set},
    origin::Origin,
    policy::Direction,
};

/// Rules of a policy, and the sets of listed networks that they refer to.
#[derive(Debug, Default)]
pub(super) struct PolicyRules {
    pub(super) rules: Vec<nft::Rule>,
    pub(super) listed: Vec<Arc<Set>>,
}

/// Whether a policy has a chain in a direction, which all pods share that it governs, and host endpoints where their ingress is local. Without one it is
/// laid out where it counts: with pass rules in its tier, and in the chains of host endpoints if it governs nobody else.
pub(super) fn has_chain(policy: &ActivePolicy, direction: Direction, around: Around<'_>) -> bool {
    policy.directions.contains(&direction)
        && policy.subjects.contains(&SubjectKind::Pod)
        && !tier::passes(policy, direction, around)
}

/// The chain of a policy in one direction, with the sets it needs.
pub(super) fn chain(
    policy: &ActivePolicy,
    direction: Direction,
    family: Family,
    around: Around<'_>,
) -> Option<(Chain, Vec<Arc<Set>>)> {
    if !has_chain(policy, direction, around) {
        return None;
    }
    let exits = Exits::of_pods(direction, around.layout);
    let rules = rules(policy, direction, family, around, &exits, DestinationView::Current, &|_| true);
    Some((Chain { name: name::policy(&policy.key, direction), base: None, rules: rules.rules }, rules.listed))
}

/// The rules of a policy in one direction. One that the kernel refused is closed.
pub(super) fn rules(
    policy: &ActivePolicy,
    direction: Direction,
    family: Family,
    around: Around<'_>,
    exits: &Exits,
    view: DestinationView,
    wanted: &dyn Fn(&ir::Rule) -> bool,
) -> PolicyRules {
    if around.layout.options.refused.contains(&policy.key) {
        let origin = Origin::StandIn { policy: policy.key.clone(), direction };
        return PolicyRules { rules: vec![verdict_rule(exits.deny.clone(), origin)], listed: Vec::new() };
    }
    let mut listed = Vec::new();
    let set_name = |set: &AddressSetKey| (around.set_name)(family, set);
    let mut context =
        Context { family, layout: around.layout, exits, view, set_name: &set_name, listed: &mut listed };
    let rules = policy.rules(direction).iter().filter(|rule| wanted(rule));
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
