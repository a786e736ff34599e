//! [`NodePolicy`] to [`Ruleset`]: the layout of the nftables dataplane. The only stage that sees both the intermediate form and nft objects.
//!
//! * Continuation style: what a stage admits goes on to the next stage by `goto`; what no rule of a policy matches returns; the end of a tier drops.
//! * A chain per endpoint and direction, a chain per policy and direction; endpoints share the chains of policies, rules share sets.
//! * Law 1 holds here too: a [`Compiler`] that has seen any sequence of policies gives the same ruleset as a new one.

mod address_set;
mod around;
mod dscp;
mod endpoint;
mod entrance;
mod exits;
mod failsafe;
mod group;
mod host;
mod limit;
mod log;
mod members;
mod name;
mod nat;
mod networks;
mod options;
mod outside;
mod policy;
mod port_index;
mod ports;
mod reject;
mod rendered;
mod rule;
mod service_loop;
mod skeleton;
mod tier;
mod traffic;
mod tunnel;

#[cfg(test)]
mod tests;

pub(crate) use entrance::{Entrance, entrances, is_junction};
use options::Layout;
pub use options::Options;
pub use skeleton::{PRIORITY, dispatch_map};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use imbl::OrdMap;

use address_set::{RenderedSet, changes};
use around::Around;
use group::Groups;
use rendered::{Assembly, Rendered};

use crate::{
    address::{Family, PerFamily},
    ir::{ActivePolicy, AddressSet, AddressSetKey, Endpoint, NodePolicy},
    name::{HostEndpointName, InterfaceName, ObjectName, SetName},
    nft::{Ruleset, Verdict},
    policy::{Direction, PolicyKey},
};

/// The ruleset of a policy, from scratch.
pub fn compile(policy: &NodePolicy, options: &Options) -> Ruleset {
    Compiler::new(options.clone()).compile(policy)
}

/// A compiler that keeps its last result and renders again only units whose inputs changed.
#[derive(Debug)]
pub struct Compiler {
    layout: Layout,
    last: NodePolicy,
    assembly: Assembly,
    sets: BTreeMap<AddressSetKey, RenderedSet>,
    /// The policies that refer to a set: rendered again when the set gets another name.
    referrers: BTreeMap<AddressSetKey, BTreeSet<PolicyKey>>,
    policies: BTreeMap<PolicyKey, Rendered>,
    groups: Groups,
    endpoints: BTreeMap<ObjectName, Rendered>,
    hosts: BTreeMap<HostEndpointName, Rendered>,
    skeleton: Rendered,
    /// Endpoints for which the skeleton does more than dispatch.
    extras: BTreeMap<ObjectName, Arc<Endpoint>>,
    dispatch: BTreeMap<Direction, OrdMap<InterfaceName, Verdict>>,
    dispatch_sets: Rendered,
}

impl Compiler {
    /// A compiler without a last result.
    pub fn new(options: Options) -> Self {
        Self::with(Layout { options, settings: Arc::default() })
    }

    fn with(layout: Layout) -> Self {
        let mut compiler = Self {
            layout,
            last: NodePolicy::default(),
            assembly: Assembly::default(),
            sets: BTreeMap::new(),
            referrers: BTreeMap::new(),
            policies: BTreeMap::new(),
            groups: Groups::default(),
            endpoints: BTreeMap::new(),
            hosts: BTreeMap::new(),
            skeleton: Rendered::default(),
            extras: BTreeMap::new(),
            dispatch: Direction::ALL.into_iter().map(|direction| (direction, OrdMap::new())).collect(),
            dispatch_sets: Rendered::default(),
        };
        compiler.render_dispatch();
        compiler.render_skeleton(&NodePolicy::default());
        compiler
    }

    /// The options it compiles by.
    pub fn options(&self) -> &Options {
        &self.layout.options
    }

    /// The ruleset of a policy. Shares every unit that did not change with the previous result.
    pub fn compile(&mut self, policy: &NodePolicy) -> Ruleset {
        if self.layout.settings != policy.settings {
            let options = std::mem::take(&mut self.layout.options);
            *self = Self::with(Layout { options, settings: policy.settings.clone() });
        }
        let last = std::mem::replace(&mut self.last, policy.clone());
        let mut stale: BTreeSet<PolicyKey> = BTreeSet::new();
        let mut orphaned = Vec::new();
        for (key, set) in changes(&last.address_sets, &policy.address_sets) {
            match set {
                Some(set) if self.render_set(key, set) => {
                    stale.extend(self.referrers.get(key).into_iter().flatten().cloned())
                }
                Some(_) => {}
                None => orphaned.push(key.clone()),
            }
        }
        let changed: Vec<PolicyKey> =
            changes(&last.policies, &policy.policies).map(|(key, _)| key.clone()).collect();
        stale.extend(changed.iter().cloned());
        for key in &stale {
            self.render_policy(key, last.policies.get(key), policy);
        }
        self.render_members(&last, policy, &stale);
        orphaned.iter().for_each(|key| self.drop_set(key));
        self.assembly.ruleset()
    }

    /// Renders an address set; whether its name is another than before in any family.
    fn render_set(&mut self, key: &AddressSetKey, source: &Arc<AddressSet>) -> bool {
        let before = self.sets.get(key);
        let now = RenderedSet::render(key, source, before);
        let renamed = before.is_some_and(|before| before.names() != now.names());
        self.assembly.exchange(before.map(set_units).as_ref(), Some(&set_units(&now)));
        self.sets.insert(key.clone(), now);
        renamed
    }

    fn drop_set(&mut self, key: &AddressSetKey) {
        if let Some(set) = self.sets.remove(key) {
            self.assembly.exchange(Some(&set_units(&set)), None);
        }
    }

    fn render_policy(&mut self, key: &PolicyKey, before: Option<&Arc<ActivePolicy>>, policy: &NodePolicy) {
        let now = policy.policies.get(key);
        for set in before.into_iter().flat_map(|policy| policy::references(policy)) {
            let Some(referrers) = self.referrers.get_mut(set) else { continue };
            referrers.remove(key);
            if referrers.is_empty() {
                self.referrers.remove(set);
            }
        }
        for set in now.into_iter().flat_map(|policy| policy::references(policy)) {
            self.referrers.entry(set.clone()).or_default().insert(key.clone());
        }
        let set_name = |family: Family, key: &AddressSetKey| set_name(&self.sets, family, key);
        let around = Around { policies: &policy.policies, layout: &self.layout, set_name: &set_name };
        let rendered = now.map(|policy| {
            let mut rendered = Rendered::default();
            for (family, direction) in each_way() {
                if let Some((chain, listed)) = policy::chain(policy, direction, family, around) {
                    rendered.chains.push((family, Arc::new(chain)));
                    rendered.sets.extend(listed.into_iter().map(|set| (family, set)));
                }
            }
            rendered
        });
        self.assembly.exchange(self.policies.get(key), rendered.as_ref());
        match rendered {
            Some(rendered) => self.policies.insert(key.clone(), rendered),
            None => self.policies.remove(key),
        };
    }
}

fn each_way() -> impl Iterator<Item = (Family, Direction)> {
    Family::ALL.into_iter().flat_map(|family| Direction::ALL.map(|direction| (family, direction)))
}

/// The nft set of an address set. A key that is not there (which the resolver rules out) names a set that is not there, and the kernel would refuse it.
fn set_name(sets: &BTreeMap<AddressSetKey, RenderedSet>, family: Family, key: &AddressSetKey) -> SetName {
    sets.get(key).map_or_else(|| name::address_set(key, "missing"), |set| set.sets.get(family).name.clone())
}

fn set_units(set: &RenderedSet) -> Rendered {
    Rendered {
        chains: Vec::new(),
        sets: Family::ALL.map(|family| (family, PerFamily::get(&set.sets, family).clone())).to_vec(),
    }
}
