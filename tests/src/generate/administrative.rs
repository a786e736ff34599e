//! Policies of administrators: ClusterNetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy.

use serde_json::{Value, json};

use super::{
    Rng, Validity, entity,
    selectors::{Of, kubernetes},
    vocabulary::{PORT_NAMES, PORTS, Vocabulary},
};

/// Several of a kind, so that equal ones meet.
const PRIORITIES: [u16; 7] = [0, 1, 10, 10, 10, 500, 1000];

/// The kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cluster,
    Admin,
    Baseline,
}

/// A policy of this name; only one has the name that the API asks of Baseline policies.
pub fn policy(rng: &mut Rng, vocabulary: &mut Vocabulary, validity: Validity, name: &str) -> Value {
    let (kind, version, written, name) = match rng.between(1, 6) {
        1 => (Kind::Admin, "v1alpha1", "AdminNetworkPolicy", name),
        2 => {
            let odd = validity == Validity::Mixed && rng.chance(5);
            let name = if odd { name } else { "default" };
            (Kind::Baseline, "v1alpha1", "BaselineAdminNetworkPolicy", name)
        }
        // An object is the same in every version.
        _ if name == "p" => (Kind::Cluster, "v1beta1", "ClusterNetworkPolicy", name),
        _ => (Kind::Cluster, "v1alpha2", "ClusterNetworkPolicy", name),
    };
    let mut spec = spec(rng, vocabulary, validity, kind);
    if validity == Validity::Mixed && rng.chance(8) {
        spoil(rng, &mut spec);
    }
    json!({"apiVersion": format!("policy.networking.k8s.io/{version}"), "kind": written,
        "metadata": {"name": name}, "spec": spec})
}

fn spec(rng: &mut Rng, vocabulary: &mut Vocabulary, validity: Validity, kind: Kind) -> Value {
    let mut spec = json!({"subject": pods(rng, kind)});
    if kind == Kind::Cluster {
        spec["tier"] = (*rng.pick(&["Admin", "Baseline"])).into();
    }
    if kind != Kind::Baseline {
        spec["priority"] = (*rng.pick(&PRIORITIES)).into();
    }
    for (field, peers) in [("ingress", "from"), ("egress", "to")] {
        if rng.chance(70) {
            spec[field] = rng.list(0, 5, |rng| rule(rng, vocabulary, validity, kind, peers)).into();
        }
    }
    spec
}

/// Pods by their namespaces, or by their own labels too.
fn pods(rng: &mut Rng, kind: Kind) -> Value {
    let of = |rng: &mut Rng, of| if rng.chance(40) { json!({}) } else { kubernetes(rng, of) };
    if rng.chance(50) {
        return json!({"namespaces": of(rng, Of::Namespaces)});
    }
    let mut pods = json!({"podSelector": of(rng, Of::Endpoints)});
    if kind != Kind::Cluster || rng.chance(80) {
        pods["namespaceSelector"] = of(rng, Of::Namespaces);
    }
    json!({"pods": pods})
}

fn rule(rng: &mut Rng, vocabulary: &mut Vocabulary, validity: Validity, kind: Kind, peers: &str) -> Value {
    let allow = if kind == Kind::Cluster { "Accept" } else { "Allow" };
    let pass = if kind == Kind::Baseline { "Deny" } else { "Pass" };
    let list = rng.list(1, 3, |rng| peer(rng, vocabulary, kind, peers));
    // Nodes and networks have no names for ports.
    let named = list.iter().all(|peer| peer.get("nodes").is_none() && peer.get("networks").is_none());
    let mut rule = json!({"action": rng.pick(&[allow, allow, "Deny", "Deny", pass])});
    rule[peers] = list.into();
    if rng.chance(20) {
        rule["name"] = "a name".into();
    }
    if rng.chance(55) {
        let field = if kind == Kind::Cluster { "protocols" } else { "ports" };
        rule[field] = rng.list(1, 3, |rng| port(rng, vocabulary, kind, named)).into();
    }
    if validity == Validity::Mixed && rng.chance(8) {
        spoil_rule(rng, &mut rule, kind, peers);
    }
    rule
}

fn peer(rng: &mut Rng, vocabulary: &mut Vocabulary, kind: Kind, peers: &str) -> Value {
    if peers == "from" || rng.chance(60) {
        return pods(rng, kind);
    }
    if rng.chance(35) {
        return json!({"nodes": if rng.chance(30) { json!({}) } else { kubernetes(rng, Of::Endpoints) }});
    }
    json!({"networks": rng.list(1, 4, |rng| network(rng, vocabulary))})
}

/// A network that ends where its prefix does, as `v1beta1` wants it.
fn network(rng: &mut Rng, vocabulary: &mut Vocabulary) -> String {
    let net = entity::net(rng, vocabulary);
    let text = net.as_str().unwrap_or_default();
    let of_address = || text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from);
    let net = text.parse::<ipnet::IpNet>().ok().or_else(|| of_address().ok());
    net.map_or_else(|| "10.0.0.0/8".to_owned(), |net| net.trunc().to_string())
}

fn port(rng: &mut Rng, vocabulary: &mut Vocabulary, kind: Kind, named: bool) -> Value {
    if named && rng.chance(25) {
        let name = *rng.pick(&PORT_NAMES);
        return if kind == Kind::Cluster {
            json!({"destinationNamedPort": name})
        } else {
            json!({"namedPort": name})
        };
    }
    let (one, other) = (*rng.pick(&PORTS), *rng.pick(&PORTS));
    let (first, last) = (one.min(other), one.max(other));
    vocabulary.ports.extend([first - 1, first, last, last.saturating_add(1)]);
    let range = first < last && rng.chance(40);
    if kind == Kind::Cluster {
        let port =
            if range { json!({"range": {"start": first, "end": last}}) } else { json!({"number": first}) };
        return json!({ *rng.pick(&["tcp", "tcp", "udp", "sctp"]): {"destinationPort": port} });
    }
    let mut port = if range { json!({"start": first, "end": last}) } else { json!({"port": first}) };
    if rng.chance(70) {
        port["protocol"] = (*rng.pick(&["TCP", "UDP", "SCTP"])).into();
    }
    json!({ if range { "portRange" } else { "portNumber" }: port })
}

fn spoil(rng: &mut Rng, spec: &mut Value) {
    match rng.between(1, 9) {
        1 => spec["tier"] = "NetworkPolicy".into(),
        2 => spec["priority"] = rng.pick(&[json!(-1), json!(1001), json!("first"), json!(1.5)]).clone(),
        3 => spec["priority"] = Value::Null,
        4 => spec["subject"] = json!({}),
        5 => {
            spec["subject"] = json!({"namespaces": {}, "pods": {"namespaceSelector": {}, "podSelector": {}}})
        }
        6 => {
            spec["subject"] =
                json!({"namespaces": {"matchExpressions": [{"key": "app", "operator": "Like"}]}});
        }
        7 => spec["ingress"] = "everything".into(),
        8 => *spec = "nothing".into(),
        _ => spec["unheardOf"] = 1.into(),
    }
}

fn spoil_rule(rng: &mut Rng, rule: &mut Value, kind: Kind, peers: &str) {
    let ports = if kind == Kind::Cluster { "protocols" } else { "ports" };
    match rng.between(1, 9) {
        1 => rule["action"] = "Perhaps".into(),
        2 => rule[peers] = json!([]),
        3 | 4 => {
            let odd = [
                json!({}),
                json!({"unheardOf": {}}),
                json!({"domainNames": ["*.example.com"]}),
                json!({"networks": ["10.0.0.0/33"]}),
                json!({"networks": []}),
                json!({"networks": ["::ffff:10.0.0.0/104"]}),
                json!({"namespaces": {}, "pods": {"namespaceSelector": {}, "podSelector": {}}}),
                json!({"pods": {"namespaceSelector": {}}}),
            ];
            push(rule, peers, rng.pick(&odd).clone());
        }
        5 => rule[ports] = json!([]),
        6 | 7 => {
            let odd = [
                json!({}),
                json!({"icmp": {}}),
                json!({"tcp": {}}),
                json!({"tcp": {"destinationPort": {"range": {"start": 80, "end": 80}}}}),
                json!({"portRange": {"start": 81, "end": 80}}),
                json!({"portNumber": {"port": 0}}),
                json!({"namedPort": "80"}),
                json!({"destinationNamedPort": ""}),
            ];
            push(rule, ports, rng.pick(&odd).clone());
        }
        8 => push(
            rule,
            ports,
            json!({ if kind == Kind::Cluster { "destinationNamedPort" } else { "namedPort" }: "http" }),
        ),
        _ => rule["unheardOf"] = true.into(),
    }
}

fn push(rule: &mut Value, field: &str, value: Value) {
    match rule[field].as_array_mut() {
        Some(list) => list.push(value),
        None => rule[field] = json!([value]),
    }
}
