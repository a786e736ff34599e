//! Figures of the packet path: what 200 rules cost beside bare connection tracking and address translation.

use std::collections::BTreeSet;

use anyhow::Result;
use ferrule_ruleset::{
    compile::Options,
    render::render,
    settings::{Layer, Switch},
};

use super::{
    packet_path::{Route, measure},
    pipeline::Pipeline,
    universe::{NODE, Ports, Scale, Selectors},
};
use crate::{
    cluster::{Cluster, Pod},
    topology::Topology,
};

/// Hooks as they are beside kube-proxy. The masquerade turns connection tracking on, as nothing else here would.
const NAT: &str = "
add table ip nat_hooks
add chain ip nat_hooks prerouting { type nat hook prerouting priority -100; }
add chain ip nat_hooks output { type nat hook output priority -100; }
add chain ip nat_hooks input { type nat hook input priority 100; }
add chain ip nat_hooks postrouting { type nat hook postrouting priority 100; }
add rule ip nat_hooks postrouting ip saddr 192.0.2.1 masquerade
";

/// One configuration to be measured.
struct Configuration {
    name: &'static str,
    scale: Option<Scale>,
    options: Options,
    /// Objects besides those of the scale.
    more: &'static str,
}

/// Every interface of the node under policy, forwarded traffic included.
const HOST_ENDPOINT: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "projectcalico.org/v3", "kind": "HostEndpoint", "metadata": {"name": "all", "labels": {"role": "node"}},
   "spec": {"node": "node-a", "interfaceName": "*"}},
  {"apiVersion": "projectcalico.org/v3", "kind": "GlobalNetworkPolicy", "metadata": {"name": "nodes"},
   "spec": {"selector": "role == 'node'", "order": 1, "applyOnForward": true, "types": ["Ingress", "Egress"],
     "ingress": [{"action": "Deny", "protocol": "TCP", "destination": {"ports": [23]}}, {"action": "Allow"}],
     "egress": [{"action": "Deny", "protocol": "TCP", "destination": {"ports": [25]}}, {"action": "Allow"}]}}]}"#;

/// Measures and prints.
pub fn run() -> Result<()> {
    println!(
        "Packet path: 10 policies x 10 rules x 2 directions, the last rule matches; CPU time of the whole path between two pods of a node"
    );
    let configurations = configurations();
    let topologies: Vec<Topology> = configurations.iter().map(build).collect::<Result<_>>()?;
    let routes: Vec<Route<'_>> = configurations
        .iter()
        .zip(&topologies)
        .map(|(configuration, topology)| route(configuration, topology))
        .collect::<Result<_>>()?;
    let costs = measure(&routes)?;
    for (index, configuration) in configurations.iter().enumerate() {
        println!(
            "  {:56} established {:5.0} ns x{:.2}   new flow {:5.0} ns x{:.2}",
            configuration.name,
            costs.established.median(index),
            costs.established.ratio(index),
            costs.new_flow.median(index),
            costs.new_flow.ratio(index),
        );
    }
    Ok(())
}

fn configurations() -> Vec<Configuration> {
    let scale = |local_pods, ports| {
        Some(Scale {
            namespaces: local_pods / 10,
            local_pods,
            policies: 10,
            rules: 10,
            peers: 20,
            ports,
            selectors: Selectors::Own,
        })
    };
    let lines = || Options { rules_without_index: usize::MAX, ..Options::default() };
    let guard_off = || Layer {
        vxlan_from_workloads: Some(Switch::Enabled),
        ipip_from_workloads: Some(Switch::Enabled),
        ..Layer::default()
    };
    let without_guard = || Options { layer: guard_off(), ..Options::default() };
    let of = |name, scale, options| Configuration { name, scale, options, more: "" };
    vec![
        of("connection tracking and nat hooks only", None, Options::default()),
        of("ferrule, 250 workloads", scale(250, Ports::Distinct), Options::default()),
        of("ferrule, 2000 workloads", scale(2000, Ports::Distinct), Options::default()),
        of(
            "ferrule, 250 workloads, every policy the same ports",
            scale(250, Ports::Shared),
            Options::default(),
        ),
        of("ferrule, 250 workloads, without the port index", scale(250, Ports::Distinct), lines()),
        of(
            "ferrule, 250 workloads, encapsulated packets let through",
            scale(250, Ports::Distinct),
            without_guard(),
        ),
        Configuration {
            more: HOST_ENDPOINT,
            ..of(
                "ferrule, 250 workloads, and a * host endpoint",
                scale(250, Ports::Distinct),
                Options::default(),
            )
        },
    ]
}

/// Two pods of the same namespace, which the last rule of both directions lets speak.
fn pods(scale: &Scale) -> [(String, String); 2] {
    [0, scale.namespaces].map(|index| {
        let (namespace, name, address) = scale.pod(index);
        (format!("{namespace}/{name}"), address)
    })
}

fn scale_of(configuration: &Configuration) -> Scale {
    configuration.scale.unwrap_or(Scale {
        namespaces: 1,
        local_pods: 2,
        policies: 10,
        rules: 10,
        peers: 0,
        ports: Ports::Distinct,
        selectors: Selectors::Own,
    })
}

fn build(configuration: &Configuration) -> Result<Topology> {
    let scale = scale_of(configuration);
    let mut cluster = Cluster::default();
    cluster.nodes.insert(NODE.to_owned(), vec!["172.18.0.2".parse()?]);
    for (name, address) in pods(&scale) {
        cluster.pods.insert(name, Pod { node: NODE.to_owned(), addresses: vec![address.parse()?] });
    }
    let topology = Topology::build("path", &cluster, &BTreeSet::new())?;
    let node = topology.node(NODE)?;
    node.execute("nft", &["-f", "-"], NAT)?;
    if configuration.scale.is_some() {
        let files = [scale.manifests(), configuration.more.to_owned()];
        let files: Vec<&str> = files.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        let (_, ruleset) = Pipeline::of_files(&files, configuration.options.clone());
        node.execute("nft", &["-f", "-"], &render(&ruleset))?;
    }
    Ok(topology)
}

fn route<'a>(configuration: &Configuration, topology: &'a Topology) -> Result<Route<'a>> {
    let scale = scale_of(configuration);
    let [(client, source), (server, destination)] = pods(&scale);
    let (_, port) = scale.port(scale.policies - 1, scale.rules - 1);
    Route::new(
        topology,
        &client,
        &server,
        source.parse()?,
        (destination.parse::<std::net::IpAddr>()?, u16::try_from(port)?).into(),
    )
}
