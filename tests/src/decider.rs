//! What decided about a flow, in the words of `flows.txt`: `knp/default/web ingress[0]`, or the name of a built-in.

use ferrule_ruleset::verdict::{Answer, Reason};

/// The deciders of an answer, first to last, that said what the answer says.
pub fn of_answer(answer: &Answer) -> Vec<String> {
    answer
        .path
        .iter()
        .filter(|decision| decision.verdict == answer.verdict)
        .map(|decision| text(&decision.reason))
        .collect()
}

fn text(reason: &Reason) -> String {
    match reason {
        Reason::Rule { direction, policy, index, .. } => format!("{policy} {direction}[{index}]"),
        Reason::StandIn { direction, policy } => format!("{policy} {direction} stand-in"),
        Reason::EndOfTier { .. } | Reason::Profile { .. } | Reason::Builtin { .. } | Reason::Loopback => {
            reason.builtin().unwrap_or("unnamed").to_owned()
        }
    }
}
