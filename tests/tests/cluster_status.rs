//! What people are told through the API server: an Event on the object, the object of the node, and neither more often than is of use.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{collections::BTreeSet, fs, path::Path, time::Instant};

use anyhow::ensure;
use ferrule_tests::{
    api_server::definitions::{self, install},
    call::until,
    cluster_rig::ClusterRig,
    objects::from_yaml,
};
use serde_json::{Value, json};

const OBJECTS: &str = r#"
kind: List
items:
- {apiVersion: v1, kind: Node, metadata: {name: n1}, status: {addresses: [{type: InternalIP, address: 172.18.0.1}, {type: InternalIP, address: "fd18::1"}]}}
- {apiVersion: v1, kind: Node, metadata: {name: n2}, status: {addresses: [{type: InternalIP, address: 172.18.0.2}, {type: InternalIP, address: "fd18::2"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: server, namespace: default, labels: {app: server}}, spec: {nodeName: n1}, status: {podIPs: [{ip: 10.0.1.1}, {ip: "fd00:1::1"}]}}
- {apiVersion: v1, kind: Pod, metadata: {name: distant, namespace: default, labels: {app: client}}, spec: {nodeName: n2}, status: {podIPs: [{ip: 10.0.2.1}, {ip: "fd00:2::1"}]}}
"#;

/// A policy of Calico's whose selector is this.
fn policy(selector: &str) -> String {
    format!(
        "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {{name: web, namespace: default}}\nspec: {{selector: \"{selector}\", types: [Ingress]}}\n"
    )
}

/// Two nodes in a cluster that knows Calico's kinds and ours.
fn rig(label: &str) -> ClusterRig {
    let mut rig = wire(label);
    rig.start_agents().unwrap();
    rig
}

/// The same without agents yet.
fn wire(label: &str) -> ClusterRig {
    let rig = ClusterRig::wire(label, OBJECTS, &[]).unwrap();
    let ours =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/base/nodepolicystatuses.ferrule.io.yaml");
    let ours = from_yaml(&fs::read_to_string(ours).unwrap()).unwrap();
    install(rig.client(), &ours).unwrap();
    install(rig.client(), &definitions::calico()).unwrap();
    rig
}

fn node(name: &str) -> Value {
    json!({"apiVersion": "ferrule.io/v1alpha1", "kind": "NodePolicyStatus", "metadata": {"name": name}})
}

/// Waits until the object of a node is so; the object.
fn wait_node(rig: &ClusterRig, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let object = node(name);
    rig.client().wait_until(&object, |object| object.is_some_and(|object| holds(&object["status"]))).unwrap();
    rig.client().find(&object).unwrap().unwrap()
}

/// The Events about the policy.
fn events(rig: &ClusterRig) -> Vec<Value> {
    let mut events = rig.client().list("events.k8s.io/v1", "Event").unwrap();
    events.retain(|event| event["regarding"]["name"] == "web");
    events
}

/// Ends the agents, of which one error is expected.
fn end(mut rig: ClusterRig) {
    for name in ["n1", "n2"] {
        rig.take_agent(name).unwrap().end_with(&["not a selector".to_owned()]).unwrap();
    }
}

#[test]
fn what_is_not_understood_is_told_on_the_policy_and_by_every_node_until_it_is_mended() {
    let rig = rig("status");
    for name in ["n1", "n2"] {
        let object = wait_node(&rig, name, |status| status["conditions"][0]["status"] == "True");
        assert_eq!(object["status"]["endpoints"], 1);
        assert_eq!(object["metadata"]["ownerReferences"][0]["name"], name);
    }

    rig.apply(&policy("app == 'server")).unwrap();
    for name in ["n1", "n2"] {
        let object = wait_node(&rig, name, |status| status["findingCount"] == 1);
        assert_eq!(object["status"]["findings"][0]["object"], "NetworkPolicy default/web");
    }
    until(|| {
        ensure!(!events(&rig).is_empty(), "no Event about the policy");
        Ok(())
    })
    .unwrap();
    let policy_object = json!({"apiVersion": "projectcalico.org/v3", "kind": "NetworkPolicy", "metadata": {"name": "web", "namespace": "default"}});
    let uid = rig.client().find(&policy_object).unwrap().unwrap()["metadata"]["uid"].clone();
    let told = events(&rig);
    assert_eq!(
        (&told[0]["reason"], &told[0]["regarding"]["uid"]),
        (&json!("NotUnderstood"), &uid),
        "{told:#?}"
    );

    rig.apply(&policy("app == 'server'")).unwrap();
    for name in ["n1", "n2"] {
        wait_node(&rig, name, |status| status["findingCount"] == 0);
    }
    assert_eq!(events(&rig).len(), 1, "both nodes meet at one Event, and what is mended is told by nobody");
    end(rig);
}

#[test]
fn churn_is_not_written_down() {
    let rig = rig("rate");
    wait_node(&rig, "n1", |status| status["conditions"][0]["status"] == "True");
    let begun = Instant::now();
    let mut versions = BTreeSet::new();
    for round in 0..150 {
        rig.apply(&policy(if round % 2 == 0 { "app == 'server" } else { "app == 'server'" })).unwrap();
        let object = rig.client().find(&node("n1")).unwrap().unwrap();
        versions.insert(object["metadata"]["resourceVersion"].to_string());
    }
    // However long the changes took: one write in ten seconds, and the one that was there before.
    let allowed = 2 + begun.elapsed().as_secs() / 10;
    assert!(versions.len() as u64 <= allowed, "{} writes, {allowed} are reasonable", versions.len());
    assert!(events(&rig).len() <= 1);
    end(rig);
}

/// Namespaces in which no Event can be made: one under deletion (403), and one whose webhook does not answer (500). Their policies come first in every order.
#[test]
fn a_namespace_that_takes_no_events_silences_nobody() {
    let mut rig = wire("guard");
    let wrong = |namespace: &str| {
        json!({
            "apiVersion": "projectcalico.org/v3", "kind": "NetworkPolicy",
            "metadata": {"name": "stuck", "namespace": namespace, "finalizers": ["ferrule.io/test"]},
            "spec": {"selector": "app == 'server", "types": ["Ingress"]},
        })
    };
    for namespace in ["aa-closing", "aa-guarded"] {
        let namespaced = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        rig.client().apply(&namespaced).unwrap();
        rig.client().apply(&wrong(namespace)).unwrap();
    }
    let guard = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "guard"},
        "webhooks": [{
            "name": "guard.example.org", "sideEffects": "None", "admissionReviewVersions": ["v1"], "failurePolicy": "Fail",
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "aa-guarded"}},
            "rules": [{"apiGroups": ["events.k8s.io"], "apiVersions": ["*"], "resources": ["events"], "operations": ["*"]}],
        }],
    });
    rig.client().apply(&guard).unwrap();
    let closing = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "aa-closing"}});
    rig.client().delete_gently(&closing).unwrap();
    rig.client()
        .wait_until(&closing, |object| {
            object.is_some_and(|object| object["status"]["phase"] == "Terminating")
        })
        .unwrap();
    rig.apply(&policy("app == 'server")).unwrap();
    rig.start_agents().unwrap();

    for name in ["n1", "n2"] {
        // Of the three policies, and of the namespace that was under deletion already.
        wait_node(&rig, name, |status| status["findingCount"] == 4);
    }
    until(|| {
        ensure!(!events(&rig).is_empty(), "no Event; n1 says {:?}", rig.readiness("n1")?);
        Ok(())
    })
    .unwrap();
    let all = rig.client().list("events.k8s.io/v1", "Event").unwrap();
    assert!(!all.iter().any(|event| event["regarding"]["name"] == "stuck"), "{all:#?}");
    for name in ["n1", "n2"] {
        let said = rig.readiness(name).unwrap().1;
        assert!(!said.contains("cannot create and patch"), "{said}");
    }
    end(rig);
}

/// The version of ClusterNetworkPolicy that a cluster serves is the one in which its condition is written.
#[test]
fn a_cluster_policy_says_which_of_its_generations_is_understood() {
    let mut rig = wire("judged");
    let mut definitions = definitions::policy_api().unwrap();
    definitions.retain(|definition| definition["spec"]["names"]["kind"] == "ClusterNetworkPolicy");
    definitions[0]["spec"]["versions"][0]["name"] = json!("v1beta1");
    install(rig.client(), &definitions).unwrap();
    rig.start_agents().unwrap();
    let policy = |peer: &str| {
        format!(
            "{{apiVersion: policy.networking.k8s.io/v1beta1, kind: ClusterNetworkPolicy, metadata: {{name: guard}}, spec: {{tier: Admin, priority: 10, subject: {{namespaces: {{}}}}, egress: [{{action: Accept, to: [{peer}]}}]}}}}"
        )
    };
    let object = json!({"apiVersion": "policy.networking.k8s.io/v1beta1", "kind": "ClusterNetworkPolicy", "metadata": {"name": "guard"}});
    for (peer, expected) in [("{domainNames: [example.org]}", "False"), ("{namespaces: {}}", "True")] {
        rig.apply(&policy(peer)).unwrap();
        let generation = rig.client().find(&object).unwrap().unwrap()["metadata"]["generation"].clone();
        let is_said = |object: Option<&Value>| {
            let conditions = object.and_then(|object| object["status"]["conditions"].as_array());
            conditions.into_iter().flatten().any(|one| {
                one["type"] == "ferrule.io/Understood"
                    && one["status"] == expected
                    && one["observedGeneration"] == generation
            })
        };
        rig.client().wait_until(&object, is_said).unwrap();
    }
    for name in ["n1", "n2"] {
        rig.take_agent(name).unwrap().end_with(&["domainNames".to_owned()]).unwrap();
    }
}
