//! What a group is rendered to.

use super::Key;
use crate::{
    address::{Family, PerFamily},
    compile::{
        around::Around,
        exits::Exits,
        name, policy, port_index,
        rendered::{Rendered, up_to_first_end, verdict_rule},
        tier,
    },
    ir::{ActivePolicy, DestinationView, Profile},
    name::{HostEndpointName, SetName},
    nft::{Chain, Rule, Statement},
    origin::{Builtin, Origin},
    policy::Direction,
};

/// The units that the group needs, and what the chains of its members say.
pub(super) fn render(key: &Key, around: Around<'_>) -> (Rendered, PerFamily<Vec<Rule>>) {
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
                Chain { name: name::tier(step, direction), base: None, rules }
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
        let unit = policy::rules(
            policy,
            direction,
            self.family,
            self.around,
            &exits,
            DestinationView::Current,
            &|_| true,
        );
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
pub(in crate::compile) fn profile(
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
