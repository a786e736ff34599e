//! The addresses of a pod, from the first place that names any (policy-model §2.2).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::convert::{
    field::{Field, Fields, Problem},
    nets,
};

const POD_IP: &str = "cni.projectcalico.org/podIP";
const POD_IPS: &str = "cni.projectcalico.org/podIPs";
const AWS_POD_IPS: &str = "vpc.amazonaws.com/pod-ips";

/// Annotations that network plugins empty when a pod has given back its addresses.
pub(super) const OWNERSHIP: [&str; 2] = [POD_IP, AWS_POD_IPS];

/// `status.podIPs`, `status.podIP`, or what the network plugin noted before the status was written.
pub(super) fn addresses(metadata: &Fields<'_>, status: &Fields<'_>) -> Result<Vec<IpAddr>, Problem> {
    let mut addresses = Vec::new();
    for item in status.items("podIPs")? {
        addresses.extend(single(&item.fields()?, "ip")?);
    }
    if addresses.is_empty() {
        addresses.extend(single(status, "podIP")?);
    }
    let annotations = metadata.map("annotations")?;
    for name in [POD_IPS, POD_IP, AWS_POD_IPS] {
        if addresses.is_empty() {
            addresses = annotations.field(name).map_or(Ok(Vec::new()), |field| list(&field))?;
        }
    }
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

fn single(fields: &Fields<'_>, name: &str) -> Result<Option<IpAddr>, Problem> {
    match fields.field(name) {
        Some(field) if !field.text()?.is_empty() => nets::address(&field).map(Some),
        Some(_) | None => Ok(None),
    }
}

/// Addresses set apart by commas, bare or with a full-length prefix.
fn list(field: &Field<'_>) -> Result<Vec<IpAddr>, Problem> {
    let address = |text: &str| {
        let host = |net: IpNet| (net.prefix_len() == net.max_prefix_len()).then(|| net.addr().to_canonical());
        let address = nets::parse_address(text).or_else(|| text.parse().ok().and_then(host));
        address.ok_or_else(|| field.problem(format!("{text:?} is not an IP address")))
    };
    field.text()?.split(',').map(str::trim).filter(|text| !text.is_empty()).map(address).collect()
}
