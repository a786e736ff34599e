//! One table to another.

use std::sync::Arc;

use imbl::ordmap::DiffItem;

use crate::{
    address::Family,
    diff::{Operation, Steps, elements, rules},
    nft::{Chain, Set, Table},
};

/// The steps from one table to another; `None` if a unit cannot be changed in place.
pub(super) fn change(family: Family, applied: &Table, desired: &Table) -> Option<Steps> {
    let chains = chain_changes(applied, desired)?;
    let sets = set_changes(applied, desired)?;
    let mut steps = Steps::default();

    let (new_bases, new_chains): (Vec<_>, Vec<_>) =
        chains.added.into_iter().partition(|chain| chain.base.is_some());
    steps.prepare = fill(family, &sets.added, &new_chains);

    let switch = &mut steps.switch;
    let (old_bases, old_chains): (Vec<_>, Vec<_>) =
        chains.removed.into_iter().partition(|chain| chain.base.is_some());
    // An old base chain would go on dropping what the new rules admit, and one that is hooked in elsewhere now has a name that is needed.
    switch.extend(flush(family, &old_bases));
    switch.extend(old_bases.iter().map(|chain| Operation::DeleteChain(family, chain.name.clone())));
    switch.extend(new_bases.iter().map(|chain| Operation::AddChain(family, Arc::clone(chain))));
    switch.extend(sets.changed.iter().flat_map(|change| change.before_rules(family)));
    switch.extend(chains.changed.iter().flat_map(|(old, new)| rules::change(family, old, new)));
    switch.extend(append(family, &new_bases));
    switch.extend(sets.changed.iter().flat_map(|change| change.after_rules(family)));

    let retire = &mut steps.retire;
    retire.extend(flush(family, &old_chains));
    retire.extend(sets.removed.iter().map(|set| Operation::DeleteSet(family, set.name.clone())));
    retire.extend(old_chains.iter().map(|chain| Operation::DeleteChain(family, chain.name.clone())));
    Some(steps)
}

/// A table in place of whatever is there.
pub(super) fn replace(family: Family, table: &Table) -> Vec<Operation> {
    let sets: Vec<_> = table.sets.values().cloned().collect();
    let (bases, chains): (Vec<_>, Vec<_>) =
        table.chains.values().cloned().partition(|chain| chain.base.is_some());
    // Deleting a table that is not there fails.
    let mut operations =
        vec![Operation::AddTable(family), Operation::DeleteTable(family), Operation::AddTable(family)];
    operations.extend(fill(family, &sets, &chains));
    operations.extend(bases.iter().map(|chain| Operation::AddChain(family, Arc::clone(chain))));
    operations.extend(append(family, &bases));
    operations
}

/// New sets and chains and what they hold: first the names, then what refers to them; maps last, as their elements make chains reachable.
fn fill(family: Family, sets: &[Arc<Set>], chains: &[Arc<Chain>]) -> Vec<Operation> {
    let (maps, plain): (Vec<_>, Vec<_>) = sets.iter().partition(|set| set.elements.has_verdicts());
    let add_elements = |set: &&Arc<Set>| {
        let all: Vec<_> = set.elements.iter().collect();
        (!all.is_empty()).then(|| Operation::AddElements(family, Arc::clone(set), all))
    };
    let mut operations: Vec<Operation> = Vec::new();
    operations.extend(sets.iter().map(|set| Operation::AddSet(family, Arc::clone(set))));
    operations.extend(chains.iter().map(|chain| Operation::AddChain(family, Arc::clone(chain))));
    operations.extend(plain.iter().filter_map(add_elements));
    operations.extend(append(family, chains));
    operations.extend(maps.iter().filter_map(add_elements));
    operations
}

fn append(family: Family, chains: &[Arc<Chain>]) -> impl Iterator<Item = Operation> {
    let filled = chains.iter().filter(|chain| !chain.rules.is_empty());
    filled.map(move |chain| Operation::AppendRules(family, Arc::clone(chain)))
}

fn flush(family: Family, chains: &[Arc<Chain>]) -> impl Iterator<Item = Operation> {
    let filled = chains.iter().filter(|chain| !chain.rules.is_empty());
    filled.map(move |chain| Operation::FlushChain(family, chain.name.clone()))
}

/// Units that only one table has, and units that both have and that differ.
struct Changes<T, C> {
    added: Vec<Arc<T>>,
    removed: Vec<Arc<T>>,
    changed: Vec<C>,
}

impl<T, C> Default for Changes<T, C> {
    fn default() -> Self {
        Self { added: Vec::new(), removed: Vec::new(), changed: Vec::new() }
    }
}

/// Two versions of a chain.
type Versions = (Arc<Chain>, Arc<Chain>);

fn chain_changes(applied: &Table, desired: &Table) -> Option<Changes<Chain, Versions>> {
    let mut changes = Changes::default();
    for item in applied.chains.diff(&desired.chains) {
        match item {
            DiffItem::Add(_, chain) => changes.added.push(Arc::clone(chain)),
            DiffItem::Remove(_, chain) => changes.removed.push(Arc::clone(chain)),
            DiffItem::Update { old: (_, old), new: (_, new) } if old.base == new.base => {
                changes.changed.push((Arc::clone(old), Arc::clone(new)));
            }
            // Nothing leads to a base chain, so that it can give way to another one of its name.
            DiffItem::Update { old: (_, old), new: (_, new) } if old.base.is_some() && new.base.is_some() => {
                changes.removed.push(Arc::clone(old));
                changes.added.push(Arc::clone(new));
            }
            DiffItem::Update { .. } => return None,
        }
    }
    Some(changes)
}

fn set_changes(applied: &Table, desired: &Table) -> Option<Changes<Set, elements::Change>> {
    let mut changes = Changes::default();
    for item in applied.sets.diff(&desired.sets) {
        match item {
            DiffItem::Add(_, set) => changes.added.push(Arc::clone(set)),
            DiffItem::Remove(_, set) => changes.removed.push(Arc::clone(set)),
            DiffItem::Update { old: (_, old), new: (_, new) } => {
                changes.changed.push(elements::Change::between(old, new)?);
            }
        }
    }
    Some(changes)
}
