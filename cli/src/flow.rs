//! Flows as a batch line writes them.

use ferrule_ruleset::{
    address::Family,
    protocol::Protocol,
    verdict::{Flow, Peer},
};
use serde_json::{Map, Value};

use crate::batch;

/// Reads a flow from a JSON object with the keys `from`, `to`, `protocol`, `port`, and where wanted `source_port`, `icmp_type`, `icmp_code`, `family`.
/// Null is the same as absent; other keys are the caller's own.
pub fn read(line: &str) -> Result<Flow, String> {
    let object: Map<String, Value> = serde_json::from_str(line).map_err(|error| batch::syntax(&error))?;
    let field = |key: &'static str| Field { key, value: object.get(key).filter(|value| !value.is_null()) };
    Ok(Flow {
        from: field("from").peer()?,
        to: field("to").peer()?,
        protocol: field("protocol").protocol()?,
        source_port: field("source_port").number(u64::from(u16::MAX))?,
        port: field("port").number(u64::from(u16::MAX))?,
        icmp_type: field("icmp_type").number(u64::from(u8::MAX))?,
        icmp_code: field("icmp_code").number(u64::from(u8::MAX))?,
        family: field("family").family()?,
    })
}

/// A protocol by name in any letter case, or by number.
pub fn protocol(text: &str) -> Result<Protocol, String> {
    let number = || text.parse::<u8>().ok().map(Protocol);
    Protocol::from_name(text).or_else(number).ok_or_else(|| {
        format!("{text:?} is no protocol: TCP, UDP, SCTP, UDPLite, ICMP, ICMPv6 or a number up to 255")
    })
}

/// A family by the number of the IP version.
pub fn family(text: &str) -> Result<Family, String> {
    match text {
        "4" => Ok(Family::V4),
        "6" => Ok(Family::V6),
        _ => Err(format!("{text:?} is no family: 4 or 6")),
    }
}

/// A key of a line and what stands there.
#[derive(Clone, Copy)]
struct Field<'a> {
    key: &'static str,
    value: Option<&'a Value>,
}

impl Field<'_> {
    fn peer(self) -> Result<Peer, String> {
        match self.value {
            Some(Value::String(text)) => text.parse().map_err(|error| format!("{}: {error}", self.key)),
            Some(other) => Err(format!("{}: {other} is no text", self.key)),
            None => Err(self.missing()),
        }
    }

    fn protocol(self) -> Result<Protocol, String> {
        let read = |text: &str| protocol(text).map_err(|error| format!("{}: {error}", self.key));
        match self.value {
            Some(Value::String(text)) => read(text),
            Some(other) => read(&other.to_string()),
            None => Err(self.missing()),
        }
    }

    fn family(self) -> Result<Option<Family>, String> {
        let read = |text: &str| family(text).map(Some).map_err(|error| format!("{}: {error}", self.key));
        match self.value {
            Some(Value::String(text)) => read(text),
            Some(other) => read(&other.to_string()),
            None => Ok(None),
        }
    }

    fn number<T: TryFrom<u64>>(self, largest: u64) -> Result<Option<T>, String> {
        let Some(value) = self.value else { return Ok(None) };
        match value.as_u64().and_then(|number| T::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{}: {value} is no number from 0 to {largest}", self.key)),
        }
    }

    fn missing(self) -> String {
        format!("{} is missing", self.key)
    }
}
