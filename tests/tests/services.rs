//! Traffic to Services: what policy sees of it and what it makes of it, in both modes of kube-proxy and both families; and the document that says so.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{fs, net::SocketAddr, path::Path, time::Instant};

use ferrule_ruleset::{address::Family, settings::NodePortPolicy};
use ferrule_tests::service::{
    Mode,
    bed::{Bed, Call},
    cell::{Backend, Client, Site},
    dial::{Expected, Outcome},
    document::{self, Measurements},
    layout::{self, Host, NODE_PORT, SERVICE_PORT},
    scenario::{self, Exceptions},
    truth, witness,
};

/// The document, from the root of the repository.
const DOCUMENT: &str = "docs/services.md";

/// Measures everything in both modes of kube-proxy, which have to agree.
fn measure(bed: &mut Bed, node_ports: NodePortPolicy) -> Measurements {
    let mut exceptions = Exceptions::new();
    let [(table, reached), second] = Mode::ALL.map(|mode| {
        let table = truth::measure(bed, mode, node_ports, "").unwrap();
        let reached = scenario::node_ports(bed, mode, node_ports).unwrap();
        exceptions.extend(scenario::exceptions(bed, mode).unwrap());
        (table, reached)
    });
    assert_eq!((&table, &reached), (&second.0, &second.1), "the modes of kube-proxy agree");
    Measurements { table, node_ports: reached, exceptions }
}

#[test]
fn policy_sees_and_decides_as_documented() {
    let begin = Instant::now();
    let mut bed = Bed::wire("services").unwrap();
    let [measured, consistent] =
        [NodePortPolicy::Standard, NodePortPolicy::Consistent].map(|mode| measure(&mut bed, mode));
    bed.close().unwrap();
    let text = document::render(&measured, Some(&consistent)).unwrap();
    for measured in [&measured, &consistent] {
        println!("{}", document::node_ports(&measured.node_ports));
    }
    println!("{} questions answered in {:?}", measured.table.len(), begin.elapsed());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(DOCUMENT);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    let same = expected.lines().zip(text.lines()).take_while(|(expected, now)| expected == now).count();
    assert!(
        expected == text,
        "{DOCUMENT} differs from line {} on: {:?} is measured; UPDATE_EXPECT=1 writes it anew",
        same + 1,
        text.lines().nth(same)
    );
}

/// How often a Service with two endpoints is called; that all calls come to one of them has a chance of 2⁻³¹.
const CALLS: usize = 32;

/// Calls to the cluster address of the n-th Service, from the client pod of the dialled node.
fn call(bed: &Bed, number: usize, family: Family, port: u16) -> Call {
    let addresses = &bed.services[number].cluster_ips;
    let to = addresses.iter().find(|address| Family::of(address) == family).unwrap();
    Call {
        client: Client::Pod(Site::Dialled),
        source: None,
        to: SocketAddr::new(*to, port),
        expected: Expected::Answer,
    }
}

#[test]
fn endpoints_take_turns_and_a_service_without_any_refuses() {
    let mut bed = Bed::wire("endpoints").unwrap();
    bed.services[0].endpoints = Backend::ALL.map(layout::endpoint).into();
    bed.services[1].endpoints = Vec::new();
    for mode in Mode::ALL {
        bed.install(mode).unwrap();
        for family in Family::ALL {
            let outcomes = bed.call(&vec![call(&bed, 0, family, SERVICE_PORT); CALLS]).unwrap();
            assert!(
                outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::Answered(_))),
                "{outcomes:?}"
            );
            for backend in Backend::ALL {
                let seen = witness::hear(bed.node(backend.site()).unwrap()).unwrap().ingress;
                let taken = outcomes.iter().filter(|(name, _)| seen.contains_key(name)).count();
                assert!(
                    (1..CALLS).contains(&taken),
                    "{mode:?}, {family}: {backend:?} took {taken} of {CALLS}"
                );
            }
            let node = layout::address(family, Host::Node(Site::Dialled));
            let empty = call(&bed, 1, family, SERVICE_PORT);
            let on_node = Call { to: SocketAddr::new(node, NODE_PORT + 1), ..empty };
            let outside = Call { client: Client::Outside, ..on_node };
            for (_, outcome) in bed.call(&[empty, on_node, outside]).unwrap() {
                assert_eq!(outcome, Outcome::Refused, "{mode:?}, {family}");
            }
        }
    }
    bed.close().unwrap();
}

/// Both are masqueraded by one rule each, which in the truth table other rules and addresses hide: a server that calls itself has a host port there, whose
/// rules do the same, and a node that calls itself has the address already with which it would be masqueraded.
#[test]
fn a_server_that_calls_itself_and_a_node_that_calls_itself_are_masqueraded() {
    let mut bed = Bed::wire("hairpin").unwrap();
    bed.host_ports.clear();
    for mode in Mode::ALL {
        bed.install(mode).unwrap();
        for family in Family::ALL {
            let address = |site| layout::address(family, Host::Node(site));
            let hairpin =
                Call { client: Client::Itself(Backend::Far), ..call(&bed, 2, family, SERVICE_PORT) };
            // The server of the last Service is on the other node, and its externalTrafficPolicy is Local.
            let own = Call {
                client: Client::Host(Site::Dialled),
                source: Some(layout::secondary_address(family)),
                to: SocketAddr::new(address(Site::Dialled), NODE_PORT + 3),
                expected: Expected::Answer,
            };
            let seen: Vec<_> = bed.call(&[hairpin, own]).unwrap().into_iter().map(|(_, seen)| seen).collect();
            for (seen, node) in seen.into_iter().zip([Site::Other, Site::Dialled]) {
                let Outcome::Answered(peer) = seen else {
                    panic!("{mode:?}, {family}: {node:?} is {seen:?}")
                };
                assert_eq!(peer.ip(), address(node), "{mode:?}, {family}");
            }
        }
    }
    bed.close().unwrap();
}
