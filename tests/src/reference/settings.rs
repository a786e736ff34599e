//! FelixConfiguration as far as a verdict depends on it, and the agent's own settings (policy-model §1.3).

use ipnet::IpNet;
use serde_json::Value;

use super::{
    labels::Labels,
    net,
    packet::{TCP, UDP},
    selector::parse,
    world::{World, name_of},
};
use crate::{flow::protocol_number, verdict::Outcome};

/// What the agents of a cluster are told besides objects; stronger than any object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    /// `default_endpoint_to_host_action`.
    pub endpoint_to_host: Option<Outcome>,
    /// `nodeport_policy`.
    pub node_ports: NodePorts,
    /// Whether every node has a host endpoint without being asked for it.
    pub automatic_host_endpoints: bool,
}

/// `nodeport_policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodePorts {
    /// Egress policy sees the packet as it is.
    #[default]
    Standard,
    /// Egress policy of pods sees what was dialled as well.
    Consistent,
}

/// A port that host endpoint policy cannot close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failsafe {
    protocol: u8,
    port: u16,
    net: Option<IpNet>,
}

/// The settings of a node.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What becomes of a pod's traffic to its own node.
    pub endpoint_to_host: Outcome,
    /// `failsafeInboundHostPorts`.
    pub inbound: Vec<Failsafe>,
    /// `failsafeOutboundHostPorts`.
    pub outbound: Vec<Failsafe>,
    /// UDP port of VXLAN, if pods may not send to it.
    pub no_vxlan_to: Option<u16>,
    /// Whether pods may not send IP in IP.
    pub no_ipip: bool,
}

impl Failsafe {
    /// Whether it is about a packet of a protocol with this port at the node's end (inbound) or the other end (outbound), from or to an address.
    pub fn covers(&self, protocol: u8, port: u16, peer: std::net::IpAddr) -> bool {
        (self.protocol, self.port) == (protocol, port) && self.net.is_none_or(|net| net.contains(&peer))
    }
}

/// The settings of a node: the agent's, then those of FelixConfigurations, field by field: `node.<name>`, then by selector (the oldest, then the least
/// name), then `default`, then what the API documents.
pub fn of_node(world: &World, node: &str, labels: &Labels, agent: Agent) -> Settings {
    let field = |name: &str| {
        layers(world, node, labels)
            .into_iter()
            .find_map(|spec| spec.get(name).filter(|value| !value.is_null()))
    };
    let to_host = field("defaultEndpointToHostAction")
        .and_then(Value::as_str)
        .map(|action| if action.eq_ignore_ascii_case("drop") { Outcome::Deny } else { Outcome::Allow });
    let flag = |name: &str| field(name) == Some(&Value::Bool(true));
    let port = field("vxlanPort").and_then(Value::as_u64).and_then(|port| port.try_into().ok());
    Settings {
        endpoint_to_host: agent.endpoint_to_host.or(to_host).unwrap_or(Outcome::Allow),
        inbound: failsafes(field("failsafeInboundHostPorts"), &[(UDP, 68), (TCP, 22)]),
        outbound: failsafes(field("failsafeOutboundHostPorts"), &[(UDP, 53), (UDP, 67)]),
        no_vxlan_to: (!flag("allowVXLANPacketsFromWorkloads")).then_some(port.unwrap_or(4789)),
        no_ipip: !flag("allowIPIPPacketsFromWorkloads"),
    }
}

/// What FelixConfigurations say about a node, strongest first.
fn layers<'a>(world: &'a World, node: &str, labels: &Labels) -> Vec<&'a Value> {
    let named = |wanted: &str| world.configurations.iter().find(|object| name_of(object) == wanted);
    let selects = |object: &&Value| {
        let name = name_of(object);
        let selector =
            object["spec"]["nodeSelector"].as_str().filter(|text| !text.is_empty()).and_then(parse);
        name != "default" && !name.starts_with("node.") && selector.is_some_and(|it| it.matches(labels))
    };
    let mut selected: Vec<&Value> = world.configurations.iter().filter(selects).collect();
    selected.sort_by_key(|object| {
        let created = object["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
        (created, name_of(object))
    });
    let own = named(&format!("node.{node}"));
    own.into_iter()
        .chain(selected.into_iter().take(1))
        .chain(named("default"))
        .map(|object| &object["spec"])
        .collect()
}

/// The list that is given, be it empty; without one, the documented ones: what both lists have, and these.
fn failsafes(list: Option<&Value>, own: &[(u8, u16)]) -> Vec<Failsafe> {
    let read = |entry: &Value| {
        let protocol = entry["protocol"].as_str().map_or(Some(TCP), protocol_number)?;
        let port = entry["port"].as_u64()?.try_into().ok()?;
        Some(Failsafe { protocol, port, net: net::read(&entry["net"]) })
    };
    if let Some(list) = list.and_then(Value::as_array) {
        return list.iter().filter_map(read).collect();
    }
    let both = [179, 2379, 2380, 5473, 6443, 6666, 6667].map(|port| (TCP, port));
    let all = own.iter().copied().chain(both);
    all.map(|(protocol, port)| Failsafe { protocol, port, net: None }).collect()
}
