//! Host endpoints, settings, services: verdicts derived by hand from policy-model §1.3 and §4.2 and felix-dataplane §4 to §9.

use super::{by, check, outcome};
use crate::{objects, reference::Reference};

/// Two nodes with a pod each, a client beside the first, and a service of either pod.
const NODES: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1, labels: {rack: a}}, status: {addresses: [{address: 172.18.0.1}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{address: 172.18.0.2}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, spec: {nodeName: n1}, status: {podIP: 10.0.1.1}}
- {apiVersion: v1, kind: Pod, metadata: {name: client, labels: {app: client}}, spec: {nodeName: n1}, status: {podIP: 10.0.1.2}}
- {apiVersion: v1, kind: Pod, metadata: {name: db, labels: {app: db}}, spec: {nodeName: n2}, status: {podIP: 10.0.2.1}}
- {apiVersion: v1, kind: Service, metadata: {name: db}, spec: {clusterIPs: [10.96.0.1], ports: [{port: 80, nodePort: 30080}]}}
- apiVersion: discovery.k8s.io/v1
  kind: EndpointSlice
  metadata: {name: db-1, labels: {kubernetes.io/service-name: db}}
  endpoints: [{addresses: [10.0.2.1]}]
  ports: [{port: 5432}]
"#;

fn nodes_with(text: &str) -> Reference {
    let mut all = objects::from_yaml(NODES).unwrap();
    all.extend(objects::from_yaml(text).unwrap());
    Reference::new(&all)
}

fn host_endpoint(name: &str, rest: &str) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: HostEndpoint, metadata: {{name: {name}, labels: {{host: 'yes'}}}}, spec: {{node: n1, {rest}}}}}\n"
    )
}

fn policy(name: &str, spec: &str) -> String {
    format!(
        "---\n{{apiVersion: projectcalico.org/v3, kind: GlobalNetworkPolicy, metadata: {{name: {name}}}, spec: {{selector: has(host), {spec}}}}}\n"
    )
}

#[test]
fn an_interface_is_whose_name_it_bears_then_whose_address_then_of_the_rest() {
    let open = "profiles: [projectcalico-default-allow]";
    let (named, expected, rest) = ("interfaceName: eth0", "expectedIPs: [172.18.0.1]", "interfaceName: '*'");
    for (open_one, closed_one, wanted) in [
        (named, expected, "allow"),
        (expected, named, "deny"),
        (expected, rest, "allow"),
        (rest, named, "deny"),
        ("interfaceName: eth1", rest, "deny"),
    ] {
        let text = host_endpoint("b", &format!("{open_one}, {open}")) + &host_endpoint("a", closed_one);
        assert_eq!(outcome(&nodes_with(&text), "8.8.8.8 node/n1 tcp 80"), wanted, "{open_one}, {closed_one}");
    }
    let same = host_endpoint("b", named) + &host_endpoint("a", &format!("{named}, {open}"));
    assert_eq!(outcome(&nodes_with(&same), "8.8.8.8 node/n1 tcp 80"), "allow", "the least name");
}

#[test]
fn profiles_speak_in_order_and_without_any_an_endpoint_is_closed() {
    for (profiles, wanted, decider) in [
        ("[]", "deny", "host-endpoint-default"),
        ("[projectcalico-default-allow]", "allow", "profile"),
        ("[nobody, projectcalico-default-allow]", "deny", "profile"),
        ("[kns.default]", "allow", "profile"),
    ] {
        let reference =
            nodes_with(&host_endpoint("a", &format!("interfaceName: eth0, profiles: {profiles}")));
        assert_eq!(outcome(&reference, "node/n2 node/n1 tcp 80"), wanted, "{profiles}");
        assert_eq!(by(&reference, "node/n2 node/n1 tcp 80"), decider, "{profiles}");
    }
}

#[test]
fn a_closed_host_endpoint_leaves_failsafe_ports_own_pods_and_what_is_forwarded() {
    let reference = nodes_with(&host_endpoint("a", "interfaceName: '*'"));
    check(
        &reference,
        &[
            ("8.8.8.8 node/n1 tcp 22", "allow"),
            ("8.8.8.8 node/n1 udp 22", "deny"),
            ("node/n1 8.8.8.8 udp 53", "allow"),
            ("node/n1 8.8.8.8 tcp 22", "deny"),
            ("node/n1 default/web tcp 80", "allow"),
            ("node/n1 10.96.0.1 tcp 80", "deny"),
            ("default/client 10.96.0.1 tcp 80", "allow"),
            ("default/client node/n1 tcp 80", "allow"),
            ("8.8.8.8 default/web tcp 80", "allow"),
        ],
    );
}

#[test]
fn settings_of_the_node_go_before_selected_ones_and_those_before_the_default() {
    let configuration = |name: &str, spec: &str| {
        format!(
            "---\n{{apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {{name: {name}}}, spec: {{{spec}}}}}\n"
        )
    };
    let action = |action: &str| format!("defaultEndpointToHostAction: {action}");
    let default = configuration("default", &action("Drop"));
    let selected = configuration("racks", &format!("nodeSelector: rack == 'a', {}", action("Accept")));
    let own = configuration("node.n1", &action("Drop"));
    let elsewhere = configuration("node.n2", &action("Drop"));
    for (text, wanted) in [
        (String::new(), "allow"),
        (default.clone(), "deny"),
        (default.clone() + &selected, "allow"),
        (default.clone() + &selected + &elsewhere, "allow"),
        (default + &selected + &own, "deny"),
    ] {
        assert_eq!(outcome(&nodes_with(&text), "default/client node/n1 tcp 80"), wanted, "{text}");
    }
}

#[test]
fn policy_before_dnat_sees_what_was_dialled_and_behind_it_what_is_meant() {
    let wall = policy("wall", "order: 2, preDNAT: true, applyOnForward: true, ingress: [{action: Deny}]");
    let hole = |port: u16| {
        policy(
            "hole",
            &format!(
                "order: 1, preDNAT: true, applyOnForward: true, ingress: [{{action: Allow, protocol: TCP, destination: {{ports: [{port}]}}}}]"
            ),
        )
    };
    let forwarded = policy(
        "forwarded",
        "applyOnForward: true, types: [Ingress], ingress: [{action: Allow, protocol: TCP, destination: {ports: [5432]}}]",
    );
    let endpoint = host_endpoint("a", "interfaceName: eth0");
    for (policies, wanted) in [
        (wall.clone() + &hole(30080), "allow"),
        (wall.clone() + &hole(5432), "deny"),
        (forwarded.clone(), "allow"),
        (wall + &hole(30080) + &forwarded, "allow"),
    ] {
        let reference = nodes_with(&(endpoint.clone() + &policies));
        assert_eq!(outcome(&reference, "8.8.8.8 172.18.0.1 tcp 30080"), wanted, "{policies}");
    }
}

#[test]
fn untracked_policy_lets_past_translation_and_every_other_policy_of_the_host() {
    let untracked = policy(
        "raw",
        "doNotTrack: true, applyOnForward: true, types: [Ingress], ingress: [{action: Allow, protocol: UDP}, {action: Deny, protocol: SCTP}]",
    );
    for (endpoint, udp, sctp) in [("eth0", "allow", "deny"), ("'*'", "deny", "deny")] {
        let reference = nodes_with(&(host_endpoint("a", &format!("interfaceName: {endpoint}")) + &untracked));
        check(
            &reference,
            &[
                ("8.8.8.8 node/n1 udp 80", udp),
                ("8.8.8.8 node/n1 sctp 80", sctp),
                ("8.8.8.8 node/n1 tcp 22", "allow"),
                // Nothing is said about what goes out.
                ("node/n1 8.8.8.8 udp 80", "deny"),
            ],
        );
    }
}

#[test]
fn consistent_node_ports_ask_for_all_endpoints_of_a_service() {
    let second = "---\n{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: db-2, labels: {kubernetes.io/service-name: db}}, endpoints: [{addresses: [10.0.1.1], conditions: {ready: false}}], ports: [{port: 5432}]}\n";
    let egress = |to: &str| {
        format!(
            "---\n{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p}}, spec: {{podSelector: {{matchLabels: {{app: client}}}}, policyTypes: [Egress], egress: [{{to: [{to}]}}]}}}}\n"
        )
    };
    let (pods, block) =
        (egress("{podSelector: {matchLabels: {app: db}}}"), egress("{ipBlock: {cidr: 172.18.0.0/24}}"));
    let flows = [
        "default/client 172.18.0.1 tcp 30080",
        "default/client 172.18.0.2 tcp 30080",
        "default/client 10.96.0.1 tcp 80",
    ];
    for (text, standard, consistent) in [
        (pods.clone(), ["allow", "deny", "allow"], ["allow", "allow", "allow"]),
        (pods + second, ["allow", "deny", "allow"], ["allow", "deny", "allow"]),
        (block, ["deny", "allow", "deny"], ["allow", "allow", "deny"]),
    ] {
        let verdicts = |reference: &Reference| flows.map(|flow| outcome(reference, flow));
        assert_eq!(verdicts(&nodes_with(&text)), standard, "{text}");
        assert_eq!(verdicts(&nodes_with(&text).with_consistent_node_ports()), consistent, "{text}");
    }
}

#[test]
fn pods_do_not_encapsulate() {
    let reference = nodes_with("");
    check(
        &reference,
        &[("default/client default/web udp 4789", "deny"), ("default/client default/web tcp 4789", "allow")],
    );
    let other = nodes_with(
        "---\n{apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {name: default}, spec: {vxlanPort: 8472}}\n",
    );
    check(
        &other,
        &[("default/client default/web udp 4789", "allow"), ("default/client default/web udp 8472", "deny")],
    );
}
