//! Where jumps may lead: no loops, and no more than 15 below a base chain.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diff::Refusal,
    name::ChainName,
    nft::{Chain, Table, Verdict},
};

/// `NFT_JUMP_STACK_SIZE` less one: the kernel counts jumps and gotos alike, those of verdict maps too.
pub(crate) const JUMP_DEPTH: usize = 15;

/// Whether the kernel's validation passes. Without recursion: what is to be refused may be as deep as it likes.
pub(super) fn check(table: &Table) -> Result<(), Refusal> {
    let edges: BTreeMap<&ChainName, BTreeSet<&ChainName>> =
        table.chains.values().map(|chain| (&chain.name, targets(table, chain))).collect();
    let mut callers: BTreeMap<&ChainName, usize> = BTreeMap::new();
    for target in edges.values().flatten() {
        *callers.entry(*target).or_default() += 1;
    }
    let is_base = |name: &ChainName| table.chains.get(name).is_some_and(|chain| chain.base.is_some());
    // Chains in an order in which callers stand before what they call, each with its depth below a base chain, if any leads to it.
    let mut ready: Vec<&ChainName> =
        edges.keys().copied().filter(|name| !callers.contains_key(*name)).collect();
    let mut depths: BTreeMap<&ChainName, usize> =
        edges.keys().copied().filter(|name| is_base(name)).map(|name| (name, 0)).collect();
    let mut done = 0;
    while let Some(name) = ready.pop() {
        done += 1;
        let below = depths.get(name).map(|depth| depth + 1);
        for &target in edges.get(name).into_iter().flatten() {
            if let Some(below) = below {
                let depth = depths.entry(target).or_default();
                *depth = below.max(*depth);
            }
            if let Some(callers) = callers.get_mut(target) {
                *callers -= 1;
                if *callers == 0 {
                    ready.push(target);
                }
            }
        }
    }
    match depths.values().max() {
        _ if done < edges.len() => Err(Refusal::Loop),
        Some(depth) if *depth > JUMP_DEPTH => Err(Refusal::Depth),
        Some(_) | None => Ok(()),
    }
}

/// The chains to which a chain leads, by rules of its own and by the maps that these look into.
pub(super) fn targets<'a>(table: &'a Table, chain: &'a Chain) -> BTreeSet<&'a ChainName> {
    let maps: BTreeSet<_> = chain
        .rules
        .iter()
        .flat_map(|rule| &rule.statements)
        .filter_map(|statement| statement.set())
        .collect();
    let verdicts =
        maps.into_iter().filter_map(|map| table.sets.get(map)).flat_map(|map| map.elements.verdicts());
    chain.targets().chain(verdicts.filter_map(Verdict::chain)).collect()
}
