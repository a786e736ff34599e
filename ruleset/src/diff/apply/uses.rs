//! How many rules and elements refer to each chain and set.

use std::collections::BTreeMap;

use crate::{
    name::{ChainName, SetName},
    nft::{Element, Rule, Table, Verdict},
};

/// Counts of references; what is not listed has none.
#[derive(Default)]
pub(super) struct Uses {
    chains: BTreeMap<ChainName, usize>,
    sets: BTreeMap<SetName, usize>,
}

impl Uses {
    /// The references within a table.
    pub(super) fn of(table: &Table) -> Self {
        let mut uses = Self::default();
        table.chains.values().for_each(|chain| uses.rules_changed(&[], &chain.rules));
        for set in table.sets.values().filter(|set| set.elements.has_verdicts()) {
            set.elements.iter().for_each(|element| uses.element_added(&element));
        }
        uses
    }

    /// How often rules and elements lead to a chain.
    pub(super) fn of_chain(&self, name: &ChainName) -> usize {
        self.chains.get(name).copied().unwrap_or_default()
    }

    /// How many statements look into a set.
    pub(super) fn of_set(&self, name: &SetName) -> usize {
        self.sets.get(name).copied().unwrap_or_default()
    }

    /// Rules have taken the place of others.
    pub(super) fn rules_changed(&mut self, old: &[Rule], new: &[Rule]) {
        for target in new.iter().filter_map(Rule::verdict).filter_map(Verdict::chain) {
            *self.chains.entry(target.clone()).or_default() += 1;
        }
        for target in old.iter().filter_map(Rule::verdict).filter_map(Verdict::chain) {
            self.chains.entry(target.clone()).and_modify(|count| *count -= 1);
        }
        for set in new.iter().flat_map(|rule| &rule.statements).filter_map(|statement| statement.set()) {
            *self.sets.entry(set.clone()).or_default() += 1;
        }
        for set in old.iter().flat_map(|rule| &rule.statements).filter_map(|statement| statement.set()) {
            self.sets.entry(set.clone()).and_modify(|count| *count -= 1);
        }
    }

    /// An element has come.
    pub(super) fn element_added(&mut self, element: &Element) {
        if let Some(target) = element.verdict().and_then(Verdict::chain) {
            *self.chains.entry(target.clone()).or_default() += 1;
        }
    }

    /// An element has gone.
    pub(super) fn element_removed(&mut self, element: &Element) {
        if let Some(target) = element.verdict().and_then(Verdict::chain) {
            self.chains.entry(target.clone()).and_modify(|count| *count -= 1);
        }
    }
}
