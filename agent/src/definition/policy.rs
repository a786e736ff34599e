//! NetworkPolicy and GlobalNetworkPolicy.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    rule::{EgressRule, IngressRule},
    selector::Selector,
};

/// A direction that a policy governs.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
pub enum PolicyType {
    /// Packets towards the subject.
    Ingress,
    /// Packets of the subject.
    Egress,
}

/// A hint about performance, which changes no verdict.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
pub enum PerformanceHint {
    /// The policy is likely to be needed on every node.
    AssumeNeededOnEveryNode,
}

/// What Calico's tools take as the name of a policy.
const NAME: &str = "self.metadata.name.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?$|^(knp|ossg)[.]default[.]')";
const NAME_MESSAGE: &str = "the name of a policy has at most one dot";

const SERVICE_NAMESPACE: &str = "self.all(rule, (!has(rule.source) || !has(rule.source.services) || (has(rule.source.services.__namespace__) && rule.source.services.__namespace__ != '')) && (!has(rule.destination) || !has(rule.destination.services) || (has(rule.destination.services.__namespace__) && rule.destination.services.__namespace__ != '')))";
const SERVICE_NAMESPACE_MESSAGE: &str = "a policy of the whole cluster must name the namespace of a service";

/// An ordered policy for the endpoints of its namespace.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, Serialize)]
#[kube(
    group = "projectcalico.org",
    version = "v3",
    kind = "NetworkPolicy",
    doc = "An ordered network policy for the endpoints of its namespace.",
    plural = "networkpolicies",
    namespaced
)]
#[kube(category = "ferrule")]
#[kube(validation = Rule::new(NAME).message(NAME_MESSAGE))]
#[kube(printcolumn(name = "Tier", type_ = "string", json_path = ".spec.tier"))]
#[kube(printcolumn(name = "Order", type_ = "number", json_path = ".spec.order"))]
#[kube(printcolumn(name = "Types", type_ = "string", json_path = ".spec.types"))]
#[kube(printcolumn(name = "Selector", type_ = "string", json_path = ".spec.selector", priority = 1))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct NetworkPolicySpec {
    /// The tier; by default `default`.
    pub tier: Option<String>,
    /// The place in the tier: policies with lower orders decide first, and those without one last.
    pub order: Option<f64>,
    /// The subject: endpoints of the namespace by their labels; by default all.
    pub selector: Option<Selector>,
    /// The subject: pods by the labels of their service accounts.
    pub service_account_selector: Option<Selector>,
    /// The directions that the policy governs; by default those that it has rules for, Ingress if it has none.
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub types: Option<Vec<PolicyType>>,
    /// Rules for packets towards the subject, in order.
    #[schemars(length(max = 1024))]
    pub ingress: Option<Vec<IngressRule>>,
    /// Rules for packets of the subject, in order.
    #[schemars(length(max = 1024))]
    pub egress: Option<Vec<EgressRule>>,
    /// Hints about performance, which change no verdict.
    pub performance_hints: Option<Vec<PerformanceHint>>,
}

/// An ordered policy for endpoints of the whole cluster, host endpoints included.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, Serialize)]
#[kube(
    group = "projectcalico.org",
    version = "v3",
    kind = "GlobalNetworkPolicy",
    doc = "An ordered network policy for endpoints of the whole cluster, host endpoints included.",
    plural = "globalnetworkpolicies"
)]
#[kube(category = "ferrule", shortname = "gnp")]
#[kube(validation = Rule::new(NAME).message(NAME_MESSAGE))]
#[kube(printcolumn(name = "Tier", type_ = "string", json_path = ".spec.tier"))]
#[kube(printcolumn(name = "Order", type_ = "number", json_path = ".spec.order"))]
#[kube(printcolumn(name = "Types", type_ = "string", json_path = ".spec.types"))]
#[kube(printcolumn(name = "Selector", type_ = "string", json_path = ".spec.selector", priority = 1))]
#[kube(printcolumn(
    name = "Namespaces",
    type_ = "string",
    json_path = ".spec.namespaceSelector",
    priority = 1
))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("!((has(self.doNotTrack) && self.doNotTrack) && (has(self.preDNAT) && self.preDNAT))", "a policy cannot have both doNotTrack and preDNAT"))]
#[x_kube(validation = ("!(has(self.preDNAT) && self.preDNAT) || !has(self.egress) || self.egress.size() == 0", "a policy with preDNAT has no egress rules"))]
#[x_kube(validation = ("!(has(self.preDNAT) && self.preDNAT) || !has(self.types) || !('Egress' in self.types)", "a policy with preDNAT governs Ingress only"))]
#[x_kube(validation = ("!((has(self.doNotTrack) && self.doNotTrack) || (has(self.preDNAT) && self.preDNAT)) || (has(self.applyOnForward) && self.applyOnForward)", "doNotTrack and preDNAT need applyOnForward: true beside them"))]
pub struct GlobalNetworkPolicySpec {
    /// The tier; by default `default`.
    pub tier: Option<String>,
    /// The place in the tier: policies with lower orders decide first, and those without one last.
    pub order: Option<f64>,
    /// The subject: pods and host endpoints by their labels; by default all.
    pub selector: Option<Selector>,
    /// The subject: endpoints by the labels of their namespaces. A negative one matches host endpoints too, as they have no namespace.
    pub namespace_selector: Option<Selector>,
    /// The subject: pods by the labels of their service accounts.
    pub service_account_selector: Option<Selector>,
    /// The directions that the policy governs; by default those that it has rules for, Ingress if it has none.
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub types: Option<Vec<PolicyType>>,
    /// Rules for packets towards the subject, in order.
    #[schemars(length(max = 1024))]
    #[x_kube(validation = Rule::new(SERVICE_NAMESPACE).message(SERVICE_NAMESPACE_MESSAGE))]
    pub ingress: Option<Vec<IngressRule>>,
    /// Rules for packets of the subject, in order.
    #[schemars(length(max = 1024))]
    #[x_kube(validation = Rule::new(SERVICE_NAMESPACE).message(SERVICE_NAMESPACE_MESSAGE))]
    pub egress: Option<Vec<EgressRule>>,
    /// Whether the policy decides before connections are tracked. Host endpoints only.
    pub do_not_track: Option<bool>,
    /// Whether the policy decides by what was dialled, before it is translated. Host endpoints only.
    #[serde(rename = "preDNAT")]
    pub pre_dnat: Option<bool>,
    /// Whether the policy governs what a host endpoint forwards, too.
    pub apply_on_forward: Option<bool>,
    /// Hints about performance, which change no verdict.
    pub performance_hints: Option<Vec<PerformanceHint>>,
}
