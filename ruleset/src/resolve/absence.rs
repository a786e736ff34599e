//! What others refer to and nobody defines. Manifests are reviewed where they are read; objects of an API server by nobody else.

use std::collections::{BTreeMap, BTreeSet};

use super::Resolver;
use crate::{
    finding::{Finding, Severity},
    name::TierName,
    policy::PolicyKey,
    resource::ResourceKey,
};

/// How many policies stand in each tier, whether or not they govern anything here.
#[derive(Debug, Default)]
pub(super) struct TierMembers(BTreeMap<TierName, usize>);

impl TierMembers {
    /// A policy left one tier for another, came or went.
    pub(super) fn replace(&mut self, old: Option<&TierName>, new: Option<&TierName>) {
        if old == new {
            return;
        }
        if let Some(tier) = new {
            *self.0.entry(tier.clone()).or_default() += 1;
        }
        if let Some((tier, count)) = old.and_then(|tier| Some((tier, self.0.get_mut(tier)?))) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(tier);
            }
        }
    }
}

impl Resolver {
    /// Policies in force here whose tier nobody defines, and the node itself if there is no object for it; in order.
    pub fn absences(&self) -> Vec<Finding> {
        let missing: BTreeSet<&TierName> =
            self.tier_members.0.keys().filter(|tier| !self.tiers.contains_key(*tier)).collect();
        let mut findings: Vec<Finding> =
            (!self.nodes.contains_key(&self.node)).then(|| self.without_node()).into_iter().collect();
        if !missing.is_empty() {
            let placed =
                self.active.keys().filter_map(|key| Some((key, &self.policies.get(key)?.policy.tier)));
            let astray = placed.filter(|(_, tier)| missing.contains(tier));
            findings.extend(astray.map(|(key, tier)| without_tier(key, tier)));
        }
        findings.sort();
        findings
    }

    fn without_node(&self) -> Finding {
        Finding {
            location: None,
            severity: Severity::Warning,
            object: Some(ResourceKey::Node(self.node.clone())),
            field: String::new(),
            message:
                "there is no such Node; is this the name of the node that the agent runs on (--node-name)?"
                    .to_owned(),
            consequence: "pods of nodes with other names count as pods elsewhere".to_owned(),
        }
    }
}

fn without_tier(policy: &PolicyKey, tier: &TierName) -> Finding {
    Finding {
        location: None,
        severity: Severity::Warning,
        object: Some(ResourceKey::Policy(policy.clone())),
        field: "spec.tier".to_owned(),
        message: format!("no Tier {tier} is defined"),
        consequence: "it comes after all others and denies what its policies do not decide".to_owned(),
    }
}
