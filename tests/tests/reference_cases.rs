//! The reference model as a judge of the case folders.

use ferrule_tests::{
    case::{Case, Question},
    reference::Reading,
    verdict::Verdict,
};

#[test]
fn every_case() {
    let mut failures = Vec::new();
    let mut judged = 0;
    for case in Case::all().unwrap() {
        let reference = case.reference().unwrap();
        for question in &case.questions {
            judged += 1;
            let flow = question.flow();
            // Where a case has something that cannot be understood, either reading will do.
            let [least, most] = [Reading::Least, Reading::Most].map(|reading| reference.read(&flow, reading));
            if !is_expected(question, &least) && !is_expected(question, &most) {
                let said = least.map_or_else(|error| error, |verdict| verdict.to_string());
                failures.push(case.report("reference", question, &said));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures in {judged} questions:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Whether the outcome is the expected one, and what should decide is among what decided.
fn is_expected(question: &Question, verdict: &Result<Verdict, String>) -> bool {
    verdict.as_ref().is_ok_and(|verdict| {
        let by = verdict.decisions.iter().any(|decision| question.line.is_by(&decision.by.to_string()));
        verdict.outcome.to_string() == question.expected() && by
    })
}
