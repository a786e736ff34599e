//! Host endpoints: policy-model §1.3.

use super::fixture::{calico, places, read};
use crate::resource::{HostEndpoint, HostEndpointState, HostInterface, Resource};

fn host_endpoint(metadata: &str, spec: &str) -> (Option<HostEndpoint>, Vec<String>) {
    let (resources, findings) = read(&calico("HostEndpoint", metadata, &format!("spec: {spec}")));
    let endpoint = resources.into_iter().next().map(|resource| {
        let Resource::HostEndpoint(endpoint) = resource else { panic!("{resource:?}") };
        endpoint
    });
    (endpoint, findings)
}

fn interface(endpoint: &HostEndpoint) -> String {
    let addresses = endpoint.expected_addresses.iter().map(ToString::to_string);
    let interface = match &endpoint.interface {
        HostInterface::Others => "others".to_owned(),
        HostInterface::Named(name) => name.to_string(),
        HostInterface::ByAddress => "by-address".to_owned(),
    };
    [interface].into_iter().chain(addresses).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_interface_is_told_by_name_or_by_address() {
    for (spec, expected) in [
        ("interfaceName: eth0", "eth0"),
        ("interfaceName: abcdefghijklmno", "abcdefghijklmno"),
        ("interfaceName: bond0.100_x-y", "bond0.100_x-y"),
        ("interfaceName: '*'", "others"),
        ("interfaceName: '*', expectedIPs: [192.0.2.1]", "others 192.0.2.1"),
        (
            "interfaceName: eth0, expectedIPs: ['2001:db8::1', 192.0.2.1, 192.0.2.1]",
            "eth0 192.0.2.1 2001:db8::1",
        ),
        ("expectedIPs: [192.0.2.1]", "by-address 192.0.2.1"),
        ("interfaceName: '', expectedIPs: ['::ffff:192.0.2.1']", "by-address 192.0.2.1"),
    ] {
        let (endpoint, findings) = host_endpoint("", &format!("{{node: n1, {spec}}}"));
        let endpoint = endpoint.unwrap();
        assert_eq!((interface(&endpoint).as_str(), findings), (expected, vec![]), "{spec}");
        assert_eq!((endpoint.state, endpoint.node.as_str()), (HostEndpointState::Active, "n1"));
    }
}

#[test]
fn labels_cannot_claim_the_place_of_a_pod() {
    let labels = ", labels: {a: b, pcns.x: y, pcsa.x: y, projectcalico.org/namespace: ns, projectcalico.org/orchestrator: k8s, projectcalico.org/serviceaccount: z}, annotations: {x: y}";
    let (endpoint, findings) = host_endpoint(labels, "{node: n1, interfaceName: eth0}");
    let endpoint = endpoint.unwrap();
    let labels: Vec<_> = endpoint.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!((labels.join(" ").as_str(), findings), ("a=b", vec![]));
}

#[test]
fn ports_and_profiles_are_kept_in_their_order() {
    let (endpoint, findings) = host_endpoint(
        "",
        "{node: n1, interfaceName: eth0, profiles: [ksa.ns.a, projectcalico-default-allow, kns.ns], ports: [{name: web, protocol: TCP, port: 80}, {name: dns, protocol: udp, port: 53}, {name: s, protocol: 132, port: 9}]}",
    );
    let endpoint = endpoint.unwrap();
    let ports: Vec<_> =
        endpoint.ports.iter().map(|port| format!("{}={}/{}", port.name, port.protocol, port.port)).collect();
    assert_eq!(
        (endpoint.profiles.join(" ").as_str(), ports.join(" ").as_str(), findings),
        ("ksa.ns.a projectcalico-default-allow kns.ns", "dns=UDP/53 s=SCTP/9 web=TCP/80", vec![])
    );
}

#[test]
fn what_is_not_understood_closes_the_interface_that_is_told() {
    let valid = "node: n1, interfaceName: eth0";
    for (metadata, spec, field, expected) in [
        (", labels: {a: 5}", valid, "metadata.labels.a", "eth0"),
        (", labels: [a]", valid, "metadata.labels", "eth0"),
        ("", "node: n1, interfaceName: eth0, profiles: kns.ns", "spec.profiles", "eth0"),
        ("", "node: n1, interfaceName: eth0, profiles: [5]", "spec.profiles[0]", "eth0"),
        ("", "node: n1, interfaceName: eth0, mode: x", "spec.mode", "eth0"),
        ("", "node: n1, interfaceName: eth0, ports: [{name: a, port: 80}]", "spec.ports[0]", "eth0"),
        (
            "",
            "node: n1, interfaceName: eth0, ports: [{name: a, protocol: ICMP, port: 80}]",
            "spec.ports[0]",
            "eth0",
        ),
        (
            "",
            "node: n1, interfaceName: eth0, ports: [{name: '', protocol: TCP, port: 80}]",
            "spec.ports[0]",
            "eth0",
        ),
        (
            "",
            "node: n1, interfaceName: eth0, ports: [{name: a, protocol: TCP, port: 0}]",
            "spec.ports[0].port",
            "eth0",
        ),
        (
            "",
            "node: n1, interfaceName: eth0, ports: [{name: a, protocol: TCP, port: 1, x: 1}]",
            "spec.ports[0].x",
            "eth0",
        ),
        (
            "",
            "node: n1, interfaceName: eth0, expectedIPs: [x, 192.0.2.1]",
            "spec.expectedIPs[0]",
            "eth0 192.0.2.1",
        ),
        (
            "",
            "node: n1, expectedIPs: [192.0.2.0/24, 192.0.2.1]",
            "spec.expectedIPs[0]",
            "by-address 192.0.2.1",
        ),
        (
            "",
            "node: n1, interfaceName: abcdefghijklmnop, expectedIPs: [192.0.2.1]",
            "spec.interfaceName",
            "by-address 192.0.2.1",
        ),
        ("", "node: n1, interfaceName: abcdefghijklmnop", "spec.interfaceName", "others"),
        ("", "node: n1, interfaceName: 'eth*'", "spec.interfaceName", "others"),
        ("", "node: n1, interfaceName: a/b", "spec.interfaceName", "others"),
        ("", "node: n1, interfaceName: '..'", "spec.interfaceName", "others"),
        ("", "node: n1, interfaceName: 'a\"b'", "spec.interfaceName", "others"),
        ("", "node: n1, interfaceName: 5", "spec.interfaceName", "others"),
        ("", "node: n1, interfaceName: [eth0]", "spec.interfaceName", "others"),
        ("", "node: n1, expectedIPs: [x]", "spec.expectedIPs[0]", "others"),
        ("", "node: n1, expectedIPs: 192.0.2.1", "spec.expectedIPs", "others"),
    ] {
        let (endpoint, findings) = host_endpoint(metadata, &format!("{{{spec}}}"));
        let endpoint = endpoint.unwrap();
        let state =
            if metadata.is_empty() { HostEndpointState::Doubtful } else { HostEndpointState::Unintelligible };
        assert_eq!((endpoint.state, interface(&endpoint).as_str()), (state, expected), "{metadata} {spec}");
        assert_eq!(places(&findings), [format!("error {field}")], "{spec}");
        let ends = ["pass the host endpoint)", "it is no peer of any rule)"];
        assert!(ends.iter().any(|end| findings[0].ends_with(end)), "{findings:?}");
    }
}

#[test]
fn what_has_no_place_is_absent_and_reported() {
    for (spec, field) in [
        ("{interfaceName: eth0}", "spec"),
        ("{node: '', interfaceName: eth0}", "spec"),
        ("{node: 5, interfaceName: eth0}", "spec.node"),
        ("{node: n1}", "spec"),
        ("{node: n1, interfaceName: '', expectedIPs: []}", "spec"),
        ("x", "spec"),
    ] {
        let (endpoint, findings) = host_endpoint("", spec);
        assert_eq!(endpoint, None, "{spec}");
        assert!(places(&findings).contains(&format!("error {field}")), "{spec}: {findings:?}");
        assert!(
            findings[0].ends_with("(the host endpoint counts as absent: no policy governs its interface)")
        );
    }
}

#[test]
fn what_does_less_than_it_seems_is_said() {
    let (_, findings) = host_endpoint("", "{node: n1, interfaceName: eth0, profiles: [mine]}");
    assert_eq!(
        findings,
        [
            "m.yaml:4: warning: HostEndpoint x: spec.profiles[0]: no profile \"mine\" exists (it denies what no policy decides)"
        ]
    );
    let (_, findings) =
        host_endpoint(", annotations: {qos.projectcalico.org/dscp: EF}", "{node: n1, interfaceName: eth0}");
    assert_eq!(places(&findings), [r#"warning metadata.annotations["qos.projectcalico.org/dscp"]"#]);
}
