//! Rules of Calico policies (policy-model §0, §1.1, §2.6, §4.3).

use super::{Reference, check, cluster_with};

const SETS: &str = "
{ apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: { name: g, labels: { area: dummy } }, spec: { nets: [198.51.100.0/24, 0.0.0.0/33] } }
---
{ apiVersion: projectcalico.org/v3, kind: NetworkSet, metadata: { name: n, namespace: web, labels: { area: dummy, pcns.name: default } }, spec: { nets: [203.0.113.5] } }
---
{ apiVersion: v1, kind: Namespace, metadata: { name: web, labels: { name: dummy } } }
---
";

/// The server's only policy has one rule that allows.
fn np(rule: &str) -> Reference {
    policy("NetworkPolicy", "app == 'server'", &format!("action: Allow, {rule}"))
}

fn gnp(rule: &str) -> Reference {
    policy("GlobalNetworkPolicy", "app == 'server'", &format!("action: Allow, {rule}"))
}

fn policy(kind: &str, selector: &str, rule: &str) -> Reference {
    cluster_with(&format!(
        "{SETS}{{ apiVersion: projectcalico.org/v3, kind: {kind}, metadata: {{ name: p }}, spec: {{ selector: \"{selector}\", types: \
         [Ingress], ingress: [{{ {rule} }}] }} }}"
    ))
}

const OWN: &str = "default/client default/server tcp 80";
const OTHER: &str = "web/front default/server tcp 80";
const GLOBAL_SET: &str = "198.51.100.1 default/server tcp 80";
const WEB_SET: &str = "203.0.113.5 default/server tcp 80";
const OUTSIDE: &str = "8.8.8.8 default/server tcp 80";

#[test]
fn the_namespace_of_a_peer() {
    let all = |outcomes: [&'static str; 5]| {
        [OWN, OTHER, GLOBAL_SET, WEB_SET, OUTSIDE].into_iter().zip(outcomes).collect::<Vec<_>>()
    };
    let (t, f) = ("allow", "deny");
    check(&np("source: { notSelector: app == 'other' }"), &all([t, f, f, f, f]));
    check(&gnp("source: { notSelector: app == 'front' }"), &all([t, f, t, t, t]));
    check(&np("source: { nets: [0.0.0.0/0] }"), &all([t, t, t, t, t]));
    check(&np("source: { selector: all() }"), &all([t, f, f, f, f]));
    check(&gnp("source: { selector: all() }"), &all([t, t, t, t, f]));
    check(&gnp("source: { selector: ' ' }"), &all([t, t, t, t, f]));
    check(&gnp("source: { selector: '' }"), &all([t, t, t, t, t]));
    check(&gnp("source: { namespaceSelector: all() }"), &all([t, t, f, t, f]));
    check(&gnp("source: { namespaceSelector: global() }"), &all([f, f, t, f, f]));
    check(&gnp("source: { namespaceSelector: '!has(name)' }"), &all([t, f, t, f, f]));
    check(&gnp("source: { namespaceSelector: name == 'dummy' }"), &all([f, t, f, t, f]));
    check(&gnp("source: { selector: area == 'dummy', namespaceSelector: '!has(x)' }"), &all([f, f, t, t, f]));
    check(&gnp("source: { serviceAccounts: { selector: all() } }"), &all([t, t, t, t, f]));
    check(&gnp("source: { serviceAccounts: {} }"), &all([t, t, t, t, t]));
    check(&gnp("source: { serviceAccounts: { names: [x] } }"), &all([f, f, f, f, f]));
    // The set's own label does not make it one of another namespace.
    check(&gnp("source: { namespaceSelector: name == 'default' }"), &all([f, f, f, f, f]));
}

#[test]
fn nets_and_families() {
    let six = "fd00:10::1 fd00:10::2 tcp 80";
    check(&np("source: { notNets: [10.0.0.3/32] }"), &[(OWN, "allow"), (OTHER, "deny"), (six, "deny")]);
    check(&np("source: { notNets: [0.0.0.0/0] }"), &[(OWN, "deny"), (six, "deny")]);
    check(
        &np("source: { nets: [10.0.0.1/32, 'fd00:10::/64'] }"),
        &[(OWN, "allow"), (OTHER, "deny"), (six, "allow")],
    );
    check(
        &np("source: { nets: [10.0.0.1/30, 8.8.8.8] }"),
        &[(OWN, "allow"), (OTHER, "allow"), (OUTSIDE, "allow")],
    );
    check(&np("ipVersion: 6"), &[(OWN, "deny"), (six, "allow")]);
    check(&np("source: { notNets: ['fd00::/8'] }"), &[(OWN, "deny")]);
}

#[test]
fn protocols_and_messages() {
    let echo = "default/client default/server icmp 8";
    let reply = "default/client default/server icmp 0";
    check(&np("protocol: ICMP"), &[(echo, "allow"), (OWN, "deny")]);
    check(&np("protocol: 1, icmp: { type: 8 }"), &[(echo, "allow"), (reply, "deny")]);
    check(&np("protocol: ICMP, icmp: { type: 8, code: 1 }"), &[(echo, "deny")]);
    check(&np("protocol: ICMP, notICMP: { type: 8, code: 1 }"), &[(echo, "allow"), (reply, "allow")]);
    check(&np("notICMP: { type: 8, code: 0 }"), &[(echo, "deny"), (reply, "allow"), (OWN, "allow")]);
    check(&np("notProtocol: TCP"), &[(echo, "allow"), (OWN, "deny")]);
    check(&np("protocol: '6'"), &[(echo, "deny"), (OWN, "allow")]);
    check(&np("protocol: 136"), &[("default/client default/server udplite 80", "allow"), (OWN, "deny")]);
}

#[test]
fn ports() {
    let named = "default/client default/server tcp 8080";
    check(
        &np("destination: { ports: [http] }"),
        &[(named, "allow"), (OWN, "deny"), ("default/client default/server udp 8080", "deny")],
    );
    check(&np("protocol: TCP, destination: { ports: [http, '70:80'] }"), &[(named, "allow"), (OWN, "allow")]);
    check(&np("protocol: UDP, destination: { ports: [http] }"), &[(named, "deny")]);
    check(&np("destination: { notPorts: [http] }"), &[(named, "deny"), (OWN, "allow")]);
    check(&np("destination: { ports: [http], selector: app == 'other' }"), &[(named, "deny")]);
    check(
        &np("destination: { notPorts: [http], namespaceSelector: all() }"),
        &[(named, "deny"), (OWN, "allow")],
    );
    check(&np("protocol: TCP, source: { ports: [40000] }"), &[(OWN, "allow")]);
    check(&np("protocol: TCP, source: { notPorts: ['39999:40000'] }"), &[(OWN, "deny")]);
}

#[test]
fn an_egress_rule_may_ask_for_its_own_source() {
    let cluster = cluster_with(
        "{ apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: { name: p }, spec: { types: [Egress], egress: \
         [{ action: Allow, source: { selector: app == 'client' } }] } }",
    );
    check(&cluster, &[(OWN, "allow"), (OTHER, "deny")]);
}
