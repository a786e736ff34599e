//! What policy sees of traffic to Services.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use ferrule_ruleset::address::Family;
use ferrule_tests::service::{
    Mode,
    bed::{Bed, Question},
    cell, expectation,
};

#[test]
fn first_packets() {
    let mut bed = Bed::wire("svc").unwrap();
    let mut wrong = 0;
    for mode in Mode::ALL {
        bed.install(mode).unwrap();
        let questions: Vec<_> = cell::all()
            .into_iter()
            .flat_map(|cell| {
                Family::ALL.map(|family| Question { cell, family, expected: expectation::story(cell).end })
            })
            .collect();
        let stories = bed.ask(&questions).unwrap();
        for (question, story) in questions.iter().zip(stories) {
            let expected = expectation::story(question.cell);
            if story != expected {
                wrong += 1;
                println!("{mode:?} {question:?}\n   saw {story:?}\n  want {expected:?}");
            }
        }
    }
    assert_eq!(wrong, 0);
    bed.close().unwrap();
}
