//! Store to [`NodePolicy`]: which endpoints are here, which policies govern them, and who their peers are.
//!
//! The only incremental stage that keeps an index by hand. Law 1: after any sequence of events, the result equals that of a new [`Resolver`] which was
//! told the final state only.
//!
//! Invariants:
//! * [`Resolver::apply`] keeps two joins of labels and selectors current ([`matching`]): this node's endpoints with the subjects of all policies, and
//!   the cluster's endpoints and network sets with the peers of the policies that are active here. It notes what that touches.
//! * [`Resolver::resolve`] renders the touched units again and replaces those that came out different. Policies become active and inactive here only, so
//!   that a pod that comes and goes between two results costs no set.
//! * A set that one policy stops using and another starts using in the same round is never dropped in between.
//! * Tiers are what resources say. Those that exist without a resource are the sources' to add: a tier that is not there is last and denies.

mod address_set;
mod endpoint;
mod intake;
mod label_index;
mod labelled;
mod matching;
mod member;
mod policy;
mod selector_index;
mod subject;
mod tier;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use imbl::OrdMap;

use address_set::AddressSets;
use endpoint::LocalPods;
use subject::{Subjects, Touched};
use tier::{OrderedTiers, RankedPolicy};

use crate::{
    ir::{ActivePolicy, AddressSetKey, Endpoint, NodePolicy, Profile},
    links::InterfacePrefix,
    name::{NamespaceName, NodeName, ObjectName, TierName},
    policy::{Direction, PolicyKey, Tier},
    resource::PodState,
    settings::{Layer, Settings},
};

/// The incremental resolver of one node.
#[derive(Debug)]
pub struct Resolver {
    node: NodeName,
    pods: LocalPods,
    namespaces: BTreeSet<NamespaceName>,
    tiers: BTreeMap<TierName, Tier>,
    policies: HashMap<PolicyKey, RankedPolicy>,
    subjects: Subjects,
    address_sets: AddressSets,
    /// Policies that changed since the last result, and endpoints that did other than by their policies.
    changed: Touched,
    /// The sets that each active policy holds.
    held: HashMap<PolicyKey, Vec<AddressSetKey>>,
    endpoints: OrdMap<ObjectName, Arc<Endpoint>>,
    active: OrdMap<PolicyKey, Arc<ActivePolicy>>,
    settings: Arc<Settings>,
}

impl Resolver {
    /// A resolver that knows nothing yet. `prefixes` are those of workload interfaces, at least one.
    pub fn new(node: NodeName, prefixes: Vec<InterfacePrefix>) -> Self {
        Self {
            node,
            pods: LocalPods::new(prefixes),
            namespaces: BTreeSet::new(),
            tiers: BTreeMap::new(),
            policies: HashMap::new(),
            subjects: Subjects::default(),
            address_sets: AddressSets::default(),
            changed: Touched::default(),
            held: HashMap::new(),
            endpoints: OrdMap::new(),
            active: OrdMap::new(),
            settings: Arc::default(),
        }
    }

    /// The same with a layer of settings of the agent's own, which is stronger than what any object says.
    #[must_use]
    pub fn with_layer(mut self, layer: &Layer) -> Self {
        self.settings = Arc::new(layer.clone().settings());
        self
    }

    /// The policy of the node after all events so far. Shares every unit that did not change with the previous result.
    pub fn resolve(&mut self) -> NodePolicy {
        let touched = self.subjects.take_touched();
        let changed = std::mem::take(&mut self.changed);
        self.resolve_policies(&changed.policies, &touched.policies);
        changed.pods.union(&touched.pods).for_each(|pod| self.resolve_endpoint(pod));
        NodePolicy {
            endpoints: self.endpoints.clone(),
            policies: self.active.clone(),
            address_sets: self.address_sets.resolve(),
            host_endpoints: OrdMap::new(),
            surroundings: Arc::default(),
            settings: self.settings.clone(),
        }
    }

    fn resolve_policies(&mut self, changed: &BTreeSet<PolicyKey>, touched: &BTreeSet<PolicyKey>) {
        let mut released = Vec::new();
        for key in changed.union(touched) {
            let policy = self.policies.get(key).map(|ranked| &ranked.policy);
            match policy.filter(|policy| self.subjects.selects_any(&policy.subject)) {
                None => {
                    released.extend(self.held.remove(key).unwrap_or_default());
                    self.active.remove(key);
                }
                Some(_) if self.held.contains_key(key) && !changed.contains(key) => {}
                Some(policy) => {
                    let resolved = policy::resolve(policy);
                    resolved.sets.iter().for_each(|(set, selector)| self.address_sets.acquire(set, selector));
                    let sets = resolved.sets.into_keys().collect();
                    released.extend(self.held.insert(key.clone(), sets).unwrap_or_default());
                    put(&mut self.active, key, resolved.unit);
                }
            }
        }
        released.iter().for_each(|set| self.address_sets.release(set));
    }

    fn resolve_endpoint(&mut self, name: &ObjectName) {
        let Some((pod, interface)) = self.pods.endpoint(name) else {
            self.endpoints.remove(name);
            return;
        };
        let profile = match pod.state {
            PodState::Active if self.namespaces.contains(&name.namespace) => Profile::Allow,
            PodState::Active | PodState::HostNetwork | PodState::Finished | PodState::Unintelligible => {
                Profile::Deny
            }
        };
        let policies = self.subjects.policies(name).filter_map(|key| self.policies.get(key));
        let tiers = OrderedTiers::new(policies, &self.tiers);
        let endpoint = Endpoint {
            pod: name.clone(),
            interface: interface.clone(),
            addresses: pod.addresses.iter().copied().collect(),
            allowed_sources: BTreeSet::new(),
            limits: pod.extras.limits,
            dscp: pod.extras.dscp,
            floating: BTreeMap::new(),
            ingress: tiers.verdicts(Direction::Ingress, profile),
            egress: tiers.verdicts(Direction::Egress, profile),
        };
        put(&mut self.endpoints, name, endpoint);
    }
}

/// Puts a unit into a result, unless the one that is there is equal.
fn put<K: Clone + Ord, V: PartialEq>(units: &mut OrdMap<K, Arc<V>>, key: &K, unit: V) {
    if units.get(key).is_none_or(|present| **present != unit) {
        units.insert(key.clone(), Arc::new(unit));
    }
}
