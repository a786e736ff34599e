//! Verdicts of the whole cluster under hand-made policies.

use std::collections::BTreeSet;

use super::{cluster_of, peer, pod, world};
use crate::{
    nft::{AddressSide, Match, Operator, PortSide},
    policy::{Action, Direction, Entity, Order, Policy, PolicyKey, PolicyKind, Rule, Stage, Traffic},
    port::{Port, PortRange},
    protocol::Protocol,
    resource::{PodState, Resource},
    selector::Selector,
    verdict::{Answer, Cause, Cluster, Flow, Reason, Verdict},
};

/// A policy with one rule per direction, or none.
fn policy(name: &str, subject: &str, directions: &[Direction], rules: &[(Direction, Rule)]) -> Resource {
    let of = |wanted| {
        rules.iter().filter(|(direction, _)| *direction == wanted).map(|(_, rule)| rule.clone()).collect()
    };
    Resource::Policy(Policy {
        key: PolicyKey {
            kind: PolicyKind::NetworkPolicy,
            namespace: Some("default".into()),
            name: name.into(),
        },
        tier: "default".into(),
        order: Order::LAST,
        stage: Stage::Local,
        subject: Selector::parse(subject).unwrap(),
        directions: directions.iter().copied().collect::<BTreeSet<_>>(),
        ingress: of(Direction::Ingress),
        egress: of(Direction::Egress),
    })
}

fn allow(index: u32, port: u16, source: &[&str]) -> Rule {
    Rule {
        action: Action::Allow,
        index,
        traffic: Traffic { protocol: Some(Protocol::TCP), ..Traffic::default() },
        source: Entity { nets: source.iter().map(|net| net.parse().unwrap()).collect(), ..Entity::default() },
        destination: Entity { ports: vec![Port::Number(PortRange::single(port))], ..Entity::default() },
    }
}

fn ask(cluster: &Cluster, from: &str, to: &str) -> Answer {
    cluster.verdict(&Flow::tcp(peer(from), peer(to), 80)).unwrap()
}

fn builtin(answer: &Answer) -> Option<&'static str> {
    answer.by.reason.builtin()
}

#[test]
fn without_policy_everything_is_allowed_by_built_ins() {
    let cluster = cluster_of(world());
    let expected = [
        ("default/a", "default/b", "profile"),
        ("default/a", "default/c", "profile"),
        ("default/a", "203.0.113.7", "profile"),
        ("203.0.113.7", "default/a", "profile"),
        ("default/a", "default/a", "loopback"),
        ("default/a", "node/n1", "endpoint-to-host"),
        ("default/a", "node/n2", "profile"),
        ("node/n1", "default/a", "host-to-own-pod"),
        ("node/n2", "default/a", "profile"),
        ("node/n1", "node/n2", "no-policy"),
    ];
    for (from, to, by) in expected {
        let answer = ask(&cluster, from, to);
        assert_eq!((answer.verdict, builtin(&answer)), (Verdict::Allow, Some(by)), "{from} -> {to}");
    }
}

#[test]
fn isolation_stops_everybody_but_the_own_node() {
    let closed = policy("closed", "app == 'a'", &[Direction::Ingress], &[]);
    let cluster = cluster_of(world().into_iter().chain([closed]));
    for from in ["default/b", "default/c", "203.0.113.7", "node/n2", "172.18.0.3"] {
        let answer = ask(&cluster, from, "default/a");
        assert_eq!((answer.verdict, builtin(&answer)), (Verdict::Deny, Some("end-of-tier")), "{from}");
        let Reason::EndOfTier { direction, policies, .. } = &answer.by.reason else { unreachable!() };
        assert_eq!((*direction, policies.len()), (Direction::Ingress, 1));
    }
    for from in ["node/n1", "172.18.0.2", "kube-system/proxy"] {
        let answer = ask(&cluster, from, "default/a");
        assert_eq!((answer.verdict, builtin(&answer)), (Verdict::Allow, Some("host-to-own-pod")), "{from}");
    }
    assert_eq!(ask(&cluster, "default/a", "default/b").verdict, Verdict::Allow);
}

#[test]
fn both_ends_have_to_agree_on_one_node_and_across_nodes() {
    for receiver in ["b", "c"] {
        let to = format!("default/{receiver}");
        let ingress = policy(
            "in",
            &format!("app == '{receiver}'"),
            &[Direction::Ingress],
            &[(Direction::Ingress, allow(3, 80, &[]))],
        );
        let egress =
            policy("out", "app == 'a'", &[Direction::Egress], &[(Direction::Egress, allow(1, 80, &[]))]);
        let shut =
            policy("out", "app == 'a'", &[Direction::Egress], &[(Direction::Egress, allow(1, 81, &[]))]);

        let both = ask(&cluster_of(world().into_iter().chain([ingress.clone(), egress])), "default/a", &to);
        assert_eq!((both.verdict, both.path.len()), (Verdict::Allow, 2));
        let Reason::Rule { direction, index, policy, .. } = &both.by.reason else { panic!("{:?}", both.by) };
        assert_eq!((*direction, *index, policy.name.as_ref()), (Direction::Ingress, 3, "in"));

        let denied = ask(&cluster_of(world().into_iter().chain([ingress, shut])), "default/a", &to);
        assert_eq!((denied.verdict, denied.by.reason.direction()), (Verdict::Deny, Some(Direction::Egress)));
        assert_eq!(denied.path.len(), 1, "the packet does not get to the receiver");
    }
}

#[test]
fn a_node_comes_to_the_pods_of_another_with_its_address() {
    let rule = allow(0, 80, &["172.18.0.3/32"]);
    let probes = policy("probes", "app == 'a'", &[Direction::Ingress], &[(Direction::Ingress, rule)]);
    let cluster = cluster_of(world().into_iter().chain([probes]));
    assert_eq!(ask(&cluster, "node/n2", "default/a").verdict, Verdict::Allow);
    assert_eq!(ask(&cluster, "default/c", "default/a").verdict, Verdict::Deny);
}

#[test]
fn the_action_for_traffic_to_the_own_node_comes_behind_egress_policy() {
    use crate::{
        compile::Options,
        settings::{EndpointToHost, Layer},
    };
    let to_node = |endpoint_to_host, port| {
        let rule = (Direction::Egress, allow(0, port, &[]));
        let resources =
            world().into_iter().chain([policy("out", "app == 'a'", &[Direction::Egress], &[rule])]);
        let store = cluster_of(resources).store().clone();
        let cluster = Cluster::new(
            store,
            Options {
                layer: Layer { endpoint_to_host: Some(endpoint_to_host), ..Layer::default() },
                ..Options::default()
            },
        );
        ask(&cluster, "default/a", "node/n1")
    };
    let open = to_node(EndpointToHost::Accept, 80);
    assert_eq!((open.verdict, builtin(&open)), (Verdict::Allow, None));
    let dropped = to_node(EndpointToHost::Drop, 80);
    assert_eq!((dropped.verdict, builtin(&dropped)), (Verdict::Deny, Some("endpoint-to-host")));
    let denied = to_node(EndpointToHost::Accept, 81);
    assert_eq!((denied.verdict, builtin(&denied)), (Verdict::Deny, Some("end-of-tier")));
}

#[test]
fn a_pod_of_no_namespace_is_closed() {
    let stray = pod("nowhere", "x", Some("n1"), PodState::Active, &["10.0.1.9"]);
    let cluster = cluster_of(world().into_iter().chain([stray]));
    let answer = ask(&cluster, "default/a", "nowhere/x");
    assert_eq!((answer.verdict, builtin(&answer)), (Verdict::Deny, Some("profile")));
}

#[test]
fn after_a_deny_each_rule_says_what_it_wants() {
    let (ingress, egress) = (Direction::Ingress, Direction::Egress);
    let resources = [
        policy(
            "one",
            "app == 'a'",
            &[ingress],
            &[(ingress, allow(0, 81, &[])), (ingress, allow(1, 80, &["10.9.0.0/16"]))],
        ),
        policy("two", "app == 'a'", &[ingress], &[(ingress, allow(0, 80, &["fd00::/8"]))]),
        policy("out", "app == 'b'", &[egress], &[]),
    ];
    let cluster = cluster_of(world().into_iter().chain(resources));
    let flow = Flow::tcp(peer("default/c"), peer("default/a"), 80);
    let answer = cluster.verdict(&flow).unwrap();
    assert_eq!(answer.verdict, Verdict::Deny);
    let misses = cluster.misses(&flow, &answer.by).unwrap();
    let told: Vec<_> =
        misses.iter().map(|miss| (miss.policy.name.as_ref(), miss.index, &miss.cause)).collect();
    let condition = |cause: &Cause| match cause {
        Cause::Family => None,
        Cause::Condition { condition, .. } => Some(condition.clone()),
    };
    let port = Match::Port(PortSide::Destination, Operator::Is, vec![PortRange::single(81)]);
    let net = Match::Net(AddressSide::Source, Operator::Is, "10.9.0.0/16".parse().unwrap());
    assert_eq!(
        told.iter().map(|(name, index, _)| (*name, *index)).collect::<Vec<_>>(),
        [("one", 0), ("one", 1), ("two", 0)]
    );
    assert_eq!(
        told.iter().map(|(_, _, cause)| condition(cause)).collect::<Vec<_>>(),
        [Some(port), Some(net), None]
    );

    // The sender's own policy stops it first; what the receiver would say is known nevertheless.
    for from in ["default/b", "default/c"] {
        let beyond = cluster.receiver(&Flow::tcp(peer(from), peer("default/a"), 80)).unwrap();
        assert_eq!((beyond.len(), beyond[0].verdict), (1, Verdict::Deny), "{from}");
        assert_eq!(beyond[0].reason.direction(), Some(ingress));
    }
    assert_eq!(cluster.receiver(&Flow::tcp(peer("node/n1"), peer("default/a"), 80)), Ok(Vec::new()));
}

#[test]
fn of_the_alternatives_of_a_rule_the_one_that_got_furthest_is_told() {
    let mut rule = allow(0, 81, &["10.0.2.0/24"]);
    rule.destination.ports.push(Port::Named("web".into()));
    let resource = policy("one", "app == 'a'", &[Direction::Ingress], &[(Direction::Ingress, rule)]);
    let cluster = cluster_of(world().into_iter().chain([resource]));
    let flow = Flow::tcp(peer("default/c"), peer("default/a"), 80);
    let misses = cluster.misses(&flow, &cluster.verdict(&flow).unwrap().by).unwrap();
    let [miss] = misses.as_slice() else { panic!("{misses:?}") };
    let Cause::Condition { condition, set } = &miss.cause else { panic!("{miss:?}") };
    assert!(matches!(condition, Match::AddressPortInSet(AddressSide::Destination, ..)), "{condition:?}");
    assert!(set.as_ref().is_some_and(|set| set.contains("web")), "{set:?}");
}
