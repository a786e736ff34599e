//! The server, its client, and the links to nodes.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, net::TcpStream};

use serde_json::{Value, json};

use super::{ApiServer, PORT, admissible, definitions, refusal};
use crate::{cluster::Cluster, objects::from_yaml, topology::Topology};

const OBJECTS: &str = "
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}]}}
- {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}
- {apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: 'fd00:1::1'}]}}
- {apiVersion: projectcalico.org/v3, kind: Tier, metadata: {name: platform}, spec: {order: 5, anything: at all}}
";

fn web() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}})
}

#[test]
fn objects_live_through_kill_and_copy() {
    let mut server = ApiServer::start("life", &[]).unwrap();
    definitions::install(server.client(), &definitions::calico()).unwrap();
    let objects = admissible(&from_yaml(OBJECTS).unwrap());
    server.client().apply_all(&objects).unwrap();
    server.client().apply_all(&objects).unwrap();
    let tiers = server.client().list("projectcalico.org/v3", "Tier").unwrap();
    assert_eq!(tiers[0]["spec"], json!({"order": 5, "anything": "at all"}));
    let pod = server.client().find(&web()).unwrap().unwrap();
    assert_eq!(pod["status"]["podIPs"], json!([{"ip": "10.0.1.1"}, {"ip": "fd00:1::1"}]));
    let again = server.client().create(&objects[1]).unwrap_err();
    assert!(refusal(&again).unwrap().is_already_exists(), "{again:#}");

    server.kill().unwrap();
    let copy = server.copy_state().unwrap();
    server.start_again().unwrap();
    server.client().clear(&objects).unwrap();
    assert_eq!(server.client().find(&web()).unwrap(), None);
    server.kill().unwrap();
    server.put_back(&copy).unwrap();
    server.start_again().unwrap();
    assert!(server.client().find(&web()).unwrap().is_some(), "the earlier state is back");
}

#[test]
fn nodes_reach_the_server_and_two_topologies_share_it() {
    let server = ApiServer::start("reach", &[]).unwrap();
    let cluster = Cluster::from_objects(&from_yaml(OBJECTS).unwrap());
    let topologies = [0, 1].map(|_| Topology::build("reach", &cluster, &BTreeSet::new()).unwrap());
    for topology in &topologies {
        server.join(topology).unwrap();
        let node = topology.node("n1").unwrap();
        node.run(|| TcpStream::connect((super::ADDRESS, PORT))).unwrap();
    }
    server.hold().unwrap();
    server.release().unwrap();
    let objects = admissible(&from_yaml(OBJECTS).unwrap());
    server.client().apply(&objects[0]).unwrap();
}

#[test]
fn the_policy_api_is_served_as_its_authors_define_it() {
    let server = ApiServer::start("kinds", &[]).unwrap();
    definitions::install(server.client(), &definitions::policy_api().unwrap()).unwrap();
    definitions::install(server.client(), &definitions::calico_stored()).unwrap();
    let policy = json!({"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": {"name": "x"}, "spec": {}});
    let refused = server.client().create_dry(&policy).unwrap_err();
    assert_eq!(refusal(&refused).unwrap().code, 422, "{refused:#}");
    let lax = json!({"apiVersion": "crd.projectcalico.org/v1", "kind": "NetworkPolicy", "metadata": {"name": "x", "namespace": "default"}});
    server.client().create_dry(&lax).unwrap();
}
