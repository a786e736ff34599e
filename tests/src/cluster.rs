//! What the manifests of a case say about nodes and pods, as far as wires and addresses go.
//!
//! Reads documents as plain trees and only the fields that a topology needs, so that no mistake of the manifest reader under test is shared.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::objects::from_yaml;

/// Nodes and pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Addresses of each node, by name.
    pub nodes: BTreeMap<String, Vec<IpAddr>>,
    /// Pods that own a network namespace, by `namespace/name`.
    pub pods: BTreeMap<String, Pod>,
    /// The node of each pod that shares its node's network, by `namespace/name`.
    pub host_pods: BTreeMap<String, String>,
    /// Cluster addresses of each Service, by `namespace/name`.
    pub services: BTreeMap<String, Vec<IpAddr>>,
    /// The interface of each node towards the network, where it is not `eth0`: the annotation `ferrule-tests/uplink` of the Node.
    pub uplinks: BTreeMap<String, String>,
}

/// A pod with a network namespace of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// The node that it runs on.
    pub node: String,
    /// `status.podIPs`.
    pub addresses: Vec<IpAddr>,
}

/// Whom an address belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A pod, by `namespace/name`.
    Pod(String),
    /// A node, by name.
    Node(String),
    /// Somewhere outside the cluster.
    Outside,
}

impl Cluster {
    /// Reads every manifest of a directory, at any depth.
    pub fn read(directory: &Path) -> Result<Self> {
        let mut objects = Vec::new();
        for file in manifests(directory)? {
            let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            objects.extend(from_yaml(&text).with_context(|| format!("parse {}", file.display()))?);
        }
        Ok(Self::from_objects(&objects))
    }

    /// Takes nodes and pods from objects. A node that only pods name exists too; one without addresses gets a pair of its own.
    pub fn from_objects(objects: &[Value]) -> Self {
        let mut cluster = Self::default();
        for object in objects {
            match object["kind"].as_str() {
                Some("Node") => cluster.add_node(object),
                Some("Pod") => cluster.add_pod(object),
                Some("Service") => cluster.add_service(object),
                Some(_) | None => {}
            }
        }
        for (number, addresses) in (1..).zip(cluster.nodes.values_mut()) {
            if addresses.is_empty() {
                addresses.extend(invented(number));
            }
        }
        cluster
    }

    /// Whom an address belongs to.
    pub fn owner(&self, address: IpAddr) -> Place {
        let pod = self.pods.iter().find(|(_, pod)| pod.addresses.contains(&address));
        let node = || self.nodes.iter().find(|(_, addresses)| addresses.contains(&address));
        match pod {
            Some((name, _)) => Place::Pod(name.clone()),
            None => node().map_or(Place::Outside, |(name, _)| Place::Node(name.clone())),
        }
    }

    /// The addresses of a peer as a flow names it: `namespace/pod`, `node/NAME`, or an address. A pod of the host network has its node's.
    pub fn addresses(&self, peer: &str) -> Result<Vec<IpAddr>> {
        if let Ok(address) = peer.parse::<IpAddr>() {
            return Ok(vec![address]);
        }
        let node = peer.strip_prefix("node/").or_else(|| self.host_pods.get(peer).map(String::as_str));
        let found = match node {
            _ if peer.starts_with("svc/") => self.services.get(&peer[4..]),
            Some(node) => self.nodes.get(node),
            None => self.pods.get(peer).map(|pod| &pod.addresses),
        };
        found.cloned().with_context(|| format!("no pod, node, service or address {peer:?} in this cluster"))
    }

    fn add_node(&mut self, object: &Value) {
        let addresses = list(&object["status"]["addresses"]).filter_map(|entry| address(&entry["address"]));
        let name = text(&object["metadata"]["name"]);
        self.nodes.entry(name.to_owned()).or_default().extend(addresses);
        if let Some(uplink) = object["metadata"]["annotations"]["ferrule-tests/uplink"].as_str() {
            self.uplinks.insert(name.to_owned(), uplink.to_owned());
        }
    }

    fn add_service(&mut self, object: &Value) {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
        let name = format!("{namespace}/{}", text(&object["metadata"]["name"]));
        let addresses = list(&object["spec"]["clusterIPs"]).filter_map(address).collect();
        self.services.insert(name, addresses);
    }

    fn add_pod(&mut self, object: &Value) {
        let (metadata, spec, status) = (&object["metadata"], &object["spec"], &object["status"]);
        let Some(node) = spec["nodeName"].as_str().filter(|_| !finished(object)) else { return };
        self.nodes.entry(node.to_owned()).or_default();
        let namespace = metadata["namespace"].as_str().unwrap_or("default");
        let name = format!("{namespace}/{}", text(&metadata["name"]));
        let listed: Vec<_> = list(&status["podIPs"]).filter_map(|entry| address(&entry["ip"])).collect();
        let addresses =
            if listed.is_empty() { address(&status["podIP"]).into_iter().collect() } else { listed };
        if spec["hostNetwork"].as_bool() == Some(true) {
            self.host_pods.insert(name, node.to_owned());
        } else if !addresses.is_empty() {
            self.pods.insert(name, Pod { node: node.to_owned(), addresses });
        }
    }
}

/// The manifest files of a directory in order of their paths.
pub fn manifests(directory: &Path) -> Result<BTreeSet<std::path::PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(directory).with_context(|| format!("read directory {}", directory.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.append(&mut manifests(&path)?);
        } else if path
            .extension()
            .is_some_and(|suffix| suffix == "yaml" || suffix == "yml" || suffix == "json")
        {
            files.insert(path);
        }
    }
    Ok(files)
}

/// Whether a pod has given its addresses back.
fn finished(object: &Value) -> bool {
    matches!(object["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn address(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

/// Addresses for a node whose object has none.
fn invented(number: u8) -> [IpAddr; 2] {
    let v4 = Ipv4Addr::new(172, 31, 255, number);
    let v6 = Ipv6Addr::new(0xfd00, 0x31, 0, 0, 0, 0, 0, number.into());
    [v4.into(), v6.into()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECTS: &str = "
kind: Node
metadata: {name: one}
status: {addresses: [{type: InternalIP, address: 172.18.0.2}, {type: Hostname, address: one}]}
---
kind: List
items:
- {kind: Pod, metadata: {name: web}, spec: {nodeName: two}, status: {podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}}
- {kind: Pod, metadata: {name: host}, spec: {nodeName: one, hostNetwork: true}, status: {podIP: 172.18.0.2}}
- {kind: Pod, metadata: {name: done}, spec: {nodeName: one}, status: {phase: Succeeded, podIP: 10.0.0.9}}
- {kind: Pod, metadata: {name: pending}, spec: {}}
";

    #[test]
    fn reads_nodes_and_pods() {
        let cluster = Cluster::from_objects(&from_yaml(OBJECTS).unwrap());
        assert_eq!(cluster.nodes.keys().collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(cluster.nodes["two"], invented(2));
        assert_eq!(cluster.pods.keys().collect::<Vec<_>>(), ["default/web"]);
        assert_eq!(cluster.addresses("default/host").unwrap(), cluster.addresses("node/one").unwrap());
        assert_eq!(cluster.owner("fd00::1".parse().unwrap()), Place::Pod("default/web".into()));
        assert_eq!(cluster.owner("10.0.0.9".parse().unwrap()), Place::Outside);
        assert!(cluster.addresses("default/done").is_err());
    }
}
