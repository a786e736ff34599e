//! Where in the packet path a GlobalNetworkPolicy decides: `doNotTrack`, `preDNAT`, `applyOnForward`.
//!
//! | flags | stage |
//! |---|---|
//! | none | what begins or ends at the node, and pods |
//! | `applyOnForward` | forwarded traffic besides |
//! | `preDNAT` and `applyOnForward` | before DNAT; no egress |
//! | `doNotTrack` and `applyOnForward` | before connection tracking |
//!
//! The API admits no other combination, but an object can be stored past its checks, and Calico's agent then goes by `doNotTrack` before `preDNAT` and by
//! either without `applyOnForward`. So the stand-in of such a policy keeps its Deny rules, and only these, at a stage where they come before everything that
//! another policy could admit: an Allow there would admit past all later policy what perhaps was not meant. With `preDNAT` that is before DNAT, as long as
//! no egress rule denies, since host endpoints of all interfaces (`*`) have no stage before connection tracking; with Deny rules in egress it is before
//! connection tracking, the only early stage that knows egress. Where a flag cannot be read the stage could be any, and the stand-in is the widest one that
//! isolates.

use super::field::{Fields, Problem, Problems};
use crate::policy::{Action, Direction, Policy, Stage};

/// Fields that only the global kind has.
pub(super) const FIELDS: [&str; 3] = ["doNotTrack", "preDNAT", "applyOnForward"];

/// Gives a policy its stage, and takes from it what the stage does not know. Problems close the policy.
pub(super) fn settle(policy: &mut Policy, spec: &Fields<'_>, problems: &mut Problems) {
    let flags = FIELDS.map(|flag| spec.flag(flag));
    let is_readable = flags.iter().all(Result::is_ok);
    let [untracked, pre_dnat, forwarded] = flags.map(|flag| problems.or_default(flag));
    if is_readable {
        problems.0.extend(violations(policy, spec, [untracked, pre_dnat, forwarded]));
    }
    let denies_egress = policy.rules(Direction::Egress).iter().any(|rule| rule.action == Action::Deny);
    policy.stage = match (untracked, pre_dnat) {
        (_, true) if !denies_egress => Stage::PreDnat,
        (true, _) | (_, true) => Stage::Untracked,
        (false, false) if forwarded || !is_readable => Stage::LocalAndForwarded,
        (false, false) => Stage::Local,
    };
    if policy.stage == Stage::PreDnat {
        policy.directions.remove(&Direction::Egress);
        policy.egress.clear();
    }
}

fn violations(
    policy: &Policy,
    spec: &Fields<'_>,
    [untracked, pre_dnat, forwarded]: [bool; 3],
) -> Vec<Problem> {
    let at = |name: &str, message: &str| {
        spec.field(name).map_or_else(|| spec.problem(message), |field| field.problem(message))
    };
    let mut problems = Vec::new();
    if untracked && pre_dnat {
        problems.push(at("preDNAT", "a policy cannot have both doNotTrack and preDNAT"));
    }
    if pre_dnat && policy.directions.contains(&Direction::Egress) {
        problems.push(at("types", "a policy with preDNAT governs Ingress only"));
    }
    if pre_dnat && !policy.egress.is_empty() {
        problems.push(at("egress", "a policy with preDNAT has no egress rules"));
    }
    if (untracked || pre_dnat) && !forwarded {
        let flag = if untracked { "doNotTrack" } else { "preDNAT" };
        problems.push(at(flag, &format!("{flag} needs applyOnForward: true beside it")));
    }
    problems
}
