//! A denser world, in which services and the rules that admit their endpoints meet often.

use proptest::{collection, prelude::*, sample::select};

use super::{NAMESPACES, NETS, PODS, SERVICES, some_addresses, some_labels, some_nets};
use crate::{
    event::Event,
    policy::{Entity, Policy, Rule, Traffic},
    port::{Port, PortRange},
    protocol::Protocol,
    resolve::tests::fixture::*,
    resource::{ConfigurationScope, Pod, Resource},
    settings::{Layer, NodePortPolicy},
};

/// What stands at the beginning: a client under a policy, and the mode.
pub(in crate::resolve::tests) fn beginning() -> Vec<Event> {
    let client = Resource::Pod(pod("m/client", "", &["10.0.0.9"]));
    vec![Event::Upsert(client), Event::Upsert(mode(NodePortPolicy::Consistent))]
}

fn mode(node_ports: NodePortPolicy) -> Resource {
    let layer = Layer { node_ports: Some(node_ports), ..Layer::default() };
    configuration("default", ConfigurationScope::Cluster, layer)
}

fn some_mode() -> impl Strategy<Value = Resource> {
    prop_oneof![3 => Just(NodePortPolicy::Consistent), 1 => Just(NodePortPolicy::Standard)].prop_map(mode)
}

fn some_pod() -> impl Strategy<Value = Resource> {
    let port = (select(&["http", "dns"][..]), 80_u16..82)
        .prop_map(|(name, port)| named_port(name, Protocol::TCP, port));
    (select(&PODS[..]), some_labels(), some_addresses(1..3), collection::vec(port, 0..3)).prop_map(
        |(name, text, addresses, ports)| Resource::Pod(Pod { addresses, ports, ..remote(name, &text, &[]) }),
    )
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let selectors = ["all()", "app == 'x'", "has(env)", "pcns.env == 'p'", "!has(app)"];
    let number = Port::Number(PortRange::single(80));
    let name = Port::Named("http".into());
    let ports = vec![Vec::new(), vec![number.clone()], vec![name.clone()], vec![number, name]];
    let not_ports = select(ports[..3].to_vec());
    let of_pods = (
        select(selectors.to_vec()),
        prop::option::of(Just("env == 'q'")),
        (select(ports), prop_oneof![3 => Just(Vec::new()), 1 => not_ports]),
        prop_oneof![6 => Just((Vec::new(), Vec::new())), 1 => (some_nets(0..2), some_nets(0..2))],
    )
        .prop_map(|(text, not, (ports, not_ports), (nets, not_nets))| Entity {
            ports,
            not_ports,
            nets,
            not_nets,
            not_selector: not.map(selector),
            ..peer(text)
        });
    let of_nets = some_nets(1..3).prop_map(|nets| Entity { nets, ..Entity::default() });
    (prop::option::of(Just(Protocol::TCP)), prop_oneof![5 => of_pods, 1 => of_nets]).prop_map(
        |(protocol, destination)| Rule {
            traffic: Traffic { protocol, ..Traffic::default() },
            ..allow(Entity::default(), destination)
        },
    )
}

fn some_policy() -> impl Strategy<Value = Resource> {
    (select(&["gnp p", "gnp q"][..]), collection::vec(some_rule(), 1..3))
        .prop_map(|(key, egress)| Resource::Policy(Policy { egress, ..policy(key, "all()") }))
}

fn some_resource() -> impl Strategy<Value = Resource> {
    let services =
        (select(&SERVICES[..]), prop::option::of(30_080_u16..30_082), select(&["10.96.0.1", "fd00::2"][..]))
            .prop_map(|(name, node_port, address)| service(name, &[address], node_port));
    let slices = (
        select(&["m/web-1", "m/web-2", "n/web-1"][..]),
        select(&SERVICES[..]),
        collection::vec(select(&super::ADDRESSES[..]), 0..3),
        80_u16..82,
    )
        .prop_map(|(name, service, addresses, port)| slice(name, service, &addresses, port));
    let nodes = (
        select(&[HERE, "there"][..]),
        collection::vec(select(&["192.0.2.1", "fd00::1", "127.0.0.1"][..]), 0..3),
    )
        .prop_map(|(name, addresses)| node(name, "", &addresses));
    let network_sets = (some_labels(), collection::vec(select(&NETS[..]), 0..3))
        .prop_map(|(text, nets)| network_set("g", &text, &nets));
    prop_oneof![
        3 => some_policy(),
        5 => some_pod(),
        5 => slices,
        4 => services,
        1 => nodes,
        1 => network_sets,
        1 => (select(&NAMESPACES[..]), some_labels()).prop_map(|(name, text)| namespace(name, &text)),
        1 => some_mode(),
    ]
}

/// Upserts and deletes.
pub(in crate::resolve::tests) fn some_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        5 => some_resource().prop_map(Event::Upsert),
        1 => some_resource().prop_map(|resource| Event::Delete(resource.key())),
    ]
}
