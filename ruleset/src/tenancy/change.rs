//! From the tenancy of one ruleset to that of another, at the cost of what differs.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    net::IpAddr,
    sync::Arc,
};

use imbl::{OrdMap, ordmap::DiffItem};

use super::{Tenancy, Tenant, dispatch, is_passed, own_addresses, verdicts};
use crate::{
    address::Family,
    name::{ChainName, InterfaceName},
    nft::{Chain, Ruleset, Table, Verdict},
};

/// Addresses whose tenants may differ, with those that they had before.
type Touched = BTreeMap<IpAddr, BTreeSet<Tenant>>;

impl Tenancy {
    /// Makes the tenancy of one ruleset that of another. Returns what [`Self::departed`] finds between the two.
    pub fn follow(&mut self, before: &Ruleset, now: &Ruleset) -> BTreeSet<IpAddr> {
        let mut touched = Touched::new();
        for family in Family::ALL {
            let (before, now) = (before.table(family), now.table(family));
            let interfaces = interfaces(before, now);
            // First all that go, so that what passes from one interface to another is not taken away from its new tenant.
            for (address, tenant) in interfaces.iter().flat_map(|interface| tenants(before, interface)) {
                self.dismiss(address, &tenant, &mut touched);
            }
            for (address, tenant) in interfaces.iter().flat_map(|interface| tenants(now, interface)) {
                let known = self.tenants.get(&address).cloned();
                touched.entry(address).or_insert_with(|| known.unwrap_or_default());
                self.admit(address, tenant);
            }
        }
        let passed =
            |(address, before): &(IpAddr, BTreeSet<Tenant>)| is_passed(before, self.tenants.get(address));
        touched.into_iter().filter(passed).map(|(address, _)| address).collect()
    }

    fn dismiss(&mut self, address: IpAddr, tenant: &Tenant, touched: &mut Touched) {
        let Entry::Occupied(mut tenants) = self.tenants.entry(address) else { return };
        touched.entry(address).or_insert_with(|| tenants.get().clone());
        tenants.get_mut().remove(tenant);
        if tenants.get().is_empty() {
            tenants.remove();
        }
    }
}

/// The interfaces that lead elsewhere in one of the tables than in the other, or to a chain of other addresses.
fn interfaces(before: &Table, now: &Table) -> BTreeSet<InterfaceName> {
    let nothing = OrdMap::new();
    let map = |table| verdicts(table).unwrap_or(&nothing);
    let differing = map(before).diff(map(now)).map(|item| match item {
        DiffItem::Add(interface, _) | DiffItem::Remove(interface, _) => interface.clone(),
        DiffItem::Update { new: (interface, _), .. } => interface.clone(),
    });
    let mut interfaces: BTreeSet<InterfaceName> = differing.collect();
    let chains = readdressed(before, now);
    if !chains.is_empty() {
        let leads = dispatch(before).chain(dispatch(now));
        let readdressed = leads.filter(|(_, chain)| chains.contains(*chain));
        interfaces.extend(readdressed.map(|(interface, _)| interface.clone()));
    }
    interfaces
}

/// Chains that admit other addresses in one of the tables than in the other.
fn readdressed<'a>(before: &'a Table, now: &'a Table) -> BTreeSet<&'a ChainName> {
    let addresses = |chain: &Arc<Chain>| own_addresses(chain).collect::<Vec<_>>();
    let differing = before.chains.diff(&now.chains).filter_map(|item| match item {
        DiffItem::Add(name, chain) | DiffItem::Remove(name, chain) => {
            (!addresses(chain).is_empty()).then_some(name)
        }
        DiffItem::Update { old: (_, old), new: (name, new) } => {
            (addresses(old) != addresses(new)).then_some(name)
        }
    });
    differing.collect()
}

/// The tenant of an interface, with each of its addresses.
fn tenants<'a>(
    table: &'a Table,
    interface: &InterfaceName,
) -> impl Iterator<Item = (IpAddr, Tenant)> + use<'a> {
    let entry = verdicts(table).and_then(|verdicts| verdicts.get_key_value(interface));
    let chain = entry.and_then(|(interface, verdict)| Some((interface, Verdict::chain(verdict)?)));
    chain.into_iter().flat_map(|(interface, name)| {
        let addresses = table.chains.get(name).into_iter().flat_map(|chain| own_addresses(chain));
        let tenant = Tenant { chain: name.clone(), interface: interface.clone() };
        addresses.map(move |address| (address, tenant.clone()))
    })
}
