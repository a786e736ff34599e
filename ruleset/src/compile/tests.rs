//! Laws of the layout.

mod strategy;

use proptest::{collection::vec, option, prelude::*, sample::select, strategy::ValueTree as _};
use strategy::{ADDRESSES, PORTS, node_policy};

use super::{Compiler, Options, compile};
use crate::{
    address::Family,
    evaluate::evaluate,
    ir::NodePolicy,
    name::InterfaceName,
    nft::Hook,
    origin::Origin,
    packet::{Packet, Payload, Tracking},
    protocol::Protocol,
};

fn options(rules_without_index: usize) -> Options {
    Options { rules_without_index, ..Options::default() }
}

fn packet() -> impl Strategy<Value = Packet> {
    let ports = (select(&[Protocol::TCP, Protocol::UDP][..]), select(&PORTS[..]), select(&PORTS[..]));
    let ports =
        ports.prop_map(|(protocol, source, destination)| Payload::Ports { protocol, source, destination });
    let icmp = (select(&[Protocol::ICMP, Protocol::ICMPV6][..]), 7..9u8, 0..2u8);
    let icmp = icmp.prop_map(|(protocol, kind, code)| Payload::Icmp { protocol, kind, code });
    let payload = prop_oneof![4 => ports, 1 => icmp, 1 => Just(Payload::Other(Protocol(253)))];
    let interface = || option::of((0..4usize).prop_map(|index| InterfaceName::new(format!("cali{index}"))));
    (0..3usize, 0..3usize, 0..2usize, payload, interface(), interface()).prop_map(
        |(from, to, family, payload, in_interface, out_interface)| Packet {
            hook: Hook::Forward,
            in_interface: in_interface.or_else(|| Some(InterfaceName::from("eth0"))),
            out_interface: out_interface.or_else(|| Some(InterfaceName::from("eth0"))),
            source: ADDRESSES[family * 3 + from].parse().unwrap(),
            destination: ADDRESSES[family * 3 + to].parse().unwrap(),
            payload,
            tracking: Tracking::New,
            dialled: None,
        },
    )
}

/// What decided about a packet, as a person would be told.
fn decided(
    policy: &NodePolicy,
    options: &Options,
    packet: &Packet,
) -> (crate::evaluate::Outcome, Vec<Origin>) {
    let trace = evaluate(&compile(policy, options), packet);
    let deciding = trace.path.iter().map(|step| (*step.origin).clone());
    // Jumps differ between the layouts; rules that match must not.
    (
        trace.outcome,
        deciding.filter(|origin| matches!(origin, Origin::Rule { .. } | Origin::Profile { .. })).collect(),
    )
}

proptest! {
    #[test]
    fn the_port_index_changes_no_verdict_and_no_reason(policy in node_policy(), packets in vec(packet(), 16)) {
        for packet in packets {
            prop_assert_eq!(decided(&policy, &options(0), &packet), decided(&policy, &options(usize::MAX), &packet));
        }
    }

    #[test]
    fn compiling_step_by_step_gives_what_compiling_the_last_gives(policies in vec(node_policy(), 1..5), indexed in any::<bool>()) {
        let options = options(if indexed { 0 } else { 32 });
        let mut compiler = Compiler::new(options.clone());
        for policy in &policies {
            prop_assert_eq!(compiler.compile(policy), compile(policy, &options));
        }
    }

    #[test]
    fn whatever_a_rule_refers_to_exists(policy in node_policy(), indexed in any::<bool>()) {
        let ruleset = compile(&policy, &options(if indexed { 0 } else { 32 }));
        let batch = crate::diff::diff(None, &ruleset);
        let applied = batch.batches.iter().try_fold(crate::nft::Ruleset::default(), |ruleset, batch| ruleset.apply(batch));
        prop_assert_eq!(applied, Ok(ruleset));
    }
}

#[test]
fn an_endpoint_shares_its_chains_until_it_changes() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let policy = node_policy().new_tree(&mut runner).unwrap().current();
    let mut compiler = Compiler::new(options(0));
    let before = compiler.compile(&policy);
    let after = compiler.compile(&policy);
    for family in Family::ALL {
        assert!(
            before.table(family).chains.ptr_eq(&after.table(family).chains),
            "nothing changed, so nothing is new"
        );
        assert!(before.table(family).sets.ptr_eq(&after.table(family).sets));
    }
}
