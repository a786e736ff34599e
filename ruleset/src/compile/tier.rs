//! Tiers: each policy one jump, then the end of the tier.
//!
//! A policy chain can leave by a terminal verdict or by returning, which means "no match". A pass is a third way out. So a tier that holds pass rules
//! gets a chain of its own, in which policies with pass rules are laid out in place; there `return` means pass, and the endpoint goes on with the next
//! tier. Endpoints with the same policies in that tier share the chain.

use std::sync::Arc;

use super::{
    around::Around,
    exits::Exits,
    name, policy,
    rendered::{self, verdict_rule},
};
use crate::{
    ir::{ActivePolicy, TierStep},
    nft::{Rule, Statement, Verdict},
    origin::Origin,
    policy::{Action, Direction, PolicyKey, TierAction},
};

/// Whether a policy has a pass rule that counts in a direction.
pub(super) fn passes(policy: &ActivePolicy, direction: Direction, around: Around<'_>) -> bool {
    !around.layout.options.refused.contains(&policy.key)
        && policy.rules(direction).iter().any(|rule| rule.action == Action::Pass)
}

/// Whether a tier holds a pass rule that counts in a direction.
pub(super) fn holds_passes(step: &TierStep, direction: Direction, around: Around<'_>) -> bool {
    let policies = step.policies.iter().filter_map(|key| around.policies.get(key));
    policies.into_iter().any(|policy| passes(policy, direction, around))
}

/// What an endpoint's chain says about one tier. `inline` lays out a policy that has no chain.
pub(super) fn steps(
    step: &TierStep,
    direction: Direction,
    around: Around<'_>,
    inline: impl FnMut(&ActivePolicy) -> Vec<Rule>,
) -> Vec<Rule> {
    if holds_passes(step, direction, around) {
        let jump = Statement::Verdict(Verdict::Jump(name::tier(step, direction)));
        return vec![rendered::rule([jump], end(step, direction))];
    }
    rules(step, direction, around, inline)
}

/// Policy by policy, then the end of the tier: what stands in the chain of a tier that has one, where the passes of laid out policies are `return`.
pub(super) fn rules(
    step: &TierStep,
    direction: Direction,
    around: Around<'_>,
    mut inline: impl FnMut(&ActivePolicy) -> Vec<Rule>,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for key in &step.policies {
        match around.policies.get(key) {
            Some(policy) if !policy::has_chain(policy, direction, around) => rules.extend(inline(policy)),
            Some(_) | None => rules.push(jump(key, step, direction)),
        }
    }
    let deny = Exits::of_pods(direction, around.layout).deny;
    rules.extend(end_rule(step, direction, deny));
    rules
}

fn jump(policy: &PolicyKey, step: &TierStep, direction: Direction) -> Rule {
    let origin = Origin::Policy { tier: step.tier.clone(), policy: policy.clone(), direction };
    rendered::rule([Statement::Verdict(Verdict::Jump(name::policy(policy, direction)))], origin)
}

/// The deny at the end of a tier that isolates.
pub(super) fn end_rule(step: &TierStep, direction: Direction, deny: Verdict) -> Option<Rule> {
    match step.end {
        TierAction::Deny => Some(verdict_rule(deny, end(step, direction))),
        TierAction::Pass => None,
    }
}

fn end(step: &TierStep, direction: Direction) -> Origin {
    Origin::EndOfTier { tier: step.tier.clone(), direction, policies: step.policies.clone() }
}

/// The origin of a rule of a policy.
pub(super) fn rule_origin(policy: &ActivePolicy, direction: Direction, index: u32) -> Arc<Origin> {
    Arc::new(Origin::Rule { tier: policy.tier.clone(), policy: policy.key.clone(), direction, index })
}
