//! Host endpoints on interfaces that come, go, are renamed and have strange names; and what the node keeps while they do.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use anyhow::ensure;
use ferrule_ruleset::protocol::Protocol;
use ferrule_tests::{
    agent::program,
    call::{Caller, Ending, until},
    cluster::Place,
    listing,
    namespace::Namespace,
    probe::{Delivery, Probe, Prober, Request},
    rig::{Rig, check},
    service::dial::Server,
    stream::Stream,
    topology::interface_of,
};

const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}, {type: InternalIP, address: "fd18::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: p1, namespace: default, labels: {app: web}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: p2, namespace: default, labels: {app: web}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.2}, {ip: "fd00:1::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: p3, namespace: default, labels: {app: web}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.3}, {ip: "fd00:1::3"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: p4, namespace: default, labels: {app: web}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.4}, {ip: "fd00:1::4"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: p5, namespace: default, labels: {app: web}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.5}, {ip: "fd00:1::5"}]}}
"#;

const N1: [&str; 2] = ["172.18.0.1", "fd18::1"];
const OUTSIDE: [&str; 2] = ["198.51.100.7", "2001:db8:7::7"];
/// A port that policy has to allow.
const PORT: u16 = 8080;
/// A failsafe port of either direction.
const FAILSAFE: u16 = 6443;

/// Keywords of nft, digits first, a dot, 15 characters.
const HOST_LINKS: [&str; 6] = ["drop", "1eth", "eth0.100", "abcdefghijklmno", "meta", "0"];
const POD_LINKS: [&str; 5] = ["ip", "2eth", "eth1.200", "onmlkjihgfedcba", "accept"];

fn endpoint(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {{name: '{name}', labels: {{host: endpoint}}}}\nspec: {{node: n1, {spec}}}\n"
    )
}

fn allow(name: &str, protocol: &str, ports: &str) -> String {
    format!(
        "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: {name}}}\n\
         spec: {{selector: has(host), types: [Ingress, Egress], ingress: [{{action: Allow, protocol: {protocol}, destination: {{ports: [{ports}]}}}}], egress: [{{action: Allow}}]}}\n"
    )
}

fn outside() -> BTreeSet<IpAddr> {
    OUTSIDE.map(|address| address.parse().unwrap()).into()
}

fn ip(namespace: &Namespace, lines: &str) {
    namespace.execute("ip", &["-batch", "-"], lines).unwrap();
}

/// Addresses of a link between the node and the world outside.
fn on_link(number: u8, host: u8) -> [String; 2] {
    [format!("10.55.{number}.{host}"), format!("fd55:{number}::{host}")]
}

/// A further link between the node and the world outside, whose neighbours have to find each other.
fn lay(rig: &Rig, name: &str, number: u8) {
    let (node, world) = (rig.topology.node("n1").unwrap(), rig.topology.outside());
    ip(node, &format!("link add name {name} type veth peer name far{number} netns {}\n", world.name()));
    for (namespace, link, host) in [(node, name.to_owned(), 1), (world, format!("far{number}"), 2)] {
        let [v4, v6] = on_link(number, host);
        ip(
            namespace,
            &format!(
                "address add {v4}/24 dev {link}\naddress add {v6}/64 dev {link} nodad\nlink set dev {link} up\n"
            ),
        );
    }
    node.wait_links().unwrap();
    world.wait_links().unwrap();
}

/// Who listens on every address of the node and of the world outside.
fn listen(rig: &Rig) -> Vec<Server> {
    let spaces = [rig.topology.node("n1").unwrap(), rig.topology.outside()];
    let servers = spaces.into_iter().flat_map(|space| {
        [PORT, FAILSAFE].map(|port| Server::start(space, format!("[::]:{port}").parse().unwrap()).unwrap())
    });
    servers.collect()
}

/// Calls from outside to the node over a link, in both families; each with how it should end.
fn over(number: u8, port: u16, ending: Ending) -> Vec<(String, SocketAddr, Ending)> {
    let ends = on_link(number, 2).into_iter().zip(on_link(number, 1));
    ends.map(|(from, to)| (from, SocketAddr::new(to.parse().unwrap(), port), ending)).collect()
}

fn until_called(caller: &mut Caller<'_>, calls: &[(String, SocketAddr, Ending)]) {
    let calls: Vec<_> = calls.iter().map(|(from, to, ending)| (from.as_str(), *to, *ending)).collect();
    caller.until(&calls).unwrap();
    caller.expect(&calls).unwrap();
}

/// Every pod and the world outside send to each other, to a port that is allowed and to one that is not.
fn pod_probes() -> Vec<Probe> {
    let mut probes = Vec::new();
    for number in 1..=5 {
        for (pod, peer) in [format!("10.0.1.{number}"), format!("fd00:1::{number}")].into_iter().zip(OUTSIDE)
        {
            for (port, expected) in [(80, Delivery::Arrived), (81, Delivery::Lost)] {
                let (pod, peer): (IpAddr, IpAddr) = (pod.parse().unwrap(), peer.parse().unwrap());
                let request = Request::Ports { protocol: Protocol::UDP, port, source: None };
                let sender = Place::Pod(format!("default/p{number}"));
                probes.push(Probe {
                    sender: Place::Outside,
                    source: peer,
                    destination: pod,
                    arrives: pod,
                    request,
                    expected,
                });
                probes.push(Probe {
                    sender,
                    source: pod,
                    destination: peer,
                    arrives: peer,
                    request,
                    expected,
                });
            }
        }
    }
    probes
}

/// The node sends to every pod, to a port that is not allowed.
fn own_pod_probes() -> Vec<Probe> {
    let own = [("10.0.1.", N1[0]), ("fd00:1::", N1[1])];
    (1..=5)
        .flat_map(|number| {
            own.map(|(prefix, node)| Probe {
                sender: Place::Node("n1".to_owned()),
                source: node.parse().unwrap(),
                destination: format!("{prefix}{number}").parse().unwrap(),
                arrives: format!("{prefix}{number}").parse().unwrap(),
                request: Request::Ports { protocol: Protocol::UDP, port: 81, source: None },
                expected: Delivery::Arrived,
            })
        })
        .collect()
}

/// The same as text: nft takes what the tool renders, and lists it as it was.
fn loads_as_text(rig: &Rig) {
    let node = rig.topology.node("n1").unwrap();
    let renderer = program("ferrule", "FERRULE").unwrap();
    let manifests = rig.path("").display().to_string();
    let text = node
        .execute(&renderer.display().to_string(), &["render", "--manifests", &manifests, "--node", "n1"], "")
        .unwrap();
    let fresh = Namespace::create("rendered").unwrap();
    fresh.execute("nft", &["-f", "-"], &text).unwrap();
    let listed = ["ip", "ip6"]
        .map(|family| fresh.execute("nft", &["-n", "list", "table", family, "ferrule"], "").unwrap())
        .concat();
    assert_eq!(listing::blocks(&listed), listing::blocks(&text));
    for name in ["drop", "to-workload", "node-1.eth0", "input", "1", "all"] {
        assert!(text.contains(&format!("host/in/{name} ")), "{name}");
    }
}

#[test]
fn strange_names_of_interfaces_and_of_endpoints_are_names_like_others() {
    let long = format!("{}.node-1.eth0", "x".repeat(241));
    let names = ["drop", "to-workload", "node-1.eth0", long.as_str(), "input", "1"];
    let mut endpoints: String = names
        .iter()
        .zip(HOST_LINKS)
        .map(|(name, link)| endpoint(name, &format!("interfaceName: '{link}'")))
        .collect();
    // No kernel lets a link have this name, but it may be asked for.
    endpoints.push_str(&endpoint("all", "interfaceName: all"));
    let policy = "---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: default}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress], ingress: [{ports: [{protocol: UDP, port: 80}]}], egress: [{ports: [{protocol: UDP, port: 80}]}]}
";
    let mut rig = Rig::wire("names", OBJECTS, &format!("{endpoints}{policy}"), &outside()).unwrap();
    for (number, link) in (1..).zip(HOST_LINKS) {
        lay(&rig, link, number);
    }
    let node = rig.topology.node("n1").unwrap();
    for (number, link) in (1..).zip(POD_LINKS) {
        ip(node, &format!("link set dev {} name {link}\n", interface_of(&format!("default/p{number}"))));
    }
    rig.start_agent("n1").unwrap();
    let _servers = listen(&rig);
    let mut caller = Caller::new(&rig.topology);
    for (port, ending) in [(PORT, Ending::Silent), (FAILSAFE, Ending::Answered)] {
        let calls: Vec<_> = (1..=6).flat_map(|number| over(number, port, ending)).collect();
        until_called(&mut caller, &calls);
    }
    let mut prober = Prober::new(&rig.topology);
    let probes = pod_probes();
    until(|| check(&probes, &prober.deliver(&probes)?)).unwrap();
    rig.write("allow.yaml", &allow("everything", "TCP", &PORT.to_string())).unwrap();
    let calls: Vec<_> = (1..=6).flat_map(|number| over(number, PORT, Ending::Answered)).collect();
    until_called(&mut caller, &calls);
    // What the node sends to its own pods is exempt, whatever their links are called.
    rig.write("all.yaml", &endpoint("others", "interfaceName: '*'")).unwrap();
    rig.write("allow.yaml", "").unwrap();
    until(|| {
        ensure!(rig.nft("n1", &["list", "table", "ip6", "ferrule"])?.contains("host/out/others"));
        Ok(())
    })
    .unwrap();
    let probes = own_pod_probes();
    check(&probes, &prober.deliver(&probes).unwrap()).unwrap();
    drop((caller, prober));
    rig.end_agents().unwrap();
    loads_as_text(&rig);
}

#[test]
fn an_endpoint_follows_its_interface_and_its_addresses() {
    let mut rig = Rig::start("follow", OBJECTS, "", &outside()).unwrap();
    let node = rig.topology.node("n1").unwrap();
    let _servers = listen(&rig);
    let mut caller = Caller::new(&rig.topology);
    let [v4, v6] = on_link(1, 1);
    rig.write("named.yaml", &endpoint("named", "interfaceName: late0")).unwrap();
    lay(&rig, "late0", 1);
    lay(&rig, "other0", 2);
    let closed = |ending: Ending, other: Ending| [over(1, PORT, ending), over(2, PORT, other)].concat();
    use Ending::{Answered, Silent};
    until_called(&mut caller, &closed(Silent, Answered));
    ip(node, "link set dev late0 name away0\n");
    until_called(&mut caller, &closed(Answered, Answered));
    ip(node, "link set dev other0 name late0\n");
    until_called(&mut caller, &closed(Answered, Silent));
    ip(node, "link set dev late0 name other0\nlink set dev away0 name late0\n");
    until_called(&mut caller, &closed(Silent, Answered));

    // By address: the interface that has it, as long as it has it. One of either family will do, as the endpoint is one for both.
    rig.write("named.yaml", &endpoint("addressed", &format!("expectedIPs: ['{v4}', '{v6}']"))).unwrap();
    until_called(&mut caller, &closed(Silent, Answered));
    ip(node, &format!("address del {v6}/64 dev late0\n"));
    until_called(&mut caller, &[over(1, PORT, Silent).remove(0), over(2, PORT, Answered).remove(1)]);
    ip(node, &format!("address del {v4}/24 dev late0\naddress add 10.55.1.9/24 dev late0\n"));
    let moved = [("10.55.1.2".to_owned(), SocketAddr::new("10.55.1.9".parse().unwrap(), PORT), Answered)];
    until_called(&mut caller, &moved);
    ip(node, &format!("address add {v4}/24 dev late0\naddress add {v6}/64 dev late0 nodad\n"));
    until_called(&mut caller, &closed(Silent, Answered));

    // Neighbours find each other although nothing else passes, in either direction.
    rig.write("named.yaml", &endpoint("others", "interfaceName: '*'")).unwrap();
    until_called(&mut caller, &closed(Silent, Silent));
    for _ in 0..2 {
        for namespace in [node, rig.topology.outside()] {
            namespace.execute("ip", &["-6", "neigh", "flush", "to", "fd55::/16"], "").unwrap();
            namespace.execute("ip", &["-4", "neigh", "flush", "to", "10.55.0.0/16"], "").unwrap();
        }
        let calls = over(1, FAILSAFE, Answered);
        let back = on_link(2, 2).map(|to| SocketAddr::new(to.parse().unwrap(), FAILSAFE));
        until_called(&mut caller, &calls);
        for to in back {
            let answered =
                node.run(|| std::net::TcpStream::connect_timeout(&to, std::time::Duration::from_secs(60)));
            assert!(answered.is_ok(), "the node calls {to}: {answered:?}");
        }
    }

    // Whoever flushes our table opens the node for a moment only.
    let table = || {
        let listed = rig.nft("n1", &["-n", "list", "table", "ip6", "ferrule"]);
        listed.map(|text| listing::blocks(&text)).unwrap_or_default()
    };
    let before = table();
    for command in
        [["flush", "chain", "ip6", "ferrule", "input"].as_slice(), &["delete", "table", "ip6", "ferrule"]]
    {
        rig.nft("n1", command).unwrap();
        until(|| {
            ensure!(table() == before, "not yet repaired");
            Ok(())
        })
        .unwrap();
        until_called(&mut caller, &closed(Silent, Silent));
    }
    drop(caller);
    rig.end_agents().unwrap();
}

const ALLOWED: u16 = 7002;
const SAFE: u16 = 7001;
const DENIED: u16 = 7003;

#[test]
fn failsafe_and_allowed_packets_pass_while_an_endpoint_is_switched_on_and_off() {
    let settings = format!(
        "---\napiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {{name: default}}\nspec: {{failsafeInboundHostPorts: [{{protocol: UDP, port: {SAFE}}}]}}\n"
    );
    let base = format!("{settings}{}", allow("allowed", "UDP", &ALLOWED.to_string()));
    let mut rig = Rig::start("switch", OBJECTS, &base, &outside()).unwrap();
    let (node, world) = (rig.topology.node("n1").unwrap(), rig.topology.outside());
    let mut streams = Vec::new();
    for (from, to) in OUTSIDE.into_iter().zip(N1) {
        for port in [SAFE, ALLOWED] {
            let stream =
                Stream::start((world, from.parse().unwrap()), (node, to.parse().unwrap()), port, 2000);
            streams.push((port, to, stream.unwrap()));
        }
    }
    let mut prober = Prober::new(&rig.topology);
    let probes = |expected: Delivery| {
        let ends = OUTSIDE.into_iter().zip(N1).cycle().take(8);
        let probe = |(from, to): (&str, &str)| Probe {
            sender: Place::Outside,
            source: from.parse().unwrap(),
            destination: to.parse().unwrap(),
            arrives: to.parse().unwrap(),
            request: Request::Ports { protocol: Protocol::UDP, port: DENIED, source: None },
            expected,
        };
        ends.map(probe).collect::<Vec<_>>()
    };
    let closed = endpoint("switched", "interfaceName: '*'");
    for turn in 0..20 {
        let on = turn % 2 == 0;
        rig.write("switched.yaml", if on { &closed } else { "" }).unwrap();
        until(|| {
            ensure!(rig.nft("n1", &["list", "table", "ip6", "ferrule"])?.contains("host/in/switched") == on);
            Ok(())
        })
        .unwrap();
        let probes = probes(if on { Delivery::Lost } else { Delivery::Arrived });
        if let Err(error) = check(&probes, &prober.deliver_on(&probes).unwrap()) {
            panic!("turn {turn}: {error:#}");
        }
    }
    for (port, to, stream) in streams {
        stream.await_further(1000).unwrap();
        let count = stream.stop().unwrap();
        assert!(
            count.sent > 1000 && count.lost() == 0,
            "{to} {port}: {} of {} lost",
            count.lost(),
            count.sent
        );
    }
    drop(prober);
    rig.end_agents().unwrap();
}
