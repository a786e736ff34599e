//! What happens in a cluster in the course of time: kinds come and go, namespaces are deleted, pods end, and addresses pass from one to another.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use anyhow::ensure;
use ferrule_tests::{
    api_server::definitions,
    call::until,
    cluster_rig::ClusterRig,
    probe::Delivery::{Arrived, Lost},
};
use serde_json::json;

const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}, {type: InternalIP, address: "fd18::1"}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 172.18.0.2}, {type: InternalIP, address: "fd18::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: server, namespace: shop, labels: {app: server}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: client, namespace: shop, labels: {app: client}}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.1}, {ip: "fd00:2::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: intruder, namespace: default, labels: {app: intruder}}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.2}, {ip: "fd00:2::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: witness, namespace: default, labels: {app: witness}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.7}, {ip: "fd00:1::7"}]}}
---
"#;

const POLICY: &str = "
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: shop}
spec:
  podSelector: {matchLabels: {app: server}}
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]
";

fn rig(label: &str) -> ClusterRig {
    ClusterRig::start(label, &(OBJECTS.to_owned() + POLICY), &[]).unwrap()
}

fn is_well(code: u16, text: &str) -> bool {
    code == 200 && !text.contains("not followed")
}

#[test]
fn a_kind_is_defined_later_and_removed_again() {
    let mut rig = rig("kinds");
    rig.expect(&[("default/intruder", "shop/client", Arrived)]).unwrap();
    definitions::install(rig.client(), &definitions::calico()).unwrap();
    let policy = "
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: no-intruders}
spec:
  order: 1
  selector: app == 'client'
  types: [Ingress]
  ingress:
  - {action: Deny, source: {selector: app == 'intruder'}}
  - {action: Allow}
";
    rig.apply(policy).unwrap();
    rig.await_all(&[("default/intruder", "shop/client", Lost), ("shop/server", "shop/client", Arrived)])
        .unwrap();
    for definition in definitions::calico() {
        rig.client().delete(&definition).unwrap();
    }
    // The server takes its time, and a definition that is on its way out cannot be had anew.
    for definition in definitions::calico() {
        rig.client().wait_until(&definition, |definition| definition.is_none()).unwrap();
    }
    rig.await_all(&[
        ("default/intruder", "shop/client", Arrived),
        ("shop/server", "shop/client", Arrived),
        ("shop/client", "shop/server", Arrived),
        ("default/intruder", "shop/server", Lost),
    ])
    .unwrap();
    rig.wait_readiness("n1", is_well).unwrap();
    definitions::install(rig.client(), &definitions::calico()).unwrap();
    rig.apply(policy).unwrap();
    rig.await_all(&[("default/intruder", "shop/client", Lost)]).unwrap();
    rig.end_agents().unwrap();
}

/// Both of Calico's groups as definitions: policies stand in the one that Calico's own API server stores, then the other comes, empty at first.
#[test]
fn definitions_of_another_group_do_not_hide_the_policies_of_the_one_that_is_in_use() {
    let mut rig = rig("groups");
    let denied = &[("default/intruder", "shop/client", Lost), ("shop/server", "shop/client", Arrived)];
    let policy = |api_version: &str, name: &str| {
        format!(
            "
apiVersion: {api_version}
kind: GlobalNetworkPolicy
metadata: {{name: {name}}}
spec:
  order: 1
  selector: app == 'client'
  types: [Ingress]
  ingress: [{{action: Deny, source: {{selector: app == 'intruder'}}}}, {{action: Allow}}]
"
        )
    };
    let restart = |rig: &mut ClusterRig| {
        rig.end_agents().unwrap();
        let kubeconfig = rig.server.kubeconfig();
        ["n1", "n2"].iter().for_each(|node| rig.start_agent(node, &kubeconfig, &[]).unwrap());
    };
    let wait = |rig: &ClusterRig, holds: &dyn Fn(u16, &str) -> bool| {
        ["n1", "n2"].map(|node| rig.wait_readiness(node, holds).unwrap())
    };
    definitions::install(rig.client(), &definitions::calico_stored()).unwrap();
    rig.apply(&policy("crd.projectcalico.org/v1", "default.no-intruders")).unwrap();
    rig.await_all(denied).unwrap();

    // A group that holds nothing is no reason to leave the other, now or at a start.
    definitions::install(rig.client(), &definitions::calico()).unwrap();
    let is_told =
        |code: u16, text: &str| code == 200 && text.contains("all objects are in crd.projectcalico.org/v1");
    wait(&rig, &is_told);
    rig.expect(denied).unwrap();
    restart(&mut rig);
    wait(&rig, &is_told);
    rig.expect(denied).unwrap();

    // Where both hold something that the other lacks, what is enforced stays, and who starts changes nothing.
    rig.apply(&policy("projectcalico.org/v3", "another")).unwrap();
    restart(&mut rig);
    let is_contested = |code: u16, text: &str| {
        let parts = [
            "crd.projectcalico.org/v1 1 (globalnetworkpolicies no-intruders)",
            "projectcalico.org/v3 1 (globalnetworkpolicies another)",
        ];
        code == 503 && parts.iter().all(|part| text.contains(part))
    };
    wait(&rig, &is_contested);
    rig.expect(denied).unwrap();

    // Once the group that people write holds everything, it is followed.
    rig.apply(&policy("projectcalico.org/v3", "no-intruders")).unwrap();
    wait(&rig, &is_well);
    rig.expect(denied).unwrap();
    for name in ["another", "no-intruders"] {
        rig.apply(&policy("projectcalico.org/v3", name).replace("Deny", "Allow")).unwrap();
    }
    rig.await_all(&[("default/intruder", "shop/client", Arrived)]).unwrap();
    rig.end_agents().unwrap();
}

/// Namespace controllers before Kubernetes 1.33 delete policies and pods in any order; pods that are still running then must not be open
/// (CVE-2024-7598). The controller of this server waits for pods, so that the policy is deleted here in the manner of the older ones.
#[test]
fn pods_of_a_namespace_under_deletion_stay_denied() {
    let mut rig = rig("namespace");
    let held = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "server", "finalizers": ["ferrule.test/held"]}});
    rig.client().patch(&held).unwrap();
    let denied =
        [0, 1].map(|family| rig.stream("default/intruder", "shop/server", family, 7000, 5000).unwrap());
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    rig.client().delete_gently(&namespace).unwrap();
    let policy = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "shop", "name": "server"}});
    rig.client()
        .wait_until(&held, |pod| pod.is_some_and(|pod| !pod["metadata"]["deletionTimestamp"].is_null()))
        .unwrap();
    rig.client().delete(&policy).unwrap();
    // The agents have seen the same once they have seen what came after it: a policy elsewhere.
    let later = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: later, namespace: default}, spec: {podSelector: {}}}";
    rig.apply(later).unwrap();
    rig.await_all(&[("shop/client", "default/intruder", Lost), ("shop/client", "default/witness", Lost)])
        .unwrap();
    for stream in denied {
        stream.await_further(1000).unwrap();
        let count = stream.stop().unwrap();
        assert_eq!(
            count.arrivals.len(),
            0,
            "{} of {} denied datagrams arrived",
            count.arrivals.len(),
            count.sent
        );
    }
    let released = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "server", "finalizers": null}});
    rig.client().patch(&released).unwrap();
    for name in ["server", "client"] {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": name}});
        rig.client().delete(&pod).unwrap();
    }
    rig.client().wait_until(&namespace, |namespace| namespace.is_none()).unwrap();
    rig.end_agents().unwrap();
}

#[test]
fn a_completed_pod_leaves_every_set_and_a_terminating_one_stays() {
    let mut rig = rig("completed");
    let client =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "client"}});
    rig.client().delete_gently(&client).unwrap();
    rig.client()
        .wait_until(&client, |pod| pod.is_some_and(|pod| !pod["metadata"]["deletionTimestamp"].is_null()))
        .unwrap();
    // A pod that is created later is seen later.
    let other = OBJECTS.lines().find(|line| line.contains("name: client")).unwrap().trim_start_matches("- ");
    let other = other
        .replace("client, namespace", "other, namespace")
        .replace("10.0.2.1", "10.0.2.3")
        .replace("fd00:2::1", "fd00:2::3");
    rig.apply(&other).unwrap();
    rig.attach(&other).unwrap();
    rig.await_all(&[("shop/other", "shop/server", Arrived)]).unwrap();
    rig.expect(&[("shop/client", "shop/server", Arrived)]).unwrap();

    let done = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "other"}, "status": {"phase": "Succeeded"}});
    rig.client().patch_status(&done).unwrap();
    rig.await_all(&[("shop/other", "shop/server", Lost), ("shop/client", "shop/server", Arrived)]).unwrap();
    // What it sends is lost at its own node, which may be ahead of the other.
    until(|| {
        let listing = rig.nft("n1", &["list", "ruleset"])?;
        ensure!(
            listing.contains("10.0.2.1") && !listing.contains("10.0.2.3") && !listing.contains("fd00:2::3"),
            "{listing}"
        );
        Ok(())
    })
    .unwrap();
    rig.end_agents().unwrap();
}

/// The address of a client goes to a pod that is none, with the events in either order, and back.
#[test]
fn an_address_passes_from_pod_to_pod_in_either_order() {
    let mut rig = rig("address");
    let pod = |name: &str, app: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: shop, labels: {{app: {app}}}}}, spec: {{nodeName: n2}}, \
             status: {{podIPs: [{{ip: 10.0.2.9}}, {{ip: \"fd00:2::9\"}}]}}}}"
        )
    };
    let mut tenant: Option<(String, String)> = None;
    for (round, created_first) in [false, true, true, false, false, true].into_iter().enumerate() {
        let (app, expected) = if round % 2 == 0 { ("client", Arrived) } else { ("other", Lost) };
        let name = format!("tenant-{round}");
        let next = pod(&name, app);
        let previous = tenant.replace((name.clone(), next.clone()));
        if created_first {
            rig.apply(&next).unwrap();
        }
        if let Some((name, previous)) = previous {
            rig.topology.detach(&format!("shop/{name}")).unwrap();
            rig.delete(&previous).unwrap();
        }
        if !created_first {
            rig.apply(&next).unwrap();
        }
        rig.attach(&next).unwrap();
        // What the tenant sends leaves its own node once that knows it; then its reception is judged by the other.
        let tenant = format!("shop/{name}");
        rig.await_all(&[
            (tenant.as_str(), "shop/client", Arrived),
            (tenant.as_str(), "shop/server", expected),
        ])
        .unwrap();
        rig.expect(&[(tenant.as_str(), "shop/server", expected)]).unwrap();
    }
    rig.end_agents().unwrap();
}

/// A large cluster is there when the agents start.
#[test]
fn twenty_thousand_objects_at_the_start() {
    let mut rig = ClusterRig::wire("large", &(OBJECTS.to_owned() + POLICY), &["-controllers=false"]).unwrap();
    let mut objects = Vec::new();
    for namespace in 0..500 {
        let name = format!("ns-{namespace}");
        objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": format!("t{}", namespace % 20)}}}));
        for number in 0..4 {
            let ports = json!([{"protocol": "TCP", "port": 1000 + number}]);
            let peers = json!([{"namespaceSelector": {"matchLabels": {"team": format!("t{}", number * 3)}}}]);
            let spec = json!({"podSelector": {"matchLabels": {"app": format!("a{number}")}}, "ingress": [{"from": peers, "ports": ports}]});
            let metadata = json!({"name": format!("p{number}"), "namespace": name});
            objects.push(json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}));
        }
        for number in 0..15 {
            let metadata = json!({"name": format!("pod-{number}"), "namespace": name, "labels": {"app": format!("a{}", number % 5)}});
            let address = format!("10.{}.{}.{number}", 100 + namespace / 250, namespace % 250);
            let spec = json!({"nodeName": format!("far-{}", namespace % 100), "containers": [{"name": "c", "image": "none"}]});
            let status = json!({"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]});
            objects.push(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}));
        }
        for number in 0..20 {
            let metadata = json!({"name": format!("account-{number}"), "namespace": name});
            objects.push(json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}));
        }
    }
    assert_eq!(objects.len(), 20_000);
    rig.client().apply_all(&objects).unwrap();
    rig.start_agents().unwrap();
    rig.expect(&[("shop/client", "shop/server", Arrived), ("default/intruder", "shop/server", Lost)])
        .unwrap();
    rig.end_agents().unwrap();
}
