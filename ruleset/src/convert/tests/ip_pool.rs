//! IPPools.

use super::fixture::{calico, places, read};
use crate::resource::{PoolNat, PoolUse, Resource, Tunnel};

/// The pool as text, if there is one, and where its findings are.
fn pool(spec: &str) -> (Option<String>, Vec<String>) {
    let (resources, findings) = read(&calico("IPPool", "", &format!("spec: {spec}")));
    let pool = resources.first().map(|resource| {
        let Resource::IpPool(pool) = resource else { panic!("{resource:?}") };
        let uses = match pool.uses {
            PoolUse::Workloads => "",
            PoolUse::LoadBalancersOnly => " balancers",
        };
        let nat = match pool.nat {
            PoolNat::Outgoing => " nat",
            PoolNat::None => "",
        };
        let tunnel = match pool.tunnel {
            Some(Tunnel::Ipip) => " ipip",
            Some(Tunnel::Vxlan) => " vxlan",
            None => "",
        };
        format!("{}{uses}{nat}{tunnel}", pool.net)
    });
    (pool, places(&findings))
}

#[test]
fn a_pool_says_what_its_addresses_are() {
    for (spec, expected) in [
        ("{cidr: 10.0.0.5/8}", "10.0.0.0/8"),
        ("{cidr: 'fd00::/64', natOutgoing: true, nodeSelector: all(), blockSize: 122}", "fd00::/64 nat"),
        ("{cidr: 10.0.0.0/8, natOutgoing: false, disabled: true}", "10.0.0.0/8"),
        ("{cidr: 10.0.0.0/8, ipipMode: Always, vxlanMode: Never}", "10.0.0.0/8 ipip"),
        ("{cidr: 10.0.0.0/8, ipipMode: CrossSubnet}", "10.0.0.0/8 ipip"),
        ("{cidr: 10.0.0.0/8, ipipMode: Never, vxlanMode: CrossSubnet}", "10.0.0.0/8 vxlan"),
        ("{cidr: 10.0.0.0/8, ipipMode: '', vxlanMode: ''}", "10.0.0.0/8"),
        ("{cidr: 10.0.0.0/8, allowedUses: [Workload, Tunnel]}", "10.0.0.0/8"),
        ("{cidr: 10.0.0.0/8, allowedUses: [LoadBalancer]}", "10.0.0.0/8 balancers"),
        ("{cidr: 10.0.0.0/8, allowedUses: [LoadBalancer, Workload]}", "10.0.0.0/8"),
        ("{cidr: 10.0.0.0/8, allowedUses: []}", "10.0.0.0/8"),
    ] {
        assert_eq!(pool(spec), (Some(expected.into()), vec![]), "{spec}");
    }
}

#[test]
fn a_value_that_is_not_understood_costs_its_field_only() {
    for (field, value) in [
        ("natOutgoing", "'true'"),
        ("ipipMode", "Sometimes"),
        ("vxlanMode", "[Always]"),
        ("allowedUses", "LoadBalancer"),
    ] {
        let spec = format!("{{cidr: 10.0.0.0/8, {field}: {value}}}");
        assert_eq!(pool(&spec), (Some("10.0.0.0/8".into()), vec![format!("error spec.{field}")]));
    }
    assert_eq!(
        pool("{cidr: 10.0.0.0/8, natOutgoing: true, ipipMode: Always, vxlanMode: Always}"),
        (Some("10.0.0.0/8 nat".into()), vec!["error spec".into()])
    );
    assert_eq!(
        pool("{cidr: 10.0.0.0/8, allowedUses: [LoadBalancer, Other]}"),
        (Some("10.0.0.0/8".into()), vec!["error spec.allowedUses[1]".into()])
    );
}

#[test]
fn without_its_network_there_is_no_pool() {
    for (spec, field) in [
        ("{}", "spec"),
        ("{cidr: 10.0.0.0/33}", "spec.cidr"),
        ("{cidr: 10.0.0.1}", "spec.cidr"),
        ("{cidr: [10.0.0.0/8]}", "spec.cidr"),
    ] {
        assert_eq!(pool(spec), (None, vec![format!("error {field}")]), "{spec}");
    }
}
