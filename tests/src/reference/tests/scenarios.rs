//! The scenarios of policy-model §6.

use super::{by, check, cluster_with, outcome};

const DEFAULT_DENY: &str = r#"
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: default-deny }
spec: { namespaceSelector: 'name not in {"kube-system"}', types: [Ingress, Egress] }
"#;

const ALLOW_DNS: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: allow-dns, namespace: default }
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  egress:
  - to:
    - namespaceSelector: { matchLabels: { LABEL: kube-system } }
      podSelector: { matchLabels: { k8s-app: kube-dns } }
";

const SPECIFIC: &str = "
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: allow-specific-ips }
spec:
  order: 2000
  types: [Egress]
  egress:
  - action: Allow
    protocol: TCP
    destination: { nets: [172.67.191.233/32, 104.21.92.106/32], ports: [443] }
";

const REPAIRED: &str = r#"
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: allow-specific-ips }
spec:
  order: 2000
  namespaceSelector: 'name not in {"kube-system"}'
  types: [Egress]
  egress:
  - action: Allow
    protocol: TCP
    destination: { nets: [172.67.191.233/32, 104.21.92.106/32], notNets: [10.96.0.0/12], ports: [443, 53] }
"#;

const LABELLED: &str = "
apiVersion: v1
kind: Namespace
metadata: { name: kube-system, labels: { name: kube-system } }
";

const QUERY: &str = "default/client kube-system/dns udp 53";
const UPSTREAM: &str = "kube-system/dns 8.8.8.8 udp 53";
const LISTED: &str = "172.67.191.233 tcp 443";

fn stacked(namespace: &str, label: &str, third: &str) -> super::Reference {
    cluster_with(&[namespace, DEFAULT_DENY, &ALLOW_DNS.replace("LABEL", label), third].join("---\n"))
}

#[test]
fn stacking_with_kube_system_unlabelled() {
    // §6a row 2: an absent label passes `not in`, so that the DNS servers are isolated in both directions.
    let cluster = stacked("", "name", SPECIFIC);
    check(&cluster, &[(QUERY, "deny"), (UPSTREAM, "deny"), ("default/client 8.8.8.8 tcp 443", "deny")]);
    assert_eq!(outcome(&cluster, &format!("default/client {LISTED}")), "allow");
    assert_eq!(outcome(&cluster, &format!("kube-system/dns {LISTED}")), "allow");
    assert_eq!(outcome(&cluster, "8.8.8.8 kube-system/dns udp 53"), "deny");
}

#[test]
fn stacking_with_kube_system_labelled() {
    // §6a row 3: DNS is reached, but its own way out is closed but for the listed addresses.
    let cluster = stacked(LABELLED, "name", SPECIFIC);
    check(&cluster, &[(QUERY, "allow"), (UPSTREAM, "deny"), ("web/front kube-system/dns udp 53", "deny")]);
    assert_eq!(by(&cluster, QUERY), "profile");
    assert_eq!(by(&cluster, UPSTREAM), "end-of-tier");
    assert_eq!(outcome(&cluster, &format!("kube-system/dns {LISTED}")), "allow");
    assert_eq!(by(&cluster, &format!("default/client {LISTED}")), "allow-specific-ips[0]");
}

#[test]
fn stacking_with_the_automatic_label_only() {
    // The client's way out opens, but Calico's `name` is still absent from the namespace, so that the servers stay isolated.
    let cluster = stacked("", "kubernetes.io/metadata.name", SPECIFIC);
    check(&cluster, &[(QUERY, "deny"), (UPSTREAM, "deny")]);
    assert_eq!(by(&cluster, QUERY), "end-of-tier");
    // The first two alone: what users saw working needs the label.
    check(&stacked("", "kubernetes.io/metadata.name", ""), &[(QUERY, "deny"), (UPSTREAM, "deny")]);
    check(&stacked(LABELLED, "name", ""), &[(QUERY, "allow"), (UPSTREAM, "allow")]);
}

#[test]
fn stacking_repaired() {
    let labelled = stacked(LABELLED, "name", REPAIRED);
    check(
        &labelled,
        &[(QUERY, "allow"), (UPSTREAM, "allow"), ("default/client 172.67.191.233 tcp 53", "allow")],
    );
    check(
        &labelled,
        &[("default/client 8.8.8.8 tcp 443", "deny"), ("8.8.8.8 default/client tcp 80", "deny")],
    );
    // The repair, too, relies on a label that is not there by itself.
    for label in ["name", "kubernetes.io/metadata.name"] {
        let unlabelled = stacked("", label, REPAIRED);
        check(&unlabelled, &[(QUERY, "deny"), (UPSTREAM, "deny")]);
        assert_eq!(outcome(&unlabelled, &format!("kube-system/dns {LISTED}")), "allow");
    }
}

/// §6b; DENY is where the reading puts the namespace selector of the third policy.
fn four_orders(deny: &str) -> super::Reference {
    let text = include_str!("four_orders.yaml").replace("DENY", deny);
    cluster_with(&text)
}

#[test]
fn four_orders_with_the_selector_on_the_policy() {
    let cluster = four_orders(
        "namespaceSelector: '(! has(privileged-namespace))'\n  egress: [{ action: Deny, destination: { selector: area == 'dummy' } }]",
    );
    check(
        &cluster,
        &[
            ("privileged/p default/area tcp 80", "allow"),
            ("default/client default/area tcp 80", "deny"),
            ("default/client privileged/area tcp 80", "deny"),
            ("default/client 203.0.113.1 tcp 80", "deny"),
            ("default/client default/server tcp 80", "allow"),
            ("dummy/d default/area tcp 80", "deny"),
            ("dummy/d 127.0.0.1 tcp 80", "allow"),
        ],
    );
    assert_eq!(by(&cluster, "privileged/p 203.0.113.1 tcp 80"), "global-privileged-namespace[0]");
    assert_eq!(by(&cluster, "dummy/d 127.0.0.1 tcp 80"), "global-egress-allow[0]");
    assert_eq!(by(&cluster, "default/client 127.0.0.1 tcp 80"), "global-default[0]");
}

#[test]
fn four_orders_with_the_selector_on_the_destination() {
    let cluster = four_orders(
        "egress: [{ action: Deny, destination: { selector: area == 'dummy', namespaceSelector: '(! has(privileged-namespace))' } }]",
    );
    check(
        &cluster,
        &[
            ("privileged/p default/area tcp 80", "allow"),
            ("default/client default/area tcp 80", "deny"),
            ("default/client privileged/area tcp 80", "allow"),
            // A GlobalNetworkSet has no namespace, hence no label of one.
            ("default/client 203.0.113.1 tcp 80", "deny"),
        ],
    );
}

#[test]
fn log_then_allow() {
    let policy = |rules: &str| {
        cluster_with(&format!(
            "{{ apiVersion: projectcalico.org/v3, kind: NetworkPolicy, metadata: {{ name: p }}, spec: {{ selector: app == 'server', \
             types: [Ingress], ingress: [{rules}] }} }}"
        ))
    };
    // §6c: Log decides nothing, the Allow behind it does; Log alone isolates.
    let both = policy(
        "{ action: Log, source: { selector: app == 'client' } }, { action: Allow, source: { selector: app == 'client' } }",
    );
    assert_eq!(by(&both, "default/client default/server tcp 80"), "p[1]");
    check(&both, &[("web/front default/server tcp 80", "deny")]);
    check(&policy("{ action: Log }"), &[("default/client default/server tcp 80", "deny")]);
}

#[test]
fn probes_from_the_own_node() {
    let cluster = cluster_with(DEFAULT_DENY);
    // §6e: server runs on n2, client on n1, where proxy shares the node's network.
    check(
        &cluster,
        &[
            ("node/n2 default/server tcp 8080", "allow"),
            ("192.168.0.2 default/server tcp 8080", "allow"),
            ("192.168.0.2 10.0.0.2 tcp 8080", "allow"),
            ("node/n1 default/server tcp 8080", "deny"),
            ("kube-system/proxy default/client tcp 8080", "allow"),
            ("kube-system/proxy default/server tcp 8080", "deny"),
            ("fd00:192::2 fd00:10::2 tcp 8080", "allow"),
            ("fd00:192::1 fd00:10::2 tcp 8080", "deny"),
        ],
    );
    assert_eq!(by(&cluster, "node/n2 default/server tcp 8080"), "host-to-own-pod");
}

#[test]
fn pods_and_their_node() {
    let cluster = cluster_with(DEFAULT_DENY);
    check(
        &cluster,
        &[
            ("default/client node/n1 tcp 53", "deny"),
            ("default/client fd00:192::1 icmpv6 135", "allow"),
            ("default/client fd00:192::1 icmpv6 134", "deny"),
            ("default/client fd00:192::1 icmpv6 128", "deny"),
            ("default/client fd00:192::2 icmpv6 135", "deny"),
            ("default/client 10.0.0.1 tcp 1", "allow"),
            ("node/n1 8.8.8.8 udp 53", "allow"),
        ],
    );
    check(&cluster_with(""), &[("default/client node/n1 tcp 53", "allow")]);
}
