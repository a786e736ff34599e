//! Who the ends are, which hooks lie between them, and under which addresses.

use super::{address, cluster_of, node, peer, pod, world};
use crate::{
    address::Family,
    name::{NodeName, ObjectName},
    protocol::Protocol,
    resource::PodState,
    verdict::{
        Flow, FlowError, Peer,
        end::{self, End},
        route::Route,
    },
};

/// The hooks between two peers as text: `n1:forward a>b`.
fn way(from: &str, to: &str) -> String {
    let cluster = cluster_of(world());
    let end = |text: &str| End::of(&peer(text), &cluster).unwrap();
    let name = |pod: &Option<ObjectName>| pod.as_ref().map_or("", |pod| &pod.name).to_owned();
    match Route::between(&end(from), &end(to)) {
        Route::Loopback => "loopback".to_owned(),
        Route::NoPolicy => "no policy".to_owned(),
        Route::Hooks(crossings) => {
            let text = crossings.iter().map(|crossing| {
                let (sender, receiver) = (name(&crossing.sender), name(&crossing.receiver));
                format!("{}:{} {sender}>{receiver}", crossing.node, crossing.hook)
            });
            text.collect::<Vec<_>>().join(", ")
        }
    }
}

#[test]
fn policy_sees_a_flow_at_the_hooks_of_the_nodes_of_its_pods() {
    let expected = [
        ("default/a", "default/b", "n1:forward a>b"),
        ("default/a", "default/c", "n1:forward a>, n2:forward >c"),
        ("default/a", "default/a", "loopback"),
        ("default/a", "fd01::1", "loopback"),
        ("default/a", "127.0.0.1", "loopback"),
        ("default/a", "10.0.1.2", "n1:forward a>b"),
        ("10.0.2.1", "10.0.1.1", "n2:forward c>, n1:forward >a"),
        ("default/a", "node/n1", "n1:input a>"),
        ("default/a", "172.18.0.2", "n1:input a>"),
        ("default/a", "kube-system/proxy", "n1:input a>"),
        ("default/a", "node/n2", "n1:forward a>, n2:input >"),
        ("default/a", "203.0.113.7", "n1:forward a>"),
        ("node/n1", "default/a", "n1:output >a"),
        ("172.18.0.2", "default/a", "n1:output >a"),
        ("kube-system/proxy", "default/a", "n1:output >a"),
        ("node/n2", "default/a", "n2:output >, n1:forward >a"),
        ("kube-system/proxy", "default/c", "n1:output >, n2:forward >c"),
        ("203.0.113.7", "default/c", "n2:forward >c"),
        ("node/n1", "node/n2", "n1:output >, n2:input >"),
        ("node/n1", "203.0.113.7", "n1:output >"),
        ("203.0.113.7", "172.18.0.3", "n2:input >"),
        ("203.0.113.7", "203.0.113.8", "no policy"),
        ("node/n1", "127.0.0.1", "n1:output >, n1:input >"),
        ("node/n1", "172.18.0.2", "n1:output >, n1:input >"),
        ("::ffff:10.0.1.2", "default/a", "n1:forward b>a"),
    ];
    for (from, to, hooks) in expected {
        assert_eq!(way(from, to), hooks, "{from} -> {to}");
    }
}

fn addresses(from: &str, to: &str, family: Option<Family>) -> Result<String, FlowError> {
    let cluster = cluster_of(world());
    let flow = Flow { family, ..Flow::tcp(peer(from), peer(to), 80) };
    let (from, to) = (End::of(&flow.from, &cluster)?, End::of(&flow.to, &cluster)?);
    end::addresses(&flow, &from, &to).map(|(source, destination)| format!("{source} {destination}"))
}

#[test]
fn ipv4_is_used_where_both_ends_have_it_unless_told_otherwise() {
    assert_eq!(addresses("default/a", "default/c", None).unwrap(), "10.0.1.1 10.0.2.1");
    assert_eq!(addresses("default/a", "default/c", Some(Family::V6)).unwrap(), "fd01::1 fd02::1");
    assert_eq!(addresses("default/a", "default/six", None).unwrap(), "fd01::1 fd02::6");
    assert_eq!(addresses("default/a", "fd02::1", None).unwrap(), "fd01::1 fd02::1");
    assert_eq!(addresses("node/n1", "default/six", None).unwrap(), "fd00::2 fd02::6");
    assert_eq!(addresses("kube-system/proxy", "default/c", None).unwrap(), "172.18.0.2 10.0.2.1");
}

#[test]
fn ends_without_a_common_family_are_an_error() {
    let no_common = FlowError::NoCommonFamily { from: peer("default/b"), to: peer("default/six") };
    assert_eq!(addresses("default/b", "default/six", None), Err(no_common));
    let family = Family::V6;
    let wanted = FlowError::NoAddressOfFamily { peer: peer("default/b"), family };
    assert_eq!(addresses("default/a", "default/b", Some(family)), Err(wanted));
    let contradiction = FlowError::NoAddressOfFamily { peer: Peer::Address(address("10.0.1.1")), family };
    assert_eq!(addresses("10.0.1.1", "default/c", Some(family)), Err(contradiction));
}

#[test]
fn the_address_of_the_own_node_need_not_be_known() {
    let cluster = cluster_of([
        pod("default", "a", Some("n1"), PodState::Active, &["10.0.1.1"]),
        pod("default", "b", Some("n2"), PodState::Active, &["10.0.2.1"]),
    ]);
    let addresses = |from: &str, to: &str| {
        let flow = Flow::tcp(peer(from), peer(to), 80);
        let (from, to) = (End::of(&flow.from, &cluster)?, End::of(&flow.to, &cluster)?);
        end::addresses(&flow, &from, &to)
    };
    assert_eq!(addresses("node/n1", "default/a"), Ok((address("0.0.0.0"), address("10.0.1.1"))));
    assert_eq!(addresses("node/n2", "default/a"), Err(FlowError::NoAddress(peer("node/n2"))));
    assert_eq!(addresses("default/a", "node/n1"), Err(FlowError::NoAddress(peer("node/n1"))));
}

#[test]
fn peers_that_are_not_on_the_network_are_errors() {
    let cluster = cluster_of(world());
    let name = |name: &str| ObjectName::new("default", name);
    let error = |text: &str| End::of(&peer(text), &cluster).unwrap_err();
    assert_eq!(error("default/nobody"), FlowError::UnknownPod(name("nobody")));
    assert_eq!(error("node/n3"), FlowError::UnknownNode(NodeName::from("n3")));
    assert_eq!(error("default/done"), FlowError::Finished(name("done")));
    assert_eq!(error("default/pending"), FlowError::Unscheduled(name("pending")));
    let from_loopback = Flow::tcp(peer("127.0.0.1"), peer("default/a"), 80);
    assert_eq!(cluster.verdict(&from_loopback), Err(FlowError::LoopbackSender(address("127.0.0.1"))));
}

#[test]
fn two_owners_of_an_address_are_told_apart_in_one_way() {
    let resources = [
        node("n1", &["10.0.1.1"]),
        pod("default", "z", Some("n1"), PodState::Active, &["10.0.1.1"]),
        pod("default", "a", Some("n2"), PodState::Active, &["10.0.1.1"]),
    ];
    for resources in [resources.to_vec(), resources.iter().rev().cloned().collect()] {
        let cluster = cluster_of(resources);
        let end = End::of(&peer("10.0.1.1"), &cluster).unwrap();
        assert_eq!(end.pod(), Some(&ObjectName::new("default", "a")));
    }
}

#[test]
fn what_a_flow_carries_must_fit_its_protocol() {
    let tcp = Flow::tcp(peer("default/a"), peer("default/b"), 80);
    let icmp = Flow { protocol: Protocol::ICMP, port: None, ..tcp.clone() };
    let gre = Flow { protocol: Protocol(47), port: None, ..tcp.clone() };
    let kind = |flow: &Flow| flow.payload();
    assert_eq!(
        kind(&Flow { port: None, ..tcp.clone() }),
        Err(FlowError::PortMissing { protocol: Protocol::TCP })
    );
    assert_eq!(
        kind(&Flow { icmp_type: Some(8), ..tcp.clone() }),
        Err(FlowError::NotIcmp { protocol: Protocol::TCP })
    );
    assert_eq!(
        kind(&Flow { port: Some(80), ..icmp.clone() }),
        Err(FlowError::NoPorts { protocol: Protocol::ICMP })
    );
    assert_eq!(kind(&Flow { icmp_code: Some(1), ..icmp.clone() }), Err(FlowError::CodeWithoutType));
    assert_eq!(kind(&Flow { port: Some(0), ..gre.clone() }), kind(&gre));
    assert!(kind(&icmp).is_ok());
}

#[test]
fn peers_are_read_as_they_are_written() {
    for text in ["default/a", "node/n1", "10.0.0.1", "fd00::1"] {
        assert_eq!(peer(text).to_string(), text);
    }
    for text in ["", "a", "/a", "a/", "a/b/c", "node/", "10.0.0.0/8", "fd00::/8", "10.0.0"] {
        assert!(text.parse::<Peer>().is_err(), "{text}");
    }
}
