//! HostEndpoint.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{net::Address, port::PortNumber, protocol::PortProtocol};

/// An interface of a node that policy governs.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, Serialize)]
#[kube(
    group = "projectcalico.org",
    version = "v3",
    kind = "HostEndpoint",
    doc = "An interface of a node, for policies of the whole cluster to select.",
    plural = "hostendpoints"
)]
#[kube(category = "ferrule", shortname = "hep")]
#[kube(printcolumn(name = "Node", type_ = "string", json_path = ".spec.node"))]
#[kube(printcolumn(name = "Interface", type_ = "string", json_path = ".spec.interfaceName"))]
#[kube(printcolumn(name = "Addresses", type_ = "string", json_path = ".spec.expectedIPs"))]
#[kube(printcolumn(name = "Profiles", type_ = "string", json_path = ".spec.profiles", priority = 1))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("(has(self.interfaceName) && self.interfaceName != '') || (has(self.expectedIPs) && self.expectedIPs.size() > 0)", "interfaceName or expectedIPs must say which interface it is"))]
pub struct HostEndpointSpec {
    /// The name of the node.
    #[schemars(length(min = 1))]
    pub node: String,
    /// The name of the interface; `*` is every interface that no other host endpoint has.
    #[schemars(extend("pattern" = "^(?:[*]|[a-zA-Z0-9_.-]{0,15})$", "not" = { "enum": [".", ".."] }))]
    pub interface_name: Option<String>,
    /// The addresses of the node; the interface is the one that has any of them, unless it is named.
    #[serde(rename = "expectedIPs")]
    pub expected_ips: Option<Vec<Address>>,
    /// What decides where no policy does: `projectcalico-default-allow`, `kns.<namespace>` or `ksa.<namespace>.<service account>`.
    pub profiles: Option<Vec<String>>,
    /// Ports that rules can name.
    #[schemars(length(max = 1024))]
    pub ports: Option<Vec<EndpointPort>>,
}

/// A port that rules can name.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct EndpointPort {
    /// The name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The protocol.
    pub protocol: PortProtocol,
    /// The number.
    pub port: PortNumber,
}
