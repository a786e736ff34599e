//! The same result by brute force: every selector against every object, no index, nothing kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ipnet::IpNet;

use crate::{
    address::{Family, PerFamily},
    ir::{
        AddressPort, AddressSet, AddressSetKey, Endpoint, Members, NodePolicy, Profile, TierStep, Verdicts,
    },
    labels::Labels,
    links::InterfacePrefix,
    name::{InterfaceName, NodeName, ObjectName, TierName},
    policy::{Direction, PerDirection, Policy, Tier, TierAction},
    port::NamedPort,
    resolve::policy,
    resource::{Pod, PodState, Resource, ResourceKey},
    selector::Selector,
    store::Store,
};

/// What has addresses: labels, networks, named ports.
type Peer<'a> = (Labels, Vec<IpNet>, &'a [NamedPort]);

pub(super) fn resolve(store: &Store, node: &str, prefixes: &[InterfacePrefix]) -> NodePolicy {
    let endpoints = endpoints(store, &NodeName::new(node), prefixes);
    let governs = |policy: &&Policy| endpoints.iter().any(|(pod, _)| selects(store, policy, pod));
    let active: Vec<&Policy> = policies(store).filter(governs).collect();
    let resolved: Vec<_> = active.iter().map(|policy| policy::resolve(policy)).collect();
    let sets: BTreeMap<AddressSetKey, Selector> =
        resolved.iter().flat_map(|policy| policy.sets.clone()).collect();
    let peers = peers(store);
    NodePolicy {
        endpoints: endpoints
            .iter()
            .map(|(pod, endpoint)| (pod.name.clone(), Arc::new(judged(store, pod, endpoint))))
            .collect(),
        policies: resolved
            .into_iter()
            .map(|policy| (policy.unit.key.clone(), Arc::new(policy.unit)))
            .collect(),
        address_sets: sets
            .iter()
            .map(|(key, selector)| (key.clone(), Arc::new(address_set(key, selector, &peers))))
            .collect(),
        ..NodePolicy::default()
    }
}

fn policies(store: &Store) -> impl Iterator<Item = &Policy> {
    store
        .resources()
        .filter_map(|resource| if let Resource::Policy(policy) = resource { Some(policy) } else { None })
}

fn pods(store: &Store) -> impl Iterator<Item = &Pod> {
    store.resources().filter_map(|resource| if let Resource::Pod(pod) = resource { Some(pod) } else { None })
}

fn matches(selector: &Selector, labels: &Labels) -> bool {
    selector.matches(&|key| labels.get(key).map(|value| &**value))
}

fn inherit(effective: &mut Labels, prefix: &str, labels: &Labels) {
    for (key, value) in labels.iter() {
        let key = format!("{prefix}{key}");
        if effective.get(&key).is_none() {
            effective.insert(key, Arc::clone(value));
        }
    }
}

fn effective_labels(
    store: &Store,
    own: &Labels,
    namespace: Option<&str>,
    account: Option<&ObjectName>,
) -> Labels {
    let mut effective = own.clone();
    if let Some(Resource::Namespace(parent)) =
        namespace.and_then(|name| store.get(&ResourceKey::Namespace(name.into())))
    {
        inherit(&mut effective, "pcns.", &parent.labels);
    }
    if let Some(Resource::ServiceAccount(parent)) =
        account.and_then(|name| store.get(&ResourceKey::ServiceAccount(name.clone())))
    {
        inherit(&mut effective, "pcsa.", &parent.labels);
    }
    effective
}

fn pod_labels(store: &Store, pod: &Pod) -> Labels {
    let namespace = pod.name.namespace.as_str();
    let account = pod.service_account.as_ref().map(|name| ObjectName::new(namespace, name.clone()));
    effective_labels(store, &pod.labels, Some(namespace), account.as_ref())
}

fn selects(store: &Store, policy: &Policy, pod: &Pod) -> bool {
    pod.state == PodState::Active && matches(&policy.subject, &pod_labels(store, pod))
}

/// The pods that have an interface of their own here, without verdicts.
fn endpoints<'a>(
    store: &'a Store,
    node: &NodeName,
    prefixes: &[InterfacePrefix],
) -> Vec<(&'a Pod, Endpoint)> {
    let mut taken = BTreeSet::new();
    let here = pods(store).filter(|pod| {
        pod.node.as_ref() == Some(node) && matches!(pod.state, PodState::Active | PodState::Unintelligible)
    });
    let mut endpoints = Vec::new();
    let is_at = |pod: &Pod, interface: &InterfaceName| {
        prefixes.iter().any(|prefix| prefix.interface_of(&pod.name) == *interface)
    };
    let mut here: Vec<&Pod> = here.collect();
    // Those whose interface bears their name come first.
    here.sort_by_key(|pod| {
        let interface = store.links().interface_of(&pod.name, &pod.addresses, prefixes);
        !interface.is_some_and(|interface| is_at(pod, &interface))
    });
    for pod in here {
        let Some(interface) = store.links().interface_of(&pod.name, &pod.addresses, prefixes) else {
            continue;
        };
        if taken.insert(interface.clone()) {
            let nothing = Verdicts { tiers: Vec::new(), profile: Profile::Deny };
            let addresses = pod.addresses.iter().copied().collect();
            let (ingress, egress) = (nothing.clone(), nothing);
            endpoints.push((
                pod,
                Endpoint {
                    pod: pod.name.clone(),
                    interface,
                    addresses,
                    allowed_sources: BTreeSet::new(),
                    limits: PerDirection::default(),
                    dscp: None,
                    floating: BTreeMap::new(),
                    ingress,
                    egress,
                },
            ));
        }
    }
    endpoints
}

fn judged(store: &Store, pod: &Pod, endpoint: &Endpoint) -> Endpoint {
    let [ingress, egress] = Direction::ALL.map(|direction| verdicts(store, pod, direction));
    Endpoint { ingress, egress, ..endpoint.clone() }
}

fn verdicts(store: &Store, pod: &Pod, direction: Direction) -> Verdicts {
    let namespace = store.get(&ResourceKey::Namespace(pod.name.namespace.clone()));
    let open = pod.state == PodState::Active && namespace.is_some();
    let mut governing: Vec<&Policy> = policies(store)
        .filter(|policy| selects(store, policy, pod) && policy.directions.contains(&direction))
        .collect();
    let tier = |name: &TierName| match store.get(&ResourceKey::Tier(name.clone())) {
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
    Verdicts { tiers, profile: if open { Profile::Allow } else { Profile::Deny } }
}

fn peers(store: &Store) -> Vec<Peer<'_>> {
    let mut peers = Vec::new();
    for resource in store.resources() {
        if let Resource::Pod(pod) = resource
            && pod.state == PodState::Active
            && pod.node.is_some()
        {
            let nets = pod.addresses.iter().copied().map(IpNet::from).collect();
            peers.push((pod_labels(store, pod), nets, &pod.ports[..]));
        }
        if let Resource::NetworkSet(set) = resource {
            let namespace = set.key.namespace.as_ref().map(|name| name.as_str());
            peers.push((effective_labels(store, &set.labels, namespace, None), set.nets.clone(), &[][..]));
        }
    }
    peers
}

fn address_set(key: &AddressSetKey, selector: &Selector, peers: &[Peer<'_>]) -> AddressSet {
    let selected: Vec<&Peer<'_>> = peers.iter().filter(|(labels, ..)| matches(selector, labels)).collect();
    match key {
        AddressSetKey::Selector(_) => {
            let nets = || selected.iter().flat_map(|(_, nets, _)| nets.iter().copied());
            let of_family = |family| nets().filter(|net| Family::of_net(net) == family).collect();
            AddressSet {
                description: selector.to_string().into(),
                members: Members::Nets(PerFamily::from_fn(of_family)),
            }
        }
        AddressSetKey::NamedPort { protocol, port: name, .. } => {
            let mut members = BTreeSet::new();
            for (_, nets, ports) in selected {
                let wanted = |port: &&NamedPort| {
                    port.name == *name
                        && port.protocol.has_ports()
                        && (protocol.is_none() || *protocol == Some(port.protocol))
                };
                for (net, port) in
                    nets.iter().flat_map(|net| ports.iter().filter(wanted).map(move |port| (net, port)))
                {
                    members.insert(AddressPort {
                        address: net.addr(),
                        protocol: port.protocol,
                        port: port.port,
                    });
                }
            }
            let suffix = protocol.map(|protocol| format!("/{protocol}")).unwrap_or_default();
            let of_family = |family| {
                members.iter().filter(|member| Family::of(&member.address) == family).copied().collect()
            };
            let members = Members::AddressPorts(PerFamily::from_fn(of_family));
            AddressSet { description: format!("{selector} port {name}{suffix}").into(), members }
        }
        AddressSetKey::ServiceAddresses(_)
        | AddressSetKey::ServicePorts(_)
        | AddressSetKey::ServiceFronts { .. } => unreachable!("no policy here refers to services"),
    }
}
