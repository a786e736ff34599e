//! Rules that name a service.

use super::fixture::*;
use crate::{
    event::Event,
    ir::{AddressSetKey, NodePolicy},
    policy::{Entity, Policy},
    resolve::Resolver,
    resource::{Resource, ResourceKey},
};

fn of_service(name: &str) -> Entity {
    Entity { service: Some(object(name)), ..Entity::default() }
}

fn world() -> Resolver {
    let rules = Policy {
        ingress: vec![allow(of_service("ns/web"), Entity::default())],
        egress: vec![allow(Entity::default(), of_service("ns/web"))],
        ..policy("gnp p", "all()")
    };
    resolver([Resource::Policy(rules), Resource::Pod(pod("ns/client", "", &["10.0.0.9"]))])
}

fn sets(resolved: &NodePolicy) -> (Vec<String>, Vec<String>) {
    let web = object("ns/web");
    let addresses = members(resolved, &AddressSetKey::ServiceAddresses(web.clone()));
    (addresses, members(resolved, &AddressSetKey::ServicePorts(web)))
}

fn nobody() -> (Vec<String>, Vec<String>) {
    (Vec::new(), Vec::new())
}

#[test]
fn a_receiver_is_looked_up_with_its_port_and_a_sender_without() {
    let resolved = world().resolve();
    let policy = resolved.policies.get(&policy_key("gnp p")).unwrap();
    let (ingress, egress) = (&policy.ingress[0], &policy.egress[0]);
    assert_eq!(ingress.source.sets, [AddressSetKey::ServiceAddresses(object("ns/web"))]);
    assert!(ingress.source.named_ports.is_empty());
    assert_eq!(egress.destination.named_ports, [AddressSetKey::ServicePorts(object("ns/web"))]);
    assert!(egress.destination.sets.is_empty());
    assert_eq!(sets(&resolved), nobody());
}

#[test]
fn endpoints_stay_until_the_last_slice_has_lost_them() {
    let mut resolver = world();
    resolver.apply(Event::Upsert(slice("ns/web-1", "ns/web", &["10.0.0.1", "fd00::1"], 8080)));
    resolver.apply(Event::Upsert(slice("ns/web-2", "ns/web", &["10.0.0.1"], 8080)));
    let both = vec!["10.0.0.1/32".to_owned(), "fd00::1/128".to_owned()];
    let ports = vec!["10.0.0.1 TCP 8080".to_owned(), "fd00::1 TCP 8080".to_owned()];
    assert_eq!(sets(&resolver.resolve()), (both, ports));
    resolver.apply(Event::Delete(ResourceKey::EndpointSlice(object("ns/web-1"))));
    let expected = (vec!["10.0.0.1/32".to_owned()], vec!["10.0.0.1 TCP 8080".to_owned()]);
    assert_eq!(sets(&resolver.resolve()), expected);
    resolver.apply(Event::Delete(ResourceKey::EndpointSlice(object("ns/web-2"))));
    assert_eq!(sets(&resolver.resolve()), nobody());
}

#[test]
fn a_slice_that_moves_takes_its_endpoints_along() {
    let mut resolver = world();
    resolver.apply(Event::Upsert(slice("ns/s", "ns/web", &["10.0.0.1"], 80)));
    resolver.resolve();
    resolver.apply(Event::Upsert(slice("ns/s", "ns/db", &["10.0.0.1"], 80)));
    assert_eq!(sets(&resolver.resolve()), nobody());
    resolver.apply(Event::Upsert(slice("ns/s", "ns/web", &["10.0.0.1"], 81)));
    let expected = (vec!["10.0.0.1/32".to_owned()], vec!["10.0.0.1 TCP 81".to_owned()]);
    assert_eq!(sets(&resolver.resolve()), expected);
}
