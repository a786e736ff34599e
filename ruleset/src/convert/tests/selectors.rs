//! How Calico's selectors combine: policy-model §2.5, §2.6.

use super::fixture::{gnp, np};
use crate::policy::{Entity, Policy};

fn subject(read: fn(&str) -> (Policy, Vec<String>), spec: &str) -> String {
    let (policy, errors) = read(spec);
    assert_eq!(errors, Vec::<String>::new(), "{spec}");
    policy.subject.to_string()
}

#[test]
fn the_subject_of_a_namespaced_policy_stays_in_its_namespace() {
    let own = r#"projectcalico.org/namespace == "ns""#;
    for (spec, expected) in [
        ("{}", own.to_owned()),
        ("{selector: ''}", own.to_owned()),
        ("{selector: ' '}", format!("(all() && {own})")),
        ("{selector: all()}", format!("(all() && {own})")),
        ("{selector: a == 'b'}", format!(r#"(a == "b" && {own})"#)),
        ("{selector: a == 'b' || has(c)}", format!(r#"((a == "b" || has(c)) && {own})"#)),
        ("{serviceAccountSelector: role == 'x'}", format!(r#"({own} && pcsa.role == "x")"#)),
        ("{serviceAccountSelector: all()}", format!("({own} && all())")),
    ] {
        assert_eq!(subject(np, spec), expected, "{spec}");
    }
}

#[test]
fn the_subject_of_a_global_policy_is_everything_unless_it_says_otherwise() {
    for (spec, expected) in [
        ("{}", "all()"),
        ("{selector: all()}", "all()"),
        ("{selector: has(a)}", "has(a)"),
        ("{namespaceSelector: all()}", "has(projectcalico.org/namespace)"),
        ("{namespaceSelector: ' '}", "has(projectcalico.org/namespace)"),
        (r#"{namespaceSelector: 'name not in {"kube-system"}'}"#, r#"pcns.name not in {"kube-system"}"#),
        ("{selector: all(), namespaceSelector: has(x)}", "(has(projectcalico.org/namespace) && has(pcns.x))"),
        (
            "{selector: a == 'all()', namespaceSelector: all()}",
            r#"(a == "all()" && has(projectcalico.org/namespace))"#,
        ),
        ("{serviceAccountSelector: all()}", "has(projectcalico.org/serviceaccount)"),
        (
            "{selector: all(), serviceAccountSelector: r != 'x'}",
            r#"(has(projectcalico.org/serviceaccount) && pcsa.r != "x")"#,
        ),
        (
            "{selector: all(), namespaceSelector: all(), serviceAccountSelector: all()}",
            "(has(projectcalico.org/namespace) && has(projectcalico.org/namespace) && has(projectcalico.org/serviceaccount))",
        ),
    ] {
        assert_eq!(subject(gnp, spec), expected, "{spec}");
    }
}

/// The positive and the negative selector of a rule's source.
fn source(read: fn(&str) -> (Policy, Vec<String>), entity: &str) -> (String, String) {
    let (policy, errors) =
        read(&format!("{{types: [Ingress], ingress: [{{action: Allow, source: {entity}}}]}}"));
    assert_eq!(errors, Vec::<String>::new(), "{entity}");
    let Entity { selector, not_selector, .. } = &policy.ingress[0].source;
    let text = |selector: &Option<crate::selector::Selector>| {
        selector.as_ref().map(ToString::to_string).unwrap_or_default()
    };
    (text(selector), text(not_selector))
}

#[test]
fn rules_of_a_namespaced_policy_stay_in_the_namespace_where_they_select() {
    let own = r#"projectcalico.org/namespace == "ns""#;
    for (entity, expected) in [
        ("{}", String::new()),
        ("{nets: [10.0.0.0/8]}", String::new()),
        ("{selector: ''}", String::new()),
        ("{serviceAccounts: {}}", String::new()),
        ("{selector: ' '}", format!("(all() && {own})")),
        ("{selector: has(a)}", format!("(has(a) && {own})")),
        ("{notSelector: has(a)}", format!("({own} && !has(a))")),
        ("{selector: has(a), notSelector: has(b)}", format!("(has(a) && {own} && !has(b))")),
        (
            "{serviceAccounts: {names: [y, x]}}",
            format!(r#"(projectcalico.org/serviceaccount in {{"x", "y"}} && {own})"#),
        ),
        (
            "{serviceAccounts: {names: ['x\"']}}",
            format!(r#"(projectcalico.org/serviceaccount in {{'x"'}} && {own})"#),
        ),
        (
            "{serviceAccounts: {names: [x], selector: has(r)}}",
            format!(r#"(projectcalico.org/serviceaccount in {{"x"}} && has(pcsa.r) && {own})"#),
        ),
        ("{namespaceSelector: all()}", "has(projectcalico.org/namespace)".into()),
        ("{namespaceSelector: global()}", "!has(projectcalico.org/namespace)".into()),
        ("{namespaceSelector: has(x), selector: has(a)}", "(has(a) && has(pcns.x))".into()),
    ] {
        assert_eq!(source(np, entity), (expected, String::new()), "{entity}");
    }
}

#[test]
fn rules_of_a_global_policy_reach_everywhere() {
    for (entity, positive, negative) in [
        ("{notSelector: has(a)}", "", "has(a)"),
        (
            "{notSelector: has(a), namespaceSelector: all()}",
            "(has(projectcalico.org/namespace) && !has(a))",
            "",
        ),
        ("{selector: all()}", "all()", ""),
        ("{serviceAccounts: {selector: all()}}", "all()", ""),
        ("{serviceAccounts: {names: [x]}}", r#"projectcalico.org/serviceaccount in {"x"}"#, ""),
        ("{namespaceSelector: all() && has(x)}", "(has(projectcalico.org/namespace) && has(pcns.x))", ""),
    ] {
        assert_eq!(source(gnp, entity), (positive.into(), negative.into()), "{entity}");
    }
}
