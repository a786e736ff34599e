//! What pods may not send whatever policy says: encapsulated packets, and packets from addresses that are not theirs; with real packets.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{collections::BTreeSet, net::IpAddr};

use ferrule_ruleset::protocol::Protocol;
use ferrule_tests::{
    call::until,
    cluster::Place,
    probe::{Delivery, Probe, Prober, Request},
    rig::{Rig, check},
};

/// A pod that may send from further networks, by the value of its annotation.
fn objects(prefixes: &str) -> String {
    format!(
        r#"
kind: List
items:
- {{apiVersion: v1, kind: Node, metadata: {{name: n1}}, status: {{addresses: [{{type: InternalIP, address: 172.18.0.1}}, {{type: InternalIP, address: "fd18::1"}}]}}}}
- {{apiVersion: v1, kind: Pod, metadata: {{name: a, namespace: default, annotations: {{cni.projectcalico.org/allowedSourcePrefixes: '{prefixes}'}}}}, spec: {{nodeName: n1}}, status: {{podIPs: [{{ip: 10.0.1.1}}, {{ip: "fd00:1::1"}}]}}}}
- {{apiVersion: v1, kind: Pod, metadata: {{name: near, namespace: default}}, spec: {{nodeName: n1}}, status: {{podIPs: [{{ip: 10.0.1.2}}, {{ip: "fd00:1::2"}}]}}}}
- {{apiVersion: v1, kind: Pod, metadata: {{name: far, namespace: default}}, spec: {{nodeName: n2}}, status: {{podIPs: [{{ip: 10.0.2.1}}, {{ip: "fd00:2::1"}}]}}}}
"#
    )
}

const ALLOW_ALL: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: everything, namespace: default}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
";

const A: [&str; 2] = ["10.0.1.1", "fd00:1::1"];
const NEAR: [&str; 2] = ["10.0.1.2", "fd00:1::2"];
/// A pod of the same node, one of another node, the node itself, and the world outside.
const RECEIVERS: [[&str; 2]; 4] =
    [NEAR, ["10.0.2.1", "fd00:2::1"], ["172.18.0.1", "fd18::1"], ["198.51.100.7", "2001:db8:7::7"]];
const VXLAN: u16 = 4789;
const IPIP: Protocol = Protocol(4);

fn outside() -> BTreeSet<IpAddr> {
    RECEIVERS[3].map(|address| address.parse().unwrap()).into()
}

fn configuration(spec: &str) -> String {
    format!(
        "{{apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {{name: default}}, spec: {{{spec}}}}}\n"
    )
}

fn udp(port: u16) -> Request {
    Request::Ports { protocol: Protocol::UDP, port, source: None }
}

/// A request of a pod from an address to everybody, in both families.
fn to_all(pod: &str, source: [&str; 2], request: Request, expected: Delivery) -> Vec<Probe> {
    let probe = |(source, destination): (&str, &str)| Probe {
        sender: Place::Pod(pod.to_owned()),
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        arrives: destination.parse().unwrap(),
        request,
        expected,
    };
    let others = RECEIVERS.iter().filter(|receiver| pod != "default/near" || **receiver != NEAR);
    others.flat_map(|receiver| source.into_iter().zip(*receiver).map(probe)).collect()
}

fn until_expected(prober: &mut Prober<'_>, probes: &[Probe]) {
    until(|| check(probes, &prober.deliver(probes)?)).unwrap();
}

#[test]
fn encapsulated_packets_of_pods_are_dropped_unless_the_node_is_told_otherwise() {
    use Delivery::{Arrived, Lost};
    let mut rig = Rig::start("encapsulated", &objects("[]"), ALLOW_ALL, &outside()).unwrap();
    let mut prober = Prober::new(&rig.topology);
    let expect = |vxlan: Delivery, ipip: Delivery, port: u16| {
        [
            to_all("default/a", A, udp(port), vxlan),
            to_all("default/a", A, Request::Other(IPIP), ipip),
            to_all("default/a", A, udp(port + 1), Arrived),
            to_all("default/a", A, Request::Ports { protocol: Protocol::TCP, port, source: None }, Arrived),
            to_all("default/a", A, Request::Other(Protocol(47)), Arrived),
        ]
        .concat()
    };
    for (spec, vxlan, ipip, port) in [
        ("", Lost, Lost, VXLAN),
        ("allowVXLANPacketsFromWorkloads: true", Arrived, Lost, VXLAN),
        ("allowIPIPPacketsFromWorkloads: true", Lost, Arrived, VXLAN),
        ("vxlanPort: 8472", Lost, Lost, 8472),
        ("", Lost, Lost, VXLAN),
    ] {
        rig.write("felix.yaml", &configuration(spec)).unwrap();
        until_expected(&mut prober, &expect(vxlan, ipip, port));
    }
    drop(prober);
    rig.end_agents().unwrap();
}

#[test]
fn a_pod_sends_from_further_networks_only_where_both_it_and_the_node_say_so() {
    use Delivery::{Arrived, Lost};
    let prefixes = |second: u8| objects(&format!(r#"["10.{second}.0.0/16", "fd{second}::/32"]"#));
    let mut rig = Rig::start("sources", &prefixes(77), ALLOW_ALL, &outside()).unwrap();
    let mut prober = Prober::new(&rig.topology);
    let expect = |first: Delivery, second: Delivery| {
        [
            to_all("default/a", A, udp(80), Arrived),
            to_all("default/a", ["10.77.3.4", "fd77::3:4"], udp(80), first),
            to_all("default/a", ["10.78.3.4", "fd78::3:4"], udp(80), second),
            to_all("default/a", ["10.79.3.4", "fd79::3:4"], udp(80), Lost),
            // Another pod gains nothing by it.
            to_all("default/near", ["10.77.3.5", "fd77::3:5"], udp(80), Lost),
            to_all("default/near", ["10.78.3.5", "fd78::3:5"], udp(80), Lost),
        ]
        .concat()
    };
    until_expected(&mut prober, &expect(Lost, Lost));
    let any = configuration("workloadSourceSpoofing: Any");
    for (felix, second, probes) in [
        (any.as_str(), 77, expect(Arrived, Lost)),
        (any.as_str(), 78, expect(Lost, Arrived)),
        ("", 78, expect(Lost, Lost)),
        (any.as_str(), 78, expect(Lost, Arrived)),
    ] {
        rig.write("cluster.yaml", &prefixes(second)).unwrap();
        rig.write("felix.yaml", felix).unwrap();
        until_expected(&mut prober, &probes);
    }
    rig.write("cluster.yaml", &objects("[]")).unwrap();
    until_expected(&mut prober, &expect(Lost, Lost));
    drop(prober);
    rig.end_agents().unwrap();
}
