//! What a ClusterNetworkPolicy asks of the traffic: an item of `protocols`.

use super::port;
use crate::{
    convert::{
        field::{Field, Fields, Problem},
        ports,
    },
    port::{Port, PortRange},
    protocol::Protocol,
};

/// Exactly one of `tcp`, `udp`, `sctp` and `destinationNamedPort`. One that seems to have none, or a protocol that seems to ask nothing, has perhaps a field
/// that the API server's version of the kind does not know.
pub(super) fn read(item: &Field<'_>) -> Result<(Option<Protocol>, Port), Problem> {
    const KNOWN: [&str; 4] = ["tcp", "udp", "sctp", "destinationNamedPort"];
    let fields = item.fields()?;
    let (name, field) = port::only(&fields, &KNOWN)?;
    let protocol = match name {
        "tcp" => Protocol::TCP,
        "udp" => Protocol::UDP,
        "sctp" => Protocol::SCTP,
        _ => return Ok((None, ports::named(&field)?)),
    };
    let fields = field.fields()?;
    let (_, port) = port::only(&fields, &["destinationPort"])?;
    Ok((Some(protocol), Port::Number(number(&port.fields()?)?)))
}

/// `{number}` or `{range}`.
fn number(fields: &Fields<'_>) -> Result<PortRange, Problem> {
    match port::only(fields, &["number", "range"])? {
        ("number", field) => ports::number(&field).map(PortRange::single),
        (_, field) => {
            let range = field.fields()?;
            if let Some(problem) = range.unknown(&["start", "end"]).pop() {
                return Err(problem);
            }
            port::range(&range)
        }
    }
}
