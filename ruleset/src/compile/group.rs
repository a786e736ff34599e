//! Groups: endpoints that the same policies govern in the same order, in one direction.
//!
//! What an endpoint's chain says behind the endpoint's own rules is the same for all members of a group, and so are the chains that only the group needs:
//! tiers with pass rules, and the port index. They are rendered once per group.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    Options, name, policy, port_index,
    rendered::{Assembly, Rendered, up_to_first_end, verdict_rule},
    skeleton, tier,
};
use crate::{
    address::{Family, PerFamily},
    ir::{ActivePolicy, AddressSetKey, Profile, Verdicts},
    name::{ObjectName, SetName},
    nft::{Chain, Rule, Statement, Verdict},
    origin::{Builtin, Origin},
    policy::{Direction, PolicyKey},
};

/// Finds the policies that tiers refer to.
pub(super) type Policies = imbl::OrdMap<PolicyKey, Arc<ActivePolicy>>;

/// What rendering a group depends on.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub(super) policies: &'a Policies,
    pub(super) options: &'a Options,
    pub(super) set_name: &'a dyn Fn(Family, &AddressSetKey) -> SetName,
}

/// All groups, and who is in them.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<(Direction, Verdicts), Group>);

#[derive(Debug, Default)]
struct Group {
    members: BTreeSet<ObjectName>,
    rendered: Rendered,
    steps: PerFamily<Vec<Rule>>,
}

impl Groups {
    /// An endpoint joins a group, which is rendered if it is new.
    pub(super) fn join(
        &mut self,
        pod: &ObjectName,
        direction: Direction,
        verdicts: &Verdicts,
        around: Surroundings<'_>,
        assembly: &mut Assembly,
    ) {
        let group = self.0.entry((direction, verdicts.clone())).or_default();
        if group.members.is_empty() {
            (group.rendered, group.steps) = render(direction, verdicts, around);
            assembly.exchange(None, Some(&group.rendered));
        }
        group.members.insert(pod.clone());
    }

    /// An endpoint leaves a group, which goes with its last member.
    pub(super) fn leave(
        &mut self,
        pod: &ObjectName,
        direction: Direction,
        verdicts: &Verdicts,
        assembly: &mut Assembly,
    ) {
        let key = (direction, verdicts.clone());
        let Some(group) = self.0.get_mut(&key) else { return };
        group.members.remove(pod);
        if group.members.is_empty() {
            assembly.exchange(Some(&group.rendered), None);
            self.0.remove(&key);
        }
    }

    /// Renders the groups again in which one of these policies stands; the endpoints whose chains thereby change.
    pub(super) fn refresh(
        &mut self,
        stale: &BTreeSet<PolicyKey>,
        around: Surroundings<'_>,
        assembly: &mut Assembly,
    ) -> BTreeSet<ObjectName> {
        let mut affected = BTreeSet::new();
        for ((direction, verdicts), group) in &mut self.0 {
            if !verdicts.tiers.iter().flat_map(|step| &step.policies).any(|policy| stale.contains(policy)) {
                continue;
            }
            let (rendered, steps) = render(*direction, verdicts, around);
            assembly.exchange(Some(&group.rendered), Some(&rendered));
            if steps != group.steps {
                affected.extend(group.members.iter().cloned());
            }
            (group.rendered, group.steps) = (rendered, steps);
        }
        affected
    }

    /// What the chains of a group's members say behind what is their own.
    pub(super) fn steps(&self, direction: Direction, verdicts: &Verdicts, family: Family) -> &[Rule] {
        self.0.get(&(direction, verdicts.clone())).map_or(&[], |group| group.steps.get(family))
    }
}

fn render(
    direction: Direction,
    verdicts: &Verdicts,
    around: Surroundings<'_>,
) -> (Rendered, PerFamily<Vec<Rule>>) {
    let mut rendered = Rendered::default();
    let steps = PerFamily::from_fn(|family| {
        let mut steps: Vec<Rule> =
            verdicts.tiers.iter().flat_map(|step| tier::steps(step, direction, around)).collect();
        let passes = tiers_with_passes(direction, verdicts, family, around, &mut rendered);
        steps.push(profile(verdicts.profile, direction));
        let index = (passes == 0 && is_heavy(direction, verdicts, around)).then(|| {
            let full = full_list(direction, verdicts, family, around, &mut rendered);
            port_index::render(direction, verdicts, family, &full, &mut rendered)
        });
        if let Some(map) = index.flatten() {
            let lookup = Rule {
                statements: vec![Statement::PortMap(map)],
                origin: Arc::new(Origin::Builtin(Builtin::Dispatch)),
            };
            steps.insert(0, lookup);
        }
        up_to_first_end(steps)
    });
    (rendered, steps)
}

/// Renders the chains of tiers with pass rules; how many there are.
fn tiers_with_passes(
    direction: Direction,
    verdicts: &Verdicts,
    family: Family,
    around: Surroundings<'_>,
    rendered: &mut Rendered,
) -> usize {
    let with_passes = verdicts.tiers.iter().filter(|step| tier::has_own_chain(step, direction, around));
    with_passes
        .map(|step| {
            let rules = tier::own_chain(step, direction, around, |policy| {
                policy_rules(policy, direction, family, around, rendered)
            });
            rendered
                .chains
                .push((family, Arc::new(Chain { name: name::tier(step, direction), base: None, rules })));
        })
        .count()
}

/// Whether the group has more rules than are walked one by one.
fn is_heavy(direction: Direction, verdicts: &Verdicts, around: Surroundings<'_>) -> bool {
    let policies =
        verdicts.tiers.iter().flat_map(|step| &step.policies).filter_map(|key| around.policies.get(key));
    policies.map(|policy| policy.rules(direction).len()).sum::<usize>() > around.options.rules_without_index
}

/// Everything that an endpoint of the group does with a packet, with the rules of every policy in place of the jump to it.
fn full_list(
    direction: Direction,
    verdicts: &Verdicts,
    family: Family,
    around: Surroundings<'_>,
    rendered: &mut Rendered,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for step in &verdicts.tiers {
        for policy in step.policies.iter().filter_map(|key| around.policies.get(key)) {
            rules.extend(policy_rules(policy, direction, family, around, rendered));
        }
        rules.extend(tier::end_rule(step, direction));
    }
    rules.push(profile(verdicts.profile, direction));
    rules
}

fn policy_rules(
    policy: &ActivePolicy,
    direction: Direction,
    family: Family,
    around: Surroundings<'_>,
    rendered: &mut Rendered,
) -> Vec<Rule> {
    let unit =
        policy::rules(policy, direction, family, around.options, &|set| (around.set_name)(family, set));
    rendered.sets.extend(unit.listed.into_iter().map(|set| (family, set)));
    unit.rules
}

fn profile(profile: Profile, direction: Direction) -> Rule {
    let verdict = match (profile, direction) {
        (Profile::Deny, _) => Verdict::Drop,
        (Profile::Allow, Direction::Ingress) => Verdict::Accept,
        (Profile::Allow, Direction::Egress) => Verdict::Goto(skeleton::to_workload()),
    };
    verdict_rule(verdict, Origin::Profile { direction })
}
