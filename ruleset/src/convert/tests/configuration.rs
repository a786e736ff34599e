//! FelixConfigurations: policy-model §1.3.

use super::fixture::{one, places};
use crate::{
    resource::{Configuration, ConfigurationScope, Resource},
    settings::{
        DenyAction, EndpointToHost, Failsafe, InvalidPackets, Layer, LogPrefix, NatExclusions, RateUnit,
        ServiceLoops, Switch,
    },
};

fn configuration(name: &str, metadata: &str, spec: &str) -> (Configuration, Vec<String>) {
    let text = format!(
        "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {{name: {name}{metadata}}}\nspec: {spec}\n"
    );
    match one(&text) {
        (Resource::Configuration(configuration), findings) => (configuration, findings),
        (other, _) => panic!("{other:?}"),
    }
}

fn layer(spec: &str) -> (Layer, Vec<String>) {
    let (configuration, findings) = configuration("default", "", spec);
    (configuration.layer, findings)
}

fn failsafes(ports: &[&str]) -> Option<Vec<Failsafe>> {
    Some(ports.iter().map(|port| port.parse().unwrap()).collect())
}

#[test]
fn every_setting_of_policy_has_its_field() {
    let none = Layer::default;
    for (spec, expected) in [
        ("{}", none()),
        ("{defaultEndpointToHostAction: '', logPrefix: '', vxlanPort: null}", none()),
        (
            "{defaultEndpointToHostAction: Drop}",
            Layer { endpoint_to_host: Some(EndpointToHost::Drop), ..none() },
        ),
        (
            "{defaultEndpointToHostAction: ACCEPT}",
            Layer { endpoint_to_host: Some(EndpointToHost::Accept), ..none() },
        ),
        (
            "{defaultEndpointToHostAction: return}",
            Layer { endpoint_to_host: Some(EndpointToHost::Return), ..none() },
        ),
        ("{disableConntrackInvalidCheck: true}", Layer { invalid: Some(InvalidPackets::Judge), ..none() }),
        ("{disableConntrackInvalidCheck: false}", Layer { invalid: Some(InvalidPackets::Drop), ..none() }),
        ("{nftablesFilterDenyAction: Reject}", Layer { deny: Some(DenyAction::Reject), ..none() }),
        ("{nftablesFilterDenyAction: Drop}", Layer { deny: Some(DenyAction::Drop), ..none() }),
        (
            "{failsafeInboundHostPorts: [{protocol: tcp, port: 22}, {protocol: UDP, port: 68, net: 10.0.0.0/8}, {protocol: TCP, port: 1, net: ''}]}",
            Layer { failsafe_inbound: failsafes(&["tcp:22", "udp:10.0.0.0/8:68", "tcp:1"]), ..none() },
        ),
        ("{failsafeOutboundHostPorts: []}", Layer { failsafe_outbound: failsafes(&[]), ..none() }),
        (
            "{failsafeOutboundHostPorts: [{protocol: tcp, port: 443, net: 'fd00::/8'}]}",
            Layer { failsafe_outbound: failsafes(&["tcp:[fd00::/8]:443"]), ..none() },
        ),
        (
            "{logPrefix: 'denied %t %n'}",
            Layer { log_prefix: Some(LogPrefix::Template("denied %t %n".into())), ..none() },
        ),
        (
            "{logActionRateLimit: 100/minute}",
            Layer { log_rate: Some(Some((100, RateUnit::Minute))), ..none() },
        ),
        ("{logActionRateLimit: 9999/day}", Layer { log_rate: Some(Some((9999, RateUnit::Day))), ..none() }),
        ("{logActionRateLimitBurst: 7}", Layer { log_burst: Some(7), ..none() }),
    ] {
        assert_eq!(layer(spec), (expected, vec![]), "{spec}");
    }
}

#[test]
fn every_setting_of_encapsulation_translation_and_addresses_has_its_field() {
    let none = Layer::default;
    for (spec, expected) in [
        (
            "{allowVXLANPacketsFromWorkloads: true}",
            Layer { vxlan_from_workloads: Some(Switch::Enabled), ..none() },
        ),
        (
            "{allowIPIPPacketsFromWorkloads: false}",
            Layer { ipip_from_workloads: Some(Switch::Disabled), ..none() },
        ),
        ("{vxlanPort: 8472}", Layer { vxlan_port: Some(8472), ..none() }),
        (
            "{natOutgoingAddress: 192.0.2.1}",
            Layer { nat_address: Some(Some("192.0.2.1".parse().unwrap())), ..none() },
        ),
        (
            "{natPortRange: '32768:65535'}",
            Layer { nat_ports: Some(Some(crate::port::PortRange { first: 32768, last: 65535 })), ..none() },
        ),
        (
            "{natPortRange: 5000}",
            Layer { nat_ports: Some(Some(crate::port::PortRange::single(5000))), ..none() },
        ),
        (
            "{natOutgoingExclusions: IPPoolsAndHostIPs}",
            Layer { nat_exclusions: Some(NatExclusions::PoolsAndHosts), ..none() },
        ),
        (
            "{natOutgoingExclusions: IPPoolsOnly}",
            Layer { nat_exclusions: Some(NatExclusions::PoolsOnly), ..none() },
        ),
        ("{serviceLoopPrevention: Reject}", Layer { service_loops: Some(ServiceLoops::Reject), ..none() }),
        (
            "{serviceLoopPrevention: Disabled}",
            Layer { service_loops: Some(ServiceLoops::Disabled), ..none() },
        ),
        ("{workloadSourceSpoofing: Any}", Layer { source_spoofing: Some(Switch::Enabled), ..none() }),
        ("{workloadSourceSpoofing: Disabled}", Layer { source_spoofing: Some(Switch::Disabled), ..none() }),
        ("{floatingIPs: Enabled}", Layer { floating_addresses: Some(Switch::Enabled), ..none() }),
        (
            "{externalNodesList: [192.0.2.1, 198.51.100.7/24]}",
            Layer {
                external_nodes: Some(
                    ["192.0.2.1/32", "198.51.100.0/24"].map(|net| net.parse().unwrap()).into(),
                ),
                ..none()
            },
        ),
    ] {
        assert_eq!(layer(spec), (expected, vec![]), "{spec}");
    }
}

#[test]
fn a_value_that_is_not_understood_costs_its_field_and_falls_to_the_closed_side() {
    let none = Layer::default;
    for (values, expected) in [
        (
            vec!["defaultEndpointToHostAction: Reject", "defaultEndpointToHostAction: [Accept]"],
            Layer { endpoint_to_host: Some(EndpointToHost::Drop), ..none() },
        ),
        (
            vec!["disableConntrackInvalidCheck: 'true'", "disableConntrackInvalidCheck: 1"],
            Layer { invalid: Some(InvalidPackets::Drop), ..none() },
        ),
        (vec!["nftablesFilterDenyAction: Return"], Layer { deny: Some(DenyAction::Drop), ..none() }),
        (
            vec!["allowVXLANPacketsFromWorkloads: 'yes'"],
            Layer { vxlan_from_workloads: Some(Switch::Disabled), ..none() },
        ),
        (
            vec!["allowIPIPPacketsFromWorkloads: 1"],
            Layer { ipip_from_workloads: Some(Switch::Disabled), ..none() },
        ),
        (
            vec!["natOutgoingExclusions: All"],
            Layer { nat_exclusions: Some(NatExclusions::PoolsOnly), ..none() },
        ),
        (
            vec!["serviceLoopPrevention: Off", "serviceLoopPrevention: false"],
            Layer { service_loops: Some(ServiceLoops::Drop), ..none() },
        ),
        (
            vec!["workloadSourceSpoofing: Enabled"],
            Layer { source_spoofing: Some(Switch::Disabled), ..none() },
        ),
        (
            vec!["floatingIPs: Any", "floatingIPs: true"],
            Layer { floating_addresses: Some(Switch::Disabled), ..none() },
        ),
    ] {
        for value in values {
            let field = value.split(':').next().unwrap();
            let (found, findings) = layer(&format!("{{{value}, externalNodesList: []}}"));
            let expected = Layer { external_nodes: Some(Vec::new()), ..expected.clone() };
            assert_eq!((found, findings.len()), (expected, 1), "{value}: {findings:?}");
            assert!(
                places(&findings)[0].starts_with(&format!("error spec.{field}")),
                "{value}: {findings:?}"
            );
        }
    }
    let (found, findings) = layer("{externalNodesList: [x, 192.0.2.1]}");
    assert_eq!(
        (found.external_nodes.unwrap().len(), places(&findings)),
        (1, vec!["error spec.externalNodesList[0]".into()])
    );
    assert_eq!(layer("x").0, none());
}

#[test]
fn a_value_without_a_closed_side_counts_as_not_given() {
    for value in [
        "failsafeInboundHostPorts: tcp:22",
        "failsafeInboundHostPorts: [22]",
        "failsafeInboundHostPorts: [{protocol: tcp, port: 22}, {protocol: tcp}]",
        "failsafeInboundHostPorts: [{port: 22}]",
        "failsafeInboundHostPorts: [{protocol: sctp, port: 22}]",
        "failsafeOutboundHostPorts: [{protocol: tcp, port: 0}]",
        "failsafeOutboundHostPorts: [{protocol: tcp, port: 22, net: x}]",
        "failsafeOutboundHostPorts: [{protocol: tcp, port: 22, cidr: 10.0.0.0/8}]",
        "logPrefix: 5",
        "logPrefix: \"a\\nb\"",
        "logActionRateLimit: 100",
        "logActionRateLimit: 100/week",
        "logActionRateLimit: 0/second",
        "logActionRateLimit: 007/second",
        "logActionRateLimit: 10000/second",
        "logActionRateLimit: +1/second",
        "logActionRateLimitBurst: 0",
        "logActionRateLimitBurst: '5'",
        "logActionRateLimitBurst: 10000",
        "vxlanPort: 0",
        "vxlanPort: '4789'",
        "natOutgoingAddress: 'fd00::1'",
        "natOutgoingAddress: x",
        "natPortRange: 0:5",
        "natPortRange: web",
        "natPortRange: '9:8'",
    ] {
        let field = value.split(':').next().unwrap();
        let (found, findings) = layer(&format!("{{{value}, externalNodesList: []}}"));
        assert_eq!(found, Layer { external_nodes: Some(Vec::new()), ..Layer::default() }, "{value}");
        assert_eq!(findings.len(), 1, "{value}: {findings:?}");
        assert!(places(&findings)[0].starts_with(&format!("error spec.{field}")), "{value}: {findings:?}");
    }
}

#[test]
fn consequences_are_said() {
    for (spec, end) in [
        ("{defaultEndpointToHostAction: x}", "(it counts as Drop)"),
        ("{disableConntrackInvalidCheck: x}", "(it counts as false)"),
        ("{failsafeInboundHostPorts: x}", "(it counts as not given)"),
        ("{externalNodesList: [x]}", "(no node is expected there)"),
        ("x", "(these settings are not in force)"),
    ] {
        assert!(layer(spec).1[0].ends_with(end), "{spec}");
    }
}

#[test]
fn a_name_or_a_selector_says_whose_settings_these_are() {
    let selected = |text: &str, created: &str| ConfigurationScope::Selected {
        selector: crate::selector::Selector::parse(text).unwrap(),
        created: created.into(),
    };
    for (name, metadata, spec, expected, places_expected) in [
        ("default", "", "{}", ConfigurationScope::Cluster, vec![]),
        ("default", "", "{nodeSelector: ''}", ConfigurationScope::Cluster, vec![]),
        ("node.n1", "", "{}", ConfigurationScope::Node("n1".into()), vec![]),
        ("node.n1.example", "", "{}", ConfigurationScope::Node("n1.example".into()), vec![]),
        (
            "edge",
            ", creationTimestamp: '2026-01-02T03:04:05Z'",
            "{nodeSelector: has(edge)}",
            selected("has(edge)", "2026-01-02T03:04:05Z"),
            vec![],
        ),
        ("edge", "", "{nodeSelector: has(edge)}", selected("has(edge)", ""), vec![]),
        (
            "edge",
            ", creationTimestamp: 5",
            "{nodeSelector: has(edge)}",
            selected("has(edge)", ""),
            vec!["error metadata.creationTimestamp"],
        ),
        (
            "default",
            "",
            "{nodeSelector: has(edge)}",
            ConfigurationScope::Cluster,
            vec!["warning spec.nodeSelector"],
        ),
        (
            "node.n1",
            "",
            "{nodeSelector: a a}",
            ConfigurationScope::Node("n1".into()),
            vec!["warning spec.nodeSelector"],
        ),
        ("edge", "", "{nodeSelector: a a}", ConfigurationScope::Nobody, vec!["error spec.nodeSelector"]),
        ("edge", "", "{nodeSelector: [a]}", ConfigurationScope::Nobody, vec!["error spec.nodeSelector"]),
        ("edge", "", "{}", ConfigurationScope::Nobody, vec!["warning spec"]),
    ] {
        let (configuration, findings) = configuration(name, metadata, spec);
        assert_eq!(
            (configuration.scope, places(&findings)),
            (expected, places_expected.into_iter().map(String::from).collect()),
            "{name} {spec}"
        );
    }
}

#[test]
fn fields_that_are_not_heeded_pass_unless_they_would_change_a_verdict() {
    for field in [
        "nftablesRefreshInterval: 90s",
        "bpfEnabled: false",
        "healthPort: 9099",
        "wireguardEnabled: false",
        "ipv6Support: true",
        "nftablesFilterAllowAction: Accept",
        "iptablesFilterDenyAction: Drop",
        "iptablesNATOutgoingInterfaceFilter: ''",
        "logSeverityScreen: Info",
        "somethingNew: 5",
    ] {
        assert_eq!(layer(&format!("{{{field}}}")), (Layer::default(), vec![]), "{field}");
    }
    for field in [
        "interfacePrefix: tap",
        "nftablesFilterAllowAction: RETURN",
        "nftablesMangleAllowAction: Return",
        "iptablesFilterAllowAction: Return",
        "iptablesMangleAllowAction: Return",
        "iptablesFilterDenyAction: Reject",
        "ipv6Support: false",
        "wireguardEnabled: true",
        "wireguardEnabledV6: true",
        "iptablesNATOutgoingInterfaceFilter: eth0",
    ] {
        let (found, findings) = layer(&format!("{{{field}}}"));
        let place = format!("warning spec.{}", field.split(':').next().unwrap());
        assert_eq!((found, places(&findings)), (Layer::default(), vec![place]));
    }
}

#[test]
fn what_is_likely_a_slip_of_the_pen_is_said() {
    for (field, meant) in [
        ("defaultEndpointToHostAcion", "defaultEndpointToHostAction"),
        ("DefaultEndpointToHostAction", "defaultEndpointToHostAction"),
        ("failsafeInboundHostPort", "failsafeInboundHostPorts"),
        ("floatingIps", "floatingIPs"),
    ] {
        let (found, findings) = layer(&format!("{{{field}: Drop}}"));
        assert_eq!(found, Layer::default());
        assert_eq!(
            findings,
            [format!(
                "m.yaml:4: error: FelixConfiguration default: spec.{field}: unknown field; perhaps {meant} is meant (it has no effect)"
            )]
        );
    }
}
