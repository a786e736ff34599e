//! One rule of the intermediate form to nft rules of one family.
//!
//! A rule becomes several where nft has no "or": numeric and named ports of one list, ICMP and not ICMP for a negated ICMP match without a protocol.
//! The tests that cost least and fail most stand first: protocol and port before addresses, single networks before set lookups (packet-path §3).

use std::sync::Arc;

use ipnet::IpNet;

use super::{address_set::merge, name, ports, skeleton, traffic};
use crate::{
    address::Family,
    ir::{AddressSetKey, Entity, Rule},
    name::SetName,
    nft::{self, AddressSide, Elements, Match, Operator, PortSide, Set, Statement, Verdict},
    origin::Origin,
    policy::{Action, Direction},
};

/// Networks that a rule excludes up to this many are compared one by one (6 ns each); more become a set (166 ns).
const EXCLUSIONS_INLINE: usize = 16;

/// What a rule needs to know of its surroundings.
pub(super) struct Context<'a> {
    /// The family of the table.
    pub(super) family: Family,
    /// The direction of the policy.
    pub(super) direction: Direction,
    /// The name of an address set's nft set in this family.
    pub(super) set_name: &'a dyn Fn(&AddressSetKey) -> SetName,
    /// What a pass turns into, if the chain can express it.
    pub(super) pass: Verdict,
    /// Sets of listed networks that rules turn out to need.
    pub(super) listed: &'a mut Vec<Arc<Set>>,
}

/// The nft rules of a rule; none if it cannot match in this family.
pub(super) fn rules(rule: &Rule, origin: &Arc<Origin>, context: &mut Context<'_>) -> Vec<nft::Rule> {
    if rule.traffic.family.is_some_and(|family| family != context.family) {
        return Vec::new();
    }
    let Some(source) = addresses(&rule.source, AddressSide::Source, context) else { return Vec::new() };
    let Some(destination) = addresses(&rule.destination, AddressSide::Destination, context) else {
        return Vec::new();
    };
    let end = end(rule.action, origin, context);
    let mut rules = Vec::new();
    for traffic in traffic::alternatives(&rule.traffic, context.family, ports::are_compared(rule)) {
        for destination_ports in ports::alternatives(&rule.destination, PortSide::Destination, context) {
            for source_ports in ports::alternatives(&rule.source, PortSide::Source, context) {
                let matches = traffic.iter().chain(&destination_ports.numbers).chain(&source_ports.numbers);
                let matches = matches
                    .chain(&source.nets)
                    .chain(&destination.nets)
                    .chain(&source.sets)
                    .chain(&destination.sets);
                let matches = matches.chain(&destination_ports.named).chain(&source_ports.named);
                let statements = matches.cloned().map(Statement::Match).chain(end.iter().cloned()).collect();
                rules.push(nft::Rule { statements, origin: origin.clone() });
            }
        }
    }
    rules
}

/// What a rule does once it matches.
fn end(action: Action, origin: &Origin, context: &Context<'_>) -> Vec<Statement> {
    let verdict = match (action, context.direction) {
        (Action::Log, _) => return vec![Statement::Counter, Statement::Log(log_prefix(origin))],
        (Action::Allow, Direction::Ingress) => Verdict::Accept,
        // What egress policy admits has yet to pass the ingress policy of the receiver, if that is here.
        (Action::Allow, Direction::Egress) => Verdict::Goto(skeleton::to_workload()),
        (Action::Deny, _) => Verdict::Drop,
        (Action::Pass, _) => context.pass.clone(),
    };
    vec![Statement::Counter, Statement::Verdict(verdict)]
}

/// The kernel takes 127 bytes.
fn log_prefix(origin: &Origin) -> Arc<str> {
    let clean: String =
        origin.to_string().chars().filter(|character| !character.is_control() && *character != '"').collect();
    let cut = (0..=clean.len().min(124)).rev().find(|place| clean.is_char_boundary(*place)).unwrap_or(0);
    format!("{}: ", &clean[..cut]).into()
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
        elements: Elements::Intervals(merge(nets)),
    };
    context.listed.push(Arc::new(set));
    name
}
