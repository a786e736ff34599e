//! Figure: one endpoint of a service more or less, where egress policy sees services as clients dial them.

use anyhow::Result;
use ferrule_ruleset::{
    compile::Options,
    event::Event,
    manifest::Directory,
    settings::{Layer, NodePortPolicy},
};
use serde_json::{Value, json};

use super::{pipeline::Pipeline, step::Steps, universe::NODE};

const SERVICES: usize = 1_000;
const ENDPOINTS: usize = 10;
const CHANGES: usize = 300;

/// Measures and prints.
pub fn run() -> Result<()> {
    println!(
        "One endpoint change of {SERVICES} services with {} endpoints under `nodeport_policy: consistent`, event to kernel, {CHANGES} times",
        SERVICES * ENDPOINTS
    );
    let layer = Layer { node_ports: Some(NodePortPolicy::Consistent), ..Layer::default() };
    let (pipeline, start) = Pipeline::new(&manifests(), Options { layer, ..Options::default() });
    let steps = Steps::measure("services", pipeline, start, changes())?;
    let ([computed, total], late) = (steps.medians(), steps.late()?);
    println!(
        "  median {total:5.0} us (resolve, compile and diff {computed:3.0} us), 99th percentile {late:5.0} us"
    );
    Ok(())
}

/// Slices in turn gain an address that no pod has, so that their service is not one of the policy's any more, and lose it again.
fn changes() -> Vec<Event> {
    let changed = (0..CHANGES).map(|turn| slice(turn / 2 % SERVICES, turn % 2 == 0).to_string());
    changed.flat_map(|text| Directory::default().update("slice.json", Some(&text))).collect()
}

fn manifests() -> String {
    let mut items = vec![
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE},
            "status": {"addresses": [{"type": "InternalIP", "address": "172.18.0.2"}]}}),
        pod("client", NODE, "10.128.0.1", &json!({"role": "client"})),
        json!({"apiVersion": "projectcalico.org/v3", "kind": "NetworkPolicy",
            "metadata": {"name": "client", "namespace": "default"},
            "spec": {"selector": "role == 'client'", "types": ["Egress"],
                "egress": [{"action": "Allow", "protocol": "TCP", "destination": {"selector": "role == 'server'", "ports": [8080]}}]}}),
    ];
    for index in 0..SERVICES {
        items.push(service(index));
        items.push(slice(index, false));
        for endpoint in 0..ENDPOINTS {
            items.push(pod(
                &format!("server-{index}-{endpoint}"),
                "node-b",
                &address(index, endpoint),
                &json!({"role": "server"}),
            ));
        }
    }
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

fn service(index: usize) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("service-{index}"), "namespace": "default"},
        "spec": {"type": "NodePort", "clusterIP": format!("10.96.{}.{}", index / 250, index % 250 + 1),
            "ports": [{"protocol": "TCP", "port": 80, "targetPort": 8080, "nodePort": 30_000 + index}]}})
}

fn slice(index: usize, stranger: bool) -> Value {
    let mut addresses: Vec<String> = (0..ENDPOINTS).map(|endpoint| address(index, endpoint)).collect();
    addresses.extend(stranger.then(|| "192.0.2.1".to_owned()));
    let endpoints: Vec<Value> = addresses.iter().map(|address| json!({"addresses": [address]})).collect();
    json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": format!("service-{index}-a"), "namespace": "default",
            "labels": {"kubernetes.io/service-name": format!("service-{index}")}},
        "endpoints": endpoints, "ports": [{"protocol": "TCP", "port": 8080}]})
}

fn pod(name: &str, node: &str, address: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"nodeName": node, "containers": []}, "status": {"podIP": address, "phase": "Running"}})
}

fn address(service: usize, endpoint: usize) -> String {
    let number = service * ENDPOINTS + endpoint + 1;
    format!("10.200.{}.{}", number / 250, number % 250 + 1)
}
