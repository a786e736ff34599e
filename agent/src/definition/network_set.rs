//! NetworkSet and GlobalNetworkSet.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::net::Net;

/// Networks under labels, for selectors of policies in its namespace and of others that select the namespace.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "projectcalico.org",
    version = "v3",
    kind = "NetworkSet",
    doc = "Networks under labels, for selectors of policies of the namespace.",
    plural = "networksets",
    namespaced
)]
#[kube(category = "ferrule", shortname = "netset")]
#[kube(printcolumn(name = "Nets", type_ = "string", json_path = ".spec.nets", priority = 1))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
pub struct NetworkSetSpec {
    /// The networks and addresses.
    pub nets: Option<Vec<Net>>,
}

/// Networks under labels, for selectors of policies.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "projectcalico.org",
    version = "v3",
    kind = "GlobalNetworkSet",
    doc = "Networks under labels, for selectors of policies of the whole cluster.",
    plural = "globalnetworksets"
)]
#[kube(category = "ferrule", shortname = "gns")]
#[kube(printcolumn(name = "Nets", type_ = "string", json_path = ".spec.nets", priority = 1))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
pub struct GlobalNetworkSetSpec {
    /// The networks and addresses.
    pub nets: Option<Vec<Net>>,
}
