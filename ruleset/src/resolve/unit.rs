//! Units of the result: what was touched is rendered again.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Resolver,
    endpoint::Title,
    host_endpoint::profile,
    policy, put,
    tier::{OrderedTiers, RankedPolicy},
};
use crate::{
    ir::{Endpoint, HostEndpoint, HostInterface, Profile, SubjectKind, Verdicts},
    name::{HostEndpointName, ObjectName},
    policy::{Direction, PerDirection, Policy, PolicyKey, Stage},
    resource::{HostEndpointState, PodState},
    settings::Switch,
};

impl Resolver {
    /// Renders what changed or was touched since the last result.
    pub(super) fn resolve_units(&mut self) {
        let pods = self.pod_subjects.take_touched();
        let hosts = self.host_subjects.take_touched();
        let changed = std::mem::take(&mut self.changed);
        let touched = pods.policies.union(&hosts.policies).cloned().collect();
        self.resolve_policies(&changed.policies, &touched);
        changed.pods.union(&pods.endpoints).for_each(|pod| self.resolve_endpoint(pod));
        changed.hosts.union(&hosts.endpoints).for_each(|name| self.resolve_host_endpoint(name));
    }

    fn resolve_policies(&mut self, changed: &BTreeSet<PolicyKey>, touched: &BTreeSet<PolicyKey>) {
        let node_ports = self.settings.current().node_ports;
        let mut released = Vec::new();
        for key in changed.union(touched) {
            let policy = self.policies.get(key).map(|ranked| (&ranked.policy, self.kinds(&ranked.policy)));
            match policy.filter(|(_, kinds)| !kinds.is_empty()) {
                None => {
                    released.extend(self.held.remove(key).unwrap_or_default());
                    self.active.remove(key);
                }
                Some((_, kinds))
                    if !changed.contains(key)
                        && self.active.get(key).is_some_and(|unit| unit.subjects == kinds) => {}
                Some((policy, kinds)) => {
                    let resolved = policy::resolve(policy, kinds, node_ports);
                    for (set, selector) in &resolved.sets {
                        self.address_sets.acquire(set, selector.as_ref());
                    }
                    let sets = resolved.sets.into_keys().collect();
                    released.extend(self.held.insert(key.clone(), sets).unwrap_or_default());
                    put(&mut self.active, key, resolved.unit);
                }
            }
        }
        released.iter().for_each(|set| self.address_sets.release(set));
    }

    /// Whom a policy governs here.
    fn kinds(&self, policy: &Policy) -> BTreeSet<SubjectKind> {
        let pods = self.pod_subjects.selects_any(&policy.key, &policy.subject).then_some(SubjectKind::Pod);
        let hosts = self.host_subjects.selects_any(&policy.key, &policy.subject).then_some(SubjectKind::Host);
        pods.into_iter().chain(hosts).collect()
    }

    fn resolve_endpoint(&mut self, name: &ObjectName) {
        let Some((pod, interface, title)) = self.pods.endpoint(name) else {
            self.endpoints.remove(name);
            return;
        };
        let profile = match pod.state {
            PodState::Active if self.namespaces.contains(&name.namespace) => Profile::Allow,
            PodState::Active | PodState::HostNetwork | PodState::Finished | PodState::Unintelligible => {
                Profile::Deny
            }
        };
        let policies = self.pod_subjects.policies(name).filter_map(|key| self.policies.get(key));
        let tiers = OrderedTiers::new(policies, &self.tiers);
        let verdicts = |direction| match title {
            Title::Clear => Verdicts { tiers: tiers.steps(direction), profile },
            Title::Disputed => Verdicts { tiers: Vec::new(), profile: Profile::Deny },
        };
        let settings = self.settings.current();
        let endpoint = Endpoint {
            pod: name.clone(),
            interface: interface.clone(),
            addresses: pod.addresses.iter().copied().collect(),
            allowed_sources: match settings.source_spoofing {
                Switch::Enabled => pod.extras.allowed_sources.iter().copied().collect(),
                Switch::Disabled => BTreeSet::new(),
            },
            limits: pod.extras.limits,
            dscp: pod.extras.dscp,
            floating: match settings.floating_addresses {
                Switch::Enabled => self.floating.of(name),
                Switch::Disabled => BTreeMap::new(),
            },
            ingress: verdicts(Direction::Ingress),
            egress: verdicts(Direction::Egress),
        };
        put(&mut self.endpoints, name, endpoint);
    }

    fn resolve_host_endpoint(&mut self, name: &HostEndpointName) {
        let Some((object, interface)) = self.hosts.placed(name) else {
            self.host_endpoints.remove(name);
            return;
        };
        let profile = profile(object, &self.namespaces);
        let local = self.tiers_of_host(name, &[Stage::Local, Stage::LocalAndForwarded]);
        let forwarded = self.tiers_of_host(name, &[Stage::LocalAndForwarded]);
        let untracked = match interface {
            HostInterface::Named(_) => self.tiers_of_host(name, &[Stage::Untracked]),
            HostInterface::Others => self.tiers_of_host(name, &[]),
        };
        let endpoint = HostEndpoint {
            name: name.clone(),
            interface: interface.clone(),
            local: PerDirection::from_fn(|direction| Verdicts { tiers: local.steps(direction), profile }),
            forwarded: PerDirection::from_fn(|direction| forwarded.steps(direction)),
            forwarded_end: match object.state {
                HostEndpointState::Active | HostEndpointState::Doubtful => Profile::Allow,
                HostEndpointState::Unintelligible => Profile::Deny,
            },
            pre_dnat: self.tiers_of_host(name, &[Stage::PreDnat]).passing_steps(Direction::Ingress),
            untracked: PerDirection::from_fn(|direction| untracked.passing_steps(direction)),
        };
        put(&mut self.host_endpoints, name, endpoint);
    }

    fn tiers_of_host(&self, name: &HostEndpointName, stages: &[Stage]) -> OrderedTiers<'_> {
        let policies = self.host_subjects.policies(name).filter_map(|key| self.policies.get(key));
        let of_stage = |ranked: &&RankedPolicy| stages.contains(&ranked.policy.stage);
        OrderedTiers::new(policies.filter(of_stage), &self.tiers)
    }
}
