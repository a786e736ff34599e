//! EndpointSlices: policy-model §1.3.

use super::fixture::{one, places};
use crate::resource::{EndpointSlice, Resource};

fn slice(metadata: &str, rest: &str) -> (EndpointSlice, Vec<String>) {
    let text = format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: s-1, namespace: ns{metadata}}}\n{rest}\n"
    );
    match one(&text) {
        (Resource::EndpointSlice(slice), findings) => (slice, findings),
        (other, _) => panic!("{other:?}"),
    }
}

fn text(slice: &EndpointSlice) -> String {
    let service = slice.service.iter().map(|service| format!("@{service}"));
    let addresses = slice.addresses.iter().map(ToString::to_string);
    let ports = slice.ports.iter().map(|port| format!("{}={}/{}", port.name, port.protocol, port.port));
    service.chain(addresses).chain(ports).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_slice_holds_all_endpoints_and_the_ports_that_have_numbers() {
    let owned = ", labels: {kubernetes.io/service-name: s}";
    let endpoints = "addressType: IPv4\nendpoints:\n- {addresses: [10.0.0.1, 10.0.0.2], conditions: {ready: false, serving: false, terminating: true}}\n- {addresses: [10.0.0.3], conditions: {ready: true}, nodeName: n1}\n- {addresses: [10.0.0.3]}";
    let ports = "ports: [{name: web, port: 8080, protocol: TCP}, {name: dns, port: 53, protocol: UDP}, {port: 90}, {name: any, port: null}, {name: all}]";
    for (metadata, rest, expected) in [
        (
            owned,
            format!("{endpoints}\n{ports}"),
            "@ns/s 10.0.0.1 10.0.0.2 10.0.0.3 =TCP/90 dns=UDP/53 web=TCP/8080",
        ),
        ("", endpoints.into(), "10.0.0.1 10.0.0.2 10.0.0.3"),
        (", labels: {kubernetes.io/service-name: ''}", String::new(), ""),
        (owned, "addressType: FQDN\nendpoints: [{addresses: [x.example]}]".into(), "@ns/s"),
        (
            owned,
            "addressType: IPv6\nendpoints: [{addresses: ['fd00::1']}]\nports: null".into(),
            "@ns/s fd00::1",
        ),
        (owned, "endpoints: [{addresses: []}, {}]\nports: []".into(), "@ns/s"),
    ] {
        let (slice, findings) = slice(metadata, &rest);
        assert_eq!((text(&slice).as_str(), findings), (expected, vec![]), "{metadata} {rest}");
    }
}

#[test]
fn what_is_not_understood_is_missing() {
    let good = "endpoints: [{addresses: [10.0.0.1]}]\nports: [{port: 80}]";
    for (metadata, rest, field, expected) in [
        ("", "endpoints: [{addresses: [10.0.0.1, x]}]", "endpoints[0].addresses[1]", "10.0.0.1"),
        (
            "",
            "endpoints: [{addresses: 10.0.0.2}, {addresses: [10.0.0.1]}]",
            "endpoints[0].addresses",
            "10.0.0.1",
        ),
        ("", "endpoints: [null, {addresses: [10.0.0.1]}]", "endpoints[0]", "10.0.0.1"),
        ("", "endpoints: 5", "endpoints", ""),
        ("", "addressType: IPX\nendpoints: [{addresses: [10.0.0.1]}]", "addressType", ""),
        ("", "addressType: [IPv4]\nports: [{port: 80}]", "addressType", "=TCP/80"),
        ("", "ports: [{port: '80'}, {port: 81}]", "ports[0].port", "=TCP/81"),
        ("", "ports: [{port: 80, protocol: ICMP}, {port: 81}]", "ports[0].protocol", "=TCP/81"),
        ("", "ports: {port: 80}", "ports", ""),
        (
            ", labels: {kubernetes.io/service-name: 5}",
            good,
            r#"metadata.labels["kubernetes.io/service-name"]"#,
            "10.0.0.1 =TCP/80",
        ),
        (", labels: x", good, "metadata.labels", "10.0.0.1 =TCP/80"),
    ] {
        let (slice, findings) = slice(metadata, rest);
        assert_eq!(
            (text(&slice).as_str(), places(&findings)),
            (expected, vec![format!("error {field}")]),
            "{rest}"
        );
        assert!(findings[0].ends_with("(the slice does not hold this)"), "{findings:?}");
    }
}
