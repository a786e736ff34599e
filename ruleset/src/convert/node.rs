//! Nodes (`v1`).

use std::net::IpAddr;

use super::{
    field::{Fields, Problem, Problems},
    labels, nets,
    remark::Remarks,
};
use crate::{name::NodeName, resource::Node};

/// Reads a node.
pub(super) fn convert(name: NodeName, object: &Fields<'_>, remarks: &mut Remarks) -> Node {
    let mut problems = Problems::default();
    let labels = problems.or_default(object.map("metadata").and_then(|metadata| labels::read(&metadata)));
    let addresses = problems.or_default(addresses(object));
    remarks.errors(problems, "the node counts without this");
    Node { name, labels, addresses }
}

/// `status.addresses`, less the host names among them.
fn addresses(object: &Fields<'_>) -> Result<Vec<IpAddr>, Problem> {
    let mut addresses = Vec::new();
    for item in object.map("status")?.items("addresses")? {
        let text = item.fields()?.text("address")?;
        addresses.extend(text.and_then(nets::parse_address));
    }
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}
