//! An address that leaves the node takes its connections with it, and no other change takes any.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use ferrule_ruleset::protocol::Protocol;
use ferrule_tests::{
    agent::ask,
    call::until,
    cluster::{Cluster, Place},
    conntrack,
    namespace::Namespace,
    objects::from_yaml,
    probe::{Delivery, Probe, Prober, Request},
    rig::{Rig, check},
};

const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}, {type: InternalIP, address: "fd18::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: client, namespace: default, labels: {app: client}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.2}, {ip: "fd00:1::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: other, namespace: default, labels: {app: other}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.3}, {ip: "fd00:1::3"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: far, namespace: default, labels: {app: client}}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.1}, {ip: "fd00:2::1"}]}}
"#;

/// Everybody reaches web, nobody and nothing the heir.
const POLICIES: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: heir, namespace: default}
spec: {podSelector: {matchLabels: {app: heir}}, policyTypes: [Ingress, Egress]}
";

/// The addresses of client, web and the other server, per family.
const ADDRESSES: [[&str; 3]; 2] =
    [["10.0.1.2", "10.0.1.1", "10.0.1.3"], ["fd00:1::2", "fd00:1::1", "fd00:1::3"]];

/// How long an end of a connection waits for the other.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the kernel keeps connections that nothing is heard of, in seconds: longer than any test takes.
const KEPT: &str = "3600";

fn pod(name: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: default, labels: {{app: {name}}}}}, spec: {{nodeName: n1}}, \
         status: {{podIPs: [{{ip: 10.0.1.1}}, {{ip: \"fd00:1::1\"}}]}}}}\n"
    )
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A rig in which web has the addresses that the heir will have.
fn rig(label: &str) -> Rig {
    let mut rig = Rig::start(label, OBJECTS, POLICIES, &BTreeSet::new()).unwrap();
    let timeouts = ["udp_timeout", "udp_timeout_stream", "tcp_timeout_established"];
    let timeouts = timeouts.map(|name| format!("net/netfilter/nf_conntrack_{name}"));
    node(&rig).set(&timeouts.each_ref().map(|path| (path.as_str(), KEPT))).unwrap();
    enter(&mut rig, "web");
    rig
}

/// A pod comes, and is governed once this returns.
fn enter(rig: &mut Rig, name: &str) {
    rig.topology.attach(&Cluster::from_objects(&from_yaml(&pod(name)).unwrap()).pods).unwrap();
    rig.write(&format!("{name}.yaml"), &pod(name)).unwrap();
    wait_governed(rig, &format!("to/default/{name}"));
}

/// Waits until packets are sent to this chain.
fn wait_governed(rig: &Rig, chain: &str) {
    until(|| {
        let dispatch = rig.nft("n1", &["list", "map", "ip", "ferrule", "to-workload"])?;
        ensure!(dispatch.contains(chain), "nothing is sent to {chain}: {dispatch}");
        Ok(())
    })
    .unwrap();
}

/// Web goes, link and manifest, and the heir comes to its addresses.
fn pass_on(rig: &mut Rig) {
    std::fs::remove_file(rig.path("web.yaml")).unwrap();
    rig.topology.detach("default/web").unwrap();
    enter(rig, "heir");
}

fn node(rig: &Rig) -> &Namespace {
    rig.topology.node("n1").unwrap()
}

/// Waits until nothing is tracked of either address of web and heir.
fn wait_forgotten(rig: &Rig) {
    for [_, web, _] in ADDRESSES {
        wait_no_connection(rig, address(web));
    }
}

fn wait_no_connection(rig: &Rig, address: IpAddr) {
    until(|| {
        let count = conntrack::count(node(rig), address)?;
        ensure!(count == 0, "{count} connections of {address} live on");
        Ok(())
    })
    .unwrap();
}

/// Does something that leads to a reconciliation, and waits for that and for whatever is forgotten because of it: connections are forgotten in the order
/// in which addresses left, and a pod that leaves after the change has one.
fn reconciled(rig: &Rig, change: impl FnOnce()) {
    let seen = || node(rig).run(|| ask("/readiness?format=json")).unwrap().1;
    let number = |body: &str| {
        serde_json::from_str::<serde_json::Value>(body).unwrap()["reconciliations"].as_u64().unwrap()
    };
    let leaver = "10.0.1.200";
    let manifest = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: leaver, namespace: default}}, spec: {{nodeName: n1}}, status: {{podIPs: [{{ip: {leaver}}}]}}}}\n"
    );
    rig.write("leaver.yaml", &manifest).unwrap();
    wait_governed(rig, "to/default/leaver");
    conntrack::fill(node(rig), address(leaver), address("203.0.113.1"), 1).unwrap();
    let before = number(&seen());
    change();
    until(|| {
        let now = seen();
        ensure!(number(&now) > before, "the agent does not react: {now}");
        Ok(())
    })
    .unwrap();
    std::fs::remove_file(rig.path("leaver.yaml")).unwrap();
    wait_no_connection(rig, address(leaver));
}

/// A packet of a connection between fixed ports.
fn probe(protocol: Protocol, from: (&str, &str, u16), to: (&str, u16), expected: Delivery) -> Probe {
    let (sender, source, port) = from;
    Probe {
        sender: Place::Pod(format!("default/{sender}")),
        source: address(source),
        destination: address(to.0),
        arrives: address(to.0),
        request: Request::Ports { protocol, port: to.1, source: Some(port) },
        expected,
    }
}

fn deliver(rig: &Rig, probes: &[Probe]) {
    check(probes, &Prober::new(&rig.topology).deliver_on(probes).unwrap()).unwrap();
}

/// Connections of every kind from the client: UDP port 7001 unanswered, 7002 answered, and TCP with both ends. The TCP ports of the client.
fn converse(rig: &Rig) -> Vec<u16> {
    use Delivery::Arrived;
    let mut ports = Vec::new();
    for [client, web, _] in ADDRESSES {
        deliver(
            rig,
            &[
                probe(Protocol::UDP, ("client", client, 7001), (web, 80), Arrived),
                probe(Protocol::UDP, ("client", client, 7002), (web, 80), Arrived),
                probe(Protocol::UDP, ("web", web, 80), (client, 7002), Arrived),
            ],
        );
        let server = rig.topology.pod("default/web").unwrap();
        let at = SocketAddr::new(address(web), 8080);
        let listener = server.run(|| TcpListener::bind(at)).unwrap();
        let connect = || TcpStream::connect_timeout(&at, PATIENCE);
        let mut stream = rig.topology.pod("default/client").unwrap().run(connect).unwrap();
        let (mut accepted, from) = listener.accept().unwrap();
        stream.write_all(b"ping").unwrap();
        accepted.read_exact(&mut [0; 4]).unwrap();
        ports.push(from.port());
        // Neither end says goodbye: the pod goes before.
        std::mem::forget((stream, accepted));
    }
    ports
}

/// What the client would still say and hear on these connections.
fn continuation(client: &str, heir: &str, tcp: u16, to: &str, expected: Delivery) -> Vec<Probe> {
    vec![
        probe(Protocol::UDP, ("client", client, 7001), (heir, 80), expected),
        probe(Protocol::UDP, ("client", client, 7002), (heir, 80), expected),
        probe(Protocol::TCP, ("client", client, tcp), (heir, 8080), expected),
        probe(Protocol::UDP, (to, heir, 80), (client, 7001), expected),
        probe(Protocol::UDP, (to, heir, 80), (client, 7002), expected),
    ]
}

#[test]
fn a_new_pod_on_an_old_address_inherits_no_connection() {
    let mut rig = rig("inherit");
    let ports = converse(&rig);
    pass_on(&mut rig);
    wait_forgotten(&rig);
    for ([client, heir, _], tcp) in ADDRESSES.into_iter().zip(ports) {
        deliver(&rig, &continuation(client, heir, tcp, "heir", Delivery::Lost));
    }
    // The kernel forgets them before the agent has counted them.
    until(|| {
        let metrics = node(&rig).run(|| ask("/metrics"))?.1;
        let deleted = metrics.lines().find_map(|line| line.strip_prefix("ferrule_conntrack_deleted_total "));
        let deleted: u32 = deleted.context("no figure")?.parse()?;
        ensure!(deleted >= 6, "{deleted} deleted");
        Ok(())
    })
    .unwrap();
    rig.end_agents().unwrap();
}

#[test]
fn the_connections_of_a_pod_that_went_while_the_agent_was_down_go_too() {
    let mut rig = rig("down");
    let ports = converse(&rig);
    rig.take_agent("n1").unwrap().kill().unwrap();
    std::fs::remove_file(rig.path("web.yaml")).unwrap();
    rig.topology.detach("default/web").unwrap();
    rig.topology.attach(&Cluster::from_objects(&from_yaml(&pod("heir")).unwrap()).pods).unwrap();
    rig.write("heir.yaml", &pod("heir")).unwrap();
    rig.start_agent("n1").unwrap();
    wait_forgotten(&rig);
    for ([client, heir, _], tcp) in ADDRESSES.into_iter().zip(ports) {
        deliver(&rig, &continuation(client, heir, tcp, "heir", Delivery::Lost));
    }
    rig.end_agents().unwrap();
}

/// A completed pod keeps its link for a while, and its address is free at once.
#[test]
fn a_pod_that_completes_loses_its_connections() {
    let mut rig = rig("completed");
    converse(&rig);
    let finished = pod("web").replace("status: {", "status: {phase: Succeeded, ");
    rig.write("web.yaml", &finished).unwrap();
    wait_forgotten(&rig);
    rig.end_agents().unwrap();
}

#[test]
fn other_changes_keep_every_connection() {
    let mut rig = rig("keep");
    let ports = converse(&rig);
    let counted = |rig: &Rig| ADDRESSES.map(|[_, web, _]| conntrack::count(node(rig), address(web)).unwrap());
    let before = counted(&rig);
    assert_eq!(before, [3, 3]);
    // The policy turns against them: what is established stays so.
    reconciled(&rig, || {
        rig.write("policies.yaml", &format!("{POLICIES}---{}", POLICIES.replace("heir", "web"))).unwrap();
    });
    assert_eq!(counted(&rig), before, "a policy change");
    // Labels of the pod itself, and of its peer.
    reconciled(&rig, || {
        rig.write("web.yaml", &pod("web").replace("app: web", "app: web, tier: front")).unwrap()
    });
    reconciled(&rig, || rig.write("cluster.yaml", &OBJECTS.replace("app: client", "app: guest")).unwrap());
    assert_eq!(counted(&rig), before, "a change of labels");
    for ([client, web, _], tcp) in ADDRESSES.into_iter().zip(ports) {
        let answered = continuation(client, web, tcp, "web", Delivery::Arrived);
        // The unanswered one is as new as ever and denied now.
        deliver(&rig, &answered[1..3]);
    }
    // A remote peer with connections of its own gets another address, and goes.
    for (far, [_, _, other]) in ["10.0.2.1", "fd00:2::1"].into_iter().zip(ADDRESSES) {
        deliver(&rig, &[probe(Protocol::UDP, ("far", far, 7003), (other, 80), Delivery::Arrived)]);
    }
    let remote =
        |rig: &Rig| ["10.0.2.1", "fd00:2::1"].map(|far| conntrack::count(node(rig), address(far)).unwrap());
    assert_eq!(remote(&rig), [1, 1]);
    // A policy that names clients has the remote peer's address in a set, so that its change is a change of the kernel.
    let clients = POLICIES.replace("heir", "other").replace(
        "policyTypes: [Ingress, Egress]",
        "ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]",
    );
    reconciled(&rig, || rig.write("policies.yaml", &format!("{POLICIES}---{clients}")).unwrap());
    reconciled(&rig, || {
        rig.write("cluster.yaml", &OBJECTS.replace("10.0.2.1", "10.0.2.9").replace("fd00:2::1", "fd00:2::9"))
            .unwrap()
    });
    reconciled(&rig, || {
        let rest: Vec<_> = OBJECTS.lines().filter(|line| !line.contains("name: far")).collect();
        rig.write("cluster.yaml", &rest.join("\n")).unwrap();
    });
    assert_eq!(remote(&rig), [1, 1], "a change of a remote peer");
    rig.end_agents().unwrap();
}

/// A service sends to web; web goes, and the service is told to send to another. A client that goes on as before is served by the other.
#[test]
fn a_backend_behind_a_translated_address_is_left_by_its_clients() {
    let vips = ["198.51.100.1", "fd51::1"];
    let mut rig = rig("translated");
    let serve = |rig: &Rig, backend: usize| {
        let rule = |family: &str, vip: &str, to: &str| {
            format!(
                "add table {family} service\ndelete table {family} service\ntable {family} service {{\nchain prerouting {{\n\
                 type nat hook prerouting priority -100\n{family} daddr {vip} udp dport 80 dnat to {to}\n}}\n}}\n"
            )
        };
        let text = rule("ip", vips[0], ADDRESSES[0][backend]) + &rule("ip6", vips[1], ADDRESSES[1][backend]);
        node(rig).execute("nft", &["-f", "-"], &text).unwrap();
    };
    let bind = |pod: &str, at: &str, port: u16| {
        let socket = rig
            .topology
            .pod(pod)
            .unwrap()
            .run(|| UdpSocket::bind(SocketAddr::new(address(at), port)))
            .unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    serve(&rig, 1);
    let clients: Vec<_> = ADDRESSES.iter().map(|[client, ..]| bind("default/client", client, 7100)).collect();
    let others: Vec<_> = ADDRESSES.iter().map(|[_, _, other]| bind("default/other", other, 80)).collect();
    for ((client, vip), [_, web, _]) in clients.iter().zip(vips).zip(ADDRESSES) {
        let server = bind("default/web", web, 80);
        client.send_to(b"ask", SocketAddr::new(address(vip), 80)).unwrap();
        let (_, from) = server.recv_from(&mut [0; 8]).unwrap();
        server.send_to(b"answer", from).unwrap();
        assert_eq!(client.recv_from(&mut [0; 8]).unwrap().1.ip(), address(vip));
    }
    pass_on(&mut rig);
    wait_forgotten(&rig);
    serve(&rig, 2);
    for ((client, vip), other) in clients.iter().zip(vips).zip(&others) {
        client.send_to(b"ask", SocketAddr::new(address(vip), 80)).unwrap();
        other.recv_from(&mut [0; 8]).unwrap();
    }
    rig.end_agents().unwrap();
}

#[test]
fn fifty_thousand_connections_of_others_stay() {
    const OTHERS: u32 = 50_000;
    let mut rig = rig("crowd");
    let (from, to) = (address("192.0.2.1"), address("192.0.2.2"));
    conntrack::fill(node(&rig), from, to, OTHERS).unwrap();
    for [client, web, _] in ADDRESSES {
        conntrack::fill(node(&rig), address(client), address(web), 1000).unwrap();
    }
    let begin = Instant::now();
    std::fs::remove_file(rig.path("web.yaml")).unwrap();
    wait_forgotten(&rig);
    println!("web's 2,000 of {} connections were gone after {:?}", OTHERS + 2000, begin.elapsed());
    let log = rig.take_agent("n1").unwrap();
    println!(
        "{}",
        log.log_text().unwrap().lines().filter(|line| line.contains("forgot")).collect::<Vec<_>>().join("\n")
    );
    assert_eq!(conntrack::count(node(&rig), from).unwrap(), OTHERS as usize);
    log.end().unwrap();
    rig.end_agents().unwrap();
}

/// Twenty at a time come with connections of their own and are gone again, faster than one deletion after the other could be waited for.
#[test]
fn two_hundred_pods_that_come_and_go_leave_nothing_behind() {
    let mut rig = Rig::start("churn", OBJECTS, POLICIES, &BTreeSet::new()).unwrap();
    let peer = address("203.0.113.1");
    let pods = |wave: u8| (1..=20).map(move |number| format!("10.9.{wave}.{number}"));
    let manifest = |wave: u8| -> String {
        let pod = |(number, ip): (usize, String)| {
            format!(
                "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: churn-{wave}-{number}, namespace: default}}, spec: {{nodeName: n1}}, status: {{podIPs: [{{ip: {ip}}}]}}}}\n"
            )
        };
        pods(wave).enumerate().map(pod).collect()
    };
    for wave in 0..10 {
        rig.write("wave.yaml", &manifest(wave)).unwrap();
        wait_governed(&rig, &format!("churn-{wave}-19"));
        for (number, pod) in pods(wave).enumerate() {
            let (from, to) = if number % 2 == 0 { (peer, address(&pod)) } else { (address(&pod), peer) };
            conntrack::fill(node(&rig), from, to, 50).unwrap();
        }
    }
    std::fs::remove_file(rig.path("wave.yaml")).unwrap();
    wait_no_connection(&rig, peer);
    rig.end_agents().unwrap();
}
