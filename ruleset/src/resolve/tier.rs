//! The order in which tiers and policies decide.

use std::collections::BTreeMap;

use crate::{
    ir::{SubjectKind, TierStep},
    name::TierName,
    policy::{Direction, Order, Policy, PolicyKind, Tier, TierAction},
};

/// A policy with the text that breaks ties of its order.
#[derive(Debug)]
pub(super) struct RankedPolicy {
    /// The policy.
    pub(super) policy: Policy,
    tie_break: String,
}

impl RankedPolicy {
    /// A policy and its rank within its tier.
    pub(super) fn new(mut policy: Policy) -> Self {
        policy.shrink();
        Self { tie_break: policy.key.tie_break(), policy }
    }

    fn rank(&self) -> (Order, &str) {
        (self.policy.order, &self.tie_break)
    }

    /// Whether it can govern endpoints of a kind. A namespace has no host endpoints, whatever labels a host endpoint bears; nor do policies of Kubernetes
    /// know any.
    pub(super) fn can_govern(&self, kind: SubjectKind) -> bool {
        match kind {
            SubjectKind::Pod => self.policy.stage.governs_pods(),
            SubjectKind::Host => match self.policy.key.kind {
                PolicyKind::GlobalNetworkPolicy => true,
                PolicyKind::AdminNetworkPolicy
                | PolicyKind::BaselineAdminNetworkPolicy
                | PolicyKind::ClusterNetworkPolicy
                | PolicyKind::KubernetesNetworkPolicy
                | PolicyKind::NetworkPolicy => false,
            },
        }
    }

    /// Whether two versions of a policy stand in the same place of the same tiers.
    pub(super) fn stands_where(&self, other: &Self) -> bool {
        let place = |ranked: &Self| (ranked.policy.tier.clone(), ranked.policy.order, ranked.policy.stage);
        place(self) == place(other) && self.policy.directions == other.policy.directions
    }
}

/// The policies of one endpoint in order, by tier in order.
#[derive(Debug)]
pub(super) struct OrderedTiers<'a> {
    tiers: Vec<(&'a TierName, TierAction, Vec<&'a RankedPolicy>)>,
}

/// Whether a tier has a resource; those that have none come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Existence {
    Known,
    Missing,
}

impl<'a> OrderedTiers<'a> {
    /// Puts policies in order. A tier without a resource comes after all others and denies.
    pub(super) fn new(
        policies: impl Iterator<Item = &'a RankedPolicy>,
        known: &BTreeMap<TierName, Tier>,
    ) -> Self {
        let mut by_tier: BTreeMap<&TierName, Vec<&RankedPolicy>> = BTreeMap::new();
        for ranked in policies {
            by_tier.entry(&ranked.policy.tier).or_default().push(ranked);
        }
        let place = |name: &TierName| match known.get(name) {
            Some(tier) => (Existence::Known, tier.order),
            None => (Existence::Missing, Order::LAST),
        };
        let end = |name: &TierName| known.get(name).map_or(TierAction::Deny, |tier| tier.default_action);
        let mut tiers: Vec<_> =
            by_tier.into_iter().map(|(name, policies)| (name, end(name), policies)).collect();
        // They are in order of their names already, and the sort keeps that for tiers of equal place.
        tiers.sort_by_key(|(name, ..)| place(name));
        for (.., policies) in &mut tiers {
            policies.sort_unstable_by(|left, right| left.rank().cmp(&right.rank()));
        }
        Self { tiers }
    }

    /// The tiers that govern a direction.
    pub(super) fn steps(&self, direction: Direction) -> Vec<TierStep> {
        let step = |(tier, end, policies): &(&TierName, TierAction, Vec<&RankedPolicy>)| {
            let governing = policies.iter().filter(|ranked| ranked.policy.directions.contains(&direction));
            let policies: Vec<_> = governing.map(|ranked| ranked.policy.key.clone()).collect();
            (!policies.is_empty()).then(|| TierStep { tier: (*tier).clone(), policies, end: *end })
        };
        self.tiers.iter().filter_map(step).collect()
    }

    /// The same, each of which passes at its end.
    pub(super) fn passing_steps(&self, direction: Direction) -> Vec<TierStep> {
        let steps = self.steps(direction).into_iter();
        steps.map(|step| TierStep { end: TierAction::Pass, ..step }).collect()
    }
}
