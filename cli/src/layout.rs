//! Flags that say what an agent would be told, for every command that compiles.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ferrule_ruleset::{
    compile::Options,
    links::InterfacePrefix,
    settings::{EndpointToHost, InvalidPackets, Layer, NodePortPolicy, Switch},
};

const HEADING: &str = "What the agents are told";

/// Where the manifests are, and how the agents are set up. Same names and defaults as the agent's flags.
#[derive(Debug, Args)]
pub struct Layout {
    /// The directory of manifests (*.yaml, *.yml, *.json, at any depth).
    #[arg(long, value_name = "DIR")]
    pub manifests: PathBuf,

    /// How the names of workload interfaces begin; may be given several times.
    #[arg(
        long = "interface-prefix",
        help_heading = HEADING,
        value_name = "PREFIX",
        value_delimiter = ',',
        value_parser = prefix,
        default_value = InterfacePrefix::DEFAULT,
    )]
    prefixes: Vec<InterfacePrefix>,

    /// What happens to a pod's traffic to its own node after its egress policy has allowed it [default: Accept].
    #[arg(long, help_heading = HEADING, value_name = "ACTION", ignore_case = true)]
    default_endpoint_to_host_action: Option<HostAction>,

    /// What happens to packets that connection tracking cannot place [default: Drop].
    #[arg(long, help_heading = HEADING, value_name = "ACTION", ignore_case = true)]
    conntrack_invalid: Option<Invalid>,

    /// How egress policy of pods sees service addresses [default: standard].
    #[arg(long, help_heading = HEADING, value_name = "POLICY", ignore_case = true)]
    nodeport_policy: Option<NodePorts>,

    /// Whether every node has a host endpoint for all of its interfaces [default: disabled].
    #[arg(long, help_heading = HEADING, value_name = "SWITCH", ignore_case = true)]
    auto_host_endpoints: Option<Toggle>,
}

/// How egress policy of pods sees service addresses.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum NodePorts {
    /// As the packet stands where policy sees it.
    Standard,
    /// As dialled too, so that the verdict does not depend on the node that was dialled.
    Consistent,
}

/// On or off.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Toggle {
    /// On.
    Enabled,
    /// Off.
    Disabled,
}

/// The last word on a pod's traffic to its own node.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum HostAction {
    /// Admit it.
    Accept,
    /// Drop it.
    Drop,
    /// Leave it to the node's other tables.
    Return,
}

/// The fate of invalid packets.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Invalid {
    /// Drop them.
    Drop,
    /// Let policy judge them like new ones.
    Judge,
}

impl Layout {
    /// The options of the compiler.
    pub fn options(&self) -> Options {
        Options { prefixes: self.prefixes.clone(), layer: self.layer(), ..Options::default() }
    }
}

impl Layout {
    fn layer(&self) -> Layer {
        let to_host = |action| match action {
            HostAction::Accept => EndpointToHost::Accept,
            HostAction::Drop => EndpointToHost::Drop,
            HostAction::Return => EndpointToHost::Return,
        };
        let invalid = |invalid| match invalid {
            Invalid::Drop => InvalidPackets::Drop,
            Invalid::Judge => InvalidPackets::Judge,
        };
        Layer {
            endpoint_to_host: self.default_endpoint_to_host_action.map(to_host),
            invalid: self.conntrack_invalid.map(invalid),
            node_ports: self.nodeport_policy.map(|policy| match policy {
                NodePorts::Standard => NodePortPolicy::Standard,
                NodePorts::Consistent => NodePortPolicy::Consistent,
            }),
            auto_host_endpoints: self.auto_host_endpoints.map(|toggle| match toggle {
                Toggle::Enabled => Switch::Enabled,
                Toggle::Disabled => Switch::Disabled,
            }),
            ..Layer::default()
        }
    }
}

fn prefix(text: &str) -> Result<InterfacePrefix, String> {
    InterfacePrefix::new(text)
        .ok_or_else(|| "a prefix has 1 to 4 characters, none of them a blank, / : * \\ or a quote".to_owned())
}
