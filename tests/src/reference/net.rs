//! Networks as rules list them.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::{field::List, truth::Truth};

/// Reads a network: `address/length`, host bits allowed and ignored, or a bare address (policy-model §1.3, §7 "unmasked; bare IP").
pub fn read(value: &Value) -> Option<IpNet> {
    let text = value.as_str()?;
    let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    Some(IpNet::trunc(&net))
}

/// Whether the address lies in one of the networks.
pub fn one_contains(nets: &List<IpNet>, address: IpAddr) -> Truth {
    nets.any(|net| net.contains(&address).into())
}

/// Whether a rule with this list exists in the family of the address: a list that has networks, but none of this family, takes the rule out of the
/// family, whether it is `nets` or `notNets` (policy-model §0 item 9, §4.3 "Family filter").
pub fn exists_in_family(nets: &List<IpNet>, address: IpAddr) -> Truth {
    if nets.is_empty() {
        Truth::Yes
    } else {
        nets.any(|net| (net.addr().is_ipv4() == address.is_ipv4()).into())
    }
}
