//! Ports of rules and containers, and the protocols that have them.

use super::field::{Field, Problem};
use crate::{
    manifest::node::Value,
    name::PortName,
    port::{Port, PortRange},
    protocol::Protocol,
};

/// The longest name of a port that Calico's API admits, in bytes.
const MAX_NAME: usize = 128;

/// A port of a Calico rule: a number, a range `first:last`, a number as text, or a name.
pub(super) fn calico(field: &Field<'_>) -> Result<Port, Problem> {
    if matches!(field.value(), Value::Integer(_)) {
        return number(field).map(|port| Port::Number(PortRange::single(port)));
    }
    let text = field.text()?;
    match text.split_once(':') {
        Some((first, last)) => range(first, last).map(Port::Number).ok_or_else(|| {
            field.problem(format!(
                "{text:?} is not a range of ports, like 8000:8080 (first:last, at most 65535)"
            ))
        }),
        None => number_or_name(field, text),
    }
}

/// A port of a Kubernetes rule: a number or a name.
pub(super) fn kubernetes(field: &Field<'_>) -> Result<Port, Problem> {
    if matches!(field.value(), Value::Integer(_)) {
        return number(field).map(|port| Port::Number(PortRange::single(port)));
    }
    number_or_name(field, field.text()?)
}

/// A port by name alone.
pub(super) fn named(field: &Field<'_>) -> Result<Port, Problem> {
    let text = field.text()?;
    match is_name(text) {
        true => Ok(Port::Named(PortName::new(text))),
        false => Err(field.problem(format!("{text:?} is not the name of a port"))),
    }
}

/// A port number, 1 to 65535.
pub(super) fn number(field: &Field<'_>) -> Result<u16, Problem> {
    let port = u16::try_from(field.integer()?).ok().filter(|port| *port > 0);
    port.ok_or_else(|| field.problem("must be a port number, 1 to 65535"))
}

/// A protocol as Kubernetes writes it.
pub(super) fn protocol(field: &Field<'_>) -> Result<Protocol, Problem> {
    match field.text()? {
        "TCP" => Ok(Protocol::TCP),
        "UDP" => Ok(Protocol::UDP),
        "SCTP" => Ok(Protocol::SCTP),
        other => Err(field.problem(format!("{other:?} is no protocol of this API; use TCP, UDP or SCTP"))),
    }
}

fn number_or_name(field: &Field<'_>, text: &str) -> Result<Port, Problem> {
    if let Some(port) = decimal(text).filter(|port| *port > 0) {
        return Ok(Port::Number(PortRange::single(port)));
    }
    if !is_name(text) {
        return Err(
            field.problem(format!("{text:?} is neither a port number, 1 to 65535, nor the name of a port"))
        );
    }
    Ok(Port::Named(PortName::new(text)))
}

fn is_name(text: &str) -> bool {
    text.len() <= MAX_NAME
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        // Every name of a container port holds a letter, so "8000-8080" and "70000" can only be numbers gone wrong.
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn range(first: &str, last: &str) -> Option<PortRange> {
    let range = PortRange { first: decimal(first)?, last: decimal(last)? };
    (range.first <= range.last && range.last > 0).then_some(range)
}

/// Digits only: no sign, no blank.
fn decimal(text: &str) -> Option<u16> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok())?
}

/// The same ports with the fewest numeric ranges, in order; names after numbers.
pub(super) fn merged(mut ports: Vec<Port>) -> Vec<Port> {
    ports.sort();
    ports.dedup();
    let mut merged: Vec<Port> = Vec::with_capacity(ports.len());
    for port in ports {
        if let (Port::Number(next), Some(Port::Number(range))) = (&port, merged.last_mut())
            && u32::from(next.first) <= u32::from(range.last) + 1
        {
            range.last = range.last.max(next.last);
            continue;
        }
        merged.push(port);
    }
    merged
}
