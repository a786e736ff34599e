//! ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy: policy-model §1.5, and the markers of the API's types.

mod stand_ins;

use super::fixture::{administrative, cnp, directions, findings, places, policy, rules};

const POD: &str = r#"projectcalico.org/orchestrator == "k8s""#;
const ALL: &str = "{namespaces: {}}";

/// A rule of a Deny whose sender is any pod of namespace `a`.
const OF_A: &str = r#"<(projectcalico.org/orchestrator == "k8s" && pcns.n == "a")>"#;

/// The rules that lists of a policy of tier Admin become, and the errors.
fn of(lists: &str) -> (Vec<String>, Vec<String>) {
    let (policy, errors) = cnp(&format!("{{tier: Admin, priority: 1, subject: {ALL}, {lists}}}"));
    ([rules(&policy.ingress), rules(&policy.egress)].concat(), errors)
}

#[test]
fn a_policy_stands_in_its_tier_at_its_priority() {
    for (kind, version, name, place, expected) in [
        ("ClusterNetworkPolicy", "v1alpha2", "p", "tier: Admin, priority: 0,", ("kube-admin", 0.0)),
        (
            "ClusterNetworkPolicy",
            "v1beta1",
            "p",
            "tier: Baseline, priority: 1000,",
            ("kube-baseline", 1000.0),
        ),
        ("AdminNetworkPolicy", "v1alpha1", "p", "priority: 7,", ("kube-admin", 7.0)),
        ("BaselineAdminNetworkPolicy", "v1alpha1", "default", "", ("kube-baseline", 1001.0)),
    ] {
        let (policy, errors) = administrative(kind, version, name, &format!("{{{place} subject: {ALL}}}"));
        assert_eq!(
            (policy.tier.as_str(), policy.order.value(), errors),
            (expected.0, Some(expected.1), vec![])
        );
        assert_eq!(directions(&policy), "", "nothing is isolated");
    }
    let (policy, _) = cnp(&format!("{{tier: Admin, priority: 1, subject: {ALL}}}"));
    assert_eq!(policy.key.tie_break(), "p//KubernetesClusterNetworkPolicy");
    assert_eq!(
        (policy.key.to_string(), policy.key.kind.to_string()),
        ("cnp/p".into(), "ClusterNetworkPolicy".into())
    );
}

#[test]
fn other_versions_are_reported() {
    let other = |version: &str, kind: &str| {
        findings(&format!(
            "apiVersion: policy.networking.k8s.io/{version}\nkind: {kind}\nmetadata: {{name: default}}\nspec: {{}}\n"
        ))
    };
    for (version, kind) in [
        ("v1", "ClusterNetworkPolicy"),
        ("v1alpha1", "ClusterNetworkPolicy"),
        ("v1alpha2", "AdminNetworkPolicy"),
        ("v1alpha2", "BaselineAdminNetworkPolicy"),
    ] {
        let found = other(version, kind);
        assert!(
            found.len() == 1 && found[0].contains(": error: ") && found[0].contains("no effect"),
            "{found:?}"
        );
    }
}

#[test]
fn directions_are_those_with_rules() {
    for (lists, expected) in [
        ("ingress: []", ""),
        ("ingress: null, egress: []", ""),
        ("ingress: [{action: Deny, from: [{namespaces: {}}]}]", "ingress"),
        ("egress: [{action: Deny, to: [{namespaces: {}}]}], ingress: []", "egress"),
        ("egress: everything", "egress"),
    ] {
        let (policy, _) = cnp(&format!("{{tier: Admin, priority: 1, subject: {ALL}, {lists}}}"));
        assert_eq!(directions(&policy), expected, "{lists}");
    }
}

#[test]
fn subjects_are_pods() {
    for (subject, terms) in [
        ("{namespaces: {}}", " && has(projectcalico.org/namespace)"),
        ("{namespaces: {matchLabels: {n: a}}}", r#" && pcns.n == "a""#),
        ("{pods: {namespaceSelector: {}, podSelector: {}}}", " && has(projectcalico.org/namespace)"),
        (
            "{pods: {namespaceSelector: {matchLabels: {n: a}}, podSelector: {matchExpressions: [{key: p, operator: Exists}]}}}",
            r#" && pcns.n == "a" && has(p)"#,
        ),
        ("{pods: {podSelector: {matchLabels: {p: b}}}}", r#" && p == "b""#),
    ] {
        let (policy, errors) = cnp(&format!("{{tier: Admin, priority: 1, subject: {subject}}}"));
        assert_eq!((policy.subject.to_string(), errors), (format!("({POD}{terms})"), vec![]));
    }
}

#[test]
fn peers_are_pods_nodes_and_networks() {
    for (peers, expected) in [
        ("[{namespaces: {}}]", vec![format!("<({POD} && has(projectcalico.org/namespace))>")]),
        (
            "[{pods: {namespaceSelector: {matchLabels: {n: a}}, podSelector: {matchLabels: {p: b}}}}]",
            vec![format!(r#"<({POD} && pcns.n == "a" && p == "b")>"#)],
        ),
        ("[{nodes: {}}]", vec!["nodes<all()>".into()]),
        (
            "[{nodes: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: DoesNotExist}]}}]",
            vec![r#"nodes<(a == "b" && !has(c))>"#.into()],
        ),
        (
            "[{networks: [10.0.0.0/8]}, {namespaces: {matchLabels: {n: a}}}, {networks: ['fd00::/8', 1.2.3.4/32]}]",
            vec![OF_A.into(), "10.0.0.0/8 fd00::/8 1.2.3.4/32".into()],
        ),
    ] {
        let expected: Vec<_> = expected.iter().map(|peer| format!("0 Deny - | - | {peer}")).collect();
        assert_eq!(of(&format!("egress: [{{action: Deny, to: {peers}}}]")), (expected, vec![]));
    }
}

#[test]
fn actions_and_traffic() {
    let lists = "ingress: [
        {name: n, action: Accept, from: [{namespaces: {matchLabels: {n: a}}}],
         protocols: [{tcp: {destinationPort: {number: 81}}}, {tcp: {destinationPort: {range: {start: 79, end: 80}}}},
                     {udp: {destinationPort: {number: 53}}}, {sctp: {destinationPort: {number: 1}}}, {destinationNamedPort: web}]},
        {action: Pass, from: [{namespaces: {matchLabels: {n: a}}}]}]";
    let expected = [
        format!("0 Allow - | {OF_A} | :web"),
        format!("0 Allow TCP | {OF_A} | :79-81"),
        format!("0 Allow UDP | {OF_A} | :53"),
        format!("0 Allow SCTP | {OF_A} | :1"),
        format!("1 Pass - | {OF_A} | -"),
    ];
    assert_eq!(of(lists), (expected.to_vec(), vec![]));
}

#[test]
fn ports_of_the_older_kinds() {
    let (policy, errors) = administrative(
        "AdminNetworkPolicy",
        "v1alpha1",
        "p",
        "{priority: 1, subject: {namespaces: {}}, egress: [
           {action: Allow, to: [{namespaces: {matchLabels: {n: a}}}],
            ports: [{portNumber: {port: 80}}, {portNumber: {protocol: UDP, port: 53}}, {portRange: {start: 81, end: 90}}, {namedPort: web}]},
           {action: Pass, to: [{nodes: {}}]}]}",
    );
    let expected = [
        format!("0 Allow - | - | {OF_A} :web"),
        format!("0 Allow TCP | - | {OF_A} :80-90"),
        format!("0 Allow UDP | - | {OF_A} :53"),
        "1 Pass - | - | nodes<all()>".into(),
    ];
    assert_eq!((rules(&policy.egress), errors), (expected.to_vec(), vec![]));
}

#[test]
fn what_is_too_much_for_the_api_is_enforced_with_a_word() {
    let many = |item: &str, count: usize| vec![item; count].join(", ");
    let peer = "{namespaces: {}}";
    let rule = format!("{{action: Deny, from: [{peer}]}}");
    let long = "n".repeat(101);
    for (rules, place) in [
        (many(&rule, 26), "warning spec.ingress"),
        (format!("{{action: Deny, from: [{}]}}", many(peer, 26)), "warning spec.ingress[0].from"),
        (
            format!(
                "{{action: Deny, from: [{peer}], protocols: [{}]}}",
                many("{destinationNamedPort: a}", 26)
            ),
            "warning spec.ingress[0].protocols",
        ),
        (format!("{{name: {long}, action: Deny, from: [{peer}]}}"), "warning spec.ingress[0].name"),
    ] {
        let text = format!(
            "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {{name: p}}\n\
             spec: {{tier: Admin, priority: 1, subject: {ALL}, ingress: [{rules}]}}\n"
        );
        assert_eq!(places(&findings(&text)), [place]);
        assert!(!policy(&text).0.ingress.is_empty());
    }
    let networks = vec!["10.0.0.0/8"; 26].join(", ");
    let (found, errors) = of(&format!("egress: [{{action: Deny, to: [{{networks: [{networks}]}}]}}]"));
    assert_eq!((found.len(), errors), (1, vec![]));
}
