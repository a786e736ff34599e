//! Other spellings of the same objects, and objects that have no say: nothing that is drawn here changes a verdict.

use serde_json::{Value, json};

use super::Rng;

/// Fields, each with a value that says as little as if it were absent. So does null.
type Blanks = [(&'static str, &'static str)];

const METADATA: &Blanks = &[
    ("creationTimestamp", "null"),
    ("generation", "7"),
    ("resourceVersion", "\"12\""),
    ("annotations", r#"{"kubectl.kubernetes.io/last-applied-configuration": "{}"}"#),
    ("managedFields", r#"[{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}]"#),
    ("finalizers", "[]"),
    ("labels", "{}"),
];
const KUBERNETES_POLICY: &Blanks = &[("policyTypes", "[]"), ("ingress", "[]"), ("egress", "[]")];
const KUBERNETES_PORT: &Blanks = &[("protocol", "null"), ("port", "null"), ("endPort", "null")];
const KUBERNETES_PEER: &Blanks =
    &[("podSelector", "null"), ("namespaceSelector", "null"), ("ipBlock", "null")];
const LABEL_SELECTOR: &Blanks = &[("matchLabels", "{}"), ("matchExpressions", "[]")];
const CALICO_POLICY: &Blanks = &[
    ("tier", "null"),
    ("order", "null"),
    ("selector", "\"\""),
    ("serviceAccountSelector", "\"\""),
    ("types", "[]"),
    ("ingress", "[]"),
    ("egress", "[]"),
    ("performanceHints", "[\"AssumeNeededOnEveryNode\"]"),
];
const GLOBAL_POLICY: &Blanks = &[
    ("namespaceSelector", "\"\""),
    ("doNotTrack", "false"),
    ("preDNAT", "false"),
    ("applyOnForward", "false"),
];
const RULE: &Blanks = &[
    ("ipVersion", "null"),
    ("protocol", "null"),
    ("notProtocol", "null"),
    ("icmp", "null"),
    ("notICMP", "null"),
    ("http", "null"),
    ("source", "{}"),
    ("destination", "{}"),
    ("metadata", r#"{"annotations": {"why": "because"}}"#),
];
const ENTITY: &Blanks = &[
    ("nets", "[]"),
    ("notNets", "[]"),
    ("selector", "\"\""),
    ("notSelector", "\"\""),
    ("namespaceSelector", "\"\""),
    ("serviceAccounts", r#"{"names": [], "selector": ""}"#),
    ("ports", "[]"),
    ("notPorts", "[]"),
    ("services", "null"),
];
const ADMINISTRATIVE_POLICY: &Blanks = &[("ingress", "[]"), ("egress", "[]")];
const ADMINISTRATIVE_PEER: &Blanks =
    &[("namespaces", "null"), ("pods", "null"), ("nodes", "null"), ("networks", "null")];
const TIER: &Blanks = &[("order", "null"), ("defaultAction", "null")];
const POD: &Blanks = &[
    ("hostNetwork", "false"),
    ("serviceAccountName", "\"\""),
    ("initContainers", "[]"),
    ("ephemeralContainers", r#"[{"name": "e", "ports": [{"name": "http", "containerPort": 80}]}]"#),
];
const HOST_ENDPOINT: &Blanks =
    &[("interfaceName", "\"\""), ("expectedIPs", "[]"), ("profiles", "[]"), ("ports", "[]")];

/// Respells objects, and puts others beside them.
pub fn vary(rng: &mut Rng, objects: &mut Vec<Value>) {
    objects.iter_mut().for_each(|object| respell(rng, object));
    for _ in 0..rng.between(0, 2) {
        let place = rng.between(0, objects.len());
        objects.insert(place, bystander(rng));
    }
}

fn respell(rng: &mut Rng, object: &mut Value) {
    let kind = object["kind"].as_str().unwrap_or_default().to_owned();
    // Of settings that select a node, the oldest count.
    if kind != "FelixConfiguration" {
        blank(rng, &mut object["metadata"], METADATA);
    }
    let version = object["apiVersion"].as_str().unwrap_or_default().to_owned();
    let spec = &mut object["spec"];
    match (version.as_str(), kind.as_str()) {
        ("networking.k8s.io/v1", _) => kubernetes_policy(rng, spec),
        ("projectcalico.org/v3", "NetworkPolicy" | "GlobalNetworkPolicy") => {
            blank(rng, spec, CALICO_POLICY);
            if kind == "GlobalNetworkPolicy" {
                blank(rng, spec, GLOBAL_POLICY);
            }
            ["ingress", "egress"]
                .iter()
                .for_each(|list| items(spec, list).for_each(|rule| calico_rule(rng, rule)));
        }
        ("projectcalico.org/v3", "Tier") => blank(rng, spec, TIER),
        ("projectcalico.org/v3", "HostEndpoint") => blank(rng, spec, HOST_ENDPOINT),
        (_, "ClusterNetworkPolicy" | "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy") => {
            administrative_policy(rng, spec);
        }
        ("v1", "Pod") => {
            blank(rng, spec, POD);
            if rng.chance(5) {
                object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            }
        }
        // Labels that say what only the name can say.
        ("v1", "Namespace") => lie(rng, object, &["kubernetes.io/metadata.name", "projectcalico.org/name"]),
        ("v1", "ServiceAccount") => lie(rng, object, &["projectcalico.org/name"]),
        _ => {}
    }
}

fn calico_rule(rng: &mut Rng, rule: &mut Value) {
    blank(rng, rule, RULE);
    for end in ["source", "destination"] {
        // A service stands alone.
        let entity = rule.get_mut(end).filter(|entity| entity["services"].is_null());
        entity.into_iter().for_each(|entity| blank(rng, entity, ENTITY));
    }
}

fn kubernetes_policy(rng: &mut Rng, spec: &mut Value) {
    blank(rng, spec, KUBERNETES_POLICY);
    label_selector(rng, &mut spec["podSelector"]);
    for (list, peers, absent) in [("ingress", "from", ("from", "[]")), ("egress", "to", ("to", "[]"))] {
        for rule in items(spec, list) {
            blank(rng, rule, &[absent, ("ports", "[]")]);
            items(rule, "ports").for_each(|port| blank(rng, port, KUBERNETES_PORT));
            for peer in items(rule, peers) {
                if peer.as_object().is_some_and(|fields| !fields.is_empty()) {
                    blank(rng, peer, KUBERNETES_PEER);
                }
                selectors_within(rng, peer);
                if peer["ipBlock"].is_object() {
                    blank(rng, &mut peer["ipBlock"], &[("except", "[]")]);
                }
            }
        }
    }
}

fn administrative_policy(rng: &mut Rng, spec: &mut Value) {
    if !spec.is_object() {
        return;
    }
    blank(rng, spec, ADMINISTRATIVE_POLICY);
    selectors_within(rng, &mut spec["subject"]);
    for (list, peers) in [("ingress", "from"), ("egress", "to")] {
        for rule in items(spec, list) {
            blank(rng, rule, &[("name", "\"\"")]);
            for peer in items(rule, peers) {
                // Senders are pods only.
                let fields = if peers == "from" { &ADMINISTRATIVE_PEER[..2] } else { ADMINISTRATIVE_PEER };
                nothing(rng, peer, fields);
                selectors_within(rng, peer);
            }
        }
    }
}

/// The label selectors of a peer or subject.
fn selectors_within(rng: &mut Rng, peer: &mut Value) {
    for path in [
        "/podSelector",
        "/namespaceSelector",
        "/namespaces",
        "/nodes",
        "/pods/podSelector",
        "/pods/namespaceSelector",
    ] {
        if let Some(selector) = peer.pointer_mut(path) {
            label_selector(rng, selector);
        }
    }
}

fn label_selector(rng: &mut Rng, selector: &mut Value) {
    if selector.is_object() {
        blank(rng, selector, LABEL_SELECTOR);
    }
}

/// The entries of a list, if there is one.
fn items<'a>(value: &'a mut Value, list: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Puts fields that say nothing where there are none.
fn blank(rng: &mut Rng, value: &mut Value, fields: &Blanks) {
    let Some(map) = value.as_object_mut() else { return };
    for (field, empty) in fields {
        if rng.chance(6) && !map.contains_key(*field) {
            let empty = if rng.chance(50) { "null" } else { empty };
            map.insert((*field).to_owned(), serde_json::from_str(empty).unwrap_or_default());
        }
    }
}

/// As [`blank`], of what has at least one field: without any, it is not understood.
fn nothing(rng: &mut Rng, value: &mut Value, fields: &Blanks) {
    if value.as_object().is_some_and(|map| !map.is_empty()) {
        blank(rng, value, fields);
    }
}

fn lie(rng: &mut Rng, object: &mut Value, keys: &[&'static str]) {
    if rng.chance(10) && object["metadata"]["labels"].is_object() {
        object["metadata"]["labels"][rng.word(keys)] = rng.word(&["default", "web", "db", "builder"]).into();
    }
}

/// An object that decides nothing, though some look as if they did.
fn bystander(rng: &mut Rng) -> Value {
    let deny = json!({"selector": "all()", "order": -100, "types": ["Ingress", "Egress"],
        "ingress": [{"action": "Deny"}], "egress": [{"action": "Deny"}]});
    let (version, kind, namespace, spec) = rng
        .pick(&[
            ("projectcalico.org/v3", "StagedNetworkPolicy", true, deny.clone()),
            ("projectcalico.org/v3", "StagedGlobalNetworkPolicy", false, deny),
            (
                "projectcalico.org/v3",
                "StagedKubernetesNetworkPolicy",
                true,
                json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
            ),
            ("projectcalico.org/v3", "Profile", false, json!({"ingress": [{"action": "Deny"}]})),
            ("networking.k8s.io/v1", "Ingress", true, json!({"rules": []})),
            ("apps/v1", "Deployment", true, json!({"replicas": 2, "template": {"spec": {"containers": []}}})),
            ("example.com/v1", "NetworkPolicy", true, json!({"podSelector": {}})),
            ("v1", "ConfigMap", true, Value::Null),
        ])
        .clone();
    let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": format!("by-{}", rng.between(1, 999))}});
    if namespace {
        object["metadata"]["namespace"] = "default".into();
    }
    if !spec.is_null() {
        object["spec"] = spec;
    }
    object
}
