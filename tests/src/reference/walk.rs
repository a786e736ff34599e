//! The way of a packet through the policies of one direction of one pod (policy-model §4.2).

use super::{
    packet::Packet,
    pod::Pod,
    policy::{Action, Policy},
    tier::Tier,
    truth::Truth,
    world::World,
};
use crate::verdict::{By, Decision, Direction, Outcome};

/// How input that could not be understood is read. Where everything is understood, both readings agree.
///
/// A correct system denies whatever [`Self::Least`] denies and allows whatever [`Self::Most`] allows; between them it may choose its stand-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// As open as closed allows: a packet is denied if one of the things that the input could have meant denies it.
    Least,
    /// As closed as makes sense: a rule in doubt denies all, or, if it is an Allow or Log, matches nothing; so does a policy in doubt wherever it could
    /// apply.
    Most,
}

/// A packet on its way.
pub struct Walk<'a> {
    /// The cluster.
    pub world: &'a World,
    /// The pod whose policies are asked.
    pub pod: &'a Pod,
    /// The direction.
    pub direction: Direction,
    /// The packet.
    pub packet: &'a Packet,
    /// How doubt is read.
    pub reading: Reading,
}

impl Walk<'_> {
    /// What the policies decide.
    pub fn decide(&self) -> Decision {
        let displaced = |policy: &Policy| policy.displaced && policy.reaches(self.pod, self.direction);
        let mut policies = self.world.tiers.iter().flat_map(|(_, policies)| policies);
        if self.reading == Reading::Most && policies.any(displaced) {
            return Decision::deny("stand-in");
        }
        self.tier(0)
    }

    /// From the beginning of a tier. Behind the last one stands the profile of the namespace, which allows (§2.1); in a directory every namespace exists
    /// (design §5).
    fn tier(&self, index: usize) -> Decision {
        match self.world.tiers.get(index) {
            None => Decision::allow("profile"),
            Some(_) => self.policy(index, 0, false),
        }
    }

    /// From a policy of a tier. A tier isolates if one of its policies governs this direction of the pod, with or without rules (§0 item 1).
    fn policy(&self, tier: usize, index: usize, isolated: bool) -> Decision {
        let (Tier { passes, .. }, policies) = &self.world.tiers[tier];
        let Some(policy) = policies.get(index) else {
            return if isolated && !passes { Decision::deny("end-of-tier") } else { self.tier(tier + 1) };
        };
        if self.reading == Reading::Most && policy.doubtful {
            return if policy.reaches(self.pod, self.direction) {
                Decision::deny("stand-in")
            } else {
                self.policy(tier, index + 1, isolated)
            };
        }
        match policy.governs(self.pod, self.direction) {
            Truth::No => self.policy(tier, index + 1, isolated),
            Truth::Yes => self.rule(tier, index, 0),
            Truth::Maybe => worse(self.rule(tier, index, 0), || self.policy(tier, index + 1, isolated)),
        }
    }

    /// From a rule of a policy that governs the pod.
    fn rule(&self, tier: usize, policy: usize, index: usize) -> Decision {
        let governing = &self.world.tiers[tier].1[policy];
        let Some(rule) = governing.rules(self.direction).get(index) else {
            return self.policy(tier, policy + 1, true);
        };
        let next = || self.rule(tier, policy, index + 1);
        let decided = |outcome| Decision { outcome, by: self.by(governing, index) };
        if self.reading == Reading::Most && rule.doubtful {
            return match rule.action {
                Action::Allow | Action::Log => next(),
                Action::Deny | Action::Pass | Action::Doubtful => decided(Outcome::Deny),
            };
        }
        let matched = || match rule.action {
            Action::Allow => decided(Outcome::Allow),
            Action::Deny | Action::Doubtful => decided(Outcome::Deny),
            Action::Pass => self.tier(tier + 1),
            // §6c: never decides.
            Action::Log => next(),
        };
        match rule.matches(self.world, self.packet, self.direction) {
            Truth::No => next(),
            Truth::Yes => matched(),
            Truth::Maybe => worse(matched(), next),
        }
    }

    fn by(&self, policy: &Policy, rule: usize) -> By {
        By::Rule {
            direction: self.direction,
            tier: policy.tier.clone(),
            kind: policy.kind.to_owned(),
            namespace: policy.namespace.clone(),
            name: policy.name.clone(),
            rule,
        }
    }
}

/// The decision that denies, if either does.
fn worse(one: Decision, other: impl Fn() -> Decision) -> Decision {
    match one.outcome {
        Outcome::Deny => one,
        Outcome::Allow => other(),
    }
}
