//! The cluster that the objects of a directory describe.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::Value;

use super::{
    administrative, calico,
    host_endpoint::HostEndpoint,
    kubernetes,
    labels::{self, Labels},
    network_set::NetworkSet,
    pod::Pod,
    policy::Policy,
    service::{self, Backend, Service},
    tier::Tier,
};

/// Everything that bears on a verdict.
#[derive(Debug, Default)]
pub struct World {
    /// Pods that have an interface of their own and an address, and pods that share their node's.
    pub pods: Vec<Pod>,
    /// Addresses by node.
    pub nodes: BTreeMap<String, Vec<IpAddr>>,
    /// Labels by namespace, automatic ones included.
    pub namespaces: BTreeMap<String, Labels>,
    /// Labels by namespace and name of service account, automatic ones included.
    pub accounts: BTreeMap<(String, String), Labels>,
    /// NetworkSets and GlobalNetworkSets.
    pub network_sets: Vec<NetworkSet>,
    /// Tiers in the order of evaluation, each with its policies in the order of evaluation.
    pub tiers: Vec<(Tier, Vec<Policy>)>,
    /// The interface towards the network by node, where it is not `eth0`: the annotation `ferrule-tests/uplink`.
    pub uplinks: BTreeMap<String, String>,
    /// Labels by node, of those that have an object.
    pub node_labels: BTreeMap<String, Labels>,
    /// Labels and `status.addresses` of Node objects.
    pub node_objects: Vec<(Labels, Vec<IpAddr>)>,
    /// Host endpoints of all nodes.
    pub host_endpoints: Vec<HostEndpoint>,
    /// Services.
    pub services: Vec<Service>,
    /// What is behind them.
    pub backends: Vec<Backend>,
    /// Services, each with an address that one of their EndpointSlices lists.
    pub behind_services: Vec<((String, String), IpAddr)>,
    /// FelixConfigurations as they are written.
    pub configurations: Vec<Value>,
}

/// The kinds of administrators' policies, and the versions that have the fields that are read here.
const ADMINISTRATIVE: [(&str, &str, administrative::Kind); 4] = [
    ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy", administrative::Kind::Cluster),
    ("policy.networking.k8s.io/v1beta1", "ClusterNetworkPolicy", administrative::Kind::Cluster),
    ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", administrative::Kind::Admin),
    ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy", administrative::Kind::Baseline),
];

impl World {
    /// Reads the objects, in any order. No two may have one identity.
    pub fn read(objects: &[Value]) -> Self {
        let mut world = Self::default();
        let of_kind = |group: &'static str, kind: &'static str| {
            objects.iter().filter(move |object| is(object, group, kind) && name(object).is_some())
        };
        for object in of_kind("v1", "Namespace") {
            world.namespaces.insert(name_of(object), labels::written(object));
        }
        world.imply_namespaces(objects);
        for object in of_kind("v1", "ServiceAccount") {
            let mut account = labels::written(object);
            account.insert(labels::NAME.to_owned(), name_of(object));
            world.accounts.insert((namespace_of(object), name_of(object)), account);
        }
        for object in of_kind("v1", "Node") {
            world.nodes.insert(name_of(object), node_addresses(object));
            if let Some(uplink) = object["metadata"]["annotations"]["ferrule-tests/uplink"].as_str() {
                world.uplinks.insert(name_of(object), uplink.to_owned());
            }
            world.node_objects.push((labels::written(object), node_addresses(object)));
            world.node_labels.insert(name_of(object), labels::written(object));
        }
        world.pods = of_kind("v1", "Pod").filter_map(|object| Pod::read(object, &world)).collect();
        // A pod that shares its node's network has the node's address, whether or not there is a Node object to say so.
        for pod in world.pods.iter().filter(|pod| pod.host_network) {
            let addresses = world.nodes.entry(pod.node.clone()).or_default();
            addresses.extend(
                pod.addresses
                    .iter()
                    .filter(|address| !addresses.contains(address))
                    .copied()
                    .collect::<Vec<_>>(),
            );
        }
        world.network_sets = of_kind("projectcalico.org/v3", "NetworkSet")
            .map(|object| NetworkSet::read(object, Some(namespace_of(object)), &world))
            .chain(
                of_kind("projectcalico.org/v3", "GlobalNetworkSet")
                    .map(|object| NetworkSet::read(object, None, &world)),
            )
            .collect();
        world.host_endpoints = of_kind("projectcalico.org/v3", "HostEndpoint")
            .map(|object| HostEndpoint::read(object, &world))
            .collect();
        world.services = of_kind("v1", "Service").map(Service::read).collect();
        world.backends =
            of_kind("discovery.k8s.io/v1", "EndpointSlice").flat_map(service::backends).collect();
        world.behind_services =
            of_kind("discovery.k8s.io/v1", "EndpointSlice").flat_map(service::addresses).collect();
        world.configurations = of_kind("projectcalico.org/v3", "FelixConfiguration").cloned().collect();
        let policies = of_kind("networking.k8s.io/v1", "NetworkPolicy")
            .map(kubernetes::read)
            .chain(ADMINISTRATIVE.into_iter().flat_map(|(version, name, kind)| {
                of_kind(version, name).map(move |object| administrative::read(object, kind))
            }))
            .chain(
                of_kind("projectcalico.org/v3", "NetworkPolicy")
                    .map(|object| calico::read(object, Some(namespace_of(object)))),
            )
            .chain(
                of_kind("projectcalico.org/v3", "GlobalNetworkPolicy")
                    .map(|object| calico::read(object, None)),
            )
            .collect();
        world.tiers =
            Tier::arrange(of_kind("projectcalico.org/v3", "Tier").map(Tier::read).collect(), policies);
        world
    }

    /// Design §5: a namespace that a pod or policy names exists, with its automatic labels (policy-model §0 item 3) as every namespace has them.
    fn imply_namespaces(&mut self, objects: &[Value]) {
        let namers = objects.iter().filter(|object| {
            is(object, "v1", "Pod")
                || is(object, "networking.k8s.io/v1", "NetworkPolicy")
                || is(object, "projectcalico.org/v3", "NetworkPolicy")
        });
        for object in namers {
            self.namespaces.entry(namespace_of(object)).or_default();
        }
        for (name, labels) in &mut self.namespaces {
            labels.insert(labels::NAME.to_owned(), name.clone());
            labels.insert(labels::METADATA_NAME.to_owned(), name.clone());
        }
    }

    /// The node that other machines send packets for an address to: that of the pod that owns it, or the node that bears it.
    pub fn node_towards(&self, address: IpAddr) -> Option<&str> {
        let of_pod = self.endpoints_at(address).next().map(|pod| pod.node.as_str());
        let bearer = || self.nodes.iter().find(|(_, addresses)| addresses.contains(&address));
        of_pod.or_else(|| bearer().map(|(name, _)| name.as_str()))
    }

    /// The pods that own an address and have an interface of their own.
    pub fn endpoints_at(&self, address: IpAddr) -> impl Iterator<Item = &Pod> {
        self.pods.iter().filter(move |pod| !pod.host_network && pod.addresses.contains(&address))
    }
}

/// `metadata.name`.
pub fn name(object: &Value) -> Option<&str> {
    object.pointer("/metadata/name").and_then(Value::as_str)
}

/// `metadata.name` of an object that is known to have one.
pub fn name_of(object: &Value) -> String {
    name(object).unwrap_or_default().to_owned()
}

/// `metadata.namespace`, `default` if absent (design §5).
pub fn namespace_of(object: &Value) -> String {
    object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or("default").to_owned()
}

fn is(object: &Value, version: &str, kind: &str) -> bool {
    object["apiVersion"] == version && object["kind"] == kind
}

/// `status.addresses` that are addresses; the others are host names.
fn node_addresses(object: &Value) -> Vec<IpAddr> {
    let addresses = object.pointer("/status/addresses").and_then(Value::as_array);
    addresses.into_iter().flatten().filter_map(|entry| entry["address"].as_str()?.parse().ok()).collect()
}
