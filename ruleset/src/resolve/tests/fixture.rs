//! Short ways to write resources.

use std::{collections::BTreeSet, net::IpAddr};

use crate::{
    address::PerFamily,
    event::Event,
    ir::{AddressPort, AddressSet, AddressSetKey, Endpoint, Members, NodePolicy, TierStep},
    labels::Labels,
    links::{InterfacePrefix, Links, ObservedLinks},
    name::{InterfaceName, NamespaceName, NodeName, ObjectName, TierName},
    policy::{
        Action, Direction, Entity, Order, Policy, PolicyKey, PolicyKind, Rule, Stage, Tier, TierAction,
        Traffic,
    },
    port::NamedPort,
    protocol::Protocol,
    resolve::Resolver,
    resource::{
        Configuration, ConfigurationScope, EndpointPort, EndpointSlice, HostEndpoint, HostEndpointState,
        HostInterface, Namespace, NetworkSet, NetworkSetKey, Node, Pod, PodExtras, PodState, Resource,
        Service, ServiceAccount, ServicePort, Tenure,
    },
    selector::Selector,
    settings::Layer,
};

pub(super) const HERE: &str = "here";

/// A resolver of the node [`HERE`] that knows these resources.
pub(super) fn resolver(resources: impl IntoIterator<Item = Resource>) -> Resolver {
    let mut resolver = Resolver::new(HERE.into(), vec![InterfacePrefix::default()]);
    resources.into_iter().for_each(|resource| resolver.apply(Event::Upsert(resource)));
    resolver
}

pub(super) fn selector(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

/// `a=1 b=2`.
pub(super) fn labels(text: &str) -> Labels {
    text.split_whitespace().map(|label| label.split_once('=').unwrap()).collect()
}

/// `namespace/name`.
pub(super) fn object(name: &str) -> ObjectName {
    let (namespace, name) = name.split_once('/').unwrap();
    ObjectName::new(namespace, name)
}

/// An active pod of the node [`HERE`].
pub(super) fn pod(name: &str, text: &str, addresses: &[&str]) -> Pod {
    Pod {
        name: object(name),
        node: Some(NodeName::new(HERE)),
        state: PodState::Active,
        labels: labels(text),
        service_account: None,
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        ports: Vec::new(),
        tenure: Tenure::Lasting,
        extras: PodExtras::default(),
    }
}

/// The same pod on another node.
pub(super) fn remote(name: &str, text: &str, addresses: &[&str]) -> Pod {
    Pod { node: Some(NodeName::new("there")), ..pod(name, text, addresses) }
}

pub(super) fn named_port(name: &str, protocol: Protocol, port: u16) -> NamedPort {
    NamedPort { name: name.into(), protocol, port }
}

pub(super) fn namespace(name: &str, text: &str) -> Resource {
    Resource::Namespace(Namespace { name: NamespaceName::new(name), labels: labels(text) })
}

pub(super) fn account(name: &str, text: &str) -> Resource {
    Resource::ServiceAccount(ServiceAccount { name: object(name), labels: labels(text) })
}

/// `namespace/name`, or `name` for a GlobalNetworkSet.
pub(super) fn network_set(name: &str, text: &str, nets: &[&str]) -> Resource {
    let key = match name.split_once('/') {
        Some((namespace, name)) => NetworkSetKey { namespace: Some(namespace.into()), name: name.into() },
        None => NetworkSetKey { namespace: None, name: name.into() },
    };
    let nets = nets.iter().map(|net| net.parse().unwrap()).collect();
    Resource::NetworkSet(NetworkSet { key, labels: labels(text), nets })
}

pub(super) fn tier(name: &str, order: f64, default_action: TierAction) -> Resource {
    Resource::Tier(Tier { name: TierName::new(name), order: Order::new(order).unwrap(), default_action })
}

/// `kind namespace/name` with the kind as in chain names.
pub(super) fn policy_key(text: &str) -> PolicyKey {
    let (kind, name) = text.split_once(' ').unwrap();
    let kind = match kind {
        "cnp" => PolicyKind::ClusterNetworkPolicy,
        "gnp" => PolicyKind::GlobalNetworkPolicy,
        "knp" => PolicyKind::KubernetesNetworkPolicy,
        "np" => PolicyKind::NetworkPolicy,
        other => panic!("no kind {other}"),
    };
    match name.split_once('/') {
        Some((namespace, name)) => PolicyKey { kind, namespace: Some(namespace.into()), name: name.into() },
        None => PolicyKey { kind, namespace: None, name: name.into() },
    }
}

/// A policy of tier `default` without order and rules, for both directions.
pub(super) fn policy(key: &str, subject: &str) -> Policy {
    Policy {
        key: policy_key(key),
        tier: "default".into(),
        order: Order::LAST,
        stage: Stage::Local,
        subject: selector(subject),
        directions: BTreeSet::from(Direction::ALL),
        ingress: Vec::new(),
        egress: Vec::new(),
    }
}

/// A host endpoint of the node [`HERE`] without addresses and profiles.
pub(super) fn host(name: &str, text: &str, interface: HostInterface) -> HostEndpoint {
    HostEndpoint {
        name: name.into(),
        node: HERE.into(),
        interface,
        expected_addresses: Vec::new(),
        labels: labels(text),
        profiles: Vec::new(),
        ports: Vec::new(),
        state: HostEndpointState::Active,
    }
}

pub(super) fn named(interface: &str) -> HostInterface {
    HostInterface::Named(interface.into())
}

pub(super) fn node(name: &str, text: &str, addresses: &[&str]) -> Resource {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Resource::Node(Node { name: name.into(), labels: labels(text), addresses })
}

/// A configuration of this name for everybody.
pub(super) fn configuration(name: &str, scope: ConfigurationScope, layer: Layer) -> Resource {
    Resource::Configuration(Configuration { name: name.into(), scope, layer })
}

/// A service with one TCP port `http` 80.
pub(super) fn service(name: &str, addresses: &[&str], node_port: Option<u16>) -> Resource {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    let ports = vec![ServicePort { name: "http".into(), protocol: Protocol::TCP, port: 80, node_port }];
    Resource::Service(Service { name: object(name), addresses, ports })
}

/// A slice of a service with one TCP port `http`.
pub(super) fn slice(name: &str, service: &str, addresses: &[&str], port: u16) -> Resource {
    Resource::EndpointSlice(EndpointSlice {
        name: object(name),
        service: Some(object(service)),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        ports: vec![EndpointPort { name: "http".into(), protocol: Protocol::TCP, port }],
    })
}

/// Links with these addresses.
pub(super) fn links(addresses: &[(&str, &[&str])]) -> Event {
    let bearer = |(link, addresses): &(&str, &[&str])| {
        let addresses: imbl::OrdSet<IpAddr> =
            addresses.iter().map(|address| address.parse::<IpAddr>().unwrap()).collect();
        (InterfaceName::new(*link), addresses)
    };
    let addresses: imbl::OrdMap<InterfaceName, imbl::OrdSet<IpAddr>> = addresses.iter().map(bearer).collect();
    let names = addresses.keys().cloned().collect();
    Event::Links(Links::Observed(ObservedLinks { names, addresses, ..ObservedLinks::default() }))
}

pub(super) fn order(order: f64) -> Order {
    Order::new(order).unwrap()
}

pub(super) fn allow(source: Entity, destination: Entity) -> Rule {
    Rule { action: Action::Allow, index: 0, traffic: Traffic::default(), source, destination }
}

pub(super) fn peer(text: &str) -> Entity {
    Entity { selector: Some(selector(text)), ..Entity::default() }
}

pub(super) fn endpoint(policy: &NodePolicy, name: &str) -> Endpoint {
    policy.endpoints.get(&object(name)).unwrap().as_ref().clone()
}

/// `tier(end): policy policy; …`, for each direction.
pub(super) fn steps(policy: &NodePolicy, pod: &str, direction: Direction) -> String {
    let endpoint = endpoint(policy, pod);
    step_text(&endpoint.verdicts(direction).tiers)
}

pub(super) fn step_text(steps: &[TierStep]) -> String {
    let steps = steps.iter().map(|step| {
        let policies: Vec<String> = step.policies.iter().map(ToString::to_string).collect();
        format!("{}({:?}): {}", step.tier, step.end, policies.join(" "))
    });
    steps.collect::<Vec<_>>().join("; ")
}

pub(super) fn set_of(selector_text: &str) -> AddressSetKey {
    AddressSetKey::Selector(selector(selector_text).id())
}

pub(super) fn set<'a>(policy: &'a NodePolicy, key: &AddressSetKey) -> &'a AddressSet {
    policy.address_sets.get(key).unwrap()
}

/// All members of both families as text.
pub(super) fn members(policy: &NodePolicy, key: &AddressSetKey) -> Vec<String> {
    match &set(policy, key).members {
        Members::Nets(PerFamily { v4, v6 }) => {
            v4.iter().chain(v6.iter()).map(|net| net.to_string()).collect()
        }
        Members::AddressPorts(PerFamily { v4, v6 }) => v4
            .iter()
            .chain(v6.iter())
            .map(|AddressPort { address, protocol, port }| format!("{address} {protocol} {port}"))
            .collect(),
    }
}
