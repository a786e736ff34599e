//! What the world is made of: a node, a namespace, a pod, and policies of one rule.

use ferrule_ruleset::{
    event::Event,
    labels::Labels,
    name::{NodeName, ObjectName},
    policy::{Action, Direction, Entity, Order, Policy, PolicyKey, PolicyKind, Rule, Stage, Traffic},
    resource::{
        HostEndpoint, HostEndpointState, HostInterface, Namespace, Pod, PodExtras, PodState, Resource, Tenure,
    },
    selector::Selector,
};

pub fn node() -> NodeName {
    NodeName::from("node-1")
}

pub fn namespace() -> Event {
    Event::Upsert(Resource::Namespace(Namespace {
        name: "default".into(),
        labels: [("projectcalico.org/name", "default")].into_iter().collect(),
    }))
}

pub fn pod(name: &str) -> Event {
    Event::Upsert(Resource::Pod(Pod {
        name: ObjectName::new("default", name),
        node: Some(node()),
        state: PodState::Active,
        labels: [("projectcalico.org/namespace", "default")].into_iter().collect(),
        service_account: None,
        addresses: vec!["10.0.0.1".parse().unwrap()],
        ports: Vec::new(),
        tenure: Tenure::Lasting,
        extras: PodExtras::default(),
    }))
}

/// The node itself, by all interfaces that are nobody else's.
pub fn host() -> Event {
    Event::Upsert(Resource::HostEndpoint(HostEndpoint {
        name: "node-1-all".into(),
        node: node(),
        interface: HostInterface::Others,
        expected_addresses: Vec::new(),
        labels: Labels::default(),
        profiles: Vec::new(),
        ports: Vec::new(),
        state: HostEndpointState::Active,
    }))
}

pub fn key(name: &str) -> PolicyKey {
    PolicyKey { kind: PolicyKind::GlobalNetworkPolicy, namespace: None, name: name.into() }
}

/// A policy for every pod whose only rule allows what comes from a net.
pub fn allow(name: &str, third: u8) -> Event {
    let nets = vec![format!("192.168.{third}.0/24").parse().unwrap()];
    Event::Upsert(Resource::Policy(Policy {
        key: key(name),
        tier: "default".into(),
        order: Order::LAST,
        stage: Stage::Local,
        subject: Selector::all(),
        directions: [Direction::Ingress].into(),
        ingress: vec![Rule {
            action: Action::Allow,
            index: 0,
            traffic: Traffic::default(),
            source: Entity { nets, ..Entity::default() },
            destination: Entity::default(),
        }],
        egress: Vec::new(),
    }))
}
