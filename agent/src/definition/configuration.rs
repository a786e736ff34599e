//! FelixConfiguration, as far as it is read.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    net::{Net, OptionalIpv4, OptionalNet},
    port::{OptionalPortRange, PortNumber},
    protocol::FailsafeProtocol,
    selector::AnySelector,
};

/// That a text is one of several words, in any letter case, or empty, which says nothing.
fn one_of(words: &[&str]) -> String {
    let words: Vec<_> = words.iter().map(|word| format!("'{}'", word.to_ascii_lowercase())).collect();
    format!("self == '' || self.lowerAscii() in [{}]", words.join(", "))
}

/// Settings for nodes: of all (`default`), of one (`node.<name>`), or of those that nodeSelector finds. Fields that are not read are kept as they are.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, Serialize)]
#[kube(
    group = "projectcalico.org",
    version = "v3",
    kind = "FelixConfiguration",
    doc = "Settings for nodes: of all (`default`), of one (`node.<name>`), or of those that nodeSelector finds.",
    plural = "felixconfigurations"
)]
#[kube(category = "ferrule")]
#[kube(printcolumn(name = "Nodes", type_ = "string", json_path = ".spec.nodeSelector"))]
#[kube(printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"))]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-preserve-unknown-fields" = true))]
pub struct FelixConfigurationSpec {
    /// Nodes whose settings these are, by their labels.
    pub node_selector: Option<AnySelector>,
    /// What becomes of packets from pods to their own node that policy admits: Drop (the default), Accept or Return.
    #[x_kube(validation = Rule::new(one_of(&["Drop", "Accept", "Return"])).message("must be Drop, Accept or Return"))]
    pub default_endpoint_to_host_action: Option<String>,
    /// Whether packets that connection tracking calls invalid are judged by policy instead of dropped.
    pub disable_conntrack_invalid_check: Option<bool>,
    /// How packets are denied: Drop (the default) or Reject.
    #[x_kube(validation = Rule::new(one_of(&["Drop", "Reject"])).message("must be Drop or Reject"))]
    pub nftables_filter_deny_action: Option<String>,
    /// Ports of the node that no policy of a host endpoint closes.
    #[schemars(length(max = 1024))]
    pub failsafe_inbound_host_ports: Option<Vec<FailsafePort>>,
    /// Ports that the node can always reach.
    #[schemars(length(max = 1024))]
    pub failsafe_outbound_host_ports: Option<Vec<FailsafePort>>,
    /// What lines of Log rules begin with.
    #[schemars(extend("pattern" = r"^\PC*$"))]
    pub log_prefix: Option<String>,
    /// How many lines a Log rule writes, like `100/minute`.
    #[schemars(extend("pattern" = "^(?:[1-9][0-9]{0,3}/(?:second|minute|hour|day))?$"))]
    pub log_action_rate_limit: Option<String>,
    /// How many lines a Log rule writes at once, 1 to 9999.
    #[schemars(range(min = 1, max = 9999))]
    pub log_action_rate_limit_burst: Option<i32>,
    /// Whether pods may send VXLAN packets.
    #[serde(rename = "allowVXLANPacketsFromWorkloads")]
    pub allow_vxlan_packets_from_workloads: Option<bool>,
    /// Whether pods may send IP-in-IP packets.
    #[serde(rename = "allowIPIPPacketsFromWorkloads")]
    pub allow_ipip_packets_from_workloads: Option<bool>,
    /// The UDP port of VXLAN.
    pub vxlan_port: Option<PortNumber>,
    /// The address that packets leaving the cluster take, instead of that of the interface.
    pub nat_outgoing_address: Option<OptionalIpv4>,
    /// The ports that packets leaving the cluster take, like `32768:65535`.
    pub nat_port_range: Option<OptionalPortRange>,
    /// Where packets keep their address: IPPoolsOnly (the default) or IPPoolsAndHostIPs.
    #[x_kube(validation = Rule::new(one_of(&["IPPoolsOnly", "IPPoolsAndHostIPs"])).message("must be IPPoolsOnly or IPPoolsAndHostIPs"))]
    pub nat_outgoing_exclusions: Option<String>,
    /// What becomes of packets to addresses of services that have no service: Drop (the default), Reject or Disabled.
    #[x_kube(validation = Rule::new(one_of(&["Drop", "Reject", "Disabled"])).message("must be Drop, Reject or Disabled"))]
    pub service_loop_prevention: Option<String>,
    /// Whether pods may name source addresses of their own: Disabled (the default) or Any.
    #[x_kube(validation = Rule::new(one_of(&["Disabled", "Any"])).message("must be Disabled or Any"))]
    pub workload_source_spoofing: Option<String>,
    /// Whether pods may have floating addresses: Disabled (the default) or Enabled.
    #[serde(rename = "floatingIPs")]
    #[x_kube(validation = Rule::new(one_of(&["Disabled", "Enabled"])).message("must be Disabled or Enabled"))]
    pub floating_ips: Option<String>,
    /// Nodes outside the cluster that send tunnelled packets.
    pub external_nodes_list: Option<Vec<Net>>,
}

/// A port that stays open.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub struct FailsafePort {
    /// The protocol.
    pub protocol: FailsafeProtocol,
    /// The number.
    pub port: PortNumber,
    /// Where the other end is; by default anywhere.
    pub net: Option<OptionalNet>,
}
