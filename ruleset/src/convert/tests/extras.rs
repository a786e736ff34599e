//! Annotations of pods besides their addresses.

use super::fixture::{one, places};
use crate::{
    policy::{Direction, PerDirection},
    resource::{Limits, PodExtras, PodState, Resource},
};

fn extras(annotations: &str) -> (PodExtras, Vec<String>) {
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations: {{{annotations}}}\nstatus: {{podIP: 10.0.0.1}}\n"
    );
    match one(&text) {
        (Resource::Pod(pod), findings) => {
            assert_eq!((pod.state, pod.addresses.len()), (PodState::Active, 1), "{annotations}");
            let findings = findings.into_iter().filter(|finding| finding.contains("error"));
            (pod.extras, findings.collect())
        }
        (other, _) => panic!("{other:?}"),
    }
}

/// `rate/burst connections`, for each direction.
fn limits(limits: &PerDirection<Limits>) -> String {
    let one = |limits: &Limits| {
        let packets = limits.packets.map(|rate| format!("{}/{}", rate.per_second, rate.burst));
        let connections = limits.connections.map(|most| format!("c{most}"));
        packets.into_iter().chain(connections).collect::<Vec<_>>().join(" ")
    };
    Direction::ALL.map(|direction| one(limits.get(direction))).join("|")
}

#[test]
fn limits_are_quantities_of_packets_and_connections() {
    for (annotations, expected) in [
        ("", "|"),
        ("ingressPacketRate: '1000'", "1000/5|"),
        ("egressPacketRate: 1.5k, egressPacketBurst: '20'", "|1500/20"),
        (
            "ingressPacketRate: 10k, ingressPacketBurst: 10k, ingressMaxConnections: '4294967295'",
            "10000/10000 c4294967295|",
        ),
        ("egressMaxConnections: 1k, ingressMaxConnections: '1'", "c1|c1000"),
        ("ingressPacketRate: '', egressMaxConnections: ''", "|"),
        ("ingressBandwidth: 1M, egressBurst: x", "|"),
    ] {
        let annotations = annotations.replace("ingress", "qos.projectcalico.org/ingress");
        let annotations = annotations.replace("egress", "qos.projectcalico.org/egress");
        let annotations = annotations.replace("inqos.projectcalico.org/gress", "ingress");
        let (extras, errors) = extras(&annotations);
        assert_eq!((limits(&extras.limits).as_str(), errors), (expected, vec![]), "{annotations}");
    }
}

#[test]
fn a_limit_beyond_the_bounds_is_the_bound_and_one_that_is_none_does_not_apply() {
    for (annotations, expected, consequence) in [
        ("qos.projectcalico.org/ingressPacketRate: '0'", "1/5|", "(the limit is 1)"),
        ("qos.projectcalico.org/ingressPacketRate: '-5'", "1/5|", "(the limit is 1)"),
        ("qos.projectcalico.org/ingressPacketRate: 11k", "10000/5|", "(the limit is 10000)"),
        ("qos.projectcalico.org/egressMaxConnections: 5G", "|c4294967295", "(the limit is 4294967295)"),
        ("qos.projectcalico.org/egressMaxConnections: many", "|", "(this limit does not apply)"),
        ("qos.projectcalico.org/egressMaxConnections: 100", "|", "(this limit does not apply)"),
        ("qos.projectcalico.org/egressPacketBurst: '10'", "|", "(packets are not limited)"),
    ] {
        let (extras, errors) = extras(annotations);
        assert_eq!((limits(&extras.limits).as_str(), errors.len()), (expected, 1), "{annotations}");
        assert!(errors[0].ends_with(consequence), "{errors:?}");
    }
}

#[test]
fn code_points_have_numbers_and_names() {
    for (value, expected) in [
        ("'0'", Some(0)),
        ("'63'", Some(63)),
        ("EF", Some(46)),
        ("ef", Some(46)),
        ("' AF11 '", Some(10)),
        ("AF43", Some(38)),
        ("CS6", Some(48)),
        ("DF", Some(0)),
        ("''", None),
    ] {
        let (extras, errors) = extras(&format!("qos.projectcalico.org/dscp: {value}"));
        assert_eq!((extras.dscp, errors), (expected, vec![]), "{value}");
    }
    for value in ["'64'", "'-1'", "'+5'", "AF44", "CS7", "46", "0x2e"] {
        let (extras, errors) = extras(&format!("qos.projectcalico.org/dscp: {value}"));
        assert_eq!(
            (extras.dscp, places(&errors)),
            (None, vec![r#"error metadata.annotations["qos.projectcalico.org/dscp"]"#.into()]),
            "{value}"
        );
    }
}

#[test]
fn lists_of_addresses_are_json_and_understood_as_a_whole() {
    let read = |value: &str| {
        let (extras, errors) = extras(&format!(
            "cni.projectcalico.org/allowedSourcePrefixes: '{value}', cni.projectcalico.org/floatingIPs: '{}'",
            value.replace("/8", "")
        ));
        let sources: Vec<_> = extras.allowed_sources.iter().map(ToString::to_string).collect();
        let floating: Vec<_> = extras.floating.iter().map(ToString::to_string).collect();
        (sources.join(" "), floating.join(" "), errors.len())
    };
    for (value, sources, floating) in [
        (r#"["10.1.2.3/8"]"#, "10.0.0.0/8", "10.1.2.3"),
        (r#" [ "192.0.2.1" , "fd00::1", "192.0.2.1" ] "#, "192.0.2.1/32 fd00::1/128", "192.0.2.1 fd00::1"),
        ("[]", "", ""),
        ("[ ]", "", ""),
        ("", "", ""),
    ] {
        assert_eq!(read(value), (sources.into(), floating.into(), 0), "{value}");
    }
    for value in [
        "192.0.2.1",
        "[192.0.2.1]",
        r#"["192.0.2.1""#,
        r#"["192.0.2.1",]"#,
        r#"["192.0.2.1" "192.0.2.2"]"#,
        r#"["192.0.2.1", "x"]"#,
        r#"["192.0.2.1", 5]"#,
        r#"["192.0.2.1\u0030"]"#,
        r#"{"a": "192.0.2.1"}"#,
        r#""192.0.2.1""#,
        "null",
    ] {
        assert_eq!(read(value), (String::new(), String::new(), 2), "{value}");
    }
    assert_eq!(extras("cni.projectcalico.org/floatingIPs: ['192.0.2.1']").1.len(), 1);
    assert_eq!(extras(r#"cni.projectcalico.org/floatingIPs: '["10.0.0.0/8"]'"#).1.len(), 1);
}
