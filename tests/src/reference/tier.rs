//! Tiers and the order of everything in them (policy-model §1.3, §4.1).

use serde_json::Value;

use super::{field::Field, policy::Policy, world::name_of};

/// A tier of policies.
#[derive(Clone, Debug, PartialEq)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// Its place; `None` for one that is missing and comes last.
    pub order: Option<f64>,
    /// Whether a packet that none of its policies decided goes on to the next tier.
    pub passes: bool,
}

impl Tier {
    /// The tiers of which the API fixes order and action (§1.3 "Fixed by CEL").
    pub fn built_in() -> Vec<Self> {
        let tier = |name: &str, order, passes| Self { name: name.to_owned(), order: Some(order), passes };
        vec![tier("kube-admin", 1e3, true), tier("default", 1e6, false), tier("kube-baseline", 1e7, true)]
    }

    /// Reads a tier: order 1,000,000 if absent; anything but Pass denies (§1.3).
    pub fn read(object: &Value) -> Self {
        let spec = &object["spec"];
        // An order that is no number is as good as no resource: last.
        let order = match Field::of(spec, "order", Value::as_f64) {
            Field::Absent => Some(1e6),
            Field::Known(order) => Some(order),
            Field::Doubtful => None,
        };
        Self { name: name_of(object), order, passes: spec["defaultAction"] == "Pass" }
    }

    /// All tiers in order, each with its policies in order.
    pub fn arrange(described: Vec<Self>, mut policies: Vec<Policy>) -> Vec<(Self, Vec<Policy>)> {
        let mut tiers = Self::built_in();
        for tier in described {
            if !tiers.iter().any(|known| known.name == tier.name) {
                tiers.push(tier);
            }
        }
        for policy in &policies {
            if !tiers.iter().any(|known| known.name == policy.tier) {
                // §4.1: a tier without a resource is enforced all the same, last, and denies at its end.
                tiers.push(Self { name: policy.tier.clone(), order: None, passes: false });
            }
        }
        // §4.1: known before unknown, then by order, then by name.
        tiers.sort_by(|a, b| {
            let (ours, theirs) = (a.order.unwrap_or(f64::INFINITY), b.order.unwrap_or(f64::INFINITY));
            a.order.is_none().cmp(&b.order.is_none()).then(ours.total_cmp(&theirs)).then(a.name.cmp(&b.name))
        });
        // §4.1: by order, absent last; ties by the text `name/namespace/kind`.
        policies.sort_by(|a, b| a.order.total_cmp(&b.order).then_with(|| a.tie_break().cmp(&b.tie_break())));
        let mut arranged: Vec<(Self, Vec<Policy>)> =
            tiers.into_iter().map(|tier| (tier, Vec::new())).collect();
        for policy in policies {
            if let Some((_, members)) = arranged.iter_mut().find(|(tier, _)| tier.name == policy.tier) {
                members.push(policy);
            }
        }
        arranged
    }
}
