//! What the kernel holds, as a ruleset.
//!
//! A rule is not read back expression by expression: it bears the digest that it was written with, and is the rule of that digest among those that are
//! desired. A rule without, or with one that is not wanted in that chain any more, becomes one that equals no other, so that the next transaction takes
//! away exactly it.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use ferrule_ruleset::{
    address::Family,
    ir::AddressPort,
    name::ChainName,
    net_set::NetSet,
    nft::{Chain, Elements, Interval, Rule, Ruleset, Set, Table},
    origin::{Builtin, Origin},
    protocol::Protocol,
    render,
};
use imbl::{OrdMap, OrdSet};
use ipnet::IpNet;

use crate::netlink::{
    Generation, Kind, ListedChain, ListedElement, ListedRule, ListedSet, ListedTable, Socket, read_address,
    read_interface, read_protocol_port,
};

/// How often reading is begun again because somebody wrote in the meantime.
const ATTEMPTS: usize = 20;

/// What the kernel holds of ours, and in which generation. None in the place of what we would not make.
pub(super) fn adopt(socket: &mut Socket, desired: &Ruleset) -> io::Result<(Generation, Option<Ruleset>)> {
    let mut generation = socket.generation()?;
    for _ in 0..ATTEMPTS {
        let adopted = read(socket, desired);
        let after = socket.generation()?;
        // What was read from two generations, or vanished in between, is no ruleset.
        if after == generation {
            return Ok((generation, adopted?));
        }
        generation = after;
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "rules change faster than they can be read"))
}

fn read(socket: &mut Socket, desired: &Ruleset) -> io::Result<Option<Ruleset>> {
    let mut adopted = Ruleset::default();
    for family in Family::ALL {
        match read_table(socket, family, desired.table(family))? {
            Some(table) => *adopted.tables.get_mut(family) = table,
            None => return Ok(None),
        }
    }
    Ok(Some(adopted))
}

fn read_table(socket: &mut Socket, family: Family, desired: &Table) -> io::Result<Option<Table>> {
    if socket.table(family)? != ListedTable::Plain || socket.strangers(family)? > 0 {
        return Ok(None);
    }
    let chains: Option<Vec<ListedChain>> = socket.chains(family)?.into_iter().collect();
    let sets: Option<Vec<ListedSet>> = socket.sets(family)?.into_iter().collect();
    let (Some(chains), Some(sets)) = (chains, sets) else { return Ok(None) };
    let Some(chains) = recognise_chains(family, chains, &socket.rules(family, None)?, desired) else {
        return Ok(None);
    };
    let mut table = Table { chains, ..Table::default() };
    for listed in sets {
        let elements: Option<Vec<ListedElement>> =
            socket.elements(family, &listed.name)?.into_iter().collect();
        let elements = elements.and_then(|elements| read_elements(family, listed.kind, &elements));
        let Some(elements) = elements else { return Ok(None) };
        let name = listed.name.clone();
        let set = recognise_set(listed, elements, desired.sets.get(&name));
        table.sets.insert(name, set);
    }
    Ok(Some(table))
}

/// None if a chain is hooked in that should not be, or the reverse. One that is hooked in elsewhere than desired can be changed.
fn recognise_chains(
    family: Family,
    chains: Vec<ListedChain>,
    rules: &[ListedRule],
    desired: &Table,
) -> Option<OrdMap<ChainName, Arc<Chain>>> {
    let mut by_chain: BTreeMap<&ChainName, Vec<&ListedRule>> = BTreeMap::new();
    for rule in rules {
        by_chain.entry(&rule.chain).or_default().push(rule);
    }
    let unknown = Rule { statements: Vec::new(), origin: Arc::new(Origin::Builtin(Builtin::Dispatch)) };
    let mut recognised = OrdMap::new();
    for ListedChain { name, base } in chains {
        let wanted = desired.chains.get(&name);
        if wanted.is_some_and(|wanted| wanted.base.is_some() != base.is_some()) {
            return None;
        }
        let wanted_rules = wanted.map_or(&[][..], |wanted| &wanted.rules);
        let digests: HashMap<[u8; 8], &Rule> =
            wanted_rules.iter().map(|rule| (render::digest(family, rule), rule)).collect();
        let listed = by_chain.get(&name).map_or(&[][..], Vec::as_slice);
        let rules = listed.iter().map(|rule| {
            let known = rule.digest.and_then(|digest| digests.get(&digest).copied());
            known.unwrap_or(&unknown).clone()
        });
        let chain = Chain { rules: rules.collect(), name: name.clone(), base };
        recognised.insert(name, shared(chain, wanted));
    }
    Some(recognised)
}

fn recognise_set(listed: ListedSet, elements: Elements, wanted: Option<&Arc<Set>>) -> Arc<Set> {
    // The kernel's comment is the wanted one as it can be written.
    let comment = match wanted {
        Some(wanted) if render::set_comment(wanted) == listed.comment => Arc::clone(&wanted.comment),
        Some(_) | None => listed.comment.into(),
    };
    shared(Set { name: listed.name, capacity: listed.capacity, comment, elements }, wanted)
}

/// The wanted value itself if it is the same, so that comparing the two costs nothing later.
fn shared<T: PartialEq>(found: T, wanted: Option<&Arc<T>>) -> Arc<T> {
    match wanted {
        Some(wanted) if **wanted == found => Arc::clone(wanted),
        Some(_) | None => Arc::new(found),
    }
}

/// None if there is an element that we would not make.
fn read_elements(family: Family, kind: Kind, listed: &[ListedElement]) -> Option<Elements> {
    let address = |element: &ListedElement| match read_address(family, element.key.as_slice())? {
        (address, []) => Some(address),
        _ => None,
    };
    Some(match kind {
        Kind::Addresses => {
            let nets: Option<NetSet> =
                listed.iter().map(|element| address(element).map(IpNet::from)).collect();
            Elements::Addresses(nets?)
        }
        Kind::Intervals => {
            let bounds: Option<Vec<_>> =
                listed.iter().map(|element| Some((address(element)?, element.end))).collect();
            Elements::Intervals(pair(family, bounds?)?)
        }
        Kind::AddressPorts => {
            let members: Option<OrdSet<AddressPort>> =
                listed.iter().map(|element| read_address_port(family, element)).collect();
            Elements::AddressPorts(members?)
        }
        Kind::InterfaceVerdicts => {
            let verdict = |element: &ListedElement| {
                Some((read_interface(element.key.as_slice())?, element.verdict.clone()?))
            };
            Elements::InterfaceVerdicts(listed.iter().map(verdict).collect::<Option<_>>()?)
        }
        Kind::PortVerdicts => {
            let verdict = |element: &ListedElement| {
                Some((read_protocol_port(element.key.as_slice())?, element.verdict.clone()?))
            };
            Elements::PortVerdicts(listed.iter().map(verdict).collect::<Option<_>>()?)
        }
    })
}

fn read_address_port(family: Family, element: &ListedElement) -> Option<AddressPort> {
    let (address, rest) = read_address(family, element.key.as_slice())?;
    let port = read_protocol_port(rest)?;
    let protocol = Protocol(port.protocol.0);
    Some(AddressPort { address, protocol, port: port.port })
}

/// Lower bounds and the bounds above them to intervals. None unless each has its other end; the highest may be open.
fn pair(family: Family, mut bounds: Vec<(IpAddr, bool)>) -> Option<OrdSet<Interval>> {
    // Where one interval ends and the next begins at the same address, the end comes first.
    bounds.sort_unstable_by_key(|(address, end)| (*address, !end));
    let mut intervals = OrdSet::new();
    let mut open = None;
    for (address, end) in bounds {
        match (open.take(), end) {
            (None, false) => open = Some(address),
            (Some(first), true) => {
                intervals.insert(Interval { first, last: predecessor(&address)? });
            }
            // nft marks what lies before the first interval.
            (None, true) if address.is_unspecified() => {}
            (None, true) | (Some(_), false) => return None,
        }
    }
    intervals.extend(open.map(|first| Interval { first, last: highest(family) }));
    Some(intervals)
}

fn predecessor(address: &IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => address.to_bits().checked_sub(1).map(|bits| Ipv4Addr::from_bits(bits).into()),
        IpAddr::V6(address) => address.to_bits().checked_sub(1).map(|bits| Ipv6Addr::from_bits(bits).into()),
    }
}

fn highest(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::from_bits(u32::MAX).into(),
        Family::V6 => Ipv6Addr::from_bits(u128::MAX).into(),
    }
}
