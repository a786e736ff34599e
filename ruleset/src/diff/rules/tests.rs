use super::*;
use crate::{
    name::SetName,
    nft::{Statement, example},
};

/// A rule that differs from others by its name.
fn rule(name: char) -> Rule {
    example::statements_rule([Statement::PortMap(SetName::new(name.to_string()))])
}

fn chain(names: &str) -> Arc<Chain> {
    example::chain("c", names.chars().map(rule))
}

fn show(rule: &Rule) -> String {
    rule.statements.iter().filter_map(Statement::set).map(SetName::to_string).collect()
}

/// The operations in short: `-2` deletes, `+2x` inserts, `=2x` replaces, `flush`, `append`.
fn change_of(old: &str, new: &str) -> String {
    let mut words = Vec::new();
    for operation in change(Family::V4, &chain(old), &chain(new)) {
        if let Operation::EditRules { edits, length, .. } = operation {
            assert_eq!(length, old.len());
            words.extend(edits.iter().map(|edit| match edit {
                RuleEdit::Delete(place) => format!("-{place}"),
                RuleEdit::Insert(place, rule) => format!("+{place}{}", show(rule)),
                RuleEdit::Replace(place, rule) => format!("={place}{}", show(rule)),
            }));
        } else if matches!(operation, Operation::FlushChain(..)) {
            words.push("flush".to_owned());
        } else {
            assert_eq!(operation, Operation::AppendRules(Family::V4, chain(new)));
            words.push("append".to_owned());
        }
    }
    words.join(" ")
}

#[test]
fn single_edits() {
    for (old, new, expected) in [
        ("abc", "abxc", "+2x"),
        ("abc", "xabc", "+0x"),
        ("abc", "abcx", "+3x"),
        ("abc", "ac", "-1"),
        ("abc", "axc", "=1x"),
        ("abcde", "axycd", "=1x +2y -4"),
        ("abc", "bca", "-0 +3a"),
        ("abcdef", "fabcde", "+0f -5"),
        ("abcd", "a", "-1 -2 -3"),
        ("ab", "axyb", "+1x +1y"),
        ("aab", "ab", "-1"),
        ("xax", "axx", "+0a -1"),
    ] {
        assert_eq!(change_of(old, new), expected, "{old} to {new}");
    }
}

#[test]
fn without_anything_in_common_the_chain_is_flushed() {
    assert_eq!(change_of("abc", "xyz"), "flush append");
    assert_eq!(change_of("abc", ""), "flush");
    assert_eq!(change_of("", "abc"), "append");
}

#[test]
fn two_far_edits_of_a_long_chain_are_two_edits() {
    let name = |number: u32| char::from_u32(0x4e00 + number).unwrap();
    let old: String = (0..5000).map(name).collect();
    let new = old.replace(name(17), "").replace(name(4711), "x");
    let old = example::chain("c", old.chars().map(rule));
    let operations = change(Family::V4, &old, &chain(&new));
    let Some(Operation::EditRules { edits, .. }) = operations.first() else { panic!("{operations:?}") };
    assert_eq!(edits, &[RuleEdit::Delete(17), RuleEdit::Replace(4711, rule('x'))]);
}
