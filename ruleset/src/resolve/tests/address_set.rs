//! Peers and named ports as address sets.

use super::fixture::*;
use crate::{
    event::Event,
    ir::{AddressSetKey, NodePolicy, Rule},
    policy::{Direction, Entity, Policy, Traffic},
    port::{Port, PortRange},
    protocol::Protocol,
    resolve::Resolver,
    resource::{Pod, PodState, Resource, ResourceKey},
    selector::Selector,
};

fn named(port: &str) -> Port {
    Port::Named(port.into())
}

fn port_set(selector: &Selector, protocol: Option<Protocol>, port: &str) -> AddressSetKey {
    AddressSetKey::NamedPort { selector: selector.id(), protocol, port: port.into() }
}

/// A pod of this node that `gnp p` selects, and that policy with one rule in a direction.
fn with_rule(direction: Direction, traffic: Traffic, source: Entity, destination: Entity) -> Resolver {
    let rules = vec![crate::policy::Rule { traffic, ..allow(source, destination) }];
    let (ingress, egress) = match direction {
        Direction::Ingress => (rules, Vec::new()),
        Direction::Egress => (Vec::new(), rules),
    };
    let subject = Resource::Pod(Pod {
        ports: vec![named_port("http", Protocol::TCP, 80)],
        ..pod("ns/web", "app=web", &["10.0.0.1"])
    });
    resolver([subject, Resource::Policy(Policy { ingress, egress, ..policy("gnp p", "app == 'web'") })])
}

fn rule(resolved: &NodePolicy, direction: Direction) -> Rule {
    resolved.policies.get(&policy_key("gnp p")).unwrap().rules(direction)[0].clone()
}

#[test]
fn a_member_stays_until_its_last_owner_is_gone() {
    let mut resolver =
        with_rule(Direction::Ingress, Traffic::default(), peer("app == 'a'"), Entity::default());
    let key = set_of("app == 'a'");
    for name in ["ns/old", "ns/new"] {
        resolver.apply(Event::Upsert(Resource::Pod(remote(name, "app=a", &["10.0.0.9", "10.0.0.9"]))));
    }
    resolver.apply(Event::Upsert(network_set("set", "app=a", &["10.0.0.9/32", "0.0.0.0/0"])));
    assert_eq!(members(&resolver.resolve(), &key), ["0.0.0.0/0", "10.0.0.9/32"]);
    resolver.apply(Event::Delete(ResourceKey::Pod(object("ns/old"))));
    assert_eq!(members(&resolver.resolve(), &key), ["0.0.0.0/0", "10.0.0.9/32"]);
    resolver.apply(Event::Upsert(network_set("set", "app=a", &[])));
    assert_eq!(members(&resolver.resolve(), &key), ["10.0.0.9/32"]);
    let finished = Pod { state: PodState::Finished, ..remote("ns/new", "app=a", &["10.0.0.9"]) };
    resolver.apply(Event::Upsert(Resource::Pod(finished)));
    assert!(members(&resolver.resolve(), &key).is_empty());
}

#[test]
fn a_changed_address_replaces_the_old_one_and_nothing_else() {
    let mut resolver =
        with_rule(Direction::Ingress, Traffic::default(), peer("app == 'a'"), peer("app == 'web'"));
    resolver.apply(Event::Upsert(Resource::Pod(remote("ns/a", "app=a", &["10.0.0.7"]))));
    let before = resolver.resolve();
    resolver.apply(Event::Upsert(Resource::Pod(remote("ns/a", "app=a", &["10.0.0.8", "fd00::8"]))));
    let after = resolver.resolve();
    assert_eq!(members(&after, &set_of("app == 'a'")), ["10.0.0.8/32", "fd00::8/128"]);
    assert!(std::ptr::eq(set(&before, &set_of("app == 'web'")), set(&after, &set_of("app == 'web'"))));
}

#[test]
fn a_negative_selector_folds_into_a_positive_one_but_stands_alone_without() {
    let both = Entity { not_selector: Some(selector("has(b)")), ..peer("has(a)") };
    let only = Entity { not_selector: Some(selector("has(b)")), ..Entity::default() };
    let resolved = with_rule(Direction::Egress, Traffic::default(), only, both).resolve();
    let rule = rule(&resolved, Direction::Egress);
    assert_eq!((rule.source.sets, rule.source.not_sets), (vec![], vec![set_of("has(b)")]));
    assert_eq!(
        (rule.destination.sets, rule.destination.not_sets),
        (vec![set_of("has(a) && !has(b)")], vec![])
    );
    assert_eq!(resolved.address_sets.len(), 2);
}

#[test]
fn named_ports_take_the_place_of_the_plain_set() {
    let peers = || peer("app in {'web', 'db'}");
    let of = selector("app in {'web', 'db'}");
    let only_named = Entity { ports: vec![named("http")], not_ports: vec![named("dns")], ..peers() };
    let mixed = Entity { ports: vec![named("http"), Port::Number(PortRange::single(443))], ..peers() };
    let traffic = Traffic { protocol: Some(Protocol::TCP), ..Traffic::default() };
    let mut resolver = with_rule(Direction::Egress, traffic, mixed, only_named);
    let ports = [("http", Protocol::TCP, 8080), ("http", Protocol::UDP, 81), ("dns", Protocol::UDP, 53)];
    let ports = ports.map(|(name, protocol, port)| named_port(name, protocol, port)).to_vec();
    resolver.apply(Event::Upsert(Resource::Pod(Pod {
        ports,
        ..remote("ns/db", "app=db", &["10.0.0.2", "fd00::2"])
    })));
    let resolved = resolver.resolve();
    let rule = rule(&resolved, Direction::Egress);
    let [http, dns] = ["http", "dns"].map(|name| port_set(&of, Some(Protocol::TCP), name));
    assert_eq!((rule.destination.sets, rule.destination.named_ports), (vec![], vec![http.clone()]));
    assert_eq!(rule.destination.not_named_ports, std::slice::from_ref(&dns));
    assert_eq!(
        (rule.source.sets, rule.source.named_ports),
        (vec![set_of("app in {'web', 'db'}")], vec![http.clone()])
    );
    assert_eq!(rule.source.ports, [PortRange::single(443)]);
    assert_eq!(members(&resolved, &http), ["10.0.0.1 TCP 80", "10.0.0.2 TCP 8080", "fd00::2 TCP 8080"]);
    assert!(members(&resolved, &dns).is_empty());
    assert_eq!(&*set(&resolved, &http).description, "app in {\"db\", \"web\"} port http/TCP");
}

#[test]
fn named_ports_without_a_selector_are_the_subjects_or_anybodys() {
    let http = || Entity { ports: vec![named("http")], ..Entity::default() };
    let subject = port_set(&selector("app == 'web'"), None, "http");
    let anybody = port_set(&Selector::all(), None, "http");
    let resolved = with_rule(Direction::Ingress, Traffic::default(), http(), http()).resolve();
    let ingress = rule(&resolved, Direction::Ingress);
    assert_eq!((&ingress.source.named_ports[0], &ingress.destination.named_ports[0]), (&anybody, &subject));
    let resolved = with_rule(Direction::Egress, Traffic::default(), http(), http()).resolve();
    let egress = rule(&resolved, Direction::Egress);
    assert_eq!((&egress.source.named_ports[0], &egress.destination.named_ports[0]), (&subject, &anybody));
    assert_eq!(members(&resolved, &anybody), ["10.0.0.1 TCP 80"]);
}

#[test]
fn named_ports_of_a_protocol_without_ports_are_nobodys() {
    let traffic = Traffic { protocol: Some(Protocol::ICMP), ..Traffic::default() };
    let http = Entity { ports: vec![named("http")], ..peer("all()") };
    let mut resolver = with_rule(Direction::Ingress, traffic, Entity::default(), http);
    let ports = vec![named_port("http", Protocol::ICMP, 80)];
    resolver.apply(Event::Upsert(Resource::Pod(Pod { ports, ..remote("ns/odd", "", &["10.0.0.2"]) })));
    let resolved = resolver.resolve();
    let rule = rule(&resolved, Direction::Ingress);
    assert!(rule.destination.ports.is_empty());
    assert!(members(&resolved, &rule.destination.named_ports[0]).is_empty());
}

#[test]
fn rules_of_a_direction_that_the_policy_does_not_govern_are_left_out() {
    let ingress = vec![allow(peer("has(a)"), Entity::default())];
    let ungoverned = Policy { ingress, directions: [Direction::Egress].into(), ..policy("gnp p", "all()") };
    let resolved = resolver([Resource::Pod(pod("ns/web", "", &[])), Resource::Policy(ungoverned)]).resolve();
    assert!(resolved.policies.get(&policy_key("gnp p")).unwrap().ingress.is_empty());
    assert!(resolved.address_sets.is_empty());
}
