//! What is not understood closes.

use super::{
    super::fixture::{administrative, cnp, directions, rules},
    OF_A, POD, of,
};

const DENY_ALL: &str = "0 Deny - | - | -";

#[test]
fn a_peer_that_is_not_understood_takes_the_whole_rule_with_it() {
    for peer in [
        "{}",
        "{namespaces: null}",
        "{unheardOf: {}}",
        "{namespaces: {}, pods: {namespaceSelector: {}, podSelector: {}}}",
        "{namespaces: {matchExpressions: [{key: a, operator: Like}]}}",
        "{pods: {namespaceSelector: {}}}",
        "{networks: []}",
        "{networks: [10.0.0.0/33]}",
        "{networks: [10.0.0.0]}",
        "{networks: ['::ffff:10.0.0.0/104']}",
        "{networks: all}",
        "{nodes: []}",
        "{domainNames: [example.com]}",
        "all",
        "null",
    ] {
        let list = format!("[{{namespaces: {{matchLabels: {{n: a}}}}}}, {peer}]");
        let ports = "protocols: [{tcp: {destinationPort: {number: 80}}}]";
        for (action, expected) in
            [("Accept", vec![]), ("Deny", vec![DENY_ALL.into()]), ("Pass", vec![DENY_ALL.into()])]
        {
            let (found, errors) = of(&format!("egress: [{{action: {action}, to: {list}, {ports}}}]"));
            assert_eq!((found, errors.len()), (expected, 1), "{action} {peer}");
        }
    }
}

#[test]
fn a_rule_needs_peers() {
    for rule in [
        "{action: Deny}",
        "{action: Deny, from: []}",
        "{action: Deny, from: null}",
        "{action: Deny, from: {}}",
        "Deny",
        "null",
    ] {
        let (found, errors) = of(&format!("ingress: [{rule}]"));
        assert_eq!((found, errors.len()), (vec![DENY_ALL.to_owned()], 1), "{rule}");
    }
    let (found, errors) = of("ingress: [{action: Accept}, {action: Accept, from: []}]");
    assert_eq!((found, errors.len()), (vec![], 2));
    let (found, errors) = of(
        "ingress: [{action: Deny, from: [{nodes: {}}]}, {action: Deny, from: [{networks: [10.0.0.0/8]}]}]",
    );
    assert_eq!((found.len(), errors.len()), (2, 2), "nodes and networks send nothing that the API knows of");
}

#[test]
fn traffic_that_is_not_understood_is_any() {
    for ports in [
        "[]",
        "[{}]",
        "[{icmp: {}}]",
        "[{tcp: {}}]",
        "[{tcp: {sourcePort: 1}}]",
        "[{tcp: {destinationPort: {}}}]",
        "[{tcp: {destinationPort: 80}}]",
        "[{tcp: {destinationPort: {number: 80, range: {start: 1, end: 2}}}}]",
        "[{tcp: {destinationPort: {number: 0}}}]",
        "[{tcp: {destinationPort: {number: 65536}}}]",
        "[{tcp: {destinationPort: {range: {start: 80, end: 80}}}}]",
        "[{tcp: {destinationPort: {range: {start: 81, end: 80}}}}]",
        "[{tcp: {destinationPort: {range: {start: 81}}}}]",
        "[{tcp: {destinationPort: {number: 1}}, udp: {destinationPort: {number: 1}}}]",
        "[{destinationNamedPort: ''}]",
        "[{destinationNamedPort: '80'}]",
        "[{tcp: {destinationPort: {number: 1}}}, null]",
        "all",
    ] {
        let rule = |action: &str| {
            format!(
                "ingress: [{{action: {action}, from: [{{namespaces: {{matchLabels: {{n: a}}}}}}], protocols: {ports}}}]"
            )
        };
        for (action, expected) in [
            ("Accept", vec![]),
            ("Deny", vec![format!("0 Deny - | {OF_A} | -")]),
            ("Pass", vec![format!("0 Deny - | {OF_A} | -")]),
        ] {
            let (found, errors) = of(&rule(action));
            assert_eq!((found, errors.len()), (expected, 1), "{action} {ports}");
        }
    }
}

#[test]
fn nodes_and_networks_have_no_ports_with_names() {
    for (peer, expected) in [("{nodes: {}}", "nodes<all()>"), ("{networks: [10.0.0.0/8]}", "10.0.0.0/8")] {
        let rule = |action: &str| {
            format!(
                "egress: [{{action: {action}, to: [{peer}], protocols: [{{destinationNamedPort: web}}]}}]"
            )
        };
        let (found, errors) = of(&rule("Accept"));
        assert_eq!((found, errors.len()), (vec![], 1), "{peer}");
        let (found, errors) = of(&rule("Deny"));
        assert_eq!((found, errors.len()), (vec![format!("0 Deny - | - | {expected}")], 1), "{peer}");
    }
}

#[test]
fn an_action_that_is_not_understood_denies() {
    for action in ["Allow", "accept", "Log", "1"] {
        let (found, errors) = of(&format!(
            "ingress: [{{action: {action}, from: [{{namespaces: {{matchLabels: {{n: a}}}}}}]}}]"
        ));
        assert_eq!((found, errors.len()), (vec![format!("0 Deny - | {OF_A} | -")], 1), "{action}");
    }
    for (kind, name, action) in
        [("AdminNetworkPolicy", "p", "Accept"), ("BaselineAdminNetworkPolicy", "default", "Pass")]
    {
        let place = if name == "p" { "priority: 1, " } else { "" };
        let spec = format!(
            "{{{place}subject: {{namespaces: {{}}}}, ingress: [{{action: {action}, from: [{{namespaces: {{matchLabels: {{n: a}}}}}}]}}]}}"
        );
        let (policy, errors) = administrative(kind, "v1alpha1", name, &spec);
        assert_eq!(
            (rules(&policy.ingress), errors.len()),
            (vec![format!("0 Deny - | {OF_A} | -")], 1),
            "{kind}"
        );
    }
}

#[test]
fn fields_of_one_kind_are_unknown_to_another() {
    let rule = |field: &str| format!("{{action: Allow, to: [{{namespaces: {{}}}}], {field}}}");
    for (kind, version, name, spec) in [
        ("AdminNetworkPolicy", "v1alpha1", "p", format!("priority: 1, egress: [{}]", rule("protocols: []"))),
        (
            "BaselineAdminNetworkPolicy",
            "v1alpha1",
            "default",
            "egress: [{action: Allow, to: [{domainNames: [a.b]}]}]".into(),
        ),
        (
            "AdminNetworkPolicy",
            "v1alpha1",
            "p",
            "priority: 1, egress: [{action: Allow, to: [{pods: {podSelector: {}}}]}]".into(),
        ),
        (
            "AdminNetworkPolicy",
            "v1alpha1",
            "p",
            "priority: 1, egress: [{action: Allow, to: [{namespaces: {sameLabels: [a]}}]}]".into(),
        ),
    ] {
        let (policy, errors) =
            administrative(kind, version, name, &format!("{{subject: {{namespaces: {{}}}}, {spec}}}"));
        assert_eq!((policy.egress.len(), errors.len()), (0, 1), "{spec}: {errors:?}");
    }
}

#[test]
fn a_policy_whose_subject_or_place_is_not_understood_only_denies() {
    let lists = "ingress: [
        {action: Accept, from: [{namespaces: {}}]},
        {action: Deny, from: [{namespaces: {matchLabels: {n: a}}}]},
        {action: Pass, from: [{namespaces: {matchLabels: {n: a}}}]}]";
    let expected = [format!("1 Deny - | {OF_A} | -"), format!("2 Deny - | {OF_A} | -")];
    let admin = ("kube-admin", Some(1.0));
    let nowhere = ("kube-admin", Some(f64::NEG_INFINITY));
    let of_a = format!(r#"({POD} && pcns.n == "a")"#);
    let a = "{namespaces: {matchLabels: {n: a}}}";
    for (head, subject, place) in [
        ("tier: Admin, priority: 1", POD.to_owned(), admin),
        ("tier: Admin, priority: 1, subject: {}", POD.to_owned(), admin),
        (
            "tier: Admin, priority: 1, subject: {namespaces: {}, pods: {podSelector: {}}}",
            POD.to_owned(),
            admin,
        ),
        ("tier: Admin, priority: 1, subject: {namespaces: {matchLabels: 1}}", POD.to_owned(), admin),
        ("tier: Admin, priority: 1, subject: {pods: {namespaceSelector: {}}}", POD.to_owned(), admin),
        (&format!("tier: Admin, priority: 1, unheardOf: 1, subject: {a}"), of_a.clone(), admin),
        (&format!("tier: Admin, subject: {a}"), of_a.clone(), nowhere),
        (&format!("tier: Admin, priority: 1001, subject: {a}"), of_a.clone(), nowhere),
        (&format!("tier: Admin, priority: -1, subject: {a}"), of_a.clone(), nowhere),
        (&format!("tier: Admin, priority: 1.5, subject: {a}"), of_a.clone(), nowhere),
        (&format!("priority: 1, subject: {a}"), of_a.clone(), nowhere),
        (&format!("tier: NetworkPolicy, priority: 1, subject: {a}"), of_a.clone(), nowhere),
    ] {
        let (policy, errors) = cnp(&format!("{{{head}, {lists}}}"));
        assert_eq!((rules(&policy.ingress), errors.len()), (expected.to_vec(), 1), "{head} {errors:?}");
        assert_eq!(
            (policy.subject.to_string(), policy.tier.as_str(), policy.order.value()),
            (subject, place.0, place.1),
            "{head}"
        );
    }
}

#[test]
fn a_spec_or_list_that_is_not_understood_denies_all() {
    let (policy, errors) = cnp("nothing");
    assert_eq!(
        (rules(&policy.ingress), rules(&policy.egress)),
        (vec![DENY_ALL.into()], vec![DENY_ALL.into()])
    );
    assert_eq!((directions(&policy), policy.subject.to_string()), ("ingress+egress".into(), POD.into()));
    assert_eq!(errors.len(), 1, "{errors:?}");
    let (found, errors) = of("egress: everything");
    assert_eq!((found, errors.len()), (vec![DENY_ALL.to_owned()], 1));
}

#[test]
fn a_baseline_policy_has_one_name() {
    let spec = "{subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}, {action: Deny, from: [{namespaces: {matchLabels: {n: a}}}]}]}";
    let (policy, errors) = administrative("BaselineAdminNetworkPolicy", "v1alpha1", "other", spec);
    assert_eq!((rules(&policy.ingress), errors.len()), (vec![format!("1 Deny - | {OF_A} | -")], 1));
    assert!(errors[0].contains("metadata.name"), "{errors:?}");
}
