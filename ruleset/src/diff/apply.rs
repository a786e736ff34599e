//! The kernel's rules for batches, as a pure function.
//!
//! Stricter than the kernel where an operation promises more than the kernel asks for: elements to be added are not there yet, a chain to be deleted is
//! empty. Jumps, and what stands where they lead, are judged once, for the whole batch, as the kernel does when it commits. Costs as much as the ruleset is large: for tests and tools.

mod elements;
mod hooks;
mod jumps;
mod uses;

pub(crate) use jumps::JUMP_DEPTH;

use std::sync::Arc;

use crate::{
    address::PerFamily,
    diff::{Batch, Operation, RuleEdit},
    name::{ChainName, SetName},
    nft::{Chain, Element, Rule, Ruleset, Set, Statement, Table},
};
use uses::Uses;

/// Why a batch cannot be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("operation {index}: {reason}")]
pub struct ApplyError {
    /// The operation, by its place in the batch; the last one for what is judged at the end.
    pub index: usize,
    /// What the kernel would say.
    pub reason: Refusal,
}

/// What the kernel would say, with its error number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The table was deleted by this batch.
    #[error("the table is not there (ENOENT)")]
    NoTable,
    /// There is no such chain.
    #[error("chain {0} is not there (ENOENT)")]
    NoChain(ChainName),
    /// There is no such set.
    #[error("set {0} is not there (ENOENT)")]
    NoSet(SetName),
    /// The chain has no rule at that place, or other rules than expected.
    #[error("rule {1} of chain {0} is not there (ENOENT)")]
    NoRule(ChainName, usize),
    /// The element is not in the set.
    #[error("set {0} does not hold {1:?} (ENOENT)")]
    NoElement(SetName, Element),
    /// There is such a chain.
    #[error("chain {0} is there already (EEXIST)")]
    ChainExists(ChainName),
    /// There is such a set.
    #[error("set {0} is there already (EEXIST)")]
    SetExists(SetName),
    /// The element is in the set, or overlaps an interval of it.
    #[error("set {0} holds or overlaps {1:?} already (EEXIST)")]
    ElementExists(SetName, Element),
    /// The chain has rules, or something leads to it.
    #[error("chain {0} is in use (EBUSY)")]
    ChainBusy(ChainName),
    /// A rule looks into the set.
    #[error("set {0} is in use (EBUSY)")]
    SetBusy(SetName),
    /// The set is full.
    #[error("set {0} is full (ENFILE)")]
    Full(SetName),
    /// An element of another type, or a lookup that the set's type does not fit.
    #[error("set {0} is of another type (EINVAL)")]
    WrongType(SetName),
    /// A verdict leads to a base chain.
    #[error("chain {0} is a base chain (EOPNOTSUPP)")]
    BaseChain(ChainName),
    /// Jumps come back to where they started.
    #[error("jumps in a loop (ELOOP)")]
    Loop,
    /// More than 15 jumps below a base chain.
    #[error("jumps too deep (EMLINK)")]
    Depth,
    /// No chain of this kind at this hook, or none at this priority.
    #[error("chain {0} cannot be hooked in there (EOPNOTSUPP)")]
    NoSuchBase(ChainName),
    /// A statement of the chain cannot work at a hook that leads to it, or in a chain of that kind.
    #[error("a statement of chain {0} does not work where it stands (EOPNOTSUPP)")]
    Misplaced(ChainName),
    /// A rate of 0, or a burst that is too long.
    #[error("a limit is out of range (EOVERFLOW)")]
    Limit,
}

impl Ruleset {
    /// The kernel's behaviour as a pure function: all of a batch or nothing. Refuses what the kernel refuses: adding what is there, deleting what is
    /// not there or still referred to, referring to what is not there, more elements than a set can hold, jump loops, statements at hooks where they do not work.
    pub fn apply(&self, batch: &Batch) -> Result<Self, ApplyError> {
        let mut drafts = PerFamily::from_fn(|family| Draft::of(self.table(family)));
        for (index, operation) in batch.operations.iter().enumerate() {
            drafts
                .get_mut(operation.family())
                .take(operation)
                .map_err(|reason| ApplyError { index, reason })?;
        }
        let last = batch.operations.len().saturating_sub(1);
        for draft in [&drafts.v4, &drafts.v6] {
            let checked = jumps::check(&draft.table).and_then(|()| hooks::check(&draft.table));
            checked.map_err(|reason| ApplyError { index: last, reason })?;
        }
        Ok(Self { tables: PerFamily { v4: drafts.v4.table, v6: drafts.v6.table } })
    }
}

/// A table while a batch is applied.
struct Draft {
    table: Table,
    uses: Uses,
    presence: Presence,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Present,
    Deleted,
}

impl Draft {
    fn of(table: &Table) -> Self {
        Self { table: table.clone(), uses: Uses::of(table), presence: Presence::Present }
    }

    fn take(&mut self, operation: &Operation) -> Result<(), Refusal> {
        if self.presence == Presence::Deleted && !matches!(operation, Operation::AddTable(_)) {
            return Err(Refusal::NoTable);
        }
        match operation {
            Operation::AddTable(_) => self.presence = Presence::Present,
            Operation::DeleteTable(_) => {
                *self = Self { presence: Presence::Deleted, ..Self::of(&Table::default()) };
            }
            Operation::AddChain(_, chain) => return self.add_chain(chain),
            Operation::DeleteChain(_, name) => return self.delete_chain(name),
            Operation::AppendRules(_, chain) => {
                if !self.chain(&chain.name)?.rules.is_empty() {
                    return Err(Refusal::ChainBusy(chain.name.clone()));
                }
                return self.set_rules(&chain.name, chain.rules.clone());
            }
            Operation::FlushChain(_, name) => return self.set_rules(name, Vec::new()),
            Operation::EditRules { chain, length, edits, .. } => {
                let rules = edited(self.chain(chain)?, *length, edits)?;
                return self.set_rules(chain, rules);
            }
            Operation::AddSet(_, set) => return self.add_set(set),
            Operation::DeleteSet(_, name) => return self.delete_set(name),
            Operation::AddElements(_, set, elements) => return self.add_elements(&set.name, elements),
            Operation::DeleteElements(_, set, elements) => return self.delete_elements(&set.name, elements),
        }
        Ok(())
    }

    fn chain(&self, name: &ChainName) -> Result<&Arc<Chain>, Refusal> {
        self.table.chains.get(name).ok_or_else(|| Refusal::NoChain(name.clone()))
    }

    fn set(&self, name: &SetName) -> Result<&Arc<Set>, Refusal> {
        self.table.sets.get(name).ok_or_else(|| Refusal::NoSet(name.clone()))
    }

    fn add_chain(&mut self, chain: &Chain) -> Result<(), Refusal> {
        chain.base.map_or(Ok(()), |base| hooks::check_base(&chain.name, base))?;
        let empty = Chain { name: chain.name.clone(), base: chain.base, rules: Vec::new() };
        match self.table.chains.insert(chain.name.clone(), Arc::new(empty)) {
            Some(_) => Err(Refusal::ChainExists(chain.name.clone())),
            None => Ok(()),
        }
    }

    fn delete_chain(&mut self, name: &ChainName) -> Result<(), Refusal> {
        if !self.chain(name)?.rules.is_empty() || self.uses.of_chain(name) > 0 {
            return Err(Refusal::ChainBusy(name.clone()));
        }
        self.table.chains.remove(name);
        Ok(())
    }

    fn set_rules(&mut self, name: &ChainName, rules: Vec<Rule>) -> Result<(), Refusal> {
        let old = Arc::clone(self.chain(name)?);
        rules.iter().try_for_each(|rule| self.check_rule(rule))?;
        self.uses.rules_changed(&old.rules, &rules);
        let chain = Chain { name: name.clone(), base: old.base, rules };
        self.table.chains.insert(name.clone(), Arc::new(chain));
        Ok(())
    }

    /// What a rule refers to is there, and of the right type.
    fn check_rule(&self, rule: &Rule) -> Result<(), Refusal> {
        for statement in &rule.statements {
            if let Statement::Verdict(verdict) = statement
                && let Some(target) = verdict.chain()
            {
                self.check_target(target)?;
            }
            if let Statement::Limit(limit) = statement
                && !limit.is_in_range()
            {
                return Err(Refusal::Limit);
            }
            if let Some(name) = statement.set()
                && !elements::fits(statement, &self.set(name)?.elements)
            {
                return Err(Refusal::WrongType(name.clone()));
            }
        }
        Ok(())
    }

    fn check_target(&self, target: &ChainName) -> Result<(), Refusal> {
        match self.chain(target)?.base {
            Some(_) => Err(Refusal::BaseChain(target.clone())),
            None => Ok(()),
        }
    }

    fn add_set(&mut self, set: &Set) -> Result<(), Refusal> {
        let empty = Set { elements: elements::emptied(&set.elements), ..set.clone() };
        match self.table.sets.insert(set.name.clone(), Arc::new(empty)) {
            Some(_) => Err(Refusal::SetExists(set.name.clone())),
            None => Ok(()),
        }
    }

    fn delete_set(&mut self, name: &SetName) -> Result<(), Refusal> {
        let set = Arc::clone(self.set(name)?);
        if self.uses.of_set(name) > 0 {
            return Err(Refusal::SetBusy(name.clone()));
        }
        set.elements.iter().for_each(|element| self.uses.element_removed(&element));
        self.table.sets.remove(name);
        Ok(())
    }

    fn add_elements(&mut self, name: &SetName, added: &[Element]) -> Result<(), Refusal> {
        let mut set = Set::clone(self.set(name)?);
        for element in added {
            if let Some(target) = element.verdict().and_then(|verdict| verdict.chain()) {
                self.check_target(target)?;
            }
            elements::insert(name, &mut set.elements, element)?;
            self.uses.element_added(element);
        }
        if set.capacity.is_some_and(|capacity| set.elements.len() > capacity as usize) {
            return Err(Refusal::Full(name.clone()));
        }
        self.table.sets.insert(name.clone(), Arc::new(set));
        Ok(())
    }

    fn delete_elements(&mut self, name: &SetName, removed: &[Element]) -> Result<(), Refusal> {
        let mut set = Set::clone(self.set(name)?);
        for element in removed {
            elements::remove(name, &mut set.elements, element)?;
            self.uses.element_removed(element);
        }
        self.table.sets.insert(name.clone(), Arc::new(set));
        Ok(())
    }
}

/// The rules of a chain after edits.
fn edited(chain: &Chain, length: usize, edits: &[RuleEdit]) -> Result<Vec<Rule>, Refusal> {
    let missing = |place| Refusal::NoRule(chain.name.clone(), place);
    if chain.rules.len() != length {
        return Err(missing(length));
    }
    let mut rules = Vec::with_capacity(length + edits.len());
    let mut next = 0;
    for edit in edits {
        let (place, consumed, rule) = match edit {
            RuleEdit::Delete(place) => (*place, 1, None),
            RuleEdit::Replace(place, rule) => (*place, 1, Some(rule)),
            RuleEdit::Insert(place, rule) => (*place, 0, Some(rule)),
        };
        if place + consumed > length {
            return Err(missing(place));
        }
        // A place before the last edit's is none that is still there.
        rules.extend(chain.rules.get(next..place).ok_or_else(|| missing(place))?.iter().cloned());
        rules.extend(rule.cloned());
        next = place + consumed;
    }
    rules.extend(chain.rules[next..].iter().cloned());
    Ok(rules)
}

#[cfg(test)]
mod tests;
