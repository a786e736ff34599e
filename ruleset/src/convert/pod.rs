//! Pods (`v1`).

mod address;
mod extras;
mod quantity;

use super::{
    field::{Field, Fields, Problem, Problems},
    labels::{self, NAMESPACE, ORCHESTRATOR, SERVICE_ACCOUNT},
    ports,
    remark::Remarks,
};
use crate::{
    labels::Labels,
    name::{NodeName, ObjectName, PortName},
    port::NamedPort,
    protocol::Protocol,
    resource::{Pod, PodExtras, PodState, Tenure},
};

/// Reads a pod. One that is not understood is no peer and stays closed.
pub(super) fn convert(name: ObjectName, object: &Fields<'_>, remarks: &mut Remarks) -> Pod {
    let mut problems = Problems::default();
    let metadata = problems.map_or_empty(object, "metadata");
    let spec = problems.map_or_empty(object, "spec");
    let status = problems.map_or_empty(object, "status");

    let service_account = problems.or_default(service_account(&spec));
    let is_finished = problems.or_default(is_finished(&metadata, &status));
    let is_on_host = problems.or_default(spec.flag("hostNetwork"));
    let mut pod = Pod {
        node: problems.or_default(spec.text("nodeName")).filter(|node| !node.is_empty()).map(NodeName::from),
        state: match (is_on_host, is_finished) {
            (true, _) => PodState::HostNetwork,
            (false, true) => PodState::Finished,
            (false, false) => PodState::Active,
        },
        tenure: if is_being_deleted(&metadata) { Tenure::Ending } else { Tenure::Lasting },
        labels: effective(problems.or_default(labels::read(&metadata)), &name, service_account),
        service_account: service_account.map(Into::into),
        addresses: problems.or_default(address::addresses(&metadata, &status)),
        ports: problems.or_default(named_ports(&spec)),
        extras: metadata
            .map("annotations")
            .map_or_else(|_| PodExtras::default(), |annotations| extras::read(&annotations, remarks)),
        name,
    };
    if is_finished {
        pod.addresses.clear();
    }
    if is_on_host {
        remarks.errors(problems, "the pod shares the network of its node and is no peer of any rule");
    } else if !problems.is_empty() {
        pod.state = PodState::Unintelligible;
        remarks.errors(problems, "the pod is no peer of any rule, and nothing reaches or leaves it");
    }
    pod
}

/// The labels that selectors see (policy-model §2.2).
fn effective(mut labels: Labels, name: &ObjectName, service_account: Option<&str>) -> Labels {
    labels::strip_reserved(&mut labels);
    labels.insert(NAMESPACE, name.namespace.as_str());
    labels.insert(ORCHESTRATOR, "k8s");
    if let Some(account) = service_account {
        labels.insert(SERVICE_ACCOUNT, account);
    }
    labels
}

/// `serviceAccountName`, or its older name.
fn service_account<'a>(spec: &Fields<'a>) -> Result<Option<&'a str>, Problem> {
    let name = match spec.text("serviceAccountName")? {
        Some(name) => Some(name),
        None => spec.text("serviceAccount")?,
    };
    Ok(name.filter(|name| !name.is_empty()))
}

/// Whether the pod has given back its addresses: it ended, or it is being deleted and the network plugin says so.
fn is_finished(metadata: &Fields<'_>, status: &Fields<'_>) -> Result<bool, Problem> {
    if matches!(status.text("phase")?, Some("Succeeded" | "Failed" | "Completed")) {
        return Ok(true);
    }
    let annotations = metadata.map("annotations")?;
    let is_released = address::OWNERSHIP
        .iter()
        .any(|name| annotations.field(name).is_some_and(|field| field.text().is_ok_and(str::is_empty)));
    Ok(is_being_deleted(metadata) && is_released)
}

fn is_being_deleted(metadata: &Fields<'_>) -> bool {
    metadata.field("deletionTimestamp").is_some()
}

/// The ports that containers and init containers name. Ephemeral containers have none in the API.
fn named_ports(spec: &Fields<'_>) -> Result<Vec<NamedPort>, Problem> {
    let mut named = Vec::new();
    for list in ["containers", "initContainers"] {
        for container in spec.items(list)? {
            for port in container.fields()?.items("ports")? {
                named.extend(named_port(&port)?);
            }
        }
    }
    named.sort();
    named.dedup();
    Ok(named)
}

fn named_port(field: &Field<'_>) -> Result<Option<NamedPort>, Problem> {
    let fields = field.fields()?;
    let Some(name) = fields.text("name")?.filter(|name| !name.is_empty()) else { return Ok(None) };
    let number = fields.field("containerPort").ok_or_else(|| fields.problem("containerPort is missing"))?;
    let protocol = fields.field("protocol").map_or(Ok(Protocol::TCP), |field| ports::protocol(&field))?;
    Ok(Some(NamedPort { name: PortName::new(name), protocol, port: ports::number(&number)? }))
}
