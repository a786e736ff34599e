//! Services.

use super::fixture::{one, places};
use crate::resource::{Resource, Service};

fn service(rest: &str) -> (Service, Vec<String>) {
    match one(&format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s, namespace: ns}}\n{rest}\n")) {
        (Resource::Service(service), findings) => (service, findings),
        (other, _) => panic!("{other:?}"),
    }
}

fn addresses(service: &Service) -> String {
    service.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn ports(service: &Service) -> String {
    let port = |port: &crate::resource::ServicePort| {
        let node = port.node_port.map_or(String::new(), |node| format!("@{node}"));
        format!("{}={}/{}{node}", port.name, port.protocol, port.port)
    };
    service.ports.iter().map(port).collect::<Vec<_>>().join(" ")
}

#[test]
fn addresses_are_those_that_nodes_answer_for() {
    let all = "clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1, 'fd00::1'], externalIPs: [192.0.2.9]";
    let balanced = "status: {loadBalancer: {ingress: [{ip: 192.0.2.10, ipMode: VIP}, {hostname: lb.example}, {ip: 192.0.2.11, ipMode: Proxy}, {ip: ''}]}}";
    for (spec, status, expected) in [
        (all, balanced, "10.96.0.1 192.0.2.9 192.0.2.10 fd00::1"),
        ("clusterIP: 10.96.0.1", "", "10.96.0.1"),
        ("clusterIP: '', type: LoadBalancer", balanced, "192.0.2.10"),
        ("", "", ""),
        ("clusterIP: None, clusterIPs: [None], externalIPs: [192.0.2.9]", balanced, ""),
        ("clusterIP: None", "", ""),
        ("type: ExternalName, externalName: x.example, externalIPs: [192.0.2.9]", balanced, ""),
    ] {
        let (service, findings) = service(&format!("spec: {{{spec}}}\n{status}"));
        assert_eq!((addresses(&service).as_str(), findings), (expected, vec![]), "{spec} {status}");
    }
}

#[test]
fn ports_have_names_protocols_and_node_ports() {
    let list = "ports: [{name: web, port: 80, targetPort: http, nodePort: 30080}, {name: dns, protocol: UDP, port: 53, nodePort: 0}, {name: s, protocol: SCTP, port: 9}]";
    for (spec, expected) in [
        (list.to_owned(), "dns=UDP/53 s=SCTP/9 web=TCP/80@30080"),
        ("ports: [{port: 80}]".to_owned(), "=TCP/80"),
        (format!("clusterIP: None, {list}"), "dns=UDP/53 s=SCTP/9 web=TCP/80"),
        (format!("type: ExternalName, {list}"), "dns=UDP/53 s=SCTP/9 web=TCP/80"),
        (String::new(), ""),
    ] {
        let (service, findings) = service(&format!("spec: {{{spec}}}"));
        assert_eq!((ports(&service).as_str(), findings), (expected, vec![]), "{spec}");
    }
}

#[test]
fn a_part_that_is_not_understood_costs_no_other() {
    let good = "clusterIPs: [10.96.0.1], ports: [{port: 80}]";
    for (rest, field) in [
        (format!("spec: {{{good}, externalIPs: [x]}}"), "spec.externalIPs[0]"),
        (format!("spec: {{{good}, externalIPs: 192.0.2.1}}"), "spec.externalIPs"),
        (format!("spec: {{{good}, type: [x]}}"), "spec.type"),
        (format!("spec: {{{good}}}\nstatus: x"), "status"),
        (
            format!("spec: {{{good}}}\nstatus: {{loadBalancer: {{ingress: [{{ip: x}}, 5]}}}}"),
            "status.loadBalancer.ingress[0].ip",
        ),
        ("spec: {clusterIPs: [10.96.0.1, x], ports: [{port: 80}]}".into(), "spec.clusterIPs[1]"),
        ("spec: {clusterIPs: [10.96.0.1], ports: [{port: 0}, {port: 80}]}".into(), "spec.ports[0].port"),
        ("spec: {clusterIPs: [10.96.0.1], ports: [{name: x}, {port: 80}]}".into(), "spec.ports[0]"),
        (
            "spec: {clusterIPs: [10.96.0.1], ports: [{port: 81, nodePort: -1}, {port: 80}]}".into(),
            "spec.ports[0].nodePort",
        ),
        (
            "spec: {clusterIPs: [10.96.0.1], ports: [{port: 81, protocol: tcp}, {port: 80}]}".into(),
            "spec.ports[0].protocol",
        ),
        (
            "spec: {clusterIPs: [10.96.0.1], ports: [{port: 81, name: 5}, {port: 80}]}".into(),
            "spec.ports[0].name",
        ),
    ] {
        let (service, findings) = service(&rest);
        assert_eq!(
            (addresses(&service).as_str(), ports(&service).as_str()),
            ("10.96.0.1", "=TCP/80"),
            "{rest}"
        );
        assert_eq!(places(&findings)[0], format!("error {field}"), "{rest}");
        assert!(findings[0].ends_with("(the service counts without this)"), "{findings:?}");
    }
}
