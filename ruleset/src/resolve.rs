//! Store to [`NodePolicy`]: which endpoints are here, which policies govern them, and who their peers are.
//!
//! The only incremental stage that keeps an index by hand. Law 1: after any sequence of events, the result equals that of a new [`Resolver`] which was
//! told the final state only.
//!
//! Invariants:
//! * [`Resolver::apply`] keeps the joins of labels and selectors current ([`matching`]): this node's endpoints of pods and its host endpoints with the
//!   subjects of all policies that can govern them, and the cluster's endpoints and network sets with the peers of the policies that are active here.
//!   It notes what that touches.
//! * [`Resolver::resolve`] renders the touched units again and replaces those that came out different. Policies become active and inactive here only, so
//!   that a pod that comes and goes between two results costs no set. What settings decide is decided here too, settings first.
//! * A set that one policy stops using and another starts using in the same round is never dropped in between.
//! * Tiers are what resources say. Those that exist without a resource are the sources' to add: a tier that is not there is last and denies.
//! * Annotations that the settings do not permit have no effect, and the pod is enforced as if they were not there.

mod absence;
mod address_set;
mod cohort;
mod consistent;
mod endpoint;
mod floating;
mod front;
mod host_endpoint;
mod intake;
mod label_index;
mod labelled;
mod matching;
mod member;
mod nets;
mod owners;
mod policy;
mod review;
mod selector_index;
mod service;
mod settings;
mod subject;
mod surroundings;
mod tier;
mod unit;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use imbl::OrdMap;

use absence::TierMembers;
use address_set::AddressSets;
use endpoint::LocalPods;
use floating::FloatingAddresses;
use host_endpoint::{AutomaticHostEndpoints, HostEndpoints};
use settings::NodeSettings;
use subject::Subjects;
use surroundings::Network;
use tier::RankedPolicy;

use crate::{
    ir::{ActivePolicy, AddressSetKey, Endpoint, HostEndpoint, NodePolicy},
    labels::Labels,
    links::InterfacePrefix,
    name::{HostEndpointName, NamespaceName, NodeName, ObjectName, TierName},
    policy::{PolicyKey, Tier},
    resource::{Node, ResourceKey},
    settings::{Layer, Settings},
};

/// The incremental resolver of one node.
#[derive(Debug)]
pub struct Resolver {
    node: NodeName,
    nodes: BTreeMap<NodeName, Node>,
    pods: LocalPods,
    hosts: HostEndpoints,
    automatic: AutomaticHostEndpoints,
    namespaces: BTreeSet<NamespaceName>,
    tiers: BTreeMap<TierName, Tier>,
    tier_members: TierMembers,
    policies: HashMap<PolicyKey, RankedPolicy>,
    pod_subjects: Subjects<ObjectName>,
    host_subjects: Subjects<HostEndpointName>,
    floating: FloatingAddresses,
    address_sets: AddressSets,
    settings: NodeSettings,
    network: Network,
    changed: Changed,
    /// The sets that each active policy holds.
    held: HashMap<PolicyKey, Vec<AddressSetKey>>,
    endpoints: OrdMap<ObjectName, Arc<Endpoint>>,
    host_endpoints: OrdMap<HostEndpointName, Arc<HostEndpoint>>,
    active: OrdMap<PolicyKey, Arc<ActivePolicy>>,
}

/// What changed since the last result: policies, and endpoints other than by their policies.
#[derive(Debug, Default)]
struct Changed {
    policies: BTreeSet<PolicyKey>,
    pods: BTreeSet<ObjectName>,
    hosts: BTreeSet<HostEndpointName>,
}

impl Resolver {
    /// A resolver that knows nothing yet. `prefixes` are those of workload interfaces, at least one.
    pub fn new(node: NodeName, prefixes: Vec<InterfacePrefix>) -> Self {
        Self {
            node,
            nodes: BTreeMap::new(),
            pods: LocalPods::new(prefixes.clone()),
            hosts: HostEndpoints::new(prefixes),
            automatic: AutomaticHostEndpoints::default(),
            namespaces: BTreeSet::new(),
            tiers: BTreeMap::new(),
            tier_members: TierMembers::default(),
            policies: HashMap::new(),
            pod_subjects: Subjects::default(),
            host_subjects: Subjects::default(),
            floating: FloatingAddresses::default(),
            address_sets: AddressSets::default(),
            settings: NodeSettings::default(),
            network: Network::default(),
            changed: Changed::default(),
            held: HashMap::new(),
            endpoints: OrdMap::new(),
            host_endpoints: OrdMap::new(),
            active: OrdMap::new(),
        }
    }

    /// The same with a layer of settings of the agent's own, which is stronger than what any object says.
    #[must_use]
    pub fn with_layer(mut self, layer: &Layer) -> Self {
        self.settings.set_agent(layer);
        self
    }

    /// The host endpoints of this node that have no interface as of the last result, in no order that means anything.
    pub fn idle_host_endpoints(&self) -> impl Iterator<Item = &HostEndpointName> {
        self.hosts.idle()
    }

    /// The policy of the node after all events so far. Shares every unit that did not change with the previous result.
    pub fn resolve(&mut self) -> NodePolicy {
        self.resolve_settings();
        self.resolve_host_endpoints();
        if self.network.resolve(self.nodes.values().flat_map(|node| node.addresses.iter().copied())) {
            self.address_sets.set_hosts(&self.network.current().hosts);
        }
        self.resolve_units();
        NodePolicy {
            endpoints: self.endpoints.clone(),
            policies: self.active.clone(),
            address_sets: self.address_sets.resolve(),
            host_endpoints: self.host_endpoints.clone(),
            surroundings: Arc::clone(self.network.current()),
            settings: Arc::clone(self.settings.current()),
        }
    }

    /// Makes the settings current, and notes what depends on those that changed.
    fn resolve_settings(&mut self) {
        let nothing = Labels::new();
        let labels = self.nodes.get(&self.node).map_or(&nothing, |node| &node.labels);
        let old = Arc::clone(self.settings.current());
        self.settings.resolve(&self.node, labels);
        let new: &Settings = self.settings.current();
        if old.node_ports != new.node_ports {
            self.changed.policies.extend(self.active.keys().cloned());
        }
        if (old.source_spoofing, old.floating_addresses) != (new.source_spoofing, new.floating_addresses) {
            self.changed.pods.extend(self.endpoints.keys().cloned());
        }
    }

    /// Finds the automatic host endpoints and the places of all.
    fn resolve_host_endpoints(&mut self) {
        let switch = self.settings.current().auto_host_endpoints;
        for (node, automatic) in self.automatic.take_changes(switch, &self.nodes) {
            let key = ResourceKey::Node(node.clone());
            self.set_host_peer(&key, automatic.as_ref());
            if node == self.node {
                self.hosts.set_automatic(automatic);
            }
        }
        let own_addresses = self.nodes.get(&self.node).map_or(&[][..], |node| &node.addresses);
        for name in self.hosts.place(own_addresses) {
            self.refresh_host(name);
        }
    }
}

/// Puts a unit into a result, unless the one that is there is equal.
fn put<K: Clone + Ord, V: PartialEq>(units: &mut OrdMap<K, Arc<V>>, key: &K, unit: V) {
    if units.get(key).is_none_or(|present| **present != unit) {
        units.insert(key.clone(), Arc::new(unit));
    }
}
