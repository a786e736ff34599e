//! Labels of namespaces and service accounts.

use super::fixture::*;
use crate::{
    event::Event,
    policy::{Direction, Policy},
    resolve::Resolver,
    resource::{Pod, Resource, ResourceKey},
};

fn pod_of_account() -> Pod {
    Pod { service_account: Some("sa".into()), ..pod("ns/web", "app=web", &["10.0.0.1"]) }
}

/// A policy with this subject, and a peer of the same selector.
fn both_ways(text: &str) -> Resource {
    Resource::Policy(Policy { ingress: vec![allow(peer(text), Default::default())], ..policy("gnp p", text) })
}

fn governed(resolver: &mut Resolver) -> bool {
    !endpoint(&resolver.resolve(), "ns/web").verdicts(Direction::Ingress).tiers.is_empty()
}

#[test]
fn labels_come_and_go_with_their_parents() {
    for (text, parent, key) in [
        ("pcns.env == 'prod'", namespace("ns", "env=prod"), ResourceKey::Namespace("ns".into())),
        ("pcsa.env == 'prod'", account("ns/sa", "env=prod"), ResourceKey::ServiceAccount(object("ns/sa"))),
    ] {
        let mut resolver = resolver([Resource::Pod(pod_of_account()), both_ways(text)]);
        assert!(!governed(&mut resolver), "{text} before");
        resolver.apply(Event::Upsert(parent));
        assert!(governed(&mut resolver), "{text}");
        assert_eq!(members(&resolver.resolve(), &set_of(text)), ["10.0.0.1/32"]);
        resolver.apply(Event::Delete(key));
        assert!(!governed(&mut resolver), "{text} after");
    }
}

#[test]
fn a_negative_selector_matches_where_the_parent_is_missing() {
    let mut resolver =
        resolver([Resource::Pod(pod_of_account()), both_ways("pcns.name not in {'kube-system'}")]);
    assert!(governed(&mut resolver));
    resolver.apply(Event::Upsert(namespace("ns", "name=kube-system")));
    assert!(!governed(&mut resolver));
}

#[test]
fn own_labels_win_over_inherited_ones() {
    let mut own = pod_of_account();
    own.labels.insert("pcns.env", "test");
    let mut resolver =
        resolver([Resource::Pod(own), namespace("ns", "env=prod"), both_ways("pcns.env == 'prod'")]);
    assert!(!governed(&mut resolver));
    resolver.apply(Event::Upsert(both_ways("pcns.env == 'test'")));
    assert!(governed(&mut resolver));
}

#[test]
fn only_namespaced_network_sets_inherit() {
    let text = "pcns.env == 'prod' && app == 'web'";
    let policy = Policy { ingress: vec![allow(peer(text), Default::default())], ..policy("gnp p", "all()") };
    let mut resolver = resolver([
        Resource::Pod(pod_of_account()),
        namespace("ns", "env=prod"),
        network_set("ns/set", "app=web", &["192.0.2.0/24", "2001:db8::/32"]),
        network_set("global", "app=web", &["198.51.100.0/24"]),
        Resource::Policy(policy),
    ]);
    assert_eq!(members(&resolver.resolve(), &set_of(text)), ["10.0.0.1/32", "192.0.2.0/24", "2001:db8::/32"]);
    resolver.apply(Event::Upsert(namespace("ns", "env=test")));
    assert!(members(&resolver.resolve(), &set_of(text)).is_empty());
}
