use super::*;
use crate::{
    nft::{
        AddressSide, CtState, Hook, InterfaceMatch, Match, Operator, PortSide,
        example::{chain, forward, goto, interface_map, interval, jump, rule, ruleset, set, statements_rule},
    },
    packet::Tracking,
    port::PortRange,
    protocol::Protocol,
};
use Outcome::{Accepted, Dropped};

fn packet(payload: Payload) -> Packet {
    Packet {
        hook: Hook::Forward,
        in_interface: Some("cali1".into()),
        out_interface: Some("eth0".into()),
        source: "10.0.0.1".parse().unwrap(),
        destination: "10.0.0.2".parse().unwrap(),
        payload,
        tracking: Tracking::New,
        dialled: None,
    }
}

fn tcp() -> Packet {
    packet(Payload::Ports { protocol: Protocol::TCP, source: 40000, destination: 80 })
}

fn icmp(kind: u8, code: u8) -> Packet {
    packet(Payload::Icmp { protocol: Protocol::ICMP, kind, code })
}

/// The outcome and the way, as `chain:place`.
fn way(ruleset: &Ruleset, packet: &Packet) -> (Outcome, Vec<String>) {
    let trace = evaluate(ruleset, packet);
    (trace.outcome, trace.path.iter().map(|step| format!("{}:{}", step.chain, step.rule)).collect())
}

/// Whether a condition holds: its rule drops.
fn holds(condition: Match, packet: &Packet) -> bool {
    evaluate(&ruleset([forward([rule([condition], Verdict::Drop)])], []), packet).outcome == Dropped
}

#[test]
fn a_jump_comes_back_and_a_goto_comes_back_behind_the_last_jump() {
    let rules = ruleset(
        [
            forward([rule([], jump("a")), rule([], Verdict::Drop)]),
            chain("a", [rule([], goto("b")), rule([], Verdict::Accept)]),
            chain("b", []),
        ],
        [],
    );
    assert_eq!(way(&rules, &tcp()), (Dropped, vec!["forward:0".into(), "a:0".into(), "forward:1".into()]));
}

#[test]
fn behind_a_goto_from_the_base_chain_is_its_policy() {
    for end in [None, Some(rule([], Verdict::Return))] {
        let base = forward([rule([], goto("a")), rule([], Verdict::Drop)]);
        let rules = ruleset([base, chain("a", end)], []);
        assert_eq!(way(&rules, &tcp()).0, Accepted);
    }
}

#[test]
fn return_leaves_the_chain_and_in_a_base_chain_accepts() {
    let inner = [rule([], Verdict::Return), rule([], Verdict::Drop)];
    let base = forward([rule([], jump("a")), rule([], Verdict::Return), rule([], Verdict::Drop)]);
    let (outcome, path) = way(&ruleset([base, chain("a", inner)], []), &tcp());
    assert_eq!((outcome, path.join(" ")), (Accepted, "forward:0 a:0 forward:1".to_owned()));
}

#[test]
fn a_map_without_the_key_goes_on_with_the_next_rule() {
    let lookup = || statements_rule([Statement::InterfaceMap(InterfaceSide::In, "m".into())]);
    let base = || forward([lookup(), rule([], Verdict::Drop)]);
    let admitting = ruleset([base()], [interface_map("m", &[("cali1", Verdict::Accept)])]);
    let other = ruleset([base()], [interface_map("m", &[("cali2", Verdict::Accept)])]);
    assert_eq!(way(&admitting, &tcp()), (Accepted, vec!["forward:0".into()]));
    assert_eq!(way(&other, &tcp()), (Dropped, vec!["forward:1".into()]));
    let mut local = tcp();
    local.in_interface = None;
    assert_eq!(way(&admitting, &local).0, Dropped);
}

#[test]
fn log_is_on_the_path_and_decides_nothing() {
    let log = statements_rule([Statement::Counter, Statement::Log("x".into())]);
    let silent = statements_rule([Statement::Counter]);
    let rules = ruleset([forward([silent, log, rule([], Verdict::Drop)])], []);
    assert_eq!(way(&rules, &tcp()), (Dropped, vec!["forward:1".into(), "forward:2".into()]));
}

#[test]
fn what_the_kernel_would_not_load_drops() {
    let looping = ruleset([forward([rule([], goto("a"))]), chain("a", [rule([], goto("a"))])], []);
    assert_eq!(evaluate(&looping, &tcp()).outcome, Dropped);
    let recursion = ruleset([forward([rule([], jump("a"))]), chain("a", [rule([], jump("a"))])], []);
    assert_eq!(evaluate(&recursion, &tcp()).outcome, Dropped);
    assert_eq!(evaluate(&ruleset([forward([rule([], jump("gone"))])], []), &tcp()).outcome, Dropped);
}

#[test]
fn ports_of_what_has_none_match_under_no_operator() {
    for operator in [Operator::Is, Operator::IsNot] {
        let port = || Match::Port(PortSide::Destination, operator, vec![PortRange::single(80)]);
        assert_eq!(holds(port(), &tcp()), operator == Operator::Is);
        assert!(!holds(port(), &icmp(8, 0)));
        assert!(!holds(port(), &packet(Payload::Other(Protocol(50)))));
        assert!(!holds(Match::IcmpType(operator, 8), &tcp()));
        assert!(!holds(Match::IcmpTypeCode(operator, 8, 0), &tcp()));
    }
}

#[test]
fn not_type_and_code_is_one_negation() {
    let not = || Match::IcmpTypeCode(Operator::IsNot, 3, 4);
    assert!(!holds(not(), &icmp(3, 4)));
    assert!(holds(not(), &icmp(3, 0)));
    assert!(holds(not(), &icmp(8, 4)));
}

#[test]
fn address_and_port_are_of_the_same_end() {
    let member = |address: &str, port| crate::ir::AddressPort {
        address: address.parse().unwrap(),
        protocol: Protocol::TCP,
        port,
    };
    let admits = |member, side, operator, packet: &Packet| {
        let members = set("s", Elements::AddressPorts([member].into_iter().collect()));
        let base = forward([rule([Match::AddressPortInSet(side, operator, "s".into())], Verdict::Drop)]);
        evaluate(&ruleset([base], [members]), packet).outcome == Dropped
    };
    let (is, not) = (Operator::Is, Operator::IsNot);
    assert!(admits(member("10.0.0.2", 80), AddressSide::Destination, is, &tcp()));
    assert!(admits(member("10.0.0.1", 40000), AddressSide::Source, is, &tcp()));
    assert!(!admits(member("10.0.0.1", 80), AddressSide::Source, is, &tcp()));
    assert!(!admits(member("10.0.0.2", 80), AddressSide::Destination, not, &tcp()));
    assert!(!admits(member("10.0.0.2", 80), AddressSide::Destination, is, &icmp(8, 0)));
    assert!(admits(member("10.0.0.2", 80), AddressSide::Destination, not, &icmp(8, 0)));
}

#[test]
fn intervals_hold_both_their_ends() {
    let of = |first, last| set("s", Elements::Intervals([interval(first, last)].into_iter().collect()));
    let base =
        || forward([rule([Match::InSet(AddressSide::Source, Operator::Is, "s".into())], Verdict::Drop)]);
    let hit = |set| evaluate(&ruleset([base()], [set]), &tcp()).outcome == Dropped;
    assert!(hit(of("10.0.0.1", "10.0.0.9")));
    assert!(hit(of("9.0.0.0", "10.0.0.1")));
    assert!(!hit(of("10.0.0.2", "10.0.0.9")));
    assert!(!hit(of("9.0.0.0", "10.0.0.0")));
}

mod connection;

#[test]
fn interfaces_states_and_the_hook() {
    let name = |operator, name: &str| {
        Match::Interface(InterfaceSide::In, operator, InterfaceMatch::Exact(name.into()))
    };
    assert!(holds(name(Operator::Is, "cali1"), &tcp()));
    assert!(!holds(name(Operator::Is, "cali"), &tcp()));
    assert!(holds(
        Match::Interface(InterfaceSide::In, Operator::Is, InterfaceMatch::Prefix("cali".into())),
        &tcp()
    ));
    let mut local = tcp();
    local.in_interface = None;
    assert!(holds(name(Operator::IsNot, "cali1"), &local), "no interface has the empty name");
    assert!(!holds(Match::LocalDestination, &tcp()));
    for (tracking, established, invalid) in [
        (Tracking::New, false, false),
        (Tracking::Established, true, false),
        (Tracking::Invalid, false, true),
        (Tracking::Untracked, false, false),
    ] {
        let packet = Packet { tracking, ..tcp() };
        assert_eq!(holds(Match::Ct(Operator::Is, CtState::EstablishedOrRelated), &packet), established);
        assert_eq!(holds(Match::Ct(Operator::Is, CtState::Invalid), &packet), invalid);
    }
}
