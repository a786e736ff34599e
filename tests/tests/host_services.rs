//! What a node itself sends to its pods and to Services while a host endpoint closes all of its interfaces, beside kube-proxy's rules in both modes.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::net::SocketAddr;

use ferrule_ruleset::{address::Family, settings::NodePortPolicy};
use ferrule_tests::service::{
    Mode,
    bed::{Bed, Call, Regime},
    cell::{Backend, Client, Site},
    dial::{Expected, Outcome},
    layout::{Host, NODE_PORT, SERVICE_PORT, TARGET_PORT, address},
};

/// The Service with the backend on the dialled node, and the one with the backend on another.
const SERVICES: [(usize, Backend); 2] = [(0, Backend::Near), (2, Backend::Far)];

/// A host endpoint of the dialled node, with a policy for what the node sends to a port, or none.
fn regime(interface: &str, port: Option<u16>) -> Regime {
    let mut policies = format!(
        "apiVersion: projectcalico.org/v3\nkind: HostEndpoint\nmetadata: {{name: closed, labels: {{host: endpoint}}}}\nspec: {{node: {}, interfaceName: '{interface}'}}\n",
        Site::Dialled.node()
    );
    if let Some(port) = port {
        policies.push_str(&format!(
            "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: egress}}\n\
             spec: {{selector: has(host), types: [Egress], egress: [{{action: Allow, protocol: TCP, destination: {{ports: [{port}]}}}}]}}\n"
        ));
    }
    Regime::new(NodePortPolicy::Standard, policies)
}

/// What the node calls, where the backend is, and at which port it is dialled.
fn calls(bed: &Bed) -> Vec<(Backend, u16, SocketAddr)> {
    let mut calls = Vec::new();
    for family in Family::ALL {
        for (number, backend) in SERVICES {
            let own = address(family, Host::Node(Site::Dialled));
            let other = address(family, Host::Node(Site::Other));
            let cluster = bed.services[number]
                .cluster_ips
                .iter()
                .find(|address| Family::of(address) == family)
                .unwrap();
            let node_port = NODE_PORT + u16::try_from(number).unwrap();
            calls.extend([
                (backend, TARGET_PORT, SocketAddr::new(address(family, Host::Server(backend)), TARGET_PORT)),
                (backend, SERVICE_PORT, SocketAddr::new(*cluster, SERVICE_PORT)),
                (backend, node_port, SocketAddr::new(own, node_port)),
            ]);
            // The NodePort of another node is not translated here, wherever the backend is: it leaves as it was dialled.
            calls.push((Backend::Far, node_port, SocketAddr::new(other, node_port)));
        }
    }
    calls
}

#[test]
fn the_node_reaches_its_own_pods_and_other_servers_are_judged_behind_the_translation() {
    let mut bed = Bed::wire("hostservices").unwrap();
    for mode in Mode::ALL {
        bed.install(mode).unwrap();
        for interface in ["*", "eth0"] {
            for port in [None, Some(TARGET_PORT), Some(SERVICE_PORT), Some(NODE_PORT)] {
                bed.enforce(&regime(interface, port)).unwrap();
                let calls = calls(&bed);
                let other = |to: &SocketAddr| {
                    Family::ALL.iter().any(|family| to.ip() == address(*family, Host::Node(Site::Other)))
                };
                let expected = |backend: Backend, dialled: u16, to: &SocketAddr| match backend {
                    Backend::Near => true,
                    Backend::Far => port == Some(if other(to) { dialled } else { TARGET_PORT }),
                };
                let made: Vec<Call> = calls
                    .iter()
                    .map(|(backend, dialled, to)| Call {
                        client: Client::Host(Site::Dialled),
                        source: None,
                        to: *to,
                        expected: if expected(*backend, *dialled, to) {
                            Expected::Answer
                        } else {
                            Expected::Silence
                        },
                    })
                    .collect();
                let outcomes = bed.call(&made).unwrap();
                for ((call, (backend, dialled, to)), (_, outcome)) in made.iter().zip(&calls).zip(outcomes) {
                    let answered = matches!(outcome, Outcome::Answered(_));
                    assert_eq!(
                        answered,
                        expected(*backend, *dialled, to),
                        "{mode:?}, {interface}, egress to {port:?}: {backend:?}, {call:?} ended with {outcome:?}"
                    );
                }
                bed.relax().unwrap();
            }
        }
    }
    bed.close().unwrap();
}
