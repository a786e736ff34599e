use super::*;
use crate::{
    address::Family::V4,
    diff::diff,
    nft::{
        AddressSide, BaseChain, ChainKind, Elements, Hook, InterfaceSide, LimitSense, Match, NatPorts,
        Operator, RateLimit, RateUnit, Verdict,
        example::{
            based, chain, forward, goto, interface_map, interval, interval_element, jump, rule, ruleset, set,
            statements_rule,
        },
    },
};

fn refusal(ruleset: &Ruleset, operations: impl IntoIterator<Item = Operation>) -> Refusal {
    let batch = Batch { operations: operations.into_iter().collect() };
    ruleset.apply(&batch).unwrap_err().reason
}

fn intervals(intervals: &[(&str, &str)]) -> Arc<Set> {
    set("s", Elements::Intervals(intervals.iter().map(|(first, last)| interval(first, last)).collect()))
}

fn lookup(set: &str) -> Rule {
    rule([Match::InSet(AddressSide::Source, Operator::Is, set.into())], Verdict::Accept)
}

#[test]
fn what_is_there_and_what_is_not() {
    let a = chain("a", []);
    let s = intervals(&[]);
    let there = ruleset([Arc::clone(&a)], [Arc::clone(&s)]);
    let nothing = Ruleset::default();
    let named = || a.name.clone();
    assert_eq!(refusal(&there, [Operation::AddChain(V4, Arc::clone(&a))]), Refusal::ChainExists(named()));
    assert_eq!(refusal(&there, [Operation::AddSet(V4, Arc::clone(&s))]), Refusal::SetExists(s.name.clone()));
    assert_eq!(refusal(&nothing, [Operation::DeleteChain(V4, named())]), Refusal::NoChain(named()));
    assert_eq!(refusal(&nothing, [Operation::FlushChain(V4, named())]), Refusal::NoChain(named()));
    assert_eq!(refusal(&nothing, [Operation::DeleteSet(V4, s.name.clone())]), Refusal::NoSet(s.name.clone()));
    let replaced = [Operation::DeleteTable(V4), Operation::AddChain(V4, a)];
    assert_eq!(refusal(&there, replaced), Refusal::NoTable);
}

#[test]
fn what_is_referred_to_stays() {
    let base = forward([rule([], jump("a")), lookup("s")]);
    let rules = ruleset([base, chain("a", [])], [intervals(&[])]);
    assert_eq!(refusal(&rules, [Operation::DeleteChain(V4, "a".into())]), Refusal::ChainBusy("a".into()));
    assert_eq!(refusal(&rules, [Operation::DeleteSet(V4, "s".into())]), Refusal::SetBusy("s".into()));
    let released = [
        Operation::FlushChain(V4, "forward".into()),
        Operation::DeleteChain(V4, "a".into()),
        Operation::DeleteSet(V4, "s".into()),
    ];
    let batch = Batch { operations: released.to_vec() };
    assert_eq!(rules.apply(&batch).unwrap(), ruleset([forward([])], []));
    let pinned = ruleset([chain("a", [])], [interface_map("m", &[("eth0", goto("a"))])]);
    assert_eq!(refusal(&pinned, [Operation::DeleteChain(V4, "a".into())]), Refusal::ChainBusy("a".into()));
    let filled = ruleset([chain("a", [rule([], Verdict::Drop)])], []);
    assert_eq!(refusal(&filled, [Operation::DeleteChain(V4, "a".into())]), Refusal::ChainBusy("a".into()));
}

#[test]
fn rules_refer_to_what_is_there_and_fits() {
    let append = |rule| [Operation::AppendRules(V4, chain("a", [rule]))];
    let rules = ruleset([chain("a", []), forward([])], [intervals(&[])]);
    assert_eq!(refusal(&rules, append(rule([], jump("b")))), Refusal::NoChain("b".into()));
    assert_eq!(refusal(&rules, append(rule([], goto("forward")))), Refusal::BaseChain("forward".into()));
    assert_eq!(refusal(&rules, append(lookup("t"))), Refusal::NoSet("t".into()));
    let wrong = statements_rule([Statement::InterfaceMap(InterfaceSide::In, "s".into())]);
    assert_eq!(refusal(&rules, append(wrong)), Refusal::WrongType("s".into()));
}

#[test]
fn intervals_do_not_overlap_and_are_deleted_whole() {
    let held = intervals(&[("10.0.0.4", "10.0.0.8")]);
    let rules = ruleset([], [Arc::clone(&held)]);
    let add = |first, last| {
        let elements = vec![interval_element(first, last)];
        rules.apply(&Batch { operations: vec![Operation::AddElements(V4, Arc::clone(&held), elements)] })
    };
    for (first, last) in [
        ("10.0.0.4", "10.0.0.8"),
        ("10.0.0.5", "10.0.0.6"),
        ("10.0.0.0", "10.0.0.4"),
        ("10.0.0.8", "10.0.1.0"),
        ("9.0.0.0", "11.0.0.0"),
    ] {
        assert!(add(first, last).is_err(), "{first}-{last}");
    }
    assert!(add("10.0.0.9", "10.0.0.9").is_ok());
    assert!(add("10.0.0.0", "10.0.0.3").is_ok());
    let part = interval_element("10.0.0.4", "10.0.0.7");
    let delete = Operation::DeleteElements(V4, Arc::clone(&held), vec![part.clone()]);
    assert_eq!(refusal(&rules, [delete]), Refusal::NoElement("s".into(), part));
}

#[test]
fn sets_hold_as_many_as_they_can() {
    let full = Arc::new(Set { capacity: Some(1), ..(*intervals(&[("10.0.0.1", "10.0.0.1")])).clone() });
    let rules = ruleset([], [Arc::clone(&full)]);
    let more = Operation::AddElements(V4, full, vec![interval_element("10.0.0.9", "10.0.0.9")]);
    assert_eq!(refusal(&rules, [more]), Refusal::Full("s".into()));
}

#[test]
fn edits_name_places_that_are_there() {
    let rules = ruleset([chain("a", [rule([], Verdict::Drop), rule([], Verdict::Accept)])], []);
    let edit = |length, edits: &[RuleEdit]| {
        let edits = edits.to_vec();
        let operations = vec![Operation::EditRules { family: V4, chain: "a".into(), length, edits }];
        rules.apply(&Batch { operations })
    };
    assert!(edit(3, &[RuleEdit::Delete(0)]).is_err());
    assert!(edit(2, &[RuleEdit::Delete(2)]).is_err());
    assert!(edit(2, &[RuleEdit::Delete(1), RuleEdit::Delete(0)]).is_err());
    assert!(edit(2, &[RuleEdit::Delete(1), RuleEdit::Delete(1)]).is_err());
    let swapped = edit(2, &[RuleEdit::Delete(0), RuleEdit::Insert(2, rule([], Verdict::Drop))]).unwrap();
    let expected = chain("a", [rule([], Verdict::Accept), rule([], Verdict::Drop)]);
    assert_eq!(swapped, ruleset([expected], []));
}

#[test]
fn base_chains_are_hooked_in_where_there_are_such() {
    let add = |hook, priority, kind| {
        let base = based("b", BaseChain { hook, priority, kind }, []);
        Ruleset::default().apply(&Batch { operations: vec![Operation::AddChain(V4, base)] })
    };
    assert!(add(Hook::Output, 0, ChainKind::Route).is_ok());
    assert!(add(Hook::Input, -199, ChainKind::Nat).is_ok());
    for (hook, priority, kind) in [
        (Hook::Forward, 0, ChainKind::Nat),
        (Hook::Postrouting, 0, ChainKind::Route),
        (Hook::Prerouting, -200, ChainKind::Nat),
    ] {
        assert_eq!(add(hook, priority, kind).unwrap_err().reason, Refusal::NoSuchBase("b".into()));
    }
}

#[test]
fn statements_are_judged_by_the_hooks_that_lead_to_them() {
    let masquerade = statements_rule([Statement::Masquerade(NatPorts::default())]);
    let map = statements_rule([Statement::InterfaceMap(InterfaceSide::Out, "m".into())]);
    let at = |kind| BaseChain { hook: Hook::Postrouting, priority: 0, kind };
    let with = |kind, rule: &Rule| {
        let chains = [based("b", at(kind), [rule.clone()]), chain("c", [masquerade.clone()])];
        let whole = ruleset(chains, [interface_map("m", &[("eth0", goto("c"))])]);
        diff(None, &whole).batches.iter().try_fold(Ruleset::default(), |state, batch| state.apply(batch))
    };
    for rule in [rule([], jump("c")), map] {
        assert!(with(ChainKind::Nat, &rule).is_ok());
        assert_eq!(with(ChainKind::Filter, &rule).unwrap_err().reason, Refusal::Misplaced("c".into()));
    }
    assert!(with(ChainKind::Filter, &rule([], Verdict::Drop)).is_ok(), "nothing leads there");
}

#[test]
fn limits_have_a_rate_and_a_burst_of_finite_length() {
    let with = |packets, burst| {
        let limit = RateLimit { sense: LimitSense::Over, packets, per: RateUnit::Day, burst };
        let operations = vec![
            Operation::AddChain(V4, chain("a", [])),
            Operation::AppendRules(V4, chain("a", [statements_rule([Statement::Limit(limit)])])),
        ];
        Ruleset::default().apply(&Batch { operations })
    };
    assert!(with(1, 213_503).is_ok());
    assert!(with(2, u32::MAX).is_err());
    assert!(with(0, 1).is_err());
}

#[test]
fn loops_and_depth_are_judged_at_the_end_of_the_batch() {
    let there_and_back = ruleset([chain("a", [rule([], jump("b"))]), chain("b", [])], []);
    let back = Operation::AppendRules(V4, chain("b", [rule([], goto("a"))]));
    assert_eq!(refusal(&there_and_back, [back.clone()]), Refusal::Loop);
    let turned = Batch { operations: vec![back, Operation::FlushChain(V4, "a".into())] };
    assert!(there_and_back.apply(&turned).is_ok());

    let map = statements_rule([Statement::InterfaceMap(InterfaceSide::In, "m".into())]);
    let through_map = ruleset([chain("a", [map])], [interface_map("m", &[])]);
    let closing = interface_map("m", &[("eth0", jump("a"))]);
    let elements = closing.elements.iter().collect();
    assert_eq!(refusal(&through_map, [Operation::AddElements(V4, closing, elements)]), Refusal::Loop);

    let ladder = |depth: usize| {
        let step = |place: usize| {
            chain(&format!("c{place}"), (place < depth).then(|| rule([], goto(&format!("c{}", place + 1)))))
        };
        ruleset((1..=depth).map(step).chain([forward([])]), [])
    };
    let first = Operation::AppendRules(V4, forward([rule([], jump("c1"))]));
    assert!(ladder(15).apply(&Batch { operations: vec![first.clone()] }).is_ok());
    assert_eq!(refusal(&ladder(16), [first]), Refusal::Depth);
}
