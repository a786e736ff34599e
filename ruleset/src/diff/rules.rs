//! The rules of a chain that lives on: single edits, so that the rules that stay keep their counters.
//!
//! Copies of a rule are told apart by their rank among the copies, the first of one version being the first of the other. So every rule has at most one
//! partner, and the most partners that stand in the same order are a longest increasing subsequence: O(n log n), exact where rules are unique, which
//! their origins make them.

use std::{collections::HashMap, ops::Range, sync::Arc};

use crate::{
    address::Family,
    diff::{Operation, RuleEdit},
    nft::{Chain, Rule},
};

/// The operations that turn the rules of one chain into those of another, which differ.
pub(super) fn change(family: Family, old: &Chain, new: &Arc<Chain>) -> Vec<Operation> {
    let kept = kept(&old.rules, &new.rules);
    if kept.is_empty() {
        let flush = (!old.rules.is_empty()).then(|| Operation::FlushChain(family, old.name.clone()));
        let append = (!new.rules.is_empty()).then(|| Operation::AppendRules(family, Arc::clone(new)));
        return flush.into_iter().chain(append).collect();
    }
    let length = old.rules.len();
    let edits = edits(&kept, length, &new.rules);
    vec![Operation::EditRules { family, chain: old.name.clone(), length, edits }]
}

/// A rule that stays: its place in the old and in the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Partners {
    old: usize,
    new: usize,
}

/// The rules that stay, in order.
fn kept(old: &[Rule], new: &[Rule]) -> Vec<Partners> {
    let equal = |(old, new): &(&Rule, &Rule)| old == new;
    let prefix = old.iter().zip(new).take_while(equal).count();
    let (old_rest, new_rest) = (&old[prefix..], &new[prefix..]);
    let suffix = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(equal).count();
    let old_middle = &old_rest[..old_rest.len() - suffix];
    let new_middle = &new_rest[..new_rest.len() - suffix];

    let straight =
        |old: Range<usize>, new: Range<usize>| old.zip(new).map(|(old, new)| Partners { old, new });
    let shifted = |partners: Partners| Partners { old: partners.old + prefix, new: partners.new + prefix };
    straight(0..prefix, 0..prefix)
        .chain(longest_increasing(&partners(old_middle, new_middle)).into_iter().map(shifted))
        .chain(straight(old.len() - suffix..old.len(), new.len() - suffix..new.len()))
        .collect()
}

/// Equal rules of equal rank, by ascending place in the new version.
fn partners(old: &[Rule], new: &[Rule]) -> Vec<Partners> {
    let places: HashMap<_, usize> = ranked(old).zip(0..).collect();
    let new = ranked(new).enumerate();
    new.filter_map(|(new, rule)| places.get(&rule).map(|&old| Partners { old, new })).collect()
}

/// Each rule and how many copies of it stand before it.
fn ranked(rules: &[Rule]) -> impl Iterator<Item = (&Rule, usize)> {
    let mut copies: HashMap<&Rule, usize> = HashMap::new();
    rules.iter().map(move |rule| {
        let copies = copies.entry(rule).or_default();
        *copies += 1;
        (rule, *copies)
    })
}

/// The longest subsequence whose old places ascend, by patience sorting.
fn longest_increasing(partners: &[Partners]) -> Vec<Partners> {
    // For each length, the end of the subsequence of that length that ends lowest; for each partner, what stands before it in its subsequence.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(partners.len());
    for (index, candidate) in partners.iter().enumerate() {
        let length = ends.partition_point(|&end| partners[end].old < candidate.old);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut longest: Vec<Partners> = std::iter::successors(ends.last().copied(), |&index| before[index])
        .map(|index| partners[index])
        .collect();
    longest.reverse();
    longest
}

/// The edits of the gaps between rules that stay. Within a gap old rules are replaced as far as both versions have rules; what is left over is deleted,
/// or inserted before the rule that ends the gap, which stays and so can be named.
fn edits(kept: &[Partners], old_length: usize, new: &[Rule]) -> Vec<RuleEdit> {
    let end = Partners { old: old_length, new: new.len() };
    let mut edits = Vec::new();
    let mut gap = Partners { old: 0, new: 0 };
    for &next in kept.iter().chain([&end]) {
        let replaced = (next.old - gap.old).min(next.new - gap.new);
        for offset in 0..replaced {
            edits.push(RuleEdit::Replace(gap.old + offset, new[gap.new + offset].clone()));
        }
        edits.extend((gap.old + replaced..next.old).map(RuleEdit::Delete));
        let inserted = new[gap.new + replaced..next.new].iter();
        edits.extend(inserted.map(|rule| RuleEdit::Insert(next.old, rule.clone())));
        gap = Partners { old: next.old + 1, new: next.new + 1 };
    }
    edits
}

#[cfg(test)]
mod tests;
