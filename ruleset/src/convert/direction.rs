//! Directions as the policy APIs write them (`types`, `policyTypes`), and the lists of rules that belong to them.

use std::collections::BTreeSet;

use super::{
    field::{Field, Fields, Problem},
    remark::Remarks,
};
use crate::policy::Direction;

/// An item of `types` or `policyTypes`.
pub(super) fn read(field: &Field<'_>) -> Result<Direction, Problem> {
    match field.text()? {
        "Ingress" => Ok(Direction::Ingress),
        "Egress" => Ok(Direction::Egress),
        other => Err(field.problem(format!("{other:?} is no direction; use Ingress or Egress"))),
    }
}

/// The item of `types` or `policyTypes`.
pub(super) fn api_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "Ingress",
        Direction::Egress => "Egress",
    }
}

/// The field that holds the rules.
pub(super) fn rule_list(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    }
}

/// Says where there are rules for a direction that the policy does not govern.
pub(super) fn warn_of_idle_rules(spec: &Fields<'_>, governed: &BTreeSet<Direction>, remarks: &mut Remarks) {
    for direction in Direction::ALL.into_iter().filter(|direction| !governed.contains(direction)) {
        let field = spec.field(rule_list(direction));
        if let Some(field) = field.filter(|field| field.items().is_ok_and(|rules| !rules.is_empty())) {
            let message = format!("the types of the policy do not hold {}", api_name(direction));
            remarks.warning(field.problem(message), "these rules have no effect");
        }
    }
}
