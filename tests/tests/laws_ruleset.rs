//! Laws 3 and 4 over arbitrary rulesets (see `ARCHITECTURE.md`).

use std::sync::Arc;

use ferrule_ruleset::{
    address::{Family, PerFamily},
    diff::{Batch, Operation, RuleEdit, Transaction, diff},
    evaluate::{Outcome, evaluate},
    name::ChainName,
    nft::{Chain, Element, Rule, Ruleset, Set, Statement, Table, Verdict},
    origin::{Builtin, Origin},
    packet::Packet,
    render::{self, render},
};
use ferrule_tests::arbitrary;
use proptest::{collection::vec, prelude::*};

/// Two rulesets: unrelated, or the second one partly of the first.
fn pair() -> impl Strategy<Value = (Ruleset, Ruleset)> {
    let blended = (arbitrary::ruleset(), arbitrary::ruleset(), vec(any::<u8>(), 64))
        .prop_map(|(one, other, choices)| (one.clone(), arbitrary::blend(&one, &other, &choices)));
    prop_oneof![3 => blended, 1 => (arbitrary::ruleset(), arbitrary::ruleset())]
}

/// The states behind each batch.
fn states(from: &Ruleset, transaction: &Transaction) -> Vec<Ruleset> {
    let mut states = vec![from.clone()];
    for batch in &transaction.batches {
        let last = &states[states.len() - 1];
        states.push(last.apply(batch).unwrap_or_else(|error| panic!("{error}\n{batch:#?}")));
    }
    states
}

/// The same value without any pointer in common, its maps built in another order.
fn rebuilt(ruleset: &Ruleset) -> Ruleset {
    let tables = PerFamily::from_fn(|family| {
        let table = ruleset.table(family);
        let mut copy = Table::default();
        for (name, chain) in table.chains.iter().rev() {
            copy.chains.insert(name.clone(), Arc::new((**chain).clone()));
        }
        for (name, set) in table.sets.iter().rev() {
            copy.sets.insert(name.clone(), Arc::new((**set).clone()));
        }
        copy
    });
    Ruleset { tables }
}

/// With a rule at the end of each base chain that drops.
fn with_last_rule_drop(ruleset: &Ruleset) -> Ruleset {
    let mut closed = ruleset.clone();
    for family in Family::ALL {
        let chains = &mut closed.tables.get_mut(family).chains;
        for (name, chain) in ruleset.table(family).chains.iter().filter(|(_, chain)| chain.base.is_some()) {
            let mut chain = Chain::clone(chain);
            let origin = Arc::new(Origin::Builtin(Builtin::Dispatch));
            chain.rules.push(Rule { statements: vec![Statement::Verdict(Verdict::Drop)], origin });
            chains.insert(name.clone(), Arc::new(chain));
        }
    }
    closed
}

/// Of a batch what is in force for a packet under way that came before it: new chains, of which it sees no rules, and the elements that lead to them from maps
/// that were there before.
fn elements_ahead(batch: &Batch) -> Batch {
    let is_new_chain = |family: Family, name: &ChainName| {
        let adds = |operation: &Operation| matches!(operation, Operation::AddChain(of, chain) if *of == family && chain.base.is_none() && chain.name == *name);
        batch.operations.iter().any(adds)
    };
    let is_new_set = |family: Family, set: &Arc<Set>| {
        batch.operations.contains(&Operation::AddSet(family, Arc::clone(set)))
            || batch.operations.contains(&Operation::DeleteTable(family))
    };
    let mut operations = Vec::new();
    for operation in &batch.operations {
        if let Operation::AddElements(family, set, elements) = operation {
            let leads = |element: &&Element| {
                element.verdict().and_then(Verdict::chain).is_some_and(|chain| is_new_chain(*family, chain))
            };
            let elements: Vec<Element> = elements.iter().filter(leads).cloned().collect();
            if !elements.is_empty() && !is_new_set(*family, set) {
                operations.push(Operation::AddElements(*family, Arc::clone(set), elements));
            }
        }
    }
    let chains = batch.operations.iter().filter(|operation| {
        matches!(operation, Operation::AddChain(family, chain)
            if chain.base.is_none() && !batch.operations.contains(&Operation::DeleteTable(*family)))
    });
    Batch { operations: chains.cloned().chain(operations).collect() }
}

fn admits(ruleset: &Ruleset, packet: &Packet) -> bool {
    evaluate(ruleset, packet).outcome == Outcome::Accepted
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn applying_the_difference_gives_the_target((a, b) in pair()) {
        let states = states(&a, &diff(Some(&a), &b));
        prop_assert_eq!(&states[states.len() - 1], &b);
    }

    #[test]
    fn replacing_gives_the_target_from_anywhere((a, b) in pair()) {
        let transaction = diff(None, &b);
        prop_assert_eq!(transaction.batches.len(), 1);
        let states = states(&a, &transaction);
        prop_assert_eq!(&states[1], &b);
    }

    #[test]
    fn nothing_to_do_is_nothing(a in arbitrary::ruleset()) {
        prop_assert!(diff(Some(&a), &a).is_empty());
        prop_assert!(diff(Some(&a), &rebuilt(&a)).is_empty());
    }

    #[test]
    fn no_state_in_between_opens((a, b) in pair(), closed in any::<bool>(), packets in vec(arbitrary::packet(), 200)) {
        // Where nothing decides, most packets are admitted; closed at the end, most are denied, and an opening shows.
        let (a, b) = if closed { (with_last_rule_drop(&a), with_last_rule_drop(&b)) } else { (a, b) };
        for state in states(&a, &diff(Some(&a), &b)) {
            for packet in &packets {
                let denied_by_both = !admits(&a, packet) && !admits(&b, packet);
                prop_assert!(!(denied_by_both && admits(&state, packet)), "{packet:?}");
            }
        }
    }

    /// Every beginning of a batch is something that the kernel could commit.
    #[test]
    fn every_prefix_of_a_batch_is_valid((a, b) in pair()) {
        let transaction = diff(Some(&a), &b);
        for (state, batch) in states(&a, &transaction).iter().zip(&transaction.batches) {
            for end in 0..batch.operations.len() {
                let prefix = Batch { operations: batch.operations[..end].to_vec() };
                prop_assert!(state.apply(&prefix).is_ok());
            }
        }
    }

    /// What a map that lives on leads to is filled in an earlier batch than the element, or is no trap while it is empty: a packet that meets such an element
    /// before the rules of its chain fares as it would without it.
    #[test]
    fn an_element_ahead_of_the_rules_it_leads_to_changes_nothing(
        (a, b) in pair(),
        packets in vec(arbitrary::packet(), 100),
    ) {
        let transaction = diff(Some(&a), &b);
        for (state, batch) in states(&a, &transaction).iter().zip(&transaction.batches) {
            // None where a key had another element before; that is never in one batch with its chain.
            let ahead = state.apply(&elements_ahead(batch));
            prop_assert!(ahead.is_ok(), "{ahead:?}");
            let Ok(ahead) = ahead else { continue };
            for packet in &packets {
                prop_assert_eq!(admits(&ahead, packet), admits(state, packet), "{:?}", packet);
            }
        }
    }

    /// Rules that both versions have in the same order are never touched.
    #[test]
    fn edits_leave_common_rules_alone(a in arbitrary::ruleset(), dropped in vec(any::<bool>(), 32)) {
        let mut b = a.clone();
        let mut dropped = dropped.into_iter().cycle();
        for family in Family::ALL {
            let table = b.tables.get_mut(family);
            for (name, chain) in a.table(family).chains.iter() {
                let mut chain = (**chain).clone();
                chain.rules.retain(|_| dropped.next() == Some(false));
                table.chains.insert(name.clone(), Arc::new(chain));
            }
        }
        for operation in diff(Some(&a), &b).batches.iter().flat_map(|batch| &batch.operations) {
            if let Operation::EditRules { edits, .. } = operation {
                let only_deletes = edits.iter().all(|edit| matches!(edit, RuleEdit::Delete(_)));
                prop_assert!(only_deletes, "{edits:?}");
            } else if let Operation::FlushChain(family, chain) = operation {
                prop_assert!(b.table(*family).chains[chain].rules.is_empty());
            } else {
                prop_assert!(false, "{operation:?}");
            }
        }
    }

    #[test]
    fn text_and_digests_are_of_the_value_alone(a in arbitrary::ruleset()) {
        let copy = rebuilt(&a);
        prop_assert_eq!(render(&a), render(&copy));
        for family in Family::ALL {
            let rules = a.table(family).chains.values().flat_map(|chain| &chain.rules);
            let copies = copy.table(family).chains.values().flat_map(|chain| &chain.rules);
            for (rule, copy) in rules.zip(copies) {
                prop_assert_eq!(render::digest(family, rule), render::digest(family, copy));
            }
        }
    }

    /// Two rules have one digest only if they are equal.
    #[test]
    fn digests_tell_rules_apart(a in arbitrary::ruleset()) {
        let rules: Vec<_> = a.tables.v4.chains.values().flat_map(|chain| &chain.rules).collect();
        for (place, one) in rules.iter().enumerate() {
            for other in &rules[place..] {
                let same = render::digest(Family::V4, one) == render::digest(Family::V4, other);
                prop_assert_eq!(same, one == other);
            }
            prop_assert_ne!(render::digest(Family::V4, one), render::digest(Family::V6, one));
        }
    }
}
