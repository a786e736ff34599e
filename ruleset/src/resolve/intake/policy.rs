//! Policies and tiers.

use crate::{
    ir::{SubjectKind, TierStep},
    name::TierName,
    policy::{Direction, Policy, PolicyKey, Tier},
    resolve::{Resolver, tier::RankedPolicy},
};

impl Resolver {
    /// The policy is now this; `None` if there is none.
    pub(super) fn set_policy(&mut self, key: &PolicyKey, policy: Option<Policy>) {
        let old = self.policies.get(key);
        if old.map(|old| &old.policy) == policy.as_ref() {
            return;
        }
        let new = policy.map(RankedPolicy::new);
        let tier = |ranked: &RankedPolicy| ranked.policy.tier.clone();
        self.tier_members.replace(old.map(tier).as_ref(), new.as_ref().map(tier).as_ref());
        let subject = |ranked: Option<&RankedPolicy>, kind| {
            let ranked = ranked.filter(|ranked| ranked.can_govern(kind));
            ranked.map(|ranked| ranked.policy.subject.clone())
        };
        let moved = old.zip(new.as_ref()).is_some_and(|(old, new)| !old.stands_where(new));
        let pods = [old, new.as_ref()].map(|ranked| subject(ranked, SubjectKind::Pod));
        let hosts = [old, new.as_ref()].map(|ranked| subject(ranked, SubjectKind::Host));
        self.pod_subjects.replace_policy(key, pods[0].as_ref(), pods[1].as_ref());
        self.host_subjects.replace_policy(key, hosts[0].as_ref(), hosts[1].as_ref());
        if let Some(new) = new.as_ref().filter(|_| moved) {
            self.pod_subjects.touch_endpoints(&new.policy.subject);
            self.host_subjects.touch_endpoints(&new.policy.subject);
        }
        match new {
            Some(new) => drop(self.policies.insert(key.clone(), new)),
            None => drop(self.policies.remove(key)),
        }
        self.changed.policies.insert(key.clone());
    }

    pub(super) fn set_tier(&mut self, name: &TierName, tier: Option<Tier>) {
        if self.tiers.get(name) == tier.as_ref() {
            return;
        }
        match tier {
            Some(tier) => drop(self.tiers.insert(name.clone(), tier)),
            None => drop(self.tiers.remove(name)),
        }
        // Whoever is not in the tier now, but will be, is touched on its own account.
        let has = |steps: &[TierStep]| steps.iter().any(|step| step.tier == *name);
        let pods = self.endpoints.iter().filter(|(_, endpoint)| {
            Direction::ALL.iter().any(|direction| has(&endpoint.verdicts(*direction).tiers))
        });
        self.changed.pods.extend(pods.map(|(pod, _)| pod.clone()));
        let hosts = self.host_endpoints.iter().filter(|(_, endpoint)| {
            let in_direction = |direction: &Direction| {
                has(&endpoint.local.get(*direction).tiers) || has(endpoint.untracked.get(*direction))
            };
            // Forwarded traffic meets no tier that local traffic does not.
            has(&endpoint.pre_dnat) || Direction::ALL.iter().any(in_direction)
        });
        self.changed.hosts.extend(hosts.map(|(host, _)| host.clone()));
    }
}
