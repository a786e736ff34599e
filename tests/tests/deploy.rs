//! What is under `deploy/` is what an API server admits, and the agent's rights are those that it needs.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{collections::BTreeSet, fs};

use anyhow::bail;
use ferrule_ruleset::convert::followed;
use ferrule_tests::{
    api_server::{ApiClient, ApiServer, definitions},
    call::until,
    cluster_rig::{Account, ClusterRig},
    deployment::{Right, admit, folder, render, rights, rules},
    objects,
};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

/// Nodes on which agents with different rights run at the same time.
const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];

/// What the agent does besides following kinds, and whom it tells: `agent/src/report`, and the question about a namespace in `agent/src/source`.
const OTHERS: [(&str, &str, &str); 10] = [
    ("apiextensions.k8s.io", "customresourcedefinitions", "list"),
    ("apiextensions.k8s.io", "customresourcedefinitions", "watch"),
    ("events.k8s.io", "events", "create"),
    ("events.k8s.io", "events", "patch"),
    ("policy.networking.k8s.io", "adminnetworkpolicies/status", "patch"),
    ("policy.networking.k8s.io", "baselineadminnetworkpolicies/status", "patch"),
    ("policy.networking.k8s.io", "clusternetworkpolicies/status", "patch"),
    ("ferrule.io", "nodepolicystatuses", "create"),
    ("ferrule.io", "nodepolicystatuses", "patch"),
    ("ferrule.io", "nodepolicystatuses/status", "patch"),
];

/// Of single objects: `agent/src/source/kubernetes/discovery/rivals.rs`.
const SINGLE: [(&str, &str, &str); 3] = [
    ("apiregistration.k8s.io", "apiservices", "v3.projectcalico.org"),
    ("projectcalico.org", "clusterinformations", "default"),
    ("crd.projectcalico.org", "clusterinformations", "default"),
];

/// What is asked for one by one, besides being followed: what a node itself finds something in, and namespaces.
const ASKED_FOR: [&str; 9] = [
    "pods",
    "namespaces",
    "nodes",
    "networkpolicies",
    "globalnetworkpolicies",
    "hostendpoints",
    "adminnetworkpolicies",
    "baselineadminnetworkpolicies",
    "clusternetworkpolicies",
];

fn overlays() -> Vec<String> {
    let entries = fs::read_dir(folder().join("overlays")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn plural(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    kind.strip_suffix('y').map_or_else(|| format!("{kind}s"), |stem| format!("{stem}ies"))
}

#[test]
fn a_server_admits_every_object_of_every_overlay() {
    let server = ApiServer::start("deploy", &[]).unwrap();
    let calico = definitions::of_folder(&folder().join("crds")).unwrap();
    definitions::install(server.client(), &calico).unwrap();
    let overlays = overlays();
    assert_eq!(overlays, ["calico-cni", "flannel", "kindnet", "ptp"]);
    for overlay in overlays {
        let objects = render(&folder().join("overlays").join(&overlay)).unwrap();
        let kinds: BTreeSet<_> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
        assert_eq!(
            kinds,
            BTreeSet::from([
                "ClusterRole",
                "ClusterRoleBinding",
                "ConfigMap",
                "CustomResourceDefinition",
                "DaemonSet",
                "ServiceAccount",
                "ValidatingAdmissionPolicy",
                "ValidatingAdmissionPolicyBinding"
            ])
        );
        for object in objects {
            let admitted = server.client().run(|client| admit(client, object.clone()));
            assert!(admitted.is_ok(), "{overlay}: {:#}", admitted.unwrap_err());
        }
    }
}

/// Every setting of the DaemonSets is one of the agent's, with a value that the agent takes.
#[test]
fn the_agent_understands_what_the_daemon_sets_tell_it() {
    for overlay in overlays() {
        let objects = render(&folder().join("overlays").join(&overlay)).unwrap();
        let agent = objects.iter().find(|object| object["kind"] == "DaemonSet").unwrap();
        let container = &agent["spec"]["template"]["spec"]["containers"][0];
        let mut settings = String::new();
        for variable in container["env"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap().strip_prefix("FERRULE_").unwrap();
            let name = name.to_ascii_lowercase().replace('_', "-");
            match (name.as_str(), variable["value"].as_str()) {
                ("config", Some(value)) => assert_eq!(value, "/etc/ferrule/agent.yaml"),
                ("node-name", None) => settings.push_str("node-name: n\n"),
                (name, value) => settings.push_str(&format!("{name}: {}\n", value.unwrap())),
            }
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &settings).unwrap();
        let arguments = ["ferrule-agent".into(), "--config".into(), file.path().into()];
        let parsed = ferrule_agent::config::Task::parse(arguments);
        assert!(parsed.is_ok(), "{overlay}: {settings}{}", parsed.unwrap_err());
    }
}

#[test]
fn the_role_grants_what_the_agent_does_and_nothing_else() {
    let apis = followed().into_iter().flat_map(|kind| kind.apis);
    let read = apis.flat_map(|(api_version, kind)| {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let resource = plural(kind);
        let get = ASKED_FOR.contains(&resource.as_str()).then_some("get");
        ["list", "watch"].into_iter().chain(get).map(move |verb| Right::new(group, &resource, verb))
    });
    let others = OTHERS.map(|(group, resource, verb)| Right::new(group, resource, verb));
    let single = SINGLE.map(|(group, resource, name)| Right::new(group, resource, "get").with_only(name));
    let needed: BTreeSet<_> = read.chain(others).chain(single).collect();
    let granted = rights().unwrap();
    let missing: Vec<_> = needed.difference(&granted).collect();
    let superfluous: Vec<_> = granted.difference(&needed).collect();
    assert!(
        missing.is_empty() && superfluous.is_empty(),
        "missing: {missing:?}, superfluous: {superfluous:?}"
    );
}

fn nodes() -> String {
    let node = |(number, name): (usize, &&str)| {
        format!(
            "---\n{{apiVersion: v1, kind: Node, metadata: {{name: {name}}}, status: {{addresses: [{{type: InternalIP, address: 172.18.0.{}}}]}}}}\n",
            number + 1
        )
    };
    NODES.iter().enumerate().map(node).collect()
}

/// The kinds that a server serves.
fn is_served(right: &Right, definitions: &[Value]) -> bool {
    let is_custom = right.group.contains("projectcalico.org") || right.group == "policy.networking.k8s.io";
    let name = right.subject();
    !is_custom || definitions.iter().any(|definition| definition["metadata"]["name"] == name.as_str())
}

/// With all of its rights the agent is ready; then each right to do this is taken from it in turn, and readiness names the kind and the way out.
fn take_each(label: &str, verb: &str, definitions: &[Value], arguments: &[&str]) {
    let server = ApiServer::start(label, arguments).unwrap();
    definitions::install(server.client(), definitions).unwrap();
    let own = objects::from_yaml(
        &fs::read_to_string(folder().join("base/nodepolicystatuses.ferrule.io.yaml")).unwrap(),
    );
    definitions::install(server.client(), &own.unwrap()).unwrap();
    let mut rig = ClusterRig::wire_to(server, label, &nodes()).unwrap();
    let granted = rights().unwrap();

    let account = rig.account("whole", &rules(&granted)).unwrap();
    rig.start_agent(NODES[0], &account.kubeconfig(), &[]).unwrap();
    let said = rig.wait_readiness(NODES[0], |code, _| code == 200).unwrap();
    assert!(!said.contains("not followed"), "{said}");
    rig.end_agents().unwrap();

    // Who may not watch definitions asks now and then which kinds there are, and has nothing to say.
    let is_named = |right: &&Right| right.verb == verb && right.resource != "customresourcedefinitions";
    let taken: Vec<_> =
        granted.iter().filter(is_named).filter(|right| is_served(right, definitions)).collect();
    assert!(taken.len() > 16, "{taken:?}");
    for (number, round) in taken.chunks(NODES.len()).enumerate() {
        let mut start = |(right, node): (&&Right, &str)| -> Account {
            let rest = rules(granted.iter().filter(|other| other != right));
            let account = rig.account(&format!("{node}-{number}"), &rest).unwrap();
            rig.start_agent(node, &account.kubeconfig(), &[]).unwrap();
            account
        };
        let accounts: Vec<Account> = round.iter().zip(NODES).map(&mut start).collect();
        for (right, node) in round.iter().zip(NODES) {
            // A server needs a moment to learn of a role.
            let is_alone = |text: &str| {
                let mut lines = text.lines().filter(|line| line.contains(": not followed for "));
                let line = lines.next().filter(|_| lines.next().is_none());
                line.is_some_and(|line| line.starts_with(&format!("{}: ", right.subject())))
            };
            let said = rig.wait_readiness(node, |_, text| is_alone(text)).unwrap();
            let way_out = format!("on {} in the ClusterRole of the agent", right.subject());
            let (forbidden, grant) = ("HTTP 403: forbidden: ", "; grant get, list and watch ");
            assert!([forbidden, grant, &way_out].iter().all(|part| said.contains(part)), "{right:?}: {said}");
            assert!(said.starts_with("not ready"), "{right:?}: {said}");
        }
        drop(accounts);
        for node in NODES.iter().take(round.len()) {
            drop(rig.take_agent(node).unwrap());
        }
    }
}

#[test]
fn a_right_to_watch_that_is_missing_is_named() {
    let mut all = definitions::of_folder(&folder().join("crds")).unwrap();
    all.extend(definitions::policy_api().unwrap());
    take_each("watch", "watch", &all, &[]);
}

/// Servers that stream lists need no right to list; all others do.
#[test]
fn a_right_to_list_that_is_missing_is_named() {
    let mut all = definitions::calico_stored();
    all.extend(definitions::policy_api().unwrap());
    take_each("list", "list", &all, &["--", "--feature-gates=WatchList=false"]);
}

/// A client whose token is one of the agent's account, bound to this pod if one is given.
fn agent_of(server: &ApiServer, pod: Option<&Value>) -> ApiClient {
    let bound = pod.map(|pod| BoundObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("Pod".to_owned()),
        name: pod["metadata"]["name"].as_str().map(str::to_owned),
        uid: pod["metadata"]["uid"].as_str().map(str::to_owned),
    });
    let spec = TokenRequestSpec { bound_object_ref: bound, ..TokenRequestSpec::default() };
    let granted = server.client().run(async move |client| {
        let accounts = Api::<k8s_openapi::api::core::v1::ServiceAccount>::namespaced(client, "kube-system");
        let request = TokenRequest { spec, ..TokenRequest::default() };
        accounts.create_token_request("ferrule-agent", &PostParams::default(), &request).await
    });
    let token = granted.unwrap().status.unwrap().token;
    let mut config: Value =
        serde_norway::from_str(&fs::read_to_string(server.kubeconfig()).unwrap()).unwrap();
    for user in config["users"].as_array_mut().unwrap() {
        user["user"] = json!({"token": token});
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), serde_norway::to_string(&config).unwrap()).unwrap();
    server.connect(file.path()).unwrap()
}

#[test]
fn an_agent_writes_of_its_own_node_only() {
    let server = ApiServer::start("own", &[]).unwrap();
    let objects = render(&folder().join("base")).unwrap();
    let is_definition = |object: &&Value| object["kind"] == "CustomResourceDefinition";
    let definitions: Vec<_> = objects.iter().filter(is_definition).cloned().collect();
    definitions::install(server.client(), &definitions).unwrap();
    let others = objects.iter().filter(|object| !is_definition(object) && object["kind"] != "DaemonSet");
    others.for_each(|object| drop(server.client().apply(object).unwrap()));
    let status = |name: &str| json!({"apiVersion": "ferrule.io/v1alpha1", "kind": "NodePolicyStatus", "metadata": {"name": name}, "spec": {}});
    for node in ["n1", "n2"] {
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}});
        server.client().apply(&node).unwrap();
    }
    let pod = server.client().create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "agent-1", "namespace": "kube-system"},
        "spec": {"nodeName": "n1", "serviceAccountName": "ferrule-agent", "containers": [{"name": "agent", "image": "none"}]},
    }));
    let (bound, unbound) = (agent_of(&server, Some(&pod.unwrap())), agent_of(&server, None));
    // A server needs a moment to learn of a policy.
    let denied = until(|| match bound.create_dry(&status("n2")) {
        Err(error) => Ok(format!("{error:#}")),
        Ok(object) => bail!("{object}"),
    });
    let denied = denied.unwrap();
    assert!(denied.contains("the token is one of node n1, which writes of itself only"), "{denied}");

    bound.create(&status("n1")).unwrap();
    unbound.create(&status("n2")).unwrap();
    let version = |name: &str| {
        let mut status = status(name);
        status["status"] = json!({"version": "1", "dataplane": "nftables", "reportTime": null, "endpoints": 0, "hostEndpoints": 0, "policies": 0, "findingCount": 0});
        status
    };
    bound.patch_status(&version("n1")).unwrap();
    let denied = format!("{:#}", bound.patch_status(&version("n2")).unwrap_err());
    assert!(denied.contains("writes of itself only"), "{denied}");
    unbound.patch_status(&version("n2")).unwrap();
    server.client().patch_status(&version("n1")).unwrap();
}
