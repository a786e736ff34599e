//! What is empty and what is absent in a Kubernetes NetworkPolicy (policy-model §1.4).

use super::{Reference, check, cluster_with};

const PEER: &str = "default/client default/server tcp 80";
const DATAGRAM: &str = "default/client default/server udp 80";
const OUTSIDE: &str = "8.8.8.8 default/server tcp 80";
const ELSEWHERE: &str = "web/front default/server tcp 80";
const OUT: &str = "default/server 8.8.8.8 tcp 80";

/// A policy on the server with these further fields.
fn policy(fields: &str) -> Reference {
    cluster_with(&format!(
        "{{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{ name: p }}, spec: {{ podSelector: {{ matchLabels: {{ app: \
         server }} }}, {fields} }} }}"
    ))
}

#[test]
fn lists_of_rules() {
    for none in
        ["policyTypes: [Ingress]", "policyTypes: [Ingress], ingress: []", "policyTypes: []", "ingress: null"]
    {
        check(&policy(none), &[(PEER, "deny"), (OUTSIDE, "deny"), (OUT, "allow")]);
    }
    check(&policy("ingress: [{}]"), &[(PEER, "allow"), (DATAGRAM, "allow"), (OUTSIDE, "allow")]);
    check(&policy("policyTypes: [Egress]"), &[(PEER, "allow"), (OUT, "deny")]);
    check(&policy("policyTypes: [Ingress], egress: [{}]"), &[(PEER, "deny"), (OUT, "allow")]);
    // Egress rules without types: both directions.
    check(
        &policy("egress: [{ ports: [{ port: 80 }] }]"),
        &[(PEER, "deny"), (OUT, "allow"), ("default/server 8.8.8.8 udp 80", "deny")],
    );
    check(&policy("egress: []"), &[(PEER, "deny"), (OUT, "allow")]);
}

#[test]
fn peers() {
    for any in ["from: []", "from: null", "ports: []"] {
        check(&policy(&format!("ingress: [{{ {any} }}]")), &[(PEER, "allow"), (OUTSIDE, "allow")]);
    }
    let from = |peers: &str| policy(&format!("ingress: [{{ from: [{peers}] }}]"));
    check(&from("{ podSelector: {} }"), &[(PEER, "allow"), (ELSEWHERE, "deny"), (OUTSIDE, "deny")]);
    check(&from("{ namespaceSelector: {} }"), &[(PEER, "allow"), (ELSEWHERE, "allow"), (OUTSIDE, "deny")]);
    // Host-network pods are no peers, by whatever selector; their node's address is what counts.
    check(&from("{ namespaceSelector: {} }"), &[("kube-system/proxy default/server tcp 80", "deny")]);
    let both = "{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: web } }, podSelector: { matchLabels: { app: front } } }";
    check(&from(both), &[(ELSEWHERE, "allow"), ("web/back default/server tcp 80", "deny"), (PEER, "deny")]);
    let either = "{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: web } } }, { podSelector: { matchLabels: { app: client } } }";
    check(
        &from(either),
        &[
            ("web/back default/server tcp 80", "allow"),
            (PEER, "allow"),
            ("kube-system/dns default/server tcp 80", "deny"),
        ],
    );
    let block = "{ ipBlock: { cidr: 10.0.0.0/8, except: [10.0.0.0/30] } }";
    check(
        &from(block),
        &[(PEER, "deny"), ("kube-system/dns default/server tcp 80", "allow"), (OUTSIDE, "deny")],
    );
    check(
        &from("{ ipBlock: { cidr: 0.0.0.0/0 } }"),
        &[(OUTSIDE, "allow"), ("fd00:10::1 fd00:10::2 tcp 80", "deny")],
    );
    check(
        &from("{ ipBlock: { cidr: '::/0' } }"),
        &[("fd00:10::1 fd00:10::2 tcp 80", "allow"), (PEER, "deny")],
    );
}

#[test]
fn ports() {
    let port = |port: &str| policy(&format!("ingress: [{{ ports: [{port}] }}]"));
    check(
        &port("{}"),
        &[(PEER, "allow"), (DATAGRAM, "deny"), ("default/client default/server icmp 8", "deny")],
    );
    check(&port("{ protocol: UDP }"), &[(PEER, "deny"), (DATAGRAM, "allow")]);
    check(
        &port("{ port: 80, endPort: 80 }"),
        &[(PEER, "allow"), ("default/client default/server tcp 81", "deny")],
    );
    check(&port("{ port: http }"), &[(PEER, "deny"), ("default/client default/server tcp 8080", "allow")]);
    // By name, each destination has its own number.
    let out = cluster_with(
        "{ apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: { name: p }, spec: { podSelector: {}, policyTypes: [Egress], \
         egress: [{ ports: [{ port: http }] }] } }",
    );
    check(
        &out,
        &[
            ("default/client web/back tcp 9090", "allow"),
            ("default/client web/back tcp 8080", "deny"),
            ("default/client web/front tcp 8080", "allow"),
            ("default/client 8.8.8.8 tcp 8080", "deny"),
        ],
    );
}

#[test]
fn what_cannot_be_understood_allows_nothing() {
    for rule in [
        "{ from: [{}] }",
        "{ from: [{ ipBlock: { cidr: 10.0.0.0/33 } }] }",
        "{ from: [{ ipBlock: { cidr: 10.0.0.0/8, except: [nonsense] } }] }",
        "{ from: [{ ipBlock: { cidr: 10.0.0.0/8 }, podSelector: {} }] }",
        "{ from: [{ podSelector: { matchExpressions: [{ key: app, operator: Like, values: [c] }] } }] }",
        "{ ports: [{ port: http, endPort: 9000 }] }",
        "{ ports: [{ port: 90, endPort: 80 }] }",
        "{ ports: [{ port: 0 }] }",
        "{ ports: [{ port: 80, protocol: ICMP }] }",
        "{ to: [{ podSelector: {} }] }",
        "{ unheard-of: true }",
        "nonsense",
    ] {
        check(
            &policy(&format!("ingress: [{rule}]")),
            &[(PEER, "deny"), ("default/client default/server tcp 8080", "deny")],
        );
        // A bad rule loses no other.
        check(&policy(&format!("ingress: [{rule}, {{}}]")), &[(PEER, "allow")]);
    }
}
