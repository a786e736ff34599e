//! `networking.k8s.io/v1` NetworkPolicy: policy-model §1.4, §2.3.

use super::fixture::{directions, knp, policy, rules};

const OWN: &str = r#"projectcalico.org/orchestrator == "k8s" && projectcalico.org/namespace == "ns""#;
const POD: &str = r#"projectcalico.org/orchestrator == "k8s""#;

/// The ingress rules that a list in flow style becomes, and the errors.
fn ingress(list: &str) -> (Vec<String>, Vec<String>) {
    let (policy, errors) = knp(&format!("{{podSelector: {{}}, ingress: {list}}}"));
    (rules(&policy.ingress), errors)
}

#[test]
fn directions_default_by_the_length_of_the_egress_list() {
    for (spec, expected) in [
        ("{podSelector: {}}", "ingress"),
        ("{}", "ingress"),
        ("", "ingress"),
        ("{podSelector: {}, egress: []}", "ingress"),
        ("{podSelector: {}, egress: [{}]}", "ingress+egress"),
        ("{podSelector: {}, policyTypes: [], egress: [{}]}", "ingress+egress"),
        ("{podSelector: {}, policyTypes: [Egress]}", "egress"),
        ("{podSelector: {}, policyTypes: [Ingress], egress: [{}]}", "ingress"),
        ("{podSelector: {}, policyTypes: [Egress, Ingress]}", "ingress+egress"),
    ] {
        let (policy, errors) = knp(spec);
        assert_eq!((directions(&policy).as_str(), errors), (expected, vec![]), "{spec}");
    }
}

#[test]
fn subject_is_of_pods_of_the_own_namespace() {
    for (selector, terms) in [
        ("{}", ""),
        ("{matchLabels: {app: web, a.b/c: ''}}", r#"a.b/c == "" && app == "web" && "#),
        (
            "{matchExpressions: [{key: a, operator: In, values: [y, x]}, {key: b, operator: NotIn, values: [z]}]}",
            r#"a in {"x", "y"} && b not in {"z"} && "#,
        ),
        (
            "{matchExpressions: [{key: a, operator: Exists}, {key: b, operator: DoesNotExist, values: []}]}",
            "has(a) && !has(b) && ",
        ),
    ] {
        let (policy, errors) = knp(&format!("{{podSelector: {selector}}}"));
        let expected = format!(r#"({POD} && {terms}projectcalico.org/namespace == "ns")"#);
        assert_eq!((policy.subject.to_string(), errors), (expected, vec![]));
        assert_eq!((policy.tier.as_str(), policy.order.value()), ("default", Some(1000.0)));
    }
}

#[test]
fn empties_mean_what_the_api_says() {
    for (list, expected) in [
        ("[]", vec![]),
        ("null", vec![]),
        ("[{}]", vec!["0 Allow - | - | -"]),
        ("[{from: []}]", vec!["0 Allow - | - | -"]),
        ("[{from: null, ports: []}]", vec!["0 Allow - | - | -"]),
        ("[{ports: [{}]}]", vec!["0 Allow TCP | - | -"]),
        ("[{ports: [{protocol: UDP}]}]", vec!["0 Allow UDP | - | -"]),
        ("[{ports: [{port: 80}, {}]}]", vec!["0 Allow TCP | - | -"]),
    ] {
        let (found, errors) = ingress(list);
        assert_eq!(
            (found.as_slice(), errors),
            (&*expected.iter().map(ToString::to_string).collect::<Vec<_>>(), vec![]),
            "{list}"
        );
    }
}

#[test]
fn peers_are_pods_or_blocks() {
    for (peers, expected) in [
        ("[{podSelector: {}}]", vec![format!("<({OWN})>")]),
        ("[{podSelector: {matchLabels: {a: b}}}]", vec![format!(r#"<({OWN} && a == "b")>"#)]),
        ("[{namespaceSelector: {}}]", vec![format!("<({POD} && has(projectcalico.org/namespace))>")]),
        (
            "[{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: dns}}, podSelector: {matchLabels: {a: b}}}]",
            vec![format!(r#"<({POD} && pcns.kubernetes.io/metadata.name == "dns" && a == "b")>"#)],
        ),
        (
            "[{namespaceSelector: {matchExpressions: [{key: x, operator: DoesNotExist}]}}, {podSelector: {}}]",
            vec![format!("<({POD} && !has(pcns.x))>"), format!("<({OWN})>")],
        ),
        ("[{namespaceSelector: null, podSelector: {}}]", vec![format!("<({OWN})>")]),
        (
            "[{ipBlock: {cidr: 10.1.2.3/8}}, {ipBlock: {cidr: 'fd00::/8'}}]",
            vec!["10.0.0.0/8 fd00::/8".into()],
        ),
        (
            "[{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.0.0.0/8]}}, {ipBlock: {cidr: 10.1.0.0/24}}]",
            vec!["10.0.0.0/8 !10.1.0.0/16 !10.0.0.0/8".into(), "10.1.0.0/24".into()],
        ),
    ] {
        let (found, errors) = ingress(&format!("[{{from: {peers}}}]"));
        let expected: Vec<_> = expected.iter().map(|source| format!("0 Allow - | {source} | -")).collect();
        assert_eq!((found, errors), (expected, vec![]), "{peers}");
    }
}

#[test]
fn every_peer_stands_with_every_protocol() {
    let (found, errors) = ingress(
        "[{}, {from: [{podSelector: {}}, {ipBlock: {cidr: 1.0.0.0/8}}],
           ports: [{port: 81}, {port: 53, protocol: UDP}, {port: 80}, {port: web}, {port: 8000, endPort: 8080}, {port: '82'}]}]",
    );
    let tcp = ":80-82 :8000-8080 :web";
    assert_eq!(
        (found, errors),
        (
            vec![
                "0 Allow - | - | -".to_owned(),
                format!("1 Allow TCP | <({OWN})> | {tcp}"),
                format!("1 Allow UDP | <({OWN})> | :53"),
                format!("1 Allow TCP | 1.0.0.0/8 | {tcp}"),
                "1 Allow UDP | 1.0.0.0/8 | :53".to_owned(),
            ],
            vec![]
        )
    );
    let (policy, _) = knp("{egress: [{to: [{podSelector: {}}], ports: [{port: 443, endPort: 443}]}]}");
    assert_eq!(rules(&policy.egress), [format!("0 Allow TCP | - | <({OWN})> :443")]);
}

#[test]
fn a_rule_that_is_not_understood_matches_nothing_and_costs_no_other() {
    for (rule, field) in [
        ("null", "spec.ingress[0]"),
        ("allow", "spec.ingress[0]"),
        ("{frm: []}", "spec.ingress[0].frm"),
        ("{from: {podSelector: {}}}", "spec.ingress[0].from"),
        ("{from: [null]}", "spec.ingress[0].from[0]"),
        ("{from: [{}]}", "spec.ingress[0].from[0]"),
        ("{from: [{clusterSelector: {}}]}", "spec.ingress[0].from[0].clusterSelector"),
        ("{from: [{podSelector: {}, clusterSelector: {}}]}", "spec.ingress[0].from[0].clusterSelector"),
        ("{from: [{podSelector: []}]}", "spec.ingress[0].from[0].podSelector"),
        ("{from: [{podSelector: {matchLabel: {}}}]}", "spec.ingress[0].from[0].podSelector.matchLabel"),
        (
            "{from: [{podSelector: {matchLabels: {a: 1}}}]}",
            "spec.ingress[0].from[0].podSelector.matchLabels.a",
        ),
        (
            "{from: [{podSelector: {matchLabels: {'a == \"': b}}}]}",
            "spec.ingress[0].from[0].podSelector.matchLabels",
        ),
        (
            "{from: [{podSelector: {matchExpressions: [{key: a, operator: In}]}}]}",
            "spec.ingress[0].from[0].podSelector.matchExpressions[0]",
        ),
        (
            "{from: [{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [x]}]}}]}",
            "spec.ingress[0].from[0].podSelector.matchExpressions[0]",
        ),
        (
            "{from: [{podSelector: {matchExpressions: [{key: a, operator: Gt, values: ['1']}]}}]}",
            "spec.ingress[0].from[0].podSelector.matchExpressions[0]",
        ),
        (
            "{from: [{podSelector: {matchExpressions: [{operator: Exists}]}}]}",
            "spec.ingress[0].from[0].podSelector.matchExpressions[0]",
        ),
        ("{from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}", "spec.ingress[0].from[0]"),
        ("{from: [{ipBlock: {}}]}", "spec.ingress[0].from[0].ipBlock"),
        ("{from: [{ipBlock: {cidr: 10.0.0.0}}]}", "spec.ingress[0].from[0].ipBlock.cidr"),
        ("{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}", "spec.ingress[0].from[0].ipBlock.cidr"),
        (
            "{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, x]}}]}",
            "spec.ingress[0].from[0].ipBlock.except[1]",
        ),
        (
            "{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['fd00::/8']}}]}",
            "spec.ingress[0].from[0].ipBlock.except[0]",
        ),
        ("{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {}]}", "spec.ingress[0].from[1]"),
        ("{ports: [null]}", "spec.ingress[0].ports[0]"),
        ("{ports: 80}", "spec.ingress[0].ports"),
        ("{ports: [{port: 0}]}", "spec.ingress[0].ports[0].port"),
        ("{ports: [{port: 65536}]}", "spec.ingress[0].ports[0].port"),
        ("{ports: [{port: 80.5}]}", "spec.ingress[0].ports[0].port"),
        ("{ports: [{port: '80:90'}]}", "spec.ingress[0].ports[0].port"),
        ("{ports: [{port: '80-90'}]}", "spec.ingress[0].ports[0].port"),
        ("{ports: [{protocol: tcp}]}", "spec.ingress[0].ports[0].protocol"),
        ("{ports: [{protocol: ICMP}]}", "spec.ingress[0].ports[0].protocol"),
        ("{ports: [{port: web, endPort: 90}]}", "spec.ingress[0].ports[0].endPort"),
        ("{ports: [{endPort: 90}]}", "spec.ingress[0].ports[0].endPort"),
        ("{ports: [{port: 90, endPort: 80}]}", "spec.ingress[0].ports[0].endPort"),
        ("{ports: [{port: 90, endport: 91}]}", "spec.ingress[0].ports[0].endport"),
    ] {
        let (found, errors) = ingress(&format!("[{rule}, {{ports: [{{port: 1}}]}}]"));
        assert_eq!(found, ["1 Allow TCP | - | :1"], "{rule}");
        assert_eq!(errors.len(), 1, "{rule}: {errors:?}");
        let start = format!("m.yaml:4: error: NetworkPolicy ns/p: {field}: ")
            .replace("NetworkPolicy", "KubernetesNetworkPolicy");
        assert!(
            errors[0].starts_with(&start) && errors[0].ends_with(" (the rule matches nothing)"),
            "{rule}: {errors:?}"
        );
    }
}

#[test]
fn a_policy_that_is_not_understood_isolates_and_allows_nothing() {
    for (spec, field) in [
        ("{podSelector: [], ingress: [{}]}", "spec.podSelector"),
        ("{podSelector: {matchLabels: {a: [b]}}, ingress: [{}]}", "spec.podSelector.matchLabels.a"),
        ("{podSelector: {}, clusterSelector: {}, ingress: [{}]}", "spec.clusterSelector"),
        ("{podSelector: {}, policyTypes: [ingress], ingress: [{}]}", "spec.policyTypes[0]"),
        ("{podSelector: {}, policyTypes: Ingress, ingress: [{}]}", "spec.policyTypes"),
        ("[]", "spec"),
    ] {
        let (policy, errors) = knp(spec);
        assert_eq!(
            (policy.subject.to_string(), rules(&policy.ingress)),
            (format!("({OWN})"), vec![]),
            "{spec}"
        );
        assert!(errors.len() == 1 && errors[0].contains(&format!(" {field}: ")), "{spec}: {errors:?}");
        if spec.contains("policyTypes") {
            assert_eq!(directions(&policy), "ingress+egress", "{spec}");
        }
    }
    let (policy, errors) = knp("{podSelector: {}, ingress: all, egress: [{}]}");
    assert_eq!((rules(&policy.ingress), rules(&policy.egress)), (vec![], vec!["0 Allow - | - | -".into()]));
    assert!(errors[0].contains(
        " spec.ingress: must be a list, not a string (the policy allows nothing in this direction)"
    ));
}

#[test]
fn an_object_as_the_api_server_returns_it_makes_no_noise() {
    let (resources, findings) = super::fixture::read(
        r#"apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy"}
  creationTimestamp: "2026-01-01T00:00:00Z"
  generation: 1
  managedFields:
  - apiVersion: networking.k8s.io/v1
    fieldsType: FieldsV1
    fieldsV1:
      f:spec: {f:podSelector: {}}
  name: web
  namespace: ns
  resourceVersion: "1"
  uid: 00000000-0000-0000-0000-000000000000
spec:
  podSelector: {}
  policyTypes:
  - Ingress
status: {}
---
apiVersion: v1
kind: Namespace
metadata: {name: ns, creationTimestamp: null}
spec: {finalizers: [kubernetes]}
status: {phase: Active}
"#,
    );
    assert_eq!((resources.len(), findings), (2, vec![]));
}

#[test]
fn findings_name_the_line() {
    let text = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: p\nspec:\n  podSelector: {}\n  ingress:\n  - from:\n    - podSelector:\n        matchLabels:\n          app: 7\n";
    let (_, errors) = policy(text);
    assert_eq!(
        errors,
        [
            "m.yaml:11: error: KubernetesNetworkPolicy default/p: spec.ingress[0].from[0].podSelector.matchLabels.app: must be a string, not a whole number (the rule matches nothing)"
        ]
    );
}
