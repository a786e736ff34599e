//! What enforcement depends on besides policy: settings of the agent and of `FelixConfiguration` objects.
//!
//! A [`Layer`] says what one source says, every field optional. Precedence, strongest first: the agent's own layer (environment, flags, file), then
//! `FelixConfiguration` named `node.<name>`, then those with a `nodeSelector` that selects the node (the oldest, then the least name), then `default`,
//! then the defaults of [`Settings`]. Source: `felix/config` of Calico, policy-model §1.3.

mod failsafe;
mod layer;
mod log;

pub use failsafe::{Failsafe, FailsafeError};
pub use layer::Layer;
pub use log::{LogPrefix, LogRate, RateUnit};

use std::net::Ipv4Addr;

use ipnet::IpNet;

use crate::port::PortRange;

/// The settings of a node, every question answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What happens to a pod's traffic to its own node after its egress policy has admitted it.
    pub endpoint_to_host: EndpointToHost,
    /// What happens to packets that connection tracking cannot place.
    pub invalid: InvalidPackets,
    /// What a deny does where the hook permits a choice.
    pub deny: DenyAction,
    /// Ports by which the node is reached whatever policy says of its host endpoints.
    pub failsafe_inbound: Vec<Failsafe>,
    /// Ports that the node reaches whatever policy says of its host endpoints.
    pub failsafe_outbound: Vec<Failsafe>,
    /// How the lines of Log rules begin.
    pub log_prefix: LogPrefix,
    /// How often Log rules may write; none: always.
    pub log_rate: Option<LogRate>,
    /// How egress policy of pods sees service addresses.
    pub node_ports: NodePortPolicy,
    /// Host endpoints that nobody had to write.
    pub auto_host_endpoints: Switch,
    /// Encapsulated packets from pods.
    pub encapsulation: Encapsulation,
    /// Translation of what leaves the cluster.
    pub nat: NatOutgoing,
    /// What happens to packets to service addresses that no service answers.
    pub service_loops: ServiceLoops,
    /// Whether the annotation `cni.projectcalico.org/allowedSourcePrefixes` has effect.
    pub source_spoofing: Switch,
    /// Whether the annotation `cni.projectcalico.org/floatingIPs` has effect.
    pub floating_addresses: Switch,
    /// Nodes outside the cluster that may send encapsulated packets (`externalNodesList`).
    pub external_nodes: Vec<IpNet>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint_to_host: EndpointToHost::default(),
            invalid: InvalidPackets::default(),
            deny: DenyAction::default(),
            failsafe_inbound: Failsafe::inbound(),
            failsafe_outbound: Failsafe::outbound(),
            log_prefix: LogPrefix::default(),
            log_rate: None,
            node_ports: NodePortPolicy::default(),
            auto_host_endpoints: Switch::Disabled,
            encapsulation: Encapsulation::default(),
            nat: NatOutgoing::default(),
            service_loops: ServiceLoops::default(),
            source_spoofing: Switch::Disabled,
            floating_addresses: Switch::Disabled,
            external_nodes: Vec::new(),
        }
    }
}

/// Something that is on or off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Switch {
    /// Off.
    #[default]
    Disabled,
    /// On.
    Enabled,
}

/// `defaultEndpointToHostAction`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointToHost {
    /// Admit.
    #[default]
    Accept,
    /// Drop.
    Drop,
    /// Leave it to the node's other tables; within nftables the same as [`Self::Accept`], as no accept is final across tables.
    Return,
}

/// What happens to packets of connection tracking state `invalid` (`disableConntrackInvalidCheck`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InvalidPackets {
    /// Drop.
    #[default]
    Drop,
    /// Judge them like new ones.
    Judge,
}

/// What a deny does (`nftablesFilterDenyAction`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenyAction {
    /// Drop without a word.
    #[default]
    Drop,
    /// Answer with a TCP reset or an ICMP "administratively prohibited" in the hooks that permit it (input, forward, output), drop elsewhere.
    Reject,
}

/// `nodeport_policy`: how egress policy of pods sees service addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodePortPolicy {
    /// As the packet stands at the hook: after DNAT where this node does it, as dialled where another node will.
    #[default]
    Standard,
    /// Besides: an allow rule that selects pods admits a service address all of whose endpoints it selects; one with networks admits what was dialled there.
    Consistent,
}

/// What encapsulated packets pods may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encapsulation {
    /// `allowVXLANPacketsFromWorkloads`.
    pub vxlan: Switch,
    /// `allowIPIPPacketsFromWorkloads`.
    pub ipip: Switch,
    /// `vxlanPort`, UDP.
    pub vxlan_port: u16,
}

impl Default for Encapsulation {
    fn default() -> Self {
        Self { vxlan: Switch::Disabled, ipip: Switch::Disabled, vxlan_port: 4789 }
    }
}

/// Translation of the source of what leaves the cluster. Which pools it concerns is theirs to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NatOutgoing {
    /// `natOutgoingAddress`: the source that is written (IPv4); none: that of the interface.
    pub address: Option<Ipv4Addr>,
    /// `natPortRange`: the source ports of TCP and UDP.
    pub ports: Option<PortRange>,
    /// `natOutgoingExclusions`: what is not translated besides destinations in pools.
    pub exclusions: NatExclusions,
}

/// `natOutgoingExclusions`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatExclusions {
    /// Destinations in pools only.
    #[default]
    PoolsOnly,
    /// Destinations in pools, and nodes.
    PoolsAndHosts,
}

/// `serviceLoopPrevention`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceLoops {
    /// Drop.
    #[default]
    Drop,
    /// Answer with "administratively prohibited".
    Reject,
    /// Let them pass.
    Disabled,
}
