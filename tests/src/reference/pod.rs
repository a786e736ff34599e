//! Pods (policy-model §2.2).

use std::net::IpAddr;

use serde_json::Value;

use super::{
    labels::{self, Labels},
    world::{World, name_of, namespace_of},
};

/// A pod that packets can come from or go to.
#[derive(Debug)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The node it runs on.
    pub node: String,
    /// Whether it shares its node's network: then it is neither subject nor peer (§1.4).
    pub host_network: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
    /// Its labels as the Kubernetes API knows them.
    pub written: Labels,
    /// Its labels as Calico's selectors see them: its own, then those of its namespace, then those of its service account.
    pub labels: Labels,
    /// The ports that its containers name.
    pub ports: Vec<NamedPort>,
}

/// A named container port.
#[derive(Debug)]
pub struct NamedPort {
    /// Its name.
    pub name: String,
    /// Its protocol number.
    pub protocol: u8,
    /// Its number.
    pub port: u16,
}

impl Pod {
    /// Reads a pod; none if it is on no node or has come to its end (§2.2 "Skipped", "Finished").
    pub fn read(object: &Value, world: &World) -> Option<Self> {
        let node =
            object.pointer("/spec/nodeName").and_then(Value::as_str).filter(|node| !node.is_empty())?;
        if is_finished(object) {
            return None;
        }
        let namespace = namespace_of(object);
        let written = labels::written(object);
        let account = object
            .pointer("/spec/serviceAccountName")
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty());
        let mut effective = labels::without_reserved(written.clone());
        effective.insert(labels::NAMESPACE.to_owned(), namespace.clone());
        effective.insert(labels::ORCHESTRATOR.to_owned(), "k8s".to_owned());
        if let Some(account) = account {
            effective.insert(labels::SERVICE_ACCOUNT.to_owned(), account.to_owned());
        }
        labels::inherit(&mut effective, labels::OF_NAMESPACE, world.namespaces.get(&namespace));
        let account =
            account.and_then(|account| world.accounts.get(&(namespace.clone(), account.to_owned())));
        labels::inherit(&mut effective, labels::OF_SERVICE_ACCOUNT, account);
        Some(Self {
            namespace,
            name: name_of(object),
            node: node.to_owned(),
            host_network: object.pointer("/spec/hostNetwork") == Some(&Value::Bool(true)),
            addresses: addresses(object),
            written,
            labels: effective,
            ports: ["/spec/containers", "/spec/initContainers"]
                .into_iter()
                .flat_map(|path| ports(object, path))
                .collect(),
        })
    }
}

/// Whether the pod has given its address back: it has ended, or it is being deleted and the CNI plug-in has emptied its annotation (§2.2, §4.1).
fn is_finished(object: &Value) -> bool {
    let phase = object.pointer("/status/phase").and_then(Value::as_str);
    let released =
        ["cni.projectcalico.org/podIP", "cni.projectcalico.org/podIPs", "vpc.amazonaws.com/pod-ips"]
            .into_iter()
            .any(|key| annotation(object, key) == Some(""));
    let deleted = object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null());
    matches!(phase, Some("Failed" | "Succeeded" | "Completed")) || deleted && released
}

/// The first of these that gives an address: `status.podIPs`, `status.podIP`, the CNI plug-in's annotations, Amazon's (§2.2 "IPs").
fn addresses(object: &Value) -> Vec<IpAddr> {
    let listed = object.pointer("/status/podIPs").and_then(Value::as_array);
    let listed: Vec<&str> = listed.into_iter().flatten().filter_map(|entry| entry["ip"].as_str()).collect();
    let single = object.pointer("/status/podIP").and_then(Value::as_str);
    let annotated =
        ["cni.projectcalico.org/podIPs", "cni.projectcalico.org/podIP", "vpc.amazonaws.com/pod-ips"]
            .into_iter()
            .map(|key| annotation(object, key).into_iter().flat_map(|text| text.split(',')).collect());
    let sources = [listed, single.into_iter().collect()].into_iter().chain(annotated);
    sources
        .map(|texts: Vec<&str>| texts.into_iter().filter_map(address).collect::<Vec<IpAddr>>())
        .find(|addresses| !addresses.is_empty())
        .unwrap_or_default()
}

/// An address, which annotations write with its length: `10.0.0.1/32`.
fn address(text: &str) -> Option<IpAddr> {
    text.trim().split('/').next()?.parse().ok()
}

fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

/// Ports with a name; TCP if no protocol is given (§2.2 "Named ports"). Ephemeral containers do not count.
fn ports(object: &Value, containers: &str) -> Vec<NamedPort> {
    let containers = object.pointer(containers).and_then(Value::as_array);
    let ports =
        containers.into_iter().flatten().filter_map(|container| container["ports"].as_array()).flatten();
    let read = |port: &Value| {
        let protocol = match port["protocol"].as_str() {
            None | Some("TCP") => 6,
            Some("UDP") => 17,
            Some("SCTP") => 132,
            Some(_) => return None,
        };
        let name = port["name"].as_str().filter(|name| !name.is_empty())?.to_owned();
        Some(NamedPort { name, protocol, port: port["containerPort"].as_u64()?.try_into().ok()? })
    };
    ports.filter_map(read).collect()
}
