//! Services (`v1`).
//!
//! They open nothing by themselves. A part that is not understood is missing, so that no rule admits traffic to it as a service's.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    field::{Field, Fields, Problem, Problems},
    nets, ports,
    remark::Remarks,
};
use crate::{
    name::ObjectName,
    protocol::Protocol,
    resource::{Service, ServicePort},
};

/// `clusterIP` of a service that has none: its name leads to its endpoints.
const HEADLESS: &str = "None";

/// Labels of services that kube-proxy does not implement (`apis/well_known_labels.go` of Kubernetes).
const LEFT_ALONE: [&str; 2] = ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"];

/// Reads a service.
pub(super) fn convert(name: ObjectName, object: &Fields<'_>, remarks: &mut Remarks) -> Service {
    let mut problems = Problems::default();
    let spec = problems.map_or_empty(object, "spec");
    let status = problems.map_or_empty(object, "status");
    let cluster = cluster_addresses(&spec, &mut problems);
    let is_elsewhere = problems.or_default(spec.text("type")) == Some("ExternalName");
    // Nodes answer for neither a name elsewhere nor a headless service, whatever else such an object says.
    let is_fronted = !is_elsewhere && !is_left_alone(object) && cluster.is_some();
    let addresses = cluster.filter(|_| is_fronted).map(|mut addresses| {
        addresses.extend(external_addresses(&spec, &mut problems));
        addresses.extend(balancer_addresses(&status, &mut problems));
        addresses
    });
    let mut ports: Vec<_> = problems
        .or_default(spec.items("ports"))
        .iter()
        .filter_map(|item| problems.or_default(port(item, is_fronted).map(Some)))
        .collect();
    ports.sort();
    ports.dedup();
    remarks.errors(problems, "the service counts without this");
    Service { name, addresses: addresses.unwrap_or_default(), ports }
}

/// Whether kube-proxy leaves the service to somebody else, so that no node translates its addresses.
fn is_left_alone(object: &Fields<'_>) -> bool {
    let labels = object.map("metadata").and_then(|metadata| metadata.map("labels"));
    labels.is_ok_and(|labels| LEFT_ALONE.iter().any(|label| labels.field(label).is_some()))
}

/// `clusterIPs`, or `clusterIP` where an older client wrote it alone; `None` for a headless service.
fn cluster_addresses(spec: &Fields<'_>, problems: &mut Problems) -> Option<BTreeSet<IpAddr>> {
    let mut fields = problems.or_default(spec.items("clusterIPs"));
    if fields.is_empty() {
        fields.extend(spec.field("clusterIP"));
    }
    if fields.iter().any(|field| field.text() == Ok(HEADLESS)) {
        return None;
    }
    let written = fields.iter().filter(|field| field.text() != Ok(""));
    Some(written.filter_map(|field| problems.or_default(nets::address(field).map(Some))).collect())
}

fn external_addresses(spec: &Fields<'_>, problems: &mut Problems) -> Vec<IpAddr> {
    let items = problems.or_default(spec.items("externalIPs"));
    items.iter().filter_map(|item| problems.or_default(nets::address(item).map(Some))).collect()
}

/// `status.loadBalancer.ingress`, less names, and less addresses that the load balancer keeps to itself (`ipMode: Proxy`).
fn balancer_addresses(status: &Fields<'_>, problems: &mut Problems) -> Vec<IpAddr> {
    let items = status.map("loadBalancer").and_then(|balancer| balancer.items("ingress"));
    let address = |item: &Field<'_>| -> Result<Option<IpAddr>, Problem> {
        let fields = item.fields()?;
        match fields.field("ip") {
            Some(field) if !field.text()?.is_empty() && fields.text("ipMode")? != Some("Proxy") => {
                nets::address(&field).map(Some)
            }
            Some(_) | None => Ok(None),
        }
    };
    problems.or_default(items).iter().filter_map(|item| problems.or_default(address(item))).collect()
}

fn port(item: &Field<'_>, is_fronted: bool) -> Result<ServicePort, Problem> {
    let fields = item.fields()?;
    let number = fields.field("port").ok_or_else(|| fields.problem("port is missing"))?;
    // The API server writes 0 where it has assigned none.
    let node_port = fields.field("nodePort").filter(|field| is_fronted && !matches!(field.integer(), Ok(0)));
    Ok(ServicePort {
        name: fields.text("name")?.unwrap_or_default().into(),
        protocol: fields.field("protocol").map_or(Ok(Protocol::TCP), |field| ports::protocol(&field))?,
        port: ports::number(&number)?,
        node_port: node_port.map(|field| ports::number(&field)).transpose()?,
    })
}
