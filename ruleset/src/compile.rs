//! [`NodePolicy`] to [`Ruleset`]: the layout of the nftables dataplane. The only stage that sees both the intermediate form and nft objects.
//!
//! * Continuation style: what a stage admits goes on to the next stage by `goto`; what no rule of a policy matches returns; the end of a tier drops.
//! * A chain per endpoint and direction, a chain per policy and direction; endpoints share the chains of policies, rules share sets.
//! * Law 1 holds here too: a [`Compiler`] that has seen any sequence of policies gives the same ruleset as a new one.

mod address_set;
mod endpoint;
mod group;
mod name;
mod options;
mod policy;
mod port_index;
mod ports;
mod rendered;
mod rule;
mod skeleton;
mod tier;
mod traffic;

#[cfg(test)]
mod tests;

use options::Layout;
pub use options::Options;
pub use skeleton::{PRIORITY, dispatch_map};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use imbl::OrdMap;

use address_set::{RenderedSet, changes};
use group::{Groups, Surroundings};
use rendered::{Assembly, Rendered};

use crate::{
    address::{Family, PerFamily},
    ir::{ActivePolicy, AddressSet, AddressSetKey, Endpoint, NodePolicy},
    name::{InterfaceName, ObjectName, SetName},
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
    dispatch: BTreeMap<Direction, OrdMap<InterfaceName, Verdict>>,
    dispatch_sets: Rendered,
}

impl Compiler {
    /// A compiler without a last result.
    pub fn new(options: Options) -> Self {
        Self::with(Layout { options, settings: Arc::default() })
    }

    fn with(layout: Layout) -> Self {
        let mut assembly = Assembly::default();
        let mut skeleton = Rendered::default();
        for family in Family::ALL {
            skeleton
                .chains
                .extend(skeleton::chains(family, &layout).into_iter().map(|chain| (family, Arc::new(chain))));
        }
        assembly.exchange(None, Some(&skeleton));
        let mut compiler = Self {
            layout,
            last: NodePolicy::default(),
            assembly,
            sets: BTreeMap::new(),
            referrers: BTreeMap::new(),
            policies: BTreeMap::new(),
            groups: Groups::default(),
            endpoints: BTreeMap::new(),
            dispatch: Direction::ALL.into_iter().map(|direction| (direction, OrdMap::new())).collect(),
            dispatch_sets: Rendered::default(),
        };
        compiler.render_dispatch();
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
            self.render_policy(key, last.policies.get(key), policy.policies.get(key));
        }
        self.render_endpoints(&last, policy, &stale);
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

    fn render_policy(
        &mut self,
        key: &PolicyKey,
        before: Option<&Arc<ActivePolicy>>,
        now: Option<&Arc<ActivePolicy>>,
    ) {
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
        let rendered = now.map(|policy| {
            let mut rendered = Rendered::default();
            for (family, direction) in each_way() {
                let unit = policy::chain(policy, direction, family, &self.layout.options, &|set| {
                    set_name(&self.sets, family, set)
                });
                if let Some((chain, listed)) = unit {
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

    /// Renders the endpoints that changed, and those whose group did.
    fn render_endpoints(&mut self, last: &NodePolicy, policy: &NodePolicy, stale: &BTreeSet<PolicyKey>) {
        let set_name = |family: Family, key: &AddressSetKey| set_name(&self.sets, family, key);
        let around =
            Surroundings { policies: &policy.policies, options: &self.layout.options, set_name: &set_name };
        let mut affected: BTreeSet<ObjectName> = BTreeSet::new();
        for (pod, now) in changes(&last.endpoints, &policy.endpoints) {
            affected.insert(pod.clone());
            for direction in Direction::ALL {
                // Joining first, so that a group whose only member changes in another way is not rendered anew.
                let (before, now) = (
                    last.endpoints.get(pod).map(|it| it.verdicts(direction)),
                    now.map(|it| it.verdicts(direction)),
                );
                if before == now {
                    continue;
                }
                if let Some(now) = now {
                    self.groups.join(pod, direction, now, around, &mut self.assembly);
                }
                if let Some(before) = before {
                    self.groups.leave(pod, direction, before, &mut self.assembly);
                }
            }
        }
        if !stale.is_empty() {
            affected.extend(self.groups.refresh(stale, around, &mut self.assembly));
        }
        for pod in &affected {
            self.render_endpoint(pod, last.endpoints.get(pod), policy.endpoints.get(pod));
        }
        if !affected.is_empty() {
            self.render_dispatch();
        }
    }

    fn render_endpoint(
        &mut self,
        pod: &ObjectName,
        before: Option<&Arc<Endpoint>>,
        now: Option<&Arc<Endpoint>>,
    ) {
        let rendered = now.map(|endpoint| self.endpoint_units(endpoint));
        self.assembly.exchange(self.endpoints.get(pod), rendered.as_ref());
        match rendered {
            Some(rendered) => self.endpoints.insert(pod.clone(), rendered),
            None => self.endpoints.remove(pod),
        };
        for (direction, map) in &mut self.dispatch {
            let ours = Verdict::Goto(name::endpoint(pod, *direction));
            // An interface that has passed on to another endpoint in this round is not taken away from it.
            if let Some(before) = before.filter(|before| map.get(&before.interface) == Some(&ours)) {
                map.remove(&before.interface);
            }
            if let Some(endpoint) = now {
                map.insert(endpoint.interface.clone(), ours);
            }
        }
    }

    fn endpoint_units(&self, endpoint: &Endpoint) -> Rendered {
        let chains = each_way().map(|(family, direction)| {
            let steps = self.groups.steps(direction, endpoint.verdicts(direction), family);
            (family, Arc::new(endpoint::chain(endpoint, direction, family, steps, &self.layout)))
        });
        Rendered { chains: chains.collect(), sets: Vec::new() }
    }

    fn render_dispatch(&mut self) {
        let mut now = Rendered::default();
        for (direction, verdicts) in &self.dispatch {
            let set = Arc::new(skeleton::dispatch(*direction, verdicts));
            now.sets.extend(Family::ALL.map(|family| (family, set.clone())));
        }
        self.assembly.exchange(Some(&self.dispatch_sets), Some(&now));
        self.dispatch_sets = now;
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
