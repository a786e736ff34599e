//! Tiers and policies of all kinds.

use serde_json::{Map, Value, json};

use super::{
    Rng, Validity, administrative,
    entity::{self, Ports},
    kubernetes,
    selectors::{Of, calico},
    vocabulary::{NAMESPACES, TIERS, Vocabulary},
};

const ORDERS: [f64; 9] = [-10.0, 0.0, 0.5, 10.0, 10.0, 999.0, 1000.0, 1000.5, 5e6];

/// One to eight policies, and resources for some of their tiers.
pub fn generate(rng: &mut Rng, vocabulary: &mut Vocabulary, validity: Validity) -> Vec<Value> {
    let mut objects: Vec<Value> =
        TIERS[..3].iter().filter_map(|name| rng.maybe(60, |rng| tier(rng, name))).collect();
    if rng.chance(20) {
        objects.push(
            json!({"apiVersion": "projectcalico.org/v3", "kind": "Tier", "metadata": {"name": "default"},
            "spec": {"order": 1_000_000, "defaultAction": "Deny"}}),
        );
    }
    let mut identities = std::collections::BTreeSet::new();
    for _ in 0..rng.between(1, 8) {
        let policy = policy(rng, vocabulary, validity);
        let identity = format!("{}{}{}", policy["apiVersion"], policy["kind"], policy["metadata"]);
        if identities.insert(identity) {
            objects.push(policy);
        }
    }
    objects
}

fn tier(rng: &mut Rng, name: &str) -> Value {
    let mut spec = json!({});
    if rng.chance(70) {
        spec["order"] = json!(rng.pick(&[-1.5, 1e3, 1e6, 1e6, 2e6, 1e7, 2e7]));
    }
    if rng.chance(60) {
        spec["defaultAction"] = (*rng.pick(&["Deny", "Pass"])).into();
    }
    json!({"apiVersion": "projectcalico.org/v3", "kind": "Tier", "metadata": {"name": name}, "spec": spec})
}

fn policy(rng: &mut Rng, vocabulary: &mut Vocabulary, validity: Validity) -> Value {
    let name = *rng.pick(&["a", "a-b", "a.b", "a0", "ab", "p"]);
    let elsewhere = rng.chance(15).then(|| (*rng.pick(&NAMESPACES)).to_owned());
    let namespace = elsewhere.unwrap_or_else(|| rng.pick(&vocabulary.namespaces).clone());
    let local = json!({"name": name, "namespace": namespace});
    match rng.between(1, 10) {
        1..=3 => administrative::policy(rng, vocabulary, validity, name),
        4 | 5 => json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": local,
            "spec": kubernetes::spec(rng, vocabulary, validity)}),
        6 | 7 => json!({"apiVersion": "projectcalico.org/v3", "kind": "NetworkPolicy", "metadata": local,
            "spec": spec(rng, vocabulary, validity, true)}),
        _ => {
            json!({"apiVersion": "projectcalico.org/v3", "kind": "GlobalNetworkPolicy", "metadata": {"name": name},
            "spec": spec(rng, vocabulary, validity, false)})
        }
    }
}

fn spec(rng: &mut Rng, vocabulary: &mut Vocabulary, validity: Validity, namespaced: bool) -> Value {
    let mut spec = json!({});
    if rng.chance(50) {
        spec["tier"] = if rng.chance(50) {
            *rng.pick(&TIERS)
        } else {
            rng.pick(&["default", "kube-admin", "kube-baseline"])
        }
        .into();
    }
    if rng.chance(65) {
        spec["order"] = json!(rng.pick(&ORDERS));
    }
    if rng.chance(15) {
        spec["serviceAccountSelector"] = calico(rng, Of::Accounts).into();
    }
    if rng.chance(35) {
        let selector = calico(rng, Of::Endpoints);
        // Beside a service account selector, what `all()` of a global policy means is told by no text that could be tested against.
        let ambiguous = !namespaced
            && (spec.get("serviceAccountSelector").is_some() || !vocabulary.services.is_empty())
            && ["all()", " "].contains(&selector.as_str());
        spec["selector"] = if ambiguous { "" } else { selector.as_str() }.into();
    }
    if !namespaced && rng.chance(25) {
        spec["namespaceSelector"] = calico_without_global(rng).into();
    }
    if rng.chance(65) {
        let types: [&[&str]; 4] = [&["Ingress"], &["Egress"], &["Ingress", "Egress"], &[]];
        spec["types"] = json!(rng.pick(&types));
    }
    for field in ["ingress", "egress"] {
        if rng.chance(65) {
            spec[field] = rng.list(0, 6, |rng| rule(rng, vocabulary, validity, field)).into();
        }
    }
    if !namespaced && !vocabulary.services.is_empty() {
        stage(rng, &mut spec);
    } else if !namespaced && rng.chance(3) {
        let untracked = spec["egress"].is_null() && spec["types"].is_null();
        spec[if untracked { "preDNAT" } else { "doNotTrack" }] = true.into();
        spec["applyOnForward"] = true.into();
    }
    if validity == Validity::Mixed && rng.chance(5) {
        spoil(rng, &mut spec);
    }
    spec
}

/// Where in the packet path a policy decides; what may not stand there goes.
fn stage(rng: &mut Rng, spec: &mut Value) {
    let field = match rng.between(1, 10) {
        1 | 2 => "preDNAT",
        3 | 4 => "doNotTrack",
        5..=7 => "applyOnForward",
        _ => return,
    };
    spec[field] = true.into();
    spec["applyOnForward"] = true.into();
    if let (Some(fields), "preDNAT") = (spec.as_object_mut(), field) {
        fields.shift_remove("egress");
        fields.insert("types".to_owned(), json!(["Ingress"]));
    }
}

/// `global()` may not stand in a policy's subject.
fn calico_without_global(rng: &mut Rng) -> String {
    let selector = calico(rng, Of::Namespaces);
    if selector == "global()" { "all()".to_owned() } else { selector }
}

fn spoil(rng: &mut Rng, spec: &mut Value) {
    match rng.between(1, 6) {
        1 => spec["selector"] = "app = 'a'".into(),
        2 => spec["serviceAccountSelector"] = "has(".into(),
        3 => spec["types"] = json!(["Ingress", "Sideways"]),
        4 => spec["order"] = "first".into(),
        5 => spec["ingress"] = "everything".into(),
        _ => spec["unheardOf"] = 1.into(),
    }
}

fn rule(rng: &mut Rng, vocabulary: &mut Vocabulary, validity: Validity, direction: &str) -> Value {
    let mut rule = Map::new();
    let action = *rng.pick(&["Allow", "Allow", "Allow", "Deny", "Deny", "Pass", "Log"]);
    rule.insert("action".to_owned(), action.into());
    let ports = traffic(rng, &mut rule);
    for field in ["source", "destination"] {
        if rng.chance(45) {
            rule.insert(field.to_owned(), entity::generate(rng, vocabulary, ports, validity));
        }
    }
    if !vocabulary.services.is_empty() && rng.chance(15) {
        name_service(rng, vocabulary, direction, &mut rule);
    }
    if validity == Validity::Mixed && rng.chance(5) {
        let (field, value) = [
            ("action", json!("Sometimes")),
            ("protocol", json!("NONSENSE")),
            ("icmp", json!({"code": 1})),
            ("http", json!({"methods": ["GET"]})),
            ("unheardOf", json!({})),
            ("ipVersion", json!(5)),
        ][rng.between(0, 5)]
        .clone();
        rule.insert(field.to_owned(), value);
    }
    Value::Object(rule)
}

/// Makes one end of a rule a service: the receiver of egress rules, the sender of ingress rules.
fn name_service(rng: &mut Rng, vocabulary: &Vocabulary, direction: &str, rule: &mut Map<String, Value>) {
    let (namespace, name) = rng.pick(&vocabulary.services);
    let service = json!({"services": {"namespace": namespace, "name": name}});
    rule.insert(if direction == "egress" { "destination" } else { "source" }.to_owned(), service);
}

/// Protocol, ICMP and IP version, as they may stand together.
fn traffic(rng: &mut Rng, rule: &mut Map<String, Value>) -> Ports {
    let mut set = |field: &str, value: Value| drop(rule.insert(field.to_owned(), value));
    let icmp = |rng: &mut Rng| match (*rng.pick(&[0_u8, 3, 8, 128, 135]), *rng.pick(&[0_u8, 1, 255])) {
        (kind, _) if rng.chance(50) => json!({"type": kind}),
        (kind, code) => json!({"type": kind, "code": code}),
    };
    match rng.between(1, 20) {
        1..=6 => {
            set(
                "protocol",
                rng.pick(&[
                    json!("TCP"),
                    json!("TCP"),
                    json!("UDP"),
                    json!("SCTP"),
                    json!(6),
                    json!("17"),
                    json!(132),
                ])
                .clone(),
            );
            if rng.chance(10) {
                set("ipVersion", rng.pick(&[4, 6]).to_owned().into());
            }
            return Ports::Any;
        }
        7 => {
            let (protocol, version) =
                rng.pick(&[(json!("ICMP"), 4), (json!("ICMPv6"), 6), (json!(1), 4), (json!(58), 6)]).clone();
            set("protocol", protocol);
            if rng.chance(30) {
                set("ipVersion", version.into());
            }
            if rng.chance(50) {
                let message = icmp(rng);
                set("icmp", message);
            }
            if rng.chance(50) {
                let message = icmp(rng);
                set("notICMP", message);
            }
        }
        8 => set("protocol", rng.pick(&[json!("UDPLite"), json!(136), json!(47), json!(255)]).clone()),
        9 => set(
            "notProtocol",
            rng.pick(&[json!("TCP"), json!("ICMP"), json!(17), json!("UDPLite"), json!(58)]).clone(),
        ),
        10 => {
            let message = icmp(rng);
            set("notICMP", message);
        }
        11 => set("ipVersion", rng.pick(&[4, 6]).to_owned().into()),
        _ => {}
    }
    if rule.contains_key("protocol") { Ports::None } else { Ports::Named }
}
