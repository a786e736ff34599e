//! What cannot be understood never opens anything (policy-model §0 item 7, issue "Input").

use super::{Reading, check, cluster_with, verdict};
use crate::verdict::Outcome;

const FLOW: &str = "default/client default/server tcp 80";
const OTHER: &str = "web/front default/server tcp 80";

fn policy(fields: &str) -> super::Reference {
    cluster_with(&format!(
        "{{ apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {{ name: p }}, spec: {{ types: [Ingress], {fields} }} }}"
    ))
}

const BAD: [&str; 14] = [
    "source: { nets: [10.0.0.0/33] }",
    "source: { notNets: [nonsense] }",
    "source: { selector: 'a =' }",
    "source: { notSelector: '!' }",
    "source: { namespaceSelector: 'a in b', selector: all() }",
    "source: { serviceAccounts: { selector: '(' }, selector: all() }",
    "protocol: TCP, destination: { ports: ['80:70'] }",
    "protocol: TCP, destination: { ports: [0] }",
    "protocol: TCP, destination: { notPorts: [70000] }",
    "destination: { ports: [80] }",
    "destination: { services: { name: s } }",
    "http: { methods: [GET] }",
    "protocol: NONSENSE",
    "unheard-of: 1",
];

#[test]
fn an_allow_rule_matches_nothing_and_a_deny_rule_all_it_could() {
    for bad in BAD {
        check(&policy(&format!("ingress: [{{ action: Allow, {bad} }}]")), &[(FLOW, "deny")]);
        check(
            &policy(&format!("ingress: [{{ action: Deny, {bad} }}, {{ action: Allow }}]")),
            &[(FLOW, "deny")],
        );
        // Log never decides, and the rules behind it stay.
        check(
            &policy(&format!("ingress: [{{ action: Log, {bad} }}, {{ action: Allow }}]")),
            &[(FLOW, "allow")],
        );
        check(
            &policy(&format!("ingress: [{{ action: Pass, {bad} }}, {{ action: Deny }}]")),
            &[(FLOW, "deny")],
        );
        check(
            &policy(&format!("ingress: [{{ action: Sometimes, {bad} }}, {{ action: Allow }}]")),
            &[(FLOW, "deny")],
        );
    }
}

#[test]
fn a_policy_with_a_doubtful_subject_closes_whatever_it_could_select() {
    for bad in [
        "selector: 'a ='",
        "namespaceSelector: '⏎'",
        "serviceAccountSelector: '|'",
        "types: [Sideways]",
        "unheard-of: 1",
    ] {
        check(&policy(bad), &[(FLOW, "deny"), (OTHER, "deny")]);
    }
    let of_namespace = cluster_with(
        "{ apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: { name: p, namespace: web }, spec: { selector: 'a =', types: [Ingress] } }",
    );
    check(&of_namespace, &[("default/client web/front tcp 80", "deny"), (FLOW, "allow")]);
}

#[test]
fn a_deny_rule_in_doubt_may_be_read_narrowly_or_widely() {
    // Only TCP was surely not meant; a system may close it nevertheless.
    let cluster =
        policy("ingress: [{ action: Deny, protocol: UDP, source: { nets: [nonsense] } }, { action: Allow }]");
    assert_eq!(verdict(&cluster, FLOW, Reading::Least).outcome, Outcome::Allow);
    assert_eq!(verdict(&cluster, FLOW, Reading::Most).outcome, Outcome::Deny);
    check(&cluster, &[("default/client default/server udp 80", "deny")]);
}
