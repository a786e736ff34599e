//! Passes by which chains of host endpoints grow deep.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    compile::{Options, compile},
    diff::diff,
    evaluate::{Outcome, evaluate},
    ir::{
        ActivePolicy, DestinationView, Endpoint, Entity, HostEndpoint, HostInterface, NodePolicy, Profile,
        Rule, SubjectKind, TierStep, Verdicts,
    },
    name::{HostEndpointName, InterfaceName, ObjectName, TierName},
    nft::{Hook, Ruleset},
    packet::{Packet, Payload, Tracking},
    policy::{Action, Direction, PerDirection, PolicyKey, PolicyKind, TierAction, Traffic},
    port::PortRange,
    protocol::Protocol,
    settings::{DenyAction, Settings},
};

fn key(name: &str) -> PolicyKey {
    PolicyKey { kind: PolicyKind::GlobalNetworkPolicy, namespace: None, name: name.into() }
}

/// Passes TCP to port 80, in both directions.
fn passing() -> ActivePolicy {
    let rule = Rule {
        action: Action::Pass,
        index: 0,
        traffic: Traffic { protocol: Some(Protocol::TCP), ..Traffic::default() },
        source: Entity::default(),
        destination: Entity { ports: vec![PortRange::single(80)], ..Entity::default() },
        view: DestinationView::Current,
    };
    ActivePolicy {
        key: key("pass"),
        tier: TierName::from("t"),
        directions: Direction::ALL.into(),
        subjects: [SubjectKind::Pod, SubjectKind::Host].into(),
        ingress: vec![rule.clone()],
        egress: vec![rule],
    }
}

/// Admits nobody, and has a chain of its own where pods are governed.
fn empty() -> ActivePolicy {
    ActivePolicy { key: key("empty"), ingress: Vec::new(), egress: Vec::new(), ..passing() }
}

fn tiers(count: usize, end: TierAction) -> Vec<TierStep> {
    let tier = |index| TierStep {
        tier: TierName::new(format!("t{index}")),
        policies: vec![key("empty"), key("pass")],
        end,
    };
    (0..count).map(tier).collect()
}

/// A node whose pods and host endpoint go through that many tiers with passes everywhere, and rejects.
fn node(local: usize, forwarded: usize, others: usize) -> NodePolicy {
    let verdicts = |count| Verdicts { tiers: tiers(count, TierAction::Deny), profile: Profile::Allow };
    let pod = Endpoint {
        pod: ObjectName::new("t", "0"),
        interface: InterfaceName::from("cali0"),
        addresses: BTreeSet::from(["10.0.0.1".parse().unwrap()]),
        allowed_sources: BTreeSet::new(),
        limits: PerDirection::default(),
        dscp: None,
        floating: Default::default(),
        ingress: verdicts(local),
        egress: verdicts(local),
    };
    let host = HostEndpoint {
        name: HostEndpointName::from("uplink"),
        interface: HostInterface::Named([InterfaceName::from("eth0")].into()),
        local: PerDirection::from_fn(|_| verdicts(local)),
        forwarded: PerDirection::from_fn(|_| tiers(forwarded, TierAction::Deny)),
        forwarded_end: Profile::Allow,
        pre_dnat: tiers(others, TierAction::Pass),
        untracked: PerDirection::from_fn(|_| tiers(others, TierAction::Pass)),
    };
    NodePolicy {
        endpoints: [(pod.pod.clone(), Arc::new(pod))].into_iter().collect(),
        policies: [passing(), empty()]
            .map(|policy| (policy.key.clone(), Arc::new(policy)))
            .into_iter()
            .collect(),
        host_endpoints: [(host.name.clone(), Arc::new(host))].into_iter().collect(),
        settings: Settings { deny: DenyAction::Reject, ..Settings::default() }.into(),
        ..NodePolicy::default()
    }
}

fn packet(hook: Hook, came: Option<&str>, leaves: Option<&str>) -> Packet {
    Packet {
        hook,
        in_interface: came.map(InterfaceName::from),
        out_interface: leaves.map(InterfaceName::from),
        source: "10.9.0.1".parse().unwrap(),
        destination: "10.9.0.2".parse().unwrap(),
        payload: Payload::Ports { protocol: Protocol::TCP, source: 1024, destination: 80 },
        tracking: Tracking::New,
        dialled: None,
    }
}

fn compiled(node: &NodePolicy) -> Ruleset {
    let ruleset = compile(node, &Options::default());
    let batches = diff(None, &ruleset).batches;
    let applied = batches.iter().try_fold(Ruleset::default(), |ruleset, batch| ruleset.apply(batch));
    assert_eq!(applied.as_ref(), Ok(&ruleset), "the kernel takes it, depth of jumps included");
    ruleset
}

/// Outcomes of what is forwarded, comes in, and goes out.
fn outcomes(ruleset: &Ruleset) -> [Outcome; 3] {
    [
        packet(Hook::Forward, Some("eth0"), Some("eth1")),
        packet(Hook::Input, Some("eth0"), None),
        packet(Hook::Output, None, Some("eth0")),
    ]
    .map(|packet| evaluate(ruleset, &packet).outcome)
}

#[test]
fn every_pass_has_room_in_nodes_of_some_tiers() {
    let all = compiled(&node(7, 9, 0));
    assert_eq!(outcomes(&all), [Outcome::Accepted; 3]);
    let with_others = compiled(&node(7, 3, 1));
    assert_eq!(outcomes(&with_others), [Outcome::Accepted; 3]);
}

#[test]
fn passes_beyond_the_room_deny() {
    let deep = compiled(&node(20, 20, 20));
    assert_eq!(outcomes(&deep), [Outcome::Dropped; 3]);
}
