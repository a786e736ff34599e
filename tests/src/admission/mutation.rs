//! Objects with one thing about them changed.

use serde_json::{Value, json};

use crate::generate::Rng;

/// Values that are wrong in most places, and right in some.
fn value(rng: &mut Rng) -> Value {
    rng.pick(&[
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-1),
        json!(4),
        json!(255),
        json!(65536),
        json!(1.5),
        json!(""),
        json!(" "),
        json!("x"),
        json!("80"),
        json!("90:80"),
        json!("a == 'b'"),
        json!("a == "),
        json!("global()"),
        json!("(has(a)"),
        json!("10.0.0.1"),
        json!("10.0.0.0/33"),
        json!("fd00::/8"),
        json!("ICMPv6"),
        json!("Allow"),
        json!("Drop"),
        json!([]),
        json!([null]),
        json!(["Ingress", "Ingress"]),
        json!({}),
        json!({"name": "a", "namespace": "b"}),
        json!({"type": 8}),
    ])
    .clone()
}

/// Names that a field of one kind of map has and that of another has not.
const NAMES: [&str; 12] = [
    "unheardOf",
    "nets",
    "ports",
    "services",
    "icmp",
    "notProtocol",
    "ipVersion",
    "http",
    "preDNAT",
    "types",
    "order",
    "serviceAccounts",
];

/// Changes one value, takes one away, or adds one, anywhere below.
pub fn mutate(rng: &mut Rng, tree: &mut Value) {
    let stop = rng.chance(25);
    match tree {
        Value::Object(fields) if !fields.is_empty() && !stop => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = rng.pick(&names).clone();
            match rng.between(1, 8) {
                1 => drop(fields.shift_remove(&name)),
                2 => {
                    let value = value(rng);
                    if !value.is_null() {
                        fields.insert((*rng.pick(&NAMES)).to_owned(), value);
                    }
                }
                _ => {
                    if let Some(inner) = fields.get_mut(&name) {
                        mutate(rng, inner);
                    }
                }
            }
        }
        Value::Array(items) if !items.is_empty() && !stop => {
            let index = rng.between(0, items.len() - 1);
            match rng.between(1, 8) {
                1 => drop(items.remove(index)),
                2 => items.push(value(rng)),
                _ => mutate(rng, &mut items[index]),
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => *tree = value(rng),
    }
}
