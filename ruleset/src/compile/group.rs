//! Groups: endpoints that the same policies govern in the same order, in one direction.
//!
//! What an endpoint's chain says behind the endpoint's own rules is the same for all members of a group, and so are the chains that only the group needs:
//! tiers with pass rules, and the port index. They are rendered once per group. A host endpoint is a group of its own, since its end names it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    around::Around,
    exits::Exits,
    policy, port_index,
    rendered::{Assembly, Rendered, up_to_first_end, verdict_rule},
    tier,
};
use crate::{
    address::{Family, PerFamily},
    ir::{ActivePolicy, DestinationView, Profile, Verdicts},
    name::{HostEndpointName, ObjectName, SetName},
    nft::{Chain, Rule, Statement},
    origin::{Builtin, Origin},
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
}

/// All groups, and who is in them.
#[derive(Debug, Default)]
pub(super) struct Groups(BTreeMap<Key, Group>);

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
        let key = Key::of(member, direction, verdicts);
        let group = self.0.entry(key.clone()).or_default();
        if group.members.is_empty() {
            (group.rendered, group.steps) = render(&key, around);
            assembly.exchange(None, Some(&group.rendered));
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
        let Some(group) = self.0.get_mut(&key) else { return };
        group.members.remove(member);
        if group.members.is_empty() {
            assembly.exchange(Some(&group.rendered), None);
            self.0.remove(&key);
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
        for (key, group) in &mut self.0 {
            let mut policies = key.verdicts.tiers.iter().flat_map(|step| &step.policies);
            if !policies.any(|policy| stale.contains(policy)) {
                continue;
            }
            let (rendered, steps) = render(key, around);
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
        self.0.get(&Key::of(member, direction, verdicts)).map_or(&[], |group| group.steps.get(family))
    }
}

fn render(key: &Key, around: Around<'_>) -> (Rendered, PerFamily<Vec<Rule>>) {
    let mut rendered = Rendered::default();
    let steps = PerFamily::from_fn(|family| {
        let mut renderer = Renderer { key, family, around, rendered: &mut rendered };
        renderer.steps()
    });
    (rendered, steps)
}

/// Renders a group in one family.
struct Renderer<'a> {
    key: &'a Key,
    family: Family,
    around: Around<'a>,
    rendered: &'a mut Rendered,
}

impl Renderer<'_> {
    fn steps(&mut self) -> Vec<Rule> {
        let Key { direction, ref verdicts, .. } = *self.key;
        let around = self.around;
        let mut steps = Vec::new();
        for step in &verdicts.tiers {
            steps.extend(tier::steps(step, direction, around, |policy| self.laid_out(policy)));
        }
        let passes = self.tiers_with_passes();
        steps.push(self.profile());
        if passes == 0
            && self.is_heavy()
            && let Some(map) = self.port_index()
        {
            let lookup = Rule {
                statements: vec![Statement::PortMap(map)],
                origin: Origin::Builtin(Builtin::Dispatch).into(),
            };
            steps.insert(0, lookup);
        }
        up_to_first_end(steps)
    }

    /// Renders the chains of tiers with pass rules; how many there are.
    fn tiers_with_passes(&mut self) -> usize {
        let Key { direction, ref verdicts, .. } = *self.key;
        let around = self.around;
        let with_passes = verdicts.tiers.iter().filter(|step| tier::holds_passes(step, direction, around));
        let chains: Vec<Chain> = with_passes
            .map(|step| {
                let rules = tier::rules(step, direction, around, |policy| self.laid_out(policy));
                Chain { name: super::name::tier(step, direction), base: None, rules }
            })
            .collect();
        let count = chains.len();
        self.rendered.chains.extend(chains.into_iter().map(|chain| (self.family, chain.into())));
        count
    }

    /// Whether the group has more rules than are walked one by one.
    fn is_heavy(&self) -> bool {
        let policies = self.key.verdicts.tiers.iter().flat_map(|step| &step.policies);
        let policies = policies.filter_map(|key| self.around.policies.get(key));
        let rules: usize = policies.map(|policy| policy.rules(self.key.direction).len()).sum();
        rules > self.around.layout.options.rules_without_index
    }

    fn port_index(&mut self) -> Option<SetName> {
        let Key { direction, ref verdicts, .. } = *self.key;
        let full = self.full_list();
        let about = match &self.key.host {
            None => format!("{direction}\n{verdicts:?}"),
            Some(host) => format!("{direction}\n{verdicts:?}\n{host}"),
        };
        port_index::render(direction, &about, self.family, &full, self.rendered)
    }

    /// Everything that an endpoint of the group does with a packet, with the rules of every policy in place of the jump to it.
    fn full_list(&mut self) -> Vec<Rule> {
        let Key { direction, ref verdicts, .. } = *self.key;
        let around = self.around;
        let deny = Exits::of_pods(direction, around.layout).deny;
        let mut rules = Vec::new();
        for step in &verdicts.tiers {
            for policy in step.policies.iter().filter_map(|key| around.policies.get(key)) {
                rules.extend(self.laid_out(policy));
            }
            rules.extend(tier::end_rule(step, direction, deny.clone()));
        }
        rules.push(self.profile());
        rules
    }

    fn laid_out(&mut self, policy: &ActivePolicy) -> Vec<Rule> {
        let direction = self.key.direction;
        let exits = Exits::of_pods(direction, self.around.layout);
        let unit =
            policy::rules(policy, direction, self.family, self.around, &exits, DestinationView::Current);
        self.rendered.sets.extend(unit.listed.into_iter().map(|set| (self.family, set)));
        unit.rules
    }

    fn profile(&self) -> Rule {
        let direction = self.key.direction;
        let exits = Exits::of_pods(direction, self.around.layout);
        profile(self.key.verdicts.profile, self.key.host.as_ref(), direction, exits)
    }
}

/// What stands behind the last tier.
pub(super) fn profile(
    profile: Profile,
    host: Option<&HostEndpointName>,
    direction: Direction,
    exits: Exits,
) -> Rule {
    match (profile, host) {
        (Profile::Allow, _) => {
            let statements = [vec![Statement::Counter], exits.allow].concat();
            Rule { statements, origin: Origin::Profile { direction }.into() }
        }
        (Profile::Deny, None) => verdict_rule(exits.deny, Origin::Profile { direction }),
        (Profile::Deny, Some(name)) => {
            let role = Builtin::HostEndpointDefault;
            verdict_rule(exits.deny, Origin::HostEndpoint { name: name.clone(), direction, role })
        }
    }
}
