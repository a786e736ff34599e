//! Fields of a FelixConfiguration that are not heeded.
//!
//! There are far more of them than of the others (how Felix itself runs, other dataplanes, routes, tunnels, metrics), and each version adds some. So they pass
//! without a word, but for those that would change a verdict and those that are likely a slip of the pen in the name of a field that is heeded.

use super::setting::HEEDED;
use crate::convert::{
    field::{Field, Fields},
    remark::Remarks,
};

/// Edits between two names, up to which one is taken for a misspelling of the other.
const SLIP: usize = 2;

/// What an allow of another table does to an allow of ours.
const ACCEPT_IS_NOT_FINAL: &str = "in nftables no accept is final: every other table and chain of the hook sees the packet nevertheless, so Return means Accept";

/// Says which fields would have changed a verdict in Calico, and which are perhaps misspelt.
pub(super) fn review(spec: &Fields<'_>, remarks: &mut Remarks) {
    for (name, field) in spec.entries() {
        if let Some((message, consequence)) = objection(name, &field) {
            remarks.warning(field.problem(message), consequence);
        } else if let Some(meant) = meant(name) {
            let message = format!("unknown field; perhaps {meant} is meant");
            remarks.error(field.problem(message), "it has no effect");
        }
    }
}

fn objection(name: &str, field: &Field<'_>) -> Option<(&'static str, &'static str)> {
    let is = |value: &str| field.text().is_ok_and(|text| text.eq_ignore_ascii_case(value));
    match name {
        "nftablesFilterAllowAction"
        | "nftablesMangleAllowAction"
        | "iptablesFilterAllowAction"
        | "iptablesMangleAllowAction"
            if is("Return") =>
        {
            Some((ACCEPT_IS_NOT_FINAL, "allowed packets are accepted"))
        }
        "iptablesFilterDenyAction" if is("Reject") => {
            Some(("packets are filtered by nftables; use nftablesFilterDenyAction", "it has no effect"))
        }
        "interfacePrefix" => {
            Some(("the prefix is the agent's to know; use its setting interface-prefix", "it has no effect"))
        }
        "ipv6Support" if field.boolean() == Ok(false) => {
            Some(("both families are enforced always", "it has no effect"))
        }
        "wireguardEnabled" | "wireguardEnabledV6" if field.boolean() == Ok(true) => Some((
            "WireGuard is not supported",
            "where host endpoints govern a node, its WireGuard packets need a rule that allows them",
        )),
        "iptablesNATOutgoingInterfaceFilter" if field.text() != Ok("") => Some((
            "translation of outgoing traffic cannot be held to an interface",
            "what leaves by other interfaces is translated too",
        )),
        _ => None,
    }
}

/// The heeded field that an unknown one resembles. Names of `iptables…` fields are those of `nftables…` ones but for two letters.
fn meant(name: &str) -> Option<&'static str> {
    if HEEDED.contains(&name) || name.starts_with("iptables") {
        return None;
    }
    HEEDED.into_iter().find(|known| edits(&name.to_ascii_lowercase(), &known.to_ascii_lowercase()) <= SLIP)
}

/// Letters to insert, delete or replace on the way from one name to another.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.bytes().enumerate() {
        let mut diagonal = at;
        row[0] = at + 1;
        for (column, other) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}
