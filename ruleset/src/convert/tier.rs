//! Tiers of Calico.

use super::{
    field::{Fields, Problem, Problems},
    remark::Remarks,
};
use crate::{
    name::TierName,
    policy::{Order, Tier, TierAction, TierDefault},
};

/// A tier that exists without a resource.
pub fn built_in(name: &str) -> Option<Tier> {
    let known = Tier::BUILT_IN.iter().find(|tier| tier.name == name);
    known.map(|TierDefault { name, order, default_action }| Tier {
        name: TierName::new(*name),
        order: Order::new(*order).unwrap_or_default(),
        default_action: *default_action,
    })
}

/// Reads a tier. One that is not understood comes last and denies, as one without a resource does.
pub(super) fn convert(name: TierName, object: &Fields<'_>, remarks: &mut Remarks) -> Tier {
    let mut problems = Problems::default();
    problems.0.extend(object.unknown(&super::OBJECT_FIELDS));
    let spec = problems.map_or_empty(object, "spec");
    problems.0.extend(spec.unknown(&["order", "defaultAction"]));
    let order = problems.or_default(spec.field("order").map(|field| field.number()).transpose());
    let default_action = problems.or_default(action(&spec).map(Some)).unwrap_or(TierAction::Deny);
    if let Some(fixed) = built_in(name.as_str()) {
        remarks.errors(problems, "the tier keeps its fixed order and action");
        if (order, default_action) != (fixed.order.value(), fixed.default_action)
            && spec.field("order").is_some()
        {
            remarks.warning(spec.problem("order and action of this tier are fixed"), "the tier keeps them");
        }
        return fixed;
    }
    if !problems.is_empty() {
        remarks.errors(problems, "the tier comes last and denies what its policies do not decide");
        return Tier { name, order: Order::LAST, default_action: TierAction::Deny };
    }
    Tier { name, order: Order::new(order.unwrap_or(Tier::DEFAULT_ORDER)).unwrap_or_default(), default_action }
}

fn action(spec: &Fields<'_>) -> Result<TierAction, Problem> {
    let Some(field) = spec.field("defaultAction") else { return Ok(TierAction::Deny) };
    match field.text()? {
        "Deny" => Ok(TierAction::Deny),
        "Pass" => Ok(TierAction::Pass),
        other => Err(field.problem(format!("{other:?} is no action of a tier; use Deny or Pass"))),
    }
}
