//! EndpointSlices (`discovery.k8s.io/v1`): where the endpoints of a service are.
//!
//! Conditions (ready, serving, terminating) and hints are deliberately not read: a rule that names a service means all its endpoints (policy-model §1.3).

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    field::{Field, Fields, Problem, Problems},
    nets, ports,
    remark::Remarks,
};
use crate::{
    name::ObjectName,
    protocol::Protocol,
    resource::{EndpointPort, EndpointSlice},
};

/// The label that holds the name of the service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Reads a slice. An endpoint or port that is not understood is missing, the others are not.
pub(super) fn convert(name: ObjectName, object: &Fields<'_>, remarks: &mut Remarks) -> EndpointSlice {
    let mut problems = Problems::default();
    let service = object.map("metadata").and_then(|metadata| metadata.map("labels"));
    let service = problems.or_default(service.and_then(|labels| labels.text(SERVICE_NAME)));
    let service = service.filter(|service| !service.is_empty());
    let addresses = addresses(object, &mut problems);
    let mut numbered: Vec<_> = problems
        .or_default(object.items("ports"))
        .iter()
        .filter_map(|item| problems.or_default(port(item)))
        .collect();
    numbered.sort();
    numbered.dedup();
    remarks.errors(problems, "the slice does not hold this");
    let service =
        service.map(|service| ObjectName { namespace: name.namespace.clone(), name: service.into() });
    EndpointSlice { name, service, addresses, ports: numbered }
}

/// The addresses of all endpoints. Those of type FQDN are names, which no packet bears.
fn addresses(object: &Fields<'_>, problems: &mut Problems) -> BTreeSet<IpAddr> {
    match problems.or_default(object.text("addressType")) {
        Some("FQDN") => return BTreeSet::new(),
        Some("IPv4" | "IPv6") | None => {}
        Some(other) => {
            let message = format!("{other:?} is no type of address; use IPv4, IPv6 or FQDN");
            problems.0.extend(object.field("addressType").map(|field| field.problem(message)));
            return BTreeSet::new();
        }
    }
    let mut found = BTreeSet::new();
    for endpoint in problems.or_default(object.items("endpoints")) {
        let items = endpoint.fields().and_then(|endpoint| endpoint.items("addresses"));
        for item in problems.or_default(items) {
            found.extend(problems.or_default(nets::address(&item).map(Some)));
        }
    }
    found
}

/// A port. Without a number it stands for all ports, which no rule can mean.
fn port(item: &Field<'_>) -> Result<Option<EndpointPort>, Problem> {
    let fields = item.fields()?;
    let Some(number) = fields.field("port") else { return Ok(None) };
    Ok(Some(EndpointPort {
        name: fields.text("name")?.unwrap_or_default().into(),
        protocol: fields.field("protocol").map_or(Ok(Protocol::TCP), |field| ports::protocol(&field))?,
        port: ports::number(&number)?,
    }))
}
