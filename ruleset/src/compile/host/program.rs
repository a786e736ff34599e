//! What a host endpoint does with a packet, step by step, as chains.
//!
//! The steps stand one behind the other in one chain. Some lead to a later one: a pass to the next tier, a branch to where it meets the others again.
//! Such a step begins a chain of its own, and the chain before it ends in a `goto` there. No `jump` leads to it, so that the depth of jumps stays what
//! it was where the program began, and a `return` leads back there from every one of its chains.
//!
//! The kernel counts gotos with jumps when it looks whether chains are too deep. So the passes of a program are numbered: those beyond what its place has
//! room for are closed, which is to say they deny.

use std::sync::Arc;

use super::Place;
use crate::{
    compile::{
        exits::Exits,
        name::{self, Lane},
        policy,
        rendered::{self, Rendered, up_to_first_end, verdict_rule},
        tier,
    },
    ir::{self, DestinationView, TierStep},
    name::ChainName,
    nft::{Chain, Match, Rule, Set, Statement, Verdict},
    origin::{Builtin, Origin},
    policy::{Direction, PolicyKey},
};

/// The steps of a host endpoint in one place.
pub(super) struct Program<'a> {
    place: Place<'a>,
    lane: Lane,
    direction: Direction,
    /// How many more passes there is room for.
    passes: usize,
    /// The chain under construction.
    number: usize,
    rules: Vec<Rule>,
    chains: Vec<Chain>,
    sets: Vec<Arc<Set>>,
}

impl<'a> Program<'a> {
    pub(super) fn new(place: Place<'a>, lane: Lane, direction: Direction, passes: usize) -> Self {
        Self {
            place,
            lane,
            direction,
            passes,
            number: 1,
            rules: Vec::new(),
            chains: Vec::new(),
            sets: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, matches: impl IntoIterator<Item = Match>, verdict: Verdict) {
        let statements = matches.into_iter().map(Statement::Match).chain([Statement::Verdict(verdict)]);
        self.rules.push(rendered::rule(statements, Origin::Builtin(Builtin::Dispatch)));
    }

    pub(super) fn extend(&mut self, rules: impl IntoIterator<Item = Rule>) {
        self.rules.extend(rules);
    }

    /// Packets of a kind go another way, until they meet the others in [`Program::join`].
    pub(super) fn branch(&mut self, kind: Match, lane: Lane) -> Self {
        let branch = Self::new(self.place, lane, self.direction, self.passes);
        self.push([kind], Verdict::Goto(branch.name(1)));
        branch
    }

    /// Here a branch meets the others.
    pub(super) fn join(&mut self, mut branch: Self) {
        let here = self.label();
        branch.push([], Verdict::Goto(here));
        self.passes = self.passes.min(branch.passes);
        branch.close();
        self.chains.append(&mut branch.chains);
        self.sets.append(&mut branch.sets);
    }

    /// Tiers with the rules of their policies laid out. `last` is where a pass of the last tier leads; without it, to the step behind.
    pub(super) fn tiers(
        &mut self,
        tiers: &[TierStep],
        exits: &Exits,
        view: DestinationView,
        last: Option<&Verdict>,
    ) {
        for (place, step) in tiers.iter().enumerate() {
            let passes = tier::holds_passes(step, self.direction, self.place.around);
            let last = last.filter(|_| place + 1 == tiers.len());
            let leaves = passes && last.is_none() && self.passes > 0;
            let pass = match last {
                Some(verdict) => verdict.clone(),
                None if leaves => Verdict::Goto(self.name(self.number + 1)),
                None => exits.deny.clone(),
            };
            let exits = Exits { pass, ..exits.clone() };
            for key in &step.policies {
                self.policy(key, &exits, view);
            }
            self.rules.extend(tier::end_rule(step, self.direction, exits.deny));
            if leaves {
                self.passes -= 1;
                self.label();
            }
        }
    }

    /// The rules of a policy. One that is not there (which the resolver rules out) is closed.
    fn policy(&mut self, key: &PolicyKey, exits: &Exits, view: DestinationView) {
        let Place { family, around, .. } = self.place;
        let Some(policy) = around.policies.get(key) else {
            let origin = Origin::StandIn { policy: key.clone(), direction: self.direction };
            self.rules.push(verdict_rule(exits.deny.clone(), origin));
            return;
        };
        // What egress policy of pods has besides, for them to be judged by what they dialled, is none of a host endpoint's.
        let own = |rule: &ir::Rule| self.direction == Direction::Ingress || !rule.is_for_dialled_services();
        let laid_out = policy::rules(policy, self.direction, family, around, exits, view, &own);
        self.rules.extend(laid_out.rules);
        self.sets.extend(laid_out.listed);
    }

    /// The chain in which what stands behind these tiers begins, if they come next and a branch meets the others there.
    pub(super) fn behind(&self, tiers: &[TierStep]) -> ChainName {
        let passing =
            tiers.iter().filter(|step| tier::holds_passes(step, self.direction, self.place.around)).count();
        self.name(self.number + passing.min(self.passes) + 1)
    }

    /// The program's chains.
    pub(super) fn finish(mut self, rendered: &mut Rendered) {
        self.close();
        let family = self.place.family;
        rendered.chains.extend(self.chains.into_iter().map(|chain| (family, Arc::new(chain))));
        rendered.sets.extend(self.sets.into_iter().map(|set| (family, set)));
    }

    /// Goes on in a new chain, to which others can go as well.
    fn label(&mut self) -> ChainName {
        let next = self.name(self.number + 1);
        self.push([], Verdict::Goto(next.clone()));
        self.close();
        self.number += 1;
        next
    }

    fn close(&mut self) {
        let rules = up_to_first_end(std::mem::take(&mut self.rules));
        self.chains.push(Chain { name: self.name(self.number), base: None, rules });
    }

    fn name(&self, number: usize) -> ChainName {
        name::host(self.lane, self.place.endpoint, number)
    }
}
