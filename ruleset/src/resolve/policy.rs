//! A policy's selectors become references to address sets.

use std::collections::{BTreeMap, BTreeSet};

use super::consistent;
use crate::{
    ir::{ActivePolicy, AddressSetKey, DestinationView, Entity, Rule, SubjectKind},
    labels::NAMESPACE,
    policy::{self, Direction, Policy, PolicyKind},
    port::{Port, PortRange},
    protocol::Protocol,
    selector::Selector,
    settings::NodePortPolicy,
};

/// Sets that a policy refers to, each with the selector of its key, if that has one.
pub(super) type Sets = BTreeMap<AddressSetKey, Option<Selector>>;

/// A policy whose peers are address sets.
#[derive(Debug)]
pub(super) struct ResolvedPolicy {
    /// The policy.
    pub(super) unit: ActivePolicy,
    /// The sets that it refers to.
    pub(super) sets: Sets,
}

/// Replaces selectors and services by sets. `subjects` says whom the policy governs here.
pub(super) fn resolve(
    policy: &Policy,
    subjects: BTreeSet<SubjectKind>,
    node_ports: NodePortPolicy,
) -> ResolvedPolicy {
    let mut sets = Sets::new();
    let mut rules = |direction| {
        let companions = match (direction, node_ports) {
            (Direction::Egress, NodePortPolicy::Consistent) => subjects.contains(&SubjectKind::Pod),
            (Direction::Ingress, _) | (Direction::Egress, NodePortPolicy::Standard) => false,
        };
        let mut resolved = Vec::new();
        for rule in policy.rules(direction) {
            resolved.push(resolve_rule(rule, direction, policy.key.kind, &policy.subject, &mut sets));
            if companions && let Some(last) = resolved.last() {
                let (receivers, _) = fold(&rule.destination);
                resolved.extend(consistent::companions(rule, last, receivers.as_ref(), &mut sets));
            }
        }
        resolved.shrink_to_fit();
        resolved
    };
    let (ingress, egress) = (rules(Direction::Ingress), rules(Direction::Egress));
    let unit = ActivePolicy {
        key: policy.key.clone(),
        tier: policy.tier.clone(),
        directions: policy.directions.clone(),
        subjects,
        ingress,
        egress,
    };
    ResolvedPolicy { unit, sets }
}

fn resolve_rule(
    rule: &policy::Rule,
    direction: Direction,
    kind: PolicyKind,
    subject: &Selector,
    sets: &mut Sets,
) -> Rule {
    // A name that a Kubernetes policy gives is that of a container's port (policy-model §4.1). Only what has a namespace is a pod, or names no port.
    let all = match kind {
        PolicyKind::AdminNetworkPolicy
        | PolicyKind::BaselineAdminNetworkPolicy
        | PolicyKind::ClusterNetworkPolicy
        | PolicyKind::KubernetesNetworkPolicy => Selector::has(NAMESPACE),
        PolicyKind::NetworkPolicy | PolicyKind::GlobalNetworkPolicy => Selector::all(),
    };
    // The end that is the policy's own subject needs no ports of anybody else.
    let (of_source, of_destination) = match direction {
        Direction::Ingress => (&all, subject),
        Direction::Egress => (subject, &all),
    };
    let mut resolve =
        |entity, ports_of| Resolution { protocol: rule.traffic.protocol, ports_of, sets }.entity(entity);
    let (mut source, mut destination) =
        (resolve(&rule.source, of_source), resolve(&rule.destination, of_destination));
    // Of a sender its port says nothing about the service.
    let of_sender = rule.source.service.clone().map(AddressSetKey::ServiceAddresses);
    let of_receiver = rule.destination.service.clone().map(AddressSetKey::ServicePorts);
    sets.extend(of_sender.iter().chain(&of_receiver).map(|key| (key.clone(), None)));
    source.sets.extend(of_sender);
    destination.named_ports.extend(of_receiver);
    Rule {
        action: rule.action,
        index: rule.index,
        traffic: rule.traffic.clone(),
        source,
        destination,
        view: DestinationView::Current,
    }
}

/// The endpoints that an end is among, and those that it is not. Where both are given, one selector takes the place of two.
fn fold(entity: &policy::Entity) -> (Option<Selector>, Option<Selector>) {
    match (&entity.selector, &entity.not_selector) {
        (Some(selector), Some(not)) => (Some(selector.clone().and(not.clone().negated())), None),
        (selector, not) => (selector.clone(), not.clone()),
    }
}

/// What it takes to resolve one end of a rule.
struct Resolution<'a> {
    /// The rule's protocol, which a named port must have. No pod names a port of a protocol without ports, so that such a set is empty.
    protocol: Option<Protocol>,
    /// Whose named ports are meant where the rule does not say.
    ports_of: &'a Selector,
    sets: &'a mut Sets,
}

impl Resolution<'_> {
    fn entity(&mut self, entity: &policy::Entity) -> Entity {
        let (positive, negative) = fold(entity);
        let ports_of = positive.as_ref().unwrap_or(self.ports_of).clone();
        let ports = numbers(&entity.ports);
        let named_ports = self.named(&entity.ports, &ports_of);
        // A named port's set holds addresses of the same selector only, and says all that the plain set would.
        let implied = ports.is_empty() && !named_ports.is_empty();
        let nodes = entity.nodes.clone().map(|selector| self.of_nodes(selector));
        Entity {
            nets: entity.nets.clone(),
            not_nets: entity.not_nets.clone(),
            sets: positive
                .filter(|_| !implied)
                .map(|selector| self.plain(selector))
                .into_iter()
                .chain(nodes)
                .collect(),
            not_sets: negative.map(|selector| self.plain(selector)).into_iter().collect(),
            ports,
            named_ports,
            not_ports: numbers(&entity.not_ports),
            not_named_ports: self.named(&entity.not_ports, &ports_of),
        }
    }

    fn plain(&mut self, selector: Selector) -> AddressSetKey {
        let key = AddressSetKey::Selector(selector.id());
        self.sets.insert(key.clone(), Some(selector));
        key
    }

    fn of_nodes(&mut self, selector: Selector) -> AddressSetKey {
        let key = AddressSetKey::NodeAddresses(selector.id());
        self.sets.insert(key.clone(), Some(selector));
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
        self.sets.extend(keys.iter().map(|key| (key.clone(), Some(of.clone()))));
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
