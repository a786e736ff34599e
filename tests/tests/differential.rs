//! Law 2: what the compiled rulesets decide is what the reference model says (design §2).
//!
//! `FERRULE_SEED` names the universe to begin with, `FERRULE_UNIVERSES` how many to judge.

use ferrule_tests::{
    compare::{self, Tally},
    compiled::Pipeline,
    flow::Flow,
    generate::{Rng, Universe, Validity, vary},
    reference::{Reading, Reference},
    verdict::{Decision, Judge, Outcome, Verdict},
};

const FLOWS: usize = 100;

fn seeds(first: u64, universes: u64) -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let first = number("FERRULE_SEED").unwrap_or(first);
    first..first + number("FERRULE_UNIVERSES").unwrap_or(universes)
}

#[test]
fn valid_universes_leave_no_doubt_and_reach_both_outcomes() {
    let mut reference = Reference::default();
    for seed in 0..200 {
        let universe = Universe::of(seed, Validity::Valid, 1);
        assert!(!Reference::new(&universe.objects).is_in_doubt(), "seed {seed}");
    }
    let tally = compare::universes(&mut reference, seeds(0, 50), Validity::Valid, FLOWS).unwrap();
    assert!(tally.allowed > tally.verdicts() / 10, "{tally:?}");
    assert!(tally.denied > tally.verdicts() / 10, "{tally:?}");
    assert!(tally.by_rule > tally.verdicts() / 10, "{tally:?}");
    assert!(tally.unanswerable < 50 * FLOWS / 4, "{tally:?}");
}

#[test]
fn other_spellings_say_the_same() {
    let mut changed = 0;
    for seed in 0..200 {
        let universe = Universe::of(seed, Validity::Valid, FLOWS);
        let mut objects = universe.objects.clone();
        vary(&mut Rng::new(seed), &mut objects);
        changed += usize::from(objects != universe.objects);
        let [one, other] = [&universe.objects, &objects].map(|objects| Reference::new(objects));
        for flow in &universe.flows {
            let [one, other] = [&one, &other].map(|reference| reference.read(flow, Reading::Least));
            assert_eq!(one, other, "seed {seed}: {flow}");
        }
    }
    assert!(changed > 190, "{changed} of 200 universes respelt");
}

#[test]
fn doubt_only_ever_closes() {
    let mut doubtful = 0;
    for seed in 0..200 {
        let universe = Universe::of(seed, Validity::Mixed, FLOWS);
        let reference = Reference::new(&universe.objects);
        doubtful += usize::from(reference.is_in_doubt());
        for flow in &universe.flows {
            let [least, most] = [Reading::Least, Reading::Most].map(|reading| reference.read(flow, reading));
            if let (Ok(least), Ok(most)) = (least, most) {
                let opened = least.outcome == Outcome::Deny && most.outcome == Outcome::Allow;
                assert!(!opened, "seed {seed}: {least} but {most}: {flow:?}");
            }
        }
    }
    assert!((50..200).contains(&doubtful), "{doubtful} of 200 universes in doubt");
}

/// A reference model with a fault: it lets every flow to port 53 through.
#[derive(Default)]
struct Faulty(Reference);

impl Judge for Faulty {
    fn load(&mut self, objects: &[serde_json::Value]) {
        self.0.load(objects);
    }

    fn verdict(&mut self, flow: &Flow) -> Result<Verdict, String> {
        let verdict = self.0.verdict(flow)?;
        let leak = flow.port == Some(53);
        Ok(if leak { Verdict::of(vec![Decision::allow("leak")]) } else { verdict })
    }
}

#[test]
fn a_fault_is_found_and_shrunk() {
    let report = compare::universes(&mut Faulty::default(), 0..100, Validity::Valid, FLOWS).unwrap_err();
    assert!(report.contains("leak"), "{report}");
    assert!(report.lines().count() < 60, "not shrunk:\n{report}");
}

#[test]
fn the_reference_agrees_with_itself() {
    let tally = compare::universes(&mut Reference::default(), 0..20, Validity::Mixed, FLOWS).unwrap();
    assert_ne!(tally, Tally::default());
}

#[test]
fn compiled_is_specified() {
    let tally = compare::universes(&mut Pipeline::default(), seeds(0, 1300), Validity::Valid, FLOWS)
        .unwrap_or_else(|report| panic!("{report}"));
    println!("{tally:?}");
    // Of a hundred flows, 85 have an answer.
    assert!(tally.verdicts() >= 100_000 || std::env::var("FERRULE_UNIVERSES").is_ok(), "{tally:?}");
}

#[test]
fn compiled_is_closed_where_the_specification_is_in_doubt() {
    let tally = compare::universes(&mut Pipeline::default(), seeds(1_000_000, 400), Validity::Mixed, FLOWS)
        .unwrap_or_else(|report| panic!("{report}"));
    println!("{tally:?}");
}

#[test]
fn compiled_is_specified_with_the_nodes_in_play() {
    let tally =
        compare::universes_of_nodes(seeds(4_000_000, 800), FLOWS).unwrap_or_else(|report| panic!("{report}"));
    println!("{tally:?}");
    let least = [tally.allowed, tally.denied, tally.by_rule].into_iter().min();
    let enough = tally.verdicts() >= 40_000 && least >= Some(tally.verdicts() / 10);
    assert!(enough || std::env::var("FERRULE_UNIVERSES").is_ok(), "{tally:?}");
}
