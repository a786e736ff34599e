//! Who holds which address of the node, according to a ruleset.
//!
//! A tenant is a pod at an interface: the endpoint chain that the dispatch map leads to, and the interface that it leads there from. The addresses are
//! those that the chain's own rule admits as source. Nothing but the ruleset is asked, so that the answer for what a kernel held before, even one that an
//! earlier agent left behind, is as good as that for what it holds now.

mod change;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use imbl::OrdMap;

use crate::{
    address::Family,
    compile::dispatch_map,
    name::{ChainName, InterfaceName},
    nft::{AddressSide, Chain, Elements, Match, Operator, Ruleset, Table, Verdict},
    origin::{Builtin, Origin},
    policy::Direction,
};

/// A pod at an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant {
    /// The chain of what the pod sends, which no other pod has.
    pub chain: ChainName,
    /// Its interface on the node.
    pub interface: InterfaceName,
}

/// The tenants of each address. Two pods may claim one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenancy {
    tenants: BTreeMap<IpAddr, BTreeSet<Tenant>>,
}

impl Tenancy {
    /// The tenancy of a ruleset.
    pub fn of(ruleset: &Ruleset) -> Self {
        let mut tenancy = Self::default();
        for family in Family::ALL {
            let table = ruleset.table(family);
            for (interface, chain) in dispatch(table) {
                let rules = table.chains.get(chain);
                for address in rules.into_iter().flat_map(|chain| own_addresses(chain)) {
                    tenancy.admit(address, Tenant { chain: chain.clone(), interface: interface.clone() });
                }
            }
        }
        tenancy
    }

    /// Adds a tenant of an address.
    pub fn admit(&mut self, address: IpAddr, tenant: Tenant) {
        self.tenants.entry(address).or_default().insert(tenant);
    }

    /// The tenants of an address.
    pub fn tenants(&self, address: &IpAddr) -> impl Iterator<Item = &Tenant> {
        self.tenants.get(address).into_iter().flatten()
    }

    /// The addresses whose connections are nobody's business by the time of another tenancy: those that had a tenant and have none, or another one besides
    /// or instead. Where of two claimants one leaves, the address passed on when the other came: a pod may be given the address of one that is ending.
    pub fn departed(&self, now: &Self) -> BTreeSet<IpAddr> {
        let passed =
            |(address, before): &(&IpAddr, &BTreeSet<Tenant>)| is_passed(before, now.tenants.get(*address));
        self.tenants.iter().filter(passed).map(|(address, _)| *address).collect()
    }
}

/// Whether an address that had these tenants has none, or another one besides or instead.
fn is_passed(before: &BTreeSet<Tenant>, now: Option<&BTreeSet<Tenant>>) -> bool {
    !before.is_empty() && now.is_none_or(|now| !now.is_subset(before))
}

/// The interfaces of endpoints, and the chain that each leads to.
fn dispatch(table: &Table) -> impl Iterator<Item = (&InterfaceName, &ChainName)> {
    let leads = |(interface, verdict)| Verdict::chain(verdict).map(|chain| (interface, chain));
    verdicts(table).into_iter().flatten().filter_map(leads)
}

/// The map that leads from interfaces to endpoints.
fn verdicts(table: &Table) -> Option<&OrdMap<InterfaceName, Verdict>> {
    let map = table.sets.get(&dispatch_map(Direction::Egress)).map(|set| &set.elements);
    if let Some(Elements::InterfaceVerdicts(verdicts)) = map { Some(verdicts) } else { None }
}

/// The addresses that a chain admits as source: those of its first condition. What a pod may send from besides is nobody's own.
fn own_addresses(chain: &Chain) -> impl Iterator<Item = IpAddr> {
    let of_source = |origin: &Origin| {
        matches!(
            origin,
            Origin::Endpoint { role: Builtin::SourceAddress, .. } | Origin::Builtin(Builtin::SourceAddress)
        )
    };
    let rules = chain.rules.iter().filter(move |rule| of_source(&rule.origin));
    rules.filter_map(|rule| rule.statements.first()?.condition()).flat_map(|condition| {
        if let Match::Net(AddressSide::Source, Operator::IsNot, net) = condition {
            let whole = net.prefix_len() == net.max_prefix_len();
            whole.then_some(net.addr()).into_iter().collect()
        } else if let Match::AnyOf(AddressSide::Source, Operator::IsNot, addresses) = condition {
            addresses.clone()
        } else {
            Vec::new()
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::{collection::vec, prelude::*, sample::subsequence};

    use super::*;
    use crate::{
        compile::{Options, compile},
        ir::{Endpoint, NodePolicy, Profile, Verdicts},
        name::ObjectName,
        policy::PerDirection,
    };

    const PODS: [(&str, &str, &[&str]); 3] = [
        ("web", "cali1", &["10.0.0.1", "fd00::1"]),
        ("db", "cali2", &["10.0.0.2", "10.0.0.22"]),
        ("cache", "cali3", &["fd00::3"]),
    ];

    /// Claims of which some exclude each other; of those, the one that comes later in a list counts.
    const CLAIMS: [(&str, &str, &[&str]); 7] = [
        PODS[0],
        PODS[1],
        PODS[2],
        ("web", "cali1", &["10.0.0.1"]),
        ("web", "cali9", &["10.0.0.1", "fd00::1"]),
        ("heir", "cali1", &["10.0.0.1"]),
        ("heir", "cali8", &["10.0.0.2", "fd00::3"]),
    ];

    fn tenancy(pods: &[(&str, &str, &[&str])]) -> Tenancy {
        Tenancy::of(&ruleset(pods))
    }

    fn ruleset(pods: &[(&str, &str, &[&str])]) -> Ruleset {
        let verdicts = Verdicts { tiers: Vec::new(), profile: Profile::Allow };
        let endpoint = |(name, interface, addresses): &(&str, &str, &[&str])| {
            let pod = ObjectName::new("default", *name);
            let endpoint = Endpoint {
                pod: pod.clone(),
                interface: InterfaceName::from(*interface),
                addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
                allowed_sources: BTreeSet::new(),
                limits: PerDirection::default(),
                dscp: None,
                floating: BTreeMap::new(),
                ingress: verdicts.clone(),
                egress: verdicts.clone(),
            };
            (pod, Arc::new(endpoint))
        };
        let policy = NodePolicy { endpoints: pods.iter().map(endpoint).collect(), ..NodePolicy::default() };
        compile(&policy, &Options::default())
    }

    /// What is given up between two rulesets, which has to be the same whether their tenancies are compared or one is led to the other.
    fn departed(before: &[(&str, &str, &[&str])], now: &[(&str, &str, &[&str])]) -> Vec<String> {
        let departed = tenancy(before).departed(&tenancy(now));
        let mut led = tenancy(before);
        assert_eq!(led.follow(&ruleset(before), &ruleset(now)), departed);
        assert_eq!(led, tenancy(now));
        departed.iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn every_address_of_both_families_is_found_at_its_pod_and_interface() {
        let tenancy = tenancy(&PODS);
        for (name, interface, addresses) in PODS {
            for address in addresses {
                let tenants: Vec<_> = tenancy.tenants(&address.parse().unwrap()).collect();
                let chain = ChainName::new(format!("from/default/{name}"));
                assert_eq!(
                    tenants,
                    [&Tenant { chain, interface: InterfaceName::from(interface) }],
                    "{address}"
                );
            }
        }
    }

    #[test]
    fn who_stays_or_comes_gives_nothing_up() {
        assert_eq!(departed(&PODS, &PODS), Vec::<String>::new());
        assert_eq!(departed(&PODS[..1], &PODS), Vec::<String>::new());
        assert_eq!(departed(&[], &PODS), Vec::<String>::new());
    }

    #[test]
    fn who_goes_gives_up_all_addresses() {
        assert_eq!(departed(&PODS, &PODS[..1]), ["10.0.0.2", "10.0.0.22", "fd00::3"]);
    }

    #[test]
    fn an_address_that_passes_to_another_pod_or_interface_is_given_up() {
        assert_eq!(departed(&PODS[..1], &[("heir", "cali1", &["10.0.0.1"])]), ["10.0.0.1", "fd00::1"]);
        assert_eq!(departed(&PODS[..1], &[("web", "cali9", PODS[0].2)]), ["10.0.0.1", "fd00::1"]);
        assert_eq!(departed(&PODS[..1], &[("web", "cali1", &["10.0.0.1"])]), ["fd00::1"]);
    }

    #[test]
    fn an_heir_inherits_nothing_when_it_comes_and_loses_nothing_when_the_other_goes() {
        let both: [(&str, &str, &[&str]); 2] = [PODS[0], ("heir", "cali8", &["10.0.0.1"])];
        assert_eq!(departed(&PODS[..1], &both), ["10.0.0.1"]);
        assert_eq!(departed(&both, &both[1..]), ["fd00::1"]);
    }

    proptest! {
        #[test]
        fn whoever_follows_every_ruleset_knows_what_the_last_one_says(
            steps in vec(subsequence(CLAIMS.to_vec(), 0..=CLAIMS.len()), 1..6),
        ) {
            for pair in steps.windows(2) {
                departed(&pair[0], &pair[1]);
            }
            let mut led = Tenancy::default();
            let rulesets: Vec<Ruleset> =
                std::iter::once(Ruleset::default()).chain(steps.iter().map(|pods| ruleset(pods))).collect();
            for pair in rulesets.windows(2) {
                led.follow(&pair[0], &pair[1]);
            }
            prop_assert_eq!(Some(led), steps.last().map(|pods| tenancy(pods)));
        }
    }
}
