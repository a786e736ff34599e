//! kube-proxy of a cluster that objects describe.
//!
//! Objects are read as plain trees, so that no mistake of the reader under test is shared.

use std::{collections::BTreeMap, net::IpAddr};

use anyhow::Result;
use ferrule_ruleset::{address::PerFamily, protocol::Protocol};
use serde_json::Value;

use crate::{
    cluster::{Cluster, Place},
    flow::protocol_number,
    service::{Endpoint, Mode, Node, Service, ServicePort, TrafficPolicy, install},
    topology::Topology,
};

/// Networks of pods (`clusterCIDR`), wide enough for every case.
const POD_NETWORKS: [&str; 2] = ["10.0.0.0/8", "fd00::/8"];

/// What kube-proxy knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxy {
    services: Vec<Service>,
}

impl Proxy {
    /// Reads Services and the ready endpoints of their EndpointSlices. A port of a Service has one port of endpoints: that of the first slice that has it.
    pub fn of(objects: &[Value], cluster: &Cluster) -> Self {
        let of_kind = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
        let services = of_kind("Service").map(|object| {
            let slices: Vec<_> = of_kind("EndpointSlice").filter(|slice| belongs(slice, object)).collect();
            service(object, &slices, cluster)
        });
        Self { services: services.collect() }
    }

    /// Whether there is nothing to translate.
    pub fn is_idle(&self) -> bool {
        self.services.is_empty()
    }

    /// Programs every node of a topology.
    pub fn install(&self, topology: &Topology, mode: Mode) -> Result<()> {
        let networks = PerFamily { v4: POD_NETWORKS[0].parse()?, v6: POD_NETWORKS[1].parse()? };
        for (name, namespace) in topology.nodes() {
            let addresses = topology.cluster.nodes[name].clone();
            let node = Node { name: name.to_owned(), addresses, pod_networks: networks.clone() };
            install(namespace, mode, &node, &self.services, &[])?;
        }
        Ok(())
    }
}

fn belongs(slice: &Value, service: &Value) -> bool {
    let namespace = |object: &Value| object["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
    slice["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]
        && namespace(slice) == namespace(service)
}

fn service(object: &Value, slices: &[&Value], cluster: &Cluster) -> Service {
    let spec = &object["spec"];
    let balancers: Vec<_> =
        list(&object["status"]["loadBalancer"]["ingress"]).map(|entry| entry["ip"].clone()).collect();
    let ports = list(&spec["ports"]).filter_map(|port| service_port(port, slices));
    let local = spec["externalTrafficPolicy"] == "Local";
    Service {
        name: format!(
            "{}/{}",
            object["metadata"]["namespace"].as_str().unwrap_or("default"),
            object["metadata"]["name"].as_str().unwrap_or_default()
        ),
        cluster_ips: addresses(list(&spec["clusterIPs"])),
        load_balancer_ips: addresses(balancers.iter()),
        external_ips: addresses(list(&spec["externalIPs"])),
        external_traffic_policy: if local { TrafficPolicy::Local } else { TrafficPolicy::Cluster },
        ports: ports.collect(),
        endpoints: endpoints(slices, cluster),
    }
}

fn service_port(port: &Value, slices: &[&Value]) -> Option<ServicePort> {
    let number = |value: &Value| value.as_u64().and_then(|number| u16::try_from(number).ok());
    let protocol = |value: &Value| protocol_number(value["protocol"].as_str().unwrap_or("TCP"));
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let mut behind = slices.iter().flat_map(|slice| list(&slice["ports"]));
    let same = |other: &&Value| name(other) == name(port) && protocol(other) == protocol(port);
    Some(ServicePort {
        protocol: Protocol(protocol(port)?),
        port: number(&port["port"])?,
        node_port: number(&port["nodePort"]),
        target_port: behind.find(same).and_then(|port| number(&port["port"])).unwrap_or(0),
    })
}

/// One for each ready address.
fn endpoints(slices: &[&Value], cluster: &Cluster) -> Vec<Endpoint> {
    let ready = slices
        .iter()
        .flat_map(|slice| list(&slice["endpoints"]))
        .filter(|endpoint| endpoint["conditions"]["ready"] != false)
        .flat_map(|endpoint| addresses(list(&endpoint["addresses"])));
    let mut by_node: BTreeMap<IpAddr, String> = BTreeMap::new();
    for address in ready {
        let node = match cluster.owner(address) {
            Place::Pod(pod) => cluster.pods[&pod].node.clone(),
            Place::Node(node) => node,
            Place::Outside => String::new(),
        };
        by_node.insert(address, node);
    }
    by_node.into_iter().map(|(address, node)| Endpoint { addresses: vec![address], node }).collect()
}

fn addresses<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<IpAddr> {
    values.filter_map(|value| value.as_str()?.parse().ok()).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
