//! A cluster of two nodes, asked from every side.
//!
//! ```text
//! n1 (172.18.0.2, fd00::2): default/a (10.0.1.1, fd01::1)  default/b (10.0.1.2)   kube-system/proxy (host network)
//! n2 (172.18.0.3):          default/c (10.0.2.1, fd02::1)  default/six (fd02::6)  default/done (finished, once 10.0.1.2)
//! no node:                  default/pending
//! ```

mod ends;
mod host;
mod policy;
mod trace;

use std::net::IpAddr;

use crate::{
    compile::Options,
    event::Event,
    labels::Labels,
    name::{NodeName, ObjectName},
    resource::{Namespace, Node, Pod, PodExtras, PodState, Resource, Tenure},
    store::Store,
    verdict::{Cluster, Peer},
};

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn peer(text: &str) -> Peer {
    text.parse().unwrap()
}

fn pod(namespace: &str, name: &str, node: Option<&str>, state: PodState, addresses: &[&str]) -> Resource {
    Resource::Pod(Pod {
        name: ObjectName::new(namespace, name),
        node: node.map(NodeName::from),
        state,
        labels: Labels::from_iter([("projectcalico.org/namespace", namespace), ("app", name)]),
        service_account: None,
        addresses: addresses.iter().map(|text| address(text)).collect(),
        ports: Vec::new(),
        tenure: Tenure::Lasting,
        extras: PodExtras::default(),
    })
}

fn node(name: &str, addresses: &[&str]) -> Resource {
    Resource::Node(Node {
        name: name.into(),
        labels: Labels::new(),
        addresses: addresses.iter().map(|text| address(text)).collect(),
    })
}

fn namespace(name: &str) -> Resource {
    Resource::Namespace(Namespace {
        name: name.into(),
        labels: Labels::from_iter([("kubernetes.io/metadata.name", name), ("projectcalico.org/name", name)]),
    })
}

fn world() -> Vec<Resource> {
    vec![
        namespace("default"),
        namespace("kube-system"),
        node("n1", &["172.18.0.2", "fd00::2"]),
        node("n2", &["172.18.0.3"]),
        pod("default", "a", Some("n1"), PodState::Active, &["10.0.1.1", "fd01::1"]),
        pod("default", "b", Some("n1"), PodState::Active, &["10.0.1.2"]),
        pod("kube-system", "proxy", Some("n1"), PodState::HostNetwork, &["172.18.0.2"]),
        pod("default", "c", Some("n2"), PodState::Active, &["10.0.2.1", "fd02::1"]),
        pod("default", "six", Some("n2"), PodState::Active, &["fd02::6"]),
        pod("default", "done", Some("n2"), PodState::Finished, &["10.0.1.2"]),
        pod("default", "pending", None, PodState::Active, &[]),
    ]
}

fn cluster_of(resources: impl IntoIterator<Item = Resource>) -> Cluster {
    let mut store = Store::default();
    resources.into_iter().for_each(|resource| store.apply(Event::Upsert(resource)));
    Cluster::new(store, Options::default())
}
