//! Nodes, their links and host endpoints, and what surrounds them.

use std::net::IpAddr;

use proptest::{collection, prelude::*, sample::select};

use super::{ADDRESSES, NETS, PODS, SELECTORS, some_addresses, some_labels, some_named_port, some_nets};
use crate::{
    event::Event,
    links::{InterfacePrefix, Links, ObservedLinks},
    name::InterfaceName,
    resolve::tests::fixture::*,
    resource::{
        Configuration, ConfigurationScope, HostEndpoint, HostEndpointState, HostInterface, IpPool, Node,
        PoolNat, PoolUse, Resource, ServiceRanges, Tunnel,
    },
    settings::{Layer, NodePortPolicy, Switch},
};

const INTERFACES: [&str; 4] = ["eth0", "eth1", "eth2", "cali1"];
const NODES: [&str; 2] = [HERE, "there"];

pub(super) fn some_links() -> impl Strategy<Value = Event> {
    let links = collection::btree_set(select(&PODS[..]), 0..4);
    let routes = collection::btree_map(select(&ADDRESSES[..]), select(&["eth1", "eth2"][..]), 0..4);
    let addresses = collection::btree_map(select(&INTERFACES[..]), some_addresses(0..3), 0..4);
    let observed = (links, routes, addresses).prop_map(|(links, routes, addresses)| {
        let workloads = links.into_iter().map(|name| InterfacePrefix::default().interface_of(&object(name)));
        let others = addresses.keys().copied().map(InterfaceName::new);
        let routes = routes
            .into_iter()
            .map(|(address, link)| (address.parse::<IpAddr>().unwrap(), InterfaceName::new(link)));
        let addresses = addresses.iter().map(|(link, all)| {
            (InterfaceName::new(*link), all.iter().copied().collect::<imbl::OrdSet<IpAddr>>())
        });
        Event::Links(Links::Observed(ObservedLinks {
            names: workloads.chain(others).collect(),
            routes: routes.collect(),
            addresses: addresses.collect(),
        }))
    });
    prop_oneof![1 => Just(Event::Links(Links::Assumed)), 3 => observed]
}

pub(super) fn some_node() -> impl Strategy<Value = Resource> {
    let loopback = prop::option::of(Just(IpAddr::from([127, 0, 0, 1])));
    (select(&NODES[..]), some_labels(), some_addresses(0..3), loopback).prop_map(
        |(name, text, mut addresses, loopback)| {
            addresses.extend(loopback);
            let mut labels = labels(&text);
            labels.insert("pcns.env", "p");
            Resource::Node(Node { name: name.into(), labels, addresses })
        },
    )
}

pub(super) fn some_host_endpoint() -> impl Strategy<Value = Resource> {
    let interface = prop_oneof![
        1 => Just(HostInterface::Others),
        2 => select(&INTERFACES[..]).prop_map(|name| HostInterface::Named(name.into())),
        2 => Just(HostInterface::ByAddress),
    ];
    let profiles = ["projectcalico-default-allow", "kns.m", "kns.n", "ksa.n.s", "ksa.n", "custom"];
    (
        select(&["a", "b", "c", "here-auto-hep"][..]),
        prop_oneof![3 => Just(HERE), 1 => Just("there")],
        interface,
        some_addresses(0..3),
        some_labels(),
        collection::vec(select(profiles.to_vec()), 0..3),
        collection::vec(some_named_port(), 0..2),
        prop_oneof![6 => Just(HostEndpointState::Active), 1 => Just(HostEndpointState::Doubtful), 1 => Just(HostEndpointState::Unintelligible)],
    )
        .prop_map(|(name, node, interface, expected_addresses, text, profiles, ports, state)| {
            Resource::HostEndpoint(HostEndpoint {
                name: name.into(),
                node: node.into(),
                interface,
                expected_addresses,
                labels: labels(&text),
                profiles: profiles.into_iter().map(Into::into).collect(),
                ports,
                state,
            })
        })
}

pub(super) fn some_configuration() -> impl Strategy<Value = Resource> {
    let switch = || prop::option::of(select(&[Switch::Disabled, Switch::Enabled, Switch::Enabled][..]));
    let node_ports = prop_oneof![
        1 => Just(None),
        1 => Just(Some(NodePortPolicy::Standard)),
        3 => Just(Some(NodePortPolicy::Consistent)),
    ];
    let scope = prop_oneof![
        3 => Just(("default", ConfigurationScope::Cluster)),
        2 => select(&[("node.here", HERE), ("node.there", "there")][..])
            .prop_map(|(name, node)| (name, ConfigurationScope::Node(node.into()))),
        2 => (select(&["s1", "s2"][..]), select(&SELECTORS[..]), select(&["", "2020", "2021"][..])).prop_map(
            |(name, text, created)| {
                (name, ConfigurationScope::Selected { selector: selector(text), created: created.into() })
            }
        ),
        1 => Just(("nobody", ConfigurationScope::Nobody)),
    ];
    (scope, node_ports, switch(), switch(), switch()).prop_map(
        |((name, scope), node_ports, auto_host_endpoints, source_spoofing, floating_addresses)| {
            let layer = Layer {
                node_ports,
                auto_host_endpoints,
                source_spoofing,
                floating_addresses,
                ..Layer::default()
            };
            Resource::Configuration(Configuration { name: name.into(), scope, layer })
        },
    )
}

pub(super) fn some_pool() -> impl Strategy<Value = Resource> {
    (
        select(&["p", "q", "r"][..]),
        select(&NETS[..3]),
        select(&[PoolUse::Workloads, PoolUse::LoadBalancersOnly][..]),
        select(&[PoolNat::Outgoing, PoolNat::None][..]),
        prop::option::of(select(&[Tunnel::Ipip, Tunnel::Vxlan][..])),
    )
        .prop_map(|(name, net, uses, nat, tunnel)| {
            Resource::IpPool(IpPool { name: name.into(), net: net.parse().unwrap(), uses, nat, tunnel })
        })
}

pub(super) fn some_ranges() -> impl Strategy<Value = Resource> {
    (select(&["default", "other"][..]), some_nets(0..3))
        .prop_map(|(name, nets)| Resource::ServiceRanges(ServiceRanges { name: name.into(), nets }))
}
