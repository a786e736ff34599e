//! The cluster: who is where, and the ruleset of every node that was asked for.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::{
    address::{Family, PerFamily},
    compile::Options,
    name::{NodeName, ObjectName},
    resource::{Pod, PodState, Resource, ResourceKey},
    settings::Switch,
    store::Store,
    verdict::{
        Answer, Decision, Flow, FlowError, Peer, Verdict,
        end::{self, End, Owner},
        node::Node,
        route::Route,
    },
};

/// Everything that is known of a cluster, ready to be asked about flows.
///
/// The ruleset of a node is compiled when the first flow crosses it, and kept.
#[derive(Debug)]
pub struct Cluster {
    store: Store,
    options: Options,
    nodes: BTreeMap<NodeName, KnownNode>,
    owners: BTreeMap<IpAddr, Owner>,
    governed: BTreeSet<NodeName>,
}

/// A node that an object names.
#[derive(Debug, Default)]
struct KnownNode {
    addresses: Vec<IpAddr>,
    compiled: OnceCell<Node>,
}

impl Cluster {
    /// The cluster of these objects; `options` are those of the agents on all nodes. The store's links are not looked at.
    pub fn new(store: Store, options: Options) -> Self {
        let mut cluster = Self {
            store,
            options,
            nodes: BTreeMap::new(),
            owners: BTreeMap::new(),
            governed: BTreeSet::new(),
        };
        for resource in cluster.store.resources() {
            match resource {
                Resource::Node(node) => {
                    let known = cluster.nodes.entry(node.name.clone()).or_default();
                    // What the Node object says goes before what its host-network pods say.
                    known.addresses.splice(0..0, node.addresses.iter().copied());
                }
                Resource::Pod(pod) => {
                    let Some(node) = &pod.node else { continue };
                    let known = cluster.nodes.entry(node.clone()).or_default();
                    if pod.state == PodState::HostNetwork {
                        known.addresses.extend(&pod.addresses);
                    }
                }
                Resource::HostEndpoint(endpoint) => {
                    cluster.governed.insert(endpoint.node.clone());
                    let known = cluster.nodes.entry(endpoint.node.clone()).or_default();
                    known.addresses.extend(&endpoint.expected_addresses);
                }
                Resource::Namespace(_)
                | Resource::ServiceAccount(_)
                | Resource::Policy(_)
                | Resource::Tier(_)
                | Resource::NetworkSet(_)
                | Resource::Service(_)
                | Resource::EndpointSlice(_)
                | Resource::IpPool(_)
                | Resource::ServiceRanges(_)
                | Resource::Configuration(_) => {}
            }
        }
        cluster.owners = owners(&cluster.store, &cluster.nodes);
        cluster
    }

    /// What becomes of a flow.
    pub fn verdict(&self, flow: &Flow) -> Result<Answer, FlowError> {
        let (from, to) = self.ends(flow)?;
        match self.route(&from, &to) {
            Route::Loopback => Ok(Answer::of(vec![Decision::loopback(from.pod().cloned())])),
            Route::NoPolicy => Ok(Answer::of(Vec::new())),
            Route::Hooks(crossings) => {
                let header = end::header(flow, &from, &to)?;
                let mut path = Vec::new();
                for crossing in crossings {
                    path.extend(self.node(&crossing.node)?.judge(&crossing, header));
                    if path.iter().any(|decision: &Decision| decision.verdict == Verdict::Deny) {
                        break;
                    }
                }
                Ok(Answer::of(path))
            }
        }
    }

    /// The way between two ends, less the nodes at whose own traffic no policy looks.
    pub(super) fn route(&self, from: &End, to: &End) -> Route {
        match Route::between(from, to) {
            Route::Hooks(mut crossings) => {
                crossings.retain(|crossing| !crossing.is_of_node() || self.is_governed(&crossing.node));
                if crossings.is_empty() { Route::NoPolicy } else { Route::Hooks(crossings) }
            }
            route @ (Route::Loopback | Route::NoPolicy) => route,
        }
    }

    /// Whether a node may have host endpoints.
    fn is_governed(&self, node: &NodeName) -> bool {
        self.governed.contains(node) || self.options.layer.auto_host_endpoints == Some(Switch::Enabled)
    }

    /// Who the ends of a flow are, if the question makes sense.
    pub(super) fn ends(&self, flow: &Flow) -> Result<(End, End), FlowError> {
        flow.payload()?;
        let (from, to) = (End::of(&flow.from, self)?, End::of(&flow.to, self)?);
        match (&from.owner, &flow.from) {
            (Owner::Loopback, Peer::Address(address)) => Err(FlowError::LoopbackSender(*address)),
            (_, _) => Ok((from, to)),
        }
    }

    /// Whether a Node object, a pod or a host endpoint names the node.
    pub fn knows_node(&self, node: &NodeName) -> bool {
        self.nodes.contains_key(node)
    }

    /// The objects it is made of.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The node, compiled now if it was not yet.
    pub(super) fn node(&self, name: &NodeName) -> Result<&Node, FlowError> {
        let known = self.nodes.get(name).ok_or_else(|| FlowError::UnknownNode(name.clone()))?;
        Ok(known.compiled.get_or_init(|| Node::new(name, &known.addresses, &self.store, &self.options)))
    }

    fn pod(&self, name: &ObjectName) -> Result<&Pod, FlowError> {
        match self.store.get(&ResourceKey::Pod(name.clone())) {
            Some(Resource::Pod(pod)) => Ok(pod),
            _ => Err(FlowError::UnknownPod(name.clone())),
        }
    }

    pub(super) fn owner_of_pod(&self, name: &ObjectName) -> Result<Owner, FlowError> {
        owner(self.pod(name)?)
    }

    pub(super) fn owner_of_address(&self, address: &IpAddr) -> Owner {
        match self.owners.get(address) {
            Some(owner) => owner.clone(),
            None if address.is_loopback() => Owner::Loopback,
            None => Owner::Outside,
        }
    }

    pub(super) fn pod_addresses(&self, name: &ObjectName) -> PerFamily<Option<IpAddr>> {
        self.pod(name).map(|pod| first_of_each(&pod.addresses)).unwrap_or_default()
    }

    pub(super) fn node_addresses(&self, name: &NodeName) -> PerFamily<Option<IpAddr>> {
        self.nodes.get(name).map(|node| first_of_each(&node.addresses)).unwrap_or_default()
    }
}

/// Who a pod is to the network.
fn owner(pod: &Pod) -> Result<Owner, FlowError> {
    let name = &pod.name;
    match (pod.state, &pod.node) {
        (PodState::Finished, _) => Err(FlowError::Finished(name.clone())),
        (_, None) => Err(FlowError::Unscheduled(name.clone())),
        (PodState::HostNetwork, Some(node)) => Ok(Owner::Node(node.clone())),
        (PodState::Active | PodState::Unintelligible, Some(node)) => {
            Ok(Owner::Pod { pod: name.clone(), node: node.clone() })
        }
    }
}

/// Who has which address. Where several claim one, a pod goes before a node, and the lesser name before the greater.
fn owners(store: &Store, nodes: &BTreeMap<NodeName, KnownNode>) -> BTreeMap<IpAddr, Owner> {
    let mut owners = BTreeMap::new();
    for resource in store.resources() {
        let Resource::Pod(pod) = resource else { continue };
        let Ok(owner @ Owner::Pod { .. }) = owner(pod) else { continue };
        for address in &pod.addresses {
            owners.entry(*address).or_insert_with(|| owner.clone());
        }
    }
    for (name, node) in nodes {
        for address in &node.addresses {
            owners.entry(*address).or_insert_with(|| Owner::Node(name.clone()));
        }
    }
    owners
}

fn first_of_each(addresses: &[IpAddr]) -> PerFamily<Option<IpAddr>> {
    PerFamily::from_fn(|family| addresses.iter().copied().find(|address| Family::of(address) == family))
}
