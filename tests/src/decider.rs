//! What decided about a flow, in the words of `flows.txt`: `knp/default/web ingress[0]`, or the name of a built-in.

use ferrule_ruleset::verdict::{Answer, Reason};

use crate::verdict::{By, Direction, Verdict};

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

/// The deciders of the reference model, first to last, that said what its verdict says.
pub fn of_reference(verdict: &Verdict) -> Vec<String> {
    let said = verdict.decisions.iter().filter(|decision| decision.outcome == verdict.outcome);
    said.map(|decision| by(&decision.by)).collect()
}

fn by(by: &By) -> String {
    let By::Rule { direction, kind, namespace, name, rule, .. } = by else { return by.to_string() };
    let kind = match kind.as_str() {
        "KubernetesNetworkPolicy" => "knp",
        "NetworkPolicy" => "np",
        "GlobalNetworkPolicy" => "gnp",
        other => other,
    };
    let direction = match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    let namespace = namespace.as_deref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{kind}/{namespace}{name} {direction}[{rule}]")
}
