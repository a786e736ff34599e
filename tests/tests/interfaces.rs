//! What belongs to interfaces rather than to flows: forged sources, interfaces that nobody knows, pods that come and go, and replies.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use ferrule_ruleset::protocol::Protocol;
use ferrule_tests::{
    call::until,
    cluster::{Cluster, Place, Pod},
    objects::from_yaml,
    probe::{Delivery, Probe, Prober, Request},
    rig::{Rig, check},
};

const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}, {type: InternalIP, address: "fd18::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: default, labels: {app: web}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: client, namespace: default, labels: {app: client}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.2}, {ip: "fd00:1::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: far, namespace: default, labels: {app: far}}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.1}, {ip: "fd00:2::1"}]}}
"#;

/// Clients reach web; web itself may open nothing.
const POLICIES: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: default}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: client}}}]
";

/// How long an end of a connection waits for the other.
const PATIENCE: Duration = Duration::from_secs(120);

fn probe(sender: &str, source: &str, destination: &str, expected: Delivery) -> Probe {
    Probe {
        sender: Place::Pod(sender.to_owned()),
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        arrives: destination.parse().unwrap(),
        request: Request::Ports { protocol: Protocol::UDP, port: 80, source: None },
        expected,
    }
}

#[test]
fn a_pod_sends_from_its_own_addresses_only() {
    use Delivery::{Arrived, Lost};
    let outside = BTreeSet::from(["203.0.113.1".parse().unwrap()]);
    let mut rig = Rig::start("forged", OBJECTS, POLICIES, &outside).unwrap();
    let probes = [
        ("default/client", "10.0.1.2", "10.0.1.1", Arrived),
        ("default/client", "fd00:1::2", "fd00:1::1", Arrived),
        ("default/far", "10.0.2.1", "10.0.1.1", Lost),
        // In the name of a client, from another pod of the node and of another node; in the name of the node; of nobody.
        ("default/far", "10.0.1.2", "10.0.1.1", Lost),
        ("default/far", "fd00:1::2", "fd00:1::1", Lost),
        ("default/client", "10.0.2.1", "10.0.2.1", Lost),
        ("default/client", "172.18.0.1", "10.0.2.1", Lost),
        ("default/client", "fd18::1", "fd00:2::1", Lost),
        ("default/client", "10.9.9.9", "10.0.2.1", Lost),
        ("default/client", "10.9.9.9", "172.18.0.1", Lost),
        ("default/client", "fd99::9", "fd18::1", Lost),
        ("default/client", "203.0.113.1", "10.0.2.1", Lost),
    ];
    let probes =
        probes.map(|(sender, source, destination, expected)| probe(sender, source, destination, expected));
    rig.expect(&probes).unwrap();
    rig.end_agents().unwrap();
}

/// A connection is opened and admitted; then somebody else sends in its name. Established or not, the source is not his.
#[test]
fn a_forged_source_does_not_ride_on_an_admitted_connection() {
    let mut rig = Rig::start("ride", OBJECTS, POLICIES, &BTreeSet::new()).unwrap();
    let mut prober = Prober::new(&rig.topology);
    for (client, server) in [("10.0.1.2", "10.0.2.1"), ("fd00:1::2", "fd00:2::1")] {
        let fixed = |mut probe: Probe| {
            probe.request = Request::Ports { protocol: Protocol::UDP, port: 80, source: Some(3333) };
            probe
        };
        let genuine = fixed(probe("default/client", client, server, Delivery::Arrived));
        let forged = fixed(probe("default/web", client, server, Delivery::Lost));
        let genuine_alone = std::slice::from_ref(&genuine);
        check(genuine_alone, &prober.deliver(genuine_alone).unwrap()).unwrap();
        // Without forgetting connections in between, which a further delivery would do.
        let answers = prober.deliver_on(&[genuine.clone(), forged.clone()]).unwrap();
        check(&[genuine, forged], &answers).unwrap();
    }
    rig.end_agents().unwrap();
}

#[test]
fn an_interface_that_nobody_knows_is_closed_also_when_the_agent_is_gone() {
    let mut rig = Rig::start("unknown", OBJECTS, POLICIES, &BTreeSet::new()).unwrap();
    let strangers = |number: u8| {
        let addresses = [format!("10.0.1.{number}"), format!("fd00:1::{number}")];
        let addresses = addresses.map(|address| address.parse::<IpAddr>().unwrap()).into();
        BTreeMap::from([(format!("default/stranger-{number}"), Pod { node: "n1".to_owned(), addresses })])
    };
    let closed = |number: u8| {
        let (name, v4, v6) =
            (format!("default/stranger-{number}"), format!("10.0.1.{number}"), format!("fd00:1::{number}"));
        [
            probe(&name, &v4, "10.0.2.1", Delivery::Lost),
            probe(&name, &v6, "fd00:2::1", Delivery::Lost),
            probe(&name, &v4, "172.18.0.1", Delivery::Lost),
            probe(&name, &v6, "fd18::1", Delivery::Lost),
            probe("default/far", "10.0.2.1", &v4, Delivery::Lost),
            probe("default/far", "fd00:2::1", &v6, Delivery::Lost),
        ]
    };
    rig.topology.attach(&strangers(50)).unwrap();
    rig.expect(&closed(50)).unwrap();
    rig.take_agent("n1").unwrap().kill().unwrap();
    rig.topology.attach(&strangers(51)).unwrap();
    rig.expect(&[closed(50), closed(51)].concat()).unwrap();
    rig.expect(&[probe("default/client", "10.0.1.2", "10.0.1.1", Delivery::Arrived)]).unwrap();
    rig.end_agents().unwrap();
}

/// Manifest before link, and link before manifest.
#[test]
fn pods_are_governed_in_whatever_order_link_and_manifest_appear() {
    let mut rig = Rig::start("order", OBJECTS, POLICIES, &BTreeSet::new()).unwrap();
    let manifest = |name: &str, number: u8| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: default, labels: {{app: client}}}}, spec: {{nodeName: n1}}, \
             status: {{podIPs: [{{ip: 10.0.1.{number}}}]}}}}\n"
        )
    };
    let pods = |text: &str| Cluster::from_objects(&from_yaml(text).unwrap()).pods;
    let (early, late) = (manifest("early", 20), manifest("late", 21));
    rig.write("early.yaml", &early).unwrap();
    thread::sleep(Duration::from_millis(200));
    rig.topology.attach(&pods(&early)).unwrap();
    rig.topology.attach(&pods(&late)).unwrap();
    rig.write("late.yaml", &late).unwrap();
    let probes = [
        probe("default/early", "10.0.1.20", "10.0.1.1", Delivery::Arrived),
        probe("default/late", "10.0.1.21", "10.0.1.1", Delivery::Arrived),
        probe("default/web", "10.0.1.1", "10.0.1.20", Delivery::Lost),
    ];
    until(|| rig.expect(&probes)).unwrap();
    std::fs::remove_file(rig.path("late.yaml")).unwrap();
    let gone = [
        probe("default/early", "10.0.1.20", "10.0.1.1", Delivery::Arrived),
        probe("default/late", "10.0.1.21", "10.0.1.1", Delivery::Lost),
    ];
    until(|| rig.expect(&gone)).unwrap();
    rig.end_agents().unwrap();
}

/// A whole conversation with a pod that may open nothing itself: replies belong to the connection.
#[test]
fn replies_pass_although_the_server_may_open_nothing() {
    let mut rig = Rig::start("replies", OBJECTS, POLICIES, &BTreeSet::new()).unwrap();
    let (server, client) =
        (rig.topology.pod("default/web").unwrap(), rig.topology.pod("default/client").unwrap());
    for address in ["10.0.1.1", "fd00:1::1"] {
        let address = SocketAddr::new(address.parse().unwrap(), 8080);
        let listener = server.run(|| TcpListener::bind(address)).unwrap();
        let echo = thread::spawn(move || -> std::io::Result<()> {
            let (mut stream, _) = listener.accept()?;
            let mut request = [0; 4];
            stream.read_exact(&mut request)?;
            stream.write_all(&request)
        });
        let mut stream = client.run(|| TcpStream::connect_timeout(&address, PATIENCE)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"ping").unwrap();
        let mut reply = [0; 4];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(&reply, b"ping");
        echo.join().unwrap().unwrap();
    }
    rig.end_agents().unwrap();
}
