//! `networking.k8s.io/v1` NetworkPolicies.

use serde_json::{Value, json};

use super::{
    Rng, Validity, entity,
    selectors::{Of, kubernetes},
    vocabulary::{PORT_NAMES, PORTS, Vocabulary},
};

/// A NetworkPolicy's `spec`.
pub fn spec(rng: &mut Rng, vocabulary: &mut Vocabulary, validity: Validity) -> Value {
    let mut spec =
        json!({"podSelector": if rng.chance(40) { json!({}) } else { kubernetes(rng, Of::Endpoints) }});
    if rng.chance(70) {
        let types: [&[&str]; 5] =
            [&["Ingress"], &["Egress"], &["Ingress", "Egress"], &["Egress", "Ingress"], &[]];
        spec["policyTypes"] = json!(rng.pick(&types));
    }
    for (field, peers) in [("ingress", "from"), ("egress", "to")] {
        if rng.chance(65) {
            spec[field] = rng.list(0, 4, |rng| rule(rng, vocabulary, peers, validity)).into();
        }
    }
    if validity == Validity::Mixed && rng.chance(6) {
        let (field, value) = rng
            .pick(&[
                (
                    "podSelector",
                    json!({"matchExpressions": [{"key": "app", "operator": "Like", "values": ["a"]}]}),
                ),
                ("podSelector", json!({"matchExpressions": [{"key": "app", "operator": "In"}]})),
                ("podSelector", json!([])),
                ("policyTypes", json!(["Ingress", "Sideways"])),
                ("policyTypes", json!("Ingress")),
                ("policyTypes", json!([null])),
                ("ingress", json!({})),
                ("egress", json!("everything")),
                ("unheardOf", json!({})),
            ])
            .clone();
        spec[field] = value;
    }
    spec
}

fn rule(rng: &mut Rng, vocabulary: &mut Vocabulary, peers: &str, validity: Validity) -> Value {
    let mut rule = json!({});
    if rng.chance(75) {
        rule[peers] = rng.list(0, 3, |rng| peer(rng, vocabulary, validity)).into();
    }
    if rng.chance(55) {
        rule["ports"] = rng.list(0, 3, |rng| port(rng, vocabulary, validity)).into();
    }
    if validity == Validity::Mixed && rng.chance(2) {
        rule["unheardOf"] = true.into();
    }
    rule
}

fn peer(rng: &mut Rng, vocabulary: &mut Vocabulary, validity: Validity) -> Value {
    if validity == Validity::Mixed && rng.chance(5) {
        return odd_peer(rng);
    }
    match rng.between(1, 8) {
        1 | 2 => json!({"podSelector": kubernetes(rng, Of::Endpoints)}),
        3 => json!({"namespaceSelector": kubernetes(rng, Of::Namespaces)}),
        4 | 5 => {
            json!({"namespaceSelector": kubernetes(rng, Of::Namespaces), "podSelector": kubernetes(rng, Of::Endpoints)})
        }
        _ => json!({"ipBlock": block(rng, vocabulary)}),
    }
}

/// A peer that no API server would admit.
fn odd_peer(rng: &mut Rng) -> Value {
    let expression = |operator: &str, values: Value| json!({"podSelector": {"matchExpressions": [{"key": "app", "operator": operator, "values": values}]}});
    rng.pick(&[
        json!({}),
        Value::Null,
        json!("everybody"),
        json!({"podSelector": null, "ipBlock": null}),
        json!({"ipBlock": {"cidr": "10.0.0.0/33"}}),
        json!({"ipBlock": {"except": ["10.0.0.0/8"]}}),
        json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["x"]}}),
        json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["fd00::/8"]}}),
        json!({"ipBlock": {"cidr": "0.0.0.0/0"}, "podSelector": {}}),
        json!({"podSelector": "app"}),
        json!({"podSelector": {}, "namespaceSelector": []}),
        json!({"podSelector": {"matchLabels": {"app": 1}}}),
        json!({"podSelector": {"matchLabels": {}, "unheardOf": true}}),
        expression("In", json!([])),
        expression("NotIn", Value::Null),
        expression("Exists", json!(["a"])),
        expression("in", json!(["a"])),
    ])
    .clone()
}

/// A port that no API server would admit.
fn odd_port(rng: &mut Rng) -> Value {
    rng.pick(&[
        json!({"port": 80, "endPort": 79}),
        json!({"port": "http", "endPort": 80}),
        json!({"endPort": 80}),
        json!({"port": 0}),
        json!({"port": 65536}),
        json!({"port": 80.5}),
        json!({"port": "80"}),
        json!({"port": ""}),
        json!({"protocol": "tcp", "port": 80}),
        json!({"protocol": "ICMP"}),
        json!({"protocol": 6, "port": 80}),
        json!({"protocol": "", "port": 80}),
        Value::Null,
        json!(80),
    ])
    .clone()
}

/// A block with exceptions inside it.
fn block(rng: &mut Rng, vocabulary: &mut Vocabulary) -> Value {
    let slashed = |value: Value| {
        value.as_str().map(|net| {
            if net.contains('/') {
                net.to_owned()
            } else {
                format!("{net}/{}", if net.contains(':') { 128 } else { 32 })
            }
        })
    };
    let cidr = slashed(entity::net(rng, vocabulary)).unwrap_or_default();
    let mut block = json!({"cidr": cidr});
    if let (true, Ok(outer)) = (rng.chance(50), cidr.parse::<ipnet::IpNet>()) {
        let holes = rng.list(0, 6, |rng| slashed(entity::net(rng, vocabulary)));
        let inside = |hole: &String| hole.parse::<ipnet::IpNet>().is_ok_and(|hole| outer.contains(&hole));
        block["except"] = holes.into_iter().flatten().filter(inside).collect::<Vec<_>>().into();
    }
    block
}

fn port(rng: &mut Rng, vocabulary: &mut Vocabulary, validity: Validity) -> Value {
    if validity == Validity::Mixed && rng.chance(4) {
        return odd_port(rng);
    }
    let mut port = json!({});
    if rng.chance(70) {
        port["protocol"] = (*rng.pick(&["TCP", "UDP", "SCTP"])).into();
    }
    match rng.between(1, 6) {
        1 => {}
        2 => port["port"] = (*rng.pick(&PORT_NAMES)).into(),
        3 => {
            let (one, other) = (*rng.pick(&PORTS), *rng.pick(&PORTS));
            vocabulary.ports.extend([one.saturating_add(1), other.saturating_add(1), one - 1, other - 1]);
            port["port"] = one.min(other).into();
            port["endPort"] = one.max(other).into();
        }
        _ => port["port"] = (*rng.pick(&PORTS)).into(),
    }
    port
}
