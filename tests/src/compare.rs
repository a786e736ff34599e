//! A system under test against the reference model.

use serde_json::Value;

use crate::{
    flow::Flow,
    generate::{Universe, Validity, shrink},
    objects,
    reference::{Reading, Reference},
    verdict::{By, Judge, Outcome, Verdict},
};

/// How many verdicts were compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Flows that both judges allowed.
    pub allowed: usize,
    /// Flows that both judges denied.
    pub denied: usize,
    /// Flows that neither judge could answer.
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
        let universe = Universe::of(seed, validity, flows);
        let reference = Reference::new(&universe.objects);
        system.load(&universe.objects);
        for flow in &universe.flows {
            match difference(&reference, flow, &system.verdict(flow)) {
                None => tally.count(&reference, flow),
                Some(_) => return Err(report(system, seed, &universe.objects, flow)),
            }
        }
    }
    Ok(tally)
}

impl Tally {
    fn count(&mut self, reference: &Reference, flow: &Flow) {
        match reference.read(flow, Reading::Least) {
            Err(_) => self.unanswerable += 1,
            Ok(verdict) => {
                match verdict.outcome {
                    Outcome::Allow => self.allowed += 1,
                    Outcome::Deny => self.denied += 1,
                }
                let by_rule = verdict.decisions.iter().any(|decision| matches!(decision.by, By::Rule { .. }));
                self.by_rule += usize::from(by_rule);
            }
        }
    }

    /// Flows with a verdict.
    pub fn verdicts(&self) -> usize {
        self.allowed + self.denied
    }
}

/// What is wrong with an answer; `None` if nothing is.
///
/// The outcome must lie between the readings. Where nothing is in doubt, a rule that the system names must be one that the reference names as well.
pub fn difference(reference: &Reference, flow: &Flow, answer: &Result<Verdict, String>) -> Option<String> {
    let least = reference.read(flow, Reading::Least);
    let most = reference.read(flow, Reading::Most);
    let (least, most, verdict) = match (least, most, answer) {
        (Ok(least), Ok(most), Ok(verdict)) => (least, most, verdict),
        (Err(_), _, Err(_)) => return None,
        (Err(error), _, Ok(verdict)) => return Some(format!("expected an error ({error}), got {verdict}")),
        (Ok(least), _, Err(error)) => return Some(format!("expected {least}, got an error: {error}")),
        (Ok(_), Err(error), Ok(_)) => return Some(format!("the readings of the reference differ: {error}")),
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
fn report(system: &mut impl Judge, seed: u64, objects: &[Value], flow: &Flow) -> String {
    let system = std::cell::RefCell::new(system);
    let judge = |objects: &[Value]| {
        let mut system = system.borrow_mut();
        system.load(objects);
        let reference = Reference::new(objects);
        // A case whose peers are gone is no case.
        reference.read(flow, Reading::Least).ok()?;
        difference(&reference, flow, &system.verdict(flow))
    };
    let smallest = if judge(objects).is_some() {
        shrink(objects, |objects| judge(objects).is_some())
    } else {
        objects.to_vec()
    };
    let difference = judge(&smallest).unwrap_or_else(|| "one judge answers, the other does not".to_owned());
    let yaml = objects::to_yaml(&smallest).unwrap_or_else(|error| error.to_string());
    let question = serde_json::to_string(flow).unwrap_or_else(|error| error.to_string());
    let expected = match Reference::new(&smallest).read(flow, Reading::Least) {
        Ok(verdict) => verdict.outcome.to_string(),
        Err(error) => error,
    };
    format!(
        "seed {seed}: {difference}\nobjects.yaml:\n{yaml}\nflows.txt:\n{flow} {expected}\n\nferrule eval --batch: {question}"
    )
}
