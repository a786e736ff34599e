//! IPPool, as far as it is read.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::net::Cidr;

/// When packets between nodes go through a tunnel.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
pub enum TunnelMode {
    /// Never.
    #[serde(rename = "")]
    Unset,
    /// Never.
    Never,
    /// Always.
    Always,
    /// Where a router stands between the nodes.
    CrossSubnet,
}

/// What addresses of a pool are for.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
pub enum AllowedUse {
    /// Pods.
    Workload,
    /// Ends of tunnels.
    Tunnel,
    /// Services.
    LoadBalancer,
}

/// Addresses of pods. How they are handed out is the business of the CNI plug-in; fields about that are kept as they are.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, Serialize)]
#[kube(
    group = "projectcalico.org",
    version = "v3",
    kind = "IPPool",
    doc = "Addresses of pods, and how they reach what is outside of them.",
    root = "IpPool",
    plural = "ippools"
)]
#[kube(category = "ferrule")]
#[kube(printcolumn(name = "CIDR", type_ = "string", json_path = ".spec.cidr"))]
#[kube(printcolumn(name = "NAT", type_ = "boolean", json_path = ".spec.natOutgoing"))]
#[kube(printcolumn(name = "IPIP", type_ = "string", json_path = ".spec.ipipMode"))]
#[kube(printcolumn(name = "VXLAN", type_ = "string", json_path = ".spec.vxlanMode"))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
#[x_kube(validation = ("!(has(self.ipipMode) && self.ipipMode in ['Always', 'CrossSubnet'] && has(self.vxlanMode) && self.vxlanMode in ['Always', 'CrossSubnet'])", "a pool cannot have both ipipMode and vxlanMode"))]
pub struct IpPoolSpec {
    /// The addresses.
    pub cidr: Cidr,
    /// Whether packets of its pods take the node's address when they leave the cluster; by default not.
    pub nat_outgoing: Option<bool>,
    /// When packets between nodes go through an IP-in-IP tunnel; by default never.
    pub ipip_mode: Option<TunnelMode>,
    /// When packets between nodes go through a VXLAN tunnel; by default never.
    pub vxlan_mode: Option<TunnelMode>,
    /// What the addresses are for; by default pods and tunnels.
    pub allowed_uses: Option<Vec<AllowedUse>>,
}
