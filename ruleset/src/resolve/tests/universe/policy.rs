//! Policies and tiers.

use proptest::{collection, prelude::*, sample::select};

use super::{POLICIES, PORT_NAMES, PROTOCOLS, SELECTORS, SERVICES, TIERS, some_nets};
use crate::{
    policy::{Action, Direction, Entity, Order, Policy, Rule, Stage, TierAction, Traffic},
    port::{Port, PortRange},
    resolve::tests::fixture::*,
    resource::Resource,
};

fn some_entity() -> impl Strategy<Value = Entity> {
    let some_selector = || prop::option::weighted(0.4, select(&SELECTORS[..]).prop_map(selector));
    let some_ports = || {
        let number = Just(Port::Number(PortRange::single(80)));
        let name = select(&PORT_NAMES[..]).prop_map(|name| Port::Named(name.into()));
        collection::vec(prop_oneof![number, name], 0..2)
    };
    let some_nets = || prop_oneof![4 => Just(Vec::new()), 1 => some_nets(1..3)];
    let of_peers = (some_selector(), some_selector(), some_ports(), some_ports(), some_nets(), some_nets())
        .prop_map(|(selector, not_selector, ports, not_ports, nets, not_nets)| Entity {
            nets,
            not_nets,
            selector,
            not_selector,
            nodes: None,
            ports,
            not_ports,
            service: None,
        });
    let of_nodes = (select(&SELECTORS[..]), some_ports()).prop_map(|(nodes, ports)| Entity {
        nodes: Some(selector(nodes)),
        ports,
        ..Entity::default()
    });
    let of_pods = (select(&SELECTORS[..]), some_ports())
        .prop_map(|(selector, ports)| Entity { ports, ..peer(selector) });
    let of_service = select(&SERVICES[..])
        .prop_map(|service| Entity { service: Some(object(service)), ..Entity::default() });
    prop_oneof![4 => of_peers, 2 => of_pods, 1 => of_nodes, 1 => of_service]
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let protocol = prop::option::of(select(&PROTOCOLS[..]));
    let action = prop_oneof![3 => Just(Action::Allow), 1 => Just(Action::Deny), 1 => Just(Action::Pass)];
    (action, protocol, some_entity(), some_entity()).prop_map(|(action, protocol, source, destination)| {
        Rule { action, traffic: Traffic { protocol, ..Traffic::default() }, ..allow(source, destination) }
    })
}

fn some_stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        4 => Just(Stage::Local),
        2 => Just(Stage::LocalAndForwarded),
        1 => Just(Stage::PreDnat),
        1 => Just(Stage::Untracked),
    ]
}

pub(super) fn some_policy() -> impl Strategy<Value = Resource> {
    (
        select(&POLICIES[..]),
        (select(&SELECTORS[..]), some_stage()),
        select(&TIERS[..]),
        select(vec![Order::LAST, order(1.0), order(-0.5)]),
        collection::btree_set(select(&Direction::ALL[..]), 0..3),
        (collection::vec(some_rule(), 0..2), collection::vec(some_rule(), 0..3)),
    )
        .prop_map(|(key, (subject, stage), tier, order, directions, (ingress, egress))| {
            let tier = tier.into();
            Resource::Policy(Policy {
                tier,
                order,
                stage,
                directions,
                ingress,
                egress,
                ..policy(key, subject)
            })
        })
}

pub(super) fn some_tier() -> impl Strategy<Value = Resource> {
    (select(&TIERS[..]), select(&[1.0, 2.0][..]), select(&[TierAction::Deny, TierAction::Pass][..]))
        .prop_map(|(name, order, action)| tier(name, order, action))
}
