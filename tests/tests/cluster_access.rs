//! Who the agent is to the API server: rights that are missing, tokens that are revoked and replaced, and a start without any server.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs;

use ferrule_tests::{
    api_server::{ApiServer, definitions},
    cluster_rig::ClusterRig,
    deployment::folder,
    objects::from_yaml,
    probe::Delivery::{Arrived, Lost},
};
use serde_json::{Value, json};

const NODE: &str = r#"
{apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}, {type: InternalIP, address: "fd18::1"}]}}
---
"#;

const PODS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Pod, metadata: {name: server, namespace: default, labels: {app: server}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: client, namespace: default, labels: {app: client}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.2}, {ip: "fd00:1::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: intruder, namespace: default, labels: {app: intruder}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.3}, {ip: "fd00:1::3"}]}}
---
"#;

const POLICY: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: default}
spec:
  podSelector: {matchLabels: {app: server}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]
";

const BROKEN: &str = "
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: broken, namespace: default}
spec: {selector: \"app == 'server\", types: [Ingress]}
";

/// What holds once policy is enforced.
const ENFORCED: [(&str, &str, ferrule_tests::probe::Delivery); 2] =
    [("default/client", "default/server", Arrived), ("default/intruder", "default/server", Lost)];
/// What holds while nobody enforces anything.
const UNTOUCHED: [(&str, &str, ferrule_tests::probe::Delivery); 2] =
    [("default/client", "default/server", Arrived), ("default/intruder", "default/server", Arrived)];
/// What holds while workload interfaces are closed.
const CLOSED: [(&str, &str, ferrule_tests::probe::Delivery); 2] =
    [("default/client", "default/server", Lost), ("default/intruder", "default/server", Lost)];

fn objects() -> String {
    [NODE, PODS, POLICY].concat()
}

/// Everything that the agent reads may be read, but for these resources.
fn rules_without(missing: &[&str]) -> Value {
    let all = [
        ("", vec!["pods", "namespaces", "nodes", "services", "serviceaccounts"]),
        ("networking.k8s.io", vec!["networkpolicies"]),
        ("discovery.k8s.io", vec!["endpointslices"]),
        ("apiextensions.k8s.io", vec!["customresourcedefinitions"]),
    ];
    let rule = |(group, resources): (&str, Vec<&str>)| {
        let resources: Vec<_> =
            resources.into_iter().filter(|resource| !missing.contains(resource)).collect();
        (!resources.is_empty())
            .then(|| json!({"apiGroups": [group], "resources": resources, "verbs": ["get", "list", "watch"]}))
    };
    all.into_iter().filter_map(rule).collect()
}

fn names_policies(text: &str) -> bool {
    text.contains("networkpolicies.networking.k8s.io: not followed for ") && text.contains("403")
}

#[test]
fn a_right_that_is_missing_is_named_and_holds_everything_back_at_the_start_only() {
    let mut rig = ClusterRig::wire("right", &objects(), &[]).unwrap();
    let account = rig.account("agent", &rules_without(&["networkpolicies"])).unwrap();
    rig.start_agent("n1", &account.kubeconfig(), &[]).unwrap();
    let said = rig.wait_readiness("n1", |_, text| names_policies(text)).unwrap();
    assert!(said.starts_with("not ready"), "nobody knows what is denied: {said}");
    rig.expect(&UNTOUCHED).unwrap();

    account.allow(&rig.server, &rules_without(&[])).unwrap();
    rig.wait_ready("n1").unwrap();
    rig.expect(&ENFORCED).unwrap();

    // Rights are looked at when a watch begins, and so when the server is back.
    account.allow(&rig.server, &rules_without(&["networkpolicies"])).unwrap();
    rig.server.kill().unwrap();
    rig.server.start_again().unwrap();
    let said = rig.wait_readiness("n1", |_, text| names_policies(text)).unwrap();
    assert!(said.starts_with("ready"), "what is known is enforced: {said}");
    rig.expect(&ENFORCED).unwrap();
    rig.end_agents().unwrap();
}

#[test]
fn a_token_is_revoked_and_another_takes_its_place() {
    let mut rig = ClusterRig::wire("token", &objects(), &[]).unwrap();
    let account = rig.account("agent", &rules_without(&[])).unwrap();
    rig.start_agent("n1", &account.kubeconfig(), &[]).unwrap();
    rig.wait_ready("n1").unwrap();
    rig.expect(&ENFORCED).unwrap();

    // A token dies with its account. One of the same name is another account.
    rig.client().delete(&account.object()).unwrap();
    rig.client().apply(&account.object()).unwrap();
    rig.server.kill().unwrap();
    rig.server.start_again().unwrap();
    let said = rig.wait_readiness("n1", |_, text| text.contains("HTTP 401")).unwrap();
    assert!(said.contains("not followed for ") && said.starts_with("ready"), "{said}");
    rig.expect(&ENFORCED).unwrap();

    account.renew(&rig.server).unwrap();
    rig.wait_readiness("n1", |code, text| code == 200 && !text.contains("not followed")).unwrap();
    rig.delete(POLICY).unwrap();
    rig.await_all(&UNTOUCHED).unwrap();
    rig.end_agents().unwrap();
}

/// Everything by which server and agent know each other is replaced: the authority, the server's certificate, and who the agent is.
#[test]
fn the_authority_is_replaced_and_with_it_every_certificate() {
    let mut rig = ClusterRig::wire("authority", &objects(), &[]).unwrap();
    let own = folder().join("base/nodepolicystatuses.ferrule.io.yaml");
    definitions::install(rig.client(), &from_yaml(&fs::read_to_string(own).unwrap()).unwrap()).unwrap();
    definitions::install(rig.client(), &definitions::calico()).unwrap();
    let told = |rig: &ClusterRig, findings: u64| {
        let metadata = json!({"name": "n1"});
        let node =
            json!({"apiVersion": "ferrule.io/v1alpha1", "kind": "NodePolicyStatus", "metadata": metadata});
        let is_told =
            |node: Option<&Value>| node.is_some_and(|node| node["status"]["findingCount"] == findings);
        rig.client().wait_until(&node, is_told).unwrap();
    };
    rig.start_agent("n1", &rig.server.kubeconfig(), &[]).unwrap();
    rig.wait_ready("n1").unwrap();
    rig.expect(&ENFORCED).unwrap();
    told(&rig, 0);

    rig.server.kill().unwrap();
    rig.wait_readiness("n1", |code, text| code == 200 && text.contains("not followed for ")).unwrap();
    rig.server.start_again_with_other_credentials().unwrap();
    rig.wait_readiness("n1", |code, text| code == 200 && !text.contains("not followed")).unwrap();
    rig.expect(&ENFORCED).unwrap();
    rig.delete(POLICY).unwrap();
    rig.await_all(&UNTOUCHED).unwrap();
    // What people are told goes its own way to the server.
    rig.apply(BROKEN).unwrap();
    told(&rig, 1);
    rig.take_agent("n1").unwrap().end_with(&["not a selector".to_owned()]).unwrap();
}

/// The agent starts where workloads run and no server answers, then the server comes.
fn start_without_server(
    arguments: &[&str],
    workloads_first: bool,
    before: &[(&str, &str, ferrule_tests::probe::Delivery)],
) {
    let first = if workloads_first { [NODE, PODS].concat() } else { NODE.to_owned() };
    let mut rig = ClusterRig::wire("start", &first, &[]).unwrap();
    rig.apply(&(PODS.to_owned() + POLICY)).unwrap();
    rig.server.kill().unwrap();
    rig.start_agent("n1", &rig.server.kubeconfig(), arguments).unwrap();
    let address = format!("API server {}: not followed for ", rig.server.address());
    let said = rig.wait_readiness("n1", |code, text| code == 503 && text.contains(&address)).unwrap();
    assert!(said.starts_with("not ready"), "{said}");
    if !workloads_first {
        rig.attach(PODS).unwrap();
    }
    rig.await_all(before).unwrap();
    rig.server.start_again().unwrap();
    rig.wait_ready("n1").unwrap();
    rig.await_all(&ENFORCED).unwrap();
    rig.end_agents().unwrap();
}

#[test]
fn without_a_server_running_workloads_are_left_alone() {
    start_without_server(&["--startup-protection", "auto"], true, &UNTOUCHED);
}

#[test]
fn without_a_server_workloads_that_were_quicker_than_the_agent_at_boot_are_closed() {
    start_without_server(&["--boot-window", "1000000m"], true, &CLOSED);
}

#[test]
fn without_a_server_workloads_that_start_stay_closed() {
    start_without_server(&["--startup-protection", "auto"], false, &CLOSED);
}

#[test]
fn without_a_server_everything_is_closed_if_so_wished() {
    start_without_server(&["--startup-protection", "closed"], true, &CLOSED);
}

#[test]
fn without_a_server_everything_is_open_if_so_wished() {
    start_without_server(&["--startup-protection", "open"], false, &UNTOUCHED);
}

/// What an earlier agent left holds until the server says otherwise.
#[test]
fn a_restart_without_a_server_keeps_what_was_enforced() {
    let mut rig = ClusterRig::start("restart", &objects(), &[]).unwrap();
    rig.expect(&ENFORCED).unwrap();
    rig.server.kill().unwrap();
    rig.take_agent("n1").unwrap().kill().unwrap();
    rig.start_agent("n1", &rig.server.kubeconfig(), &["--startup-protection", "open"]).unwrap();
    rig.wait_readiness("n1", |code, text| code == 503 && text.contains("API server")).unwrap();
    rig.expect(&ENFORCED).unwrap();
    rig.server.start_again().unwrap();
    rig.wait_ready("n1").unwrap();
    rig.expect(&ENFORCED).unwrap();
    rig.end_agents().unwrap();
}

/// An agent that cannot authenticate at all says so from the start.
#[test]
fn a_token_that_was_never_good_is_named() {
    let mut rig = ClusterRig::wire_to(ApiServer::start("bad", &[]).unwrap(), "bad", &objects()).unwrap();
    let account = rig.account("agent", &rules_without(&[])).unwrap();
    rig.client().delete(&account.object()).unwrap();
    rig.start_agent("n1", &account.kubeconfig(), &[]).unwrap();
    let said = rig.wait_readiness("n1", |_, text| text.contains("HTTP 401")).unwrap();
    assert!(said.starts_with("not ready") && said.contains(&rig.server.address()), "{said}");
    rig.end_agents().unwrap();
}
