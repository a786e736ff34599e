//! Choices by name, and how the command line and the file spell them.

use clap::ValueEnum;
use ferrule_ruleset::settings::{DenyAction, EndpointToHost, InvalidPackets, NodePortPolicy, Switch};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    agent::StartupProtection,
    interface_settings::{IpForwarding, Mode},
};

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

/// What holds on workload interfaces from the start until the sources have been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Protection {
    /// Closed, unless workloads run already.
    #[default]
    Auto,
    /// Closed.
    Closed,
    /// As it is.
    Open,
}

/// How egress policy of pods sees service addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum NodePorts {
    /// As the packet stands where policy sees it.
    Standard,
    /// As dialled too, so that the verdict does not depend on the node that was dialled.
    Consistent,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Toggle {
    /// On.
    Enabled,
    /// Off.
    Disabled,
}

/// What a deny does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum Deny {
    /// Drop without a word.
    Drop,
    /// Answer where the hook permits it.
    Reject,
}

impl From<HostAction> for EndpointToHost {
    fn from(action: HostAction) -> Self {
        match action {
            HostAction::Accept => Self::Accept,
            HostAction::Drop => Self::Drop,
            HostAction::Return => Self::Return,
        }
    }
}

impl From<InterfaceMode> for Mode {
    fn from(mode: InterfaceMode) -> Self {
        match mode {
            InterfaceMode::Apply => Self::Apply,
            InterfaceMode::Check => Self::Check,
            InterfaceMode::Off => Self::Off,
        }
    }
}

impl From<Forwarding> for IpForwarding {
    fn from(forwarding: Forwarding) -> Self {
        match forwarding {
            Forwarding::Enabled => Self::Enabled,
            Forwarding::Disabled => Self::Disabled,
        }
    }
}

impl From<Invalid> for InvalidPackets {
    fn from(invalid: Invalid) -> Self {
        match invalid {
            Invalid::Drop => Self::Drop,
            Invalid::Judge => Self::Judge,
        }
    }
}

impl From<Protection> for StartupProtection {
    fn from(protection: Protection) -> Self {
        match protection {
            Protection::Auto => Self::Auto,
            Protection::Closed => Self::Closed,
            Protection::Open => Self::Open,
        }
    }
}

impl From<NodePorts> for NodePortPolicy {
    fn from(policy: NodePorts) -> Self {
        match policy {
            NodePorts::Standard => Self::Standard,
            NodePorts::Consistent => Self::Consistent,
        }
    }
}

impl From<Toggle> for Switch {
    fn from(toggle: Toggle) -> Self {
        match toggle {
            Toggle::Enabled => Self::Enabled,
            Toggle::Disabled => Self::Disabled,
        }
    }
}

impl From<Deny> for DenyAction {
    fn from(deny: Deny) -> Self {
        match deny {
            Deny::Drop => Self::Drop,
            Deny::Reject => Self::Reject,
        }
    }
}

/// A choice by the names that the command line has for it.
pub(super) fn choice<'de, T: ValueEnum, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
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
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
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
