//! Rules of active policies, with what stands behind them where node ports are consistent.

use std::collections::BTreeSet;

use crate::{
    ir::{ActivePolicy, AddressSetKey, DestinationView, Entity, Receiver, Rule, SubjectKind},
    policy::{Action, Direction, Policy},
    resolve::policy::resolve,
    selector::Selector,
    settings::NodePortPolicy,
};

/// The policy as it is where it has these subjects; the sets that it needs are added to `sets`.
pub(super) fn active(
    policy: &Policy,
    subjects: BTreeSet<SubjectKind>,
    node_ports: NodePortPolicy,
    sets: &mut Vec<(AddressSetKey, Option<Selector>)>,
) -> ActivePolicy {
    let consistent = node_ports == NodePortPolicy::Consistent && subjects.contains(&SubjectKind::Pod);
    let resolved = resolve(policy, subjects, NodePortPolicy::Standard);
    sets.extend(resolved.sets);
    let mut unit = resolved.unit;
    if consistent {
        let pairs = policy.rules(Direction::Egress).iter().zip(std::mem::take(&mut unit.egress));
        for (said, rule) in pairs {
            let mut besides = rule.clone();
            unit.egress.push(rule);
            let to = &said.destination;
            if said.action != Action::Allow {
                continue;
            }
            if !to.nets.is_empty() || to.nodes.is_some() {
                besides.view = DestinationView::Dialled;
                unit.egress.push(besides.clone());
            }
            let portless = said.traffic.protocol.is_some_and(|protocol| !protocol.has_ports());
            if to.selector.is_none() || portless {
                continue;
            }
            let mut receivers = to.selector.clone().unwrap();
            if let Some(not) = &to.not_selector {
                receivers = receivers.and(not.clone().negated());
            }
            let receiver = Receiver {
                protocol: said.traffic.protocol,
                nets: to.nets.clone(),
                not_nets: to.not_nets.clone(),
                ports: to.ports.clone(),
                not_ports: to.not_ports.clone(),
            };
            let key = AddressSetKey::ServiceFronts { selector: receivers.id(), receiver: Box::new(receiver) };
            sets.push((key.clone(), Some(receivers)));
            besides.destination = Entity { named_ports: vec![key], ..Entity::default() };
            unit.egress.push(Rule { view: DestinationView::Current, ..besides });
        }
    }
    unit
}
