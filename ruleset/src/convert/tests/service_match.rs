//! `services` in rules: policy-model §1.1.

use super::fixture::{gnp, np, rules};

const SERVICE: &str = "services: {name: s, namespace: other}";

#[test]
fn senders_of_ingress_and_receivers_of_egress_are_named_by_service() {
    for (direction, rule, expected) in [
        ("ingress", format!("source: {{{SERVICE}}}"), "0 Allow - | @other/s | -"),
        (
            "ingress",
            format!("protocol: TCP, source: {{{SERVICE}, ports: [1000]}}, destination: {{ports: [80]}}"),
            "0 Allow TCP | :1000 @other/s | :80",
        ),
        ("egress", format!("destination: {{{SERVICE}}}"), "0 Allow - | - | @other/s"),
        (
            "egress",
            format!(
                "protocol: UDP, source: {{ports: [53]}}, destination: {{{SERVICE}, nets: [], selector: ''}}"
            ),
            "0 Allow UDP | :53 | @other/s",
        ),
    ] {
        for (read, own) in [(np as fn(&str) -> _, true), (gnp, false)] {
            let types = if direction == "ingress" { "Ingress" } else { "Egress" };
            let spec = |rule: &str| format!("{{types: [{types}], {direction}: [{{action: Allow, {rule}}}]}}");
            let (policy, errors): (crate::policy::Policy, Vec<String>) = read(&spec(&rule));
            let found = if direction == "ingress" { &policy.ingress } else { &policy.egress };
            assert_eq!((rules(found), errors), (vec![expected.to_owned()], vec![]), "{rule}");

            let unnamed = rule.replace(", namespace: other", "");
            let (policy, errors) = read(&spec(&unnamed));
            let found = if direction == "ingress" { &policy.ingress } else { &policy.egress };
            let expected = own.then(|| expected.replace("@other/", "@ns/")).into_iter().collect::<Vec<_>>();
            assert_eq!((rules(found), errors.is_empty()), (expected, own), "{unnamed}");
        }
    }
}

#[test]
fn services_that_are_not_understood_admit_nothing_and_deny_no_less() {
    for (direction, rule, kept) in [
        ("ingress", format!("destination: {{{SERVICE}}}"), "| - | -"),
        ("egress", format!("source: {{{SERVICE}}}"), "| - | -"),
        ("egress", format!("protocol: TCP, destination: {{{SERVICE}, ports: [80]}}"), "| - | :80"),
        ("egress", format!("protocol: TCP, destination: {{{SERVICE}, notPorts: [80]}}"), "| - | !:80"),
        ("egress", format!("destination: {{{SERVICE}, nets: [10.0.0.0/8]}}"), "| - | 10.0.0.0/8"),
        ("egress", format!("destination: {{{SERVICE}, notNets: [10.0.0.0/8]}}"), "| - | !10.0.0.0/8"),
        ("ingress", format!("source: {{{SERVICE}, selector: has(a)}}"), "| <has(a)> | -"),
        ("ingress", format!("source: {{{SERVICE}, notSelector: has(a)}}"), "| !<has(a)> | -"),
        ("ingress", format!("source: {{{SERVICE}, namespaceSelector: has(a)}}"), "| <has(pcns.a)> | -"),
        (
            "ingress",
            format!("source: {{{SERVICE}, serviceAccounts: {{names: [a]}}}}"),
            r#"| <projectcalico.org/serviceaccount in {"a"}> | -"#,
        ),
        ("egress", "destination: {services: {}}".into(), "| - | -"),
        ("egress", "destination: {services: {namespace: ns}}".into(), "| - | -"),
        ("egress", "destination: {services: {name: s}}".into(), "| - | -"),
        ("egress", "destination: {services: {name: s, namespace: ''}}".into(), "| - | -"),
        ("egress", "destination: {services: {name: s, namespace: a.b}}".into(), "| - | -"),
        ("egress", "destination: {services: {name: 's/t', namespace: ns}}".into(), "| - | -"),
        ("egress", "destination: {services: {name: 5, namespace: ns}}".into(), "| - | -"),
        ("egress", "destination: {services: {name: s, namespace: ns, port: 80}}".into(), "| - | -"),
        ("egress", "destination: {services: s}".into(), "| - | -"),
    ] {
        let types = if direction == "ingress" { "Ingress" } else { "Egress" };
        for (action, stand_in) in [("Allow", false), ("Deny", true)] {
            let (policy, errors) =
                gnp(&format!("{{types: [{types}], {direction}: [{{action: {action}, {rule}}}]}}"));
            let found = rules(if direction == "ingress" { &policy.ingress } else { &policy.egress });
            assert_eq!(
                (found.len(), errors.len()),
                (usize::from(stand_in), 1),
                "{action} {rule}: {errors:?}"
            );
            assert!(found.iter().all(|rule| rule.starts_with("0 Deny") && rule.ends_with(kept)), "{found:?}");
        }
    }
}
