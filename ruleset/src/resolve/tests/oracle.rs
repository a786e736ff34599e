//! The same result by brute force: every selector against every object, no index, nothing kept.

mod host;
mod node;
mod pod;
mod rule;
mod set;

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    ir::{NodePolicy, SubjectKind, TierStep},
    labels::Labels,
    links::InterfacePrefix,
    name::{HostEndpointName, NodeName, ObjectName, TierName},
    policy::{Direction, Policy, PolicyKind, Tier, TierAction},
    resource::{HostEndpoint, HostEndpointState, Pod, Resource, ResourceKey},
    selector::Selector,
    settings::Settings,
    store::Store,
};

/// What is known, and where.
#[derive(Clone, Copy)]
struct World<'a> {
    store: &'a Store,
    node: &'a NodeName,
    prefixes: &'a [InterfacePrefix],
    settings: &'a Settings,
}

pub(super) fn resolve(store: &Store, node: &str, prefixes: &[InterfacePrefix]) -> NodePolicy {
    let node = &NodeName::new(node);
    let settings = node::settings(store, node);
    let world = World { store, node, prefixes, settings: &settings };
    let pods = pod::endpoints(world);
    let hosts = host::placed(world);
    let mut policies = Vec::new();
    let mut sets = Vec::new();
    for policy in world.policies() {
        let governs_pod = pods.iter().any(|local| world.selects_pod(policy, local.pod));
        let governs_host = hosts.iter().any(|(host, _)| world.selects_host(policy, host));
        let pods = governs_pod.then_some(SubjectKind::Pod);
        let subjects: BTreeSet<SubjectKind> =
            pods.into_iter().chain(governs_host.then_some(SubjectKind::Host)).collect();
        if !subjects.is_empty() {
            let unit = rule::active(policy, subjects, settings.node_ports, &mut sets);
            policies.push((policy.key.clone(), Arc::new(unit)));
        }
    }
    let surroundings = node::surroundings(store);
    let peers = set::peers(world);
    let address_set = |(key, selector): (_, Option<Selector>)| {
        let set = set::address_set(store, &surroundings, &key, selector.as_ref(), &peers);
        (key, Arc::new(set))
    };
    NodePolicy {
        endpoints: pods
            .iter()
            .map(|local| (local.pod.name.clone(), Arc::new(pod::endpoint(world, local, &pods))))
            .collect(),
        policies: policies.into_iter().collect(),
        address_sets: sets.into_iter().map(address_set).collect(),
        host_endpoints: hosts
            .iter()
            .map(|(host, interface)| {
                (host.name.clone(), Arc::new(host::endpoint(world, host, interface.clone())))
            })
            .collect(),
        surroundings: Arc::new(surroundings),
        settings: Arc::new(settings),
    }
}

pub(super) fn idle_host_endpoints(
    store: &Store,
    node: &str,
    prefixes: &[InterfacePrefix],
) -> BTreeSet<HostEndpointName> {
    let node = &NodeName::new(node);
    let settings = node::settings(store, node);
    let world = World { store, node, prefixes, settings: &settings };
    let placed = host::placed(world);
    let here = host::all(world).into_iter().filter(|host| host.node == *node).map(|host| host.name);
    here.filter(|name| placed.iter().all(|(host, _)| host.name != *name)).collect()
}

impl<'a> World<'a> {
    fn policies(self) -> impl Iterator<Item = &'a Policy> {
        let resources = self.store.resources();
        resources.filter_map(|it| if let Resource::Policy(policy) = it { Some(policy) } else { None })
    }

    fn pods(self) -> impl Iterator<Item = &'a Pod> {
        let resources = self.store.resources();
        resources.filter_map(|it| if let Resource::Pod(pod) = it { Some(pod) } else { None })
    }

    fn selects_pod(self, policy: &Policy, pod: &Pod) -> bool {
        policy.stage.governs_pods()
            && pod::is_active(pod)
            && matches(&policy.subject, &pod::labels(self.store, pod))
    }

    fn selects_host(self, policy: &Policy, host: &HostEndpoint) -> bool {
        policy.key.kind == PolicyKind::GlobalNetworkPolicy
            && host.state != HostEndpointState::Unintelligible
            && matches(&policy.subject, &host::labels(self.store, host))
    }

    /// The tiers of these policies in order, as far as they govern a direction.
    fn steps(self, mut governing: Vec<&Policy>, direction: Direction) -> Vec<TierStep> {
        governing.retain(|policy| policy.directions.contains(&direction));
        let tier = |name: &TierName| match self.store.get(&ResourceKey::Tier(name.clone())) {
            Some(Resource::Tier(tier)) => Some(tier),
            _missing => None,
        };
        governing.sort_by_key(|policy| (policy.order, policy.key.tie_break()));
        governing.sort_by_key(|policy| {
            let known = tier(&policy.tier);
            (known.is_none(), known.map(|tier: &Tier| tier.order), policy.tier.clone())
        });
        let mut tiers: Vec<TierStep> = Vec::new();
        for policy in governing {
            if tiers.last().is_none_or(|step| step.tier != policy.tier) {
                let end = tier(&policy.tier).map_or(TierAction::Deny, |tier| tier.default_action);
                tiers.push(TierStep { tier: policy.tier.clone(), policies: Vec::new(), end });
            }
            tiers.last_mut().unwrap().policies.push(policy.key.clone());
        }
        tiers
    }
}

fn matches(selector: &Selector, labels: &Labels) -> bool {
    selector.matches(&|key| labels.get(key).map(|value| &**value))
}

/// Adds what a namespace lends, unless there is something of that name already.
fn inherit_namespace(store: &Store, effective: &mut Labels, namespace: &str) {
    if let Some(Resource::Namespace(parent)) = store.get(&ResourceKey::Namespace(namespace.into())) {
        inherit(effective, "pcns.", &parent.labels);
    }
}

/// Adds what a service account lends, unless there is something of that name already.
fn inherit_account(store: &Store, effective: &mut Labels, account: ObjectName) {
    if let Some(Resource::ServiceAccount(parent)) = store.get(&ResourceKey::ServiceAccount(account)) {
        inherit(effective, "pcsa.", &parent.labels);
    }
}

fn inherit(effective: &mut Labels, prefix: &str, labels: &Labels) {
    for (key, value) in labels.iter() {
        let key = format!("{prefix}{key}");
        if effective.get(&key).is_none() {
            effective.insert(key, Arc::clone(value));
        }
    }
}
