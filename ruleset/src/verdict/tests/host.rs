//! Flows that begin, end or pass at nodes with host endpoints.
//!
//! ```text
//! n1 (172.18.0.2): default/a (10.0.1.1)  default/b (10.0.1.2)
//! n2 (172.18.0.3): default/c (10.0.2.1)
//! ```

use crate::{
    compile::Options,
    manifest::Directory,
    settings::{Layer, Switch},
    store::Store,
    verdict::{Answer, Cluster, Flow, Place, Reason, Verdict},
};

use super::peer;

const WORLD: &str = "
{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{address: 172.18.0.2}]}}
---
{apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{address: 172.18.0.3}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {nodeName: n1}, status: {podIP: 10.0.1.1}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b}, spec: {nodeName: n1}, status: {podIP: 10.0.1.2}}
---
{apiVersion: v1, kind: Pod, metadata: {name: c}, spec: {nodeName: n2}, status: {podIP: 10.0.2.1}}
";

/// A host endpoint of n1 under this name with this spec.
fn host_endpoint(name: &str, spec: &str) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {{name: {name}, labels: {{host: {name}}}}}, spec: {{node: n1, {spec}}}}}\n"
    )
}

fn policy(name: &str, spec: &str) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {{name: {name}}}, spec: {{selector: has(host), {spec}}}}}\n"
    )
}

fn cluster_with(texts: &[&str], layer: Layer) -> Cluster {
    let mut directory = Directory::default();
    let text = [&[WORLD], texts].concat().concat();
    let events = directory.update("m.yaml", Some(&text));
    let errors: Vec<_> = directory.findings().iter().map(ToString::to_string).collect();
    assert!(errors.iter().all(|finding| !finding.contains(": error: ")), "{errors:?}");
    let mut store = Store::default();
    events.into_iter().for_each(|event| store.apply(event));
    Cluster::new(store, Options { layer, ..Options::default() })
}

fn cluster(texts: &[&str]) -> Cluster {
    cluster_with(texts, Layer::default())
}

fn ask(cluster: &Cluster, from: &str, to: &str, port: u16) -> Answer {
    cluster.verdict(&Flow::tcp(peer(from), peer(to), port)).unwrap()
}

/// `allow by end-of-tier at eth0`, for each decision on the way.
fn way(cluster: &Cluster, from: &str, to: &str, port: u16) -> String {
    let answer = ask(cluster, from, to, port);
    let step = |decision: &crate::verdict::Decision| {
        let by = match &decision.reason {
            Reason::Rule { policy, direction, index, .. } => format!("{}.{direction}[{index}]", policy.name),
            Reason::StandIn { .. } => "stand-in".to_owned(),
            Reason::EndOfTier { .. } | Reason::Profile { .. } | Reason::Builtin { .. } | Reason::Loopback => {
                decision.reason.builtin().unwrap_or_default().to_owned()
            }
        };
        let at = match &decision.at {
            Some(Place::Pod(pod)) => format!(" at {}", pod.name),
            Some(Place::HostEndpoint { node, name }) => format!(" at {node}/{name}"),
            None => String::new(),
        };
        format!("{} {by}{at}", decision.verdict)
    };
    answer.path.iter().map(step).collect::<Vec<_>>().join(", ")
}

const NAMED: &str = "interfaceName: ens3";

#[test]
fn without_policy_a_host_endpoint_is_closed_but_for_failsafe_ports_and_what_it_forwards() {
    let cluster = cluster(&[&host_endpoint("h", NAMED)]);
    for (from, to, port, expected) in [
        ("203.0.113.7", "node/n1", 22, "allow failsafe at n1/h"),
        ("203.0.113.7", "node/n1", 80, "deny host-endpoint-default at n1/h"),
        ("node/n1", "203.0.113.7", 6443, "allow failsafe at n1/h"),
        ("node/n1", "203.0.113.7", 443, "deny host-endpoint-default at n1/h"),
        ("node/n1", "node/n2", 443, "deny host-endpoint-default at n1/h"),
        ("node/n2", "172.18.0.2", 443, "deny host-endpoint-default at n1/h"),
        ("node/n1", "default/c", 80, "deny host-endpoint-default at n1/h"),
        ("node/n2", "203.0.113.7", 443, "allow no-policy"),
        // The interface of what a node sends to itself has no host endpoint.
        ("node/n1", "node/n1", 443, "allow no-policy"),
        ("node/n1", "default/a", 80, "allow host-to-own-pod"),
        ("default/a", "node/n1", 80, "allow profile at a, allow endpoint-to-host"),
        ("default/a", "203.0.113.7", 80, "allow profile at a"),
        ("203.0.113.7", "default/a", 80, "allow profile at a"),
        ("default/c", "default/a", 80, "allow profile at c, allow profile at a"),
        ("default/c", "node/n1", 80, "allow profile at c, deny host-endpoint-default at n1/h"),
    ] {
        assert_eq!(way(&cluster, from, to, port), expected, "{from} -> {to}:{port}");
    }
}

#[test]
fn policies_of_a_host_endpoint_are_named_like_others() {
    let rules = "types: [Ingress, Egress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}], egress: [{action: Log}, {action: Allow, protocol: TCP, destination: {ports: [443]}}]";
    let cluster = cluster(&[&host_endpoint("h", NAMED), &policy("p", rules)]);
    for (from, to, port, expected) in [
        ("203.0.113.7", "node/n1", 80, "allow p.ingress[0] at n1/h"),
        ("203.0.113.7", "node/n1", 22, "allow failsafe at n1/h"),
        ("203.0.113.7", "node/n1", 81, "deny end-of-tier at n1/h"),
        ("node/n1", "node/n2", 443, "allow p.egress[1] at n1/h"),
        ("node/n1", "default/c", 443, "allow p.egress[1] at n1/h, allow profile at c"),
        ("node/n1", "default/c", 80, "deny end-of-tier at n1/h"),
        // What it forwards is not for policies without applyOnForward.
        ("203.0.113.7", "default/a", 81, "allow profile at a"),
    ] {
        assert_eq!(way(&cluster, from, to, port), expected, "{from} -> {to}:{port}");
    }
    let answer = ask(&cluster, "node/n1", "default/c", 443);
    assert!(matches!(answer.by.reason, Reason::Rule { .. }), "policy goes before the profile: {answer:?}");
    assert_eq!(answer.verdict, Verdict::Allow);
}

#[test]
fn what_a_node_forwards_meets_its_host_endpoint_between_the_pods() {
    let rules = "applyOnForward: true, types: [Ingress, Egress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}, {action: Pass, protocol: TCP, destination: {ports: [82]}}], egress: [{action: Allow, protocol: TCP, destination: {ports: [443]}}]";
    let cluster = cluster(&[&host_endpoint("h", NAMED), &policy("p", rules)]);
    for (from, to, port, expected) in [
        ("203.0.113.7", "default/a", 80, "allow p.ingress[0] at n1/h, allow profile at a"),
        ("203.0.113.7", "default/a", 81, "deny end-of-tier at n1/h"),
        ("203.0.113.7", "default/a", 82, "allow profile at a"),
        ("default/a", "203.0.113.7", 443, "allow profile at a, allow p.egress[0] at n1/h"),
        ("default/a", "203.0.113.7", 444, "allow profile at a, deny end-of-tier at n1/h"),
        ("default/a", "default/c", 443, "allow profile at a, allow p.egress[0] at n1/h, allow profile at c"),
        ("default/c", "default/a", 81, "allow profile at c, deny end-of-tier at n1/h"),
        // From pod to pod of one node no named interface is crossed.
        ("default/a", "default/b", 81, "allow profile at a, allow profile at b"),
        ("node/n1", "default/a", 81, "allow host-to-own-pod"),
        ("default/a", "node/n1", 81, "allow profile at a, allow endpoint-to-host"),
    ] {
        assert_eq!(way(&cluster, from, to, port), expected, "{from} -> {to}:{port}");
    }
}

#[test]
fn policy_ahead_of_translation_and_of_tracking_comes_first() {
    let dialled = policy(
        "dialled",
        "preDNAT: true, applyOnForward: true, types: [Ingress], ingress: [{action: Deny, protocol: TCP, destination: {ports: [81]}}, {action: Allow, protocol: TCP, destination: {ports: [80]}}]",
    );
    let closed = policy("closed", "applyOnForward: true, types: [Ingress]");
    let cluster = self::cluster(&[&host_endpoint("h", NAMED), &dialled, &closed]);
    for (from, to, port, expected) in [
        ("203.0.113.7", "node/n1", 80, "allow dialled.ingress[1] at n1/h"),
        ("203.0.113.7", "node/n1", 81, "deny dialled.ingress[0] at n1/h"),
        ("203.0.113.7", "node/n1", 82, "deny end-of-tier at n1/h"),
        ("203.0.113.7", "default/a", 80, "allow dialled.ingress[1] at n1/h, allow profile at a"),
        ("203.0.113.7", "default/a", 81, "deny dialled.ingress[0] at n1/h"),
        ("203.0.113.7", "default/a", 82, "deny end-of-tier at n1/h"),
    ] {
        assert_eq!(way(&cluster, from, to, port), expected, "{from} -> {to}:{port}");
    }

    let raw = policy(
        "raw",
        "doNotTrack: true, applyOnForward: true, types: [Ingress, Egress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}, {action: Deny, protocol: TCP, destination: {ports: [81]}}], egress: [{action: Allow, protocol: TCP, destination: {ports: [80]}}, {action: Deny, protocol: TCP, destination: {ports: [81]}}]",
    );
    let closed = policy("closed", "applyOnForward: true, types: [Ingress, Egress]");
    let cluster = self::cluster(&[&host_endpoint("h", NAMED), &raw, &closed]);
    for (from, to, port, expected) in [
        ("203.0.113.7", "node/n1", 80, "allow raw.ingress[0] at n1/h"),
        ("203.0.113.7", "node/n1", 81, "deny raw.ingress[1] at n1/h"),
        ("203.0.113.7", "node/n1", 82, "deny end-of-tier at n1/h"),
        ("203.0.113.7", "node/n1", 22, "allow failsafe at n1/h"),
        ("203.0.113.7", "default/a", 80, "allow raw.ingress[0] at n1/h, allow profile at a"),
        ("203.0.113.7", "default/a", 81, "deny raw.ingress[1] at n1/h"),
        ("node/n1", "203.0.113.7", 80, "allow raw.egress[0] at n1/h"),
        ("node/n1", "203.0.113.7", 81, "deny raw.egress[1] at n1/h"),
        ("node/n1", "203.0.113.7", 82, "deny end-of-tier at n1/h"),
    ] {
        assert_eq!(way(&cluster, from, to, port), expected, "{from} -> {to}:{port}");
    }
}

#[test]
fn addresses_of_the_node_are_where_they_are_expected() {
    let open = "profiles: [projectcalico-default-allow]";
    let denied = |name: &str| format!("deny host-endpoint-default at n1/{name}");
    let allowed = |name: &str| format!("allow profile at n1/{name}");
    for (endpoints, expected) in [
        // By address, by the only name, or else by none.
        (vec![host_endpoint("h", "expectedIPs: [172.18.0.2]")], denied("h")),
        (vec![host_endpoint("h", "interfaceName: '*'")], denied("h")),
        (
            vec![host_endpoint("h", NAMED), host_endpoint("all", &format!("interfaceName: '*', {open}"))],
            denied("h"),
        ),
        (
            vec![host_endpoint("g", "interfaceName: ens4"), host_endpoint("h", NAMED)],
            "allow no-policy".to_owned(),
        ),
        (
            vec![
                host_endpoint("g", "interfaceName: ens4"),
                host_endpoint("h", NAMED),
                host_endpoint("z", &format!("interfaceName: '*', {open}")),
            ],
            allowed("z"),
        ),
        (
            vec![
                host_endpoint("g", "interfaceName: ens4"),
                host_endpoint("h", &format!("interfaceName: ens3, expectedIPs: [172.18.0.2], {open}")),
            ],
            allowed("h"),
        ),
        // An address that only the host endpoint knows is the node's too; the uplink is where the Node object's address is.
        (
            vec![
                host_endpoint("g", "interfaceName: ens4, expectedIPs: [192.0.2.1]"),
                host_endpoint("h", &format!("interfaceName: ens3, expectedIPs: [172.18.0.2], {open}")),
            ],
            allowed("h"),
        ),
    ] {
        let texts: Vec<&str> = endpoints.iter().map(String::as_str).collect();
        let cluster = cluster(&texts);
        assert_eq!(way(&cluster, "203.0.113.7", "node/n1", 80), expected, "{texts:?}");
        assert_eq!(way(&cluster, "node/n1", "203.0.113.7", 80), expected, "{texts:?}");
    }
    let second = host_endpoint("g", "interfaceName: ens4, expectedIPs: [192.0.2.1]");
    let first = host_endpoint("h", &format!("interfaceName: ens3, expectedIPs: [172.18.0.2], {open}"));
    let cluster = cluster(&[&second, &first]);
    assert_eq!(way(&cluster, "203.0.113.7", "192.0.2.1", 80), denied("g"));
}

#[test]
fn what_a_node_sends_to_itself_is_governed_where_the_loopback_interface_is_named() {
    let rules = "types: [Ingress, Egress], ingress: [{action: Allow, destination: {nets: [127.0.0.0/8]}}], egress: [{action: Allow}]";
    let others = cluster(&[&host_endpoint("h", "interfaceName: '*'"), &policy("p", rules)]);
    for to in ["127.0.0.1", "172.18.0.2"] {
        assert_eq!(way(&others, "node/n1", to, 80), "allow no-policy", "{to}");
    }
    let named = cluster(&[&host_endpoint("h", "interfaceName: lo"), &policy("p", rules)]);
    for (to, expected) in [
        ("127.0.0.1", "allow p.egress[0] at n1/h, allow p.ingress[0] at n1/h"),
        ("172.18.0.2", "allow p.egress[0] at n1/h, deny end-of-tier at n1/h"),
        ("default/a", "allow host-to-own-pod"),
    ] {
        assert_eq!(way(&named, "node/n1", to, 80), expected, "{to}");
    }
    assert_eq!(way(&named, "node/n2", "127.0.0.1", 80), "allow no-policy");
    let flow = Flow::tcp(peer("node/n1"), peer("172.18.0.2"), 80);
    let misses = named.misses(&flow, &named.verdict(&flow).unwrap().by).unwrap();
    assert_eq!(misses.len(), 1, "{misses:?}");
}

#[test]
fn nodes_that_nothing_governs_need_no_address_and_automatic_ones_allow() {
    let stray = "---\n{apiVersion: v1, kind: Pod, metadata: {name: d}, spec: {nodeName: n3}, status: {podIP: 10.0.3.1}}\n";
    let open = cluster(&[stray]);
    assert_eq!(way(&open, "node/n3", "node/n1", 80), "allow no-policy");
    let automatic =
        cluster_with(&[], Layer { auto_host_endpoints: Some(Switch::Enabled), ..Layer::default() });
    assert_eq!(
        way(&automatic, "node/n1", "node/n2", 80),
        "allow profile at n1/n1-auto-hep, allow profile at n2/n2-auto-hep"
    );
    // A host endpoint makes its node known.
    let known = cluster(&[
        "---\n{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {name: h}, spec: {node: n9, interfaceName: '*', expectedIPs: [172.18.0.9]}}\n",
    ]);
    assert_eq!(way(&known, "203.0.113.7", "node/n9", 80), "deny host-endpoint-default at n9/h");
}

#[test]
fn after_a_deny_the_rules_of_host_endpoints_say_what_they_want() {
    let rules = "applyOnForward: true, types: [Ingress, Egress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [443]}}], egress: [{action: Allow, protocol: TCP, destination: {ports: [443]}}]";
    let cluster = cluster(&[&host_endpoint("h", NAMED), &policy("p", rules)]);
    for (from, to, expected) in [
        ("203.0.113.7", "node/n1", 1),
        ("node/n1", "203.0.113.7", 1),
        ("203.0.113.7", "default/a", 1),
        ("default/a", "default/c", 1),
    ] {
        let flow = Flow::tcp(peer(from), peer(to), 80);
        let answer = cluster.verdict(&flow).unwrap();
        assert_eq!(answer.verdict, Verdict::Deny);
        assert_eq!(cluster.misses(&flow, &answer.by).unwrap().len(), expected, "{from} -> {to}");
    }
    let beyond = |from: &str, to: &str| {
        let decisions = cluster.receiver(&Flow::tcp(peer(from), peer(to), 80)).unwrap();
        decisions.iter().map(|decision| decision.reason.builtin().unwrap_or("rule")).collect::<Vec<_>>()
    };
    assert_eq!(beyond("default/c", "node/n1"), ["end-of-tier"]);
    assert_eq!(beyond("node/n1", "default/c"), ["profile"]);
    assert_eq!(beyond("node/n1", "node/n2"), Vec::<&str>::new());
    assert_eq!(beyond("default/a", "node/n1"), Vec::<&str>::new());
}
