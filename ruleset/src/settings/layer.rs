//! What one source says of settings.

use std::net::Ipv4Addr;

use ipnet::IpNet;

use super::{
    DenyAction, EndpointToHost, Failsafe, InvalidPackets, LogPrefix, NatExclusions, NodePortPolicy,
    ServiceLoops, Settings, Switch,
};
use crate::{
    port::PortRange,
    settings::log::{LogRate, RateUnit},
};

macro_rules! layer {
    ($($(#[$doc:meta])* $field:ident: $kind:ty => $($place:ident).+;)*) => {
        /// What one source says of settings; a field that it leaves open is for the next weaker layer.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Layer {
            $($(#[$doc])* pub $field: Option<$kind>,)*
            /// Lines per unit of [`Settings::log_rate`]; `Some(None)`: no limit.
            pub log_rate: Option<Option<(u16, RateUnit)>>,
            /// The burst of [`Settings::log_rate`].
            pub log_burst: Option<u32>,
        }

        impl Layer {
            /// This layer, with a weaker one behind it.
            #[must_use]
            pub fn over(self, weaker: Self) -> Self {
                Self {
                    $($field: self.$field.or(weaker.$field),)*
                    log_rate: self.log_rate.or(weaker.log_rate),
                    log_burst: self.log_burst.or(weaker.log_burst),
                }
            }

            /// The settings of this layer over the defaults.
            pub fn settings(self) -> Settings {
                let mut settings = Settings::default();
                $(if let Some(value) = self.$field {
                    settings.$($place).+ = value;
                })*
                settings.log_rate = self.log_rate.flatten().map(|(lines, per)| LogRate {
                    lines,
                    per,
                    burst: self.log_burst.unwrap_or(DEFAULT_LOG_BURST),
                });
                settings
            }
        }
    };
}

/// `logActionRateLimitBurst` where it is not given.
const DEFAULT_LOG_BURST: u32 = 5;

layer! {
    /// See [`Settings::endpoint_to_host`].
    endpoint_to_host: EndpointToHost => endpoint_to_host;
    /// See [`Settings::invalid`].
    invalid: InvalidPackets => invalid;
    /// See [`Settings::deny`].
    deny: DenyAction => deny;
    /// See [`Settings::failsafe_inbound`].
    failsafe_inbound: Vec<Failsafe> => failsafe_inbound;
    /// See [`Settings::failsafe_outbound`].
    failsafe_outbound: Vec<Failsafe> => failsafe_outbound;
    /// See [`Settings::log_prefix`].
    log_prefix: LogPrefix => log_prefix;
    /// See [`Settings::node_ports`].
    node_ports: NodePortPolicy => node_ports;
    /// See [`Settings::auto_host_endpoints`].
    auto_host_endpoints: Switch => auto_host_endpoints;
    /// See [`super::Encapsulation::vxlan`].
    vxlan_from_workloads: Switch => encapsulation.vxlan;
    /// See [`super::Encapsulation::ipip`].
    ipip_from_workloads: Switch => encapsulation.ipip;
    /// See [`super::Encapsulation::vxlan_port`].
    vxlan_port: u16 => encapsulation.vxlan_port;
    /// See [`super::NatOutgoing::address`].
    nat_address: Option<Ipv4Addr> => nat.address;
    /// See [`super::NatOutgoing::ports`].
    nat_ports: Option<PortRange> => nat.ports;
    /// See [`super::NatOutgoing::exclusions`].
    nat_exclusions: NatExclusions => nat.exclusions;
    /// See [`Settings::service_loops`].
    service_loops: ServiceLoops => service_loops;
    /// See [`Settings::source_spoofing`].
    source_spoofing: Switch => source_spoofing;
    /// See [`Settings::floating_addresses`].
    floating_addresses: Switch => floating_addresses;
    /// See [`Settings::external_nodes`].
    external_nodes: Vec<IpNet> => external_nodes;
}
