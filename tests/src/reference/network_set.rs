//! NetworkSets and GlobalNetworkSets (policy-model §1.3).

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::{
    labels::{self, Labels},
    net,
    world::World,
};

/// Networks that selectors find by labels.
#[derive(Debug)]
pub struct NetworkSet {
    /// Its labels as selectors see them; a NetworkSet inherits those of its namespace (§0 item 4), a GlobalNetworkSet has none.
    pub labels: Labels,
    /// Its networks.
    pub nets: Vec<IpNet>,
}

impl NetworkSet {
    /// Reads a set. Entries that are no networks are left out (§1.3 "bad entries skipped with a warning").
    pub fn read(object: &Value, namespace: Option<String>, world: &World) -> Self {
        let mut effective = labels::without_reserved(labels::written(object));
        if let Some(namespace) = namespace {
            labels::inherit(&mut effective, labels::OF_NAMESPACE, world.namespaces.get(&namespace));
            effective.insert(labels::NAMESPACE.to_owned(), namespace);
        }
        let nets = object.pointer("/spec/nets").and_then(Value::as_array);
        Self { labels: effective, nets: nets.into_iter().flatten().filter_map(net::read).collect() }
    }

    /// Whether the address is in one of its networks.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.nets.iter().any(|net| net.contains(&address))
    }
}
