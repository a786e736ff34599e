//! Two rulesets to the [`Transaction`] that leads from one to the other.
//!
//! Law 3: `apply(diff(a, b), a) == b`; `diff(a, a)` is empty; no state in between admits a packet that both `a` and `b` deny.
//!
//! A transaction has up to three batches, and each state between them has the verdicts of `a` or of `b`:
//! * **prepare** adds chains and sets that `a` does not have and fills them. No rule or element of `a` leads to them, so the verdicts are those of `a`.
//! * **switch** changes what both have: rules, elements, base chains. The kernel lets no packet see half of it. The verdicts are now those of `b`.
//! * **retire** deletes what only `a` has. Nothing in `b` leads to it.
//!
//! The first two are one batch where that is safe. It is not where an element of a verdict map that lives on goes to a new chain: a packet under way
//! reads the rules of all chains in the generation in which it entered the hook, where a chain of the same batch is still empty, but elements in the
//! generation of the moment. It would run through the new chain as if that had no rules. One that jumps there, under a key that had no element, does no
//! harm: the packet comes back to the rule behind the lookup, where it would have gone without the element. Retiring is always apart: a packet under way on
//! old rules would miss in a set that is gone. A batch less is worth having, because the kernel walks all rules of a table at the end of each that adds a
//! verdict.
//!
//! A base chain comes filled and goes whole in the switch batch: the kernel hooks it in at once, but lets packets see its rules with the others of the
//! batch. So does one that gets another hook, priority or kind: it is deleted and created.
//!
//! What cannot be changed in place (type, capacity or comment of a set, whether a chain is hooked in) makes the whole table of that family be replaced. Names encode
//! what they hold, so that this does not happen by policy. Deliberately absent: a search for an order of edits that avoids loops of jumps within the
//! switch batch where both ends are free of them. The layout is layered and chains never change layers; if one did, an old kernel might refuse the
//! batch, and what follows a refusal is a replacement.

mod apply;
mod elements;
mod rules;
mod table;
mod transaction;

pub(crate) use apply::JUMP_DEPTH;
pub use apply::{ApplyError, Refusal};
pub use transaction::{Batch, Operation, RuleEdit, Transaction};

use std::collections::BTreeSet;

use crate::{
    address::Family,
    name::{ChainName, SetName},
    nft::{Element, Ruleset, Verdict},
};

/// What leads from `applied` to `desired`. `None`: nothing is known of the kernel; our tables are replaced as a whole, in one batch.
pub fn diff(applied: Option<&Ruleset>, desired: &Ruleset) -> Transaction {
    let mut steps = Steps::default();
    for family in Family::ALL {
        let desired = desired.table(family);
        let change = applied.and_then(|applied| table::change(family, applied.table(family), desired));
        match change {
            Some(change) => steps.extend(change),
            None => steps.switch.extend(table::replace(family, desired)),
        }
    }
    steps.into_transaction()
}

/// Operations by what they are for, each list in the order in which the kernel takes them.
#[derive(Debug, Default)]
struct Steps {
    prepare: Vec<Operation>,
    switch: Vec<Operation>,
    retire: Vec<Operation>,
}

impl Steps {
    fn extend(&mut self, other: Self) {
        self.prepare.extend(other.prepare);
        self.switch.extend(other.switch);
        self.retire.extend(other.retire);
    }

    fn into_transaction(mut self) -> Transaction {
        if !self.leads_to_new_chains() {
            self.prepare.append(&mut self.switch);
        }
        let batches = [self.prepare, self.switch, self.retire];
        let batches = batches.into_iter().filter(|operations| !operations.is_empty());
        Transaction { batches: batches.map(|operations| Batch { operations }).collect() }
    }

    /// Whether an element of a map that lives on leads to a chain that is new, from where a packet under way would not come back as if there were no element.
    fn leads_to_new_chains(&self) -> bool {
        let new: BTreeSet<(Family, &ChainName)> = self.prepare.iter().filter_map(new_chain).collect();
        if new.is_empty() {
            return false;
        }
        let mut removed = BTreeSet::new();
        for operation in &self.switch {
            if let Operation::DeleteElements(family, set, elements) = operation {
                removed.extend(
                    elements.iter().filter_map(|element| Some((*family, &set.name, element.map_key()?))),
                );
            }
        }
        let comes_back = |(family, set, element): &(Family, &SetName, &Element)| {
            let comes_back = matches!(element.verdict(), Some(Verdict::Jump(_)));
            comes_back && element.map_key().is_some_and(|key| !removed.contains(&(*family, set, key)))
        };
        let leads = |(family, _, element): &(Family, &SetName, &Element)| {
            element.verdict().and_then(Verdict::chain).is_some_and(|chain| new.contains(&(*family, chain)))
        };
        self.switch.iter().flat_map(added).any(|added| leads(&added) && !comes_back(&added))
    }
}

fn new_chain(operation: &Operation) -> Option<(Family, &ChainName)> {
    if let Operation::AddChain(family, chain) = operation { Some((*family, &chain.name)) } else { None }
}

/// The elements that an operation adds, and where.
fn added(operation: &Operation) -> impl Iterator<Item = (Family, &SetName, &Element)> {
    let added = if let Operation::AddElements(family, set, elements) = operation {
        Some((*family, &set.name, elements))
    } else {
        None
    };
    added
        .into_iter()
        .flat_map(|(family, set, elements)| elements.iter().map(move |element| (family, set, element)))
}

#[cfg(test)]
mod tests;
