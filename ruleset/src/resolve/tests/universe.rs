//! Events at random in a world so small that they meet.

pub(super) mod consistent;
mod node;
mod pod;
mod policy;
mod service;

use std::net::IpAddr;

use ipnet::IpNet;
use proptest::{collection, prelude::*, sample::select};

use super::fixture::*;
use crate::{event::Event, port::NamedPort, protocol::Protocol, resource::Resource};

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
const POLICIES: [&str; 7] = ["gnp p", "gnp q", "cnp q", "np m/p", "np n/p", "knp n/p", "knp n/p-q"];
const ADDRESSES: [&str; 5] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "fd00::2"];
const PORT_NAMES: [&str; 2] = ["http", "dns"];
const PROTOCOLS: [Protocol; 3] = [Protocol::TCP, Protocol::UDP, Protocol::ICMP];
const SERVICES: [&str; 2] = ["m/web", "n/web"];
const NETS: [&str; 5] = ["10.0.0.0/24", "10.0.0.1/32", "0.0.0.0/0", "fd00::/64", "fd00::1/128"];

fn some_labels() -> impl Strategy<Value = String> {
    let values = |key: &'static str, values: &'static [&'static str]| {
        prop_oneof![Just(String::new()), select(values).prop_map(move |value| format!("{key}={value}"))]
    };
    (values("app", &["x", "y"]), values("env", &["p", "q"])).prop_map(|(app, env)| format!("{app} {env}"))
}

fn some_addresses(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<IpAddr>> {
    collection::vec(select(&ADDRESSES[..]).prop_map(|address| address.parse().unwrap()), count)
}

fn some_nets(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<IpNet>> {
    collection::vec(select(&NETS[..]).prop_map(|net| net.parse().unwrap()), count)
}

fn some_named_port() -> impl Strategy<Value = NamedPort> {
    (select(&PORT_NAMES[..]), select(&PROTOCOLS[..]), 80_u16..82)
        .prop_map(|(name, protocol, port)| NamedPort { name: name.into(), protocol, port })
}

pub(super) fn some_resource() -> impl Strategy<Value = Resource> {
    let network_sets =
        (select(&["g", "m/s", "n/s"][..]), some_labels(), collection::vec(select(&NETS[..]), 0..4));
    prop_oneof![
        8 => pod::some_pod(),
        8 => policy::some_policy(),
        3 => policy::some_tier(),
        4 => (select(&NAMESPACES[..]), some_labels()).prop_map(|(name, text)| namespace(name, &text)),
        2 => (select(&["m/s", "n/s", "n/t"][..]), some_labels()).prop_map(|(name, text)| account(name, &text)),
        2 => network_sets.prop_map(|(name, text, nets)| network_set(name, &text, &nets)),
        5 => node::some_host_endpoint(),
        2 => node::some_node(),
        3 => node::some_configuration(),
        1 => node::some_pool(),
        1 => node::some_ranges(),
        3 => service::some_service(),
        4 => service::some_slice(),
    ]
}

/// Upserts, deletes (many of what is not there), and links.
pub(super) fn some_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => some_resource().prop_map(Event::Upsert),
        4 => some_resource().prop_map(|resource| Event::Delete(resource.key())),
        1 => node::some_links(),
    ]
}
