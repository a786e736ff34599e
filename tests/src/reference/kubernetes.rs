//! `networking.k8s.io/v1` NetworkPolicy (policy-model §1.4), read by the words of its API: it only allows, its peers are pods, namespaces of pods,
//! and address blocks.

mod label_selector;
mod rule;

use serde_json::Value;

pub use rule::Rule;

use self::label_selector::LabelSelector;
use super::{
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
    let lists = ["ingress", "egress"].map(|field| Field::of(spec, field, |list| list.as_array().cloned()));
    let understood = spec.is_object()
        && has_only(spec, &["podSelector", "policyTypes", "ingress", "egress"])
        && !lists.iter().any(Field::is_doubtful);
    let types = List::of(spec, "policyTypes", text);
    let types_understood = types.0.iter().all(|kind| matches!(kind.as_deref(), Some("Ingress" | "Egress")));
    let pods = Field::of(spec, "podSelector", LabelSelector::read);
    let namespace = namespace_of(object);
    let rules = |list: &Field<Vec<Value>>, peers| {
        list.known().into_iter().flatten().map(|rule| read_rule(rule, peers, &namespace)).collect::<Vec<_>>()
    };
    let (ingress, egress) = (rules(&lists[0], "from"), rules(&lists[1], "to"));
    // §1.4: absent means Ingress, and Egress as well if there are egress rules.
    let governs = |name: &str, by_default: bool| match types.is_empty() {
        true => by_default.into(),
        false if types.known().any(|kind| kind == name) => Truth::Yes,
        false if !types_understood => Truth::Maybe,
        false => Truth::No,
    };
    Policy {
        kind: "KubernetesNetworkPolicy",
        namespace: Some(namespace),
        name: name_of(object),
        tier: "default".to_owned(),
        order: 1000.0,
        displaced: false,
        doubtful: !understood
            || !types_understood
            || pods.is_doubtful()
            || pods.known().is_some_and(LabelSelector::is_doubtful),
        governs_ingress: governs("Ingress", true),
        governs_egress: governs("Egress", !egress.is_empty()),
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
