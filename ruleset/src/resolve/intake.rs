//! Facts as they come in: what each concerns is put into the indexes, and what it touches is noted.

use std::collections::BTreeSet;

use super::{Resolver, endpoint::parents, labelled::Parent, member::Owner, tier::RankedPolicy};
use crate::{
    event::Event,
    ir::Endpoint,
    labels::Labels,
    name::{NamespaceName, ObjectName, TierName},
    policy::{Direction, Policy, PolicyKey, Tier},
    resource::{Namespace, NetworkSet, Pod, PodState, Resource, ResourceKey},
};

impl Resolver {
    /// Takes in a fact. Cheap: cost depends on what the fact concerns.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Upsert(resource) => self.upsert(resource),
            Event::Delete(key) => self.delete(&key),
            Event::Links(links) => {
                let affected = self.pods.set_links(links);
                self.refresh(affected);
            }
        }
    }

    fn upsert(&mut self, resource: Resource) {
        match resource {
            Resource::Pod(pod) => self.set_pod(pod),
            Resource::Namespace(namespace) => self.set_namespace(&namespace.name, Some(&namespace)),
            Resource::ServiceAccount(account) => {
                self.set_parent(&Parent::ServiceAccount(account.name), Some(&account.labels));
            }
            Resource::Node(_) => {}
            Resource::Policy(policy) => self.set_policy(policy),
            Resource::Tier(tier) => self.set_tier(&tier.name.clone(), Some(tier)),
            Resource::NetworkSet(set) => self.set_network_set(set),
            Resource::HostEndpoint(_)
            | Resource::Service(_)
            | Resource::EndpointSlice(_)
            | Resource::IpPool(_)
            | Resource::ServiceRanges(_)
            | Resource::Configuration(_) => {}
        }
    }

    fn delete(&mut self, key: &ResourceKey) {
        match key {
            ResourceKey::Pod(name) => {
                self.address_sets.remove_owner(key);
                let affected = self.pods.remove(name);
                self.refresh(affected);
            }
            ResourceKey::Namespace(name) => self.set_namespace(name, None),
            ResourceKey::ServiceAccount(name) => self.set_parent(&Parent::ServiceAccount(name.clone()), None),
            ResourceKey::Node(_) => {}
            ResourceKey::Policy(name) => self.remove_policy(name),
            ResourceKey::Tier(name) => self.set_tier(name, None),
            ResourceKey::NetworkSet(_) => self.address_sets.remove_owner(key),
            ResourceKey::HostEndpoint(_)
            | ResourceKey::Service(_)
            | ResourceKey::EndpointSlice(_)
            | ResourceKey::IpPool(_)
            | ResourceKey::ServiceRanges(_)
            | ResourceKey::Configuration(_) => {}
        }
    }

    fn set_pod(&mut self, pod: Pod) {
        let key = ResourceKey::Pod(pod.name.clone());
        let local = pod.node.as_ref() == Some(&self.node);
        match pod.state {
            PodState::Active if pod.node.is_some() => {
                let owner = Owner::of_pod(&pod.addresses, pod.ports.clone());
                self.address_sets.set_owner(key, &pod.labels, parents(&pod), owner);
            }
            PodState::Active | PodState::HostNetwork | PodState::Finished | PodState::Unintelligible => {
                self.address_sets.remove_owner(&key);
            }
        }
        let affected = match pod.state {
            PodState::Active | PodState::Unintelligible if local => self.pods.set(pod),
            PodState::Active | PodState::HostNetwork | PodState::Finished | PodState::Unintelligible => {
                self.pods.remove(&pod.name)
            }
        };
        self.refresh(affected);
    }

    fn set_namespace(&mut self, name: &NamespaceName, namespace: Option<&Namespace>) {
        let news = match namespace {
            Some(_) => self.namespaces.insert(name.clone()),
            None => self.namespaces.remove(name),
        };
        if news {
            self.changed.pods.extend(self.pods.of_namespace(name));
        }
        self.set_parent(&Parent::Namespace(name.clone()), namespace.map(|namespace| &namespace.labels));
    }

    fn set_parent(&mut self, parent: &Parent, labels: Option<&Labels>) {
        self.subjects.set_parent(parent, labels);
        self.address_sets.set_parent(parent, labels);
    }

    fn set_network_set(&mut self, set: NetworkSet) {
        let NetworkSet { key, labels, nets } = set;
        let parents = key.namespace.clone().map(Parent::Namespace).into_iter().collect();
        self.address_sets.set_owner(
            ResourceKey::NetworkSet(key),
            &labels,
            parents,
            Owner::of_network_set(nets),
        );
    }

    fn set_policy(&mut self, policy: Policy) {
        let key = policy.key.clone();
        let new = RankedPolicy::new(policy);
        let old = self.policies.get(&key);
        if old.is_some_and(|old| old.policy == new.policy) {
            return;
        }
        match old {
            Some(old) if old.policy.subject == new.policy.subject => {
                if !old.stands_where(&new) {
                    self.subjects.touch_pods(&new.policy.subject);
                }
            }
            Some(old) => {
                self.subjects.remove_policy(&key, &old.policy.subject);
                self.subjects.insert_policy(&key, &new.policy.subject);
            }
            None => self.subjects.insert_policy(&key, &new.policy.subject),
        }
        self.policies.insert(key.clone(), new);
        self.changed.policies.insert(key);
    }

    fn remove_policy(&mut self, key: &PolicyKey) {
        let Some(old) = self.policies.remove(key) else { return };
        self.subjects.remove_policy(key, &old.policy.subject);
        self.changed.policies.insert(key.clone());
    }

    fn set_tier(&mut self, name: &TierName, tier: Option<Tier>) {
        if self.tiers.get(name) == tier.as_ref() {
            return;
        }
        match tier {
            Some(tier) => drop(self.tiers.insert(name.clone(), tier)),
            None => drop(self.tiers.remove(name)),
        }
        // Whoever is not in the tier now, but will be, is touched on its own account.
        let governed = |endpoint: &Endpoint| {
            let verdicts = Direction::ALL.map(|direction| endpoint.verdicts(direction));
            verdicts.iter().any(|verdicts| verdicts.tiers.iter().any(|step| step.tier == *name))
        };
        let pods =
            self.endpoints.iter().filter(|(_, endpoint)| governed(endpoint)).map(|(pod, _)| pod.clone());
        self.changed.pods.extend(pods);
    }

    /// Tells the subjects which of these pods are endpoints.
    fn refresh(&mut self, pods: BTreeSet<ObjectName>) {
        for name in pods {
            match self.pods.endpoint(&name) {
                Some((pod, _)) if pod.state == PodState::Active => {
                    self.subjects.set_pod(&name, &pod.labels, parents(pod));
                }
                Some(_) | None => self.subjects.remove_pod(&name),
            }
            self.changed.pods.insert(name);
        }
    }
}
