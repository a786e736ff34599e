//! Rules of active policies, with what stands behind them where node ports are consistent.

use std::collections::BTreeSet;

use crate::{
    ir::{ActivePolicy, AddressSetKey, DestinationView, Entity, Rule, SubjectKind},
    policy::{Action, Direction, Policy},
    port::Port,
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
                unit.egress.push(besides);
                continue;
            }
            let portless = said.traffic.protocol.is_some_and(|protocol| !protocol.has_ports());
            if to.selector.is_none() || !to.not_nets.is_empty() || !to.not_ports.is_empty() || portless {
                continue;
            }
            let mut receivers = to.selector.clone().unwrap();
            if let Some(not) = &to.not_selector {
                receivers = receivers.and(not.clone().negated());
            }
            let number = |port: &Port| if let Port::Number(range) = port { Some(*range) } else { None };
            let name = |port: &Port| if let Port::Named(name) = port { Some(name.clone()) } else { None };
            let key = AddressSetKey::ServiceFronts {
                selector: receivers.id(),
                protocol: said.traffic.protocol,
                ports: to.ports.iter().filter_map(number).collect(),
                named_ports: to.ports.iter().filter_map(name).collect(),
            };
            sets.push((key.clone(), Some(receivers)));
            besides.destination = Entity { named_ports: vec![key], ..Entity::default() };
            unit.egress.push(Rule { view: DestinationView::Current, ..besides });
        }
    }
    unit
}
