//! The node itself: host endpoints, services and their endpoints, FelixConfigurations.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::{
    Rng,
    cluster::labels,
    vocabulary::{Front, HOST_PORT_NAME, PORT_NAMES, PORTS, Vocabulary},
};
use crate::flow::Peer;

/// Ports that are failsafe somewhere, by default or by what is generated here.
const FAILSAFE: [(&str, u8, u16); 5] =
    [("TCP", 6, 22), ("UDP", 17, 53), ("TCP", 6, 6443), ("UDP", 17, 80), ("TCP", 6, 8080)];

/// Objects that make a cluster's nodes more than bystanders; what is worth aiming at is remembered.
pub fn generate(rng: &mut Rng, vocabulary: &mut Vocabulary, cluster: &[Value]) -> Vec<Value> {
    let nodes: Vec<&Value> = cluster.iter().filter(|object| object["kind"] == "Node").collect();
    let mut objects = Vec::new();
    for node in &nodes {
        for index in 0..*rng.pick(&[0, 1, 1, 1, 2, 3]) {
            objects.push(host_endpoint(rng, vocabulary, node, index));
        }
    }
    objects.extend(configurations(rng, &nodes));
    let backends: Vec<IpAddr> =
        cluster.iter().filter(|object| is_running(object)).flat_map(addresses).collect();
    for index in 1..=rng.between(1, 4) {
        objects.extend(service(rng, vocabulary, &backends, &nodes, index));
    }
    for (_, protocol, port) in FAILSAFE {
        vocabulary.ports.push(port);
        vocabulary.named_ports.push((protocol, port));
    }
    objects
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn is_running(object: &Value) -> bool {
    object["kind"] == "Pod" && object["status"]["phase"] == "Running" && !object["spec"]["nodeName"].is_null()
}

fn addresses(pod: &Value) -> Vec<IpAddr> {
    let listed = pod["status"]["podIPs"].as_array().into_iter().flatten().map(|entry| &entry["ip"]);
    let texts = listed.chain([&pod["status"]["podIP"]]);
    let mut found: Vec<IpAddr> = texts.filter_map(|text| text.as_str()?.parse().ok()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn host_endpoint(rng: &mut Rng, vocabulary: &mut Vocabulary, node: &Value, index: usize) -> Value {
    let own: Vec<&str> = node["status"]["addresses"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|entry| entry["type"] == "InternalIP")
        .filter_map(|entry| entry["address"].as_str())
        .collect();
    let mut spec = json!({"node": name_of(node)});
    let interface = rng.word(&["eth0", "eth0", "eth0", "*", "*", "*", "", "", "eth7"]);
    if !interface.is_empty() {
        spec["interfaceName"] = interface.into();
    }
    if interface.is_empty() || rng.chance(60) {
        let foreign = rng.chance(15);
        spec["expectedIPs"] = if foreign { json!(["192.0.2.77"]) } else { json!(own) };
    }
    let namespace = format!("kns.{}", rng.pick(&vocabulary.namespaces));
    let profiles = match rng.between(1, 10) {
        1..=4 => json!([]),
        5..=7 => json!(["projectcalico-default-allow"]),
        8 => json!([namespace]),
        9 => json!(["nobody", "projectcalico-default-allow"]),
        _ => Value::Null,
    };
    if !profiles.is_null() {
        spec["profiles"] = profiles;
    }
    if rng.chance(25) {
        let (protocol, number) = *rng.pick(&[("TCP", 6), ("UDP", 17)]);
        let port = *rng.pick(&PORTS[..5]);
        vocabulary.named_ports.push((number, port));
        // A name that pods give their ports as well, now and then: rules of Kubernetes policies mean only those.
        let name = if rng.chance(60) { HOST_PORT_NAME } else { *rng.pick(&PORT_NAMES) };
        spec["ports"] = json!([{"name": name, "protocol": protocol, "port": port}]);
    }
    let name = format!("{}-{}{index}", rng.word(&["a", "b", "c"]), name_of(node));
    let metadata = json!({"name": name, "labels": labels(rng)});
    json!({"apiVersion": "projectcalico.org/v3", "kind": "HostEndpoint", "metadata": metadata, "spec": spec})
}

/// Those of everybody, of a node, and of nodes that a selector finds.
fn configurations(rng: &mut Rng, nodes: &[&Value]) -> Vec<Value> {
    let mut names = Vec::new();
    names.extend(rng.maybe(60, |_| "default".to_owned()));
    names.extend(rng.maybe(30, |rng| format!("node.{}", name_of(rng.pick::<&Value>(nodes)))));
    names.extend(rng.maybe(25, |_| "some".to_owned()));
    names.extend(rng.maybe(15, |_| "more".to_owned()));
    names.into_iter().map(|name| configuration(rng, &name)).collect()
}

fn configuration(rng: &mut Rng, name: &str) -> Value {
    let mut spec = json!({});
    let mut metadata = json!({"name": name});
    if matches!(name, "some" | "more") {
        spec["nodeSelector"] = rng.word(&["app == 'a'", "has(role)", "all()", "!has(env)"]).into();
        metadata["creationTimestamp"] =
            rng.word(&["2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2025-06-01T00:00:00Z"]).into();
    }
    if rng.chance(50) {
        spec["defaultEndpointToHostAction"] = rng.word(&["Drop", "Accept", "Return"]).into();
    }
    for field in ["failsafeInboundHostPorts", "failsafeOutboundHostPorts"] {
        if rng.chance(40) {
            spec[field] = rng.list(0, 3, failsafe).into();
        }
    }
    if rng.chance(15) {
        spec["allowVXLANPacketsFromWorkloads"] = rng.chance(50).into();
    }
    if rng.chance(15) {
        spec["vxlanPort"] = (*rng.pick(&[8080, 53, 8472])).into();
    }
    json!({"apiVersion": "projectcalico.org/v3", "kind": "FelixConfiguration", "metadata": metadata, "spec": spec})
}

fn failsafe(rng: &mut Rng) -> Value {
    let (protocol, _, port) = *rng.pick(&FAILSAFE);
    let mut entry = json!({"protocol": protocol, "port": port});
    if rng.chance(35) {
        entry["net"] =
            rng.word(&["192.168.0.0/30", "8.8.8.8/32", "0.0.0.0/0", "fd00:192::/64", "::/0"]).into();
    }
    entry
}

/// A service, and a slice of its endpoints for each family: one is ready, so that there is no doubt where a packet goes; others count for policy only.
fn service(
    rng: &mut Rng,
    vocabulary: &mut Vocabulary,
    backends: &[IpAddr],
    nodes: &[&Value],
    index: usize,
) -> Vec<Value> {
    let namespace = rng.pick(&vocabulary.namespaces).clone();
    let name = format!("s{index}");
    vocabulary.services.push((namespace.clone(), name.clone()));
    let ports: Vec<(Value, u16)> = (0..rng.between(1, 2)).map(|number| port(rng, index, number)).collect();
    let external: Vec<String> = vec![format!("203.0.113.{}", 50 + index), format!("2001:db8:1::{index}")];
    let balancer: Vec<String> = vec![format!("198.18.0.{index}"), format!("2001:db8:2::{index}")];
    let cluster = vec![format!("10.96.0.{index}"), format!("fd00:96::{index}")];
    let (has_external, has_balancer) = (rng.chance(40), rng.chance(40));
    let mut spec = json!({"clusterIP": cluster[0], "clusterIPs": cluster,
        "type": if has_balancer { "LoadBalancer" } else { "NodePort" },
        "ports": ports.iter().map(|(port, _)| port.clone()).collect::<Vec<_>>()});
    if has_external {
        spec["externalIPs"] = json!(external);
    }
    if rng.chance(25) {
        spec["externalTrafficPolicy"] = "Local".into();
    }
    let ingress: Vec<Value> = balancer.iter().map(|ip| json!({"ip": ip})).collect();
    let status = if has_balancer { json!({"loadBalancer": {"ingress": ingress}}) } else { json!({}) };
    let metadata = json!({"name": name, "namespace": namespace});
    let mut objects = vec![
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": status}),
    ];
    let at = name_of(rng.pick::<&Value>(nodes)).to_owned();
    let dialled = [(true, &cluster), (has_external, &external), (has_balancer, &balancer)];
    let dialled = dialled.into_iter().filter(|(has, _)| *has).flat_map(|(_, addresses)| addresses);
    let dialled: Vec<IpAddr> = dialled.filter_map(|address| address.parse().ok()).collect();
    for (port, _) in &ports {
        let protocol = crate::flow::protocol_number(port["protocol"].as_str().unwrap_or("TCP")).unwrap_or(6);
        let number = |field: &str| port[field].as_u64().and_then(|port| u16::try_from(port).ok());
        for address in &dialled {
            let (to, port) = (Peer::Address(*address), number("port").unwrap_or(80));
            vocabulary.fronts.push(Front { to, protocol, port, at: Some(at.clone()) });
        }
        for node in nodes.iter().filter(|_| number("nodePort").is_some()) {
            let (to, port) = (Peer::Node(name_of(node).to_owned()), number("nodePort").unwrap_or(80));
            vocabulary.fronts.push(Front { to, protocol, port, at: None });
        }
    }
    objects.extend([true, false].iter().filter_map(|v4| slice(rng, backends, &metadata, &ports, *v4)));
    objects.extend(slice_without_ports(rng, backends, &metadata));
    objects
}

/// A slice whose endpoints rules mean by address only: nothing is sent there.
fn slice_without_ports(rng: &mut Rng, backends: &[IpAddr], service: &Value) -> Option<Value> {
    if backends.is_empty() || !rng.chance(20) {
        return None;
    }
    let address = rng.pick(backends);
    let ports =
        rng.pick(&[Value::Null, json!([]), json!([{"port": null}]), json!([{"name": "any"}])]).clone();
    Some(json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": format!("{}-any", name_of(&json!({"metadata": service}))), "namespace": service["namespace"],
            "labels": {"kubernetes.io/service-name": service["name"]}},
        "addressType": if address.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{"addresses": [address.to_string()], "conditions": {"ready": false}}], "ports": ports}))
}

/// A port of a service and the port of its endpoints.
fn port(rng: &mut Rng, index: usize, number: usize) -> (Value, u16) {
    let protocol = rng.word(&["TCP", "TCP", "TCP", "UDP"]);
    let mut port = json!({"name": format!("port-{number}"), "protocol": protocol, "port": 80 + number});
    if rng.chance(75) {
        port["nodePort"] = (30000 + 10 * index + number).into();
    }
    (port, *rng.pick(&PORTS[..5]))
}

fn slice(
    rng: &mut Rng,
    backends: &[IpAddr],
    service: &Value,
    ports: &[(Value, u16)],
    v4: bool,
) -> Option<Value> {
    let mut usable: Vec<IpAddr> =
        backends.iter().copied().filter(|address| address.is_ipv4() == v4).collect();
    let mut endpoints = Vec::new();
    for ready in 0..*rng.pick(&[1, 1, 1, 2, 3, 0]) {
        if usable.is_empty() {
            break;
        }
        let address = usable.swap_remove(rng.between(0, usable.len() - 1));
        let mut endpoint = json!({"addresses": [address.to_string()]});
        if ready > 0 {
            endpoint["conditions"] = json!({"ready": false});
        }
        endpoints.push(endpoint);
    }
    let name = format!("{}-{}", name_of(&json!({"metadata": service})), if v4 { "v4" } else { "v6" });
    let target = |(port, target): &(Value, u16)| json!({"name": port["name"], "protocol": port["protocol"], "port": target});
    rng.chance(90).then(|| {
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": service["namespace"], "labels": {"kubernetes.io/service-name": service["name"]}},
            "addressType": if v4 { "IPv4" } else { "IPv6" }, "endpoints": endpoints,
            "ports": ports.iter().map(target).collect::<Vec<_>>()})
    })
}
