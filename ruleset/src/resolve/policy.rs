//! A policy's selectors become references to address sets.

use std::collections::BTreeMap;

use crate::{
    ir::{ActivePolicy, AddressSetKey, DestinationView, Entity, Rule, SubjectKind},
    policy::{self, Direction, Policy},
    port::{Port, PortRange},
    protocol::Protocol,
    selector::Selector,
};

/// A policy whose peers are address sets, and the selectors of these sets.
#[derive(Debug)]
pub(super) struct ResolvedPolicy {
    /// The policy.
    pub(super) unit: ActivePolicy,
    /// The sets that it refers to, each with the selector of its key.
    pub(super) sets: BTreeMap<AddressSetKey, Selector>,
}

/// Replaces selectors by sets.
pub(super) fn resolve(policy: &Policy) -> ResolvedPolicy {
    let mut sets = BTreeMap::new();
    let mut rules = |direction| {
        let rules = policy.rules(direction).iter();
        rules.map(|rule| resolve_rule(rule, direction, &policy.subject, &mut sets)).collect()
    };
    let unit = ActivePolicy {
        key: policy.key.clone(),
        tier: policy.tier.clone(),
        directions: policy.directions.clone(),
        subjects: [SubjectKind::Pod].into(),
        ingress: rules(Direction::Ingress),
        egress: rules(Direction::Egress),
    };
    ResolvedPolicy { unit, sets }
}

fn resolve_rule(
    rule: &policy::Rule,
    direction: Direction,
    subject: &Selector,
    sets: &mut BTreeMap<AddressSetKey, Selector>,
) -> Rule {
    let all = Selector::all();
    // The end that is the policy's own subject needs no ports of anybody else.
    let (of_source, of_destination) = match direction {
        Direction::Ingress => (&all, subject),
        Direction::Egress => (subject, &all),
    };
    let mut resolve =
        |entity, ports_of| Resolution { protocol: rule.traffic.protocol, ports_of, sets }.entity(entity);
    Rule {
        action: rule.action,
        index: rule.index,
        traffic: rule.traffic.clone(),
        source: resolve(&rule.source, of_source),
        destination: resolve(&rule.destination, of_destination),
        view: DestinationView::Current,
    }
}

/// What it takes to resolve one end of a rule.
struct Resolution<'a> {
    /// The rule's protocol, which a named port must have. No pod names a port of a protocol without ports, so that such a set is empty.
    protocol: Option<Protocol>,
    /// Whose named ports are meant where the rule does not say.
    ports_of: &'a Selector,
    sets: &'a mut BTreeMap<AddressSetKey, Selector>,
}

impl Resolution<'_> {
    fn entity(&mut self, entity: &policy::Entity) -> Entity {
        // Where both are given, one set takes the place of two.
        let (positive, negative) = match (&entity.selector, &entity.not_selector) {
            (Some(selector), Some(not)) => (Some(selector.clone().and(not.clone().negated())), None),
            (selector, not) => (selector.clone(), not.clone()),
        };
        let ports_of = positive.as_ref().unwrap_or(self.ports_of).clone();
        let ports = numbers(&entity.ports);
        let named_ports = self.named(&entity.ports, &ports_of);
        // A named port's set holds addresses of the same selector only, and says all that the plain set would.
        let implied = ports.is_empty() && !named_ports.is_empty();
        Entity {
            nets: entity.nets.clone(),
            not_nets: entity.not_nets.clone(),
            sets: positive.filter(|_| !implied).map(|selector| self.plain(selector)).into_iter().collect(),
            not_sets: negative.map(|selector| self.plain(selector)).into_iter().collect(),
            ports,
            named_ports,
            not_ports: numbers(&entity.not_ports),
            not_named_ports: self.named(&entity.not_ports, &ports_of),
        }
    }

    fn plain(&mut self, selector: Selector) -> AddressSetKey {
        let key = AddressSetKey::Selector(selector.id());
        self.sets.insert(key.clone(), selector);
        key
    }

    fn named(&mut self, ports: &[Port], of: &Selector) -> Vec<AddressSetKey> {
        let names = ports.iter().filter_map(|port| match port {
            Port::Named(name) => Some(name),
            Port::Number(_) => None,
        });
        let keys: Vec<AddressSetKey> = names
            .map(|port| AddressSetKey::NamedPort {
                selector: of.id(),
                protocol: self.protocol,
                port: port.clone(),
            })
            .collect();
        self.sets.extend(keys.iter().map(|key| (key.clone(), of.clone())));
        keys
    }
}

fn numbers(ports: &[Port]) -> Vec<PortRange> {
    let numbers = ports.iter().filter_map(|port| match port {
        Port::Number(range) => Some(*range),
        Port::Named(_) => None,
    });
    numbers.collect()
}
