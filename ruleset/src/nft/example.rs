//! Short ways to write nft objects in unit tests.

use std::sync::Arc;

use crate::{
    address::PerFamily,
    name::{ChainName, InterfaceName},
    nft::{
        BaseChain, Chain, ChainKind, Element, Elements, Hook, Interval, Match, Rule, Ruleset, Set, Statement,
        Table, Verdict,
    },
    origin::{Builtin, Origin},
};

/// A rule with these conditions and this verdict.
pub(crate) fn rule(conditions: impl IntoIterator<Item = Match>, verdict: Verdict) -> Rule {
    let statements = conditions.into_iter().map(Statement::Match).chain([Statement::Verdict(verdict)]);
    statements_rule(statements)
}

/// A rule of these statements.
pub(crate) fn statements_rule(statements: impl IntoIterator<Item = Statement>) -> Rule {
    Rule {
        statements: statements.into_iter().collect(),
        origin: Arc::new(Origin::Builtin(Builtin::Dispatch)),
    }
}

/// A regular chain.
pub(crate) fn chain(name: &str, rules: impl IntoIterator<Item = Rule>) -> Arc<Chain> {
    Arc::new(Chain { name: name.into(), base: None, rules: rules.into_iter().collect() })
}

/// The base chain of the forward hook.
pub(crate) fn forward(rules: impl IntoIterator<Item = Rule>) -> Arc<Chain> {
    let base = Some(BaseChain { hook: Hook::Forward, priority: -10, kind: ChainKind::Filter });
    Arc::new(Chain { name: "forward".into(), base, rules: rules.into_iter().collect() })
}

/// A base chain of this name.
pub(crate) fn based(name: &str, base: BaseChain, rules: impl IntoIterator<Item = Rule>) -> Arc<Chain> {
    Arc::new(Chain { name: name.into(), base: Some(base), rules: rules.into_iter().collect() })
}

/// A set without a bound.
pub(crate) fn set(name: &str, elements: Elements) -> Arc<Set> {
    Arc::new(Set { name: name.into(), capacity: None, comment: "".into(), elements })
}

/// A map of interfaces.
pub(crate) fn interface_map(name: &str, verdicts: &[(&str, Verdict)]) -> Arc<Set> {
    let verdicts =
        verdicts.iter().map(|(interface, verdict)| (InterfaceName::from(*interface), verdict.clone()));
    set(name, Elements::InterfaceVerdicts(verdicts.collect()))
}

/// An interval of addresses.
pub(crate) fn interval(first: &str, last: &str) -> Interval {
    Interval { first: first.parse().unwrap(), last: last.parse().unwrap() }
}

/// As an element.
pub(crate) fn interval_element(first: &str, last: &str) -> Element {
    Element::Interval(interval(first, last))
}

/// A ruleset whose IPv4 table has these units.
pub(crate) fn ruleset(
    chains: impl IntoIterator<Item = Arc<Chain>>,
    sets: impl IntoIterator<Item = Arc<Set>>,
) -> Ruleset {
    let chains = chains.into_iter().map(|chain| (chain.name.clone(), chain)).collect();
    let sets = sets.into_iter().map(|set| (set.name.clone(), set)).collect();
    Ruleset { tables: PerFamily { v4: Table { chains, sets }, v6: Table::default() } }
}

/// `jump` to a chain.
pub(crate) fn jump(chain: &str) -> Verdict {
    Verdict::Jump(ChainName::from(chain))
}

/// `goto` a chain.
pub(crate) fn goto(chain: &str) -> Verdict {
    Verdict::Goto(ChainName::from(chain))
}
