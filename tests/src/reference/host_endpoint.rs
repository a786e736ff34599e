//! Host endpoints (policy-model §1.3, felix-dataplane §7).

use std::net::IpAddr;

use serde_json::Value;

use super::{
    labels::{self, Labels},
    pod::NamedPort,
    world::{World, name_of},
};

/// Interfaces of a node that policy governs.
#[derive(Debug)]
pub struct HostEndpoint {
    /// Its name.
    pub name: String,
    /// Its node.
    pub node: String,
    /// Which interfaces it is.
    pub interface: Interface,
    /// Its addresses, for selectors of rules and, without a name, for finding its interface.
    pub addresses: Vec<IpAddr>,
    /// Its labels as selectors see them: its own, then those of its profiles.
    pub labels: Labels,
    /// What stands behind its last tier, profile by profile; none of them: everything is denied.
    pub profiles: Vec<Profile>,
    /// The ports that it names.
    pub ports: Vec<NamedPort>,
}

/// `spec.interfaceName`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interface {
    /// `*`: what no other host endpoint has.
    Others,
    /// The interface of this name.
    Named(String),
    /// The interface that bears one of the expected addresses.
    ByAddress,
}

/// A profile of a host endpoint (§2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Of a namespace, or `projectcalico-default-allow`.
    Allows,
    /// Of a service account: it has no rules.
    Silent,
    /// Of nobody: it denies.
    Missing,
}

impl HostEndpoint {
    /// Reads a host endpoint.
    pub fn read(object: &Value, world: &World) -> Self {
        let spec = &object["spec"];
        let listed = |field: &str| spec[field].as_array().into_iter().flatten();
        let mut own = labels::without_reserved(labels::written(object));
        let profiles = listed("profiles").map(|profile| {
            let name = profile.as_str().unwrap_or_default();
            inherit(&mut own, name, world)
        });
        let profiles = profiles.collect();
        Self {
            name: name_of(object),
            node: spec["node"].as_str().unwrap_or_default().to_owned(),
            interface: match spec["interfaceName"].as_str() {
                None | Some("") => Interface::ByAddress,
                Some("*") => Interface::Others,
                Some(name) => Interface::Named(name.to_owned()),
            },
            addresses: listed("expectedIPs").filter_map(|text| text.as_str()?.parse().ok()).collect(),
            labels: own,
            profiles,
            ports: listed("ports").filter_map(port).collect(),
        }
    }

    /// The host endpoint that each node has without being asked for it (§1.3 "Auto-HEPs").
    pub fn automatic(node: &str, node_labels: &Labels, addresses: &[IpAddr]) -> Self {
        Self {
            name: format!("{node}-auto-hep"),
            node: node.to_owned(),
            interface: Interface::Others,
            addresses: addresses.to_vec(),
            labels: labels::without_reserved(node_labels.clone()),
            profiles: vec![Profile::Allows],
            ports: Vec::new(),
        }
    }
}

/// What a profile says, and the labels that come with it.
fn inherit(own: &mut Labels, profile: &str, world: &World) -> Profile {
    let namespace = |name: &str| world.namespaces.get(name);
    let account = |name: &str| {
        let (namespace, name) = name.split_once('.')?;
        world.accounts.get(&(namespace.to_owned(), name.to_owned()))
    };
    if profile == "projectcalico-default-allow" {
        Profile::Allows
    } else if let Some(parent) = profile.strip_prefix("kns.").and_then(namespace) {
        labels::inherit(own, labels::OF_NAMESPACE, Some(parent));
        Profile::Allows
    } else if let Some(parent) = profile.strip_prefix("ksa.").and_then(account) {
        labels::inherit(own, labels::OF_SERVICE_ACCOUNT, Some(parent));
        Profile::Silent
    } else {
        Profile::Missing
    }
}

fn port(value: &Value) -> Option<NamedPort> {
    let protocol = match &value["protocol"] {
        Value::String(name) => crate::flow::protocol_number(name)?,
        Value::Number(number) => u8::try_from(number.as_u64()?).ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let port = value["port"].as_u64()?.try_into().ok()?;
    Some(NamedPort { name: value["name"].as_str()?.to_owned(), protocol, port })
}

/// The host endpoint of an interface of a node: by name, else by address, else `*`; of several the least name (§1.3 "Interface match"). An interface of a
/// workload has none but `*`.
pub fn of_interface<'a>(world: &'a World, node: &str, link: Link<'_>) -> Option<&'a HostEndpoint> {
    let claim = |endpoint: &HostEndpoint| match (&endpoint.interface, link) {
        (Interface::Named(name), Link::Network { name: link, .. }) => (name == link).then_some(0),
        (Interface::ByAddress, Link::Network { addresses, .. }) => {
            endpoint.addresses.iter().any(|address| addresses.contains(address)).then_some(1)
        }
        (Interface::Others, _) => Some(2),
        (Interface::Named(_) | Interface::ByAddress, Link::Workload) => None,
    };
    let here = world.host_endpoints.iter().filter(|endpoint| endpoint.node == node);
    let claims = here.filter_map(|endpoint| Some((claim(endpoint)?, &endpoint.name, endpoint)));
    claims.min_by_key(|(rank, name, _)| (*rank, *name)).map(|(_, _, endpoint)| endpoint)
}

/// An interface of a node.
#[derive(Clone, Copy, Debug)]
pub enum Link<'a> {
    /// A pod's.
    Workload,
    /// One towards other machines.
    Network {
        /// Its name.
        name: &'a str,
        /// The addresses that it bears.
        addresses: &'a [IpAddr],
    },
}
