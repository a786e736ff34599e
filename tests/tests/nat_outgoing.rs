//! Translation with real packets: of what leaves the cluster, of floating addresses, and of nothing where a service address has no service.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use ferrule_ruleset::{
    address::{Family, PerFamily},
    protocol::Protocol,
};
use ferrule_tests::{
    call::{Call, Caller, Ending, until},
    rig::Rig,
    service::{self, Endpoint, Mode, Node, Service, ServicePort, TrafficPolicy, dial::Outcome},
};

/// Pods of n1 and n2, and one whose address is in no pool that is translated.
const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}, {type: InternalIP, address: "fd18::1"}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 172.18.0.2}, {type: InternalIP, address: "fd18::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default, annotations: {cni.projectcalico.org/floatingIPs: '["172.18.7.7", "fd18:7::7"]'}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: z, namespace: default, annotations: {cni.projectcalico.org/floatingIPs: '["172.18.7.7", "fd18:7::7"]'}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.2}, {ip: "fd00:1::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: b, namespace: default}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.1}, {ip: "fd00:2::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: plain, namespace: default}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.9.1.1}, {ip: "fd09:1::1"}]}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: pods-4}, spec: {cidr: 10.0.0.0/16, natOutgoing: true}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: pods-6}, spec: {cidr: "fd00::/16", natOutgoing: true}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: plain-4}, spec: {cidr: 10.9.0.0/16}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: plain-6}, spec: {cidr: "fd09::/16"}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: balancers-4}, spec: {cidr: 203.0.113.0/24, natOutgoing: true, allowedUses: [LoadBalancer]}}
- {apiVersion: projectcalico.org/v3, kind: IPPool, metadata: {name: balancers-6}, spec: {cidr: "2001:db8:1b::/64", natOutgoing: true, allowedUses: [LoadBalancer]}}
- {apiVersion: projectcalico.org/v3, kind: BGPConfiguration, metadata: {name: default}, spec: {serviceClusterIPs: [{cidr: 10.96.0.0/16}, {cidr: "fd96::/108"}], serviceExternalIPs: [{cidr: 192.0.2.0/28}, {cidr: "fd98::/108"}]}}
"#;

/// Who has which address, IPv4 and IPv6.
const N1: [&str; 2] = ["172.18.0.1", "fd18::1"];
const N2: [&str; 2] = ["172.18.0.2", "fd18::2"];
const A: [&str; 2] = ["10.0.1.1", "fd00:1::1"];
const Z: [&str; 2] = ["10.0.1.2", "fd00:1::2"];
const B: [&str; 2] = ["10.0.2.1", "fd00:2::1"];
const PLAIN: [&str; 2] = ["10.9.1.1", "fd09:1::1"];
const FLOATING: [&str; 2] = ["172.18.7.7", "fd18:7::7"];
const OUTSIDE: [&str; 2] = ["198.51.100.7", "2001:db8:7::7"];
/// Outside, in a pool that is for load balancers only.
const BALANCER: [&str; 2] = ["203.0.113.9", "2001:db8:1b::9"];
/// Outside, in the ranges of services, which nobody there should see packets for.
const CLUSTER_ADDRESS: [&str; 2] = ["10.96.0.99", "fd96::99"];
const EXTERNAL_ADDRESS: [&str; 2] = ["192.0.2.3", "fd98::3"];
const PORT: u16 = 8080;

fn addresses(pair: [&str; 2]) -> [IpAddr; 2] {
    pair.map(|address| address.parse().unwrap())
}

fn outside() -> BTreeSet<IpAddr> {
    [OUTSIDE, BALANCER, CLUSTER_ADDRESS, EXTERNAL_ADDRESS].into_iter().flat_map(addresses).collect()
}

fn configuration(spec: &str) -> String {
    format!(
        "{{apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {{name: default}}, spec: {{{spec}}}}}\n"
    )
}

/// A call in both families.
fn both(
    from: &'static str,
    to: [&str; 2],
    port: u16,
    ending: impl Fn(usize) -> Ending,
) -> Vec<Call<'static>> {
    let to = addresses(to).into_iter().enumerate();
    to.map(|(family, to)| (from, SocketAddr::new(to, port), ending(family))).collect()
}

/// The server sees this address.
fn seen(pair: [&str; 2]) -> impl Fn(usize) -> Ending {
    let pair = addresses(pair);
    move |family| Ending::Seen(pair[family])
}

fn always(ending: Ending) -> impl Fn(usize) -> Ending {
    move |_| ending
}

fn caller(rig: &Rig) -> Caller<'_> {
    let mut caller = Caller::new(&rig.topology);
    for pair in [A, Z, B, N2, OUTSIDE, BALANCER, CLUSTER_ADDRESS, EXTERNAL_ADDRESS] {
        caller.serve(&addresses(pair), PORT).unwrap();
    }
    caller
}

#[test]
fn what_leaves_the_cluster_has_the_address_of_its_node() {
    let mut rig = Rig::start("outgoing", OBJECTS, "", &outside()).unwrap();
    let fixed: IpAddr = "172.18.0.200".parse().unwrap();
    rig.topology.route(&[fixed], "n1").unwrap();
    let mut caller = caller(&rig);
    let always_so = [
        both("default/a", OUTSIDE, PORT, seen(N1)),
        both("default/b", OUTSIDE, PORT, seen(N2)),
        both("default/a", BALANCER, PORT, seen(N1)),
        both("default/a", B, PORT, seen(A)),
        both("default/a", Z, PORT, seen(A)),
        both("default/plain", OUTSIDE, PORT, seen(PLAIN)),
        both("default/plain", B, PORT, seen(PLAIN)),
        both("node/n1", OUTSIDE, PORT, seen(N1)),
        both("node/n1", B, PORT, seen(N1)),
    ]
    .concat();
    caller.expect(&always_so).unwrap();
    caller.expect(&both("default/a", N2, PORT, seen(N1))).unwrap();

    rig.write("felix.yaml", &configuration("natOutgoingExclusions: IPPoolsAndHostIPs")).unwrap();
    caller.until(&both("default/a", N2, PORT, seen(A))).unwrap();
    caller.expect(&always_so).unwrap();

    rig.write("felix.yaml", &configuration("natPortRange: '41000:41007'")).unwrap();
    let range = 41_000..=41_007;
    let ports = [both("default/a", OUTSIDE, PORT, seen(N1)), both("default/a", N2, PORT, seen(N1))].concat();
    until(|| {
        let outcomes = caller.expect(&ports)?;
        for outcome in outcomes {
            let Outcome::Answered(peer) = outcome else { anyhow::bail!("{outcome:?}") };
            anyhow::ensure!(range.contains(&peer.port()), "{peer} is out of the range of ports");
        }
        Ok(())
    })
    .unwrap();
    for (family, server) in addresses(OUTSIDE).into_iter().enumerate() {
        let server = rig.topology.outside().run(|| UdpSocket::bind((server, PORT))).unwrap();
        server.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        let pod = rig.topology.pod("default/a").unwrap();
        let client = pod.run(|| UdpSocket::bind((addresses(A)[family], 0))).unwrap();
        client.send_to(b"hello", server.local_addr().unwrap()).unwrap();
        let (_, peer) = server.recv_from(&mut [0; 8]).unwrap();
        assert!(peer.ip() == addresses(N1)[family] && range.contains(&peer.port()), "{peer}");
    }
    // No range holds for the node itself, whose own connections nobody translates.
    for outcome in caller.expect(&both("node/n1", OUTSIDE, PORT, seen(N1))).unwrap() {
        assert!(matches!(outcome, Outcome::Answered(peer) if !range.contains(&peer.port())), "{outcome:?}");
    }

    rig.write("felix.yaml", &configuration("natOutgoingAddress: 172.18.0.200")).unwrap();
    let of_family = |family| if family == 0 { fixed } else { addresses(N1)[1] };
    caller.until(&both("default/a", OUTSIDE, PORT, |family| Ending::Seen(of_family(family)))).unwrap();
    caller.expect(&both("default/a", B, PORT, seen(A))).unwrap();
    drop(caller);
    rig.end_agents().unwrap();
}

fn node(name: &str, pair: [&str; 2]) -> Node {
    let pod_networks = PerFamily::from_fn(|family| match family {
        Family::V4 => "10.0.0.0/14".parse().unwrap(),
        Family::V6 => "fd00::/16".parse().unwrap(),
    });
    Node { name: name.to_owned(), addresses: addresses(pair).into(), pod_networks }
}

/// A Service whose only endpoint is on the node that is not dialled.
fn remote_service() -> Service {
    Service {
        name: "default/far".to_owned(),
        cluster_ips: addresses(["10.96.0.10", "fd96::10"]).into(),
        load_balancer_ips: Vec::new(),
        external_ips: addresses(["192.0.2.10", "fd98::10"]).into(),
        external_traffic_policy: TrafficPolicy::Cluster,
        ports: vec![ServicePort {
            protocol: Protocol::TCP,
            port: 80,
            node_port: Some(30080),
            target_port: PORT,
        }],
        endpoints: vec![Endpoint { addresses: addresses(B).into(), node: "n2".to_owned() }],
    }
}

/// kube-proxy marks what it will masquerade (0x4000), and does so by the mark later on.
#[test]
fn services_are_translated_as_they_were_before() {
    let policies = "
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {name: everything}
spec: {node: n1, interfaceName: '*', profiles: [projectcalico-default-allow]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: forwarded}
spec: {selector: all(), applyOnForward: true, types: [Ingress, Egress], ingress: [{action: Allow}], egress: [{action: Allow}]}
";
    let mut rig = Rig::start("services", OBJECTS, policies, &outside()).unwrap();
    rig.write("felix.yaml", &configuration("serviceLoopPrevention: Drop")).unwrap();
    let routed = addresses(["192.0.2.10", "fd98::10"]);
    rig.topology.route(&routed, "n1").unwrap();
    let mut caller = caller(&rig);
    for mode in Mode::ALL {
        for (name, pair) in [("n1", N1), ("n2", N2)] {
            let namespace = rig.topology.node(name).unwrap();
            for table in ["ip kube-proxy", "ip6 kube-proxy", "ip nat", "ip6 nat", "ip filter", "ip6 filter"] {
                // Whichever of these the other mode left.
                namespace
                    .execute("nft", &["-f", "-"], &format!("table {table}\ndelete table {table}\n"))
                    .unwrap();
            }
            service::install(namespace, mode, &node(name, pair), &[remote_service()], &[]).unwrap();
        }
        let mut calls = Vec::new();
        for family in [0, 1] {
            let outside = OUTSIDE[family];
            let to = |pair: [&str; 2], port| SocketAddr::new(addresses(pair)[family], port);
            let (a, n1) = (Ending::Seen(addresses(A)[family]), Ending::Seen(addresses(N1)[family]));
            calls.extend([
                // Masqueraded by kube-proxy: its mark has come through.
                (outside, to(N1, 30080), n1),
                (outside, to(["192.0.2.10", "fd98::10"], 80), n1),
                ("node/n1", to(["10.96.0.10", "fd96::10"], 80), n1),
                // A pod's way to a Service stays in the pools.
                ("default/a", to(["10.96.0.10", "fd96::10"], 80), a),
                // A pod that is in no network of pods, as far as kube-proxy knows.
                ("default/plain", to(["10.96.0.10", "fd96::10"], 80), n1),
                ("default/a", to(OUTSIDE, PORT), n1),
                // Where no service answers.
                ("default/a", to(CLUSTER_ADDRESS, PORT), Ending::Unanswered),
            ]);
        }
        if let Err(error) = caller.until(&calls) {
            panic!("{mode:?}: {error:#}");
        }
    }
    drop(caller);
    rig.end_agents().unwrap();
}

#[test]
fn packets_to_services_that_are_not_there_do_not_go_in_circles() {
    let mut rig = Rig::start("loops", OBJECTS, "", &outside()).unwrap();
    // What nobody owns comes to n1, and from there by its default route back to the world outside.
    rig.topology.route(&addresses(["10.96.0.50", "fd96::50"]), "n1").unwrap();
    let mut caller = caller(&rig);
    let calls = |ending: Ending, circling: Ending| {
        let mut calls = [
            both("default/a", CLUSTER_ADDRESS, PORT, always(ending)),
            both("default/plain", EXTERNAL_ADDRESS, PORT, always(ending)),
            // Neither is what the node itself sends there, nor an address beside the ranges.
            both("node/n1", CLUSTER_ADDRESS, PORT, always(Ending::Answered)),
            both("default/a", OUTSIDE, PORT, always(Ending::Answered)),
        ]
        .concat();
        for (family, from) in OUTSIDE.into_iter().enumerate() {
            calls.push((
                from,
                SocketAddr::new(addresses(["10.96.0.50", "fd96::50"])[family], PORT),
                circling,
            ));
        }
        calls
    };
    caller.expect(&calls(Ending::Silent, Ending::Silent)).unwrap();
    for (action, ending, circling) in [
        ("Reject", Ending::Refused, Ending::Refused),
        ("Disabled", Ending::Answered, Ending::Unanswered),
        ("Drop", Ending::Silent, Ending::Silent),
    ] {
        rig.write("felix.yaml", &configuration(&format!("serviceLoopPrevention: {action}"))).unwrap();
        caller.until(&calls(ending, circling)).unwrap();
    }
    drop(caller);
    rig.end_agents().unwrap();
}

#[test]
fn a_floating_address_leads_to_its_pod() {
    let mut rig = Rig::start("floating", OBJECTS, "", &outside()).unwrap();
    rig.topology.route(&addresses(FLOATING), "n1").unwrap();
    let mut caller = caller(&rig);
    let from_outside = |ending: &dyn Fn(usize) -> Ending| {
        let calls = OUTSIDE.into_iter().zip(addresses(FLOATING)).enumerate();
        calls
            .map(|(family, (from, to))| (from, SocketAddr::new(to, PORT), ending(family)))
            .collect::<Vec<_>>()
    };
    // Disabled by default.
    caller.expect(&from_outside(&always(Ending::Unanswered))).unwrap();
    caller.expect(&both("default/plain", FLOATING, PORT, always(Ending::Unanswered))).unwrap();

    rig.write("felix.yaml", &configuration("floatingIPs: Enabled")).unwrap();
    let reached = [
        from_outside(&seen(OUTSIDE)),
        both("default/plain", FLOATING, PORT, seen(PLAIN)),
        both("default/z", FLOATING, PORT, seen(Z)),
        both("default/b", FLOATING, PORT, seen(N2)),
        both("node/n1", FLOATING, PORT, seen(N1)),
        // The pod itself: the answer has to come from the address that was dialled.
        both("default/a", FLOATING, PORT, seen(FLOATING)),
        // Its own address stays what it is.
        both("default/z", A, PORT, seen(Z)),
    ]
    .concat();
    caller.until(&reached).unwrap();

    // Of the claimants, the least name has it; only when that is gone, the next one.
    let without = OBJECTS.replacen("cni.projectcalico.org/floatingIPs: ", "example.org/formerly: ", 1);
    rig.write("cluster.yaml", &without).unwrap();
    caller.until(&both("default/z", FLOATING, PORT, seen(FLOATING))).unwrap();
    caller.expect(&both("default/a", FLOATING, PORT, seen(A))).unwrap();
    rig.write("cluster.yaml", OBJECTS).unwrap();
    caller.until(&both("default/a", FLOATING, PORT, seen(FLOATING))).unwrap();
    rig.write("felix.yaml", &configuration("")).unwrap();
    caller.until(&from_outside(&always(Ending::Unanswered))).unwrap();
    drop(caller);
    rig.end_agents().unwrap();
}
