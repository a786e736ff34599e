//! `doNotTrack`, `preDNAT`, `applyOnForward`: policy-model §1.2, §4.2.

use super::fixture::{directions, gnp, np, places, rules};
use crate::policy::Stage;

const RULES: &str = "ingress: [{action: Allow, protocol: TCP}, {action: Deny, protocol: UDP}]";
const CLOSED: &str = "1 Deny UDP | - | -";

#[test]
fn flags_say_where_a_policy_decides() {
    for (flags, stage) in [
        ("", Stage::Local),
        ("doNotTrack: false, preDNAT: false, applyOnForward: false, ", Stage::Local),
        ("applyOnForward: true, ", Stage::LocalAndForwarded),
        ("preDNAT: true, applyOnForward: true, ", Stage::PreDnat),
        ("doNotTrack: true, applyOnForward: true, ", Stage::Untracked),
    ] {
        let (policy, errors) = gnp(&format!("{{selector: has(a), types: [Ingress], {flags}{RULES}}}"));
        assert_eq!((policy.stage, policy.ingress.len(), errors), (stage, 2, vec![]), "{flags}");
        assert_eq!(policy.subject.to_string(), "has(a)", "the flags take nothing from the subject");
    }
    let (policy, _) =
        gnp("{doNotTrack: true, applyOnForward: true, types: [Ingress, Egress], egress: [{action: Allow}]}");
    assert_eq!((directions(&policy).as_str(), policy.egress.len()), ("ingress+egress", 1));
    let (policy, errors) = np("{types: [Ingress]}");
    assert_eq!((policy.stage, errors), (Stage::Local, vec![]));
}

#[test]
fn flags_that_the_api_forbids_leave_the_deny_rules_where_they_come_first() {
    let both = "types: [Ingress, Egress], egress: [{action: Deny}, {action: Allow}]";
    for (flags, stage, egress, field) in [
        ("types: [Ingress], doNotTrack: true", Stage::Untracked, 0, "spec.doNotTrack"),
        ("types: [Ingress], preDNAT: true", Stage::PreDnat, 0, "spec.preDNAT"),
        ("types: [Ingress], preDNAT: true, applyOnForward: false", Stage::PreDnat, 0, "spec.preDNAT"),
        (
            "types: [Ingress], doNotTrack: true, preDNAT: true, applyOnForward: true",
            Stage::PreDnat,
            0,
            "spec.preDNAT",
        ),
        ("types: [Ingress, Egress], preDNAT: true, applyOnForward: true", Stage::PreDnat, 0, "spec.types"),
        (
            "types: [Ingress], egress: [{action: Allow}], preDNAT: true, applyOnForward: true",
            Stage::PreDnat,
            0,
            "spec.egress",
        ),
        (&format!("{both}, doNotTrack: true"), Stage::Untracked, 1, "spec.doNotTrack"),
        (
            &format!("{both}, doNotTrack: true, preDNAT: true, applyOnForward: true"),
            Stage::Untracked,
            1,
            "spec.preDNAT",
        ),
        (&format!("{both}, preDNAT: true, applyOnForward: true"), Stage::Untracked, 1, "spec.types"),
    ] {
        let (policy, errors) = gnp(&format!("{{selector: has(a), {flags}, {RULES}}}"));
        assert_eq!(
            (policy.stage, rules(&policy.ingress), policy.egress.len()),
            (stage, vec![CLOSED.to_owned()], egress),
            "{flags}"
        );
        assert!(places(&errors).contains(&format!("error {field}")), "{flags}: {errors:?}");
        assert!(errors.iter().all(|error| error.ends_with("only its Deny rules remain)")), "{errors:?}");
    }
}

#[test]
fn where_a_flag_is_not_understood_the_policy_isolates_all_it_could() {
    for (flags, stage) in [
        ("doNotTrack: 'true'", Stage::LocalAndForwarded),
        ("preDNAT: 1", Stage::LocalAndForwarded),
        ("applyOnForward: [true]", Stage::LocalAndForwarded),
        ("doNotTrack: true, applyOnForward: 'true'", Stage::Untracked),
        ("preDNAT: true, applyOnForward: 'true'", Stage::PreDnat),
    ] {
        let (policy, errors) = gnp(&format!("{{types: [Ingress], {flags}, {RULES}}}"));
        assert_eq!(
            (policy.stage, rules(&policy.ingress), errors.len()),
            (stage, vec![CLOSED.to_owned()], 1),
            "{flags}"
        );
    }
}
