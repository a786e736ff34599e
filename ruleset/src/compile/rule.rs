//! One rule of the intermediate form to nft rules of one family.
//!
//! A rule becomes several where nft has no "or": numeric and named ports of one list, ICMP and not ICMP for a negated ICMP match without a protocol.
//! The tests that cost least and fail most stand first: protocol and port before addresses, single networks before set lookups (packet-path §3).

use std::sync::Arc;

use ipnet::IpNet;

use super::{
    Layout,
    address_set::merge,
    exits::{Exits, Logs},
    log, name, ports, traffic,
};
use crate::{
    address::Family,
    ir::{AddressSetKey, DestinationView, Entity, Rule},
    name::SetName,
    nft::{self, AddressSide, Elements, Match, Operator, PortSide, Set, Statement},
    origin::Origin,
    policy::Action,
};

/// Networks that a rule excludes up to this many are compared one by one (6 ns each); more become a set (166 ns).
const EXCLUSIONS_INLINE: usize = 16;

/// What a rule needs to know of its surroundings.
pub(super) struct Context<'a> {
    /// The family of the table.
    pub(super) family: Family,
    /// What the node is told.
    pub(super) layout: &'a Layout,
    /// Where the rules lead.
    pub(super) exits: &'a Exits,
    /// Which destination rules look at that do not say it themselves.
    pub(super) view: DestinationView,
    /// The name of an address set's nft set in this family.
    pub(super) set_name: &'a dyn Fn(&AddressSetKey) -> SetName,
    /// Sets of listed networks that rules turn out to need.
    pub(super) listed: &'a mut Vec<Arc<Set>>,
}

/// The nft rules of a rule; none if it cannot match in this family.
pub(super) fn rules(rule: &Rule, origin: &Arc<Origin>, context: &mut Context<'_>) -> Vec<nft::Rule> {
    if rule.traffic.family.is_some_and(|family| family != context.family) {
        return Vec::new();
    }
    let Some(end) = end(rule.action, origin, context) else { return Vec::new() };
    let receiver = match (rule.view, context.view) {
        (DestinationView::Current, DestinationView::Current) => PortSide::Destination,
        (DestinationView::Dialled, _) | (_, DestinationView::Dialled) => PortSide::Dialled,
    };
    let Some(source) = addresses(&rule.source, AddressSide::Source, context) else { return Vec::new() };
    let Some(destination) = addresses(&rule.destination, receiver.address(), context) else {
        return Vec::new();
    };
    // A rule about what was dialled is about packets whose destination is another by now.
    let guard = match rule.view {
        DestinationView::Current => None,
        DestinationView::Dialled => Some(Match::Translated(Operator::Is)),
    };
    let mut rules = Vec::new();
    let mut add = |traffic: &[Match], ports: [&[Match]; 2], lookups: [&[Match]; 2]| {
        let matches = traffic.iter().chain(ports.into_iter().flatten()).chain(&guard);
        let matches =
            matches.chain(&source.nets).chain(&destination.nets).chain(&source.sets).chain(&destination.sets);
        let matches = matches.chain(lookups.into_iter().flatten());
        let statements = matches.cloned().map(Statement::Match).chain(end.iter().cloned()).collect();
        rules.push(nft::Rule { statements, origin: origin.clone() });
    };
    let needs_ports = ports::need_protocol(rule, receiver);
    for traffic in traffic::alternatives(&rule.traffic, context.family, needs_ports) {
        for to in ports::alternatives(&rule.destination, receiver, context) {
            for from in ports::alternatives(&rule.source, PortSide::Source, context) {
                let numbers = match receiver {
                    PortSide::Source | PortSide::Destination => [&to.numbers[..], &from.numbers],
                    // nft cannot read its own listing of a dialled port before another compare of ports.
                    PortSide::Dialled => [&from.numbers[..], &to.numbers],
                };
                add(&traffic, numbers, [&to.named, &from.named]);
            }
        }
    }
    if ports::exclude_only_by_name(rule, receiver) {
        // What has no ports has none of the ports that are excluded.
        for traffic in traffic::without_ports(&rule.traffic, context.family) {
            for from in ports::alternatives(&rule.source, PortSide::Source, context) {
                add(&traffic, [&[], &[]], [&[], &from.named]);
            }
        }
    }
    rules
}

/// What a rule does once it matches; none if it does nothing here.
fn end(action: Action, origin: &Origin, context: &Context<'_>) -> Option<Vec<Statement>> {
    let exits = context.exits;
    let end = match (action, exits.logs) {
        (Action::Log, Logs::LeftOut) => return None,
        (Action::Log, Logs::Written) => return Some(log::statements(origin, &context.layout.settings)),
        (Action::Allow, _) => exits.allow.clone(),
        (Action::Deny, _) => vec![Statement::Verdict(exits.deny.clone())],
        (Action::Pass, _) => vec![Statement::Verdict(exits.pass.clone())],
    };
    Some([vec![Statement::Counter], end].concat())
}

/// Conditions on one address: cheap compares apart from set lookups.
struct Addresses {
    nets: Vec<Match>,
    sets: Vec<Match>,
}

/// Conditions on an address; `None` if they cannot hold in this family.
fn addresses(entity: &Entity, side: AddressSide, context: &mut Context<'_>) -> Option<Addresses> {
    let mut found = Addresses { nets: Vec::new(), sets: Vec::new() };
    listed(&entity.nets, side, Operator::Is, context, &mut found)?;
    listed(&entity.not_nets, side, Operator::IsNot, context, &mut found)?;
    let lookup = |operator| move |set: SetName| Match::InSet(side, operator, set);
    found.sets.extend(entity.sets.iter().map(context.set_name).map(lookup(Operator::Is)));
    found.sets.extend(entity.not_sets.iter().map(context.set_name).map(lookup(Operator::IsNot)));
    Some(found)
}

/// Conditions of a list of networks. A list of which nothing is of this family takes the rule out of it (policy-model §0 item 9).
fn listed(
    nets: &[IpNet],
    side: AddressSide,
    operator: Operator,
    context: &mut Context<'_>,
    found: &mut Addresses,
) -> Option<()> {
    if nets.is_empty() {
        return Some(());
    }
    let family = context.family;
    let mut ours: Vec<IpNet> =
        nets.iter().filter(|net| Family::of_net(net) == family).map(IpNet::trunc).collect();
    ours.sort();
    ours.dedup();
    let everything = ours.iter().any(|net| net.prefix_len() == 0);
    match operator {
        _ if ours.is_empty() => None,
        Operator::IsNot if everything => None,
        Operator::Is if everything => Some(()),
        Operator::Is if ours.len() == 1 => {
            found.nets.extend(ours.into_iter().map(|net| Match::Net(side, operator, net)));
            Some(())
        }
        Operator::IsNot if ours.len() <= EXCLUSIONS_INLINE => {
            found.nets.extend(ours.into_iter().map(|net| Match::Net(side, operator, net)));
            Some(())
        }
        Operator::Is | Operator::IsNot => {
            found.sets.push(Match::InSet(side, operator, listed_set(&ours, context)));
            Some(())
        }
    }
}

/// The set of networks that a rule lists; equal lists are one set.
fn listed_set(nets: &[IpNet], context: &mut Context<'_>) -> SetName {
    let description: Vec<String> = nets.iter().map(IpNet::to_string).collect();
    let description = description.join(" ");
    let name = name::listed_nets(&description);
    let set = Set {
        name: name.clone(),
        capacity: None,
        comment: description.into(),
        elements: Elements::Intervals(merge(nets.iter().copied())),
    };
    context.listed.push(Arc::new(set));
    name
}
