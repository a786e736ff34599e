use std::sync::Arc;

use super::*;
use crate::net_set::NetSet;
use crate::nft::{
    BaseChain, ChainKind, Elements, Hook, InterfaceSide, Set, Statement,
    example::{based, chain, forward, goto, interface_map, interval, rule, ruleset, set, statements_rule},
};
use Family::V4;

/// The kinds of operations, batch by batch.
fn outline(from: &Ruleset, to: &Ruleset) -> Vec<Vec<String>> {
    let kind = |operation: &Operation| {
        let text = format!("{operation:?}");
        text.split(['(', ' ']).next().unwrap_or_default().to_owned()
    };
    diff(Some(from), to).batches.iter().map(|batch| batch.operations.iter().map(kind).collect()).collect()
}

fn dispatch() -> crate::nft::Rule {
    statements_rule([Statement::InterfaceMap(InterfaceSide::In, "m".into())])
}

#[test]
fn an_endpoint_that_comes_is_prepared_before_the_old_map_leads_to_it() {
    let before = ruleset([forward([dispatch()])], [interface_map("m", &[])]);
    let pod = chain("pod", [rule([], Verdict::Drop)]);
    let after = ruleset([forward([dispatch()]), pod], [interface_map("m", &[("cali1", goto("pod"))])]);
    assert_eq!(outline(&before, &after), [vec!["AddChain", "AppendRules"], vec!["AddElements"]]);
    assert_eq!(outline(&after, &before), [vec!["DeleteElements"], vec!["FlushChain", "DeleteChain"]]);
}

#[test]
fn an_endpoint_that_comes_by_a_jump_comes_with_the_element_that_leads_to_it() {
    let jump = |chain: &str| Verdict::Jump(chain.into());
    let map = |elements: &[(&str, Verdict)]| interface_map("m", elements);
    let pod = || chain("pod", [rule([], Verdict::Drop)]);
    let before = ruleset([forward([dispatch()])], [map(&[])]);
    let after = ruleset([forward([dispatch()]), pod()], [map(&[("cali1", jump("pod"))])]);
    assert_eq!(outline(&before, &after), [vec!["AddChain", "AppendRules", "AddElements"]]);

    // Under way, the packet would find neither what the element said before nor what it says now.
    let other = ruleset([forward([dispatch()])], [map(&[("cali1", Verdict::Accept)])]);
    assert_eq!(
        outline(&other, &after),
        [vec!["AddChain", "AppendRules"], vec!["DeleteElements", "AddElements"]]
    );
    let besides = ruleset([forward([dispatch()])], [map(&[("cali2", Verdict::Accept)])]);
    assert_eq!(outline(&besides, &after), [vec!["AddChain", "AppendRules", "DeleteElements", "AddElements"]]);
}

#[test]
fn a_chain_that_only_rules_lead_to_comes_in_the_same_batch() {
    let before = ruleset([forward([])], []);
    let after = ruleset([forward([rule([], goto("a"))]), chain("a", [rule([], Verdict::Drop)])], []);
    assert_eq!(outline(&before, &after), [vec!["AddChain", "AppendRules", "AppendRules"]]);
}

#[test]
fn another_verdict_is_deleted_and_added_in_one_batch() {
    let with = |verdict| ruleset([forward([dispatch()])], [interface_map("m", &[("cali1", verdict)])]);
    assert_eq!(
        outline(&with(Verdict::Drop), &with(Verdict::Accept)),
        [vec!["DeleteElements", "AddElements"]]
    );
}

#[test]
fn an_interval_that_grows_is_deleted_first() {
    let with = |last| {
        ruleset([], [set("s", Elements::Intervals([interval("10.0.0.0", last)].into_iter().collect()))])
    };
    let (small, large) = (with("10.0.0.3"), with("10.0.0.7"));
    assert_eq!(outline(&small, &large), [vec!["DeleteElements", "AddElements"]]);
}

#[test]
fn what_cannot_be_changed_in_place_replaces_the_table_of_its_family_only() {
    let elements = || Elements::Intervals([interval("10.0.0.0", "10.0.0.3")].into_iter().collect());
    let plain = set("s", elements());
    let before = ruleset([], [Arc::clone(&plain)]);
    let bounded = Arc::new(Set { capacity: Some(4), ..(*plain).clone() });
    let renamed = Arc::new(Set { comment: "other".into(), ..(*plain).clone() });
    let retyped = set("s", Elements::Addresses(Default::default()));
    let replaced = ["AddTable", "DeleteTable", "AddTable", "AddSet"];
    for other in [bounded, renamed, retyped] {
        let after = ruleset([], [other]);
        let batches = outline(&before, &after);
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0][..4], replaced);
        let transaction = diff(Some(&before), &after);
        assert!(transaction.batches[0].operations.iter().all(|operation| operation.family() == V4));
        assert_eq!(before.apply(&transaction.batches[0]).unwrap(), after);
    }
    let hooked = ruleset([forward([])], []);
    let unhooked = ruleset([chain("forward", [])], []);
    assert_eq!(outline(&hooked, &unhooked), [["AddTable", "DeleteTable", "AddTable", "AddChain"]]);
}

#[test]
fn a_base_chain_comes_filled_moves_in_one_batch_and_goes_whole() {
    let at = |hook, priority| {
        let base = BaseChain { hook, priority, kind: ChainKind::Filter };
        ruleset([forward([]), based("guard", base, [rule([], Verdict::Drop)])], [])
    };
    let without = ruleset([forward([])], []);
    assert_eq!(outline(&without, &at(Hook::Input, 0)), [["AddChain", "AppendRules"]]);
    assert_eq!(outline(&at(Hook::Input, 0), &without), [["FlushChain", "DeleteChain"]]);
    let moved = [["FlushChain", "DeleteChain", "AddChain", "AppendRules"]];
    assert_eq!(outline(&at(Hook::Input, 0), &at(Hook::Input, 1)), moved);
    assert_eq!(outline(&at(Hook::Input, 0), &at(Hook::Prerouting, 0)), moved);
}

#[test]
fn nothing_known_replaces_both_tables_in_one_batch() {
    let transaction = diff(None, &ruleset([forward([])], []));
    assert_eq!(transaction.batches.len(), 1);
    let families = transaction.batches[0].operations.iter().map(Operation::family);
    assert!(Family::ALL.iter().all(|family| families.clone().any(|touched| touched == *family)));
}

/// What is the same pointer is not looked into: one element more costs what the tree is deep, not what it is large.
#[test]
fn one_member_more_of_many_is_one_element() {
    let many = |count: u32| {
        (0..count).map(|number| ipnet::IpNet::from(std::net::IpAddr::from(number.to_be_bytes())))
    };
    let old: NetSet = many(100_000).collect();
    let mut new = old.clone();
    new.insert(std::net::IpAddr::from([192, 0, 2, 1]).into());
    let with = |members: &NetSet| ruleset([], [set("s", Elements::Addresses(members.clone()))]);
    let transaction = diff(Some(&with(&old)), &with(&new));
    let [batch] = transaction.batches.as_slice() else { panic!("{transaction:?}") };
    let [Operation::AddElements(_, _, elements)] = batch.operations.as_slice() else { panic!("{batch:?}") };
    assert_eq!(elements, &[Element::Address([192, 0, 2, 1].into())]);
}
