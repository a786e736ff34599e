//! What a trace is read as.

use std::sync::Arc;

use crate::{
    evaluate::{Outcome, Step},
    name::ObjectName,
    nft::Hook,
    origin::{Builtin, Origin},
    policy::{Action, Direction, PolicyKey, PolicyKind},
    verdict::{
        Answer, Decision, Place, Reason, Verdict,
        route::{Crossing, Link},
    },
};

fn key(name: &str) -> PolicyKey {
    PolicyKey { kind: PolicyKind::NetworkPolicy, namespace: Some("default".into()), name: name.into() }
}

fn rule(name: &str, direction: Direction, index: u32) -> Origin {
    Origin::Rule { tier: "default".into(), policy: key(name), direction, index }
}

fn jump(name: &str, direction: Direction) -> Origin {
    Origin::Policy { tier: "default".into(), policy: key(name), direction }
}

fn end(direction: Direction) -> Origin {
    Origin::EndOfTier { tier: "default".into(), direction, policies: vec![key("p"), key("q")] }
}

/// What is read from a packet from pod `a` to pod `b`, for policies and the verdict by. Rules of policies named `log` and `pass` do so.
fn read(hook: Hook, outcome: Outcome, origins: impl IntoIterator<Item = Origin>) -> Vec<Decision> {
    let [sender, receiver] = ["a", "b"].map(|name| Place::Pod(ObjectName::new("default", name)));
    let pod = |name, is: bool| is.then(|| ObjectName::new("default", name));
    let crossing = Crossing {
        node: "n1".into(),
        sender: pod("a", hook != Hook::Output),
        receiver: pod("b", hook != Hook::Input),
        hook,
        link: Link::Network,
    };
    let step = |origin| Step { chain: "chain".into(), rule: 0, origin: Arc::new(origin) };
    let steps: Vec<_> = origins.into_iter().map(step).collect();
    let place = |step: &Step| match Reason::from(&*step.origin).direction() {
        Some(Direction::Egress) => Some(&sender),
        Some(Direction::Ingress) => Some(&receiver),
        None => None,
    };
    let path: Vec<_> = steps.iter().map(|step| (place(step), step)).collect();
    let action = |policy: &PolicyKey, _, _| match &*policy.name {
        "log" => Some(Action::Log),
        "pass" => Some(Action::Pass),
        "unknown" => None,
        _ => Some(Action::Allow),
    };
    Decision::of(outcome, &path, &crossing, &action)
}

fn reasons(decisions: &[Decision]) -> Vec<(Verdict, Reason)> {
    decisions.iter().map(|decision| (decision.verdict, decision.reason.clone())).collect()
}

const DISPATCH: Origin = Origin::Builtin(Builtin::Dispatch);
const LAST: Origin = Origin::Builtin(Builtin::NoPolicy);

#[test]
fn each_end_has_its_decision_and_the_receiver_is_named() {
    use Direction::{Egress, Ingress};
    let origins = [
        DISPATCH,
        jump("out", Egress),
        rule("out", Egress, 1),
        DISPATCH,
        jump("in", Ingress),
        rule("in", Ingress, 2),
    ];
    let decisions = read(Hook::Forward, Outcome::Accepted, origins);
    let expected = [rule("out", Egress, 1), rule("in", Ingress, 2)]
        .map(|origin| (Verdict::Allow, Reason::from(&origin)));
    assert_eq!(reasons(&decisions), expected);
    assert_eq!(decisions[0].at, Some(Place::Pod(ObjectName::new("default", "a"))));
    assert_eq!(decisions[1].at, Some(Place::Pod(ObjectName::new("default", "b"))));
    assert_eq!(Answer::of(decisions.clone()).by, decisions[1]);
}

#[test]
fn a_policy_is_named_before_a_profile() {
    use Direction::{Egress, Ingress};
    let origins = [rule("out", Egress, 0), DISPATCH, Origin::Profile { direction: Ingress }];
    let decisions = read(Hook::Forward, Outcome::Accepted, origins);
    assert_eq!(Answer::of(decisions.clone()).by, decisions[0]);
    assert_eq!(decisions.len(), 2);
}

#[test]
fn rules_that_log_or_pass_do_not_decide() {
    let egress = Direction::Egress;
    let origins = [rule("log", egress, 0), rule("pass", egress, 1), end(egress)];
    let decisions = read(Hook::Forward, Outcome::Dropped, origins.clone());
    assert_eq!(reasons(&decisions), [(Verdict::Deny, Reason::from(&end(egress)))]);
    // The jump into a tier with pass rules bears the origin of the tier's end, and stands before the rule that decides.
    let origins = [end(egress), rule("pass", egress, 1), Origin::Profile { direction: egress }, LAST];
    let decisions = read(Hook::Forward, Outcome::Accepted, origins);
    assert_eq!(reasons(&decisions), [(Verdict::Allow, Reason::Profile { direction: egress })]);
    // Where nothing stands behind a pass, nobody decided.
    let decisions = read(Hook::Forward, Outcome::Accepted, [rule("log", egress, 0), rule("pass", egress, 1)]);
    assert_eq!(decisions, [Decision::no_policy()]);
    let decisions = read(Hook::Forward, Outcome::Accepted, [rule("unknown", egress, 1)]);
    assert_eq!(reasons(&decisions), [(Verdict::Allow, Reason::from(&rule("unknown", egress, 1)))]);
}

#[test]
fn a_drop_is_a_deny_whatever_dropped() {
    let egress = Direction::Egress;
    let unknown = Origin::Builtin(Builtin::UnknownInterface);
    let decisions =
        read(Hook::Forward, Outcome::Dropped, [rule("out", egress, 0), DISPATCH, unknown.clone()]);
    assert_eq!(
        reasons(&decisions),
        [(Verdict::Allow, Reason::from(&rule("out", egress, 0))), (Verdict::Deny, Reason::from(&unknown))]
    );
    for origins in [vec![], vec![DISPATCH], vec![jump("p", egress)]] {
        let answer = Answer::of(read(Hook::Forward, Outcome::Dropped, origins.clone()));
        assert_eq!(answer.verdict, Verdict::Deny, "{origins:?}");
    }
}

#[test]
fn the_node_speaks_last_about_its_own_traffic() {
    let egress = Direction::Egress;
    let profile = Origin::Profile { direction: egress };
    let by = |hook, origins: Vec<Origin>| Answer::of(read(hook, Outcome::Accepted, origins)).by.reason;
    assert_eq!(by(Hook::Input, vec![profile, LAST]).builtin(), Some("endpoint-to-host"));
    let allowed = rule("out", egress, 0);
    assert_eq!(by(Hook::Input, vec![allowed.clone(), LAST]), Reason::from(&allowed));
    let discovery = Origin::Builtin(Builtin::NeighbourDiscovery);
    assert_eq!(by(Hook::Input, vec![discovery]).builtin(), Some("neighbour-discovery"));
    let to_pod = Origin::Builtin(Builtin::HostToOwnPod);
    assert_eq!(by(Hook::Output, vec![to_pod]).builtin(), Some("host-to-own-pod"));
}
