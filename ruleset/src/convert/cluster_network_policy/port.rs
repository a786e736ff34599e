//! What the policies of `v1alpha1` ask of the traffic: an item of `ports`; and what the versions share.

use crate::{
    convert::{
        field::{Field, Fields, Problem},
        ports,
    },
    port::{Port, PortRange},
    protocol::Protocol,
};

/// Exactly one of `portNumber`, `portRange` and `namedPort`. The protocol is TCP by default, and that of a name is whatever the pod says.
pub(super) fn read(item: &Field<'_>) -> Result<(Option<Protocol>, Port), Problem> {
    let fields = item.fields()?;
    match only(&fields, &["portNumber", "portRange", "namedPort"])? {
        ("portNumber", field) => {
            let fields = field.fields()?;
            if let Some(problem) = fields.unknown(&["protocol", "port"]).pop() {
                return Err(problem);
            }
            let port = fields.field("port").ok_or_else(|| fields.problem("port is missing"))?;
            let range = PortRange::single(ports::number(&port)?);
            Ok((Some(protocol(&fields)?), Port::Number(range)))
        }
        ("portRange", field) => {
            let fields = field.fields()?;
            if let Some(problem) = fields.unknown(&["protocol", "start", "end"]).pop() {
                return Err(problem);
            }
            Ok((Some(protocol(&fields)?), Port::Number(range(&fields)?)))
        }
        (_, field) => Ok((None, ports::named(&field)?)),
    }
}

fn protocol(fields: &Fields<'_>) -> Result<Protocol, Problem> {
    fields.field("protocol").map_or(Ok(Protocol::TCP), |field| ports::protocol(&field))
}

/// `{start, end}`, of which the API wants the first to be less.
pub(super) fn range(fields: &Fields<'_>) -> Result<PortRange, Problem> {
    let end_of = |name: &str| {
        let field = fields.field(name).ok_or_else(|| fields.problem(format!("{name} is missing")))?;
        ports::number(&field)
    };
    let (first, last) = (end_of("start")?, end_of("end")?);
    if first >= last {
        return Err(fields.problem("start must be less than end"));
    }
    Ok(PortRange { first, last })
}

/// The one field that is there.
pub(super) fn only<'a>(
    fields: &Fields<'a>,
    known: &[&'static str],
) -> Result<(&'static str, Field<'a>), Problem> {
    if let Some(problem) = fields.unknown(known).pop() {
        return Err(problem);
    }
    let mut given = known.iter().filter_map(|name| Some((*name, fields.field(name)?)));
    let first = given.next();
    let (name, field) = first.ok_or_else(|| fields.problem(format!("it needs {}", known.join(" or "))))?;
    match given.next() {
        None => Ok((name, field)),
        Some((other, _)) => Err(fields.problem(format!("{name} and {other} cannot stand beside each other"))),
    }
}
