//! The reference model as a judge of the case folders.

use ferrule_ruleset::address::Family;
use ferrule_tests::{
    case::{Case, Question},
    flow::{Flow, Peer},
    objects,
    probe::Request,
    reference::{Reading, Reference},
    verdict::{Outcome, Verdict},
};

#[test]
fn every_case() {
    let mut failures = Vec::new();
    let mut judged = 0;
    for case in Case::all().unwrap() {
        let drops =
            case.arguments.iter().any(|argument| argument == "--default-endpoint-to-host-action=Drop");
        let to_host = if drops { Outcome::Deny } else { Outcome::Allow };
        let reference =
            Reference::new(&objects::from_folder(&case.directory).unwrap()).with_endpoint_to_host(to_host);
        for question in &case.questions {
            judged += 1;
            let flow = flow(question);
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

fn flow(question: &Question) -> Flow {
    let probe = &question.probe;
    let family = match Family::of(&probe.source) {
        Family::V4 => 4,
        Family::V6 => 6,
    };
    let mut flow = Flow {
        from: Peer::Address(probe.source),
        to: Peer::Address(probe.destination),
        protocol: 0,
        source_port: None,
        port: None,
        icmp_type: None,
        icmp_code: None,
        family: Some(family),
        at: None,
    };
    match probe.request {
        Request::Ports { protocol, port, source } => {
            flow.protocol = protocol.0;
            flow.port = Some(port);
            flow.source_port = Some(source.unwrap_or(40_000));
        }
        Request::Icmp { protocol, kind, code } => {
            flow.protocol = protocol.0;
            flow.icmp_type = Some(kind);
            flow.icmp_code = Some(code);
        }
        Request::Other(protocol) => flow.protocol = protocol.0,
    }
    flow
}
