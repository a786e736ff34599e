//! `nodeport_policy: consistent`.

use super::fixture::*;
use crate::{
    event::Event,
    ir::{AddressSetKey, DestinationView, NodePolicy, Receiver, Rule},
    policy::{Action, Entity, Policy, Traffic},
    port::{Port, PortRange},
    protocol::Protocol,
    resolve::Resolver,
    resource::{ConfigurationScope, HostInterface, Pod, Resource, ResourceKey},
    settings::{Layer, NodePortPolicy},
};

fn mode(node_ports: NodePortPolicy) -> Event {
    let layer = Layer { node_ports: Some(node_ports), ..Layer::default() };
    Event::Upsert(configuration("default", ConfigurationScope::Cluster, layer))
}

/// A client here under a policy with these egress rules, and a service of two pods, all in consistent mode.
fn world(egress: Vec<crate::policy::Rule>) -> Resolver {
    let web = |name: &str, addresses: &[&str]| {
        let ports = vec![named_port("named", Protocol::TCP, 8080)];
        Resource::Pod(Pod { ports, ..remote(name, "app=web", addresses) })
    };
    let mut resolver = resolver([
        Resource::Policy(Policy { egress, ..policy("gnp p", "app == 'client'") }),
        Resource::Pod(pod("ns/client", "app=client", &["10.0.0.9"])),
        web("ns/web-1", &["10.0.0.1"]),
        web("ns/web-2", &["10.0.0.2"]),
        service("ns/web", &["10.96.0.1", "fd00:96::1"], Some(30080)),
        slice("ns/web-1", "ns/web", &["10.0.0.1", "10.0.0.2"], 8080),
        node(HERE, "", &["192.0.2.1", "127.0.0.1"]),
        node("there", "", &["192.0.2.2"]),
    ]);
    resolver.apply(mode(NodePortPolicy::Consistent));
    resolver
}

fn egress(resolved: &NodePolicy) -> &[Rule] {
    &resolved.policies.get(&policy_key("gnp p")).unwrap().egress
}

/// The members of the first set of fronts.
fn fronts(resolver: &mut Resolver) -> Vec<String> {
    let resolved = resolver.resolve();
    let is_fronts = |key: &&AddressSetKey| matches!(key, AddressSetKey::ServiceFronts { .. });
    let key = resolved.address_sets.keys().find(is_fronts).unwrap();
    members(&resolved, key)
}

const ALL: [&str; 4] =
    ["10.96.0.1 TCP 80", "192.0.2.1 TCP 30080", "192.0.2.2 TCP 30080", "fd00:96::1 TCP 80"];

fn upsert(resolver: &mut Resolver, resource: Resource) -> Vec<String> {
    resolver.apply(Event::Upsert(resource));
    fronts(resolver)
}

#[test]
fn a_second_rule_stands_behind_networks_and_behind_selectors_of_allow_rules() {
    let nets = Entity { nets: vec!["192.0.2.0/24".parse().unwrap()], ..peer("has(x)") };
    let one = vec![Port::Number(PortRange::single(1))];
    let excluding = Entity { not_ports: one.clone(), ..peer("has(x)") };
    let negative = Entity { not_selector: Some(selector("has(y)")), ..Entity::default() };
    let icmp = Traffic { protocol: Some(Protocol::ICMP), ..Traffic::default() };
    let mut rules = vec![
        allow(Entity::default(), nets.clone()),
        allow(peer("has(z)"), Entity { not_selector: Some(selector("has(y)")), ..peer("has(x)") }),
        crate::policy::Rule { action: Action::Deny, ..allow(Entity::default(), peer("has(x)")) },
        allow(Entity::default(), excluding),
        allow(Entity::default(), negative),
        crate::policy::Rule { traffic: icmp, ..allow(Entity::default(), peer("has(x)")) },
        allow(Entity::default(), Entity::default()),
    ];
    (0..).zip(&mut rules).for_each(|(index, rule)| rule.index = index);
    let mut resolver = world(rules);
    let resolved = resolver.resolve();
    let rules = egress(&resolved);
    let indexes: Vec<u32> = rules.iter().map(|rule| rule.index).collect();
    assert_eq!(indexes, [0, 0, 0, 1, 1, 2, 3, 3, 4, 5, 6]);
    assert_eq!(rules[1], Rule { view: DestinationView::Dialled, ..rules[0].clone() });
    let key = |text: &str, receiver: Receiver| AddressSetKey::ServiceFronts {
        selector: selector(text).id(),
        receiver: Box::new(receiver),
    };
    let of_nets = Receiver { nets: nets.nets, ..Receiver::default() };
    assert_eq!(rules[2].destination.named_ports, [key("has(x)", of_nets)]);
    assert_eq!(rules[4].destination.named_ports, [key("has(x) && !has(y)", Receiver::default())]);
    assert_eq!((&rules[4].source, rules[4].view), (&rules[3].source, DestinationView::Current));
    assert!(rules[4].destination.sets.is_empty());
    let other_ports = Receiver { not_ports: one, ..Receiver::default() };
    assert_eq!(rules[7].destination.named_ports, [key("has(x)", other_ports)]);
    assert!(rules[7].destination.not_ports.is_empty());

    resolver.apply(mode(NodePortPolicy::Standard));
    assert_eq!(egress(&resolver.resolve()).len(), 7);
    resolver.apply(mode(NodePortPolicy::Consistent));
    assert_eq!(resolver.resolve(), resolved);
}

#[test]
fn policies_of_host_endpoints_alone_have_no_second_rules() {
    let mut resolver = world(vec![allow(Entity::default(), peer("has(x)"))]);
    resolver.apply(Event::Upsert(Resource::HostEndpoint(host("h", "app=client", HostInterface::Others))));
    assert_eq!(egress(&resolver.resolve()).len(), 2);
    resolver.apply(Event::Delete(ResourceKey::Pod(object("ns/client"))));
    assert_eq!(egress(&resolver.resolve()).len(), 1);
}

#[test]
fn fronts_follow_endpoints_pods_services_and_nodes() {
    let resolver = &mut world(vec![allow(Entity::default(), peer("app == 'web'"))]);
    assert_eq!(fronts(resolver), ALL);
    let web = |text: &str, addresses: &[&str]| Resource::Pod(remote("ns/web-2", text, addresses));
    let nobody: [&str; 0] = [];
    assert_eq!(upsert(resolver, web("app=other", &["10.0.0.2"])), nobody);
    assert_eq!(upsert(resolver, web("app=web", &["10.0.0.2"])), ALL);
    assert_eq!(upsert(resolver, web("app=web", &["10.0.0.3"])), nobody);
    assert_eq!(upsert(resolver, network_set("g", "app=web", &["10.0.0.2/31"])), ALL);
    assert_eq!(upsert(resolver, slice("ns/web-2", "ns/web", &["10.0.0.4"], 8080)), nobody);
    assert_eq!(upsert(resolver, slice("ns/web-2", "ns/db", &["10.0.0.4"], 8080)), ALL);
    assert_eq!(
        upsert(resolver, node("there", "", &["2001:db8::2"])),
        ["10.96.0.1 TCP 80", "192.0.2.1 TCP 30080", "2001:db8::2 TCP 30080", "fd00:96::1 TCP 80"]
    );
    assert_eq!(upsert(resolver, service("ns/web", &["10.96.0.2"], None)), ["10.96.0.2 TCP 80"]);
    assert_eq!(upsert(resolver, slice("ns/web-1", "ns/web", &[], 8080)), nobody);
}

#[test]
fn ports_are_those_of_the_endpoints() {
    let with = |protocol, port: Port| {
        let traffic = Traffic { protocol: Some(protocol), ..Traffic::default() };
        let to = Entity { ports: vec![port], ..peer("app == 'web'") };
        fronts(&mut world(vec![crate::policy::Rule { traffic, ..allow(Entity::default(), to) }]))
    };
    let nobody: [&str; 0] = [];
    let range = |first, last| Port::Number(PortRange { first, last });
    assert_eq!(with(Protocol::TCP, range(8000, 8080)), ALL);
    assert_eq!(with(Protocol::TCP, range(80, 80)), nobody);
    assert_eq!(with(Protocol::UDP, range(8000, 8080)), nobody);
    assert_eq!(with(Protocol::TCP, Port::Named("named".into())), ALL);
    assert_eq!(with(Protocol::TCP, Port::Named("http".into())), nobody);
}

#[test]
fn what_is_excluded_is_excluded_of_the_endpoints() {
    let with = |to: Entity| fronts(&mut world(vec![allow(Entity::default(), to)]));
    let without_port = |port: Port| with(Entity { not_ports: vec![port], ..peer("app == 'web'") });
    let without_net =
        |net: &str| with(Entity { not_nets: vec![net.parse().unwrap()], ..peer("app == 'web'") });
    let within = |net: &str| with(Entity { nets: vec![net.parse().unwrap()], ..peer("app == 'web'") });
    let nobody: [&str; 0] = [];
    assert_eq!(without_port(Port::Number(PortRange::single(30080))), ALL);
    assert_eq!(without_port(Port::Number(PortRange::single(8080))), nobody);
    assert_eq!(without_port(Port::Named("http".into())), ALL);
    assert_eq!(without_port(Port::Named("named".into())), nobody);
    assert_eq!(without_net("192.0.2.0/24"), ALL);
    assert_eq!(without_net("10.0.0.2/32"), nobody);
    assert_eq!(without_net("fd00::/8"), nobody, "a rule without a network of a family does not match it");
    assert_eq!(within("10.0.0.0/30"), ALL);
    assert_eq!(within("10.0.0.2/32"), nobody);
}
