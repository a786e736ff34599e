//! Place, directions and closed stand-ins of Calico policies; tiers.

use super::fixture::{directions, findings, gnp, keys, np, one, rules};
use crate::{
    policy::{Order, Tier, TierAction},
    resource::Resource,
};

const BOTH: &str = "ingress: [{action: Allow}, {action: Pass}, {action: Deny, protocol: UDP}, {action: Log}]";
const CLOSED: [&str; 3] = ["1 Deny - | - | -", "2 Deny UDP | - | -", "3 Log - | - | -"];

#[test]
fn directions_default_by_the_lengths_of_the_rule_lists() {
    for (spec, expected) in [
        ("{}", "ingress"),
        ("", "ingress"),
        ("{types: [], egress: []}", "ingress"),
        ("{egress: []}", "ingress"),
        ("{ingress: [{action: Deny}]}", "ingress"),
        ("{egress: [{action: Deny}]}", "egress"),
        ("{ingress: [], egress: [{action: Deny}]}", "egress"),
        ("{ingress: [{action: Deny}], egress: [{action: Deny}]}", "ingress+egress"),
        ("{types: [Egress], ingress: [{action: Deny}]}", "egress"),
        ("{types: [Egress, Ingress, Egress]}", "ingress+egress"),
    ] {
        let (policy, errors) = np(spec);
        assert_eq!((directions(&policy).as_str(), errors), (expected, vec![]), "{spec}");
    }
}

#[test]
fn place_is_tier_and_order() {
    for (spec, tier, order) in [
        ("{types: [Ingress]}", "default", None),
        ("{tier: '', order: null}", "default", None),
        ("{tier: app, order: 0.5}", "app", Some(0.5)),
        ("{order: -3}", "default", Some(-3.0)),
    ] {
        let (policy, errors) = gnp(spec);
        assert_eq!((policy.tier.as_str(), policy.order.value(), errors), (tier, order, vec![]), "{spec}");
    }
}

#[test]
fn a_policy_that_is_not_understood_governs_all_it_could_and_admits_nothing() {
    let ns = r#"projectcalico.org/namespace == "ns""#;
    for (part, field, subject) in [
        ("selector: a ==", "spec.selector", ns.to_owned()),
        ("selector: \"a == 'b'\\n\"", "spec.selector", ns.to_owned()),
        ("selector: [a]", "spec.selector", ns.to_owned()),
        ("selector: global()", "spec.selector", ns.to_owned()),
        ("serviceAccountSelector: x x", "spec.serviceAccountSelector", ns.to_owned()),
        (
            "selector: has(a), serviceAccountSelector: x x",
            "spec.serviceAccountSelector",
            format!("(has(a) && {ns})"),
        ),
        ("namespaceSelector: all()", "spec.namespaceSelector", ns.to_owned()),
        ("doNotTrack: true", "spec.doNotTrack", ns.to_owned()),
        ("selector: has(a), clusterSelector: x", "spec.clusterSelector", format!("(has(a) && {ns})")),
    ] {
        let (policy, errors) = np(&format!("{{types: [Ingress], {part}, {BOTH}}}"));
        assert_eq!(
            (policy.subject.to_string(), rules(&policy.ingress)),
            (subject, CLOSED.map(Into::into).to_vec()),
            "{part}"
        );
        let start = format!("m.yaml:4: error: NetworkPolicy ns/p: {field}: ");
        assert!(errors.len() == 1 && errors[0].starts_with(&start), "{part}: {errors:?}");
        assert!(
            errors[0].ends_with(" (the policy governs all that it could, and only its Deny rules remain)")
        );
    }
    for (part, subject) in [
        ("selector: a ==", "all()"),
        ("namespaceSelector: a ==", "all()"),
        ("namespaceSelector: global()", "all()"),
        ("selector: has(a), namespaceSelector: a ==", "has(a)"),
        ("doNotTrack: 'yes'", "all()"),
        ("preDNAT: 1", "all()"),
    ] {
        let (policy, errors) = gnp(&format!("{{types: [Ingress], {part}, {BOTH}}}"));
        assert_eq!((policy.subject.to_string().as_str(), errors.len()), (subject, 1), "{part}");
        assert_eq!(rules(&policy.ingress), CLOSED, "{part}");
    }
    let (policy, errors) = gnp("everything");
    assert_eq!(
        (policy.subject.to_string().as_str(), directions(&policy).as_str(), errors.len()),
        ("all()", "ingress", 1)
    );
}

#[test]
fn a_place_or_types_that_are_not_understood_are_closed() {
    for part in ["order: first", "order: '5'", "order: .nan", "order: .inf", "tier: [app]", "tier: 5"] {
        let (policy, errors) = np(&format!("{{types: [Ingress], {part}, {BOTH}}}"));
        assert_eq!(
            (policy.order.value(), policy.tier.as_str()),
            (Some(f64::NEG_INFINITY), "default"),
            "{part}"
        );
        assert_eq!((rules(&policy.ingress), errors.len()), (CLOSED.map(Into::into).to_vec(), 1), "{part}");
    }
    for part in ["types: Ingress", "types: [ingress]", "types: [Ingress, null]", "types: [Ingress, Forward]"]
    {
        let (policy, errors) = np(&format!("{{{part}, {BOTH}}}"));
        assert_eq!((directions(&policy).as_str(), errors.len()), ("ingress+egress", 1), "{part}");
        assert_eq!(rules(&policy.ingress), CLOSED, "{part}");
    }
    let (policy, _) = np("{ingress: x}");
    assert_eq!(
        (directions(&policy).as_str(), rules(&policy.ingress)),
        ("ingress+egress", vec!["0 Deny - | - | -".into()])
    );
}

#[test]
fn warnings_name_defaults_and_rules_without_effect() {
    let head = "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec:\n  selector: has(a)\n";
    assert_eq!(
        findings(&format!("{head}  egress: [{{action: Deny}}]\n")),
        [
            "m.yaml:4: warning: GlobalNetworkPolicy p: spec: the policy has no types (by its rules it counts as Egress)"
        ]
    );
    assert_eq!(
        findings(&format!("{head}  types: [Ingress]\n  egress: [{{action: Deny}}]\n")),
        [
            "m.yaml:7: warning: GlobalNetworkPolicy p: spec.egress: the types of the policy do not hold Egress (these rules have no effect)"
        ]
    );
}

#[test]
fn stored_objects_are_the_same_and_staged_ones_are_nothing() {
    let text = "apiVersion: crd.projectcalico.org/v1\nkind: GlobalNetworkPolicy\nmetadata: {name: p}\nspec: {types: [Ingress]}\n";
    assert_eq!(keys(text), ["GlobalNetworkPolicy p"]);
    for kind in ["StagedNetworkPolicy", "StagedGlobalNetworkPolicy", "StagedKubernetesNetworkPolicy"] {
        let text = format!(
            "apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{name: p}}\nspec: {{stagedAction: Set}}\n"
        );
        assert_eq!((keys(&text), findings(&text)), (vec![], vec![]));
    }
}

fn tier(name: &str, spec: &str) -> (Tier, usize) {
    let text =
        format!("apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: {name}}}\nspec: {spec}\n");
    match one(&text) {
        (Resource::Tier(tier), findings) => (tier, findings.len()),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn tiers_have_defaults_and_fixed_values() {
    for (name, spec, order, action, findings) in [
        ("app", "", Some(1e6), TierAction::Deny, 0),
        ("app", "{order: 5, defaultAction: Pass}", Some(5.0), TierAction::Pass, 0),
        ("app", "{order: null}", Some(1e6), TierAction::Deny, 0),
        ("app", "{order: high, defaultAction: Pass}", None, TierAction::Deny, 1),
        ("app", "{order: 5, defaultAction: pass}", None, TierAction::Deny, 1),
        ("app", "{order: 5, defaultAction: Pass, action: Deny}", None, TierAction::Deny, 1),
        ("default", "{order: 1000000, defaultAction: Deny}", Some(1e6), TierAction::Deny, 0),
        ("default", "{order: 5}", Some(1e6), TierAction::Deny, 1),
        ("kube-admin", "{order: 1000, defaultAction: Pass}", Some(1e3), TierAction::Pass, 0),
        ("kube-baseline", "", Some(1e7), TierAction::Pass, 0),
    ] {
        let (tier, found) = tier(name, spec);
        assert_eq!(
            (tier.order, tier.default_action, found),
            (order.and_then(Order::new).unwrap_or(Order::LAST), action, findings),
            "{name} {spec}"
        );
    }
}
