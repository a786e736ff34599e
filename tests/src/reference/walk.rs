//! The way of a packet through the policies of one direction of one endpoint (policy-model §4.2).

use super::{
    endpoint::{Endpoint, Place},
    host_endpoint::Profile,
    packet::Packet,
    policy::{Action, Policy, Rule},
    settings::NodePorts,
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
    /// The endpoint whose policies are asked.
    pub endpoint: Endpoint<'a>,
    /// The direction.
    pub direction: Direction,
    /// The packet.
    pub packet: &'a Packet,
    /// How doubt is read.
    pub reading: Reading,
    /// How egress policy of pods sees services.
    pub node_ports: NodePorts,
}

impl Walk<'_> {
    /// What the policies decide; none if they decide nothing, which only policies of forwarded traffic, of traffic before DNAT and of untracked traffic may.
    pub fn decide(&self) -> Option<Decision> {
        let displaced = |policy: &Policy| policy.displaced && policy.reaches(self.endpoint, self.direction);
        let mut policies = self.world.tiers.iter().flat_map(|(_, policies)| policies);
        if self.reading == Reading::Most && policies.any(displaced) {
            return Some(Decision::deny("stand-in"));
        }
        self.tier(0)
    }

    /// Whether any policy governs the endpoint in the direction.
    pub fn is_governed(&self) -> bool {
        let mut policies = self.world.tiers.iter().flat_map(|(_, policies)| policies);
        policies.any(|policy| policy.governs(self.world, self.endpoint, self.direction) != Truth::No)
    }

    /// From the beginning of a tier.
    fn tier(&self, index: usize) -> Option<Decision> {
        match self.world.tiers.get(index) {
            None => self.behind_the_last_tier(),
            Some(_) => self.policy(index, 0, false),
        }
    }

    /// For a pod the profile of its namespace, which allows (§2.1); in a directory every namespace exists (design §5). For a host endpoint its profiles, of
    /// which the first one that says something decides; if none does, it is closed.
    fn behind_the_last_tier(&self) -> Option<Decision> {
        let endpoint = match self.endpoint {
            Endpoint::Pod(_) => return Some(Decision::allow("profile")),
            Endpoint::Host(endpoint, Place::Local) => endpoint,
            Endpoint::Host(_, Place::Forwarded | Place::PreDnat | Place::Untracked) => return None,
        };
        let says = |profile: &Profile| match profile {
            Profile::Allows => Some(Decision::allow("profile")),
            Profile::Missing => Some(Decision::deny("profile")),
            Profile::Silent => None,
        };
        let decided = endpoint.profiles.iter().find_map(says);
        Some(decided.unwrap_or_else(|| Decision::deny("host-endpoint-default")))
    }

    /// From a policy of a tier. A tier isolates if one of its policies governs this direction of the pod, with or without rules (§0 item 1).
    fn policy(&self, tier: usize, index: usize, isolated: bool) -> Option<Decision> {
        let (Tier { passes, .. }, policies) = &self.world.tiers[tier];
        let Some(policy) = policies.get(index) else {
            let closed = isolated && !passes && self.endpoint.knows_end_of_tier();
            return if closed { Some(Decision::deny("end-of-tier")) } else { self.tier(tier + 1) };
        };
        if self.reading == Reading::Most && policy.doubtful {
            return if policy.reaches(self.endpoint, self.direction) {
                Some(Decision::deny("stand-in"))
            } else {
                self.policy(tier, index + 1, isolated)
            };
        }
        match policy.governs(self.world, self.endpoint, self.direction) {
            Truth::No => self.policy(tier, index + 1, isolated),
            Truth::Yes => self.rule(tier, index, 0),
            Truth::Maybe => worse(self.rule(tier, index, 0), || self.policy(tier, index + 1, isolated)),
        }
    }

    /// From a rule of a policy that governs the endpoint.
    fn rule(&self, tier: usize, policy: usize, index: usize) -> Option<Decision> {
        let governing = &self.world.tiers[tier].1[policy];
        let Some(rule) = governing.rules(self.direction).get(index) else {
            return self.policy(tier, policy + 1, true);
        };
        let next = || self.rule(tier, policy, index + 1);
        let decided = |outcome| Some(Decision { outcome, by: self.by(governing, index) });
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
        match self.means(rule) {
            Truth::No => next(),
            Truth::Yes => matched(),
            Truth::Maybe => worse(matched(), next),
        }
    }

    /// Whether a rule matches, or, where that is asked for, would match what was dialled.
    fn means(&self, rule: &Rule) -> Truth {
        let matches = rule.matches(self.world, self.packet, self.direction);
        let egress_of_pod = matches!(self.endpoint, Endpoint::Pod(_)) && self.direction == Direction::Egress;
        match self.node_ports {
            NodePorts::Consistent if egress_of_pod && rule.action == Action::Allow => {
                matches.or(rule.means_dialled(self.world, self.packet))
            }
            NodePorts::Standard | NodePorts::Consistent => matches,
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

/// The decision that denies, if either does, else the one that leaves it to others, if either does.
fn worse(one: Option<Decision>, other: impl Fn() -> Option<Decision>) -> Option<Decision> {
    if matches!(&one, Some(decision) if decision.outcome == Outcome::Deny) {
        return one;
    }
    let other = other()?;
    if other.outcome == Outcome::Deny { Some(other) } else { one }
}
