//! Units of a ruleset under construction: who put which chain and set there, so that each goes when its last user does.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    address::Family,
    name::{ChainName, SetName},
    nft::{Chain, Rule, Ruleset, Set, Statement, Verdict},
    origin::Origin,
};

/// A rule of statements with its reason.
pub(super) fn rule(statements: impl IntoIterator<Item = Statement>, origin: Origin) -> Rule {
    Rule { statements: statements.into_iter().collect(), origin: Arc::new(origin) }
}

/// A rule that counts and decides about every packet.
pub(super) fn verdict_rule(verdict: Verdict, origin: Origin) -> Rule {
    rule([Statement::Counter, Statement::Verdict(verdict)], origin)
}

/// Rules without those out of reach behind one that decides about every packet. A jump comes back, so it decides nothing.
pub(super) fn up_to_first_end(mut rules: Vec<Rule>) -> Vec<Rule> {
    let leaves = |verdict: &Verdict| match verdict {
        Verdict::Accept | Verdict::Drop | Verdict::Return | Verdict::Goto(_) => true,
        Verdict::Jump(_) => false,
    };
    let decides = |rule: &Rule| rule.verdict().is_some_and(leaves) && !rule.is_conditional();
    if let Some(end) = rules.iter().position(decides) {
        rules.truncate(end + 1);
    }
    rules
}

/// What one input unit (a policy, an endpoint, an address set) was rendered to.
#[derive(Clone, Debug, Default)]
pub(super) struct Rendered {
    pub(super) chains: Vec<(Family, Arc<Chain>)>,
    pub(super) sets: Vec<(Family, Arc<Set>)>,
}

impl Rendered {
    /// Takes the units of another in.
    pub(super) fn extend(&mut self, other: Self) {
        self.chains.extend(other.chains);
        self.sets.extend(other.sets);
    }
}

/// A ruleset whose units know how many inputs they come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembly {
    ruleset: Ruleset,
    chain_uses: BTreeMap<(Family, ChainName), usize>,
    set_uses: BTreeMap<(Family, SetName), usize>,
}

impl Assembly {
    /// The ruleset as it stands; shares all units.
    pub(super) fn ruleset(&self) -> Ruleset {
        self.ruleset.clone()
    }

    /// Takes units in, and those of the input's former rendering out. A unit that is equal to what is there keeps its pointer.
    pub(super) fn exchange(&mut self, before: Option<&Rendered>, now: Option<&Rendered>) {
        if let Some(rendered) = now {
            rendered.chains.iter().for_each(|(family, chain)| self.add_chain(*family, chain));
            rendered.sets.iter().for_each(|(family, set)| self.add_set(*family, set));
        }
        if let Some(rendered) = before {
            rendered.chains.iter().for_each(|(family, chain)| self.remove_chain(*family, &chain.name));
            rendered.sets.iter().for_each(|(family, set)| self.remove_set(*family, &set.name));
        }
    }

    fn add_chain(&mut self, family: Family, chain: &Arc<Chain>) {
        *self.chain_uses.entry((family, chain.name.clone())).or_default() += 1;
        let chains = &mut self.ruleset.tables.get_mut(family).chains;
        if chains.get(&chain.name) != Some(chain) {
            chains.insert(chain.name.clone(), chain.clone());
        }
    }

    fn add_set(&mut self, family: Family, set: &Arc<Set>) {
        *self.set_uses.entry((family, set.name.clone())).or_default() += 1;
        let sets = &mut self.ruleset.tables.get_mut(family).sets;
        // Equal content is not looked for: comparing large sets costs more than the difference stage needs to see that they share all.
        if sets.get(&set.name).is_none_or(|known| !Arc::ptr_eq(known, set)) {
            sets.insert(set.name.clone(), set.clone());
        }
    }

    fn remove_chain(&mut self, family: Family, name: &ChainName) {
        if last_use(&mut self.chain_uses, &(family, name.clone())) {
            self.ruleset.tables.get_mut(family).chains.remove(name);
        }
    }

    fn remove_set(&mut self, family: Family, name: &SetName) {
        if last_use(&mut self.set_uses, &(family, name.clone())) {
            self.ruleset.tables.get_mut(family).sets.remove(name);
        }
    }
}

/// Counts one use less; whether it was the last.
fn last_use<K: Ord>(uses: &mut BTreeMap<K, usize>, key: &K) -> bool {
    match uses.get_mut(key) {
        Some(count) if *count > 1 => {
            *count -= 1;
            false
        }
        Some(_) => uses.remove(key).is_some(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::Builtin;

    #[test]
    fn rules_behind_a_jump_are_in_reach() {
        let of = |verdict| verdict_rule(verdict, Origin::Builtin(Builtin::Dispatch));
        let jump = of(Verdict::Jump(ChainName::from("policy")));
        let rules = vec![jump.clone(), of(Verdict::Drop), of(Verdict::Accept)];
        assert_eq!(up_to_first_end(rules), [jump, of(Verdict::Drop)]);
    }
}
