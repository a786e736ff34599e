//! Kubernetes label selectors (`matchLabels`, `matchExpressions`).

use super::field::{Field, Fields, Problem};
use crate::selector::Selector;

/// The terms of a label selector, in the order of the API text; none where it selects everything.
pub(super) fn terms(field: &Field<'_>) -> Result<Vec<Selector>, Problem> {
    let fields = field.fields()?;
    if let Some(problem) = fields.unknown(&["matchLabels", "matchExpressions"]).pop() {
        return Err(problem);
    }
    let labels = fields.map("matchLabels")?;
    let label = |(key, value): (&str, Field<'_>)| {
        let value = value.text()?;
        Ok(Selector::equals(checked_key(key, &labels)?, value))
    };
    let mut terms = labels.entries().map(label).collect::<Result<Vec<_>, _>>()?;
    for expression in fields.items("matchExpressions")? {
        terms.push(requirement(&expression.fields()?)?);
    }
    Ok(terms)
}

fn requirement(fields: &Fields<'_>) -> Result<Selector, Problem> {
    if let Some(problem) = fields.unknown(&["key", "operator", "values"]).pop() {
        return Err(problem);
    }
    let key = fields.text("key")?.ok_or_else(|| fields.problem("key is missing"))?;
    let key = checked_key(key, fields)?;
    let values = fields.items("values")?.iter().map(Field::text).collect::<Result<Vec<_>, _>>()?;
    match (fields.text("operator")?, values.is_empty()) {
        (Some("In"), false) => Ok(Selector::is_in(key, values)),
        (Some("NotIn"), false) => Ok(Selector::not_in(key, values)),
        (Some("Exists"), true) => Ok(Selector::has(key)),
        (Some("DoesNotExist"), true) => Ok(Selector::has(key).negated()),
        (Some("In" | "NotIn"), true) => Err(fields.problem("the operators In and NotIn need values")),
        (Some("Exists" | "DoesNotExist"), false) => {
            Err(fields.problem("the operators Exists and DoesNotExist take no values"))
        }
        (Some(other), _) => {
            Err(fields.problem(format!("{other:?} is no operator; use In, NotIn, Exists or DoesNotExist")))
        }
        (None, _) => Err(fields.problem("operator is missing")),
    }
}

/// A key that an object could bear as a label.
fn checked_key<'a>(key: &'a str, place: &Fields<'_>) -> Result<&'a str, Problem> {
    let is_key =
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
    if is_key { Ok(key) } else { Err(place.problem(format!("{key:?} is no key of a label"))) }
}
