//! `projectcalico.org/v3` NetworkPolicy and GlobalNetworkPolicy (policy-model §1.1, §1.2).

mod entity;
mod port;
mod rule;

use serde_json::Value;

pub use rule::Rule;

use super::{
    endpoint::Stage,
    field::{Field, List, has_only, text},
    labels::{Labels, NAMESPACE, OF_NAMESPACE, OF_SERVICE_ACCOUNT, SERVICE_ACCOUNT},
    policy::{self, Action, Match, Policy},
    selector::{Selector, parse},
    truth::Truth,
    world::name_of,
};

const FIELDS: [&str; 12] = [
    "tier",
    "order",
    "selector",
    "namespaceSelector",
    "serviceAccountSelector",
    "types",
    "ingress",
    "egress",
    "performanceHints",
    "doNotTrack",
    "preDNAT",
    "applyOnForward",
];

/// The endpoints that a policy selects; for a NetworkPolicy, within its namespace.
#[derive(Debug)]
pub struct Subject {
    /// Each expression is over the effective labels of an endpoint.
    terms: Vec<Field<Selector>>,
    understood: bool,
}

impl Subject {
    /// Whether it selects an endpoint with these labels.
    pub fn selects(&self, labels: &Labels) -> Truth {
        let understood = if self.understood { Truth::Yes } else { Truth::Maybe };
        understood.and(Truth::all(self.terms.iter().map(|term| matches_labels(term, labels))))
    }

    fn is_doubtful(&self) -> bool {
        !self.understood || self.terms.iter().any(Field::is_doubtful)
    }
}

/// Whether a selector matches labels; an absent one asks nothing.
pub fn matches_labels(selector: &Field<Selector>, labels: &Labels) -> Truth {
    selector.demands(|selector| selector.matches(labels).into())
}

/// Reads a field that holds a selector. The empty text is as good as none; blanks are `all()` (§4.1 "our law").
pub fn read_selector(object: &Value, name: &str) -> Field<Selector> {
    if object.get(name).and_then(Value::as_str) == Some("") {
        return Field::Absent;
    }
    Field::of(object, name, |value| parse(value.as_str()?))
}

/// A selector over the labels of namespaces, or of service accounts, as one over the labels that endpoints inherit from them; `all()` asks for the label
/// `bearer`, `global()` for its absence.
pub fn inherited(selector: Field<Selector>, prefix: &str, bearer: Option<&str>) -> Field<Selector> {
    let has = bearer.map(|label| Selector::Has(label.to_owned()));
    let has_not = has.clone().map(|has| Selector::Not(Box::new(has)));
    match selector {
        Field::Known(selector) => Field::Known(selector.rewritten(prefix, has.as_ref(), has_not.as_ref())),
        Field::Absent => Field::Absent,
        Field::Doubtful => Field::Doubtful,
    }
}

/// Reads a policy; one without namespace is a GlobalNetworkPolicy.
pub fn read(object: &Value, namespace: Option<String>) -> Policy {
    let spec = &object["spec"];
    let lists = ["ingress", "egress"].map(|field| List::of(spec, field, |rule| Some(rule.clone())));
    let tier = Field::of(spec, "tier", text);
    let order = Field::of(spec, "order", Value::as_f64);
    let types = List::of(spec, "types", text);
    let types_understood = types.0.iter().all(|kind| matches!(kind.as_deref(), Some("Ingress" | "Egress")));
    let rules = |list: &List<Value>| {
        let read =
            |rule: &Option<Value>| read_rule(rule.as_ref().unwrap_or(&Value::Null), namespace.as_deref());
        list.0.iter().map(read).collect::<Vec<_>>()
    };
    let (ingress, egress) = (rules(&lists[0]), rules(&lists[1]));
    // §0 item 6: by the length of the rule lists if types are absent or empty.
    let [has_ingress, has_egress] = lists.each_ref().map(List::has_entries);
    let by_default = |name: &str| if name == "Egress" { has_egress } else { has_ingress.or(!has_egress) };
    let governs = |name: &str| match types.is_empty() {
        true => by_default(name),
        false if types.known().any(|kind| kind == name) => Truth::Yes,
        false if !types_understood => Truth::Maybe,
        false => Truth::No,
    };
    let directions_in_doubt = types.is_empty() && lists.iter().any(List::is_doubtful);
    let directions = [governs("Ingress"), governs("Egress")];
    let subject = read_subject(spec, namespace.is_some());
    Policy {
        kind: if namespace.is_some() { "NetworkPolicy" } else { "GlobalNetworkPolicy" },
        name: name_of(object),
        displaced: tier.is_doubtful() || order.is_doubtful(),
        tier: tier.known().filter(|tier| !tier.is_empty()).cloned().unwrap_or_else(|| "default".to_owned()),
        order: order.known().copied().unwrap_or(f64::INFINITY) + 0.0,
        stage: stage(spec),
        doubtful: directions_in_doubt || subject.is_doubtful() || directions.contains(&Truth::Maybe),
        directions_in_doubt,
        governs_ingress: directions[0],
        governs_egress: directions[1],
        subject: policy::Subject::Calico(subject),
        ingress,
        egress,
        namespace,
    }
}

/// Where in the packet path a policy decides (§1.2, §4.2).
fn stage(spec: &Value) -> Stage {
    let is_set = |field: &str| spec[field] == true;
    match (is_set("doNotTrack"), is_set("preDNAT"), is_set("applyOnForward")) {
        (true, _, _) => Stage::Untracked,
        (false, true, _) => Stage::PreDnat,
        (false, false, true) => Stage::LocalAndForwarded,
        (false, false, false) => Stage::Local,
    }
}

/// §2.5. Host endpoints have no namespace, so that it matters for them that `all()` beside a namespace selector means whatever has one.
fn read_subject(spec: &Value, namespaced: bool) -> Subject {
    let selector = read_selector(spec, "selector");
    let accounts = read_selector(spec, "serviceAccountSelector");
    let namespaces = read_selector(spec, "namespaceSelector");
    let selector = if namespaces.is_given() { inherited(selector, "", Some(NAMESPACE)) } else { selector };
    // §2.5: beside a service account selector, `all()` of a GlobalNetworkPolicy means all pods that have a service account.
    let bearer = (!namespaced).then_some(SERVICE_ACCOUNT);
    let terms = vec![
        if accounts.is_given() { inherited(selector, "", bearer) } else { selector },
        inherited(namespaces, OF_NAMESPACE, Some(NAMESPACE)),
        inherited(accounts, OF_SERVICE_ACCOUNT, bearer),
    ];
    let understood = has_only(spec, &FIELDS) && !(namespaced && spec.get("namespaceSelector").is_some());
    Subject { terms, understood }
}

/// Reads a rule. An action that is no action could be any.
fn read_rule(rule: &Value, namespace: Option<&str>) -> policy::Rule {
    let action = match rule["action"].as_str() {
        Some("Allow") => Action::Allow,
        Some("Deny") => Action::Deny,
        Some("Pass") => Action::Pass,
        Some("Log") => Action::Log,
        _ => Action::Doubtful,
    };
    if !rule.is_object() {
        return policy::Rule { action, doubtful: true, matches: Match::Doubtful };
    }
    let matches = Rule::read(rule, namespace);
    let doubtful = action == Action::Doubtful || matches.is_doubtful();
    policy::Rule { action, doubtful, matches: Match::Calico(Box::new(matches)) }
}
