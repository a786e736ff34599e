//! Endpoints, their tiers and the order of their policies.

use super::fixture::*;
use crate::{
    event::Event,
    ir::{Endpoint, NodePolicy, Profile},
    links::{Links, ObservedLinks},
    name::InterfaceName,
    policy::{Direction, Policy, TierAction},
    resource::{Pod, PodState, Resource, ResourceKey, Tenure},
};

fn resolve(resources: impl IntoIterator<Item = Resource>) -> NodePolicy {
    resolver(resources).resolve()
}

fn web() -> Resource {
    Resource::Pod(pod("ns/web", "app=web", &["10.0.0.1", "fd00::1"]))
}

#[test]
fn only_pods_with_an_interface_here_are_endpoints() {
    let elsewhere = remote("ns/remote", "", &["10.0.0.2"]);
    let unscheduled = Pod { node: None, ..pod("ns/unscheduled", "", &["10.0.0.3"]) };
    let finished = Pod { state: PodState::Finished, ..pod("ns/finished", "", &["10.0.0.4"]) };
    let host = Pod { state: PodState::HostNetwork, ..pod("ns/host", "", &["10.0.0.5"]) };
    let all = policy("gnp all", "all()");
    let others = [elsewhere, unscheduled, finished, host].map(Resource::Pod);
    let resolved = resolve(others.clone().into_iter().chain([web(), Resource::Policy(all.clone())]));
    assert_eq!(resolved.endpoints.keys().collect::<Vec<_>>(), [&object("ns/web")]);
    assert!(resolve(others.into_iter().chain([Resource::Policy(all)])).policies.is_empty());
}

#[test]
fn an_endpoint_has_its_addresses_and_the_name_of_calico() {
    let resolved = resolve([web(), namespace("ns", "")]);
    let endpoint = endpoint(&resolved, "ns/web");
    let expected = crate::links::InterfacePrefix::default().interface_of(&object("ns/web"));
    assert_eq!((endpoint.interface, endpoint.addresses.len()), (expected, 2));
    assert_eq!((endpoint.ingress.profile, endpoint.egress.profile), (Profile::Allow, Profile::Allow));
}

#[test]
fn without_a_namespace_or_understanding_the_profile_denies() {
    let broken = Pod { state: PodState::Unintelligible, ..pod("ns/broken", "app=web", &[]) };
    let everyone = Resource::Policy(policy("gnp all", "all()"));
    let mut resolver = resolver([web(), Resource::Pod(broken), everyone]);
    assert_eq!(endpoint(&resolver.resolve(), "ns/web").ingress.profile, Profile::Deny);

    resolver.apply(Event::Upsert(namespace("ns", "")));
    let resolved = resolver.resolve();
    assert_eq!(endpoint(&resolved, "ns/web").egress.profile, Profile::Allow);
    let broken = endpoint(&resolved, "ns/broken");
    assert_eq!((broken.ingress.profile, broken.egress.profile), (Profile::Deny, Profile::Deny));
    assert!(broken.ingress.tiers.is_empty() && broken.egress.tiers.is_empty());

    resolver.apply(Event::Delete(ResourceKey::Namespace("ns".into())));
    assert_eq!(endpoint(&resolver.resolve(), "ns/web").egress.profile, Profile::Deny);
}

#[test]
fn policies_stand_by_order_then_by_name_namespace_and_kind() {
    let keys =
        ["gnp ab", "gnp a0", "gnp a", "gnp a.b", "gnp a-b", "knp ns/p", "np ns/p", "np a-ns/p", "np a/p"];
    let equal = keys.map(|key| Resource::Policy(policy(key, "all()")));
    let ordered = [("gnp z-half", 0.5), ("gnp z-minus", -1.0), ("gnp a-last", 1e12)]
        .map(|(key, place)| Resource::Policy(Policy { order: order(place), ..policy(key, "all()") }));
    let default = tier("default", 1e6, TierAction::Deny);
    let resolved = resolve(equal.into_iter().chain(ordered).chain([web(), default]));
    assert_eq!(
        steps(&resolved, "ns/web", Direction::Ingress),
        "default(Deny): gnp/z-minus gnp/z-half gnp/a-last gnp/a-b gnp/a.b gnp/a gnp/a0 gnp/ab np/a-ns/p np/a/p knp/ns/p np/ns/p"
    );
}

#[test]
fn tiers_stand_by_order_then_by_name_and_those_without_a_resource_last() {
    let names = ["zeta", "default", "app", "late", "early", "gone-b", "gone-a"];
    let policies = names.map(|name| {
        Resource::Policy(Policy { tier: name.into(), ..policy(&format!("gnp {name}"), "app == 'web'") })
    });
    let tiers = [
        tier("zeta", 1e6, TierAction::Deny),
        tier("default", 1e6, TierAction::Deny),
        tier("app", 1e6, TierAction::Pass),
        tier("late", 1e7, TierAction::Pass),
        tier("early", -5.0, TierAction::Pass),
    ];
    let mut resolver = resolver(policies.into_iter().chain(tiers).chain([web()]));
    assert_eq!(
        steps(&resolver.resolve(), "ns/web", Direction::Egress),
        "early(Pass): gnp/early; app(Pass): gnp/app; default(Deny): gnp/default; zeta(Deny): gnp/zeta; late(Pass): gnp/late; \
         gone-a(Deny): gnp/gone-a; gone-b(Deny): gnp/gone-b"
    );

    // A tier that is deleted does not keep its action.
    resolver.apply(Event::Delete(ResourceKey::Tier("early".into())));
    resolver.apply(Event::Upsert(tier("gone-b", 1.0, TierAction::Pass)));
    let steps = steps(&resolver.resolve(), "ns/web", Direction::Egress);
    assert!(
        steps.starts_with("gone-b(Pass)")
            && steps.ends_with("early(Deny): gnp/early; gone-a(Deny): gnp/gone-a"),
        "{steps}"
    );
}

#[test]
fn a_tier_takes_part_only_in_the_directions_that_its_policies_govern() {
    let ingress = Policy { directions: [Direction::Ingress].into(), ..policy("gnp in", "all()") };
    let other =
        Policy { tier: "other".into(), directions: [Direction::Egress].into(), ..policy("gnp out", "all()") };
    let mut resolver = resolver([web(), Resource::Policy(ingress), Resource::Policy(other.clone())]);
    let resolved = resolver.resolve();
    assert_eq!(steps(&resolved, "ns/web", Direction::Ingress), "default(Deny): gnp/in");
    assert_eq!(steps(&resolved, "ns/web", Direction::Egress), "other(Deny): gnp/out");

    // A policy may move between tiers, and come to govern other directions.
    let moved = Policy { tier: "default".into(), ..other };
    resolver.apply(Event::Upsert(Resource::Policy(moved.clone())));
    assert_eq!(steps(&resolver.resolve(), "ns/web", Direction::Egress), "default(Deny): gnp/out");
    resolver.apply(Event::Upsert(Resource::Policy(Policy { directions: Direction::ALL.into(), ..moved })));
    assert_eq!(steps(&resolver.resolve(), "ns/web", Direction::Ingress), "default(Deny): gnp/in gnp/out");
}

#[test]
fn only_policies_that_select_an_endpoint_are_active() {
    let mut resolver = resolver([
        web(),
        Resource::Policy(Policy {
            ingress: vec![allow(peer("has(a)"), peer("has(b)"))],
            ..policy("np ns/web", "app == 'web'")
        }),
        Resource::Policy(Policy {
            ingress: vec![allow(peer("has(a)"), peer("has(c)"))],
            ..policy("np ns/db", "app == 'db'")
        }),
    ]);
    let active =
        |resolved: &NodePolicy| resolved.policies.keys().map(ToString::to_string).collect::<Vec<_>>();
    let resolved = resolver.resolve();
    assert_eq!(active(&resolved), ["np/ns/web"]);
    assert_eq!(resolved.address_sets.len(), 2);

    resolver.apply(Event::Upsert(Resource::Pod(pod("ns/web", "app=db", &[]))));
    let resolved = resolver.resolve();
    assert_eq!(active(&resolved), ["np/ns/db"]);
    assert!(
        resolved.address_sets.contains_key(&set_of("has(a)"))
            && resolved.address_sets.contains_key(&set_of("has(c)"))
    );
    assert_eq!(resolved.address_sets.len(), 2);

    resolver.apply(Event::Delete(ResourceKey::Pod(object("ns/web"))));
    assert_eq!(resolver.resolve(), NodePolicy::default());
}

/// What the host routes say where one leads to `veth0`.
fn routed(address: &str) -> Event {
    let routes = [(address.parse::<std::net::IpAddr>().unwrap(), InterfaceName::new("veth0"))];
    Event::Links(Links::Observed(ObservedLinks {
        routes: routes.into_iter().collect(),
        ..ObservedLinks::default()
    }))
}

fn is_closed(endpoint: &Endpoint) -> bool {
    [&endpoint.ingress, &endpoint.egress]
        .into_iter()
        .all(|verdicts| verdicts.tiers.is_empty() && verdicts.profile == Profile::Deny)
}

#[test]
fn an_interface_that_two_pods_claim_is_closed() {
    let late = Resource::Pod(pod("ns/z", "app=web", &["10.0.0.1"]));
    let mut resolver = resolver([late, Resource::Policy(policy("gnp z", "all()")), namespace("ns", "")]);
    resolver.apply(routed("10.0.0.1"));
    assert_eq!(endpoint(&resolver.resolve(), "ns/z").interface.as_str(), "veth0");
    assert!(resolver.findings().is_empty());

    resolver.apply(Event::Upsert(web()));
    let resolved = resolver.resolve();
    assert_eq!(resolved.endpoints.keys().collect::<Vec<_>>(), [&object("ns/web")]);
    assert!(is_closed(&endpoint(&resolved, "ns/web")));
    let objects = resolver.findings().into_iter().map(|finding| finding.object.unwrap().to_string());
    assert_eq!(objects.collect::<Vec<_>>(), ["Pod ns/web", "Pod ns/z"]);

    resolver.apply(Event::Delete(ResourceKey::Pod(object("ns/web"))));
    assert_eq!(steps(&resolver.resolve(), "ns/z", Direction::Ingress), "default(Deny): gnp/z");
    assert!(resolver.findings().is_empty());

    resolver.apply(Event::Upsert(web()));
    resolver.apply(Event::Links(Links::Assumed));
    assert_eq!(resolver.resolve().endpoints.len(), 2);
}

#[test]
fn a_pod_that_is_being_deleted_stands_back_from_the_interface_that_another_has_now() {
    let Resource::Pod(web) = web() else { panic!("a pod") };
    let ending = Resource::Pod(Pod { tenure: Tenure::Ending, ..web });
    let successor = |tenure| Resource::Pod(Pod { tenure, ..pod("ns/z", "app=z", &["10.0.0.1"]) });
    let guard = Resource::Policy(policy("gnp z", "app == 'z'"));
    let mut resolver = resolver([ending.clone(), guard, namespace("ns", "")]);
    resolver.apply(routed("10.0.0.1"));
    let alone = resolver.resolve();
    assert_eq!(endpoint(&alone, "ns/web").ingress.profile, Profile::Allow, "nobody else claims it");

    resolver.apply(Event::Upsert(successor(Tenure::Lasting)));
    let resolved = resolver.resolve();
    assert_eq!(resolved.endpoints.keys().collect::<Vec<_>>(), [&object("ns/z")]);
    assert_eq!(steps(&resolved, "ns/z", Direction::Ingress), "default(Deny): gnp/z");
    assert!(resolver.findings().is_empty());

    resolver.apply(Event::Upsert(successor(Tenure::Ending)));
    assert!(is_closed(&endpoint(&resolver.resolve(), "ns/web")), "both are on their way out");
}
