//! Groups: endpoints that the same policies govern in the same order, in one direction.
//!
//! What an endpoint's chain says behind the endpoint's own rules is the same for all members of a group, and so are the chains that only the group needs:
//! tiers with pass rules, and the port index. They are rendered once per group. A host endpoint is a group of its own, since its end names it.

mod render;

pub(super) use render::profile;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    around::Around,
    rendered::{Assembly, Rendered},
};
use crate::{
    address::{Family, PerFamily},
    ir::Verdicts,
    name::{HostEndpointName, ObjectName},
    nft::Rule,
    policy::{Direction, PolicyKey},
};

/// Who is in a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Member {
    /// A pod.
    Pod(ObjectName),
    /// A host endpoint, by what is local to its node.
    Host(HostEndpointName),
}

/// What a group is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// The host endpoint; none: pods.
    host: Option<HostEndpointName>,
    direction: Direction,
    verdicts: Verdicts,
}

impl Key {
    fn of(member: &Member, direction: Direction, verdicts: &Verdicts) -> Self {
        let host = match member {
            Member::Pod(_) => None,
            Member::Host(name) => Some(name.clone()),
        };
        Self { host, direction, verdicts: verdicts.clone() }
    }

    /// The policies that stand in the group.
    fn policies(&self) -> impl Iterator<Item = &PolicyKey> {
        self.verdicts.tiers.iter().flat_map(|step| &step.policies)
    }
}

/// All groups, and who is in them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: BTreeMap<Arc<Key>, Group>,
    /// The groups in which a policy stands.
    of_policy: BTreeMap<PolicyKey, BTreeSet<Arc<Key>>>,
}

#[derive(Debug, Default)]
struct Group {
    members: BTreeSet<Member>,
    rendered: Rendered,
    steps: PerFamily<Vec<Rule>>,
}

impl Groups {
    /// An endpoint joins a group, which is rendered if it is new.
    pub(super) fn join(
        &mut self,
        member: &Member,
        direction: Direction,
        verdicts: &Verdicts,
        around: Around<'_>,
        assembly: &mut Assembly,
    ) {
        let key = Arc::new(Key::of(member, direction, verdicts));
        let group = self.groups.entry(Arc::clone(&key)).or_default();
        if group.members.is_empty() {
            (group.rendered, group.steps) = render::render(&key, around);
            assembly.exchange(None, Some(&group.rendered));
            for policy in key.policies() {
                self.of_policy.entry(policy.clone()).or_default().insert(Arc::clone(&key));
            }
        }
        group.members.insert(member.clone());
    }

    /// An endpoint leaves a group, which goes with its last member.
    pub(super) fn leave(
        &mut self,
        member: &Member,
        direction: Direction,
        verdicts: &Verdicts,
        assembly: &mut Assembly,
    ) {
        let key = Key::of(member, direction, verdicts);
        let Some(group) = self.groups.get_mut(&key) else { return };
        group.members.remove(member);
        if !group.members.is_empty() {
            return;
        }
        assembly.exchange(Some(&group.rendered), None);
        self.groups.remove(&key);
        for policy in key.policies() {
            let Some(groups) = self.of_policy.get_mut(policy) else { continue };
            groups.remove(&key);
            if groups.is_empty() {
                self.of_policy.remove(policy);
            }
        }
    }

    /// Renders the groups again in which one of these policies stands; the endpoints whose chains thereby change.
    pub(super) fn refresh(
        &mut self,
        stale: &BTreeSet<PolicyKey>,
        around: Around<'_>,
        assembly: &mut Assembly,
    ) -> BTreeSet<Member> {
        let mut affected = BTreeSet::new();
        let touched: BTreeSet<&Arc<Key>> =
            stale.iter().filter_map(|policy| self.of_policy.get(policy)).flatten().collect();
        for key in touched {
            let Some(group) = self.groups.get_mut(key) else { continue };
            let (rendered, steps) = render::render(key, around);
            assembly.exchange(Some(&group.rendered), Some(&rendered));
            if steps != group.steps {
                affected.extend(group.members.iter().cloned());
            }
            (group.rendered, group.steps) = (rendered, steps);
        }
        affected
    }

    /// What the chains of a group's members say behind what is their own.
    pub(super) fn steps(
        &self,
        member: &Member,
        direction: Direction,
        verdicts: &Verdicts,
        family: Family,
    ) -> &[Rule] {
        self.groups.get(&Key::of(member, direction, verdicts)).map_or(&[], |group| group.steps.get(family))
    }
}
