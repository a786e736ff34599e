//! `nodeport_policy: consistent`: what an egress rule of pods admits besides what it says.
//!
//! A destination that another node will translate reaches the policy as it was dialled, one that this node has translated as the endpoint that was chosen.
//! A rule that allows networks, or nodes, is to admit both by what was dialled, one that allows endpoints both by who answers. The second rule stands directly
//! behind the first and has its index; all it asks besides the destination is the same. What it asks of ports and networks of endpoints, it asks of those that
//! answer, not of what is dialled. A rule that asks for a service has none: what answers for a front is then not what it says.

use super::policy::Sets;
use crate::{
    ir::{AddressSetKey, DestinationView, Entity, Receiver, Rule},
    policy::{self, Action},
    protocol::Protocol,
    selector::Selector,
};

/// The rules that stand behind an egress rule. `receivers` are the endpoints that its destination selects.
pub(super) fn companions(
    rule: &policy::Rule,
    resolved: &Rule,
    receivers: Option<&Selector>,
    sets: &mut Sets,
) -> Vec<Rule> {
    let destination = &rule.destination;
    let admits = match rule.action {
        Action::Allow => true,
        Action::Deny | Action::Pass | Action::Log => false,
    };
    let mut companions = Vec::new();
    if !admits {
        return companions;
    }
    if !destination.nets.is_empty() || destination.nodes.is_some() {
        companions.push(Rule { view: DestinationView::Dialled, ..resolved.clone() });
    }
    if let Some(receivers) = receivers
        && rule.traffic.protocol.is_none_or(Protocol::has_ports)
    {
        let policy::Entity { nets, not_nets, ports, not_ports, .. } = destination.clone();
        let receiver = Receiver { protocol: rule.traffic.protocol, nets, not_nets, ports, not_ports };
        let key = AddressSetKey::ServiceFronts { selector: receivers.id(), receiver: Box::new(receiver) };
        sets.insert(key.clone(), Some(receivers.clone()));
        let destination = Entity { named_ports: vec![key], ..Entity::default() };
        companions.push(Rule { destination, ..resolved.clone() });
    }
    companions
}
