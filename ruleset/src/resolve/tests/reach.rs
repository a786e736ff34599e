//! The random worlds hold what the laws are to be tried on.

use std::collections::BTreeSet;

use proptest::{
    collection,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use super::{
    fixture::*,
    universe::{consistent, some_event},
};
use crate::{
    event::Event,
    ir::{AddressSet, AddressSetKey, DestinationView, HostInterface, Members, NodePolicy, Profile, Receiver},
    policy::Direction,
    port::Port,
};

fn is_empty(set: &AddressSet) -> bool {
    match &set.members {
        Members::Nets(members) => members.v4.is_empty() && members.v6.is_empty(),
        Members::AddressPorts(members) => members.v4.is_empty() && members.v6.is_empty(),
    }
}

fn has_names(receiver: &Receiver) -> bool {
    receiver.ports.iter().any(|port| matches!(port, Port::Named(_)))
}

/// What is to be seen in a world.
fn sights(world: &NodePolicy) -> impl Iterator<Item = &'static str> {
    let hosts = || world.host_endpoints.values();
    let rules = || world.policies.values().flat_map(|policy| &policy.egress);
    let set = |wanted: fn(&AddressSetKey) -> bool| {
        world.address_sets.iter().any(|(key, set)| wanted(key) && !is_empty(set))
    };
    let sights = [
        ("forwarded", hosts().any(|host| !host.forwarded.get(Direction::Egress).is_empty())),
        ("pre-DNAT", hosts().any(|host| !host.pre_dnat.is_empty())),
        ("untracked", hosts().any(|host| !host.untracked.get(Direction::Ingress).is_empty())),
        ("open host", hosts().any(|host| host.local.ingress.profile == Profile::Allow)),
        ("named host", hosts().any(|host| matches!(host.interface, HostInterface::Named(_)))),
        ("automatic host", hosts().any(|host| host.name.as_str() == "here-auto-hep")),
        ("both subjects", world.policies.values().any(|policy| policy.subjects.len() == 2)),
        ("dialled", rules().any(|rule| rule.view == DestinationView::Dialled)),
        ("fronts", set(|key| matches!(key, AddressSetKey::ServiceFronts { .. }))),
        (
            "fronts by name",
            set(|key| matches!(key, AddressSetKey::ServiceFronts { receiver, .. } if has_names(receiver))),
        ),
        ("nodes", set(|key| matches!(key, AddressSetKey::NodeAddresses(_)))),
        ("service addresses", set(|key| matches!(key, AddressSetKey::ServiceAddresses(_)))),
        ("service ports", set(|key| matches!(key, AddressSetKey::ServicePorts(_)))),
        ("floating", world.endpoints.values().any(|endpoint| !endpoint.floating.is_empty())),
        ("sources", world.endpoints.values().any(|endpoint| !endpoint.allowed_sources.is_empty())),
        ("pools", !world.surroundings.translated.is_empty()),
        ("service ranges", !world.surroundings.service_ranges.is_empty()),
        ("tunnels", !world.surroundings.tunnels.is_empty()),
    ];
    sights.into_iter().filter_map(|(sight, seen)| seen.then_some(sight))
}

#[test]
fn random_worlds_hold_what_the_laws_are_about() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    let mut look = |events: Vec<Event>| {
        let mut resolver = resolver([]);
        events.into_iter().for_each(|event| resolver.apply(event));
        seen.extend(sights(&resolver.resolve()));
    };
    for _ in 0..768 {
        look(collection::vec(some_event(), 48).new_tree(&mut runner).unwrap().current());
        let services = collection::vec(consistent::some_event(), 24).new_tree(&mut runner).unwrap().current();
        look(consistent::beginning().into_iter().chain(services).collect());
    }
    assert_eq!(seen.len(), 18, "only {seen:?}");
}
