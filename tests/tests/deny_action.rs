//! What a deny does where the node is told to answer, at every place where there is one; and what Log rules are programmed as.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr, UdpSocket},
};

use ferrule_ruleset::{
    address::{Family, PerFamily},
    protocol::Protocol,
};
use ferrule_tests::{
    backlog,
    call::{Caller, Ending, until},
    rig::Rig,
    service::{self, Endpoint, Mode, Node, Service, ServicePort, TrafficPolicy},
};

const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}, {type: InternalIP, address: "fd18::1"}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 172.18.0.2}, {type: InternalIP, address: "fd18::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: default, labels: {app: a}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: b, namespace: default, labels: {app: b}}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.1}, {ip: "fd00:2::1"}]}}
"#;

const N1: [&str; 2] = ["172.18.0.1", "fd18::1"];
const A: [&str; 2] = ["10.0.1.1", "fd00:1::1"];
const B: [&str; 2] = ["10.0.2.1", "fd00:2::1"];
const OUTSIDE: [&str; 2] = ["198.51.100.7", "2001:db8:7::7"];
const SERVICE: [&str; 2] = ["10.96.0.10", "fd96::10"];
/// Allowed.
const OPEN: u16 = 80;
/// Denied by a policy.
const DENIED: u16 = 81;
/// Denied ahead of connection tracking.
const UNTRACKED: u16 = 82;
/// Denied where packets are forwarded.
const FORWARDED: u16 = 83;
/// Denied by what was dialled.
const DIALLED: u16 = 84;

/// The same policies on the endpoint of one interface or of all.
fn policies(interface: &str) -> String {
    format!(
        "
apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: {{name: host, labels: {{host: endpoint}}}}
spec: {{node: n1, interfaceName: '{interface}'}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {{name: host}}
spec:
  selector: has(host)
  order: 1
  types: [Ingress, Egress]
  ingress: [{{action: Log, protocol: TCP, destination: {{ports: [81]}}}}, {{action: Deny, protocol: TCP, destination: {{ports: [81]}}}}, {{action: Deny, protocol: UDP, destination: {{ports: [81]}}}}, {{action: Allow}}]
  egress: [{{action: Deny, protocol: TCP, destination: {{ports: [81]}}}}, {{action: Allow}}]
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {{name: untracked}}
spec: {{selector: has(host), doNotTrack: true, applyOnForward: true, types: [Ingress], ingress: [{{action: Deny, protocol: TCP, destination: {{ports: [82]}}}}]}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {{name: dialled}}
spec: {{selector: has(host), preDNAT: true, applyOnForward: true, types: [Ingress], ingress: [{{action: Deny, protocol: TCP, destination: {{ports: [84]}}}}]}}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {{name: forwarded}}
spec: {{selector: has(host), applyOnForward: true, order: 2, types: [Ingress, Egress], ingress: [{{action: Deny, protocol: TCP, destination: {{ports: [83]}}}}, {{action: Allow}}], egress: [{{action: Deny, protocol: TCP, destination: {{ports: [83]}}}}, {{action: Allow}}]}}
---
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {{name: pod, namespace: default}}
spec:
  selector: app == 'a'
  types: [Ingress, Egress]
  ingress: [{{action: Log, protocol: TCP, destination: {{ports: [81]}}}}, {{action: Deny, protocol: TCP, destination: {{ports: [81]}}}}, {{action: Deny, protocol: UDP, destination: {{ports: [81]}}}}, {{action: Allow}}]
  egress: [{{action: Deny, destination: {{nets: [198.51.100.7/32]}}}}, {{action: Deny, destination: {{nets: ['2001:db8:7::7/128']}}}}, {{action: Allow}}]
"
    )
}

fn configuration(spec: &str) -> String {
    format!(
        "{{apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {{name: default}}, spec: {{{spec}}}}}\n"
    )
}

fn addresses(pair: [&str; 2]) -> [IpAddr; 2] {
    pair.map(|address| address.parse().unwrap())
}

fn install_service(rig: &Rig) {
    let pod_networks = PerFamily::from_fn(|family| match family {
        Family::V4 => "10.0.0.0/14".parse().unwrap(),
        Family::V6 => "fd00::/16".parse().unwrap(),
    });
    let node = Node { name: "n1".to_owned(), addresses: addresses(N1).into(), pod_networks };
    let port =
        |port, target_port| ServicePort { protocol: Protocol::TCP, port, node_port: None, target_port };
    let service = Service {
        name: "default/far".to_owned(),
        cluster_ips: addresses(SERVICE).into(),
        load_balancer_ips: Vec::new(),
        external_ips: Vec::new(),
        external_traffic_policy: TrafficPolicy::Cluster,
        ports: vec![port(OPEN, OPEN), port(8081, DENIED)],
        endpoints: vec![Endpoint { addresses: addresses(B).into(), node: "n2".to_owned() }],
    };
    service::install(rig.topology.node("n1").unwrap(), Mode::Nftables, &node, &[service], &[]).unwrap();
}

/// Sends a datagram to the denied port; whether the sender hears of an error.
fn datagram_is_refused(rig: &Rig, from: &str, to: IpAddr) -> bool {
    let source: IpAddr = from.parse().unwrap();
    let namespace = rig.topology.home(source).unwrap();
    let socket = namespace.run(|| UdpSocket::bind((source, 0))).unwrap();
    socket.connect((to, DENIED)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.send(b"hello").unwrap();
    backlog::drain().unwrap();
    let error = socket.recv(&mut [0; 8]).expect_err("nobody answers");
    error.kind() != std::io::ErrorKind::WouldBlock
}

#[test]
fn a_deny_answers_wherever_the_kernel_permits_it() {
    for interface in ["eth0", "*"] {
        let outside = addresses(OUTSIDE).into();
        let mut rig = Rig::start("reject", OBJECTS, &policies(interface), &outside).unwrap();
        install_service(&rig);
        let mut caller = Caller::new(&rig.topology);
        for port in [OPEN, DENIED, UNTRACKED, FORWARDED, DIALLED] {
            let listeners = [N1, A, B, OUTSIDE].into_iter().flat_map(addresses).collect::<Vec<_>>();
            caller.serve(&listeners, port).unwrap();
        }
        // Ahead of connection tracking there is no policy of the endpoint of all interfaces.
        let untracked = if interface == "*" { Ending::Answered } else { Ending::Silent };
        for (action, denied) in
            [("Drop", Ending::Silent), ("Reject", Ending::Refused), ("Drop", Ending::Silent)]
        {
            rig.write("felix.yaml", &configuration(&format!("nftablesFilterDenyAction: {action}"))).unwrap();
            let mut calls = Vec::new();
            for family in [0, 1] {
                let to = |pair: [&str; 2], port| SocketAddr::new(addresses(pair)[family], port);
                let outside = OUTSIDE[family];
                calls.extend([
                    (outside, to(N1, OPEN), Ending::Answered),
                    (outside, to(A, OPEN), Ending::Answered),
                    ("default/a", to(B, OPEN), Ending::Answered),
                    ("node/n1", to(SERVICE, OPEN), Ending::Answered),
                    // To the node, to its pod, from its pod, from the node, forwarded.
                    (outside, to(N1, DENIED), denied),
                    (outside, to(A, DENIED), denied),
                    ("default/a", to(OUTSIDE, OPEN), denied),
                    ("node/n1", to(B, DENIED), denied),
                    (outside, to(A, FORWARDED), denied),
                    ("default/a", to(B, FORWARDED), denied),
                    (outside, to(N1, DIALLED), denied),
                    (outside, to(A, DIALLED), denied),
                    // Ahead of connection tracking, and behind the translation.
                    (outside, to(N1, UNTRACKED), untracked),
                    ("node/n1", to(SERVICE, 8081), Ending::Silent),
                ]);
            }
            if let Err(error) = caller.until(&calls) {
                panic!("{interface}, {action}: {error:#}");
            }
            for family in [0, 1] {
                for to in [N1, A] {
                    let refused = datagram_is_refused(&rig, OUTSIDE[family], addresses(to)[family]);
                    assert_eq!(refused, denied == Ending::Refused, "{interface}, {action}: {}", to[family]);
                }
            }
        }
        drop(caller);
        rig.end_agents().unwrap();
    }
}

/// What the prefixes of Log rules say, and their limits, in order of the listing of each family.
fn log_rules(rig: &Rig) -> Vec<BTreeSet<String>> {
    let listings = ["ip", "ip6"].map(|table| rig.nft("n1", &["list", "table", table, "ferrule"]).unwrap());
    let said = |listing: &String| {
        let lines = listing.lines().filter(|line| line.contains("log prefix"));
        let cut = |line: &str| {
            let limit = line.find("limit rate").or_else(|| line.find("log prefix")).unwrap();
            line[limit..].split(" comment ").next().unwrap().trim().to_owned()
        };
        lines.map(cut).collect()
    };
    listings.iter().map(said).collect()
}

#[test]
fn log_rules_bear_the_prefix_and_the_limit_that_the_node_is_told() {
    let outside = addresses(OUTSIDE).into();
    let mut rig = Rig::start("log", OBJECTS, &policies("*"), &outside).unwrap();
    for (spec, expected) in [
        (
            "logPrefix: \"%t|%k|%n|%p\"",
            ["log prefix \"default|gnp|host|host: \"", "log prefix \"default|np|pod|default/pod: \""],
        ),
        ("logPrefix: policy", ["log prefix \"policy: \"", "log prefix \"policy: \""]),
        (
            "logPrefix: \"%p\", logActionRateLimit: 3/minute, logActionRateLimitBurst: 7",
            [
                "limit rate 3/minute burst 7 packets log prefix \"host: \"",
                "limit rate 3/minute burst 7 packets log prefix \"default/pod: \"",
            ],
        ),
    ] {
        rig.write("felix.yaml", &configuration(spec)).unwrap();
        let expected = vec![BTreeSet::from(expected.map(str::to_owned)); 2];
        until(|| {
            let said = log_rules(&rig);
            anyhow::ensure!(said == expected, "{said:?}, not {expected:?}");
            Ok(())
        })
        .unwrap();
    }
    // A rule that only logs decides nothing, however many packets its limit has let go by.
    let mut caller = Caller::new(&rig.topology);
    caller.serve(&[N1, A].map(addresses).concat(), OPEN).unwrap();
    let calls =
        [0, 1].map(|family| (OUTSIDE[family], SocketAddr::new(addresses(A)[family], OPEN), Ending::Answered));
    caller.expect(&calls).unwrap();
    drop(caller);
    rig.end_agents().unwrap();
}
