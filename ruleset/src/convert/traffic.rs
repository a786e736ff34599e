//! Family, protocol and ICMP of a Calico rule.

use super::field::{Field, Fields, Problem, Problems};
use crate::{
    address::Family,
    manifest::node::Value,
    policy::Traffic,
    protocol::{Icmp, Protocol},
};

/// Fields of a rule that are read here.
pub(super) const FIELDS: [&str; 5] = ["ipVersion", "protocol", "notProtocol", "icmp", "notICMP"];

/// What a rule asks of the packet besides its ends. What is not understood asks nothing.
pub(super) fn read(rule: &Fields<'_>, problems: &mut Problems) -> Traffic {
    let protocol = problems.or_default(rule.field("protocol").map(|field| protocol(&field)).transpose());
    let not_protocol =
        problems.or_default(rule.field("notProtocol").map(|field| protocol_of(&field)).transpose());
    let family = problems.or_default(ip_version(rule));
    let icmp = problems.or_default(icmp(rule, "icmp").and_then(|icmp| match icmp {
        Some(_) if !protocol.as_ref().is_some_and(|(protocol, _)| is_icmp(*protocol)) => {
            Err(rule.problem("icmp needs protocol ICMP or ICMPv6 beside it"))
        }
        icmp => Ok(icmp),
    }));
    let not_icmp = problems.or_default(self::icmp(rule, "notICMP"));
    Traffic {
        family: family.or_else(|| protocol.and_then(|(_, inferred)| inferred)),
        protocol: protocol.map(|(protocol, _)| protocol),
        not_protocol,
        icmp,
        not_icmp,
    }
}

fn is_icmp(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::ICMP | Protocol::ICMPV6)
}

/// A protocol, and the family that its *name* implies (policy-model §1.1): a rule for ICMP by number holds for both families.
fn protocol(field: &Field<'_>) -> Result<(Protocol, Option<Family>), Problem> {
    let protocol = protocol_of(field)?;
    let is_name = matches!(field.value(), Value::String(text) if Protocol::from_name(text).is_some());
    let family = match protocol {
        Protocol::ICMP if is_name => Some(Family::V4),
        Protocol::ICMPV6 if is_name => Some(Family::V6),
        _ => None,
    };
    Ok((protocol, family))
}

/// A protocol by name, number, or number as text.
pub(super) fn protocol_of(field: &Field<'_>) -> Result<Protocol, Problem> {
    let number = |number: i64| u8::try_from(number).ok().filter(|number| *number > 0).map(Protocol);
    let protocol = if let Value::Integer(value) = field.value() {
        number(*value)
    } else {
        let text = field.text()?;
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_digits { text.parse().ok().and_then(number) } else { Protocol::from_name(text) }
    };
    protocol.ok_or_else(|| {
        field.problem("unknown protocol; use TCP, UDP, ICMP, ICMPv6, SCTP, UDPLite or a number, 1 to 255")
    })
}

fn ip_version(rule: &Fields<'_>) -> Result<Option<Family>, Problem> {
    let Some(field) = rule.field("ipVersion") else { return Ok(None) };
    match field.integer()? {
        4 => Ok(Some(Family::V4)),
        6 => Ok(Some(Family::V6)),
        _ => Err(field.problem("must be 4 or 6")),
    }
}

/// `{type, code}`; a code needs a type, and neither means any message.
fn icmp(rule: &Fields<'_>, name: &str) -> Result<Option<Icmp>, Problem> {
    let Some(field) = rule.field(name) else { return Ok(None) };
    let fields = field.fields()?;
    if let Some(problem) = fields.unknown(&["type", "code"]).pop() {
        return Err(problem);
    }
    let byte = |name: &str, highest: i64| {
        let value = |field: Field<'_>| match field.integer()? {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked against the range"
            )]
            value if (0..=highest).contains(&value) => Ok(value as u8),
            _ => Err(field.problem(format!("must be 0 to {highest}"))),
        };
        fields.field(name).map(value).transpose()
    };
    match (byte("type", 254)?, byte("code", 255)?) {
        (None, None) => Ok(Some(Icmp::Any)),
        (Some(kind), None) => Ok(Some(Icmp::Type(kind))),
        (Some(kind), Some(code)) => Ok(Some(Icmp::TypeCode(kind, code))),
        (None, Some(_)) => Err(field.problem("a code needs a type beside it")),
    }
}
