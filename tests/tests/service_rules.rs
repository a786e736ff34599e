//! Whatever Services there are, the programs that are given kube-proxy's rules take them.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ferrule_ruleset::{address::PerFamily, protocol::Protocol};
use ferrule_tests::{
    namespace::Namespace,
    service::{Endpoint, HostPort, Mode, Node, Service, ServicePort, TrafficPolicy, install},
};
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
    test_runner::{Config, TestRunner},
};

/// An address of the n-th thing of a kind in each family, or in one of them.
fn addresses(kind: u8, number: u8) -> impl Strategy<Value = Vec<IpAddr>> {
    let both: Vec<IpAddr> = vec![
        Ipv4Addr::new(10, kind, 0, number).into(),
        Ipv6Addr::new(0xfd00, kind.into(), 0, 0, 0, 0, 0, number.into()).into(),
    ];
    subsequence(both, 1..=2)
}

fn protocol() -> impl Strategy<Value = Protocol> {
    select(vec![Protocol::TCP, Protocol::UDP, Protocol::SCTP])
}

fn endpoint(number: u8) -> impl Strategy<Value = Endpoint> {
    let node = select(vec!["one".to_owned(), "two".to_owned()]);
    (addresses(1, number), node).prop_map(|(addresses, node)| Endpoint { addresses, node })
}

fn service(number: u8) -> impl Strategy<Value = Service> {
    let port = (protocol(), 1..100_u16, any::<bool>(), 8000..8100_u16);
    let ports = vec(port, 1..4).prop_map(move |ports| {
        let numbered = (0_u16..).zip(ports);
        let ports = numbered.map(|(at, (protocol, port, on_nodes, target_port))| ServicePort {
            protocol,
            port: at * 100 + port,
            node_port: on_nodes.then_some(30_000 + u16::from(number) * 10 + at),
            target_port,
        });
        ports.collect::<Vec<_>>()
    });
    let virtual_addresses = [96, 97, 98].map(|kind| option::of(addresses(kind, number)));
    let endpoints = (0..4_usize).prop_flat_map(|count| (0..count as u8).map(endpoint).collect::<Vec<_>>());
    let policy = select(vec![TrafficPolicy::Cluster, TrafficPolicy::Local]);
    (virtual_addresses, ports, endpoints, policy).prop_map(move |(of_kinds, ports, endpoints, policy)| {
        let [cluster_ips, load_balancer_ips, external_ips] = of_kinds.map(Option::unwrap_or_default);
        Service {
            name: format!("default/service-{number}"),
            cluster_ips,
            load_balancer_ips,
            external_ips,
            external_traffic_policy: policy,
            ports,
            endpoints,
        }
    })
}

fn host_ports() -> impl Strategy<Value = Vec<HostPort>> {
    let ports = vec((protocol(), endpoint(9)), 0..3);
    ports.prop_map(|ports| {
        let numbered = (9000_u16..).zip(ports);
        numbered.map(|(port, (protocol, pod))| HostPort { protocol, port, pod, container_port: 80 }).collect()
    })
}

#[test]
fn programs_take_the_rules_of_any_services() {
    let namespace = Namespace::create("service-rules").unwrap();
    let node = Node {
        name: "one".to_owned(),
        addresses: vec!["172.18.0.2".parse().unwrap(), "fd18::2".parse().unwrap()],
        pod_networks: PerFamily { v4: "10.1.0.0/16".parse().unwrap(), v6: "fd00:1::/64".parse().unwrap() },
    };
    let services = (0..5_u8).prop_flat_map(|count| (0..count).map(service).collect::<Vec<_>>());
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let law = |(services, host_ports): (Vec<Service>, Vec<HostPort>)| {
        for mode in Mode::ALL {
            install(&namespace, mode, &node, &services, &host_ports)
                .map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        }
        Ok(())
    };
    runner.run(&(services, host_ports()), law).unwrap();
}
