//! What may stand where packets pass.
//!
//! The kernel judges at the end of a batch: it walks from each base chain through all that jumps and maps lead to, and asks each expression whether it can
//! work at that hook, in a chain of that kind (`nft_chain_validate`). What no base chain leads to may say anything.

use std::collections::BTreeSet;

use super::jumps::targets;
use crate::{
    diff::Refusal,
    name::ChainName,
    nft::{BaseChain, Chain, ChainKind, Hook, Statement, Table},
};

/// The priority of connection tracking (`NF_IP_PRI_CONNTRACK`), which chains that translate addresses need to have behind them.
const CONNECTION_TRACKING: i32 = -200;

/// Whether the kernel has a base chain like this.
pub(super) fn check_base(name: &ChainName, base: BaseChain) -> Result<(), Refusal> {
    let tracked = match base.kind {
        ChainKind::Nat => base.priority > CONNECTION_TRACKING,
        ChainKind::Filter | ChainKind::Route => true,
    };
    if tracked && base.kind.is_at(base.hook) { Ok(()) } else { Err(Refusal::NoSuchBase(name.clone())) }
}

/// Whether each statement can work wherever packets come to it.
pub(super) fn check(table: &Table) -> Result<(), Refusal> {
    let bases = table.chains.values().filter_map(|chain| Some((chain.base?, chain)));
    bases.into_iter().try_for_each(|(base, chain)| check_below(table, base, chain))
}

fn check_below(table: &Table, base: BaseChain, chain: &Chain) -> Result<(), Refusal> {
    let mut seen = BTreeSet::from([&chain.name]);
    let mut open = vec![chain];
    while let Some(chain) = open.pop() {
        let mut statements = chain.rules.iter().flat_map(|rule| &rule.statements);
        if !statements.all(|statement| works_in(statement, base)) {
            return Err(Refusal::Misplaced(chain.name.clone()));
        }
        let below = targets(table, chain).into_iter().filter_map(|name| table.chains.get_key_value(name));
        open.extend(below.filter(|(name, _)| seen.insert(name)).map(|(_, chain)| &**chain));
    }
    Ok(())
}

fn works_in(statement: &Statement, base: BaseChain) -> bool {
    let translates_at = |hooks: &[Hook]| base.kind == ChainKind::Nat && hooks.contains(&base.hook);
    match statement {
        Statement::Reject(_) => base.hook != Hook::Postrouting,
        Statement::Masquerade(_) => translates_at(&[Hook::Postrouting]),
        Statement::SourceNat(..) => translates_at(&[Hook::Postrouting, Hook::Input]),
        Statement::DestinationNat(_) => translates_at(&[Hook::Prerouting, Hook::Output]),
        Statement::Match(_)
        | Statement::Counter
        | Statement::Log(_)
        | Statement::Verdict(_)
        | Statement::InterfaceMap(..)
        | Statement::PortMap(_)
        | Statement::Limit(_)
        | Statement::ConnectionsOver(_)
        | Statement::Notrack
        | Statement::Dscp(_) => true,
    }
}
