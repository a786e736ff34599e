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
    if validity == Validity::Mixed && rng.chance(3) {
        spec["podSelector"] =
            json!({"matchExpressions": [{"key": "app", "operator": "Like", "values": ["a"]}]});
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
        return [
            json!({}),
            json!({"ipBlock": {"cidr": "10.0.0.0/33"}}),
            json!({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["x"]}}),
        ][rng.between(0, 2)]
        .clone();
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
    if validity == Validity::Mixed && rng.chance(4) {
        port["endPort"] = 1.into();
    }
    port
}
