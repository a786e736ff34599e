//! Tier.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What becomes of a packet whose endpoint policies of the tier select, and none of them decides.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
pub enum DefaultAction {
    /// It is dropped.
    Deny,
    /// The next tier decides.
    Pass,
}

/// What must hold of a tier that is fixed.
fn fixed(name: &str, order: u32, action: &str) -> String {
    format!(
        "self.metadata.name != '{name}' || ((!has(self.spec.order) || self.spec.order == {order}.0) && (!has(self.spec.defaultAction) || self.spec.defaultAction == '{action}'))"
    )
}

/// A stage of policies. Tiers decide one after the other.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "projectcalico.org",
    version = "v3",
    kind = "Tier",
    doc = "A stage of policies. Tiers decide one after the other, in their order.",
    plural = "tiers"
)]
#[kube(category = "ferrule")]
#[kube(validation = ("!self.metadata.name.contains('.') && self.metadata.name.size() <= 63", "the name of a tier has no dots and at most 63 characters"))]
#[kube(validation = Rule::new(fixed("default", 1_000_000, "Deny")).message("the tier default has order 1000000 and action Deny"))]
#[kube(validation = Rule::new(fixed("kube-admin", 1_000, "Pass")).message("the tier kube-admin has order 1000 and action Pass"))]
#[kube(validation = Rule::new(fixed("kube-baseline", 10_000_000, "Pass")).message("the tier kube-baseline has order 10000000 and action Pass"))]
#[kube(printcolumn(name = "Order", type_ = "number", json_path = ".spec.order"))]
#[kube(printcolumn(name = "Default Action", type_ = "string", json_path = ".spec.defaultAction"))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
pub struct TierSpec {
    /// The place among the tiers: lower ones decide first; by default 1000000, as the tier `default`.
    pub order: Option<f64>,
    /// What becomes of a packet whose endpoint policies of the tier select, and none of them decides; by default Deny.
    pub default_action: Option<DefaultAction>,
}
