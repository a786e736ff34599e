use std::time::Instant;

use ferrule_ruleset::protocol::Protocol;

use super::*;
use crate::{
    cluster::Place,
    probe::{Delivery, Probe, Prober, Request},
};

/// Nodes with pods, all of both families.
fn cluster(nodes: u8, pods: u8) -> Cluster {
    let mut cluster = Cluster::default();
    for node in 1..=nodes {
        let name = format!("n{node}");
        let addresses = [format!("172.18.0.{node}"), format!("fd18::{node}")];
        cluster.nodes.insert(name.clone(), addresses.map(|address| address.parse().unwrap()).into());
        for pod in 1..=pods {
            let addresses = [format!("10.0.{node}.{pod}"), format!("fd10::{node}:{pod}")];
            let addresses = addresses.map(|address| address.parse().unwrap()).into();
            cluster.pods.insert(format!("default/p{node}{pod}"), Pod { node: name.clone(), addresses });
        }
    }
    cluster
}

const OUTSIDE: [&str; 2] = ["203.0.113.9", "2001:db8::9"];

fn outside() -> BTreeSet<IpAddr> {
    OUTSIDE.iter().map(|address| address.parse().unwrap()).collect()
}

fn requests(v6: bool) -> Vec<Request> {
    let ports = [Protocol::TCP, Protocol::UDP, Protocol::SCTP, Protocol::UDPLITE];
    let ports = ports.map(|protocol| Request::Ports { protocol, port: 5000, source: None });
    let echo = match v6 {
        false => Request::Icmp { protocol: Protocol::ICMP, kind: 8, code: 0 },
        true => Request::Icmp { protocol: Protocol::ICMPV6, kind: 128, code: 0 },
    };
    ports.into_iter().chain([echo, Request::Other(Protocol(253))]).collect()
}

/// Every request between every two of the addresses that live in different places.
fn everything(
    topology: &Topology,
    addresses: &[IpAddr],
    expected: impl Fn(&Probe) -> Delivery,
) -> Vec<Probe> {
    let mut probes = Vec::new();
    for source in addresses {
        let sender = topology.cluster.owner(*source);
        for destination in addresses.iter().filter(|to| to.is_ipv6() == source.is_ipv6()) {
            if topology.cluster.owner(*destination) == sender {
                continue;
            }
            for request in requests(source.is_ipv6()) {
                let (source, destination) = (*source, *destination);
                let mut probe = Probe {
                    sender: sender.clone(),
                    source,
                    destination,
                    arrives: destination,
                    request,
                    expected: Delivery::Lost,
                };
                probe.expected = expected(&probe);
                probes.push(probe);
            }
        }
    }
    probes
}

fn addresses(cluster: &Cluster) -> Vec<IpAddr> {
    let pods = cluster.pods.values().flat_map(|pod| pod.addresses.clone());
    let nodes = cluster.nodes.values().flatten().copied();
    pods.chain(nodes).chain(outside()).collect()
}

fn check(topology: &Topology, probes: &[Probe]) {
    let deliveries = Prober::new(topology).deliver(probes).unwrap();
    let wrong = probes.iter().zip(deliveries).filter(|(probe, delivery)| probe.expected != *delivery);
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{} of {} wrong, the first: {:?}", wrong.len(), probes.len(), wrong.first());
}

#[test]
fn without_rules_everybody_reaches_everybody() {
    let cluster = cluster(3, 4);
    let begin = Instant::now();
    let topology = Topology::build("open", &cluster, &outside()).unwrap();
    println!("3 nodes with 4 pods each: built in {:?}", begin.elapsed());
    let probes = everything(&topology, &addresses(&cluster), |_| Delivery::Arrived);
    let begin = Instant::now();
    check(&topology, &probes);
    println!("{} probes in {:?}", probes.len(), begin.elapsed());
}

/// Rules by hand: the observer sees exactly what forward, input and output let through.
#[test]
fn what_rules_drop_does_not_arrive() {
    let cluster = cluster(2, 2);
    let topology = Topology::build("rules", &cluster, &outside()).unwrap();
    let rules = "table inet hand {
        chain forward { type filter hook forward priority 0; ct state established accept; ip daddr 10.0.2.1 udp dport 5000 drop; ip6 daddr fd10::2:1 udp dport 5000 drop; }
        chain input { type filter hook input priority 0; ct state established accept; meta l4proto sctp drop; }
        chain output { type filter hook output priority 0; ct state established accept; oifname \"cali*\" meta l4proto 253 drop; }
    }";
    topology.node("n2").unwrap().execute("nft", &["-f", "-"], rules).unwrap();
    let expected = |probe: &Probe| {
        let guarded = cluster.pods["default/p21"].addresses.contains(&probe.destination);
        let to_node = cluster.owner(probe.destination) == Place::Node("n2".into());
        let from_node = probe.sender == Place::Node("n2".into());
        let own_pod =
            matches!(cluster.owner(probe.destination), Place::Pod(name) if name.starts_with("default/p2"));
        let dropped = (guarded && !from_node && probe.request.protocol() == Protocol::UDP)
            || (to_node && probe.request.protocol() == Protocol::SCTP)
            || (from_node && own_pod && probe.request.protocol() == Protocol(253));
        if dropped { Delivery::Lost } else { Delivery::Arrived }
    };
    check(&topology, &everything(&topology, &addresses(&cluster), expected));
}

#[test]
fn pods_come_and_go() {
    let mut later = cluster(2, 2);
    let newcomer = later.pods.remove("default/p22").unwrap();
    let mut topology = Topology::build("attach", &later, &outside()).unwrap();
    topology.attach(&[("default/p22".to_owned(), newcomer)].into()).unwrap();
    check(&topology, &everything(&topology, &addresses(&cluster(2, 2)), |_| Delivery::Arrived));
    topology.detach("default/p22").unwrap();
    check(&topology, &everything(&topology, &addresses(&later), |_| Delivery::Arrived));
    let links = topology.node("n2").unwrap().execute("ip", &["-br", "link"], "").unwrap();
    assert!(!links.contains(&interface_of("default/p22")), "{links}");
}

#[test]
fn a_forged_source_address_reaches_the_node() {
    let cluster = cluster(1, 2);
    let topology = Topology::build("forged", &cluster, &outside()).unwrap();
    let request = Request::Ports { protocol: Protocol::UDP, port: 9, source: None };
    let forged = |source: &str, destination: &str| Probe {
        sender: Place::Pod("default/p11".into()),
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        arrives: destination.parse().unwrap(),
        request,
        expected: Delivery::Arrived,
    };
    check(
        &topology,
        &[forged("10.0.1.77", "10.0.1.2"), forged("fd10::77", "fd10::1:2"), forged("10.0.1.2", "172.18.0.1")],
    );
}
