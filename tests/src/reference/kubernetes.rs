//! `networking.k8s.io/v1` NetworkPolicy (policy-model §1.4), read by the words of its API: it only allows, its peers are pods, namespaces of pods,
//! and address blocks.

mod label_selector;
mod rule;

use serde_json::Value;

pub use label_selector::LabelSelector;
pub use rule::Rule;

use super::{
    endpoint::Stage,
    field::{Field, List, has_only, text},
    pod::Pod,
    policy::{self, Action, Match, Policy},
    truth::Truth,
    world::{name_of, namespace_of},
};

/// The pods that a NetworkPolicy selects, within its namespace.
#[derive(Debug)]
pub struct Subject {
    pods: Field<LabelSelector>,
    understood: bool,
}

impl Subject {
    /// Whether it selects a pod of its namespace; `podSelector: {}` selects all.
    pub fn selects(&self, pod: &Pod) -> Truth {
        let understood = if self.understood { Truth::Yes } else { Truth::Maybe };
        understood.and(self.pods.demands(|selector| selector.matches(&pod.written)))
    }
}

/// Reads a NetworkPolicy. It stands in tier `default` at order 1000 (§2.3).
pub fn read(object: &Value) -> Policy {
    let spec = &object["spec"];
    let lists = ["ingress", "egress"].map(|field| List::of(spec, field, |rule| Some(rule.clone())));
    let understood = has_only(spec, &["podSelector", "policyTypes", "ingress", "egress"]);
    let types = List::of(spec, "policyTypes", text);
    let types_understood = types.0.iter().all(|kind| matches!(kind.as_deref(), Some("Ingress" | "Egress")));
    let pods = Field::of(spec, "podSelector", LabelSelector::read);
    let namespace = namespace_of(object);
    let rules = |list: &List<Value>, peers| {
        let read = |rule: &Option<Value>| read_rule(rule.as_ref().unwrap_or(&Value::Null), peers, &namespace);
        list.0.iter().map(read).collect::<Vec<_>>()
    };
    let (ingress, egress) = (rules(&lists[0], "from"), rules(&lists[1], "to"));
    // §1.4: absent means Ingress, and Egress as well if there are egress rules.
    let governs = |name: &str, by_default: Truth| match types.is_empty() {
        true => by_default,
        false if types.known().any(|kind| kind == name) => Truth::Yes,
        false if !types_understood => Truth::Maybe,
        false => Truth::No,
    };
    let directions_in_doubt = types.is_empty() && lists.iter().any(List::is_doubtful);
    let directions = [governs("Ingress", Truth::Yes), governs("Egress", lists[1].has_entries())];
    let subject_understood =
        understood && !pods.is_doubtful() && !pods.known().is_some_and(LabelSelector::is_doubtful);
    Policy {
        kind: "KubernetesNetworkPolicy",
        namespace: Some(namespace),
        name: name_of(object),
        tier: "default".to_owned(),
        order: 1000.0,
        displaced: false,
        stage: Stage::Local,
        doubtful: directions_in_doubt || !subject_understood || directions.contains(&Truth::Maybe),
        directions_in_doubt,
        governs_ingress: directions[0],
        governs_egress: directions[1],
        subject: policy::Subject::Kubernetes(Subject { pods, understood }),
        ingress,
        egress,
    }
}

/// Reads a rule of `ingress` (peers in `from`) or of `egress` (peers in `to`).
fn read_rule(rule: &Value, peers: &str, namespace: &str) -> policy::Rule {
    let matches = Rule::read(rule, peers, namespace);
    policy::Rule {
        action: Action::Allow,
        doubtful: matches.is_doubtful(),
        matches: Match::Kubernetes(matches),
    }
}
