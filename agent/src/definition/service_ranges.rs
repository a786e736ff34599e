//! BGPConfiguration, as far as it says which addresses are those of services.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::net::Net;

/// Addresses of services; only the object named `default` counts. Fields about BGP are kept as they are.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[kube(
    group = "projectcalico.org",
    version = "v3",
    kind = "BGPConfiguration",
    doc = "Addresses of services; only the object named `default` counts.",
    root = "BgpConfiguration",
    plural = "bgpconfigurations"
)]
#[kube(category = "ferrule")]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct BgpConfigurationSpec {
    /// Addresses of services inside the cluster.
    #[serde(rename = "serviceClusterIPs")]
    pub service_cluster_ips: Option<Vec<ServiceRange>>,
    /// External addresses of services.
    #[serde(rename = "serviceExternalIPs")]
    pub service_external_ips: Option<Vec<ServiceRange>>,
    /// Addresses of load balancers.
    #[serde(rename = "serviceLoadBalancerIPs")]
    pub service_load_balancer_ips: Option<Vec<ServiceRange>>,
}

/// A range of addresses.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct ServiceRange {
    /// The range.
    pub cidr: Net,
}
