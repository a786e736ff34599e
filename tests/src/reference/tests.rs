//! Verdicts that were derived by hand from policy-model.md.

mod calico_rules;
mod closed;
mod kubernetes_empties;
mod nodes;
mod order;
mod scenarios;

use super::{Reading, Reference};
use crate::{
    objects,
    verdict::{By, Outcome, Verdict},
};

/// Three nodes, of which two run pods; every pod listens on a port named `http`.
const CLUSTER: &str = include_str!("tests/cluster.yaml");

/// The cluster with these objects added.
fn cluster_with(text: &str) -> Reference {
    let mut all = objects::from_yaml(CLUSTER).unwrap();
    all.extend(objects::from_yaml(text).unwrap());
    Reference::new(&all)
}

/// `allow` or `deny`, the same in both readings, of a flow written as `from to protocol port`, where an ICMP type stands in place of the port.
#[track_caller]
fn outcome(reference: &Reference, flow: &str) -> &'static str {
    let least = verdict(reference, flow, Reading::Least).outcome;
    let most = verdict(reference, flow, Reading::Most).outcome;
    assert_eq!(least, most, "{flow}: the readings differ");
    match least {
        Outcome::Allow => "allow",
        Outcome::Deny => "deny",
    }
}

/// What decided last: `name[rule]`, or the built-in.
#[track_caller]
fn by(reference: &Reference, flow: &str) -> String {
    match verdict(reference, flow, Reading::Least).decisions.pop().unwrap().by {
        By::Rule { name, rule, .. } => format!("{name}[{rule}]"),
        By::Builtin(name) => name,
    }
}

#[track_caller]
fn verdict(reference: &Reference, flow: &str, reading: Reading) -> Verdict {
    let words: Vec<&str> = flow.split(' ').collect();
    let [from, to, protocol, port] = words[..] else { panic!("{flow}: from to protocol port") };
    let field = if protocol.starts_with("icmp") { "icmp_type" } else { "port" };
    let number: u16 = port.parse().unwrap();
    let flow = serde_json::json!({"from": from, "to": to, "protocol": protocol, "source_port": 40000, field: number});
    reference.read(&serde_json::from_value(flow).unwrap(), reading).unwrap()
}

#[track_caller]
fn check(reference: &Reference, expected: &[(&str, &str)]) {
    for (flow, wanted) in expected {
        assert_eq!(outcome(reference, flow), *wanted, "{flow}");
    }
}
