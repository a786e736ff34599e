//! Tiers: each policy one jump, then the end of the tier.
//!
//! A policy chain can leave by a terminal verdict or by returning, which means "no match". A pass is a third way out. So a tier that holds pass rules
//! gets a chain of its own, in which policies with pass rules are laid out in place; there `return` means pass, and the endpoint goes on with the next
//! tier. Endpoints with the same policies in that tier share the chain.

use std::sync::Arc;

use super::{
    Options,
    group::Surroundings,
    name,
    rendered::{self, verdict_rule},
};
use crate::{
    ir::{ActivePolicy, TierStep},
    nft::{Rule, Statement, Verdict},
    origin::Origin,
    policy::{Action, Direction, PolicyKey, TierAction},
};

/// Whether a policy has a pass rule that counts in a direction.
pub(super) fn passes(policy: &ActivePolicy, direction: Direction, options: &Options) -> bool {
    !options.refused.contains(&policy.key)
        && policy.rules(direction).iter().any(|rule| rule.action == Action::Pass)
}

/// Whether a tier needs a chain of its own.
pub(super) fn has_own_chain(step: &TierStep, direction: Direction, around: Surroundings<'_>) -> bool {
    let policies = step.policies.iter().filter_map(|key| around.policies.get(key));
    policies.into_iter().any(|policy| passes(policy, direction, around.options))
}

/// What an endpoint's chain says about one tier.
pub(super) fn steps(step: &TierStep, direction: Direction, around: Surroundings<'_>) -> Vec<Rule> {
    if has_own_chain(step, direction, around) {
        let jump = Statement::Verdict(Verdict::Jump(name::tier(step, direction)));
        return vec![rendered::rule([jump], end(step, direction))];
    }
    let mut rules: Vec<Rule> = step.policies.iter().map(|policy| jump(policy, step, direction)).collect();
    rules.extend(end_rule(step, direction));
    rules
}

/// The rules of a tier that has a chain of its own. `inline` lays out a policy whose passes turn into `return`.
pub(super) fn own_chain(
    step: &TierStep,
    direction: Direction,
    around: Surroundings<'_>,
    mut inline: impl FnMut(&ActivePolicy) -> Vec<Rule>,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for key in &step.policies {
        match around.policies.get(key) {
            Some(policy) if passes(policy, direction, around.options) => rules.extend(inline(policy)),
            Some(_) | None => rules.push(jump(key, step, direction)),
        }
    }
    rules.extend(end_rule(step, direction));
    rules
}

fn jump(policy: &PolicyKey, step: &TierStep, direction: Direction) -> Rule {
    let origin = Origin::Policy { tier: step.tier.clone(), policy: policy.clone(), direction };
    rendered::rule([Statement::Verdict(Verdict::Jump(name::policy(policy, direction)))], origin)
}

/// The drop at the end of a tier that isolates.
pub(super) fn end_rule(step: &TierStep, direction: Direction) -> Option<Rule> {
    match step.end {
        TierAction::Deny => Some(verdict_rule(Verdict::Drop, end(step, direction))),
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
