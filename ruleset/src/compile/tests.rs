//! Laws of the layout.

mod depth;
mod example;
mod packets;
mod reading;
mod strategy;

use packets::packet;
use proptest::{collection::vec, prelude::*, strategy::ValueTree as _};
use reading::Reading;
use strategy::{mixed, node_policy};

use super::{Compiler, Options, compile};
use crate::{address::Family, evaluate::evaluate, ir::NodePolicy, origin::Origin, packet::Packet};

fn options(rules_without_index: usize) -> Options {
    Options { rules_without_index, ..Options::default() }
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
    fn the_rules_do_what_the_intermediate_form_says(policy in node_policy(), packets in vec(packet(), 64), indexed in any::<bool>()) {
        let ruleset = compile(&policy, &options(if indexed { 0 } else { 32 }));
        for packet in packets {
            let trace = evaluate(&ruleset, &packet);
            let read = Reading { policy: &policy, packet: &packet }.outcome();
            prop_assert_eq!(trace.outcome, read, "{:?} took {:?}", packet, trace.path);
        }
    }

    #[test]
    fn compiling_step_by_step_gives_what_compiling_the_last_gives(
        first in node_policy(),
        steps in vec((node_policy(), prop_oneof![Just(u16::MAX), (0..9u16).prop_map(|bit| 1 << bit), any::<u16>()]), 1..5),
        indexed in any::<bool>(),
    ) {
        let options = options(if indexed { 0 } else { 32 });
        let mut compiler = Compiler::new(options.clone());
        let mut policy = first;
        compiler.compile(&policy);
        for (other, bits) in &steps {
            policy = mixed(&policy, other, *bits);
            prop_assert_eq!(compiler.compile(&policy), compile(&policy, &options));
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
