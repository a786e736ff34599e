//! Tables, and tables that are partly another.

use std::sync::Arc;

use ferrule_ruleset::{
    address::{Family, PerFamily},
    ir::AddressPort,
    name::{ChainName, SetName},
    nft::{
        BaseChain, Chain, ChainKind, Elements, Hook, InterfaceSide, Interval, ProtocolPort, Rule, Ruleset,
        Set, Statement, Table, Verdict,
    },
    protocol::Protocol,
};
use imbl::OrdMap;
use ipnet::IpNet;
use proptest::{
    collection::{btree_map, btree_set, vec},
    prelude::*,
    sample::select,
};

use crate::arbitrary::{
    action, address, chain_names, interfaces,
    rule::{self, Layer},
};

/// Chains from here on are reached by maps, and look into none.
const REACHED_BY_MAPS: usize = 3;

/// A base chain as it may be: hook, priority, kind.
type Base = (Hook, i32, ChainKind);

/// Base chains: several at one hook, and some that are hooked in now here, now there.
const BASES: [(&str, &[Base]); 8] = [
    ("base-raw", &[(Hook::Prerouting, -300, ChainKind::Filter), (Hook::Output, -305, ChainKind::Filter)]),
    ("base-input", &[(Hook::Input, -10, ChainKind::Filter)]),
    ("base-forward", &[(Hook::Forward, -1, ChainKind::Filter)]),
    ("base-output", &[(Hook::Output, 8, ChainKind::Filter), (Hook::Output, -150, ChainKind::Route)]),
    (
        "base-late",
        &[
            (Hook::Forward, 60, ChainKind::Filter),
            (Hook::Input, 1000, ChainKind::Filter),
            (Hook::Prerouting, -90, ChainKind::Filter),
        ],
    ),
    (
        "base-leaving",
        &[(Hook::Postrouting, 110, ChainKind::Filter), (Hook::Postrouting, -160, ChainKind::Filter)],
    ),
    (
        "nat-source",
        &[
            (Hook::Postrouting, 90, ChainKind::Nat),
            (Hook::Postrouting, 101, ChainKind::Nat),
            (Hook::Input, 100, ChainKind::Nat),
        ],
    ),
    ("nat-destination", &[(Hook::Prerouting, -100, ChainKind::Nat), (Hook::Output, -100, ChainKind::Nat)]),
];

/// A ruleset that the kernel accepts.
pub fn ruleset() -> impl Strategy<Value = Ruleset> {
    (table(Family::V4), table(Family::V6)).prop_map(|(v4, v6)| Ruleset { tables: PerFamily { v4, v6 } })
}

/// A ruleset that has units of both: from `one` or `other` as a whole, or rules and elements of both. Shares structure with `one`.
pub fn blend(one: &Ruleset, other: &Ruleset, choices: &[u8]) -> Ruleset {
    let mut choices = choices.iter().copied().cycle();
    let mut choose = move |count| choices.next().unwrap_or_default() % count;
    let tables =
        PerFamily::from_fn(|family| blend_table(one.table(family), other.table(family), &mut choose));
    Ruleset { tables }
}

fn table(family: Family) -> BoxedStrategy<Table> {
    let bases = BASES.map(|(name, choices)| {
        let base = move |(hook, priority, kind)| {
            chain(family, name.into(), Some(BaseChain { hook, priority, kind }))
        };
        select(choices).prop_flat_map(base).boxed()
    });
    let regular = move |name| chain(family, name, None);
    let chains = chain_names().map(regular);
    let chains = chains.chain(bases).map(|chain| proptest::option::weighted(0.8, chain)).collect::<Vec<_>>();
    let sets = sets(family).into_iter().map(|set| proptest::option::weighted(0.8, set)).collect::<Vec<_>>();
    (chains, sets)
        .prop_map(|(chains, sets)| assemble(chains.into_iter().flatten(), sets.into_iter().flatten()))
        .boxed()
}

/// Where chains lead that stand before this place of the pool.
fn layer(family: Family, name: &ChainName, base: Option<BaseChain>) -> Layer {
    let next = chain_names().position(|known| known == *name).map_or(0, |place| place + 1);
    // What any chain may lead to rejects, and translates nothing.
    let leads = base.is_none_or(|base| base.hook != Hook::Postrouting);
    let in_map = |side| Statement::InterfaceMap(side, SetName::from("from-workload"));
    let maps = vec![
        in_map(InterfaceSide::In),
        in_map(InterfaceSide::Out),
        Statement::PortMap(SetName::from("ports/1")),
    ];
    Layer {
        targets: chain_names().skip(next).filter(|_| leads).collect(),
        maps: if leads && next <= REACHED_BY_MAPS { maps } else { Vec::new() },
        ends: action::ends(family, base),
    }
}

fn chain(family: Family, name: ChainName, base: Option<BaseChain>) -> BoxedStrategy<Chain> {
    let rules = vec(rule::rule(family, &layer(family, &name, base)), 0..6);
    rules.prop_map(move |rules| Chain { name: name.clone(), base, rules }).boxed()
}

fn sets(family: Family) -> Vec<BoxedStrategy<Set>> {
    let numbers = || btree_set(0..16_u8, 0..8);
    let plain = move |numbers: std::collections::BTreeSet<u8>| {
        Elements::Addresses(numbers.into_iter().map(|number| IpNet::from(address(family, number))).collect())
    };
    // Every second number begins or ends an interval, so that intervals are disjoint and not adjacent.
    let intervals = numbers().prop_map(move |ends| {
        let ends: Vec<u8> = ends.into_iter().collect();
        let interval = |ends: &[u8]| Some((*ends.first()?, *ends.get(1)?));
        let disjoint = ends.chunks(2).filter_map(interval).scan(None, |free, (first, last)| {
            let first = free.map_or(first, |free: u8| first.max(free));
            *free = Some(last + 2);
            Some((first, last))
        });
        let intervals = disjoint.filter(|(first, last)| first <= last);
        Elements::Intervals(
            intervals
                .map(|(first, last)| Interval { first: address(family, first), last: address(family, last) })
                .collect(),
        )
    });
    let protocol = || select(vec![Protocol::TCP, Protocol::UDP, Protocol::SCTP]);
    let members = btree_set((0..16_u8, protocol(), 0..8_u16), 0..8).prop_map(move |members| {
        let member =
            |(number, protocol, port)| AddressPort { address: address(family, number), protocol, port };
        Elements::AddressPorts(members.into_iter().map(member).collect())
    });
    let targets: Vec<ChainName> = chain_names().skip(REACHED_BY_MAPS).collect();
    let verdicts = btree_map(select(interfaces()), rule::verdict(&targets), 0..4)
        .prop_map(|map| Elements::InterfaceVerdicts(map.into_iter().collect()));
    let key = (protocol(), 0..8_u16).prop_map(|(protocol, port)| ProtocolPort { protocol, port });
    let ports = btree_map(key, rule::verdict(&targets), 0..5)
        .prop_map(|map| Elements::PortVerdicts(map.into_iter().collect()));
    let named = |name: &'static str, capacity, elements: BoxedStrategy<Elements>| {
        let set = move |elements| Set {
            name: name.into(),
            capacity,
            comment: format!("\"{name}\"").into(),
            elements,
        };
        elements.prop_map(set).boxed()
    };
    vec![
        named("s/plain", None, numbers().prop_map(plain).boxed()),
        named("s.capped", Some(8), numbers().prop_map(plain).boxed()),
        named("cidr-1", None, intervals.boxed()),
        named("named_ports", None, members.boxed()),
        named("from-workload", None, verdicts.boxed()),
        named("ports/1", Some(64), ports.boxed()),
    ]
}

/// A table of these units without what leads to units that are not among them.
fn assemble(chains: impl Iterator<Item = Chain>, sets: impl Iterator<Item = Set>) -> Table {
    let chains: Vec<Chain> = chains.collect();
    let sets: Vec<Set> = sets.collect();
    let exists = |verdict: &Verdict| {
        verdict.chain().is_none_or(|target| chains.iter().any(|chain| chain.name == *target))
    };
    let whole = |rule: &Rule| {
        rule.verdict().is_none_or(exists)
            && rule
                .statements
                .iter()
                .filter_map(Statement::set)
                .all(|name| sets.iter().any(|set| set.name == *name))
    };
    let pruned_chain = |chain: &Chain| {
        let rules = chain.rules.iter().filter(|rule| whole(rule)).cloned().collect();
        (chain.name.clone(), Arc::new(Chain { rules, ..chain.clone() }))
    };
    let pruned_set = |set: &Set| {
        let mut set = set.clone();
        match &mut set.elements {
            Elements::InterfaceVerdicts(map) => retain(map, exists),
            Elements::PortVerdicts(map) => retain(map, exists),
            Elements::Addresses(_) | Elements::Intervals(_) | Elements::AddressPorts(_) => {}
        }
        (set.name.clone(), Arc::new(set))
    };
    Table { chains: chains.iter().map(pruned_chain).collect(), sets: sets.iter().map(pruned_set).collect() }
}

fn retain<K: Ord + Clone>(map: &mut OrdMap<K, Verdict>, wanted: impl Fn(&Verdict) -> bool) {
    for (key, verdict) in map.clone().iter() {
        if !wanted(verdict) {
            map.remove(key);
        }
    }
}

fn blend_table(one: &Table, other: &Table, choose: &mut impl FnMut(u8) -> u8) -> Table {
    let mut chains: Vec<Chain> = Vec::new();
    for name in one.chains.clone().union(other.chains.clone()).keys() {
        let (one, other) = (one.chains.get(name), other.chains.get(name));
        let mixed = match (one, other, choose(3)) {
            // What a rule may say depends on where the chain is hooked in.
            (Some(one), Some(other), 2) if one.base == other.base => Some(blend_chain(one, other, choose)),
            (Some(unit), _, 0) | (_, Some(unit), 1) => Some(Chain::clone(unit)),
            _ => None,
        };
        chains.extend(mixed);
    }
    let mut sets: Vec<Set> = Vec::new();
    for name in one.sets.clone().union(other.sets.clone()).keys() {
        let (one, other) = (one.sets.get(name), other.sets.get(name));
        sets.extend(if choose(2) == 0 { one } else { other }.map(|set| Set::clone(set)));
    }
    assemble(chains.into_iter(), sets.into_iter())
}

/// Rules of both, those of either in their order.
fn blend_chain(one: &Chain, other: &Chain, choose: &mut impl FnMut(u8) -> u8) -> Chain {
    let mut rules = Vec::new();
    let (mut one_rules, mut other_rules) = (one.rules.iter(), other.rules.iter());
    loop {
        let next = if choose(3) == 0 { other_rules.next() } else { one_rules.next() };
        match next {
            Some(rule) if choose(5) > 0 => rules.push(rule.clone()),
            Some(_) => {}
            None => break,
        }
    }
    Chain { rules, ..one.clone() }
}
