//! What a transaction changes, in numbers.

use std::{fmt, ops::AddAssign};

use ferrule_ruleset::{
    diff::{Operation, RuleEdit, Transaction},
    nft::Ruleset,
};

/// Objects added and removed. A rule that is replaced counts on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Tables that were replaced as a whole.
    pub tables: Count,
    /// Chains.
    pub chains: Count,
    /// Rules.
    pub rules: Count,
    /// Sets and maps.
    pub sets: Count,
    /// Elements of sets and maps.
    pub elements: Count,
}

/// How many were added and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Added.
    pub added: usize,
    /// Removed.
    pub removed: usize,
}

impl Changes {
    /// The changes by which a transaction leads away from what is applied.
    pub fn of(transaction: &Transaction, applied: Option<&Ruleset>) -> Self {
        let mut changes = Self::default();
        for operation in transaction.batches.iter().flat_map(|batch| &batch.operations) {
            changes.count(operation, applied);
        }
        changes
    }

    /// Name, added and removed of each kind of object.
    pub fn by_object(&self) -> [(&'static str, u64, u64); 4] {
        let row = |name, count: Count| (name, count.added as u64, count.removed as u64);
        [
            row("chain", self.chains),
            row("rule", self.rules),
            row("set", self.sets),
            row("element", self.elements),
        ]
    }

    fn count(&mut self, operation: &Operation, applied: Option<&Ruleset>) {
        match operation {
            Operation::AddTable(_) => self.tables.added += 1,
            Operation::DeleteTable(_) => self.tables.removed += 1,
            Operation::AddChain(..) => self.chains.added += 1,
            Operation::DeleteChain(..) => self.chains.removed += 1,
            Operation::AppendRules(_, chain) => self.rules.added += chain.rules.len(),
            Operation::FlushChain(family, chain) => {
                let flushed = applied.and_then(|ruleset| ruleset.table(*family).chains.get(chain));
                self.rules.removed += flushed.map_or(0, |chain| chain.rules.len());
            }
            Operation::EditRules { edits, .. } => edits.iter().for_each(|edit| self.rules += Count::of(edit)),
            Operation::AddSet(..) => self.sets.added += 1,
            Operation::DeleteSet(..) => self.sets.removed += 1,
            Operation::AddElements(_, _, elements) => self.elements.added += elements.len(),
            Operation::DeleteElements(_, _, elements) => self.elements.removed += elements.len(),
        }
    }
}

impl Count {
    fn of(edit: &RuleEdit) -> Self {
        match edit {
            RuleEdit::Insert(..) => Self { added: 1, removed: 0 },
            RuleEdit::Delete(_) => Self { added: 0, removed: 1 },
            RuleEdit::Replace(..) => Self { added: 1, removed: 1 },
        }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.removed += other.removed;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{} -{}", self.added, self.removed)
    }
}
