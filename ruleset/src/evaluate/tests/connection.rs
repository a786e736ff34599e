//! What connection tracking and devices say, and statements that are no conditions.

use super::*;
use crate::{
    nft::{BaseChain, FullyRandom, LimitSense, NatPorts, RateUnit, Reject, example::based},
    packet::Dialled,
};
use Operator::{Is, IsNot};

/// A packet that was for 10.96.0.1:443 and goes to 10.0.0.2:80.
fn translated() -> Packet {
    let dialled = Dialled { destination: "10.96.0.1".parse().unwrap(), port: Some(443) };
    Packet { dialled: Some(dialled), ..tcp() }
}

fn dialled(operator: Operator, net: &str) -> Match {
    Match::Net(AddressSide::Dialled, operator, net.parse().unwrap())
}

fn dialled_port(operator: Operator, port: u16) -> Match {
    Match::Port(PortSide::Dialled, operator, vec![PortRange::single(port)])
}

#[test]
fn the_dialled_destination_is_the_one_before_translation() {
    assert!(holds(dialled(Is, "10.96.0.0/12"), &translated()));
    assert!(holds(dialled(IsNot, "10.0.0.2/32"), &translated()));
    assert!(holds(dialled_port(Is, 443), &translated()));
    assert!(holds(dialled_port(IsNot, 80), &translated()));
    assert!(holds(dialled(Is, "10.0.0.2/32"), &tcp()), "its own where nothing was translated");
    assert!(holds(dialled_port(Is, 80), &tcp()));
    assert!(!holds(dialled_port(IsNot, 80), &icmp(8, 0)));
}

#[test]
fn without_an_entry_neither_operator_matches() {
    for tracking in [Tracking::Invalid, Tracking::Untracked] {
        let packet = Packet { tracking, ..translated() };
        for operator in [Is, IsNot] {
            let anyone = vec!["10.0.0.2".parse().unwrap(), "10.96.0.1".parse().unwrap()];
            assert!(!holds(dialled(operator, "10.96.0.1/32"), &packet));
            assert!(!holds(Match::AnyOf(AddressSide::Dialled, operator, anyone), &packet));
            assert!(!holds(dialled_port(operator, 443), &packet));
            assert!(!holds(Match::Translated(operator), &packet));
        }
        assert!(holds(Match::Ct(IsNot, CtState::New), &packet), "the state is there without an entry");
    }
}

#[test]
fn translation_states_and_devices() {
    assert!(holds(Match::Translated(Is), &translated()));
    assert!(holds(Match::Translated(IsNot), &tcp()));
    let states = [
        (Tracking::New, CtState::New),
        (Tracking::Established, CtState::EstablishedOrRelated),
        (Tracking::Invalid, CtState::Invalid),
        (Tracking::Untracked, CtState::Untracked),
    ];
    for (tracking, own) in states {
        for (_, state) in states {
            let packet = Packet { tracking, ..tcp() };
            assert_eq!(holds(Match::Ct(Is, state), &packet), state == own);
            assert_eq!(holds(Match::Ct(IsNot, state), &packet), state != own);
        }
    }
    let own = Packet { in_interface: None, ..tcp() };
    assert!(holds(Match::HasInterface(InterfaceSide::In, Is), &tcp()));
    assert!(holds(Match::HasInterface(InterfaceSide::In, IsNot), &own));
    assert!(!holds(Match::HasInterface(InterfaceSide::Out, IsNot), &own));
}

#[test]
fn limits_are_not_exceeded() {
    let limit = |sense| Statement::Limit(RateLimit { sense, packets: 1, per: RateUnit::Day, burst: 1 });
    for (statement, outcome) in [
        (limit(LimitSense::Over), Accepted),
        (limit(LimitSense::Under), Dropped),
        (Statement::ConnectionsOver(0), Accepted),
        (Statement::Notrack, Dropped),
        (Statement::Dscp(46), Dropped),
    ] {
        let dropping = statements_rule([statement.clone(), Statement::Verdict(Verdict::Drop)]);
        let table = &ruleset([], []).tables.v4;
        assert_eq!(first_miss(&dropping, &tcp(), table).is_some(), outcome == Accepted);
        assert_eq!(way(&ruleset([forward([dropping])], []), &tcp()).0, outcome, "{statement:?}");
    }
}

#[test]
fn rejections_and_translations_end() {
    let ports = NatPorts { range: None, fully_random: FullyRandom::Yes };
    let to = || "10.0.0.9".parse().unwrap();
    for (statement, outcome) in [
        (Statement::Reject(Reject::TcpReset), Dropped),
        (Statement::Reject(Reject::AdminProhibited), Dropped),
        (Statement::Masquerade(ports), Accepted),
        (Statement::SourceNat(to(), ports), Accepted),
        (Statement::DestinationNat(to()), Accepted),
    ] {
        let opposite = if outcome == Dropped { Verdict::Accept } else { Verdict::Drop };
        let rules = ruleset([forward([statements_rule([statement]), rule([], opposite)])], []);
        assert_eq!(way(&rules, &tcp()), (outcome, vec!["forward:0".into()]));
    }
}

#[test]
fn all_base_chains_of_a_hook_are_asked_in_order_and_those_that_translate_once_per_flow() {
    let base = |priority, kind| BaseChain { hook: Hook::Forward, priority, kind };
    let last = based("a", base(9, ChainKind::Filter), [rule([], Verdict::Drop)]);
    let first = based("b", base(-9, ChainKind::Filter), [rule([], Verdict::Accept)]);
    let rules = ruleset([last, first], []);
    assert_eq!(way(&rules, &tcp()), (Dropped, vec!["b:0".into(), "a:0".into()]));
    let rules = ruleset([based("n", base(0, ChainKind::Nat), [rule([], Verdict::Drop)])], []);
    assert_eq!(way(&rules, &tcp()).0, Dropped);
    let reply = Packet { tracking: Tracking::Established, ..tcp() };
    assert_eq!(way(&rules, &reply).0, Accepted);
}
