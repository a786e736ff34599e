//! One layer of settings: every one optional. The command line with the environment behind it is one layer, the configuration file another.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use serde::{Deserialize, Deserializer, de::Error as _};

const EXAMPLES: &str = "\
Examples:
  # Enforce the policies of a directory for the pods of node-1, now and whenever a file changes
  ferrule-agent --node-name node-1 --manifests /etc/ferrule/manifests

  # The same from a file; flags and FERRULE_* variables take precedence over it
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
    pub node_name: Option<String>,

    /// The directory of manifests to enforce (*.yaml, *.yml, *.json at any depth), watched for changes.
    #[arg(long, env = "FERRULE_MANIFESTS", value_name = "DIR")]
    pub manifests: Option<PathBuf>,

    /// A YAML file with the names of these flags as keys.
    #[arg(long, env = "FERRULE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// How the names of workload interfaces begin; may be repeated [default: cali].
    #[arg(long, env = "FERRULE_INTERFACE_PREFIX", value_name = "PREFIX", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    pub interface_prefix: Option<Vec<String>>,

    /// Links whose addresses are not the node's own, such as the one that bears all service addresses; may be repeated [default: kube-ipvs0].
    #[arg(long, env = "FERRULE_INTERFACE_EXCLUDE", value_name = "LINK", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    pub interface_exclude: Option<Vec<String>>,

    /// What to do about the kernel's settings of workload interfaces (proxy_arp, rp_filter, forwarding, accept_ra and others): set those of interfaces
    /// with our prefix and look at the rest, look at all, or neither [default: apply].
    #[arg(long, env = "FERRULE_INTERFACE_SETTINGS", value_name = "MODE", ignore_case = true)]
    #[serde(deserialize_with = "choice")]
    pub interface_settings: Option<InterfaceMode>,

    /// Whether interface settings include that the node forwards packets at all (net.ipv4.ip_forward, net.ipv6.conf.all.forwarding) [default: enabled].
    #[arg(long, env = "FERRULE_IP_FORWARDING", value_name = "MODE", ignore_case = true)]
    #[serde(deserialize_with = "choice")]
    pub ip_forwarding: Option<Forwarding>,

    /// What enforces the policy [default: nftables].
    #[arg(long, env = "FERRULE_DATAPLANE", ignore_case = true)]
    #[serde(deserialize_with = "choice")]
    pub dataplane: Option<Backend>,

    /// What happens to a pod's traffic to its own node once its egress policy admits it [default: Accept].
    #[arg(long, env = "FERRULE_DEFAULT_ENDPOINT_TO_HOST_ACTION", value_name = "ACTION", ignore_case = true)]
    #[serde(deserialize_with = "choice")]
    pub default_endpoint_to_host_action: Option<HostAction>,

    /// What happens to packets that connection tracking calls invalid [default: Drop].
    #[arg(long, env = "FERRULE_CONNTRACK_INVALID", value_name = "ACTION", ignore_case = true)]
    #[serde(deserialize_with = "choice")]
    pub conntrack_invalid: Option<Invalid>,

    /// Where GET /readiness and /liveness are answered [default: 127.0.0.1:9099].
    #[arg(long, env = "FERRULE_HEALTH_ADDRESS", value_name = "ADDRESS")]
    pub health_address: Option<String>,

    /// Where GET /metrics is answered [default: the health address].
    #[arg(long, env = "FERRULE_METRICS_ADDRESS", value_name = "ADDRESS")]
    pub metrics_address: Option<String>,

    /// An address of the source of policy, such as an API server. A change of the rules after which none of them answers is taken back; may be repeated
    /// [default: none, nothing is taken back].
    #[arg(long, env = "FERRULE_ROLLBACK_PROBE", value_name = "HOST:PORT", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    pub rollback_probe: Option<Vec<String>>,

    /// After how long without an answer a change is taken back, as in 10s or 500ms; 0 for never [default: 10s].
    #[arg(long, env = "FERRULE_ROLLBACK_AFTER", value_name = "TIME")]
    pub rollback_after: Option<String>,

    /// What to log: error, warn, info, debug, trace, or a filter as in RUST_LOG, which is heeded too [default: info].
    #[arg(long, env = "FERRULE_LOG_LEVEL", value_name = "FILTER")]
    pub log_level: Option<String>,

    /// How to log [default: text].
    #[arg(long, env = "FERRULE_LOG_FORMAT", ignore_case = true)]
    #[serde(deserialize_with = "choice")]
    pub log_format: Option<LogFormat>,

    /// Remove everything of ours from the kernel and exit; nothing is enforced from then on.
    #[arg(long, env = "FERRULE_CLEANUP", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip)]
    pub cleanup: Option<bool>,
}

/// What enforces policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Backend {
    /// nf_tables over netlink.
    Nftables,
    /// ip_tables and ipset.
    Iptables,
}

/// What to do about the settings of interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum InterfaceMode {
    /// Set what is ours, look at the rest.
    #[default]
    Apply,
    /// Look only.
    Check,
    /// Neither.
    Off,
}

/// Whether the node has to forward.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Forwarding {
    /// It has to.
    #[default]
    Enabled,
    /// Leave that alone.
    Disabled,
}

/// The last word on a pod's traffic to its own node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum HostAction {
    /// Admit it.
    #[default]
    Accept,
    /// Drop it.
    Drop,
    /// Leave it to the node's other tables.
    Return,
}

/// The fate of invalid packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum Invalid {
    /// Drop them.
    #[default]
    Drop,
    /// Let policy judge them like new ones.
    Judge,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl Settings {
    /// These settings, and those of another layer where these are silent.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            node_name: self.node_name.or(other.node_name),
            manifests: self.manifests.or(other.manifests),
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

/// A choice by the names that the command line has for it.
fn choice<'de, T: ValueEnum, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    T::from_str(&text, true).map(Some).map_err(|_| {
        let names: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|variant| Some(variant.to_possible_value()?.get_name().to_owned()))
            .collect();
        D::Error::custom(format!("`{text}` is none of {}", names.join(", ")))
    })
}

/// One text or a list of them.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(Some(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    }))
}
