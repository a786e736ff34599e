//! Pods of this node.

use std::{collections::BTreeMap, net::IpAddr};

use super::{World, inherit_account, inherit_namespace};
use crate::{
    ir::{Endpoint, Profile, Verdicts},
    labels::Labels,
    name::{InterfaceName, ObjectName},
    policy::{Direction, Policy},
    resolve::endpoint::Title,
    resource::{Pod, PodState, Resource, ResourceKey, Tenure},
    settings::Switch,
    store::Store,
};

pub(super) fn is_active(pod: &Pod) -> bool {
    pod.state == PodState::Active
}

pub(super) fn labels(store: &Store, pod: &Pod) -> Labels {
    let namespace = pod.name.namespace.as_str();
    let mut effective = pod.labels.clone();
    inherit_namespace(store, &mut effective, namespace);
    if let Some(account) = &pod.service_account {
        inherit_account(store, &mut effective, ObjectName::new(namespace, account.clone()));
    }
    effective
}

/// The pods that have an interface of their own here.
pub(super) fn endpoints(world: World<'_>) -> Vec<Local<'_>> {
    let links = world.store.links();
    let node = match world.store.get(&ResourceKey::Node(world.node.clone())) {
        Some(Resource::Node(node)) => node.addresses.clone(),
        _missing => Vec::new(),
    };
    let interface = |pod: &Pod| {
        let found = links.interface_of(&pod.name, &pod.addresses, world.prefixes)?;
        Some(if links.bears(&found, &node) { world.prefixes[0].interface_of(&pod.name) } else { found })
    };
    let is_named_after = |pod: &Pod, interface: &InterfaceName| {
        world.prefixes.iter().any(|prefix| prefix.interface_of(&pod.name) == *interface)
    };
    let is_here = |pod: &&Pod| {
        let has_interface = matches!(pod.state, PodState::Active | PodState::Unintelligible);
        pod.node.as_ref() == Some(world.node) && has_interface
    };
    let mut claimants = BTreeMap::<InterfaceName, Vec<&Pod>>::new();
    for pod in world.pods().filter(is_here) {
        if let Some(interface) = interface(pod) {
            claimants.entry(interface).or_default().push(pod);
        }
    }
    let mut locals: Vec<Local<'_>> = Vec::new();
    for (interface, claimants) in claimants {
        let named = claimants.iter().copied().find(|pod| is_named_after(pod, &interface));
        let lasting: Vec<&Pod> =
            claimants.iter().copied().filter(|pod| pod.tenure == Tenure::Lasting).collect();
        let (pod, title) = match (named, &claimants[..], &lasting[..]) {
            (Some(pod), ..) => (pod, Title::Clear),
            (None, [pod], _) | (None, _, [pod]) => (*pod, Title::Clear),
            (None, several, _) => (several[0], Title::Disputed),
        };
        locals.push(Local { pod, interface, title });
    }
    locals
}

/// A pod that has an interface of its own here.
pub(super) struct Local<'a> {
    pub(super) pod: &'a Pod,
    interface: InterfaceName,
    title: Title,
}

/// The endpoint of a pod; `all` are those of the node.
pub(super) fn endpoint(world: World<'_>, local: &Local<'_>, all: &[Local<'_>]) -> Endpoint {
    let pod = local.pod;
    let namespace = world.store.get(&ResourceKey::Namespace(pod.name.namespace.clone()));
    let profile = if is_active(pod) && namespace.is_some() { Profile::Allow } else { Profile::Deny };
    let verdicts = |direction| {
        if local.title == Title::Disputed {
            return Verdicts { tiers: Vec::new(), profile: Profile::Deny };
        }
        let governing: Vec<&Policy> =
            world.policies().filter(|policy| world.selects_pod(policy, pod)).collect();
        Verdicts { tiers: world.steps(governing, direction), profile }
    };
    let is_first = |floating: &IpAddr| {
        let claimants = all.iter().filter(|other| own_address(other.pod, floating).is_some());
        claimants.map(|other| &other.pod.name).min() == Some(&pod.name)
    };
    let floating = pod.extras.floating.iter().filter(|floating| is_first(floating));
    let permitted = |switch: Switch| switch == Switch::Enabled;
    Endpoint {
        pod: pod.name.clone(),
        interface: local.interface.clone(),
        addresses: pod.addresses.iter().copied().collect(),
        allowed_sources: pod
            .extras
            .allowed_sources
            .iter()
            .filter(|_| permitted(world.settings.source_spoofing))
            .copied()
            .collect(),
        limits: pod.extras.limits,
        dscp: pod.extras.dscp,
        floating: floating
            .filter(|_| permitted(world.settings.floating_addresses))
            .map(|floating| (*floating, own_address(pod, floating).unwrap()))
            .collect(),
        ingress: verdicts(Direction::Ingress),
        egress: verdicts(Direction::Egress),
    }
}

/// The pod's own address to which a floating one that it claims leads.
fn own_address(pod: &Pod, floating: &IpAddr) -> Option<IpAddr> {
    let claims = is_active(pod) && pod.extras.floating.contains(floating);
    pod.addresses.iter().copied().find(|own| claims && own.is_ipv4() == floating.is_ipv4())
}
