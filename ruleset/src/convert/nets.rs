//! Addresses and networks.

use std::net::IpAddr;

use ipnet::IpNet;

use super::field::{Field, Fields, Problem};

/// An address. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) is IPv4, as in every API.
pub(super) fn address(field: &Field<'_>) -> Result<IpAddr, Problem> {
    let text = field.text()?;
    parse_address(text).ok_or_else(|| field.problem(format!("{text:?} is not an IP address")))
}

/// As [`address`], from text.
pub(super) fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// A network in CIDR form or a single address, from text; bits beyond the prefix are cleared.
pub(super) fn parse_net(text: &str) -> Option<IpNet> {
    parse_address(text).map(IpNet::from).or_else(|| text.parse::<IpNet>().ok().map(|net| net.trunc()))
}

/// A network in CIDR form; bits beyond the prefix are cleared.
pub(super) fn cidr(field: &Field<'_>) -> Result<IpNet, Problem> {
    let text = field.text()?;
    let net = text.parse::<IpNet>().map(|net| net.trunc());
    net.map_err(|_| {
        field.problem(format!("{text:?} is not a network in CIDR form, like 10.0.0.0/8 or fd00::/8"))
    })
}

/// A network in CIDR form or a single address.
pub(super) fn net(field: &Field<'_>) -> Result<IpNet, Problem> {
    match parse_address(field.text()?) {
        Some(address) => Ok(address.into()),
        None => cidr(field),
    }
}

/// A list of networks in which each must be understood.
pub(super) fn nets(fields: &Fields<'_>, name: &str) -> Result<Vec<IpNet>, Problem> {
    fields.items(name)?.iter().map(net).collect()
}
