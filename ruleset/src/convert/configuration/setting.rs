//! The fields of a FelixConfiguration that are heeded.

use ipnet::IpNet;

use super::value;
use crate::{
    convert::{
        field::{Field, Fields, Problem, Problems},
        nets, ports,
        remark::Remarks,
    },
    settings::{DenyAction, EndpointToHost, InvalidPackets, Layer, NatExclusions, ServiceLoops, Switch},
};

/// Fields that are read here and by the scope.
pub(super) const HEEDED: [&str; 19] = [
    "nodeSelector",
    "defaultEndpointToHostAction",
    "disableConntrackInvalidCheck",
    "nftablesFilterDenyAction",
    "failsafeInboundHostPorts",
    "failsafeOutboundHostPorts",
    "logPrefix",
    "logActionRateLimit",
    "logActionRateLimitBurst",
    "allowVXLANPacketsFromWorkloads",
    "allowIPIPPacketsFromWorkloads",
    "vxlanPort",
    "natOutgoingAddress",
    "natPortRange",
    "natOutgoingExclusions",
    "serviceLoopPrevention",
    "workloadSourceSpoofing",
    "floatingIPs",
    "externalNodesList",
];

/// What the object says. Names of values have no case, as in the API; an empty text says nothing.
pub(super) fn layer(spec: &Fields<'_>, remarks: &mut Remarks) -> Layer {
    let mut source = Source { spec, remarks };
    let invalid = source.flag("disableConntrackInvalidCheck", InvalidPackets::Drop, InvalidPackets::Judge);
    Layer {
        endpoint_to_host: source.choice(
            "defaultEndpointToHostAction",
            &[
                ("Drop", EndpointToHost::Drop),
                ("Accept", EndpointToHost::Accept),
                ("Return", EndpointToHost::Return),
            ],
        ),
        invalid,
        deny: source.choice(
            "nftablesFilterDenyAction",
            &[("Drop", DenyAction::Drop), ("Reject", DenyAction::Reject)],
        ),
        failsafe_inbound: source.value("failsafeInboundHostPorts", value::failsafes),
        failsafe_outbound: source.value("failsafeOutboundHostPorts", value::failsafes),
        log_prefix: source.value("logPrefix", value::log_prefix),
        log_rate: source.value("logActionRateLimit", |field| value::log_rate(field).map(Some)),
        log_burst: source.value("logActionRateLimitBurst", value::log_burst),
        vxlan_from_workloads: source.switch("allowVXLANPacketsFromWorkloads"),
        ipip_from_workloads: source.switch("allowIPIPPacketsFromWorkloads"),
        vxlan_port: source.value("vxlanPort", ports::number),
        nat_address: source.value("natOutgoingAddress", |field| value::ipv4(field).map(Some)),
        nat_ports: source.value("natPortRange", |field| value::port_range(field).map(Some)),
        nat_exclusions: source.choice(
            "natOutgoingExclusions",
            &[("IPPoolsOnly", NatExclusions::PoolsOnly), ("IPPoolsAndHostIPs", NatExclusions::PoolsAndHosts)],
        ),
        service_loops: source.choice(
            "serviceLoopPrevention",
            &[
                ("Drop", ServiceLoops::Drop),
                ("Reject", ServiceLoops::Reject),
                ("Disabled", ServiceLoops::Disabled),
            ],
        ),
        source_spoofing: source
            .choice("workloadSourceSpoofing", &[("Disabled", Switch::Disabled), ("Any", Switch::Enabled)]),
        floating_addresses: source
            .choice("floatingIPs", &[("Disabled", Switch::Disabled), ("Enabled", Switch::Enabled)]),
        external_nodes: source.external_nodes(),
        ..Layer::default()
    }
}

/// An object's fields, and where to say what is wrong with them.
struct Source<'a, 'b> {
    spec: &'a Fields<'a>,
    remarks: &'b mut Remarks,
}

impl<'a> Source<'a, '_> {
    /// A field that is absent and one that is empty text are alike.
    fn field(&self, name: &str) -> Option<Field<'a>> {
        self.spec.field(name).filter(|field| field.text() != Ok(""))
    }

    /// A value without a closed side.
    fn value<T>(&mut self, name: &str, read: impl FnOnce(&Field<'a>) -> Result<T, Problem>) -> Option<T> {
        let value = self.field(name).map(|field| read(&field))?;
        value.map_err(|problem| self.remarks.error(problem, "it counts as not given")).ok()
    }

    /// One of several values by name, of which the first is the closed one.
    fn choice<T: Copy, const N: usize>(&mut self, name: &str, choices: &[(&str, T); N]) -> Option<T> {
        let field = self.field(name)?;
        let chosen = field.text().and_then(|text| {
            let known = choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
            known.map(|(_, value)| *value).ok_or_else(|| {
                let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
                field.problem(format!("{text:?} is unknown; use one of {}", names.join(", ")))
            })
        });
        match (chosen, choices.first()) {
            (Ok(value), _) => Some(value),
            (Err(problem), Some((closed, value))) => {
                self.remarks.error(problem, &format!("it counts as {closed}"));
                Some(*value)
            }
            (Err(_), None) => None,
        }
    }

    /// A truth value, of which false is the closed one.
    fn flag<T>(&mut self, name: &str, off: T, on: T) -> Option<T> {
        match self.field(name)?.boolean() {
            Ok(true) => Some(on),
            Ok(false) => Some(off),
            Err(problem) => {
                self.remarks.error(problem, "it counts as false");
                Some(off)
            }
        }
    }

    fn switch(&mut self, name: &str) -> Option<Switch> {
        self.flag(name, Switch::Disabled, Switch::Enabled)
    }

    /// `externalNodesList`, less what is not understood.
    fn external_nodes(&mut self) -> Option<Vec<IpNet>> {
        let items = self.value("externalNodesList", Field::items)?;
        let mut problems = Problems::default();
        let nets = items.iter().filter_map(|item| problems.or_default(nets::net(item).map(Some))).collect();
        self.remarks.errors(problems, "no node is expected there");
        Some(nets)
    }
}
