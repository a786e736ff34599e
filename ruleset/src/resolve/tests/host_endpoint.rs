//! Which host endpoint has which interface.

use std::collections::BTreeMap;

use super::fixture::*;
use crate::{
    event::Event,
    ir::{HostInterface as Place, NodePolicy, Profile},
    links::Links,
    policy::Direction,
    resolve::Resolver,
    resource::{HostEndpoint, HostEndpointState, HostInterface, Resource, ResourceKey},
    settings::{Layer, Switch},
};

fn expecting(name: &str, addresses: &[&str]) -> HostEndpoint {
    let expected_addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    HostEndpoint { expected_addresses, ..host(name, "", HostInterface::ByAddress) }
}

/// `name: interface` of each host endpoint, `*` for that of the others, and `name: -` of those that have none.
fn places(resolver: &mut Resolver) -> BTreeMap<String, String> {
    let resolved = resolver.resolve();
    let text = |place: &Place| match place {
        Place::Named(names) => names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(" "),
        Place::Others => "*".to_owned(),
    };
    let placed = resolved.host_endpoints.iter().map(|(name, it)| (name.to_string(), text(&it.interface)));
    let idle = resolver.idle_host_endpoints().map(|name| (name.to_string(), "-".to_owned()));
    placed.chain(idle).collect()
}

fn expect(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, place)| ((*name).to_owned(), (*place).to_owned())).collect()
}

#[test]
fn a_name_goes_before_an_address_and_the_least_name_has_it() {
    let mut resolver = resolver(
        [
            expecting("a", &["192.0.2.1", "2001:db8::1"]),
            expecting("b", &["2001:db8::1"]),
            host("c", "", named("eth1")),
            host("d", "", named("eth1")),
            host("e", "", named("eth9")),
            expecting("f", &["192.0.2.2"]),
            HostEndpoint { node: "there".into(), ..host("there", "", named("eth0")) },
        ]
        .map(Resource::HostEndpoint),
    );
    resolver.apply(links(&[("eth0", &["2001:db8::1"]), ("eth1", &["192.0.2.2"])]));
    let expected = [("a", "eth0"), ("b", "-"), ("c", "eth1"), ("d", "-"), ("e", "eth9"), ("f", "-")];
    assert_eq!(places(&mut resolver), expect(&expected));

    for gone in ["a", "c", "d"] {
        resolver.apply(Event::Delete(ResourceKey::HostEndpoint(gone.into())));
    }
    assert_eq!(places(&mut resolver), expect(&[("b", "eth0"), ("e", "eth9"), ("f", "eth1")]));

    resolver.apply(links(&[("eth0", &["192.0.2.2"])]));
    assert_eq!(places(&mut resolver), expect(&[("b", "-"), ("e", "eth9"), ("f", "eth0")]));
}

#[test]
fn an_endpoint_found_by_address_has_every_interface_that_bears_one() {
    let hosts = [expecting("a", &["192.0.2.1", "192.0.2.2"]), expecting("b", &["192.0.2.2"])];
    let mut resolver = resolver(hosts.map(Resource::HostEndpoint));
    resolver.apply(links(&[("eth0", &["192.0.2.1"]), ("eth1", &["192.0.2.2"]), ("eth2", &["192.0.2.3"])]));
    assert_eq!(places(&mut resolver), expect(&[("a", "eth0 eth1"), ("b", "-")]));
}

#[test]
fn the_interfaces_of_workloads_have_no_host_endpoint() {
    let hosts = [host("a", "", named("cali1234")), expecting("b", &["192.0.2.1"])];
    let mut resolver = resolver(hosts.map(Resource::HostEndpoint));
    resolver.apply(links(&[("cali1234", &["192.0.2.1"])]));
    assert_eq!(places(&mut resolver), expect(&[("a", "-"), ("b", "-")]));
}

#[test]
fn one_has_all_other_interfaces() {
    let hosts = ["y", "x"].map(|name| Resource::HostEndpoint(host(name, "", HostInterface::Others)));
    assert_eq!(places(&mut resolver(hosts)), expect(&[("x", "*"), ("y", "-")]));
}

#[test]
fn where_links_are_assumed_the_uplink_bears_the_addresses_of_the_node() {
    let hosts = [expecting("a", &["192.0.2.9"]), expecting("b", &["192.0.2.1"])];
    let mut resolver = resolver(hosts.map(Resource::HostEndpoint));
    assert_eq!(places(&mut resolver), expect(&[("a", "-"), ("b", "-")]));
    resolver.apply(Event::Upsert(node(HERE, "", &["192.0.2.1"])));
    assert_eq!(places(&mut resolver), expect(&[("a", "-"), ("b", "eth0")]));
    resolver.apply(Event::Upsert(Resource::HostEndpoint(host("c", "", named("eth0")))));
    assert_eq!(places(&mut resolver), expect(&[("a", "-"), ("b", "-"), ("c", "eth0")]));
    resolver.apply(links(&[("eth1", &["192.0.2.9"])]));
    resolver.apply(Event::Links(Links::Assumed));
    assert_eq!(places(&mut resolver), expect(&[("a", "-"), ("b", "-"), ("c", "eth0")]));
}

fn profile_of(resolved: &NodePolicy, name: &str) -> [Profile; 2] {
    let local = &resolved.host_endpoints.get(name).unwrap().local;
    Direction::ALL.map(|direction| local.get(direction).profile)
}

#[test]
fn the_first_profile_that_decides_decides() {
    let cases: [(&[&str], Profile); 8] = [
        (&[], Profile::Deny),
        (&["projectcalico-default-allow"], Profile::Allow),
        (&["kns.ns"], Profile::Allow),
        (&["kns.gone", "projectcalico-default-allow"], Profile::Deny),
        (&["ksa.ns.sa.x", "kns.ns"], Profile::Allow),
        (&["ksa.ns.sa"], Profile::Deny),
        (&["ksa.ns", "kns.ns"], Profile::Deny),
        (&["custom", "projectcalico-default-allow"], Profile::Deny),
    ];
    for (profiles, expected) in cases {
        let profiles = profiles.iter().map(|profile| (*profile).into()).collect();
        let object = HostEndpoint { profiles, ..host("h", "", named("eth0")) };
        let mut resolver = resolver([namespace("ns", ""), Resource::HostEndpoint(object.clone())]);
        assert_eq!(profile_of(&resolver.resolve(), "h"), [expected; 2], "{:?}", object.profiles);

        let state = HostEndpointState::Unintelligible;
        resolver.apply(Event::Upsert(Resource::HostEndpoint(HostEndpoint { state, ..object })));
        assert_eq!(profile_of(&resolver.resolve(), "h"), [Profile::Deny; 2]);
    }
}

#[test]
fn a_node_that_has_none_for_all_interfaces_gets_one() {
    let layer = Layer { auto_host_endpoints: Some(Switch::Enabled), ..Layer::default() };
    let mut resolver = resolver([]).with_layer(&layer);
    let by_label = crate::policy::Policy {
        ingress: vec![allow(peer("role == 'edge'"), Default::default())],
        ..policy("gnp p", "role == 'edge'")
    };
    let events = [
        node(HERE, "role=edge pcns.env=p projectcalico.org/namespace=ns", &["192.0.2.1"]),
        node("there", "role=edge", &["192.0.2.2", "2001:db8::2"]),
        Resource::Policy(by_label),
    ];
    events.into_iter().for_each(|resource| resolver.apply(Event::Upsert(resource)));
    let resolved = resolver.resolve();
    assert_eq!(places(&mut resolver), expect(&[("here-auto-hep", "*")]));
    assert_eq!(profile_of(&resolved, "here-auto-hep"), [Profile::Allow; 2]);
    let tiers = &resolved.host_endpoints.get("here-auto-hep").unwrap().local.ingress.tiers;
    assert_eq!(step_text(tiers), "default(Deny): gnp/p");
    let set = set_of("role == 'edge'");
    assert_eq!(members(&resolved, &set), ["192.0.2.1/32", "192.0.2.2/32", "2001:db8::2/128"]);

    let own = HostEndpoint { node: "there".into(), ..host("own", "role=edge", HostInterface::Others) };
    resolver.apply(Event::Upsert(Resource::HostEndpoint(own)));
    assert_eq!(members(&resolver.resolve(), &set), ["192.0.2.1/32"]);
    resolver.apply(Event::Upsert(Resource::HostEndpoint(host("h", "", HostInterface::Others))));
    assert_eq!(places(&mut resolver), expect(&[("h", "*")]));
    resolver.apply(Event::Delete(ResourceKey::HostEndpoint("h".into())));
    assert_eq!(places(&mut resolver), expect(&[("here-auto-hep", "*")]));
}

#[test]
fn what_has_no_interface_or_no_effect_is_said() {
    let untracked =
        crate::policy::Policy { stage: crate::policy::Stage::Untracked, ..policy("gnp fast", "all()") };
    let hosts =
        [host("a", "", named("eth0")), host("b", "", named("eth0")), host("z", "", HostInterface::Others)];
    let mut resolver =
        resolver(hosts.map(Resource::HostEndpoint).into_iter().chain([Resource::Policy(untracked)]));
    resolver.resolve();
    let said: Vec<String> = resolver.findings().iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().any(|it| it.contains("HostEndpoint b: it has no interface")), "{said:?}");
    assert!(
        said.iter().any(|it| it.contains("fast: spec.doNotTrack: it selects HostEndpoint z")),
        "{said:?}"
    );
}
