//! `nodeport_policy: consistent`: what an egress rule of pods admits besides what it says.
//!
//! A destination that another node will translate reaches the policy as it was dialled, one that this node has translated as the endpoint that was chosen.
//! A rule that allows networks, or nodes, is to admit both by what was dialled, one that allows endpoints both by who answers. The second rule stands directly
//! behind the first and has its index; all it asks besides the destination is the same. A rule that asks for a service, or for endpoints and excludes
//! ports or networks, has none: what answers for a front is then not what it says.

use super::policy::Sets;
use crate::{
    ir::{AddressSetKey, DestinationView, Entity, Rule},
    policy::{self, Action},
    port::Port,
    protocol::Protocol,
    selector::Selector,
};

/// The rule that stands behind an egress rule, if there is one. `receivers` are the endpoints that its destination selects.
pub(super) fn companion(
    rule: &policy::Rule,
    resolved: &Rule,
    receivers: Option<&Selector>,
    sets: &mut Sets,
) -> Option<Rule> {
    let destination = &rule.destination;
    let admits = match rule.action {
        Action::Allow => true,
        Action::Deny | Action::Pass | Action::Log => false,
    };
    if !admits {
        return None;
    }
    if !destination.nets.is_empty() || destination.nodes.is_some() {
        return Some(Rule { view: DestinationView::Dialled, ..resolved.clone() });
    }
    let receivers = receivers
        .filter(|_| destination.not_nets.is_empty() && destination.not_ports.is_empty())
        .filter(|_| rule.traffic.protocol.is_none_or(Protocol::has_ports))?;
    let (ports, named_ports) = split(&destination.ports);
    let key = AddressSetKey::ServiceFronts {
        selector: receivers.id(),
        protocol: rule.traffic.protocol,
        ports,
        named_ports,
    };
    sets.insert(key.clone(), Some(receivers.clone()));
    let destination = Entity { named_ports: vec![key], ..Entity::default() };
    Some(Rule { destination, ..resolved.clone() })
}

fn split(ports: &[Port]) -> (Vec<crate::port::PortRange>, Vec<crate::name::PortName>) {
    let (mut numbers, mut names) = (Vec::new(), Vec::new());
    for port in ports {
        match port {
            Port::Number(range) => numbers.push(*range),
            Port::Named(name) => names.push(name.clone()),
        }
    }
    (numbers, names)
}
