//! Values of a FelixConfiguration that have a form of their own.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use crate::{
    convert::{
        field::{Field, Problem},
        nets, ports, traffic,
    },
    port::{Port, PortRange},
    protocol::Protocol,
    settings::{Failsafe, LogPrefix, RateUnit},
};

/// The highest burst of log lines that the API admits.
const MAX_LOG_BURST: i64 = 9_999;

/// A list of `{protocol, port, net}`, each of which must be understood.
pub(super) fn failsafes(field: &Field<'_>) -> Result<Vec<Failsafe>, Problem> {
    field.items()?.iter().map(failsafe).collect()
}

fn failsafe(item: &Field<'_>) -> Result<Failsafe, Problem> {
    let fields = item.fields()?;
    if let Some(problem) = fields.unknown(&["protocol", "port", "net"]).pop() {
        return Err(problem);
    }
    let required =
        |name: &str| fields.field(name).ok_or_else(|| fields.problem(format!("{name} is missing")));
    let field = required("protocol")?;
    let protocol = traffic::protocol_of(&field)?;
    if ![Protocol::TCP, Protocol::UDP].contains(&protocol) {
        return Err(field.problem("a failsafe port is one of TCP or UDP"));
    }
    let net = fields.field("net").filter(|field| field.text() != Ok(""));
    Ok(Failsafe {
        protocol,
        port: ports::number(&required("port")?)?,
        net: net.map(|field| nets::net(&field)).transpose()?,
    })
}

/// Text that fits on a line.
pub(super) fn log_prefix(field: &Field<'_>) -> Result<LogPrefix, Problem> {
    let text = field.text()?;
    if text.chars().any(char::is_control) {
        return Err(field.problem("a prefix of log lines holds no control characters"));
    }
    Ok(LogPrefix::Template(Arc::from(text)))
}

/// Lines per unit of time, like `100/minute`.
pub(super) fn log_rate(field: &Field<'_>) -> Result<(u16, RateUnit), Problem> {
    let read = |text: &str| {
        let (lines, unit) = text.split_once('/')?;
        let unit = match unit {
            "second" => RateUnit::Second,
            "minute" => RateUnit::Minute,
            "hour" => RateUnit::Hour,
            "day" => RateUnit::Day,
            _ => return None,
        };
        let is_number = lines.bytes().all(|byte| byte.is_ascii_digit()) && !lines.starts_with('0');
        lines.parse().ok().filter(|lines| is_number && (1..=9_999).contains(lines)).map(|lines| (lines, unit))
    };
    let text = field.text()?;
    read(text).ok_or_else(|| {
        field.problem(format!(
            "{text:?} is no rate; use 1 to 9999 lines per second, minute, hour or day, like 100/minute"
        ))
    })
}

/// Lines at once.
pub(super) fn log_burst(field: &Field<'_>) -> Result<u32, Problem> {
    let burst = field.integer()?;
    let valid = u32::try_from(burst).ok().filter(|_| (1..=MAX_LOG_BURST).contains(&burst));
    valid.ok_or_else(|| field.problem(format!("must be 1 to {MAX_LOG_BURST}")))
}

/// An IPv4 address.
pub(super) fn ipv4(field: &Field<'_>) -> Result<Ipv4Addr, Problem> {
    match nets::address(field)? {
        IpAddr::V4(address) => Ok(address),
        IpAddr::V6(_) => Err(field.problem("must be an IPv4 address")),
    }
}

/// A port or a range of ports.
pub(super) fn port_range(field: &Field<'_>) -> Result<PortRange, Problem> {
    match ports::calico(field)? {
        Port::Number(range) if range.first > 0 => Ok(range),
        Port::Number(_) | Port::Named(_) => {
            Err(field.problem("must be a port or a range of ports, like 32768:65535"))
        }
    }
}
