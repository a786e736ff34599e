//! A system under test against the reference model.

use ferrule_ruleset::{compile::Options, settings::NodePortPolicy};
use serde_json::Value;

use crate::{
    compiled::Hooks,
    flow::Flow,
    generate::{Universe, Validity, shrink},
    objects,
    reference::{Reading, Reference},
    verdict::{By, Judge, Outcome, Verdict},
};

/// How many universes are reported, so that a look shows whether they fail alike.
const MOST_REPORTS: usize = 8;

/// How many verdicts were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Flows that both judges allowed.
    pub allowed: usize,
    /// Flows that both judges denied.
    pub denied: usize,
    /// Flows without a packet: an end is unknown, or has no address of the family.
    pub unanswerable: usize,
    /// Flows decided by a rule, at any of their ends.
    pub by_rule: usize,
}

/// Compares on every flow of the universes of these seeds; the error is the first difference, as a case that can be kept.
pub fn universes(
    system: &mut impl Judge,
    seeds: impl IntoIterator<Item = u64>,
    validity: Validity,
    flows: usize,
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for seed in seeds {
        one(system, seed, &Universe::of(seed, validity, flows), &mut tally)?;
    }
    Ok(tally)
}

/// Compares compiled rulesets on every flow of the universes of these seeds in which the nodes themselves are in play.
pub fn universes_of_nodes(seeds: impl IntoIterator<Item = u64>, flows: usize) -> Result<Tally, String> {
    let (mut tally, mut reports) = (Tally::default(), Vec::new());
    for seed in seeds {
        let universe = Universe::of_nodes(seed, flows);
        let mut options = Options::default();
        options.layer.node_ports = universe.is_consistent.then_some(NodePortPolicy::Consistent);
        reports.extend(one(&mut Hooks::with(options), seed, &universe, &mut tally).err());
        if reports.len() == MOST_REPORTS {
            break;
        }
    }
    if reports.is_empty() { Ok(tally) } else { Err(reports.join("\n\n")) }
}

fn one(system: &mut impl Judge, seed: u64, universe: &Universe, tally: &mut Tally) -> Result<(), String> {
    let reference = &universe.reference(&universe.objects);
    system.load(&universe.objects);
    for flow in &universe.flows {
        match difference(reference, flow, &system.verdict(flow)) {
            None => tally.count(reference, flow),
            Some(_) => return Err(report(system, seed, universe, flow)),
        }
    }
    Ok(())
}

impl Tally {
    /// Counts a flow on which both judges agree.
    pub fn count(&mut self, reference: &Reference, flow: &Flow) {
        match reference.read(flow, Reading::Least) {
            Ok(verdict) if reference.is_askable(flow) => {
                match verdict.outcome {
                    Outcome::Allow => self.allowed += 1,
                    Outcome::Deny => self.denied += 1,
                }
                let by_rule = verdict.decisions.iter().any(|decision| matches!(decision.by, By::Rule { .. }));
                self.by_rule += usize::from(by_rule);
            }
            Ok(_) | Err(_) => self.unanswerable += 1,
        }
    }

    /// Adds what someone else compared.
    pub fn add(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.unanswerable += other.unanswerable;
        self.by_rule += other.by_rule;
    }

    /// Flows with a verdict.
    pub fn verdicts(&self) -> usize {
        self.allowed + self.denied
    }
}

/// What is wrong with an answer; `None` if nothing is.
///
/// A question without a packet is not compared. The outcome must lie between the readings. Where nothing is in doubt, a rule that the system names must be one that the reference names as well.
pub fn difference(reference: &Reference, flow: &Flow, answer: &Result<Verdict, String>) -> Option<String> {
    if !reference.is_askable(flow) {
        return None;
    }
    let [least, most] = [Reading::Least, Reading::Most].map(|reading| reference.read(flow, reading));
    let (least, most, verdict) = match (least, most, answer) {
        (Ok(least), Ok(most), Ok(verdict)) => (least, most, verdict),
        (Ok(least), _, Err(error)) => return Some(format!("expected {least}, got an error: {error}")),
        (Err(error), _, _) | (_, Err(error), _) => {
            return Some(format!("the reference has no answer: {error}"));
        }
    };
    if ![least.outcome, most.outcome].contains(&verdict.outcome) {
        return Some(format!("expected {least} (at most {most}), got {verdict}"));
    }
    if reference.is_in_doubt() {
        return None;
    }
    let known = |by: &By| least.decisions.iter().any(|decision| decision.by == *by);
    let mut rules =
        verdict.decisions.iter().map(|decision| &decision.by).filter(|by| matches!(by, By::Rule { .. }));
    let foreign = rules.find(|by| !known(by))?;
    Some(format!("expected {least}, got {verdict}: {foreign} did not decide"))
}

/// A failure, shrunk, as the objects and the flow of a case folder.
fn report(system: &mut impl Judge, seed: u64, universe: &Universe, flow: &Flow) -> String {
    let mut judge = |objects: &[Value]| {
        let reference = universe.reference(objects);
        system.load(objects);
        difference(&reference, flow, &system.verdict(flow))
    };
    let smallest = shrink(&universe.objects, &mut |objects: &[Value]| judge(objects).is_some());
    let difference = judge(&smallest).unwrap_or_default();
    let yaml = objects::to_yaml(&smallest).unwrap_or_else(|error| error.to_string());
    let question = serde_json::to_string(flow).unwrap_or_else(|error| error.to_string());
    let expected = match universe.reference(&smallest).read(flow, Reading::Least) {
        Ok(verdict) => verdict.outcome.to_string(),
        Err(error) => error,
    };
    format!(
        "seed {seed}{}: {difference}\n\nobjects.yaml:\n{yaml}\nflows.txt:\n{flow} {expected}\n\nferrule eval --batch: {question}",
        if universe.is_consistent { " (consistent)" } else { "" }
    )
}
