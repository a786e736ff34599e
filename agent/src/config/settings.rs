//! One layer of settings: every one optional. The command line with the environment behind it is one layer, the configuration file another.

use std::path::PathBuf;

use clap::Parser;
use serde::Deserialize;

use super::choice::{
    Backend, Deny, Forwarding, HostAction, InterfaceMode, Invalid, LogFormat, NodePorts, Protection, Toggle,
    choice, one_or_many,
};

const EXAMPLES: &str = "\
Examples:
  # Enforce the policies of a directory for the pods of node-1, now and whenever a file changes
  ferrule-agent --node-name node-1 --manifests /etc/ferrule/manifests

  # Enforce the policies of the cluster that this runs in as a pod, or that a kubeconfig names
  ferrule-agent --node-name node-1 --kubernetes
  ferrule-agent --node-name node-1 --kubernetes --kubeconfig /etc/ferrule/kubeconfig

  # The settings of an agent from a file; flags and FERRULE_* variables take precedence over it
  ferrule-agent --config /etc/ferrule/agent.yaml

  # What is the kernel behind with?
  curl http://127.0.0.1:9099/readiness

  # Stop enforcing: remove the tables `ip ferrule` and `ip6 ferrule`
  ferrule-agent --cleanup

Ending the agent leaves the rules in force. Exit codes: 0 done, 2 usage, 3 could not run.";

/// Keeps the network policy of this node's pods enforced in nftables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Parser, Deserialize)]
#[command(name = "ferrule-agent", version, after_help = EXAMPLES)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Settings {
    /// The name of this node, as in `spec.nodeName` of its pods.
    #[arg(long, env = "FERRULE_NODE_NAME", value_name = "NAME")]
    #[serde(alias = "node_name")]
    pub node_name: Option<String>,

    /// The directory of manifests to enforce (*.yaml, *.yml, *.json at any depth), watched for changes.
    #[arg(long, env = "FERRULE_MANIFESTS", value_name = "DIR")]
    pub manifests: Option<PathBuf>,

    /// Enforce the policies of a cluster, as its API server tells them.
    #[arg(long, env = "FERRULE_KUBERNETES", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub kubernetes: Option<bool>,

    /// How the API server is reached and who the agent is to it [default: as a pod of the cluster, by its service account].
    #[arg(long, env = "FERRULE_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// What holds from the start until the sources have been read, if the kernel enforces nothing yet: workload interfaces are closed, left as they are,
    /// or closed unless workloads run already and the node was not started within the boot window [default: auto].
    #[arg(long, env = "FERRULE_STARTUP_PROTECTION", value_name = "MODE", ignore_case = true)]
    #[serde(deserialize_with = "choice", alias = "startup_protection")]
    pub startup_protection: Option<Protection>,

    /// For how long after the node was started workloads that run count as started ahead of the agent, and are closed by `--startup-protection auto`;
    /// 0 for never [default: 0].
    #[arg(long, env = "FERRULE_BOOT_WINDOW", value_name = "TIME")]
    #[serde(alias = "boot_window")]
    pub boot_window: Option<String>,

    /// Where to keep a file for each pod of this node whose policy is in force, as Calico's CNI plug-in waits for them (in a directory
    /// `endpoint-status` below this one, usually /var/run/calico) [default: none, no such files are kept].
    #[arg(long, env = "FERRULE_ENDPOINT_STATUS_PATH_PREFIX", value_name = "DIR")]
    #[serde(alias = "endpoint_status_path_prefix")]
    pub endpoint_status_path_prefix: Option<PathBuf>,

    /// A YAML file with the names of these flags as keys.
    #[arg(long, env = "FERRULE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// How the names of workload interfaces begin; may be repeated [default: cali].
    #[arg(long, env = "FERRULE_INTERFACE_PREFIX", value_name = "PREFIX", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many", alias = "interface_prefix")]
    pub interface_prefix: Option<Vec<String>>,

    /// Links whose addresses are not the node's own, such as the one that bears all service addresses; may be repeated [default: kube-ipvs0].
    #[arg(long, env = "FERRULE_INTERFACE_EXCLUDE", value_name = "LINK", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many", alias = "interface_exclude")]
    pub interface_exclude: Option<Vec<String>>,

    /// What to do about the kernel's settings of workload interfaces (proxy_arp, rp_filter, forwarding, accept_ra and others): set those of interfaces
    /// with our prefix and look at the rest, look at all, or neither [default: apply].
    #[arg(long, env = "FERRULE_INTERFACE_SETTINGS", value_name = "MODE", ignore_case = true)]
    #[serde(deserialize_with = "choice", alias = "interface_settings")]
    pub interface_settings: Option<InterfaceMode>,

    /// Whether interface settings include that the node forwards packets at all (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding) [default: enabled].
    #[arg(long, env = "FERRULE_IP_FORWARDING", value_name = "MODE", ignore_case = true)]
    #[serde(deserialize_with = "choice", alias = "ip_forwarding")]
    pub ip_forwarding: Option<Forwarding>,

    /// What enforces the policy [default: nftables].
    #[arg(long, env = "FERRULE_DATAPLANE", ignore_case = true)]
    #[serde(deserialize_with = "choice")]
    pub dataplane: Option<Backend>,

    /// What happens to a pod's traffic to its own node once its egress policy admits it [default: Accept].
    #[arg(long, env = "FERRULE_DEFAULT_ENDPOINT_TO_HOST_ACTION", value_name = "ACTION", ignore_case = true)]
    #[serde(deserialize_with = "choice", alias = "default_endpoint_to_host_action")]
    pub default_endpoint_to_host_action: Option<HostAction>,

    /// What happens to packets that connection tracking calls invalid [default: Drop].
    #[arg(long, env = "FERRULE_CONNTRACK_INVALID", value_name = "ACTION", ignore_case = true)]
    #[serde(deserialize_with = "choice", alias = "conntrack_invalid")]
    pub conntrack_invalid: Option<Invalid>,

    /// How egress policy of pods sees service addresses: as the packet stands where policy sees it, or as dialled too, so that the verdict does not
    /// depend on the node that was dialled [default: standard].
    #[arg(long, env = "FERRULE_NODEPORT_POLICY", ignore_case = true)]
    #[serde(deserialize_with = "choice", alias = "nodeport_policy")]
    pub nodeport_policy: Option<NodePorts>,

    /// Whether every node has a host endpoint for all of its interfaces that admits what no policy denies [default: disabled].
    #[arg(long, env = "FERRULE_AUTO_HOST_ENDPOINTS", ignore_case = true)]
    #[serde(deserialize_with = "choice", alias = "auto_host_endpoints")]
    pub auto_host_endpoints: Option<Toggle>,

    /// A port by which the node is reached whatever policy says of its host endpoints, as in tcp:22 or udp:10.0.0.0/8:53; `none` for no port at all; may
    /// be repeated [default: SSH, DHCP, BGP, etcd, Typha, and the API server].
    #[arg(long, env = "FERRULE_FAILSAFE_INBOUND", value_name = "PORT", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many", alias = "failsafe_inbound")]
    pub failsafe_inbound: Option<Vec<String>>,

    /// A port that the node reaches likewise [default: DNS, DHCP, BGP, etcd, Typha, and the API server].
    #[arg(long, env = "FERRULE_FAILSAFE_OUTBOUND", value_name = "PORT", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many", alias = "failsafe_outbound")]
    pub failsafe_outbound: Option<Vec<String>>,

    /// What a deny does: nothing at all, or an answer where the packet path permits one [default: Drop].
    #[arg(long, env = "FERRULE_DENY_ACTION", value_name = "ACTION", ignore_case = true)]
    #[serde(deserialize_with = "choice", alias = "deny_action")]
    pub deny_action: Option<Deny>,

    /// Where GET /readiness and /liveness are answered [default: 127.0.0.1:9099].
    #[arg(long, env = "FERRULE_HEALTH_ADDRESS", value_name = "ADDRESS")]
    #[serde(alias = "health_address")]
    pub health_address: Option<String>,

    /// Where GET /metrics is answered [default: the health address].
    #[arg(long, env = "FERRULE_METRICS_ADDRESS", value_name = "ADDRESS")]
    #[serde(alias = "metrics_address")]
    pub metrics_address: Option<String>,

    /// An address of the source of policy, such as an API server. A change of the rules after which none of them answers is taken back; may be repeated
    /// [default: the API server with --kubernetes; otherwise none, and nothing is taken back].
    #[arg(long, env = "FERRULE_ROLLBACK_PROBE", value_name = "HOST:PORT", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many", alias = "rollback_probe")]
    pub rollback_probe: Option<Vec<String>>,

    /// After how long without an answer a change is taken back, as in 10s or 500ms; 0 for never [default: 10s].
    #[arg(long, env = "FERRULE_ROLLBACK_AFTER", value_name = "TIME")]
    #[serde(alias = "rollback_after")]
    pub rollback_after: Option<String>,

    /// What to log: error, warn, info, debug, trace, or a filter as in RUST_LOG, which is heeded too [default: info].
    #[arg(long, env = "FERRULE_LOG_LEVEL", value_name = "FILTER")]
    #[serde(alias = "log_level")]
    pub log_level: Option<String>,

    /// How to log [default: text].
    #[arg(long, env = "FERRULE_LOG_FORMAT", ignore_case = true)]
    #[serde(deserialize_with = "choice", alias = "log_format")]
    pub log_format: Option<LogFormat>,

    /// Remove everything of ours from the kernel and exit; nothing is enforced from then on.
    #[arg(long, env = "FERRULE_CLEANUP", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip)]
    pub cleanup: Option<bool>,
}

impl Settings {
    /// These settings, and those of another layer where these are silent.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            node_name: self.node_name.or(other.node_name),
            manifests: self.manifests.or(other.manifests),
            kubernetes: self.kubernetes.or(other.kubernetes),
            kubeconfig: self.kubeconfig.or(other.kubeconfig),
            startup_protection: self.startup_protection.or(other.startup_protection),
            boot_window: self.boot_window.or(other.boot_window),
            endpoint_status_path_prefix: self
                .endpoint_status_path_prefix
                .or(other.endpoint_status_path_prefix),
            config: self.config.or(other.config),
            interface_prefix: self.interface_prefix.or(other.interface_prefix),
            interface_exclude: self.interface_exclude.or(other.interface_exclude),
            interface_settings: self.interface_settings.or(other.interface_settings),
            ip_forwarding: self.ip_forwarding.or(other.ip_forwarding),
            dataplane: self.dataplane.or(other.dataplane),
            default_endpoint_to_host_action: self
                .default_endpoint_to_host_action
                .or(other.default_endpoint_to_host_action),
            conntrack_invalid: self.conntrack_invalid.or(other.conntrack_invalid),
            nodeport_policy: self.nodeport_policy.or(other.nodeport_policy),
            auto_host_endpoints: self.auto_host_endpoints.or(other.auto_host_endpoints),
            failsafe_inbound: self.failsafe_inbound.or(other.failsafe_inbound),
            failsafe_outbound: self.failsafe_outbound.or(other.failsafe_outbound),
            deny_action: self.deny_action.or(other.deny_action),
            health_address: self.health_address.or(other.health_address),
            metrics_address: self.metrics_address.or(other.metrics_address),
            rollback_probe: self.rollback_probe.or(other.rollback_probe),
            rollback_after: self.rollback_after.or(other.rollback_after),
            log_level: self.log_level.or(other.log_level),
            log_format: self.log_format.or(other.log_format),
            cleanup: self.cleanup.or(other.cleanup),
        }
    }
}
