//! Selectors of both APIs.

use serde_json::{Value, json};

use super::{
    Rng,
    vocabulary::{ACCOUNTS, KEYS, NAMESPACES, VALUES},
};

/// Whose labels a selector is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Endpoints and network sets.
    Endpoints,
    /// Namespaces.
    Namespaces,
    /// Service accounts.
    Accounts,
}

/// A valid selector of Calico's language, with every operator and in every spelling.
pub fn calico(rng: &mut Rng, of: Of) -> String {
    match rng.between(1, 24) {
        1 => "all()".to_owned(),
        2 => " ".to_owned(),
        3 if of == Of::Namespaces => "global()".to_owned(),
        _ => either(rng, of, 2),
    }
}

fn either(rng: &mut Rng, of: Of, depth: usize) -> String {
    let operator = *rng.pick(&["||", " || "]);
    let most = if rng.chance(25) { 2 } else { 1 };
    rng.list(1, most, |rng| both(rng, of, depth)).join(operator)
}

fn both(rng: &mut Rng, of: Of, depth: usize) -> String {
    let operator = *rng.pick(&["&&", " && "]);
    let most = if rng.chance(25) { 2 } else { 1 };
    rng.list(1, most, |rng| operation(rng, of, depth)).join(operator)
}

fn operation(rng: &mut Rng, of: Of, depth: usize) -> String {
    let bangs = *rng.pick(&["", "", "", "", "", "!", "! ", "!!", "!!!"]);
    if depth > 0 && rng.chance(15) {
        return format!("{bangs}({})", either(rng, of, depth - 1));
    }
    format!("{bangs}{}", comparison(rng, of))
}

fn comparison(rng: &mut Rng, of: Of) -> String {
    let (key, value, other) = (key(rng, of), value(rng, of), value(rng, of));
    let quote = *rng.pick(&["'", "\""]);
    let literal = |value: &str| format!("{quote}{value}{quote}");
    match rng.between(1, 10) {
        1 | 2 => format!("{key} == {}", literal(value)),
        3 => format!("{key}!={}", literal(value)),
        4 => format!("has({key})"),
        5 => format!("{key} contains {}", literal(value)),
        6 => format!("{key} {} {}", rng.pick(&["starts with", "startswith"]), literal(value)),
        7 => format!("{key} {} {}", rng.pick(&["ends with", "endswith"]), literal(value)),
        8 => format!("{key} in {{ {}, {} }}", literal(value), literal(other)),
        9 => format!("{key} {} {{{},}}", rng.pick(&["not in", "notin"]), literal(value)),
        _ => format!("{key} {} {{}}", rng.pick(&["in", "not in"])),
    }
}

fn key(rng: &mut Rng, of: Of) -> &'static str {
    let special: &[&str] = match of {
        Of::Endpoints => &[
            "projectcalico.org/namespace",
            "projectcalico.org/orchestrator",
            "projectcalico.org/serviceaccount",
            "pcns.name",
            "pcns.projectcalico.org/name",
            "pcsa.app",
        ],
        Of::Namespaces => &["projectcalico.org/name", "kubernetes.io/metadata.name"],
        Of::Accounts => &["projectcalico.org/name"],
    };
    if rng.chance(15) { rng.word(special) } else { rng.word(&KEYS) }
}

fn value(rng: &mut Rng, of: Of) -> &'static str {
    let special: &[&str] = match of {
        Of::Endpoints => &["default", "web", "k8s", "builder"],
        Of::Namespaces => &NAMESPACES,
        Of::Accounts => &ACCOUNTS,
    };
    if rng.chance(20) { rng.word(special) } else { rng.word(&VALUES) }
}

/// A valid label selector of the Kubernetes API.
pub fn kubernetes(rng: &mut Rng, of: Of) -> Value {
    let mut selector = json!({});
    if rng.chance(45) {
        let key = kubernetes_key(rng, of);
        selector["matchLabels"] = json!({ key: value(rng, of) });
    }
    if rng.chance(35) {
        selector["matchExpressions"] = rng
            .list(0, 2, |rng| {
                let key = kubernetes_key(rng, of);
                match rng.between(1, 4) {
                    1 => json!({"key": key, "operator": "In", "values": [value(rng, of), value(rng, of)]}),
                    2 => json!({"key": key, "operator": "NotIn", "values": [value(rng, of)]}),
                    3 => json!({"key": key, "operator": "Exists"}),
                    _ => json!({"key": key, "operator": "DoesNotExist", "values": []}),
                }
            })
            .into();
    }
    selector
}

fn kubernetes_key(rng: &mut Rng, of: Of) -> &'static str {
    if of == Of::Namespaces && rng.chance(25) { "kubernetes.io/metadata.name" } else { rng.word(&KEYS) }
}
