//! What policies refer to and nobody defines.

use super::fixture::*;
use crate::{
    event::Event,
    policy::{Policy, TierAction},
    resolve::Resolver,
    resource::{Node, Resource, ResourceKey},
};

fn said(resolver: &mut Resolver) -> Vec<String> {
    resolver.resolve();
    resolver.absences().iter().map(ToString::to_string).collect()
}

#[test]
fn a_tier_that_policies_of_this_node_name_and_nobody_defines_is_told() {
    let node = Node { name: HERE.into(), labels: labels(""), addresses: Vec::new() };
    let in_tier = |key, text| Policy { tier: "sec".into(), ..policy(key, text) };
    let here = Resource::Pod(pod("ns/web", "app=web", &[]));
    let mut resolver = resolver([
        here,
        Resource::Node(node),
        tier("default", 1e6, TierAction::Deny),
        Resource::Policy(in_tier("gnp here", "app == 'web'")),
        Resource::Policy(in_tier("gnp elsewhere", "app == 'db'")),
        Resource::Policy(policy("gnp usual", "all()")),
    ]);
    let told = said(&mut resolver);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("gnp/here") || told[0].contains("GlobalNetworkPolicy here"), "{told:?}");
    assert!(told[0].contains("no Tier sec is defined"), "{told:?}");

    resolver.apply(Event::Upsert(tier("sec", 1.0, TierAction::Deny)));
    assert_eq!(said(&mut resolver), Vec::<String>::new());
    resolver.apply(Event::Delete(ResourceKey::Tier("sec".into())));
    assert_eq!(said(&mut resolver).len(), 1);
    for name in ["here", "elsewhere"] {
        resolver.apply(Event::Delete(ResourceKey::Policy(policy_key(&format!("gnp {name}")))));
    }
    assert_eq!(said(&mut resolver), Vec::<String>::new());
}

#[test]
fn a_node_without_an_object_is_told() {
    let mut resolver = resolver([Resource::Pod(pod("ns/web", "app=web", &[]))]);
    let told = said(&mut resolver);
    assert!(told.len() == 1 && told[0].contains("--node-name"), "{told:?}");
}
