//! `services` of one end of a Calico rule: the endpoints of a Kubernetes service (policy-model §1.1).

use super::{
    field::{Field, Fields, Problem},
    identity,
    rule::End,
    selectors::Scope,
};
use crate::{manifest::node::Value, name::ObjectName, policy::Direction};

/// What may not stand beside `services`, as it would ask twice who the end is.
const EXCLUSIVE: [&str; 6] =
    ["selector", "notSelector", "namespaceSelector", "nets", "notNets", "serviceAccounts"];

/// What may not stand beside the `services` of a receiver, whose ports are those of its endpoints.
const EXCLUSIVE_AT_RECEIVER: [&str; 2] = ["ports", "notPorts"];

/// The service that an end asks for. An ingress rule may ask for senders by service, an egress rule for receivers.
pub(super) fn read(
    entity: &Fields<'_>,
    end: End,
    direction: Direction,
    scope: Scope<'_>,
) -> Result<Option<ObjectName>, Problem> {
    let Some(field) = entity.field("services") else { return Ok(None) };
    match (end, direction) {
        (End::Source, Direction::Ingress) => check_alone(entity, &field, &EXCLUSIVE)?,
        (End::Destination, Direction::Egress) => {
            check_alone(entity, &field, &EXCLUSIVE)?;
            check_alone(entity, &field, &EXCLUSIVE_AT_RECEIVER)?;
        }
        (End::Source, Direction::Egress) => {
            return Err(field.problem("an egress rule can ask for services at its destination only"));
        }
        (End::Destination, Direction::Ingress) => {
            return Err(field.problem("an ingress rule can ask for services at its source only"));
        }
    }
    name(&field, scope).map(Some)
}

fn check_alone(entity: &Fields<'_>, services: &Field<'_>, others: &[&str]) -> Result<(), Problem> {
    let given = |name: &&&str| entity.field(name).is_some_and(|field| !is_empty(field.value()));
    match others.iter().find(given) {
        Some(other) => Err(services.problem(format!("services cannot stand beside {other}"))),
        None => Ok(()),
    }
}

/// Whether a value says as little as its absence.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.values().all(|node| node.value == Value::Null),
        Value::Bool(_) | Value::Integer(_) | Value::Float(_) => false,
    }
}

/// `{name, namespace}`. A namespaced policy means its own namespace where none is named.
fn name(field: &Field<'_>, scope: Scope<'_>) -> Result<ObjectName, Problem> {
    let fields = field.fields()?;
    if let Some(problem) = fields.unknown(&["name", "namespace"]).pop() {
        return Err(problem);
    }
    let name = identity::name(&fields)?;
    let named = fields.text("namespace")?.filter(|namespace| !namespace.is_empty());
    let namespace = match (named, scope) {
        (Some(_), _) => identity::namespace(&fields)?,
        (None, Scope::Namespace(own)) => own.clone(),
        (None, Scope::Cluster) => {
            return Err(fields.problem("a policy of the whole cluster must name the namespace of a service"));
        }
    };
    Ok(ObjectName { namespace, name })
}
