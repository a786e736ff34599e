//! Settings, surroundings, and what annotations of pods come to under them.

use std::sync::Arc;

use super::fixture::*;
use crate::{
    event::Event,
    resolve::Resolver,
    resource::{
        ConfigurationScope, IpPool, Pod, PodExtras, PoolNat, PoolUse, Resource, ResourceKey, ServiceRanges,
        Tunnel,
    },
    settings::{EndpointToHost, Layer, Switch},
};

fn vxlan_port(port: u16) -> Layer {
    Layer { vxlan_port: Some(port), ..Layer::default() }
}

fn port_of(resolver: &mut Resolver) -> u16 {
    resolver.resolve().settings.encapsulation.vxlan_port
}

#[test]
fn the_strongest_layer_that_speaks_is_heard() {
    let selected = |name: &str, created: &str, text: &str, port| {
        let scope = ConfigurationScope::Selected { selector: selector(text), created: created.into() };
        configuration(name, scope, vxlan_port(port))
    };
    let mut resolver = resolver([]);
    let mut then = |resource: Resource| {
        resolver.apply(Event::Upsert(resource));
        port_of(&mut resolver)
    };
    let drop = Layer { endpoint_to_host: Some(EndpointToHost::Drop), ..vxlan_port(1) };
    assert_eq!(then(configuration("default", ConfigurationScope::Cluster, drop)), 1);
    assert_eq!(then(selected("b", "2021", "role == 'edge'", 2)), 1);
    assert_eq!(then(node(HERE, "role=edge", &[])), 2);
    assert_eq!(then(selected("a", "2021", "role == 'edge'", 3)), 3);
    assert_eq!(then(selected("z", "2020", "role == 'edge'", 4)), 4);
    assert_eq!(then(configuration("node.there", ConfigurationScope::Node("there".into()), vxlan_port(5))), 4);
    assert_eq!(then(configuration("node.here", ConfigurationScope::Node(HERE.into()), vxlan_port(6))), 6);
    assert_eq!(then(configuration("odd", ConfigurationScope::Nobody, vxlan_port(7))), 6);
    assert_eq!(resolver.resolve().settings.endpoint_to_host, EndpointToHost::Drop);

    let mut resolver = resolver.with_layer(&vxlan_port(8));
    assert_eq!(port_of(&mut resolver), 8);
    resolver.apply(Event::Delete(ResourceKey::Configuration("default".into())));
    assert_eq!(resolver.resolve().settings.endpoint_to_host, EndpointToHost::Accept);
}

#[test]
fn of_pools_with_one_network_the_least_name_counts() {
    let pool = |name: &str, net: &str, uses, nat, tunnel| {
        Resource::IpPool(IpPool { name: name.into(), net: net.parse().unwrap(), uses, nat, tunnel })
    };
    let ranges = |name: &str, net: &str| {
        Resource::ServiceRanges(ServiceRanges { name: name.into(), nets: vec![net.parse().unwrap()] })
    };
    use PoolNat::{None as Untranslated, Outgoing};
    use PoolUse::{LoadBalancersOnly, Workloads};
    let mut resolver = resolver([
        pool("b", "10.0.0.0/16", Workloads, Outgoing, Some(Tunnel::Ipip)),
        pool("a", "10.0.0.0/16", Workloads, Untranslated, Some(Tunnel::Vxlan)),
        pool("c", "fd00::/48", Workloads, Outgoing, None),
        pool("d", "10.9.0.0/16", LoadBalancersOnly, Outgoing, None),
        ranges("default", "10.96.0.0/12"),
        ranges("other", "10.97.0.0/16"),
        node(HERE, "", &["192.0.2.1", "2001:db8::1"]),
        node("there", "", &["192.0.2.2", "192.0.2.1"]),
    ]);
    let text = |resolver: &mut Resolver| {
        let it = resolver.resolve().surroundings;
        format!("{:?} {:?} {:?} {:?} {:?}", it.pools, it.translated, it.tunnels, it.hosts, it.service_ranges)
    };
    assert_eq!(
        text(&mut resolver),
        "{10.0.0.0/16, fd00::/48} {fd00::/48} {Vxlan} {192.0.2.1, 192.0.2.2, 2001:db8::1} {10.96.0.0/12}"
    );
    resolver.apply(Event::Delete(ResourceKey::IpPool("a".into())));
    resolver.apply(Event::Delete(ResourceKey::Node("there".into())));
    resolver.apply(Event::Delete(ResourceKey::ServiceRanges("default".into())));
    assert_eq!(
        text(&mut resolver),
        "{10.0.0.0/16, fd00::/48} {10.0.0.0/16, fd00::/48} {Ipip} {192.0.2.1, 2001:db8::1} {}"
    );
    let before = resolver.resolve();
    resolver.apply(Event::Upsert(node(HERE, "new=label", &["192.0.2.1", "2001:db8::1"])));
    resolver.apply(Event::Upsert(configuration("x", ConfigurationScope::Cluster, Layer::default())));
    let after = resolver.resolve();
    assert!(Arc::ptr_eq(&before.surroundings, &after.surroundings));
    assert!(Arc::ptr_eq(&before.settings, &after.settings));
}

fn with_extras(name: &str, addresses: &[&str], floating: &[&str], sources: &[&str]) -> Resource {
    let floating = floating.iter().map(|address| address.parse().unwrap()).collect();
    let allowed_sources = sources.iter().map(|net| net.parse().unwrap()).collect();
    let extras = PodExtras { floating, allowed_sources, ..PodExtras::default() };
    Resource::Pod(Pod { extras, ..pod(name, "", addresses) })
}

#[test]
fn annotations_count_only_where_the_settings_permit_them() {
    let permit = |switch| {
        let layer =
            Layer { source_spoofing: Some(switch), floating_addresses: Some(switch), ..Layer::default() };
        Event::Upsert(configuration("default", ConfigurationScope::Cluster, layer))
    };
    let mut resolver = resolver([
        with_extras("ns/b", &["10.0.0.2", "fd00::2"], &["192.0.2.7", "2001:db8::7"], &["10.9.0.0/16"]),
        with_extras("ns/a", &["10.0.0.1"], &["2001:db8::7"], &[]),
    ]);
    let text = |resolver: &mut Resolver, pod: &str| {
        let it = endpoint(&resolver.resolve(), pod);
        format!("{:?} {:?}", it.floating, it.allowed_sources)
    };
    assert_eq!(text(&mut resolver, "ns/b"), "{} {}");
    resolver.apply(permit(Switch::Enabled));
    // `a` has no address to which an IPv6 address could lead.
    assert_eq!(text(&mut resolver, "ns/b"), "{192.0.2.7: 10.0.0.2, 2001:db8::7: fd00::2} {10.9.0.0/16}");
    assert_eq!(text(&mut resolver, "ns/a"), "{} {}");

    resolver.apply(Event::Upsert(with_extras("ns/a", &["fd00::1"], &["2001:db8::7"], &[])));
    assert_eq!(text(&mut resolver, "ns/a"), "{2001:db8::7: fd00::1} {}");
    assert_eq!(text(&mut resolver, "ns/b"), "{192.0.2.7: 10.0.0.2} {10.9.0.0/16}");
    resolver.apply(Event::Delete(ResourceKey::Pod(object("ns/a"))));
    assert_eq!(text(&mut resolver, "ns/b"), "{192.0.2.7: 10.0.0.2, 2001:db8::7: fd00::2} {10.9.0.0/16}");
    resolver.apply(permit(Switch::Disabled));
    assert_eq!(text(&mut resolver, "ns/b"), "{} {}");
}
