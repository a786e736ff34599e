//! Events at random in a world so small that they meet.

use std::net::IpAddr;

use proptest::{collection, prelude::*, sample::select};

use super::fixture::*;
use crate::{
    event::Event,
    links::{InterfacePrefix, Links, ObservedLinks},
    name::{InterfaceName, NodeName},
    policy::{Action, Direction, Entity, Order, Policy, Rule, TierAction, Traffic},
    port::{NamedPort, Port, PortRange},
    protocol::Protocol,
    resource::{Pod, PodState, Resource},
};

const SELECTORS: [&str; 16] = [
    "all()",
    "app == 'x'",
    "app != 'x'",
    "app in {'x', 'y'} && env == 'p'",
    "has(env)",
    "!has(app)",
    "pcns.env == 'p'",
    "pcns.env != 'p'",
    "has(pcns.env) && app == 'y'",
    "pcsa.env in {'p', 'q'}",
    "pcns.app == 'x' || pcsa.app == 'x'",
    "app == 'x' && app == 'y'",
    "has(app) && !has(app)",
    "app starts with 'x' && pcns.env == 'q'",
    "app in {}",
    "!(app == 'x' && pcns.env == 'p')",
];

const NAMESPACES: [&str; 2] = ["m", "n"];
const PODS: [&str; 5] = ["m/a", "m/b", "n/a", "n/b", "n/c"];
const TIERS: [&str; 3] = ["default", "app", "base"];
const POLICIES: [&str; 6] = ["gnp p", "gnp q", "np m/p", "np n/p", "knp n/p", "knp n/p-q"];
const ADDRESSES: [&str; 5] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2"];
const NETS: [&str; 5] = ["10.0.0.0/24", "10.0.0.1/32", "0.0.0.0/0", "fd00::/64", "fd00::1/128"];

fn some_labels() -> impl Strategy<Value = String> {
    let values = |key: &'static str, values: &'static [&'static str]| {
        prop_oneof![Just(String::new()), select(values).prop_map(move |value| format!("{key}={value}"))]
    };
    (values("app", &["x", "y"]), values("env", &["p", "q"])).prop_map(|(app, env)| format!("{app} {env}"))
}

fn some_pod() -> impl Strategy<Value = Resource> {
    use PodState::{Active, Finished, HostNetwork, Unintelligible};
    let port = (
        select(&["http", "dns"][..]),
        select(&[Protocol::TCP, Protocol::UDP, Protocol::ICMP][..]),
        80_u16..83,
    )
        .prop_map(|(name, protocol, port)| NamedPort { name: name.into(), protocol, port });
    (
        select(&PODS[..]),
        (some_labels(), prop::option::of(select(&["s", "t"][..]))),
        prop_oneof![6 => Just(Some(HERE)), 3 => Just(Some("there")), 1 => Just(None)],
        prop_oneof![8 => Just(Active), 1 => Just(Finished), 1 => Just(HostNetwork), 1 => Just(Unintelligible)],
        collection::vec(select(&ADDRESSES[..]), 0..3),
        collection::vec(port, 0..3),
    )
        .prop_map(|(name, (text, account), node, state, addresses, ports)| {
            let service_account = account.map(Into::into);
            Resource::Pod(Pod { node: node.map(NodeName::new), state, service_account, ports, ..pod(name, &text, &addresses) })
        })
}

fn some_entity() -> impl Strategy<Value = Entity> {
    let some_selector = || prop::option::weighted(0.4, select(&SELECTORS[..]).prop_map(selector));
    let some_ports = || {
        let number = Just(Port::Number(PortRange::single(80)));
        collection::vec(
            prop_oneof![number, select(&["http", "dns"][..]).prop_map(|name| Port::Named(name.into()))],
            0..2,
        )
    };
    (some_selector(), some_selector(), some_ports(), some_ports()).prop_map(
        |(selector, not_selector, ports, not_ports)| Entity {
            selector,
            not_selector,
            ports,
            not_ports,
            ..Entity::default()
        },
    )
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let protocol = prop::option::of(select(&[Protocol::TCP, Protocol::UDP, Protocol::ICMP][..]));
    (select(&[Action::Allow, Action::Deny, Action::Pass][..]), protocol, some_entity(), some_entity())
        .prop_map(|(action, protocol, source, destination)| Rule {
            action,
            traffic: Traffic { protocol, ..Traffic::default() },
            ..allow(source, destination)
        })
}

fn some_policy() -> impl Strategy<Value = Resource> {
    (
        select(&POLICIES[..]),
        select(&SELECTORS[..]),
        select(&TIERS[..]),
        select(vec![Order::LAST, order(1.0), order(-0.5)]),
        collection::btree_set(select(&Direction::ALL[..]), 0..3),
        (collection::vec(some_rule(), 0..3), collection::vec(some_rule(), 0..2)),
    )
        .prop_map(|(key, subject, tier, order, directions, (ingress, egress))| {
            let tier = tier.into();
            Resource::Policy(Policy { tier, order, directions, ingress, egress, ..policy(key, subject) })
        })
}

fn some_tier() -> impl Strategy<Value = Resource> {
    (select(&TIERS[..]), select(&[1.0, 2.0][..]), select(&[TierAction::Deny, TierAction::Pass][..]))
        .prop_map(|(name, order, action)| tier(name, order, action))
}

fn some_links() -> impl Strategy<Value = Event> {
    let links = collection::btree_set(select(&PODS[..]), 0..4);
    let routes = collection::btree_map(select(&ADDRESSES[..]), select(&["eth1", "eth2"][..]), 0..4);
    let observed = (links, routes).prop_map(|(links, routes)| {
        let names =
            links.into_iter().map(|name| InterfacePrefix::default().interface_of(&object(name))).collect();
        let routes = routes
            .into_iter()
            .map(|(address, link)| (address.parse::<IpAddr>().unwrap(), InterfaceName::new(link)))
            .collect();
        Event::Links(Links::Observed(ObservedLinks { names, routes, ..ObservedLinks::default() }))
    });
    prop_oneof![1 => Just(Event::Links(Links::Assumed)), 3 => observed]
}

pub(super) fn some_resource() -> impl Strategy<Value = Resource> {
    let network_sets =
        (select(&["g", "m/s", "n/s"][..]), some_labels(), collection::vec(select(&NETS[..]), 0..4));
    prop_oneof![
        4 => some_pod(),
        4 => some_policy(),
        1 => some_tier(),
        2 => (select(&NAMESPACES[..]), some_labels()).prop_map(|(name, text)| namespace(name, &text)),
        1 => (select(&["m/s", "n/s", "n/t"][..]), some_labels()).prop_map(|(name, text)| account(name, &text)),
        1 => network_sets.prop_map(|(name, text, nets)| network_set(name, &text, &nets)),
    ]
}

/// Upserts, deletes (many of what is not there), and links.
pub(super) fn some_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => some_resource().prop_map(Event::Upsert),
        4 => some_resource().prop_map(|resource| Event::Delete(resource.key())),
        1 => some_links(),
    ]
}
