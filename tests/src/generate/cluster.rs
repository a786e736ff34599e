//! Namespaces, service accounts, nodes, pods and network sets.

use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::{
    Rng, entity,
    vocabulary::{ACCOUNTS, KEYS, NAMESPACES, PORT_NAMES, PORTS, VALUES, Vocabulary},
};
use crate::flow::Peer;

/// A cluster without policies.
pub fn generate(rng: &mut Rng) -> (Vocabulary, Vec<Value>) {
    let mut vocabulary = Vocabulary { ports: PORTS.to_vec(), ..Vocabulary::default() };
    vocabulary.outside =
        ["8.8.8.8", "172.16.0.9", "10.0.9.9", "2001:db8::8", "fd00:10:9::9"].map(parsed).to_vec();
    let mut objects = Vec::new();
    let names = &NAMESPACES[..rng.between(1, NAMESPACES.len())];
    for name in names {
        // A namespace without a resource is implied by whatever names it.
        if rng.chance(75) {
            vocabulary.namespaces.push((*name).to_owned());
            objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels(rng)}}));
        }
        for account in ACCOUNTS {
            if rng.chance(40) {
                let metadata = json!({"name": account, "namespace": name, "labels": labels(rng)});
                objects.push(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}));
            }
        }
    }
    let nodes = rng.between(2, 4);
    objects.extend((1..=nodes).map(|index| node(rng, &mut vocabulary, index)));
    let pods = rng.between(3, 10);
    objects.extend((1..=pods).map(|index| pod(rng, &mut vocabulary, nodes, index, names)));
    vocabulary.borders.clone_from(&vocabulary.addresses);
    objects.extend(
        rng.list(0, 3, |rng| rng.chance(90))
            .iter()
            .enumerate()
            .filter_map(|(index, _)| network_set(rng, &mut vocabulary, index)),
    );
    (vocabulary, objects)
}

/// Leaves a node its first address of each family: where there are more, kube-proxy's modes differ in which of them take NodePorts.
pub fn confine_to_one_address(object: &mut Value) {
    if object["kind"] != "Node" {
        return;
    }
    let Some(addresses) = object["status"]["addresses"].as_array_mut() else { return };
    addresses
        .retain(|entry| !entry["address"].as_str().is_some_and(|address| address.starts_with("203.0.113.")));
}

/// Labels of the vocabulary, now and then one that its bearer may not have.
pub fn labels(rng: &mut Rng) -> Value {
    let mut labels = Map::new();
    for key in KEYS {
        if rng.chance(60) {
            labels.insert(key.to_owned(), (*rng.pick(&VALUES)).into());
        }
    }
    if rng.chance(8) {
        let key = [
            "pcns.name",
            "pcsa.app",
            "pcns.projectcalico.org/name",
            "projectcalico.org/namespace",
            "projectcalico.org/serviceaccount",
        ];
        labels.insert((*rng.pick(&key)).to_owned(), (*rng.pick(&["a", "web", "default", "builder"])).into());
    }
    Value::Object(labels)
}

fn parsed(text: &str) -> IpAddr {
    text.parse().unwrap_or(IpAddr::from([0, 0, 0, 0]))
}

fn node(rng: &mut Rng, vocabulary: &mut Vocabulary, index: usize) -> Value {
    let name = format!("n{index}");
    let mut addresses = vec![format!("192.168.0.{index}")];
    if rng.chance(80) {
        addresses.push(format!("fd00:192::{index}"));
    }
    if rng.chance(30) {
        addresses.push(format!("203.0.113.{index}"));
    }
    vocabulary.peers.push(Peer::Node(name.clone()));
    vocabulary.addresses.extend(addresses.iter().map(|address| parsed(address)));
    let listed = addresses.iter().map(|address| json!({"type": "InternalIP", "address": address}));
    let all: Vec<Value> = [json!({"type": "Hostname", "address": name})].into_iter().chain(listed).collect();
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels(rng)}, "status": {"addresses": all}})
}

fn pod(rng: &mut Rng, vocabulary: &mut Vocabulary, nodes: usize, index: usize, namespaces: &[&str]) -> Value {
    let namespace = *rng.pick(namespaces);
    let node = rng.between(1, nodes);
    let name = format!("p{index}");
    let mut metadata = json!({"name": name, "namespace": namespace, "labels": labels(rng)});
    if namespace == "default" && rng.chance(20) {
        metadata.as_object_mut().map(|metadata| metadata.remove("namespace"));
    }
    let mut spec = json!({"nodeName": format!("n{node}"), "containers": [{"name": "c", "ports": ports(rng, vocabulary)}]});
    if rng.chance(20) {
        spec["initContainers"] = json!([{"name": "i", "ports": ports(rng, vocabulary)}]);
    }
    if rng.chance(60) {
        spec["serviceAccountName"] = (*rng.pick(&ACCOUNTS)).into();
    }
    let own = addresses(rng, node, index);
    let pod = |spec: &Value, metadata: &Value, status: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status});
    let listed =
        |addresses: &[String]| -> Vec<Value> { addresses.iter().map(|ip| json!({"ip": ip})).collect() };
    if !vocabulary.namespaces.iter().any(|known| known == namespace) {
        vocabulary.namespaces.push(namespace.to_owned());
    }
    match rng.between(1, 20) {
        1 => {
            spec["hostNetwork"] = true.into();
            vocabulary.peers.push(Peer::Pod { namespace: namespace.to_owned(), name });
            pod(&spec, &metadata, json!({"phase": "Running", "podIP": format!("192.168.0.{node}")}))
        }
        // An ended pod may still show an address that another pod has by now.
        2 => {
            let taken = vocabulary.addresses.last().map(ToString::to_string).unwrap_or_default();
            pod(
                &spec,
                &metadata,
                json!({"phase": rng.pick(&["Failed", "Succeeded"]), "podIPs": listed(&[taken])}),
            )
        }
        3 => {
            spec.as_object_mut().map(|spec| spec.remove("nodeName"));
            pod(&spec, &metadata, json!({"phase": "Pending"}))
        }
        4 => pod(&spec, &metadata, json!({"phase": "Pending"})),
        _ => {
            vocabulary.peers.push(Peer::Pod { namespace: namespace.to_owned(), name });
            vocabulary.addresses.extend(own.iter().map(|address| parsed(address)));
            let status = if own.len() == 1 && rng.chance(30) {
                json!({"phase": "Running", "podIP": own[0]})
            } else {
                json!({"phase": "Running", "podIP": own[0], "podIPs": listed(&own)})
            };
            pod(&spec, &metadata, status)
        }
    }
}

/// IPv4, IPv6 or both.
fn addresses(rng: &mut Rng, node: usize, index: usize) -> Vec<String> {
    let (v4, v6) = (format!("10.0.{node}.{index}"), format!("fd00:10::{node}:{index}"));
    match rng.between(1, 10) {
        1 => vec![v6],
        2 => vec![v4],
        3 => vec![v6, v4],
        _ => vec![v4, v6],
    }
}

/// Container ports; names clash between pods, and between protocols in one pod.
fn ports(rng: &mut Rng, vocabulary: &mut Vocabulary) -> Vec<Value> {
    rng.list(0, 3, |rng| {
        let (protocol, number) = *rng.pick(&[("TCP", 6), ("UDP", 17), ("SCTP", 132)]);
        let port = *rng.pick(&PORTS[..5]);
        let mut written = json!({"containerPort": port});
        if protocol != "TCP" || rng.chance(50) {
            written["protocol"] = protocol.into();
        }
        if rng.chance(85) {
            written["name"] = (*rng.pick(&PORT_NAMES)).into();
            vocabulary.named_ports.push((number, port));
        }
        written
    })
}

fn network_set(rng: &mut Rng, vocabulary: &mut Vocabulary, index: usize) -> Option<Value> {
    let nets = rng.list(0, 4, |rng| entity::net(rng, vocabulary));
    let mut metadata = json!({"name": format!("s{index}"), "labels": labels(rng)});
    let kind = if rng.chance(50) {
        metadata["namespace"] = rng.pick(vocabulary.namespaces.get(..)?).as_str().into();
        "NetworkSet"
    } else {
        "GlobalNetworkSet"
    };
    Some(
        json!({"apiVersion": "projectcalico.org/v3", "kind": kind, "metadata": metadata, "spec": {"nets": nets}}),
    )
}
